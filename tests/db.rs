//! `ostro db`: documents on the command line, and the control API below it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::terminal::{Terminal, texts};

/// A line that is typed, its exit code, what it prints, and a part of what it says.
type Line<'a> = (&'a str, i32, &'a str, &'a str);

/// Runs lines one after the other.
fn run(terminal: &Terminal, lines: &[Line<'_>]) {
    for (line, code, expected, part) in lines {
        let (out, words) = terminal.run(line, *code);
        assert_eq!(out, *expected, "ostro {line}: {words}");
        assert!(words.contains(part), "ostro {line}: no {part:?} in {words}");
    }
}

/// Runs lines that print no data.
fn refused(terminal: &Terminal, lines: &[(&str, i32, &str)]) {
    for (line, code, part) in lines {
        run(terminal, &[(line, *code, "", part)]);
    }
}

/// A collection with three people.
fn people(project: &str) -> Terminal {
    let terminal = Terminal::in_project(project);
    terminal.run("db create people --index age --unique mail", 0);
    terminal.write(
        "people.json",
        r#"[{"_id":"ada","age":36,"mail":"a@x","tags":["math"]},
            {"_id":"bob","age":7,"mail":"b@x"},
            {"_id":"cyd","age":18,"mail":"c@x","tags":[]}]"#,
    );
    run(
        &terminal,
        &[("db insert people @people.json", 0, "ada\nbob\ncyd\n", "inserted 3 documents into people")],
    );
    terminal
}

#[test]
fn documents_are_looked_for() {
    let terminal = people("db-look");
    let (ada, bob, cyd) = (
        "{\"_id\":\"ada\",\"age\":36,\"mail\":\"a@x\",\"tags\":[\"math\"]}\n",
        "{\"_id\":\"bob\",\"age\":7,\"mail\":\"b@x\"}\n",
        "{\"_id\":\"cyd\",\"age\":18,\"mail\":\"c@x\",\"tags\":[]}\n",
    );
    let (all, aged) = (format!("{ada}{bob}{cyd}"), format!("{ada}{cyd}{bob}"));
    terminal.write("filter.json", "{\"age\": {\"$gt\": 10}}");
    run(
        &terminal,
        &[
            ("db find people --sort _id", 0, &all, ""),
            ("db find people --sort _id --json", 0, &all, ""),
            ("db find people {} --all --sort -age", 0, &aged, ""),
            (
                "db find people {} --sort {\"age\":-1} --limit 1",
                0,
                ada,
                "and there are more: --limit N, or --all",
            ),
            ("db find people {} --sort _id --skip 1 --limit 1", 0, bob, "there are more"),
            ("db find people {\"age\":7}", 0, bob, ""),
            ("db find people {\"tags\":\"math\"}", 0, ada, ""),
            (
                "db find people @filter.json --sort age --fields age",
                0,
                "{\"_id\":\"cyd\",\"age\":18}\n{\"_id\":\"ada\",\"age\":36}\n",
                "",
            ),
            ("db find people {\"age\":7} --fields -mail,-age", 0, "{\"_id\":\"bob\"}\n", ""),
            ("db find people {\"age\":8}", 0, "", "no document matches"),
            ("db get people cyd", 0, cyd, ""),
            ("db count people", 0, "3\n", ""),
            ("db count people {\"age\":{\"$lt\":20}}", 0, "2\n", ""),
            ("db count people --json", 0, "{\"count\":3}\n", ""),
            ("db get people dan", 1, "", "document not found"),
        ],
    );
    assert_eq!(terminal.feed("db find people -", b"{\"_id\": \"bob\"}").0, bob);
    let (table, _) = terminal.run("db collections", 0);
    let row = table.lines().find(|line| line.starts_with("people")).unwrap_or_default();
    assert!(row.contains(" 3 ") && row.contains("age") && row.contains("mail (unique)"), "{table}");
    let listed = terminal.json("db ls");
    let people = &listed["collections"][0];
    assert_eq!((&people["name"], &people["documents"]), (&json!("people"), &json!(3)), "{listed}");
    assert!(people["bytes"].as_u64().unwrap() > 100, "{listed}");
}

