//! What is watched while a statement of a stranger is prepared and runs: who asked, how long it takes, what it names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::run::May;
use crate::StoreClock;
use crate::sql::{MAX_RUN_MS, SqlError};

/// Instructions of SQLite between two looks at the time. A single one may take milliseconds, so they are few.
pub(super) const STEPS_BETWEEN_LOOKS: i32 = 20;
/// Looks on the caller's own thread: about a millisecond of plain instructions at most.
const LOOKS_AT_HAND: u64 = 500;
/// How long a query may run before it needs its turn, milliseconds.
const SOON_MS: i64 = 5;
/// Looks in all, should the clock stand still: twenty thousand million instructions, or a minute or more.
const MOST_LOOKS: u64 = 1_000_000_000;
/// Bytes that are answered on the caller's own thread.
pub(super) const BYTES_AT_HAND: usize = 128 << 10;
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
        /// Milliseconds since 1970.
        until_ms: i64,
        /// What it is told then.
        then: End,
        /// Set when nobody waits for it any more.
        given_up: Arc<AtomicBool>,
    },
}

/// Shared by a connection and what SQLite calls back.
#[derive(Clone)]
pub(super) struct Watch {
    clock: StoreClock,
    state: Arc<Mutex<State>>,
}

struct State {
    pace: Pace,
    looks: u64,
    named: Named,
    end: Option<End>,
}

/// What the statement names that is being prepared.
#[derive(Default)]
struct Named {
    selects: u32,
    functions: u32,
    heavy: u32,
    /// It uses views, or sets off triggers.
    is_involved: bool,
    writes: bool,
    makes: bool,
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
}

/// How much a name in a statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Any number of times, and at hand.
    Plain,
    /// Apart.
    Heavy,
}

impl Watch {
    pub(super) fn new(clock: StoreClock) -> Self {
        let state = State { pace: Pace::Ours, looks: 0, named: Named::default(), end: None };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// What a call that begins now has.
    pub(super) fn in_all(&self, given_up: Arc<AtomicBool>) -> Pace {
        Pace::Apart { until_ms: (self.clock)().saturating_add(MAX_RUN_MS), then: End::Late, given_up }
    }

    /// What a query has before it needs its turn.
    pub(super) fn at_first(&self, given_up: Arc<AtomicBool>) -> Pace {
        Pace::Apart { until_ms: (self.clock)().saturating_add(SOON_MS), then: End::NotYet, given_up }
    }

    /// A statement begins, at that pace. Until the guard goes it is a stranger's.
    pub(super) fn begin(&self, pace: &Pace) -> Watching<'_> {
        let mut state = self.state();
        *state = State { pace: pace.clone(), looks: 0, named: Named::default(), end: None };
        Watching(self)
    }

    /// Looks whether it goes on; SQLite asks every few instructions.
    pub(super) fn goes_on(&self) -> bool {
        let mut state = self.state();
        state.looks += 1;
        let end = match &state.pace {
            Pace::Ours => None,
            Pace::AtHand => (state.looks > LOOKS_AT_HAND).then_some(End::NotYet),
            Pace::Apart { given_up, .. } if given_up.load(Ordering::Relaxed) => Some(End::GivenUp),
            Pace::Apart { until_ms, then, .. } => {
                ((self.clock)() > *until_ms || state.looks > MOST_LOOKS).then(|| then.clone())
            }
        };
        let goes_on = end.is_none();
        state.end = end.or(state.end.take());
        goes_on
    }

    /// Whether what is prepared may go on: nothing is prepared at hand, because what a text needs of the stack is known
    /// afterwards only.
    pub(super) fn may_prepare(&self) -> Preparing {
        let mut state = self.state();
        match state.pace {
            Pace::Ours => Preparing::Ours,
            Pace::AtHand => {
                state.end = Some(End::NotYet);
                Preparing::NotNow
            }
            Pace::Apart { .. } => Preparing::Strangers,
        }
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

    /// The statement changes what tables, indexes, views and triggers there are.
    pub(super) fn makes(&self) {
        self.state().named.makes = true;
    }

    /// Whether the statement that was prepared changes what there is.
    pub(super) fn has_made(&self) -> bool {
        self.state().named.makes
    }

    /// The answer is too large for its caller's thread.
    pub(super) fn not_yet(&self) {
        self.state().end = Some(End::NotYet);
    }

    /// The statement names what it may not.
    pub(super) fn refuse(&self, what: &str) {
        self.state().end = Some(End::Refused(what.to_owned()));
    }

    /// Whether it may stay prepared: it is small then, and on a connection that reads it may be run at hand.
    pub(super) fn may_stay(&self, may: May) -> bool {
        let state = self.state();
        let Named { selects, functions, heavy, is_involved, writes, makes } = state.named;
        let is_small = !is_involved && !makes && selects <= 4 && functions <= 16;
        is_small && (may == May::Write || (heavy == 0 && !writes))
    }

    /// Why it was stopped, if it was.
    pub(super) fn end(&self) -> Option<End> {
        self.state().end.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two halves of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn too_large_unless(&mut self, few: bool) -> bool {
        if !few {
            self.end = Some(End::TooLarge);
        }
        few
    }
}

/// Whose statement is being prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparing {
    Ours,
    Strangers,
    NotNow,
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
            Self::TooLarge => {
                SqlError::Limit("the statement has too many functions or sub-queries".to_owned())
            }
        }
    }
}
