//! The catalog in one SQLite file: one writer thread, one connection that only reads.

mod audit;
mod functions;
mod projects;
mod publish;
mod schema;
mod secrets;
mod tokens;
mod totals;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::writer::Writer;
use super::{Catalog, Result};
use crate::StoreError;
use crate::data_dir::{self, Age, DataDir};

const FILE: &str = "catalog.db";
/// Exists from when the write-ahead log is there until the catalog is closed in good order.
const IN_USE: &str = "catalog.open";
/// For another process that reads the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the catalog. In an established data directory a missing, damaged, foreign or newer one is
/// `Unusable`; in a new one it is created.
pub(crate) fn open(data: &DataDir) -> Result<Catalog> {
    let path = data.path().join(FILE);
    let writer = open_file(data, &path).map_err(|error| match error {
        StoreError::Damaged(what) => damaged(&path, &what),
        other => other,
    })?;
    let reader = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&reader)?;
    // Makes sure that the log's file exists before it is said to.
    schema::version(&reader)?;
    data_dir::sync(data.dir()).map_err(StoreError::io)?;
    data_dir::write(data.dir(), IN_USE, b"")?;
    let closing = data.clone();
    let writer = Writer::start(writer, move |connection| close(connection, &closing))?;
    let sqlite = Arc::new(Sqlite { reader: Mutex::new(reader), writer, _locked: data.clone() });
    Ok(Catalog {
        projects: sqlite.clone(),
        tokens: sqlite.clone(),
        functions: sqlite.clone(),
        secrets: sqlite.clone(),
        audit: sqlite.clone(),
        totals: sqlite,
    })
}

/// The driver. Its parts are dropped in this order: the reader, the writer, the lock.
struct Sqlite {
    reader: Mutex<Connection>,
    writer: Writer,
    _locked: DataDir,
}

impl Sqlite {
    /// Reads from the last commit, on the calling thread: single rows take microseconds, and nothing on the
    /// way of a request reads the catalog.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        // A reader that panicked has left nothing half done.
        read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the catalog; durable when it returns.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(change).await
    }
}

fn open_file(data: &DataDir, path: &Path) -> Result<Connection> {
    match data.age() {
        Age::New => {
            let options = data_dir::private_file().write(true).create(true).truncate(false).clone();
            data.dir().open_with(FILE, &options).map_err(StoreError::io)?;
        }
        Age::Established => refuse_lost(data, path)?,
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::Unusable(format!(
            "{} cannot have a write-ahead log (its mode is {journal}); \
             put the data directory on a local disk",
            path.display()
        )));
    }
    // fullfsync: on macOS a plain fsync does not reach the disk; elsewhere it means nothing.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    if data.age() == Age::Established {
        refuse_damaged(&connection)?;
    }
    schema::migrate(&connection)?;
    Ok(connection)
}

/// For every connection. Only [`close`] may end the log: SQLite by itself would do so on the way out of a
/// failure.
fn prepare(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// SQLite takes an empty file for a new database, and a lost log for one in good order.
fn refuse_lost(data: &DataDir, path: &Path) -> Result<()> {
    let size = |name: &str| data.dir().metadata(name).map(|m| m.len()).unwrap_or(0);
    if size(FILE) == 0 {
        return Err(damaged(path, "the file is missing or empty"));
    }
    let log: PathBuf = path.with_extension("db-wal");
    if data.dir().exists(IN_USE) && !log.exists() {
        return Err(StoreError::Unusable(format!(
            "the last server was killed and {} is gone since, with the last changes; restore it, or \
             restore the whole data directory from a backup, or delete {} to go on with what is in the catalog",
            log.display(),
            path.with_extension("open").display()
        )));
    }
    Ok(())
}

fn refuse_damaged(connection: &Connection) -> Result<()> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id != schema::APPLICATION_ID || schema::version(connection)? == 0 {
        return Err(StoreError::Damaged("it is not an Ostro catalog".to_owned()));
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        fault => Err(StoreError::Damaged(fault.to_owned())),
    }
}

fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::Unusable(format!(
        "{} is damaged ({what}); nothing was changed; restore the data directory from a backup, or choose an \
         empty directory with --data to start anew",
        path.display()
    ))
}

/// Moves the log into the file, so that a copy of the file alone is complete. What fails here costs
/// nothing: the next start reads the log.
fn close(connection: Connection, data: &DataDir) {
    let settle = || -> Result<()> {
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(StoreError::driver("another program reads the catalog"));
        }
        // Durably, before SQLite may delete the log: the mark without the log stands for a loss.
        data.dir().remove_file(IN_USE).and_then(|()| data_dir::sync(data.dir())).map_err(StoreError::io)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    };
    let settled = settle();
    let closed = connection.close().map_err(|(_, error)| StoreError::from(error));
    if let Err(error) = settled.and(closed) {
        tracing::warn!(error = ?error, "the catalog's log stays for the next start");
    }
}

#[cfg(test)]
mod tests;
