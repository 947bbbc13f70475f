//! Calls between functions: what they give, what they are refused, and what holds however deep they go.
//!
//! The guest is `tests/guests-rust/call-script`: it does what the JSON of its body says, and may let another function do
//! something in turn.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::jobs::eventually;
use crate::support::{Answer, Connection, Control, Neighbour, Request, Server, example, guest, shared};

/// A project of its own, with functions that do what they are told.
struct Stage<'a> {
    server: &'a Server,
    project: &'static str,
    control: Control,
}

impl<'a> Stage<'a> {
    fn new(server: &'a Server, project: &'static str) -> Self {
        Self { server, project, control: server.project(project) }
    }

    fn script(&self, function: &str, flags: &Value) {
        self.control.deploy(function, &example::component("call-script"), flags);
    }

    /// Deploys `front`, which may call `back`, and `back`, which may call nobody.
    fn pair(self) -> Self {
        self.script("front", &json!({ "grants": ["function:back", "function:nobody"] }));
        self.script("back", &json!({}));
        self
    }

    fn request(&self, method: &str, function: &str, target: &str) -> Request {
        Request::new(method, target, &format!("{function}--{}.localhost", self.project))
    }

    fn ask(&self, function: &str, deed: &Value) -> Answer {
        self.request("POST", function, "/").body(deed.to_string()).send(self.server.listen)
    }

    /// What a function says that it has done.
    fn run(&self, function: &str, deed: &Value) -> Value {
        self.ask(function, deed).expect_status(200).json()
    }

    /// What `back` gives to `front`.
    fn call(&self, input: &Value) -> Value {
        self.run("front", &json!({ "do": "call", "function": "back", "input": input }))
    }
}

