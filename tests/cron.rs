//! Schedules: every slot makes exactly one job, whatever happens to server and clock (threats.md G1, G2).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::jobs::{eventually, ms};
use crate::support::{Control, Server, guest, shared};

const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_MS: i64 = 60_000;

/// A server at half past that minute, so that the next one is half a minute away.
fn server_at(moment: &str) -> Server {
    let server = Server::start_turned();
    server.clock().set(ms(moment));
    server
}

fn deploy(control: &Control, function: &str, component: &str, cron: &Value) {
    control.deploy(function, &guest::component(component), &json!({ "cron": [cron] }));
}

/// The slots of a function's jobs, oldest first.
fn slots(control: &Control, function: &str) -> Vec<i64> {
    let mut slots: Vec<i64> =
        control.jobs_of(function).iter().map(|job| job["slot_ms"].as_i64().unwrap()).collect();
    slots.sort_unstable();
    slots
}

/// Waits until the slot is enqueued and its job done.
fn wait_done(control: &Control, function: &str, slot_ms: i64) -> Value {
    let schedule = control.schedule_when(function, |schedule| schedule["last_ms"] == slot_ms);
    control.job_in(schedule["last_job"].as_str().unwrap(), "done")
}

#[test]
fn a_schedule_fires_once_a_minute() {
    let server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    deploy(&control, "tick", "slot", &json!({ "schedule": "* * * * *", "timezone": "Asia/Kathmandu" }));
    let first = ms("2026-05-04T10:01:00Z");
    assert_eq!(control.schedule("tick")["next_ms"], first);
    for minute in 0..5 {
        server.clock().turn(MINUTE);
        let job = wait_done(&control, "tick", first + minute * MINUTE_MS);
        assert_eq!((&job["trigger"], &job["missed"]), (&json!("cron"), &json!(0)), "{job}");
    }
    let expected: Vec<i64> = (0..5).map(|minute| first + minute * MINUTE_MS).collect();
    assert_eq!(slots(&control, "tick"), expected);
    let told: Vec<String> =
        expected.iter().map(|slot| format!("* * * * *|Asia/Kathmandu|{slot}|0|1")).collect();
    assert_eq!(control.lines("tick", 5), told);
    let records = control.invocations("tick", 5);
    assert_eq!(records.len(), 5);
    assert!(records.iter().all(|record| record["trigger"] == "cron"), "{records:?}");
    assert!(records.iter().all(|record| record["bill"]["wall_us"].as_u64() > Some(0)), "{records:?}");
}

/// A guest without `ostro:triggers/scheduled` is sent a CloudEvent in binary mode.
#[test]
fn a_slot_comes_as_a_cloudevent_to_a_guest_without_the_export() {
    let server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    deploy(&control, "told", "envelope", &json!({ "schedule": "*/2 * * * *" }));
    deploy(&control, "told-there", "envelope", &json!({ "schedule": "2 * * * *", "path": "/mine/nightly" }));
    server.clock().turn(2 * MINUTE);
    let slot = ms("2026-05-04T10:02:00Z");
    let job = wait_done(&control, "told", slot);
    let lines = control.lines("told", 9);
    assert_eq!(lines[0], "POST /_ostro/cron");
    let schedule = control.schedule("told")["id"].as_str().unwrap().to_owned();
    for expected in [
        "ce-specversion: 1.0".to_owned(),
        format!("ce-id: {}", job["id"].as_str().unwrap()),
        format!("ce-source: /projects/default/functions/told/cron/{schedule}"),
        "ce-type: dev.ostro.cron.slot".to_owned(),
        "ce-ostrostart: 1".to_owned(),
        "ce-ostromissed: 0".to_owned(),
        "ostro-trigger: cron".to_owned(),
    ] {
        assert!(lines.contains(&expected), "no {expected:?} in {lines:#?}");
    }
    let time = lines.iter().find_map(|line| line.strip_prefix("ce-time: ")).unwrap();
    assert_eq!(ms(time), slot);
    wait_done(&control, "told-there", slot);
    assert_eq!(control.lines("told-there", 9)[0], "POST /mine/nightly");
}

