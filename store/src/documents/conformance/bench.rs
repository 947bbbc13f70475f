//! What the suites work with: a store, its clock, one project, and short words for what they do often.

use std::sync::Arc;

use uuid::Uuid;

use super::{TurnedClock, Wanted};
use crate::catalog::ProjectId;
use crate::documents::{
    CollectionSpec, Documents, Failure, Find, FindAndModify, Found, IndexSpec, Page, Read, Result, Target,
    Write, Written,
};

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<Arc<dyn Documents>>,
    wanted: Wanted,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) clock: TurnedClock,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) async fn new(
        open: &'o dyn Fn(&Wanted) -> Result<Arc<dyn Documents>>,
        wanted: Wanted,
        clock: TurnedClock,
    ) -> Result<Self> {
        let bench = Self { open, documents: open(&wanted)?, wanted, clock, project: project(1) };
        bench.declare(&[]).await?;
        Ok(bench)
    }

    /// Closes the store and opens it again over the same data.
    pub(super) fn reopen(self) -> Result<Self> {
        let Self { open, wanted, documents, clock, project } = self;
        drop(documents);
        let documents = open(&wanted)?;
        Ok(Self { open, wanted, documents, clock, project })
    }

    /// Declares collection `a` with these indexes.
    pub(super) async fn declare(&self, indexes: &[IndexSpec]) -> Result<()> {
        self.documents.declare(self.project, &[spec("a", indexes)]).await
    }

    pub(super) async fn read(&self, read: Read) -> Result<Found> {
        self.documents.read(self.project, "a", read).await
    }

    pub(super) async fn write(&self, write: Write) -> Result<Written> {
        self.documents.write(self.project, "a", write).await
    }

    pub(super) async fn insert(&self, documents: &[&str]) -> Result<Vec<String>> {
        let documents = documents.iter().map(|document| (*document).to_owned()).collect();
        match self.write(Write::Insert(documents)).await? {
            Written::Inserted(ids) => Ok(ids),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<String>> {
        match self.read(Read::Get { id: id.to_owned(), fields: None }).await? {
            Found::Document(document) => Ok(document),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn page(&self, find: Find) -> Result<Page> {
        match self.read(Read::Find(find)).await? {
            Found::Page(page) => Ok(page),
            other => panic!("{other:?}"),
        }
    }

    /// All documents that match, in that order, in pages of that many.
    pub(super) async fn pages(&self, filter: &str, sort: Option<&str>, limit: u64) -> Result<Vec<String>> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let find =
                Find { sort: sort.map(str::to_owned), limit: Some(limit), cursor, ..Find::new(filter) };
            let page = self.page(find).await?;
            assert!(page.documents.len() as u64 <= limit);
            all.extend(page.documents);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The `_id`s of all documents that match, in that order.
    pub(super) async fn ids(&self, filter: &str, sort: Option<&str>) -> Result<Vec<String>> {
        Ok(self.pages(filter, sort, 1_000).await?.iter().map(|document| id(document)).collect())
    }

    pub(super) async fn count(&self, filter: &str) -> Result<u64> {
        match self.read(Read::Count { filter: filter.to_owned(), limit: None }).await? {
            Found::Count(count) => Ok(count),
            other => panic!("{other:?}"),
        }
    }

    /// What a distinct or an aggregate gives.
    pub(super) async fn values(&self, read: Read) -> Result<Vec<String>> {
        match self.read(read).await? {
            Found::Values(values) => Ok(values),
            other => panic!("{other:?}"),
        }
    }

    /// Changes documents; how many matched and how many were changed.
    pub(super) async fn update(&self, target: Target, update: &str) -> Result<(u64, u64)> {
        match self.write(Write::Update { target, update: update.to_owned(), upsert: false }).await? {
            Written::Changed { matched, modified, upserted: None } => Ok((matched, modified)),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn delete(&self, target: Target) -> Result<u64> {
        match self.write(Write::Delete(target)).await? {
            Written::Deleted(count) => Ok(count),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn modify(&self, modify: FindAndModify) -> Result<Option<String>> {
        match self.write(Write::FindAndModify(modify)).await? {
            Written::Document(document) => Ok(document),
            other => panic!("{other:?}"),
        }
    }

    /// How many documents the store counts, and how many bytes.
    pub(super) async fn counted(&self) -> Result<(u64, u64)> {
        let infos = self.documents.collections(self.project).await?;
        let sum = |of: fn(&crate::documents::CollectionInfo) -> u64| infos.iter().map(of).sum();
        Ok((sum(|info| info.documents), sum(|info| info.bytes)))
    }
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn spec(name: &str, indexes: &[IndexSpec]) -> CollectionSpec {
    CollectionSpec { name: name.to_owned(), indexes: Some(indexes.to_vec()), rules: None }
}

pub(super) fn index(fields: &[&str]) -> IndexSpec {
    IndexSpec { fields: fields.iter().map(|field| (*field).to_owned()).collect(), unique: false }
}

pub(super) fn unique(fields: &[&str]) -> IndexSpec {
    IndexSpec { unique: true, ..index(fields) }
}

/// The `_id` of a document.
pub(super) fn id(document: &str) -> String {
    let value: serde_json::Value =
        serde_json::from_str(document).unwrap_or_else(|error| panic!("{document}: {error}"));
    value["_id"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What was asked cannot be done, and the text says why.
#[track_caller]
pub(super) fn assert_invalid<T: std::fmt::Debug>(answer: Result<T>, part: &str) {
    match answer {
        Err(Failure::Invalid(text)) => assert!(text.contains(part), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// Another document has that key in that index.
#[track_caller]
pub(super) fn assert_taken<T: std::fmt::Debug>(answer: Result<T>, index: &str, key: &str) {
    match answer {
        Err(Failure::Duplicate { index: of, key: taken }) => assert_eq!((&*of, &*taken), (index, key)),
        other => panic!("{other:?}"),
    }
}
