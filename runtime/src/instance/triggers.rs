//! Calls to the exports that schedules and queues use.

use host_api::triggers::{Failure as FailedMessage, Message, Slot};

use super::guest::{Failure, Instance, failure};

impl Instance {
    /// Calls the guest's `ostro:triggers/scheduled`; within the result, its own word if it failed.
    pub async fn scheduled(&mut self, slot: Slot<'_>) -> Result<Result<(), String>, Failure> {
        let called = self.exports.triggers.scheduled(&mut self.store, slot).await;
        self.called(called)
    }

    /// Calls the guest's `ostro:triggers/queued`; within the result, the messages that failed, or its word that
    /// all have.
    pub async fn queued(
        &mut self,
        queue: &str,
        messages: &[Message<'_>],
    ) -> Result<Result<Vec<FailedMessage>, String>, Failure> {
        let called = self.exports.triggers.queued(&mut self.store, queue, messages).await;
        self.called(called)
    }

    /// Ends the invocation and names what happened, if it did not return.
    fn called<T>(&mut self, called: wasmtime::Result<T>) -> Result<T, Failure> {
        self.end();
        called.map_err(|error| failure(&error, self.store.data()))
    }
}
