//! A copy of a database file as it is at one moment, whoever writes to it meanwhile, in this process or in none.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Result, at_rest, prepare};
use crate::StoreError;

/// How often the file may be opened or closed by its writer in the moment of a copy.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Copies the database `from` into the new file `to`, which is closed in good order: it needs no log. Nothing is
/// changed in `from`. Blocks.
pub(crate) fn snapshot(from: &Path, to: &Path) -> Result<()> {
    for _ in 0..TRIES {
        if attempt(from, to)? == Attempt::Done {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(StoreError::Unusable(format!(
        "{} is opened and closed all the time; try again later",
        from.display()
    )))
}

#[derive(PartialEq, Eq)]
enum Attempt {
    Done,
    /// Its writer has come or gone meanwhile, or holds it.
    Again,
}

fn attempt(from: &Path, to: &Path) -> Result<Attempt> {
    let (log, mark) = (beside(from, ".db-wal"), beside(from, ".open"));
    let before = std::fs::metadata(from).map_err(StoreError::io)?;
    let has_log = log.exists();
    if mark.exists() && !has_log {
        // Its writer makes the log before the mark and removes it after: without a writer the log was lost.
        std::thread::sleep(PAUSE);
        return match mark.exists() && !log.exists() {
            true => Err(StoreError::Unusable(format!("{} has lost its log", from.display()))),
            false => Ok(Attempt::Again),
        };
    }
    let source = match has_log {
        true => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let source = Connection::open_with_flags(from, flags)?;
            prepare(&source)?;
            source
        }
        // The file alone is complete, and without this SQLite would make a log for it.
        false => at_rest(from)?,
    };
    let copied = copy(&source, to)?;
    drop(source);
    let unchanged =
        has_log || (!log.exists() && same(&before, &std::fs::metadata(from).map_err(StoreError::io)?));
    Ok(if copied && unchanged { Attempt::Done } else { Attempt::Again })
}

/// Copies all pages in one read; whether the file could be read.
fn copy(source: &Connection, to: &Path) -> Result<bool> {
    let new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to);
    new.map_err(StoreError::io)?;
    let mut copy = Connection::open_with_flags(to, super::writing())?;
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let step = Backup::new(source, &mut copy)?.step(-1)?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(matches!(step, StepResult::Done))
}

fn same(before: &Metadata, after: &Metadata) -> bool {
    let facts = |about: &Metadata| (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
    facts(before) == facts(after)
}

/// `NAME.db` with another ending.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_os_string();
    let mut name = stem;
    name.push(ending);
    file.with_file_name(name)
}

/// Makes a file that was written durable.
pub(crate) fn settle(file: &Path) -> io::Result<()> {
    std::fs::File::open(file)?.sync_all()
}
