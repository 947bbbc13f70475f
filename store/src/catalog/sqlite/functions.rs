//! Functions and their revisions in SQLite; publishing has a file of its own.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Sqlite, audit, publish};
use crate::StoreError;
use crate::catalog::{
    Digest, Function, FunctionId, Functions, NewRevision, ProjectId, Published, Result, Revision, Stamp,
};
use crate::sqlite::Json;

/// Columns that [`function`] reads, from table `f`.
const FUNCTION: &str = "f.id, f.project, f.name, f.active, f.bindings, f.created_ms, f.updated_ms";
/// Columns that [`revision`] reads, from table `r`.
const REVISION: &str = "r.function, r.number, r.spec, r.created_ms, r.created_by";

#[async_trait]
impl Functions for Sqlite {
    async fn publish(&self, new: &NewRevision, stamp: &Stamp) -> Result<Published> {
        let (new, stamp) = (new.clone(), stamp.clone());
        self.write(move |connection| publish::publish(connection, new, &stamp)).await
    }

    async fn activate(&self, id: FunctionId, number: u32, stamp: &Stamp) -> Result<()> {
        let stamp = stamp.clone();
        self.write(move |connection| {
            let function = get(connection, id)?;
            let kept = connection
                .prepare_cached("SELECT 1 FROM revisions WHERE function = ?1 AND number = ?2")?
                .exists((id, number))?;
            if !kept {
                return Err(StoreError::NotFound { what: "revision" });
            }
            connection
                .prepare_cached("UPDATE functions SET active = ?2, updated_ms = ?3 WHERE id = ?1")?
                .execute((id, number, stamp.at_ms))?;
            let subject = format!("{}@{number}", function.name);
            audit::record(connection, &stamp, Some(function.project), "function.rollback", &subject)
        })
        .await
    }

    async fn delete(&self, id: FunctionId, stamp: &Stamp) -> Result<()> {
        let stamp = stamp.clone();
        self.write(move |connection| {
            let function = get(connection, id)?;
            connection.prepare_cached("DELETE FROM functions WHERE id = ?1")?.execute([id])?;
            let subject = format!("{}@{}", function.name, function.active);
            audit::record(connection, &stamp, Some(function.project), "function.delete", &subject)
        })
        .await
    }

    async fn by_name(&self, project: ProjectId, name: &str) -> Result<Option<Function>> {
        self.read(|connection| find(connection, project, name))
    }

    async fn revisions(&self, id: FunctionId) -> Result<Vec<Revision>> {
        self.read(|connection| {
            let sql =
                format!("SELECT {REVISION} FROM revisions r WHERE r.function = ?1 ORDER BY r.number DESC");
            let mut statement = connection.prepare_cached(&sql)?;
            let revisions = statement.query_map([id], |row| revision(row, 0))?;
            Ok(revisions.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn active(&self) -> Result<Vec<(Function, Revision)>> {
        self.read(|connection| {
            // An outer join: a function whose active revision is gone must not vanish in silence.
            let sql = format!(
                "SELECT {FUNCTION}, {REVISION} FROM functions f
                 LEFT JOIN revisions r ON r.function = f.id AND r.number = f.active
                 ORDER BY f.project, f.name"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let active = statement.query_map([], |row| Ok((function(row)?, revision(row, 7)?)))?;
            Ok(active.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn referenced(&self) -> Result<Vec<Digest>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT wasm FROM revisions UNION SELECT assets FROM revisions WHERE assets IS NOT NULL",
            )?;
            let digests = statement.query_map([], |row| row.get(0))?;
            Ok(digests.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// The function of that name.
pub(super) fn find(connection: &Connection, project: ProjectId, name: &str) -> Result<Option<Function>> {
    let sql = format!("SELECT {FUNCTION} FROM functions f WHERE f.project = ?1 AND f.name = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row((project, name), function).optional()?)
}

fn get(connection: &Connection, id: FunctionId) -> Result<Function> {
    let sql = format!("SELECT {FUNCTION} FROM functions f WHERE f.id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([id], function).optional()?.ok_or(StoreError::NotFound { what: "function" })
}

fn function(row: &Row<'_>) -> rusqlite::Result<Function> {
    Ok(Function {
        id: row.get(0)?,
        project: row.get(1)?,
        name: row.get(2)?,
        active: row.get(3)?,
        bindings: row.get::<_, Json<_>>(4)?.0,
        created_ms: row.get(5)?,
        updated_ms: row.get(6)?,
    })
}

/// Reads [`REVISION`] from that column on.
fn revision(row: &Row<'_>, first: usize) -> rusqlite::Result<Revision> {
    Ok(Revision {
        function: row.get(first)?,
        number: row.get(first + 1)?,
        spec: row.get::<_, Json<_>>(first + 2)?.0,
        created_ms: row.get(first + 3)?,
        created_by: row.get(first + 4)?,
    })
}
