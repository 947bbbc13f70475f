//! Sealed secrets in SQLite.

use async_trait::async_trait;

use super::{Sqlite, audit, projects};
use crate::StoreError;
use crate::catalog::{ProjectId, Result, SecretInfo, Secrets, Stamp};

#[async_trait]
impl Secrets for Sqlite {
    async fn set(&self, project: ProjectId, name: &str, sealed: &[u8], stamp: &Stamp) -> Result<()> {
        let (name, sealed, stamp) = (name.to_owned(), sealed.to_vec(), stamp.clone());
        self.write(move |connection| {
            projects::name_of(connection, project)?;
            connection
                .prepare_cached(
                    "INSERT INTO secrets (project, name, sealed, updated_ms) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET sealed = excluded.sealed, updated_ms = excluded.updated_ms",
                )?
                .execute((project, &name, &sealed, stamp.at_ms))?;
            audit::record(connection, &stamp, Some(project), "secret.set", &name)
        })
        .await
    }

    async fn list(&self, project: ProjectId) -> Result<Vec<SecretInfo>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT name, updated_ms FROM secrets WHERE project = ?1 ORDER BY name")?;
            let infos = statement
                .query_map([project], |row| Ok(SecretInfo { name: row.get(0)?, updated_ms: row.get(1)? }))?;
            Ok(infos.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn load(&self, project: ProjectId) -> Result<Vec<(String, Vec<u8>)>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT name, sealed FROM secrets WHERE project = ?1 ORDER BY name")?;
            let secrets = statement.query_map([project], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(secrets.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn delete(&self, project: ProjectId, name: &str, stamp: &Stamp) -> Result<()> {
        let (name, stamp) = (name.to_owned(), stamp.clone());
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM secrets WHERE project = ?1 AND name = ?2")?
                .execute((project, &name))?;
            match deleted {
                0 => Err(StoreError::NotFound { what: "secret" }),
                _ => audit::record(connection, &stamp, Some(project), "secret.delete", &name),
            }
        })
        .await
    }
}
