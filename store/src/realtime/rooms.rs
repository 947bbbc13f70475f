//! Who listens to which channel.

use std::collections::HashMap;
use std::sync::Arc;

use super::Result;
use super::channels::{Channel, Declared};
use crate::documents::{Caller, Failure};

/// The channels that somebody listens to, and the rules under which.
#[derive(Default)]
pub(super) struct Rooms {
    declared: Arc<Declared>,
    /// What was kept first since the rules are as they are.
    since: u64,
    /// Who listens, and which of their topics it is.
    members: HashMap<String, Vec<(u64, usize)>>,
}

impl Rooms {
    /// Somebody listens from now on. `ForbiddenChannel` where the rules do not let them.
    pub(super) fn enter(&mut self, member: (u64, usize), caller: &Caller, channel: &Channel) -> Result<()> {
        self.permit(caller, channel)?;
        match self.members.get_mut(channel.as_str()) {
            Some(members) => members.push(member),
            None => drop(self.members.insert(channel.as_str().to_owned(), vec![member])),
        }
        Ok(())
    }

    /// Somebody listens no more.
    pub(super) fn leave(&mut self, number: u64, channel: &Channel) {
        self.retain(channel, |(member, _)| member != number);
    }

    /// One of their topics is about that channel no more.
    pub(super) fn expel(&mut self, member: (u64, usize), channel: &Channel) {
        self.retain(channel, |other| other != member);
    }

    fn retain(&mut self, channel: &Channel, stays: impl Fn((u64, usize)) -> bool) {
        let Some(members) = self.members.get_mut(channel.as_str()) else { return };
        members.retain(|member| stays(*member));
        if members.is_empty() {
            self.members.remove(channel.as_str());
        }
    }

    /// Those who listen to the channel of that name.
    pub(super) fn members(&self, channel: &str) -> &[(u64, usize)] {
        self.members.get(channel).map_or(&[], Vec::as_slice)
    }

    /// The same of all channels.
    pub(super) fn all(&self) -> Vec<(u64, usize)> {
        self.members.values().flatten().copied().collect()
    }

    /// Whether the rules are the same as from that place on.
    pub(super) fn is_since(&self, number: u64) -> bool {
        number + 1 >= self.since
    }

    /// Whether those are the rules.
    pub(super) fn is_under(&self, declared: &Declared) -> bool {
        self.declared.is_same(declared)
    }

    /// Those are the rules, as before or because they were not known yet.
    pub(super) fn know(&mut self, declared: Arc<Declared>) {
        self.declared = declared;
    }

    /// Those are the rules, from that place on.
    pub(super) fn set(&mut self, declared: Arc<Declared>, since: u64) {
        (self.declared, self.since) = (declared, since);
    }

    /// `ForbiddenChannel` unless that caller may listen.
    pub(super) fn permit(&self, caller: &Caller, channel: &Channel) -> Result<()> {
        match self.declared.lets_listen(caller, channel) {
            true => Ok(()),
            false => Err(Failure::ForbiddenChannel),
        }
    }
}
