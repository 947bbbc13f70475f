//! Accounts as functions have them: who is signed in by whom, and what the grants are for.

use serde_json::{Value, json};

use super::{MANIFEST, Stage, known};
use crate::support::{Request, example};

/// A call of `ostro:auth/users`.
fn users(call: &str, with: &Value) -> Value {
    let mut deed = json!({ "do": "users", "call": call });
    for (name, value) in with.as_object().unwrap() {
        deed[name] = value.clone();
    }
    deed
}

fn openid(subject: &str) -> Value {
    users("external", &json!({ "provider": "wechat", "subject": subject }))
}

impl Stage {
    fn desk(&self, call: &str, with: &Value) -> Value {
        self.ask("desk", "", &users(call, with))
    }

    /// What the call fails with.
    fn refused(&self, call: &str, with: &Value) -> String {
        let told = self.desk(call, with);
        told["error"].as_str().unwrap_or_else(|| panic!("{call} {with}: {told}")).to_owned()
    }
}

fn token(session: &Value) -> &str {
    session["access_token"].as_str().unwrap_or_else(|| panic!("{session}"))
}

#[test]
fn whom_a_function_has_recognised_elsewhere_is_signed_in() {
    Stage::each(|stage| {
        let first = stage.ask("desk", "", &openid("o6_bmj"));
        let id = first["user"]["id"].as_str().unwrap();
        assert_eq!((&first["token_type"], &first["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(stage.ask("front", token(&first), &json!({ "do": "who" })), known(id));
        let user = stage.bench.get("user", token(&first)).expect_status(200).json();
        assert_eq!(user["user"], first["user"]);
        let again = stage.ask("desk", "", &openid("o6_bmj"));
        assert_eq!(again["user"]["id"], first["user"]["id"]);
        assert_ne!(again["refresh_token"], first["refresh_token"]);
        for other in
            [openid("O6_BMJ"), users("external", &json!({ "provider": "weixin", "subject": "o6_bmj" }))]
        {
            assert_ne!(stage.ask("desk", "", &other)["user"]["id"], first["user"]["id"]);
        }
        let detail = stage.desk("get", &json!({ "id": id }));
        assert_eq!(detail["identities"], json!([{ "provider": "wechat", "subject": "o6_bmj" }]));
        // The session goes on by either way.
        let next = stage.bench.refresh(&first).expect_status(200).json();
        let last = stage.desk("refresh", &json!({ "token": next["refresh_token"] }));
        assert_eq!(last["user"]["id"], first["user"]["id"]);
        assert!(stage.refused("refresh", &json!({ "token": "x.y" })).starts_with("Refused"));
    });
}

/// The same person from two devices for the first time.
#[test]
fn two_at_once_are_one_account() {
    let stage = Stage::new();
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let both: Vec<_> = (0..4).map(|_| scope.spawn(|| stage.ask("desk", "", &openid("twice")))).collect();
        both.into_iter().map(|one| one.join().unwrap()["user"]["id"].clone()).collect()
    });
    assert!(ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(stage.desk("list", &json!({}))["users"].as_array().unwrap().len(), 1);
}

#[test]
fn an_anonymous_account_gets_an_identity_and_keeps_its_id() {
    Stage::each(|stage| {
        let guest = stage.desk("anonymous", &json!({}));
        assert_eq!(guest["user"]["anonymous"], true);
        let link = |subject: &str, id: &Value| {
            users("external", &json!({ "provider": "wechat", "subject": subject, "id": id }))
        };
        let linked = stage.ask("desk", "", &link("mine", &guest["user"]["id"]));
        assert_eq!(
            (&linked["user"]["id"], &linked["user"]["anonymous"]),
            (&guest["user"]["id"], &json!(false))
        );
        assert_eq!(stage.ask("desk", "", &openid("mine"))["user"]["id"], guest["user"]["id"]);
        let other = stage.desk("anonymous", &json!({}));
        let taken = stage.ask("desk", "", &link("mine", &other["user"]["id"]));
        assert!(taken["error"].as_str().unwrap().starts_with("Taken"), "{taken}");
        for nobody in ["01999999-0000-7000-8000-000000000000", "no id"] {
            let refused = stage.ask("desk", "", &link("new", &json!(nobody)));
            let error = refused["error"].as_str().unwrap();
            assert!(error.starts_with("Refused") || error.starts_with("Invalid"), "{error}");
        }
    });
}

#[test]
fn roles_open_routes_and_rules_from_the_next_refresh_on() {
    Stage::each(|stage| {
        let session = stage.ask("desk", "", &openid("ann"));
        let id = &session["user"]["id"];
        let who = json!({ "do": "who" });
        let drafts = json!({ "do": "caller", "collection": "drafts", "operation": "count", "filter": {} });
        let shut = |token: &str| {
            stage.try_ask("editors", token, &who).expect_error(403, "forbidden");
            assert!(stage.ask("front", token, &drafts)["error"].as_str().unwrap().starts_with("Denied"));
        };
        shut(token(&session));
        assert_eq!(stage.desk("roles", &json!({ "id": id, "roles": ["editor", "author"] })), json!(true));
        shut(token(&session));
        let editor = stage.bench.refresh(&session).expect_status(200).json();
        assert_eq!(editor["user"]["roles"], json!(["editor", "author"]));
        let seen = stage.ask("editors", token(&editor), &who);
        assert_eq!((&seen["user"], &seen["roles"]), (id, &json!(["editor", "author"])));
        assert_eq!(stage.ask("front", token(&editor), &drafts), json!(0));
        stage.try_ask("editors", "", &who).expect_error(401, "unauthenticated");
        assert_eq!(stage.desk("roles", &json!({ "id": id, "roles": [] })), json!(true));
        shut(token(&stage.bench.refresh(&editor).expect_status(200).json()));
    });
}

#[test]
fn who_is_disabled_or_gone_is_not_signed_in() {
    Stage::each(|stage| {
        let session = stage.ask("desk", "", &openid("ann"));
        let id = json!({ "id": session["user"]["id"] });
        assert_eq!(stage.desk("disable", &id), json!(true));
        let refused = |deed: &Value| stage.ask("desk", "", deed)["error"].as_str().unwrap().to_owned();
        assert!(refused(&openid("ann")).starts_with("Refused"));
        stage.bench.refresh(&session).expect_error(401, "unauthenticated");
        stage.bench.get("user", token(&session)).expect_error(401, "unauthenticated");
        assert_eq!(stage.desk("get", &id)["disabled"], true);
        assert_eq!(stage.desk("enable", &id), json!(true));
        let session = stage.ask("desk", "", &openid("ann"));
        assert_eq!(stage.desk("sign-out", &id), json!(true));
        stage.bench.refresh(&session).expect_error(401, "unauthenticated");
        assert_eq!(stage.desk("delete", &id), json!(true));
        assert_eq!(stage.desk("get", &id), json!(null));
        for call in ["delete", "disable", "roles", "sign-out"] {
            assert_eq!(stage.desk(call, &id), json!(false), "{call}");
        }
        // Whoever comes back is somebody else.
        assert_ne!(stage.ask("desk", "", &openid("ann"))["user"]["id"], id["id"]);
    });
}

#[test]
fn passwords_are_asked_for_as_from_outside() {
    Stage::each(|stage| {
        let words = json!({ "email": "Ann@example.com", "password": "correct horse" });
        let up = stage.desk("sign-up", &words);
        assert_eq!(up["user"]["email"], "Ann@example.com");
        assert!(stage.refused("sign-up", &words).starts_with("Taken"));
        let short = json!({ "email": "b@example.com", "password": "1234567" });
        assert!(stage.refused("sign-up", &short).starts_with("Invalid"));
        assert_eq!(stage.desk("sign-in", &words)["user"]["id"], up["user"]["id"]);
        stage.bench.sign_in("ann@example.com", "correct horse").expect_status(200);
        let wrong =
            |email: &str| stage.refused("sign-in", &json!({ "email": email, "password": "battery staple" }));
        assert_eq!(wrong("ann@example.com"), wrong("nobody@example.com"));
        // Ten in all, by whichever way: a function is no way around.
        stage.bench.sign_in("ann@example.com", "battery").expect_error(401, "invalid_credentials");
        for _ in 0..8 {
            assert!(wrong("ann@example.com").starts_with("Refused"));
        }
        assert!(wrong("ann@example.com").starts_with("Busy"));
        assert!(stage.refused("sign-in", &words).starts_with("Busy"));
        stage.bench.sign_in("ann@example.com", "correct horse").expect_error(429, "too_many_attempts");
    });
}

#[test]
fn a_list_goes_on_where_it_ended() {
    Stage::each(|stage| {
        for name in ["ann", "bob", "cyd", "bea"] {
            stage.sign_up(name);
        }
        let emails = |page: &Value| -> Vec<String> {
            let users = page["users"].as_array().unwrap_or_else(|| panic!("{page}")).iter();
            users.map(|user| user["email"].as_str().unwrap().replace("@example.com", "")).collect()
        };
        let first = stage.desk("list", &json!({ "limit": 3 }));
        assert_eq!(emails(&first), ["bea", "cyd", "bob"]);
        assert_ne!(first["users"][0]["disabled"], true);
        let next = stage.desk("list", &json!({ "limit": 3, "cursor": first["cursor"] }));
        assert_eq!((emails(&next), &next["cursor"]), (vec!["ann".to_owned()], &json!(null)));
        let first = stage.desk("list", &json!({ "limit": 1, "email": "B" }));
        let next = stage.desk("list", &json!({ "limit": 1, "email": "B", "cursor": first["cursor"] }));
        assert_eq!((emails(&first), emails(&next)), (vec!["bea".to_owned()], vec!["bob".to_owned()]));
        for wrong in [json!({ "limit": 0 }), json!({ "limit": 1_001 }), json!({ "cursor": "x" })] {
            assert!(stage.refused("list", &wrong).starts_with("Invalid"), "{wrong}");
        }
    });
}

#[test]
fn what_is_given_is_judged() {
    Stage::each(|stage| {
        let long = "x".repeat(257);
        for (provider, subject) in
            [("", "a"), ("a", ""), ("a", long.as_str()), (long.as_str(), "a"), ("a", "b\n")]
        {
            let with = json!({ "provider": provider, "subject": subject });
            assert!(stage.refused("external", &with).starts_with("Invalid"), "{with}");
        }
        let id = stage.ask("desk", "", &openid(&"x".repeat(256)))["user"]["id"].clone();
        let many: Vec<String> = (0..21).map(|role| role.to_string()).collect();
        for roles in [json!(["a b"]), json!([""]), json!([long]), json!(many)] {
            let with = json!({ "id": id, "roles": roles });
            assert!(stage.refused("roles", &with).starts_with("Invalid"), "{with}");
        }
        for (email, password) in [
            ("no address", "correct horse"),
            ("a@b.c", &"x".repeat(1_025)),
            (&"x".repeat(5_000), "correct horse"),
        ] {
            let with = json!({ "email": email, "password": password });
            assert!(stage.refused("sign-up", &with).starts_with("Invalid"), "{email}");
        }
        assert_eq!(stage.desk("get", &json!({ "id": "no id" })), json!(null));
    });
}

/// The function vouches for people as soon as anybody may sign in; the other ways are those of the manifest.
#[test]
fn only_what_the_manifest_turns_on() {
    let stage = Stage::new();
    let component = example::component("sdk-script");
    let deploy = |auth: &str| {
        let manifest = format!("{auth}[function.desk]\ngrants = ['users:sign-in,read,write']\n");
        stage.control.try_deploy_manifest("desk", &component, &manifest).expect_status(200);
    };
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    deploy("[auth]\n");
    assert!(stage.ask("desk", "", &openid("ann"))["user"]["id"].is_string());
    for call in ["sign-up", "sign-in", "anonymous"] {
        assert!(stage.refused(call, &words).starts_with("NotEnabled"), "{call}");
    }
    deploy("");
    for deed in [openid("ann"), users("refresh", &json!({ "token": "x.y" }))] {
        let told = stage.ask("desk", "", &deed);
        assert!(told["error"].as_str().unwrap().starts_with("NotEnabled"), "{told}");
    }
    assert_eq!(stage.desk("list", &json!({}))["users"].as_array().unwrap().len(), 1, "accounts stay");
}

/// Each call without its grant, and the line that would allow it.
#[test]
fn default_is_deny() {
    Stage::each(|stage| {
        let id = stage.ask("desk", "", &openid("ann"))["user"]["id"].clone();
        let with = json!({
            "id": id, "roles": ["editor"], "provider": "wechat", "subject": "bob", "email": "b@example.com",
            "password": "correct horse", "token": "x.y",
        });
        for (call, grant) in [
            ("external", "users:sign-in"),
            ("sign-up", "users:sign-in"),
            ("sign-in", "users:sign-in"),
            ("anonymous", "users:sign-in"),
            ("refresh", "users:sign-in"),
            ("get", "users:read"),
            ("list", "users:read"),
            ("roles", "users:write"),
            ("disable", "users:write"),
            ("enable", "users:write"),
            ("sign-out", "users:write"),
            ("delete", "users:write"),
        ] {
            let told = stage.ask("front", "", &users(call, &with));
            let error = told["error"].as_str().unwrap_or_else(|| panic!("{call}: {told}"));
            assert!(
                error.starts_with("Denied") && error.contains(&format!("\\\"{grant}\\\"")),
                "{call}: {error}"
            );
        }
        let seen = stage.desk("get", &json!({ "id": id }));
        assert_eq!((&seen["roles"], &seen["sessions"]), (&json!([]), &json!(1)), "nothing was done");
        assert_eq!(stage.desk("list", &json!({}))["users"].as_array().unwrap().len(), 1);
    });
}

/// What a function of another project gets hold of opens nothing there.
#[test]
fn c7_users_of_another_project_are_nobody() {
    let stage = Stage::new();
    let session = stage.ask("desk", "", &openid("ann"));
    let id = &session["user"]["id"];
    let foreign = stage.bench.server.project("foreign");
    let component = example::component("sdk-script");
    foreign.try_deploy_manifest("desk", &component, MANIFEST).expect_status(200);
    let ask = |deed: &Value| {
        let request = Request::new("POST", "/people", "desk--foreign.localhost").body(deed.to_string());
        request.send(stage.bench.server.listen).expect_status(200).json()
    };
    assert_eq!(ask(&users("get", &json!({ "id": id }))), json!(null));
    assert_eq!(ask(&users("list", &json!({})))["users"], json!([]));
    for call in ["roles", "disable", "sign-out", "delete"] {
        assert_eq!(ask(&users(call, &json!({ "id": id, "roles": ["editor"] }))), json!(false), "{call}");
    }
    let refreshed = ask(&users("refresh", &json!({ "token": session["refresh_token"] })));
    assert!(refreshed["error"].as_str().unwrap().starts_with("Refused"), "{refreshed}");
    let linked = users("external", &json!({ "provider": "p", "subject": "s", "id": id }));
    assert!(ask(&linked)["error"].as_str().unwrap().starts_with("Refused"));
    assert_ne!(ask(&openid("ann"))["user"]["id"], *id, "the same person is another account there");
    let seen = stage.desk("get", &json!({ "id": id }));
    assert_eq!((&seen["roles"], &seen["disabled"], &seen["sessions"]), (&json!([]), &json!(null), &json!(1)));
}

/// What a function does to people is on record, with its name; what it does to nobody is not.
#[test]
fn what_functions_change_is_in_the_audit_trail() {
    let stage = Stage::new();
    let id = stage.ask("desk", "", &openid("ann"))["user"]["id"].clone();
    let nobody = json!("01999999-0000-7000-8000-000000000000");
    for call in ["roles", "disable", "enable", "sign-out", "delete"] {
        for id in [&id, &nobody] {
            stage.desk(call, &json!({ "id": id, "roles": ["editor"] }));
        }
    }
    let audit = stage.bench.server.control().get("audit").expect_status(200).json();
    let rows = audit["audit"].as_array().unwrap().iter().filter(|row| row["actor"] == "function:desk");
    let rows: Vec<_> = rows.map(|row| (row["action"].as_str().unwrap(), row["subject"].clone())).collect();
    let expected = ["delete", "sign-out", "enable", "disable", "roles"];
    assert_eq!(
        rows,
        expected
            .map(|call| (format!("user.{call}"), id.clone()))
            .each_ref()
            .map(|(a, s)| (a.as_str(), s.clone()))
    );
}
