//! Buckets: objects of any size under keys, in buckets of a project.
//!
//! A bucket is made when it is declared, or when a function is deployed that may use it. An object is there whole or not
//! at all: its content is on the disk before anybody can find it, and is verified whenever it is read. A key is a text
//! and nothing else: no part of it ever names a file.

mod attributes;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub(crate) mod local;
mod parted;
mod rules;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::attributes::{Attributes, Metadata, Unfit, check_key};
pub use self::parted::{
    Joint, MAX_FINISHED, MAX_FINISHED_OF_ACCOUNT, MAX_UNFINISHED, MAX_UNFINISHED_OF_ACCOUNT,
    MAX_UNFINISHED_WITHOUT_NAME, PART_WAIT_MS, Part, PartedUploads, Progress,
};
pub use self::rules::{Open, Rules};
use crate::StoreError;
use crate::catalog::{Digest, ProjectId};
use crate::documents::Caller;

/// Longest key, bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest media type, bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 256;
/// Names and values of an object's metadata together, bytes.
pub const MAX_METADATA_BYTES: usize = 8 << 10;
/// Longest id of an owner, bytes.
pub const MAX_OWNER_BYTES: usize = 128;
/// Most objects of one page.
pub const MAX_PAGE: usize = 1000;
/// What one read hands out at most, bytes.
pub const MAX_CHUNK_BYTES: usize = 256 << 10;
/// What is verified as one, bytes; also what a reader or an upload holds in memory.
pub const BLOCK_BYTES: usize = 1 << 20;
/// Largest object, bytes.
pub const MAX_OBJECT_BYTES: u64 = 5 << 30;
/// What the objects of a project hold together, bytes, unless the server is told otherwise.
pub const MAX_PROJECT_BYTES: u64 = 1 << 30;
/// Objects of a project: each takes space beside its bytes.
pub const MAX_PROJECT_OBJECTS: u64 = 1_000_000;
/// Buckets of a project.
pub const MAX_BUCKETS: usize = 200;
/// Uploads of a project that run at once.
pub const MAX_UPLOADS: u64 = 16;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Size of the content, bytes.
    pub size: u64,
    /// Tells contents apart: the digest of the digests of its blocks. The same content has the same one.
    pub etag: Digest,
    /// When it was put, milliseconds since 1970.
    pub written_ms: i64,
    /// What its owner says about it.
    pub attributes: Attributes,
}

/// An object that is being read.
pub struct Found {
    /// What it was when it was found.
    pub info: Info,
    /// Its content, whatever becomes of the object meanwhile.
    pub content: Box<dyn Content>,
}

/// An object of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Size of the content, bytes.
    pub size: u64,
    /// Tells contents apart.
    pub etag: Digest,
    /// When it was put, milliseconds since 1970.
    pub written_ms: i64,
    /// Its media type; empty for none.
    pub content_type: String,
}

/// Objects of a bucket, in order of the bytes of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// Whether there are objects after the last one.
    pub has_more: bool,
}

/// What must be true of an object for it to be changed. It is judged in the change itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// There is none.
    IfAbsent,
    /// There is one.
    IfPresent,
    /// There is one, with one of these contents.
    IfMatch(Vec<Digest>),
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done. This is the object as it is now, or as it was when it was deleted.
    Done(Info),
    /// There is no object to copy or to delete.
    Missing,
    /// The condition did not hold. Nothing was changed.
    Lost,
}

/// Which buckets there are.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// Makes buckets that do not exist; durable when it returns. `Full` beyond [`MAX_BUCKETS`]: then none was made.
    async fn declare(&self, project: ProjectId, names: &[String]) -> Result<()>;
    /// Sets what callers from outside may do with buckets that exist; durable when it returns. `NotFound` where one of them
    /// does not: then none was set.
    async fn set_rules(&self, project: ProjectId, rules: &[(String, Rules)]) -> Result<()>;
    /// The buckets of a project, in order of their names.
    async fn buckets(&self, project: ProjectId) -> Result<Vec<String>>;
}

/// What is in the buckets. Limits on keys and attributes are the caller's to check: [`check_key`],
/// [`Attributes::check`].
///
/// Every method fails with `NotFound` when the project has no bucket of that name. Two projects never see each other's
/// objects, nor do two buckets. A change that was answered is durable, and is seen by everyone who asks afterwards; a
/// read that has begun goes on with the content that it found.
///
/// `Full` is the answer to a change after which the project would hold more than it may, and more than before: nothing
/// was changed. Contents, keys and attributes count, and what uploads that run have sent so far; a copy counts as much
/// as what it is of.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Begins an upload, for which that many bytes are reserved: as many as are known to come, or 0. `Busy` when
    /// [`MAX_UPLOADS`] run in the project.
    async fn upload(
        &self,
        project: ProjectId,
        bucket: &str,
        key: &str,
        reserve_bytes: u64,
    ) -> Result<Box<dyn Upload>>;
    /// An object, to be read. `Damaged` when its content is lost.
    async fn get(&self, project: ProjectId, bucket: &str, key: &str) -> Result<Option<Found>>;
    /// An object without its content.
    async fn head(&self, project: ProjectId, bucket: &str, key: &str) -> Result<Option<Info>>;
    /// At most `limit` objects whose keys begin with the prefix, behind that key, whether or not it is there, or from
    /// the first.
    async fn list(
        &self,
        project: ProjectId,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page>;
    /// Copies an object within the project, whole and at once; also onto itself. New attributes stand in place of those
    /// of the original.
    async fn copy(
        &self,
        project: ProjectId,
        from: Place<'_>,
        to: Place<'_>,
        attributes: Option<Attributes>,
        condition: Condition,
    ) -> Result<Outcome>;
    /// Deletes an object.
    async fn delete(
        &self,
        project: ProjectId,
        bucket: &str,
        key: &str,
        condition: Condition,
    ) -> Result<Outcome>;
}

