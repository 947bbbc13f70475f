//! The channels of projects: declared in their files, and kept in memory as they were declared last.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rusqlite::Connection;

use super::Sqlite;
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::{Caller, Failure};
use crate::project::{Account, Time};
use crate::realtime::channels::{Channel, ChannelSpec, Declared, MAX_CHANNELS, Message};
use crate::realtime::hub::{By, Sent};
use crate::realtime::{Channels, Result, Sending};
use crate::sqlite::{Durability, Json};

/// The table, as it was released first: never changed. rules is JSON.
pub(crate) const TABLES: &str = "
    CREATE TABLE channels (
        name  TEXT PRIMARY KEY,
        rules TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// All of a project.
const ALL: &str = "SELECT name, rules FROM channels ORDER BY name";
/// Makes one, or gives it other rules.
const SET: &str = "INSERT INTO channels (name, rules) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET rules = excluded.rules";

/// The channels of every project whose file was ever open, as they were declared last.
#[derive(Default)]
pub(crate) struct Declarations(RwLock<HashMap<ProjectId, Arc<Declared>>>);

impl Declarations {
    /// Those of a project; none where its file was not open yet.
    pub(super) fn of(&self, project: ProjectId) -> Option<Arc<Declared>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&project).cloned()
    }

    fn saw(&self, project: ProjectId, declared: Arc<Declared>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(project, declared);
    }
}

impl Account for Declarations {
    fn opened(
        &self,
        project: ProjectId,
        connection: &Connection,
        _: Time,
    ) -> std::result::Result<(), StoreError> {
        self.saw(project, Arc::new(declared(connection)?));
        Ok(())
    }

    fn forgotten(&self, project: ProjectId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&project);
    }
}

#[async_trait]
impl Channels for Sqlite {
    async fn declare(
        &self,
        project: ProjectId,
        channels: &[ChannelSpec],
    ) -> std::result::Result<(), StoreError> {
        if channels.is_empty() {
            return Ok(());
        }
        let specs = channels.to_vec();
        let declare = move |connection: &Connection, _| {
            let mut set = connection.prepare_cached(SET)?;
            for ChannelSpec { name, rules } in &specs {
                set.execute((name, Json(rules)))?;
            }
            let all = rows(connection)?;
            match all.len() > MAX_CHANNELS {
                false => Ok(Arc::new(Declared::stored(all))),
                true => {
                    let what = "the list of the project's channels".to_owned();
                    Err(StoreError::Full { what, limit: MAX_CHANNELS as u64 })
                }
            }
        };
        let (declarations, hub) = (self.declarations.clone(), self.documents.hub.clone());
        let told = move |declared: &mut Arc<Declared>| {
            declarations.saw(project, declared.clone());
            hub.declared(project, declared.clone());
        };
        self.documents.files.write(project, Durability::Now, declare, told).await.map(drop)
    }

    async fn channels(&self, project: ProjectId) -> std::result::Result<Vec<String>, StoreError> {
        let all = self.documents.files.read(project, |connection, _| rows(connection)).await?;
        Ok(all.unwrap_or_default().into_iter().map(|(name, _)| name).collect())
    }

    async fn send_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        channel: &Channel,
        message: &Message,
    ) -> Result<Sending> {
        let declared = match self.declarations.of(project) {
            Some(declared) => declared,
            None => {
                // Whatever opens the file tells what is declared in it.
                let opened = self.documents.files.read(project, |_, _| Ok(())).await?;
                let declared = opened.and_then(|()| self.declarations.of(project));
                declared.ok_or(Failure::ForbiddenChannel)?
            }
        };
        match declared.lets_send(caller, channel, message) {
            true => Ok(self.tell(project, By::Caller, channel, message)),
            false => Err(Failure::ForbiddenChannel),
        }
    }

    fn send(&self, project: ProjectId, channel: &Channel, message: &Message) -> Sending {
        self.tell(project, By::Function, channel, message)
    }
}

impl Sqlite {
    fn tell(&self, project: ProjectId, by: By, channel: &Channel, message: &Message) -> Sending {
        let sent = Sent { channel: channel.as_str().into(), message: message.to_json().into() };
        self.documents.hub.send(project, by, sent)
    }
}

fn declared(connection: &Connection) -> std::result::Result<Declared, StoreError> {
    rows(connection).map(Declared::stored)
}

/// Names and rules.
fn rows(connection: &Connection) -> std::result::Result<Vec<(String, String)>, StoreError> {
    let mut all = connection.prepare_cached(ALL)?;
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
