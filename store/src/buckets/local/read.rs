//! What is read of the rows: objects and pages of them, on the caller's thread.

use rusqlite::{Connection, OptionalExtension as _};

use super::change::bucket;
use crate::buckets::{Attributes, Info, Listed, Metadata, Page, Result};
use crate::sqlite::Json;

/// The buckets of a project.
pub(super) const BUCKETS: &str = "SELECT name FROM buckets ORDER BY name";
/// What there is under a key.
pub(super) const HEAD: &str = "SELECT size, etag, written_ms, content_type, metadata, content
    FROM objects WHERE bucket = ?1 AND key = ?2";
/// A content.
pub(super) const CONTENT: &str = "SELECT file, blocks FROM object_contents WHERE id = ?1";
/// Objects from a key on.
pub(super) const FROM: &str = "SELECT key, size, etag, written_ms, content_type FROM objects
    WHERE bucket = ?1 AND key >= ?2 ORDER BY key";
/// Objects behind a key.
pub(super) const BEHIND: &str = "SELECT key, size, etag, written_ms, content_type FROM objects
    WHERE bucket = ?1 AND key > ?2 ORDER BY key";
/// Contents that no object has.
pub(super) const UNUSED: &str = "SELECT id, file FROM object_contents WHERE uses = 0 ORDER BY id LIMIT ?1";

/// Where the bytes of an object are, and what they must be.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) info: Info,
    pub(super) file: String,
    /// The SHA-256 of each block.
    pub(super) blocks: Vec<u8>,
}

/// The buckets of a project, in order of their names.
pub(super) fn buckets(connection: &Connection) -> Result<Vec<String>> {
    let mut all = connection.prepare_cached(BUCKETS)?;
    Ok(all.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// An object without its content.
pub(super) fn head(connection: &Connection, name: &str, key: &str) -> Result<Option<Info>> {
    Ok(find(connection, name, key)?.map(|(info, _)| info))
}

/// An object, and where its bytes are.
pub(super) fn get(connection: &Connection, name: &str, key: &str) -> Result<Option<Stored>> {
    let Some((info, content)) = find(connection, name, key)? else { return Ok(None) };
    let mut select = connection.prepare_cached(CONTENT)?;
    let (file, blocks) = select.query_row([content], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(Stored { info, file, blocks }))
}

/// At most `limit` objects with the prefix, behind a key or from the first.
pub(super) fn list(
    connection: &Connection,
    name: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page> {
    let bucket = bucket(connection, name)?;
    // What stands before the prefix has none of its keys.
    let (sql, start) = match after {
        Some(after) if after >= prefix => (BEHIND, after),
        _ => (FROM, prefix),
    };
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query((bucket, start))?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        if objects.len() == limit {
            return Ok(Page { objects, has_more: true });
        }
        let size: i64 = row.get(1)?;
        objects.push(Listed {
            key,
            size: size.unsigned_abs(),
            etag: row.get(2)?,
            written_ms: row.get(3)?,
            content_type: row.get(4)?,
        });
    }
    Ok(Page { objects, has_more: false })
}

/// Contents that no object has, at most so many: their rows and files.
pub(super) fn unused(connection: &Connection, most: i64) -> Result<Vec<(i64, String)>> {
    let mut unused = connection.prepare_cached(UNUSED)?;
    let unused = unused.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(unused.collect::<rusqlite::Result<_>>()?)
}

fn find(connection: &Connection, name: &str, key: &str) -> Result<Option<(Info, i64)>> {
    let bucket = bucket(connection, name)?;
    let mut select = connection.prepare_cached(HEAD)?;
    let found = select.query_row((bucket, key), |row| {
        let Json(metadata) = row.get::<_, Json<Metadata>>(4)?;
        let attributes = Attributes { content_type: row.get(3)?, metadata };
        let size: i64 = row.get(0)?;
        let info = Info { size: size.unsigned_abs(), etag: row.get(1)?, written_ms: row.get(2)?, attributes };
        Ok((info, row.get(5)?))
    });
    Ok(found.optional()?)
}
