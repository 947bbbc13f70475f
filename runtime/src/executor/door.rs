//! The door for events: from anywhere in the process to the executor that has the least of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};

use crate::dispatch::{Completed, Dispatch, Event};
use crate::registry::live::Live;

/// Where events enter. Clones are the same door.
#[derive(Clone)]
pub struct Door {
    executors: Arc<[Way]>,
    turn: Arc<AtomicUsize>,
    /// Turns true when the server ends.
    shutdown: watch::Receiver<bool>,
}

/// Nobody answers for the event. It may have begun to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The server ends: the event was not taken, or was cut before it was done.
    #[error("the server is stopping")]
    Stopping,
    /// Its task has panicked.
    #[error("the event was lost")]
    Lost,
}

/// The way to one executor. It holds no more than the callers have in flight, so it needs no bound of its own.
struct Way {
    calls: mpsc::UnboundedSender<Call>,
    inside: AtomicUsize,
}

struct Call {
    live: Arc<Live>,
    event: Event,
    reply: oneshot::Sender<Completed>,
}

/// An executor's end of the door.
pub(super) struct Intake {
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Door {
    /// For that many executors. Gives the receiving ends, one an executor; they are to end when `shutdown` turns
    /// true.
    pub(super) fn new(executors: usize, shutdown: watch::Receiver<bool>) -> (Self, Vec<Intake>) {
        let (ways, intakes): (Vec<_>, Vec<_>) = (0..executors)
            .map(|_| {
                let (calls, receiver) = mpsc::unbounded_channel();
                (Way { calls, inside: AtomicUsize::new(0) }, Intake { calls: receiver })
            })
            .unzip();
        (Self { executors: ways.into(), turn: Arc::default(), shutdown }, intakes)
    }

    /// Runs an event to its end on the executor that has the least of them. Dropped before, the guest is cancelled.
    pub async fn event(&self, live: Arc<Live>, event: Event) -> Result<Completed, Gone> {
        let (reply, completed) = oneshot::channel();
        let mut call = Call { live, event, reply };
        for way in self.by_load() {
            let _inside = Inside::count(&way.inside);
            match way.calls.send(call) {
                Ok(()) => return completed.await.map_err(|_| self.lost()),
                Err(back) => call = back.0,
            }
        }
        Err(Gone::Stopping)
    }

    /// Why a reply was dropped.
    fn lost(&self) -> Gone {
        // Without the sender the server has ended already.
        if *self.shutdown.borrow() || self.shutdown.has_changed().is_err() {
            Gone::Stopping
        } else {
            Gone::Lost
        }
    }

    /// The least loaded first; those that are equal take turns.
    fn by_load(&self) -> Vec<&Way> {
        let mut ways: Vec<&Way> = self.executors.iter().collect();
        let turn = self.turn.fetch_add(1, Relaxed).checked_rem(ways.len()).unwrap_or(0);
        ways.rotate_left(turn);
        ways.sort_by_cached_key(|way| way.inside.load(Relaxed));
        ways
    }
}

/// Counts an event until it is dropped.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn count(inside: &'a AtomicUsize) -> Self {
        inside.fetch_add(1, Relaxed);
        Self(inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Intake {
    /// Runs what comes in until `shutdown` turns true, then what is running to its end.
    pub(super) async fn run(mut self, dispatch: Dispatch, mut shutdown: watch::Receiver<bool>) {
        let dispatch = Arc::new(dispatch);
        let mut events = JoinSet::new();
        let mut stopping = false;
        while !stopping {
            tokio::select! {
                Some(call) = self.calls.recv() => drop(events.spawn(call.run(dispatch.clone()))),
                Some(ended) = events.join_next(), if !events.is_empty() => report_panic(ended),
                // An error means that the sender is gone, which is the end as well.
                _ = shutdown.wait_for(|stop| *stop) => stopping = true,
            }
        }
        // What was not taken yet is told so.
        drop(self.calls);
        while let Some(ended) = events.join_next().await {
            report_panic(ended);
        }
    }
}

/// Whoever waits for the event notices by its reply.
fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an event panicked");
    }
}

