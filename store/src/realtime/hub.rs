//! Who watches in which project, and the way from the writer of a project's file to the thread that tells of its changes.
//!
//! A project that somebody watches has one such thread, so that what one project's filters cost is felt by nobody else.
//! All that it has to know comes in the order of the commits, also who begins to watch and what rules have become.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::channels::Declared;
use super::judge::{Join, Judge};
use super::kept::Kept;
use super::{KEPT_MS, MAX_KEPT_BYTES, SENT_BY_CALLERS_KIB_PER_S, SENT_KIB_PER_S, Sending};
use crate::catalog::ProjectId;
use crate::documents::sqlite::Collection;
use crate::project::Account;
use crate::{StoreError, StoreTimer};

/// What one commit tells at most, and what waits to be told, bytes. Whoever watches reads again where it was more.
const MAX_RECORDED_BYTES: usize = 4 << 20;
const MAX_QUEUED_BYTES: usize = 16 << 20;
/// What a change is counted beside its documents, bytes.
const CHANGE_BYTES: usize = 128;
/// What is told before anybody is woken.
const MAX_AT_ONCE: usize = 256;
/// How often every feed is told a new mark: less often than connections are taken for dead.
const PAUSE: Duration = Duration::from_secs(15);

/// Bounds that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What is kept of one project's changes, and of those of all, bytes.
    pub(crate) kept_bytes: usize,
    pub(crate) kept_in_all_bytes: usize,
    /// How long, milliseconds.
    pub(crate) kept_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { kept_bytes: MAX_KEPT_BYTES, kept_in_all_bytes: 8 * MAX_KEPT_BYTES, kept_ms: KEPT_MS }
    }
}

/// Who watches what. Projects that nobody has watched for a while are not in it.
pub(crate) struct Hub {
    projects: RwLock<HashMap<ProjectId, Arc<Watched>>>,
    timer: StoreTimer,
    limits: Limits,
    kept_in_all: Arc<AtomicUsize>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A caller from outside.
    Caller,
    /// A function of the project.
    Function,
}

/// A project that is watched.
pub(super) struct Watched {
    messages: Sender<Message>,
    /// Collections of which changes are told.
    collections: RwLock<HashSet<i64>>,
    /// What waits to be told, bytes.
    queued: Arc<AtomicUsize>,
    /// What may be sent, KiB.
    rate: DefaultDirectRateLimiter,
    /// Of that, by callers from outside.
    rate_of_callers: DefaultDirectRateLimiter,
    /// Feeds that there are or are about to be.
    seats: AtomicUsize,
    next_seat: AtomicU64,
}

/// One who watches.
pub(super) struct Seat {
    watched: Arc<Watched>,
    pub(super) number: u64,
}

/// What the thread is told.
pub(super) enum Message {
    /// Somebody watches from now on.
    Join(Box<Join>),
    /// Somebody watches no more.
    Leave(u64),
    /// Somebody has sent a message.
    Sent(Sent),
    /// The channels are not what they were.
    Declared(Arc<Declared>),
    /// Those were committed together.
    Changes(Vec<Changed>),
    /// Something was committed in those collections that cannot be told.
    Lost(BTreeSet<i64>),
    /// A collection is not what it was.
    Renewed(Arc<Collection>),
    /// The project is gone.
    End,
}

/// A document that is not what it was. None: it was, or is, not there.
pub(super) struct Changed {
    pub(super) collection: i64,
    pub(super) id: Arc<str>,
    pub(super) before: Option<String>,
    pub(super) after: Option<Arc<str>>,
}

/// A message.
pub(super) struct Sent {
    /// The name of the channel.
    pub(super) channel: Arc<str>,
    /// JSON.
    pub(super) message: Arc<str>,
}

impl Sent {
    /// What it holds, bytes.
    pub(super) fn bytes(&self) -> usize {
        CHANGE_BYTES + self.channel.len() + self.message.len()
    }
}

impl Changed {
    /// What it holds, bytes.
    pub(super) fn bytes(&self) -> usize {
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        CHANGE_BYTES + self.id.len() + before.map_or(0, str::len) + after.map_or(0, str::len)
    }
}

/// What one change of a project's documents has to tell, until it is committed.
#[derive(Default)]
pub(crate) struct Recorder {
    /// None: nobody watches.
    watched: Option<Arc<Watched>>,
    changes: Vec<Changed>,
    bytes: usize,
    lost: BTreeSet<i64>,
}

