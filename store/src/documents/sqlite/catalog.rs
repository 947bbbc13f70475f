//! The collections of projects and their indexes: as a statement finds them, and as they were last seen, in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use rusqlite::{Connection, OptionalExtension as _};

use super::access::Ruling;
use super::functions::Queries;
use crate::StoreError;
use crate::catalog::{DataSource, ProjectId};
use crate::documents::language::Path;
use crate::documents::{CollectionInfo, Failure, IndexSpec, Result};
use crate::project::{Account, Time};
use crate::sqlite::Json;

/// Whether a collection is still what it was.
pub(super) const GENERATION: &str = "SELECT generation FROM collections WHERE id = ?1";
/// The collection of that name.
pub(super) const COLLECTION: &str = "SELECT id, generation, rules FROM collections WHERE name = ?1";
/// Its indexes.
pub(super) const INDEXES: &str =
    "SELECT id, fields, is_unique, is_multikey FROM document_indexes WHERE collection = ?1 ORDER BY id";
/// Collections with their counts.
pub(super) const INFOS: &str = "SELECT id, name, documents, bytes FROM collections ORDER BY name";

/// A collection.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) id: i64,
    pub(super) name: String,
    pub(super) generation: i64,
    /// The same, as where events come from.
    pub(super) source: DataSource,
    pub(super) indexes: Vec<Index>,
    /// What callers from outside may do.
    pub(super) ruling: Ruling,
}

/// An index.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) id: i64,
    pub(super) fields: Vec<Path>,
    pub(super) is_unique: bool,
    /// A document may have several entries.
    pub(super) is_multikey: bool,
}

/// The collections of every project whose file was ever open, as they were last seen, and what connections need.
#[derive(Default)]
pub(crate) struct Catalog {
    seen: RwLock<HashMap<ProjectId, HashMap<String, Arc<Collection>>>>,
    pub(crate) queries: Queries,
}

impl Collection {
    /// Reads a collection.
    pub(super) fn load(connection: &Connection, name: &str) -> Result<Self> {
        let mut find = connection.prepare_cached(COLLECTION)?;
        let found = find.query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let (id, generation, rules): (_, _, Option<String>) =
            found.ok_or_else(|| Failure::NoCollection(name.to_owned()))?;
        let source = DataSource::Collection(name.to_owned());
        let (indexes, ruling) = (indexes(connection, id)?, Ruling::stored(rules.as_deref()));
        Ok(Self { id, name: name.to_owned(), generation, source, indexes, ruling })
    }

    /// What of it is declared.
    pub(super) fn specs(&self) -> Vec<IndexSpec> {
        self.indexes.iter().map(Index::spec).collect()
    }

    /// Whether nothing but documents is other than there.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.generation == other.generation
    }

    fn is_current(&self, connection: &Connection) -> Result<bool> {
        let mut find = connection.prepare_cached(GENERATION)?;
        let generation: Option<i64> = find.query_row([self.id], |row| row.get(0)).optional()?;
        Ok(generation == Some(self.generation))
    }
}

impl Index {
    pub(super) fn spec(&self) -> IndexSpec {
        let fields = self.fields.iter().map(|field| field.as_str().to_owned()).collect();
        IndexSpec { fields, unique: self.is_unique }
    }
}

impl Catalog {
    /// The id of a collection. Ids never change, so this needs no statement.
    pub(super) fn id(&self, project: ProjectId, name: &str) -> Option<i64> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(&project)?.get(name).map(|collection| collection.id)
    }

    /// The collection as the connection sees it.
    pub(crate) fn collection(
        &self,
        connection: &Connection,
        project: ProjectId,
        name: &str,
    ) -> Result<Arc<Collection>> {
        // A generation is never given out twice: what has the same one is the same.
        match self.seen(project, name) {
            Some(seen) if seen.is_current(connection)? => Ok(seen),
            _ => Collection::load(connection, name).map(Arc::new),
        }
    }

    /// Remembers collections that were committed.
    pub(crate) fn saw(&self, project: ProjectId, collections: impl IntoIterator<Item = Arc<Collection>>) {
        // A project that is being forgotten has none any more.
        if let Some(seen) = self.change().get_mut(&project) {
            seen.extend(collections.into_iter().map(|collection| (collection.name.clone(), collection)));
        }
    }

    /// The collection as it was last seen.
    pub(super) fn seen(&self, project: ProjectId, name: &str) -> Option<Arc<Collection>> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(&project)?.get(name).cloned()
    }

    fn change(&self) -> RwLockWriteGuard<'_, HashMap<ProjectId, HashMap<String, Arc<Collection>>>> {
        // Nothing panics between two halves of a change.
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Catalog {
    fn connected(&self, connection: &Connection) -> std::result::Result<(), StoreError> {
        self.queries.connect(connection)
    }

    fn opened(
        &self,
        project: ProjectId,
        connection: &Connection,
        _: Time,
    ) -> std::result::Result<(), StoreError> {
        let mut names = connection.prepare("SELECT name FROM collections")?;
        let names = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        let all = names.into_iter().map(|name| {
            let collection = Collection::load(connection, &name)?;
            Ok((name, Arc::new(collection)))
        });
        let all = all.collect::<Result<_>>()?;
        self.change().insert(project, all);
        Ok(())
    }

    fn forgotten(&self, project: ProjectId) {
        self.change().remove(&project);
    }
}

/// All collections with their counts, by name.
pub(super) fn infos(connection: &Connection) -> Result<Vec<CollectionInfo>> {
    let mut all = connection.prepare_cached(INFOS)?;
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<(i64, String, i64, i64)>>>()?;
    let infos = rows.into_iter().map(|(id, name, documents, bytes)| {
        let mut specs: Vec<IndexSpec> = indexes(connection, id)?.iter().map(Index::spec).collect();
        specs.sort();
        Ok(CollectionInfo {
            name,
            indexes: specs,
            documents: documents.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        })
    });
    infos.collect()
}

fn indexes(connection: &Connection, collection: i64) -> Result<Vec<Index>> {
    let mut all = connection.prepare_cached(INDEXES)?;
    let rows = all.query_map([collection], |row| {
        let Json(fields): Json<Vec<String>> = row.get(1)?;
        Ok((row.get(0)?, fields, row.get(2)?, row.get(3)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<(i64, Vec<String>, bool, bool)>>>()?;
    let indexes = rows.into_iter().map(|(id, fields, is_unique, is_multikey)| {
        let fields = fields.iter().map(|field| Path::parse(field)).collect::<std::result::Result<_, _>>();
        Ok(Index { id, fields: fields.map_err(damaged)?, is_unique, is_multikey })
    });
    indexes.collect()
}

/// What is stored was checked before: it can only be damaged since.
pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
