//! Schedules.

use store::catalog::Export;
use store::jobs::Lane;

use super::*;

const ID: &str = "0123456789abcdef";
/// The first slot that [`Bench::schedule`] sets: the year 2100.
const FIRST_MS: i64 = 4_102_444_800_000;

async fn nightly(bench: &Bench) -> catalog::Function {
    bench.project("shop").await;
    let shop = bench.id("shop").await;
    let report = bench.publish(shop, "report", Export::Scheduled, Bindings::default()).await;
    bench.schedule(shop, ID, report.id, "0 3 * * *").await;
    report
}

#[tokio::test]
async fn schedules_are_listed_paused_and_resumed() {
    let bench = Bench::new();
    nightly(&bench).await;
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/cron")).await;
    assert_eq!(
        list["schedules"][0],
        json!({
            "id": ID, "function": "report", "schedule": "0 3 * * *", "timezone": "Europe/Berlin",
            "path": "/_ostro/cron", "missed": "once", "overlap": "forbid", "next_ms": FIRST_MS, "last_ms": null,
            "last_job": null, "paused": false, "skipped": 0, "missed_slots": 0,
        })
    );
    let act = async |action: &str| {
        let (status, view) = bench.call(ADMIN, "POST", &format!("{SHOP}/cron/{ID}/{action}"), None).await;
        assert_eq!(status, 200, "{view}");
        serde_json::from_value::<ScheduleView>(view).unwrap()
    };
    let same = act("resume").await;
    assert_eq!((same.paused, same.next_ms), (false, Some(FIRST_MS)), "one that goes on is not moved");
    assert!(act("pause").await.paused);
    assert!(act("pause").await.paused);
    let resumed = act("resume").await;
    let in_two_days = bench.state.parts.clock.now_ms() + 2 * 86_400_000;
    assert!(!resumed.paused);
    assert!(resumed.next_ms.unwrap() < in_two_days, "its next slot is the next three o'clock: {resumed:?}");
    let audit = bench.audit("shop").await;
    let subject = "report, 0 3 * * * Europe/Berlin".to_owned();
    let expected =
        ["cron.resume", "cron.pause", "cron.pause"].map(|action| (action.to_owned(), subject.clone()));
    assert_eq!(audit[..3], expected, "what changed nothing is not recorded");
}

#[tokio::test]
async fn a_schedule_runs_when_somebody_says_so() {
    let bench = Bench::new();
    let report = nightly(&bench).await;
    let run = format!("{SHOP}/cron/{ID}/run");
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let (status, accepted) = bench.call(ADMIN, "POST", &run, None).await;
        assert_eq!(status, 202);
        jobs.push(serde_json::from_value::<Accepted>(accepted).unwrap().job);
    }
    assert_ne!(jobs[0], jobs[1], "every wish is a job of its own");
    let (_, job) = bench.get(ADMIN, &format!("{SHOP}/jobs/{}", jobs[0])).await;
    assert_eq!((&job["function"], &job["trigger"]), (&json!("report"), &json!("cron")));
    let slot = (&job["schedule_id"], &job["missed"], &job["state"]);
    assert_eq!(slot, (&json!(ID), &json!(0), &json!("waiting")));
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/functions/report/jobs?state=waiting")).await;
    let list: JobList = serde_json::from_value(list).unwrap();
    assert_eq!(list.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [jobs[1], jobs[0]], "newest first");
    let (_, cron) = bench.get(ADMIN, &format!("{SHOP}/cron")).await;
    assert_eq!(cron["schedules"][0]["next_ms"], FIRST_MS, "its next slot stays the same");
    assert_eq!(bench.audit("shop").await[0].0, "cron.run");
    let due = bench.changes.store.jobs.due().await.unwrap();
    assert_eq!(due.iter().map(|due| &due.lane).collect::<Vec<_>>(), [&Lane::Cron(report.id)]);
}

#[tokio::test]
async fn unknown_schedules_are_not_found() {
    let bench = Bench::new();
    nightly(&bench).await;
    for id in ["x", "0123456789abcdee", "%2e%2e", "report"] {
        for action in ["pause", "resume", "run"] {
            let answer = bench.call(ADMIN, "POST", &format!("{SHOP}/cron/{id}/{action}"), None).await;
            assert_eq!(code(&answer), (404, "not_found"), "{id} {action}");
        }
    }
    assert!(bench.audit("shop").await.iter().all(|(action, _)| !action.starts_with("cron")));
}
