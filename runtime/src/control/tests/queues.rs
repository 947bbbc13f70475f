//! Queues and their messages.

use store::catalog::{Export, QueueTrigger};
use store::jobs::{Claim, End, JobId, Lane, NewJob, QueueSpec, Settlement, Suspects, Trigger};

use super::*;

async fn mail(bench: &Bench) -> catalog::ProjectId {
    bench.project("shop").await;
    let shop = bench.id("shop").await;
    bench.queue(shop, "mail").await;
    shop
}

impl Bench {
    /// Declares a queue.
    pub(super) async fn queue(&self, project: catalog::ProjectId, name: &str) {
        let queue = QueueSpec { name: name.to_owned(), retention_ms: None };
        self.changes.store.queues.declare(project, &[queue]).await.unwrap();
    }

    /// A dead job of that lane.
    pub(super) async fn dead(&self, project: catalog::ProjectId, lane: Lane) -> JobId {
        let jobs = &self.changes.store.jobs;
        let job =
            NewJob { payload: Bytes::from_static(b"deadly"), ..NewJob::new(lane.clone(), Trigger::Queue) };
        let id = jobs.enqueue(project, vec![job]).await.unwrap()[0].id();
        let claim = Claim { lane, limit: 1, attempts: 1, suspects: Suspects::Leave };
        let leases = jobs.claim(project, &claim).await.unwrap();
        let end = End::Failed { error: "the guest said no".to_owned(), delay_ms: None, result: None };
        jobs.settle(project, vec![Settlement { lease: leases[0].to_ref(), end }]).await.unwrap();
        id
    }

    /// Sends a body as it is.
    async fn message(&self, query: &str, content_type: Option<&str>, body: Vec<u8>) -> (u16, Value) {
        let mut request = request(ADMIN, "POST", &format!("{SHOP}/queues/mail/messages{query}"));
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        *request.body_mut() = Body::from(body);
        read(self.send(request).await).await
    }

    async fn batch(&self, messages: Value) -> (u16, Value) {
        let body = json!({ "messages": messages });
        self.call(ADMIN, "POST", &format!("{SHOP}/queues/mail/batch"), Some(body)).await
    }

    async fn messages(&self, state: &str) -> Vec<JobView> {
        let path = format!("{SHOP}/queues/mail/messages?limit=100&state={state}");
        let (status, list) = self.get(ADMIN, &path).await;
        assert_eq!(status, 200, "{list}");
        serde_json::from_value::<MessageList>(list).unwrap().messages
    }
}

fn sent(answer: (u16, Value)) -> Sent {
    assert_eq!(answer.0, 202, "{}", answer.1);
    serde_json::from_value(answer.1).unwrap()
}

#[tokio::test]
async fn a_message_is_kept_as_it_was_sent() {
    let bench = Bench::new();
    mail(&bench).await;
    let now_ms = bench.state.parts.clock.now_ms();
    let later = sent(bench.message("?delay=1h&order=ada", Some("a/b"), b"\xff".to_vec()).await);
    let first = sent(bench.message("?key=7", None, "grüße".into()).await);
    let again = sent(bench.message("?key=7", None, b"other".to_vec()).await);
    assert_eq!((again.job, again.duplicate, first.duplicate), (first.job, true, false));
    let waiting = bench.messages("waiting").await;
    let [text, bytes] = waiting.as_slice() else { panic!("two messages: {waiting:?}") };
    assert_eq!((text.id, bytes.id), (first.job, later.job), "in the order in which they are due");
    assert_eq!(
        (text.payload.as_deref(), text.base64, text.content_type.as_str()),
        (Some("grüße"), false, "")
    );
    assert_eq!(
        (bytes.payload.as_deref(), bytes.base64, bytes.content_type.as_str()),
        (Some("/w=="), true, "a/b")
    );
    assert_eq!((text.key.as_deref(), bytes.order.as_deref()), (Some("7"), Some("ada")));
    assert_eq!((text.queue.as_deref(), &text.function), (Some("mail"), &None));
    assert!(bytes.run_at_ms >= now_ms + 3_600_000, "{bytes:?}");
    let kept_ms = bytes.expires_ms.unwrap() - bytes.run_at_ms;
    assert_eq!(kept_ms, 14 * 24 * 3_600_000);
    let (_, shown) = bench.get(ADMIN, &format!("{SHOP}/jobs/{}", first.job)).await;
    assert_eq!(serde_json::from_value::<JobView>(shown).unwrap(), *text);
}

