//! Wall clocks that jump: no schedule falls silent, and no slot runs twice (threats.md G2).

use std::time::Duration;

use serde_json::json;

use crate::support::jobs::ms;
use crate::support::{Control, Server, guest};

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn deploy(control: &Control, schedule: &str) {
    control.deploy("tick", &guest::component("slot"), &json!({ "cron": [{ "schedule": schedule }] }));
}

#[test]
fn g2_a_clock_that_jumps_ahead_and_back_silences_nothing() {
    let server = Server::start_turned();
    server.clock().set(ms("2026-05-04T10:00:30Z"));
    let control = server.control();
    deploy(&control, "* * * * *");
    server.clock().turn(YEAR);
    let ahead = control.schedule_when("tick", |schedule| schedule["last_ms"].as_i64().is_some());
    assert!(ahead["next_ms"].as_i64().unwrap() > ms("2027-05-04T10:00:00Z"), "{ahead}");

    let back = ms("2026-05-04T10:00:40Z");
    server.clock().set(back);
    let healed =
        control.schedule_when("tick", |schedule| schedule["next_ms"].as_i64().unwrap() < back + 120_000);
    assert_eq!(healed["next_ms"], ms("2026-05-04T10:01:00Z"));
    server.clock().turn(2 * MINUTE);
    // Later slots too, where all this took long.
    control.schedule_when("tick", |schedule| {
        (ms("2026-05-04T10:02:00Z")..back + 300_000).contains(&schedule["last_ms"].as_i64().unwrap())
    });
}

#[test]
fn g2_a_start_in_1970_repeats_no_slot() {
    let mut server = Server::start_turned();
    server.clock().set(ms("2026-05-03T10:00:00Z"));
    deploy(&server.control(), "0 9 * * 1");
    let monday = ms("2026-05-04T09:00:00Z");
    server.clock().set(monday + 1_000);
    let done = server.control().schedule_when("tick", |schedule| schedule["last_ms"] == monday);
    server.control().job_in(done["last_job"].as_str().unwrap(), "done");

    // Later than any dedupe key is remembered.
    let wednesday = ms("2026-05-06T12:00:00Z");
    server.kill9();
    server.clock().set(60_000);
    server.restart();
    std::thread::sleep(Duration::from_secs(2));
    server.clock().set(wednesday);
    std::thread::sleep(Duration::from_secs(2));
    let control = server.control();
    let schedule = control.schedule("tick");
    assert_eq!(
        (&schedule["last_job"], &schedule["last_ms"], &schedule["next_ms"]),
        (&done["last_job"], &json!(monday), &json!(ms("2026-05-11T09:00:00Z")))
    );
    server.clock().set(ms("2026-05-11T09:00:01Z"));
    control.schedule_when("tick", |schedule| schedule["last_ms"] == ms("2026-05-11T09:00:00Z"));
}
