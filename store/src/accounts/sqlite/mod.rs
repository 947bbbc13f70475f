//! Accounts in SQLite: in the file of their project.

mod directory;
mod keys;
mod once;
mod people;
mod schema;
mod sessions;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};

pub(crate) use self::schema::{ABANDONED, SEVERAL_TOKENS, TABLES};
use super::{
    Account, AccountId, AccountStore, Accounts, By, Change, Changed, Detail, Directory, Held, MAX_ACCOUNTS,
    MAX_SESSIONS, NewKey, Once, Page, Result, SessionAnswer, SessionChange, Settings, SigningKey, TokenHash,
};
use crate::catalog::ProjectId;
use crate::project::ProjectFiles;
use crate::sqlite::{Durability, Json, stored};

/// Bounds of the driver that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Accounts of a project.
    pub(crate) accounts: i64,
    /// Sessions of an account.
    pub(crate) sessions: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { accounts: stored(MAX_ACCOUNTS), sessions: stored(MAX_SESSIONS) }
    }
}

/// The driver over the files of projects.
pub(crate) fn open(files: Arc<ProjectFiles>, limits: Limits) -> AccountStore {
    let driver = Arc::new(Sqlite { files, limits });
    AccountStore { accounts: driver.clone(), directory: driver }
}

struct Sqlite {
    files: Arc<ProjectFiles>,
    limits: Limits,
}

#[async_trait]
impl Accounts for Sqlite {
    async fn declare(&self, project: ProjectId, settings: Option<&Settings>) -> Result<()> {
        let Some(settings) = settings.cloned() else {
            let forget = |connection: &Connection, _| {
                connection.execute("DELETE FROM account_settings", []).map(drop).map_err(Into::into)
            };
            return self.files.write_existing(project, Durability::Now, forget, |()| {}).await.map(drop);
        };
        let set = move |connection: &Connection, _| {
            let set = "INSERT OR REPLACE INTO account_settings (id, settings) VALUES (1, ?1)";
            connection.execute(set, [Json(&settings)]).map(drop).map_err(Into::into)
        };
        self.files.write(project, Durability::Now, set, |()| {}).await
    }

    async fn settings(&self, project: ProjectId) -> Result<Option<Settings>> {
        Ok(self.files.read(project, |connection, _| settings(connection)).await?.flatten())
    }

    async fn find(&self, project: ProjectId, by: &By) -> Result<Option<Account>> {
        Ok(self.files.read(project, |connection, now| people::find(connection, by, now)).await?.flatten())
    }

    async fn change(&self, project: ProjectId, change: Change) -> Result<Changed> {
        let limits = self.limits;
        let change = move |connection: &Connection, now| people::change(connection, change, limits, now);
        self.files.write(project, Durability::Now, change, |_| {}).await
    }

    async fn session(&self, project: ProjectId, change: SessionChange) -> Result<SessionAnswer> {
        let limits = self.limits;
        let change = move |connection: &Connection, now| sessions::change(connection, &change, limits, now);
        let answer = self.files.write_existing(project, Durability::Now, change, |_| {}).await?;
        Ok(answer.unwrap_or(SessionAnswer::Over))
    }

    async fn held(
        &self,
        project: ProjectId,
        family: TokenHash,
        token: TokenHash,
        fresh_ms: u64,
    ) -> Result<Held> {
        let look = |connection: &Connection, now| sessions::held(connection, family, &token, fresh_ms, now);
        Ok(self.files.read(project, look).await?.unwrap_or(Held::Over))
    }

    async fn once(&self, project: ProjectId, once: Once) -> Result<Option<Account>> {
        let change = move |connection: &Connection, now| once::change(connection, once, now);
        Ok(self.files.write_existing(project, Durability::Now, change, |_| {}).await?.flatten())
    }

    async fn keys(&self, project: ProjectId, new: Option<NewKey>) -> Result<Vec<SigningKey>> {
        let Some(new) = new else {
            let read = |connection: &Connection, _| keys::all(connection);
            return Ok(self.files.read(project, read).await?.unwrap_or_default());
        };
        let add = move |connection: &Connection, now| keys::add(connection, new, now);
        self.files.write(project, Durability::Now, add, |_| {}).await
    }
}

#[async_trait]
impl Directory for Sqlite {
    async fn page(&self, project: ProjectId, page: &Page, limit: u32) -> Result<Vec<Account>> {
        let read = |connection: &Connection, _| directory::page(connection, page, limit);
        Ok(self.files.read(project, read).await?.unwrap_or_default())
    }

    async fn detail(&self, project: ProjectId, id: AccountId) -> Result<Option<Detail>> {
        let read = |connection: &Connection, now| directory::detail(connection, id, now);
        Ok(self.files.read(project, read).await?.flatten())
    }
}

/// How people sign in, if they do.
fn settings(connection: &Connection) -> Result<Option<Settings>> {
    let mut select = connection.prepare_cached("SELECT settings FROM account_settings")?;
    let settings = select.query_row([], |row| row.get(0)).optional()?;
    Ok(settings.map(|Json(settings)| settings))
}

#[cfg(test)]
mod tests;
