//! Tokens in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row};

use super::{Sqlite, audit, projects};
use crate::StoreError;
use crate::catalog::{ProjectId, Result, Stamp, Token, Tokens};
use crate::sqlite::Json;

#[async_trait]
impl Tokens for Sqlite {
    async fn create(&self, token: &Token, stamp: &Stamp) -> Result<()> {
        let (token, stamp) = (token.clone(), stamp.clone());
        self.write(move |connection| {
            if let Some(project) = token.project {
                projects::name_of(connection, project)?;
            }
            let stored = connection
                .prepare_cached(
                    "INSERT INTO tokens (prefix, hash, project, label, scopes, created_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                )?
                .execute((
                    &token.prefix,
                    token.hash,
                    token.project,
                    &token.label,
                    Json(&token.scopes),
                    token.created_ms,
                ))?;
            if stored == 0 {
                let what = format!("the prefix {}", token.prefix);
                return Err(StoreError::Conflict { what, holder: "another token".to_owned() });
            }
            audit::record(connection, &stamp, token.project, "token.create", &token.prefix)
        })
        .await
    }

    async fn list(&self, project: Option<ProjectId>) -> Result<Vec<Token>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT prefix, hash, project, label, scopes, created_ms FROM tokens
                 WHERE project IS ?1 ORDER BY created_ms DESC, prefix",
            )?;
            let tokens = statement.query_map([project], token)?;
            Ok(tokens.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn by_prefix(&self, prefix: &str) -> Result<Option<Token>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT prefix, hash, project, label, scopes, created_ms FROM tokens WHERE prefix = ?1",
            )?;
            Ok(statement.query_row([prefix], token).optional()?)
        })
    }

    async fn revoke(&self, project: Option<ProjectId>, prefix: &str, stamp: &Stamp) -> Result<()> {
        let (prefix, stamp) = (prefix.to_owned(), stamp.clone());
        self.write(move |connection| {
            let revoked = connection
                .prepare_cached("DELETE FROM tokens WHERE prefix = ?1 AND project IS ?2")?
                .execute((&prefix, project))?;
            match revoked {
                0 => Err(StoreError::NotFound { what: "token" }),
                _ => audit::record(connection, &stamp, project, "token.revoke", &prefix),
            }
        })
        .await
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        prefix: row.get(0)?,
        hash: row.get(1)?,
        project: row.get(2)?,
        label: row.get(3)?,
        scopes: row.get::<_, Json<_>>(4)?.0,
        created_ms: row.get(5)?,
    })
}
