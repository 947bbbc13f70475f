//! Looks that may take long: on threads of their own, few at once for each project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Sqlite;
use super::functions::Watch;
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::{Failure, MAX_LOOK_MS, Result};

/// Looks of one project at once. Others wait: a project that asks for much takes from itself.
const AT_ONCE: usize = 2;

/// The places of each project that has asked.
#[derive(Default)]
pub(super) struct Asides(Mutex<HashMap<ProjectId, Arc<Semaphore>>>);

impl Asides {
    fn of(&self, project: ProjectId) -> Arc<Semaphore> {
        // Nothing panics between two halves of a change.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits or looks has a clone.
        all.retain(|_, places| Arc::strong_count(places) > 1);
        all.entry(project).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
    }
}

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
    async fn place_aside(&self, project: ProjectId) -> Result<(Watch, OwnedSemaphorePermit)> {
        let watch = self.watch(i64::MAX);
        let places = self.asides.of(project);
        let wait = Duration::from_millis(MAX_LOOK_MS.unsigned_abs());
        match tokio::time::timeout(wait, places.acquire_owned()).await {
            Ok(place) => Ok((watch, place.map_err(StoreError::driver)?)),
            Err(_) => Err(Failure::Timeout),
        }
    }
}
