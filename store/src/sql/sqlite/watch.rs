//! What is watched while a statement of a stranger is prepared and runs: who asked, how long it takes, what it names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ledger::Ledger;
use super::log::Log;
use super::meter::Meter;
use super::run::May;
use crate::StoreTimer;
use crate::sql::{MAX_RUN_MS, SqlError};

/// Instructions of SQLite between two looks at the time. A single one may take milliseconds, so they are few.
pub(super) const STEPS_BETWEEN_LOOKS: i32 = 20;
/// How long a query may hold its caller's own thread. What takes longer is not begun there again, until it was done sooner
/// on another one.
const AT_HAND: Duration = Duration::from_millis(1);
/// Looks on the caller's own thread, should the timer stand still.
const LOOKS_AT_HAND: u64 = 500;
/// How long a query may run before it needs its turn.
const SOON: Duration = Duration::from_millis(5);
/// How long the statements of a call run.
const MAX_RUN: Duration = Duration::from_millis(MAX_RUN_MS.unsigned_abs());
/// Looks in all, should the timer stand still: twenty thousand million instructions, or a minute or more.
const MOST_LOOKS: u64 = 1_000_000_000;
/// Bytes that are answered on the caller's own thread.
pub(super) const BYTES_AT_HAND: usize = 128 << 10;
/// Bytes of a value that is worked on there: between two looks there are as many instructions, some of which go through all
/// of it.
pub(super) const VALUE_AT_HAND: usize = 32 << 10;
/// `SELECT`s of a statement with all its views, when it is prepared.
const MOST_SELECTS: u32 = 500;
/// Calls of functions in a statement's text and in its views and triggers. Between two of them nobody looks at the time.
const MOST_FUNCTIONS: u32 = 200;
/// Those among them that may take a good part of a second, with the largest values.
const MOST_HEAVY: u32 = 50;

/// Who has the connection.
#[derive(Clone)]
pub(super) enum Pace {
    /// The store, which may do anything.
    Ours,
    /// A stranger's statement on its caller's thread: only steps of what is prepared, and not for long.
    AtHand,
    /// A stranger's statement on a thread for such, until that time.
    Apart {
        until: Duration,
        /// What it is told then.
        then: End,
        /// Set when nobody waits for it any more.
        given_up: Arc<AtomicBool>,
        /// What it writes into files.
        meter: Arc<Meter>,
    },
}

/// Shared by a connection and what SQLite calls back.
#[derive(Clone)]
pub(super) struct Watch {
    timer: StoreTimer,
    ledger: Arc<Ledger>,
    state: Arc<Mutex<State>>,
}

struct State {
    pace: Pace,
    /// Since when it runs.
    begin: Duration,
    looks: u64,
    named: Named,
    last: Last,
    end: Option<End>,
    has_disk_failed: bool,
}

/// The row id that an insert leaves behind for whoever asks.
#[derive(Clone, Copy, Default)]
struct Last {
    /// Before the statement.
    before: i64,
    /// The statement has inserted a row with that one.
    again: bool,
}

/// What the statement names that is being prepared.
#[derive(Default)]
struct Named {
    selects: u32,
    functions: u32,
    heavy: u32,
    /// It uses views, or sets off triggers.
    is_involved: bool,
    /// One instruction of it may go through a whole table.
    is_wide: bool,
    writes: bool,
    makes: bool,
    /// The table that it inserts into itself.
    into: Option<String>,
}

/// Why a statement was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It needs another thread, or its turn.
    NotYet,
    /// It took too long.
    Late,
    /// Nobody waits for it.
    GivenUp,
    /// It names what it may not; the text says what.
    Refused(String),
    /// It is too large to be prepared.
    TooLarge,
    /// It writes too much into files; the text says what.
    Full(String),
}

/// How much a name in a statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Any number of times, and at hand.
    Plain,
    /// Any number of times, but apart.
    Wide,
    /// Apart.
    Heavy,
}

