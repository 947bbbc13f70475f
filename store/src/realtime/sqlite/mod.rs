//! Watching the files of projects, and their channels: whoever begins passes through the writer, so that it is certain of each commit
//! whether it came before.

mod channels;

use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, Mac as _};
use rusqlite::Connection;
use sha2::Sha256;

pub(crate) use self::channels::{Declarations, TABLES};
use super::channels::Channel;
use super::feed::Tag;
use super::judge::{After, Asked, Join, Wanted};
use super::{Feed, MAX_FILTER_BYTES, MAX_PATTERNS, MAX_SUBSCRIPTIONS, Realtime, Result, Topic};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::language::{Filter, json};
use crate::documents::sqlite::Sqlite as Documents;
use crate::documents::{Caller, Failure};
use crate::sqlite::Durability;

/// The driver.
pub(crate) struct Sqlite {
    documents: Arc<Documents>,
    declarations: Arc<Declarations>,
    /// Under which places are told: another one in each process, since what is kept is in its memory.
    key: [u8; 32],
}

/// What somebody wants to watch, read.
pub struct Subscriptions {
    project: ProjectId,
    caller: Caller,
    topics: Vec<Result<Read>>,
    weight: u32,
}

/// A topic, before the collection is known.
enum Read {
    Documents(Asked, String),
    Channel(Channel),
}

impl Subscriptions {
    /// What it costs at most to look at one change for them: each filter counts, and each of its patterns.
    pub fn weight(&self) -> u32 {
        self.weight
    }
}

impl Sqlite {
    /// Over those documents, and the channels of whose files that account is kept.
    pub(crate) fn new(
        documents: Arc<Documents>,
        declarations: Arc<Declarations>,
    ) -> std::result::Result<Self, StoreError> {
        Ok(Self { documents, declarations, key: crate::keys::random()? })
    }

    /// Whom a place is told to.
    fn tag(&self, project: ProjectId, caller: &Caller) -> Result<Tag> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(StoreError::driver)?;
        mac.update(project.0.as_bytes());
        mac.update(&[u8::from(caller.user.is_some()), u8::from(caller.anonymous)]);
        for part in caller.user.iter().chain(&caller.roles) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mac = mac.finalize().into_bytes();
        let tag = mac.first_chunk().ok_or_else(|| StoreError::driver("a digest is too short"))?;
        Ok(Tag(*tag))
    }
}

#[async_trait]
impl Realtime for Sqlite {
    async fn read(&self, project: ProjectId, caller: &Caller, topics: Vec<Topic>) -> Result<Subscriptions> {
        if !(1..=MAX_SUBSCRIPTIONS).contains(&topics.len()) {
            let text = format!("1 to {MAX_SUBSCRIPTIONS} subscriptions are possible");
            return Err(Failure::Invalid(text));
        }
        let topics = self.permitted(project, caller, topics).await?;
        let place = self.documents.parsing.clone().acquire_owned().await.map_err(StoreError::driver)?;
        let read = move || {
            // A caller that goes away leaves it running: the place is taken until its end.
            let _place = place;
            let mut patterns = 0;
            let topics: Vec<_> =
                topics.into_iter().map(|topic| topic.and_then(|topic| read(topic, &mut patterns))).collect();
            // A filter is asked at each change, and a channel has one more to be told to.
            let watched = topics.iter().filter(|topic| topic.is_ok()).count();
            (topics, u32::try_from(watched + patterns).unwrap_or(u32::MAX))
        };
        let (topics, weight) = tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)?;
        Ok(Subscriptions { project, caller: caller.clone(), topics, weight })
    }

    async fn watch(&self, subscriptions: Subscriptions, after: Option<&str>) -> Result<Feed> {
        let Subscriptions { project, caller, topics: read, .. } = subscriptions;
        let tag = self.tag(project, &caller)?;
        let after = match after {
            None => After::Nothing,
            Some(id) => tag.read(id).map_or(After::Unknown, After::Mark),
        };
        let (catalog, hub) = (self.documents.catalog.clone(), self.documents.hub.clone());
        let enter = move |connection: &Connection, _| {
            let seat = hub.sit(project)?;
            let topics = read.into_iter().map(|read| match read? {
                Read::Channel(channel) => Ok(Wanted::Channel(channel)),
                Read::Documents(asked, name) => {
                    let collection = catalog.collection(connection, project, &name).map_err(untold)?;
                    seat.watch(collection.id);
                    Ok(Wanted::Documents(asked, collection))
                }
            });
            let topics: Vec<Result<Wanted>> = topics.collect();
            Ok((Some((seat, topics, caller)), None))
        };
        let (done, judged) = tokio::sync::oneshot::channel();
        let declarations = self.declarations.clone();
        let entered = move |(entered, feed): &mut (Option<_>, Option<Feed>)| {
            *feed = entered.take().map(|(seat, topics, caller)| {
                let declared = declarations.of(project).unwrap_or_default();
                Feed::begin(tag, seat, |number, teller| Join {
                    number,
                    teller,
                    caller,
                    topics,
                    declared,
                    after,
                    done,
                })
            });
        };
        let entered = self.documents.files.write_existing(project, Durability::Later, enter, entered).await?;
        let feed = entered.and_then(|(_, feed)| feed).ok_or(Failure::Forbidden)?;
        // A thread that has ended judges nothing: the feed says so.
        let _ = judged.await;
        Ok(feed)
    }
}

impl Sqlite {
    /// Leaves the topics of which the caller may see something, as the rules are now. They are asked again later: here it
    /// saves the work of reading filters for nothing. Channels cost nothing to be read.
    async fn permitted(
        &self,
        project: ProjectId,
        caller: &Caller,
        topics: Vec<Topic>,
    ) -> Result<Vec<Result<Topic>>> {
        let catalog = &self.documents.catalog;
        let permit = |connection: &Connection, topic: Topic| {
            if let Topic::Documents { collection, .. } = &topic {
                let collection = catalog.collection(connection, project, collection).map_err(untold)?;
                collection.permit_sight(caller)?;
            }
            Ok(topic)
        };
        let permit_all = |connection: &Connection, _| {
            Ok(topics.into_iter().map(|topic| permit(connection, topic)).collect())
        };
        let permitted = self.documents.files.read(project, permit_all).await?;
        permitted.ok_or(Failure::Forbidden)
    }
}

/// Reads a topic; `patterns` counts those of all of them.
fn read(topic: Topic, patterns: &mut usize) -> Result<Read> {
    let (collection, filter) = match topic {
        Topic::Documents { collection, filter } => (collection, filter),
        Topic::Channel(name) => return Channel::parse(&name).map(Read::Channel).map_err(Failure::Invalid),
    };
    if filter.len() > MAX_FILTER_BYTES {
        return Err(Failure::TooLarge { what: "the filter, in bytes", limit: MAX_FILTER_BYTES as u64 });
    }
    let query = json::read_query(&filter, "filter")?;
    let own = json::patterns(&query);
    if *patterns + own > MAX_PATTERNS {
        return Err(Failure::TooLarge { what: "patterns of all subscriptions", limit: MAX_PATTERNS as u64 });
    }
    *patterns += own;
    let read = Arc::new(Filter::read(query)?);
    Ok(Read::Documents(Asked { text: filter.into(), filter: read }, collection))
}

/// Whether there is a collection is not for callers from outside.
fn untold(failure: Failure) -> Failure {
    match failure {
        Failure::NoCollection(_) => Failure::Forbidden,
        other => other,
    }
}
