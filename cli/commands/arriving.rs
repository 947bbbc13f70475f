//! A file that appears under its name when it is complete: nobody takes a part for the whole.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempPath};

use crate::failure::Failure;

/// What is held back before it is written, bytes.
const HELD_BYTES: usize = 256 << 10;
/// Who may read and write a new file, as far as the user's umask lets them.
const MODE: u32 = 0o666;

/// A file on its way. Until it is finished it has another name, which nobody else has, and dropping it removes it. What
/// is there and no file, such as a device or a pipe, is written to as it comes.
#[derive(Debug)]
pub(super) struct Arriving {
    writer: BufWriter<File>,
    /// Its name until it is finished.
    part: Option<TempPath>,
    file: PathBuf,
}

impl Arriving {
    /// Begins a file beside where it will be; where a link leads, not in the place of the link.
    pub(super) fn create(file: &Path) -> Result<Self, Failure> {
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let fault = |error: &io::Error| Failure::io(file.display(), error);
        let Some(name) = file.file_name() else {
            return Err(Failure::usage(format!("`{}` is not the name of a file", file.display())));
        };
        let (writer, part) = match fs::metadata(&file) {
            Ok(there) if there.is_dir() => return Err(fault(&io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => {
                (File::options().write(true).open(&file).map_err(|error| fault(&error))?, None)
            }
            Ok(_) | Err(_) => {
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
                let mut prefix = name.to_owned();
                prefix.push(".");
                let mut part = Builder::new();
                part.prefix(&prefix).suffix(".part").permissions(Permissions::from_mode(MODE));
                let part =
                    part.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|error| fault(&error))?;
                let (writer, part) = part.into_parts();
                (writer, Some(part))
            }
        };
        Ok(Self { writer: BufWriter::with_capacity(HELD_BYTES, writer), part, file })
    }

    /// Gives it its name, in the place of what has it.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let written = self.writer.flush();
        let Some(part) = self.part.take() else { return written.map_err(|error| self.fault(&error)) };
        let written = written.and_then(|()| self.writer.get_ref().sync_all());
        written.map_err(|error| self.fault(&error))?;
        part.persist(&self.file).map_err(|failed| self.fault(&failed.error))
    }

    /// What to say when it can't be written.
    pub(super) fn fault(&self, error: &io::Error) -> Failure {
        Failure::io(self.file.display(), error)
    }
}

impl Write for Arriving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        let names = || {
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };
        let mut given_up = Arriving::create(&file).unwrap();
        given_up.write_all(b"half").unwrap();
        let part = names().remove(0).into_string().unwrap();
        assert!(part.starts_with("a.txt.") && part.ends_with(".part"), "{part}");
        drop(given_up);
        assert!(names().is_empty());
        for content in ["one", "two"] {
            let mut arriving = Arriving::create(&file).unwrap();
            arriving.write_all(content.as_bytes()).unwrap();
            arriving.finish().unwrap();
            assert_eq!(
                (names(), fs::read_to_string(&file).unwrap()),
                (vec!["a.txt".into()], content.to_owned())
            );
        }
        assert!(Arriving::create(Path::new("..")).is_err());
        assert!(Arriving::create(&folder.path().join("none/a.txt")).is_err());
    }

    #[test]
    fn two_at_once_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        fs::write(folder.path().join("a.txt.part"), "of the user").unwrap();
        let (mut one, mut two) = (Arriving::create(&file).unwrap(), Arriving::create(&file).unwrap());
        one.write_all(b"one").unwrap();
        two.write_all(b"the second").unwrap();
        one.finish().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        two.finish().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "the second");
        assert_eq!(fs::read_to_string(folder.path().join("a.txt.part")).unwrap(), "of the user");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_stays_and_what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.txt"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut arriving = Arriving::create(&link).unwrap();
        arriving.write_all(b"new").unwrap();
        arriving.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        let mut arriving = Arriving::create(Path::new("/dev/null")).unwrap();
        arriving.write_all(b"nobody reads this").unwrap();
        arriving.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Arriving::create(folder.path()).is_err(), "a folder");
    }
}
