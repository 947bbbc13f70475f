//! Objects as functions have them, and as the rules of the buckets leave them to callers from outside.

use std::fmt;
use std::sync::Arc;

use store::buckets::{
    Announced, Attributes, Condition, Found, Info, Objects, Outcome, Page, Place, RuledCopy, RuledObjects,
    Upload, Wanted,
};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::{Store, StoreError};

use super::signed::Action;

/// The objects of all projects.
#[derive(Clone)]
pub struct ObjectAccess {
    objects: Arc<dyn Objects>,
    ruled: Arc<dyn RuledObjects>,
}

/// An object of a project, and under whose rules it is asked for: none for what a function does or has signed.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// The project.
    pub project: ProjectId,
    /// Whose rules.
    pub caller: Option<&'t Caller>,
    /// The object.
    pub at: Place<'t>,
}

impl ObjectAccess {
    /// Those of that store.
    pub fn new(store: &Store) -> Self {
        Self { objects: store.objects.clone(), ruled: store.ruled_objects.clone() }
    }

    /// An object, to be read.
    pub async fn get(&self, target: Target<'_>) -> Result<Option<Found>, StoreError> {
        let Target { project, caller, at } = target;
        match caller {
            Some(caller) => self.ruled.get_as(project, caller, at).await,
            None => self.objects.get(project, at.bucket, at.key).await,
        }
    }

    /// An object without its content.
    pub async fn head(&self, target: Target<'_>) -> Result<Option<Info>, StoreError> {
        let Target { project, caller, at } = target;
        match caller {
            Some(caller) => self.ruled.head_as(project, caller, at).await,
            None => self.objects.head(project, at.bucket, at.key).await,
        }
    }

    /// Begins an upload; none where its condition does not hold.
    pub async fn upload(
        &self,
        target: Target<'_>,
        announced: Announced,
    ) -> Result<Option<Box<dyn Upload>>, StoreError> {
        let Target { project, caller, at } = target;
        if let Some(caller) = caller {
            return self.ruled.upload_as(project, caller, at, announced).await;
        }
        // What will be in vain is refused before the content comes.
        if announced.condition == Condition::IfAbsent
            && self.objects.head(project, at.bucket, at.key).await?.is_some()
        {
            return Ok(None);
        }
        let bytes = announced.size.unwrap_or(0);
        self.objects.upload(project, at.bucket, at.key, bytes).await.map(Some)
    }

    /// Copies an object within its project. Each end is under the rules of its own caller.
    pub(super) async fn copy(
        &self,
        from: Target<'_>,
        to: Target<'_>,
        attributes: Option<Attributes>,
        condition: Condition,
    ) -> Result<Outcome, StoreError> {
        let (project, seen_by, put_by) = (from.project, from.caller, to.caller);
        let (from, to) = (from.at, to.at);
        match seen_by.or(put_by) {
            None => self.objects.copy(project, from, to, attributes, condition).await,
            Some(_) => {
                let copy = RuledCopy { from, seen_by, to, put_by, attributes, condition };
                self.ruled.copy_as(project, copy).await
            }
        }
    }

    /// Deletes an object.
    pub(super) async fn delete(
        &self,
        target: Target<'_>,
        condition: Condition,
    ) -> Result<Outcome, StoreError> {
        let Target { project, caller, at } = target;
        match caller {
            Some(caller) => self.ruled.delete_as(project, caller, at, condition).await,
            None => self.objects.delete(project, at.bucket, at.key, condition).await,
        }
    }

    /// Objects of a bucket.
    pub(super) async fn list(
        &self,
        project: ProjectId,
        caller: Option<&Caller>,
        bucket: &str,
        wanted: Wanted<'_>,
    ) -> Result<Page, StoreError> {
        let Wanted { prefix, after, limit } = wanted;
        match caller {
            Some(caller) => self.ruled.list_as(project, caller, bucket, wanted).await,
            None => self.objects.list(project, bucket, prefix, after, limit).await,
        }
    }

    /// Whether there is an object for a URL that hands it out, as far as its signer sees; a function is not asked. `Forbidden` where
    /// nothing of that kind is open to the signer.
    pub(super) async fn can_sign(&self, target: Target<'_>, action: &Action) -> Result<bool, StoreError> {
        let Target { project, caller: Some(caller), at } = target else { return Ok(true) };
        match action {
            Action::Get { .. } => Ok(self.ruled.head_as(project, caller, at).await?.is_some()),
            Action::Put { .. } if self.ruled.open_to(project, caller, at.bucket).await?.put => Ok(true),
            Action::Put { .. } => Err(StoreError::Forbidden),
        }
    }
}

impl fmt::Debug for ObjectAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectAccess")
    }
}
