//! A disk that is full (E6): writes of every kind are refused with what it is, reads go on, and nothing is broken once there
//! is room again.
//!
//! It needs a small file system of its own, so it is not run by default: `cargo test --test tests -- --ignored full_disk`,
//! where `unshare` may make a mount namespace.

mod people;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::site::Files;
use crate::support::{Answer, Request, Server, example, hostile};

/// Set in the namespace: where the small file system is.
const SMALL: &str = "OSTRO_TEST_SMALL_DISK";
/// Its size: code, databases and their logs take a part of it.
const SIZE: &str = "128m";
const MANIFEST: &str = "manifest = 1\n[function.writer]\nsource = 'x.wasm'\n\
    grants = ['collection:notes', 'collection:accounts', 'collection:journal', 'kv:values', 'kv:transfers', 'bucket:files', \
    'sql:main', 'queue:transfers:send']";

#[test]
#[ignore = "needs a mount namespace"]
fn e6_a_full_disk_refuses_writes_and_harms_nothing() {
    match std::env::var_os(SMALL) {
        Some(disk) => on_a_small_disk(Path::new(&disk)),
        None => again_in_a_namespace("e6_a_full_disk_refuses_writes_and_harms_nothing"),
    }
}

/// Runs this test once more, in a mount namespace with a small file system.
fn again_in_a_namespace(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mount =
        format!("mount -t tmpfs -o size={SIZE} tmpfs \"${SMALL}\" && TMPDIR=\"${SMALL}\" exec \"$@\"");
    let test = ["--exact", &format!("full_disk::{test}"), "--ignored", "--nocapture"];
    let ended = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &mount, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(test)
        .env(SMALL, folder.path())
        .status()
        .unwrap();
    assert!(ended.success(), "in the namespace: {ended}");
}

fn on_a_small_disk(disk: &Path) {
    let mut server = Server::start();
    let component = example::component("soak-data");
    let parts: &[(&str, &[u8])] = &[("manifest", MANIFEST.as_bytes()), ("component", &component)];
    server.control().upload("writer", parts).expect_status(200);
    ask(&server, "/begin", r#"{"accounts":2,"opening":100}"#).expect_status(200);
    let mut steps = [0; 4];
    for (step, kind) in steps.iter_mut().zip(KINDS) {
        write(&server, kind, *step).expect_status(200);
        *step += 1;
    }
    let page: &Files<'_> = &[("index.html", b"before")];
    server.control().publish("", page);
    let filler = fill(disk);
    for (step, kind) in steps.iter_mut().zip(KINDS) {
        let refused = until_refused(&server, kind, step);
        assert_eq!(refused.status, 500, "{kind}: {}", refused.text());
        let said = refused.text().to_lowercase();
        assert!(said.contains("disk is full"), "{kind}: {said}");
    }
    let other = [component.clone(), hostile::custom("v", b"1")].concat();
    let deploy = server.control().upload("other", &[("flags", b"{}"), ("component", &other)]);
    assert_eq!((deploy.status, deploy.code().as_str()), (507, "no_space"), "{}", deploy.text());
    let large = vec![7; 1 << 20];
    let site = server.control().send_files(&[&large]);
    assert_eq!((site.status, site.code().as_str()), (507, "no_space"), "{}", site.text());
    assert_eq!(shown(&server), "before", "a site that is there is served");
    assert_eq!(seen(&server), steps, "what was acknowledged is read, and nothing else");
    server.restart();
    assert_eq!((seen(&server), shown(&server).as_str()), (steps, "before"), "a start needs no room");
    let sites = || fs::read_dir(server.data().join("sites")).unwrap().count();
    assert_eq!(sites(), 1, "nothing of what was refused is left");
    fs::remove_file(filler).unwrap();
    server.control().publish("", &[("index.html", b"after"), ("large.bin", &large)]);
    assert_eq!((shown(&server).as_str(), sites()), ("after", 3));
    for (step, kind) in steps.iter_mut().zip(KINDS) {
        write(&server, kind, *step).expect_status(200);
        *step += 1;
    }
    assert_eq!(seen(&server), steps, "there is room again");
    server.restart();
    assert_eq!(seen(&server), steps);
}

/// Writes step after step until one is refused: the logs of databases have some room left.
fn until_refused(server: &Server, kind: &str, step: &mut u32) -> Answer {
    for _ in 0..1_000 {
        let answer = write(server, kind, *step);
        if answer.status != 200 {
            return answer;
        }
        *step += 1;
    }
    panic!("{kind}: the disk is full, and still there is room")
}

/// What is written, that long; an object is as many times that as its step.
const BYTES: usize = 60_000;
const KINDS: [&str; 4] = ["document", "value", "rows", "object"];

/// Writes the step behind `after` of the one thing of that kind that there is.
fn write(server: &Server, kind: &str, after: u32) -> Answer {
    let text = "x".repeat(BYTES);
    match kind {
        "object" => {
            ask(server, &format!("/object?id=it&step={}", after + 1), text.repeat(after as usize + 1))
        }
        _ => {
            let write = json!({ "kind": kind, "id": "it", "after": after, "text": text });
            ask(server, "/write", write.to_string())
        }
    }
}

fn ask(server: &Server, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    Request::new("POST", path, "writer.localhost").body(body).send(server.listen)
}

/// At which step the things are, as they are read: by the control API, and through the guest.
fn seen(server: &Server) -> [u32; 4] {
    let control = server.control();
    let note = control.get("collections/notes/documents/it").expect_status(200).json();
    let values = ask(server, "/values?of=values", "").expect_status(200).json();
    let value: serde_json::Value =
        serde_json::from_str(values["values"]["it"].as_str().unwrap_or_default()).unwrap();
    let rows = ask(server, "/rows", "").expect_status(200).json();
    let rows = rows["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 2, "both or none: {rows:?}");
    assert_eq!(rows[0][2], rows[1][2]);
    let object = control.get("buckets/files/objects/it").expect_status(200);
    let number = |value: &serde_json::Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let times = u32::try_from(object.body.len() / BYTES).unwrap();
    [number(&note["step"]), number(&value["step"]), number(&rows[0][2]), times]
}

/// What the site's page says.
fn shown(server: &Server) -> String {
    Request::new("GET", "/", "localhost").send(server.listen).expect_status(200).text()
}

/// Takes all the room that there is.
fn fill(disk: &Path) -> PathBuf {
    let name = disk.join("filler");
    let mut filler = File::create(&name).unwrap();
    for piece in [1 << 20, 4096, 1] {
        while filler.write_all(&vec![7; piece]).is_ok() {}
    }
    name
}
