//! `kill -9` at any moment: what was acknowledged is there, nothing is half there (A14, E8, E11).
//! Many rounds: `cargo xtask soak kill`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Server, guest, hostile};

#[test]
fn a14_acknowledged_deploys_survive_kill_nine() {
    let mut server = Server::start();
    server.deploy("durable", &guest::component("env"), &json!({ "env": { "V": "0" } }));
    server.deploy("witness", &guest::component("hello"), &json!({}));
    let moments = hostile::noise(6, 11);
    let next = AtomicU64::new(1);
    for moment in moments {
        let acknowledged = AtomicU64::new(0);
        let control = server.control();
        std::thread::scope(|scope| {
            let deployer = scope.spawn(|| {
                let env = guest::component("env");
                loop {
                    let version = next.fetch_add(1, Ordering::SeqCst);
                    // Every other version is another component too, so that compiling and storing are hit as well.
                    let component = if version.is_multiple_of(2) {
                        env.clone()
                    } else {
                        [env.clone(), hostile::custom("v", &version.to_le_bytes())].concat()
                    };
                    let flags = json!({ "env": { "V": version.to_string() } });
                    let body = crate::support::control::multipart(&[
                        ("flags", flags.to_string().as_bytes()),
                        ("component", &component),
                    ]);
                    match control.upload_request("durable").body(body).try_send(control.at) {
                        Ok(answer) if answer.status == 200 => acknowledged.store(version, Ordering::SeqCst),
                        _ => return,
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(150 + u64::from(moment) * 3));
            server.kill9();
            deployer.join().unwrap();
        });
        server.restart();
        let version: u64 = server.get("durable", "/?V").expect_status(200).text().parse().unwrap();
        let (least, most) = (acknowledged.load(Ordering::SeqCst), next.load(Ordering::SeqCst));
        assert!(
            version >= least && version < most,
            "acknowledged {least}, begun up to {most}, found {version}"
        );
        assert_eq!(server.get("witness", "/").text(), "hello from ostro\n");
        let list = server.control().get("functions/durable/revisions").expect_status(200).json();
        let revisions = list["revisions"].as_array().unwrap();
        assert_eq!(revisions.iter().filter(|revision| revision["active"] == true).count(), 1);
        assert!(revisions.len() <= 20);
    }
    // Whatever is kept can be rolled back to: no revision lost its component.
    let list = server.control().get("functions/durable/revisions").json();
    for revision in list["revisions"].as_array().unwrap() {
        server
            .control()
            .post("functions/durable/rollback", &json!({ "to": revision["number"] }))
            .expect_status(200);
        assert_eq!(
            server.get("durable", "/?V").expect_status(200).text(),
            revision["env"]["V"].as_str().unwrap()
        );
    }
}

/// Something bad that is done to a file.
type Damage = fn(&std::path::Path);

#[test]
fn e1_e4_damaged_machine_code_is_never_run() {
    let mut server = Server::start();
    server.deploy("cached", &guest::component("hello"), &json!({}));
    let cache = server.data().join("cache");
    let images = || -> Vec<_> {
        std::fs::read_dir(&cache)
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect()
    };
    assert!(!images().is_empty(), "compiled code is not in cache/");
    let damages: [(&str, Damage); 5] = [
        ("a flipped byte in the middle", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
        ("a truncation", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("an empty file", |path| std::fs::write(path, b"").unwrap()),
        ("a directory", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        ("a symbolic link", |path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        }),
    ];
    for (what, damage) in damages {
        server.kill9();
        for path in images() {
            damage(&path);
        }
        server.restart();
        assert_eq!(server.get("cached", "/").text(), "hello from ostro\n", "{what}");
    }
}

#[test]
fn e3_machine_code_that_changes_under_a_running_server_is_noticed() {
    let server = Server::start();
    server.deploy("swapped", &guest::component("hello"), &json!({}));
    for entry in std::fs::read_dir(server.data().join("cache")).unwrap().flatten() {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            std::fs::write(entry.path(), vec![0xcc; bytes.len()]).unwrap();
        }
    }
    assert_eq!(server.get("swapped", "/").text(), "hello from ostro\n");
}

#[test]
fn e5_what_an_upgrade_makes_useless_is_compiled_ahead() {
    let mut server = Server::start();
    server.deploy("one", &guest::component("hello"), &json!({}));
    server.deploy("two", &guest::component("env"), &json!({}));
    server.kill9();
    std::fs::remove_dir_all(server.data().join("cache")).unwrap();
    server.restart();
    let recompiled = || {
        let metrics = server.control().get("/metrics").expect_status(200).text();
        let line = metrics.lines().find(|line| line.starts_with("ostro_recompiled_artifacts")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64
    };
    let until = Instant::now() + Duration::from_secs(30);
    while recompiled() < 2 {
        assert!(Instant::now() < until, "nobody has asked, and {} of 2 were compiled", recompiled());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get("one", "/").text(), "hello from ostro\n");
    assert_eq!(recompiled(), 2, "the request found what was compiled ahead");
}

#[test]
fn e6_code_that_cannot_be_written_runs_from_memory() {
    let mut server = Server::start();
    server.deploy("hello", &guest::component("hello"), &json!({}));
    server.kill9();
    server.restart();
    // Nothing can be written to a folder that is gone, as nothing can to a full disk.
    std::fs::remove_dir_all(server.data().join("cache")).unwrap();
    assert_eq!(server.get("hello", "/").expect_status(200).text(), "hello from ostro\n");
    assert!(server.words().contains("kept in memory only"), "{}", server.words());
    server.control().try_deploy("other", &guest::component("env"), &json!({})).expect_error(500, "internal");
    assert_eq!(server.get("hello", "/").expect_status(200).text(), "hello from ostro\n");
}

#[test]
fn e11_a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let output = server.command().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("already") || words.contains("another"), "{words}");
    assert!(words.contains("data"), "the directory is not named: {words}");
    assert_eq!(server.control().get("/health").status, 200);
}

#[test]
fn e12_a_damaged_catalog_is_refused_and_not_replaced() {
    let mut server = Server::start();
    server.deploy("kept", &guest::component("hello"), &json!({}));
    server.kill9();
    let catalog = server.data().join("catalog.db");
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(server.data().join(format!("catalog.db{suffix}"))).ok();
    }
    std::fs::write(&catalog, hostile::noise(100_000, 5)).unwrap();
    let output = server.command().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("catalog"), "{words}");
    assert_eq!(
        std::fs::read(&catalog).unwrap(),
        hostile::noise(100_000, 5),
        "the damaged catalog was replaced"
    );
}
