//! `ostro backup` and `ostro restore`: a server that was saved while it ran goes on elsewhere.
//! Many backups, between kills: `cargo xtask soak data`.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::terminal::texts;
use crate::support::{Server, guest};

/// A line of the command line, with the server's connection and key.
fn ostro(server: &Server, line: &[&str]) -> Command {
    let mut command = server.cli();
    command
        .env("OSTRO_URL", format!("http://{}", server.admin))
        .env("OSTRO_TOKEN", &server.token)
        .env("OSTRO_KEY_FILE", server.folder().join("key"))
        .current_dir(server.folder())
        .args(line);
    command
}

fn run(server: &Server, line: &[&str], code: i32) -> (String, String) {
    texts(&line.join(" "), code, &ostro(server, line).output().unwrap())
}

fn count(server: &Server) -> u64 {
    let counted = server.control().post("collections/entries/count", &json!({})).expect_status(200).json();
    counted["count"].as_u64().unwrap()
}

/// Puts a restored directory in the place of the server's, and starts on it.
fn go_on_with(server: &mut Server, data: &str) {
    server.kill9();
    std::fs::rename(server.data(), server.folder().join("old")).unwrap();
    std::fs::rename(server.folder().join(data), server.data()).unwrap();
    server.restart();
}

/// Saved in the middle of writes, whole; a function, a secret, documents and objects are there again.
#[test]
fn a_running_server_is_saved_and_restored() {
    let mut server = Server::start();
    let control = server.control();
    control.put("collections/entries", &json!({})).expect_status(200);
    control.put("buckets/files", &json!({})).expect_status(200);
    control.put("secrets/PASSWORD", &json!({ "value": "hush" })).expect_status(204);
    control.deploy("reads", &guest::component("secret"), &json!({ "grants": ["secret:PASSWORD"] }));
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let report = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // A pair each time: whoever sees one of them sees both.
                let n = written.load(Ordering::Relaxed);
                let pair = json!({ "documents": [{ "n": n }, { "n": n }] });
                control.post("collections/entries/documents", &pair).expect_status(200);
                let object = control.request("PUT", &format!("buckets/files/objects/o{}", n % 3));
                let content = vec![u8::try_from(n % 251).unwrap(); 100_000];
                object.body(content).send(control.at).expect_status(200);
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        while written.load(Ordering::Relaxed) < 5 && !writer.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let (out, words) = run(&server, &["backup", "saved", "--json"], 0);
        stop.store(true, Ordering::Relaxed);
        serde_json::from_str::<Value>(&out).unwrap_or_else(|error| panic!("{error}: {out} {words}"))
    });
    let written = written.into_inner();
    assert_eq!(
        (&report["projects"], report["files"].as_u64() > Some(4)),
        (&json!(["default"]), true),
        "{report}"
    );
    let (_, words) = run(&server, &["backup", "saved"], 1);
    assert!(words.contains("not empty"), "{words}");
    let (_, words) = run(&server, &["restore", "saved", "--data", "again"], 0);
    assert!(words.contains("restored project default as again"), "{words}");
    go_on_with(&mut server, "again");
    let saved = count(&server);
    assert!(saved >= 10 && saved.is_multiple_of(2) && saved <= 2 * written, "{saved} of {written} pairs");
    assert_eq!(server.get("reads", "/?PASSWORD").text(), "hush");
    let list = server.control().get("buckets/files/objects").expect_status(200).json();
    for object in list["objects"].as_array().unwrap() {
        let path = format!("buckets/files/objects/{}", object["key"].as_str().unwrap());
        let content = server.control().get(&path).expect_status(200).body;
        assert!(content.len() == 100_000 && content.iter().all(|byte| *byte == content[0]), "{object}");
    }
}

