//! Functions that send to queues, and what a function may know of itself (`ostro:queue/producer`, `ostro:functions/context`).

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::jobs::{Message, in_memory};
use crate::support::{Control, Request, Server, guest, shared};

/// A project with the function `send`, which may send to these queues.
fn sender(server: &Server, project: &str, queues: &[&str]) -> Control {
    let control = server.project(project);
    let grants: Vec<String> = queues.iter().map(|queue| format!("queue:{queue}:send")).collect();
    control.deploy("send", &guest::component("send"), &json!({ "grants": grants }));
    control
}

/// Lets the function send these.
fn send(server: &Server, control: &Control, queue: &str, messages: &[Message<'_>]) -> Answer {
    send_bytes(server, control, queue, messages.len(), in_memory(messages))
}

fn send_bytes(server: &Server, control: &Control, queue: &str, count: usize, bytes: Vec<u8>) -> Answer {
    let host = format!("send--{}.localhost", control.project);
    Request::new("POST", &format!("/{count}?{queue}"), &host).body(bytes).send(server.listen)
}

/// The ids that the function was given.
fn sent(answer: Answer) -> Vec<String> {
    answer.expect_status(200).text().lines().map(str::to_owned).collect()
}

fn plain(body: &str) -> Message<'_> {
    Message { body: body.as_bytes(), content_type: "text/plain", ..Message::default() }
}

#[test]
fn what_one_function_sends_another_receives() {
    let server = Server::start_turned();
    let control = sender(&server, "shop", &["post"]);
    control.deploy("post", &guest::component("envelope"), &json!({ "queues": [{ "name": "post" }] }));
    let began = Instant::now();
    let message = Message {
        body: b"{\"to\": 1.50}",
        content_type: "application/vnd.mail+json",
        order: Some("ann"),
        ..Message::default()
    };
    let ids = sent(send(&server, &control, "post", &[message]));
    assert_eq!(ids.len(), 1);
    let job = control.job_in(&ids[0], "done");
    assert_eq!((&job["queue"], &job["starts"], &job["failures"]), (&json!("post"), &json!(1), &json!(0)));
    // It was woken and did not wait for the next look, nor for anything that is turned with the clock.
    assert!(began.elapsed().as_millis() < 5_000, "{:?}", began.elapsed());
    let lines = control.lines("post", 11);
    assert_eq!(lines[lines.len() - 1], "{\"to\": 1.50}", "not a byte is changed");
    for expected in [
        format!("ce-id: {}", ids[0]),
        "content-type: application/vnd.mail+json".to_owned(),
        "ce-ostroorderkey: ann".to_owned(),
    ] {
        assert!(lines.contains(&expected), "no {expected:?} in {lines:#?}");
    }
    let calls = control.invocations("send", 1)[0]["bill"]["host_calls"].clone();
    assert!(
        calls.as_array().unwrap().contains(&json!({ "interface": "ostro:queue/producer", "calls": 1 })),
        "{calls}"
    );
}

#[test]
fn a_batch_is_sent_in_order_and_duplicates_are_one() {
    let server = shared();
    let control = sender(&server, "batches", &["many"]);
    let bodies: Vec<String> = (0..1_000).map(|number| format!("message {number}")).collect();
    let messages: Vec<Message<'_>> = bodies.iter().map(|body| plain(body)).collect();
    let ids = sent(send(&server, &control, "many", &messages));
    assert_eq!(ids.len(), 1_000);
    assert_eq!(control.queue("many")["waiting"], 1_000);
    let list = control.get("queues/many/messages?limit=100").expect_status(200).json();
    for (message, (id, body)) in list["messages"].as_array().unwrap().iter().zip(ids.iter().zip(&bodies)) {
        assert_eq!((&message["id"], &message["payload"]), (&json!(id), &json!(body)));
    }
    let keyed = Message { dedupe: Some("order-7"), ..plain("once") };
    let first = sent(send(&server, &control, "many", &[keyed]));
    let again = sent(send(&server, &control, "many", &[plain("new"), keyed, keyed]));
    assert_eq!((&again[1], &again[2]), (&first[0], &first[0]));
    assert_eq!(control.queue("many")["waiting"], 1_002);
    assert_eq!(sent(send(&server, &control, "many", &[])), [""; 0]);
    let late = Message { delay_ms: 14 * 86_400_000, ..plain("later") };
    let id = sent(send(&server, &control, "many", &[late])).remove(0);
    let job = control.job(&id);
    let wait = job["run_at_ms"].as_i64().unwrap() - job["enqueued_ms"].as_i64().unwrap();
    assert_eq!(wait, 14 * 86_400_000, "{job}");
}

