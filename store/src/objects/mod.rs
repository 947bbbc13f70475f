//! Objects by digest: uploaded components, asset bundles and files of sites.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub(crate) mod local;

use async_trait::async_trait;
use bytes::Bytes;

use crate::StoreError;
use crate::buckets::Content;
use crate::catalog::Digest;

/// Immutable objects, named by the SHA-256 of their content.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores the bytes; durable when it returns. Storing the same object again changes nothing.
    /// `Damaged` when the digest is not that of the bytes.
    async fn put(&self, area: Area, digest: &Digest, bytes: Bytes) -> Result<(), StoreError>;
    /// The bytes, or `None` when there is no such object. `Damaged` when what is stored does not have
    /// this digest.
    async fn get(&self, area: Area, digest: &Digest) -> Result<Option<Bytes>, StoreError>;
    /// The object, to be read in parts, whatever becomes of it meanwhile; `None` when there is no such object. `Damaged`
    /// when what is stored does not have this digest, which is looked at when this process opens it for the first time.
    async fn open(&self, area: Area, digest: &Digest) -> Result<Option<Box<dyn Content>>, StoreError>;
    /// Whether there is such an object; its content is not read.
    async fn exists(&self, area: Area, digest: &Digest) -> Result<bool, StoreError>;
    /// Deletes the object; nothing happens when there is none.
    async fn delete(&self, area: Area, digest: &Digest) -> Result<(), StoreError>;
    /// Every object of an area, in no particular order.
    async fn list(&self, area: Area) -> Result<Vec<Digest>, StoreError>;
}

/// Kinds of objects; a digest may be in several areas, and each is deleted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// Uploaded components.
    Wasm,
    /// Asset bundles.
    Assets,
    /// Files of static sites.
    Site,
}
