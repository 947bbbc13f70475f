//! Objects in rehearsals: what is there before each case, what is tried with them, and what came of it.

use bytes::Bytes;
use serde::Deserialize;
use store::buckets::{
    Announced, Attributes, Condition, Metadata, Outcome, Place, Rules, Upload, Wanted, check_key,
};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::{Store, StoreError};

use super::Came;
use crate::problem::Problem;

/// What is written at once of a content that means nothing, bytes.
const PIECE_BYTES: usize = 1 << 20;
/// Objects of a list, as the client API gives them unless it is asked for others.
const PAGE: usize = 100;

/// An object that is there. Its content means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// The id of the account that it belongs to; none for an object of nobody.
    pub owner: Option<String>,
    /// How long it is, bytes.
    pub size: u64,
    /// Its media type; empty for none.
    pub content_type: String,
    /// What else is said of it.
    pub metadata: Metadata,
}

/// What a caller tries with a bucket: a call of the client API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "call", rename_all = "lowercase", deny_unknown_fields)]
pub enum Attempt {
    /// To get an object.
    Get {
        /// Its key.
        key: String,
    },
    /// To see which objects there are.
    List {
        /// What their keys begin with.
        #[serde(default)]
        prefix: String,
    },
    /// To put one.
    Put {
        /// Its key.
        key: String,
        /// How long it is, bytes.
        #[serde(default)]
        size: u64,
        /// Its media type; empty for none.
        #[serde(default)]
        content_type: String,
    },
    /// To delete one.
    Delete {
        /// Its key.
        key: String,
    },
}

/// Makes the buckets of a manifest.
pub(super) async fn declare(
    store: &Store,
    project: ProjectId,
    buckets: &[(String, Rules)],
) -> Result<(), Problem> {
    let names: Vec<_> = buckets.iter().map(|(name, _)| name.clone()).collect();
    store.buckets.declare(project, &names).await?;
    if buckets.is_empty() {
        return Ok(());
    }
    Ok(store.buckets.set_rules(project, buckets).await?)
}

impl Object {
    /// Puts it, as a function does.
    pub(super) async fn put(&self, store: &Store, project: ProjectId, bucket: &str) -> Result<(), Problem> {
        let Self { key, owner, size, content_type, metadata } = self.clone();
        let unfit = |why: String| {
            let message = format!("the object `{key}` of `{bucket}`: {why}");
            Problem::new(422, "invalid", message)
        };
        let attributes = Attributes { content_type, metadata, owner };
        let checked = check_key(&key).and_then(|()| attributes.check());
        checked.map_err(|fault| unfit(fault.to_string()))?;
        let put = async {
            let mut upload = store.objects.upload(project, bucket, &key, size).await?;
            fill(upload.as_mut(), size).await?;
            upload.finish(attributes, Condition::Always).await
        };
        put.await.map(drop).map_err(|error| unfit(error.to_string()))
    }
}

impl Attempt {
    /// Fails where no client could ask for that.
    pub(super) fn check(&self) -> Result<(), String> {
        let key = match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Delete { key } => key,
            Self::List { .. } => return Ok(()),
        };
        let checked = check_key(key).and_then(|()| self.attributes().check());
        checked.map_err(|fault| fault.to_string())
    }

    /// Does it as that caller. What the store refuses is what came of it.
    pub(super) async fn perform(
        &self,
        store: &Store,
        project: ProjectId,
        caller: &Caller,
        bucket: &str,
    ) -> Came {
        self.come(store, project, caller, bucket).await.unwrap_or_else(|error| Came::refused(&told(error)))
    }

    async fn come(
        &self,
        store: &Store,
        project: ProjectId,
        caller: &Caller,
        bucket: &str,
    ) -> Result<Came, StoreError> {
        let ruled = &store.ruled_objects;
        let ids = match self {
            Self::Get { key } => {
                let found = ruled.get_as(project, caller, Place { bucket, key }).await?;
                found.map(|_| key.clone()).into_iter().collect()
            }
            Self::List { prefix } => {
                let wanted = Wanted { prefix, after: None, limit: PAGE };
                let page = ruled.list_as(project, caller, bucket, wanted).await?;
                page.objects.into_iter().map(|object| object.key).collect()
            }
            Self::Put { key, size, .. } => {
                let announced =
                    Announced { attributes: self.attributes(), size: Some(*size), ..Announced::default() };
                let begun = ruled.upload_as(project, caller, Place { bucket, key }, announced).await?;
                let Some(mut upload) = begun else { return Ok(Came::so_many(0)) };
                fill(upload.as_mut(), *size).await?;
                done(&upload.finish(self.attributes(), Condition::Always).await?, key)
            }
            Self::Delete { key } => {
                let at = Place { bucket, key };
                done(&ruled.delete_as(project, caller, at, Condition::Always).await?, key)
            }
        };
        Ok(Came { ids: ids.clone(), ..Came::so_many(ids.len() as u64) })
    }

    fn attributes(&self) -> Attributes {
        match self {
            Self::Put { content_type, .. } => {
                Attributes { content_type: content_type.clone(), ..Attributes::default() }
            }
            _ => Attributes::default(),
        }
    }
}

fn done(outcome: &Outcome, key: &str) -> Vec<String> {
    match outcome {
        Outcome::Done(_) => vec![key.to_owned()],
        Outcome::Missing | Outcome::Lost => Vec::new(),
    }
}

/// A failure in the client API's words.
fn told(error: StoreError) -> Problem {
    match error {
        StoreError::Full { .. } => Problem::new(507, "quota", error.to_string()),
        other => other.into(),
    }
}

async fn fill(upload: &mut dyn Upload, size: u64) -> Result<(), StoreError> {
    let mut left = size;
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        upload.write(Bytes::from(vec![0; piece])).await?;
        left -= piece as u64;
    }
    Ok(())
}
