//! Places and turns, without a store.

use std::collections::HashMap;

use uuid::Uuid;

use super::*;

const ROOM: Room = Room { deliveries: 8, jobs: 100 };

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

fn wish(number: u128, lane: &str, concurrency: u32, batch: u32) -> Wish {
    Wish { key: (project(number), Lane::Queue(lane.to_owned())), concurrency, batch, due: true }
}

/// Project, lane, deliveries, jobs.
type Granted = (u128, String, u32, u32);

/// What each lane was granted, by project and name.
fn granted(plan: &Plan) -> Vec<Granted> {
    let mut all: Vec<_> = plan
        .grants
        .iter()
        .map(|grant| {
            let (project, lane) = &grant.key;
            (project.0.as_u128(), lane.to_string(), grant.room.deliveries, grant.room.jobs)
        })
        .collect();
    all.sort();
    all
}

fn full(grant: &Grant, lanes: &mut Lanes, at: Instant) {
    lanes.claimed(grant, grant.room, at);
    for _ in 0..grant.room.deliveries {
        assert!(lanes.start(&grant.key).is_some());
    }
}

fn now() -> Instant {
    crate::clock::Clock::system().instant()
}

#[test]
fn room_is_dealt_out_by_project_then_by_lane() {
    let name = |lane: &str| format!("queue:{lane}");
    let cases: [(Vec<Wish>, Vec<Granted>); 5] = [
        // One project gets half of the room however much it wants.
        (vec![wish(1, "a", 50, 1)], vec![(1, name("a"), 4, 4)]),
        (
            vec![wish(1, "a", 50, 1), wish(1, "b", 50, 1), wish(1, "c", 50, 1), wish(2, "a", 50, 1)],
            vec![(1, name("a"), 2, 2), (1, name("b"), 1, 1), (1, name("c"), 1, 1), (2, name("a"), 4, 4)],
        ),
        // Many lanes do not make a project larger.
        (
            (0..9).map(|lane| wish(1, &lane.to_string(), 9, 1)).chain([wish(2, "a", 3, 1)]).collect(),
            vec![
                (1, name("0"), 1, 1),
                (1, name("1"), 1, 1),
                (1, name("2"), 1, 1),
                (1, name("3"), 1, 1),
                (2, name("a"), 3, 3),
            ],
        ),
        // Batches count whole, and jobs are bounded too.
        (vec![wish(1, "a", 2, 10)], vec![(1, name("a"), 2, 20)]),
        (vec![wish(1, "a", 4, 30), wish(2, "a", 1, 30)], vec![(1, name("a"), 2, 50), (2, name("a"), 1, 30)]),
    ];
    for (wishes, expected) in cases {
        let text = format!("{wishes:?}");
        assert_eq!(granted(&Lanes::new(ROOM).grant(wishes, now())), expected, "{text}");
    }
}

#[test]
fn who_was_served_longest_ago_comes_first() {
    let mut lanes = Lanes::new(Room { deliveries: 2, jobs: 2 });
    let mut served: HashMap<(u128, String), u32> = HashMap::new();
    for _ in 0..60 {
        let wishes = [(1, "a"), (1, "b"), (2, "a"), (3, "a")];
        let plan = lanes.grant(wishes.map(|(project, lane)| wish(project, lane, 5, 5)).to_vec(), now());
        assert_eq!(plan.grants.len(), 2, "a project has half of two places");
        for (project, lane, ..) in granted(&plan) {
            *served.entry((project, lane)).or_default() += 1;
        }
        for grant in plan.grants {
            full(&grant, &mut lanes, now());
            lanes.ended(&grant.key, grant.room.jobs, Verdict::Succeeded, now());
        }
    }
    let mut served: Vec<_> = served.into_iter().collect();
    served.sort();
    let times: Vec<u32> = served.into_iter().map(|(_, times)| times).collect();
    assert_eq!(times, [20, 20, 40, 40]);
}

#[test]
fn a_lane_has_one_claim_at_a_time_and_never_more_than_its_concurrency() {
    let mut lanes = Lanes::new(Room { deliveries: 100, jobs: 100 });
    let ask = |lanes: &mut Lanes| lanes.grant(vec![wish(1, "a", 4, 2)], now()).grants;
    let first = ask(&mut lanes).remove(0);
    assert_eq!(first.room, Room { deliveries: 4, jobs: 8 });
    assert_eq!(ask(&mut lanes), []);
    // Less was there than had room.
    lanes.claimed(&first, Room { deliveries: 2, jobs: 3 }, now());
    assert_eq!(lanes.used, Room { deliveries: 0, jobs: 3 });
    assert!(lanes.start(&first.key).is_some() && lanes.start(&first.key).is_some());
    assert_eq!(lanes.used, Room { deliveries: 2, jobs: 3 });
    let second = ask(&mut lanes).remove(0);
    assert_eq!(second.room, Room { deliveries: 2, jobs: 4 });
    // Jobs that must not share a batch make more deliveries: these wait for a place.
    lanes.claimed(&second, Room { deliveries: 4, jobs: 4 }, now());
    assert!(lanes.start(&first.key).is_some() && lanes.start(&first.key).is_some());
    assert_eq!(lanes.start(&first.key), None);
    assert_eq!(ask(&mut lanes), []);
    lanes.ended(&first.key, 2, Verdict::Succeeded, now());
    assert!(lanes.start(&first.key).is_some());
    lanes.withdrawn(&first.key, 1);
    for _ in 0..4 {
        lanes.ended(&first.key, 1, Verdict::Succeeded, now());
    }
    assert_eq!(lanes.used, Room::default());
}

