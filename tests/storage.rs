//! `ostro storage`: objects on the command line, and the control API below it.

use serde_json::json;

use crate::support::Server;
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

#[test]
fn objects_are_put_listed_got_and_removed() {
    let terminal = Terminal::in_project("storage-life");
    terminal.write("ann.png", [0x89, b'P', 0, 255, 10]);
    run(
        &terminal,
        &[
            ("storage ls", 0, "", "no buckets in project `storage-life` yet"),
            ("storage create avatars", 0, "", "bucket avatars of project storage-life"),
            ("storage create avatars", 0, "", "bucket avatars"),
            ("storage ls avatars", 0, "", "no such objects in bucket avatars"),
            ("storage put avatars ann.png ann.png", 0, "", "put ann.png into bucket avatars: 5 B"),
            ("storage get avatars ann.png copy.png", 0, "", "got ann.png of bucket avatars: 5 B in copy.png"),
        ],
    );
    assert_eq!(std::fs::read(terminal.path("copy.png")).unwrap(), [0x89, b'P', 0, 255, 10]);
    assert!(!terminal.path("copy.png.part").exists());
    terminal.feed("storage put avatars notes/a.txt", "grüße\n".as_bytes());
    terminal.feed("storage put avatars notes/b --content-type text/x-b", b"");
    run(
        &terminal,
        &[
            ("storage get avatars notes/a.txt", 0, "grüße\n", ""),
            ("storage get avatars notes/b -", 0, "", ""),
        ],
    );
    let listed = terminal.json("storage ls avatars");
    let rows: Vec<_> = listed["objects"].as_array().unwrap().iter().collect();
    let shown: Vec<_> =
        rows.iter().map(|row| json!([row["key"], row["size"], row["content_type"]])).collect();
    assert_eq!(
        json!(shown),
        json!([
            ["ann.png", 5, "image/png"],
            ["notes/a.txt", 8, "text/plain; charset=utf-8"],
            ["notes/b", 0, "text/x-b"],
        ])
    );
    let (table, words) = terminal.run("storage ls avatars notes/ --limit 1", 0);
    assert!(
        table.contains("notes/a.txt") && !table.contains("ann.png") && !table.contains("notes/b"),
        "{table}"
    );
    assert!(words.contains("there are more"), "{words}");
    assert!(terminal.run("storage ls", 0).0.contains("avatars"));
    run(
        &terminal,
        &[
            ("storage rm avatars ann.png notes/b", 0, "", "deleted notes/b of bucket avatars"),
            ("storage get avatars ann.png", 1, "", "object not found"),
            ("storage rm avatars ann.png", 1, "", "object not found"),
        ],
    );
    assert!(terminal.run("audit", 0).0.contains("object.delete"));
}

/// A key is a text and nothing else, on the whole way.
#[test]
fn c_keys_lead_nowhere_else() {
    let terminal = Terminal::in_project("storage-keys");
    terminal.run("storage create b", 0);
    let keys = ["../../x", "a//b", "/", ".", "..", "%2e%2e%2f", "ü?q=1#f", "A", "a", "\u{1b}[2J"];
    for key in keys {
        terminal.feed(&format!("storage put b {key}"), key.as_bytes());
    }
    for key in keys {
        assert_eq!(terminal.run(&format!("storage get b {key}"), 0).0, key);
    }
    let listed = terminal.json("storage ls b");
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let found: Vec<_> =
        listed["objects"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(found, sorted);
    let (table, _) = terminal.run("storage ls b", 0);
    assert!(!table.contains('\u{1b}'), "raw escapes reach the terminal: {table:?}");
    for key in keys {
        terminal.run(&format!("storage rm b {key}"), 0);
    }
    run(&terminal, &[("storage ls b", 0, "", "no such objects")]);
}

#[test]
fn what_is_wrong_is_said() {
    let terminal = Terminal::in_project("storage-wrong");
    terminal.run("storage create b", 0);
    terminal.write("a.txt", "a");
    let long = "k".repeat(1_025);
    run(
        &terminal,
        &[
            ("storage ls none", 1, "", "not found"),
            ("storage put none a a.txt", 1, "", "not found"),
            ("storage get none a", 1, "", "not found"),
            ("storage put b a missing.txt", 1, "", "missing.txt: there is no such file"),
            (&format!("storage put b {long} a.txt"), 1, "", "1024 bytes"),
            ("storage create B", 1, "", "lower-case"),
            ("storage put b a a.txt", 0, "", "put a"),
            ("storage get b a none/a.txt", 1, "", "none/a.txt: there is no such file"),
        ],
    );
    let control = terminal.control();
    let (reader, caller) = (control.make_token(&["read"]), control.make_token(&["invoke"]));
    for (line, reads) in [
        ("storage ls", true),
        ("storage ls b", true),
        ("storage get b a", true),
        ("storage create c", false),
        ("storage put b a a.txt", false),
        ("storage rm b a", false),
    ] {
        for (token, may) in [(&reader, reads), (&caller, false)] {
            let output = terminal.command(line).env("OSTRO_TOKEN", &token.token).output().unwrap();
            let (_, words) = texts(line, i32::from(!may), &output);
            assert!(
                may || words.contains("scope") || words.contains("read") || words.contains("deploy"),
                "{words}"
            );
        }
    }
    let other = Terminal::in_project("storage-other");
    other.run("storage create b", 0);
    run(
        &other,
        &[("storage get b a", 1, "", "object not found"), ("storage ls b", 0, "", "no such objects")],
    );
}

/// A large object goes through in pieces, both ways.
#[test]
fn a_large_object_is_never_in_memory() {
    const BYTES: usize = 96 << 20;
    let server = Server::start();
    let control = server.control();
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let block: Vec<u8> = (0..1_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    std::fs::write(&source, block.repeat(BYTES >> 20)).unwrap();
    control.put("buckets/large", &json!({})).expect_status(200);
    let before = server.resident();
    let ostro = |words: &[&str]| {
        let mut command = server.cli();
        command
            .env("OSTRO_URL", format!("http://{}", server.admin))
            .env("OSTRO_TOKEN", &server.token)
            .args(["--project", "default", "storage"])
            .args(words);
        texts(&words.join(" "), 0, &command.output().unwrap())
    };
    ostro(&["put", "large", "film", source.to_str().unwrap()]);
    ostro(&["get", "large", "film", target.to_str().unwrap()]);
    let grown = server.resident().saturating_sub(before);
    assert!(grown < (BYTES / 2) as u64, "{grown} bytes for an object of {BYTES}");
    assert!(std::fs::read(&source).unwrap() == std::fs::read(&target).unwrap());
}
