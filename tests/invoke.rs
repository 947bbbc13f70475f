//! Invocations: what the guest sees, what the client gets, what is recorded.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Control, Request, guest, http2, shared};

#[test]
fn the_guest_sees_the_request_as_it_was_sent() {
    let server = shared();
    server.deploy("mirror", &guest::component("echo-request"), &json!({}));
    let own = server
        .request("PATCH", "mirror", "/a%2Fb/c?x=1&y=%20")
        .header("x-mine", "kept")
        .send(server.listen)
        .text();
    assert!(own.starts_with("PATCH /a%2Fb/c?x=1&y=%20\n"), "{own}");
    assert!(own.contains("\nx-mine: kept\n"), "{own}");
    assert!(own.contains("\nostro-trigger: http\n"), "{own}");
    assert!(!own.contains("\nx-forwarded-prefix:"), "{own}");
    let mounted = Request::new("BREW", "/mirror/pot?n=1", "127.0.0.1").send(server.listen).text();
    assert!(mounted.starts_with("BREW /pot?n=1\n"), "{mounted}");
    assert!(mounted.contains("\nx-forwarded-prefix: /mirror\n"), "{mounted}");
    for path in ["/mirror", "/mirror/"] {
        let seen = Request::new("GET", path, "127.0.0.1").send(server.listen).text();
        assert!(seen.starts_with("GET /\n"), "{path}: {seen}");
    }
}

#[test]
fn every_answer_carries_an_invocation_id() {
    let server = shared();
    server.deploy("tagged", &guest::component("hello"), &json!({}));
    server.deploy("tagged-trap", &guest::component("trap"), &json!({}));
    let mut ids = Vec::new();
    for (function, status) in [("tagged", 200), ("tagged", 200), ("tagged-trap", 500), ("tagged-nobody", 404)]
    {
        let answer = server.get(function, "/").expect_status(status);
        let id = answer.header("ostro-invocation").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'7'), "{id} is no UUIDv7");
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn http2_and_http1_share_the_port() {
    let server = shared();
    server.deploy("both", &guest::component("echo-body"), &json!({}));
    let body = crate::support::hostile::noise(200_000, 7);
    http2::run(async {
        let client = http2::Client::open(server.listen).await;
        let ask = || client.request("POST", "both.localhost", "/", body.clone());
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        for answer in [first, second, third] {
            let answer = answer.unwrap();
            assert_eq!((answer.status, answer.body.len()), (200, body.len()));
            assert!(answer.body == body, "bytes differ");
            assert!(answer.header("ostro-invocation").is_some());
        }
    });
    assert!(server.post("both", "/", body.clone()).body == body, "bytes differ");
}

#[test]
fn environment_random_and_clock() {
    let server = shared();
    server.deploy(
        "surroundings",
        &guest::component("env"),
        &json!({ "env": { "GREETING": "grüß dich", "EMPTY": "" } }),
    );
    for (path, status, value) in
        [("/?GREETING", 200, "grüß dich"), ("/?EMPTY", 200, ""), ("/?HOME", 404, ""), ("/?PATH", 404, "")]
    {
        let answer = server.get("surroundings", path);
        assert_eq!((answer.status, answer.text().as_str()), (status, value), "{path}");
    }
    server.deploy("dice", &guest::component("random"), &json!({}));
    let (one, two) = (server.get("dice", "/?32").body, server.get("dice", "/?32").body);
    assert_eq!((one.len(), two.len()), (32, 32));
    assert_ne!(one, two);
    server.deploy("watch", &guest::component("clock"), &json!({}));
    let step: u64 = server.get("watch", "/").text().parse().unwrap();
    assert!(step >= 1_000_000, "b9: a clock that steps by {step} ns measures too well");
}

#[test]
fn instances_are_fresh_unless_reuse_is_asked_for() {
    let server = shared();
    let counter = guest::component("counter");
    server.deploy("fresh", &counter, &json!({}));
    for _ in 0..5 {
        assert_eq!(server.get("fresh", "/").text(), "1");
    }
    server.deploy("reused", &counter, &json!({ "reuse": 3 }));
    let mut connection = crate::support::Connection::open(server.listen);
    let counts: Vec<String> = (0..9)
        .map(|_| {
            // One connection stays with one executor, one instance after the other.
            connection.send(&server.request("GET", "reused", "/").bytes());
            connection.answer().expect_status(200).text()
        })
        .collect();
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1", "2", "3"]);
}

#[test]
fn a_trap_ends_a_reused_instance() {
    let server = shared();
    server.deploy("stumbling", &guest::component("counter-then-trap"), &json!({ "reuse": 100 }));
    let mut connection = crate::support::Connection::open(server.listen);
    let answers: Vec<(u16, String)> = (0..6)
        .map(|_| {
            connection.send(&server.request("GET", "stumbling", "/").bytes());
            let answer = connection.answer();
            (answer.status, if answer.status == 200 { answer.text() } else { answer.code() })
        })
        .collect();
    let round = [(200, "1".to_owned()), (200, "2".to_owned()), (500, "trap".to_owned())];
    assert_eq!(answers, [round.clone(), round].concat());
}