/// An attempt that fails is the only one: the next slot is the retry.
#[test]
fn a_failed_slot_is_dead_and_says_why() {
    let server = server_at("2026-05-04T10:06:30Z");
    let control = server.control();
    deploy(&control, "ill", "slot", &json!({ "schedule": "7 * * * *" }));
    server.clock().turn(MINUTE);
    let schedule = control.schedule_when("ill", |schedule| schedule["last_job"].is_string());
    let job = control.job_in(schedule["last_job"].as_str().unwrap(), "dead");
    assert_eq!((&job["starts"], &job["failures"], &job["crashes"]), (&json!(1), &json!(1), &json!(0)));
    assert!(job["last_error"].as_str().unwrap().contains("asked to fail"), "{job}");
}

/// G2: three days without a server.
#[test]
fn g2_missed_slots_are_run_as_the_schedule_says() {
    let mut server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    for missed in ["once", "skip", "all"] {
        deploy(&control, missed, "slot", &json!({ "schedule": "*/5 * * * *", "missed": missed }));
    }
    deploy(&control, "barely", "slot", &json!({ "schedule": "* * * * *", "missed": "skip" }));
    server.kill9();
    server.clock().turn(3 * 24 * 60 * MINUTE + 2 * MINUTE);
    server.restart();
    let control = server.control();
    // 864 slots at every fifth minute have passed; the last was two and a half minutes ago.
    let (last, next) = (ms("2026-05-07T10:00:00Z"), ms("2026-05-07T10:05:00Z"));
    for (function, jobs, missed) in [("once", 1, 863), ("skip", 0, 864), ("all", 100, 764)] {
        let schedule = control.schedule_when(function, |schedule| schedule["next_ms"] == next);
        assert_eq!(schedule["missed_slots"], missed, "{schedule}");
        assert_eq!(schedule["skipped"], 0, "{schedule}");
        let found =
            eventually(|| control.jobs_of(function), |found| found.iter().all(|job| job["state"] == "done"));
        assert_eq!(found.len(), jobs, "{function}");
    }
    assert_eq!(slots(&control, "once"), [last]);
    assert_eq!(control.jobs_of("once")[0]["missed"], 863, "the guest is told how many were missed");
    let all = slots(&control, "all");
    assert_eq!((all[0], all[99]), (last - 99 * 5 * MINUTE_MS, last));
    // A slot half a minute ago was not missed: it is only late.
    assert_eq!(slots(&control, "barely"), [ms("2026-05-07T10:02:00Z")]);
    assert_eq!(control.schedule("barely")["missed_slots"], 3 * 24 * 60 + 1);
}

/// G2: a wall clock that goes back repeats nothing; one that goes on again loses nothing.
#[test]
fn g2_a_clock_that_jumps_repeats_no_slot() {
    let server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    deploy(&control, "steady", "slot", &json!({ "schedule": "* * * * *" }));
    server.clock().turn(MINUTE);
    wait_done(&control, "steady", ms("2026-05-04T10:01:00Z"));
    server.clock().set(ms("2026-05-04T09:00:30Z"));
    std::thread::sleep(Duration::from_millis(100));
    server.clock().set(ms("2026-05-04T10:01:30Z"));
    std::thread::sleep(Duration::from_millis(100));
    server.clock().turn(MINUTE);
    wait_done(&control, "steady", ms("2026-05-04T10:02:00Z"));
    assert_eq!(slots(&control, "steady"), [ms("2026-05-04T10:01:00Z"), ms("2026-05-04T10:02:00Z")]);
    assert_eq!(control.schedule("steady")["missed_slots"], 0);
}

