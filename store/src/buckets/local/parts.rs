//! The driver for uploads in parts: bytes to a file, and after each part a row that says how far they are right.
//!
//! What is in the file behind that is nobody's: a part that was cut by a crash is written again over it. A file of an upload
//! is not swept while its row is there.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rusqlite::Connection;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::change::{At, Change, Written, foresee};
use super::files::{DIGEST_BYTES, digest};
use super::running::Place as Running;
use super::uploads::{self, Begun, Kept, Known, no_upload};
use super::{Driver, Local};
use crate::StoreError;
use crate::buckets::{Announced, BLOCK_BYTES, Joint, Part, PartedUploads, Place, Progress, Result};
use crate::catalog::{Digest, ProjectId};
use crate::documents::Caller;
use crate::sqlite::Durability;

/// What an upload reserves at a time, bytes.
const RESERVED_AT_ONCE: u64 = 16 << 20;

/// Who may write to the file of an upload: the part whose number it is.
type Lane = Arc<Turn<u64>>;

/// The lanes of uploads to which parts come.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<String, Weak<Turn<u64>>>>);

/// A part that comes; none once it is kept.
struct LocalPart(Option<Growing>);

/// An upload as a part finds it.
struct Claim<'c> {
    id: &'c str,
    account: Option<&'c str>,
    content: i64,
    /// Whether nothing of it was kept yet: then it need have no file.
    is_new: bool,
}

/// An upload that grows.
struct Growing {
    local: Arc<Local>,
    project: ProjectId,
    caller: Caller,
    id: String,
    known: Known,
    content: i64,
    name: String,
    file: Arc<File>,
    lane: Lane,
    number: u64,
    _place: Running,
    reserved: u64,
    /// Bytes of the whole blocks that are in the file.
    size: u64,
    /// Bytes that make no block yet.
    rest: BytesMut,
    /// The SHA-256 of each whole block.
    blocks: Vec<u8>,
}

#[async_trait]
impl PartedUploads for Driver {
    async fn begin(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        announced: Announced,
    ) -> Result<String> {
        let (local, at, now) = (&self.0, At::from(at), self.0.rows.now());
        let total = announced.size.unwrap_or(0);
        if total > local.limits.object_bytes {
            return Err(uploads::too_large(local.limits.object_bytes));
        }
        local.look(project, |connection| foresee(connection, now, &at, caller, &announced)).await?;
        let by_chance =
            || Ok::<_, StoreError>(format!("{:032x}", u128::from_ne_bytes(crate::keys::random::<16>()?)));
        let (id, file, account) = (by_chance()?, by_chance()?, caller.user.clone());
        let nameless = caller.user.is_none() || caller.anonymous;
        let attributes = announced.attributes;
        let begun = Begun { id: id.clone(), file, account, nameless, at, attributes, total };
        local.sweep_later(project);
        let begin = move |change: &mut Change<'_>| change.begin_parts(&begun);
        local.change_with_room(project, Durability::Now, begin).await?;
        Ok(id)
    }

    async fn progress(&self, project: ProjectId, caller: &Caller, id: &str) -> Result<Progress> {
        let Known { received, total, etag, .. } = self.0.upload_of(project, caller, id).await?;
        Ok(Progress { received, total, etag })
    }

    async fn go_on(&self, project: ProjectId, caller: &Caller, id: &str, offset: u64) -> Result<Joint> {
        let local = &self.0;
        // Whether it is there comes first, and what it is when nobody else writes.
        local.upload_of(project, caller, id).await?;
        let lane = local.lanes.of(id);
        let mut turn = lane.clone().lock_owned().await;
        let known = local.upload_of(project, caller, id).await?;
        let Some(content) = known.content.filter(|_| known.received == offset) else {
            return Ok(Joint::Elsewhere(known.received));
        };
        let number = *turn + 1;
        let place = local.running.take(project, format!("{id}#{number}"), local.limits.uploads)?;
        // From here on the part before is over.
        *turn = number;
        let found = |connection: &Connection| uploads::file(connection, content);
        let (name, reserved) = local.look(project, found).await?;
        let claim = Claim { id, account: caller.user.as_deref(), content, is_new: known.received == 0 };
        let file = local.open_part(project, &name, &claim).await?;
        let mut growing = Growing {
            local: local.clone(),
            project,
            caller: caller.clone(),
            id: id.to_owned(),
            content,
            name,
            file: Arc::new(file),
            number,
            lane,
            _place: place,
            reserved,
            size: 0,
            rest: BytesMut::new(),
            blocks: Vec::new(),
            known,
        };
        growing.load().await?;
        Ok(Joint::Fits(Box::new(LocalPart(Some(growing)))))
    }

