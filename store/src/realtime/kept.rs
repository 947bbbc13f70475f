//! What was changed and sent lately in a project, in order. Pure.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::hub::{Changed, Limits, Sent};
use crate::StoreError;

/// What an entry is counted beside what happened, bytes.
const ENTRY_BYTES: usize = 96;
/// Marks without a change that are kept.
const MAX_PAUSES: usize = 10_000;

/// A place in the order of what happens in a project. It is a number of chance: it says nothing of how much else there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(pub(super) [u8; Mark::BYTES]);

impl Mark {
    /// How long it is.
    pub(super) const BYTES: usize = 12;

    /// One that there was never before.
    pub(super) fn new() -> Result<Self, StoreError> {
        crate::keys::random().map(Self)
    }
}

/// Something that may be told again.
pub(super) enum Happened {
    Changed(Changed),
    Sent(Sent),
}

/// What happened lately.
pub(super) struct Kept {
    limits: Limits,
    entries: VecDeque<Entry>,
    /// Marks at which nothing happened.
    pauses: VecDeque<Pause>,
    numbers: HashMap<Mark, u64>,
    /// The number of the last entry. The first one is 1.
    last: u64,
    bytes: usize,
    /// What all projects keep.
    of_all: Arc<AtomicUsize>,
}

/// What happened, in its place. None: something that cannot be told again.
struct Entry {
    number: u64,
    mark: Option<Mark>,
    happened: Option<Happened>,
    at: Duration,
}

struct Pause {
    mark: Mark,
    at: Duration,
}

impl Kept {
    pub(super) fn new(limits: Limits, of_all: Arc<AtomicUsize>) -> Self {
        let (entries, pauses, numbers) = (VecDeque::new(), VecDeque::new(), HashMap::new());
        Self { limits, entries, pauses, numbers, last: 0, bytes: 0, of_all }
    }

    /// The number that the next entry gets.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// Keeps one more.
    pub(super) fn push(&mut self, mark: Option<Mark>, happened: Option<Happened>, at: Duration) {
        self.last += 1;
        let entry = Entry { number: self.last, mark, happened, at };
        self.bytes += entry.bytes();
        self.of_all.fetch_add(entry.bytes(), Relaxed);
        self.numbers.extend(mark.map(|mark| (mark, self.last)));
        self.entries.push_back(entry);
        while self.is_full() && self.drop_first() {}
    }

    /// A mark behind the last entry.
    pub(super) fn pause(&mut self, mark: Mark, at: Duration) {
        self.numbers.insert(mark, self.last);
        self.pauses.push_back(Pause { mark, at });
        if self.pauses.len() > MAX_PAUSES {
            self.drop_pause();
        }
    }

    /// The number of the last entry before that mark; none where the mark is not known, or not any more.
    pub(super) fn number(&self, mark: Mark) -> Option<u64> {
        self.numbers.get(&mark).copied()
    }

    /// What came after an entry; none where not all of it is kept.
    pub(super) fn after(
        &self,
        number: u64,
    ) -> Option<impl Iterator<Item = (Option<Mark>, Option<&Happened>)>> {
        let missing = self.entries.front().map_or(self.last, |first| first.number - 1);
        let passed = usize::try_from(number.checked_sub(missing)?).ok()?;
        Some(self.entries.iter().skip(passed).map(|entry| (entry.mark, entry.happened.as_ref())))
    }

    /// Forgets what is older than it is kept.
    pub(super) fn expire(&mut self, now: Duration) {
        let is_old = |at: Duration| now.saturating_sub(at) > Duration::from_millis(self.limits.kept_ms);
        let entries = self.entries.iter().take_while(|entry| is_old(entry.at)).count();
        let pauses = self.pauses.iter().take_while(|pause| is_old(pause.at)).count();
        for _ in 0..entries {
            self.drop_first();
        }
        for _ in 0..pauses {
            self.drop_pause();
        }
    }

    /// A project has what is its own; of what all have together, each that has more than a little gives way.
    fn is_full(&self) -> bool {
        let Limits { kept_bytes, kept_in_all_bytes, .. } = self.limits;
        self.bytes > kept_bytes
            || self.bytes > kept_bytes / 16 && self.of_all.load(Relaxed) > kept_in_all_bytes
    }

    fn drop_first(&mut self) -> bool {
        let Some(first) = self.entries.pop_front() else { return false };
        self.bytes -= first.bytes();
        self.of_all.fetch_sub(first.bytes(), Relaxed);
        if let Some(mark) = first.mark {
            self.numbers.remove(&mark);
        }
        true
    }

    fn drop_pause(&mut self) {
        if let Some(pause) = self.pauses.pop_front() {
            self.numbers.remove(&pause.mark);
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.happened.as_ref().map_or(0, Happened::bytes)
    }
}

impl Happened {
    fn bytes(&self) -> usize {
        match self {
            Self::Changed(changed) => changed.bytes(),
            Self::Sent(sent) => sent.bytes(),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.bytes, Relaxed);
    }
}