impl Pace {
    /// What its call has written into files, bytes; about that.
    pub(super) fn written(&self) -> u64 {
        match self {
            Self::Apart { meter, .. } => meter.written(),
            Self::Ours | Self::AtHand => 0,
        }
    }
}

impl Watch {
    pub(super) fn new(timer: StoreTimer, ledger: Arc<Ledger>) -> Self {
        Self { timer, ledger, state: Arc::new(Mutex::new(State::of(Pace::Ours, Duration::ZERO))) }
    }

    /// What a query that begins now has in all.
    pub(super) fn in_all(&self, given_up: Arc<AtomicBool>) -> Pace {
        self.apart((MAX_RUN, End::Late), given_up, None)
    }

    /// What a query has before it needs its turn.
    pub(super) fn at_first(&self, given_up: Arc<AtomicBool>) -> Pace {
        self.apart((SOON, End::NotYet), given_up, None)
    }

    /// What a call that begins now and may write has, with the log that it writes.
    pub(super) fn writing(&self, given_up: Arc<AtomicBool>, log: Arc<Log>) -> Pace {
        self.apart((MAX_RUN, End::Late), given_up, Some(log))
    }

    fn apart(&self, (time, then): (Duration, End), given_up: Arc<AtomicBool>, log: Option<Arc<Log>>) -> Pace {
        let now = (self.timer)();
        let meter = Arc::new(Meter::new(self.ledger.clone(), log, now));
        Pace::Apart { until: now.saturating_add(time), then, given_up, meter }
    }