/// G2: a run that is longer than the period.
#[test]
fn g2_overlapping_slots_are_treated_as_the_schedule_says() {
    let server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    for overlap in ["forbid", "allow", "replace"] {
        let cron = json!({ "schedule": "* * * * *", "path": "/s3000", "overlap": overlap });
        deploy(&control, overlap, "worker", &cron);
    }
    let (first, second) = (ms("2026-05-04T10:01:00Z"), ms("2026-05-04T10:02:00Z"));
    server.clock().turn(MINUTE);
    let begun: Vec<String> = ["forbid", "allow", "replace"]
        .iter()
        .map(|function| {
            let schedule = control.schedule_when(function, |schedule| schedule["last_ms"] == first);
            let job = schedule["last_job"].as_str().unwrap().to_owned();
            control.job_in(&job, "running");
            job
        })
        .collect();
    server.clock().turn(MINUTE);
    let forbid = control.schedule_when("forbid", |schedule| schedule["skipped"] == 1);
    assert_eq!(forbid["last_ms"], first, "{forbid}");
    let allow = control.schedule_when("allow", |schedule| schedule["last_ms"] == second);
    control.job_in(allow["last_job"].as_str().unwrap(), "running");
    assert_eq!(control.job(&begun[1])["state"], "running", "both run");
    let replace = control.schedule_when("replace", |schedule| schedule["last_ms"] == second);
    let replaced = control.job_in(&begun[2], "dead");
    assert!(replaced["last_error"].as_str().unwrap().contains("replaced"), "{replaced}");
    for job in [&begun[0], &begun[1]] {
        control.job_in(job, "done");
    }
    for schedule in [allow, replace] {
        control.job_in(schedule["last_job"].as_str().unwrap(), "done");
    }
    // Who was replaced was also stopped.
    let outcomes = control.invocations("replace", 2);
    assert!(outcomes.iter().any(|record| record["outcome"] == "cancelled"), "{outcomes:?}");
}

/// Europe/Berlin: on 29 March 2026 two o'clock does not exist, on 25 October it comes twice.
#[test]
fn daylight_saving_neither_doubles_nor_loses_a_slot() {
    let server = server_at("2026-03-29T00:30:10Z");
    let control = server.control();
    let berlin = |schedule| json!({ "schedule": schedule, "timezone": "Europe/Berlin", "missed": "skip" });
    deploy(&control, "nightly", "slot", &berlin("30 2 * * *"));
    deploy(&control, "hourly", "slot", &berlin("0 * * * *"));
    // 02:30 does not exist: the first instant after the gap, which is 03:00, stands for it.
    let gap = ms("2026-03-29T01:00:00Z");
    assert_eq!(control.schedule("nightly")["next_ms"], gap);
    server.clock().set(gap + 5_000);
    wait_done(&control, "nightly", gap);
    assert_eq!(control.schedule("nightly")["next_ms"], ms("2026-03-30T00:30:00Z"));
    assert_eq!(slots(&control, "nightly"), [gap]);

    server.clock().set(ms("2026-10-25T00:20:00Z"));
    let twice = ms("2026-10-25T00:30:00Z");
    control.schedule_when("nightly", |schedule| schedule["next_ms"] == twice);
    server.clock().set(twice + 5_000);
    wait_done(&control, "nightly", twice);
    // The second 02:30 is not a second slot.
    assert_eq!(control.schedule("nightly")["next_ms"], ms("2026-10-26T01:30:00Z"));
    // Whatever the hour is called, `*` is every real one.
    for hour in ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"] {
        server.clock().set(ms(hour) + 5_000);
        wait_done(&control, "hourly", ms(hour));
    }
    // What was done in spring is forgotten after a day.
    assert_eq!(slots(&control, "nightly"), [twice]);
}

