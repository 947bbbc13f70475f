//! The rows of uploads in parts.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::change::{At, Change, Put, Written, full};
use super::files::DIGEST_BYTES;
use crate::StoreError;
use crate::buckets::{
    Attributes, BLOCK_BYTES, Condition, MAX_FINISHED, MAX_FINISHED_OF_ACCOUNT, MAX_UNFINISHED,
    MAX_UNFINISHED_OF_ACCOUNT, MAX_UNFINISHED_WITHOUT_NAME, Metadata, Outcome, PART_WAIT_MS, Result,
};
use crate::catalog::Digest;
use crate::documents::Caller;
use crate::sqlite::{Json, stored};

/// Puts one in.
pub(super) const BEGIN: &str = "INSERT INTO object_uploads
        (id, content, account, nameless, bucket, key, content_type, metadata, total, received, blocks, expires_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, x'', ?10)";
/// One of an account.
pub(super) const ONE: &str =
    "SELECT content, bucket, key, content_type, metadata, total, received, blocks, etag
    FROM object_uploads WHERE id = ?1 AND account IS ?2 AND expires_ms > ?3";
/// The file of a content that is not there yet, and what is reserved for it.
pub(super) const FILE: &str = "SELECT file, reserved FROM object_contents WHERE id = ?1";
/// That a part of one begins: it waits anew.
pub(super) const CLAIM: &str = "UPDATE object_uploads SET expires_ms = ?5
    WHERE id = ?1 AND account IS ?2 AND content = ?3 AND expires_ms > ?4";
/// Whether a content is one's.
pub(super) const HAS: &str = "SELECT 1 FROM object_uploads WHERE id = ?1 AND content = ?2";
/// How far one is.
pub(super) const KEEP: &str = "UPDATE object_uploads SET received = ?2, blocks = ?3, expires_ms = ?4
    WHERE id = ?1 AND content IS NOT NULL";
/// That one has become an object.
pub(super) const COMPLETE: &str =
    "UPDATE object_uploads SET content = NULL, received = total, blocks = x'', etag = ?2, expires_ms = ?3
    WHERE id = ?1 AND content IS NOT NULL";
/// Forgets one.
pub(super) const GIVE_UP: &str = "DELETE FROM object_uploads WHERE id = ?1 AND account IS ?2";
/// How many of an account are unfinished.
pub(super) const OF_ACCOUNT: &str =
    "SELECT count(*) FROM object_uploads WHERE account IS ?1 AND content IS NOT NULL";
/// How many of those without a name are unfinished.
pub(super) const OF_NAMELESS: &str =
    "SELECT count(*) FROM object_uploads WHERE nameless = ?1 AND content IS NOT NULL";
/// How many of the project are unfinished.
pub(super) const OF_PROJECT: &str = "SELECT count(*) FROM object_uploads WHERE content IS NOT NULL";
/// Forgets those of an account that have ended, but the last ones.
pub(super) const FORGET_OWN: &str = "DELETE FROM object_uploads WHERE id IN
    (SELECT id FROM object_uploads WHERE account IS ?1 AND content IS NULL
        ORDER BY expires_ms DESC LIMIT -1 OFFSET ?2)";
/// Forgets those of the project that have ended, but the last ones.
pub(super) const FORGET_ENDED: &str = "DELETE FROM object_uploads WHERE id IN
    (SELECT id FROM object_uploads WHERE content IS NULL ORDER BY expires_ms DESC LIMIT -1 OFFSET ?1)";
/// Whether one is too old.
pub(super) const SOME_EXPIRED: &str = "SELECT 1 FROM object_uploads WHERE expires_ms <= ?1 LIMIT 1";
/// Forgets those that are too old.
pub(super) const EXPIRE: &str = "DELETE FROM object_uploads WHERE expires_ms <= ?1";

/// An upload that is to begin.
#[derive(Clone)]
pub(super) struct Begun {
    pub(super) id: String,
    pub(super) file: String,
    pub(super) account: Option<String>,
    /// Whether it is nobody's, or that of an account without a name.
    pub(super) nameless: bool,
    pub(super) at: At,
    pub(super) attributes: Attributes,
    pub(super) total: u64,
}

/// An upload as it is.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) at: At,
    pub(super) attributes: Attributes,
    pub(super) total: u64,
    pub(super) received: u64,
    /// The SHA-256 of each block, the last of which need not be whole.
    pub(super) blocks: Vec<u8>,
    /// The row of its content; none once it has become an object.
    pub(super) content: Option<i64>,
    pub(super) etag: Option<Digest>,
}

/// What has come of an upload.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) written: Written,
}

/// An upload of that account.
pub(super) fn find(connection: &Connection, now: i64, id: &str, account: Option<&str>) -> Result<Known> {
    let mut one = connection.prepare_cached(ONE)?;
    let known = one.query_row((id, account, now), known).optional()?;
    known.ok_or_else(no_upload)
}

/// The file of an upload's content, and what is reserved for it, bytes.
pub(super) fn file(connection: &Connection, content: i64) -> Result<(String, u64)> {
    let mut file = connection.prepare_cached(FILE)?;
    let found = file.query_row([content], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).optional()?;
    found.map(|(file, reserved)| (file, reserved.unsigned_abs())).ok_or_else(no_upload)
}

/// Whether some are too old.
pub(super) fn some_expired(connection: &Connection, now: i64) -> Result<bool> {
    Ok(connection.prepare_cached(SOME_EXPIRED)?.exists([now])?)
}