#[test]
fn one_project_comes_back() {
    let mut server = Server::start();
    let (shop, _) = (server.project("shop"), server.project("post"));
    shop.put("collections/entries", &json!({})).expect_status(200);
    shop.post("collections/entries/documents", &json!({ "documents": [{ "_id": "kept" }] }))
        .expect_status(200);
    shop.put("secrets/PASSWORD", &json!({ "value": "hush" })).expect_status(204);
    shop.deploy("reads", &guest::component("secret"), &json!({ "grants": ["secret:PASSWORD"] }));
    run(&server, &["backup", "saved", "--project", "shop"], 0);
    let (_, words) = run(&server, &["backup", "none", "--project", "nobody"], 1);
    assert!(words.contains("project not found") && !server.folder().join("none").exists(), "{words}");
    let data = server.data();
    let data = data.to_str().unwrap();
    let restore = ["restore", "saved", "--data", data, "--project", "shop", "--name", "shop-2"];
    let (_, words) = run(&server, &restore, 1);
    assert!(words.contains("another Ostro server"), "{words}");
    server.control().delete("/v1/projects/shop").expect_status(204);
    server.sigterm();
    server.wait(std::time::Duration::from_secs(20));
    let (_, words) = run(&server, &["restore", "saved", "--data", data, "--project", "post"], 1);
    assert!(words.contains("project not found"), "{words}");
    run(&server, &restore, 0);
    let (_, words) = run(&server, &restore, 1);
    assert!(words.contains("already taken by project `shop-2`"), "{words}");
    let (out, _) = run(&server, &["backup", "cold", "--data", data, "--json"], 0);
    assert!(out.contains("shop-2") && out.contains("post"), "{out}");
    server.restart();
    let shop = crate::support::Control { project: "shop-2".to_owned(), ..server.control() };
    shop.get("collections/entries/documents/kept").expect_status(200);
    assert_eq!(shop.functions(), ["reads"]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let server = Server::start();
    run(&server, &["backup", "saved"], 0);
    let saved = server.folder().join("saved");
    let change = |file: &str, from: &str, to: &str| {
        let path = saved.join(file);
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).replacen(from, to, 1);
        std::fs::write(&path, text).unwrap();
        bytes
    };
    for (file, from, to, part) in [
        ("backup.json", "\"format\": 1", "\"format\": 9", "format 9"),
        ("backup.json", "\"layout\": 1", "\"layout\": 9", "layout 9"),
        ("backup.json", "\"catalog.db\"", "\"../x\"", "outside of itself"),
        ("VERSION", "1", "2", "is damaged"),
    ] {
        let original = change(file, from, to);
        let (_, words) = run(&server, &["restore", "saved", "--data", "again"], 1);
        assert!(words.contains(part), "{file}: {words}");
        assert!(!server.folder().join("again").exists(), "nothing is there");
        std::fs::write(saved.join(file), original).unwrap();
    }
    let inside = server.data().join("inside");
    for (folder, part) in
        [(inside.as_path(), "inside the data directory"), (Path::new("a/b/c"), "cannot be used")]
    {
        let (_, words) = run(&server, &["backup", folder.to_str().unwrap()], 1);
        assert!(words.contains(part), "{words}");
    }
    let project = server.project("shop").make_token(&["admin"]);
    let request = json!({ "folder": server.folder().join("stolen").to_str().unwrap() });
    project.post("/v1/backup", &request).expect_error(403, "forbidden");
    server.control().post("/v1/backup", &json!({ "folder": "here" })).expect_error(422, "backup");
}

/// What is lost of one project is named, the backup has all else, and whoever asked for it learns so by the exit code.
#[test]
fn a_lost_content_does_not_cost_the_others_their_backup() {
    let mut server = Server::start();
    let (shop, post) = (server.project("shop"), server.project("post"));
    for project in [&shop, &post] {
        project.put("buckets/files", &json!({})).expect_status(200);
        for (key, content) in [("kept", "kept content"), ("lost", "lost content")] {
            let object = project.request("PUT", &format!("buckets/files/objects/{key}"));
            object.body(content).send(project.at).expect_status(200);
        }
        project.deploy("hello", &guest::component("hello"), &json!({}));
    }
    let folder = server.data().join("projects").join(id_of(&server, "shop")).join("objects");
    let content = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lost = content.filter(|path| std::fs::read(path).unwrap() == b"lost content").collect::<Vec<_>>();
    assert_eq!(lost.len(), 1);
    std::fs::remove_file(&lost[0]).unwrap();
    let (out, words) = run(&server, &["backup", "saved"], 1);
    let told = "project shop: object `lost` of bucket `files` is not in the backup: its file is not there";
    assert!(out.is_empty() && words.contains(told) && words.contains("lacks 1 thing"), "{words}");
    let (out, _) = run(&server, &["backup", "saved-2", "--json"], 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["missing"], &report["missing_list"][0]["project"]), (&json!(1), &json!("shop")));
    run(&server, &["backup", "sound", "--project", "post"], 0);
    let (_, words) = run(&server, &["restore", "saved", "--data", "again"], 0);
    assert!(words.contains(told), "{words}");
    go_on_with(&mut server, "again");
    let of = |project: &str| crate::support::Control { project: project.to_owned(), ..server.control() };
    of("post").get("buckets/files/objects/lost").expect_status(200);
    of("shop").get("buckets/files/objects/kept").expect_status(200);
    of("shop").get("buckets/files/objects/lost").expect_status(500);
    assert_eq!(
        (of("shop").functions(), of("post").functions()),
        (vec!["hello".to_owned()], vec!["hello".to_owned()])
    );
    let data = server.data();
    server.control().delete("/v1/projects/shop").expect_status(204);
    server.sigterm();
    server.wait(std::time::Duration::from_secs(20));
    let data = data.to_str().unwrap();
    let (out, _) = run(&server, &["restore", "saved", "--data", data, "--project", "shop", "--json"], 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["missing"][0]["what"], "object `lost` of bucket `files`");
    server.restart();
}

fn id_of(server: &Server, project: &str) -> String {
    let projects = server.control().get("/v1/projects").expect_status(200).json();
    let projects = projects["projects"].as_array().unwrap().clone();
    let found = projects.into_iter().find(|one| one["name"] == project).unwrap();
    found["id"].as_str().unwrap().to_owned()
}
