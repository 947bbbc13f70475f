//! Threat F3: sessions are new at each sign-in, refresh tokens are used once, and a stolen one ends what it is of.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, MANIFEST};

fn access(grant: &Value) -> &str {
    grant["access_token"].as_str().unwrap()
}

#[test]
fn f3_a_token_that_comes_again_ends_its_session() {
    let bench = Bench::turned(MANIFEST);
    let first = bench.sign_up("ann@example.com", "correct horse");
    let apart = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    let second = bench.refresh(&first).expect_status(200).json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let third = bench.refresh(&second).expect_status(200).json();
    bench.server.clock().turn(Duration::from_secs(11));
    bench.refresh(&first).expect_error(401, "unauthenticated");
    bench.refresh(&third).expect_error(401, "unauthenticated");
    bench.get("user", access(&third)).expect_error(401, "unauthenticated");
    bench.get("user", access(&apart)).expect_status(200);
    bench.refresh(&apart).expect_status(200);
}

/// A client whose answer was lost has the token that it sent, and asks again; a thief who does is found out.
#[test]
fn f3_a_lost_answer_signs_nobody_out() {
    let bench = Bench::turned(MANIFEST);
    let first = bench.sign_up("ann@example.com", "correct horse");
    let lost = bench.refresh(&first).expect_status(200).json();
    bench.refresh(&first).expect_error(409, "refresh_race");
    bench.server.clock().turn(Duration::from_secs(11));
    let second = bench.refresh(&first).expect_status(200).json();
    assert_ne!(second["refresh_token"], lost["refresh_token"]);
    let third = bench.refresh(&second).expect_status(200).json();
    bench.get("user", access(&third)).expect_status(200);
    // Had it not been lost, but stolen, this is the next refresh of whoever got it.
    bench.refresh(&lost).expect_error(401, "unauthenticated");
    bench.refresh(&third).expect_error(401, "unauthenticated");
}

#[test]
fn f3_two_tabs_may_refresh_at_once() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.refresh(&up))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 7));
    lost.iter().for_each(|answer| answer.expect_error(409, "refresh_race"));
    bench.refresh(&won[0].json()).expect_status(200);
}

#[test]
fn f3_a_session_is_new_at_each_sign_in_and_at_a_new_password() {
    let bench = Bench::start(MANIFEST);
    let guest = bench.post("anonymous", &json!({})).expect_status(200).json();
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    // Whatever an attacker has planted is not what goes on.
    let up = bench.post_as("sign-up", &words, access(&guest)).expect_status(200).json();
    assert_ne!(up["user"]["id"], guest["user"]["id"]);
    let other = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    assert_ne!(other["refresh_token"], up["refresh_token"]);
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    bench.post("password", &change("correct horse", "another one")).expect_error(401, "unauthenticated");
    let wrong = bench.post_as("password", &change("wrong horse", "another one"), access(&up));
    wrong.expect_error(401, "invalid_credentials");
    let weak = bench.post_as("password", &change("correct horse", "short"), access(&up));
    weak.expect_error(400, "weak_password");
    let changed = bench.post_as("password", &change("correct horse", "another one"), access(&up));
    let changed = changed.expect_status(200).json();
    for ended in [&up, &other] {
        bench.get("user", access(ended)).expect_error(401, "unauthenticated");
        bench.refresh(ended).expect_error(401, "unauthenticated");
    }
    bench.get("user", access(&changed)).expect_status(200);
    bench.sign_in("ann@example.com", "correct horse").expect_error(401, "invalid_credentials");
    bench.sign_in("ann@example.com", "another one").expect_status(200);
}

#[test]
fn f3_a_revoked_session_stays_revoked_after_a_crash() {
    let mut bench = Bench::start(MANIFEST);
    let (gone, kept) = (
        bench.sign_up("ann@example.com", "correct horse"),
        bench.sign_up("bob@example.com", "correct horse"),
    );
    bench.post_as("sign-out", &json!({}), access(&gone)).expect_status(204);
    bench.server.kill9();
    bench.server.restart();
    bench.get("user", access(&gone)).expect_error(401, "unauthenticated");
    bench.refresh(&gone).expect_error(401, "unauthenticated");
    bench.get("user", access(&kept)).expect_status(200);
    bench.refresh(&kept).expect_status(200);
}

#[test]
fn f3_sessions_end_when_nobody_uses_them() {
    let bench = Bench::turned("[auth]\nemail = true\nrefresh = \"1d\"\n[function.hello]\n");
    let up = bench.sign_up("ann@example.com", "correct horse");
    bench.server.clock().turn(Duration::from_secs(86_390));
    let next = bench.refresh(&up).expect_status(200).json();
    bench.server.clock().turn(Duration::from_secs(2 * 86_400));
    bench.refresh(&next).expect_error(401, "unauthenticated");
}
