//! One statement of a stranger on a confined connection: prepared, bound, stepped to its end.

use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};

use super::confine::{confine, confine_apart, confine_at_hand};
use super::ledger::Ledger;
use super::slow::Slow;
use super::watch::{BYTES_AT_HAND, End, Pace, VALUE_AT_HAND, Watch};
use crate::sql::{
    Done, MAX_CALL_BYTES, MAX_PARAMETERS, MAX_ROWS, MAX_SCHEMA_BYTES, MAX_SQL_BYTES, MAX_VALUE_BYTES,
    Parameters, Result, Rows, SqlError, Statement, Value,
};
use crate::sqlite::is_fsync;
use crate::{StoreError, StoreTimer};

/// Longest statement that stays prepared, bytes.
const KEPT_BYTES: usize = 2 << 10;

/// A connection that strangers write statements for.
pub(super) struct Confined {
    connection: Connection,
    watch: Watch,
    slow: Slow,
}

/// What a statement may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    Read,
    Write,
}

/// What is left for the answers of a call.
pub(super) struct Room {
    rows: usize,
    bytes: usize,
    at_hand: bool,
}

impl Confined {
    pub(super) fn new(
        mut connection: Connection,
        timer: StoreTimer,
        ledger: Arc<Ledger>,
    ) -> std::result::Result<Self, StoreError> {
        let watch = Watch::new(timer, ledger);
        confine(&mut connection, &watch)?;
        Ok(Self { connection, watch, slow: Slow::default() })
    }

