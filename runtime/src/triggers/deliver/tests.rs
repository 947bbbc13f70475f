//! What functions are told and what their answers mean, by tables.

use host_api::grants::Grants;
use http::HeaderValue;
use store::catalog::{FunctionId, Missed, Overlap};
use uuid::Uuid;

use super::*;
use crate::triggers::stage;

fn message(number: u128) -> Job {
    Job { order_key: Some("k".to_owned()), ..stage::held_message(number) }
}

fn call(path: &str) -> Job {
    let trigger = Trigger::Async {
        method: "POST".to_owned(),
        path: path.to_owned(),
        lineage: Lineage { depth: 3, ..Lineage::default() },
    };
    stage::job(1, Lane::Async(FunctionId(Uuid::nil())), trigger)
}

fn uri(event: &Event) -> String {
    let EventCall::Http(request) = &event.call else { panic!("{:?}", event.call) };
    request.uri().to_string()
}

#[test]
fn a_guest_is_told_through_what_it_exports() {
    let (first, second) = (message(1), message(2));
    let both = [&first, &second];
    let batch = event(&stage::consumer(1, 10, 4), &first.lane, &both).unwrap();
    assert_eq!((batch.trigger, batch.summary.as_str()), (EventTrigger::Queue, "queue q, 2 messages"));
    let EventCall::Queued { queue, messages } = batch.call else { panic!("not queued") };
    assert_eq!((queue.as_str(), messages.len()), ("q", 2));
    let told = Message {
        id: first.id.to_string(),
        body: Bytes::from_static(b"hello"),
        content_type: "text/plain".to_owned(),
        sent_ms: 1_700_000_000_123,
        start: 2,
        order_key: Some("k".to_owned()),
    };
    assert_eq!(messages.first(), Some(&told));

    let mut http = stage::consumer(1, 10, 4);
    http.spec.exports = vec![Export::Http];
    let request = event(&http, &first.lane, &[&first]).unwrap();
    assert_eq!(
        (request.summary.as_str(), uri(&request).as_str()),
        ("queue q, 1 message", "http://f.ostro.internal/_ostro/queue")
    );
    assert!(event(&http, &first.lane, &both).is_err());

    http.spec.exports = vec![Export::Scheduled];
    assert!(event(&http, &first.lane, &[&first]).unwrap_err().contains("exports neither"));
}

#[test]
fn a_slot_goes_to_scheduled_or_to_the_path_of_its_schedule() {
    let mut live = stage::scheduled(1, "0 3 * * *", Missed::Once, Overlap::Forbid);
    let schedule = live.cron[0].id.clone();
    let trigger = Trigger::Cron { schedule, slot_ms: 1_700_000_040_000, missed: 3 };
    let job = stage::job(1, Lane::Cron(live.function), trigger);
    let request = event(&live, &job.lane, &[&job]).unwrap();
    assert_eq!((request.trigger, request.summary.as_str()), (EventTrigger::Cron, "cron 0 3 * * *"));
    assert_eq!(request.lineage, Lineage::system());
    assert_eq!(uri(&request), "http://f.ostro.internal/_ostro/cron");

    live.spec.exports = vec![Export::Scheduled];
    let EventCall::Scheduled(slot) = event(&live, &job.lane, &[&job]).unwrap().call else {
        panic!("not scheduled")
    };
    let expected = Slot {
        job: job.id.to_string(),
        schedule: "0 3 * * *".to_owned(),
        timezone: "UTC".to_owned(),
        time_ms: 1_700_000_040_000,
        missed: 3,
        start: 2,
    };
    assert_eq!(slot, expected);

    live.cron.clear();
    assert!(event(&live, &job.lane, &[&job]).unwrap_err().contains("no longer"));
}