#[test]
fn a_queue_needs_its_grant_and_exists_with_it() {
    let server = shared();
    let control = sender(&server, "granted", &["open"]);
    let queue = control.queue("open");
    assert_eq!((&queue["waiting"], &queue["consumer"]), (&json!(0), &Value::Null), "made by the grant");
    for name in ["closed", "ope", "open:send", ""] {
        let refused = send(&server, &control, name, &[plain("x")]).expect_status(403).text();
        assert!(refused.contains(&format!("add \"queue:{name}:send\"")), "{refused}");
    }
    let lines = control.lines("send", 4);
    assert!(lines[0].contains("add \"queue:closed:send\" to the function's grants"), "{lines:?}");
    // A queue of the same name in another project is another queue.
    let other = sender(&server, "granted-too", &["open"]);
    sent(send(&server, &control, "open", &[plain("ours")]));
    assert_eq!((&control.queue("open")["waiting"], &other.queue("open")["waiting"]), (&json!(1), &json!(0)));
}

#[test]
fn what_breaks_a_limit_is_refused_as_a_whole() {
    let server = shared();
    let control = sender(&server, "bounds", &["narrow"]);
    let exact = vec![b'x'; 128 << 10];
    let over = vec![b'x'; (128 << 10) + 1];
    let body = |body| Message { body, ..Message::default() };
    let long = "k".repeat(257);
    for (what, message, reason) in [
        ("payload", body(&over[..]), "128 KiB"),
        ("delay", Message { delay_ms: 14 * 86_400_000 + 1, ..plain("x") }, "14 days"),
        ("dedupe", Message { dedupe: Some(&long), ..plain("x") }, "dedupe key"),
        ("order", Message { order: Some(""), ..plain("x") }, "order key"),
        ("type", Message { content_type: "a\nb", ..plain("x") }, "media type"),
    ] {
        let refused = send(&server, &control, "narrow", &[plain("fine"), message]).expect_status(422).text();
        assert!(refused.starts_with("message 1: ") && refused.contains(reason), "{what}: {refused}");
    }
    let many = vec![plain("x"); 1_001];
    let refused = send(&server, &control, "narrow", &many).expect_status(422).text();
    assert!(refused.contains("1001 messages"), "{refused}");
    assert_eq!(control.queue("narrow")["waiting"], 0, "nothing of a refused call is kept");
    sent(send(&server, &control, "narrow", &[body(&exact[..])]));
    assert_eq!(control.queue("narrow")["waiting"], 1);
}

/// C2: a list whose elements all point to the same bytes asks the host for far more than the guest has.
#[test]
fn c2_a_call_costs_the_host_no_more_than_its_bound() {
    let server = Server::start();
    let control = sender(&server, "bombs", &["narrow"]);
    let payload = vec![b'x'; 128 << 10];
    let record = in_memory(&[Message { body: &payload, ..Message::default() }]);
    // Every record points to the one payload, which stands behind all of them.
    let aliases = |count: usize| {
        let mut one: [u8; 48] = record[..48].try_into().unwrap();
        let at = u32::try_from((1 << 20) + count * 48).unwrap();
        one[..4].copy_from_slice(&at.to_le_bytes());
        let mut bytes = one.repeat(count);
        bytes.extend_from_slice(&payload);
        bytes
    };
    let send = |count| send_bytes(&server, &control, "narrow", count, aliases(count));
    assert_eq!(sent(send(64)).len(), 64, "8 MiB in all");
    let refused = send(65).expect_status(422).text();
    assert!(refused.contains("8 MiB"), "{refused}");
    let before = server.resident();
    for count in [100, 1_000, 100_000] {
        send(count).expect_error(500, "trap");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 100 << 20, "the host grew by {} MiB", grown >> 20);
    assert_eq!(control.queue("narrow")["waiting"], 64);
}

