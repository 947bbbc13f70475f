//! Realtime: what is changed in a project is told, while it happens, to those who watch it and may see it, and so is what
//! is sent to channels.
//!
//! Of changes only what has been committed is told, in the order of the commits. Who watches has a [`Feed`], in which everything
//! stands at a place; from there another feed goes on later. Recent changes are kept for that, in memory and not for
//! long: where something may have been missed, [`Event::Reset`] is told, and never nothing at all.

pub mod channels;
mod feed;
mod hub;
mod judge;
mod kept;
mod rooms;
pub(crate) mod sqlite;
mod watchers;

use std::sync::Arc;

use async_trait::async_trait;

use channels::{Channel, ChannelSpec, Message};
pub use feed::{Batch, Feed};
pub(crate) use hub::{Hub, Limits, Recorder};
pub use kept::Mark;
pub use sqlite::Subscriptions;

use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::{Caller, Failure, language};

/// What one feed watches at most.
pub const MAX_SUBSCRIPTIONS: usize = 16;
/// Patterns of all filters of a feed: each takes many times its length to be kept.
pub const MAX_PATTERNS: usize = language::MAX_PATTERNS;
/// Longest filter, bytes of JSON: it is asked at each change.
pub const MAX_FILTER_BYTES: usize = 4 << 10;
/// What waits for whoever has a feed and does not read, bytes. Beyond that the feed ends.
pub const MAX_WAITING_BYTES: usize = 1 << 20;
/// Recent changes of a project that are kept, bytes.
pub const MAX_KEPT_BYTES: usize = 8 << 20;
/// How long changes are kept, and after the last feed of a project has ended; milliseconds.
pub const KEPT_MS: u64 = 5 * 60_000;

/// What may be sent in a project in a second, and at once, KiB; a message counts as one at least.
pub const SENT_KIB_PER_S: u32 = 1_000;
/// Of these, for callers from outside: functions have something left.
pub const SENT_BY_CALLERS_KIB_PER_S: u32 = 750;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Failure>;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Documents of a collection.
    Documents {
        /// The collection's name.
        collection: String,
        /// Which of its documents, at most [`MAX_FILTER_BYTES`].
        filter: String,
    },
    /// Messages of the channel of that name.
    Channel(String),
}

/// Something that happened to what is watched.
#[derive(Debug)]
pub struct Told {
    /// Which of the feed's topics, by its number.
    pub topic: usize,
    /// What happened.
    pub event: Event,
    /// A feed that goes on from here is told what comes next. None where more follows of the same change.
    pub mark: Option<Mark>,
}

/// What happened. Documents are JSON, without the fields that are hidden from whoever watches.
#[derive(Debug)]
pub enum Event {
    /// A document is new, or has become one that is watched and seen.
    Insert(Arc<str>),
    /// A document is not what it was.
    Update(Arc<str>),
    /// The document of that `_id` is gone, or is not watched or not seen any more.
    Delete(Arc<str>),
    /// Somebody has sent that, JSON.
    Message(Arc<str>),
    /// Something may have been missed: what is there has to be read again.
    Reset,
    /// The topic is not told any more, or never was: that is not open to the caller, or cannot be understood.
    Refused(Failure),
}

/// Who is told of what happens.
#[async_trait]
pub trait Realtime: Send + Sync {
    /// Reads what a caller wants to watch, up to [`MAX_SUBSCRIPTIONS`] topics with [`MAX_PATTERNS`] patterns together. Rules are
    /// asked first: of what is closed to the caller nothing is read.
    async fn read(&self, project: ProjectId, caller: &Caller, topics: Vec<Topic>) -> Result<Subscriptions>;
    /// Watches that, under the rules as they are at each moment. When it returns, whatever is committed from now on is told,
    /// and all that it costs to begin is done. With `after`, an [`Feed::id`] of before, what came in between is told
    /// first, or [`Event::Reset`] where that is not known any more. A topic that is refused is told as
    /// [`Event::Refused`]. `Forbidden` where the project has no data at all.
    async fn watch(&self, subscriptions: Subscriptions, after: Option<&str>) -> Result<Feed>;
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It is told to those who listen, as far as they keep up. Nobody else will hear it.
    Sent,
    /// More is sent in the project than may be: [`SENT_KIB_PER_S`].
    TooMuch,
}

/// Which channels there are, and the way in.
#[async_trait]
pub trait Channels: Send + Sync {
    /// Makes channels, and sets the rules of those that there are: they hold for who listens already, too. `Full` beyond
    /// [`channels::MAX_CHANNELS`].
    async fn declare(
        &self,
        project: ProjectId,
        channels: &[ChannelSpec],
    ) -> std::result::Result<(), StoreError>;
    /// The channels of a project, in order of their names.
    async fn channels(&self, project: ProjectId) -> std::result::Result<Vec<String>, StoreError>;
    /// Sends a message for a caller from outside. `ForbiddenChannel` where the rules do not let it, also where there is no
    /// such channel.
    async fn send_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        channel: &Channel,
        message: &Message,
    ) -> Result<Sending>;
    /// Sends a message whatever the rules say. It does not wait.
    fn send(&self, project: ProjectId, channel: &Channel, message: &Message) -> Sending;
}

#[cfg(test)]
mod tests;
