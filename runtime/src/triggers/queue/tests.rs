//! Batches and consumers, by tables.

use store::catalog::FunctionId;
use store::jobs::{Job, LeaseToken};
use uuid::Uuid;

use super::*;
use crate::triggers::stage;

fn lease(number: u128, split: Option<u32>) -> Lease {
    Lease { job: Job { split, ..stage::held_message(number) }, token: LeaseToken(Uuid::nil()) }
}

/// The batch that is configured, the company that each message is left, and the batches that come of them.
type Case = (u32, &'static [Option<u32>], &'static [&'static [u128]]);

#[test]
fn batches_respect_what_company_is_left() {
    let cases: [Case; 7] = [
        (3, &[None; 7], &[&[0, 1, 2], &[3, 4, 5], &[6]]),
        (10, &[None; 7], &[&[0, 1, 2, 3, 4, 5, 6]]),
        (1, &[None; 2], &[&[0], &[1]]),
        (10, &[Some(2); 5], &[&[0, 1], &[2, 3], &[4]]),
        (10, &[None, Some(1), None, Some(2), Some(1)], &[&[0, 2], &[3], &[1], &[4]]),
        // What is configured now counts as well.
        (2, &[Some(5); 3], &[&[0, 1], &[2]]),
        (10, &[Some(0)], &[&[0]]),
    ];
    for (batch, splits, expected) in cases {
        let leases = splits.iter().enumerate().map(|(number, split)| lease(number as u128, *split)).collect();
        let numbers: Vec<Vec<u128>> = batches(leases, batch)
            .iter()
            .map(|batch| batch.iter().map(|lease| lease.job.id.0.as_u128()).collect())
            .collect();
        assert_eq!(numbers, expected, "{batch} {splits:?}");
    }
}

#[test]
fn the_consumer_says_how_a_lane_is_run() {
    let mut narrow = stage::live(2, &[Export::Http]);
    narrow.spec.limits.concurrency = 3;
    let http = crate::registry::live::Live { spec: narrow.spec.clone(), ..stage::consumer(3, 10, 8) };
    let all = [stage::consumer(1, 10, 8), narrow, http].map(Arc::new);
    let consumers = Consumers::new(all);
    let project = |number| ProjectId(Uuid::from_u128(number));
    let function = |number: u128| FunctionId(Uuid::from_u128(number + 1_000));
    let queue = || Lane::Queue("q".to_owned());
    let cases = [
        (project(1), Lane::Async(function(1)), Some((64, 1, 3))),
        (project(1), Lane::Cron(function(1)), Some((16, 1, 1))),
        (project(1), queue(), Some((8, 10, 5))),
        // Where the function itself may run less.
        (project(2), Lane::Async(function(2)), Some((3, 1, 3))),
        // A request tells of one message.
        (project(3), queue(), Some((3, 1, 5))),
        // Nobody consumes it, the function is gone, or it is somebody else's.
        (project(2), queue(), None),
        (project(1), Lane::Async(function(9)), None),
        (project(1), Lane::Cron(function(2)), None),
    ];
    for (project, lane, expected) in cases {
        let text = lane.to_string();
        let consumer = Consumer::of(&consumers, &(project, lane));
        let found = consumer.map(|consumer| (consumer.concurrency, consumer.batch, consumer.attempts));
        assert_eq!(found, expected, "{text}");
    }
}
