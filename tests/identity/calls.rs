//! Functions that clients call by name: those that say so, as whoever calls.

use serde_json::{Value, json};

use super::{MANIFEST, Stage, known, other};
use crate::support::{Answer, Request, example, guest};

/// A call as a page makes it.
fn call(function: &str, token: &str, body: &Value) -> Request {
    let path = format!("/_ostro/v1/functions/{function}");
    let request = Request::new("POST", &path, "localhost").header("content-type", "application/json");
    let request = request.body(body.to_string());
    if token.is_empty() { request } else { request.header("authorization", &format!("Bearer {token}")) }
}

impl Stage {
    fn call(&self, function: &str, token: &str, body: &Value) -> Answer {
        call(function, token, body).send(self.bench.server.listen)
    }
}

#[test]
fn a_page_calls_a_function_that_says_so_as_whoever_is_signed_in() {
    let stage = Stage::new();
    let (ann, token) = stage.sign_up("ann");
    let who = json!({ "do": "who" });
    assert_eq!(stage.call("front", &token, &who).expect_status(200).json(), known(&ann));
    assert_eq!(stage.call("front", "", &who).expect_status(200).json(), other("nobody"));
    let forged = call("front", "", &who).header("ostro-user", &ann).header("ostro-pass", "x");
    assert_eq!(forged.send(stage.bench.server.listen).expect_status(200).json(), other("nobody"));
    stage.call("front", "forged", &who).expect_error(401, "unauthenticated");
    let record = stage.control.invocations("front", 1).remove(0);
    assert!(record["trigger"] == "http" && record["bill"]["cpu_us"].as_u64() > Some(0), "{record}");
}

#[test]
fn what_does_not_say_so_is_not_called() {
    let stage = Stage::new();
    let (_, token) = stage.sign_up("ann");
    let who = json!({ "do": "who" });
    let unknown = stage.call("nobody", &token, &who);
    for name in ["back", "desk", "front/", "front/x", "front%2F", "FRONT", ""] {
        let refused = stage.call(name, &token, &who);
        assert_eq!(refused.status, 404, "{name}: {}", refused.text());
        refused.expect_error(404, "no_route");
    }
    assert_eq!(stage.call("back", &token, &who).text(), unknown.text(), "as if it were not there");
    for (name, callable) in [("front", true), ("back", false)] {
        let shown = stage.bench.server.cli().args(["show", name]).output().unwrap();
        let says =
            String::from_utf8_lossy(&shown.stdout).contains(&format!("POST /_ostro/v1/functions/{name}\n"));
        assert_eq!((says, shown.status.success()), (callable, true), "{name}");
    }
    stage.bench.server.project("foreign");
    let abroad = Request::new("POST", "/_ostro/v1/functions/front", "foreign.localhost");
    let abroad = abroad.header("content-type", "application/json").body(who.to_string());
    abroad.send(stage.bench.server.listen).expect_error(404, "no_route");
    // Nowhere else does the path of calls open.
    for (host, path) in [
        ("front.localhost", "/_ostro/invoke"),
        ("localhost", "/front/_ostro/invoke"),
        ("localhost", "/_ostro/v1/../invoke"),
    ] {
        let answer = Request::new("POST", path, host).body(who.to_string()).send(stage.bench.server.listen);
        assert!(matches!(answer.status, 400 | 404), "{host}{path}: {}", answer.status);
    }
    // A deploy by flags neither opens nor closes; a manifest says it.
    let component = example::component("sdk-script");
    stage.control.deploy("front", &component, &json!({}));
    stage.call("front", &token, &who).expect_status(200);
    let closed = MANIFEST.replace("callable = true\n", "");
    stage.control.try_deploy_manifest("front", &component, &closed).expect_status(200);
    stage.call("front", &token, &who).expect_error(404, "no_route");
}

#[test]
fn a_call_asks_for_what_the_function_asks_for() {
    let stage = Stage::new();
    let session = stage.bench.sign_up("ann@example.com", "correct horse");
    let token = session["access_token"].as_str().unwrap();
    let who = json!({ "do": "who" });
    stage.call("members", "", &who).expect_error(401, "unauthenticated");
    stage.call("members", token, &who).expect_error(403, "forbidden");
    let roles = json!({ "do": "users", "call": "roles", "id": session["user"]["id"], "roles": ["editor"] });
    assert_eq!(stage.ask("desk", "", &roles), json!(true));
    let editor = stage.bench.refresh(&session).expect_status(200).json();
    let seen =
        stage.call("members", editor["access_token"].as_str().unwrap(), &who).expect_status(200).json();
    assert_eq!(seen["roles"], json!(["editor"]));
}

#[test]
fn only_json_by_post_and_from_pages_that_may() {
    let stage = Stage::new();
    let send = |request: Request| request.send(stage.bench.server.listen);
    let path = "/_ostro/v1/functions/front";
    send(Request::new("GET", path, "localhost")).expect_error(405, "method");
    // A form of another page can't say that it is JSON.
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let form = Request::new("POST", path, "localhost").header("content-type", kind).body("{}");
        send(form).expect_error(400, "bad_request");
    }
    let foreign = call("front", "", &json!({})).header("origin", "https://evil.example");
    send(foreign).expect_error(403, "forbidden");
    let own = send(call("front", "", &json!(7)).header("origin", "http://localhost"));
    assert_eq!(own.expect_status(200).json(), json!(7));
    let long = call("front", "", &json!("x".repeat(11 << 20)));
    send(long).expect_error(413, "too_large");
}

/// What a guest sees of a call, and what a client sees of one that fails.
#[test]
fn a_guest_is_told_on_the_path_of_calls() {
    let stage = Stage::new();
    let (ann, token) = stage.sign_up("ann");
    for name in ["echo-request", "trap"] {
        let manifest = format!("[auth]\nemail = true\n[function.{name}]\ncallable = true\n");
        stage.control.try_deploy_manifest(name, &guest::component(name), &manifest).expect_status(200);
    }
    let path = "/_ostro/v1/functions/echo-request?path=/admin";
    let request = Request::new("POST", path, "localhost").header("content-type", "application/json");
    let request = request.header("authorization", &format!("Bearer {token}")).body("{}");
    let seen = request.send(stage.bench.server.listen).expect_status(200).text();
    assert!(seen.contains("/_ostro/invoke") && !seen.contains("/admin"), "{seen}");
    assert!(seen.contains(&format!("ostro-user: {ann}\n")) && !seen.contains(&token), "{seen}");
    stage.call("trap", &token, &json!({})).expect_error(500, "trap");
}
