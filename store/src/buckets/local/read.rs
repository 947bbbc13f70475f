//! What is read of the rows: objects and pages of them, on the caller's thread.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::change::bucket;
use crate::StoreError;
use crate::buckets::rules::{Access, Ruling};
use crate::buckets::{Attributes, Info, Listed, Metadata, Page, Result, Wanted};
use crate::documents::Caller;
use crate::sqlite::Json;

/// How many objects a list looks at before it asks how late it is.
const LOOKS_IN_TIME: usize = 1_000;

/// The buckets of a project.
pub(super) const BUCKETS: &str = "SELECT name FROM buckets ORDER BY name";
/// The rules of a bucket.
pub(super) const RULES: &str = "SELECT rules FROM buckets WHERE name = ?1";
/// What there is under a key.
pub(super) const HEAD: &str = "SELECT size, etag, written_ms, content_type, metadata, owner, content
    FROM objects WHERE bucket = ?1 AND key = ?2";
/// A content.
pub(super) const CONTENT: &str = "SELECT file, blocks FROM object_contents WHERE id = ?1";
/// Objects from a key on.
pub(super) const FROM: &str = "SELECT size, etag, written_ms, content_type, metadata, owner, key FROM objects
    WHERE bucket = ?1 AND key >= ?2 ORDER BY key";
/// Objects behind a key.
pub(super) const BEHIND: &str =
    "SELECT size, etag, written_ms, content_type, metadata, owner, key FROM objects
    WHERE bucket = ?1 AND key > ?2 ORDER BY key";
/// Objects of an owner from a key on.
pub(super) const OWN_FROM: &str =
    "SELECT size, etag, written_ms, content_type, metadata, owner, key FROM objects
    WHERE bucket = ?1 AND owner = ?3 AND key >= ?2 ORDER BY key";
/// Objects of an owner behind a key.
pub(super) const OWN_BEHIND: &str =
    "SELECT size, etag, written_ms, content_type, metadata, owner, key FROM objects
    WHERE bucket = ?1 AND owner = ?3 AND key > ?2 ORDER BY key";
/// Contents that no object has, and no upload in parts.
pub(super) const UNUSED: &str = "SELECT id, file FROM object_contents AS all_of WHERE uses = 0
    AND NOT EXISTS (SELECT 1 FROM object_uploads WHERE content = all_of.id) ORDER BY id LIMIT ?1";

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

/// What a caller may do in a bucket. `Forbidden` where there is no such bucket.
pub(super) fn access(connection: &Connection, name: &str, caller: &Caller) -> Result<Access> {
    let mut rules = connection.prepare_cached(RULES)?;
    let rules: Option<Option<String>> = rules.query_row([name], |row| row.get(0)).optional()?;
    let rules = rules.ok_or(StoreError::Forbidden)?;
    Ok(Ruling::stored(rules.as_deref()).known(caller))
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

/// The objects that are wanted, of those that the access lets be seen. Fails when `is_late` says so, which it is asked now
/// and then.
pub(super) fn list(
    connection: &Connection,
    name: &str,
    wanted: &Wanted<'_>,
    access: Option<&Access>,
    is_late: &dyn Fn() -> bool,
) -> Result<Page> {
    let bucket = bucket(connection, name)?;
    // What stands before the prefix has none of its keys.
    let behind = wanted.after.filter(|after| *after >= wanted.prefix);
    let start = behind.unwrap_or(wanted.prefix);
    let owner = access.and_then(Access::only_owner);
    let sql = match (behind, owner) {
        (None, None) => FROM,
        (Some(_), None) => BEHIND,
        (None, Some(_)) => OWN_FROM,
        (Some(_), Some(_)) => OWN_BEHIND,
    };
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = match owner {
        None => select.query((bucket, start))?,
        Some(owner) => select.query((bucket, start, owner))?,
    };
    let (mut objects, mut looks) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        looks += 1;
        if looks.is_multiple_of(LOOKS_IN_TIME) && is_late() {
            return Err(StoreError::Slow { what: "the list" });
        }
        let key: String = row.get(6)?;
        if !key.starts_with(wanted.prefix) {
            break;
        }
        let info = info(row)?;
        if access.is_some_and(|access| !access.sees(&key, &info)) {
            continue;
        }
        if objects.len() == wanted.limit {
            return Ok(Page { objects, has_more: true });
        }
        let Info { size, etag, written_ms, attributes } = info;
        objects.push(Listed { key, size, etag, written_ms, content_type: attributes.content_type });
    }
    Ok(Page { objects, has_more: false })
}

/// Contents that no object has, and no upload in parts, at most so many: their rows and files.
pub(super) fn unused(connection: &Connection, most: i64) -> Result<Vec<(i64, String)>> {
    let mut unused = connection.prepare_cached(UNUSED)?;
    let unused = unused.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(unused.collect::<rusqlite::Result<_>>()?)
}

/// What is said in a row: size, etag, written_ms, content_type, metadata, owner.
pub(super) fn info(row: &Row<'_>) -> rusqlite::Result<Info> {
    let Json(metadata) = row.get::<_, Json<Metadata>>(4)?;
    let attributes = Attributes { content_type: row.get(3)?, metadata, owner: row.get(5)? };
    let size: i64 = row.get(0)?;
    Ok(Info { size: size.unsigned_abs(), etag: row.get(1)?, written_ms: row.get(2)?, attributes })
}

fn find(connection: &Connection, name: &str, key: &str) -> Result<Option<(Info, i64)>> {
    let bucket = bucket(connection, name)?;
    let mut select = connection.prepare_cached(HEAD)?;
    let found = select.query_row((bucket, key), |row| Ok((info(row)?, row.get(6)?)));
    Ok(found.optional()?)
}
