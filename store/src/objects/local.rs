//! Objects as files of the data directory, through `object_store`, with fsync.

use std::collections::HashSet;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::Dir;
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::{Area, Blobs};
use crate::buckets::Content;
use crate::catalog::Digest;
use crate::{DataDir, StoreError};

const AREAS: [Area; 3] = [Area::Wasm, Area::Assets, Area::Site];
/// What is read of an open object at once, bytes.
const PART_BYTES: usize = 64 << 10;

/// Opens the driver. What an upload left behind when the server was killed is removed.
pub(crate) fn open(data: &DataDir) -> Result<Arc<dyn Blobs>, StoreError> {
    for area in AREAS {
        let folder = data.dir().open_dir(area.folder()).map_err(StoreError::io)?;
        remove_drafts(&folder).map_err(StoreError::io)?;
    }
    let files = LocalFileSystem::new_with_prefix(data.path()).map_err(failed)?.with_fsync(true);
    Ok(Arc::new(Local { files, sound: Sound::default(), _locked: data.clone() }))
}

struct Local {
    files: LocalFileSystem,
    sound: Sound,
    /// Keeps the directory locked for as long as this driver may write to it.
    _locked: DataDir,
}

#[async_trait]
impl Blobs for Local {
    async fn put(&self, area: Area, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        let place = area.place(digest)?;
        let bytes = verified(digest, bytes).await?;
        self.files.put(&place, PutPayload::from_bytes(bytes)).await.map_err(failed)?;
        let file = self.files.path_to_filesystem(&place).map_err(failed)?;
        // The directory is closed to others already; this is for copies made of it.
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(StoreError::io)
    }

    async fn get(&self, area: Area, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let found = match self.files.get(&area.place(digest)?).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let bytes = found.bytes().await.map_err(failed)?;
        verified(digest, bytes).await.map(Some)
    }

    async fn open(&self, area: Area, digest: &Digest) -> Result<Option<Box<dyn Content>>, StoreError> {
        let path = self.files.path_to_filesystem(&area.place(digest)?).map_err(failed)?;
        let (sound, digest) = (self.sound.clone(), digest.clone());
        let opening = move || match File::open(path) {
            Ok(file) => {
                sound.check(area, &digest, &file)?;
                Ok(Some(Box::new(Opened(Arc::new(file))) as Box<dyn Content>))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(error)),
        };
        tokio::task::spawn_blocking(opening).await.map_err(StoreError::driver)?
    }

    async fn exists(&self, area: Area, digest: &Digest) -> Result<bool, StoreError> {
        match self.files.head(&area.place(digest)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    async fn delete(&self, area: Area, digest: &Digest) -> Result<(), StoreError> {
        self.sound.known().remove(&(area, digest.clone()));
        match self.files.delete(&area.place(digest)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn list(&self, area: Area) -> Result<Vec<Digest>, StoreError> {
        let entries = self.files.list(Some(&Path::from(area.folder())));
        let digests = entries.try_filter_map(async |entry| Ok(area.digest(&entry.location)));
        digests.try_collect().await.map_err(failed)
    }
}

impl Area {
    fn folder(self) -> &'static str {
        match self {
            Self::Wasm => "artifacts",
            Self::Assets => "assets",
            Self::Site => "sites",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Assets => "tar",
            Self::Site => "file",
        }
    }

    /// A digest becomes part of a path only after it was looked at, whoever made it.
    fn place(self, digest: &Digest) -> Result<Path, StoreError> {
        let digest = Digest::parse(digest.as_str())
            .ok_or_else(|| StoreError::Damaged(format!("{digest:?} is not a digest")))?;
        Ok(Path::from(format!("{}/{digest}.{}", self.folder(), self.extension())))
    }

    fn digest(self, place: &Path) -> Option<Digest> {
        let (digest, extension) = place.filename()?.split_once('.')?;
        (extension == self.extension()).then(|| Digest::parse(digest))?
    }
}

/// Which objects were found to be what they should be since this process started. No more than there are.
#[derive(Clone, Default)]
struct Sound(Arc<Mutex<HashSet<(Area, Digest)>>>);

impl Sound {
    /// Reads the whole object, unless that was done before. Blocks.
    fn check(&self, area: Area, digest: &Digest, file: &File) -> Result<(), StoreError> {
        let name = (area, digest.clone());
        if self.known().contains(&name) {
            return Ok(());
        }
        let found = Digest::of_file(file).map_err(StoreError::io)?;
        if found != *digest {
            return Err(StoreError::Damaged(format!("the object {digest} has the content of {found}")));
        }
        self.known().insert(name);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, HashSet<(Area, Digest)>> {
        // Nothing panics between two halves of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object that is being read. It stays readable when it is deleted.
struct Opened(Arc<File>);

#[async_trait]
impl Content for Opened {
    async fn read(&mut self, offset: u64, most: usize) -> Result<Bytes, StoreError> {
        let file = self.0.clone();
        let reading = move || {
            let mut part = vec![0; most.min(PART_BYTES)];
            let read = file.read_at(&mut part, offset)?;
            part.truncate(read);
            Ok(Bytes::from(part))
        };
        tokio::task::spawn_blocking(reading).await.map_err(StoreError::driver)?.map_err(StoreError::io)
    }
}

/// Hashing 64 MiB takes a tenth of a second: not on a thread that serves requests.
async fn verified(digest: &Digest, bytes: Bytes) -> Result<Bytes, StoreError> {
    let content = bytes.clone();
    let found =
        tokio::task::spawn_blocking(move || Digest::of(&content)).await.map_err(StoreError::driver)?;
    match found == *digest {
        true => Ok(bytes),
        false => Err(StoreError::Damaged(format!("the object {digest} has the content of {found}"))),
    }
}

/// The driver writes `NAME#NUMBER` and renames it.
fn remove_drafts(folder: &Dir) -> io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().contains(&b'#') {
            entry.remove_file()?;
        }
    }
    Ok(())
}

/// The driver wraps the operating system's error several times; a full disk must stay visible.
pub(crate) fn failed(error: object_store::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            let kind = io.kind();
            if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return StoreError::NoSpace(io::Error::new(kind, error));
            }
        }
        cause = current.source();
    }
    StoreError::driver(error)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::objects::conformance;

    fn fresh() -> (tempfile::TempDir, DataDir, Arc<dyn Blobs>) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let blobs = open(&data).unwrap();
        (folder, data, blobs)
    }

