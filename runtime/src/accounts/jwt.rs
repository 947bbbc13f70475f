//! Access tokens as text: JWTs (RFC 7519) of one form, which is the only one that is read.
//!
//! A general library would read an algorithm from the token and then be told which ones not to believe. Here there is one
//! algorithm, Ed25519 (RFC 8037), by the key alone (RFC 8725 section 3.1), and a header with anything else than what
//! [`sign`] writes is no header: so there is nothing to confuse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// Longest token that is looked at, bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 8 << 10;
/// What clocks may differ by, seconds.
const LEEWAY_S: i64 = 60;
/// Longest life of a token that is believed, seconds: none is made that lives longer.
pub(super) const MAX_LIFE_S: i64 = 24 * 3_600;
/// Who makes tokens.
pub(super) const ISSUER: &str = "ostro";
const ALGORITHM: &str = "EdDSA";
/// The type of access tokens (RFC 9068 section 2.1): an id token is none.
const TYPE: &str = "at+jwt";

/// The header; nothing else may stand in it, `crit`, `jwk`, `jku` and `x5u` least of all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The claims; all of them, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// The project's id.
    pub(super) aud: String,
    /// The account's id.
    pub(super) sub: String,
    /// The session's id.
    pub(super) sid: String,
    pub(super) roles: Vec<String>,
    pub(super) anon: bool,
    /// Seconds since 1970, as all times here.
    pub(super) iat: i64,
    pub(super) exp: i64,
}

/// A token whose header is right. Nothing of it is believed yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unverified<'t> {
    /// The name of the key, as the token says.
    pub(super) kid: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

/// A signed token.
pub(super) fn sign(key: &Ed25519KeyPair, kid: &str, claims: &Claims) -> Result<String, serde_json::Error> {
    let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid: kid.to_owned() };
    let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(serde_json::to_vec(&header)?), part(serde_json::to_vec(claims)?));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

/// Takes a token apart; none for what is none of ours, whatever it is signed with.
pub(super) fn parse(token: &str) -> Option<Unverified<'_>> {
    let token = Some(token).filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
    let (signed, signature) = token.rsplit_once('.')?;
    // A part too many would be a dot in the header, which base64 does not have.
    let (header, claims) = signed.rsplit_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    if header.alg != ALGORITHM || header.typ != TYPE {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some(Unverified { kid: header.kid, signed, claims, signature })
}

impl Unverified<'_> {
    /// The claims, if that key has signed them for that project, and they hold at that time, seconds since 1970.
    pub(super) fn verify(&self, public: &[u8], project: &str, now: i64) -> Option<Claims> {
        UnparsedPublicKey::new(&ED25519, public).verify(self.signed.as_bytes(), &self.signature).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(self.claims).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let life = claims.exp.checked_sub(claims.iat)?;
        let holds = claims.iss == ISSUER
            && claims.aud == project
            && (0..=MAX_LIFE_S).contains(&life)
            && claims.iat <= now.saturating_add(LEEWAY_S)
            && claims.exp > now.saturating_sub(LEEWAY_S);
        holds.then_some(claims)
    }
}

#[cfg(test)]
mod tests;
