//! Accounts over HTTP, and the attacks on them of threats F1, F2, F3 and F6.

mod attempts;
pub mod bench;
mod cookies;
mod enumeration;
mod front;
mod issuers;
mod kills;
mod mails;
mod operators;
mod sessions;
mod tokens;

use serde_json::json;

use bench::{Bench, MANIFEST};

#[test]
fn people_sign_up_in_and_out() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("Ann@Example.com", "correct horse");
    assert_eq!(up["token_type"], "Bearer");
    assert_eq!(up["expires_in"], 900);
    let user = &up["user"];
    assert_eq!((&user["email"], &user["verified"]), (&json!("Ann@Example.com"), &json!(false)));
    assert_eq!((&user["anonymous"], &user["roles"]), (&json!(false), &json!([])));
    assert!(user["created_at"].as_str().unwrap().ends_with('Z'), "{user}");
    let taken = json!({ "email": " ann@EXAMPLE.com", "password": "another one" });
    bench.post("sign-up", &taken).expect_error(409, "email_taken");
    let sign_in = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    assert_eq!(sign_in["user"], *user);
    let token = sign_in["access_token"].as_str().unwrap();
    let seen = bench.get("user", token).expect_status(200);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.json()["user"], *user);
    bench.post_as("sign-out", &json!({}), token).expect_status(204);
    bench.get("user", token).expect_error(401, "unauthenticated");
    bench.refresh(&sign_in).expect_error(401, "unauthenticated");
    bench.get("user", up["access_token"].as_str().unwrap()).expect_status(200);
    let end = json!({ "refresh_token": up["refresh_token"] });
    bench.post("sign-out", &end).expect_status(204);
    bench.post("sign-out", &end).expect_status(204);
    bench.get("user", up["access_token"].as_str().unwrap()).expect_error(401, "unauthenticated");
}

#[test]
fn an_anonymous_account_becomes_somebodys_and_keeps_its_id() {
    let bench = Bench::start(MANIFEST);
    let guest = bench.post("anonymous", &json!({})).expect_status(200).json();
    assert_eq!((&guest["user"]["anonymous"], &guest["user"]["email"]), (&json!(true), &json!(null)));
    let token = guest["access_token"].as_str().unwrap();
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    bench.post("upgrade", &words).expect_error(401, "unauthenticated");
    let up = bench.post_as("upgrade", &words, token).expect_status(200).json();
    assert_eq!((&up["user"]["id"], &up["user"]["anonymous"]), (&guest["user"]["id"], &json!(false)));
    bench.refresh(&guest).expect_error(401, "unauthenticated");
    bench.get("user", token).expect_error(401, "unauthenticated");
    let token = up["access_token"].as_str().unwrap();
    bench.post_as("upgrade", &words, token).expect_error(409, "not_anonymous");
    let sign_in = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    assert_eq!(sign_in["user"]["id"], guest["user"]["id"]);
}

#[test]
fn nothing_is_on_that_the_manifest_does_not_turn_on() {
    let bench = Bench::start("[function.hello]\n");
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    for call in ["sign-up", "sign-in", "anonymous", "refresh", "reset/request"] {
        bench.post(call, &words).expect_error(404, "not_enabled");
    }
    bench.get("jwks", "").expect_error(404, "not_enabled");
    bench.deploy("[auth]\nanonymous = true\n[function.hello]\n");
    bench.post("sign-up", &words).expect_error(404, "not_enabled");
    bench.post("sign-in", &words).expect_error(404, "not_enabled");
    bench.post("anonymous", &json!({})).expect_status(200);
    bench.deploy("[auth]\nemail = true\n[function.hello]\n");
    bench.post("anonymous", &json!({})).expect_error(404, "not_enabled");
    bench.sign_up("ann@example.com", "correct horse");
    // No queue says who would send the mail.
    bench.post("reset/request", &json!({ "email": "ann@example.com" })).expect_error(404, "not_enabled");
    bench.deploy("[function.hello]\n");
    bench.sign_in("ann@example.com", "correct horse").expect_error(404, "not_enabled");
    bench.deploy("[auth]\nemail = true\n[function.hello]\n");
    bench.sign_in("ann@example.com", "correct horse").expect_status(200);
}

#[test]
fn what_is_no_call_is_refused() {
    let bench = Bench::start(MANIFEST);
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    bench.request("GET", "sign-in").send(bench.server.listen).expect_error(405, "method");
    bench.request("POST", "user").send(bench.server.listen).expect_error(405, "method");
    bench.post("nothing", &words).expect_error(404, "no_route");
    bench.post("", &words).expect_error(404, "no_route");
    let plain = bench.request("POST", "sign-up").header("content-type", "text/plain").body(words.to_string());
    plain.send(bench.server.listen).expect_error(400, "bad_request");
    for body in [
        json!({}),
        json!([]),
        json!({ "email": "ann@example.com" }),
        json!({ "email": "ann@example.com", "password": 12345678 }),
        json!({ "email": "ann@example.com", "password": "correct horse", "roles": ["admin"] }),
        json!({ "email": "no address", "password": "correct horse" }),
        json!({ "email": "ann@example.com", "password": "x".repeat(1025) }),
    ] {
        let refused = bench.post("sign-up", &body);
        assert!(!refused.text().contains("correct horse"), "{}", refused.text());
        refused.expect_error(400, "bad_request");
    }
    let short = json!({ "email": "ann@example.com", "password": "1234567" });
    bench.post("sign-up", &short).expect_error(400, "weak_password");
    let long = json!({ "email": "ann@example.com", "password": "x".repeat(1 << 20) });
    bench.post("sign-up", &long).expect_error(413, "too_large");
    let most = json!({ "email": "ann@example.com", "password": "x".repeat(1024) });
    bench.post("sign-up", &most).expect_status(200);
}

/// Who has the data directory has neither passwords nor tokens (threats F2, F7).
#[test]
fn f7_nothing_secret_is_in_files_or_logs() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "canary-password-7f3c");
    let second = bench.refresh(&up).expect_status(200).json();
    bench.sign_in("ann@example.com", "canary-wrong-7f3c").expect_error(401, "invalid_credentials");
    let secrets: Vec<String> = ["refresh_token", "access_token"]
        .iter()
        .flat_map(|name| [&up[*name], &second[*name]])
        .map(|token| token.as_str().unwrap().rsplit('.').next().unwrap().to_owned())
        .chain(["canary-password-7f3c".to_owned(), "canary-wrong-7f3c".to_owned()])
        .collect();
    let mut seen = 0;
    for (path, bytes) in bench::files(&bench.server.data()) {
        seen += bytes.windows(9).filter(|window| window == b"$argon2id").count();
        for secret in &secrets {
            let is_in = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_in, "{secret} is in {}", path.display());
        }
    }
    assert!(seen > 0, "the hash is there");
    for secret in &secrets {
        assert!(!bench.server.words().contains(secret.as_str()));
    }
}