#[test]
fn a_call_is_told_as_it_was_made_and_only_if_it_can_be() {
    let live = stage::live(1, &[Export::Http]);
    let job = call("/sum?a=1");
    let request = event(&live, &job.lane, &[&job]).unwrap();
    assert_eq!((request.trigger, request.summary.as_str()), (EventTrigger::Async, "POST /sum"));
    assert_eq!(uri(&request), "http://f.ostro.internal/sum?a=1");
    assert_eq!(request.lineage.depth, 3, "it goes on where its caller was");
    let impossible = call("/with space");
    assert!(event(&live, &impossible.lane, &[&impossible]).unwrap_err().contains("no request"));
    let guest = stage::live(1, &[Export::Queued]);
    assert!(event(&guest, &job.lane, &[&job]).unwrap_err().contains("wasi:http"));
}

fn conclude(jobs: &[&Job], result: Result<Reply, Failure>) -> Conclusion {
    let live = stage::live(1, &[Export::Http]);
    Conclusion::of(&live, jobs, Completed { invocation: Uuid::nil(), result }, 0, 700)
}

fn failed(error: &str) -> End {
    End::Failed { error: error.to_owned(), delay_ms: None, result: None }
}

#[test]
fn outcomes_of_the_host_count_as_nothing_and_those_of_the_guest_as_failures() {
    let job = message(1);
    for (code, expected) in [
        (OutcomeCode::Busy, Some(700)),
        (OutcomeCode::Rate, Some(700)),
        (OutcomeCode::Internal, Some(700)),
        (OutcomeCode::Cancelled, Some(0)),
        (OutcomeCode::CpuLimit, None),
        (OutcomeCode::Deadline, None),
        (OutcomeCode::MemoryLimit, None),
        (OutcomeCode::Trap, None),
        (OutcomeCode::NoResponse, None),
        (OutcomeCode::BadResponse, None),
        (OutcomeCode::TooLarge, None),
    ] {
        let text = format!("{}: why", code.name());
        let conclusion = conclude(&[&job], Err(Failure { code, detail: "why".to_owned() }));
        let end = match expected {
            Some(delay_ms) => End::Released { reason: text, delay_ms },
            None => failed(&text),
        };
        assert_eq!(conclusion.ends, [end], "{code:?}");
        let guests = matches!(conclusion.verdict, Verdict::Failed);
        assert_eq!(guests, expected.is_none(), "{code:?}");
    }
}

#[test]
fn several_that_fail_together_are_split_in_halves() {
    let jobs: Vec<Job> = (0..5).map(message).collect();
    let jobs: Vec<&Job> = jobs.iter().collect();
    let error = "handler: no".to_owned();
    let conclusion = conclude(&jobs, Ok(Reply::Queued(Err("no".to_owned()))));
    assert_eq!(conclusion.ends, vec![End::Split { error: error.clone(), split: 3 }; 5]);
    assert_eq!(conclusion.verdict, Verdict::Failed);
    let conclusion = conclude(&jobs[..1], Ok(Reply::Queued(Err("no".to_owned()))));
    assert_eq!(conclusion.ends, [failed(&error)]);
    let trapped = conclude(&jobs[..2], Err(stage::trap()));
    assert_eq!(trapped.ends, vec![End::Split { error: "trap: unreachable".to_owned(), split: 1 }; 2]);
}

#[test]
fn messages_that_are_named_have_failed_and_the_others_are_done() {
    let jobs: Vec<Job> = (0..3).map(message).collect();
    let jobs: Vec<&Job> = jobs.iter().collect();
    let named = |number: u128, retry_after_ms| FailedMessage {
        id: Uuid::from_u128(number).to_string(),
        reason: "full".to_owned(),
        retry_after_ms,
    };
    let conclusion = conclude(&jobs, Ok(Reply::Queued(Ok(vec![named(1, Some(5_000)), named(77, None)]))));
    let full = |delay_ms| End::Failed { error: "handler: full".to_owned(), delay_ms, result: None };
    assert_eq!(conclusion.ends, [End::Done(None), full(Some(5_000)), End::Done(None)]);
    assert_eq!(conclusion.verdict, Verdict::Succeeded);
    let all = vec![named(0, None), named(1, None), named(2, None)];
    let conclusion = conclude(&jobs, Ok(Reply::Queued(Ok(all))));
    assert_eq!((conclusion.ends, conclusion.verdict), (vec![full(None); 3], Verdict::Failed));
}

