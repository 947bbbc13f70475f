//! A folder of assets as a tar in memory: the same files give the same bytes on every machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, output::units};

/// Largest bundle that is packed, bytes; the server's limit is lower.
const MAX_BYTES: u64 = 256 << 20;

/// Packed assets.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The tar: regular files only, sorted by name, without times, owners or modes of their own.
    pub(super) tar: Vec<u8>,
    /// What is not in it, and why.
    pub(super) skipped: Vec<String>,
}

/// Packs a folder.
pub(super) fn pack(folder: &Path) -> Result<Bundle, Failure> {
    if !folder.is_dir() {
        return Err(Failure::local(format!("the assets folder {} does not exist", folder.display())));
    }
    let found = Found::of(folder)?;
    let mut tar = tar::Builder::new(Vec::new());
    let mut size_bytes: u64 = 0;
    for (name, path) in &found.files {
        let bytes = fs::read(path).map_err(|error| Failure::io(path.display(), &error))?;
        size_bytes = size_bytes.saturating_add(bytes.len() as u64);
        if size_bytes > MAX_BYTES {
            return Err(Failure::local(format!("the assets are larger than {}", units::bytes(MAX_BYTES)))
                .hint("leave large files to object storage or a web server"));
        }
        append(&mut tar, name, &bytes).map_err(|error| Failure::io(path.display(), &error))?;
    }
    let tar = tar.into_inner().map_err(|error| Failure::io("the assets", &error))?;
    Ok(Bundle { tar, skipped: found.skipped })
}

/// Adds a file of which nothing but name and bytes is told.
pub(super) fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
}

/// What is in a folder and below it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names with `/` between folders, and where the files are.
    pub(super) files: Vec<(String, PathBuf)>,
    /// What is no file of the folder, and why.
    pub(super) skipped: Vec<String>,
}

impl Found {
    /// Looks through a folder; what it finds is sorted.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        let mut found = Self::default();
        found.walk(folder, "")?;
        found.files.sort_by(|(left, _), (right, _)| left.cmp(right));
        found.skipped.sort();
        Ok(found)
    }

    /// Depth is bounded by the file system, since links are not followed.
    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let failure = |error: io::Error| Failure::io(folder.display(), &error);
        for entry in fs::read_dir(folder).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.skipped.push(format!("{prefix}{} (its name is not UTF-8)", name.to_string_lossy()));
                continue;
            };
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failure)?;
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{name}/"))?;
            } else if kind.is_file() {
                self.files.push((name, entry.path()));
            } else if kind.is_symlink() {
                self.skipped.push(format!("{name} (a symbolic link)"));
            } else {
                self.skipped.push(format!("{name} (not a file)"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name.as_bytes()).unwrap();
        }
        folder
    }

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let names = ["b.txt", "a/c.txt", "a-b/d", "a/b/deep.txt"];
        let mut reversed = names;
        reversed.reverse();
        let (one, two) = (folder(&names), folder(&reversed));
        fs::File::open(two.path().join("b.txt")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(pack(one.path()).unwrap().tar, pack(two.path()).unwrap().tar);
    }

    #[test]
    fn every_file_is_in_it() {
        let long = format!("{}/{}.txt", "d".repeat(120), "f".repeat(120));
        let folder = folder(&["b.txt", "a/ü.txt", &long]);
        let bundle = pack(folder.path()).unwrap();
        let mut archive = tar::Archive::new(bundle.tar.as_slice());
        let entries: Vec<(String, String)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
                let name = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (name, text)
            })
            .collect();
        let expected = ["a/ü.txt", "b.txt", &long].map(|name| (name.to_owned(), name.to_owned()));
        assert_eq!(entries, expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_left_out_and_told() {
        let folder = folder(&["a.txt"]);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("linked-folder")).unwrap();
        let bundle = pack(folder.path()).unwrap();
        assert_eq!(bundle.skipped, ["link (a symbolic link)", "linked-folder (a symbolic link)"]);
        assert_eq!(tar::Archive::new(bundle.tar.as_slice()).entries().unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(pack(Path::new("/nonexistent/assets")).is_err());
    }
}
