//! `wasi:keyvalue`: small values under keys, in namespaces of the function's project.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use store::StoreError;
use store::catalog::ProjectId;
use store::kv::{
    Found, Increment, KeyValue, MAX_CALL_BYTES, MAX_KEY_BYTES, MAX_KEYS, MAX_PAGE, MAX_VALUE_BYTES, Swap,
    Version, Write,
};
use wasmtime::component::{Resource, ResourceTableError};

use crate::bindings::wasi::keyvalue::atomics::{self, CasError};
use crate::bindings::wasi::keyvalue::batch;
use crate::bindings::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::ctx::HostCtxView;
use crate::failure::Told;
use crate::grants::{Data, Verb, Verbs, data_grant};
use crate::meter::Interface;

/// A namespace that a guest has opened.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Clone, Debug)]
pub struct Bucket {
    namespace: Arc<str>,
    verbs: Verbs,
}

/// What a key had when a guest looked.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Clone, Debug)]
pub struct Cas {
    bucket: Bucket,
    key: String,
    seen: Option<Found>,
}

/// The namespaces of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct Namespaces {
    store: Option<Arc<dyn KeyValue>>,
}

/// The namespaces of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectNamespaces {
    project: Option<(ProjectId, Arc<dyn KeyValue>)>,
}

/// Why a call of a guest fails.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub type Failure = crate::failure::Failure<Error>;

type Answer<T> = Result<T, Error>;
type Outcome<T> = Result<T, Failure>;

impl Namespaces {
    /// The namespaces of that store.
    pub(crate) fn new(store: Arc<dyn KeyValue>) -> Self {
        Self { store: Some(store) }
    }

    /// Those of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectNamespaces {
        ProjectNamespaces { project: self.store.clone().map(|store| (project, store)) }
    }
}

impl ProjectNamespaces {
    fn open(&self) -> Answer<(ProjectId, &dyn KeyValue)> {
        match &self.project {
            Some((project, store)) => Ok((*project, store.as_ref())),
            None => Err(Error::Other("there are no values while a function is only tried".to_owned())),
        }
    }

    async fn read(&self, bucket: &Bucket, keys: &[String]) -> Answer<Vec<Option<Found>>> {
        let (project, store) = self.open()?;
        check_keys(keys.iter())?;
        match store.get(project, &bucket.namespace, keys).await {
            Ok(found) => Ok(found),
            Err(StoreError::Full { .. }) => Err(too_much()),
            Err(error) => Err(failure(error)),
        }
    }

    async fn write(&self, bucket: &Bucket, writes: Vec<Write>) -> Answer<()> {
        let (project, store) = self.open()?;
        check_keys(writes.iter().map(|write| match write {
            Write::Set(key, _) | Write::Delete(key) => key,
        }))?;
        let mut bytes = 0;
        for write in &writes {
            if let Write::Set(_, value) = write {
                check_value(value.len()).map_err(Error::Other)?;
                bytes += value.len();
            }
        }
        if bytes > MAX_CALL_BYTES {
            return Err(too_much());
        }
        store.write(project, &bucket.namespace, writes).await.map_err(failure)
    }

    async fn list(&self, bucket: &Bucket, after: Option<&str>) -> Answer<KeyResponse> {
        let (project, store) = self.open()?;
        // Where a page ended is the last key of it.
        if after.is_some_and(|after| after.len() > MAX_KEY_BYTES) {
            return Err(Error::Other("this is no cursor".to_owned()));
        }
        let page = store.list(project, &bucket.namespace, after, MAX_PAGE).await.map_err(failure)?;
        let cursor = page.keys.last().filter(|_| page.has_more).cloned();
        Ok(KeyResponse { keys: page.keys, cursor })
    }

    async fn increment(&self, bucket: &Bucket, key: &str, by: i64) -> Answer<i64> {
        let (project, store) = self.open()?;
        check_keys([key])?;
        match store.increment(project, &bucket.namespace, key, by).await.map_err(failure)? {
            Increment::To(sum) => Ok(sum),
            Increment::NoNumber => Err(Error::Other("the value is no number in decimal digits".to_owned())),
            Increment::Overflow => Err(Error::Other("the sum is beyond 64 bits".to_owned())),
        }
    }

    async fn swap(&self, cas: &Cas, value: Bytes) -> Answer<Swap> {
        let (project, store) = self.open()?;
        check_value(value.len()).map_err(Error::Other)?;
        let expected: Option<Version> = cas.seen.as_ref().map(|found| found.version);
        store.swap(project, &cas.bucket.namespace, &cas.key, expected, value).await.map_err(failure)
    }
}

impl fmt::Debug for ProjectNamespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let project = self.project.as_ref().map(|(project, _)| project);
        f.debug_tuple("ProjectNamespaces").field(&project).finish()
    }
}

impl Told for Error {}

