//! What the suites work with: a store, its clock, one project, and short words for what they do often.

use bytes::Bytes;
use uuid::Uuid;

use super::{Opened, TurnedClock, Wanted};
use crate::StoreError;
use crate::buckets::{Attributes, Condition, Content, Info, Outcome, Place, Result, Upload};
use crate::catalog::ProjectId;

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<Opened>,
    wanted: Wanted,
    pub(super) store: Opened,
    pub(super) clock: TurnedClock,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) async fn new(
        open: &'o dyn Fn(&Wanted) -> Result<Opened>,
        wanted: Wanted,
        clock: TurnedClock,
    ) -> Result<Self> {
        let bench = Self { open, store: open(&wanted)?, wanted, clock, project: project(1) };
        bench.store.0.declare(bench.project, &owned(&["b", "a"])).await?;
        Ok(bench)
    }

    /// Closes the store and opens it again over the same data.
    pub(super) async fn reopen(self) -> Result<Self> {
        let Self { open, wanted, store, clock, project } = self;
        drop(store);
        // What is swept in the background still has it.
        loop {
            match open(&wanted) {
                Ok(store) => return Ok(Self { open, wanted, store, clock, project }),
                Err(StoreError::Unusable(_)) => tokio::task::yield_now().await,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        self.store.1.upload(self.project, "a", key, 0).await
    }

    /// Puts a text.
    pub(super) async fn put(&self, key: &str, text: &str) -> Result<Info> {
        self.put_bytes(key, Bytes::copy_from_slice(text.as_bytes())).await
    }

    pub(super) async fn put_bytes(&self, key: &str, bytes: Bytes) -> Result<Info> {
        Ok(done(self.put_if(key, bytes, Condition::Always).await?))
    }

    pub(super) async fn put_if(&self, key: &str, bytes: Bytes, condition: Condition) -> Result<Outcome> {
        let mut upload = self.upload(key).await?;
        upload.write(bytes).await?;
        upload.finish(Attributes::default(), condition).await
    }

    /// The whole content of an object as text.
    pub(super) async fn text(&self, key: &str) -> Result<Option<String>> {
        let Some(mut found) = self.store.1.get(self.project, "a", key).await? else { return Ok(None) };
        let bytes = all_of(found.content.as_mut()).await?;
        assert_eq!(bytes.len() as u64, found.info.size);
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(super) async fn head(&self, key: &str) -> Result<Option<Info>> {
        self.store.1.head(self.project, "a", key).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<Outcome> {
        self.store.1.delete(self.project, "a", key, Condition::Always).await
    }

    pub(super) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<Outcome> {
        self.store.1.copy(self.project, from, to, None, Condition::Always).await
    }

    /// All keys of bucket `a`.
    pub(super) async fn keys(&self) -> Result<Vec<String>> {
        self.keys_of("a").await
    }

    pub(super) async fn keys_of(&self, bucket: &str) -> Result<Vec<String>> {
        let page = self.store.1.list(self.project, bucket, "", None, 1_000).await?;
        assert!(!page.has_more);
        Ok(page.objects.into_iter().map(|object| object.key).collect())
    }
}

/// Reads a content to its end.
pub(super) async fn all_of(content: &mut dyn Content) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let chunk = content.read(all.len() as u64, usize::MAX).await?;
        if chunk.is_empty() {
            return Ok(all);
        }
        assert!(chunk.len() <= crate::buckets::MAX_CHUNK_BYTES);
        all.extend_from_slice(&chunk);
    }
}

/// Bytes that differ from place to place.
pub(super) fn noise(bytes: usize) -> Bytes {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn at<'a>(bucket: &'a str, key: &'a str) -> Place<'a> {
    Place { bucket, key }
}

pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[track_caller]
pub(super) fn done(outcome: Outcome) -> Info {
    match outcome {
        Outcome::Done(info) => info,
        other => panic!("must be done: {other:?}"),
    }
}

#[track_caller]
pub(super) fn full<T>(result: Result<T>) -> String {
    match result {
        Err(StoreError::Full { what, limit }) => {
            assert!(limit > 0);
            what
        }
        Err(other) => panic!("must be Full: {other:?}"),
        Ok(_) => panic!("must be Full"),
    }
}
