//! The guest's run as a future that can be polled anywhere: inline on the connection's own task, as a task
//! of its own after the response head, or on the background thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::ledger::Ledger;
use crate::instance::{Failure, Kill, killed};
use crate::telemetry::OutcomeCode;

/// Polls the guest, charges what each poll takes, and ends it when its time is over.
pub(super) struct Run {
    guest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ledger: Arc<Ledger>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Run {
    pub(super) fn new(guest: Pin<Box<dyn Future<Output = ()> + Send>>, ledger: Arc<Ledger>) -> Self {
        Self { guest: Some(guest), ledger, alarm: None }
    }

    /// Ends the guest. The failure is told first: dropping the guest closes its response body.
    fn end(&mut self, kill: Kill) {
        self.ledger.failed(killed(kill));
        self.guest = None;
    }

    /// Sets the alarm to the invocation's next deadline. Created only when a guest has to wait at all.
    fn wait(&mut self, cx: &mut Context<'_>) {
        let deadline = Instant::from_std(self.ledger.deadline());
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // A deadline that moves on with every byte is caught up with when the alarm rings; one that comes nearer
        // must be heard at once.
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if deadline <= alarm.deadline() {
                return self.ledger.control.kill(Kill::Deadline);
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Dropped with its executor, or by a panic: a response body that is still open must not look complete.
        if self.guest.is_some() {
            self.ledger.failed(Failure {
                code: OutcomeCode::Internal,
                detail: "the server gave the invocation up".to_owned(),
            });
        }
    }
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let control = this.ledger.control.clone();
        let Some(guest) = this.guest.as_mut() else { return Poll::Ready(()) };
        if let Some(kill) = control.killed() {
            this.end(kill);
            return Poll::Ready(());
        }
        control.slice_begin();
        let polled = guest.as_mut().poll(cx);
        control.slice_end();
        if polled.is_ready() {
            this.guest = None;
            return Poll::Ready(());
        }
        control.on_kill(cx.waker());
        this.wait(cx);
        if let Some(kill) = control.killed() {
            this.end(kill);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
