//! Operators look after users: by the control API and the command line, and what users feel of it.

use serde_json::{Value, json};

use super::bench::{Bench, MANIFEST};
use crate::support::terminal::{Terminal, texts};
use crate::support::{Answer, Request, example, guest};

/// A route and a collection for editors, who are made by operators.
const EDITORS: &str = "[auth]\nemail = true\n[collection.posts]\nrules = { read = \"'editor' in auth.roles\", \
    create = \"'editor' in auth.roles\", update = \"false\", delete = \"false\" }\n\
    [function.echo]\nroutes = [{ path = '/desk', roles = ['editor'] }]\n";

fn access(grant: &Value) -> &str {
    grant["access_token"].as_str().unwrap()
}

fn change(bench: &Bench, user: &str, body: &Value) -> Answer {
    let request = bench.server.control().request("PATCH", &format!("users/{user}"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send(bench.server.admin)
}

#[test]
fn roles_open_routes_and_rules_from_the_next_refresh_on() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    control.try_deploy_manifest("echo", &guest::component("echo-request"), EDITORS).expect_status(200);
    let desk = |token: &str| {
        let request = Request::new("GET", "/desk", &bench.server.listen.to_string());
        request.header("authorization", &format!("Bearer {token}")).send(bench.server.listen)
    };
    let post = |token: &str| {
        let request = Request::new("POST", "/_ostro/v1/db/posts/insert", &bench.server.listen.to_string());
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", &format!("Bearer {token}"));
        request.body(r#"{"documents":[{"title":"one"}]}"#).send(bench.server.listen)
    };
    let up = bench.sign_up("ann@example.com", "correct horse");
    desk(access(&up)).expect_error(403, "forbidden");
    post(access(&up)).expect_error(403, "forbidden");
    let now = change(&bench, "Ann@example.com", &json!({ "roles": ["editor"] })).expect_status(200).json();
    assert_eq!((&now["id"], &now["roles"]), (&up["user"]["id"], &json!(["editor"])));
    desk(access(&up)).expect_error(403, "forbidden");
    let editor = bench.refresh(&up).expect_status(200).json();
    desk(access(&editor)).expect_status(200);
    post(access(&editor)).expect_status(200);
    change(&bench, "ann@example.com", &json!({ "roles": [] })).expect_status(200);
    desk(access(&bench.refresh(&editor).expect_status(200).json())).expect_error(403, "forbidden");
}

#[test]
fn who_is_disabled_is_out_at_once_and_may_come_back() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let id = up["user"]["id"].as_str().unwrap();
    assert_eq!(change(&bench, id, &json!({ "disabled": true })).expect_status(200).json()["disabled"], true);
    bench.get("user", access(&up)).expect_error(401, "unauthenticated");
    bench.refresh(&up).expect_error(401, "unauthenticated");
    bench.sign_in("ann@example.com", "correct horse").expect_error(401, "invalid_credentials");
    change(&bench, id, &json!({ "disabled": false })).expect_status(200);
    let again = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    let control = bench.server.control();
    assert_eq!(control.get(&format!("users/{id}")).expect_status(200).json()["sessions"], 1);
    control.delete(&format!("users/{id}/sessions")).expect_status(204);
    bench.refresh(&again).expect_error(401, "unauthenticated");
    let shown = control.get(&format!("users/{id}")).expect_status(200).json();
    assert_eq!((&shown["sessions"], &shown["used_ms"]), (&json!(0), &Value::Null));
    bench.sign_in("ann@example.com", "correct horse").expect_status(200);
    control.delete(&format!("users/{id}")).expect_status(204);
    control.delete(&format!("users/{id}")).expect_error(404, "not_found");
    bench.sign_in("ann@example.com", "correct horse").expect_error(401, "invalid_credentials");
    let audit = control.get("audit").expect_status(200).json();
    let rows: Vec<_> = audit["audit"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(rows[..4], ["user.delete", "user.sign-out", "user.enable", "user.disable"]);
    assert!(!audit.to_string().contains("example.com"), "the trail outlives people: {audit}");
}

#[test]
fn an_operator_takes_an_identity_away_that_is_not_the_last_way_in() {
    let terminal = Terminal::in_project("linked");
    let manifest =
        "[project]\nname = 'linked'\n[auth]\nemail = true\n[function.desk]\ngrants = ['users:sign-in']\n";
    let control = terminal.control();
    control.try_deploy_manifest("desk", &example::component("sdk-script"), manifest).expect_status(200);
    let deed = json!({ "do": "users", "call": "external", "provider": "https://id.example.com/t", "subject": "a%b/c" });
    let ask = Request::new("POST", "/people", "desk--linked.localhost").body(deed.to_string());
    let id =
        ask.send(terminal.server.listen).expect_status(200).json()["user"]["id"].as_str().unwrap().to_owned();
    let unlink = |subject: &str| format!("user unlink {id} https://id.example.com/t {subject}");
    let (_, words) = terminal.run(&unlink("a%b/c"), 1);
    assert!(words.contains("nobody could sign in"), "{words}");
    let (_, words) = terminal.run(&unlink("nobody"), 1);
    assert!(words.contains("not found"), "{words}");
    let mut other = deed.clone();
    other["subject"] = json!("other");
    other["id"] = json!(id);
    let ask = Request::new("POST", "/people", "desk--linked.localhost").body(other.to_string());
    ask.send(terminal.server.listen).expect_status(200);
    terminal.run(&unlink("a%b/c"), 0);
    let (shown, _) = terminal.run(&format!("user show {id}"), 0);
    assert!(shown.contains("other of https://id.example.com/t") && !shown.contains("a%b/c"), "{shown}");
    let audit = control.get("audit").expect_status(200).json();
    assert_eq!(
        (&audit["audit"][0]["action"], &audit["audit"][0]["subject"]),
        (&json!("user.unlink"), &json!(id))
    );
}

#[test]
fn who_is_invited_sets_a_password() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    let new = json!({ "email": "bob@example.com", "invite": true, "roles": ["editor"] });
    let made = control.post("users", &new).expect_status(201).json();
    assert_eq!((&made["password"], &made["verified"]), (&json!(false), &json!(false)));
    bench.sign_in("bob@example.com", "").expect_error(401, "invalid_credentials");
    let token = bench.mail_token("invite", &[]);
    assert_eq!(bench.mails("invite")[0]["expires_in"], 7 * 86_400);
    let words = json!({ "token": token, "password": "bobs own password" });
    bench.post("reset", &words).expect_status(204);
    let signed_in = bench.sign_in("bob@example.com", "bobs own password").expect_status(200).json();
    assert_eq!(
        (&signed_in["user"]["verified"], &signed_in["user"]["roles"]),
        (&json!(true), &json!(["editor"]))
    );
    control.post("users", &new).expect_error(409, "email_taken");
    bench.deploy("[auth]\nemail = true\n[function.hello]\n");
    let other = json!({ "email": "cid@example.com", "invite": true });
    control.post("users", &other).expect_error(422, "user");
}

#[test]
fn f8_what_is_refused_to_operators() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    let new = json!({ "email": "ann@example.com", "password": "correct horse" });
    let id = control.post("users", &new).expect_status(201).json()["id"].as_str().unwrap().to_owned();
    let reader = control.make_token(&["read", "invoke"]);
    reader.get("users").expect_status(200);
    reader.get(&format!("users/{id}")).expect_status(200);
    reader.post("users", &new).expect_error(403, "forbidden");
    reader.delete(&format!("users/{id}")).expect_error(403, "forbidden");
    reader.delete(&format!("users/{id}/sessions")).expect_error(403, "forbidden");
    control.make_token(&["invoke"]).get("users").expect_error(403, "forbidden");
    let other = bench.server.project("other");
    other.get(&format!("users/{id}")).expect_error(404, "not_found");
    other.make_token(&["admin"]).get("/v1/projects/default/users").expect_error(404, "not_found");
    for (body, code) in [
        (json!({ "email": "no address", "password": "correct horse" }), "user"),
        (json!({ "email": "b@x.y", "password": "correct horse", "roles": ["a b"] }), "user"),
        (json!({ "email": "b@x.y", "password": "correct horse", "roles": vec!["r"; 21] }), "user"),
        (json!({ "email": "b@x.y", "password": "correct horse", "invite": true }), "user"),
        (json!({ "email": "b@x.y", "password": "x".repeat(1025) }), "user"),
    ] {
        control.post("users", &body).expect_error(422, code);
    }
    control
        .post("users", &json!({ "email": "b@x.y", "password": "short" }))
        .expect_error(400, "weak_password");
    change(&bench, &id, &json!({ "roles": [""] })).expect_error(422, "user");
    change(&bench, "nobody@x.y", &json!({ "roles": [] })).expect_error(404, "not_found");
    change(&bench, "%27%20OR%201", &json!({ "roles": [] })).expect_error(404, "not_found");
    control.get("users?after=x").expect_error(400, "bad_request");
}

