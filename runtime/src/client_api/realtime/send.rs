//! Sending to channels: `POST /_ostro/v1/channels/NAME` with a message as its body, under the rule of the channel.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::{Method, Request};
use http_body::Body;
use percent_encoding::percent_decode_str;
use store::catalog::ProjectId;
use store::documents::{Caller, Failure};
use store::realtime::Sending;
use store::realtime::channels::{Channel, MAX_MESSAGE_BYTES, Message};

use super::RealtimeDoor;
use crate::accounts::attempts::network;
use crate::client_api::answer::{Answered, Refusal, other_method};
use crate::client_api::body::{Posted, bad};
use crate::problem::Problem;

/// What one sender may send in a second, and at once, KiB; a message counts as one at least.
const KIB_PER_S: u32 = 30;
const KIB_AT_ONCE: u32 = 60;
/// The same of all senders at one address, who may have made themselves accounts.
const KIB_PER_S_OF_ADDRESS: u32 = 300;
const KIB_AT_ONCE_OF_ADDRESS: u32 = 600;
/// Senders that are remembered before those are forgotten that have not sent for a while.
const MANY_SENDERS: usize = 50_000;

/// Who sends: whoever is signed in, wherever, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Sender {
    User(ProjectId, String),
    Address(ProjectId, IpAddr),
}

/// How much senders send. A cheap handle: clones count together.
#[derive(Clone)]
pub(super) struct Rates {
    senders: Arc<Limiter<Sender>>,
    addresses: Arc<Limiter<(ProjectId, IpAddr)>>,
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

impl Rates {
    /// Nobody has sent anything yet.
    pub(super) fn new() -> Self {
        let quota =
            |per_s, at_once| Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(at_once));
        Self {
            senders: Arc::new(RateLimiter::dashmap(quota(KIB_PER_S, KIB_AT_ONCE))),
            addresses: Arc::new(RateLimiter::dashmap(quota(KIB_PER_S_OF_ADDRESS, KIB_AT_ONCE_OF_ADDRESS))),
        }
    }

    /// Whether that caller may send so many bytes now. Whoever is on the server's own machine may stand for many others: only
    /// accounts are bounded there, and the project.
    fn allow(&self, project: ProjectId, caller: &Caller, client: IpAddr, bytes: usize) -> bool {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1);
        let address = (!client.is_loopback()).then(|| network(client));
        let sender = match (&caller.user, address) {
            (Some(user), _) => Some(Sender::User(project, user.clone())),
            (None, Some(address)) => Some(Sender::Address(project, address)),
            (None, None) => None,
        };
        sender.is_none_or(|sender| allow(&self.senders, &sender, kib))
            && address.is_none_or(|address| allow(&self.addresses, &(project, address), kib))
    }
}

fn allow<K: Clone + Eq + Hash>(limiter: &Limiter<K>, key: &K, kib: u32) -> bool {
    if limiter.len() > MANY_SENDERS {
        limiter.retain_recent();
    }
    matches!(limiter.check_key_n(key, at_least_one(kib)), Ok(Ok(())))
}

impl RealtimeDoor {
    /// Sends the body of a request to a channel. `name` stands in the path, with every byte escaped that is no name's.
    pub(in crate::client_api) async fn send<B>(
        &self,
        project: ProjectId,
        name: &str,
        client: IpAddr,
        request: Request<B>,
    ) -> Result<Answered, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(other_method("POST").into());
        }
        // The front door has refused what does not decode.
        let name = percent_decode_str(name).decode_utf8().map_err(|_| bad("the name is no text"))?;
        let channel = Channel::parse(&name).map_err(|reason| bad(format!("this is no channel: {reason}")))?;
        let caller = self.callers.caller(project, &parts.headers).await?;
        let posted = Posted::read(&parts.headers, body, MAX_MESSAGE_BYTES).await?;
        let bytes = posted.bytes()?;
        if !self.rates.allow(project, &caller, client, bytes.len()) {
            return Err(too_much("you send more than may be sent"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad("the message is no text"))?;
        let message = Message::parse(text).map_err(|failure| match failure {
            Failure::Invalid(text) => bad(text),
            other => other.into(),
        })?;
        let sent = self.channels.send_as(project, &caller, &channel, &message).await;
        match sent.map_err(Problem::from)? {
            Sending::Sent => Ok(Answered::Accepted),
            Sending::TooMuch => Err(too_much("more is sent in the project than may be")),
        }
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn too_much(text: &str) -> Refusal {
    Refusal::for_now(Problem::new(429, "rate", text).hint("wait as long as `retry-after` says"), 1)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn d2_each_sender_has_a_rate_of_its_own() {
        let rates = Rates::new();
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let user = |name: &str| Caller { user: Some(name.to_owned()), ..Caller::default() };
        let project = |number| ProjectId(Uuid::from_u128(number));
        let allowed = |of: u128, caller: &Caller, client, bytes| {
            (0..1_000).take_while(|_| rates.allow(project(of), caller, client, bytes)).count()
        };
        // Some come back while it is counted.
        for (of, caller, client) in [
            (1, user("ann"), here),
            (1, user("bob"), here),
            (2, user("ann"), here),
            (1, Caller::default(), here),
            (1, Caller::default(), there),
        ] {
            assert!((60..200).contains(&allowed(of, &caller, client, 100)), "{caller:?}");
        }
        assert!((1..30).contains(&allowed(3, &user("ann"), here, MAX_MESSAGE_BYTES)));
        // Many accounts of one address are no way around.
        let all = (0..1_000).map(|n| rates.allow(project(4), &user(&n.to_string()), here, 100));
        assert!((600..900).contains(&all.filter(|is_allowed| *is_allowed).count()));
        assert!(rates.allow(project(4), &user("x"), there, 100));
        assert_eq!(allowed(1, &Caller::default(), IpAddr::from([127, 0, 0, 1]), 100), 1_000);
    }
}
