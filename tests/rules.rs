//! `ostro rules`: what a manifest's rules let callers do, without a server.

use crate::support::terminal::Terminal;

const MANIFEST: &str = r#"manifest = 1

[collection.todos]
rules = { read = "owner == auth.user || 'editor' in auth.roles", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }
owner = "owner"
hidden = ["score"]
indexes = [["owner"]]
"#;

const CASES: &str = r#"
[documents]
todos = [
  { _id = "milk", owner = "ann", text = "Milk", score = 3 },
  { _id = "nails", owner = "bob", text = "Nails", score = 1 },
]

[[case]]
name = "ann sees her own"
as = "ann"
call = "find"
in = "todos"
ids = ["milk"]

[[case]]
name = "an editor sees all"
as = { user = "eve", roles = ["editor"] }
call = "find"
in = "todos"
filter = {}
ids = ["nails", "milk"]

[[case]]
name = "nobody sees nothing"
call = "count"
in = "todos"
expect = "forbidden"

[[case]]
name = "bob does not take hers"
as = "bob"
call = "update"
in = "todos"
filter = { _id = "milk" }
update = { "$set" = { text = "mine" } }
expect = "nothing"

[[case]]
name = "what was taken in one case is there in the next"
as = "ann"
call = "delete"
in = "todos"
filter = {}
many = true
expect = "done"

[[case]]
name = "nobody gives away"
as = "ann"
call = "update"
in = "todos"
filter = { _id = "milk" }
update = { "$set" = { owner = "bob" } }
expect = "forbidden"

[[case]]
name = "what is hidden is not asked for"
as = "ann"
call = "find"
in = "todos"
body = '{"filter": {"score": null}}'
expect = "invalid"
"#;

#[test]
fn c9_cases_of_a_file_end_as_they_say_or_the_command_fails() {
    let terminal = Terminal::open();
    terminal.write("ostro.toml", MANIFEST);
    terminal.write("rules.toml", CASES);
    let (data, words) = terminal.run("rules test", 0);
    assert_eq!(data.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{data}");
    assert!(words.contains("7 cases as expected"), "{words}");

    // A rule that opens too much is found.
    terminal.write("ostro.toml", MANIFEST.replace("read = \"owner == auth.user ||", "read = \"true ||"));
    let (data, words) = terminal.run("rules test", 1);
    assert!(data.contains("FAILED  ann sees her own"), "{data}");
    assert!(data.contains("expected done: milk") && data.contains("but it was done: milk, nails"), "{data}");
    assert!(words.contains("2 of 7 cases ended otherwise"), "{words}");
    let (json, _) = terminal.run("rules test --json", 1);
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["failed"], 2);
    assert_eq!(told["cases"][2]["got"], "done", "nobody counts what is open to all: {told}");
}

const BUCKETS: &str = r#"manifest = 1

[bucket.photos]
rules = { read = "owner == auth.user || metadata.public == 'yes'", create = "auth.user != null && size <= 1000 && content_type == 'image/png'", delete = "owner == auth.user" }
"#;

const OBJECTS: &str = r#"
[objects]
photos = [
  { key = "ann/1", owner = "ann", size = 3, content_type = "image/png" },
  { key = "bob/1", owner = "bob", metadata = { public = "yes" } },
  { key = "bob/2", owner = "bob" },
]

[[case]]
name = "ann sees hers and what is open to all"
as = "ann"
call = "list"
bucket = "photos"
keys = ["bob/1", "ann/1"]

[[case]]
name = "below a prefix as well"
as = "ann"
call = "list"
bucket = "photos"
prefix = "ann/"
keys = ["ann/1"]

[[case]]
name = "nobody gets hers"
call = "get"
bucket = "photos"
key = "ann/1"
expect = "nothing"

[[case]]
name = "ann puts a picture"
as = "ann"
call = "put"
bucket = "photos"
key = "ann/2"
size = 1000
content_type = "image/png"
expect = "done"

[[case]]
name = "but none that is larger"
as = "ann"
call = "put"
bucket = "photos"
key = "ann/2"
size = 1001
content_type = "image/png"
expect = "forbidden"

[[case]]
name = "and replaces none"
as = "ann"
call = "put"
bucket = "photos"
key = "ann/1"
size = 1
content_type = "image/png"
expect = "forbidden"

[[case]]
name = "what ann does not see she cannot delete"
as = "ann"
call = "delete"
bucket = "photos"
key = "bob/2"
expect = "nothing"

[[case]]
name = "what she sees of others neither"
as = "ann"
call = "delete"
bucket = "photos"
key = "bob/1"
expect = "forbidden"

[[case]]
name = "her own she can"
as = "ann"
call = "delete"
bucket = "photos"
key = "ann/1"
expect = "done"
"#;

#[test]
fn c9_cases_may_be_about_buckets() {
    let terminal = Terminal::open();
    terminal.write("ostro.toml", BUCKETS);
    terminal.write("rules.toml", OBJECTS);
    let (data, words) = terminal.run("rules test", 0);
    assert_eq!(data.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{data}");
    assert!(words.contains("9 cases as expected"), "{words}");

    // A rule that opens too much is found.
    terminal.write("ostro.toml", BUCKETS.replace("owner == auth.user ||", "true ||"));
    let (data, words) = terminal.run("rules test", 1);
    assert!(data.contains("but it was done: ann/1, bob/1, bob/2"), "{data}");
    assert!(data.contains("FAILED  nobody gets hers") && data.contains("but it was done: ann/1"), "{data}");
    assert!(words.contains("3 of 9 cases ended otherwise"), "{words}");

    terminal.write("ostro.toml", BUCKETS.replace("bucket.photos", "bucket.films"));
    let (_, words) = terminal.run("rules test", 1);
    assert!(words.contains("no [bucket.photos]"), "{words}");
}

#[test]
fn what_becomes_of_a_rule_is_shown() {
    let terminal = Terminal::open();
    terminal.write("ostro.toml", MANIFEST);
    let (data, _) = terminal.run("rules explain todos --as ann", 0);
    assert!(data.contains(r#"condition  owner == "ann""#), "{data}");
    assert!(data.contains("index      owner") && data.contains("doc_matches(?1"), "{data}");
    assert!(data.contains("SEARCH x USING PRIMARY KEY"), "{data}");

    let (json, _) = terminal.run("rules explain todos --as eve --role editor --json", 0);
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["index"], serde_json::Value::Null, "who sees all looks at all: {told}");
    assert_eq!(told["condition"], "true");

    let (data, words) = terminal.run("rules explain todos delete {\"filter\":{}}", 0);
    assert!(data.contains("condition  false") && words.contains("nothing is open"), "{data}{words}");
    let (data, words) = terminal.run("rules explain todos insert {\"documents\":[{}]} --as ann", 0);
    assert!(data.contains("condition  true") && words.contains("each new document"), "{data}{words}");
    let (_, words) = terminal.run("rules explain todos get {\"id\":\"milk\"} --as ann", 0);
    assert_eq!(words, "");

    let (_, words) = terminal.run("rules explain notes", 1);
    assert!(words.contains("no [collection.notes]"), "{words}");
    let (_, words) = terminal.run("rules explain todos find {\"filter\":{\"score\":1}} --as ann", 1);
    assert!(words.contains("score"), "{words}");
    terminal
        .write("ostro.toml", MANIFEST.replace("owner == auth.user\", delete", "owner = auth.user\", delete"));
    terminal.write("rules.toml", CASES);
    let (_, words) = terminal.run("rules test", 1);
    assert!(words.contains("ostro.toml:4:"), "the place of the fault is shown: {words}");
}
