//! Buckets on the local disk: contents in files, and what is said of them in the file of their project.
//!
//! A content is written under a name by chance, which stands in a row before the file is there. One change gives it to
//! its object and takes it from no other; what is in no object's hands is deleted afterwards: at once as a rule, by a
//! later sweep if that fails, and when the project's file is opened if the server was killed.

mod change;
mod files;
mod parts;
mod read;
mod ruled;
mod running;
mod schema;
mod upload;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;

use self::change::{At, Change, Copy, Put, Written};
use self::files::Files;
use self::parts::Lanes;
use self::read::Stored;
pub(crate) use self::running::Running;
pub(crate) use self::schema::{NAMELESS, RULES, TABLES, UPLOADS};
use self::upload::Draft;
use super::{
    Attributes, BucketStore, Buckets, Condition, Found, Info, MAX_BUCKETS, MAX_OBJECT_BYTES,
    MAX_PROJECT_BYTES, MAX_PROJECT_OBJECTS, MAX_UPLOADS, Objects, Outcome, Page, Place, Result, Rules,
    Upload, Wanted,
};
use crate::catalog::ProjectId;
use crate::jobs::sqlite::{Enqueuer, Sent};
use crate::project::{Asides, ProjectFiles};
use crate::sqlite::{Durability, stored};
use crate::{DataDir, StoreError, StoreTimer};

/// Contents that one step of a sweep deletes.
const SWEPT_AT_ONCE: i64 = 100;

/// Bounds of the driver that tests make smaller, and operators larger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What the objects of a project hold together, bytes.
    pub(crate) bytes: i64,
    /// Objects of a project.
    pub(crate) objects: i64,
    /// Buckets of a project.
    pub(crate) buckets: i64,
    /// Size of an object, bytes.
    pub(crate) object_bytes: u64,
    /// Uploads of a project that run at once.
    pub(crate) uploads: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: stored(MAX_PROJECT_BYTES),
            objects: stored(MAX_PROJECT_OBJECTS),
            buckets: stored(MAX_BUCKETS as u64),
            object_bytes: MAX_OBJECT_BYTES,
            uploads: MAX_UPLOADS,
        }
    }
}

/// The account of uploads, for the files of projects to keep.
pub(crate) fn running(data: &DataDir) -> Result<Arc<Running>> {
    Ok(Arc::new(Running::new(Arc::new(Files::open(data)?))))
}

/// The driver over the files of projects, which keep that account.
pub(crate) fn open(
    rows: Arc<ProjectFiles>,
    running: Arc<Running>,
    enqueuer: Enqueuer,
    timer: StoreTimer,
    limits: Limits,
) -> BucketStore {
    let local = Arc::new(Local::new(rows, running, enqueuer, timer, limits));
    let driver = Arc::new(Driver(local));
    BucketStore { buckets: driver.clone(), objects: driver.clone(), ruled: driver.clone(), parted: driver }
}

/// What the driver and its uploads share.
struct Local {
    rows: Arc<ProjectFiles>,
    files: Arc<Files>,
    running: Arc<Running>,
    /// Who writes to the files of uploads in parts.
    lanes: Lanes,
    /// Lists that callers from outside have under way.
    lists: Asides,
    /// For jobs that tell of changes.
    enqueuer: Enqueuer,
    timer: StoreTimer,
    limits: Limits,
}

struct Driver(Arc<Local>);

#[async_trait]
impl Buckets for Driver {
    async fn declare(&self, project: ProjectId, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let (names, most) = (names.to_vec(), self.0.limits.buckets);
        let declare = move |connection: &Connection, _| {
            let before = read::buckets(connection)?.len();
            names.iter().try_for_each(|name| change::declare(connection, name))?;
            let after = read::buckets(connection)?.len();
            match after > before && stored(after as u64) > most {
                true => Err(change::full("the list of the project's buckets", most)),
                false => Ok(()),
            }
        };
        self.0.rows.write(project, Durability::Now, declare, |()| {}).await
    }

    async fn set_rules(&self, project: ProjectId, rules: &[(String, Rules)]) -> Result<()> {
        let rules = rules.to_vec();
        let set = move |connection: &Connection, _| {
            rules.iter().try_for_each(|(name, rules)| change::set_rules(connection, name, rules))
        };
        let set = self.0.rows.write_existing(project, Durability::Now, set, |()| {}).await?;
        set.ok_or_else(no_bucket)
    }

    async fn buckets(&self, project: ProjectId) -> Result<Vec<String>> {
        // A start asks every project: a file that is closed stays closed.
        if let Some(all) = self.0.rows.look(project, |connection, _| read::buckets(connection)).await {
            return Ok(all);
        }
        let all = self.0.rows.read(project, |connection, _| read::buckets(connection)).await?;
        Ok(all.unwrap_or_default())
    }
}

