//! Threat F2: guessing ends after a few times, for accounts that are there and that are not.

use serde_json::json;

use super::bench::{Bench, MANIFEST};

#[test]
fn f2_guessing_ends_after_ten() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    bench.sign_up("bob@example.com", "correct horse");
    for email in ["ann@example.com", "nobody@example.com"] {
        for _ in 0..10 {
            bench.sign_in(email, "wrong horse").expect_error(401, "invalid_credentials");
        }
        let refused = bench.sign_in(email, "wrong horse").expect_status(429);
        assert_eq!(refused.code(), "too_many_attempts");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((800..=900).contains(&seconds), "{seconds}");
        // Case and space make no other account of it.
        bench
            .sign_in(&format!(" {}", email.to_uppercase()), "wrong horse")
            .expect_error(429, "too_many_attempts");
    }
    bench.sign_in("ann@example.com", "correct horse").expect_error(429, "too_many_attempts");
    bench.sign_in("bob@example.com", "correct horse").expect_status(200);
}

#[test]
fn f2_many_at_once_are_no_way_around() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..30).map(|_| scope.spawn(|| bench.sign_in("ann@example.com", "wrong horse").status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let judged = answers.iter().filter(|status| **status == 401).count();
    assert_eq!((judged, answers.len() - judged), (10, 20), "{answers:?}");
}

#[test]
fn f2_right_passwords_are_not_counted() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    for _ in 0..12 {
        bench.sign_in("ann@example.com", "correct horse").expect_status(200);
    }
}

/// The password of who is signed in can't be guessed either.
#[test]
fn f2_a_stolen_session_is_no_oracle() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let words = json!({ "old": "wrong horse", "new": "another one" });
    let token = up["access_token"].as_str().unwrap();
    for _ in 0..10 {
        bench.post_as("password", &words, token).expect_error(401, "invalid_credentials");
    }
    bench.post_as("password", &words, token).expect_error(429, "too_many_attempts");
}

#[test]
fn f2_nobody_makes_accounts_without_end() {
    let bench = Bench::start(MANIFEST);
    for _ in 0..100 {
        bench.post("anonymous", &json!({})).expect_status(200);
    }
    bench.post("anonymous", &json!({})).expect_error(429, "too_many_attempts");
    for number in 0..5 {
        let asked = bench.post("reset/request", &json!({ "email": "ann@example.com" }));
        assert_eq!(asked.status, 202, "{number}");
    }
    let asked = bench.post("reset/request", &json!({ "email": "ann@example.com" }));
    asked.expect_error(429, "too_many_attempts");
}
