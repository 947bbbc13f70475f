//! SIGTERM: what runs is finished, nothing new begins, the process ends well (E14).

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, Server, guest};

#[test]
fn e14_running_requests_finish_and_the_process_ends() {
    let mut server = Server::start();
    server.deploy("slow", &guest::component("sleeper"), &json!({}));
    server.deploy("stream", &guest::component("stream-slow"), &json!({}));
    server.deploy("later", &guest::component("after-response-work"), &json!({}));
    let idle = Connection::open(server.listen);
    let mut kept = Connection::open(server.listen);
    kept.send(&server.request("GET", "slow", "/?1").bytes());
    assert_eq!(kept.answer().status, 200);
    let ask = |function: &'static str, path: &'static str| {
        let (request, at) = (server.request("GET", function, path), server.listen);
        std::thread::spawn(move || request.send(at))
    };
    let running = [ask("slow", "/?1000"), ask("stream", "/"), ask("slow", "/?500")];
    std::thread::sleep(Duration::from_millis(150));
    let begin = Instant::now();
    server.sigterm();
    std::thread::sleep(Duration::from_millis(200));
    // New connections are not answered.
    let late = server.request("GET", "slow", "/?1").try_send(server.listen);
    assert!(late.as_ref().map_or(true, |answer| answer.status == 503), "{late:?}");
    for answer in running {
        let answer = answer.join().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.ended, crate::support::Ended::Complete);
    }
    let status = server.wait(Duration::from_secs(10));
    assert!(status.success(), "{status}\n{}", server.words());
    assert!(begin.elapsed() < Duration::from_secs(8), "idle connections held it up: {:?}", begin.elapsed());
    drop((idle, kept));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start();
    server.deploy("forever", &guest::component("sleeper"), &json!({}));
    let (request, at) = (server.request("GET", "forever", "/?20000"), server.listen);
    let running = std::thread::spawn(move || request.try_send(at));
    std::thread::sleep(Duration::from_millis(200));
    server.sigterm();
    std::thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    server.sigterm();
    server.wait(Duration::from_secs(5));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    running.join().unwrap().ok();
}

#[test]
fn what_was_deployed_is_there_after_a_restart() {
    let mut server = Server::start();
    server.deploy(
        "stays",
        &guest::component("env"),
        &json!({ "env": { "V": "kept" }, "routes": [{ "path": "/stays" }] }),
    );
    let token = server.token.clone();
    server.sigterm();
    assert!(server.wait(Duration::from_secs(35)).success());
    server.restart();
    assert_eq!(server.token, token, "the admin token must not change");
    assert_eq!(server.get("stays", "/?V").text(), "kept");
    assert_eq!(
        crate::support::Request::new("GET", "/stays?V", "default.localhost").send(server.listen).text(),
        "kept"
    );
}
