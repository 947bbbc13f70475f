//! The files of compiled code: `NAME.cwasm` and `NAME.seal`, written whole or not at all, verified whole before
//! they are known, and recognised afterwards by what the file system says of them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use dashmap::DashMap;
use rustix::fs::OFlags;
use store::catalog::GuestKind;
use uuid::Uuid;

use super::seal::{Distrust, MAX_SEAL_BYTES, Name, Seal, Sealer};
use super::shelves;

/// Files that are verified at once at the start.
const SWEEPERS: usize = 4;

/// Compiled code on disk, and what of it has been verified by this process.
pub(super) struct Cache {
    dir: Dir,
    sealer: Sealer,
    known: DashMap<Name, Known>,
}

/// A file that was verified whole: as long as the file system says the same of it, it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    kind: GuestKind,
    stat: Stat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    /// Change time: nobody can set it back, unlike the time of modification.
    changed: (i64, i64),
}

/// Code that is written and durable, under names that nobody looks for. Dropped without being published, it is
/// removed.
pub(super) struct Staged {
    cache: Arc<Cache>,
    name: Name,
    kind: GuestKind,
    draft: String,
    /// The code; what was written is what is mapped.
    pub(super) file: File,
    published: bool,
}

/// What the sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Good code.
    pub kept: usize,
    /// Code that was not trusted, and files that do not belong here; removed.
    pub removed: usize,
}

impl Cache {
    pub(super) fn new(dir: Dir, sealer: Sealer) -> Self {
        Self { dir, sealer, known: DashMap::new() }
    }

    /// The code, if it was verified by this process and is still the same file.
    pub(super) fn open(&self, name: &Name) -> Option<(File, GuestKind)> {
        let known = *self.known.get(name)?;
        let file = open_regular(&self.dir, &name.code_file()).ok()?;
        (Stat::of(&file).ok()? == known.stat).then_some((file, known.kind))
    }

    /// Forgets that it was verified, so that it is made again.
    pub(super) fn distrust(&self, name: &Name) {
        self.known.remove(name);
    }

    /// Writes code and seal, durably, without publishing them.
    pub(super) fn stage(self: &Arc<Self>, name: &Name, kind: GuestKind, code: &[u8]) -> io::Result<Staged> {
        let seal = self.sealer.seal(name, kind, code).map_err(io::Error::other)?;
        let draft = format!("draft-{}", Uuid::now_v7().simple());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = self.dir.open_with(format!("{draft}.cwasm"), &options)?.into_std();
        // From here on, dropping it removes what is there.
        let mut staged =
            Staged { cache: self.clone(), name: name.clone(), kind, draft, file, published: false };
        staged.file.write_all(code)?;
        staged.file.sync_all()?;
        let mut file = self.dir.open_with(format!("{}.seal", staged.draft), &options)?;
        file.write_all(&serde_json::to_vec(&seal)?)?;
        file.sync_all()?;
        Ok(staged)
    }

    /// Verifies everything and removes what is wrong, unfinished, foreign, or not wanted. Blocks.
    pub(super) fn sweep(&self, wanted: &(dyn Fn(&Name) -> bool + Sync)) -> io::Result<Swept> {
        let mut candidates = Vec::new();
        let mut strangers = Vec::new();
        for entry in self.dir.entries()? {
            let file_name = entry?.file_name();
            let text = file_name.to_str().unwrap_or_default();
            if text == shelves::FOLDER {
                continue;
            }
            match text.strip_suffix(".cwasm").and_then(Name::parse) {
                Some(name) if wanted(&name) => candidates.push(name),
                Some(_) => strangers.push(file_name),
                None => match text.strip_suffix(".seal").and_then(Name::parse) {
                    Some(name) if wanted(&name) && self.dir.exists(name.code_file()) => {}
                    _ => strangers.push(file_name),
                },
            }
        }
        let mut removed = strangers.len();
        for file_name in strangers {
            remove_entry(&self.dir, &file_name)?;
        }
        let found = candidates.len();
        let bad = self.verify_all(candidates);
        removed += bad.len();
        for name in &bad {
            self.remove(name)?;
        }
        Ok(Swept { kept: found.saturating_sub(bad.len()), removed })
    }

