//! Who is told what. Those who see the same of a collection are a group: for it a change is looked at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::Sender;

use super::channels::{Channel, Declared};
use super::feed::Teller;
use super::hub::{Changed, Limits, Sent};
use super::kept::{Happened, Kept, Mark};
use super::rooms::Rooms;
use super::watchers::{Watcher, Watchers};
use super::{Event, Result, Told};
use crate::documents::language::Filter;
use crate::documents::sqlite::{Collection, Passed, Seen, Sight};
use crate::documents::{Caller, Failure};

/// Changes and messages that are looked at for one who goes on: beyond that, reading again is less work.
const MAX_REPLAYED: usize = 2_000;

/// Somebody who begins to watch.
pub(super) struct Join {
    pub(super) number: u64,
    pub(super) teller: Teller,
    pub(super) caller: Caller,
    /// What is watched, in the order of the topics.
    pub(super) topics: Vec<Result<Wanted>>,
    /// The channels, as they are declared.
    pub(super) declared: Arc<Declared>,
    pub(super) after: After,
    /// Told when it was judged.
    pub(super) done: Sender<()>,
}

/// What is to be watched.
pub(super) enum Wanted {
    /// Documents of a collection.
    Documents(Asked, Arc<Collection>),
    /// Messages.
    Channel(Channel),
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
    rooms: Rooms,
    /// Since when nobody watches.
    left: Option<Duration>,
}

/// What somebody watches.
pub(super) enum Watching {
    /// Documents of a collection, among those who see the same.
    Documents { asked: Asked, collection: i64, group: String },
    /// Messages.
    Channel(Channel),
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
    asked: Asked,
    /// Who, and which of their topics it is.
    members: Vec<(u64, usize)>,
}

impl Judge {
    pub(super) fn new(kept: Kept, limits: Limits) -> Self {
        let (watchers, circles, rooms) = (Watchers::default(), HashMap::new(), Rooms::default());
        Self { limits, kept, watchers, circles, rooms, left: None }
    }

