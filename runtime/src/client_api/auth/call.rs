//! What a client asks for: method, path and JSON to a [`Call`].

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{HeaderValue, Method};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::answer::Refusal;
use crate::accounts::passwords::MAX_PASSWORD_BYTES;
use crate::problem::Problem;

/// Longest body, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;
/// Longest wait for a body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A password as it was typed. Never printed.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Password(pub(super) String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub(super) email: String,
    pub(super) password: Password,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    pub(super) refresh_token: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOut {
    pub(super) refresh_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Passwords {
    pub(super) old: Password,
    pub(super) new: Password,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    pub(super) token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    pub(super) token: String,
    pub(super) password: Password,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestReset {
    pub(super) email: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What is asked for.
pub(super) enum Call {
    SignUp(Credentials),
    SignIn(Credentials),
    Anonymous,
    Upgrade(Credentials),
    Refresh(Refresh),
    SignOut(SignOut),
    User,
    Jwks,
    Password(Passwords),
    Verify(Verify),
    Reset(Reset),
    RequestReset(RequestReset),
}

impl Call {
    /// Reads what is asked for.
    pub(super) async fn read<B>(
        method: &Method,
        name: &str,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Self, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        const POSTED: [&str; 10] = [
            "sign-up",
            "sign-in",
            "anonymous",
            "upgrade",
            "refresh",
            "sign-out",
            "password",
            "verify",
            "reset",
            "reset/request",
        ];
        let is_posted = POSTED.contains(&name);
        match (name, method) {
            ("user", &Method::GET) => return Ok(Self::User),
            ("jwks", &Method::GET | &Method::HEAD) => return Ok(Self::Jwks),
            ("user" | "jwks", _) => return Err(other_method("GET").into()),
            (_, &Method::POST) if is_posted => {}
            _ if is_posted => return Err(other_method("POST").into()),
            _ => return Err(Problem::new(404, "no_route", "nobody answers here").into()),
        }
        let body = Posted::read(headers, body).await?;
        let call = match name {
            "sign-up" => Self::SignUp(body.json()?),
            "sign-in" => Self::SignIn(body.json()?),
            "anonymous" => body.json_or_nothing::<Nothing>().map(|Nothing {}| Self::Anonymous)?,
            "upgrade" => Self::Upgrade(body.json()?),
            "refresh" => Self::Refresh(body.json()?),
            "sign-out" => Self::SignOut(body.json_or_nothing()?),
            "password" => Self::Password(body.json()?),
            "verify" => Self::Verify(body.json()?),
            "reset" => Self::Reset(body.json()?),
            _ => Self::RequestReset(body.json()?),
        };
        call.check()?;
        Ok(call)
    }

    /// Refuses what would take long to hash.
    fn check(&self) -> Result<(), Problem> {
        let given: &[&Password] = match self {
            Self::SignUp(words) | Self::SignIn(words) | Self::Upgrade(words) => &[&words.password],
            Self::Password(words) => &[&words.old, &words.new],
            Self::Reset(words) => &[&words.password],
            _ => &[],
        };
        match given.iter().all(|Password(text)| text.len() <= MAX_PASSWORD_BYTES) {
            true => Ok(()),
            false => Err(bad(format!("a password has {MAX_PASSWORD_BYTES} bytes at most"))),
        }
    }
}

/// The body of a request and whether it says that it is JSON: pages of other origins can't say so without being asked first.
struct Posted {
    is_json: bool,
    bytes: Bytes,
}

impl Posted {
    async fn read<B>(headers: &HeaderMap, body: B) -> Result<Self, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str);
        let media_type = content_type.and_then(Result::ok).and_then(|text| text.split(';').next());
        let is_json = media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"));
        // The error of a body is one of the connection, or that it is too long.
        let limited = Limited::new(Unboxed(body), MAX_BODY_BYTES);
        let read = timeout(BODY_TIME, limited.collect()).await;
        let read = read.map_err(|_| Problem::new(408, "timeout", "the body did not come in time"))?;
        let read = read.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::new(413, "too_large", format!("the body is over {MAX_BODY_BYTES} bytes")),
            false => bad("the body ended early"),
        })?;
        Ok(Self { is_json, bytes: read.to_bytes() })
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.is_json {
            return Err(bad("the body has to be JSON, and say so with `content-type: application/json`"));
        }
        // Where it is wrong is told, and nothing of what was sent: it may be a password.
        serde_json::from_slice(&self.bytes).map_err(|error| {
            bad(format!(
                "the body is not what is expected here (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    fn json_or_nothing<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.bytes.is_empty() { Ok(T::default()) } else { self.json() }
    }
}

/// A body whose errors say nothing, so that they need be of no kind.
struct Unboxed<B>(B);

/// The body ended before it was whole.
#[derive(Debug, thiserror::Error)]
#[error("the body ended early")]
struct Ended;

impl<B: Body<Data = Bytes> + Unpin> Body for Unboxed<B> {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Ended>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx).map_err(|_| Ended)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

fn other_method(allowed: &str) -> Problem {
    Problem::new(405, "method", format!("this takes {allowed}"))
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "bad_request", message)
}