impl Recorder {
    /// Another one, as this was at its beginning.
    pub(crate) fn again(&self) -> Self {
        Self { watched: self.watched.clone(), ..Self::default() }
    }

    /// A document of a collection is written.
    pub(crate) fn passed(&mut self, collection: i64, id: &str, before: Option<&str>, after: Option<&str>) {
        let Some(watched) = &self.watched else { return };
        if !watched.has(collection) {
            return;
        }
        if self.bytes >= MAX_RECORDED_BYTES {
            self.lost.insert(collection);
            return;
        }
        let (id, before, after) = (id.into(), before.map(str::to_owned), after.map(Arc::from));
        let changed = Changed { collection, id, before, after };
        self.bytes += changed.bytes();
        self.changes.push(changed);
    }

    /// It is committed. To be called in the order of the commits.
    pub(crate) fn publish(&mut self) {
        let Some(watched) = &self.watched else { return };
        let changes = std::mem::take(&mut self.changes);
        let is_much = watched.queued.load(Relaxed) + self.bytes > MAX_QUEUED_BYTES;
        if is_much || !self.lost.is_empty() {
            self.lost.extend(changes.iter().map(|changed| changed.collection));
            watched.send(Message::Lost(std::mem::take(&mut self.lost)));
        } else if !changes.is_empty() {
            watched.queued.fetch_add(self.bytes, Relaxed);
            watched.send(Message::Changes(changes));
        }
    }
}

impl Hub {
    /// Nobody watches yet.
    pub(crate) fn new(timer: StoreTimer, limits: Limits) -> Arc<Self> {
        Arc::new(Self { projects: RwLock::default(), timer, limits, kept_in_all: Arc::default() })
    }

    /// For a change that begins. To be asked in the writer, where it is known who watches at that moment.
    pub(crate) fn recorder(&self, project: ProjectId) -> Recorder {
        Recorder { watched: self.read().get(&project).cloned(), ..Recorder::default() }
    }

    /// Collections are not what they were. To be called in the order of the commits.
    pub(crate) fn renewed(&self, project: ProjectId, collections: &[Arc<Collection>]) {
        let Some(watched) = self.read().get(&project).cloned() else { return };
        for collection in collections.iter().filter(|collection| watched.has(collection.id)) {
            watched.send(Message::Renewed(collection.clone()));
        }
    }

    /// The channels are not what they were. To be called in the order of the commits.
    pub(super) fn declared(&self, project: ProjectId, declared: Arc<Declared>) {
        if let Some(watched) = self.read().get(&project) {
            watched.send(Message::Declared(declared));
        }
    }

