//! Calls that nobody waits for, and what all jobs have in common: limits, bills, results; the examples that run as jobs.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::jobs::ms;
use crate::support::upstream::Upstream;
use crate::support::{Server, example, guest, shared};

#[test]
fn a_call_that_nobody_waits_for_keeps_its_result() {
    let server = shared();
    let control = server.control();
    control.deploy("errand", &guest::component("echo-request"), &json!({}));
    let id = control.invoke_async("errand", "&method=PATCH&path=/a/b%3Fx%3D1", "hello");
    let job = control.job_in(&id, "done");
    assert_eq!((&job["function"], &job["trigger"]), (&json!("errand"), &json!("async")), "{job}");
    assert_eq!((&job["starts"], &job["failures"], &job["payload"]), (&json!(1), &json!(0), &json!("hello")));
    let result = &job["result"];
    let seen = result["body"].as_str().unwrap_or_default();
    assert_eq!((&result["status"], &result["cut"]), (&json!(200), &json!(false)), "{job}");
    assert!(seen.starts_with("PATCH /a/b?x=1\n"), "{seen}");
    assert!(seen.contains("\ncontent-type: text/plain\n"), "{seen}");
    assert!(seen.contains("\nostro-trigger: async\n"), "{seen}");
    assert!(!seen.contains("\nce-"), "a call is a plain request: {seen}");
    let record = control.invocations("errand", 1).remove(0);
    assert_eq!((&record["trigger"], &record["id"]), (&json!("async"), &result["invocation"]), "{record}");
    let listed = control.jobs_of("errand");
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(id)));
    // Somebody else's project does not see it.
    let other = server.project("errands-of-others");
    other.get(&format!("jobs/{id}")).expect_error(404, "not_found");
    control.get("jobs/not-a-job").expect_error(404, "not_found");
}