#[test]
fn schedules_are_paused_resumed_and_run_by_hand() {
    let server = server_at("2026-05-04T10:00:30Z");
    let control = server.control();
    deploy(&control, "handled", "slot", &json!({ "schedule": "* * * * *" }));
    let id = control.schedule("handled")["id"].as_str().unwrap().to_owned();
    let act =
        |action: &str, status| control.post(&format!("cron/{id}/{action}"), &json!({})).expect_status(status);
    act("pause", 200);
    assert_eq!(control.schedule("handled")["paused"], true);
    server.clock().turn(5 * MINUTE);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(slots(&control, "handled"), Vec::<i64>::new());
    // By hand it runs all the same, and its slots stay as they are.
    let job = act("run", 202).json()["job"].as_str().unwrap().to_owned();
    control.job_in(&job, "done");
    act("resume", 200);
    let next = ms("2026-05-04T10:06:00Z");
    let schedule = control.schedule_when("handled", |schedule| schedule["paused"] == false);
    assert_eq!(schedule["next_ms"], next, "what passed in the pause does not come back: {schedule}");
    server.clock().turn(MINUTE);
    wait_done(&control, "handled", next);
    assert_eq!(control.jobs_of("handled").len(), 2);
    control.post("cron/0123456789abcdef/pause", &json!({})).expect_error(404, "not_found");
    let reader = control.make_token(&["read", "invoke"]);
    reader.post(&format!("cron/{id}/pause"), &json!({})).expect_error(403, "forbidden");
    reader.post(&format!("cron/{id}/run"), &json!({})).expect_status(202);
}

/// G2: `kill -9` between and during slots. Many rounds: `cargo xtask soak cron`.
#[test]
fn g2_a_killed_server_neither_repeats_nor_loses_a_slot() {
    let mut server = server_at("2026-05-04T10:00:30Z");
    let cron = json!({ "schedule": "* * * * *", "missed": "all", "overlap": "allow" });
    deploy(&server.control(), "survivor", "slot", &cron);
    const ROUNDS: u64 = 6;
    for round in 0..ROUNDS {
        server.clock().turn(MINUTE);
        // From before the slot is seen until after its job has run.
        std::thread::sleep(Duration::from_millis(round * 7));
        server.restart();
    }
    let control = server.control();
    let first = ms("2026-05-04T10:01:00Z");
    let expected: Vec<i64> = (0..ROUNDS as i64).map(|minute| first + minute * MINUTE_MS).collect();
    let last = expected[expected.len() - 1];
    let schedule = control.schedule_when("survivor", |schedule| schedule["last_ms"] == last);
    let id = schedule["id"].as_str().unwrap();
    control.post(&format!("cron/{id}/pause"), &json!({})).expect_status(200);
    // Jobs whose server was killed come back when their leases have lapsed.
    let jobs = eventually(
        || {
            server.clock().turn(Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(50));
            control.jobs_of("survivor")
        },
        // One that was killed three times is given up, as the rules are.
        |jobs| jobs.iter().all(|job| job["state"] == "done" || job["crashes"] == 3),
    );
    assert_eq!(slots(&control, "survivor"), expected, "{jobs:#?}");
    assert_eq!(schedule["missed_slots"], 0, "{schedule}");
}