#[test]
fn one_suspect_runs_in_the_whole_process() {
    let mut lanes = Lanes::new(ROOM);
    let at = now();
    let both = || vec![wish(1, "a", 4, 10), wish(2, "a", 4, 10)];
    let plan = lanes.grant(both(), at);
    assert!(plan.grants.iter().all(|grant| grant.suspects == Suspects::Leave));
    // Neither has anything else.
    plan.grants.iter().for_each(|grant| lanes.claimed(grant, Room::default(), at));
    let plan = lanes.grant(both(), at);
    let (mut suspects, others): (Vec<_>, Vec<_>) =
        plan.grants.into_iter().partition(|grant| grant.suspects == Suspects::One);
    assert_eq!((suspects.len(), others.len()), (1, 1), "the other lane gets what has never crashed");
    others.iter().for_each(|grant| lanes.claimed(grant, Room::default(), at));
    let alone = suspects.remove(0);
    assert_eq!((alone.suspects, alone.room), (Suspects::One, Room { deliveries: 1, jobs: 1 }));
    full(&alone, &mut lanes, at);
    // While it runs and until it is settled the others get what has never crashed, and rest if there is nothing.
    for step in ["runs", "ended"] {
        let later = at + Duration::from_secs(10);
        let plan = lanes.grant(both(), later);
        assert!(!plan.grants.is_empty(), "{step}");
        for grant in plan.grants {
            assert_eq!(grant.suspects, Suspects::Leave, "{step}");
            lanes.claimed(&grant, Room::default(), later);
        }
        assert!(lanes.grant(both(), later).again.is_some(), "{step}");
        lanes.settled(&both()[0].key, Suspects::Leave);
        lanes.settled(&both()[1].key, Suspects::Leave);
        if step == "runs" {
            lanes.ended(&alone.key, 1, Verdict::Succeeded, at);
        }
    }
    lanes.settled(&alone.key, Suspects::One);
    let plan = lanes.grant(both(), at + Duration::from_secs(20));
    assert_eq!(plan.grants.iter().filter(|grant| grant.suspects == Suspects::One).count(), 1);
}

#[test]
fn a_lane_that_is_never_empty_is_asked_for_suspects_too() {
    let mut lanes = Lanes::new(ROOM);
    let start = now();
    let mut looks = 0;
    for second in 0..20 {
        let at = start + Duration::from_secs(second);
        let mut plan = lanes.grant(vec![wish(1, "a", 1, 1)], at);
        if plan.grants.iter().any(|grant| grant.suspects == Suspects::One) {
            looks += 1;
            lanes.claimed(&plan.grants[0], Room::default(), at);
            plan = lanes.grant(vec![wish(1, "a", 1, 1)], at);
        }
        let grant = plan.grants.remove(0);
        full(&grant, &mut lanes, at);
        lanes.ended(&grant.key, 1, Verdict::Succeeded, at);
        lanes.settled(&grant.key, grant.suspects);
    }
    assert_eq!(looks, 3);
}

#[test]
fn a_lane_that_gives_nothing_rests_until_something_is_settled() {
    let mut lanes = Lanes::new(ROOM);
    let mut at = now();
    let mut claims = 0;
    let end = at + Duration::from_secs(10);
    while at < end {
        let plan = lanes.grant(vec![wish(1, "a", 1, 1)], at);
        claims += plan.grants.len();
        plan.grants.iter().for_each(|grant| lanes.claimed(grant, Room::default(), at));
        at = plan.again.unwrap_or(at + Duration::from_millis(1));
    }
    assert!((40..=120).contains(&claims), "{claims}");
    lanes.settled(&wish(1, "a", 1, 1).key, Suspects::Leave);
    assert_eq!(lanes.grant(vec![wish(1, "a", 1, 1)], at).grants.len(), 1);
}

