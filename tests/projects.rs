//! Projects and tokens: who may do what, and that a stranger learns nothing.

use serde_json::json;

use crate::support::{Server, guest, shared};

#[test]
fn each_scope_allows_its_own_and_nothing_else() {
    let server = shared();
    let admin = server.project("scoped");
    let hello = guest::component("hello");
    admin.deploy("target", &hello, &json!({}));
    admin.deploy("target", &hello, &json!({ "env": { "A": "1" } }));
    let actions = ["read", "deploy", "invoke", "rollback", "secret", "tokens"];
    for (scope, allowed) in [
        ("read", &["read"][..]),
        ("deploy", &["deploy", "rollback", "secret"]),
        ("invoke", &["invoke"]),
        ("admin", &actions),
    ] {
        let control = admin.make_token(&[scope]);
        for action in actions {
            let answer = match action {
                "read" => control.get("functions/target"),
                "deploy" => control.try_deploy("target", &hello, &json!({})),
                "invoke" => control.request("POST", "functions/target/invoke").body("").send(control.at),
                "rollback" => control.post("functions/target/rollback", &json!({ "to": 2 })),
                "secret" => control.put("secrets/NAME", &json!({ "value": "v" })),
                _ => control.get("tokens"),
            };
            if allowed.contains(&action) {
                assert!(answer.status < 300, "{scope} {action}: {} {}", answer.status, answer.text());
            } else {
                answer.expect_error(403, "forbidden");
            }
        }
    }
}

#[test]
fn a_wrong_token_is_nobody() {
    let server = shared();
    let control = server.control();
    let mut almost = server.token.clone();
    let last = if almost.ends_with('A') { 'B' } else { 'A' };
    almost.pop();
    almost.push(last);
    for token in [
        "",
        "nonsense",
        "ostro_",
        "ostro_admin000_",
        "ostro_admin000_AAAA",
        &almost,
        &format!("{}x", server.token),
        &"x".repeat(9000),
    ] {
        for path in ["/v1/whoami", "/v1/projects", "functions", "functions/none", "/v1/nowhere"] {
            let answer = control.with_token(token).get(path);
            if path == "/v1/nowhere" {
                assert!(matches!(answer.status, 401 | 404 | 431), "{token}: {answer:?}");
            } else {
                assert!(
                    answer.status == 401 && answer.code() == "unauthenticated" || answer.status == 431,
                    "{path} {token}: {answer:?}"
                );
            }
        }
    }
}

/// F8: with a token of one project every path of another answers as if it were not there.
#[test]
fn a_token_of_one_project_learns_nothing_of_another() {
    let server = shared();
    let owner = server.project("house");
    owner.deploy("treasure", &guest::component("hello"), &json!({}));
    owner.put("secrets/KEY", &json!({ "value": "v" }));
    let stranger = server.project("street").make_token(&["admin"]);
    for project in ["house", "no-such-project"] {
        for path in [
            "functions",
            "functions/treasure",
            "functions/treasure/logs",
            "functions/treasure/invocations",
            "functions/treasure/revisions",
            "secrets",
            "tokens",
            "audit",
        ] {
            let answer = stranger.get(&format!("/v1/projects/{project}/{path}"));
            answer.clone().expect_error(404, "not_found");
            let other = answer.text().replace(project, "X");
            let same =
                stranger.get(&format!("/v1/projects/never-was/{path}")).text().replace("never-was", "X");
            assert_eq!(other, same, "{project}/{path} can be told from a project that does not exist");
        }
        let in_it = crate::support::Control { project: project.to_owned(), ..stranger.clone() };
        in_it.try_deploy("treasure", &guest::component("hello"), &json!({})).expect_error(404, "not_found");
        in_it.post("functions/treasure/rollback", &json!({})).expect_error(404, "not_found");
        in_it.put("secrets/KEY", &json!({ "value": "v" })).expect_error(404, "not_found");
        in_it.delete("functions/treasure").expect_error(404, "not_found");
        in_it.delete("secrets/KEY").expect_error(404, "not_found");
        in_it.delete(&format!("/v1/projects/{project}")).expect_error(404, "not_found");
    }
    for path in ["/v1/tokens", "/v1/audit"] {
        let answer = stranger.get(path);
        assert!(matches!(answer.status, 403 | 404), "{path}: {}", answer.text());
    }
    assert!(matches!(stranger.post("/v1/projects", &json!({ "name": "mine-too" })).status, 403 | 404));
    let seen = stranger.get("/v1/projects").text();
    assert!(!seen.contains("house"), "{seen}");
    assert_eq!(stranger.get("/v1/whoami").expect_status(200).json()["project"], "street");
    assert_eq!(owner.get("functions/treasure").status, 200);
}