fn headers(echo: &Value) -> Vec<&str> {
    let mut headers: Vec<_> =
        echo["headers"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    headers.sort_unstable();
    headers
}

#[test]
fn a_call_is_a_post_of_json_and_its_answer_the_result() {
    let server = shared();
    let stage = Stage::new(&server, "calls-plain").pair();
    let echo = &stage.call(&json!({ "a": [1, "zwei"] }))["ok"];
    assert_eq!((&echo["method"], &echo["target"]), (&json!("POST"), &json!("/_ostro/invoke")));
    assert_eq!(
        (&echo["host"], &echo["body"]),
        (&json!("back.ostro.internal"), &json!(r#"{"a":[1,"zwei"]}"#))
    );
    assert_eq!(
        headers(echo),
        [
            "content-length: 16",
            "content-type: application/json",
            "ostro-trigger: function",
            "user-agent: ostro"
        ]
    );
    let caller = stage.control.invocations("front", 1).remove(0);
    let called = stage.control.invocations("back", 1).remove(0);
    assert_eq!((&called["trigger"], &called["parent"]), (&json!("function"), &caller["id"]), "{called}");
    assert_eq!((&caller["trigger"], caller.get("parent")), (&json!("http"), None), "{caller}");
    let billed = caller["bill"]["host_calls"].as_array().unwrap();
    let billed = billed.iter().find(|calls| calls["interface"] == "ostro:functions/invoke").unwrap();
    assert_eq!((&billed["calls"], billed["bytes"].as_u64() > Some(100)), (&json!(1), true), "{billed}");
    assert!(called["bill"]["cpu_us"].as_u64() > Some(0), "{called}");
    // Who has called is shown to the caller's owner as well.
    assert_eq!(
        stage.control.get("functions/front").json()["grants"],
        json!(["function:back", "function:nobody"])
    );
}

#[test]
fn a_caller_says_where_and_how_but_nothing_in_the_name_of_the_platform() {
    let server = shared();
    let stage = Stage::new(&server, "calls-options").pair();
    let call = |options: Value| {
        let deed = json!({ "do": "call", "function": "back", "input": null, "options": options });
        stage.run("front", &deed)["ok"].clone()
    };
    let echo = call(json!({ "path": "/a/b?c=d", "method": "PUT", "headers": {
        "x-mine": "kept", "ostro-user": "mallory", "ostro-trigger": "cron", "ce-id": "1", "x-forwarded-for": "::1",
        "forwarded": "for=evil", "host": "other", "content-length": "1000", "connection": "close",
        "content-type": "application/x-mine+json",
    } }));
    assert_eq!((&echo["method"], &echo["target"]), (&json!("PUT"), &json!("/a/b?c=d")));
    assert_eq!(
        headers(&echo),
        [
            "content-length: 4",
            "content-type: application/x-mine+json",
            "ostro-trigger: function",
            "user-agent: ostro",
            "x-mine: kept"
        ]
    );
    let echo = stage.run(
        "front",
        &json!({ "do": "call", "function": "back", "text": "",
        "options": { "method": "GET", "path": "/" } }),
    )["ok"]
        .clone();
    assert_eq!((&echo["method"], &echo["body"]), (&json!("GET"), &json!("")));
    assert_eq!(headers(&echo), ["ostro-trigger: function", "user-agent: ostro"]);
}

#[test]
fn what_is_no_result_is_an_error_by_which_the_caller_can_decide() {
    let server = shared();
    let stage = Stage::new(&server, "calls-fail").pair();
    let limits = json!({ "limits": { "cpu": "100ms", "wall": "1s", "memory": "32MiB" } });
    stage.script("back", &limits);
    let say = |status: u16, text: &str| json!({ "do": "say", "status": status, "text": text });
    for (input, kind, expected) in [
        (say(404, r#"{"why":"gone"}"#), "failed", json!({ "status": 404, "body": { "why": "gone" } })),
        (say(503, "later"), "failed", json!({ "status": 503, "body": "later" })),
        (say(500, ""), "failed", json!({ "status": 500 })),
        (say(200, "no json"), "failed", json!({ "status": 200, "code": "not_json", "body": "no json" })),
        (json!({ "do": "trap" }), "failed", json!({ "status": 500, "code": "trap" })),
        (json!({ "do": "spin" }), "failed", json!({ "status": 504, "code": "cpu_limit" })),
        (
            json!({ "do": "say", "bytes": 24 << 20 }),
            "failed",
            json!({ "status": 500, "code": "memory_limit" }),
        ),
        (json!({ "do": "rest", "ms": 20_000 }), "deadline", json!("the function did not answer in time")),
    ] {
        let told = stage.call(&input);
        assert_eq!((&told["error"], &told["text"]), (&json!(kind), &expected), "{input}");
    }
    assert_eq!(stage.call(&say(200, ""))["ok"], json!(null));
    assert_eq!(stage.call(&say(201, "[1]"))["ok"], json!([1]));
    let outcomes: Vec<_> =
        stage.control.invocations("back", 10).iter().map(|run| run["outcome"].clone()).collect();
    for outcome in ["trap", "cpu_limit", "memory_limit", "deadline"] {
        assert!(outcomes.contains(&json!(outcome)), "{outcome}: {outcomes:?}");
    }
}

#[test]
fn what_is_not_acceptable_calls_nobody() {
    let server = shared();
    let stage = Stage::new(&server, "calls-invalid").pair();
    let bad = |change: Value, expected: &str| {
        for deed in ["call", "send"] {
            let mut deed = json!({ "do": deed, "function": "back", "input": 1 });
            deed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let told = stage.run("front", &deed);
            let text = told["text"].as_str().unwrap_or_default();
            assert_eq!(told["error"], "invalid", "{deed} {told}");
            assert!(text.contains(expected), "{deed}: {text}");
        }
    };
    bad(json!({ "text": "{" }), "no JSON");
    bad(json!({ "text": "1 2" }), "no JSON");
    bad(json!({ "bytes": (8 << 20) + 1 }), "KiB are the most");
    bad(json!({ "options": "{" }), "options");
    bad(json!({ "options": { "pth": "/" } }), "unknown field `pth`");
    bad(json!({ "options": { "path": "nope" } }), "`path`");
    bad(json!({ "options": { "path": "/a b" } }), "`path`");
    bad(json!({ "options": { "path": "/a/../b" } }), "segments");
    bad(json!({ "options": { "method": "CONNECT" } }), "`method`");
    bad(json!({ "options": { "path": "/_ostro/cron" } }), "the platform's");
    bad(json!({ "options": { "method": "GET", "path": "/_ostro/invoke" } }), "the platform's");
    let invalid = |deed: Value| stage.run("front", &deed)["error"] == "invalid";
    let send = |options: Value| json!({ "do": "send", "function": "back", "input": 1, "options": options });
    assert!(invalid(send(json!({ "headers": {} }))));
    assert!(invalid(send(json!({ "delayMs": 15 * 86_400_000_i64 }))));
    assert!(invalid(send(json!({ "dedupeKey": "" }))));
    assert!(invalid(json!({ "do": "send", "function": "back", "bytes": (128 << 10) + 1 })));
    assert!(invalid(
        json!({ "do": "call", "function": "back", "input": 1, "options": { "headers": { "a b": "" } } })
    ));
    assert!(stage.control.invocations("back", 0).is_empty());
    // At the limits it is.
    let large = json!({ "do": "call", "function": "back", "bytes": 8 << 20, "options": { "path": "/" } });
    assert_eq!(stage.run("front", &large)["error"], "failed", "the answer is longer than the input: {large}");
    assert_eq!(stage.run("front", &large)["text"]["code"], "too_large");
    let message = json!({ "do": "send", "function": "back", "bytes": 128 << 10 });
    assert!(stage.run("front", &message)["ok"].is_string());
}

/// C7: a function of another project is as unknown as one that nobody has.
#[test]
fn c7_only_granted_functions_of_the_same_project_are_called() {
    let server = shared();
    let stage = Stage::new(&server, "calls-mine").pair();
    Stage::new(&server, "calls-theirs").script("theirs", &json!({}));
    stage.script("front", &json!({ "grants": ["function:theirs", "function:nobody"] }));
    for deed in ["call", "send"] {
        let told = |function: &str| {
            let told = stage.run("front", &json!({ "do": deed, "function": function, "input": 1 }));
            (told["error"].as_str().unwrap().to_owned(), told["text"].as_str().unwrap().to_owned())
        };
        let (kind, text) = told("theirs");
        assert_eq!(kind, "unknown-function");
        assert_eq!(told("nobody"), (kind, text.replace("theirs", "nobody")));
        let (kind, text) = told("back");
        assert_eq!(kind, "denied");
        assert!(text.contains("add \"function:back\" to the function's grants"), "{text}");
        assert_eq!(told("theirs--calls-theirs").0, "denied");
    }
    let fetch = |url: &str| stage.run("front", &json!({ "do": "fetch", "url": url }));
    let theirs = fetch("http://theirs.ostro.internal/");
    assert_eq!(
        (&theirs["status"], &theirs["body"]["error"]["code"]),
        (&json!(404), &json!("no_route")),
        "{theirs}"
    );
    let nobody = fetch("http://nobody.ostro.internal/");
    assert_eq!(nobody["body"]["error"], theirs["body"]["error"]);
    for (url, expected) in [
        ("http://back.ostro.internal/", "HttpRequestDenied"),
        ("https://nobody.ostro.internal/", "write http://nobody.ostro.internal/"),
        ("http://nobody.ostro.internal:8080/", "write http://nobody.ostro.internal/"),
        ("http://theirs--calls-theirs.ostro.internal/", "is no function"),
        ("http://ostro.internal/", "is no function"),
    ] {
        let told = fetch(url)["refused"].to_string();
        assert!(told.contains(expected), "{url}: {told}");
    }
    let grants = json!({ "grants": ["http:http://back.ostro.internal"] });
    let refused = stage.control.try_deploy("sly", &guest::component("hello"), &grants);
    assert!(refused.text().contains("write `function:back`"), "{refused:?}");
    let log = stage.control.log("front", 10);
    let has = |text: &str| log.iter().any(|line| line["message"].as_str().unwrap().contains(text));
    assert!(has("call of function back refused: not granted: add \"function:back\""), "{log:?}");
    assert!(has("https://nobody.ostro.internal is not served"), "{log:?}");
}

#[test]
fn any_http_client_of_a_guest_calls_a_function_by_its_name() {
    let server = shared();
    let stage = Stage::new(&server, "calls-http").pair();
    let fetch = |change: Value| {
        let mut deed = json!({ "do": "fetch", "url": "http://back.ostro.internal/a?b=c" });
        deed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        stage.run("front", &deed)
    };
    let spoofed = json!({ "ostro-user": "mallory", "ostro-trigger": "cron", "ce-id": "1", "x-real-ip": "::1",
        "x-mine": "kept" });
    let answer = fetch(json!({ "method": "PATCH", "text": "plain text", "headers": spoofed }));
    let echo = &answer["body"];
    assert_eq!((&answer["status"], &echo["method"]), (&json!(200), &json!("PATCH")));
    assert_eq!((&echo["target"], &echo["body"]), (&json!("/a?b=c"), &json!("plain text")));
    let seen: Vec<_> =
        headers(echo).into_iter().filter(|header| !header.starts_with("content-length")).collect();
    assert_eq!(seen, ["ostro-trigger: function", "user-agent: ostro", "x-mine: kept"]);
    assert!(answer["headers"].as_array().unwrap().contains(&json!("ostro-invocation")), "{answer}");
    let (caller, called) =
        (stage.control.invocations("front", 1).remove(0), stage.control.invocations("back", 1).remove(0));
    assert_eq!((&called["trigger"], &called["parent"]), (&json!("function"), &caller["id"]));
    assert_eq!(called["request"], "PATCH /a");
    // What a client sees of a function that fails, a function sees too.
    for (deed, status, code) in [
        (json!({ "do": "trap" }), 500, "trap"),
        (json!({ "do": "say", "status": 418, "text": "{\"error\":{\"code\":\"mine\"}}" }), 418, "mine"),
    ] {
        let answer = fetch(json!({ "method": "POST", "text": deed.to_string() }));
        assert_eq!((&answer["status"], &answer["body"]["error"]["code"]), (&json!(status), &json!(code)));
        assert!(!answer.to_string().contains("secret of the callee"), "{answer}");
    }
    for (url, status, code) in [
        ("http://BACK.ostro.internal./", 200, Value::Null),
        ("http://back.ostro.internal:80/", 200, Value::Null),
        ("http://back.ostro.internal/_ostro/cron", 404, json!("no_route")),
        ("http://back.ostro.internal//_ostro/queue", 404, json!("no_route")),
        ("http://back.ostro.internal/_ostro/health", 404, json!("no_route")),
        ("http://back.ostro.internal/%2e%2e/x", 400, json!("bad_request")),
    ] {
        let answer = fetch(json!({ "url": url }));
        assert_eq!(
            (&answer["status"], &answer["body"]["error"]["code"]),
            (&json!(status), &code),
            "{url} {answer}"
        );
    }
}

/// The head of a request whose body comes in chunks.
fn chunked(stage: &Stage<'_>, function: &str, target: &str) -> Vec<u8> {
    stage.request("POST", function, target).header("transfer-encoding", "chunked").bytes()
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

#[test]
fn bodies_stream_through_both_ways() {
    let server = shared();
    let stage = Stage::new(&server, "calls-stream");
    let relay = json!({ "grants": ["function:count", "function:slow", "function:second", "function:worker"],
        "limits": { "request_body": "64MiB" } });
    stage.script("relay", &relay);
    let large = json!({ "limits": { "request_body": "64MiB" } });
    stage.control.deploy("count", &guest::component("count-body"), &large);
    stage.control.deploy("slow", &guest::component("stream-slow"), &json!({}));
    let mut both = relay.clone();
    both["grants"] = json!(["function:echo"]);
    stage.control.deploy("worker", &example::component("p3-worker"), &both);
    stage.control.deploy("echo", &guest::component("echo-body"), &large);
    // A body that is larger than the function's memory, down two functions.
    let memory =
        json!({ "grants": ["function:count"], "limits": { "request_body": "64MiB", "memory": "16MiB" } });
    stage.script("second", &memory);
    let bytes = 32 << 20;
    let request = stage.request("POST", "second", "/?relay=http://count.ostro.internal/");
    let answer = request.body(vec![b'x'; bytes]).send(server.listen);
    assert_eq!((answer.status, answer.text().trim()), (200, bytes.to_string().as_str()));
    // The first piece of an answer does not wait for the last.
    let mut connection = Connection::open(server.listen);
    let begin = Instant::now();
    connection.send(&stage.request("GET", "relay", "/?relay=http://slow.ostro.internal/").bytes());
    connection.head();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"chunk\n");
    let first = begin.elapsed();
    while connection.chunk().unwrap().is_some() {}
    let whole = begin.elapsed();
    assert!(whole - first > Duration::from_millis(250), "the first came after {first:?} of {whole:?}");
    // Each piece comes back before the next one is sent: from a guest of 0.2, by way of one of 0.3.
    let mut connection = Connection::open(server.listen);
    connection.send(&chunked(&stage, "worker", "/relay?http://echo.ostro.internal/"));
    for round in 0..5 {
        let piece = format!("round {round}\n");
        connection.send(&chunk(&piece));
        if round == 0 {
            connection.head();
        }
        assert_eq!(String::from_utf8_lossy(&connection.chunk().unwrap().unwrap()), piece);
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), None);
}

/// C10: sixteen calls are inside each other, whatever the way; the seventeenth is refused.
#[test]
fn c10_calls_go_sixteen_deep_and_no_deeper() {
    let server = shared();
    let stage = Stage::new(&server, "calls-deep");
    stage.script("me", &json!({ "grants": ["function:me"] }));
    let dive = |via: &str| stage.run("me", &json!({ "do": "dive", "function": "me", "via": via }));
    let by_call = dive("call");
    assert_eq!((&by_call["depth"], &by_call["end"]["error"]), (&json!(16), &json!("loop")), "{by_call}");
    let by_http = dive("http");
    let end = &by_http["end"];
    assert_eq!(by_http["depth"], 16, "{by_http}");
    assert_eq!((&end["status"], &end["body"]["error"]["code"]), (&json!(508), &json!("loop")), "{by_http}");
    let log = stage.control.log("me", 20);
    let refused = |line: &&Value| {
        line["stream"] == "platform"
            && line["message"].as_str().unwrap().contains("16 calls between functions")
    };
    assert_eq!(log.iter().filter(refused).count(), 2, "{log:?}");
    // By jobs the depth goes on as well, and each says who has called it.
    let before = stage.control.invocations("me", 34).len();
    assert_eq!(before, 34);
    assert!(dive("send")["end"]["ok"].is_string());
    let runs = eventually(|| stage.control.invocations("me", before), |runs| runs.len() >= before + 17);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(stage.control.invocations("me", 0).len(), before + 17, "one by a client and sixteen jobs");
    let jobs: Vec<_> = runs.iter().filter(|run| run["trigger"] == "async").collect();
    assert_eq!(jobs.len(), 16);
    for job in jobs {
        assert!(runs.iter().any(|run| run["id"] == job["parent"]), "{job}");
    }
}

#[test]
fn a_call_that_nobody_waits_for_is_a_job() {
    let server = shared();
    let stage = Stage::new(&server, "calls-later").pair();
    let send = |input: Value, options: Value| {
        let deed = json!({ "do": "send", "function": "back", "input": input, "options": options });
        stage.run("front", &deed)["ok"].as_str().unwrap().to_owned()
    };
    let id = send(json!({ "do": "echo", "n": 7 }), json!({ "path": "/later?a=1", "dedupeKey": "seven" }));
    let job = stage.control.job_in(&id, "done");
    assert_eq!((&job["method"], &job["path"]), (&json!("POST"), &json!("/later?a=1")), "{job}");
    let echo: Value = serde_json::from_str(job["result"]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&echo["target"], &echo["body"]), (&json!("/later?a=1"), &json!(r#"{"do":"echo","n":7}"#)));
    assert!(headers(&echo).contains(&"ostro-trigger: async"), "{echo}");
    assert!(headers(&echo).contains(&"content-type: application/json"), "{echo}");
    assert_eq!(send(json!(8), json!({ "dedupeKey": "seven" })), id, "one key, one call");
    let run = stage.control.invocations("back", 1).remove(0);
    assert_eq!(run["trigger"], "async");
    let sent = stage.control.invocations("front", 2);
    assert!(sent.iter().any(|caller| caller["id"] == run["parent"]), "{run}");
    let delayed = send(json!(1), json!({ "delayMs": 3_600_000 }));
    assert_eq!(stage.control.states(&[delayed]), ["waiting"]);
}

#[test]
fn a_function_that_waits_for_itself_is_refused_and_does_not_hang() {
    let server = shared();
    let stage = Stage::new(&server, "calls-alone");
    stage.script("alone", &json!({ "grants": ["function:alone"], "limits": { "concurrency": 1 } }));
    let begin = Instant::now();
    let told = stage.run("alone", &json!({ "do": "dive", "function": "alone" }));
    assert_eq!((&told["depth"], &told["end"]["error"]), (&json!(0), &json!("busy")), "{told}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(stage.run("alone", &json!({ "do": "echo" }))["method"].is_string(), "it has its place again");
    let outcomes: Vec<_> =
        stage.control.invocations("alone", 3).iter().map(|run| run["outcome"].clone()).collect();
    assert!(outcomes.contains(&json!("busy")), "{outcomes:?}");
}

#[test]
fn an_invocation_makes_a_thousand_calls_at_most() {
    let server = shared();
    let stage = Stage::new(&server, "calls-many").pair();
    let told = stage.run("front", &json!({ "do": "many", "function": "back", "count": 1_001 }));
    assert_eq!((&told["made"], &told["end"]["error"]), (&json!(1_000), &json!("busy")), "{told}");
}

/// C10: a function that calls itself twice at each level is bounded, and nobody else feels it.
#[test]
fn c10_a_fork_bomb_leaves_the_neighbours_alone() {
    let server = Server::start_with(&["--max-instances", "64"]);
    let neighbours = server.project("calls-healthy");
    neighbours.deploy("healthy", &guest::component("hello"), &json!({}));
    let stage = Stage::new(&server, "calls-bomb");
    stage.script("bomb", &json!({ "grants": ["function:bomb"], "limits": { "wall": "3s" } }));
    let healthy = Neighbour::call(&server, "healthy--calls-healthy", "hello from ostro\n");
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let answer = stage.ask("bomb", &json!({ "do": "fork", "function": "bomb" }));
                assert!([200, 503, 504].contains(&answer.status), "{answer:?}");
            });
        }
    });
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let times = healthy.stop();
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(100), "{median:?}");
    eventually(|| stage.ask("bomb", &json!({ "do": "echo" })).status, |status| *status == 200);
}

#[test]
fn who_has_called_may_go_and_the_function_ends_by_itself() {
    let server = shared();
    let stage = Stage::new(&server, "calls-gone").pair();
    stage.script(
        "front",
        &json!({ "grants": ["function:back", "function:cut"], "limits": { "wall": "500ms" } }),
    );
    // It does not mind that nobody reads its answer.
    stage.control.deploy("back", &guest::component("sleeper"), &json!({}));
    stage.control.deploy("cut", &guest::component("sleeper"), &json!({ "on_disconnect": "cancel" }));
    for (function, outcome) in [("back", "ok"), ("cut", "cancelled")] {
        let deed = json!({ "do": "call", "function": function, "options": { "path": "/?1500" } });
        stage.ask("front", &deed).expect_error(504, "deadline");
        let run = stage.control.invocations(function, 1).remove(0);
        assert_eq!(run["outcome"], outcome, "{run}");
    }
    // The caller that says how long it waits goes on.
    let deed =
        json!({ "do": "call", "function": "back", "options": { "path": "/?20000", "timeoutMs": 100 } });
    let told = stage.run("front", &deed);
    assert_eq!((&told["error"], &told["text"]), (&json!("deadline"), &json!("no answer within 100 ms")));
}
