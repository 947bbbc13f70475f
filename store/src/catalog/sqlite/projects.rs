//! Projects in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Sqlite, audit};
use crate::catalog::{Project, ProjectId, Projects, Result, Stamp};
use crate::{StoreError, sqlite};

#[async_trait]
impl Projects for Sqlite {
    async fn create(&self, name: &str, stamp: &Stamp) -> Result<Project> {
        let id = ProjectId(sqlite::new_id(stamp.at_ms)?);
        let project = Project { id, name: name.to_owned(), created_ms: stamp.at_ms };
        let stamp = stamp.clone();
        self.write(move |connection| {
            if find(connection, &project.name)?.is_some() {
                let what = format!("the name {}", project.name);
                return Err(StoreError::Conflict { what, holder: "another project".to_owned() });
            }
            connection
                .prepare_cached("INSERT INTO projects (id, name, created_ms) VALUES (?1, ?2, ?3)")?
                .execute((project.id, &project.name, project.created_ms))?;
            audit::record(connection, &stamp, Some(project.id), "project.create", &project.name)?;
            Ok(project)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Project>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, name, created_ms FROM projects ORDER BY name")?;
            let projects = statement.query_map([], project)?;
            Ok(projects.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn by_name(&self, name: &str) -> Result<Option<Project>> {
        self.read(|connection| find(connection, name))
    }

    async fn delete(&self, id: ProjectId, stamp: &Stamp) -> Result<()> {
        let stamp = stamp.clone();
        self.write(move |connection| {
            let name = name_of(connection, id)?;
            connection.prepare_cached("DELETE FROM projects WHERE id = ?1")?.execute([id])?;
            audit::record(connection, &stamp, Some(id), "project.delete", &name)
        })
        .await
    }
}

/// The name of a project, or `NotFound`: the first thing for whatever changes something in it.
pub(super) fn name_of(connection: &Connection, id: ProjectId) -> Result<String> {
    connection
        .prepare_cached("SELECT name FROM projects WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::NotFound { what: "project" })
}

fn find(connection: &Connection, name: &str) -> Result<Option<Project>> {
    let mut statement =
        connection.prepare_cached("SELECT id, name, created_ms FROM projects WHERE name = ?1")?;
    Ok(statement.query_row([name], project).optional()?)
}

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project { id: row.get(0)?, name: row.get(1)?, created_ms: row.get(2)? })
}