#[tokio::test]
async fn a_batch_is_stored_in_order_or_not_at_all() {
    let bench = Bench::new();
    mail(&bench).await;
    let messages: Vec<_> = (0..1_000).map(|n| json!({ "body": { "n": n }, "order": "all" })).collect();
    let (status, answer) = bench.batch(json!(messages)).await;
    assert_eq!(status, 202, "{answer}");
    let jobs = serde_json::from_value::<SentBatch>(answer).unwrap().jobs;
    assert_eq!(jobs.len(), 1_000);
    let waiting = bench.messages("waiting").await;
    let firsts: Vec<_> = jobs[..100].iter().map(|sent| sent.job).collect();
    assert_eq!(waiting.iter().map(|job| job.id).collect::<Vec<_>>(), firsts);
    assert_eq!(waiting[7].payload.as_deref(), Some(r#"{"n":7}"#));
    let (_, queues) = bench.get(ADMIN, &format!("{SHOP}/queues")).await;
    assert_eq!(queues["queues"][0]["waiting"], 1_000);
    let answer = bench.batch(json!([{ "body": "fine" }, { "body": "x", "delay": "soon" }])).await;
    assert_eq!(code(&answer), (422, "message"));
    assert_eq!(answer.1["error"]["detail"]["message"], 1, "the message is named");
    let (_, queues) = bench.get(ADMIN, &format!("{SHOP}/queues")).await;
    assert_eq!(queues["queues"][0]["waiting"], 1_000, "nothing of it is stored");
}

#[tokio::test]
async fn g_bad_sends_are_refused() {
    let bench = Bench::new();
    mail(&bench).await;
    let large = vec![b'x'; 128 << 10];
    sent(bench.message("", None, large.clone()).await);
    for (query, body, expected) in [
        ("", [&large[..], b"x"].concat(), (413, "too_large")),
        ("?delay=", Vec::new(), (422, "message")),
        ("?delay=15", Vec::new(), (422, "message")),
        ("?delay=337h", Vec::new(), (422, "message")),
        ("?key=", Vec::new(), (422, "message")),
        ("?order=a%0Ab", Vec::new(), (422, "message")),
    ] {
        let answer = bench.message(query, None, body).await;
        assert_eq!(code(&answer), expected, "{query}: {}", answer.1);
    }
    let many: Vec<_> = (0..1_001).map(|_| json!({ "body": "x" })).collect();
    for (messages, expected) in [
        (json!([]), (422, "message")),
        (json!(many), (422, "message")),
        (json!([{ "text": "x" }]), (400, "bad_json")),
        (json!([{}]), (400, "bad_json")),
        (json!(7), (400, "bad_json")),
        (json!([{ "body": 7, "base64": true }]), (422, "message")),
        (json!([{ "body": "x".repeat((128 << 10) + 1) }]), (413, "too_large")),
    ] {
        let answer = bench.batch(messages).await;
        assert_eq!(code(&answer), expected, "{}", answer.1);
    }
    let path = format!("{SHOP}/queues/mail/batch");
    assert_eq!(code(&bench.call(ADMIN, "POST", &path, None).await), (415, "content_type"));
    let huge = json!({ "messages": [{ "body": "x".repeat(8 << 20) }] });
    let answer = bench.call(ADMIN, "POST", &path, Some(huge)).await;
    assert_eq!(code(&answer), (413, "too_large"));
    assert_eq!(answer.1["error"]["hint"], "at most 8MiB are taken here");
    assert_eq!(bench.messages("waiting").await.len(), 1, "nothing else got through");
}

#[tokio::test]
async fn unknown_queues_are_not_found_and_the_manifest_line_is_named() {
    let bench = Bench::new();
    mail(&bench).await;
    let answer = bench.call(ADMIN, "POST", &format!("{SHOP}/queues/post/messages"), None).await;
    assert_eq!(code(&answer), (404, "not_found"));
    let hint = answer.1["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("[queue.post]") && hint.contains("queues = [\"post\"]"), "{hint}");
    for (method, path, body) in [
        ("POST", "batch", Some(json!({ "messages": [{ "body": "x" }] }))),
        ("GET", "messages", None),
        ("POST", "redrive", None),
        ("POST", "purge", Some(json!({ "which": "dead" }))),
    ] {
        let answer = bench.call(ADMIN, method, &format!("{SHOP}/queues/post/{path}"), body).await;
        assert_eq!(code(&answer), (404, "not_found"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_queue_that_is_only_consumed_takes_messages() {
    let bench = Bench::new();
    let shop = mail(&bench).await;
    let queue = QueueTrigger {
        name: "post".to_owned(),
        batch: 10,
        concurrency: 4,
        attempts: 5,
        path: "/_ostro/queue".to_owned(),
    };
    let bindings = Bindings { queues: vec![queue], ..Bindings::default() };
    bench.publish(shop, "sender", Export::Queued, bindings).await;
    let send = format!("{SHOP}/queues/post/messages");
    assert_eq!(bench.call(ADMIN, "POST", &send, None).await.0, 202);
    let (_, queues) = bench.get(ADMIN, &format!("{SHOP}/queues")).await;
    let queues = serde_json::from_value::<QueueList>(queues).unwrap().queues;
    let seen: Vec<_> = queues.iter().map(|queue| (queue.name.as_str(), queue.consumer.as_deref())).collect();
    assert_eq!(seen, [("mail", None), ("post", Some("sender"))]);
    let (_, shown) = bench.get(ADMIN, &format!("{SHOP}/functions/sender")).await;
    assert_eq!(shown["queues"][0]["attempts"], 5);
    assert_eq!((&shown["exports"], &shown["jobs"]["wall_ms"]), (&json!(["queued"]), &json!(900_000)));
}

#[tokio::test]
async fn dead_messages_are_seen_redriven_and_purged() {
    let bench = Bench::new();
    let shop = mail(&bench).await;
    let lane = Lane::Queue("mail".to_owned());
    let mut dead = Vec::new();
    for _ in 0..3 {
        dead.push(bench.dead(shop, lane.clone()).await);
    }
    let seen = bench.messages("dead").await;
    assert_eq!(seen.len(), 3);
    assert_eq!((seen[0].failures, seen[0].last_error.as_deref()), (1, Some("the guest said no")));
    let redrive = async |body: Option<Value>| {
        bench.call(ADMIN, "POST", &format!("{SHOP}/queues/mail/redrive"), body).await
    };
    assert_eq!(redrive(Some(json!({ "jobs": [dead[0].0] }))).await, (200, json!({ "redriven": 1 })));
    assert_eq!(redrive(Some(json!({ "jobs": [dead[0].0] }))).await, (200, json!({ "redriven": 0 })));
    assert_eq!(code(&redrive(Some(json!({ "jobs": [] }))).await), (422, "message"));
    assert_eq!(code(&redrive(Some(json!({ "jobs": ["x"] }))).await), (400, "bad_json"));
    let again = bench.messages("waiting").await;
    assert_eq!((again[0].id, again[0].failures, again[0].state), (dead[0].0, 0, JobState::Waiting));
    assert_eq!(redrive(None).await, (200, json!({ "redriven": 2 })));
    let purge = async |which: &str| {
        let body = json!({ "which": which });
        bench.call(ADMIN, "POST", &format!("{SHOP}/queues/mail/purge"), Some(body)).await
    };
    assert_eq!(purge("dead").await, (200, json!({ "purged": 0 })));
    assert_eq!(purge("waiting").await, (200, json!({ "purged": 3 })));
    assert_eq!(code(&purge("all").await), (400, "bad_json"));
    let audit = bench.audit("shop").await;
    let subjects: Vec<_> =
        audit.iter().take(2).map(|(action, subject)| format!("{action} {subject}")).collect();
    assert_eq!(subjects, ["queue.purge mail, waiting (3)", "queue.purge mail, dead (0)"]);
    assert!(audit.contains(&("queue.redrive".to_owned(), "mail (2)".to_owned())), "{audit:?}");
}

#[tokio::test]
async fn a_full_queue_takes_nothing_of_a_batch() {
    let bench = Bench::new();
    let shop = mail(&bench).await;
    let job = NewJob::new(Lane::Queue("mail".to_owned()), Trigger::Queue);
    let full = usize::try_from(store::jobs::MAX_WAITING).unwrap();
    for _ in 0..(full / 1_000 - 1) {
        bench.changes.store.jobs.enqueue(shop, vec![job.clone(); 1_000]).await.unwrap();
    }
    let messages: Vec<_> = (0..999).map(|_| json!({ "body": "x" })).collect();
    assert_eq!(bench.batch(json!(messages)).await.0, 202, "one place is left");
    let answer = bench.batch(json!([{ "body": "x" }, { "body": "y" }])).await;
    assert_eq!(code(&answer), (429, "queue_full"), "{}", answer.1);
    assert!(!sent(bench.message("", None, b"last".to_vec()).await).duplicate);
    assert_eq!(code(&bench.message("", None, b"one more".to_vec()).await), (429, "queue_full"));
    let (_, queues) = bench.get(ADMIN, &format!("{SHOP}/queues")).await;
    assert_eq!(queues["queues"][0]["waiting"], store::jobs::MAX_WAITING);
}

#[tokio::test]
async fn a10_lists_are_bounded_until_they_have_been_read() {
    let bench = Bench::new();
    mail(&bench).await;
    let path = format!("{SHOP}/queues/mail/messages");
    let mut unread = Vec::new();
    for _ in 0..super::super::jobs::LISTS_PER_PROJECT {
        unread.push(bench.send(request(ADMIN, "GET", &path)).await);
    }
    assert_eq!(code(&bench.get(ADMIN, &path).await), (429, "too_many_lists"));
    for answer in unread {
        assert_eq!(read(answer).await, (200, json!({ "messages": [] })));
    }
    assert_eq!(bench.get(ADMIN, &path).await.0, 200);
}
