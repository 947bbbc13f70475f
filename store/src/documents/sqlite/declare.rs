//! Collections are made, and their indexes become those that are declared.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::Limits;
use super::catalog::{COLLECTION, Collection, Index};
use super::change::{Change, RENEW, generation};
use super::look::object;
use super::schema::{collection_table, index_table};
use crate::StoreError;
use crate::documents::language::Path;
use crate::documents::{
    CollectionSpec, Failure, IndexSpec, MAX_COLLECTIONS, MAX_INDEX_FIELDS, MAX_INDEXES, Result, Rules,
};
use crate::jobs::sqlite::Enqueuer;
use crate::realtime::Recorder;
use crate::sqlite::Json;

/// Fails unless the indexes are ones that can be declared.
pub(super) fn check(specs: &[CollectionSpec]) -> Result<()> {
    let invalid = |name: &str, what: String| Err(Failure::Invalid(format!("collection `{name}`: {what}")));
    for spec in specs {
        if let Some(Err(fault)) = spec.rules.as_ref().map(Rules::check) {
            return invalid(&spec.name, fault.message);
        }
        let indexes = spec.indexes.as_deref().unwrap_or_default();
        if indexes.len() > MAX_INDEXES {
            return invalid(&spec.name, format!("{} indexes, {MAX_INDEXES} at most", indexes.len()));
        }
        for index in indexes {
            let name = index.name();
            if !(1..=MAX_INDEX_FIELDS).contains(&index.fields.len()) {
                return invalid(&spec.name, format!("index `{name}` has 1 to {MAX_INDEX_FIELDS} fields"));
            }
            if index.fields == ["_id"] {
                return invalid(&spec.name, "`_id` has an index of its own".to_owned());
            }
            let fields: BTreeSet<&String> = index.fields.iter().collect();
            let others = indexes.iter().filter(|other| other.fields == index.fields);
            if fields.len() < index.fields.len() || others.count() > 1 {
                return invalid(&spec.name, format!("index `{name}` has something twice"));
            }
            paths(index)?;
        }
    }
    Ok(())
}

/// Makes collections and indexes.
pub(super) fn declare(
    connection: &Connection,
    now: i64,
    limits: Limits,
    enqueuer: &Enqueuer,
    specs: &[CollectionSpec],
) -> Result<Vec<Arc<Collection>>> {
    let mut change = Change::begin(connection, now, limits, enqueuer, Recorder::default())?;
    for spec in specs {
        make(connection, &spec.name)?;
        if let Some(indexes) = &spec.indexes {
            let collection = Collection::load(connection, &spec.name)?;
            reconcile(&mut change, &collection, indexes)?;
        }
        if let Some(rules) = &spec.rules {
            set_rules(connection, &spec.name, rules)?;
        }
    }
    // No document was written: there is nothing to tell.
    let _renewed = change.finish()?;
    specs.iter().map(|spec| Ok(Arc::new(Collection::load(connection, &spec.name)?))).collect()
}

/// Makes a collection that does not exist.
fn make(connection: &Connection, name: &str) -> Result<()> {
    let found: Option<i64> =
        connection.prepare_cached(COLLECTION)?.query_row([name], |row| row.get(0)).optional()?;
    if found.is_some() {
        return Ok(());
    }
    let count: i64 = connection.query_row("SELECT count(*) FROM collections", [], |row| row.get(0))?;
    if count.unsigned_abs() >= MAX_COLLECTIONS as u64 {
        let what = "the list of the project's collections".to_owned();
        return Err(Failure::Store(StoreError::Full { what, limit: MAX_COLLECTIONS as u64 }));
    }
    let insert = "INSERT INTO collections (name, generation) VALUES (?1, ?2) RETURNING id";
    let id = connection.query_row(insert, (name, generation()?), |row| row.get(0))?;
    connection.execute_batch(&collection_table(id))?;
    Ok(())
}

/// Sets rules, unless they are those already.
fn set_rules(connection: &Connection, name: &str, rules: &Rules) -> Result<()> {
    let update = "UPDATE collections SET rules = ?2, generation = ?3 WHERE name = ?1 AND rules IS NOT ?2";
    connection.execute(update, (name, Json(rules), generation()?))?;
    Ok(())
}

/// Removes indexes that are not declared, and builds those that are new.
fn reconcile(change: &mut Change<'_>, collection: &Collection, wanted: &[IndexSpec]) -> Result<()> {
    let there = collection.specs();
    let gone = collection.indexes.iter().zip(&there).filter(|(_, spec)| !wanted.contains(spec));
    let gone: Vec<&Index> = gone.map(|(index, _)| index).collect();
    let new: Vec<&IndexSpec> = wanted.iter().filter(|spec| !there.contains(spec)).collect();
    if gone.is_empty() && new.is_empty() {
        return Ok(());
    }
    for index in gone {
        remove(change, collection, index)?;
    }
    let new = new.into_iter().map(|spec| add(change.connection, collection, spec));
    let new = new.collect::<Result<Vec<_>>>()?;
    build(change, collection, &new)?;
    change.connection.prepare_cached(RENEW)?.execute((collection.id, generation()?))?;
    Ok(())
}

fn remove(change: &mut Change<'_>, collection: &Collection, index: &Index) -> Result<()> {
    let held = format!("SELECT coalesce(sum(length(key) + 16), 0) FROM x{}", index.id);
    let held: i64 = change.connection.query_row(&held, [], |row| row.get(0))?;
    change.connection.execute_batch(&format!("DROP TABLE x{}", index.id))?;
    change.connection.execute("DELETE FROM document_indexes WHERE id = ?1", [index.id])?;
    change.frees(collection, held);
    Ok(())
}

fn add(connection: &Connection, collection: &Collection, spec: &IndexSpec) -> Result<Index> {
    let insert =
        "INSERT INTO document_indexes (collection, fields, is_unique) VALUES (?1, ?2, ?3) RETURNING id";
    let id =
        connection.query_row(insert, (collection.id, Json(&spec.fields), spec.unique), |row| row.get(0))?;
    connection.execute_batch(&index_table(id))?;
    Ok(Index { id, fields: paths(spec)?, is_unique: spec.unique, is_multikey: false })
}

/// Puts all documents into new indexes. It holds up the other writes of the project: indexes come with a deploy.
fn build(change: &mut Change<'_>, collection: &Collection, indexes: &[Index]) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    let connection = change.connection;
    let mut all = connection.prepare(&format!("SELECT seq, body FROM c{}", collection.id))?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let document = object(row.get_ref(1)?.as_str().map_err(super::catalog::damaged)?)?;
        for index in indexes {
            change.build(collection, index, row.get(0)?, &document)?;
        }
    }
    Ok(())
}

fn paths(spec: &IndexSpec) -> Result<Vec<Path>> {
    Ok(spec.fields.iter().map(|field| Path::parse(field)).collect::<std::result::Result<_, _>>()?)
}