impl Cas {
    fn bytes(&self) -> usize {
        self.seen.as_ref().map_or(0, |found| found.value.len())
    }
}

impl HostCtxView<'_> {
    async fn read_keys(&mut self, bucket: &Bucket, keys: &[String]) -> Outcome<Vec<Option<Found>>> {
        let found = self.ctx.services.namespaces.read(bucket, keys).await?;
        let bytes = found.iter().flatten().map(|found| found.value.len()).sum();
        self.ctx.meter.moved(Interface::KeyValue, found.iter().flatten().count(), bytes);
        Ok(found)
    }

    async fn write_keys(&mut self, bucket: &Bucket, writes: Vec<Write>) -> Outcome<()> {
        let bytes = writes.iter().map(|write| match write {
            Write::Set(_, value) => value.len(),
            Write::Delete(_) => 0,
        });
        let (rows, bytes) = (writes.len(), bytes.sum());
        self.ctx.services.namespaces.write(bucket, writes).await?;
        self.ctx.meter.moved(Interface::KeyValue, rows, bytes);
        Ok(())
    }

    /// The bucket of a handle, for that verb.
    fn bucket(&mut self, handle: &Resource<Bucket>, verb: Verb) -> Outcome<Bucket> {
        self.ctx.meter.count(Interface::KeyValue);
        let bucket = self.table.get(handle)?;
        match bucket.verbs.allow(verb) {
            true => Ok(bucket.clone()),
            false => Err(self.namespace_refused(data_grant(Data::KeyValue, &bucket.namespace, verb)).into()),
        }
    }

    /// Keeps what a guest has looked at. It is in the host's memory, so it is bounded.
    fn hold(&mut self, cas: Cas) -> Outcome<Resource<Cas>> {
        let held = self.ctx.looked_at + cas.bytes();
        if held > MAX_CALL_BYTES {
            let most = MAX_CALL_BYTES >> 20;
            let told =
                format!("the values of all `cas` handles have {most} MiB at most: drop those that are done");
            return Err(Error::Other(told).into());
        }
        let handle = self.table.push(cas)?;
        self.ctx.looked_at = held;
        Ok(handle)
    }

    fn release(&mut self, handle: Resource<Cas>) -> Result<Cas, ResourceTableError> {
        let cas = self.table.delete(handle)?;
        self.ctx.looked_at = self.ctx.looked_at.saturating_sub(cas.bytes());
        Ok(cas)
    }

    /// The interface's error has no place for a text.
    fn namespace_refused(&self, grant: String) -> Error {
        let _in_the_log = self.ctx.refuse(Interface::KeyValue, grant);
        Error::AccessDenied
    }
}

impl Host for HostCtxView<'_> {
    async fn open(&mut self, identifier: String) -> Outcome<Resource<Bucket>> {
        self.ctx.meter.count(Interface::KeyValue);
        let Some(verbs) = self.ctx.grants.data(Data::KeyValue, &identifier) else {
            return Err(self.namespace_refused(data_grant(Data::KeyValue, &identifier, Verb::Read)).into());
        };
        Ok(self.table.push(Bucket { namespace: identifier.into(), verbs })?)
    }

    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<Error> {
        failure.told()
    }
}

