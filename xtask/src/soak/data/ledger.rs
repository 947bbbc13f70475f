//! What the clients know: which writes they have sent, and which of them were acknowledged.

use std::collections::BTreeMap;

/// What a single write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Document,
    Value,
    Rows,
    Object,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Document, Self::Value, Self::Rows, Self::Object];

    /// As the guest calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Value => "value",
            Self::Rows => "rows",
            Self::Object => "object",
        }
    }
}

/// A thing that one client writes, and which one.
pub(super) type Thing = (Kind, String);

/// How far a thing has come. It is written in steps, 1, 2, 3 …, one after the other, and nobody else writes it; it is never written again after a step whose answer did
/// not come, nor after its deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// The latest step that was sent.
    pub(super) sent: u32,
    /// The latest step that was acknowledged.
    pub(super) acknowledged: u32,
    /// The latest step that was sent deletes it.
    pub(super) ends: bool,
}

/// Money that goes from an account to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) amount: i64,
}

/// What is known of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its answer has not come.
    Sent,
    Acknowledged,
    /// It was answered that nothing was changed.
    Refused,
}

/// All that was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) things: BTreeMap<Thing, Steps>,
    pub(super) transfers: BTreeMap<String, (Transfer, Fate)>,
}

impl Ledger {
    /// Notes that the next step of a thing is being sent.
    pub(super) fn send(&mut self, thing: &Thing, deletes: bool) {
        let steps = self.things.entry(thing.clone()).or_default();
        steps.sent += 1;
        steps.ends = deletes;
    }

    /// Notes that the latest step of a thing was acknowledged.
    pub(super) fn acknowledge(&mut self, thing: &Thing) {
        if let Some(steps) = self.things.get_mut(thing) {
            steps.acknowledged = steps.sent;
        }
    }

    /// Notes that a transfer is being sent.
    pub(super) fn send_transfer(&mut self, id: &str, transfer: &Transfer) {
        self.transfers.insert(id.to_owned(), (transfer.clone(), Fate::Sent));
    }

    /// Notes how a transfer was answered.
    pub(super) fn settle_transfer(&mut self, id: &str, to: Fate) {
        if let Some((_, fate)) = self.transfers.get_mut(id) {
            *fate = to;
        }
    }

    /// Writes of that kind: sent, acknowledged.
    pub(super) fn writes(&self, kind: Kind) -> (u64, u64) {
        let of_kind = self.things.iter().filter(|((other, _), _)| *other == kind);
        of_kind.fold((0, 0), |(sent, acknowledged), (_, steps)| {
            (sent + u64::from(steps.sent), acknowledged + u64::from(steps.acknowledged))
        })
    }

    /// Transfers of that fate.
    pub(super) fn transfers(&self, of: Fate) -> u64 {
        self.transfers.values().filter(|(_, fate)| *fate == of).count() as u64
    }

    /// Everything that was acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.writes(*kind).1).sum::<u64>() + self.transfers(Fate::Acknowledged)
    }
}
