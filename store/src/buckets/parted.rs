//! Uploads in parts: a content that comes in several requests, and goes on whatever breaks in between.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Announced, Place, Result};
use crate::catalog::{Digest, ProjectId};
use crate::documents::Caller;

/// How long an upload waits for its next part, and is known at most after its last one, milliseconds.
pub const PART_WAIT_MS: i64 = 24 * 3_600_000;
/// Unfinished uploads in parts of one account; whoever is not signed in counts as one.
pub const MAX_UNFINISHED_OF_ACCOUNT: u64 = 16;
/// Unfinished uploads in parts of a project.
pub const MAX_UNFINISHED: u64 = 1_000;
/// How many of them those have together who have no name: anybody may be as many of these as they like.
pub const MAX_UNFINISHED_WITHOUT_NAME: u64 = 500;
/// Uploads in parts of one account that are known after their end; those that ended before them are forgotten.
pub const MAX_FINISHED_OF_ACCOUNT: u64 = 100;
/// The same for a project.
pub const MAX_FINISHED: u64 = 10_000;

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are on the disk.
    pub received: u64,
    /// Bytes of the whole content.
    pub total: u64,
    /// The etag of the object that it has become; none while bytes are missing.
    pub etag: Option<Digest>,
}

/// Whether an upload goes on where somebody thinks it does.
pub enum Joint {
    /// There.
    Fits(Box<dyn Part>),
    /// It has that many bytes.
    Elsewhere(u64),
}

/// Uploads in parts for callers from outside. An upload is its account's: for everybody else there is none (`NotFound`), and
/// for whoever is not signed in it is there if it was begun like that. What gets no byte for [`PART_WAIT_MS`] is gone.
/// Those of callers without a name have at most half of what the project may hold.
#[async_trait]
pub trait PartedUploads: Send + Sync {
    /// Begins one of an announced size, at least one byte, and answers its id. The rules are asked, and again when its last
    /// byte has come; conditions are not kept. `Busy` where there are as many as may be.
    async fn begin(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        announced: Announced,
    ) -> Result<String>;
    /// How far it is.
    async fn progress(&self, project: ProjectId, caller: &Caller, id: &str) -> Result<Progress>;
    /// Goes on behind that many bytes. A part that still runs is over if this one fits: its connection may have broken without
    /// a word.
    async fn go_on(&self, project: ProjectId, caller: &Caller, id: &str, offset: u64) -> Result<Joint>;
    /// Gives it up, also one that has become an object, which stays.
    async fn give_up(&self, project: ProjectId, caller: &Caller, id: &str) -> Result<()>;
}

/// A part that comes.
#[async_trait]
pub trait Part: Send {
    /// How many bytes the upload still lacks.
    fn left(&self) -> u64;
    /// Adds bytes, no more than it lacks. After an error only what was written before may be kept.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;
    /// Keeps what has come: it is on the disk when this is answered. With the last byte it becomes the object. A part that
    /// is dropped is kept as well, as far as it came.
    async fn keep(self: Box<Self>) -> Result<Progress>;
}
