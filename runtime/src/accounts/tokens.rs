//! Access tokens: made with a project's newest key, verified with all of its keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashmap::DashMap;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use store::accounts::{Account, AccountId, Accounts, NewKey, SessionId, SigningKey};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;
use uuid::Uuid;

use super::jwt::{self, Claims};
use super::secrets::random_text;
use crate::problem::Problem;

/// A key signs for so long, milliseconds; then another one is made.
const KEY_MS: i64 = 90 * 86_400_000;
/// Keys of a project are asked of the store again for one that is not known, but not more often than this, milliseconds.
const LOOK_MS: i64 = 5_000;
/// Projects whose keys are kept in memory.
const MAX_PROJECTS: usize = 10_000;

/// Makes and verifies access tokens. A cheap handle: clones share the keys.
#[derive(Clone)]
pub struct AccessTokens {
    accounts: Arc<dyn Accounts>,
    keys: Keys,
    rings: Arc<DashMap<ProjectId, Arc<KeyRing>>>,
}

/// Whom a token vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As rules and functions see it.
    pub caller: Caller,
    /// The account.
    pub account: AccountId,
    /// The session. It may be over, which the token does not know.
    pub session: SessionId,
    /// When the token ends, milliseconds since 1970.
    pub ends_ms: i64,
}

/// Why nobody is vouched for.
#[derive(Debug)]
pub enum Refused {
    /// The token is none of this project's, or not any more.
    Token,
    /// It could not be told.
    Failed(Problem),
}

/// The keys of a project, as they were at a time.
struct KeyRing {
    /// The newest first.
    keys: Vec<SigningKey>,
    signer: Option<Ed25519KeyPair>,
    read_ms: i64,
}

impl AccessTokens {
    /// Over those accounts; private keys are sealed with `keys`.
    pub fn new(accounts: Arc<dyn Accounts>, keys: Keys) -> Self {
        Self { accounts, keys, rings: Arc::default() }
    }

    /// A token for that session, which lives for so long, milliseconds. Times are milliseconds since 1970.
    pub async fn issue(
        &self,
        project: ProjectId,
        account: &Account,
        session: SessionId,
        life_ms: u64,
        now: i64,
    ) -> Result<String, Problem> {
        let ring = self.signing(project, now).await?;
        let (Some(key), Some(signer)) = (ring.keys.first(), &ring.signer) else {
            return Err(Problem::internal(&std::io::Error::other("a project has no signing key")));
        };
        let iat = now.div_euclid(1_000);
        let life = i64::try_from(life_ms / 1_000).unwrap_or(i64::MAX).min(jwt::MAX_LIFE_S);
        let claims = Claims {
            iss: jwt::ISSUER.to_owned(),
            aud: project.0.to_string(),
            sub: account.id.0.to_string(),
            sid: session.0.to_string(),
            roles: account.roles.clone(),
            anon: account.anonymous,
            iat,
            exp: iat.saturating_add(life),
        };
        jwt::sign(signer, &key.kid, &claims).map_err(|error| Problem::internal(&error))
    }

    /// Whom that token vouches for at that time, milliseconds since 1970. Whether the session is over is not asked.
    pub async fn verify(&self, project: ProjectId, token: &str, now: i64) -> Result<Verified, Refused> {
        let unverified = jwt::parse(token).ok_or(Refused::Token)?;
        let key = self.public(project, &unverified.kid, now).await.map_err(Refused::Failed)?;
        let key = key.ok_or(Refused::Token)?;
        let audience = project.0.to_string();
        let claims = unverified.verify(&key, &audience, now.div_euclid(1_000)).ok_or(Refused::Token)?;
        let id = |text: &str| Uuid::try_parse(text).map_err(|_| Refused::Token);
        Ok(Verified {
            account: AccountId(id(&claims.sub)?),
            session: SessionId(id(&claims.sid)?),
            ends_ms: claims.exp.saturating_mul(1_000),
            caller: Caller { user: Some(claims.sub), roles: claims.roles, anonymous: claims.anon },
        })
    }

    /// The public keys, as RFC 7517 has them.
    pub async fn jwks(&self, project: ProjectId, now: i64) -> Result<Value, Problem> {
        let ring = self.signing(project, now).await?;
        let keys = ring.keys.iter().map(|key| {
            let x = URL_SAFE_NO_PAD.encode(&key.public);
            json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x })
        });
        Ok(json!({ "keys": keys.collect::<Vec<_>>() }))
    }

    /// The public key of that name.
    async fn public(&self, project: ProjectId, kid: &str, now: i64) -> Result<Option<Vec<u8>>, Problem> {
        let known = self.rings.get(&project).map(|ring| ring.clone());
        let find = |ring: &KeyRing| ring.keys.iter().find(|key| key.kid == kid).map(|key| key.public.clone());
        if let Some(ring) = known {
            let found = find(&ring);
            // Whoever invents names does not make us read.
            if found.is_some() || (0..LOOK_MS).contains(&now.saturating_sub(ring.read_ms)) {
                return Ok(found);
            }
        }
        let keys = self.accounts.keys(project, None).await?;
        Ok(find(&*self.keep(project, keys, now)?))
    }

    /// Keys of which the newest may sign: the first one is made when it is needed, and the next one when it is time.
    async fn signing(&self, project: ProjectId, now: i64) -> Result<Arc<KeyRing>, Problem> {
        let is_new = |key: &SigningKey| now.saturating_sub(key.created_ms) < KEY_MS;
        let known = self.rings.get(&project).map(|ring| ring.clone());
        if let Some(ring) = known.filter(|ring| ring.keys.first().is_some_and(is_new)) {
            return Ok(ring);
        }
        let mut keys = self.accounts.keys(project, None).await?;
        if !keys.first().is_some_and(is_new) {
            let new = self.make(project, keys.first().map(|key| key.kid.clone()))?;
            keys = self.accounts.keys(project, Some(new)).await?;
        }
        self.keep(project, keys, now)
    }

    fn make(&self, project: ProjectId, after: Option<String>) -> Result<NewKey, Problem> {
        let failed = |_| Problem::internal(&std::io::Error::other("no key pair could be made"));
        let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
        let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(rejected)?;
        let kid = random_text::<16>()?;
        let sealed = self.keys.seal(project, &sealed_name(&kid), private.as_ref())?;
        Ok(NewKey { kid, public: pair.public_key().as_ref().to_vec(), sealed, after })
    }

    fn keep(&self, project: ProjectId, keys: Vec<SigningKey>, now: i64) -> Result<Arc<KeyRing>, Problem> {
        let open = |key: &SigningKey| -> Result<Ed25519KeyPair, Problem> {
            let private = self.keys.open(project, &sealed_name(&key.kid), &key.sealed)?;
            Ed25519KeyPair::from_pkcs8(&private).map_err(rejected)
        };
        let signer = keys.first().map(open).transpose()?;
        let ring = Arc::new(KeyRing { keys, signer, read_ms: now });
        // Projects that are gone would stay for ever: whoever is asked for again is read again.
        if self.rings.len() >= MAX_PROJECTS {
            self.rings.clear();
        }
        self.rings.insert(project, ring.clone());
        Ok(ring)
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessTokens")
    }
}

/// The name that a private key is sealed under: no secret of a function has one with a blank.
fn sealed_name(kid: &str) -> String {
    format!("signing key {kid}")
}

fn rejected(error: ring::error::KeyRejected) -> Problem {
    Problem::internal(&std::io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests;
