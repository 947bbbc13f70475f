//! What the suites work with: a store, its clock, one project, and short words for what they do often.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{TurnedClock, Wanted};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::kv::{Found, Increment, KeyValue, NamespaceSpec, Page, Result, Swap, Version, Write};

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<Arc<dyn KeyValue>>,
    wanted: Wanted,
    pub(super) kv: Arc<dyn KeyValue>,
    pub(super) clock: TurnedClock,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) async fn new(
        open: &'o dyn Fn(&Wanted) -> Result<Arc<dyn KeyValue>>,
        wanted: Wanted,
        clock: TurnedClock,
    ) -> Result<Self> {
        let bench = Self { open, kv: open(&wanted)?, wanted, clock, project: project(1) };
        bench.declare("a", None).await?;
        Ok(bench)
    }

    /// Closes the store and opens it again over the same data.
    pub(super) fn reopen(self) -> Result<Self> {
        let Self { open, wanted, kv, clock, project } = self;
        drop(kv);
        let kv = open(&wanted)?;
        Ok(Self { open, wanted, kv, clock, project })
    }

    pub(super) async fn declare(&self, namespace: &str, ttl_ms: Option<u64>) -> Result<()> {
        self.kv.declare(self.project, &[spec(namespace, ttl_ms)]).await
    }

    pub(super) async fn write(&self, writes: Vec<Write>) -> Result<()> {
        self.kv.write(self.project, "a", writes).await
    }

    pub(super) async fn set(&self, key: &str, value: &str) -> Result<()> {
        self.write(vec![set(key, value)]).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        self.write(vec![Write::Delete(key.to_owned())]).await
    }

    pub(super) async fn find(&self, key: &str) -> Result<Option<Found>> {
        let mut found = self.kv.get(self.project, "a", &[key.to_owned()]).await?;
        assert_eq!(found.len(), 1);
        Ok(found.remove(0))
    }

    /// The value of a key as text.
    pub(super) async fn value(&self, key: &str) -> Result<Option<String>> {
        Ok(self.find(key).await?.map(|found| String::from_utf8_lossy(&found.value).into_owned()))
    }

    /// The version of a key, which must be there.
    pub(super) async fn version(&self, key: &str) -> Result<Version> {
        let found = self.find(key).await?;
        found.map(|found| found.version).ok_or(StoreError::NotFound { what: "a key" })
    }

    /// All keys.
    pub(super) async fn keys(&self) -> Result<Vec<String>> {
        let page = self.page(None, 1_000).await?;
        assert!(!page.has_more);
        Ok(page.keys)
    }

    pub(super) async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page> {
        self.kv.list(self.project, "a", after, limit).await
    }

    pub(super) async fn add(&self, key: &str, by: i64) -> Result<Increment> {
        self.kv.increment(self.project, "a", key, by).await
    }

    pub(super) async fn swap(&self, key: &str, expected: Option<Version>, value: &str) -> Result<Swap> {
        self.kv.swap(self.project, "a", key, expected, value.to_owned().into()).await
    }
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn spec(name: &str, ttl_ms: Option<u64>) -> NamespaceSpec {
    NamespaceSpec { name: name.to_owned(), ttl_ms }
}

pub(super) fn set(key: &str, value: &str) -> Write {
    Write::Set(key.to_owned(), Bytes::from(value.to_owned()))
}

pub(super) fn delete(key: &str) -> Write {
    Write::Delete(key.to_owned())
}

pub(super) fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
