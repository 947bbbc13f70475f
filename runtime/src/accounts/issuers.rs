//! People whom somebody else vouches for: issuers of OpenID Connect that a project's manifest names, and their keys.
//!
//! The keys are found by the issuer's discovery document, kept for an hour, and used for a day while the issuer does not answer.
//! A name of a key that is not known makes us ask again, but not more often than once a minute, whatever tokens come.

mod keys;
mod token;

use std::sync::Arc;

use dashmap::DashMap;
use host_api::outbound_http::EgressPool;
use http::Uri;
use serde::Deserialize;
use store::accounts::{Identity, Issuer};
use store::catalog::ProjectId;
use tokio::sync::Mutex;

use self::keys::Key;
use crate::problem::Problem;

/// How long keys are good without being asked for again, milliseconds.
const FRESH_MS: i64 = 3_600_000;
/// How long they are used when the issuer does not answer, milliseconds.
const STALE_MS: i64 = 24 * 3_600_000;
/// An issuer is asked no more often than this, milliseconds.
const PAUSE_MS: i64 = 60_000;
/// Longest document of an issuer, bytes.
const MAX_DOCUMENT_BYTES: usize = 256 << 10;
/// Issuers whose keys are kept.
const MAX_ISSUERS: usize = 10_000;

/// Knows the keys of issuers. A cheap handle: clones share them.
#[derive(Clone)]
pub struct Issuers {
    egress: EgressPool,
    known: Arc<DashMap<Asked, Arc<Mutex<Known>>>>,
}

/// An issuer as one project asks it: none finds out by how long it takes what another one uses.
type Asked = (ProjectId, String);

/// Whom an issuer vouches for.
#[derive(Debug)]
pub struct Vouched {
    /// Who it is there.
    pub identity: Identity,
    /// What it may do, where the manifest names a claim for that.
    pub roles: Option<Vec<String>>,
}

/// Why nobody is vouched for.
#[derive(Debug)]
pub enum Refused {
    /// The token is none of an issuer that is named, or not any more.
    Token,
    /// The issuer's keys could not be had.
    Unreachable,
}

/// What is known of an issuer, by the server's clock.
#[derive(Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    /// When they came; before that there are none.
    read_ms: Option<i64>,
    /// When they were asked for last.
    asked_ms: Option<i64>,
}

impl Issuers {
    /// Asks issuers by that way out.
    pub fn new(egress: EgressPool) -> Self {
        Self { egress, known: Arc::default() }
    }

    /// Whom that token vouches for at that time, milliseconds since 1970, if it is of one of these issuers.
    pub async fn verify(
        &self,
        project: ProjectId,
        issuers: &[Issuer],
        token: &str,
        now: i64,
    ) -> Result<Vouched, Refused> {
        let unverified = token::parse(token).ok_or(Refused::Token)?;
        let named = token::issuer(token).ok_or(Refused::Token)?;
        // One issuer may be named for several audiences.
        let named: Vec<&Issuer> = issuers.iter().filter(|issuer| issuer.url == named).collect();
        let first = named.first().ok_or(Refused::Token)?;
        let keys = self.keys(project, &first.url, &unverified.kid, now).await?;
        let key = keys.iter().find(|key| key.kid == unverified.kid).ok_or(Refused::Token)?;
        let vouched = named.iter().find_map(|issuer| unverified.verify(key, issuer, now.div_euclid(1_000)));
        let token::Vouched { subject, roles } = vouched.ok_or(Refused::Token)?;
        Ok(Vouched { identity: Identity { provider: first.url.clone(), subject }, roles })
    }

    /// The keys of an issuer: those that are known, unless they are old or none is of that name.
    async fn keys(
        &self,
        project: ProjectId,
        issuer: &str,
        kid: &str,
        now: i64,
    ) -> Result<Arc<Vec<Key>>, Refused> {
        if self.known.len() >= MAX_ISSUERS {
            self.known.clear();
        }
        let known = self.known.entry((project, issuer.to_owned())).or_default().clone();
        // Who waits here waits for the answer that it needs, too, and for no longer than the pool's calls take.
        let mut known = known.lock_owned().await;
        let within = |since: Option<i64>, ms: i64| {
            since.is_some_and(|since| (0..ms).contains(&now.saturating_sub(since)))
        };
        let is_known = known.keys.iter().any(|key| key.kid == kid);
        let is_enough = is_known && within(known.read_ms, FRESH_MS);
        if !is_enough && !within(known.asked_ms, PAUSE_MS) {
            let (issuers, issuer) = (self.clone(), issuer.to_owned());
            // Of its own: a client that goes away does not spend the one attempt of a minute.
            let asking = tokio::spawn(async move {
                known.asked_ms = Some(now);
                match issuers.fetch(&issuer).await {
                    Ok(keys) => {
                        known.keys = Arc::new(keys);
                        known.read_ms = Some(now);
                    }
                    Err(reason) => {
                        tracing::warn!(project = %project.0, issuer, reason, "an issuer gives no keys");
                    }
                }
                known
            });
            known = asking.await.map_err(|_| Refused::Unreachable)?;
        }
        match within(known.read_ms, STALE_MS) {
            true => Ok(known.keys.clone()),
            false => Err(Refused::Unreachable),
        }
    }

    /// Asks an issuer for its keys (OpenID Connect Discovery section 4).
    async fn fetch(&self, issuer: &str) -> Result<Vec<Key>, String> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = self.get(&place).await?;
        let found: Discovery = serde_json::from_slice(&document).map_err(|error| error.to_string())?;
        // Or it could speak for another one (section 4.3).
        if found.issuer != issuer {
            return Err("its document is another issuer's".to_owned());
        }
        if !may_lead_to(issuer, &found.jwks_uri) {
            return Err("its keys are where it may not lead".to_owned());
        }
        let keys = keys::read(&self.get(&found.jwks_uri).await?).unwrap_or_default();
        // None that is of use is an answer that went wrong: keys that are known stay.
        if keys.is_empty() { Err("its keys can't be read".to_owned()) } else { Ok(keys) }
    }

    async fn get(&self, url: &str) -> Result<bytes::Bytes, String> {
        let url: Uri = url.parse().map_err(|_| "not a URL".to_owned())?;
        self.egress.get(&url, MAX_DOCUMENT_BYTES).await.map_err(|error| error.to_string())
    }
}

/// Whether an issuer may name that URL: one of its own origin, or a name elsewhere by TLS, which leads to public addresses only.
/// An address is what a manifest says and nobody else.
fn may_lead_to(issuer: &str, url: &str) -> bool {
    let parse = |text: &str| text.parse::<Uri>().ok();
    let (Some(issuer), Some(url)) = (parse(issuer), parse(url)) else { return false };
    let origin = |uri: &Uri| (uri.scheme().cloned(), uri.authority().cloned());
    let is_name =
        url.host().is_some_and(|host| !host.starts_with('[') && host.parse::<std::net::Ipv4Addr>().is_err());
    origin(&issuer) == origin(&url) || (url.scheme_str() == Some("https") && is_name)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token => {
                Self::new(401, "unauthenticated", "this takes a token of an issuer that is valid")
            }
            Refused::Unreachable => {
                Self::new(503, "issuer", "the issuer of the token could not be asked for its keys")
                    .hint("try again in a minute")
            }
        }
    }
}

#[cfg(test)]
mod tests;
