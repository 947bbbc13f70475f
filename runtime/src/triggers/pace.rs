//! How many deliveries of a lane run at once when its function fails or has no room: a circuit breaker with a
//! slow start. Pure.

use std::time::Duration;

/// Failed deliveries in a row after which a lane falls to one at a time.
const FAILURES_TO_SLOW: u32 = 10;
/// Pause after the first refusal; it doubles with every other one in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a delivery was for its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A job at least was done.
    Succeeded,
    /// None was.
    Failed,
    /// There was no room for it, or the host failed.
    Refused,
    /// It says nothing about the function.
    Void,
}

/// The pace of one lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// Deliveries at once; none when what is configured counts.
    limit: Option<u32>,
    failures: u32,
    refusals: u32,
}

impl Pace {
    /// Deliveries at once now, where that many are configured.
    pub(super) fn allows(&self, configured: u32) -> u32 {
        self.limit.map_or(configured, |limit| limit.min(configured))
    }

    /// A delivery has ended.
    pub(super) fn ended(&mut self, verdict: Verdict, configured: u32) {
        match verdict {
            Verdict::Succeeded => {
                (self.failures, self.refusals) = (0, 0);
                let doubled = self.limit.map(|limit| limit.saturating_mul(2));
                self.limit = doubled.filter(|limit| *limit < configured);
            }
            Verdict::Failed => {
                self.refusals = 0;
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_TO_SLOW {
                    self.limit = Some(1);
                }
            }
            Verdict::Refused => self.refusals = self.refusals.saturating_add(1),
            Verdict::Void => {}
        }
    }

    /// How long the lane rests after a refusal that comes now.
    pub(super) fn pause(&self) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.refusals.min(16)).min(LONGEST_PAUSE)
    }

    /// Whether it remembers nothing.
    pub(super) fn is_even(&self) -> bool {
        self.limit.is_none() && self.failures == 0 && self.refusals == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, Refused, Succeeded, Void};
    use super::*;

    /// Deliveries at once after each of these, where 12 are configured.
    fn paces(verdicts: &[Verdict]) -> Vec<u32> {
        let mut pace = Pace::default();
        let after = verdicts.iter().map(|verdict| {
            pace.ended(*verdict, 12);
            pace.allows(12)
        });
        after.collect()
    }

    #[test]
    fn ten_failures_in_a_row_slow_a_lane_and_successes_double_its_pace() {
        let mut story = vec![Failed; 10];
        story.extend([Failed, Succeeded, Succeeded, Void, Succeeded, Succeeded, Failed]);
        let mut expected = vec![12; 9];
        expected.extend([1, 1, 2, 4, 4, 8, 12, 12]);
        assert_eq!(paces(&story), expected);
    }

    #[test]
    fn a_success_in_between_keeps_the_pace() {
        let mut story = vec![Failed; 9];
        story.push(Succeeded);
        story.extend([Failed; 9]);
        assert_eq!(paces(&story), vec![12; 19]);
    }

    #[test]
    fn failures_while_it_recovers_count_from_the_last_success() {
        let mut story = vec![Failed; 10];
        story.extend([Succeeded, Failed, Failed, Succeeded]);
        assert_eq!(paces(&story)[10..], [2, 2, 2, 4]);
    }

    #[test]
    fn pauses_after_refusals_double_up_to_ten_seconds_and_end_with_an_answer() {
        let mut pace = Pace::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            pauses.push(pace.pause().as_millis());
            pace.ended(Refused, 4);
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(pace.allows(4), 4, "no room is no failure");
        pace.ended(Failed, 4);
        assert_eq!(pace.pause(), FIRST_PAUSE);
        pace.ended(Succeeded, 4);
        assert!(pace.is_even());
    }

    #[test]
    fn a_pace_never_exceeds_what_is_configured_now() {
        let mut pace = Pace::default();
        (0..10).for_each(|_| pace.ended(Failed, 100));
        (0..5).for_each(|_| pace.ended(Succeeded, 100));
        assert_eq!((pace.allows(100), pace.allows(8)), (32, 8));
    }
}