    #[tokio::test]
    async fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        let count = AtomicU32::new(0);
        let next = || folder.path().join(count.fetch_add(1, Ordering::Relaxed).to_string());
        conformance::run(|| open(&DataDir::open(&next())?)).await.unwrap();
    }

    #[tokio::test]
    async fn files_are_private_and_verified() {
        let (folder, _, blobs) = fresh();
        let digest = Digest::of(b"component");
        blobs.put(Area::Wasm, &digest, Bytes::from_static(b"component")).await.unwrap();
        let file = folder.path().join(format!("artifacts/{digest}.wasm"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        std::fs::write(&file, b"componenT").unwrap();
        assert!(matches!(blobs.get(Area::Wasm, &digest).await, Err(StoreError::Damaged(_))));
        // Uploading it again repairs it.
        blobs.put(Area::Wasm, &digest, Bytes::from_static(b"component")).await.unwrap();
        assert_eq!(blobs.get(Area::Wasm, &digest).await.unwrap().unwrap(), "component");
    }

    #[tokio::test]
    async fn what_is_opened_is_sound_and_stays() {
        let (folder, data, blobs) = fresh();
        let digest = Digest::of(b"page");
        blobs.put(Area::Site, &digest, Bytes::from_static(b"page")).await.unwrap();
        let mut open = blobs.open(Area::Site, &digest).await.unwrap().unwrap();
        blobs.delete(Area::Site, &digest).await.unwrap();
        assert_eq!(open.read(1, 2).await.unwrap(), "ag");

        std::fs::write(folder.path().join(format!("sites/{digest}.file")), b"pagE").unwrap();
        assert!(matches!(blobs.open(Area::Site, &digest).await, Err(StoreError::Damaged(_))));
        drop((blobs, data));
    }

    #[tokio::test]
    async fn drafts_of_a_killed_server_go_and_strangers_are_ignored() {
        let (folder, data, blobs) = fresh();
        let digest = Digest::of(b"x");
        let draft = folder.path().join(format!("artifacts/{digest}.wasm#1"));
        std::fs::write(&draft, b"half").unwrap();
        std::fs::write(folder.path().join("artifacts/README"), b"not ours").unwrap();
        drop(blobs);
        let blobs = open(&data).unwrap();
        assert!(!draft.exists());
        assert_eq!(blobs.list(Area::Wasm).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_forged_digest_never_becomes_a_path() {
        let (_folder, _, blobs) = fresh();
        for text in ["../LOCK", "", "ABCD", "a/../../b"] {
            let forged = Digest(text.to_owned());
            assert!(matches!(blobs.get(Area::Wasm, &forged).await, Err(StoreError::Damaged(_))), "{text}");
            assert!(matches!(blobs.delete(Area::Wasm, &forged).await, Err(StoreError::Damaged(_))));
        }
    }

    #[test]
    fn a_full_disk_is_seen_through_the_wrapping() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let inner = object_store::Error::Generic { store: "inner", source: full.into() };
        let outer = object_store::Error::Generic { store: "outer", source: inner.into() };
        assert!(matches!(failed(outer), StoreError::NoSpace(_)));
        let other = io::Error::from(io::ErrorKind::PermissionDenied);
        let other = object_store::Error::Generic { store: "inner", source: other.into() };
        assert!(matches!(failed(other), StoreError::Driver(_)));
    }
}
