//! One delivery: jobs to their function, and what became of them to the store.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use store::jobs::{End, Job, Lease, Settlement, Suspects};
use tokio::sync::{mpsc, watch};

use super::deliver::{self, Conclusion};
use super::pace::Verdict;
use super::queue::Key;
use super::runner::{Batch, Parts, Report};
use crate::executor::Gone;
use crate::registry::live::Live;

/// What has crashed before and runs for so long without killing the process is no suspect any more.
const PROVEN: Duration = Duration::from_secs(10);
/// Why jobs are given back at the end.
pub(super) const STOPS: &str = "the server stops";

/// Runs a batch.
pub(super) struct Delivery {
    pub parts: Arc<Parts>,
    /// The function, as it is deployed now.
    pub live: Arc<Live>,
    /// Turns true when deliveries are given up.
    pub cut: watch::Receiver<bool>,
    /// How long the jobs pause if there is no room for them.
    pub pause: Duration,
}

impl Delivery {
    /// Tells the function of the jobs and settles them by what it gives back. A batch whose leases are all lost
    /// is cancelled, and nothing is settled.
    pub(super) async fn run(mut self, batch: Batch, mut place: Place) {
        let Some(conclusion) = place.watch(self.tell(&batch)).await else { return };
        // The place is free while the store works: the next claim shares its commit.
        place.ended(conclusion.verdict);
        place.watch(settle(&self.parts, &mut self.cut, &batch, conclusion.ends)).await;
    }

    /// None if nothing is to be settled.
    async fn tell(&mut self, batch: &Batch) -> Option<Conclusion> {
        let jobs: Vec<&Job> = batch.leases.iter().map(|lease| &lease.job).collect();
        let event = match deliver::event(&self.live, &batch.key.1, &jobs) {
            Err(reason) => return Some(Conclusion::untold(&jobs, &reason)),
            Ok(event) => event,
        };
        let pause_ms = u64::try_from(self.pause.as_millis()).unwrap_or(u64::MAX);
        let completed = tokio::select! {
            completed = self.parts.door.event(self.live.clone(), event) => completed,
            () = batch.hold.lost() => return None,
            _ = self.cut.wait_for(|cut| *cut) => return Some(stopped(&jobs)),
        };
        match completed {
            Ok(completed) => {
                let now_ms = self.parts.clock.now_ms();
                Some(Conclusion::of(&self.live, &jobs, completed, now_ms, pause_ms))
            }
            Err(Gone::Stopping) => Some(Conclusion::released(&jobs, STOPS, pause_ms, Verdict::Refused)),
            Err(Gone::Lost) => {
                tracing::error!(
                    function = %self.live.name, lane = %batch.key.1, jobs = jobs.len(),
                    "an event was lost by a fault of this server; it counts as a crash when its lease lapses"
                );
                None
            }
        }
    }
}

/// Settles a batch that has not begun as given back.
pub(super) async fn give_back(
    parts: Arc<Parts>,
    mut cut: watch::Receiver<bool>,
    batch: Batch,
    mut place: Place,
    reason: &'static str,
) {
    let jobs: Vec<&Job> = batch.leases.iter().map(|lease| &lease.job).collect();
    let ends = Conclusion::released(&jobs, reason, 0, Verdict::Void).ends;
    place.watch(settle(&parts, &mut cut, &batch, ends)).await;
}

/// The leases are held meanwhile: what has run shall not run again because the store fails for a moment.
async fn settle(parts: &Parts, cut: &mut watch::Receiver<bool>, batch: &Batch, ends: Vec<End>) {
    let refs = batch.leases.iter().map(Lease::to_ref);
    let settlements = refs.zip(ends).map(|(lease, end)| Settlement { lease, end });
    parts.settler.settle(batch.key.0, settlements, cut).await;
}

fn stopped(jobs: &[&Job]) -> Conclusion {
    Conclusion::released(jobs, STOPS, 0, Verdict::Void)
}

/// A place in a lane. Whatever happens to the delivery, it is given back.
pub(super) struct Place {
    key: Key,
    jobs: u32,
    suspects: Suspects,
    reporter: mpsc::UnboundedSender<Report>,
    ended: bool,
}

impl Place {
    pub(super) fn new(batch: &Batch, reporter: mpsc::UnboundedSender<Report>) -> Self {
        let jobs = u32::try_from(batch.leases.len()).unwrap_or(u32::MAX);
        Self { key: batch.key.clone(), jobs, suspects: batch.suspects, reporter, ended: false }
    }

    /// Of a batch that has not begun and is not going to.
    pub(super) fn withdrawn(batch: &Batch, reporter: mpsc::UnboundedSender<Report>) -> Self {
        let mut place = Self::new(batch, reporter);
        place.ended = true;
        place
    }

    /// What has gone on for so long has not killed the process: the place of the suspect is free for another.
    async fn watch<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if self.suspects == Suspects::One {
            if let Ok(done) = tokio::time::timeout(PROVEN, &mut work).await {
                return done;
            }
            self.report(Report::Settled { key: self.key.clone(), suspects: Suspects::One });
            self.suspects = Suspects::Leave;
        }
        work.await
    }

    fn ended(&mut self, verdict: Verdict) {
        self.ended = true;
        self.report(Report::Ended { key: self.key.clone(), jobs: self.jobs, verdict });
    }

    fn report(&self, report: Report) {
        // Without a runner nobody counts places any more.
        let _ = self.reporter.send(report);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.ended {
            self.ended(Verdict::Void);
        }
        self.report(Report::Settled { key: self.key.clone(), suspects: self.suspects });
    }
}

#[cfg(test)]
mod tests {
    use store::catalog::ProjectId;
    use store::jobs::Lane;
    use uuid::Uuid;

    use super::*;

    fn suspects(report: Option<&Report>) -> Option<Suspects> {
        match report {
            Some(Report::Settled { suspects, .. }) => Some(*suspects),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_that_runs_for_a_while_frees_its_place_once() {
        for (runs, proven) in [(1, false), (PROVEN.as_secs() - 1, false), (PROVEN.as_secs() + 1, true)] {
            let (reporter, mut reports) = mpsc::unbounded_channel();
            let key = (ProjectId(Uuid::nil()), Lane::Queue("q".to_owned()));
            let mut place = Place { key, jobs: 1, suspects: Suspects::One, reporter, ended: false };
            place.watch(tokio::time::sleep(Duration::from_secs(runs))).await;
            assert_eq!(suspects(reports.try_recv().ok().as_ref()), proven.then_some(Suspects::One), "{runs}");
            drop(place);
            assert!(matches!(reports.recv().await, Some(Report::Ended { .. })));
            let last = if proven { Suspects::Leave } else { Suspects::One };
            assert_eq!(suspects(reports.recv().await.as_ref()), Some(last), "{runs}");
        }
    }
}
