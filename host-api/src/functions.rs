//! `ostro:functions/context`: what a function may know of itself.

use store::jobs::Lineage;
use uuid::Uuid;

use crate::bindings::ostro::functions::context::{Facts, Host};
use crate::ctx::HostCtxView;
use crate::meter::Interface;

impl Host for HostCtxView<'_> {
    fn about(&mut self) -> Facts {
        self.ctx.meter.count(Interface::Context);
        let Identity { project, function, revision, .. } = self.ctx.identity.as_ref();
        let Call { invocation, deadline_ms, .. } = self.ctx.call;
        Facts {
            project: project.clone(),
            function: function.clone(),
            revision: *revision,
            invocation: invocation.to_string(),
            deadline_ms,
        }
    }

    fn bindings(&mut self) -> Vec<(String, String)> {
        self.ctx.meter.count(Interface::Context);
        self.ctx.identity.bindings.clone()
    }
}

/// Which function it is, in the revision that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the project.
    pub project: String,
    /// Name of the function.
    pub function: String,
    /// Number of the revision.
    pub revision: u32,
    /// The names that it gives to resources, each with its resource, by name.
    pub bindings: Vec<(String, String)>,
}

/// The running invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub invocation: Uuid,
    /// When its time is over, milliseconds since 1970.
    pub deadline_ms: u64,
    /// Where it comes from: what it calls is told of it by the host.
    pub lineage: Lineage,
}