    async fn give_up(&self, project: ProjectId, caller: &Caller, id: &str) -> Result<()> {
        let (id, account) = (id.to_owned(), caller.user.clone());
        let give_up = move |change: &mut Change<'_>| change.give_up(&id, account.as_deref());
        self.0.change(project, Durability::Now, give_up).await.map_err(|error| match error {
            StoreError::NotFound { .. } => no_upload(),
            other => other,
        })?;
        self.0.sweep_later(project);
        Ok(())
    }
}

impl Local {
    async fn upload_of(self: &Arc<Self>, project: ProjectId, caller: &Caller, id: &str) -> Result<Known> {
        let now = self.rows.now();
        let find = |connection: &Connection, _| uploads::find(connection, now, id, caller.user.as_deref());
        self.rows.read(project, find).await?.ok_or_else(no_upload)
    }
}

impl Local {
    /// The file of an upload, opened for a part. Whoever gives the upload up may do so at any moment: its row is asked once the
    /// file is there, so that there is never a file without a row.
    async fn open_part(self: &Arc<Self>, project: ProjectId, name: &str, claim: &Claim<'_>) -> Result<File> {
        let (files, opened, is_new) = (self.files.clone(), name.to_owned(), claim.is_new);
        let file = blocking(move || files.open_part(project, &opened, is_new)).await?;
        let file = file.ok_or_else(no_upload)?;
        let (id, account, content) = (claim.id.to_owned(), claim.account.map(str::to_owned), claim.content);
        let claimed = move |change: &mut Change<'_>| change.claim(&id, account.as_deref(), content);
        match self.change(project, Durability::Later, claimed).await {
            Err(StoreError::NotFound { .. }) => {
                self.files.remove_with_folders(project, name);
                Err(no_upload())
            }
            claimed => claimed.map(|()| file),
        }
    }
}

impl Lanes {
    /// The lane of an upload.
    fn of(&self, id: &str) -> Lane {
        // Nothing panics between two halves of a change.
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(id).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Lane::default();
        lanes.insert(id.to_owned(), Arc::downgrade(&lane));
        lane
    }

    /// Whether a part comes to an upload. Until it has ended the upload is not too old.
    pub(super) fn has(&self, id: &str) -> bool {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(id).is_some_and(|lane| lane.strong_count() > 0)
    }
}

