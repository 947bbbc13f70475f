//! What functions are told of their callers, and that nobody else can tell them.

use serde_json::{Value, json};

use super::{Stage, known, other};
use crate::support::{Request, example};

#[test]
fn a_function_knows_who_calls_and_hands_it_on() {
    Stage::each(|stage| {
        let (ann, token) = stage.sign_up("ann");
        let who = json!({ "do": "who" });
        assert_eq!(stage.ask("front", &token, &who), known(&ann));
        assert_eq!(stage.ask("front", "", &who), other("nobody"));
        let on = |input: &Value| json!({ "do": "call", "function": "back", "input": input });
        assert_eq!(stage.ask("front", &token, &on(&who)), known(&ann));
        // Forth and back again: as far as calls go.
        let again = json!({ "do": "call", "function": "front", "input": on(&who) });
        assert_eq!(stage.ask("front", &token, &on(&again)), known(&ann));
        assert_eq!(stage.ask("front", "", &on(&again)), other("nobody"));

        let guest = stage.bench.post("anonymous", &json!({})).expect_status(200).json();
        let seen = stage.ask("front", guest["access_token"].as_str().unwrap(), &who);
        assert_eq!((&seen["user"], &seen["anonymous"]), (&guest["user"]["id"], &json!(true)));
    });
}

/// Where nobody asks who calls, everybody is nobody.
#[test]
fn who_is_not_asked_is_nobody() {
    let stage = Stage::new();
    let (ann, token) = stage.sign_up("ann");
    let who = json!({ "do": "who" });
    assert_eq!(stage.ask("back", &token, &who), other("nobody"));
    assert_eq!(stage.ask("front", &token, &who), known(&ann));
}

/// What messages say of their sender is nothing to the host, from clients as from guests.
#[test]
fn nobody_says_by_a_header_who_it_is() {
    let stage = Stage::new();
    let ((ann, token), (bob, _)) = (stage.sign_up("ann"), stage.sign_up("bob"));
    let who = json!({ "do": "who" });
    for (own, expected) in [("", other("nobody")), (token.as_str(), known(&ann))] {
        for name in ["ostro-user", "Ostro-User", "ostro-caller", "ostro-roles"] {
            let forged = stage.request("front", own, &who).header(name, &bob);
            let seen = forged.send(stage.bench.server.listen).expect_status(200).json();
            assert_eq!(seen, expected, "{name}");
        }
        let forged = json!({ "do": "call", "function": "back", "as": bob, "input": who });
        assert_eq!(stage.ask("front", own, &forged), expected);
    }
}

#[test]
fn jobs_know_for_whom_they_are_and_the_platform_is_nobody_of_the_people() {
    Stage::each(|stage| {
        let (ann, token) = stage.sign_up("ann");
        let keep = json!({ "do": "send", "function": "back", "input": { "do": "keep" } });
        let job = stage.ask("front", &token, &keep);
        stage.control.job_in(job.as_str().unwrap(), "done");
        let job = stage.ask("front", "", &keep);
        stage.control.job_in(job.as_str().unwrap(), "done");
        let job = stage.control.send("kept", "", "a message");
        stage.control.job_in(&job, "done");
        let job = stage.control.invoke_async("back", "&path=/people", r#"{"do":"keep"}"#);
        stage.control.job_in(&job, "done");
        let kept = stage.ask("back", "", &json!({ "do": "kept" }));
        let seen: Vec<_> = kept.as_array().unwrap().iter().map(|it| (&it["caller"], &it["user"])).collect();
        let (system, null) = (json!("system"), json!(null));
        assert_eq!(
            seen,
            [(&json!("user"), &json!(ann)), (&json!("nobody"), &null), (&system, &null), (&system, &null)]
        );
        // Whoever operates the server calls as the platform.
        let path = "functions/front/invoke?path=/_ostro/invoke";
        let answer = stage.control.request("POST", path).body(r#"{"do":"who"}"#).send(stage.control.at);
        assert_eq!(answer.expect_status(200).json(), other("system"));
    });
}

/// A token of one project is nobody's in another one.
#[test]
fn c7_a_user_of_one_project_is_none_of_another() {
    let stage = Stage::new();
    let (_, token) = stage.sign_up("ann");
    let foreign = stage.bench.server.project("foreign");
    let component = example::component("sdk-script");
    foreign.try_deploy_manifest("front", &component, super::MANIFEST).expect_status(200);
    let ask = |token: &str| {
        let request = Request::new("POST", "/people", "front--foreign.localhost").body(r#"{"do":"who"}"#);
        let bearer = format!("Bearer {token}");
        let request = if token.is_empty() { request } else { request.header("authorization", &bearer) };
        request.send(stage.bench.server.listen)
    };
    ask(&token).expect_error(401, "unauthenticated");
    assert_eq!(ask("").expect_status(200).json(), other("nobody"));
}
