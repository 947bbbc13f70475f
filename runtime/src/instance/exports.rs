//! What the platform calls of a component: looked up by name when code is loaded, bound to each instance.

use host_api::triggers::{TriggerExports, Triggers};
use store::catalog::{Export, GuestKind};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;
use wasmtime_wasi_http::p3::bindings::exports::wasi::http::handler;

use super::command::{BoundCommand, CommandExport};
use super::engine::Lane;
use super::state::State;

/// Which of the exports a component has.
pub(super) struct Exports {
    entry: Option<Entry>,
    triggers: TriggerExports,
}

/// What a request is given to.
enum Entry {
    /// `wasi:http/incoming-handler` of WASI 0.2.
    Http02(incoming_handler::GuestIndices),
    /// `wasi:http/handler` of WASI 0.3.
    Http03(handler::GuestIndices),
    /// `wasi:cli/run`, called as CGI.
    Command(CommandExport),
}

impl Exports {
    /// Looks them up. A known interface without its function is an error.
    pub(super) fn find(component: &InstancePre<State>, kind: GuestKind) -> wasmtime::Result<Self> {
        Ok(Self { entry: Entry::find(component, kind)?, triggers: TriggerExports::find(component)? })
    }

    /// Those that the component has, sorted.
    pub(super) fn names(&self) -> Vec<Export> {
        let http = self.entry.as_ref().map(|_| Export::Http);
        let scheduled = self.triggers.has_scheduled().then_some(Export::Scheduled);
        let queued = self.triggers.has_queued().then_some(Export::Queued);
        [http, scheduled, queued].into_iter().flatten().collect()
    }

    /// Whether requests are given to it by running it.
    pub(super) fn is_command(&self) -> bool {
        matches!(self.entry, Some(Entry::Command(_)))
    }

    /// Whether several requests can be in one instance at once.
    pub(super) fn are_shareable(&self) -> bool {
        matches!(self.entry, Some(Entry::Http03(_)))
    }

    /// Binds them to an instance. An export of another type than the interface's is an error.
    pub(super) fn bind(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Bound> {
        let entry = match &self.entry {
            Some(Entry::Http02(export)) => Some(BoundEntry::Http02(export.load(&mut *store, instance)?)),
            Some(Entry::Http03(export)) => Some(BoundEntry::Http03(export.load(&mut *store, instance)?)),
            Some(Entry::Command(export)) => Some(BoundEntry::Command(export.bind(store, instance)?)),
            None => None,
        };
        Ok(Bound { entry, triggers: self.triggers.bind(store, instance)? })
    }
}

impl Entry {
    /// The newest that a guest of that kind can be called by.
    fn find(component: &InstancePre<State>, kind: GuestKind) -> wasmtime::Result<Option<Self>> {
        if matches!(kind, GuestKind::Command | GuestKind::Command03) {
            return Ok(CommandExport::find(component, Lane::of(kind))?.map(Self::Command));
        }
        let has = |name| component.component().get_export_index(None, name).is_some();
        if kind == GuestKind::Http03 && has("wasi:http/handler@0.3.0") {
            return Ok(Some(Self::Http03(handler::GuestIndices::new(component)?)));
        }
        if has("wasi:http/incoming-handler@0.2.0") {
            return Ok(Some(Self::Http02(incoming_handler::GuestIndices::new(component)?)));
        }
        Ok(None)
    }
}

/// The exports of one instance.
pub(super) struct Bound {
    pub(super) entry: Option<BoundEntry>,
    pub(super) triggers: Triggers,
}

/// What a request is given to, in one instance.
pub(super) enum BoundEntry {
    Http02(incoming_handler::Guest),
    Http03(handler::Guest),
    Command(BoundCommand),
}