/// What is in the buckets for callers from outside, who may do what the rules of a bucket say. Functions use [`Objects`].
///
/// What a caller may not see is for it as if it were not there: in lists and their ends, for conditions, for who reads or
/// deletes. `Forbidden` where nothing of that kind is open to it, where there is no such bucket, and where it may see an
/// object but not do that to it. Under the key of an object that it may not see it can put none: that is all it can learn.
///
/// An object that a caller puts is its own: the owner is the caller's account. Who replaces one leaves it to its owner.
#[async_trait]
pub trait RuledObjects: Send + Sync {
    /// What of a bucket is open to a caller. Nothing where there is no such bucket.
    async fn open_to(&self, project: ProjectId, caller: &Caller, bucket: &str) -> Result<Open>;
    /// Begins an upload. The rules are asked of what is known already, and again of all of it when it is finished. None
    /// where the condition does not hold.
    async fn upload_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        announced: Announced,
    ) -> Result<Option<Box<dyn Upload>>>;
    /// An object, to be read.
    async fn get_as(&self, project: ProjectId, caller: &Caller, at: Place<'_>) -> Result<Option<Found>>;
    /// An object without its content.
    async fn head_as(&self, project: ProjectId, caller: &Caller, at: Place<'_>) -> Result<Option<Info>>;
    /// The same as [`Objects::list`] of what the caller may see. `Slow` where it has to look at too much for that; objects
    /// of one owner are found by their owner.
    async fn list_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        bucket: &str,
        wanted: Wanted<'_>,
    ) -> Result<Page>;
    /// Deletes an object.
    async fn delete_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        condition: Condition,
    ) -> Result<Outcome>;
    /// The same as [`Objects::copy`], where callers from outside see the original or put the copy. Who puts it owns it, as
    /// what else is put.
    async fn copy_as(&self, project: ProjectId, copy: RuledCopy<'_>) -> Result<Outcome>;
}

/// A copy under the rules of a bucket, or of two.
#[derive(Clone, Debug)]
pub struct RuledCopy<'a> {
    /// Where the original is.
    pub from: Place<'a>,
    /// Who has to see it; none for a function, which sees everything.
    pub seen_by: Option<&'a Caller>,
    /// Where the copy goes.
    pub to: Place<'a>,
    /// Who puts it there; none for a function.
    pub put_by: Option<&'a Caller>,
    /// What is said of it in place of what is said of the original. Its owner is not asked where a caller puts it.
    pub attributes: Option<Attributes>,
    /// What must be true of what is there.
    pub condition: Condition,
}

/// What is known of an object before its content comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// What will be said of it; its owner is not asked.
    pub attributes: Attributes,
    /// What must be true of what is there.
    pub condition: Condition,
    /// Its size, bytes; none where it is not known.
    pub size: Option<u64>,
}

/// Which objects a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What their keys begin with.
    pub prefix: &'a str,
    /// The key that they are behind, whether or not it is there; from the first for none.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
}

/// Where an object is in its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// The object's key.
    pub key: &'a str,
}

/// An upload that runs. Nothing of it can be seen; one that is dropped leaves nothing behind.
#[async_trait]
pub trait Upload: Send {
    /// Adds bytes at the end. `Full` when the object would be too large or the project would hold too much. After an
    /// error, and after a call that was given up, it can only be dropped.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;
    /// Puts the object in place of what is there. It is done or not, also when the caller goes away meanwhile.
    async fn finish(self: Box<Self>, attributes: Attributes, condition: Condition) -> Result<Outcome>;
}

/// The content of an object.
#[async_trait]
pub trait Content: Send {
    /// Bytes from an offset on: at least one and at most `most` or [`MAX_CHUNK_BYTES`] of them; none at the end. What it
    /// hands out was verified before: `Damaged` when it is not what was put.
    async fn read(&mut self, offset: u64, most: usize) -> Result<Bytes>;
}

/// The parts of the driver, over the same data.
pub(crate) struct BucketStore {
    pub(crate) buckets: Arc<dyn Buckets>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) ruled: Arc<dyn RuledObjects>,
    pub(crate) parted: Arc<dyn PartedUploads>,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("info", &self.info).finish_non_exhaustive()
    }
}
