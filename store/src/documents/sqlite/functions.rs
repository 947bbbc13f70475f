//! What statements call: the language's filters and sorts, as SQL functions, and the bound on what they look at.
//!
//! A statement is given the number of its query, which it finds once and keeps while it runs; each document that it
//! looks at is parsed once. Looking costs, and a query that has spent what it may fails its statement.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

use crate::documents::Failure;
use crate::documents::language::{Filter, Object, Sort};
use crate::{StoreClock, StoreError};

/// What a look at a row costs, whatever is in it; the other unit is a byte of a document.
const ROW_COST: i64 = 100;
/// The clock is read when that much was spent.
const CLOCK_COST: i64 = 20_000;

/// The queries that statements ask for by number.
#[derive(Clone, Default)]
pub(crate) struct Queries(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    last: i64,
    all: HashMap<i64, Arc<Query>>,
}

/// What a statement looks for.
pub(super) struct Query {
    pub(super) filter: Arc<Filter>,
    pub(super) sort: Sort,
    watch: Watch,
    /// How many times over a document is looked at.
    looks: i64,
    /// The document that was looked at last, by its place.
    parsed: Mutex<Option<(i64, Object)>>,
}

/// What a look may cost: a number of units and a time.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Spent>);

struct Spent {
    left: AtomicI64,
    clock_at: AtomicI64,
    clock: StoreClock,
    until_ms: i64,
}

/// A query that statements may ask for until this is dropped.
pub(super) struct Entered {
    queries: Queries,
    pub(super) number: i64,
    pub(super) query: Arc<Query>,
}

/// What a statement keeps of its query.
struct Kept(Arc<Query>);

/// The look has cost what it may, or the document is not one.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("spent")]
    Spent,
    #[error("{0}")]
    Damaged(String),
}

impl Queries {
    /// Gives a connection the functions.
    pub(super) fn connect(&self, connection: &Connection) -> Result<(), StoreError> {
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_DIRECTONLY;
        let queries = self.clone();
        // Whether the document is one that is looked for: (query, seq, body).
        connection.create_scalar_function("doc_matches", 3, flags, move |call| {
            let Kept(query) = &*queries.of(call)?;
            query.with_document(call, |document| query.filter.matches(document))
        })?;
        let queries = self.clone();
        // By what documents compare: (query, seq, body).
        connection.create_scalar_function("doc_sort_key", 3, flags, move |call| {
            let Kept(query) = &*queries.of(call)?;
            query.with_document(call, |document| query.sort.key(document))
        })?;
        let queries = self.clone();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        // Counts the look at an index entry: (query, seq). Not deterministic: it is called for each of them.
        connection.create_scalar_function("doc_passes", 2, flags, move |call| {
            queries.of(call)?.0.watch.spend(ROW_COST / 4).map_err(refused)?;
            Ok(true)
        })?;
        Ok(())
    }

    /// Lets statements ask for a query.
    pub(super) fn enter(&self, filter: Arc<Filter>, sort: Sort, watch: Watch) -> Entered {
        let looks = i64::try_from(1 + filter.looks() / 4).unwrap_or(i64::MAX);
        let query = Arc::new(Query { filter, sort, watch, looks, parsed: Mutex::default() });
        let mut known = self.lock();
        known.last += 1;
        let number = known.last;
        known.all.insert(number, query.clone());
        Entered { queries: self.clone(), number, query }
    }

    /// The query of a statement, which keeps it while it runs.
    fn of(&self, call: &Context<'_>) -> rusqlite::Result<Arc<Kept>> {
        call.get_or_create_aux(0, |number| {
            let found = number.as_i64().ok().and_then(|number| self.lock().all.get(&number).cloned());
            found.map(Kept).ok_or_else(|| "there is no such query".to_owned())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics between two halves of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Query {
    /// Looks at the document of a call: (query, seq, body).
    fn with_document<T>(&self, call: &Context<'_>, look: impl FnOnce(&Object) -> T) -> rusqlite::Result<T> {
        let seq: i64 = call.get(1)?;
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = parsed.as_ref().filter(|(of, _)| *of == seq) {
            return Ok(look(document));
        }
        let body = call.get_raw(2).as_str()?;
        let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
        self.watch.spend(bytes.saturating_mul(self.looks).saturating_add(ROW_COST)).map_err(refused)?;
        let document = Object::parse(body).map_err(|fault| refused(Stopped::Damaged(fault.message)))?;
        let (_, document) = parsed.insert((seq, document));
        Ok(look(document))
    }

    /// The document of that place, if it was looked at last.
    pub(super) fn take_parsed(&self, seq: i64) -> Option<Object> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        parsed.take_if(|(of, _)| *of == seq).map(|(_, document)| document)
    }

    /// Counts a look at that many bytes outside of the statement.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Failure> {
        self.watch.looked_at(bytes)
    }

    /// Whether its statement fails because it has cost what it may.
    pub(super) fn is_spent(&self) -> bool {
        self.watch.0.left.load(Ordering::Relaxed) < 0
    }
}

impl Watch {
    /// A look may cost that much, and takes until then, by that clock.
    pub(crate) fn new(units: i64, clock: StoreClock, until_ms: i64) -> Self {
        let clock_at = AtomicI64::new(units.saturating_sub(CLOCK_COST));
        Self(Arc::new(Spent { left: AtomicI64::new(units), clock_at, clock, until_ms }))
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        (self.0.clock)() >= self.0.until_ms
    }

    /// Counts a look at a document of that many bytes.
    pub(super) fn looked_at(&self, bytes: usize) -> Result<(), Failure> {
        let units = ROW_COST.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.spend(units).map_err(|_| Failure::Timeout)
    }

    /// Counts; fails once too much was spent, and ever after.
    fn spend(&self, units: i64) -> Result<(), Stopped> {
        let spent = &self.0;
        let left = spent.left.load(Ordering::Relaxed).saturating_sub(units);
        spent.left.store(left, Ordering::Relaxed);
        if left >= 0 && left <= spent.clock_at.load(Ordering::Relaxed) {
            spent.clock_at.store(left.saturating_sub(CLOCK_COST), Ordering::Relaxed);
            if (spent.clock)() >= spent.until_ms {
                spent.left.store(-1, Ordering::Relaxed);
                return Err(Stopped::Spent);
            }
        }
        if left < 0 { Err(Stopped::Spent) } else { Ok(()) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.queries.lock().all.remove(&self.number);
    }
}

fn refused(stopped: Stopped) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(stopped.into())
}
