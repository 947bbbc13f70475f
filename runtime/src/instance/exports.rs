//! What the platform calls of a component: looked up by name when code is loaded, bound to each instance.

use host_api::triggers::{TriggerExports, Triggers};
use store::catalog::Export;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;

use super::state::State;

/// Which of the exports a component has.
pub(super) struct Exports {
    http: Option<incoming_handler::GuestIndices>,
    triggers: TriggerExports,
}

impl Exports {
    /// Looks them up. A known interface without its function is an error.
    pub(super) fn find(component: &InstancePre<State>) -> wasmtime::Result<Self> {
        let has_http =
            component.component().get_export_index(None, "wasi:http/incoming-handler@0.2.0").is_some();
        let http = has_http.then(|| incoming_handler::GuestIndices::new(component)).transpose()?;
        Ok(Self { http, triggers: TriggerExports::find(component)? })
    }

    /// Those that the component has, sorted.
    pub(super) fn names(&self) -> Vec<Export> {
        let http = self.http.as_ref().map(|_| Export::Http);
        let scheduled = self.triggers.has_scheduled().then_some(Export::Scheduled);
        let queued = self.triggers.has_queued().then_some(Export::Queued);
        [http, scheduled, queued].into_iter().flatten().collect()
    }

    /// Binds them to an instance. An export of another type than the interface's is an error.
    pub(super) fn bind(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Bound> {
        let http = self.http.as_ref().map(|export| export.load(&mut *store, instance)).transpose()?;
        Ok(Bound { http, triggers: self.triggers.bind(store, instance)? })
    }
}

/// The exports of one instance.
pub(super) struct Bound {
    pub(super) http: Option<incoming_handler::Guest>,
    pub(super) triggers: Triggers,
}