    /// Removes code and seal.
    pub(super) fn remove(&self, name: &Name) -> io::Result<()> {
        self.known.remove(name);
        for file in [name.seal_file(), name.code_file()] {
            remove_entry(&self.dir, &file)?;
        }
        Ok(())
    }

    /// Returns those that are not good.
    fn verify_all(&self, names: Vec<Name>) -> Vec<Name> {
        let queue = Mutex::new(names);
        let bad = Mutex::new(Vec::new());
        let lock = |mutex: &Mutex<Vec<Name>>| mutex.lock().map(|mut names| names.pop()).unwrap_or(None);
        std::thread::scope(|scope| {
            for _ in 0..SWEEPERS {
                scope.spawn(|| {
                    while let Some(name) = lock(&queue) {
                        match self.verify(&name) {
                            Ok(known) => drop(self.known.insert(name, known)),
                            Err(distrust) => {
                                tracing::warn!(%name, reason = %distrust, "compiled code is not trusted and made again");
                                bad.lock().map(|mut bad| bad.push(name)).unwrap_or(());
                            }
                        }
                    }
                });
            }
        });
        bad.into_inner().unwrap_or_default()
    }

    fn verify(&self, name: &Name) -> Result<Known, Distrust> {
        let mut text = Vec::new();
        let seal = open_regular(&self.dir, &name.seal_file()).map_err(Distrust::Unreadable)?;
        seal.take(MAX_SEAL_BYTES).read_to_end(&mut text).map_err(Distrust::Unreadable)?;
        let seal: Seal = serde_json::from_slice(&text).map_err(|_| Distrust::Other("version of Ostro"))?;
        let mut file = open_regular(&self.dir, &name.code_file()).map_err(Distrust::Unreadable)?;
        let before = Stat::of(&file).map_err(Distrust::Unreadable)?;
        self.sealer.verify(name, &seal, &mut file)?;
        let after = Stat::of(&file).map_err(Distrust::Unreadable)?;
        match before == after {
            true => Ok(Known { kind: seal.kind, stat: after }),
            false => Err(Distrust::Mac),
        }
    }
}

impl Staged {
    /// Gives the files their names, durably.
    pub(super) fn publish(mut self) -> io::Result<()> {
        let dir = &self.cache.dir;
        // Whatever stands in the place of a file, a folder say, gives way.
        if dir.symlink_metadata(self.name.code_file()).is_ok_and(|found| !found.is_file()) {
            remove_entry(dir, self.name.code_file())?;
        }
        dir.rename(format!("{}.cwasm", self.draft), dir, self.name.code_file())?;
        dir.rename(format!("{}.seal", self.draft), dir, self.name.seal_file())?;
        dir.open(".")?.sync_all()?;
        let stat = Stat::of(&self.file)?;
        self.cache.known.insert(self.name.clone(), Known { kind: self.kind, stat });
        self.published = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        for ending in ["cwasm", "seal"] {
            // What can't be removed now is removed by the next sweep.
            let _ = self.cache.dir.remove_file(format!("{}.{ending}", self.draft));
        }
    }
}

impl Stat {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// Opens a regular file and nothing else: no link is followed, no pipe waited for.
pub(super) fn open_regular(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.read(true).custom_flags(i32::try_from(flags.bits()).map_err(io::Error::other)?);
    let file = dir.open_with(name, &options)?.into_std();
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Whatever it is: the folder is ours alone, and a link is removed instead of followed.
pub(super) fn remove_entry(dir: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
    let name = name.as_ref();
    let removed = match dir.symlink_metadata(name) {
        Ok(found) if found.is_dir() => dir.remove_dir_all(name),
        Ok(_) => dir.remove_file(name),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