    /// Somebody has sent a message. Where nobody watches it is told to nobody.
    pub(super) fn send(&self, project: ProjectId, by: By, sent: Sent) -> Sending {
        let Some(watched) = self.read().get(&project).cloned() else { return Sending::Sent };
        let kib = u32::try_from(sent.message.len() >> 10).unwrap_or(u32::MAX).saturating_add(1);
        let kib = NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN);
        let is_much = watched.queued.load(Relaxed) + sent.bytes() > MAX_QUEUED_BYTES;
        let lets = |rate: &DefaultDirectRateLimiter| matches!(rate.check_n(kib), Ok(Ok(())));
        let is_let = by == By::Function || lets(&watched.rate_of_callers);
        if is_much || !is_let || !lets(&watched.rate) {
            return Sending::TooMuch;
        }
        watched.queued.fetch_add(sent.bytes(), Relaxed);
        watched.send(Message::Sent(sent));
        Sending::Sent
    }

    /// One more who watches. A project's thread begins with the first one.
    pub(super) fn sit(self: &Arc<Self>, project: ProjectId) -> Result<Seat, StoreError> {
        let mut projects = self.write();
        let watched = match projects.get(&project) {
            Some(watched) => watched.clone(),
            None => {
                let watched = self.begin(project)?;
                projects.insert(project, watched.clone());
                watched
            }
        };
        // The thread asks for this under the same lock before it ends.
        watched.seats.fetch_add(1, Relaxed);
        drop(projects);
        let number = watched.next_seat.fetch_add(1, Relaxed);
        Ok(Seat { watched, number })
    }

    fn begin(self: &Arc<Self>, project: ProjectId) -> Result<Arc<Watched>, StoreError> {
        let (messages, receiver) = channel();
        let queued = Arc::<AtomicUsize>::default();
        let thread = Thread {
            hub: Arc::downgrade(self),
            project,
            timer: self.timer.clone(),
            queued: queued.clone(),
            judge: Judge::new(Kept::new(self.limits, self.kept_in_all.clone()), self.limits),
        };
        let run = move || thread.run(&receiver);
        std::thread::Builder::new().name("realtime".to_owned()).spawn(run).map_err(StoreError::io)?;
        let (collections, seats, next_seat) = (RwLock::default(), AtomicUsize::new(0), AtomicU64::new(0));
        let per_second = |kib| Quota::per_second(NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN));
        let rate = RateLimiter::direct(per_second(SENT_KIB_PER_S));
        let rate_of_callers = RateLimiter::direct(per_second(SENT_BY_CALLERS_KIB_PER_S));
        Ok(Arc::new(Watched { messages, collections, queued, rate, rate_of_callers, seats, next_seat }))
    }

    /// Whether the thread of a project may end, because nobody watches there and nobody is about to.
    fn retire(&self, project: ProjectId) -> bool {
        let mut projects = self.write();
        let is_empty = projects.get(&project).is_none_or(|watched| watched.seats.load(Relaxed) == 0);
        if is_empty {
            projects.remove(&project);
        }
        is_empty
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<ProjectId, Arc<Watched>>> {
        // Nothing panics between two halves of a change.
        self.projects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<ProjectId, Arc<Watched>>> {
        self.projects.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Hub {
    fn forgotten(&self, project: ProjectId) {
        if let Some(watched) = self.write().remove(&project) {
            watched.send(Message::End);
        }
    }
}

impl Watched {
    fn has(&self, collection: i64) -> bool {
        self.collections.read().unwrap_or_else(PoisonError::into_inner).contains(&collection)
    }

    fn send(&self, message: Message) {
        // A thread that has ended tells nobody: its feeds are over.
        let _ = self.messages.send(message);
    }
}

impl Seat {
    /// Changes of that collection are told from now on. To be called in the writer.
    pub(super) fn watch(&self, collection: i64) {
        self.watched.collections.write().unwrap_or_else(PoisonError::into_inner).insert(collection);
    }

    /// To be called in the order of the commits.
    pub(super) fn join(&self, join: Join) {
        self.watched.send(Message::Join(Box::new(join)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.watched.send(Message::Leave(self.number));
        self.watched.seats.fetch_sub(1, Relaxed);
    }
}

/// The thread of a project.
struct Thread {
    hub: Weak<Hub>,
    project: ProjectId,
    timer: StoreTimer,
    queued: Arc<AtomicUsize>,
    judge: Judge,
}

impl Thread {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut next_pause = (self.timer)() + PAUSE;
        loop {
            let wait = next_pause.saturating_sub((self.timer)());
            match messages.recv_timeout(wait) {
                Ok(first) => {
                    let now = (self.timer)();
                    let more = messages.try_iter().take(MAX_AT_ONCE - 1);
                    for message in std::iter::once(first).chain(more) {
                        if !self.judge(message, now) {
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = (self.timer)();
            if now >= next_pause {
                next_pause = now + PAUSE;
                let is_left = !self.judge.pause(now);
                if is_left && self.hub.upgrade().is_none_or(|hub| hub.retire(self.project)) {
                    return;
                }
            }
            self.judge.flush();
        }
    }

    /// `false` when that was the last message.
    fn judge(&mut self, message: Message, now: Duration) -> bool {
        match message {
            Message::Join(join) => self.judge.join(*join, now),
            Message::Leave(number) => self.judge.leave(number),
            Message::Sent(sent) => {
                self.queued.fetch_sub(sent.bytes(), Relaxed);
                self.judge.sent(sent, now);
            }
            Message::Declared(declared) => self.judge.declared(declared, now),
            Message::Changes(changes) => {
                for changed in changes {
                    self.queued.fetch_sub(changed.bytes(), Relaxed);
                    self.judge.changed(changed, now);
                }
            }
            Message::Lost(collections) => self.judge.lost(&collections, now),
            Message::Renewed(collection) => self.judge.renewed(&collection, now),
            Message::End => return false,
        }
        true
    }
}
