//! Secrets: sealed at rest, seen only with the grant, never in any output (threats.md F7).

use std::io::Read as _;

use serde_json::json;

use crate::support::{Control, Server, guest, shared};

const CANARY: &str = "canary-7d1f5e0b9a2c4e68";

fn set(control: &Control, name: &str, value: &str) {
    let answer = control.put(&format!("secrets/{name}"), &json!({ "value": value }));
    assert!(matches!(answer.status, 200 | 201 | 204), "{}", answer.text());
}

#[test]
fn a_secret_is_seen_only_with_its_grant() {
    let server = shared();
    let control = server.project("sealed");
    set(&control, "API_KEY", "first");
    set(&control, "OTHER", "hidden");
    let ask = |function: &str, name: &str| {
        crate::support::Request::new("GET", &format!("/?{name}"), &format!("{function}--sealed.localhost"))
            .send(server.listen)
    };
    control.deploy(
        "with",
        &guest::component("secret"),
        &json!({ "grants": ["secret:API_KEY", "secret:ABSENT"] }),
    );
    control.deploy("without", &guest::component("secret"), &json!({}));
    assert_eq!(ask("with", "API_KEY").expect_status(200).text(), "first");
    assert_eq!(ask("with", "ABSENT").status, 404);
    for (function, name) in [("with", "OTHER"), ("without", "API_KEY"), ("without", "ABSENT")] {
        let answer = ask(function, name);
        assert_eq!(answer.status, 403, "{function} {name}: {}", answer.text());
        assert!(
            answer.text().contains(&format!("secret:{name}")),
            "the grant is not named: {}",
            answer.text()
        );
    }
    // A new value and a deletion are seen by the next invocation, without a deploy.
    set(&control, "API_KEY", "second");
    assert_eq!(ask("with", "API_KEY").text(), "second");
    let names = control.get("secrets").expect_status(200).json();
    assert_eq!(
        names["secrets"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect::<Vec<_>>(),
        ["API_KEY", "OTHER"]
    );
    assert!(!names.to_string().contains("second"), "{names}");
    assert!(matches!(control.delete("secrets/API_KEY").status, 200 | 204));
    assert_eq!(ask("with", "API_KEY").status, 404);
    control.delete("secrets/API_KEY").expect_error(404, "not_found");
}

#[test]
fn configuration_is_the_granted_secrets() {
    let server = shared();
    let control = server.project("configured");
    set(&control, "SHOWN", "yes");
    set(&control, "NOT_SHOWN", "no");
    control.deploy(
        "config",
        &guest::component("config"),
        &json!({ "grants": ["secret:SHOWN"], "env": { "PLAIN": "env" } }),
    );
    let all = crate::support::Request::new("GET", "/", "config--configured.localhost")
        .send(server.listen)
        .expect_status(200)
        .text();
    assert!(all.lines().any(|line| line == "SHOWN=yes"), "{all}");
    assert!(!all.contains("NOT_SHOWN"), "{all}");
}

#[test]
fn secrets_of_another_project_do_not_exist() {
    let server = shared();
    set(&server.project("rich"), "GOLD", "bars");
    let poor = server.project("poor");
    poor.deploy("beggar", &guest::component("secret"), &json!({ "grants": ["secret:GOLD"] }));
    let answer = crate::support::Request::new("GET", "/?GOLD", "beggar--poor.localhost").send(server.listen);
    assert_eq!(answer.status, 404, "{}", answer.text());
}

#[test]
fn bad_names_and_values_are_refused() {
    let server = shared();
    for name in ["", "a%2Fb", "%00", "a%20b", &"N".repeat(300)] {
        let answer = server.control().put(&format!("secrets/{name}"), &json!({ "value": "v" }));
        assert!(
            matches!(answer.status, 400 | 404 | 405 | 422),
            "{name:?}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let answer = server.control().put("secrets/LARGE", &json!({ "value": "v".repeat(1 << 20) }));
    assert!(matches!(answer.status, 400 | 413 | 422), "{}", answer.status);
}

/// F7: a guest prints its secret; afterwards no answer, log, record, file or word of the server holds it.
#[test]
fn f7_a_secret_is_nowhere_to_be_found() {
    let mut server = Server::start();
    let control = server.control();
    set(&control, "CANARY", CANARY);
    control.deploy("leaky", &guest::component("secret"), &json!({ "grants": ["secret:CANARY"] }));
    control.deploy("leaky-trap", &guest::component("trap"), &json!({ "grants": ["secret:CANARY"] }));
    assert_eq!(server.get("leaky", "/?CANARY").text(), CANARY);
    assert_eq!(server.get("leaky-trap", &format!("/?q={CANARY}")).status, 500);
    let line = control.log("leaky", 1).remove(0);
    assert_eq!(line["message"], "[secret CANARY]");
    for path in [
        "functions/leaky",
        "functions/leaky/logs",
        "functions/leaky/invocations",
        "functions/leaky-trap/invocations",
        "functions/leaky-trap/logs",
        "secrets",
        "audit",
        "/v1/audit",
        "/metrics",
    ] {
        let answer = control.get(path).expect_status(200);
        assert!(!answer.text().contains(CANARY), "{path}: {}", answer.text());
    }
    server.sigterm();
    server.wait(std::time::Duration::from_secs(40));
    assert!(!server.words().contains(CANARY), "the server's own log has it");
    let files =
        search(server.folder(), &[CANARY.as_bytes(), server.token.rsplit('_').next().unwrap().as_bytes()]);
    let holders: Vec<_> = files
        .iter()
        .filter(|path| !path.ends_with("admin.token") && !path.starts_with(server.folder().join("config")))
        .collect();
    assert!(holders.is_empty(), "{holders:?}");
    // With the key it is still there after a restart; with another key it is not.
    server.restart();
    assert_eq!(server.get("leaky", "/?CANARY").text(), CANARY);
}

/// The files below a folder that contain one of these texts.
fn search(folder: &std::path::Path, texts: &[&[u8]]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(search(&path, texts));
        } else {
            let mut bytes = Vec::new();
            std::fs::File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
            if texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == *text)) {
                found.push(path);
            }
        }
    }
    found
}
