//! The server is killed while people sign up, renew their sessions and sign out.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bench::{Bench, MANIFEST};
use crate::support::Request;

const PASSWORD: &str = "correct horse";

/// What the server has answered to somebody.
struct Answered {
    email: String,
    /// The last session.
    grant: Value,
    is_over: bool,
}

/// Asks a server that may be gone; none where it is.
fn ask(at: SocketAddr, call: &str, body: &Value) -> Option<Value> {
    let request = Request::new("POST", &format!("/_ostro/v1/auth/{call}"), &at.to_string());
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.try_send(at).ok()?;
    if answer.body.is_empty() && answer.status != 204 {
        return None;
    }
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
    Some(if answer.status == 204 { Value::Null } else { answer.json() })
}

/// Somebody signs up; every other one renews the session once, and every third one ends it.
fn live(at: SocketAddr, email: &str, number: usize, all: &Mutex<Vec<Answered>>) -> Option<()> {
    let mut grant = ask(at, "sign-up", &json!({ "email": email, "password": PASSWORD }))?;
    if number.is_multiple_of(2) {
        grant = ask(at, "refresh", &json!({ "refresh_token": grant["refresh_token"] }))?;
    }
    let is_over = number.is_multiple_of(3);
    if is_over {
        ask(at, "sign-out", &json!({ "refresh_token": grant["refresh_token"] }))?;
    }
    all.lock().unwrap().push(Answered { email: email.to_owned(), grant, is_over });
    Some(())
}

#[test]
fn what_people_were_answered_survives_a_kill() {
    let mut bench = Bench::start(MANIFEST);
    let (at, all) = (bench.server.listen, Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for person in 0..4 {
            let all = &all;
            let many =
                move || (0..20).try_for_each(|n| live(at, &format!("p{person}-{n}@example.com"), n, all));
            scope.spawn(many);
        }
        let patience = Instant::now() + Duration::from_secs(120);
        while all.lock().unwrap().len() < 14 {
            assert!(Instant::now() < patience, "nobody signs up");
            std::thread::sleep(Duration::from_millis(2));
        }
        bench.server.kill9();
    });
    bench.server.restart();
    for (place, answered) in all.into_inner().unwrap().iter().enumerate() {
        let Answered { email, grant, is_over } = answered;
        // Keys outlive the server, too.
        let seen = bench.get("user", grant["access_token"].as_str().unwrap());
        let renewed = bench.refresh(grant);
        if *is_over {
            seen.expect_error(401, "unauthenticated");
            renewed.expect_error(401, "unauthenticated");
        } else {
            assert_eq!(seen.expect_status(200).json()["user"]["email"], json!(email));
            renewed.expect_status(200);
        }
        if place < 3 {
            bench.sign_in(email, PASSWORD).expect_status(200);
        }
    }
    // Whoever had no answer has an account or has none, and no half of one.
    for person in 0..4 {
        for n in 0..20 {
            let email = format!("p{person}-{n}@example.com");
            let again = bench.post("sign-up", &json!({ "email": email, "password": PASSWORD }));
            match again.status {
                200 => break,
                409 => bench.sign_in(&email, PASSWORD).expect_status(200),
                status => panic!("{status}: {}", again.text()),
            };
        }
    }
}
