//! Queues: what was acknowledged is delivered at least once, and ends done or dead (threats.md G3 to G7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::jobs::{eventually, ms};
use crate::support::upstream::Upstream;
use crate::support::{Control, Server, guest, shared};

/// One more than the lease.
const LEASE: Duration = Duration::from_secs(46);
/// The longest pause between two attempts.
const BACKOFF: Duration = Duration::from_secs(15 * 60);

/// Deploys a function that consumes the queue of the same name.
fn consume(control: &Control, queue: &str, component: &str, settings: &Value) {
    let mut trigger = json!({ "name": queue });
    for (key, value) in settings.as_object().unwrap() {
        trigger[key] = value.clone();
    }
    control.deploy(queue, &guest::component(component), &json!({ "queues": [trigger] }));
}

fn count(queue: &Value, what: &str) -> u64 {
    queue[what].as_u64().unwrap_or_else(|| panic!("no {what} in {queue}"))
}

/// The jobs of a queue in that state.
fn peek(control: &Control, queue: &str, state: &str) -> Vec<Value> {
    let list =
        control.get(&format!("queues/{queue}/messages?state={state}&limit=100")).expect_status(200).json();
    list["messages"].as_array().unwrap().clone()
}

#[test]
fn a_message_is_delivered_with_all_that_its_sender_said() {
    let server = Server::start_turned();
    let control = server.control();
    server.clock().set(ms("2026-05-04T10:00:00Z"));
    consume(&control, "post", "envelope", &json!({ "path": "/incoming" }));
    let answer = control
        .request("POST", "queues/post/messages?order=ann")
        .header("content-type", "application/vnd.mail+json")
        .body("{\"to\": 1.50}")
        .send(control.at)
        .expect_status(202);
    assert_eq!(answer.json()["duplicate"], false);
    let id = answer.json()["job"].as_str().unwrap().to_owned();
    let job = control.job_in(&id, "done");
    assert_eq!((&job["starts"], &job["failures"], &job["crashes"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!((&job["queue"], &job["trigger"]), (&json!("post"), &json!("queue")));
    let lines = control.lines("post", 11);
    assert_eq!(lines[0], "POST /incoming");
    assert_eq!(lines[lines.len() - 1], "{\"to\": 1.50}", "not a byte is changed");
    for expected in [
        "ce-specversion: 1.0".to_owned(),
        format!("ce-id: {id}"),
        "ce-source: /projects/default/queues/post".to_owned(),
        "ce-type: dev.ostro.queue.message".to_owned(),
        "ce-ostrostart: 1".to_owned(),
        "ce-ostroorderkey: ann".to_owned(),
        "content-type: application/vnd.mail+json".to_owned(),
        "ostro-trigger: queue".to_owned(),
    ] {
        assert!(lines.contains(&expected), "no {expected:?} in {lines:#?}");
    }
    let time = lines.iter().find_map(|line| line.strip_prefix("ce-time: ")).unwrap();
    assert!((ms(time) - ms("2026-05-04T10:00:00Z")).abs() < 60_000, "{time}");
    let queue = control.queue("post");
    assert_eq!((&queue["consumer"], count(&queue, "done"), count(&queue, "waiting")), (&json!("post"), 1, 0));
    let record = control.invocations("post", 1).remove(0);
    assert_eq!((&record["trigger"], &record["outcome"]), (&json!("queue"), &json!("ok")), "{record}");
    assert!(record["bill"]["bytes_in"].as_u64().unwrap() > 0, "{record}");
}

/// Failures are counted up to `attempts`; `Retry-After` wins over the back-off; what is dead can be sent again.
#[test]
fn a_message_that_fails_is_tried_again_and_then_dead() {
    let server = Server::start_turned();
    let control = server.control();
    consume(&control, "shaky", "worker", &json!({ "attempts": 3 }));
    let asked = control.send("shaky", "", "r7");
    let plain = control.send("shaky", "", "f");
    for failures in 1..3 {
        let job = control.job_when(&asked, |job| job["failures"] == failures && job["state"] == "waiting");
        let wait = job["run_at_ms"].as_i64().unwrap() - server.clock().now_ms();
        assert!((0..=7_000).contains(&wait) && wait > 4_000, "7 s were asked for, it comes in {wait} ms");
        let job = control.job_when(&plain, |job| job["failures"] == failures && job["state"] == "waiting");
        let wait = job["run_at_ms"].as_i64().unwrap() - server.clock().now_ms();
        assert!(wait <= 5_000 << failures, "{wait} ms after {failures} failures");
        server.clock().turn(Duration::from_secs(25));
    }
    for (id, reason) in [(&asked, "503"), (&plain, "500")] {
        let job = control.job_in(id, "dead");
        assert_eq!((&job["failures"], &job["starts"], &job["crashes"]), (&json!(3), &json!(3), &json!(0)));
        assert!(job["last_error"].as_str().unwrap().contains(reason), "{job}");
    }
    let dead = peek(&control, "shaky", "dead");
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().any(|job| job["payload"] == "r7"), "{dead:?}");

    let redriven = control.post("queues/shaky/redrive", &json!({ "jobs": [plain] })).expect_status(200);
    assert_eq!(redriven.json()["redriven"], 1);
    let job = control.job_when(&plain, |job| job["state"] == "waiting" && job["failures"] == 1);
    assert_eq!(control.job(&asked)["state"], "dead", "{job}");
    let purged = control.post("queues/shaky/purge", &json!({ "which": "dead" })).expect_status(200);
    assert_eq!(purged.json()["purged"], 1);
    let purged = control.post("queues/shaky/purge", &json!({ "which": "waiting" })).expect_status(200);
    assert_eq!(purged.json()["purged"], 1);
    let queue = control.queue("shaky");
    assert_eq!((count(&queue, "waiting"), count(&queue, "dead"), count(&queue, "running")), (0, 0, 0));
    control.get(&format!("jobs/{asked}")).expect_error(404, "not_found");
    let sender = control.make_token(&["invoke"]);
    sender.try_send("shaky", "", "m").expect_status(202);
    sender.post("queues/shaky/purge", &json!({ "which": "dead" })).expect_error(403, "forbidden");
}

/// G7: a dedupe key stands for one message of one queue of one project, until 24 h after its end.
#[test]
fn g7_dedupe_keys_are_scoped_and_end_after_a_day() {
    let server = Server::start_turned();
    let (ours, theirs) = (server.project("ours"), server.project("theirs"));
    for control in [&ours, &theirs] {
        consume(control, "orders", "worker", &json!({}));
    }
    consume(&ours, "other", "worker", &json!({}));
    let first = ours.send("orders", "?key=order-7", "one");
    ours.job_in(&first, "done");
    let again = || ours.try_send("orders", "?key=order-7", "two").expect_status(202).json();
    assert_eq!(again(), json!({ "job": first, "duplicate": true }));
    for (control, queue) in [(&theirs, "orders"), (&ours, "other")] {
        let answer = control.try_send(queue, "?key=order-7", "three").expect_status(202).json();
        assert_eq!(answer["duplicate"], false, "{queue}: {answer}");
    }
    server.clock().turn(Duration::from_secs(24 * 3600 - 30));
    assert_eq!(again()["job"], json!(first), "half a minute before the end of the window");
    server.clock().turn(Duration::from_secs(60));
    let new = eventually(again, |answer| answer["duplicate"] == false);
    assert_ne!(new["job"], json!(first));
    // Within one batch, too.
    let batch = json!({ "messages": [{ "body": "a", "key": "b-1" }, { "body": "b", "key": "b-1" }] });
    let jobs = ours.post("queues/orders/batch", &batch).expect_status(202).json();
    assert_eq!((&jobs["jobs"][0]["duplicate"], &jobs["jobs"][1]["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(jobs["jobs"][0]["job"], jobs["jobs"][1]["job"]);
}

/// G7: one in flight per order key, first in first out; a stuck head holds its own key only, and a dead one lets the next go.
#[test]
fn g7_an_order_key_keeps_its_order() {
    let server = Server::start_turned();
    let control = server.control();
    consume(&control, "lines", "worker", &json!({ "attempts": 2, "concurrency": 8 }));
    let head = control.send("lines", "?order=a", "r5");
    let held: Vec<String> =
        ["s40", "s5", "s1"].iter().map(|body| control.send("lines", "?order=a", body)).collect();
    let others = ["?order=b", "?order=c", ""].map(|order| control.send("lines", order, "m"));
    for id in &others {
        control.job_in(id, "done");
    }
    control.job_when(&head, |job| job["failures"] == 1 && job["state"] == "waiting");
    assert_eq!(control.states(&held), ["waiting"; 3], "the head waits for its next attempt");
    server.clock().turn(Duration::from_secs(6));
    control.job_in(&head, "dead");
    let ends: Vec<Value> = held.iter().map(|id| control.job_in(id, "done")).collect();
    assert!(ends.iter().all(|job| job["starts"] == 1), "{ends:#?}");
    let printed: Vec<String> =
        control.lines("lines", 8).into_iter().filter(|line| line.starts_with('s')).collect();
    assert_eq!(printed, ["s40", "s5", "s1"], "the slowest was the first");
}

#[test]
fn a_delayed_message_waits_for_its_time() {
    let server = Server::start_turned();
    let control = server.control();
    consume(&control, "later", "worker", &json!({}));
    let begin = server.clock().now_ms();
    let id = control.send("later", "?delay=10s", "m");
    let due = control.job(&id)["run_at_ms"].as_i64().unwrap();
    assert!((10_000..12_000).contains(&(due - begin)), "due {} ms after it was sent", due - begin);
    server.clock().set(due - 2_000);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(control.job(&id)["state"], "waiting");
    assert_eq!(peek(&control, "later", "waiting").len(), 1);
    server.clock().set(due + 1);
    control.job_in(&id, "done");
    control.try_send("later", "?delay=soon", "m").expect_error(422, "message");
}

/// G6: a full queue takes nothing more, all or nothing, and no other queue suffers.
#[test]
fn g6_a_flood_is_refused_and_nothing_is_lost() {
    const HOLDS: usize = 100_000;
    let server = Server::start();
    let control = server.control();
    let manifest = "[function.parked]\n[queue.flood]\n[queue.calm]\n";
    control.try_deploy_manifest("parked", &guest::component("hello"), manifest).expect_status(200);
    let batch = json!({ "messages": vec![json!({ "body": "m" }); 1_000] });
    for _ in 0..HOLDS / 1_000 - 1 {
        control.post("queues/flood/batch", &batch).expect_status(202);
    }
    control.send_all("flood", &["m"; 999]);
    control
        .post("queues/flood/batch", &json!({ "messages": [{ "body": "a" }, { "body": "b" }] }))
        .expect_error(429, "queue_full");
    assert_eq!(count(&control.queue("flood"), "waiting"), HOLDS as u64 - 1, "all or none");
    control.send("flood", "", "the last");
    let refused = control.try_send("flood", "", "one too many");
    refused.clone().expect_error(429, "queue_full");
    control.deploy("sender", &guest::component("send"), &json!({ "grants": ["queue:flood:send"] }));
    let message = crate::support::jobs::in_memory(&[crate::support::jobs::Message::default()]);
    server.post("sender", "/1?flood", message).expect_status(429);
    assert!(refused.message().contains("flood"), "{}", refused.text());
    assert_eq!(count(&control.queue("flood"), "waiting"), HOLDS as u64);
    control.send("calm", "", "m");
    // A function's waiting calls are another lane.
    let call = control.invoke_async("parked", "&method=GET", "");
    control.job_in(&call, "done");
    let purged = control.post("queues/flood/purge", &json!({ "which": "waiting" })).expect_status(200);
    assert_eq!(purged.json()["purged"], HOLDS);
    control.send("flood", "", "room again");
}

/// G6: dead letters are kept as long as their queue says, then forgotten.
#[test]
fn g6_dead_letters_do_not_pile_up() {
    let server = Server::start_turned();
    let control = server.control();
    let manifest = "[function.grave]\nqueues = [{ name = \"short\", attempts = 1 }, { name = \"long\", attempts = 1 }]\n\
                    [queue.short]\nretention = \"1h\"\n";
    control.try_deploy_manifest("grave", &guest::component("worker"), manifest).expect_status(200);
    let ids = ["short", "long"].map(|queue| control.send(queue, "", "f"));
    for id in &ids {
        control.job_in(id, "dead");
    }
    server.clock().turn(Duration::from_secs(3600 + 60));
    control.queue_when("short", |queue| queue["dead"] == 0);
    assert_eq!(count(&control.queue("long"), "dead"), 1);
    server.clock().turn(Duration::from_secs(14 * 24 * 3600));
    control.queue_when("long", |queue| queue["dead"] == 0);
}

/// G6: messages of a queue whose consumer is gone stay, and the next one gets them.
#[test]
fn g6_messages_of_a_deleted_consumer_are_parked() {
    let server = Server::start();
    let control = server.control();
    consume(&control, "parking", "worker", &json!({}));
    let second = |control: &Control| {
        let flags = json!({ "queues": [{ "name": "parking" }] });
        control.try_deploy("second", &guest::component("worker"), &flags)
    };
    let refused = second(&control);
    refused.clone().expect_error(409, "conflict");
    assert!(refused.message().contains("parking"), "the holder is not named: {}", refused.text());
    assert!(!control.functions().contains(&"second".to_owned()));
    // Queues of two projects have nothing to do with each other.
    second(&server.project("elsewhere")).expect_status(200);

    control.delete("functions/parking").expect_status(204);
    let parked: Vec<String> = control.send_all("parking", &["a", "b", "c"]);
    let queue = control.queue("parking");
    assert_eq!((&queue["consumer"], count(&queue, "waiting")), (&Value::Null, 3), "{queue}");
    second(&control).expect_status(200);
    for id in &parked {
        control.job_in(id, "done");
    }
    assert_eq!(control.queue("parking")["consumer"], "second");
    // A queue that nobody has declared does not come into being by a typing error.
    control.try_send("parkinng", "", "m").expect_error(404, "not_found");
}

/// Every message of a batch is judged by itself: those that the guest names come again, the others are done.
#[test]
fn named_messages_fail_alone() {
    let server = Server::start_turned();
    let control = server.control();
    consume(&control, "named", "batch", &json!({ "batch": 10, "concurrency": 1, "attempts": 2 }));
    let ids = control.send_all("named", &["a", "f", "b", "r9000", "c"]);
    let (failing, asking) = (&ids[1], &ids[3]);
    for id in [&ids[0], &ids[2], &ids[4]] {
        let job = control.job_in(id, "done");
        assert_eq!((&job["starts"], &job["failures"]), (&json!(1), &json!(0)), "{job}");
    }
    let job = control.job_when(asking, |job| job["failures"] == 1);
    let wait = job["run_at_ms"].as_i64().unwrap() - server.clock().now_ms();
    assert!((6_000..=9_000).contains(&wait), "9 s were asked for, it comes in {wait} ms");
    control.job_when(failing, |job| job["failures"] == 1);
    server.clock().turn(Duration::from_secs(11));
    for id in [failing, asking] {
        let job = control.job_in(id, "dead");
        assert!(job["last_error"].as_str().unwrap().contains("asked to fail"), "{job}");
    }
    assert_eq!(control.lines("named", 6)[0], "5", "one delivery for all of them");
    // What the guest itself calls a failure is not called a success in its records.
    assert!(control.invocations("named", 2).iter().all(|record| record["outcome"] == "failed"));
}

/// G3: one message that traps in a batch of ten: nine are delivered, one is dead, none of the nine is blamed.
#[test]
fn g3_a_poisonous_message_is_found_by_halves() {
    let server = Server::start_turned();
    let control = server.control();
    for (queue, poison) in [("traps", "t"), ("refuses", "e")] {
        consume(&control, queue, "batch", &json!({ "batch": 10, "concurrency": 1, "attempts": 3 }));
        // The letters are none of those that mean something to the guest.
        let ids = control.send_all(queue, &["a", "b", "c", "d", poison, "k", "g", "h", "i", "j"]);
        let dead = eventually(
            || {
                server.clock().turn(Duration::from_secs(5));
                std::thread::sleep(Duration::from_millis(20));
                control.job(&ids[4])
            },
            |job| job["state"] == "dead",
        );
        assert_eq!((&dead["failures"], &dead["crashes"]), (&json!(3), &json!(0)), "{dead}");
        for (index, id) in ids.iter().enumerate().filter(|(index, _)| *index != 4) {
            let job = control.job_in(id, "done");
            assert_eq!(job["failures"], 0, "message {index}: {job}");
        }
        let sizes: Vec<u32> = control.lines(queue, 1).iter().filter_map(|line| line.parse().ok()).collect();
        assert!(sizes[0] <= 10 && sizes.contains(&5), "halves: {sizes:?}");
    }
}

/// G3: a handler that computes without end is a failure like any other, under the function's limits for jobs.
#[test]
fn g3_loops_and_oversized_messages_are_bounded() {
    let server = shared();
    let control = server.control();
    let flags = json!({
        "queues": [{ "name": "bounded", "attempts": 1 }],
        "jobs": { "cpu": "100ms", "wall": "3s" },
    });
    control.deploy("bounded", &guest::component("worker"), &flags);
    let ids = [("l", "cpu"), ("s60000", "deadline"), ("t", "trap")];
    for (body, reason) in ids {
        let job = control.job_in(&control.send("bounded", "", body), "dead");
        let error = job["last_error"].as_str().unwrap().to_ascii_lowercase();
        assert!(
            error.contains(reason) || (reason == "deadline" && error.contains("time")),
            "{body}: {error}"
        );
        assert_eq!((&job["failures"], &job["crashes"]), (&json!(1), &json!(0)), "{job}");
    }
    // What is too large or malformed is refused at the door.
    let largest = "m".repeat(128 << 10);
    control.job_in(&control.send("bounded", "", &largest), "done");
    control.try_send("bounded", "", &format!("{largest}m")).expect_error(413, "too_large");
    for body in [
        json!({}),
        json!({ "messages": [{}] }),
        json!({ "messages": [{ "body": "m", "colour": 1 }] }),
        json!([]),
    ] {
        let answer = control.post("queues/bounded/batch", &body);
        assert!(matches!(answer.status, 400 | 422), "{body}: {} {}", answer.status, answer.text());
    }
    let many = json!({ "messages": vec![json!({ "body": "m" }); 1_001] });
    let answer = control.post("queues/bounded/batch", &many);
    assert!(matches!(answer.status, 400 | 413 | 422), "{} {}", answer.status, answer.text());
    let long = "k".repeat(257);
    let answer = control.try_send("bounded", &format!("?key={long}"), "m");
    assert!(matches!(answer.status, 400 | 422), "{} {}", answer.status, answer.text());
}

/// G3: a message that takes the whole process with it runs out after three crashes; who was beside it is delivered.
#[test]
fn g3_a_message_that_kills_the_process_ends_dead() {
    let mut server = Server::start_turned();
    consume(&server.control(), "deadly", "batch", &json!({ "batch": 10, "concurrency": 4 }));
    let ids = server.control().send_all("deadly", &["a", "b", "s60000", "c", "d"]);
    let poison = &ids[2];
    for crash in 1..=3 {
        let control = server.control();
        eventually(
            || {
                if crash > 1 {
                    server.clock().turn(Duration::from_secs(5));
                    std::thread::sleep(Duration::from_millis(20));
                }
                control.job(poison)
            },
            |job| job["state"] == "running" && job["starts"] == crash,
        );
        server.kill9();
        server.clock().turn(LEASE);
        server.restart();
        server.control().job_when(poison, |job| job["crashes"] == crash);
    }
    let control = server.control();
    let job = control.job_in(poison, "dead");
    assert_eq!(
        (&job["starts"], &job["failures"], &job["crashes"]),
        (&json!(3), &json!(0), &json!(3)),
        "{job}"
    );
    assert!(job["last_error"].as_str().is_some_and(|error| !error.is_empty()), "{job}");
    for id in [&ids[0], &ids[1], &ids[3], &ids[4]] {
        let job = eventually(
            || {
                server.clock().turn(Duration::from_secs(5));
                std::thread::sleep(Duration::from_millis(10));
                control.job(id)
            },
            |job| job["state"] == "done",
        );
        assert_eq!(job["failures"], 0, "{job}");
        assert!(job["crashes"].as_u64() < Some(3), "{job}");
    }
}

/// G4: a lease lasts as long as its holder lives, and no longer.
#[test]
fn g4_a_long_job_keeps_its_lease_and_is_recovered_when_its_server_dies() {
    let mut server = Server::start_turned();
    let control = server.control();
    consume(&control, "patient", "worker", &json!({}));
    let id = control.send("patient", "", "s60000");
    control.job_in(&id, "running");
    for _ in 0..120 {
        server.clock().turn(Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(25));
    }
    let job = control.job(&id);
    assert_eq!(
        (&job["state"], &job["starts"], &job["crashes"]),
        (&json!("running"), &json!(1), &json!(0)),
        "{job}"
    );
    server.kill9();
    let died_ms = server.clock().now_ms();
    server.restart();
    let control = server.control();
    let job = eventually(
        || {
            server.clock().turn(Duration::from_secs(1));
            std::thread::sleep(Duration::from_millis(15));
            control.job(&id)
        },
        |job| job["state"] == "running" && job["starts"] == 2,
    );
    assert_eq!(job["crashes"], 1);
    let took = server.clock().now_ms() - died_ms;
    assert!(took <= 60_000, "recovered after {took} ms");
}

/// G4: nothing is extended for ever: a run ends at the function's wall time for jobs.
#[test]
fn g4_no_run_is_longer_than_its_limit() {
    let server = shared();
    let control = server.control();
    let flags = json!({ "queues": [{ "name": "endless", "attempts": 2 }], "jobs": { "wall": "300ms" } });
    control.deploy("endless", &guest::component("worker"), &flags);
    let begin = Instant::now();
    let id = control.send("endless", "", "s60000");
    control.job_when(&id, |job| job["failures"] == 1);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// G5: what fails together does not come back together, and never more at once than the consumer takes.
#[test]
fn g5_a_retry_storm_is_spread() {
    const MESSAGES: usize = 100;
    let server = Server::start_turned();
    let control = server.control();
    // What the handlers need has died: it takes connections and closes them.
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&peak);
    let died = Upstream::start(move |stream| {
        highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        now.fetch_sub(1, Ordering::SeqCst);
        drop(stream);
    });
    let flags = json!({
        "queues": [{ "name": "storm", "concurrency": 4, "attempts": 2 }],
        "grants": [died.grant()],
    });
    control.deploy("storm", &guest::component("call"), &flags);
    control.send_all("storm", &vec![format!("http://{}/", died.at); MESSAGES]);
    control.queue_when("storm", |_| died.seen().len() >= MESSAGES);
    let failed = eventually(
        || peek(&control, "storm", "waiting"),
        |waiting| waiting.iter().all(|job| job["failures"] == 1),
    );
    // Where machines are slow, some have come back already.
    assert!(failed.len() > MESSAGES / 4, "{} wait", failed.len());
    let mut due: Vec<i64> = failed.iter().map(|job| job["run_at_ms"].as_i64().unwrap()).collect();
    due.dedup();
    assert!(due.len() > failed.len() / 2, "they come back together: {due:?}");
    assert!(due[due.len() - 1] - due[0] > 1_000, "they come back within {} ms", due[due.len() - 1] - due[0]);
    server.clock().turn(BACKOFF);
    control.queue_when("storm", |queue| count(queue, "dead") == MESSAGES as u64);
    assert_eq!(died.seen().len(), 2 * MESSAGES, "two attempts each");
    let most = peak.load(Ordering::SeqCst);
    assert!((1..=4).contains(&most), "{most} at once");
}

/// A job is an invocation like any other: it reaches what its function was granted, and nothing else.
#[test]
fn a_consumer_reaches_what_it_was_granted() {
    let server = shared();
    let control = server.control();
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let component = guest::component("call");
    let queue = |name| json!([{ "name": name, "attempts": 1 }]);
    control.deploy("calls", &component, &json!({ "queues": queue("calls"), "grants": [upstream.grant()] }));
    control.deploy("calls-not", &component, &json!({ "queues": queue("calls-not") }));
    let url = format!("http://{}/from-a-job", upstream.at);
    control.job_in(&control.send("calls", "", &url), "done");
    control.job_in(&control.send("calls-not", "", &url), "dead");
    assert_eq!(upstream.seen().len(), 1);
    assert!(upstream.seen()[0].starts_with("get /from-a-job http/1.1\r\n"), "{:?}", upstream.seen());
}

/// Many small messages, a few of them failing: all are settled, each in its own way.
#[test]
fn a_crowd_is_settled_one_by_one() {
    let server = Server::start_turned();
    let control = server.control();
    consume(&control, "crowd", "accept", &json!({ "batch": 100, "concurrency": 2, "attempts": 1 }));
    let bodies: Vec<String> =
        (0..1_000).map(|number| format!("{}{number}", if number % 20 == 7 { "f" } else { "" })).collect();
    let ids = control.send_all("crowd", &bodies);
    let queue = control.queue_when("crowd", |queue| count(queue, "waiting") + count(queue, "running") == 0);
    assert_eq!((count(&queue, "done"), count(&queue, "dead")), (950, 50), "{queue}");
    assert_eq!(control.states(&ids[5..9]), ["done", "done", "dead", "done"]);
    let starts: u64 = peek(&control, "crowd", "done").iter().map(|job| job["starts"].as_u64().unwrap()).sum();
    assert_eq!(starts, 100, "of the hundred that are shown, none was started twice");
}

/// SIGTERM: what runs is finished; what cannot be is given back without blame; what waits is there after the start.
#[test]
fn draining_loses_and_blames_nothing() {
    let mut server = Server::start_with(&["--drain-timeout", "1500ms"]);
    let control = server.control();
    consume(&control, "drained", "worker", &json!({ "concurrency": 2 }));
    let [short, long, waiting] = ["s700", "s20000", "m"].map(|body| {
        let id = control.send("drained", "", body);
        if body != "m" {
            control.job_in(&id, "running");
        }
        id
    });
    let begin = Instant::now();
    server.sigterm();
    let status = server.wait(Duration::from_secs(15));
    assert!(status.success(), "{status}\n{}", server.words());
    assert!(begin.elapsed() >= Duration::from_millis(500), "the short job was not waited for");
    server.restart();
    let control = server.control();
    let done = control.job_in(&short, "done");
    assert_eq!((&done["starts"], &done["crashes"]), (&json!(1), &json!(0)), "{done}");
    control.job_in(&waiting, "done");
    let again = control.job_when(&long, |job| job["state"] == "running" && job["starts"] == 2);
    assert_eq!((&again["failures"], &again["crashes"]), (&json!(0), &json!(0)), "{again}");
}

/// Refused at deploy, with the place in the manifest.
#[test]
fn queues_that_cannot_be_are_refused() {
    let server = shared();
    let worker = guest::component("worker");
    for (keys, place) in [
        ("{ batch = 3 }", "line 2, column 11"),
        ("{ name = \"Mail Box\" }", "line 2, column "),
        ("{ name = \"mail\", batch = 0 }", "line 2, column "),
        ("{ name = \"mail\", batch = 101 }", "line 2, column "),
        ("{ name = \"mail\", concurrency = 0 }", "line 2, column "),
        ("{ name = \"mail\", concurrency = 1001 }", "line 2, column "),
        ("{ name = \"mail\", attempts = 0 }", "line 2, column "),
        ("{ name = \"mail\", attempts = 101 }", "line 2, column "),
        ("{ name = \"mail\", path = \"mail\" }", "line 2, column "),
        ("{ name = \"mail\", colour = \"blue\" }", "line 2, column "),
        ("{ name = \"mail\" }, { name = \"mail\" }", "line 2, column "),
    ] {
        let manifest = format!("[function.unqueued]\nqueues = [{keys}]\n");
        let answer = server.control().try_deploy_manifest("unqueued", &worker, &manifest);
        answer.clone().expect_error(422, "manifest");
        assert!(answer.text().contains(place), "{keys}: {}", answer.text());
    }
    let manifest = "[function.unqueued]\n[queue.mail]\nretention = \"for ever\"\n";
    let answer = server.control().try_deploy_manifest("unqueued", &worker, manifest);
    answer.clone().expect_error(422, "manifest");
    assert!(answer.text().contains("line 3, column "), "{}", answer.text());
    assert!(!server.control().functions().contains(&"unqueued".to_owned()));
}