/// G1: refused at deploy, with the place in the manifest and the reason.
#[test]
fn g1_schedules_that_cannot_be_are_refused_with_their_place() {
    let server = shared();
    let hello = guest::component("hello");
    // Expression, time zone, where in the expression (or zone) the fault is, what the reason says.
    let cases = [
        ("", "", 0, "empty"),
        ("* * * *", "", 7, "day of week is missing"),
        ("0 0 3 * * *", "", 10, "not 6"),
        ("61 * * * *", "", 0, "`61` is not a minute"),
        ("* 24 * * *", "", 2, "`24` is not an hour"),
        ("a b c d e", "", 0, "`a`"),
        ("*/0 * * * *", "", 2, "step"),
        ("5-1 * * * *", "", 0, "`5-1` runs backwards"),
        ("* * * * 1#6", "", 10, "1 to 5"),
        ("0 0 30 2 *", "", 4, "never fires"),
        ("0 0 31 4,6,9,11 *", "", 4, "never fires"),
        ("@every 1ns", "", 0, "`@every`"),
        ("@reboot", "", 0, "`@reboot`"),
        ("2147483648 * * * *", "", 0, "`2147483648`"),
        ("* * * * *", "Mars/Olympus", 0, "Mars/Olympus"),
        ("* * * * *", "../../etc/passwd", 0, "../../etc/passwd"),
    ];
    for (schedule, timezone, offset, reason) in cases {
        let mut flag = json!({ "schedule": schedule });
        let mut entry = format!("{{ schedule = \"{schedule}\"");
        // Columns count from 1; the expression begins after its quote, a zone with it.
        let mut column = "  { schedule = \"".len() + 1 + offset;
        if !timezone.is_empty() {
            flag["timezone"] = json!(timezone);
            column = format!("  {entry}, timezone = ").len() + 1;
            entry.push_str(&format!(", timezone = \"{timezone}\""));
        }
        let manifest = format!("[function.never]\ncron = [\n  {entry} }},\n]\n");
        let answer = server.control().try_deploy_manifest("never", &hello, &manifest);
        answer.clone().expect_error(422, "manifest");
        let detail = &answer.json()["error"]["detail"];
        assert_eq!((&detail["line"], &detail["column"]), (&json!(3), &json!(column)), "{}", answer.text());
        assert!(answer.message().contains(reason), "{schedule}: no {reason:?} in {}", answer.text());
        let answer = server.control().try_deploy("never", &hello, &json!({ "cron": [flag] }));
        answer.clone().expect_error(422, "settings");
        assert!(answer.message().contains(reason), "{schedule}: no {reason:?} in {}", answer.text());
    }
    for (keys, place) in [
        ("{ timezone = \"UTC\" }", "line 2, column 9"),
        ("{ schedule = \"@daily\", every = 3 }", "line 2, column 32"),
        ("{ schedule = \"@daily\", missed = \"twice\" }", "line 2, column 41"),
        ("{ schedule = \"@daily\", overlap = \"perhaps\" }", "line 2, column 42"),
        ("{ schedule = \"@daily\", path = \"nowhere\" }", "line 2, column 39"),
        ("{ schedule = \"@daily\" }, { schedule = \"@daily\" }", "line 2, column 47"),
    ] {
        let manifest = format!("[function.never]\ncron = [{keys}]\n");
        let answer = server.control().try_deploy_manifest("never", &hello, &manifest);
        answer.clone().expect_error(422, "manifest");
        assert!(answer.text().contains(place), "{keys}: {}", answer.text());
    }
    assert!(!server.control().functions().contains(&"never".to_owned()));
}

/// G1: a project has 50 schedules at most; all of them may be due in the same minute.
#[test]
fn g1_a_storm_is_bounded_and_served() {
    let server = server_at("2026-05-04T09:59:30Z");
    let (storm, calm) = (server.project("storm"), server.project("calm"));
    let schedules: Vec<Value> = (1..=50)
        .map(|day| json!({ "schedule": format!("0 10-{} * * *", 10 + day % 14), "path": format!("/{day}") }))
        .collect();
    let slot = guest::component("worker");
    let too_many: Vec<&Value> = schedules.iter().chain([&schedules[0]]).collect();
    let mut too_many = json!(too_many);
    too_many[50]["path"] = json!("/one-more");
    let refused = storm.try_deploy("gusts", &slot, &json!({ "cron": too_many }));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.message().contains("50"), "{}", refused.text());
    storm.deploy("gusts", &slot, &json!({ "cron": schedules }));
    // The bound is the project's, not the function's.
    let one_more = storm.try_deploy("breeze", &slot, &json!({ "cron": [{ "schedule": "@daily" }] }));
    one_more.clone().expect_error(422, "too_many_schedules");
    assert!(one_more.message().contains("50"), "{}", one_more.text());
    deploy(&calm, "steady", "slot", &json!({ "schedule": "0 10 * * *" }));
    server.clock().turn(MINUTE);
    wait_done(&calm, "steady", ms("2026-05-04T10:00:00Z"));
    let jobs = eventually(
        || storm.jobs_of("gusts"),
        |jobs| jobs.len() == 50 && jobs.iter().all(|job| job["state"] == "done"),
    );
    let mut told = storm.lines("gusts", 50);
    told.sort();
    told.dedup();
    assert_eq!((jobs.len(), told.len()), (50, 50));
}
