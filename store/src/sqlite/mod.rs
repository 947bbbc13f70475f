//! What every SQLite file of ours shares: how it is opened, what is refused, who writes and reads it, how it is
//! closed.

mod checkpoint;
mod migrate;
mod plan;
mod readers;
mod snapshot;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_std::fs::Dir;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub(crate) use self::checkpoint::checkpoint_with_commits;
pub(crate) use self::migrate::{Schema, version};
#[cfg(test)]
pub(crate) use self::plan::plan;
pub(crate) use self::plan::steps;
pub(crate) use self::readers::Readers;
pub(crate) use self::snapshot::{settle, snapshot};
pub(crate) use self::values::{Json, new_id, stored};
pub(crate) use self::writer::{Durability, Writer, is_fsync, step};
use crate::StoreError;
use crate::data_dir::{self, DataDir};

/// For another process that reads the file, such as a backup.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Compiled statements kept per connection.
const STATEMENTS: usize = 64;

type Result<T> = std::result::Result<T, StoreError>;

/// A database file and what stands beside it, in a folder of the data directory.
pub(crate) struct Place {
    /// The folder.
    pub(crate) dir: Dir,
    /// Absolute path of the file.
    path: PathBuf,
    /// `NAME.db`, `NAME.db-wal` and `NAME.open`. The last one exists from when the write-ahead log is there
    /// until the file is closed in good order.
    names: Names,
    /// What an operator does when the file is damaged.
    remedy: &'static str,
    /// The data directory stays locked as long as the file may be open.
    _locked: DataDir,
}

struct Names {
    file: String,
    log: String,
    mark: String,
}

impl Names {
    fn of(name: &str) -> Self {
        Self { file: format!("{name}.db"), log: format!("{name}.db-wal"), mark: format!("{name}.open") }
    }
}

impl Place {
    /// The catalog's.
    pub(crate) fn catalog(data: &DataDir) -> Result<Self> {
        let names = Names::of("catalog");
        let remedy = "restore the data directory from a backup, or choose an empty directory with --data to \
                      start anew";
        let dir = data.dir().try_clone().map_err(StoreError::io)?;
        let path = data.path().join(&names.file);
        Ok(Self { dir, path, names, remedy, _locked: data.clone() })
    }

    /// A project's, in its folder.
    pub(crate) fn project(data: &DataDir, dir: Dir, folder: &Path) -> Self {
        let names = Names::of("data");
        let remedy = "restore the folder of the project from a backup, or delete it to go on without the \
                      project's data; other projects are not affected";
        Self { dir, path: folder.join(&names.file), names, remedy, _locked: data.clone() }
    }

    /// A database of a project's functions, in the folder of its databases.
    pub(crate) fn database(data: &DataDir, dir: Dir, folder: &Path, name: &str) -> Self {
        let names = Names::of(name);
        let remedy = "restore the file from a backup, or delete it to go on without what is in it; other \
                      databases are not affected";
        Self { dir, path: folder.join(&names.file), names, remedy, _locked: data.clone() }
    }

    /// The file's own name.
    pub(crate) fn file(&self) -> &str {
        &self.names.file
    }

