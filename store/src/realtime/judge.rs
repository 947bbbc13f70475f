//! Who is told what. Those who see the same of a collection are a group: for it a change is looked at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::feed::Teller;
use super::hub::{Changed, Limits};
use super::kept::{Kept, Mark};
use super::{Batch, Event, MAX_WAITING_BYTES, Result, Told};
use crate::documents::language::Filter;
use crate::documents::sqlite::{Collection, Passed, Seen, Sight};
use crate::documents::{Caller, Failure};

/// Changes that are looked at for one who goes on: beyond that, reading again is less work.
const MAX_REPLAYED: usize = 2_000;

/// Somebody who begins to watch.
pub(super) struct Join {
    pub(super) number: u64,
    pub(super) teller: Teller,
    pub(super) caller: Caller,
    /// What is watched, in the order of the topics.
    pub(super) topics: Vec<Result<(Asked, Arc<Collection>)>>,
    pub(super) after: After,
}

/// Where one who begins goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nowhere: what is there is read at the beginning.
    Nothing,
    /// There.
    Mark(Mark),
    /// Somewhere that is not known.
    Unknown,
}

/// The documents that somebody asks for.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) text: Arc<str>,
    pub(super) filter: Arc<Filter>,
}

/// Looks at changes for all who watch in a project.
pub(super) struct Judge {
    limits: Limits,
    kept: Kept,
    watchers: Watchers,
    circles: HashMap<i64, Circle>,
    /// Since when nobody watches.
    left: Option<Duration>,
}

/// All who watch.
#[derive(Default)]
struct Watchers {
    all: HashMap<u64, Watcher>,
    /// Those for whom there is something new.
    waiting: Vec<u64>,
}

/// More than may wait: the feed ends, and its news are not kept until then.
const LOST: usize = usize::MAX;

struct Watcher {
    teller: Teller,
    caller: Caller,
    /// None: it was refused.
    topics: Vec<Option<Watching>>,
    news: Batch,
    /// What the news hold, bytes, or [`LOST`].
    held: usize,
}

struct Watching {
    asked: Asked,
    collection: i64,
    group: String,
}

/// Those who watch a collection.
struct Circle {
    collection: Arc<Collection>,
    /// The first change that was kept since the rules are as they are.
    since: u64,
    groups: HashMap<String, Group>,
}

/// Those who see the same of it.
struct Group {
    sight: Sight,
    /// Who, and which of their topics it is.
    members: Vec<(u64, usize)>,
}

impl Judge {
    pub(super) fn new(kept: Kept, limits: Limits) -> Self {
        let (watchers, circles) = (Watchers::default(), HashMap::new());
        Self { limits, kept, watchers, circles, left: None }
    }

    /// Somebody watches from now on.
    pub(super) fn join(&mut self, join: Join, now: Duration) {
        let Join { number, teller, caller, topics, after } = join;
        let watcher = Watcher { teller, caller, topics: Vec::new(), news: Batch::default(), held: 0 };
        self.watchers.all.insert(number, watcher);
        for (topic, asked) in topics.into_iter().enumerate() {
            let entered =
                asked.and_then(|(asked, collection)| self.enter((number, topic), asked, &collection));
            self.place((number, topic), entered);
        }
        match after {
            After::Nothing => {}
            After::Mark(mark) => self.replay(number, self.kept.number(mark)),
            After::Unknown => self.replay(number, None),
        }
        self.left = None;
        let mark = Mark::new().ok();
        self.watchers.mark(number, mark);
        mark.into_iter().for_each(|mark| self.kept.pause(mark, now));
    }

