//! One database that is open: its writer, and readers beside it.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;
use rusqlite::Connection;

use super::ledger::{Ledger, OnDisk};
use super::log::Log;
use super::run::{Confined, Room};
use super::turns::Turns;
use super::watch::{Pace, Watch};
use super::writer::{GivenUp, Thread, Writer};
use crate::sql::{Done, Result, Rows, SqlError, Statement};
use crate::sqlite::{Place, checkpoint_with_commits};
use crate::{DataDir, StoreError, StoreTimer};

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
    log: Arc<Log>,
    ledger: Arc<Ledger>,
    timer: StoreTimer,
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
    pub(super) fn open(location: Location<'_>, timer: StoreTimer, ledger: Arc<Ledger>) -> Result<Self> {
        let Location { data, dir, folder, name } = location;
        let place = Arc::new(Place::database(data, dir, folder, name));
        let opened = open_file(&place, ledger.most_of_a_log());
        let (connection, failed) = opened.map_err(|error| place.unusable(error))?;
        let log = Arc::new(Log::new(place.clone(), failed));
        let pragma =
            |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let page_bytes = pragma("page_size").map_err(StoreError::from)?.unsigned_abs().max(512);
        let pages = pragma("page_count").map_err(StoreError::from)?.unsigned_abs();
        ledger.set(name, OnDisk { file: pages.saturating_mul(page_bytes), log: log.bytes() });
        let confined = Confined::new(connection, timer.clone(), ledger.clone())?;
        let is_gone = Arc::<AtomicBool>::default();
        let (gone, closing, closed) = (is_gone.clone(), place.clone(), ledger.clone());
        let (closed_name, closed_log) = (name.to_owned(), log.clone());
        let close = move |confined: Confined| match gone.load(Ordering::Acquire) {
            true => drop(confined),
            false => {
                closing.close(confined.into_inner());
                closed.set_log(&closed_name, closed_log.bytes());
            }
        };
        let thread = Thread {
            name: name.to_owned(),
            confined,
            ledger: ledger.clone(),
            log: log.clone(),
            try_log_again: Cell::default(),
            timer: timer.clone(),
            page_bytes,
        };
        let writer = Writer::start(thread, is_gone.clone(), close).map_err(StoreError::io)?;
        Ok(Self { idle: Mutex::default(), writer, place, log, ledger, timer, is_gone })
    }

    /// Reads: on the caller's thread if that is soon done, otherwise from the beginning on another one, and in the project's
    /// turn if it takes long. Who drops it gives it up. While it waits it has no connection.
    pub(super) async fn query(self: Arc<Self>, statement: Statement, turns: &Turns) -> Result<Rows> {
        self.writer.refuse_failed()?;
        if let Some(answer) = self.at_hand(&statement) {
            return answer;
        }
        let given_up = Arc::<AtomicBool>::default();
        let _guard = GivenUp(given_up.clone());
        let waits = turns.query(statement.bytes())?;
        // Without a turn, as long as that may take.
        drop(self.log.read().await);
        let first = turns.first().await?;
        let soon = |watch: &Watch, given_up| watch.at_first(given_up);
        let (statement, answer) = self.clone().apart(statement, soon, given_up.clone(), first).await?;
        if let Some(answer) = answer {
            return answer;
        }
        let turn = turns.long().await?;
        let long = |watch: &Watch, given_up| watch.in_all(given_up);
        let (_, answer) = self.clone().apart(statement, long, given_up.clone(), (waits, turn)).await?;
        answer.unwrap_or(Err(SqlError::Busy))
    }

    /// Reads on the caller's thread; `None` if it is a statement for another one, where it is prepared for the next time.
    fn at_hand(&self, statement: &Statement) -> Option<Result<Rows>> {
        let _reading = self.log.try_read()?;
        let reader = self.idle().pop()?;
        let answer = reader.at_hand(statement);
        self.keep(reader);
        answer
    }

    /// Does these in one transaction.
    pub(super) async fn write(&self, statements: Vec<Statement>, turns: &Turns) -> Result<Vec<Done>> {
        self.writer.run(statements, turns).await
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
        statement: Statement,
        pace: fn(&Watch, Arc<AtomicBool>) -> Pace,
        given_up: Arc<AtomicBool>,
        held: impl Send + 'static,
    ) -> Result<(Statement, Option<Result<Rows>>)> {
        let reading = self.log.read().await;
        let read = move || {
            // The last one goes first: with the database the writer may have to end, and that waits for those who read.
            let (_held, database) = (held, self);
            let _reading = reading;
            let reader = database.reader()?;
            let answer = reader.read(&statement, &pace(reader.watch(), given_up), &mut Room::new());
            database.keep(reader);
            Ok((statement, answer))
        };
        tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)?
    }

    fn reader(&self) -> Result<Confined> {
        let idle = self.idle().pop();
        match idle {
            Some(reader) => Ok(reader),
            None => Ok(Confined::new(self.place.reader()?, self.timer.clone(), self.ledger.clone())?),
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

/// Opens the file for its writer; a new one is made whole or not at all. With what is set when the disk fails under its log.
fn open_file(
    place: &Place,
    most_of_log: u64,
) -> std::result::Result<(Connection, Arc<AtomicBool>), StoreError> {
    match place.has_traces() {
        true => place.refuse_lost()?,
        false => place.create(|connection| {
            let new = format!(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA encoding = 'UTF-8'; PRAGMA application_id = {APPLICATION_ID}"
            );
            Ok(connection.execute_batch(&new)?)
        })?,
    }
    let mut connection = place.writer(None)?;
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(StoreError::Damaged("it is no database of a function".to_owned()));
    }
    connection.execute_batch(&format!("PRAGMA journal_size_limit = {most_of_log}"))?;
    let failed = checkpoint_with_commits(&mut connection)?;
    place.mark()?;
    Ok((connection, failed))
}
