//! Looks that may take long: on threads of their own, few at once for each project.

use std::time::Duration;

use rusqlite::Connection;

use super::Sqlite;
use super::functions::Watch;
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::{Failure, MAX_LOOK_MS, Result};
use crate::project::Aside;

/// Looks of one project at once.
pub(super) const AT_ONCE: usize = 2;

impl Sqlite {
    /// Looks on a thread of its own; `None` when there is no file.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        project: ProjectId,
        look: impl FnOnce(&Connection, &Watch) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (watch, place) = self.place_aside(project).await?;
        let look = move |connection: &Connection, _| {
            // A caller that goes away leaves the look running: the place is taken until its end.
            let _place = place;
            Ok(look(connection, &watch)?)
        };
        Ok(self.files.read_aside(project, look).await?)
    }

    /// The same for whoever has a connection of its own.
    pub(crate) async fn aside_of<T: Send + 'static>(
        &self,
        project: ProjectId,
        look: impl FnOnce(&Watch) -> T + Send + 'static,
    ) -> Result<T> {
        let (watch, place) = self.place_aside(project).await?;
        let look = move || {
            let _place = place;
            look(&watch)
        };
        Ok(tokio::task::spawn_blocking(look).await.map_err(StoreError::driver)?)
    }

    /// Waits for a place. The time that it waits is not given back.
    async fn place_aside(&self, project: ProjectId) -> Result<(Watch, Aside)> {
        let watch = self.watch(i64::MAX);
        let wait = Duration::from_millis(MAX_LOOK_MS.unsigned_abs());
        let place = self.asides.take(project, wait).await.ok_or(Failure::Timeout)?;
        Ok((watch, place))
    }
}