#[test]
fn documents_are_changed_and_deleted() {
    let terminal = people("db-change");
    run(
        &terminal,
        &[
            (
                "db update people {\"_id\":\"bob\"} {\"$inc\":{\"age\":1}}",
                0,
                "",
                "1 document of people matched, 1 changed",
            ),
            (
                "db update people {} {\"$set\":{\"seen\":true}}",
                0,
                "",
                "3 documents of people matched, 3 changed",
            ),
            (
                "db update people {} {\"$set\":{\"seen\":true}} -y",
                0,
                "",
                "3 documents of people matched, 0 changed",
            ),
            (
                "db update people {} {\"$set\":{\"eldest\":true}} --one --sort -age",
                0,
                "",
                "1 document of people matched",
            ),
            ("db find people {\"eldest\":true} --fields age", 0, "{\"_id\":\"ada\",\"age\":36}\n", ""),
            (
                "db update people {\"_id\":\"dan\"} {\"$set\":{\"age\":1}} --upsert",
                0,
                "dan\n",
                "none matched",
            ),
            ("db update people {\"_id\":\"dan\"} {\"n\":1.0} --replace", 0, "", "1 changed"),
            ("db get people dan", 0, "{\"_id\":\"dan\",\"n\":1.0}\n", ""),
            (
                "db update people {\"_id\":\"eve\"} {} --replace --json",
                0,
                "{\"matched\":0,\"modified\":0}\n",
                "",
            ),
            (
                "db delete people {\"age\":{\"$lt\":20}} --one --sort age",
                0,
                "",
                "deleted 1 document of people",
            ),
            ("db find people {\"age\":{\"$lt\":20}} --fields age", 0, "{\"_id\":\"cyd\",\"age\":18}\n", ""),
            ("db delete people {} --yes", 0, "", "deleted 3 documents of people"),
            ("db delete people {} --json", 0, "{\"deleted\":0}\n", ""),
            ("db count people", 0, "0\n", ""),
        ],
    );
    let id = terminal.feed("db insert people", b"{\"age\": 1}").0;
    assert_eq!(id.trim().len(), 36, "a UUID: {id}");
    let audit = terminal.run("audit", 0).0;
    for action in ["collection.declare", "documents.update", "documents.delete"] {
        assert!(audit.contains(action), "no {action} in {audit}");
    }
    run(&terminal, &[("db create people --index age", 0, "", "indexes age")]);
    let (_, words) = terminal.run("db create people", 0);
    assert!(words.contains("indexes age"), "they stay: {words}");
}

#[test]
fn what_is_wrong_is_said() {
    let terminal = people("db-wrong");
    terminal.write("broken.json", "{\n  \"age\": }\n");
    let many = vec![json!({}); 1_001];
    terminal.write("many.json", json!(many).to_string());
    refused(
        &terminal,
        &[
            ("db find people {age:1}", 2, "the filter is not JSON: key must be a string at line 1 column 2"),
            (
                "db find people @broken.json",
                2,
                "the filter in broken.json is not JSON: expected value at line 2 column 10",
            ),
            ("db find people @missing.json", 1, "missing.json: there is no such file"),
            ("db find people {\"age\":{\"$near\":1}}", 1, "$near"),
            ("db find people []", 1, "error"),
            ("db find people {} --sort {\"age\":2}", 1, "error"),
            ("db update people {} {\"$inc\":{\"age\":1}} --sort age", 2, "add --one"),
            ("db delete people {} --sort age", 2, "add --one"),
            ("db find nobody", 1, "ostro db create nobody"),
            ("db count nobody", 1, "collection `nobody` not found"),
            ("db get nobody x", 1, "collection `nobody` not found"),
            ("db insert nobody {}", 1, "collection `nobody` not found"),
            ("db export nobody", 1, "collection `nobody` not found"),
            ("db insert people 7", 1, "error"),
            ("db insert people {\"_id\":7}", 1, "_id"),
            ("db insert people @many.json", 2, "1000 are the most at once"),
            ("db insert people {\"_id\":\"ada\"}", 1, "_id"),
            ("db insert people {\"mail\":\"a@x\"}", 1, "mail"),
            ("db update people {} {\"age\":1}", 1, "error"),
            ("db update people {} {\"$push\":{\"age\":1}}", 1, "age"),
            ("db update people {} {\"$set\":{\"mail\":\"same\"}}", 1, "mail"),
            ("db update people {}", 2, "UPDATE"),
            ("db delete people", 2, "FILTER"),
            ("db create People", 1, "lower-case"),
            ("db create other --index a,a", 1, "twice"),
            ("db create other --index _id", 1, "_id"),
            ("db export people people.json/x", 1, "people.json"),
        ],
    );
    let control = terminal.control();
    control.post("collections/people/documents", &json!({ "documents": many })).expect_status(422);
    control.post("collections/people/documents", &json!({ "documents": [] })).expect_status(422);
    control.post("collections/people/find", &json!({ "limit": 1_001 })).expect_status(422);
    control.post("collections/people/find", &json!({ "cursor": "AAAA" })).expect_status(422);
    control.post("collections/people/find", &json!({ "filtre": {} })).expect_error(400, "bad_json");
    control.post("collections/people/delete", &json!({})).expect_error(400, "bad_json");
    control
        .post("collections/people/update", &json!({ "filter": {}, "update": {}, "replace": {} }))
        .expect_error(422, "invalid");
    control
        .post("collections/people/update", &json!({ "filter": {}, "replace": {}, "many": true }))
        .expect_error(422, "invalid");
    let taken = control.post("collections/people/documents", &json!({ "documents": [{ "mail": "b@x" }] }));
    assert_eq!(taken.json()["error"]["detail"]["index"], "mail");
    taken.expect_error(409, "duplicate");
    run(&terminal, &[("db count people", 0, "3\n", "")]);
}

