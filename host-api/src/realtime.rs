//! `ostro:realtime/channels`: messages to those who listen to channels of the function's project.

use std::fmt;
use std::sync::Arc;

use store::catalog::ProjectId;
use store::documents::Failure;
use store::realtime::channels::{Channel, Message};
use store::realtime::{Channels as Store, Sending};

use crate::bindings::ostro::realtime::channels::{Error, Host};
use crate::ctx::HostCtxView;
use crate::grants::channel_grant;
use crate::meter::Interface;

impl Host for HostCtxView<'_> {
    fn send(&mut self, channel: String, message: String) -> Result<(), Error> {
        self.ctx.meter.count(Interface::Channels);
        let channel = Channel::parse(&channel).map_err(Error::Invalid)?;
        let declared = channel.declared();
        if !self.ctx.grants.allows_channel(&declared) {
            let refusal = self.ctx.refuse(Interface::Channels, channel_grant(&declared));
            return Err(Error::Denied(refusal.to_string()));
        }
        let message = Message::parse(&message).map_err(|failure| failed(&failure))?;
        self.ctx.services.channels.send(&channel, &message)
    }
}

/// The channels of all projects; none by default.
#[derive(Clone, Default)]
pub(crate) struct Channels {
    store: Option<Arc<dyn Store>>,
}

/// The channels of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectChannels {
    project: Option<(ProjectId, Arc<dyn Store>)>,
}

impl Channels {
    /// Those of that store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store: Some(store) }
    }

    /// Those of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectChannels {
        ProjectChannels { project: self.store.clone().map(|store| (project, store)) }
    }
}

impl ProjectChannels {
    fn send(&self, channel: &Channel, message: &Message) -> Result<(), Error> {
        let Some((project, store)) = &self.project else {
            return Err(Error::Unavailable("nothing is sent while a function is only tried".to_owned()));
        };
        match store.send(*project, channel, message) {
            Sending::Sent => Ok(()),
            Sending::TooMuch => Err(Error::Busy),
        }
    }
}

impl fmt::Debug for ProjectChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectChannels").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}

/// What is wrong with a message is for the guest to know.
fn failed(failure: &Failure) -> Error {
    Error::Invalid(failure.to_string())
}
