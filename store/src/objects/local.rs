//! Objects as files of the data directory, through `object_store`, with fsync.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::Dir;
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::{Area, Blobs};
use crate::catalog::Digest;
use crate::{DataDir, StoreError};

const AREAS: [Area; 2] = [Area::Wasm, Area::Assets];

/// Opens the driver. What an upload left behind when the server was killed is removed.
pub(crate) fn open(data: &DataDir) -> Result<Arc<dyn Blobs>, StoreError> {
    for area in AREAS {
        let folder = data.dir().open_dir(area.folder()).map_err(StoreError::io)?;
        remove_drafts(&folder).map_err(StoreError::io)?;
    }
    let files = LocalFileSystem::new_with_prefix(data.path()).map_err(failed)?.with_fsync(true);
    Ok(Arc::new(Local { files, _locked: data.clone() }))
}

struct Local {
    files: LocalFileSystem,
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

    async fn exists(&self, area: Area, digest: &Digest) -> Result<bool, StoreError> {
        match self.files.head(&area.place(digest)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    async fn delete(&self, area: Area, digest: &Digest) -> Result<(), StoreError> {
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
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Assets => "tar",
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
