//! The catalog in one SQLite file: one writer thread, one connection that only reads.

mod audit;
mod functions;
mod projects;
mod publish;
mod schema;
mod secrets;
mod sites;
mod tokens;
mod totals;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub(crate) use self::schema::SCHEMA;
use super::{Catalog, Result};
use crate::StoreError;
use crate::data_dir::{self, Age, DataDir};
use crate::sqlite::{self, Place, Writer};

/// Opens the catalog. In an established data directory a missing, damaged, foreign or newer one is
/// `Unusable`; in a new one it is created.
pub(crate) fn open(data: &DataDir) -> Result<Catalog> {
    let place = Place::catalog(data)?;
    let writer = open_file(&place, data.age()).map_err(|error| place.unusable(error))?;
    let reader = place.reader()?;
    // Makes sure that the log's file exists before it is said to.
    sqlite::version(&reader)?;
    place.mark()?;
    let writer = Writer::start("catalog", writer, move |connection| place.close(connection))?;
    let sqlite = Arc::new(Sqlite { reader: Mutex::new(reader), writer, _locked: data.clone() });
    Ok(Catalog {
        projects: sqlite.clone(),
        tokens: sqlite.clone(),
        functions: sqlite.clone(),
        sites: sqlite.clone(),
        secrets: sqlite.clone(),
        audit: sqlite.clone(),
        totals: sqlite,
    })
}

/// Changes the catalog of a data directory that no server has open, over a connection of its own.
pub(crate) fn change<T>(data: &DataDir, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let place = Place::catalog(data)?;
    let connection = open_file(&place, data.age()).map_err(|error| place.unusable(error))?;
    // Makes sure that the log's file exists before it is said to.
    sqlite::version(&connection)?;
    place.mark()?;
    let changed = change(&connection);
    place.close(connection);
    changed
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
        let result = read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner));
        result.map_err(|error| match error {
            StoreError::Damaged(what) => StoreError::Damaged(format!("catalog: {what}")),
            other => other,
        })
    }

    /// Changes the catalog; durable when it returns.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(change).await
    }
}

fn open_file(place: &Place, age: Age) -> Result<Connection> {
    let connection = match age {
        Age::New => {
            let options = data_dir::private_file().write(true).create(true).truncate(false).clone();
            place.dir.open_with(place.file(), &options).map_err(StoreError::io)?;
            place.writer(None)?
        }
        Age::Established => {
            place.refuse_lost()?;
            let connection = place.writer(Some(&SCHEMA))?;
            refuse_damaged(&connection)?;
            connection
        }
    };
    SCHEMA.migrate(&connection)?;
    Ok(connection)
}

/// The catalog is small enough to be read whole at each start.
fn refuse_damaged(connection: &Connection) -> Result<()> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        fault => Err(StoreError::Damaged(fault.to_owned())),
    }
}

#[cfg(test)]
mod tests;