#[async_trait]
impl Objects for Driver {
    async fn upload(
        &self,
        project: ProjectId,
        bucket: &str,
        key: &str,
        reserve_bytes: u64,
    ) -> Result<Box<dyn Upload>> {
        let at = At::from(Place { bucket, key });
        Ok(self.0.begin(project, at, reserve_bytes).await?.into_upload())
    }

    async fn get(&self, project: ProjectId, bucket: &str, key: &str) -> Result<Option<Found>> {
        let get = |connection: &Connection| read::get(connection, bucket, key);
        self.0.found(project, get).await
    }

    async fn head(&self, project: ProjectId, bucket: &str, key: &str) -> Result<Option<Info>> {
        let head = |connection: &Connection, _| read::head(connection, bucket, key);
        self.0.rows.read(project, head).await?.ok_or_else(no_bucket)
    }

    async fn list(
        &self,
        project: ProjectId,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        let wanted = Wanted { prefix, after, limit };
        let list = |connection: &Connection, _| read::list(connection, bucket, &wanted, None, &|| false);
        self.0.rows.read(project, list).await?.ok_or_else(no_bucket)
    }

    async fn copy(
        &self,
        project: ProjectId,
        from: Place<'_>,
        to: Place<'_>,
        attributes: Option<Attributes>,
        condition: Condition,
    ) -> Result<Outcome> {
        let (from, to) = (At::from(from), At::from(to));
        let copy = Copy { from, seen_by: None, to, put_by: None, attributes, condition };
        self.0.copy(project, copy).await
    }

    async fn delete(
        &self,
        project: ProjectId,
        bucket: &str,
        key: &str,
        condition: Condition,
    ) -> Result<Outcome> {
        let at = At::from(Place { bucket, key });
        let delete = move |change: &mut Change<'_>| change.delete(&at, &condition, None);
        let outcome = self.0.change(project, Durability::Now, delete).await?;
        self.0.sweep_later(project);
        Ok(outcome)
    }
}

impl Local {
    fn new(
        rows: Arc<ProjectFiles>,
        running: Arc<Running>,
        enqueuer: Enqueuer,
        timer: StoreTimer,
        limits: Limits,
    ) -> Self {
        let (files, lanes, lists) = (running.files(), Lanes::default(), Asides::new(ruled::LISTS));
        Self { rows, files, running, lanes, lists, enqueuer, timer, limits }
    }

    /// Begins an upload.
    async fn begin(self: &Arc<Self>, project: ProjectId, at: At, reserve_bytes: u64) -> Result<Draft> {
        if reserve_bytes > self.limits.object_bytes {
            return Err(change::full("an object (bytes)", stored(self.limits.object_bytes)));
        }
        let file = format!("{:032x}", u128::from_ne_bytes(crate::keys::random::<16>()?));
        let place = self.running.take(project, file.clone(), self.limits.uploads)?;
        let name = at.bucket.clone();
        // Durable before there is a file: nothing is ever on the disk that no row speaks of.
        let draft = move |change: &mut Change<'_>| change.draft(&name, &file, reserve_bytes);
        let content = self.change_with_room(project, Durability::Now, draft).await?;
        let mut draft = Draft::new(self.clone(), project, at, content, place);
        draft.reserved = reserve_bytes;
        Ok(draft)
    }

    /// Opens the content of an object that a look at the rows finds.
    async fn found(
        &self,
        project: ProjectId,
        look: impl Fn(&Connection) -> Result<Option<Stored>>,
    ) -> Result<Option<Found>> {
        let mut missing = None;
        loop {
            let stored = self.rows.read(project, |connection, _| look(connection)).await?;
            let Some(stored) = stored.ok_or_else(no_bucket)? else { return Ok(None) };
            if let Some(content) = self.files.read(project, &stored).await? {
                return Ok(Some(Found { info: stored.info, content }));
            }
            // It was replaced in between, unless the row still says so.
            if missing.replace(stored.file.clone()) == Some(stored.file) {
                return Err(StoreError::Damaged("the content of an object is missing".to_owned()));
            }
        }
    }

