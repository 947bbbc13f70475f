//! The keys of an issuer (RFC 7517), and what each verifies: the algorithm is the key's, whatever a token says (RFC 8725 section
//! 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Keys of an issuer that are looked at.
const MAX_KEYS: usize = 64;

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name in tokens.
    pub(super) kid: String,
    public: Public,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// What is read of a key; members that only matter for private keys or certificates are passed over.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

/// The keys of a document that verify signatures in a way that is known here; others are passed over, as section 5 of the RFC
/// asks. None for what is no such document.
pub(super) fn read(json: &[u8]) -> Option<Vec<Key>> {
    let Jwks { keys } = serde_json::from_slice(json).ok()?;
    let keys = keys.into_iter().take(MAX_KEYS);
    Some(keys.filter_map(|key| key_of(serde_json::from_value(key).ok()?)).collect())
}

fn key_of(jwk: Jwk) -> Option<Key> {
    let Jwk { kty, kid, alg, purpose, crv, n, e, x, y } = jwk;
    if purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let public = match (kty.as_str(), crv.as_deref()) {
        ("RSA", None) => Public::Rsa { n: bytes(n)?, e: bytes(e)? },
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(x)?, bytes(y)?);
            if (x.len(), y.len()) != (32, 32) {
                return None;
            }
            Public::P256([vec![4], x, y].concat())
        }
        ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(x)?),
        // Above all no symmetric ones: whoever reads them could sign.
        _ => return None,
    };
    let key = Key { kid: kid?, public };
    alg.is_none_or(|alg| alg == key.algorithm()).then_some(key)
}

impl Key {
    /// The one algorithm that it is for.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.public {
            Public::Rsa { .. } => "RS256",
            Public::P256(_) => "ES256",
            Public::Ed25519(_) => "EdDSA",
        }
    }

    /// Whether it has signed that. RSA keys of less than 2,048 bits have signed nothing.
    pub(super) fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.public {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
        };
        verified.is_ok()
    }
}
