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
/// Whether one is there for a part that begins.
pub(super) const CLAIM: &str =
    "SELECT 1 FROM object_uploads WHERE id = ?1 AND account IS ?2 AND content = ?3 AND expires_ms > ?4";
/// Whether the one whose content that is has no name behind it.
pub(super) const IS_NAMELESS: &str = "SELECT nameless FROM object_uploads WHERE id = ?1 AND content = ?2";
/// What is reserved for those without a name.
pub(super) const RESERVED_FOR_NAMELESS: &str = "SELECT coalesce(sum(reserved), 0)
    FROM object_uploads CROSS JOIN object_contents ON object_contents.id = content
    WHERE nameless = 1 AND content IS NOT NULL";
/// How far one is. It waits anew where bytes have come.
pub(super) const KEEP: &str = "UPDATE object_uploads
    SET received = ?2, blocks = ?3, expires_ms = iif(received < ?2, ?4, expires_ms)
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
/// Those that are too old.
pub(super) const EXPIRED: &str = "SELECT id FROM object_uploads WHERE expires_ms <= ?1";
/// Forgets one that is too old.
pub(super) const EXPIRE: &str = "DELETE FROM object_uploads WHERE id = ?1";

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
            self.check_nameless(0, *total)?;
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

    /// Fails unless an upload is there for a part that begins.
    pub(super) fn claim(&mut self, id: &str, account: Option<&str>, content: i64) -> Result<()> {
        match self.connection.prepare_cached(CLAIM)?.exists((id, account, content, self.now))? {
            true => Ok(()),
            false => Err(no_upload()),
        }
    }

    /// Reserves for a part. Rows of contents come again under the same number: it must be the upload's still.
    pub(super) fn reserve_for(&mut self, id: &str, content: i64, needs: u64, wishes: u64) -> Result<u64> {
        let mut is_nameless = self.connection.prepare_cached(IS_NAMELESS)?;
        let is_nameless = is_nameless.query_row((id, content), |row| row.get(0)).optional()?;
        let most = match is_nameless.ok_or_else(no_upload)? {
            true => self.check_nameless(self.reserved(content)?, needs)?,
            false => u64::MAX,
        };
        self.reserve(content, needs, wishes.min(most))
    }

    /// Fails where an upload of somebody without a name, which has `reserved` bytes, may not have those that it needs; how
    /// many it may have.
    fn check_nameless(&self, reserved: i64, needs: u64) -> Result<u64> {
        let half = self.limits.bytes / 2;
        let all: i64 =
            self.connection.prepare_cached(RESERVED_FOR_NAMELESS)?.query_row([], |row| row.get(0))?;
        let most = half.saturating_sub(all).saturating_add(reserved);
        match stored(needs) > most {
            true => Err(full("the space for unfinished uploads of callers without a name (bytes)", half)),
            false => Ok(most.unsigned_abs()),
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

    /// Forgets uploads that are too old, but those to which a part comes.
    pub(super) fn expire(&mut self, goes_on: impl Fn(&str) -> bool) -> Result<()> {
        let mut expired = self.connection.prepare_cached(EXPIRED)?;
        let expired: Vec<String> =
            expired.query_map([self.now], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut expire = self.connection.prepare_cached(EXPIRE)?;
        for id in expired.iter().filter(|id| !goes_on(id)) {
            expire.execute([id])?;
        }
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