    /// The connection, for the store's own statements. None of them may stay prepared: a stranger's statement of the
    /// same text would be it.
    pub(super) fn ours(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn into_inner(self) -> Connection {
        self.connection
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Reads on the caller's thread; `None` if it is a statement for another one.
    pub(super) fn at_hand(&self, statement: &Statement) -> Option<Result<Rows>> {
        if statement.sql.len() > KEPT_BYTES || statement.bytes() > VALUE_AT_HAND {
            return None;
        }
        let confined = confine_at_hand(&self.connection);
        let answer = self.read(statement, &Pace::AtHand, &mut Room::at_hand());
        match confined.and_then(|()| confine_apart(&self.connection)) {
            Ok(()) => answer,
            Err(error) => Some(Err(told(error))),
        }
    }

    /// Reads at that pace; `None` if it is not done yet, and must be begun anew.
    pub(super) fn read(&self, statement: &Statement, pace: &Pace, room: &mut Room) -> Option<Result<Rows>> {
        let done = self.run(statement, May::Read, pace, room);
        match self.watch.end() {
            Some(End::NotYet) => None,
            _ => Some(done.map(|done| done.rows)),
        }
    }

    /// Runs it at that pace.
    pub(super) fn run(&self, statement: &Statement, may: May, pace: &Pace, room: &mut Room) -> Result<Done> {
        let watching = self.watch.begin(pace);
        check(statement)?;
        let done = match statement.sql.len() <= KEPT_BYTES {
            true => self.run_kept(statement, may, room),
            false => {
                let mut prepared = self.single(&statement.sql)?;
                self.step(&mut prepared, statement, may, room)
            }
        };
        // What is ours begins only now.
        drop(watching);
        if done.is_ok() && self.watch.has_made() {
            self.check_schema()?;
        }
        done
    }

    fn run_kept(&self, statement: &Statement, may: May, room: &mut Room) -> Result<Done> {
        let mut prepared =
            self.connection.prepare_cached(&statement.sql).map_err(|error| self.told(error))?;
        let done = self.step(&mut prepared, statement, may, room);
        if self.watch.is_at_hand() {
            let is_done = self.watch.end() != Some(End::NotYet);
            self.slow.tried(&statement.sql, is_done, self.watch.now());
        }
        // A reader tries at hand what is prepared.
        let is_slow = || may == May::Read && self.slow.has(&statement.sql, self.watch.now());
        if !self.watch.may_stay(may) || is_slow() {
            prepared.discard();
        }
        done
    }

    /// Prepares it without keeping it. A text may have many statements behind the first, which are not looked at.
    fn single(&self, sql: &str) -> Result<rusqlite::Statement<'_>> {
        let mut texts = rusqlite::Batch::new(&self.connection, sql);
        let first = fallible(&mut texts).map_err(|error| self.told(error))?;
        let first = first.ok_or_else(|| SqlError::Invalid("there is no statement".to_owned()))?;
        match fallible(&mut texts).map_err(|error| self.told(error))? {
            Some(_) => Err(several()),
            None => Ok(first),
        }
    }

    fn step(
        &self,
        prepared: &mut rusqlite::Statement<'_>,
        statement: &Statement,
        may: May,
        room: &mut Room,
    ) -> Result<Done> {
        if may == May::Read && !prepared.readonly() {
            return Err(SqlError::Invalid("this statement writes: use `execute` or `batch`".to_owned()));
        }
        // The program tells addresses in the host's memory; the plan does not.
        if prepared.is_explain() == 1 {
            return Err(SqlError::Denied("EXPLAIN is not for functions: use EXPLAIN QUERY PLAN".to_owned()));
        }
        // What a text of nothing but comments is prepared to.
        if prepared.column_count() == 0 && prepared.readonly() && prepared.expanded_sql().is_none() {
            return Err(SqlError::Invalid("there is no statement".to_owned()));
        }
        bind(prepared, &statement.parameters)?;
        let before = self.connection.total_changes();
        self.watch.runs(self.connection.last_insert_rowid());
        let rows = collect(prepared, room).map_err(|stop| match stop {
            Stop::Sqlite(error) => self.told(error),
            Stop::Room if room.at_hand => {
                self.watch.not_yet();
                SqlError::Busy
            }
            Stop::Room => SqlError::Limit(format!(
                "an answer has {MAX_ROWS} rows and {} MiB at most: use LIMIT, or fewer columns",
                MAX_CALL_BYTES >> 20
            )),
        })?;
        let has_changed = self.connection.total_changes() != before;
        let rows_affected = if has_changed { self.connection.changes() } else { 0 };
        let last_row_id = self.watch.own_row_id(self.connection.last_insert_rowid());
        Ok(Done { rows_affected, last_row_id, rows })
    }

    fn check_schema(&self) -> Result<()> {
        let sql = "SELECT total(octet_length(sql)) FROM sqlite_schema";
        let bytes: f64 = self.connection.query_row(sql, [], |row| row.get(0)).map_err(told)?;
        match bytes <= MAX_SCHEMA_BYTES as f64 {
            true => Ok(()),
            false => Err(SqlError::Limit(format!(
                "the statements that made a database's tables, indexes, views and triggers have {} KiB at most",
                MAX_SCHEMA_BYTES >> 10
            ))),
        }
    }

    /// An error as the caller is told, with the reason if it was stopped for one.
    fn told(&self, error: rusqlite::Error) -> SqlError {
        if is_fsync(&error) {
            self.watch.disk_failed();
        }
        if self.watch.is_at_hand() && error.sqlite_error_code() == Some(ErrorCode::TooBig) {
            self.watch.not_yet();
        }
        match self.watch.end() {
            Some(end) => end.told(),
            None => told(error),
        }
    }
}

impl Room {
    /// That of a call.
    pub(super) fn new() -> Self {
        Self { rows: MAX_ROWS, bytes: MAX_CALL_BYTES, at_hand: false }
    }

    fn at_hand() -> Self {
        Self { rows: MAX_ROWS, bytes: BYTES_AT_HAND, at_hand: true }
    }

    fn take(&mut self, bytes: usize) -> std::result::Result<(), Stop> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Stop::Room)?;
        Ok(())
    }
}