#[test]
fn the_acknowledgement_says_where_to_look() {
    let server = shared();
    let control = server.control();
    control.deploy("errand-told", &guest::component("worker"), &json!({}));
    let answer =
        control.request("POST", "functions/errand-told/invoke?async=true").body("m").send(control.at);
    let answer = answer.expect_status(202);
    let id = answer.json()["job"].as_str().unwrap().to_owned();
    let location = answer.header("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    assert_eq!(location, format!("/v1/projects/default/jobs/{id}"));
    assert_eq!(control.get(&location).expect_status(200).json()["id"], json!(id));
    let reader = control.make_token(&["read"]);
    reader.post("functions/errand-told/invoke?async=true", &json!({})).expect_error(403, "forbidden");
    control.make_token(&["invoke"]).get(&location).expect_error(403, "forbidden");
}

#[test]
fn a_failing_call_is_dead_after_three_attempts() {
    let server = Server::start_turned();
    let control = server.control();
    control.deploy("hopeless", &guest::component("worker"), &json!({}));
    let id = control.invoke_async("hopeless", "", "f");
    for failures in 1..3 {
        control.job_when(&id, |job| job["failures"] == failures && job["state"] == "waiting");
        server.clock().turn(Duration::from_secs(25));
    }
    let job = control.job_in(&id, "dead");
    assert_eq!((&job["starts"], &job["failures"], &job["crashes"]), (&json!(3), &json!(3), &json!(0)));
    assert!(job["last_error"].as_str().unwrap().contains("500"), "{job}");
    assert_eq!(control.lines("hopeless", 3), ["f", "f", "f"]);
    let again = control.post(&format!("jobs/{id}/redrive"), &json!({})).expect_status(200);
    assert_eq!(again.json()["redriven"], 1);
    control.job_when(&id, |job| job["failures"] == 1);
}

/// A deleted function's calls are not run by another of the same name.
#[test]
fn a_deleted_function_takes_its_calls_along() {
    let server = Server::start_turned();
    let control = server.control();
    control.deploy("gone", &guest::component("worker"), &json!({}));
    let id = control.invoke_async("gone", "", "f");
    control.job_when(&id, |job| job["failures"] == 1 && job["state"] == "waiting");
    control.delete("functions/gone").expect_status(204);
    let job = control.job_in(&id, "dead");
    assert!(job["last_error"].as_str().unwrap().contains("deleted"), "{job}");
    control.deploy("gone", &guest::component("worker"), &json!({}));
    server.clock().turn(Duration::from_secs(60));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(control.job(&id)["starts"], 1);
}

/// A request has its limits, a run of a job its own, larger or smaller.
#[test]
fn jobs_run_under_their_own_limits() {
    let server = shared();
    let control = server.control();
    let limits = |requests: Value, jobs: Value| json!({ "limits": requests, "jobs": jobs });
    let sleeper = guest::component("sleeper");
    let short = json!({ "cpu": "5s", "wall": "100ms" });
    let long = json!({ "cpu": "5s", "wall": "20s" });
    control.deploy("rests-as-job", &sleeper, &limits(short.clone(), long.clone()));
    assert_eq!(server.get("rests-as-job", "/?600").status, 504);
    let job = control.job_in(&control.invoke_async("rests-as-job", "&path=/%3F600", ""), "done");
    assert_eq!(job["result"]["body"], "rested\n", "{job}");
    control.deploy("rests-as-request", &sleeper, &limits(long, short));
    assert_eq!(server.get("rests-as-request", "/?600").status, 200);
    let id = control.invoke_async("rests-as-request", "&path=/%3F600", "");
    let job = control.job_when(&id, |job| job["failures"].as_u64() >= Some(1));
    assert!(job["last_error"].as_str().unwrap().contains("deadline"), "{job}");

    // CPU: what each has used when it is ended is told by its bill.
    let budgets = limits(json!({ "cpu": "30ms", "wall": "20s" }), json!({ "cpu": "300ms", "wall": "20s" }));
    control.deploy("spins", &guest::component("worker"), &budgets);
    assert_eq!(server.post("spins", "/", "l").status, 504);
    let job = control.job_when(&control.invoke_async("spins", "", "l"), |job| job["failures"] == 1);
    assert!(job["last_error"].as_str().unwrap().contains("cpu"), "{job}");
    for record in control.invocations("spins", 2) {
        let cpu_us = record["bill"]["cpu_us"].as_u64().unwrap();
        let budget_us = if record["trigger"] == "async" { 300_000 } else { 30_000 };
        assert_eq!(record["outcome"], "cpu_limit", "{record}");
        assert!((budget_us..budget_us + 200_000).contains(&cpu_us), "{record}");
    }
}

/// One component may be started in every way; each comes by its own export.
#[test]
fn a_component_may_export_every_trigger() {
    let server = Server::start_turned();
    let control = server.control();
    let flags = json!({ "cron": [{ "schedule": "* * * * *" }], "queues": [{ "name": "every" }] });
    control.deploy("every", &guest::component("every-trigger"), &flags);
    assert_eq!(server.get("every", "/").expect_status(200).text(), "http");
    control.job_in(&control.send("every", "", "m"), "done");
    let id = control.schedule("every")["id"].as_str().unwrap().to_owned();
    let run = control.post(&format!("cron/{id}/run"), &json!({})).expect_status(202).json();
    control.job_in(run["job"].as_str().unwrap(), "done");
    control.job_in(&control.invoke_async("every", "&method=GET", ""), "done");
    assert_eq!(control.lines("every", 4), ["http", "queued", "scheduled", "http"]);
}

/// What only the platform may say or reach, no client can.
#[test]
fn clients_can_neither_reach_nor_forge_events() {
    let server = shared();
    let control = server.control();
    let flags = json!({ "cron": [{ "schedule": "0 0 1 1 *" }], "queues": [{ "name": "guarded" }] });
    control.deploy("guarded", &guest::component("echo-request"), &flags);
    for path in
        ["/_ostro/cron", "/_ostro/queue", "//_ostro/cron", "/%5Fostro/cron", "/_OSTRO/cron", "/_ostro%2Fcron"]
    {
        let answer = server.post("guarded", path, "m");
        assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.status, answer.text());
        let mounted = crate::support::Request::new("POST", &format!("/guarded{path}"), "127.0.0.1");
        let answer = mounted.body("m").send(server.listen);
        assert!(matches!(answer.status, 400 | 404), "/guarded{path}: {} {}", answer.status, answer.text());
    }
    let seen = server
        .request("POST", "guarded", "/")
        .header("ostro-trigger", "cron")
        .header("ce-specversion", "1.0")
        .header("Ce-Type", "dev.ostro.cron.slot")
        .header("ce-source", "/projects/default/functions/guarded/cron/0123456789abcdef")
        .send(server.listen)
        .expect_status(200)
        .text();
    assert!(seen.contains("\nostro-trigger: http\n") && !seen.contains("ostro-trigger: cron"), "{seen}");
    assert!(!seen.contains("\nce-"), "{seen}");
    for path in ["/_ostro/cron", "/_ostro/queue"] {
        let answer =
            control.request("POST", &format!("functions/guarded/invoke?path={path}")).send(control.at);
        let reached = answer.status == 200 && answer.header("ostro-status") == Some("200");
        assert!(!reached, "{path}: {} {}", answer.status, answer.text());
        let answer = control.request("POST", &format!("functions/guarded/invoke?async=true&path={path}"));
        let answer = answer.send(control.at);
        assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn the_command_line_sends_shows_and_redrives() {
    let server = Server::start_turned();
    let control = server.control();
    let flags = json!({
        "queues": [{ "name": "typed", "attempts": 1 }],
        "cron": [{ "schedule": "0 3 * * *", "timezone": "Europe/Berlin" }],
    });
    control.deploy("typed", &guest::component("worker"), &flags);
    let run = |arguments: &[&str]| {
        let mut command = server.cli();
        command.env("OSTRO_URL", format!("http://{}", server.admin)).env("OSTRO_TOKEN", &server.token);
        let output = command.args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, words) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}\n{words}");
        out
    };
    let sent = run(&["queue", "send", "typed", "--data", "f"]);
    let id = sent.trim();
    control.job_in(id, "dead");
    assert!(run(&["queue", "list"]).contains("typed"));
    let dead = run(&["queue", "dead", "typed"]);
    assert!(dead.contains(id) && dead.contains("500"), "{dead}");
    let shown = run(&["jobs", "show", id]);
    assert!(shown.contains("dead") && shown.contains("500"), "{shown}");
    run(&["queue", "redrive", "typed"]);
    control.job_when(id, |job| job["state"] == "dead" && job["starts"] == 1);
    run(&["queue", "purge", "typed", "--dead", "--yes"]);
    control.get(&format!("jobs/{id}")).expect_error(404, "not_found");

    let called = run(&["invoke", "typed", "--async", "--data", "hello"]);
    let call = called.trim();
    control.job_in(call, "done");
    assert!(run(&["jobs", "show", call]).contains("done"));
    assert!(run(&["jobs", "list", "typed"]).contains(call));

    let schedules = run(&["cron", "list"]);
    assert!(schedules.contains("0 3 * * *") && schedules.contains("Europe/Berlin"), "{schedules}");
    let schedule = control.schedule("typed")["id"].as_str().unwrap().to_owned();
    run(&["cron", "pause", &schedule]);
    assert_eq!(control.schedule("typed")["paused"], true);
    run(&["cron", "resume", &schedule]);
    assert_eq!(control.schedule("typed")["paused"], false);
    let ran = run(&["cron", "run", &schedule]);
    control.job_in(ran.trim(), "done");
}

