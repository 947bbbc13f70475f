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
use super::{Feed, MAX_FILTER_BYTES, MAX_SUBSCRIPTIONS, Realtime, Result, Topic};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::language::Filter;
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

/// What is to be watched, before the collection is known.
enum Read {
    Documents(Asked, String),
    Channel(Channel),
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
    async fn watch(
        &self,
        project: ProjectId,
        caller: &Caller,
        topics: Vec<Topic>,
        after: Option<&str>,
    ) -> Result<Feed> {
        if !(1..=MAX_SUBSCRIPTIONS).contains(&topics.len()) {
            let text = format!("1 to {MAX_SUBSCRIPTIONS} subscriptions are possible");
            return Err(Failure::Invalid(text));
        }
        let read = self.read(topics).await?;
        let tag = self.tag(project, caller)?;
        let after = match after {
            None => After::Nothing,
            Some(id) => tag.read(id).map_or(After::Unknown, After::Mark),
        };
        let (catalog, hub, caller) =
            (self.documents.catalog.clone(), self.documents.hub.clone(), caller.clone());
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
                })
            });
        };
        let entered = self.documents.files.write_existing(project, Durability::Later, enter, entered).await?;
        entered.and_then(|(_, feed)| feed).ok_or(Failure::Forbidden)
    }
}

impl Sqlite {
    /// Reads what is asked beside the callers' threads: the patterns of many filters take their time.
    async fn read(&self, topics: Vec<Topic>) -> Result<Vec<Result<Read>>> {
        let place = self.documents.parsing.clone().acquire_owned().await.map_err(StoreError::driver)?;
        let read = move || {
            // A caller that goes away leaves it running: the place is taken until its end.
            let _place = place;
            topics.into_iter().map(read).collect()
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)?)
    }
}

fn read(topic: Topic) -> Result<Read> {
    let (collection, filter) = match topic {
        Topic::Documents { collection, filter } => (collection, filter),
        Topic::Channel(name) => return Channel::parse(&name).map(Read::Channel).map_err(Failure::Invalid),
    };
    if filter.len() > MAX_FILTER_BYTES {
        return Err(Failure::TooLarge { what: "the filter, in bytes", limit: MAX_FILTER_BYTES as u64 });
    }
    let read = Arc::new(Filter::parse(&filter)?);
    Ok(Read::Documents(Asked { text: filter.into(), filter: read }, collection))
}

/// Whether there is a collection is not for callers from outside.
fn untold(failure: Failure) -> Failure {
    match failure {
        Failure::NoCollection(_) => Failure::Forbidden,
        other => other,
    }
}