#[test]
fn users_are_looked_after_on_the_command_line() {
    let terminal = Terminal::in_project("people");
    let (out, words) = terminal.feed("user create Ann@example.com --role editor", b"correct horse\n");
    assert!(out.is_empty() && words.contains("created user"), "{words}");
    terminal.feed("user create bob@example.com", b"correct horse");
    let refused = terminal.fed("user create cid@example.com", b"short\n");
    let (_, words) = texts("user create", 1, &refused);
    assert!(words.contains("8 characters") && !words.contains("short"), "{words}");
    let (_, words) = terminal.run("user create cid@example.com --invite", 1);
    assert!(words.contains("`mail` in the section [auth]"), "{words}");
    terminal.run("user create cid@example.com secret-in-the-history", 2);
    let emails = |line: &str| {
        let list = terminal.json(line);
        let users = list["users"].as_array().unwrap().iter();
        users.map(|user| user["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(emails("user list"), ["bob@example.com", "Ann@example.com"]);
    assert_eq!(emails("user list a"), ["Ann@example.com"]);
    let (table, words) = terminal.run("user list --limit 1", 0);
    assert!(table.contains("bob@example.com") && !table.contains("Ann@"), "{table}");
    assert!(words.contains("--all"), "{words}");
    let (shown, _) = terminal.run("user show ann@example.com", 0);
    for fact in ["email       Ann@example.com", "roles       editor", "sessions    0", "password    set"] {
        assert!(shown.contains(fact), "no {fact:?} in {shown}");
    }
    for (line, part) in [
        ("user roles ann@example.com author admin", "author, admin from the next refresh on"),
        ("user roles ann@example.com", "has no roles"),
        ("user disable ann@example.com", "may not sign in any more"),
        ("user enable ann@example.com", "may sign in again"),
        ("user sign-out ann@example.com", "have ended"),
        ("user delete ann@example.com --yes", "deleted user ann@example.com"),
    ] {
        let (_, words) = terminal.run(line, 0);
        assert!(words.contains(part), "ostro {line}: {words}");
    }
    let (_, words) = terminal.run("user show ann@example.com", 1);
    assert!(words.contains("user not found"), "{words}");
}
