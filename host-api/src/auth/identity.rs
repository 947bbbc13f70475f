//! `ostro:auth/identity`: on whose behalf the running invocation acts.

use store::jobs::Caller;

use crate::bindings::ostro::auth::identity::Host;
use crate::ctx::HostCtxView;
use crate::meter::Interface;

impl Host for HostCtxView<'_> {
    fn caller(&mut self) -> String {
        let caller = match self.told() {
            Caller::User { .. } => "user",
            Caller::Anonymous => "nobody",
            Caller::System => "system",
        };
        caller.to_owned()
    }

    fn user(&mut self) -> Option<String> {
        self.told().user().map(str::to_owned)
    }

    fn roles(&mut self) -> Vec<String> {
        match self.told() {
            Caller::User { roles, .. } => roles.clone(),
            Caller::Anonymous | Caller::System => Vec::new(),
        }
    }

    fn is_anonymous(&mut self) -> bool {
        matches!(self.told(), Caller::User { anonymous: true, .. })
    }
}

impl HostCtxView<'_> {
    /// The caller of the running invocation, as rules know it.
    pub(crate) fn under_rules(&self) -> store::documents::Caller {
        self.ctx.call.lineage.caller.under_rules()
    }

    /// Only the host has said who it is: nothing of it was ever read from a message.
    fn told(&self) -> &Caller {
        self.ctx.meter.count(Interface::Identity);
        &self.ctx.call.lineage.caller
    }
}