/// Why no more rows were taken.
enum Stop {
    Sqlite(rusqlite::Error),
    Room,
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn collect(prepared: &mut rusqlite::Statement<'_>, room: &mut Room) -> std::result::Result<Rows, Stop> {
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    room.take(columns.iter().map(String::len).sum())?;
    let width = columns.len();
    let mut rows = Vec::new();
    let mut found = prepared.raw_query();
    while let Some(row) = found.next()? {
        room.rows = room.rows.checked_sub(1).ok_or(Stop::Room)?;
        let mut values = Vec::with_capacity(width);
        for column in 0..width {
            let value = row.get_ref(column)?;
            room.take(size(value))?;
            values.push(owned(value));
        }
        rows.push(values);
    }
    Ok(Rows { columns, rows })
}

/// As [`Value::bytes`] has it, before anything is copied.
fn size(value: ValueRef<'_>) -> usize {
    Value::Null.bytes()
        + match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 0,
        }
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Blob(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn bind(prepared: &mut rusqlite::Statement<'_>, parameters: &Parameters) -> Result<()> {
    let count = prepared.parameter_count();
    let given = match parameters {
        Parameters::Positional(values) => values.len(),
        Parameters::Named(values) => values.len(),
    };
    if count != given {
        return Err(SqlError::Invalid(format!(
            "the statement has {count} parameters, and {given} were given"
        )));
    }
    for place in 1..=count {
        let value = match parameters {
            Parameters::Positional(values) => values.get(place - 1),
            Parameters::Named(values) => named(prepared.parameter_name(place), values)?,
        };
        let value = value.ok_or_else(|| SqlError::Invalid(format!("parameter {place} is missing")))?;
        prepared.raw_bind_parameter(place, value).map_err(told)?;
    }
    Ok(())
}

fn named<'v>(name: Option<&str>, values: &'v [(String, Value)]) -> Result<Option<&'v Value>> {
    let Some(name) = name else {
        return Err(SqlError::Invalid("the statement has a parameter without a name".to_owned()));
    };
    let bare = name.get(1..).unwrap_or_default();
    match values.iter().find(|(given, _)| given == name || given == bare) {
        Some((_, value)) => Ok(Some(value)),
        None => Err(SqlError::Invalid(format!("the parameter `{name}` is missing"))),
    }
}

/// What needs no look at the database.
fn check(statement: &Statement) -> Result<()> {
    if statement.sql.len() > MAX_SQL_BYTES {
        return Err(SqlError::Limit(format!("a statement has {} KiB at most", MAX_SQL_BYTES >> 10)));
    }
    if statement.sql.contains('\0') {
        return Err(SqlError::Invalid("the statement has a character of code 0".to_owned()));
    }
    let values: &mut dyn Iterator<Item = &Value> = match &statement.parameters {
        Parameters::Positional(values) => &mut values.iter(),
        Parameters::Named(values) => &mut values.iter().map(|(_, value)| value),
    };
    for (index, value) in values.enumerate() {
        if index >= MAX_PARAMETERS {
            return Err(SqlError::Limit(format!("a statement has {MAX_PARAMETERS} parameters at most")));
        }
        if value.bytes() > MAX_VALUE_BYTES + Value::Null.bytes() {
            return Err(SqlError::Limit(format!("a value has {} MiB at most", MAX_VALUE_BYTES >> 20)));
        }
    }
    Ok(())
}

fn several() -> SqlError {
    SqlError::Invalid("one call runs one statement: use `batch` for several".to_owned())
}

fn fallible<'c>(texts: &mut rusqlite::Batch<'c, '_>) -> rusqlite::Result<Option<rusqlite::Statement<'c>>> {
    rusqlite::fallible_iterator::FallibleIterator::next(texts)
}

/// SQLite's errors, as decisions of the caller.
pub(super) fn told(error: rusqlite::Error) -> SqlError {
    if matches!(error, rusqlite::Error::MultipleStatement) {
        return several();
    }
    let code = match &error {
        rusqlite::Error::SqliteFailure(cause, _) | rusqlite::Error::SqlInputError { error: cause, .. } => {
            cause.code
        }
        other => return SqlError::Invalid(other.to_string()),
    };
    match code {
        ErrorCode::ConstraintViolation => SqlError::Constraint(text(&error)),
        ErrorCode::TooBig => SqlError::Limit(format!(
            "a value, a row or the statement is too large: a row has {} MiB at most",
            MAX_VALUE_BYTES >> 20
        )),
        // Also the answer to a program that is too long.
        ErrorCode::OutOfMemory => SqlError::Limit("the statement needs too much memory".to_owned()),
        ErrorCode::OperationInterrupted => End::Late.told(),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqlError::Busy,
        ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::NoLargeFileSupport => SqlError::Store(StoreError::from(error)),
        _ => SqlError::Invalid(text(&error)),
    }
}

/// SQLite's message without what the driver adds, such as the whole statement.
fn text(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    }
}