fn http(status: u16, header: Option<(header::HeaderName, &'static str)>, body: &'static [u8]) -> Reply {
    let headers = header.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect();
    Reply::Http {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::from_static(body),
        cut: false,
    }
}

#[test]
fn an_answer_is_kept_for_calls_alone() {
    let kept = |status, content_type: Option<&str>, body: &[u8]| JobResult {
        invocation: Uuid::nil(),
        status,
        content_type: content_type.map(str::to_owned),
        body: body.to_vec(),
        cut: false,
    };
    let (call, message) = (call("/"), message(1));
    let made = || Ok(http(201, Some((header::CONTENT_TYPE, "text/x")), b"made"));
    assert_eq!(conclude(&[&call], made()).ends, [End::Done(Some(kept(201, Some("text/x"), b"made")))]);
    assert_eq!(conclude(&[&message], made()).ends, [End::Done(None)]);
    for (job, result) in [(&call, Some(kept(503, None, b" later \n"))), (&message, None)] {
        let conclusion = conclude(&[job], Ok(http(503, Some((header::RETRY_AFTER, "7")), b" later \n")));
        let end = End::Failed {
            error: "http_status: the handler answered 503 Service Unavailable: later".to_owned(),
            delay_ms: Some(7_000),
            result,
        };
        assert_eq!((conclusion.ends, conclusion.verdict), (vec![end], Verdict::Failed));
    }
    // A redirection is not followed, and no success.
    assert_eq!(conclude(&[&call], Ok(http(303, None, b""))).verdict, Verdict::Failed);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now_ms = 784_111_777_000;
    for (text, expected) in [
        ("0", Some(0)),
        (" 120 ", Some(120_000)),
        ("99999999999999999999999999", Some(u64::MAX)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
        ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10_000)),
        ("Sun Nov  6 08:49:47 1994", Some(10_000)),
        ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
    ] {
        assert_eq!(retry_after(text, now_ms), expected, "{text}");
    }
}

#[test]
fn reasons_are_short_and_whole_text() {
    let long: &'static [u8] = "€".repeat(200).leak().as_bytes();
    let conclusion = conclude(&[&message(1)], Ok(http(500, None, long)));
    let [End::Failed { error, .. }] = conclusion.ends.as_slice() else { panic!("{conclusion:?}") };
    assert!(error.ends_with('€') && error.matches('€').count() == 100, "{error}");
    let bytes = conclude(&[&message(1)], Ok(http(500, None, b"\xff\xfe")));
    let [End::Failed { error, .. }] = bytes.ends.as_slice() else { panic!("{bytes:?}") };
    assert_eq!(error, "http_status: the handler answered 500 Internal Server Error");
    let word = conclude(&[&message(1)], Ok(Reply::Scheduled(Err("ü".repeat(4_000)))));
    let [End::Failed { error, .. }] = word.ends.as_slice() else { panic!("{word:?}") };
    assert!(error.len() <= MAX_ERROR_BYTES && error.len() > MAX_ERROR_BYTES - 2 && error.ends_with('ü'));
}

#[test]
fn reasons_show_no_secrets_and_no_part_of_one() {
    let mut live = stage::live(1, &[Export::Http]);
    let secret = "hunter2-and-more";
    let grants = Grants::parse(&["secret:TOKEN".to_owned()]).unwrap();
    live.secrets = Arc::new(SecretValues::new(&grants, [("TOKEN".to_owned(), secret.to_owned())]));
    for before in [0, 10, MAX_QUOTE_BYTES - 5] {
        let body: &'static [u8] = format!("{}{secret}", "x".repeat(before)).leak().as_bytes();
        let completed = Completed { invocation: Uuid::nil(), result: Ok(http(500, None, body)) };
        let conclusion = Conclusion::of(&live, &[&message(1)], completed, 0, 700);
        let [End::Failed { error, result: None, .. }] = conclusion.ends.as_slice() else {
            panic!("{conclusion:?}")
        };
        assert!(error.contains("[sec") && !error.contains("hun"), "{error}");
    }
}