/// A web API for the examples: remembers what was posted, answers as it is told.
struct Api {
    upstream: Upstream,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Answers the request with that number (from 0) by `answer`: status line, more headers, body.
    fn start(
        answer: impl Fn(usize) -> (&'static str, &'static str, &'static str) + Send + Sync + 'static,
    ) -> Self {
        let (bodies, number) = (Arc::new(Mutex::new(Vec::new())), AtomicUsize::new(0));
        let seen = Arc::clone(&bodies);
        let upstream = Upstream::reading(move |body, mut stream| {
            seen.lock().unwrap().push(body);
            let (status, headers, body) = answer(number.fetch_add(1, Ordering::SeqCst));
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .ok();
        });
        Self { upstream, bodies }
    }

    fn url(&self) -> String {
        format!("http://{}", self.upstream.at)
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// `examples/nightly-report`: the day before the slot's, fetched and posted, once a night.
#[test]
fn the_nightly_report_is_posted() {
    let component = example::component("nightly-report");
    let server = Server::start_turned();
    let control = server.control();
    let figures = Api::start(|_| {
        ("200 OK", "content-type: application/json\r\n", "{\"orders\": 8, \"revenue\": 100.4}")
    });
    let reports = Api::start(|_| ("201 Created", "", ""));
    let manifest = example::manifest(
        "nightly-report",
        &[("https://figures.example.com", &figures.url()), ("https://reports.example.com", &reports.url())],
    );
    server.clock().set(ms("2026-05-04T00:58:30Z"));
    control.try_deploy_manifest("nightly-report", &component, &manifest).expect_status(200);
    // Three in the morning in Berlin, in summer.
    assert_eq!(control.schedule("nightly-report")["next_ms"], ms("2026-05-04T01:00:00Z"));
    server.clock().turn(Duration::from_secs(95));
    let schedule = control.schedule_when("nightly-report", |schedule| schedule["last_job"].is_string());
    let id = schedule["last_job"].as_str().unwrap();
    control.job_in(id, "done");
    let asked = &figures.upstream.seen()[0];
    assert!(asked.starts_with("get /figures?day=2026-05-03 http/1.1\r\n"), "{asked}");
    let posted = &reports.upstream.seen()[0];
    assert!(posted.starts_with("post /reports http/1.1\r\n"), "{posted}");
    assert!(posted.contains(&format!("\r\nidempotency-key: {id}\r\n")), "{posted}");
    let report = &reports.bodies()[0];
    for part in ["\"day\":\"2026-05-03\"", "\"orders\":8", "\"average\":12.55", "\"nights_without_report\":0"]
    {
        assert!(report.contains(part), "no {part} in {report}");
    }
    // It has no page: nobody outside can start it.
    assert_ne!(server.get("nightly-report", "/").status, 200);
}

/// `examples/mailer`: a mail API that is away for a while; what it refuses comes again, is dead, is sent again.
#[test]
fn the_mailer_survives_a_flaky_downstream() {
    let server = Server::start_turned();
    let control = server.control();
    let well = Arc::new(AtomicUsize::new(0));
    let is_well = Arc::clone(&well);
    let mails = Api::start(move |_| match is_well.load(Ordering::SeqCst) {
        0 => ("503 Service Unavailable", "retry-after: 3\r\n", ""),
        _ => ("202 Accepted", "", ""),
    });
    let manifest = example::manifest(
        "mailer",
        &[("https://mail.example.com", &mails.url()), ("attempts = 5", "attempts = 2")],
    );
    control.put("secrets/MAIL_TOKEN", &json!({ "value": "s3cret" }));
    control.try_deploy_manifest("mailer", &example::component("mailer"), &manifest).expect_status(200);
    let ids = control.send_all("mail", &["{\"to\":\"ann\"}", "{\"to\":\"bob\"}"]);
    for id in &ids {
        let job = control.job_when(id, |job| job["failures"] == 1 && job["state"] == "waiting");
        let wait = job["run_at_ms"].as_i64().unwrap() - server.clock().now_ms();
        assert!(wait <= 3_000, "the API said 3 s, it comes in {wait} ms");
    }
    server.clock().turn(Duration::from_secs(4));
    for id in &ids {
        let job = control.job_in(id, "dead");
        assert!(job["last_error"].as_str().unwrap().contains("the mail API answered 503"), "{job}");
    }
    well.store(1, Ordering::SeqCst);
    let redriven = control.post("queues/mail/redrive", &json!({})).expect_status(200);
    assert_eq!(redriven.json()["redriven"], 2);
    for id in &ids {
        control.job_in(id, "done");
    }
    let (heads, bodies) = (mails.upstream.seen(), mails.bodies());
    assert_eq!(heads.len(), 6, "two mails, three deliveries each");
    assert!(heads.iter().all(|head| head.contains("\r\nauthorization: bearer s3cret\r\n")), "{heads:?}");
    for id in &ids {
        let key = format!("\r\nidempotency-key: {id}\r\n");
        assert_eq!(
            heads.iter().filter(|head| head.contains(&key)).count(),
            3,
            "the key is the same each time"
        );
    }
    assert!(bodies.iter().any(|body| body.contains("{\"to\":\"ann\"}")), "{bodies:?}");
}

/// `examples/bff`: two upstreams at once; a part that cannot be had is named, the other is served.
#[test]
fn the_backend_for_frontends_merges_what_it_gets() {
    let server = shared();
    let control = server.control();
    let users = Api::start(|_| {
        (
            "200 OK",
            "content-type: application/json\r\n",
            "{\"id\":1,\"name\":\"Ann\",\"email\":\"a@b\",\"secret\":1}",
        )
    });
    let carts = Api::start(|_| ("500 Internal Server Error", "", ""));
    let manifest = example::manifest(
        "bff",
        &[("https://jsonplaceholder.typicode.com", &users.url()), ("https://dummyjson.com", &carts.url())],
    );
    control.try_deploy_manifest("bff", &example::component("bff"), &manifest).expect_status(200);
    let page: Value = server.get("bff", "/account/1?client=mobile").expect_status(200).json();
    assert_eq!(page["user"], json!({ "id": 1, "name": "Ann" }));
    assert_eq!((&page["carts"], &page["errors"][0]["part"]), (&Value::Null, &json!("carts")), "{page}");
    assert!(users.upstream.seen()[0].starts_with("get /users/1 "), "{:?}", users.upstream.seen());
}
