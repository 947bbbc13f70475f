//! Sites and their versions in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Sqlite, audit, projects};
use crate::StoreError;
use crate::catalog::{
    ActiveSite, Digest, NewSite, ProjectId, Result, SitePublished, SiteSpec, SiteVersion, Sites, Stamp,
};
use crate::sqlite::Json;

#[async_trait]
impl Sites for Sqlite {
    async fn publish(&self, new: &NewSite, stamp: &Stamp) -> Result<SitePublished> {
        let (new, stamp) = (new.clone(), stamp.clone());
        self.write(move |connection| publish(connection, &new, &stamp)).await
    }

    async fn activate(&self, project: ProjectId, number: u32, stamp: &Stamp) -> Result<()> {
        let stamp = stamp.clone();
        self.write(move |connection| {
            let kept = connection
                .prepare_cached("SELECT 1 FROM sites WHERE project = ?1 AND number = ?2")?
                .exists((project, number))?;
            if !kept {
                return Err(StoreError::NotFound { what: "version of the site" });
            }
            set_active(connection, project, number)?;
            record(connection, &stamp, project, "site.rollback", number)
        })
        .await
    }

    async fn delete(&self, project: ProjectId, stamp: &Stamp) -> Result<()> {
        let stamp = stamp.clone();
        self.write(move |connection| {
            let Some((number, _)) = active(connection, project)? else {
                return Err(StoreError::NotFound { what: "site" });
            };
            connection.prepare_cached("DELETE FROM sites WHERE project = ?1")?.execute([project])?;
            record(connection, &stamp, project, "site.delete", number)
        })
        .await
    }

    async fn versions(&self, project: ProjectId) -> Result<Vec<SiteVersion>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT number, active, spec, created_ms, created_by FROM sites WHERE project = ?1
                 ORDER BY number DESC",
            )?;
            Ok(statement.query_map([project], version)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn active(&self) -> Result<Vec<ActiveSite>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT project, number, digest FROM sites WHERE active = 1")?;
            let site = |row: &Row<'_>| {
                Ok(ActiveSite { project: row.get(0)?, number: row.get(1)?, digest: row.get(2)? })
            };
            Ok(statement.query_map([], site)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn spec(&self, project: ProjectId, number: u32) -> Result<Option<SiteSpec>> {
        self.read(|connection| {
            let spec: Option<Json<SiteSpec>> = connection
                .prepare_cached("SELECT spec FROM sites WHERE project = ?1 AND number = ?2")?
                .query_row((project, number), |row| row.get(0))
                .optional()?;
            Ok(spec.map(|json| json.0))
        })
    }

    async fn referenced(&self) -> Result<Vec<Digest>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT content.value FROM sites, json_each(sites.spec, '$.files') file,
                     json_each(json_array(file.value ->> '$.digest', file.value ->> '$.gzip.digest',
                         file.value ->> '$.brotli.digest')) content
                 WHERE content.value IS NOT NULL",
            )?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Runs in a savepoint: an error undoes all of it.
fn publish(connection: &Connection, new: &NewSite, stamp: &Stamp) -> Result<SitePublished> {
    let project = new.project;
    projects::name_of(connection, project)?;
    let text = serde_json::to_vec(&new.spec).map_err(StoreError::driver)?;
    let digest = Digest::of(&text);
    if let Some((number, known)) = active(connection, project)?
        && known == digest
    {
        return Ok(SitePublished::Unchanged(number));
    }
    // The newest version is always kept, so no number is used twice.
    let number: u32 = connection
        .prepare_cached("SELECT ifnull(max(number), 0) + 1 FROM sites WHERE project = ?1")?
        .query_row([project], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO sites (project, number, active, digest, spec, created_ms, created_by)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)",
        )?
        .execute((project, number, &digest, Json(&new.spec), stamp.at_ms, &stamp.actor))?;
    set_active(connection, project, number)?;
    connection
        .prepare_cached(
            "DELETE FROM sites WHERE project = ?1 AND active = 0 AND number NOT IN
                 (SELECT number FROM sites WHERE project = ?1 ORDER BY number DESC LIMIT ?2)",
        )?
        .execute((project, new.keep))?;
    record(connection, stamp, project, "site.deploy", number)?;
    Ok(SitePublished::Created(number))
}

/// The one before goes first: a project has one active version.
fn set_active(connection: &Connection, project: ProjectId, number: u32) -> Result<()> {
    connection
        .prepare_cached("UPDATE sites SET active = 0 WHERE project = ?1 AND active = 1")?
        .execute([project])?;
    connection
        .prepare_cached("UPDATE sites SET active = 1 WHERE project = ?1 AND number = ?2")?
        .execute((project, number))?;
    Ok(())
}

fn active(connection: &Connection, project: ProjectId) -> Result<Option<(u32, Digest)>> {
    let mut statement =
        connection.prepare_cached("SELECT number, digest FROM sites WHERE project = ?1 AND active = 1")?;
    Ok(statement.query_row([project], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn version(row: &Row<'_>) -> rusqlite::Result<SiteVersion> {
    Ok(SiteVersion {
        number: row.get(0)?,
        active: row.get(1)?,
        spec: row.get::<_, Json<_>>(2)?.0,
        created_ms: row.get(3)?,
        created_by: row.get(4)?,
    })
}

fn record(
    connection: &Connection,
    stamp: &Stamp,
    project: ProjectId,
    action: &str,
    number: u32,
) -> Result<()> {
    audit::record(connection, stamp, Some(project), action, &format!("site@{number}"))
}