#[test]
fn invoke_through_the_control_api() {
    let server = shared();
    let control = server.control();
    control.deploy("called", &guest::component("echo-request"), &json!({}));
    control.deploy("called-body", &guest::component("count-body"), &json!({}));
    control.deploy("called-trap", &guest::component("trap"), &json!({}));
    let invoke = |name: &str, query: &str, body: &str| {
        control.request("POST", &format!("functions/{name}/invoke{query}")).body(body).send(control.at)
    };
    let answer = invoke("called", "?method=PUT&path=/deep%3Fq%3D1", "").expect_status(200);
    assert!(answer.text().starts_with("PUT /deep?q=1\n"), "{}", answer.text());
    assert_eq!(answer.header("ostro-status"), Some("200"));
    assert!(answer.header("ostro-invocation").is_some());
    assert!(!answer.text().contains(&control.token), "the token reached the guest");
    assert!(!answer.text().contains("authorization"), "{}", answer.text());
    assert_eq!(invoke("called-body", "", "seven b").expect_status(200).text(), "7");
    let failed = invoke("called-trap", "", "").expect_status(200);
    assert_eq!(failed.header("ostro-status"), Some("500"));
    assert_eq!(failed.code(), "trap");
    invoke("called-nobody", "", "").expect_error(404, "not_found");
}

#[test]
fn every_invocation_has_a_record_and_a_bill() {
    let server = shared();
    let control = server.control();
    control.deploy("billed", &guest::component("count-body"), &json!({}));
    let answer = server.post("billed", "/path?secret=query", vec![b'x'; 5000]).expect_status(200);
    let record = control.invocations("billed", 1).remove(0);
    assert_eq!(record["id"], answer.header("ostro-invocation").unwrap());
    assert_eq!(record["revision"], 1);
    assert_eq!(record["trigger"], "http");
    assert_eq!(record["request"], "POST /path");
    assert_eq!(record["outcome"], "ok");
    assert_eq!(record["status"], 200);
    let bill = &record["bill"];
    assert_eq!((&bill["bytes_in"], &bill["bytes_out"]), (&json!(5000), &json!(4)));
    assert!(bill["wall_us"].as_u64().unwrap() > 0, "{bill}");
    assert!(bill["peak_memory_bytes"].as_u64().unwrap() >= 65536, "{bill}");
    control.deploy("billed-calls", &guest::component("log-lines"), &json!({}));
    server.get("billed-calls", "/").expect_status(200);
    let bill = control.invocations("billed-calls", 1).remove(0)["bill"].take();
    for interface in ["wasi:cli/stdout", "wasi:cli/stderr", "wasi:logging/logging"] {
        assert!(bill["host_calls"].to_string().contains(interface), "{interface} is not counted: {bill}");
    }
    control.deploy("billed-cpu", &guest::component("burn-50ms"), &json!({}));
    server.get("billed-cpu", "/").expect_status(200);
    let bill = control.invocations("billed-cpu", 1).remove(0)["bill"].take();
    let cpu = bill["cpu_us"].as_u64().unwrap();
    // It burns for 50 ms by the clock, of which others on this machine have their part.
    assert!(cpu > 3_000 && cpu <= bill["wall_us"].as_u64().unwrap() + 2_000, "{bill}");
    let list = control.get("functions").json();
    let view = list["functions"].as_array().unwrap().iter().find(|f| f["name"] == "billed").unwrap();
    assert_eq!((&view["invocations"], &view["failures"]), (&json!(1), &json!(0)));
}

#[test]
fn a_client_that_leaves_does_not_cut_the_work() {
    let server = shared();
    let control = server.control();
    let checkout = guest::component("checkout");
    control.deploy("till", &checkout, &json!({}));
    control.deploy("till-cancel", &checkout, &json!({ "on_disconnect": "cancel" }));
    leave_after(&control, server.listen, "till", Duration::from_millis(100));
    leave_after(&control, server.listen, "till-cancel", Duration::from_millis(100));
    assert_eq!(control.log("till", 1)[0]["message"], "charged");
    let record = control.invocations("till-cancel", 1).remove(0);
    assert_eq!(record["outcome"], "cancelled", "{record}");
    assert!(record["bill"]["wall_us"].as_u64().unwrap() < 1_490_000, "{record}");
    assert!(control.log("till-cancel", 0).iter().all(|line| line["message"] != "charged"));
}

#[test]
fn work_after_the_response_is_done_to_its_end() {
    let server = shared();
    server.deploy("later", &guest::component("after-response-work"), &json!({}));
    let begin = Instant::now();
    assert_eq!(server.get("later", "/").text(), "answered\n");
    assert!(
        begin.elapsed() < Duration::from_millis(1400),
        "the answer waited for the work: {:?}",
        begin.elapsed()
    );
    assert_eq!(server.control().log("later", 1)[0]["message"], "work is done");
    let record = server.control().invocations("later", 1).remove(0);
    assert!(record["bill"]["wall_us"].as_u64().unwrap() >= 1_490_000, "{record}");
}

#[test]
fn metrics_health_and_the_description_need_no_token() {
    let server = shared();
    server.deploy("counted", &guest::component("hello"), &json!({}));
    server.get("counted", "/").expect_status(200);
    let nobody = server.control().with_token("");
    assert_eq!(nobody.get("/health").expect_status(200).json()["status"], "ok");
    let metrics = nobody.get("/metrics").expect_status(200).text();
    assert!(metrics.lines().any(|line| line.starts_with("ostro_") && line.contains("counted")), "{metrics}");
    let description = nobody.get("/openapi.json").expect_status(200).json();
    for path in [
        "/v1/projects/{project}/functions/{function}/deploy",
        "/v1/projects/{project}/functions",
        "/v1/whoami",
    ] {
        assert!(description["paths"][path].is_object(), "{path} is not described");
    }
}

fn leave_after(control: &Control, at: std::net::SocketAddr, function: &str, stay: Duration) {
    let mut connection = crate::support::Connection::open(at);
    connection.send(&Request::new("GET", "/", &format!("{function}.localhost")).bytes());
    std::thread::sleep(stay);
    drop(connection);
    control.get("/health").expect_status(200);
}
