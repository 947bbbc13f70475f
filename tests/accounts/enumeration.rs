//! Threat F2: nothing tells whether there is an account, and a mail's token is good once.

use std::time::{Duration, Instant};

use serde_json::json;

use super::bench::{Bench, MANIFEST};
use crate::support::Request;

/// Sign-ins that are measured of each kind: fewer than may be wrong, for each address.
const ROUNDS: usize = 40;

/// Accounts that are there and that are not get the same answer in the same time. Measured in turns, so that a busy machine
/// is as busy for both; the median is what no single pause moves.
#[test]
fn f2_unknown_accounts_take_as_long_as_known_ones() {
    let bench = Bench::start(MANIFEST);
    for number in 0..5 {
        bench.sign_up(&format!("known{number}@example.com"), "correct horse");
    }
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = std::collections::BTreeSet::new();
    for round in 0..ROUNDS {
        for (kind, name) in ["known", "other"].into_iter().enumerate() {
            // Nine of each address, so that none is locked.
            let email = format!("{name}{}@example.com", round % 5);
            let began = Instant::now();
            let answer = bench.sign_in(&email, "wrong horse").expect_status(401);
            times[kind].push(began.elapsed());
            answers.insert(answer.text());
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    times.iter_mut().for_each(|times| times.sort());
    let [known, other] = times.map(|times| times[ROUNDS / 2]);
    eprintln!("f2 sign-in, median of {ROUNDS}: known account {known:?}, unknown account {other:?}");
    let apart = known.abs_diff(other);
    assert!(known > Duration::from_millis(5), "a hash takes longer than {known:?}");
    // Without the hash of nobody, the unknown one would take a tenth.
    assert!(apart < known.max(other) / 4 + Duration::from_millis(3), "known {known:?}, unknown {other:?}");
}

#[test]
fn f2_twins_of_an_address_are_one_account() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("jos\u{e9}@example.com", "correct horse");
    for twin in ["Jose\u{301}@Example.com", " JOS\u{c9}@example.com "] {
        let words = json!({ "email": twin, "password": "correct horse" });
        bench.post("sign-up", &words).expect_error(409, "email_taken");
        bench.post("sign-in", &words).expect_status(200);
    }
    // Looks alike and is not: Cyrillic o.
    bench.sign_up("j\u{43e}s\u{e9}@example.com", "another one");
}

#[test]
fn an_address_is_verified_by_a_mail() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let mails = bench.mails("verify");
    assert_eq!(
        (mails.len(), &mails[0]["email"], &mails[0]["user"]),
        (1, &up["user"]["email"], &up["user"]["id"])
    );
    let token = mails[0]["token"].clone();
    let password = json!({ "token": token, "password": "another one" });
    bench.post("reset", &password).expect_error(400, "invalid_token");
    bench.post("verify", &json!({ "token": "x" })).expect_error(400, "invalid_token");
    bench.post("verify", &json!({ "token": token })).expect_status(204);
    bench.post("verify", &json!({ "token": token })).expect_error(400, "invalid_token");
    let seen = bench.get("user", up["access_token"].as_str().unwrap()).expect_status(200).json();
    assert_eq!(seen["user"]["verified"], true);
}

#[test]
fn f2_a_reset_is_asked_for_with_one_answer_and_done_once() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let ask = |email: &str| {
        let answer = bench.post("reset/request", &json!({ "email": email })).expect_status(202);
        (answer.text(), answer.header("content-length").map(str::to_owned))
    };
    assert_eq!(ask("ann@example.com"), ask("nobody@example.com"));
    assert_eq!(ask("no address"), ask("nobody@example.com"));
    let first = bench.mail_token("reset", &[]);
    ask(" ANN@example.com");
    let token = bench.mail_token("reset", &[&first]);
    let reset =
        |token: &str, password: &str| bench.post("reset", &json!({ "token": token, "password": password }));
    reset(&token, "short").expect_error(400, "weak_password");
    let at_once: Vec<_> = std::thread::scope(|scope| {
        let (token, reset) = (&token, &reset);
        let threads: Vec<_> = (0..4)
            .map(|number| scope.spawn(move || reset(token, &format!("another one {number}")).status))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(at_once.iter().filter(|status| **status == 204).count(), 1, "{at_once:?}");
    let winner = at_once.iter().position(|status| *status == 204).unwrap();
    // The one before was as good until then.
    reset(&first, "another one").expect_error(400, "invalid_token");
    bench.refresh(&up).expect_error(401, "unauthenticated");
    bench.sign_in("ann@example.com", "correct horse").expect_error(401, "invalid_credentials");
    bench.sign_in("ann@example.com", &format!("another one {winner}")).expect_status(200);
    assert!(
        bench.mails("reset").iter().all(|mail| mail["email"] == "ann@example.com"),
        "nobody else gets one"
    );
}

/// Who has others ask for mails takes no mail from anybody, and sends no more than three.
#[test]
fn f2_asking_again_voids_no_link() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    let mut tokens: Vec<String> = Vec::new();
    for _ in 0..3 {
        bench.post("reset/request", &json!({ "email": "ann@example.com" })).expect_status(202);
        let known: Vec<&str> = tokens.iter().map(String::as_str).collect();
        tokens.push(bench.mail_token("reset", &known));
    }
    // With the mail of the sign-up that is all that an address is sent in a while.
    bench.post("reset/request", &json!({ "email": "ann@example.com" })).expect_status(202);
    bench
        .post("reset/request", &json!({ "email": "ann@example.com" }))
        .expect_error(429, "too_many_attempts");
    let words = json!({ "token": tokens[0], "password": "another one" });
    bench.post("reset", &words).expect_status(204);
    bench.sign_in("ann@example.com", "another one").expect_status(200);
    assert_eq!(bench.mails("reset").len(), 3);
}

/// What a client says of the host is in no mail.
#[test]
fn f2_hosts_are_in_no_mail() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    let request = Request::new("POST", "/_ostro/v1/auth/reset/request", "evil.example")
        .header("content-type", "application/json")
        .header("x-forwarded-host", "evil.example")
        .body(json!({ "email": "ann@example.com" }).to_string());
    request.send(bench.server.listen).expect_status(202);
    bench.mail_token("reset", &[]);
    assert!(!bench.mails("reset")[0].to_string().contains("evil"));
}