#[test]
fn an_import_names_the_line_of_a_fault() {
    let terminal = people("db-fault");
    terminal.write(
        "no-json.jsonl",
        "{\"_id\":\"1\",\"mail\":1}\n\n{\"_id\":\"2\",\"mail\":2}\n{\"_id\" \"3\"}\n{\"_id\":\"4\"}\n",
    );
    let (out, words) = terminal.run("db import people no-json.jsonl", 1);
    assert!(out.is_empty() && words.contains("no-json.jsonl: line 4: column 8"), "{words}");
    // It leads to the same project on the same server.
    let go_on = "taken before: 2 documents, up to line 3; go on with: \
                 tail -n +4 no-json.jsonl | ostro --project db-fault --url http://127.0.0.1:";
    assert!(words.contains(go_on) && words.contains(" db import people -\n"), "{words}");
    let mut text = String::new();
    for n in 0..1_500 {
        writeln!(text, "{{\"_id\":\"n{n}\",\"mail\":\"{}@n\"}}", if n == 1_234 { 7 } else { n }).unwrap();
    }
    let output = terminal.fed("db import people -", text.as_bytes());
    let (_, words) = texts("db import", 1, &output);
    assert!(words.contains("line 1235: ") && words.contains("mail"), "{words}");
    assert!(words.contains("taken before: 1234 documents, up to line 1234"), "{words}");
    run(&terminal, &[("db count people {\"mail\":{\"$regex\":\"@n$\"}}", 0, "1234\n", "")]);
    terminal.write("array.json", "[{\"_id\":\"x\"},\n{\"_id\":7}]");
    let (_, words) = terminal.run("db import people array.json", 1);
    assert!(words.contains("line 2: "), "{words}");
    assert!(words.contains(" db import people array.json --skip-existing"), "{words}");
}

#[test]
fn an_import_says_what_becomes_of_what_is_there() {
    let terminal = people("db-again");
    terminal
        .write("new.jsonl", "{\"_id\":\"ada\",\"age\":1,\"mail\":\"a\"}\n{\"_id\":\"eve\",\"mail\":\"e\"}\n{\"_id\":\"eve\",\"mail\":\"e\",\"n\":2}\n");
    let (_, words) = terminal.run("db import people new.jsonl", 1);
    assert!(words.contains("line 1: ") && words.contains("nothing was taken before"), "{words}");
    run(
        &terminal,
        &[
            (
                "db import people new.jsonl --skip-existing --json",
                0,
                "{\"inserted\":1,\"replaced\":0,\"skipped\":2}\n",
                "",
            ),
            (
                "db find people {\"_id\":{\"$in\":[\"ada\",\"eve\"]}} --sort _id --fields age,n",
                0,
                "{\"_id\":\"ada\",\"age\":36}\n{\"_id\":\"eve\"}\n",
                "",
            ),
            (
                "db import people new.jsonl --upsert",
                0,
                "",
                "imported 3 documents into people: 0 new, 3 replaced",
            ),
            (
                "db find people {\"_id\":{\"$in\":[\"ada\",\"eve\"]}} --sort _id",
                0,
                "{\"_id\":\"ada\",\"age\":1,\"mail\":\"a\"}\n{\"_id\":\"eve\",\"mail\":\"e\",\"n\":2}\n",
                "",
            ),
            ("db count people", 0, "4\n", ""),
        ],
    );
}

