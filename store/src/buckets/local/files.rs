//! Contents as files of the data directory, with fsync: below `projects/ID/objects/`, each under a name by chance. What comes
//! in parts goes through `object_store`.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::{Dir, File as CapFile, OpenOptions};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetResultPayload, MultipartUpload, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};

use super::read::Stored;
use crate::buckets::{BLOCK_BYTES, Content, MAX_CHUNK_BYTES, Result};
use crate::catalog::ProjectId;
use crate::data_dir::{private_file, sync};
use crate::objects::local::failed;
use crate::project::subfolder;
use crate::{DataDir, StoreError};

/// How often a folder is looked for and made that others make and remove at the same moment.
const MAX_TRIES: usize = 100;
/// Bytes of a block's digest.
pub(super) const DIGEST_BYTES: usize = 32;

/// The files of all projects.
pub(crate) struct Files {
    store: LocalFileSystem,
    data: DataDir,
}

impl Files {
    pub(super) fn open(data: &DataDir) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(data.path().join("projects")).map_err(failed)?;
        Ok(Self { store: store.with_fsync(true), data: data.clone() })
    }

    /// Writes a file at once; durable when it returns.
    pub(super) async fn put(&self, project: ProjectId, file: &str, bytes: Bytes) -> Result<()> {
        let (data, file) = (self.data.clone(), file.to_owned());
        let put = move || put_at_once(&data, project, &file, &bytes);
        tokio::task::spawn_blocking(put).await.map_err(StoreError::driver)?
    }

    /// Begins to write a file in parts.
    pub(super) async fn begin(&self, project: ProjectId, file: &str) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart(&place(project, file)).await.map_err(failed)
    }

    /// Ends a file that was written in parts; durable when it returns.
    pub(super) async fn complete(
        &self,
        project: ProjectId,
        file: &str,
        mut parts: Box<dyn MultipartUpload>,
    ) -> Result<()> {
        parts.complete().await.map_err(failed)?;
        self.close_to_others(&place(project, file))
    }

    /// Opens a file that parts are written to; one that is new is made. `None` when it is not there. Blocks.
    pub(super) fn open_part(&self, project: ProjectId, file: &str, is_new: bool) -> Result<Option<File>> {
        let mut how = private_file();
        how.read(true).write(true);
        if is_new {
            let (folder, made) = make(&self.data, project, file, how.create(true))?;
            sync(&folder).map_err(StoreError::io)?;
            return Ok(Some(made.into_std()));
        }
        match self.data.projects().open_with(format!("{}/objects/{file}", project.0), &how) {
            Ok(found) => Ok(Some(found.into_std())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(error)),
        }
    }

    /// Opens a file for reading; `None` when there is none.
    pub(super) async fn read(&self, project: ProjectId, stored: &Stored) -> Result<Option<Box<dyn Content>>> {
        let found = match self.store.get(&place(project, &stored.file)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let GetResultPayload::File(file, _) = found.payload else {
            return Err(StoreError::driver("the driver opens no files"));
        };
        let (size, blocks) = (stored.info.size, stored.blocks.clone());
        Ok(Some(Box::new(Blocks { file: Arc::new(file), size, blocks, verified: None })))
    }

    /// Removes files, whole or half written; those that are gone now. What cannot be removed is logged, and stays for
    /// the next sweep. Blocks.
    pub(super) fn remove_all(&self, project: ProjectId, files: Vec<(i64, String)>) -> Vec<(i64, String)> {
        let mut gone = Vec::new();
        for (content, file) in files {
            match self.remove(project, &file) {
                Ok(()) => gone.push((content, file)),
                Err(error) => tracing::warn!(project = %project.0, %file, %error, "a content stays for now"),
            }
        }
        gone
    }

    /// Removes what was written of a file for a project that was deleted meanwhile, and the folders that it had made.
    pub(super) fn remove_with_folders(&self, project: ProjectId, file: &str) {
        let folder = project.0.to_string();
        // Nothing is there as a rule, and a folder with something in it stays.
        let _ = self.remove(project, file);
        let _ = self.data.projects().remove_dir(format!("{folder}/objects"));
        let _ = self.data.projects().remove_dir(folder);
    }

    fn remove(&self, project: ProjectId, file: &str) -> io::Result<()> {
        // The driver writes `NAME#1` and renames it; no other writer has this name.
        for name in [format!("{file}#1"), file.to_owned()] {
            match self.data.projects().remove_file(format!("{}/objects/{name}", project.0)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The directory is closed to others already; this is for copies made of it.
    fn close_to_others(&self, place: &Path) -> Result<()> {
        let file = self.store.path_to_filesystem(place).map_err(failed)?;
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(StoreError::io)
    }
}

/// The SHA-256 of a block.
pub(super) fn digest(block: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::digest(block).into()
}

/// Under its own name from the first byte: nobody looks for it before a row says that it is whole, and a draft's row has what
/// is left of it removed. The driver would rename it behind the fsync of its bytes, so that the folder's fsync has to write
/// the file system's journal a second time; like this the first has done it as a rule, and the second finds nothing to do.
fn put_at_once(data: &DataDir, project: ProjectId, file: &str, bytes: &[u8]) -> Result<()> {
    let (folder, mut new) = make(data, project, file, private_file().write(true).create_new(true))?;
    let mut write = || {
        new.write_all(bytes)?;
        new.sync_all()?;
        sync(&folder)
    };
    write().map_err(StoreError::io)
}

/// Makes a file, and its folder where there is none.
fn make(data: &DataDir, project: ProjectId, file: &str, how: &OpenOptions) -> Result<(Dir, CapFile)> {
    let path = format!("{}/objects", project.0);
    let mut left = MAX_TRIES;
    loop {
        left -= 1;
        let folder = match data.projects().open_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match subfolder(data, project, "objects") {
                    // Somebody else makes it, or removes it.
                    Err(_) if left > 0 => continue,
                    made => made?.0,
                }
            }
            found => found.map_err(StoreError::io)?,
        };
        match folder.open_with(file, how) {
            // A sweep that has found the folder empty has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound && left > 0 => {}
            made => return Ok((folder, made.map_err(StoreError::io)?)),
        }
    }
}

fn place(project: ProjectId, file: &str) -> Path {
    Path::from(format!("{}/objects/{file}", project.0))
}

/// A file that is read block by block. While it is open its bytes stay, whoever deletes it.
struct Blocks {
    file: Arc<File>,
    size: u64,
    /// The SHA-256 of each block.
    blocks: Vec<u8>,
    /// The block that was read last, and its number.
    verified: Option<(usize, Bytes)>,
}

#[async_trait]
impl Content for Blocks {
    async fn read(&mut self, offset: u64, most: usize) -> Result<Bytes> {
        if offset >= self.size || most == 0 {
            return Ok(Bytes::new());
        }
        let number = usize::try_from(offset / BLOCK_BYTES as u64).map_err(StoreError::driver)?;
        let start = usize::try_from(offset % BLOCK_BYTES as u64).map_err(StoreError::driver)?;
        let block = self.block(number).await?;
        let end = start.saturating_add(most.min(MAX_CHUNK_BYTES)).min(block.len());
        Ok(block.slice(start..end))
    }
}

impl Blocks {
    /// A block, verified.
    async fn block(&mut self, number: usize) -> Result<Bytes> {
        if let Some((last, block)) = &self.verified
            && *last == number
        {
            return Ok(block.clone());
        }
        // Two blocks are never held at once.
        self.verified = None;
        let start = number as u64 * BLOCK_BYTES as u64;
        let bytes =
            usize::try_from((self.size - start).min(BLOCK_BYTES as u64)).map_err(StoreError::driver)?;
        let expected = self.blocks.chunks(DIGEST_BYTES).nth(number).map(<[u8]>::to_vec);
        let file = self.file.clone();
        let read = move || -> Result<Bytes> {
            let mut block = vec![0; bytes];
            match file.read_exact_at(&mut block, start) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(number)),
                Err(error) => return Err(StoreError::io(error)),
            }
            match expected.as_deref() == Some(digest(&block).as_slice()) {
                true => Ok(block.into()),
                false => Err(damaged(number)),
            }
        };
        let block = tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)??;
        self.verified = Some((number, block.clone()));
        Ok(block)
    }
}

fn damaged(block: usize) -> StoreError {
    StoreError::Damaged(format!("block {block} of an object is not what was put"))
}
