//! Tokens made of chance: the client has the text, the store its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use store::accounts::TokenHash;

use crate::problem::Problem;

/// Chance in the part of a session's token that all of its session share, bytes.
const FAMILY_BYTES: usize = 16;
/// Chance in what makes a token known only to its holder, bytes.
const SECRET_BYTES: usize = 32;
/// Longest text that is looked at as a token of chance, bytes.
const MAX_BYTES: usize = 256;

/// How a client keeps the token of its session. A token of one kind is none of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// As a refresh token, where scripts read it.
    Script,
    /// In a cookie that no script reads.
    Cookie,
}

/// The token of a session: `FAMILY.SECRET`. The family never stands anywhere else: who knows it had a token of the session, so
/// that a wrong secret means theft and no guess.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken {
    carrier: Carrier,
    family: String,
    secret: String,
}

impl SessionToken {
    /// The first one of a session.
    pub fn first(carrier: Carrier) -> Result<Self, Problem> {
        let (family, secret) = (random_text::<FAMILY_BYTES>()?, random_text::<SECRET_BYTES>()?);
        Ok(Self { carrier, family, secret })
    }

    /// Another one of the same session. One of another carrier has another family: the two kinds have nothing in common.
    pub fn next(&self, carrier: Carrier) -> Result<Self, Problem> {
        match carrier == self.carrier {
            true => Ok(Self { secret: random_text::<SECRET_BYTES>()?, ..self.clone() }),
            false => Self::first(carrier),
        }
    }

    /// What a client has sent; none for what can't be one.
    pub fn parse(carrier: Carrier, text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
        let (family, secret) = text.split_once('.')?;
        let is_of =
            |text: &str, bytes| URL_SAFE_NO_PAD.decode(text).is_ok_and(|chance| chance.len() == bytes);
        let is_fit = is_of(family, FAMILY_BYTES) && is_of(secret, SECRET_BYTES);
        is_fit.then(|| Self { carrier, family: family.to_owned(), secret: secret.to_owned() })
    }

    /// As the client has it.
    pub fn text(&self) -> String {
        format!("{}.{}", self.family, self.secret)
    }

    /// What the store knows of the session.
    pub fn family(&self) -> TokenHash {
        let kind = match self.carrier {
            Carrier::Script => "family",
            Carrier::Cookie => "family of cookies",
        };
        hash(kind, &self.family)
    }

    /// What the store knows of the token.
    pub fn hash(&self) -> TokenHash {
        let kind = match self.carrier {
            Carrier::Script => "refresh",
            Carrier::Cookie => "cookie",
        };
        hash(kind, &self.text())
    }
}

/// A new token for one use.
pub fn once() -> Result<String, Problem> {
    random_text::<SECRET_BYTES>()
}

/// What the store knows of a token for one use; none for what can't be one.
pub fn once_hash(text: &str) -> Option<TokenHash> {
    (text.len() <= MAX_BYTES).then(|| hash("once", text))
}

/// That many bytes of chance, as text that fits into URLs.
pub fn random_text<const N: usize>() -> Result<String, Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::internal(&std::io::Error::other(error.to_string())))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Chance of 256 bits needs no slow hash. What it is for goes in, so that no token is taken for another kind.
fn hash(kind: &str, text: &str) -> TokenHash {
    Sha256::new_with_prefix("ostro token, version 1\0")
        .chain_update(kind)
        .chain_update("\0")
        .chain_update(text)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_session_have_its_family_and_a_secret_of_their_own() {
        let first = SessionToken::first(Carrier::Script).unwrap();
        let next = first.next(Carrier::Script).unwrap();
        assert_eq!(first.family(), next.family());
        assert_ne!(first.hash(), next.hash());
        let cookie = first.next(Carrier::Cookie).unwrap();
        assert_ne!(cookie.text().split('.').next(), first.text().split('.').next());
        assert_ne!(SessionToken::first(Carrier::Script).unwrap().family(), first.family());
        let parse = |text: &str| SessionToken::parse(Carrier::Script, text);
        assert!(parse(&next.text()).is_some_and(|parsed| parsed == next));
        let text = next.text();
        let cut = text.get(1..).unwrap_or_default();
        for wrong in [
            "",
            ".",
            "a.b",
            cut,
            &format!("{text}a"),
            &format!("{text}="),
            &format!("{text}.x"),
            &"a".repeat(300),
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let once = once().unwrap();
        assert_eq!(once_hash(&once), once_hash(&once));
        assert_ne!(once_hash(&once), Some(hash("refresh", &once)));
        assert_eq!(once_hash(&"a".repeat(300)), None);
        let token = SessionToken::first(Carrier::Script).unwrap();
        let cookie = SessionToken::parse(Carrier::Cookie, &token.text()).unwrap();
        assert_ne!((cookie.family(), cookie.hash()), (token.family(), token.hash()));
        assert_ne!(cookie.family(), token.family(), "nor does it end the session of the other kind");
    }
}