/// Ten thousand documents of every kind of value go out as they came in.
#[test]
fn what_is_exported_is_what_was_imported() {
    let terminal = Terminal::in_project("db-round");
    terminal.run("db create first", 0);
    terminal.run("db create second --index n", 0);
    let mut lines = BTreeSet::new();
    for n in 0..10_000_u32 {
        let big = i64::MAX - i64::from(n);
        lines.insert(format!(
            "{{\"_id\":\"{n:05}\",\"z\":{big},\"n\":{n},\"half\":{n}.5,\"text\":\"grüße \\\"{n}\\\" \\\\ \\n 👩‍👩‍👧\",\"none\":null,\
             \"at\":{{\"$date\":\"2026-01-31T12:00:00.000Z\"}},\"list\":[{n},[true,{{\"deep\":[]}}],{{}}],\"a\":-0.25}}"
        ));
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    terminal.write("in.jsonl", &text);
    let (_, words) = terminal.run("db import first in.jsonl", 0);
    assert!(words.contains("imported 10000 documents into first"), "{words}");
    let exported = |line: &str| terminal.run(line, 0).0.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    same(&exported("db export first"), &lines);
    same(&exported("db find first {} --all --sort -n"), &lines);
    let array = format!("[{}]", lines.iter().map(String::as_str).collect::<Vec<_>>().join(",\n"));
    terminal.write("in.json", array);
    terminal.run("db import second in.json", 0);
    let (out, words) = terminal.run("db export --all out", 0);
    assert!(
        out.is_empty() && words.contains("exported 10000 documents of second to out/second.jsonl"),
        "{words}"
    );
    for file in ["out/first.jsonl", "out/second.jsonl"] {
        same(&terminal.read(file).lines().map(str::to_owned).collect(), &lines);
    }
    assert_eq!(std::fs::read_dir(terminal.path("out")).unwrap().count(), 2, "no part is left");
    terminal.run("db delete first {} --yes", 0);
    terminal.run("db import first out/second.jsonl", 0);
    terminal.run("db export first out/again.jsonl", 0);
    same(&terminal.read("out/again.jsonl").lines().map(str::to_owned).collect(), &lines);
}

/// Says the first difference, and not ten thousand lines.
fn same(lines: &BTreeSet<String>, expected: &BTreeSet<String>) {
    assert_eq!(lines.difference(expected).next(), expected.difference(lines).next());
    assert_eq!(lines.len(), expected.len());
}

/// Two projects with a collection of one name have nothing of each other, and a token does what its scopes say.
#[test]
fn projects_and_tokens_are_kept_apart() {
    let ours = people("db-ours");
    let theirs = people("db-theirs");
    ours.run("db insert people {\"_id\":\"canary\",\"age\":99}", 0);
    run(
        &theirs,
        &[
            ("db get people canary", 1, "", "document not found"),
            ("db find people {\"age\":99}", 0, "", "no document matches"),
            ("db count people", 0, "3\n", ""),
            ("db delete people {\"_id\":\"canary\"}", 0, "", "deleted 0 documents"),
        ],
    );
    let page =
        ours.control().post("collections/people/find", &json!({ "limit": 1 })).expect_status(200).json();
    let stolen = theirs.control().post("collections/people/find", &json!({ "cursor": page["cursor"] }));
    assert!(!stolen.text().contains("canary"), "{}", stolen.text());
    let control = ours.control();
    let (reader, caller) = (control.make_token(&["read"]), control.make_token(&["invoke"]));
    for terminal in [&ours, &theirs] {
        terminal.write("one.jsonl", "{}\n");
    }
    for (line, scope) in [
        ("db collections", "read"),
        ("db find people", "read"),
        ("db get people ada", "read"),
        ("db count people", "read"),
        ("db export people", "read"),
        ("db create more", "deploy"),
        ("db insert people {}", "deploy"),
        ("db import people one.jsonl", "deploy"),
        ("db update people {} {\"$set\":{\"a\":1}}", "deploy"),
        ("db delete people {}", "deploy"),
    ] {
        for (token, may) in [(&reader, scope == "read"), (&caller, false)] {
            let output = ours.command(line).env("OSTRO_TOKEN", &token.token).output().unwrap();
            let (_, words) = texts(line, i32::from(!may), &output);
            assert!(may || words.contains(scope), "{line}: {words}");
        }
        let output = theirs.command(line).env("OSTRO_TOKEN", &reader.token).output().unwrap();
        let (out, words) = texts(line, 1, &output);
        assert!(out.is_empty() && words.contains("project not found"), "{line}: {words}");
    }
    run(&ours, &[("db count people", 0, "4\n", "")]);
    let listed: Value = ours.json("db collections");
    assert_eq!(listed["collections"].as_array().map(Vec::len), Some(1));
}
