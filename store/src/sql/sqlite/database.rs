//! One database that is open: its writer, and readers beside it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::Limits;
use super::ledger::Ledger;
use super::run::{Confined, Room};
use super::watch::Pace;
use super::writer::{GivenUp, Thread, Writer};
use crate::sql::{Done, Result, Rows, SqlError, Statement};
use crate::sqlite::Place;
use crate::{DataDir, StoreClock, StoreError};

/// `Osts` tells the file from other SQLite databases.
const APPLICATION_ID: i64 = 0x4f73_7473;
/// Readers that are kept for the next query; each has three descriptors and a cache of its own.
const KEPT: usize = 2;

/// A database.
pub(super) struct Database {
    /// Readers that nobody uses. First, because they are closed first: whoever closes the file last ends its log.
    idle: Mutex<Vec<Confined>>,
    writer: Writer,
    place: Arc<Place>,
    clock: StoreClock,
    /// The file is deleted: nothing of it has to be put in order.
    is_gone: Arc<AtomicBool>,
}

/// Where a database is.
pub(super) struct Location<'l> {
    pub(super) data: &'l DataDir,
    /// The folder of the project's databases.
    pub(super) dir: Dir,
    /// Its path.
    pub(super) folder: &'l Path,
    /// The database's name, which is good for a file.
    pub(super) name: &'l str,
}

impl Database {
    /// Opens a database, which is made when it is not there. Blocks.
    pub(super) fn open(location: Location<'_>, clock: StoreClock, ledger: Arc<Ledger>) -> Result<Self> {
        let Location { data, dir, folder, name } = location;
        let place = Arc::new(Place::database(data, dir, folder, name));
        let connection = open_file(&place).map_err(|error| place.unusable(error))?;
        let pragma =
            |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let page_bytes = pragma("page_size").map_err(StoreError::from)?.unsigned_abs().max(512);
        let pages = pragma("page_count").map_err(StoreError::from)?.unsigned_abs();
        ledger.set(name, pages.saturating_mul(page_bytes));
        let confined = Confined::new(connection, clock.clone())?;
        let is_gone = Arc::<AtomicBool>::default();
        let (gone, closing) = (is_gone.clone(), place.clone());
        let close = move |confined: Confined| match gone.load(Ordering::Acquire) {
            true => drop(confined),
            false => closing.close(confined.into_inner()),
        };
        let thread = Thread { name: name.to_owned(), confined, ledger, clock: clock.clone(), page_bytes };
        let writer = Writer::start(thread, close).map_err(StoreError::io)?;
        Ok(Self { idle: Mutex::default(), writer, place, clock, is_gone })
    }

    /// Reads: on the caller's thread if that is soon done, otherwise from the beginning on another one, and in the project's
    /// turn if it takes long. Who drops it gives it up.
    pub(super) async fn query(self: Arc<Self>, statement: Statement, turns: &Turns) -> Result<Rows> {
        self.writer.refuse_failed()?;
        let reader = self.reader()?;
        if let Some(answer) = reader.at_hand(&statement) {
            self.keep(reader);
            return answer;
        }
        let given_up = Arc::<AtomicBool>::default();
        let _guard = GivenUp(given_up.clone());
        let asked = turns.asked.clone().try_acquire_owned().map_err(|_| SqlError::Busy)?;
        let first = turns.first.clone().acquire_owned().await.map_err(|_| SqlError::Busy)?;
        let pace = reader.watch().at_first(given_up.clone());
        let (reader, statement, answer) = self.clone().apart(reader, statement, pace, first).await?;
        if let Some(answer) = answer {
            self.keep(reader);
            return answer;
        }
        let turn = turns.long.clone().acquire_owned().await.map_err(|_| SqlError::Busy)?;
        let pace = reader.watch().in_all(given_up.clone());
        let (reader, _, answer) = self.clone().apart(reader, statement, pace, (asked, turn)).await?;
        self.keep(reader);
        answer.unwrap_or(Err(SqlError::Busy))
    }

    /// Does these in one transaction.
    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Done>> {
        self.writer.run(statements).await
    }

    /// The file is about to be deleted.
    pub(super) fn forget(&self) {
        self.is_gone.store(true, Ordering::Release);
        self.idle().clear();
    }

    /// Whether the disk has failed under it.
    pub(super) fn has_failed(&self) -> bool {
        self.writer.has_failed()
    }

    /// Reads on another thread; the database and what else is held are held until it is done there.
    async fn apart(
        self: Arc<Self>,
        reader: Confined,
        statement: Statement,
        pace: Pace,
        held: impl Send + 'static,
    ) -> Result<(Confined, Statement, Option<Result<Rows>>)> {
        let read = move || {
            let answer = reader.read(&statement, &pace, &mut Room::new());
            drop((self, held));
            (reader, statement, answer)
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)?)
    }

    fn reader(&self) -> Result<Confined> {
        let idle = self.idle().pop();
        match idle {
            Some(reader) => Ok(reader),
            None => Ok(Confined::new(self.place.reader()?, self.clock.clone())?),
        }
    }

    fn keep(&self, reader: Confined) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(reader);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Confined>> {
        // Nothing panics between two halves of a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queries of a project that are not done at hand.
pub(super) struct Turns {
    /// Those that are begun on other threads, for a few milliseconds.
    first: Arc<Semaphore>,
    /// Those that run for long.
    long: Arc<Semaphore>,
    /// All that run or wait.
    asked: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            first: places(limits.first),
            long: places(limits.running),
            asked: places(limits.running + limits.waiting),
        }
    }
}

/// Opens the file for its writer; a new one is made whole or not at all.
fn open_file(place: &Place) -> std::result::Result<Connection, StoreError> {
    match place.has_traces() {
        true => place.refuse_lost()?,
        false => place.create(|connection| {
            let new = format!(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA encoding = 'UTF-8'; PRAGMA application_id = {APPLICATION_ID}"
            );
            Ok(connection.execute_batch(&new)?)
        })?,
    }
    let connection = place.writer(None)?;
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(StoreError::Damaged("it is no database of a function".to_owned()));
    }
    connection.execute_batch("PRAGMA journal_size_limit = 67108864")?;
    place.mark()?;
    Ok(connection)
}
