//! Backups: a folder with all that a server, or one of its projects, needs to go on. Made while the server runs.
//!
//! Every database file in it is as it was at one moment, and every content that one of them speaks of is there, or named
//! among what is missing. The
//! catalog is copied first, then project after project: what a project did in between may be in the one and not in the
//! other, as after a crash. The master key is not in it, nor the administrator's token, logs, and compiled code.

mod contents;
mod files;
mod make;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use make::{About, Scope, make};
pub use manifest::{Manifest, Missing, SavedFile, SavedProject};
pub use restore::{Place, Restored, restore, restore_project};

use crate::data_dir::Age;
use crate::{DataDir, KeySource, Keys, StoreError};

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Opens a data directory that is there and that no server has open.
pub fn established(data: &Path) -> Result<DataDir> {
    if !data.join("VERSION").exists() {
        return Err(unusable(data, "is no data directory of Ostro"));
    }
    let data = DataDir::open(data)?;
    match data.age() {
        Age::Established => Ok(data),
        Age::New => Err(unusable(data.path(), "is no data directory of Ostro")),
    }
}

/// The keys of a data directory.
pub fn keys(data: &DataDir, source: KeySource) -> Result<Keys> {
    Keys::load(data, source)
}

/// Something that cannot be used as it is.
fn unusable(path: &Path, what: &str) -> StoreError {
    StoreError::Unusable(format!("{} {what}", path.display()))
}

/// A folder that is removed unless it is kept.
struct Draft {
    path: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// Makes the folder, which must not be there.
    fn make(path: PathBuf) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(unusable(&path, "is left of a run that was cut off; delete it first"));
        }
        match files::make_folder(&path).map_err(StoreError::io) {
            Err(StoreError::Driver(cause)) => {
                return Err(unusable(&path, &format!("cannot be made: {cause}")));
            }
            made => made?,
        }
        Ok(Self { path, is_kept: false })
    }

    /// Makes it durable and gives it its name, which nothing has or only an empty folder.
    fn keep(mut self, name: &Path) -> Result<()> {
        let keep = || {
            files::sync_tree(&self.path)?;
            std::fs::rename(&self.path, name)?;
            let above = name.parent().filter(|path| !path.as_os_str().is_empty());
            std::fs::File::open(above.unwrap_or(Path::new(".")))?.sync_all()
        };
        keep().map_err(StoreError::io)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // What can't be removed is in nobody's way: the next run says so.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The name of a draft beside what it will be.
fn draft_of(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else { return Err(unusable(path, "is not the name of a folder")) };
    let mut draft = name.to_owned();
    draft.push(".part");
    Ok(path.with_file_name(draft))
}

/// Refuses a folder with something in it.
fn refuse_taken(path: &Path) -> Result<()> {
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(unusable(path, "is there already, and not empty; name a new folder")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unusable(path, &format!("cannot be used: {error}"))),
    }
}