impl Growing {
    /// Takes up what the file has: of a last block that is not whole the bytes, because its digest goes on.
    async fn load(&mut self) -> Result<()> {
        let rest = usize::try_from(self.known.received % BLOCK_BYTES as u64).map_err(StoreError::driver)?;
        self.size = self.known.received - rest as u64;
        self.blocks.clone_from(&self.known.blocks);
        if rest == 0 {
            return Ok(());
        }
        let expected = self.blocks.split_off(self.blocks.len().saturating_sub(DIGEST_BYTES));
        let (file, start) = (self.file.clone(), self.size);
        let read = move || {
            let mut bytes = vec![0; rest];
            file.read_exact_at(&mut bytes, start).map_err(StoreError::io)?;
            match digest(&bytes).as_slice() == expected {
                true => Ok(bytes),
                false => Err(StoreError::Damaged("an upload is not what came".to_owned())),
            }
        };
        self.rest.extend_from_slice(&blocking(read).await?);
        Ok(())
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            let taken = bytes.split_to(bytes.len().min(BLOCK_BYTES - self.rest.len()));
            self.rest.extend_from_slice(&taken);
            if self.rest.len() == BLOCK_BYTES {
                let turn = self.turn().await?;
                let (digest, _turn) = self.write_rest(turn).await?;
                self.blocks.extend_from_slice(&digest);
                self.size += BLOCK_BYTES as u64;
                self.rest.clear();
            }
        }
        Ok(())
    }

    /// Keeps what has come. Nobody else goes on before it is done. Where there is no room for all of it, the whole blocks are
    /// kept, and what failed is answered.
    async fn keep(mut self) -> Result<Progress> {
        let mut turn = self.turn().await?;
        let (mut size, mut failed) = (self.size, None);
        if !self.rest.is_empty() {
            match self.write_rest(turn).await {
                Ok((digest, again)) => {
                    self.blocks.extend_from_slice(&digest);
                    (size, turn) = (self.received(), again);
                }
                Err(error) if size > self.known.received => {
                    (turn, failed) = (self.turn().await?, Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        let file = self.file.clone();
        blocking(move || file.sync_all().map_err(StoreError::io)).await?;
        let blocks = std::mem::take(&mut self.blocks);
        let etag = Digest::of(&blocks);
        let written = Written { content: self.content, size, etag: etag.clone(), blocks };
        let kept = Kept { id: self.id.clone(), written };
        let is_complete = size == self.known.total;
        let done = match is_complete {
            true => self.complete(kept).await,
            false => {
                self.local.change_with_room(self.project, Durability::Now, move |all| all.keep(&kept)).await
            }
        };
        drop(turn);
        if let Err(StoreError::Forbidden) = done {
            let (id, account) = (self.id.clone(), self.caller.user.clone());
            let give_up = move |change: &mut Change<'_>| change.give_up(&id, account.as_deref());
            self.local.change(self.project, Durability::Now, give_up).await?;
        }
        // Its project may have been deleted before its file was made.
        self.local.give_up(self.project, self.name);
        done?;
        if let Some(failed) = failed {
            return Err(failed);
        }
        Ok(Progress { received: size, total: self.known.total, etag: is_complete.then_some(etag) })
    }

    /// Makes an object of what has come. Where there is no room for it all is kept but the last block: whoever is told that
    /// every byte is there takes it for done.
    async fn complete(&self, kept: Kept) -> Result<()> {
        let (put, without_last) = (uploads::put_of(&self.known, &self.caller), kept.without_last());
        let complete = move |change: &mut Change<'_>| change.complete(&kept, &put);
        let done = self.local.change_with_room(self.project, Durability::Now, complete).await;
        if matches!(done, Err(StoreError::Full { .. })) && without_last.written.size > self.known.received {
            let keep = move |change: &mut Change<'_>| change.keep(&without_last);
            self.local.change(self.project, Durability::Now, keep).await?;
        }
        done
    }

    /// The turn to write, unless another part has come.
    async fn turn(&self) -> Result<OwnedMutexGuard<u64>> {
        let turn = self.lane.clone().lock_owned().await;
        match *turn == self.number {
            true => Ok(turn),
            false => Err(StoreError::Conflict {
                what: "the upload".to_owned(),
                holder: "a part that came later".to_owned(),
            }),
        }
    }

    /// Writes what makes no block yet behind the blocks. The turn is held until the file has it, whoever waits.
    async fn write_rest(
        &mut self,
        turn: OwnedMutexGuard<u64>,
    ) -> Result<([u8; DIGEST_BYTES], OwnedMutexGuard<u64>)> {
        let needs = self.received();
        if needs > self.reserved {
            let wishes = needs.saturating_add(RESERVED_AT_ONCE).min(self.known.total);
            let (id, content) = (self.id.clone(), self.content);
            let reserve = move |change: &mut Change<'_>| change.reserve_for(&id, content, needs, wishes);
            // What a power cut undoes is behind what was kept.
            self.reserved = self.local.change_with_room(self.project, Durability::Later, reserve).await?;
        }
        let (file, start, bytes) = (self.file.clone(), self.size, self.rest.clone().freeze());
        let write = move || {
            file.write_all_at(&bytes, start).map_err(StoreError::io)?;
            Ok((digest(&bytes), turn))
        };
        blocking(write).await
    }

    fn received(&self) -> u64 {
        self.size + self.rest.len() as u64
    }
}

#[async_trait]
impl Part for LocalPart {
    fn left(&self) -> u64 {
        self.0.as_ref().map_or(0, |growing| growing.known.total.saturating_sub(growing.received()))
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.len() as u64 > self.left() {
            return Err(uploads::too_large(self.0.as_ref().map_or(0, |growing| growing.known.total)));
        }
        // Whoever gives this call up leaves a block that is written again.
        self.0.as_mut().ok_or_else(no_upload)?.write(bytes).await
    }

    async fn keep(mut self: Box<Self>) -> Result<Progress> {
        let Some(growing) = self.0.take() else { return Err(no_upload()) };
        // A task of its own: it goes on when the caller goes away between the file and the row.
        tokio::spawn(growing.keep()).await.map_err(StoreError::driver)?
    }
}

impl Drop for LocalPart {
    fn drop(&mut self) {
        let Some(growing) = self.0.take() else { return };
        // Without a runtime everything ends, and the last part that was kept counts.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let project = growing.project;
            if let Err(error) = growing.keep().await {
                tracing::debug!(project = %project.0, %error, "a part that was cut is not kept");
            }
        });
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(StoreError::driver)?
}

#[cfg(test)]
mod tests;
