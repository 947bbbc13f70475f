//! The driver for callers from outside: what the rules of a bucket let them see and do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use super::change::{At, Change, Copy, foresee};
use super::{Driver, Local, read};
use crate::StoreError;
use crate::buckets::{
    Announced, Condition, Found, Info, Open, Outcome, Page, Place, Result, RuledCopy, RuledObjects, Upload,
    Wanted,
};
use crate::catalog::ProjectId;
use crate::documents::Caller;
use crate::sqlite::Durability;

/// How long a list may look for what its caller may see.
const LIST: Duration = Duration::from_secs(2);
/// Lists of one project that look at once.
pub(super) const LISTS: usize = 4;
/// How long others wait for their turn.
const LIST_WAIT: Duration = Duration::from_secs(5);

#[async_trait]
impl RuledObjects for Driver {
    async fn open_to(&self, project: ProjectId, caller: &Caller, bucket: &str) -> Result<Open> {
        let open = |connection: &Connection| Ok(read::access(connection, bucket, caller)?.open());
        match self.0.look(project, open).await {
            Err(StoreError::Forbidden) => Ok(Open { read: false, put: false, delete: false }),
            open => open,
        }
    }

    async fn upload_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        announced: Announced,
    ) -> Result<Option<Box<dyn Upload>>> {
        let (at, now) = (At::from(at), self.0.rows.now());
        let foreseen = self.0.look(project, |connection| foresee(connection, now, &at, caller, &announced));
        if !foreseen.await? {
            return Ok(None);
        }
        let mut draft = self.0.begin(project, at, announced.size.unwrap_or(0)).await?;
        draft.caller = Some(caller.clone());
        Ok(Some(draft.into_upload()))
    }

    async fn get_as(&self, project: ProjectId, caller: &Caller, at: Place<'_>) -> Result<Option<Found>> {
        let get = |connection: &Connection| {
            let access = read::access(connection, at.bucket, caller)?;
            access.permit_look()?;
            let found = read::get(connection, at.bucket, at.key)?;
            Ok(found.filter(|found| access.sees(at.key, &found.info)))
        };
        self.0.found(project, get).await.map_err(closed)
    }

    async fn head_as(&self, project: ProjectId, caller: &Caller, at: Place<'_>) -> Result<Option<Info>> {
        let head = |connection: &Connection| {
            let access = read::access(connection, at.bucket, caller)?;
            access.permit_look()?;
            let found = read::head(connection, at.bucket, at.key)?;
            Ok(found.filter(|info| access.sees(at.key, info)))
        };
        self.0.look(project, head).await
    }

    async fn list_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        bucket: &str,
        wanted: Wanted<'_>,
    ) -> Result<Page> {
        let (caller, bucket, prefix) = (caller.clone(), bucket.to_owned(), wanted.prefix.to_owned());
        let (after, limit) = (wanted.after.map(str::to_owned), wanted.limit);
        let place = self.0.lists.take(project, LIST_WAIT).await;
        let place = place.ok_or(StoreError::Busy { what: "lists of the project", limit: LISTS as u64 })?;
        let timer = self.0.timer.clone();
        // On a thread of its own: it may look at many that the caller does not see.
        let list = move |connection: &Connection, _| {
            let _place = place;
            let until = timer().saturating_add(LIST);
            let access = read::access(connection, &bucket, &caller)?;
            access.permit_look()?;
            let wanted = Wanted { prefix: &prefix, after: after.as_deref(), limit };
            read::list(connection, &bucket, &wanted, Some(&access), &|| timer() >= until)
        };
        self.0.rows.read_aside(project, list).await?.ok_or(StoreError::Forbidden)
    }

    async fn delete_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        at: Place<'_>,
        condition: Condition,
    ) -> Result<Outcome> {
        let (at, caller) = (At::from(at), caller.clone());
        let delete = move |change: &mut Change<'_>| change.delete(&at, &condition, Some(&caller));
        let outcome = self.0.change(project, Durability::Now, delete).await.map_err(closed)?;
        self.0.sweep_later(project);
        Ok(outcome)
    }

    async fn copy_as(&self, project: ProjectId, copy: RuledCopy<'_>) -> Result<Outcome> {
        let RuledCopy { from, seen_by, to, put_by, attributes, condition } = copy;
        let (from, to) = (At::from(from), At::from(to));
        let (seen_by, put_by) = (seen_by.cloned(), put_by.cloned());
        let copy = Copy { from, seen_by, to, put_by, attributes, condition };
        self.0.copy(project, copy).await.map_err(closed)
    }
}

impl Local {
    /// Looks at the rows for a caller from outside.
    pub(super) async fn look<T>(
        self: &Arc<Self>,
        project: ProjectId,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.rows.read(project, |connection, _| look(connection)).await?.ok_or(StoreError::Forbidden)
    }
}

/// A bucket that is not there is closed as any other.
fn closed(error: StoreError) -> StoreError {
    match error {
        StoreError::NotFound { .. } => StoreError::Forbidden,
        other => other,
    }
}
