//! What a client asks for: method, path and JSON to a [`Call`].

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use http_body::Body;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::passwords::MAX_PASSWORD_BYTES;
use crate::client_api::answer::{Refusal, no_route, other_method};
use crate::client_api::body::{Posted, bad};
use crate::problem::Problem;

/// Longest body, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

/// A password as it was typed. Never printed.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub(super) struct Password(pub(super) String);

/// An address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub(super) email: String,
    pub(super) password: Password,
    /// Whether the session is kept in a cookie.
    #[serde(default)]
    pub(super) cookie: bool,
}

/// An ID token of another issuer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Issued {
    pub(super) token: String,
    /// Whether who is signed in is that person, too, from now on.
    #[serde(default)]
    pub(super) link: bool,
    /// Whether the session is kept in a cookie.
    #[serde(default)]
    pub(super) cookie: bool,
}

/// Who somebody is elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlink {
    pub(super) provider: String,
    pub(super) subject: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    pub(super) refresh_token: String,
    /// Whether the session is kept in a cookie from now on.
    #[serde(default)]
    pub(super) cookie: bool,
}

/// The refresh token of the session that is to end.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOut {
    pub(super) refresh_token: Option<String>,
}

/// The password as it is, and as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Passwords {
    pub(super) old: Password,
    pub(super) new: Password,
}

/// The token of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    pub(super) token: String,
}

/// The token of a mail, and the password as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    pub(super) token: String,
    pub(super) password: Password,
}

/// An address to which a mail is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestReset {
    pub(super) email: String,
}

/// How the session is kept.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Anonymous {
    /// Whether the session is kept in a cookie.
    #[serde(default)]
    pub(super) cookie: bool,
}

/// What is asked for.
pub(super) enum Call {
    SignUp(Credentials),
    SignIn(Credentials),
    SignInOidc(Issued),
    Anonymous(Anonymous),
    Upgrade(Credentials),
    Refresh(Refresh),
    SignOut(SignOut),
    User,
    Identities,
    Unlink(Unlink),
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
        const POSTED: [&str; 12] = [
            "sign-up",
            "sign-in",
            "sign-in-oidc",
            "anonymous",
            "upgrade",
            "refresh",
            "sign-out",
            "password",
            "unlink",
            "verify",
            "reset",
            "reset/request",
        ];
        let is_posted = POSTED.contains(&name);
        match (name, method) {
            ("user", &Method::GET) => return Ok(Self::User),
            ("identities", &Method::GET) => return Ok(Self::Identities),
            ("jwks", &Method::GET | &Method::HEAD) => return Ok(Self::Jwks),
            ("user" | "identities" | "jwks", _) => return Err(other_method("GET").into()),
            (_, &Method::POST) if is_posted => {}
            _ if is_posted => return Err(other_method("POST").into()),
            _ => return Err(no_route().into()),
        }
        let body = Posted::read(headers, body, MAX_BODY_BYTES).await?;
        let call = match name {
            "sign-up" => Self::SignUp(body.json()?),
            "sign-in" => Self::SignIn(body.json()?),
            "sign-in-oidc" => Self::SignInOidc(body.json()?),
            "anonymous" => Self::Anonymous(body.json_or_nothing()?),
            "upgrade" => Self::Upgrade(body.json()?),
            "refresh" => Self::Refresh(body.json()?),
            "sign-out" => Self::SignOut(body.json_or_nothing()?),
            "password" => Self::Password(body.json()?),
            "unlink" => Self::Unlink(body.json()?),
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
