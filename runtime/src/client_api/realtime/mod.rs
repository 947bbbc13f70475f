//! Realtime over HTTP: `POST /_ostro/v1/realtime` answers with server-sent events (HTML standard, section 9.2) of what
//! happens to what a page watches, and of what is sent to channels, under the rules as they are at each moment. The store
//! judges; here is who asks, how much at once, and when a stream ends.

mod asked;
mod blocks;
mod body;
mod described;
mod send;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body::Body;
use store::Store;
use store::catalog::ProjectId;
use store::documents::Caller;
use store::realtime::{Channels, Realtime};
use tokio::sync::watch;

use self::asked::Asked;
pub use self::body::StreamBody;
pub(super) use self::described::Paths;
use self::send::Rates;
use self::stream::Stream;
use super::answer::{Refusal, other_method};
use super::body::Posted;
use super::callers::Callers;
use super::reply::ReplyBody;
use crate::accounts::attempts::network;
use crate::clock::Clock;
use crate::places::{NoPlace, Place, Places};
use crate::problem::Problem;

/// Streams that are open, of one project, and of all.
const STREAMS: (u32, u32) = (2_000, 4_000);
/// Streams of one address, unless it is this machine.
const STREAMS_PER_ADDRESS: u32 = 200;
/// What looking at one change may cost for the streams of an account, in filters and patterns of them, and for those of an
/// address unless it is this machine. All of a project wait for each other's filters.
const WEIGHT_PER_USER: u32 = 500;
const WEIGHT_PER_ADDRESS: u32 = 1_000;
/// What is asked for, bytes of JSON.
const MAX_BODY_BYTES: usize = 128 << 10;
/// The longest stream; nobody's access token lives for ever either.
const MAX_TIME: Duration = Duration::from_secs(3600);
/// Longest place to go on from, bytes.
const MAX_ID_BYTES: usize = 64;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Proxies that would wait for more hand on what there is.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The way to what happens. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub(super) struct RealtimeDoor {
    callers: Callers,
    realtime: Arc<dyn Realtime>,
    channels: Arc<dyn Channels>,
    clock: Clock,
    /// Turns true when the server ends.
    stopping: watch::Receiver<bool>,
    streams: Places<ProjectId>,
    addresses: Places<IpAddr>,
    weights: (Places<(ProjectId, String)>, Places<IpAddr>),
    rates: Rates,
}

/// Room for a stream.
pub(super) struct Room {
    _stream: Place<ProjectId>,
    _address: Option<Place<IpAddr>>,
}

/// Room for what a stream watches.
pub(super) struct Load {
    _user: Option<Place<(ProjectId, String)>>,
    _address: Option<Place<IpAddr>>,
}

impl RealtimeDoor {
    /// The way to what happens in that store, until `stopping` turns true.
    pub(super) fn new(
        store: &Store,
        callers: Callers,
        clock: Clock,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (streams, addresses) =
            (Places::new(STREAMS.0, STREAMS.1), Places::new(STREAMS_PER_ADDRESS, STREAMS.1));
        let (realtime, channels) = (store.realtime.clone(), store.channels.clone());
        // Streams are bounded in all, and so is what each of them watches.
        let weights = (Places::new(WEIGHT_PER_USER, u32::MAX), Places::new(WEIGHT_PER_ADDRESS, u32::MAX));
        let rates = Rates::new();
        Self { callers, realtime, channels, clock, stopping, streams, addresses, weights, rates }
    }

    /// Begins a stream for a client at that address. Its head is answered when everything is watched.
    pub(super) async fn open<B>(
        &self,
        project: ProjectId,
        client: IpAddr,
        request: Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(other_method("POST").into());
        }
        let (caller, until_ms) = self.callers.caller_until(project, &parts.headers).await?;
        let room = self.room(project, client)?;
        let posted = Posted::read(&parts.headers, body, MAX_BODY_BYTES).await?;
        let Asked { names, topics } = Asked::read(posted.bytes()?)?;
        let after = last_event_id(&parts.headers).map(str::to_owned);
        let read = self.realtime.read(project, &caller, topics).await.map_err(Problem::from)?;
        let load = self.load(project, &caller, client, read.weight())?;
        // A client that goes away leaves it running: its room is taken until all is done that it has asked for.
        let realtime = self.realtime.clone();
        let watch = async move { (realtime.watch(read, after.as_deref()).await, room, load) };
        let watched = tokio::spawn(watch).await.map_err(|error| Problem::internal(&error))?;
        let (feed, room, load) = (watched.0.map_err(Problem::from)?, watched.1, watched.2);
        let life = until_ms.map_or(MAX_TIME, |until| {
            let left = until.saturating_sub(self.clock.now_ms()).max(0);
            Duration::from_millis(left.unsigned_abs()).min(MAX_TIME)
        });
        let (to, body) = StreamBody::new();
        let stream = Stream { feed, names, to, stopping: self.stopping.clone(), _room: (room, load) };
        tokio::spawn(stream.run(life));
        Ok(answer(body))
    }

    fn room(&self, project: ProjectId, client: IpAddr) -> Result<Room, Problem> {
        let address = match client.is_loopback() {
            true => None,
            false => Some(self.addresses.begin(network(client)).map_err(too_many)?),
        };
        Ok(Room { _stream: self.streams.begin(project).map_err(too_many)?, _address: address })
    }

    fn load(
        &self,
        project: ProjectId,
        caller: &Caller,
        client: IpAddr,
        weight: u32,
    ) -> Result<Load, Problem> {
        let (users, addresses) = &self.weights;
        let user = caller.user.clone().map(|user| users.begin_some((project, user), weight));
        let address = (!client.is_loopback()).then(|| addresses.begin_some(network(client), weight));
        Ok(Load {
            _user: user.transpose().map_err(too_much)?,
            _address: address.transpose().map_err(too_much)?,
        })
    }
}

/// Where the client was. What is no place at all is one that is not known.
fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(LAST_EVENT_ID)?;
    Some(id.to_str().ok().filter(|id| id.len() <= MAX_ID_BYTES).unwrap_or_default())
}

fn answer(body: StreamBody) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(UNBUFFERED.0, UNBUFFERED.1);
    response
}

fn too_much(_: NoPlace) -> Problem {
    Problem::new(429, "too_many_streams", "too much is watched at once")
        .hint("close streams, or watch with fewer filters and patterns")
}

fn too_many(_: NoPlace) -> Problem {
    Problem::new(429, "too_many_streams", "too many streams are open")
        .hint("one stream carries all that a page watches")
}

#[cfg(test)]
mod tests;