impl Call {
    /// Runs the event unless the caller goes away.
    async fn run(self, dispatch: Arc<Dispatch>) {
        let Self { live, event, mut reply } = self;
        let completed = tokio::select! {
            completed = dispatch.event(live, event) => completed,
            () = reply.closed() => return,
        };
        // A caller that has just gone wants nothing any more.
        let _ = reply.send(completed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::Request;

    use super::*;
    use crate::dispatch::bench::Bench;
    use crate::dispatch::{EventCall, EventTrigger, Reply};

    fn event(target: &str) -> Event {
        let request =
            Request::builder().uri(target).header("host", "a.localhost").body(Bytes::new()).unwrap();
        let call = EventCall::Http(Box::new(request));
        let lineage = store::jobs::Lineage::default();
        Event { trigger: EventTrigger::Async, summary: target.to_owned(), lineage, call }
    }

    #[test]
    fn the_executor_with_the_least_is_asked_first() {
        let (_stop, stopping) = watch::channel(false);
        let (door, _intakes) = Door::new(3, stopping);
        let index = |way: &Way| door.executors.iter().position(|other| std::ptr::eq(other, way)).unwrap();
        let mut firsts: Vec<_> = (0..6).map(|_| index(door.by_load()[0])).collect();
        assert_eq!(firsts, [0, 1, 2, 0, 1, 2], "equals take turns");
        door.executors[0].inside.store(2, Relaxed);
        door.executors[1].inside.store(1, Relaxed);
        firsts = door.by_load().into_iter().map(index).collect();
        assert_eq!(firsts, [2, 1, 0]);
    }

    #[tokio::test]
    async fn events_pass_until_the_server_ends() {
        let bench = Bench::new();
        let live = bench.live("sleeper", |_| {});
        let (stop, stopping) = watch::channel(false);
        let (door, mut intakes) = Door::new(2, stopping.clone());
        // One of the two executors could not start: its events go to the other one.
        let intake = intakes.remove(1);
        intakes.clear();
        let running = tokio::spawn(intake.run(bench.dispatch.clone(), stopping));
        for _ in 0..2 {
            let completed = door.event(live.clone(), event("/?1")).await.unwrap();
            assert!(matches!(completed.result, Ok(Reply::Http { body, .. }) if body == "rested\n"));
        }
        let long = door.event(live.clone(), event("/?300"));
        tokio::pin!(long);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut long).await.is_err());
        stop.send_replace(true);
        assert!(long.await.is_ok_and(|completed| completed.result.is_ok()), "what runs may end");
        tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
        assert_eq!(door.event(live, event("/?1")).await.unwrap_err(), Gone::Stopping);
        assert!(door.executors.iter().all(|way| way.inside.load(Relaxed) == 0));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_cancels_its_event() {
        let bench = Bench::new();
        let live = bench.live("sleeper", |_| {});
        let (_stop, stopping) = watch::channel(false);
        let (door, mut intakes) = Door::new(1, stopping.clone());
        let running = tokio::spawn(intakes.remove(0).run(bench.dispatch.clone(), stopping));
        let call = door.event(live.clone(), event("/?20000"));
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
        assert_eq!(bench.record(&live).await.outcome, crate::telemetry::OutcomeCode::Cancelled);
        running.abort();
    }
    #[tokio::test]
    async fn a_reply_that_is_dropped_is_lost_unless_the_server_stops() {
        let bench = Bench::new();
        let live = bench.live("sleeper", |_| {});
        let (stop, stopping) = watch::channel(false);
        let (door, mut intakes) = Door::new(1, stopping);
        for (stops, expected) in [(false, Gone::Lost), (true, Gone::Stopping)] {
            stop.send_replace(stops);
            let calls = &mut intakes[0].calls;
            // As a task that panics does it.
            let panics = async { drop(calls.recv().await.unwrap()) };
            let (told, ()) = tokio::join!(door.event(live.clone(), event("/?1")), panics);
            assert_eq!(told.unwrap_err(), expected);
        }
    }
}
