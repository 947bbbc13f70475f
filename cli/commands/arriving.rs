//! A file that appears under its name when it is complete: nobody takes a part for the whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// What is held back before it is written, bytes.
const HELD_BYTES: usize = 256 << 10;

/// A file on its way. Until it is finished it has another name, and dropping it removes it.
#[derive(Debug)]
pub(super) struct Arriving {
    writer: BufWriter<File>,
    part: PathBuf,
    file: PathBuf,
    is_there: bool,
}

impl Arriving {
    /// Begins a file beside where it will be.
    pub(super) fn create(file: &Path) -> Result<Self, Failure> {
        let Some(name) = file.file_name() else {
            return Err(Failure::usage(format!("`{}` is not the name of a file", file.display())));
        };
        let mut part = name.to_owned();
        part.push(".part");
        let part = file.with_file_name(part);
        let writer = File::create(&part).map_err(|error| Failure::io(part.display(), &error))?;
        let writer = BufWriter::with_capacity(HELD_BYTES, writer);
        Ok(Self { writer, part, file: file.to_owned(), is_there: false })
    }

    /// Gives it its name, in the place of what has it.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let written = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        written.map_err(|error| self.fault(&error))?;
        fs::rename(&self.part, &self.file).map_err(|error| Failure::io(self.file.display(), &error))?;
        self.is_there = true;
        Ok(())
    }

    /// What to say when it can't be written.
    pub(super) fn fault(&self, error: &io::Error) -> Failure {
        Failure::io(self.part.display(), error)
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

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.is_there {
            // A part is of no use to anybody; where it can't be removed either there is nothing to add.
            let _ = fs::remove_file(&self.part);
        }
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
        assert_eq!(names(), ["a.txt.part"]);
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
}