    /// A statement begins, at that pace. Until the guard goes it is a stranger's.
    pub(super) fn begin(&self, pace: &Pace) -> Watching<'_> {
        *self.state() = State::of(pace.clone(), (self.timer)());
        Watching(self)
    }

    /// Looks whether it goes on; SQLite asks every few instructions.
    pub(super) fn goes_on(&self) -> bool {
        let mut state = self.state();
        state.looks += 1;
        let end = match &state.pace {
            Pace::Ours => None,
            Pace::AtHand => (self.is_long(&state) || state.looks > LOOKS_AT_HAND).then_some(End::NotYet),
            Pace::Apart { given_up, .. } if given_up.load(Ordering::Relaxed) => Some(End::GivenUp),
            Pace::Apart { until, then, meter, .. } => {
                let now = (self.timer)();
                match now > *until || state.looks > MOST_LOOKS {
                    true => Some(then.clone()),
                    false => meter.look(now).err().map(|error| End::Full(error.to_string())),
                }
            }
        };
        let goes_on = end.is_none();
        state.end = end.or(state.end.take());
        goes_on
    }

    /// Whether what is prepared is the store's own.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.state().pace, Pace::Ours)
    }

    /// Whether the statement runs on its caller's thread.
    pub(super) fn is_at_hand(&self) -> bool {
        matches!(self.state().pace, Pace::AtHand)
    }

    /// The statement has another `SELECT`; whether it may.
    pub(super) fn select(&self) -> bool {
        let mut state = self.state();
        state.named.selects += 1;
        let few = state.named.selects <= MOST_SELECTS;
        state.too_large_unless(few)
    }

    /// The statement calls another function; whether it may.
    pub(super) fn function(&self, weight: Weight) -> bool {
        let mut state = self.state();
        state.named.functions += 1;
        state.named.heavy += u32::from(weight == Weight::Heavy);
        state.named.is_wide |= weight == Weight::Wide;
        let few = state.named.functions <= MOST_FUNCTIONS && state.named.heavy <= MOST_HEAVY;
        state.too_large_unless(few)
    }

    /// The statement uses a view, or sets off a trigger.
    pub(super) fn involved(&self) {
        self.state().named.is_involved = true;
    }

    /// The statement writes rows.
    pub(super) fn writes(&self) {
        self.state().named.writes = true;
    }

    /// The statement inserts rows into a table, itself.
    pub(super) fn inserts(&self, table: &str) {
        self.state().named.into = Some(table.to_owned());
    }

    /// The statement is prepared and about to run, and that is the last row id.
    pub(super) fn runs(&self, id: i64) {
        let mut state = self.state();
        state.last = Last { before: id, again: false };
        state.begin = (self.timer)();
    }

    /// A row was inserted, perhaps by a trigger.
    pub(super) fn inserted(&self, table: &str, id: i64) {
        let mut state = self.state();
        // A statement with triggers is prepared each time, so that its table is known; without them all inserts are its own.
        let is_own = !state.named.is_involved || state.named.into.as_deref() == Some(table);
        state.last.again |= is_own && id == state.last.before;
    }

    /// The last row id, if it is of a row that the statement has inserted: nothing else sets it.
    pub(super) fn own_row_id(&self, id: i64) -> Option<i64> {
        let Last { before, again } = self.state().last;
        (id != before || again).then_some(id)
    }

    /// The statement changes what tables, indexes, views and triggers there are.
    pub(super) fn makes(&self) {
        self.state().named.makes = true;
    }

    /// Whether the statement that was prepared changes what there is.
    pub(super) fn has_made(&self) -> bool {
        self.state().named.makes
    }

    /// The time, since some moment of the past.
    pub(super) fn now(&self) -> Duration {
        (self.timer)()
    }

    /// It is too large for its caller's thread.
    pub(super) fn not_yet(&self) {
        self.state().end = Some(End::NotYet);
    }

    /// The statement names what it may not.
    pub(super) fn refuse(&self, what: &str) {
        self.state().end = Some(End::Refused(what.to_owned()));
    }

    /// Whether it may stay prepared: it is small then, and on a connection that reads it was soon done and may be run at
    /// hand.
    pub(super) fn may_stay(&self, may: May) -> bool {
        let state = self.state();
        let Named { selects, functions, heavy, is_involved, is_wide, writes, makes, .. } = state.named;
        let is_small = !is_involved && !makes && selects <= 4 && functions <= 16;
        let is_plain = heavy == 0 && !is_wide && !writes;
        is_small && (may == May::Write || (is_plain && state.end.is_none() && !self.is_long(&state)))
    }

    /// The disk has failed under it.
    pub(super) fn disk_failed(&self) {
        self.state().has_disk_failed = true;
    }

    /// Whether the disk has failed under the statement that ran last.
    pub(super) fn has_disk_failed(&self) -> bool {
        self.state().has_disk_failed
    }

    /// Why it was stopped, if it was.
    pub(super) fn end(&self) -> Option<End> {
        self.state().end.clone()
    }

    /// Whether it runs for longer than it may at hand.
    fn is_long(&self, state: &State) -> bool {
        (self.timer)().saturating_sub(state.begin) > AT_HAND
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two halves of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(pace: Pace, begin: Duration) -> Self {
        Self {
            pace,
            begin,
            looks: 0,
            named: Named::default(),
            last: Last::default(),
            end: None,
            has_disk_failed: false,
        }
    }

    fn too_large_unless(&mut self, few: bool) -> bool {
        if !few {
            self.end = Some(End::TooLarge);
        }
        few
    }
}

/// While it lives, a stranger has the connection.
pub(super) struct Watching<'w>(&'w Watch);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.state().pace = Pace::Ours;
    }
}

impl End {
    /// As the caller is told.
    pub(super) fn told(self) -> SqlError {
        match self {
            Self::NotYet | Self::GivenUp => SqlError::Busy,
            Self::Late => {
                SqlError::Limit(format!("the statements of a call run for {} s at most", MAX_RUN_MS / 1_000))
            }
            Self::Refused(what) => SqlError::Denied(what),
            Self::Full(what) => SqlError::Limit(what),
            Self::TooLarge => {
                SqlError::Limit("the statement has too many functions or sub-queries".to_owned())
            }
        }
    }
}
