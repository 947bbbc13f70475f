//! ID tokens of other issuers (OpenID Connect Core section 2) as text: taken apart, and judged by a key of their issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use store::accounts::Issuer;

use super::keys::Key;
use crate::registry::settings::{MAX_ROLES, check_role};

/// Longest token that is looked at, bytes.
const MAX_TOKEN_BYTES: usize = 8 << 10;
/// What clocks may differ by, seconds.
const LEEWAY_S: i64 = 60;
/// Longest life of a token that is believed, seconds.
const MAX_LIFE_S: i64 = 24 * 3_600;
/// Longest subject, bytes (OpenID Connect Core section 2).
const MAX_SUBJECT_BYTES: usize = 255;

/// The header. What else stands in it, `jku`, `jwk` and `x5u` above all, is not read; what must be understood is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    /// Seconds since 1970, as all times here.
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// A token whose parts are there. Nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    /// The name of the key, as the token says.
    pub(super) kid: String,
    algorithm: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

/// Whom a token vouches for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Vouched {
    /// Who it is at the issuer.
    pub(super) subject: String,
    /// What it may do, each role once and in order, where a claim for that is named.
    pub(super) roles: Option<Vec<String>>,
}

/// Takes a token apart; none for what is none.
pub(super) fn parse(token: &str) -> Option<Unverified<'_>> {
    let token = Some(token).filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
    let (signed, signature) = token.rsplit_once('.')?;
    // A part too many would be a dot in the header, which base64 does not have.
    let (header, claims) = signed.rsplit_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    // Tokens that are for something else say so (RFC 8725 section 3.11).
    let is_plain = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if !is_plain || header.crit.is_some() {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some(Unverified { kid: header.kid, algorithm: header.alg, signed, claims, signature })
}

/// Of which issuer a token says that it is. Only to choose whose keys are asked.
pub(super) fn issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(parse(token)?.claims).ok()?;
    serde_json::from_slice(&claims).ok().map(|Named { iss }| iss)
}

impl Unverified<'_> {
    /// Whom it vouches for, if that key of that issuer has signed it for the audience that is expected, and it holds at that
    /// time, seconds since 1970.
    pub(super) fn verify(&self, key: &Key, issuer: &Issuer, now: i64) -> Option<Vouched> {
        if self.algorithm != key.algorithm() || !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(self.claims).ok()?;
        let claims: Claims = serde_json::from_slice(&json).ok()?;
        let life = claims.exp.checked_sub(claims.iat)?;
        let is_for = match &claims.aud {
            Audience::One(one) => *one == issuer.audience,
            // For several it has to say who asked for it.
            Audience::Several(several) => {
                several.contains(&issuer.audience) && (several.len() == 1 || claims.azp.is_some())
            }
        };
        let holds = claims.iss == issuer.url
            && is_for
            && claims.azp.is_none_or(|azp| azp == issuer.audience)
            && (0..=MAX_LIFE_S).contains(&life)
            && claims.iat <= now.saturating_add(LEEWAY_S)
            && claims.nbf.is_none_or(|nbf| nbf <= now.saturating_add(LEEWAY_S))
            && claims.exp > now.saturating_sub(LEEWAY_S)
            && (1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len());
        let roles = issuer.roles.as_deref().map(|claim| roles(&json, claim));
        holds.then_some(Vouched { subject: claims.sub, roles })
    }
}

/// The roles of a claim, which is a list or one word, each once and in order: an issuer need not keep to one. What can be no role of
/// an account is left out.
fn roles(claims: &[u8], claim: &str) -> Vec<String> {
    let mut claims: serde_json::Map<_, _> = serde_json::from_slice(claims).unwrap_or_default();
    let named = match claims.remove(claim) {
        Some(serde_json::Value::Array(named)) => named,
        Some(one @ serde_json::Value::String(_)) => vec![one],
        _ => Vec::new(),
    };
    let named = named.into_iter().filter_map(|role| role.as_str().map(str::to_owned));
    let mut fit: Vec<String> = named.filter(|role| check_role(role).is_ok()).collect();
    fit.sort_unstable();
    fit.dedup();
    fit.truncate(MAX_ROLES);
    fit
}
