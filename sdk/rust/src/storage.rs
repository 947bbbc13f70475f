//! Objects of any size under keys, in buckets of the project.

mod error;
mod list;
mod object;
mod options;
mod stream;

use std::time::Duration;

pub use self::error::{Error, Result};
pub use self::list::Objects;
pub use self::object::Object;
pub use self::options::{Part, Put, SignGet, SignPut};
pub use self::stream::{Download, Upload};
use crate::bindings::ostro::storage::objects;

/// Opens a bucket. Needs the grant `bucket:NAME`, or `bucket:NAME:read` or `bucket:NAME:write` for less.
///
/// ```no_run
/// use ostro::storage::{self, Put};
///
/// let avatars = storage::bucket("avatars")?;
/// avatars.put_as("ann.png", b"...", &Put::default().content_type("image/png"))?;
/// if let Some((object, content)) = avatars.get("ann.png")? {
///     println!("{} has {} bytes", object.key, content.len());
/// }
/// # Ok::<(), storage::Error>(())
/// ```
pub fn bucket(name: &str) -> Result<Bucket> {
    Ok(Bucket { handle: objects::Bucket::open(name)? })
}

/// Opens a bucket to use it as whoever calls the function may: all that is looked at and changed is under the bucket's rules, as
/// for a page that calls. Needs the same grants as [`bucket`]: they bound what the function does, the rules bound with which
/// objects. What they do not let the caller do is `Denied`, what the caller may not see is not there, and what it puts is its own.
///
/// Who calls is told by [`auth::caller`](crate::auth::caller); whoever is no user is nobody to the rules.
pub fn bucket_as_caller(name: &str) -> Result<Bucket> {
    Ok(Bucket { handle: objects::Bucket::open_as_caller(name)? })
}

/// A bucket. A key is any text of 1 to 1,024 bytes, and nothing in it has a meaning. An object is replaced whole, at
/// once; what was acknowledged is on the disk.
#[derive(Debug)]
pub struct Bucket {
    handle: objects::Bucket,
}

impl Bucket {
    /// Puts an object of at most 8 MiB, in place of what is there.
    pub fn put(&self, key: &str, content: &[u8]) -> Result<Object> {
        self.put_as(key, content, &Put::default())
    }

    /// Puts an object of at most 8 MiB, with its media type and metadata, or only on a condition. `Changed` when that
    /// is not met.
    pub fn put_as(&self, key: &str, content: &[u8], options: &Put) -> Result<Object> {
        object::read(&self.handle.put(key, content, &options.text()?)?)
    }

    /// An object and its content of at most 8 MiB; none when there is none.
    pub fn get(&self, key: &str) -> Result<Option<(Object, Vec<u8>)>> {
        let found = self.handle.get(key)?;
        found.map(|(info, content)| Ok((object::read(&info)?, content))).transpose()
    }

    /// What is known of an object; none when there is none.
    pub fn head(&self, key: &str) -> Result<Option<Object>> {
        self.handle.head(key)?.map(|info| object::read(&info)).transpose()
    }

    /// Deletes an object; whether there was one.
    pub fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.handle.delete(key, "")?)
    }

    /// Deletes an object if its content is that of this etag; `Changed` when it is another one.
    pub fn delete_if(&self, key: &str, etag: &str) -> Result<bool> {
        Ok(self.handle.delete(key, &options::only_if(etag)?)?)
    }

    /// Copies an object to another key of this bucket or of another one, with all that is said of it; none when there
    /// is none.
    pub fn copy(&self, key: &str, to: &Bucket, to_key: &str) -> Result<Option<Object>> {
        self.copy_as(key, to, to_key, &Put::default())
    }

    /// Copies an object. A media type or metadata in the options stand in place of both; conditions are about what is
    /// replaced. Each bucket is as it was opened: one may be the caller's and the other one the function's.
    pub fn copy_as(&self, key: &str, to: &Bucket, to_key: &str, options: &Put) -> Result<Option<Object>> {
        let copied = self.handle.copy(key, &to.handle, to_key, &options.text()?)?;
        copied.map(|info| object::read(&info)).transpose()
    }

    /// Objects whose keys begin with the prefix, in order of the bytes of their keys, fetched in pages as they are
    /// asked for. Their metadata are not among what is known of them.
    pub fn list(&self, prefix: &str) -> Objects<'_> {
        Objects::new(&self.handle, prefix)
    }

    /// Begins to read an object of any size; none when there is none.
    pub fn download(&self, key: &str) -> Result<Option<Download>> {
        self.download_part(key, &Part::default())
    }

    /// Begins to read a part of an object, or an object only if its content is still the same.
    pub fn download_part(&self, key: &str, part: &Part) -> Result<Option<Download>> {
        self.handle.download(key, &part.text()?)?.map(Download::new).transpose()
    }

    /// Begins to put an object of any size. It is not there before [`finish`](Upload::finish).
    pub fn upload(&self, key: &str, options: &Put) -> Result<Upload> {
        Ok(Upload::new(self.handle.upload(key, &options.text()?)?))
    }

    /// A URL by which anybody may get the object for 1 second to 7 days: a path with a query, for every host of the
    /// project. Of a bucket that was opened as the caller it does what that caller may, for a day at most.
    pub fn sign_get(&self, key: &str, expires: Duration, options: &SignGet) -> Result<String> {
        Ok(self.handle.sign("get", key, seconds(expires), &options.text()?)?)
    }

    /// A URL by which anybody may put the object, as [`sign_get`](Self::sign_get).
    pub fn sign_put(&self, key: &str, expires: Duration, options: &SignPut) -> Result<String> {
        Ok(self.handle.sign("put", key, seconds(expires), &options.text()?)?)
    }
}

/// One that is too long stays too long.
fn seconds(expires: Duration) -> u32 {
    u32::try_from(expires.as_secs()).unwrap_or(u32::MAX)
}
