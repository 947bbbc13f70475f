//! Feeds: where what is told waits for whoever watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;

use super::hub::Seat;
use super::judge::Join;
use super::{Event, MAX_WAITING_BYTES, Mark, Told};

/// What an event is counted beside its document, bytes.
const EVENT_BYTES: usize = 128;
/// Bytes of a [`Tag`].
const TAG: usize = 8;

/// Whom a place was told to: in somebody else's name nobody goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) [u8; TAG]);

/// What is told to one who watches. Dropped, it watches no more.
pub struct Feed {
    outbox: Arc<Outbox>,
    tag: Tag,
    /// Given up when the feed is dropped.
    _seat: Seat,
}

/// What has come, in order. There may be nothing in it but a mark.
#[derive(Debug, Default)]
pub struct Batch {
    /// What has happened.
    pub told: Vec<Told>,
    /// A place behind all of it.
    pub mark: Option<Mark>,
}

/// The end of a feed at which something is put in. Once it is dropped, or a feed is too slow, the feed ends.
pub(super) struct Teller(Arc<Outbox>);

#[derive(Default)]
struct Outbox {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    bytes: usize,
    is_over: bool,
}

impl Feed {
    /// Begins one. To be called in the order of the commits.
    pub(super) fn begin(tag: Tag, seat: Seat, join: impl FnOnce(u64, Teller) -> Join) -> Self {
        let outbox = Arc::<Outbox>::default();
        seat.join(join(seat.number, Teller(outbox.clone())));
        Self { outbox, tag, _seat: seat }
    }

    /// Waits for what comes next. None when the feed is over: it was read too slowly, or the project is gone. From the
    /// last place that was told another one goes on.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            {
                let mut waiting = self.outbox.lock();
                if waiting.is_over {
                    return None;
                }
                if waiting.batch.mark.is_some() || !waiting.batch.told.is_empty() {
                    waiting.bytes = 0;
                    return Some(std::mem::take(&mut waiting.batch));
                }
            }
            self.outbox.news.notified().await;
        }
    }

    /// A place as text, for the same caller to go on from.
    pub fn id(&self, mark: Mark) -> String {
        URL_SAFE_NO_PAD.encode([self.tag.0.as_slice(), mark.0.as_slice()].concat())
    }
}

impl Tag {
    /// Reads a place; none where it was told to somebody else, or to nobody.
    pub(super) fn read(self, id: &str) -> Option<Mark> {
        let mut bytes = [0; TAG + Mark::BYTES];
        let read = URL_SAFE_NO_PAD.decode_slice(id, &mut bytes).ok()?;
        let mark = bytes.get(..read)?.strip_prefix(&self.0)?;
        mark.try_into().map(Mark).ok()
    }
}

impl Teller {
    /// Puts in what has happened. `false` when nobody will read it.
    pub(super) fn tell(&self, batch: Batch) -> bool {
        let mut waiting = self.0.lock();
        if waiting.is_over {
            return false;
        }
        waiting.bytes += batch.told.iter().map(Told::bytes).sum::<usize>();
        waiting.batch.told.extend(batch.told);
        waiting.batch.mark = batch.mark.or(waiting.batch.mark.take());
        if waiting.bytes > MAX_WAITING_BYTES && waiting.batch.told.len() > 1 {
            *waiting = Waiting { is_over: true, ..Waiting::default() };
        }
        let goes_on = !waiting.is_over;
        drop(waiting);
        self.0.news.notify_one();
        goes_on
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        *waiting = Waiting { is_over: true, ..Waiting::default() };
        drop(waiting);
        self.0.news.notify_one();
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics between two halves of a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// What it is counted, bytes.
    pub(super) fn bytes(&self) -> usize {
        let told = match &self.event {
            Event::Insert(text) | Event::Update(text) | Event::Delete(text) | Event::Message(text) => {
                text.len()
            }
            Event::Reset | Event::Refused(_) => 0,
        };
        EVENT_BYTES + told
    }
}