    /// Somebody watches from now on.
    pub(super) fn join(&mut self, join: Join, now: Duration) {
        let Join { number, teller, caller, topics, declared, after, done } = join;
        self.rooms.know(declared);
        self.watchers.add(number, Watcher::new(teller, caller));
        for (topic, wanted) in topics.into_iter().enumerate() {
            let entered = wanted.and_then(|wanted| match wanted {
                Wanted::Documents(asked, collection) => self.enter((number, topic), asked, &collection, now),
                Wanted::Channel(channel) => self.listen((number, topic), channel),
            });
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
        // Who waits for it may have given up.
        let _ = done.send(());
    }

    /// Somebody watches no more.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(watcher) = self.watchers.remove(number) else { return };
        for watching in watcher.into_watching() {
            let (collection, group) = match watching {
                Watching::Documents { collection, group, .. } => (collection, group),
                Watching::Channel(channel) => {
                    self.rooms.leave(number, &channel);
                    continue;
                }
            };
            let Some(circle) = self.circles.get_mut(&collection) else { continue };
            let Some(seeing) = circle.groups.get_mut(&group) else { continue };
            seeing.members.retain(|(member, _)| *member != number);
            if seeing.members.is_empty() {
                circle.groups.remove(&group);
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
        self.kept.push(mark, Some(Happened::Changed(changed)), now);
    }

    /// A message was sent.
    pub(super) fn sent(&mut self, sent: Sent, now: Duration) {
        let mark = Mark::new().ok();
        for (number, topic) in self.rooms.members(&sent.channel) {
            let event = Event::Message(sent.message.clone());
            self.watchers.tell(*number, Told { topic: *topic, event, mark });
        }
        self.kept.push(mark, Some(Happened::Sent(sent)), now);
    }

    /// The channels are declared anew. Those who may listen by the new rules as well miss nothing.
    pub(super) fn declared(&mut self, declared: Arc<Declared>, now: Duration) {
        if self.rooms.is_under(&declared) {
            return;
        }
        self.kept.push(None, None, now);
        self.rooms.set(declared, self.kept.next_number());
        for (number, topic) in self.rooms.all() {
            let watcher = self.watchers.get(number);
            let watching = watcher.and_then(|watcher| Some((watcher, watcher.at(topic)?)));
            let Some((watcher, Watching::Channel(channel))) = watching else { continue };
            let Err(failure) = self.rooms.permit(&watcher.caller, channel) else { continue };
            self.rooms.expel((number, topic), channel);
            self.watchers.take(number, topic);
            self.watchers.tell(number, Told { topic, event: Event::Refused(failure), mark: None });
        }
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
            let taken = self.watchers.take(number, topic);
            let Some(Watching::Documents { asked, .. }) = taken else { continue };
            let entered = self.enter((number, topic), asked, collection, now);
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
            self.watchers.mark_all(mark);
        }
        if !self.watchers.is_empty() {
            self.left = None;
            return true;
        }
        let left = *self.left.get_or_insert(now);
        now.saturating_sub(left) < Duration::from_millis(self.limits.kept_ms)
    }

    /// Wakes those for whom there is something new.
    pub(super) fn flush(&mut self) {
        self.watchers.flush().into_iter().for_each(|number| self.leave(number));
    }

    /// Puts a topic among those who see the same.
    fn enter(
        &mut self,
        member: (u64, usize),
        asked: Asked,
        collection: &Arc<Collection>,
        now: Duration,
    ) -> Result<Watching> {
        let watcher = self.watchers.get(member.0).ok_or(Failure::Forbidden)?;
        let sight = collection.sight(&watcher.caller, &asked.filter)?;
        let circle = match self.circles.entry(collection.id) {
            Entry::Occupied(circle) => circle.into_mut(),
            Entry::Vacant(place) => {
                // What happened to it before was not kept: nobody goes on from there.
                self.kept.push(None, None, now);
                let (collection, since) = (collection.clone(), self.kept.next_number());
                place.insert(Circle { collection, since, groups: HashMap::new() })
            }
        };
        let group = format!("{}\0{}", sight.under, asked.text);
        let seeing = circle.groups.entry(group.clone());
        let seeing = seeing.or_insert_with(|| Group { sight, asked, members: Vec::new() });
        seeing.members.push(member);
        // Of those who ask the same, patterns are kept once.
        let asked = seeing.asked.clone();
        Ok(Watching::Documents { asked, collection: collection.id, group })
    }

    /// Puts a topic among those who listen to a channel.
    fn listen(&mut self, member: (u64, usize), channel: Channel) -> Result<Watching> {
        let watcher = self.watchers.get(member.0).ok_or(Failure::ForbiddenChannel)?;
        self.rooms.enter(member, &watcher.caller, &channel)?;
        Ok(Watching::Channel(channel))
    }

    /// Keeps what a topic has become, or tells why it is none.
    fn place(&mut self, (number, topic): (u64, usize), entered: Result<Watching>) {
        match entered {
            Ok(watching) => self.watchers.put(number, topic, watching),
            Err(failure) => {
                self.watchers.tell(number, Told { topic, event: Event::Refused(failure), mark: None });
            }
        }
    }

    /// Tells what came after a change to one who begins, as it is seen now.
    fn replay(&mut self, number: u64, from: Option<u64>) {
        let Some(watcher) = self.watchers.get(number) else { return };
        let reset = |topic: usize| Told { topic, event: Event::Reset, mark: None };
        let mut told = Vec::new();
        let mut goes_on = Vec::new();
        for (topic, watching) in watcher.watching() {
            match from.and_then(|from| self.view(watching, from)) {
                Some(view) => goes_on.push((topic, view)),
                None => told.push(reset(topic)),
            }
        }
        match from.and_then(|from| self.seen_after(from, &goes_on)) {
            Some(seen) => told.extend(seen),
            None => told.extend(goes_on.iter().map(|(topic, _)| reset(*topic))),
        }
        told.into_iter().for_each(|told| self.watchers.tell(number, told));
    }

    /// How one who goes on from there sees what is kept; none where that was judged by other rules.
    fn view<'j>(&'j self, watching: &'j Watching, from: u64) -> Option<View<'j>> {
        match watching {
            Watching::Documents { collection, group, .. } => {
                let circle = self.circles.get(collection)?;
                let sight = &circle.groups.get(group)?.sight;
                (from + 1 >= circle.since).then_some(View::Documents(*collection, sight))
            }
            Watching::Channel(channel) => {
                self.rooms.is_since(from).then_some(View::Channel(channel.as_str()))
            }
        }
    }

    /// None where it is not known any more, or is too much.
    fn seen_after(&self, from: u64, topics: &[(usize, View<'_>)]) -> Option<Vec<Told>> {
        let mut told = Vec::new();
        let is_asked = |happened: &&Happened| topics.iter().any(|(_, view)| view.is_about(happened));
        let after = || {
            let kept = self.kept.after(from)?;
            Some(kept.filter_map(|(mark, happened)| Some((mark, happened.filter(is_asked)?))))
        };
        if after()?.nth(MAX_REPLAYED).is_some() {
            return None;
        }
        for (mark, happened) in after()? {
            let views = topics.iter().filter(|(_, view)| view.is_about(happened));
            match happened {
                Happened::Changed(changed) => {
                    let passed = changed.passed().ok()?;
                    told.extend(views.filter_map(|(topic, view)| {
                        let View::Documents(_, sight) = view else { return None };
                        Some(Told { topic: *topic, event: sight.of(&passed)?.into(), mark })
                    }));
                }
                Happened::Sent(sent) => told.extend(views.map(|(topic, _)| Told {
                    topic: *topic,
                    event: Event::Message(sent.message.clone()),
                    mark,
                })),
            }
        }
        Some(told)
    }
}

/// What a topic is about, for what is kept.
enum View<'j> {
    Documents(i64, &'j Sight),
    Channel(&'j str),
}

impl View<'_> {
    fn is_about(&self, happened: &Happened) -> bool {
        match (self, happened) {
            (Self::Documents(collection, _), Happened::Changed(changed)) => changed.collection == *collection,
            (Self::Channel(channel), Happened::Sent(sent)) => *sent.channel == **channel,
            _ => false,
        }
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
