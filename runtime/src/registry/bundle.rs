//! Asset bundles: a tar, read in memory and checked, unpacked in one step.
//!
//! Names are checked here and the folder is a capability: a name that got past the checks would still not leave it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use tar::{Archive, EntryType};
use uuid::Uuid;

use crate::problem::Problem;

/// Most entries, files and folders together.
pub const MAX_ENTRIES: usize = 10_000;
/// All files, unpacked, bytes.
pub const MAX_BYTES: u64 = 64 << 20;
/// Longest name of a file with its folders, bytes.
const MAX_NAME_BYTES: usize = 1_000;
/// Longest part of a name, bytes.
const MAX_SEGMENT_BYTES: usize = 255;
/// Most folders within each other.
const MAX_DEPTH: usize = 32;

/// A checked bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Files by name, folders separated by `/`.
    files: BTreeMap<String, Vec<u8>>,
}

/// A refused bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is no tar, or ends too soon.
    #[error("the assets are not a readable tar: {0}")]
    Unreadable(String),
    /// A name or a kind of entry that is not accepted.
    #[error("the assets contain {what}: `{name}`")]
    Entry {
        /// What is wrong with it.
        what: &'static str,
        /// The entry's name, escaped.
        name: String,
    },
    /// Over a limit.
    #[error("the assets have more than {0}")]
    TooLarge(String),
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        let hint = match &error {
            BundleError::Unreadable(_) => "pack them again, without compression",
            BundleError::Entry { .. } => {
                "only regular files and folders with plain relative names are accepted"
            }
            BundleError::TooLarge(_) => "leave large files to a web server or object storage",
        };
        Self::new(422, "bad_assets", error.to_string()).hint(hint)
    }
}

impl Bundle {
    /// Reads a tar; nothing is written.
    pub fn read(tar: &[u8]) -> Result<Self, BundleError> {
        let unreadable =
            |error: io::Error| BundleError::Unreadable(super::inspect::quote(&error.to_string()));
        let mut files = BTreeMap::new();
        let mut folders = std::collections::BTreeSet::new();
        let (mut entries, mut bytes) = (0_usize, 0_u64);
        let mut archive = Archive::new(tar);
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(BundleError::TooLarge(format!("{MAX_ENTRIES} entries")));
            }
            let raw = entry.path_bytes().into_owned();
            let kind = entry.header().entry_type();
            let Some(name) = check_name(&raw, kind)? else { continue };
            if kind == EntryType::Directory {
                folders.insert(name);
                continue;
            }
            let mut content = Vec::new();
            // What is counted is what is read, whatever the header says.
            let room = MAX_BYTES.saturating_sub(bytes);
            let read = (&mut entry).take(room + 1).read_to_end(&mut content).map_err(unreadable)?;
            bytes += read as u64;
            if bytes > MAX_BYTES {
                return Err(BundleError::TooLarge(format!("{} MiB unpacked", MAX_BYTES >> 20)));
            }
            if content.len() as u64 != entry.size() {
                return Err(BundleError::Unreadable("it ends within a file".to_owned()));
            }
            files.insert(name, content);
        }
        let clash = files.keys().find(|name| folders.contains(*name) || is_folder(&files, name));
        if let Some(name) = clash {
            return Err(refused("a file that is also a folder", name.as_bytes()));
        }
        Ok(Self { files })
    }

    /// Writes the files to the folder `place` in `assets`, durably, whole or not at all. Nothing happens when there is
    /// such a folder: its name is the bundle's digest. Blocks.
    pub fn unpack(&self, assets: &Dir, place: &str) -> io::Result<()> {
        if assets.is_dir(place) {
            return Ok(());
        }
        let draft = format!("draft-{}", Uuid::now_v7().simple());
        let unpacked =
            self.write_to(assets, &draft).and_then(|()| match assets.rename(&draft, assets, place) {
                // Another deploy of the same assets was faster: they are the same.
                Err(_) if assets.is_dir(place) => assets.remove_dir_all(&draft),
                renamed => renamed,
            });
        if let Err(error) = unpacked {
            // What can't be removed now is removed at the next start.
            let _ = assets.remove_dir_all(&draft);
            return Err(error);
        }
        assets.open(".")?.sync_all()
    }

    /// The files, by name.
    pub fn into_files(self) -> BTreeMap<String, Vec<u8>> {
        self.files
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file in it.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn write_to(&self, assets: &Dir, draft: &str) -> io::Result<()> {
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true);
        assets.create_dir_with(draft, &private)?;
        let root = assets.open_dir(draft)?;
        for (name, content) in &self.files {
            if let Some((folder, _)) = name.rsplit_once('/') {
                root.create_dir_with(folder, &private)?;
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = root.open_with(name, &options)?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        root.open(".")?.sync_all()
    }
}

/// The name in its one form; `None` for the root folder itself.
pub(super) fn check_name(raw: &[u8], kind: EntryType) -> Result<Option<String>, BundleError> {
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
        EntryType::Symlink | EntryType::Link => return Err(refused("a link", raw)),
        _ => return Err(refused("something that is neither file nor folder", raw)),
    }
    let Ok(name) = std::str::from_utf8(raw) else { return Err(refused("a name that is not UTF-8", raw)) };
    if name.starts_with('/') {
        return Err(refused("an absolute name", raw));
    }
    if name.contains('\\') || name.chars().any(char::is_control) {
        return Err(refused("a name with a backslash or a control character", raw));
    }
    let segments: Vec<&str> = name.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    if segments.contains(&"..") {
        return Err(refused("a name with `..`", raw));
    }
    let long = segments.iter().any(|segment| segment.len() > MAX_SEGMENT_BYTES);
    if long || name.len() > MAX_NAME_BYTES || segments.len() > MAX_DEPTH {
        return Err(refused("a name that is too long or too deep", raw));
    }
    match (segments.is_empty(), kind) {
        (true, EntryType::Directory) => Ok(None),
        (true, _) => Err(refused("a file without a name", raw)),
        (false, _) => Ok(Some(segments.join("/"))),
    }
}

/// Whether another file lies below that name: the first name after `NAME/` begins with it.
fn is_folder(files: &BTreeMap<String, Vec<u8>>, name: &str) -> bool {
    let below = format!("{name}/");
    files.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
}

fn refused(what: &'static str, name: &[u8]) -> BundleError {
    BundleError::Entry { what, name: super::inspect::quote(&String::from_utf8_lossy(name)) }
}

#[cfg(test)]
mod tests;
