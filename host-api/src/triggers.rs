//! `ostro:triggers`: what a component exports to be started by schedules and queues.

use wasmtime::AsContextMut;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exports::ostro::triggers::{queued, scheduled};

pub use queued::{Failure, Message};
pub use scheduled::Slot;

/// Which of the exports a component has, looked up by name once for all its instances.
#[derive(Clone, Default)]
pub struct TriggerExports {
    scheduled: Option<scheduled::GuestIndices>,
    queued: Option<queued::GuestIndices>,
}

impl TriggerExports {
    /// Looks them up. An interface that is there without its function is an error.
    pub fn find<T: 'static>(component: &InstancePre<T>) -> wasmtime::Result<Self> {
        let has = |name| component.component().get_export_index(None, name).is_some();
        let scheduled = has("ostro:triggers/scheduled@0.1.0");
        let queued = has("ostro:triggers/queued@0.1.0");
        Ok(Self {
            scheduled: scheduled.then(|| scheduled::GuestIndices::new(component)).transpose()?,
            queued: queued.then(|| queued::GuestIndices::new(component)).transpose()?,
        })
    }

    /// Whether it can be started by slots of a schedule.
    pub fn has_scheduled(&self) -> bool {
        self.scheduled.is_some()
    }

    /// Whether it can be started by messages of a queue.
    pub fn has_queued(&self) -> bool {
        self.queued.is_some()
    }

    /// Binds them to an instance. An export of another type than the interface's is an error.
    pub fn bind(&self, mut store: impl AsContextMut, instance: &Instance) -> wasmtime::Result<Triggers> {
        let scheduled = self.scheduled.as_ref().map(|export| export.load(&mut store, instance));
        let queued = self.queued.as_ref().map(|export| export.load(&mut store, instance));
        Ok(Triggers { scheduled: scheduled.transpose()?, queued: queued.transpose()? })
    }
}

/// The exports of one instance.
pub struct Triggers {
    scheduled: Option<scheduled::Guest>,
    queued: Option<queued::Guest>,
}

/// The component does not export the interface of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the component does not export {0}")]
pub struct NotExported(pub &'static str);

impl Triggers {
    /// Runs a slot; within it, the guest's own word if it failed.
    pub async fn scheduled<S>(&self, store: S, slot: Slot<'_>) -> wasmtime::Result<Result<(), String>>
    where
        S: AsContextMut,
        S::Data: Send,
    {
        let guest = self.scheduled.as_ref().ok_or(NotExported("ostro:triggers/scheduled"))?;
        guest.call_handle(store, slot).await
    }

    /// Processes messages; within it, those that failed, or the guest's word that all have.
    pub async fn queued<S>(
        &self,
        store: S,
        queue: &str,
        messages: &[Message<'_>],
    ) -> wasmtime::Result<Result<Vec<Failure>, String>>
    where
        S: AsContextMut,
        S::Data: Send,
    {
        let guest = self.queued.as_ref().ok_or(NotExported("ostro:triggers/queued"))?;
        guest.call_handle(store, queue, messages).await
    }
}
