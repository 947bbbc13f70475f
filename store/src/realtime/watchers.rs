//! Those who watch: what each of them is about to be told, until it is put into their feeds.

use std::collections::HashMap;

use super::feed::Teller;
use super::judge::Watching;
use super::kept::Mark;
use super::{Batch, MAX_WAITING_BYTES, Told};
use crate::documents::Caller;

/// All who watch.
#[derive(Default)]
pub(super) struct Watchers {
    all: HashMap<u64, Watcher>,
    /// Those for whom there is something new.
    waiting: Vec<u64>,
}

/// More than may wait: the feed ends, and its news are not kept until then.
const LOST: usize = usize::MAX;

/// One of them.
pub(super) struct Watcher {
    teller: Teller,
    pub(super) caller: Caller,
    /// None: it was refused.
    topics: Vec<Option<Watching>>,
    news: Batch,
    /// What the news hold, bytes, or [`LOST`].
    held: usize,
}

impl Watcher {
    /// One who watches nothing yet.
    pub(super) fn new(teller: Teller, caller: Caller) -> Self {
        Self { teller, caller, topics: Vec::new(), news: Batch::default(), held: 0 }
    }

    /// What it watches, with the numbers of the topics.
    pub(super) fn watching(&self) -> impl Iterator<Item = (usize, &Watching)> {
        let topics = self.topics.iter().enumerate();
        topics.filter_map(|(topic, watching)| Some((topic, watching.as_ref()?)))
    }

    /// What the topic of that number is about.
    pub(super) fn at(&self, topic: usize) -> Option<&Watching> {
        self.topics.get(topic)?.as_ref()
    }

    /// The same, of one who is gone.
    pub(super) fn into_watching(self) -> impl Iterator<Item = Watching> {
        self.topics.into_iter().flatten()
    }
}

impl Watchers {
    /// One more.
    pub(super) fn add(&mut self, number: u64, watcher: Watcher) {
        self.all.insert(number, watcher);
    }

    pub(super) fn get(&self, number: u64) -> Option<&Watcher> {
        self.all.get(&number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Watcher> {
        self.all.remove(&number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Keeps what one of them watches.
    pub(super) fn put(&mut self, number: u64, topic: usize, watching: Watching) {
        let Some(watcher) = self.all.get_mut(&number) else { return };
        if watcher.topics.len() <= topic {
            watcher.topics.resize_with(topic + 1, || None);
        }
        if let Some(place) = watcher.topics.get_mut(topic) {
            *place = Some(watching);
        }
    }

    /// Takes away what one of them watches.
    pub(super) fn take(&mut self, number: u64, topic: usize) -> Option<Watching> {
        self.all.get_mut(&number)?.topics.get_mut(topic)?.take()
    }

    /// Has something to tell to one of them.
    pub(super) fn tell(&mut self, number: u64, told: Told) {
        let Some(watcher) = self.waiting_for(number) else { return };
        watcher.held = watcher.held.saturating_add(told.bytes());
        let news = &mut watcher.news;
        // A single change may be as large as it is.
        if watcher.held > MAX_WAITING_BYTES && !news.told.is_empty() {
            watcher.held = LOST;
            news.told.truncate(1);
            return;
        }
        // One change may be told for several topics: the place is behind the last of them.
        if let Some(last) = news.told.last_mut()
            && last.mark == told.mark
        {
            last.mark = None;
        }
        news.mark = told.mark.or(news.mark);
        news.told.push(told);
    }

    /// Gives one of them a place behind all that it was told.
    pub(super) fn mark(&mut self, number: u64, mark: Option<Mark>) {
        if let Some(watcher) = self.waiting_for(number) {
            watcher.news.mark = mark.or(watcher.news.mark);
        }
    }

    /// The same for all of them.
    pub(super) fn mark_all(&mut self, mark: Mark) {
        let all: Vec<u64> = self.all.keys().copied().collect();
        all.into_iter().for_each(|number| self.mark(number, Some(mark)));
    }

    /// Wakes those for whom there is something new. Answers those who are too slow, or gone.
    pub(super) fn flush(&mut self) -> Vec<u64> {
        let mut gone = Vec::new();
        for number in std::mem::take(&mut self.waiting) {
            let Some(watcher) = self.all.get_mut(&number) else { continue };
            let is_lost = std::mem::take(&mut watcher.held) == LOST;
            if is_lost || !watcher.teller.tell(std::mem::take(&mut watcher.news)) {
                gone.push(number);
            }
        }
        gone
    }

    fn waiting_for(&mut self, number: u64) -> Option<&mut Watcher> {
        let watcher = self.all.get_mut(&number)?;
        if watcher.news.told.is_empty() && watcher.news.mark.is_none() {
            self.waiting.push(number);
        }
        Some(watcher)
    }
}
