//! Events for guests of WASI 0.3, whose calls may wait.

use super::*;

#[tokio::test]
async fn the_guest_is_driven_to_the_end_of_its_background_work() {
    let bench = Bench::new();
    let live = bench.live_03(|_| {});
    let Ok(Reply::Http { status, body, .. }) = bench.run(&live, request("/after?200", "")).await else {
        panic!("no answer")
    };
    assert_eq!((status, &*body), (StatusCode::OK, &b"answered\n"[..]));
    let record = bench.record(&live).await;
    assert_eq!(record.outcome, OutcomeCode::Ok);
    assert!(record.bill.wall_us >= 190_000, "{record:?}");
    assert_eq!(bench.lines(&live).await, ["worked on for 200 ms"]);
}

#[tokio::test]
async fn bodies_go_in_and_out() {
    let bench = Bench::new();
    let long: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    let live = bench.live_03(|_| {});
    for path in ["/echo", "/pass"] {
        let Ok(Reply::Http { body, cut, .. }) = bench.run(&live, request(path, long.clone())).await else {
            panic!("no answer")
        };
        assert!(long.starts_with(&body) && cut && body.len() == MAX_RESULT_BYTES, "{path}: {}", body.len());
        let record = bench.record(&live).await;
        assert_eq!((record.bill.bytes_in, record.bill.bytes_out), (900_000, 900_000), "{path}");
    }
}

#[tokio::test]
async fn each_end_has_its_name() {
    let bench = Bench::new();
    let live = bench.live_03(|spec| {
        spec.limits.memory_bytes = 32 << 20;
        spec.jobs = JobLimits { cpu_ms: 200, wall_ms: 3_000 };
    });
    for (target, expected) in [
        ("/hello", None),
        ("/trap", Some(OutcomeCode::Trap)),
        ("/cut", Some(OutcomeCode::Trap)),
        ("/loop", Some(OutcomeCode::CpuLimit)),
        ("/loop-after", Some(OutcomeCode::CpuLimit)),
        ("/sleep?20000", Some(OutcomeCode::Deadline)),
        ("/after?20000", Some(OutcomeCode::Deadline)),
        ("/never", Some(OutcomeCode::NoResponse)),
        ("/grow?64", Some(OutcomeCode::MemoryLimit)),
        ("/handles", Some(OutcomeCode::Trap)),
        ("/length?12", Some(OutcomeCode::BadResponse)),
        ("/throw", Some(OutcomeCode::Trap)),
        ("/refuse", Some(OutcomeCode::BadResponse)),
    ] {
        let end = bench.run(&live, request(target, "")).await;
        assert_eq!(end.as_ref().err().map(|failure| failure.code), expected, "{target}: {end:?}");
    }
}

#[tokio::test]
async fn slots_and_messages_are_taken_by_calls_that_wait() {
    let bench = Bench::new();
    let live = bench.live_03(|_| {});
    assert!(matches!(bench.run(&live, slot("@daily")).await, Ok(Reply::Scheduled(Ok(())))));
    let Ok(Reply::Queued(Ok(failed))) = bench.run(&live, batch(&["good", "bad", "good"])).await else {
        panic!("no answer")
    };
    assert_eq!(
        failed.iter().map(|failed| (&*failed.id, &*failed.reason)).collect::<Vec<_>>(),
        [("m1", "it is bad")]
    );
}