pub(super) fn no_upload() -> StoreError {
    StoreError::NotFound { what: "upload" }
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let Json(metadata) = row.get::<_, Json<Metadata>>(4)?;
    let bytes = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(Known {
        content: row.get(0)?,
        at: At { bucket: row.get(1)?, key: row.get(2)? },
        attributes: Attributes { content_type: row.get(3)?, metadata, owner: None },
        total: bytes(5)?,
        received: bytes(6)?,
        blocks: row.get(7)?,
        etag: row.get(8)?,
    })
}

impl Change<'_> {
    /// Begins an upload in parts. Nothing is reserved yet, but there must be room for its object.
    pub(super) fn begin_parts(&mut self, begun: &Begun) -> Result<()> {
        let Begun { id, file, account, nameless, at, attributes, total } = begun;
        self.check_object(at, attributes, account.as_deref(), *total)?;
        let unfinished = |what, sql, limit, account: &[&dyn rusqlite::ToSql]| {
            let count: i64 = self.connection.prepare_cached(sql)?.query_row(account, |row| row.get(0))?;
            if count < stored(limit) { Ok(()) } else { Err(StoreError::Busy { what, limit }) }
        };
        unfinished("unfinished uploads of the caller", OF_ACCOUNT, MAX_UNFINISHED_OF_ACCOUNT, &[account])?;
        if *nameless {
            let what = "unfinished uploads of callers without a name";
            unfinished(what, OF_NAMELESS, MAX_UNFINISHED_WITHOUT_NAME, &[nameless])?;
        }
        unfinished("unfinished uploads of the project", OF_PROJECT, MAX_UNFINISHED, &[])?;
        let content = self.draft(&at.bucket, file, 0)?;
        let expires = self.now.saturating_add(PART_WAIT_MS);
        self.connection.prepare_cached(BEGIN)?.execute((
            id,
            content,
            account,
            nameless,
            &at.bucket,
            &at.key,
            &attributes.content_type,
            Json(&attributes.metadata),
            stored(*total),
            expires,
        ))?;
        Ok(())
    }

    /// Claims an upload for a part that begins. From then on it is not too old before the part has ended.
    pub(super) fn claim(&mut self, id: &str, account: Option<&str>, content: i64) -> Result<()> {
        let row = (id, account, content, self.now, self.now.saturating_add(PART_WAIT_MS));
        match self.connection.prepare_cached(CLAIM)?.execute(row)? {
            0 => Err(no_upload()),
            _ => Ok(()),
        }
    }

    /// Reserves for a part. Rows of contents come again under the same number: it must be the upload's still.
    pub(super) fn reserve_for(&mut self, id: &str, content: i64, needs: u64, wishes: u64) -> Result<u64> {
        match self.connection.prepare_cached(HAS)?.exists((id, content))? {
            true => self.reserve(content, needs, wishes),
            false => Err(no_upload()),
        }
    }

    /// Writes down how far an upload is.
    pub(super) fn keep(&mut self, kept: &Kept) -> Result<()> {
        let expires = self.now.saturating_add(PART_WAIT_MS);
        let Kept { id, written } = kept;
        let row = (id, stored(written.size), &written.blocks, expires);
        match self.connection.prepare_cached(KEEP)?.execute(row)? {
            0 => Err(no_upload()),
            _ => Ok(()),
        }
    }

    /// Makes an upload that has all its bytes an object, if the rules let its caller.
    pub(super) fn complete(&mut self, kept: &Kept, put: &Put) -> Result<()> {
        let expires = self.now.saturating_add(PART_WAIT_MS);
        let Kept { id, written } = kept;
        if self.connection.prepare_cached(COMPLETE)?.execute((id, &written.etag, expires))? == 0 {
            return Err(no_upload());
        }
        let account = put.caller.as_ref().and_then(|caller| caller.user.as_deref());
        let own = (account, stored(MAX_FINISHED_OF_ACCOUNT));
        self.connection.prepare_cached(FORGET_OWN)?.execute(own)?;
        self.connection.prepare_cached(FORGET_ENDED)?.execute([stored(MAX_FINISHED)])?;
        match self.put(put, written)? {
            Outcome::Done(_) => Ok(()),
            Outcome::Missing | Outcome::Lost => Err(StoreError::driver("an upload has no condition")),
        }
    }

    /// Forgets an upload of that account.
    pub(super) fn give_up(&mut self, id: &str, account: Option<&str>) -> Result<()> {
        match self.connection.prepare_cached(GIVE_UP)?.execute((id, account))? {
            0 => Err(no_upload()),
            _ => Ok(()),
        }
    }

    /// Forgets uploads that are too old.
    pub(super) fn expire(&mut self) -> Result<()> {
        let now = self.now;
        self.connection.prepare_cached(EXPIRE)?.execute([now])?;
        Ok(())
    }
}

impl Kept {
    /// The same without its last block.
    pub(super) fn without_last(&self) -> Self {
        let mut fewer = self.clone();
        let Written { size, blocks, .. } = &mut fewer.written;
        *size = size.saturating_sub(1) / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        blocks.truncate(blocks.len().saturating_sub(DIGEST_BYTES));
        fewer
    }
}

/// What a complete upload becomes.
pub(super) fn put_of(known: &Known, caller: &Caller) -> Put {
    Put {
        at: known.at.clone(),
        caller: Some(caller.clone()),
        attributes: known.attributes.clone(),
        condition: Condition::Always,
    }
}

/// An object may not be so large.
pub(super) fn too_large(most: u64) -> StoreError {
    full("an object (bytes)", stored(most))
}