    /// Changes the rows of a project. A project without a file has no buckets.
    async fn change<T: Send + 'static>(
        &self,
        project: ProjectId,
        durability: Durability,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (limits, enqueuer, sender) = (self.limits, self.enqueuer.clone(), self.enqueuer.clone());
        let change = move |connection: &Connection, now| {
            let mut all = Change::begin(connection, now, limits)?;
            let value = change(&mut all)?;
            Ok((value, enqueuer.enqueue(connection, now, &all.finish()?)?))
        };
        let committed = move |(_, sent): &mut (T, Sent)| sender.committed(project, sent);
        let changed = self.rows.write_existing(project, durability, change, committed).await?;
        changed.map(|(value, _)| value).ok_or_else(no_bucket)
    }

    /// As [`Self::change`]. Where there is no room, uploads that were given up make some, and it is tried again.
    async fn change_with_room<T: Send + 'static>(
        self: &Arc<Self>,
        project: ProjectId,
        durability: Durability,
        change: impl Fn(&mut Change<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let (change, mut swept) = (Arc::new(change), None);
        loop {
            let again = change.clone();
            match self.change(project, durability, move |all| again(all)).await {
                // Another sweep may have made room just before this one looked, so it is tried once more in any case.
                Err(full @ StoreError::Full { .. }) if swept == Some(0) => return Err(full),
                Err(StoreError::Full { .. }) => swept = Some(self.sweep(project).await?),
                answer => return answer,
            }
        }
    }

    /// Reserves for an upload; how much it has now. What a power cut undoes is of an upload that it ended.
    async fn reserve(
        self: &Arc<Self>,
        project: ProjectId,
        content: i64,
        needs: u64,
        wishes: u64,
    ) -> Result<u64> {
        let reserve = move |change: &mut Change<'_>| change.reserve(content, needs, wishes);
        self.change_with_room(project, Durability::Later, reserve).await
    }

    /// Makes a file the content of its object. The upload has its place until that is decided.
    async fn put(
        self: Arc<Self>,
        project: ProjectId,
        place: running::Place,
        put: Put,
        written: Written,
    ) -> Result<Outcome> {
        let file = place.file().to_owned();
        let put = move |change: &mut Change<'_>| change.put(&put, &written);
        let outcome = self.change_with_room(project, Durability::Now, put).await;
        drop(place);
        if let Err(StoreError::NotFound { .. }) = outcome {
            self.files.remove_with_folders(project, &file);
        }
        outcome
    }

    async fn copy(self: &Arc<Self>, project: ProjectId, copy: Copy) -> Result<Outcome> {
        let copy = move |change: &mut Change<'_>| change.copy(&copy);
        let outcome = self.change_with_room(project, Durability::Now, copy).await?;
        self.sweep_later(project);
        Ok(outcome)
    }

    /// Deletes the contents that no object has, beside whoever asks.
    fn sweep_later(self: &Arc<Self>, project: ProjectId) {
        // Without a runtime everything ends, and the next start sweeps.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let local = self.clone();
        runtime.spawn(async move {
            if let Err(error) = local.sweep(project).await {
                tracing::warn!(project = %project.0, %error, "contents that nobody needs stay for now");
            }
        });
    }

    /// As [`Self::sweep_later`], for an upload that is no object. What was reserved for it is written without a look at
    /// the rows, so its file may have been begun after its project was deleted: no row speaks of that.
    fn give_up(self: &Arc<Self>, project: ProjectId, file: String) {
        self.sweep_later(project);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let local = self.clone();
        runtime.spawn(async move {
            if let Ok(None) = local.rows.read(project, |_, _| Ok(())).await {
                local.files.remove_with_folders(project, &file);
            }
        });
    }

    /// How many were deleted.
    async fn sweep(self: &Arc<Self>, project: ProjectId) -> Result<usize> {
        let mut swept = 0;
        let some_expired = |connection: &Connection, now| uploads::some_expired(connection, now);
        if self.rows.read(project, some_expired).await? == Some(true) {
            let local = self.clone();
            let expire = move |change: &mut Change<'_>| change.expire(|id| local.lanes.has(id));
            self.change(project, Durability::Later, expire).await?;
        }
        loop {
            let unused = |connection: &Connection, _| read::unused(connection, SWEPT_AT_ONCE);
            let mut left = self.rows.read(project, unused).await?.unwrap_or_default();
            left.retain(|(_, file)| !self.running.has(project, file));
            // What was put between the two looks has an object now, and its upload runs no more.
            let still = self.rows.read(project, unused).await?.unwrap_or_default();
            left.retain(|content| still.contains(content));
            if left.is_empty() {
                return Ok(swept);
            }
            let (local, count) = (self.clone(), left.len());
            let remove = move || local.files.remove_all(project, left);
            let gone = tokio::task::spawn_blocking(remove).await.map_err(StoreError::driver)?;
            swept += gone.len();
            let all_gone = gone.len() == count;
            self.change(project, Durability::Later, move |change| change.forget(&gone)).await?;
            if !all_gone {
                return Ok(swept);
            }
        }
    }
}

/// Forgets contents whose files are gone.
fn forget(connection: &Connection, gone: &[(i64, String)]) -> Result<()> {
    let mut change = Change::begin(connection, 0, Limits::default())?;
    change.forget(gone)?;
    // Nothing is told of contents that no object has.
    change.finish().map(drop)
}

impl From<Place<'_>> for At {
    fn from(place: Place<'_>) -> Self {
        Self { bucket: place.bucket.to_owned(), key: place.key.to_owned() }
    }
}

fn no_bucket() -> StoreError {
    StoreError::NotFound { what: "bucket" }
}

#[cfg(test)]
mod tests;
