//! Key-value: small values under keys, in namespaces of the project (`wasi:keyvalue`, the standard interface).

mod error;
mod keys;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::error::Error;
pub use self::keys::Keys;
use crate::bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use crate::bindings::wasi::keyvalue::batch;
use crate::bindings::wasi::keyvalue::store::{self, Bucket};
use crate::json;

/// How often [`Namespace::update`] computes a value anew before it gives up.
pub const MAX_ROUNDS: u32 = 100;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Opens a namespace. Needs the grant `kv:NAME`, or `kv:NAME:read` or `kv:NAME:write` for less.
///
/// ```no_run
/// let sessions = ostro::kv::namespace("sessions")?;
/// sessions.set("7", "ann")?;
/// let visits = sessions.increment("visits", 1)?;
/// # Ok::<(), ostro::kv::Error>(())
/// ```
pub fn namespace(name: &str) -> Result<Namespace> {
    Ok(Namespace { bucket: store::open(name)? })
}

/// A namespace. Keys have 1 to 1,024 bytes, values at most 1 MiB. What was acknowledged is on the disk.
#[derive(Debug)]
pub struct Namespace {
    bucket: Bucket,
}

impl Namespace {
    /// The value of a key; none when there is none.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.bucket.get(key)?)
    }

    /// The value of a key, read as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.get(key)?.map(|value| of_json(&value)).transpose()
    }

    /// Sets a value.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.bucket.set(key, value.as_ref())?)
    }

    /// Sets a value, written as JSON.
    pub fn set_json(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.set(key, as_json(value)?)
    }

    /// Removes a key, if it is there.
    pub fn delete(&self, key: &str) -> Result<()> {
        Ok(self.bucket.delete(key)?)
    }

    /// Whether there is a value.
    pub fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.bucket.exists(key)?)
    }

    /// All keys in order of their bytes, fetched as they are asked for, 1,000 at a time.
    pub fn list(&self) -> Keys<'_> {
        Keys::new(self)
    }

    /// At most 1,000 keys, from the first or from where a page before it ended; and where to go on, if there are more.
    pub fn list_page(&self, cursor: Option<&str>) -> Result<(Vec<String>, Option<String>)> {
        let page = self.bucket.list_keys(cursor)?;
        Ok((page.keys, page.cursor))
    }

    /// Adds to the number under a key, 0 where there is none, and returns the sum. Numbers are decimal digits in text.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64> {
        Ok(atomics::increment(&self.bucket, key, by)?)
    }

    /// Sets the value unless there is one already; whether it did.
    pub fn add(&self, key: &str, value: impl AsRef<[u8]>) -> Result<bool> {
        let place = Cas::new(&self.bucket, key)?;
        if place.current()?.is_some() {
            return Ok(false);
        }
        match atomics::swap(place, value.as_ref()) {
            Ok(()) => Ok(true),
            Err(CasError::CasFailed(_)) => Ok(false),
            Err(CasError::StoreError(error)) => Err(error.into()),
        }
    }

    /// Sets a value that is made of the one before it, and returns it. Nothing that somebody else writes meanwhile is
    /// lost: the value is then computed anew. `Conflict` after [`MAX_ROUNDS`] times.
    pub fn update(&self, key: &str, mut new: impl FnMut(Option<Vec<u8>>) -> Vec<u8>) -> Result<Vec<u8>> {
        self.try_update(key, |old| Ok(new(old)))
    }

    /// [`update`](Self::update) of a value that is JSON.
    pub fn update_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        mut new: impl FnMut(Option<T>) -> T,
    ) -> Result<T> {
        let value = self.try_update(key, |old| {
            let old = old.map(|old| of_json(&old)).transpose()?;
            as_json(&new(old)).map(String::into_bytes)
        })?;
        of_json(&value)
    }

    /// Values of keys, in their order; 1,000 keys and 8 MiB at most.
    pub fn get_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<Vec<Option<Vec<u8>>>> {
        let found = batch::get_many(&self.bucket, &owned(keys))?;
        Ok(found.into_iter().map(|(_, value)| value).collect())
    }

    /// Sets values, all or none; 1,000 keys and 8 MiB at most.
    pub fn set_many<K: AsRef<str>, V: AsRef<[u8]>>(&self, values: &[(K, V)]) -> Result<()> {
        let values: Vec<(String, Vec<u8>)> =
            values.iter().map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_vec())).collect();
        Ok(batch::set_many(&self.bucket, &values)?)
    }

    /// Removes keys, all or none; 1,000 at most. Those that are not there are passed over.
    pub fn delete_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<()> {
        Ok(batch::delete_many(&self.bucket, &owned(keys))?)
    }

    fn try_update(
        &self,
        key: &str,
        mut new: impl FnMut(Option<Vec<u8>>) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let mut place = Cas::new(&self.bucket, key)?;
        for _ in 0..MAX_ROUNDS {
            let value = new(place.current()?)?;
            match atomics::swap(place, &value) {
                Ok(()) => return Ok(value),
                Err(CasError::CasFailed(again)) => place = again,
                Err(CasError::StoreError(error)) => return Err(error.into()),
            }
        }
        Err(Error::Conflict)
    }
}

fn as_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    json::text(value).map_err(Error::Mismatch)
}

fn of_json<T: DeserializeOwned>(value: &[u8]) -> Result<T> {
    json::value_of_bytes(value).map_err(Error::Mismatch)
}

fn owned<K: AsRef<str>>(keys: &[K]) -> Vec<String> {
    keys.iter().map(|key| key.as_ref().to_owned()).collect()
}
