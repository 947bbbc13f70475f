//! The background thread of an executor: where long work goes on at a lower priority.
//!
//! The kernel prefers the foreground thread (nice 0) to this one (nice 5), so short work is not delayed; long
//! work keeps a real share. Among themselves, projects take turns.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use std::thread::JoinHandle;

use store::catalog::ProjectId;
use tokio::sync::Notify;

use super::turns::Turns;
use crate::problem::Problem;
use crate::sys;

/// A running invocation, ready to move to another thread.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Measured: nice 19 and `SCHED_IDLE` starve long work beside a flood, 0 delays short work by seconds.
const NICE: i32 = 5;
/// CPU that a project may use before the next one's turn, microseconds: two ticks.
const QUANTUM_US: i64 = 2_000;
/// Tasks polled before timers and sockets are looked at.
const POLLS_PER_TURN: usize = 4;

/// Sends work to a background thread.
#[derive(Clone)]
pub struct Background {
    inbox: Arc<Inbox>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What other threads hand in: new work, and tasks that were woken.
#[derive(Default)]
struct Inbox {
    arrivals: Mutex<Arrivals>,
    bell: Notify,
}

#[derive(Default)]
struct Arrivals {
    new: Vec<(ProjectId, Task)>,
    woken: Vec<u64>,
    closed: bool,
}

impl Background {
    /// Starts the thread; it ends when [`Background::close`] is called and its work is dropped.
    pub fn start(index: usize) -> Result<Self, Problem> {
        let inbox = Arc::new(Inbox::default());
        let own = inbox.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::internal(&error))?;
        let body = move || {
            sys::nice_thread(NICE);
            runtime.block_on(Scheduler::new(own).run());
        };
        let thread = std::thread::Builder::new().name(format!("ostro-long-{index}")).spawn(body);
        let thread = thread.map_err(|error| Problem::internal(&error))?;
        Ok(Self { inbox, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Goes on with a task here.
    pub fn adopt(&self, project: ProjectId, task: Task) {
        self.inbox.with(|arrivals| arrivals.new.push((project, task)));
    }

    /// Drops all work and ends the thread. Waits for it: its work may use the sockets and timers of the runtime
    /// that it came from, which must not go first.
    pub fn close(&self) {
        self.inbox.with(|arrivals| arrivals.closed = true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a background thread has failed");
        }
    }
}

impl Inbox {
    fn with(&self, change: impl FnOnce(&mut Arrivals)) {
        change(&mut self.arrivals.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }
}

/// Wakes one task by its number.
struct TaskWaker {
    id: u64,
    inbox: Arc<Inbox>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inbox.with(|arrivals| arrivals.woken.push(self.id));
    }
}

struct Held {
    project: ProjectId,
    task: Task,
    waker: Waker,
    queued: bool,
}

struct Scheduler {
    inbox: Arc<Inbox>,
    tasks: HashMap<u64, Held>,
    turns: Turns<ProjectId, u64>,
    next_id: u64,
}

impl Scheduler {
    fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, tasks: HashMap::new(), turns: Turns::new(QUANTUM_US), next_id: 0 }
    }

    async fn run(mut self) {
        while self.collect() {
            let mut ran = 0;
            // A task that was polled is ready again at once, mostly: it is taken in before the next turn is given,
            // or a project with a single task would lose its turns.
            while ran < POLLS_PER_TURN && self.collect() {
                let Some((project, id)) = self.turns.next() else { break };
                self.poll(project, id);
                ran += 1;
            }
            if ran == 0 {
                self.inbox.bell.notified().await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes in what arrived; false when the thread is to end.
    fn collect(&mut self) -> bool {
        let arrivals = {
            let mut arrivals = self.inbox.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            if arrivals.closed {
                return false;
            }
            Arrivals {
                new: std::mem::take(&mut arrivals.new),
                woken: std::mem::take(&mut arrivals.woken),
                closed: false,
            }
        };
        for (project, task) in arrivals.new {
            let id = self.next_id;
            self.next_id += 1;
            let waker = Waker::from(Arc::new(TaskWaker { id, inbox: self.inbox.clone() }));
            self.tasks.insert(id, Held { project, task, waker, queued: true });
            self.turns.ready(project, id);
        }
        for id in arrivals.woken {
            if let Some(held) = self.tasks.get_mut(&id).filter(|held| !held.queued) {
                held.queued = true;
                self.turns.ready(held.project, id);
            }
        }
        true
    }

    fn poll(&mut self, project: ProjectId, id: u64) {
        let Some(held) = self.tasks.get_mut(&id) else { return };
        held.queued = false;
        let before = sys::thread_cpu();
        let mut context = Context::from_waker(&held.waker);
        // A fault in one invocation must not end the others that go on here.
        let poll = AssertUnwindSafe(|| held.task.as_mut().poll(&mut context));
        let polled = std::panic::catch_unwind(poll).unwrap_or(Poll::Ready(()));
        let taken = sys::thread_cpu().saturating_sub(before);
        self.turns.charge(project, i64::try_from(taken.as_micros()).unwrap_or(i64::MAX));
        if polled == Poll::Ready(()) {
            self.tasks.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn adopted_work_runs_to_its_end_elsewhere() {
        let background = Background::start(0).unwrap();
        let (done, wait) = tokio::sync::oneshot::channel();
        let here = std::thread::current().id();
        let task = async move {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let _ = done.send(std::thread::current().id());
        };
        background.adopt(ProjectId(uuid::Uuid::nil()), Box::pin(task));
        let there = tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap().unwrap();
        assert_ne!(here, there);
        background.close();
    }
}
