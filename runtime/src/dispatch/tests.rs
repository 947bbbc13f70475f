//! Events through the real door.

use std::sync::atomic::Ordering::Relaxed;

use http::StatusCode;
use store::catalog::JobLimits;
use store::jobs::MAX_RESULT_BYTES;

use super::bench::Bench;
use super::*;
use crate::instance::LoadError;

fn request(target: &str, body: impl Into<Bytes>) -> Event {
    let request = Request::builder().method("POST").uri(target).header("host", "worker.localhost");
    let request = request.header("ostro-trigger", "async").body(body.into()).unwrap();
    Event {
        trigger: EventTrigger::Async,
        summary: format!("POST {target}"),
        lineage: Lineage::default(),
        call: EventCall::Http(Box::new(request)),
    }
}

fn slot(schedule: &str) -> Event {
    let slot = Slot {
        job: "j1".to_owned(),
        schedule: schedule.to_owned(),
        timezone: "UTC".to_owned(),
        time_ms: 60_000,
        missed: 3,
        start: 2,
    };
    Event {
        trigger: EventTrigger::Cron,
        summary: format!("cron {schedule}"),
        lineage: Lineage::system(),
        call: EventCall::Scheduled(slot),
    }
}

fn batch(bodies: &[&'static str]) -> Event {
    let message = |(number, body): (usize, &&'static str)| Message {
        id: format!("m{number}"),
        body: Bytes::from_static(body.as_bytes()),
        content_type: String::new(),
        sent_ms: 1,
        start: 1,
        order_key: None,
    };
    let messages: Vec<_> = bodies.iter().enumerate().map(message).collect();
    let summary = format!("queue mail, {} messages", messages.len());
    Event {
        trigger: EventTrigger::Queue,
        summary,
        lineage: Lineage::system(),
        call: EventCall::Queued { queue: "mail".to_owned(), messages },
    }
}

mod waiting;

#[test]
fn a_message_does_not_say_on_whose_behalf_it_comes() {
    let mut headers = HeaderMap::new();
    headers.insert("ostro-user", HeaderValue::from_static("mallory"));
    introduce(&mut headers, &Lineage::default());
    assert!(headers.is_empty());
}

#[tokio::test]
async fn exports_are_found_when_code_is_loaded() {
    use store::catalog::Export::{Http, Queued, Scheduled};
    let bench = Bench::new();
    for (name, expected) in [
        ("hello", &[Http][..]),
        ("slot", &[Scheduled]),
        ("batch", &[Queued]),
        ("every-trigger", &[Http, Scheduled, Queued]),
    ] {
        assert_eq!(bench.live(name, |_| {}).spec.exports, expected, "{name}");
    }
}

#[tokio::test]
async fn exports_of_another_shape_are_refused_before_anybody_is_called() {
    let bench = Bench::new();
    let component = |function: &str| {
        let text = format!(
            "(component
                (core module $m (func (export \"f\")))
                (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i \"f\")))
                (instance $exported (export \"{function}\" (func $f)))
                (export \"ostro:triggers/scheduled@0.1.0\" (instance $exported)))"
        );
        wat::parse_str(text).unwrap()
    };
    let without = bench.load(component("run")).unwrap_err();
    assert!(matches!(&without, LoadError::Exports(why) if why.contains("handle")), "{without}");
    let mistyped = Arc::new(bench.load(component("handle")).unwrap());
    let (limits, env) = (store::catalog::Limits::default(), std::collections::BTreeMap::new());
    let refused = bench.engine.smoke(&mistyped, &limits, &env, &bench.dispatch.clock).await.unwrap_err();
    assert!(refused.detail.unwrap().to_string().contains("type mismatch"));
}

#[tokio::test]
async fn secrets_stay_out_of_a_guests_word() {
    let bench = Bench::new();
    let mut live = Live::clone(&bench.live("slot", |_| {}));
    let grants = host_api::grants::Grants::parse(&["secret:WORD".to_owned()]).unwrap();
    let values = [("WORD".to_owned(), "asked".to_owned())];
    live.secrets = Arc::new(host_api::SecretValues::new(&grants, values));
    let word = bench.run(&Arc::new(live), slot("7 * * * *")).await;
    assert!(matches!(word, Ok(Reply::Scheduled(Err(word))) if word == "[secret WORD] to fail"));
}

#[tokio::test]
async fn one_component_is_started_by_everything() {
    let bench = Bench::new();
    // The same instance each time: a call leaves nothing behind that hinders the next.
    let live = bench.live("every-trigger", |spec| spec.reuse = 100);
    for _ in 0..2 {
        assert!(matches!(bench.run(&live, slot("* * * * *")).await, Ok(Reply::Scheduled(Ok(())))));
        assert!(
            matches!(bench.run(&live, batch(&["a"])).await, Ok(Reply::Queued(Ok(failed))) if failed.is_empty())
        );
        assert!(matches!(bench.run(&live, request("/", "")).await, Ok(Reply::Http { .. })));
    }
    assert_eq!(bench.lines(&live).await, ["scheduled", "queued", "http"].repeat(2));
}

#[tokio::test]
async fn a_slot_reaches_its_guest() {
    let bench = Bench::new();
    let live = bench.live("slot", |_| {});
    assert!(matches!(bench.run(&live, slot("0 3 * * *")).await, Ok(Reply::Scheduled(Ok(())))));
    assert_eq!(bench.lines(&live).await, ["0 3 * * *|UTC|60000|3|2"]);
    let record = bench.record(&live).await;
    assert_eq!((record.trigger.as_str(), record.request.as_str()), ("cron", "cron 0 3 * * *"));
    assert_eq!((record.outcome, record.status), (OutcomeCode::Ok, 0));
    let word = bench.run(&live, slot("7 * * * *")).await;
    assert!(matches!(word, Ok(Reply::Scheduled(Err(word))) if word == "asked to fail"));
}

#[tokio::test]
async fn a_guests_own_word_is_recorded_as_a_failure() {
    let bench = Bench::new();
    let live = bench.live("slot", |_| {});
    bench.run(&live, slot("7 * * * *")).await.unwrap();
    let record = bench.record(&live).await;
    assert_eq!((record.outcome, record.detail.as_deref()), (OutcomeCode::Failed, Some("asked to fail")));
}

#[tokio::test]
async fn messages_fail_one_by_one_or_all_together() {
    let bench = Bench::new();
    let live = bench.live("batch", |_| {});
    let Ok(Reply::Queued(Ok(failed))) = bench.run(&live, batch(&["a", "f", "b", "r2000"])).await else {
        panic!("two of them failed");
    };
    let named: Vec<_> = failed.iter().map(|failed| (failed.id.as_str(), failed.retry_after_ms)).collect();
    assert_eq!(named, [("m1", None), ("m3", Some(2_000))]);
    assert!(failed.iter().all(|failed| failed.reason == "asked to fail"));
    let record = bench.record(&live).await;
    assert_eq!((record.trigger.as_str(), record.outcome), ("queue", OutcomeCode::Failed));
    assert_eq!(record.detail.as_deref(), Some("2 of 4 messages failed, the first: asked to fail"));
    assert_eq!(record.bill.bytes_in, 8);
    let all = bench.run(&live, batch(&["a", "e"])).await;
    assert!(matches!(all, Ok(Reply::Queued(Err(word))) if word == "asked to refuse all"));
    assert_eq!(bench.run(&live, batch(&["a", "t"])).await.unwrap_err().code, OutcomeCode::Trap);
}

#[tokio::test]
async fn a_request_is_answered_whole() {
    let bench = Bench::new();
    let live = bench.live("echo-body", |_| {});
    for (length, expected, expected_cut) in [
        (0, 0, false),
        (1_000, 1_000, false),
        (MAX_RESULT_BYTES, MAX_RESULT_BYTES, false),
        (100_000, MAX_RESULT_BYTES, true),
    ] {
        let reply = bench.run(&live, request("/echo", vec![7; length])).await;
        let Ok(Reply::Http { status, body, cut, .. }) = reply else { panic!("{length}: {reply:?}") };
        assert_eq!((status, body.len(), cut), (StatusCode::OK, expected, expected_cut), "{length}");
    }
    let record = bench.record(&live).await;
    assert_eq!((record.trigger.as_str(), record.request.as_str()), ("async", "POST /echo"));
    assert_eq!((record.bill.bytes_in, record.bill.bytes_out), (100_000, 100_000));
}

#[tokio::test]
async fn a_request_may_be_larger_than_a_clients() {
    let bench = Bench::new();
    let live = bench.live("echo-body", |spec| spec.limits.request_body_bytes = 1);
    assert!(
        matches!(bench.run(&live, request("/", "abc")).await, Ok(Reply::Http { body, .. }) if body == "abc")
    );
}

#[tokio::test]
async fn what_the_guest_cannot_be_called_by_is_a_failure() {
    let bench = Bench::new();
    for (name, event, missing) in [
        ("hello", slot("* * * * *"), "ostro:triggers/scheduled"),
        ("hello", batch(&["a"]), "ostro:triggers/queued"),
        ("slot", request("/", ""), "an HTTP handler"),
    ] {
        let failure = bench.run(&bench.live(name, |_| {}), event).await.unwrap_err();
        assert_eq!(failure.code, OutcomeCode::NoResponse);
        assert!(failure.detail.contains(missing), "{}", failure.detail);
    }
}

#[tokio::test]
async fn failures_after_the_answer_count() {
    let bench = Bench::new();
    for (name, target, expected) in [
        ("stream-then-trap", "/", OutcomeCode::Trap),
        ("no-response", "/", OutcomeCode::NoResponse),
        ("length-mismatch", "/?5", OutcomeCode::BadResponse),
        ("trap", "/", OutcomeCode::Trap),
    ] {
        let failure = bench.run(&bench.live(name, |_| {}), request(target, "")).await.unwrap_err();
        assert_eq!(failure.code, expected, "{name}: {}", failure.detail);
    }
}

#[tokio::test]
async fn the_limits_for_jobs_stand_in_place_of_those_for_requests() {
    let bench = Bench::new();
    let jobs = |cpu_ms, wall_ms| JobLimits { cpu_ms, wall_ms };
    // Too little for a request, enough for a job; and the other way round.
    for (name, target, cpu_ms, wall_ms, limits, expected) in [
        ("burn-50ms", "/", 10, 30_000, jobs(10_000, 30_000), None),
        ("sleeper", "/?200", 10_000, 20, jobs(10_000, 30_000), None),
        ("loop-forever", "/", 10_000, 30_000, jobs(20, 30_000), Some(OutcomeCode::CpuLimit)),
        ("sleeper", "/?20000", 10_000, 30_000, jobs(10_000, 100), Some(OutcomeCode::Deadline)),
        // Its head comes at once: the limit holds for the whole all the same, and no limit of streams does.
        ("never-ending-stream", "/", 10_000, 30_000, jobs(10_000, 100), Some(OutcomeCode::Deadline)),
        ("stream-then-silence", "/", 10_000, 30_000, jobs(10_000, 100), Some(OutcomeCode::Deadline)),
        ("after-response-work", "/", 10_000, 30_000, jobs(10_000, 500), Some(OutcomeCode::Deadline)),
    ] {
        let live = bench.live(name, |spec| {
            spec.limits.cpu_ms = cpu_ms;
            spec.limits.wall_ms = wall_ms;
            spec.limits.stream_idle_ms = 50;
            spec.jobs = limits;
        });
        let outcome = bench.run(&live, request(target, "")).await.err().map(|failure| failure.code);
        assert_eq!(outcome, expected, "{name}");
    }
}

#[tokio::test]
async fn a_dropped_event_cancels_its_guest() {
    let bench = Bench::new();
    // One waits where the event is waited for, the other computes in the background by then.
    for (name, target) in [("sleeper", "/?20000"), ("loop-forever", "/")] {
        let live = bench.live(name, |_| {});
        let event = bench.dispatch.event(live.clone(), request(target, ""));
        assert!(tokio::time::timeout(Duration::from_millis(100), event).await.is_err());
        let record = bench.record(&live).await;
        assert_eq!(record.outcome, OutcomeCode::Cancelled, "{name}");
        assert_eq!(record.detail.as_deref(), Some("the run was cancelled"), "{name}");
        assert_eq!(bench.dispatch.telemetry.gauges().running.load(Relaxed), 0, "{name}");
    }
}

#[tokio::test]
async fn an_event_finds_no_place_where_a_request_finds_none() {
    let bench = Bench::new();
    let live = bench.live("sleeper", |spec| spec.limits.concurrency = 1);
    let long = bench.dispatch.event(live.clone(), request("/?20000", ""));
    tokio::pin!(long);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut long).await.is_err());
    tokio::time::pause();
    let failure = tokio::select! {
        _ = &mut long => panic!("it sleeps"),
        failure = bench.run(&live, request("/?1", "")) => failure.unwrap_err(),
    };
    assert_eq!(failure.code, OutcomeCode::Busy);
}
