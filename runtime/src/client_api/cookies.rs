//! Sessions that pages keep in a cookie. At the door the cookie is changed for an access token that goes no further than this server:
//! behind it there is one kind of proof, whoever calls.
//!
//! The store is asked each time, so a session that is over is over at once.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use store::accounts::RACE_MS;

use super::callers::Place;
use super::origin::may_use_cookie;
use crate::accounts::cookie::{self, Sent};
use crate::accounts::sessions::{Renewed, Session, Sessions};
use crate::clock::Clock;
use crate::problem::Problem;

/// An answer says nothing of the cookie so long after its request came, milliseconds. In [`RACE_MS`] nobody is given another value, and
/// the second half of that is for the way to the browser.
const LATE_MS: i64 = RACE_MS / 2;

/// Knows sessions by their cookies. A cheap handle.
#[derive(Clone)]
pub(super) struct Cookies {
    sessions: Sessions,
    clock: Clock,
}

/// What the cookie of a request is worth, and what its answer has to say of it.
#[must_use = "the answer has to be marked"]
pub enum Bearing {
    /// Nobody has looked: there are no such cookies here, or the request says otherwise who makes it.
    Nothing,
    /// There is none.
    Absent,
    /// It is somebody's session, and perhaps another value takes its place.
    Session(Option<Successor>),
    /// It is of no session, or of one that is over: it is to be forgotten.
    Over(Successor),
}

/// What takes the place of the cookie of a request, unless its answer is late. A browser may have been given another one since, which
/// must stay: the value before this one goes on until it is replaced again.
pub struct Successor {
    set: HeaderValue,
    came_ms: i64,
    clock: Clock,
}

impl Cookies {
    /// Over those sessions, by that clock.
    pub(super) fn new(sessions: Sessions, clock: Clock) -> Self {
        Self { sessions, clock }
    }

    /// Puts an access token in the place of the cookie. `authorization` that the client has sent itself wins. `cross_site` when
    /// the request is not one of the project's own pages.
    pub(super) async fn exchange<B>(
        &self,
        place: &Place,
        request: &mut Request<B>,
    ) -> Result<Bearing, Problem> {
        let Some(settings) = place.settings.as_ref().filter(|settings| settings.cookie) else {
            return Ok(Bearing::Nothing);
        };
        if request.headers().contains_key(header::AUTHORIZATION) {
            return Ok(Bearing::Nothing);
        }
        let came_ms = self.clock.now_ms();
        let successor = |set| Successor { set, came_ms, clock: self.clock.clone() };
        let text = match cookie::sent(request.headers()) {
            Sent::Nothing => return Ok(Bearing::Absent),
            _ if !may_use_cookie(request) => return Err(cross_site()),
            Sent::One(text) => text,
            Sent::Several => return Ok(Bearing::Over(successor(cookie::clear()))),
        };
        let Some((session, renewed)) = self.sessions.kept(place.project, settings, text).await? else {
            return Ok(Bearing::Over(successor(cookie::clear())));
        };
        let token = self.sessions.access_token(place.project, settings, &session).await?;
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, bearer.map_err(|error| Problem::internal(&error))?);
        match renewed {
            Renewed::No => Ok(Bearing::Session(None)),
            Renewed::Yes => Ok(Bearing::Session(Some(successor(kept(&session, settings.refresh_ms)?)))),
        }
    }
}

impl Bearing {
    /// Whether somebody's session is kept in the cookie.
    pub(super) fn is_session(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// Says on the answer what becomes of the cookie, and keeps from caches what is one person's. What a call has said of the cookie
    /// itself stays.
    pub fn mark(&self, headers: &mut HeaderMap) {
        let set = match self {
            Self::Nothing => return,
            Self::Absent => None,
            Self::Session(renewed) => renewed.as_ref().and_then(Successor::in_time),
            Self::Over(nothing) => nothing.in_time(),
        };
        headers.append(header::VARY, HeaderValue::from_static("cookie"));
        let set = set.filter(|_| !cookie::is_set(headers));
        let is_own = self.is_session() && !headers.contains_key(header::CACHE_CONTROL);
        if set.is_some() || is_own {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.extend(set.map(|set| (header::SET_COOKIE, set)));
    }
}

impl Successor {
    /// What the answer sets; none when it is late.
    fn in_time(&self) -> Option<HeaderValue> {
        let passed_ms = self.clock.now_ms().saturating_sub(self.came_ms);
        (0..LATE_MS).contains(&passed_ms).then(|| self.set.clone())
    }
}

/// The cookie of a session.
pub(super) fn kept(session: &Session, life_ms: u64) -> Result<HeaderValue, Problem> {
    let set = cookie::set(&session.token.text(), life_ms);
    set.ok_or_else(|| Problem::internal(&std::io::Error::other("a token has no place in a header")))
}

/// A page of another host may not use the session that is kept in a cookie.
pub(super) fn cross_site() -> Problem {
    let problem = Problem::new(
        StatusCode::FORBIDDEN.as_u16(),
        "cross_site",
        "the cookie is for the project's own pages",
    );
    problem.hint("send the request from a page of the same host, or with an access token")
}