#[test]
fn tokens_are_shown_once_and_can_be_revoked() {
    let server = Server::start();
    let control = server.control();
    let made =
        control.post("tokens", &json!({ "label": "ci", "scopes": ["read"] })).expect_status(201).json();
    let (text, prefix) = (made["token"].as_str().unwrap(), made["prefix"].as_str().unwrap());
    assert!(text.starts_with(&format!("ostro_{prefix}_")), "{made}");
    assert_eq!(prefix.len(), 8);
    let list = control.get("tokens").expect_status(200).text();
    assert!(list.contains(prefix) && !list.contains(text), "{list}");
    let token = control.with_token(text);
    assert_eq!(token.get("functions").status, 200);
    assert!(matches!(control.delete(&format!("tokens/{prefix}")).status, 200 | 204));
    token.get("functions").expect_error(401, "unauthenticated");
    control.delete(&format!("tokens/{prefix}")).expect_error(404, "not_found");
    let database = std::fs::read(server.data().join("catalog.db")).unwrap();
    let secret = text.rsplit('_').next().unwrap().as_bytes();
    assert!(
        !database.windows(secret.len()).any(|window| window == secret),
        "the token's text is in the catalog"
    );
    for bad in [
        json!({ "label": "", "scopes": ["read"] }),
        json!({ "label": "x", "scopes": [] }),
        json!({ "label": "x", "scopes": ["all"] }),
    ] {
        let answer = control.post("tokens", &bad);
        assert!(matches!(answer.status, 400 | 422), "{bad}: {}", answer.text());
    }
    let audit = control.get("/v1/audit?limit=100").expect_status(200).json();
    let rows = audit["audit"].as_array().unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row["sequence"].as_i64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "f9: gaps in {numbers:?}");
    assert!(
        audit.to_string().contains("token.create") && audit.to_string().contains("token.revoke"),
        "{audit}"
    );
    assert!(!audit.to_string().contains(text));
}

#[test]
fn a_deleted_project_is_gone_with_all_that_it_had() {
    let server = shared();
    let control = server.project("shortlived");
    control.deploy("inside", &guest::component("hello"), &json!({}));
    let token = control.make_token(&["read"]);
    let at = |server: &Server| {
        crate::support::Request::new("GET", "/", "inside--shortlived.localhost").send(server.listen)
    };
    assert_eq!(at(&server).status, 200);
    server.control().post("/v1/projects", &json!({ "name": "shortlived" })).expect_error(409, "conflict");
    assert!(matches!(control.delete("/v1/projects/shortlived").status, 200 | 204));
    at(&server).expect_error(404, "no_route");
    assert!(matches!(token.get("functions").status, 401 | 404));
    control.get("functions").expect_error(404, "not_found");
    let again = server.project("shortlived");
    assert_eq!(again.functions(), Vec::<String>::new());
    for name in ["", "Upper", "a--b", "x".repeat(41).as_str(), "a.b"] {
        let answer = server.control().post("/v1/projects", &json!({ "name": name }));
        assert!(matches!(answer.status, 400 | 422), "{name:?}: {}", answer.text());
    }
}