#[test]
fn a_function_knows_itself_and_its_names() {
    let server = shared();
    let control = server.project("knowing");
    let manifest = r#"
[function.about]
grants = ["queue:mail:send", "queue:audit:send"]
limits = { wall = "20s" }
[function.about.bindings]
MAIL = "queue:mail"
AUDIT = "queue:audit"
"#;
    let report =
        control.try_deploy_manifest("about", &guest::component("about"), manifest).expect_status(200).json();
    assert_eq!(report["kind"], "http-0.2");
    let ask = || Request::new("GET", "/", "about--knowing.localhost").send(server.listen).expect_status(200);
    let now_ms = || jiff::Timestamp::now().as_millisecond();
    let begin = now_ms();
    let answer = ask();
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["knowing", "about", "1"]);
    assert_eq!(Some(lines[3]), answer.header("ostro-invocation"));
    let deadline: i64 = lines[4].parse().unwrap();
    assert!((begin + 19_900..=now_ms() + 20_000).contains(&deadline), "{deadline} after {begin}");
    assert_eq!(lines[5..], ["AUDIT=queue:audit", "MAIL=queue:mail"]);
    assert_ne!(ask().text().lines().nth(3), Some(lines[3]));

    let detail = control.get("functions/about").expect_status(200).json();
    assert_eq!(detail["bindings"], json!({ "AUDIT": "queue:audit", "MAIL": "queue:mail" }));
    assert_eq!(
        (&detail["kind"], &detail["args"], &detail["concurrent"]),
        (&json!("http-0.2"), &json!([]), &json!(1))
    );

    // A flag deploy keeps them, and can't take away what they need.
    let about = guest::component("about");
    control.deploy("about", &about, &json!({ "env": { "A": "1" } }));
    assert_eq!(ask().text().lines().nth(5), Some("AUDIT=queue:audit"));
    for (what, flags) in [
        ("the grant goes", json!({ "grants": ["queue:mail:send"] })),
        ("a variable of that name", json!({ "env": { "MAIL": "x" } })),
        ("no grant", json!({ "bindings": { "OTHER": "queue:other" } })),
        ("no name", json!({ "bindings": { "1": "queue:mail" } })),
        ("at once, with WASI 0.2", json!({ "reuse": 8, "concurrent": 2 })),
        ("arguments", json!({ "args": ["-v"] })),
    ] {
        let answer = control.try_deploy("about", &about, &flags);
        assert_eq!(answer.status, 422, "{what}: {}", answer.text());
        assert!(answer.json()["error"]["hint"].is_string(), "{what}: {}", answer.text());
    }
    control.deploy("about", &about, &json!({ "bindings": {} }));
    assert_eq!(ask().text().lines().count(), 5);
}

#[test]
fn a_binding_without_its_grant_is_refused_with_its_line() {
    let server = shared();
    let control = server.project("unbound");
    let manifest =
        "[function.about]\nsource = \"about.wasm\"\n\n[function.about.bindings]\nMAIL = \"queue:mail\"\n";
    let answer = control.try_deploy_manifest("about", &guest::component("about"), manifest);
    answer.expect_error(422, "manifest");
    let error = answer.json()["error"].clone();
    assert_eq!(error["detail"], json!({ "line": 5, "column": 8 }));
    assert_eq!(error["hint"], "add \"queue:mail:send\" to the function's grants");
    assert!(control.functions().is_empty());
}

/// A binding belongs to the function, a variable to its revision: going back must not make one name two things.
#[test]
fn a_rollback_keeps_names_apart() {
    let server = shared();
    let control = server.project("named");
    let about = guest::component("about");
    control.deploy("about", &about, &json!({ "env": { "MAIL": "a variable" } }));
    let flags = json!({ "env": {}, "grants": ["queue:mail:send"], "bindings": { "MAIL": "queue:mail" } });
    control.deploy("about", &about, &flags);
    control.post("functions/about/rollback", &json!({ "to": 1 })).expect_error(409, "binding");
    control.deploy("about", &about, &json!({ "bindings": {} }));
    control.post("functions/about/rollback", &json!({ "to": 1 })).expect_status(200);
}

/// What `ostro invoke --call` does: a POST to `/_ostro/invoke`, which nobody else reaches.
#[test]
fn a_function_is_called_by_name_through_the_control_api_only() {
    let server = shared();
    let control = server.project("called");
    control.deploy("mirror", &guest::component("echo-request"), &json!({}));
    let call = |method: &str, path: &str| {
        control
            .request("POST", &format!("functions/mirror/invoke?method={method}&path={path}"))
            .header("content-type", "application/json")
            .header("ostro-pass", "guessed")
            .body("{\"a\":1}")
            .send(control.at)
    };
    let seen = call("POST", "/_ostro/invoke").expect_status(200);
    assert_eq!(seen.header("ostro-status"), Some("200"));
    let text = seen.text();
    assert!(text.starts_with("POST /_ostro/invoke\n"), "{text}");
    assert!(text.contains("\ncontent-type: application/json\n"), "{text}");
    assert!(!text.contains("ostro-pass"), "{text}");
    for (method, path) in [("GET", "/_ostro/invoke"), ("POST", "/_ostro/cron"), ("POST", "//_ostro/invoke")] {
        assert_eq!(
            call(method, path).expect_status(200).header("ostro-status"),
            Some("404"),
            "{method} {path}"
        );
    }
    for pass in ["", "guessed", &"0".repeat(64)] {
        Request::new("POST", "/_ostro/invoke", "mirror--called.localhost")
            .header("ostro-pass", pass)
            .body("{}")
            .send(server.listen)
            .expect_status(404);
    }
    // As a job, too.
    let path = "functions/mirror/invoke?async=true&path=/_ostro/invoke";
    let job = control.request("POST", path).body("{}").send(control.at).expect_status(202).json();
    let done = control.job_in(job["job"].as_str().unwrap(), "done");
    assert!(done.to_string().contains("POST /_ostro/invoke"), "{done}");
}