impl HostBucket for HostCtxView<'_> {
    async fn get(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<Option<Vec<u8>>> {
        let bucket = self.bucket(&handle, Verb::Read)?;
        let mut found = self.read_keys(&bucket, &[key]).await?;
        Ok(found.pop().flatten().map(|found| found.value.into()))
    }

    async fn set(&mut self, handle: Resource<Bucket>, key: String, value: Vec<u8>) -> Outcome<()> {
        let bucket = self.bucket(&handle, Verb::Write)?;
        self.write_keys(&bucket, vec![Write::Set(key, value.into())]).await
    }

    async fn delete(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<()> {
        let bucket = self.bucket(&handle, Verb::Write)?;
        self.write_keys(&bucket, vec![Write::Delete(key)]).await
    }

    async fn exists(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<bool> {
        let bucket = self.bucket(&handle, Verb::Read)?;
        let found = self.read_keys(&bucket, &[key]).await?;
        Ok(found.iter().all(Option::is_some))
    }

    async fn list_keys(&mut self, handle: Resource<Bucket>, cursor: Option<String>) -> Outcome<KeyResponse> {
        let bucket = self.bucket(&handle, Verb::Read)?;
        Ok(self.ctx.services.namespaces.list(&bucket, cursor.as_deref()).await?)
    }

    async fn drop(&mut self, handle: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl atomics::Host for HostCtxView<'_> {
    async fn increment(&mut self, handle: Resource<Bucket>, key: String, delta: i64) -> Outcome<i64> {
        let bucket = self.bucket(&handle, Verb::Write)?;
        // The sum shows what there was.
        if !bucket.verbs.allow(Verb::Read) {
            return Err(self
                .namespace_refused(data_grant(Data::KeyValue, &bucket.namespace, Verb::Read))
                .into());
        }
        let sum = self.ctx.services.namespaces.increment(&bucket, &key, delta).await?;
        self.ctx.meter.moved(Interface::KeyValue, 1, size_of_val(&sum));
        Ok(sum)
    }

    async fn swap(
        &mut self,
        handle: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        self.ctx.meter.count(Interface::KeyValue);
        let cas = self.release(handle)?;
        if !cas.bucket.verbs.allow(Verb::Write) {
            let refused =
                self.namespace_refused(data_grant(Data::KeyValue, &cas.bucket.namespace, Verb::Write));
            return Ok(Err(CasError::StoreError(refused)));
        }
        let bytes = value.len();
        match self.ctx.services.namespaces.swap(&cas, value.into()).await {
            Ok(Swap::Done) => {
                self.ctx.meter.moved(Interface::KeyValue, 1, bytes);
                Ok(Ok(()))
            }
            Ok(Swap::Lost(seen)) => Ok(Err(match self.hold(Cas { seen, ..cas }) {
                Ok(again) => CasError::CasFailed(again),
                Err(Failure::Told(error)) => CasError::StoreError(error),
                Err(Failure::Trap(error)) => return Err(error.into()),
            })),
            Err(error) => Ok(Err(CasError::StoreError(error))),
        }
    }
}

impl atomics::HostCas for HostCtxView<'_> {
    async fn new(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<Resource<Cas>> {
        let bucket = self.bucket(&handle, Verb::Read)?;
        let mut found = self.read_keys(&bucket, std::slice::from_ref(&key)).await?;
        self.hold(Cas { bucket, key, seen: found.pop().flatten() })
    }

    async fn current(&mut self, handle: Resource<Cas>) -> Outcome<Option<Vec<u8>>> {
        self.ctx.meter.count(Interface::KeyValue);
        let cas = self.table.get(&handle)?;
        Ok(cas.seen.as_ref().map(|found| found.value.to_vec()))
    }

    async fn drop(&mut self, handle: Resource<Cas>) -> wasmtime::Result<()> {
        self.release(handle)?;
        Ok(())
    }
}

impl batch::Host for HostCtxView<'_> {
    async fn get_many(
        &mut self,
        handle: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
        let bucket = self.bucket(&handle, Verb::Read)?;
        let found = self.read_keys(&bucket, &keys).await?;
        let values = found.into_iter().map(|found| found.map(|found| found.value.into()));
        Ok(keys.into_iter().zip(values).collect())
    }

    async fn set_many(
        &mut self,
        handle: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Outcome<()> {
        let bucket = self.bucket(&handle, Verb::Write)?;
        let writes = key_values.into_iter().map(|(key, value)| Write::Set(key, value.into())).collect();
        self.write_keys(&bucket, writes).await
    }

    async fn delete_many(&mut self, handle: Resource<Bucket>, keys: Vec<String>) -> Outcome<()> {
        let bucket = self.bucket(&handle, Verb::Write)?;
        self.write_keys(&bucket, keys.into_iter().map(Write::Delete).collect()).await
    }
}

fn check_keys(keys: impl IntoIterator<Item: AsRef<str>>) -> Answer<()> {
    for (index, key) in keys.into_iter().enumerate() {
        if index >= MAX_KEYS {
            return Err(Error::Other(format!("a call has at most {MAX_KEYS} keys: do it in parts")));
        }
        check_key(key.as_ref()).map_err(Error::Other)?;
    }
    Ok(())
}

/// Refuses a key of a length that no key has.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    match (1..=MAX_KEY_BYTES).contains(&key.len()) {
        true => Ok(()),
        false => Err(format!("a key has 1 to {MAX_KEY_BYTES} bytes")),
    }
}

/// Refuses a value of that many bytes if it is too large.
pub(crate) fn check_value(bytes: usize) -> Result<(), String> {
    match bytes <= MAX_VALUE_BYTES {
        true => Ok(()),
        false => {
            let most = MAX_VALUE_BYTES >> 20;
            Err(format!("a value has {most} MiB at most, and this one has {bytes} bytes"))
        }
    }
}

fn too_much() -> Error {
    let most = MAX_CALL_BYTES >> 20;
    Error::Other(format!("the values of a call have {most} MiB at most: do it in parts"))
}

/// A store's failure, as its decision for the guest. The cause stays with the server.
fn failure(error: StoreError) -> Error {
    match error {
        StoreError::NotFound { .. } => Error::NoSuchStore,
        StoreError::Full { .. } => Error::Other(error.to_string()),
        StoreError::NoSpace(_) => Error::Other("the server's disk is full".to_owned()),
        other => {
            tracing::error!(error = %other, cause = ?std::error::Error::source(&other), "key-value storage failed");
            Error::Other("the server failed; its log has the details".to_owned())
        }
    }
}