    /// What the log has on the disk, bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.dir.metadata(&self.names.log).map_or(0, |log| log.len())
    }

    /// Whether the file, its log or the mark of its use exists.
    pub(crate) fn has_traces(&self) -> bool {
        [&self.names.file, &self.names.log, &self.names.mark].iter().any(|name| self.dir.exists(name))
    }

    /// Makes the file, whole or not at all, and durably: `fill` gets an empty database.
    pub(crate) fn create(&self, fill: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let draft = format!(".{}.new", self.names.file);
        let options = data_dir::private_file().write(true).create(true).truncate(true).clone();
        let file = self.dir.open_with(&draft, &options).map_err(StoreError::io)?;
        let connection = Connection::open_with_flags(self.path.with_file_name(&draft), writing())?;
        // Nobody reads the draft, and one that a killed server leaves is begun anew.
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        fill(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        file.sync_all().map_err(StoreError::io)?;
        self.dir.rename(&draft, &self.dir, &self.names.file).map_err(StoreError::io)?;
        data_dir::sync(&self.dir).map_err(StoreError::io)
    }

    /// Opens the file, which must exist, for its writer. `Damaged` when it is not of that kind, and then it is
    /// not changed; of a new file nothing is known.
    pub(crate) fn writer(&self, kind: Option<&Schema>) -> Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, writing())?;
        prepare(&connection)?;
        if let Some(kind) = kind {
            kind.refuse_foreign(&connection)?;
        }
        let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if journal != "wal" {
            return Err(StoreError::Unusable(format!(
                "{} cannot have a write-ahead log (its mode is {journal}); \
                 put the data directory on a local disk",
                self.path.display()
            )));
        }
        // fullfsync: on macOS a plain fsync does not reach the disk; elsewhere it means nothing.
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
             PRAGMA cache_size = -8192;",
        )?;
        Ok(connection)
    }

    /// Opens the file for reading beside its writer.
    pub(crate) fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        prepare(&connection)?;
        Ok(connection)
    }

    /// Opens the file for a look while no writer has it open; leaves nothing behind.
    pub(crate) fn glance(&self) -> Result<Connection> {
        if self.dir.exists(&self.names.log) {
            return self.reader();
        }
        // Closed in good order: the file alone is complete.
        at_rest(&self.path)
    }

    /// Says that the log exists from now on. To be called when it does: after the first read or write.
    pub(crate) fn mark(&self) -> Result<()> {
        data_dir::sync(&self.dir).map_err(StoreError::io)?;
        data_dir::write(&self.dir, &self.names.mark, b"")
    }

    /// SQLite takes an empty file for a new database, and a lost log for one in good order.
    pub(crate) fn refuse_lost(&self) -> Result<()> {
        let size = |name: &str| self.dir.metadata(name).map(|m| m.len()).unwrap_or(0);
        if size(&self.names.file) == 0 {
            return Err(StoreError::Damaged("the file is missing or empty".to_owned()));
        }
        if self.dir.exists(&self.names.mark) && !self.dir.exists(&self.names.log) {
            return Err(StoreError::Unusable(format!(
                "the last server was killed and {} is gone since, with the last changes; restore it, or \
                 restore the whole data directory from a backup, or delete {} to go on with what is in {}",
                self.path.with_file_name(&self.names.log).display(),
                self.path.with_file_name(&self.names.mark).display(),
                self.names.file
            )));
        }
        Ok(())
    }

    /// Damage as an operator is told.
    pub(crate) fn unusable(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Damaged(what) => StoreError::Unusable(format!(
                "{} is damaged ({what}); nothing was changed; {}",
                self.path.display(),
                self.remedy
            )),
            other => other,
        }
    }

    /// Moves the log into the file, so that a copy of the file alone is complete. What fails here costs
    /// nothing: the next start reads the log.
    pub(crate) fn close(&self, connection: Connection) {
        let settle = || -> Result<()> {
            let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(StoreError::driver("another program reads the file"));
            }
            // Durably, before SQLite may delete the log: the mark without the log stands for a loss.
            self.dir
                .remove_file(&self.names.mark)
                .and_then(|()| data_dir::sync(&self.dir))
                .map_err(StoreError::io)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
            Ok(())
        };
        let settled = settle();
        let closed = connection.close().map_err(|(_, error)| StoreError::from(error));
        if let Err(error) = settled.and(closed) {
            tracing::warn!(file = %self.path.display(), error = ?error, "the log stays for the next start");
        }
    }
}

/// Opens a file for reading that nobody writes, and that has no log: otherwise SQLite would make one for it.
pub(crate) fn at_rest(path: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{}?immutable=1", escaped(path)), flags)?)
}

fn writing() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// For every connection. Only [`Place::close`] may end the log: SQLite by itself would do so on the way out of
/// a failure.
fn prepare(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Plans do not depend on values that are bound: otherwise SQLite prepares a statement anew for each of its runs, which takes
    // longer than most of them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A path as a part of a URI.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
