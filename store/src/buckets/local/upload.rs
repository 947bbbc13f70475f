//! An upload: blocks to a file, and a row that makes it an object.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::MultipartUpload;

use super::Local;
use super::change::{At, Put, Written, full};
use super::files::{DIGEST_BYTES, digest};
use super::running::Place;
use crate::StoreError;
use crate::buckets::{Attributes, BLOCK_BYTES, Condition, Outcome, Result, Upload};
use crate::catalog::{Digest, ProjectId};
use crate::documents::Caller;
use crate::objects::local::failed;
use crate::sqlite::stored;

/// What an upload of unknown size reserves at a time, bytes: each time costs a change of the project's file.
const RESERVED_AT_ONCE: u64 = 16 << 20;
/// What is hashed on the caller's thread, bytes: it takes less time than to have it done on another.
const HASHED_AT_ONCE: usize = 16 << 10;

/// An upload that is dropped unfinished is swept.
pub(super) struct LocalUpload {
    draft: Option<Draft>,
}

/// What an upload has so far.
pub(super) struct Draft {
    pub(super) local: Arc<Local>,
    pub(super) project: ProjectId,
    pub(super) at: At,
    /// Under whose rules; none for a function.
    pub(super) caller: Option<Caller>,
    /// The row of its content.
    pub(super) content: i64,
    pub(super) place: Place,
    /// Bytes that are reserved for it.
    pub(super) reserved: u64,
    /// Bytes of the blocks that are written.
    size: u64,
    /// Bytes that make no block yet.
    rest: BytesMut,
    /// The file, once there are more bytes than one block has.
    parts: Option<Box<dyn MultipartUpload>>,
    /// The SHA-256 of each block.
    blocks: Vec<u8>,
    /// Whether a call has failed or was given up: nobody knows what is in the file.
    is_torn: bool,
}

impl Draft {
    pub(super) fn new(local: Arc<Local>, project: ProjectId, at: At, content: i64, place: Place) -> Self {
        let (rest, blocks) = (BytesMut::new(), Vec::new());
        let (caller, reserved, size) = (None, 0, 0);
        Self {
            local,
            project,
            at,
            caller,
            content,
            place,
            reserved,
            size,
            rest,
            parts: None,
            blocks,
            is_torn: false,
        }
    }

    pub(super) fn into_upload(self) -> Box<dyn Upload> {
        Box::new(LocalUpload { draft: Some(self) })
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        let size = self.size + self.rest.len() as u64 + bytes.len() as u64;
        let most = self.local.limits.object_bytes;
        if size > most {
            return Err(full("an object (bytes)", stored(most)));
        }
        while !bytes.is_empty() {
            let taken = bytes.split_to(bytes.len().min(BLOCK_BYTES - self.rest.len()));
            self.rest.extend_from_slice(&taken);
            if self.rest.len() == BLOCK_BYTES {
                self.write_block().await?;
            }
        }
        Ok(())
    }

    /// Writes what there is as a block, and hashes it meanwhile.
    async fn write_block(&mut self) -> Result<()> {
        self.reserve(self.size + self.rest.len() as u64).await?;
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.local.files.begin(self.project, self.place.file()).await?,
        };
        let block = self.take_rest();
        let (hashed, written) = tokio::join!(hash(block.clone()), parts.put_part(block.into()));
        written.map_err(failed)?;
        self.blocks.extend_from_slice(&hashed?);
        self.parts = Some(parts);
        Ok(())
    }

    /// Puts all of it in a file, and that in its place.
    async fn finish(mut self, attributes: Attributes, condition: Condition) -> Result<Outcome> {
        match self.parts.is_some() {
            true => {
                if !self.rest.is_empty() {
                    self.write_block().await?;
                }
                if let Some(parts) = self.parts.take() {
                    self.local.files.complete(self.project, self.place.file(), parts).await?;
                }
            }
            false => {
                let only = self.take_rest();
                if !only.is_empty() {
                    self.blocks.extend_from_slice(&hash(only.clone()).await?);
                }
                self.local.files.put(self.project, self.place.file(), only).await?;
            }
        }
        let written = Written {
            content: self.content,
            size: self.size,
            etag: Digest::of(&self.blocks),
            blocks: std::mem::take(&mut self.blocks),
        };
        let put = Put { at: self.at, caller: self.caller, attributes, condition };
        self.local.clone().put(self.project, self.place, put, written).await
    }

    async fn reserve(&mut self, needs: u64) -> Result<()> {
        if needs > self.reserved {
            let wishes = needs.saturating_add(RESERVED_AT_ONCE);
            self.reserved = self.local.reserve(self.project, self.content, needs, wishes).await?;
        }
        Ok(())
    }

    fn take_rest(&mut self) -> Bytes {
        self.size += self.rest.len() as u64;
        self.rest.split().freeze()
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let draft = self.draft.as_mut().filter(|draft| !draft.is_torn).ok_or_else(torn)?;
        // Until it is known otherwise: its caller may give this call up.
        draft.is_torn = true;
        draft.write(bytes).await?;
        draft.is_torn = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>, attributes: Attributes, condition: Condition) -> Result<Outcome> {
        if self.draft.as_ref().is_none_or(|draft| draft.is_torn) {
            return Err(torn());
        }
        let Some(draft) = self.draft.take() else { return Err(torn()) };
        let (local, project, file) = (draft.local.clone(), draft.project, draft.place.file().to_owned());
        // A task of its own: it goes on when the caller goes away between the file and the row.
        let finish = tokio::spawn(async move {
            let outcome = draft.finish(attributes, condition).await;
            // What was replaced goes, or what was not put.
            match &outcome {
                Ok(_) => local.sweep_later(project),
                Err(_) => local.give_up(project, file),
            }
            outcome
        });
        finish.await.map_err(StoreError::driver)?
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if let Some(draft) = self.draft.take() {
            let (local, project, file) = (draft.local.clone(), draft.project, draft.place.file().to_owned());
            drop(draft);
            local.give_up(project, file);
        }
    }
}

async fn hash(block: Bytes) -> Result<[u8; DIGEST_BYTES]> {
    if block.len() <= HASHED_AT_ONCE {
        return Ok(digest(&block));
    }
    tokio::task::spawn_blocking(move || digest(&block)).await.map_err(StoreError::driver)
}

fn torn() -> StoreError {
    StoreError::driver("the upload has failed before")
}