#[test]
fn refusals_and_faults_of_the_store_make_a_lane_rest_longer_each_time() {
    let mut lanes = Lanes::new(ROOM);
    let mut at = now();
    let ask = |lanes: &mut Lanes, at| lanes.grant(vec![wish(1, "a", 2, 1)], at);
    let grant = ask(&mut lanes, at).grants.remove(0);
    full(&grant, &mut lanes, at);
    // Two that are refused together are one refusal.
    lanes.ended(&grant.key, 1, Verdict::Refused, at);
    lanes.ended(&grant.key, 1, Verdict::Refused, at);
    for pause_ms in [100, 200, 400] {
        let until = at + Duration::from_millis(pause_ms);
        assert_eq!(ask(&mut lanes, at), Plan { again: Some(until), ..Plan::default() });
        at = until;
        let grant = ask(&mut lanes, at).grants.remove(0);
        lanes.claim_failed(&grant, at);
        assert_eq!(lanes.used, Room::default());
    }
}

#[test]
fn failures_slow_a_lane_and_its_neighbours_go_on() {
    let mut lanes = Lanes::new(Room { deliveries: 100, jobs: 1_000 });
    let at = now();
    let both = || vec![wish(1, "bad", 12, 1), wish(1, "good", 12, 1)];
    let plan = lanes.grant(both(), at);
    for grant in &plan.grants {
        full(grant, &mut lanes, at);
        let verdict =
            if grant.key.1.to_string() == "queue:bad" { Verdict::Failed } else { Verdict::Succeeded };
        (0..12).for_each(|_| lanes.ended(&grant.key, 1, verdict, at));
    }
    let deliveries: Vec<_> =
        granted(&lanes.grant(both(), at)).into_iter().map(|lane| (lane.1, lane.2)).collect();
    assert_eq!(deliveries, [("queue:bad".to_owned(), 1), ("queue:good".to_owned(), 12)]);
}

#[test]
fn lanes_without_work_are_forgotten() {
    let mut lanes = Lanes::new(ROOM);
    let at = now();
    for number in 0..3 * REMEMBERED as u128 {
        let grant = lanes.grant(vec![wish(number, "a", 1, 1)], at).grants.remove(0);
        full(&grant, &mut lanes, at);
        lanes.ended(&grant.key, 1, Verdict::Succeeded, at);
    }
    assert!(lanes.seats.len() <= REMEMBERED + 1 && lanes.projects.len() <= REMEMBERED + 1);
}

/// How many deliveries of that project the plan begins.
fn starts(plan: &Plan, number: u128) -> usize {
    plan.starts.iter().filter(|(key, _)| key.0 == project(number)).count()
}

#[test]
fn jobs_that_need_many_deliveries_keep_no_other_project_from_running() {
    let mut lanes = Lanes::new(ROOM);
    let at = now();
    let mut wishes = vec![wish(1, "a", 90, 10)];
    let mut grants = lanes.grant(wishes.clone(), at).grants;
    assert_eq!(grants.len(), 1);
    let grant = grants.remove(0);
    assert_eq!(grant.room, Room { deliveries: 4, jobs: 40 });
    // Each of them has to run alone.
    lanes.claimed(&grant, Room { deliveries: 40, jobs: 40 }, at);
    let begun = (0..40).filter(|_| lanes.start(&grant.key).is_some()).count();
    assert_eq!(begun, 4, "half of the room");
    assert_eq!(lanes.used, Room { deliveries: 4, jobs: 40 });
    wishes.push(wish(2, "a", 90, 10));
    let plan = lanes.grant(wishes.clone(), at);
    assert_eq!(starts(&plan, 1), 0);
    assert_eq!(granted(&plan), [(2, "queue:a".to_owned(), 4, 40)]);
    plan.grants.iter().for_each(|grant| full(grant, &mut lanes, at));
    // A third one comes before what waits when a place is free.
    wishes.push(wish(3, "a", 1, 1));
    lanes.ended(&grant.key, 1, Verdict::Succeeded, at);
    let plan = lanes.grant(wishes.clone(), at);
    assert_eq!((starts(&plan, 1), granted(&plan)), (0, vec![(3, "queue:a".to_owned(), 1, 1)]));
    plan.grants.iter().for_each(|grant| full(grant, &mut lanes, at));
    // What waits goes on when it is its turn, without another claim.
    wishes[0].due = false;
    lanes.ended(&grant.key, 1, Verdict::Succeeded, at);
    let plan = lanes.grant(wishes, at);
    assert_eq!((starts(&plan, 1), granted(&plan)), (1, vec![]));
}

#[test]
fn suspects_of_a_lane_that_is_never_empty_follow_each_other() {
    let mut lanes = Lanes::new(ROOM);
    let mut at = now();
    lanes.grant(vec![wish(1, "a", 2, 1)], at).grants.iter().for_each(|grant| full(grant, &mut lanes, at));
    lanes.ended(&wish(1, "a", 2, 1).key, 1, Verdict::Succeeded, at);
    at += SUSPECTS_EVERY;
    for _ in 0..10 {
        let grant = lanes.grant(vec![wish(1, "a", 2, 1)], at).grants.remove(0);
        assert_eq!(grant.suspects, Suspects::One);
        full(&grant, &mut lanes, at);
        lanes.ended(&grant.key, 1, Verdict::Succeeded, at);
        lanes.settled(&grant.key, grant.suspects);
    }
}
