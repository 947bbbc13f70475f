//! Rollback: at once, without compiling, without a failed request.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, Server, guest, shared};

#[test]
fn the_old_answer_is_back_and_bindings_stay() {
    let server = shared();
    let control = server.control();
    let again = guest::variant("hello", "hello from ostro", "good day to you!");
    control.deploy("swing", &guest::component("hello"), &json!({ "routes": [{ "path": "/swing-old" }] }));
    control.deploy("swing", &again, &json!({ "routes": [{ "path": "/swing-new" }] }));
    assert_eq!(server.get("swing", "/").text(), "good day to you!\n");
    let report = control.post("functions/swing/rollback", &json!({})).expect_status(200).json();
    assert_eq!((&report["revision"], &report["previous"]), (&json!(1), &json!(2)));
    assert_eq!(server.get("swing", "/").text(), "hello from ostro\n");
    let shown = control.get("functions/swing").json();
    assert_eq!(shown["routes"], json!([{ "path": "/swing-new" }]), "routes stay as they are now");
    let list = control.get("functions/swing/revisions").json();
    let active: Vec<_> =
        list["revisions"].as_array().unwrap().iter().filter(|r| r["active"] == true).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0]["number"], 1);
    // The next deploy has a number of its own.
    let report = control.deploy("swing", &again, &json!({ "env": { "A": "1" } }));
    assert_eq!(report["revision"], 3);
    control.post("functions/swing/rollback", &json!({ "to": 99 })).expect_error(404, "not_found");
    control.post("functions/nobody/rollback", &json!({})).expect_error(404, "not_found");
}

#[test]
fn there_is_nothing_before_the_first_revision() {
    let server = shared();
    server.deploy("first", &guest::component("hello"), &json!({}));
    let answer = server.control().post("functions/first/rollback", &json!({}));
    assert!(matches!(answer.status, 404 | 409), "{}", answer.text());
    assert_eq!(server.get("first", "/").status, 200);
}

/// Deploys and rollbacks under load: no request fails, and none is served by what was replaced before it was sent.
#[test]
fn under_load_no_request_fails_and_none_is_stale() {
    let server = Server::start();
    let env = guest::component("env");
    let deploy = |value: u64| server.deploy("loaded", &env, &json!({ "env": { "V": value.to_string() } }));
    let back = |to: u64| {
        server.control().post("functions/loaded/rollback", &json!({ "to": to })).expect_status(200).json()
    };
    deploy(0);
    // The oldest value that a request sent now may be answered with, last, and what it was before.
    let oldest = Mutex::new(vec![0]);
    let allow = |value| oldest.lock().unwrap().push(value);
    let stop = AtomicBool::new(false);
    let mut quickest = Duration::MAX;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(|| client(&server, &oldest, &stop))).collect();
        // Value n is revision n + 1.
        for step in 1..=12_u64 {
            if step % 3 == 0 {
                allow(step - 2);
                let begin = Instant::now();
                assert_eq!(back(step - 1)["previous"], step);
                quickest = quickest.min(begin.elapsed());
                assert_eq!(server.get("loaded", "/?V").text(), (step - 2).to_string());
                back(step);
            }
            assert_eq!(deploy(step)["revision"], step + 1);
            allow(step);
            std::thread::sleep(Duration::from_millis(30));
        }
        stop.store(true, Ordering::Relaxed);
        let served: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert!(served > 100, "only {served} requests");
    });
    assert!(quickest < Duration::from_secs(1), "the quickest of four rollbacks took {quickest:?}");
}

/// Asks again and again; no answer may be older than all that was live since its request was sent.
fn client(server: &Server, oldest: &Mutex<Vec<u64>>, stop: &AtomicBool) -> u64 {
    let request = server.request("GET", "loaded", "/?V").bytes();
    let mut connection = Connection::open(server.listen);
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        let sent = oldest.lock().unwrap().len() - 1;
        connection.send(&request);
        let answer = connection.answer().expect_status(200);
        let value: u64 = answer.text().parse().unwrap();
        let least = oldest.lock().unwrap().iter().skip(sent).copied().min().unwrap();
        assert!(value >= least, "served {value} after {least} was live");
        served += 1;
    }
    served
}
