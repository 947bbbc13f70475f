//! Calls to the exports that schedules and queues use.

use host_api::triggers::{Failure as FailedMessage, Message, Slot};

use super::engine::Lane;
use super::guest::{Failure, Instance, failure};
use super::handler03;

impl Instance {
    /// Calls the guest's `ostro:triggers/scheduled`; within the result, its own word if it failed.
    pub async fn scheduled(&mut self, slot: Slot<'_>) -> Result<Result<(), String>, Failure> {
        let called = self.exports.triggers.scheduled(&mut self.store, slot).await;
        self.called(called).await
    }

    /// Calls the guest's `ostro:triggers/queued`; within the result, the messages that failed, or its word that
    /// all have.
    pub async fn queued(
        &mut self,
        queue: &str,
        messages: &[Message<'_>],
    ) -> Result<Result<Vec<FailedMessage>, String>, Failure> {
        let called = self.exports.triggers.queued(&mut self.store, queue, messages).await;
        self.called(called).await
    }

    /// Ends the invocation, after the background work that a guest of WASI 0.3 may have left, and names what happened
    /// if it did not return.
    async fn called<T>(&mut self, called: wasmtime::Result<T>) -> Result<T, Failure> {
        let ended = match (called, self.lane()) {
            (Ok(returned), Lane::Concurrent) => {
                handler03::finish(&mut self.store, None).await.map(|()| returned)
            }
            (called, _) => called,
        };
        self.end();
        ended.map_err(|error| failure(&error, self.store.data()))
    }
}