    /// Somebody watches no more.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(watcher) = self.watchers.all.remove(&number) else { return };
        for watching in watcher.topics.into_iter().flatten() {
            let Some(circle) = self.circles.get_mut(&watching.collection) else { continue };
            let Some(group) = circle.groups.get_mut(&watching.group) else { continue };
            group.members.retain(|(member, _)| *member != number);
            if group.members.is_empty() {
                circle.groups.remove(&watching.group);
            }
        }
    }

    /// A document was written.
    pub(super) fn changed(&mut self, changed: Changed, now: Duration) {
        let mark = Mark::new().ok();
        let circle = self.circles.get(&changed.collection).filter(|circle| !circle.groups.is_empty());
        if let Some(circle) = circle {
            let Ok(passed) = changed.passed() else {
                return self.lost(&BTreeSet::from([changed.collection]), now);
            };
            for group in circle.groups.values() {
                let Some(seen) = group.sight.of(&passed) else { continue };
                for (number, topic) in &group.members {
                    self.watchers.tell(*number, Told { topic: *topic, event: seen.clone().into(), mark });
                }
            }
        }
        self.kept.push(mark, Some(changed), now);
    }

    /// Something was committed in those collections that cannot be told.
    pub(super) fn lost(&mut self, collections: &BTreeSet<i64>, now: Duration) {
        self.kept.push(None, None, now);
        for collection in collections {
            let Some(circle) = self.circles.get_mut(collection) else { continue };
            circle.since = self.kept.next_number();
            for (number, topic) in circle.groups.values().flat_map(|group| &group.members) {
                self.watchers.tell(*number, Told { topic: *topic, event: Event::Reset, mark: None });
            }
        }
    }

    /// A collection is not what it was. What everybody sees of it by other rules has to be read again.
    pub(super) fn renewed(&mut self, collection: &Arc<Collection>, now: Duration) {
        let Some(circle) = self.circles.get_mut(&collection.id) else { return };
        if circle.collection.is_same(collection) {
            return;
        }
        self.kept.push(None, None, now);
        circle.since = self.kept.next_number();
        circle.collection = collection.clone();
        let groups = std::mem::take(&mut circle.groups);
        for (number, topic) in groups.into_values().flat_map(|group| group.members) {
            let Some(watching) = self.watchers.take(number, topic) else { continue };
            let entered = self.enter((number, topic), watching.asked, collection);
            if entered.is_ok() {
                self.watchers.tell(number, Told { topic, event: Event::Reset, mark: None });
            }
            self.place((number, topic), entered);
        }
    }

    /// Forgets what is old, and gives everybody a new place, so that it is not told by that how much happens. `false` when
    /// nobody has watched for so long that nothing has to be kept.
    pub(super) fn pause(&mut self, now: Duration) -> bool {
        self.kept.expire(now);
        if let Ok(mark) = Mark::new() {
            self.kept.pause(mark, now);
            let all: Vec<u64> = self.watchers.all.keys().copied().collect();
            all.into_iter().for_each(|number| self.watchers.mark(number, Some(mark)));
        }
        if !self.watchers.all.is_empty() {
            self.left = None;
            return true;
        }
        let left = *self.left.get_or_insert(now);
        now.saturating_sub(left) < Duration::from_millis(self.limits.kept_ms)
    }

    /// Wakes those for whom there is something new.
    pub(super) fn flush(&mut self) {
        for number in std::mem::take(&mut self.watchers.waiting) {
            let Some(watcher) = self.watchers.all.get_mut(&number) else { continue };
            let is_lost = std::mem::take(&mut watcher.held) == LOST;
            if is_lost || !watcher.teller.tell(std::mem::take(&mut watcher.news)) {
                self.leave(number);
            }
        }
    }

    /// Puts a topic among those who see the same.
    fn enter(
        &mut self,
        member: (u64, usize),
        asked: Asked,
        collection: &Arc<Collection>,
    ) -> Result<Watching> {
        let watcher = self.watchers.all.get(&member.0).ok_or(Failure::Forbidden)?;
        let sight = collection.sight(&watcher.caller, &asked.filter)?;
        let (collection, since) = (collection.clone(), self.kept.next_number());
        let circle = self.circles.entry(collection.id);
        let circle = circle.or_insert_with(|| Circle { collection, since, groups: HashMap::new() });
        let key = format!("{}\0{}", sight.under, asked.text);
        let group = circle.groups.entry(key.clone());
        group.or_insert_with(|| Group { sight, members: Vec::new() }).members.push(member);
        Ok(Watching { asked, collection: circle.collection.id, group: key })
    }

    /// Keeps what a topic has become, or tells why it is none.
    fn place(&mut self, (number, topic): (u64, usize), entered: Result<Watching>) {
        let Some(watcher) = self.watchers.all.get_mut(&number) else { return };
        if watcher.topics.len() <= topic {
            watcher.topics.resize_with(topic + 1, || None);
        }
        match (entered, watcher.topics.get_mut(topic)) {
            (Ok(watching), Some(place)) => *place = Some(watching),
            (Err(failure), _) => {
                self.watchers.tell(number, Told { topic, event: Event::Refused(failure), mark: None });
            }
            (Ok(_), None) => {}
        }
    }

    /// Tells what came after a change to one who begins, as it is seen now.
    fn replay(&mut self, number: u64, from: Option<u64>) {
        let Some(watcher) = self.watchers.all.get(&number) else { return };
        let mut told = Vec::new();
        let mut goes_on = Vec::new();
        for (topic, watching) in watcher.topics.iter().enumerate() {
            let Some(watching) = watching else { continue };
            let circle = self.circles.get(&watching.collection);
            let group = circle.and_then(|circle| Some((circle, circle.groups.get(&watching.group)?)));
            match group.filter(|(circle, _)| from.is_some_and(|from| from + 1 >= circle.since)) {
                Some((_, group)) => goes_on.push((topic, watching.collection, &group.sight)),
                None => told.push(Told { topic, event: Event::Reset, mark: None }),
            }
        }
        match from.and_then(|from| self.seen_after(from, &goes_on)) {
            Some(seen) => told.extend(seen),
            None => {
                told.extend(goes_on.iter().map(|(topic, ..)| Told {
                    topic: *topic,
                    event: Event::Reset,
                    mark: None,
                }));
            }
        }
        told.into_iter().for_each(|told| self.watchers.tell(number, told));
    }

    /// None where it is not known any more, or is too much.
    fn seen_after(&self, from: u64, topics: &[(usize, i64, &Sight)]) -> Option<Vec<Told>> {
        let mut told = Vec::new();
        let is_asked = |changed: &&Changed| topics.iter().any(|(_, id, _)| *id == changed.collection);
        let after = || {
            Some(self.kept.after(from)?.filter_map(|(mark, changed)| Some((mark, changed.filter(is_asked)?))))
        };
        if after()?.nth(MAX_REPLAYED).is_some() {
            return None;
        }
        for (mark, changed) in after()? {
            let passed = changed.passed().ok()?;
            for (topic, _, sight) in topics.iter().filter(|(_, id, _)| *id == changed.collection) {
                let seen = sight.of(&passed);
                told.extend(seen.map(|seen| Told { topic: *topic, event: seen.into(), mark }));
            }
        }
        Some(told)
    }
}

impl Watchers {
    /// Has something to tell to one of them.
    fn tell(&mut self, number: u64, told: Told) {
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
    fn mark(&mut self, number: u64, mark: Option<Mark>) {
        if let Some(watcher) = self.waiting_for(number) {
            watcher.news.mark = mark.or(watcher.news.mark);
        }
    }

    /// Takes away what one of them watches.
    fn take(&mut self, number: u64, topic: usize) -> Option<Watching> {
        self.all.get_mut(&number)?.topics.get_mut(topic)?.take()
    }

    fn waiting_for(&mut self, number: u64) -> Option<&mut Watcher> {
        let watcher = self.all.get_mut(&number)?;
        if watcher.news.told.is_empty() && watcher.news.mark.is_none() {
            self.waiting.push(number);
        }
        Some(watcher)
    }
}

impl Changed {
    fn passed(&self) -> Result<Passed<'_>> {
        Passed::read(&self.id, self.before.as_deref(), self.after.as_ref())
    }
}

impl From<Seen> for Event {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Insert(document) => Self::Insert(document),
            Seen::Update(document) => Self::Update(document),
            Seen::Delete(id) => Self::Delete(id),
        }
    }
}
