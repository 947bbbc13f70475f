//! `ostro:triggers`: what a component exports to be started by schedules and queues.
//!
//! Each interface has a twin for WASI 0.3 whose call may wait. The records are the same, so the same Rust types fit; only
//! the way to the function differs.

use wasmtime::component::{ComponentExportIndex, Func, Instance, InstancePre};
use wasmtime::{AsContext, AsContextMut};

use crate::bindings::exports::ostro::triggers::{queued, scheduled};

pub use queued::{Failure, Message};
pub use scheduled::Slot;

/// What `scheduled` gives back: the guest's own word, if it failed.
type Ran = Result<(), String>;
/// What `queued` gives back: the messages that failed, or the guest's word that all have.
type Processed = Result<Vec<Failure>, String>;

/// Which of the exports a component has, looked up by name once for all its instances.
#[derive(Clone, Default)]
pub struct TriggerExports {
    scheduled: Option<Export<scheduled::GuestIndices>>,
    queued: Option<Export<queued::GuestIndices>>,
}

/// One export, in the form that the component has.
#[derive(Clone)]
enum Export<I> {
    /// A plain function.
    Blocking(I),
    /// An `async func`; preferred where a component has both.
    Waiting(ComponentExportIndex),
}

impl TriggerExports {
    /// Looks them up. An interface that is there without its function is an error.
    pub fn find<T: 'static>(component: &InstancePre<T>) -> wasmtime::Result<Self> {
        let scheduled =
            Export::find(component, "ostro:triggers/scheduled", scheduled::GuestIndices::new::<T>)?;
        let queued = Export::find(component, "ostro:triggers/queued", queued::GuestIndices::new::<T>)?;
        Ok(Self { scheduled, queued })
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
        let scheduled = match &self.scheduled {
            Some(Export::Blocking(export)) => Some(Scheduled::Blocking(export.load(&mut store, instance)?)),
            Some(Export::Waiting(export)) => {
                let func = function(&mut store, instance, export)?;
                func.typed::<(Slot<'_>,), (Ran,)>(&store)?;
                Some(Scheduled::Waiting(func))
            }
            None => None,
        };
        let queued = match &self.queued {
            Some(Export::Blocking(export)) => Some(Queued::Blocking(export.load(&mut store, instance)?)),
            Some(Export::Waiting(export)) => {
                let func = function(&mut store, instance, export)?;
                func.typed::<(&str, &[Message<'_>]), (Processed,)>(&store)?;
                Some(Queued::Waiting(func))
            }
            None => None,
        };
        Ok(Triggers { scheduled, queued })
    }
}

impl<I> Export<I> {
    fn find<T: 'static>(
        component: &InstancePre<T>,
        interface: &str,
        blocking: impl FnOnce(&InstancePre<T>) -> wasmtime::Result<I>,
    ) -> wasmtime::Result<Option<Self>> {
        let export = |parent, name: &str| component.component().get_export_index(parent, name);
        let name = format!("{interface}-async@0.1.0");
        if let Some(waiting) = export(None, &name) {
            let missing = || wasmtime::format_err!("{name} has no function `handle`");
            return Ok(Some(Self::Waiting(export(Some(&waiting), "handle").ok_or_else(missing)?)));
        }
        let plain = export(None, &format!("{interface}@0.1.0")).is_some();
        Ok(plain.then(|| blocking(component)).transpose()?.map(Self::Blocking))
    }
}

fn function(
    mut store: impl AsContextMut,
    instance: &Instance,
    export: &ComponentExportIndex,
) -> wasmtime::Result<Func> {
    let missing = || wasmtime::format_err!("the export is not a function");
    instance.get_func(&mut store, export).ok_or_else(missing)
}

/// The exports of one instance.
pub struct Triggers {
    scheduled: Option<Scheduled>,
    queued: Option<Queued>,
}

enum Scheduled {
    Blocking(scheduled::Guest),
    Waiting(Func),
}

enum Queued {
    Blocking(queued::Guest),
    Waiting(Func),
}

/// The component does not export the interface of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the component does not export {0}")]
pub struct NotExported(pub &'static str);

impl Triggers {
    /// Runs a slot; within it, the guest's own word if it failed.
    pub async fn scheduled<S>(&self, mut store: S, slot: Slot<'_>) -> wasmtime::Result<Ran>
    where
        S: AsContextMut,
        <S as AsContext>::Data: Send,
    {
        match self.scheduled.as_ref().ok_or(NotExported("ostro:triggers/scheduled"))? {
            Scheduled::Blocking(guest) => guest.call_handle(store, slot).await,
            Scheduled::Waiting(func) => {
                let handle = func.typed::<(Slot<'_>,), (Ran,)>(&store)?;
                Ok(handle.call_async(&mut store, (slot,)).await?.0)
            }
        }
    }

    /// Processes messages; within it, those that failed, or the guest's word that all have.
    pub async fn queued<S>(
        &self,
        mut store: S,
        queue: &str,
        messages: &[Message<'_>],
    ) -> wasmtime::Result<Processed>
    where
        S: AsContextMut,
        <S as AsContext>::Data: Send,
    {
        match self.queued.as_ref().ok_or(NotExported("ostro:triggers/queued"))? {
            Queued::Blocking(guest) => guest.call_handle(store, queue, messages).await,
            Queued::Waiting(func) => {
                let handle = func.typed::<(&str, &[Message<'_>]), (Processed,)>(&store)?;
                Ok(handle.call_async(&mut store, (queue, messages)).await?.0)
            }
        }
    }
}
