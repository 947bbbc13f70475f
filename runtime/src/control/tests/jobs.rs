//! Calls that nobody waits for, and jobs one by one.

use store::catalog::Export;
use store::jobs::{Claim, End, JobResult, Lane, Settlement, Suspects};

use super::*;

async fn cart(bench: &Bench, export: Export) -> catalog::Function {
    bench.project("shop").await;
    let shop = bench.id("shop").await;
    bench.publish(shop, "cart", export, Bindings::default()).await
}

/// An asynchronous call; the answer and its `location`.
async fn call(bench: &Bench, query: &str, body: Vec<u8>) -> ((u16, Value), Option<String>) {
    let mut request = request(ADMIN, "POST", &format!("{SHOP}/functions/cart/invoke?async=true{query}"));
    request.headers_mut().insert(header::CONTENT_TYPE, "text/x-order".parse().unwrap());
    *request.body_mut() = Body::from(body);
    let answer = bench.send(request).await;
    let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
    (read(answer).await, location)
}

#[tokio::test]
async fn a_call_is_stored_run_and_shown_with_its_answer() {
    let bench = Bench::new();
    let cart = cart(&bench, Export::Http).await;
    let (answer, location) = call(&bench, "&method=PUT&path=/a%3Fb=c", b"data".to_vec()).await;
    assert_eq!(answer.0, 202, "{}", answer.1);
    let id = serde_json::from_value::<Accepted>(answer.1).unwrap().job;
    let location = location.unwrap();
    assert_eq!(location, format!("{SHOP}/jobs/{id}"));
    let show = async || serde_json::from_value::<JobView>(bench.get(ADMIN, &location).await.1).unwrap();
    let stored = show().await;
    assert_eq!(stored.function.as_deref(), Some("cart"));
    assert_eq!(stored.trigger, JobTrigger::Async { method: "PUT".to_owned(), path: "/a?b=c".to_owned() });
    assert_eq!((stored.payload.as_deref(), stored.content_type.as_str()), (Some("data"), "text/x-order"));
    assert_eq!(stored.expires_ms, Some(stored.run_at_ms + 6 * 3_600_000));

    let jobs = &bench.changes.store.jobs;
    let claim = Claim { lane: Lane::Async(cart.id), limit: 9, attempts: 3, suspects: Suspects::Leave };
    let leases = jobs.claim(cart.project, &claim).await.unwrap();
    let running = show().await;
    assert_eq!((running.state, running.starts), (JobState::Running, 1));
    let result = JobResult {
        invocation: Uuid::from_u128(7),
        status: 201,
        content_type: Some("image/x".to_owned()),
        body: vec![0xff],
        cut: true,
    };
    let settlement = Settlement { lease: leases[0].to_ref(), end: End::Done(Some(result)) };
    jobs.settle(cart.project, vec![settlement]).await.unwrap();
    let (_, done) = bench.get(ADMIN, &location).await;
    assert_eq!(
        done["result"],
        json!({
            "status": 201, "content_type": "image/x", "body": "/w==", "base64": true, "cut": true,
            "invocation": Uuid::from_u128(7),
        })
    );
    assert_eq!((&done["state"], &done["trigger"]), (&json!("done"), &json!("async")));
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/functions/cart/jobs")).await;
    let mut head = done.clone();
    head["result"] = Value::Null;
    head.as_object_mut().unwrap().remove("payload");
    assert_eq!(list["jobs"], json!([head]), "a list has neither payload nor result");
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/functions/cart/jobs?state=dead")).await;
    assert_eq!(list["jobs"], json!([]));
}

#[tokio::test]
async fn g_calls_that_can_not_be_made_are_refused() {
    let bench = Bench::new();
    cart(&bench, Export::Http).await;
    assert_eq!(call(&bench, "", vec![0; 128 << 10]).await.0.0, 202);
    for (query, body, expected) in [
        ("", vec![0; (128 << 10) + 1], (413, "too_large")),
        ("&method=CONNECT", Vec::new(), (400, "bad_method")),
        ("&path=/_ostro/cron", Vec::new(), (400, "bad_path")),
        ("&path=/a/../b", Vec::new(), (400, "bad_path")),
        ("&path=a", Vec::new(), (400, "bad_path")),
        ("&async=maybe", Vec::new(), (400, "bad_query")),
    ] {
        let (answer, _) = call(&bench, query, body).await;
        assert_eq!(code(&answer), expected, "{query}: {}", answer.1);
    }
    let path = format!("{SHOP}/functions/none/invoke?async=true");
    assert_eq!(code(&bench.call(ADMIN, "POST", &path, None).await), (404, "not_found"));
    assert_eq!(
        bench.get(ADMIN, &format!("{SHOP}/functions/cart/jobs")).await.1["jobs"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_function_without_http_can_not_be_called() {
    let bench = Bench::new();
    cart(&bench, Export::Queued).await;
    assert_eq!(code(&call(&bench, "", Vec::new()).await.0), (422, "no_http"));
}

#[tokio::test]
async fn dead_calls_are_redriven_one_by_one() {
    let bench = Bench::new();
    let cart = cart(&bench, Export::Http).await;
    let id = bench.dead(cart.project, Lane::Async(cart.id)).await;
    let redrive = format!("{SHOP}/jobs/{id}/redrive");
    assert_eq!(bench.call(ADMIN, "POST", &redrive, None).await, (200, json!({ "redriven": 1 })));
    assert_eq!(code(&bench.call(ADMIN, "POST", &redrive, None).await), (409, "not_dead"));
    assert_eq!(bench.audit("shop").await[0].0, "job.redrive");
    for wrong in ["x", "00000000-0000-0000-0000-000000000000", "%2e%2e"] {
        let answer = bench.get(ADMIN, &format!("{SHOP}/jobs/{wrong}")).await;
        assert_eq!(code(&answer), (404, "not_found"), "{wrong}");
        let answer = bench.call(ADMIN, "POST", &format!("{SHOP}/jobs/{wrong}/redrive"), None).await;
        assert_eq!(code(&answer), (404, "not_found"), "{wrong}");
    }
}

#[tokio::test]
async fn a_dead_job_whose_key_is_taken_is_not_called_alive() {
    let bench = Bench::new();
    let cart = cart(&bench, Export::Http).await;
    let jobs = &bench.changes.store.jobs;
    let keyed = || {
        let trigger = store::jobs::Trigger::Async {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            lineage: store::jobs::Lineage::default(),
        };
        let job = store::jobs::NewJob::new(Lane::Async(cart.id), trigger);
        store::jobs::NewJob { dedupe_key: Some("order-7".to_owned()), ..job }
    };
    let dead = jobs.enqueue(cart.project, vec![keyed()]).await.unwrap()[0].id();
    let claim = Claim { lane: Lane::Async(cart.id), limit: 1, attempts: 1, suspects: Suspects::Leave };
    let lease = jobs.claim(cart.project, &claim).await.unwrap()[0].to_ref();
    let end = End::Failed { error: "no".to_owned(), delay_ms: None, result: None };
    jobs.settle(cart.project, vec![Settlement { lease, end }]).await.unwrap();
    assert_ne!(jobs.enqueue(cart.project, vec![keyed()]).await.unwrap()[0].id(), dead);
    let answer = bench.call(ADMIN, "POST", &format!("{SHOP}/jobs/{dead}/redrive"), None).await;
    assert_eq!(code(&answer), (409, "key_taken"), "{}", answer.1);
}
