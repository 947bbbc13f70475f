//! What deleted functions and projects leave behind.

use async_trait::async_trait;

use super::Sqlite;
use super::change::{Change, Step};
use super::queues::WAITING;
use crate::catalog::{FunctionId, ProjectId};
use crate::jobs::{Cleanup, Lane, Result};

#[async_trait]
impl Cleanup for Sqlite {
    async fn projects(&self) -> Result<Vec<ProjectId>> {
        self.files.projects().await
    }

    async fn orphan(&self, project: ProjectId, function: FunctionId, reason: &str) -> Result<()> {
        let unschedule = move |change: &mut Change<'_>| {
            let sql = "DELETE FROM schedules WHERE function = ?1";
            match change.connection.prepare_cached(sql)?.execute([function])? {
                0 => Ok(()),
                _ => change.schedules_changed(),
            }
        };
        self.files.change_existing(project, unschedule).await?;
        for lane in [Lane::Async(function), Lane::Cron(function), Lane::Event(function)] {
            let reason = reason.to_owned();
            let end = move |change: &mut Change<'_>, job: &Step| change.dead(job, &reason);
            self.for_each(project, &lane, WAITING, end).await?;
        }
        Ok(())
    }

    async fn forget(&self, project: ProjectId) -> Result<()> {
        self.files.forget(project).await
    }
}
