//! Rules tried without a server: the collections and buckets of a manifest in a store of their own, callers who are only named, and
//! what the client API would do for them. It is the same store with the same rules in the same queries.

mod objects;
mod script;

use std::path::Path;

use store::buckets;
use store::catalog::{ProjectId, Stamp};
use store::documents::{Call, CollectionSpec, Explained, Found, Write, Written};
use store::{KeySource, Store};

pub use self::objects::{Attempt, Object};
pub use self::script::{Asked, Case, Expected, Script};
use crate::client_api::documents::Operation;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::registry::manifest::Manifest;
use crate::registry::resources;

pub use store::documents::Caller;

/// A store with the collections and buckets of a manifest, in a folder that goes afterwards.
pub struct Rehearsal {
    store: Store,
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    collections: Vec<CollectionSpec>,
    buckets: Vec<(String, buckets::Rules)>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// What the case is called.
    pub name: String,
    /// Whether it ended as it says.
    pub passed: bool,
    /// What it says.
    pub expected: String,
    /// What came of it.
    pub got: String,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Came {
    /// A word that a case may expect.
    word: &'static str,
    /// The `_id`s of the documents that were answered, or the keys of the objects.
    ids: Vec<String>,
    /// Why it was not done.
    why: Option<String>,
}

impl Rehearsal {
    /// Opens a store in that folder, which has to be empty.
    pub fn open(folder: &Path, manifest: Manifest, clock: Clock) -> Result<Self, Problem> {
        let (wall, timer, begin) = (clock.clone(), clock.clone(), clock.instant());
        let config = store::Config {
            data: folder.join("data"),
            key: KeySource::File(folder.join("key")),
            clock: std::sync::Arc::new(move || wall.now_ms()),
            timer: std::sync::Arc::new(move || timer.instant().saturating_duration_since(begin)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Problem::internal(&error))?;
        let buckets = manifest.buckets.into_iter().map(|(name, bucket)| (name, bucket.rules)).collect();
        let collections = resources::collections(manifest.collections);
        Ok(Self { store: store::open(config)?, runtime, clock, collections, buckets })
    }

    /// What that caller's call of the client API would ask of the store. `operation` is one of the client API, `body` its JSON.
    pub fn explain(
        &self,
        caller: &Caller,
        collection: &str,
        operation: &str,
        body: &str,
    ) -> Result<Explained, Problem> {
        let call = read(operation, body)?;
        self.check_collection(collection)?;
        self.runtime.block_on(async {
            let project = self.project("explained").await?;
            Ok(self.store.documents.explain(project, caller, collection, call).await?)
        })
    }

    /// Runs the cases of a script, each with the documents and objects of the script and nothing else.
    pub fn run(&self, script: &Script) -> Result<Vec<Outcome>, Problem> {
        script.documents.keys().try_for_each(|collection| self.check_collection(collection))?;
        script.objects.keys().try_for_each(|bucket| self.check_bucket(bucket))?;
        self.runtime.block_on(async {
            let mut outcomes = Vec::with_capacity(script.cases.len());
            for (number, case) in script.cases.iter().enumerate() {
                let project = self.project(&format!("case-{number}")).await?;
                self.prepare(project, script).await?;
                let came = self.perform(project, case).await?;
                outcomes.push(outcome(case, &came));
            }
            Ok(outcomes)
        })
    }

    /// Puts in what is there before each case.
    async fn prepare(&self, project: ProjectId, script: &Script) -> Result<(), Problem> {
        for (collection, documents) in &script.documents {
            let write = Write::Insert(documents.clone());
            let put = self.store.documents.write(project, collection, write).await;
            put.map_err(|failure| {
                Problem::new(422, "invalid", format!("the documents of `{collection}`: {failure}"))
            })?;
        }
        for (bucket, objects) in &script.objects {
            for object in objects {
                object.put(&self.store, project, bucket).await?;
            }
        }
        Ok(())
    }

    /// A project of its own with the collections and the buckets.
    async fn project(&self, name: &str) -> Result<ProjectId, Problem> {
        let stamp = Stamp { actor: "rehearsal".to_owned(), at_ms: self.clock.now_ms() };
        let project = self.store.projects.create(name, &stamp).await?.id;
        self.store.documents.declare(project, &self.collections).await?;
        objects::declare(&self.store, project, &self.buckets).await?;
        Ok(project)
    }

    async fn perform(&self, project: ProjectId, case: &Case) -> Result<Came, Problem> {
        let (documents, caller) = (&self.store.documents, &case.caller);
        let (operation, collection, body) = match &case.asked {
            Asked::Documents { operation, collection, body } => (operation, collection, body),
            Asked::Objects { bucket, attempt } => {
                self.check_bucket(bucket)?;
                return Ok(attempt.perform(&self.store, project, caller, bucket).await);
            }
        };
        self.check_collection(collection)?;
        let came = match read(operation, body) {
            Ok(Call::Read(read)) => {
                documents.read_as(project, caller, collection, read).await.map(Came::found)
            }
            Ok(Call::Write(write)) => {
                documents.write_as(project, caller, collection, write).await.map(Came::written)
            }
            Err(problem) => return Ok(Came::refused(&problem)),
        };
        Ok(came.unwrap_or_else(|failure| Came::refused(&failure.into())))
    }

    /// Callers from outside are not told what there is; whoever tries rules is.
    fn check_collection(&self, collection: &str) -> Result<(), Problem> {
        let is_known = self.collections.iter().any(|known| known.name == collection);
        known(is_known, || format!("collection.{collection}"))
    }

    /// The same for buckets.
    fn check_bucket(&self, bucket: &str) -> Result<(), Problem> {
        let is_known = self.buckets.iter().any(|(known, _)| known == bucket);
        known(is_known, || format!("bucket.{bucket}"))
    }
}

fn known(is_known: bool, section: impl FnOnce() -> String) -> Result<(), Problem> {
    if is_known {
        return Ok(());
    }
    let message = format!("the manifest has no [{}]", section());
    Err(Problem::new(422, "manifest", message).hint("without a section nothing is open to callers"))
}

fn read(operation: &str, body: &str) -> Result<Call, Problem> {
    let known = Operation::named(operation).ok_or_else(|| {
        let message = format!("`{operation}` is no operation of the client API");
        Problem::new(422, "invalid", message)
            .hint("find, get, count, insert, update, delete and others: docs/client-api.md")
    })?;
    known.read(body.as_bytes())
}

fn outcome(case: &Case, came: &Came) -> Outcome {
    let Expected { word, ids } = &case.expected;
    let is_same = |expected: &Vec<String>| {
        let sorted = |ids: &[String]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        sorted(expected) == sorted(&came.ids)
    };
    Outcome {
        name: case.name.clone(),
        passed: word == came.word && ids.as_ref().is_none_or(is_same),
        expected: said(word, ids.as_deref().unwrap_or_default(), None),
        got: said(came.word, &came.ids, came.why.as_deref()),
    }
}

/// `done: a, b`.
fn said(word: &str, ids: &[String], why: Option<&str>) -> String {
    match (ids, why) {
        (_, Some(why)) => format!("{word}: {why}"),
        ([], None) => word.to_owned(),
        (ids, None) => format!("{word}: {}", ids.join(", ")),
    }
}

impl Came {
    fn found(found: Found) -> Self {
        match found {
            Found::Document(document) => Self::documents(document.as_slice()),
            Found::Page(page) => Self::documents(&page.documents),
            Found::Count(count) => Self::so_many(count),
            Found::Values(values) => Self::so_many(values.len() as u64),
        }
    }

    fn written(written: Written) -> Self {
        match written {
            Written::Inserted(ids) => Self { ids, ..Self::so_many(1) },
            Written::Changed { matched, upserted, .. } => {
                Self::so_many(matched + u64::from(upserted.is_some()))
            }
            Written::Deleted(deleted) => Self::so_many(deleted),
            Written::Document(document) => Self::documents(document.as_slice()),
        }
    }

    fn documents(documents: &[String]) -> Self {
        let id = |json: &String| {
            let value: serde_json::Value = serde_json::from_str(json).ok()?;
            value.get("_id")?.as_str().map(str::to_owned)
        };
        let ids = documents.iter().filter_map(id).collect();
        Self { ids, ..Self::so_many(documents.len() as u64) }
    }

    fn so_many(count: u64) -> Self {
        let word = if count > 0 { script::DONE } else { script::NOTHING };
        Self { word, ids: Vec::new(), why: None }
    }

    fn refused(problem: &Problem) -> Self {
        Self { word: problem.code, ids: Vec::new(), why: Some(problem.message.clone()) }
    }
}
