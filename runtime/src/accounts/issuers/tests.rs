//! The attacks of threat F1 on tokens of other issuers, each by its shape; and what keys are read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use sha2::Sha256;

use super::*;

const NOW: i64 = 1_800_000_000;

/// The modulus of a key of 2,048 bits, and a token that it has signed once.
const RSA: &str = "s-wijvjbKofdfjn00UatAPwQMd3M-v3-ss1I9O3VqTn6nivZomdJHHgQRLz7Zt8A-kTe6JOJ9AbzjkSqv4exqREBCIhIA-kw\
    CL4Vo3u7MeThiKsroQ5EO8_eBIay3Z85wEVYiw0pS6d2nN_1pf5mlW9IR0vhovuntQ6QqXneoBrA707uXmd9DDEFcX_zL2KC\
    Oc5dSrFTd2fEJQDnOoAfHko4SyHEpqVeNPEunqXlljyCgahoGBgcXB33Sh-TqSUKqoepnKqkTlHBa2Bb_aNdmHVJ1bTwnv5_\
    hhSzLOLr845riUI6j4YVrQTMBuMlmctX_Gr_S3sklUo9ZePxDmGBgQ";
/// Its token.
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoicyIsImF1Z\
    CI6InNob3AiLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMDYwMH0.H7kMbQXt1BO8Kuiqkw7PIbATtMEp4M7sgvJvK\
    US_5gvW2HObCV6FQ72_4p4AViqL9maBOzcPwMy02iCg550u0CAZZqabtfaryVWqcQrZ4bvv8y8QDQl9xnjFqM5Tq1rHEpiwD\
    VkgH8a2Kedj3LAjloWILkJo27UmEQWM6u40wY8mWQf57iLC5k3HdyJl01j3cUk_YcrGYabGnnMdWfUN-JWLu0Jrq8Xjib7j4\
    ZWWwJINfymoIqysxrrUbnEBaOtxy_8IgClDl78mktMcAK4fL5edIHp2bWZAZV1-pWEnPWPpZeeS9vPXwR0zR5XO96aZ8remJ\
    5Oa6HmgIOuXeNLZ0A";
/// The same of 1,024 bits.
const SMALL_RSA: &str = "ujBwAfpQ_QmNQkauyL_dYDXlJJ4bKxbGKsg_iY94BfwUOXkgLSJfZuvh_K2BV8eNAqaXitw4d162NTnpECfXXUYKFZRm2OBk\
    mRO4ujUGzm9PIGRhgH6D17q3BA2LmhEwogZZxHObTy0nDXXR8jCFDdGAkM7ok636scWOMK3bSo8";
/// Its token.
const SMALL_RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoicyIsImF1Z\
    CI6InNob3AiLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMDYwMH0.CiLO78NO7ZWFkH_ES9tIJ6pqxk5wQs-6ahc2O\
    PeNwrvIfvUy9szbnYA7nxVLAbn3H7KyrqmAnkEjwCdqHyTbc6yW6QsZQKKdzpXnhUyQswY05DtjUFzyDh0VvjmRyReCtYLtH\
    TXdCzGi0zV7dULjjdYNNXrngGAxG-VWPeWq24E";

/// An issuer with a key of each kind that can be made here.
struct Bench {
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    keys: Vec<Key>,
}

impl Bench {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let p256 = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).unwrap();
        let private = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ed25519 = Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap();
        let point = p256.public_key().as_ref();
        let (x, y) = (text(&point[1..33]), text(&point[33..]));
        let keys = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "e", "x": x, "y": y, "use": "sig", "alg": "ES256" },
            { "kty": "OKP", "crv": "Ed25519", "kid": "o", "x": text(ed25519.public_key().as_ref()) },
            { "kty": "RSA", "kid": "r", "n": RSA, "e": "AQAB", "x5c": ["MIIB"] },
        ]});
        let keys = keys::read(keys.to_string().as_bytes()).unwrap();
        assert_eq!(keys.iter().map(Key::algorithm).collect::<Vec<_>>(), ["ES256", "EdDSA", "RS256"]);
        Self { p256, ed25519, keys }
    }

    /// A token of that header and those claims, signed with the right key whatever they say.
    fn signed(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()));
        let signature = self.p256.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", text(signature.as_ref()))
    }

    fn takes(&self, token: &str) -> bool {
        self.vouched(token, &issuer()).is_some()
    }

    fn vouched(&self, token: &str, issuer: &Issuer) -> Option<token::Vouched> {
        let parsed = token::parse(token)?;
        let key = self.keys.iter().find(|key| key.kid == parsed.kid)?;
        parsed.verify(key, issuer, NOW)
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn issuer() -> Issuer {
    Issuer { url: "https://id.example.com".to_owned(), audience: "shop".to_owned(), roles: None }
}

/// The claims as text, with something else in place of a part.
fn with(from: &str, to: &str) -> String {
    let text = format!(
        r#"{{"iss":"https://id.example.com","sub":"s","aud":"shop","iat":{NOW},"exp":{}}}"#,
        NOW + 600
    );
    assert!(text.contains(from), "{from} is in {text}");
    text.replacen(from, to, 1)
}

const HEADER: &str = r#"{"alg":"ES256","kid":"e"}"#;

#[test]
fn f1_good_tokens_are_taken() {
    let bench = Bench::new();
    let good = with("", "");
    assert_eq!(
        bench.vouched(&bench.signed(HEADER, &good), &issuer()),
        Some(token::Vouched { subject: "s".to_owned(), roles: None })
    );
    for header in
        [r#"{"typ":"JWT","alg":"ES256","kid":"e"}"#, r#"{"typ":"jwt","alg":"ES256","kid":"e","x":1}"#]
    {
        assert!(bench.takes(&bench.signed(header, &good)), "{header}");
    }
    let signed = format!("{}.{}", text(br#"{"alg":"EdDSA","kid":"o"}"#), text(good.as_bytes()));
    assert!(bench.takes(&format!("{signed}.{}", text(bench.ed25519.sign(signed.as_bytes()).as_ref()))));
    assert!(bench.takes(RSA_TOKEN));
}

#[test]
fn f1_headers_that_mean_something_else_are_refused() {
    let bench = Bench::new();
    for header in [
        r#"{"alg":"none","kid":"e"}"#,
        r#"{"alg":"nOnE","kid":"e"}"#,
        r#"{"alg":"HS256","kid":"e"}"#,
        r#"{"alg":"RS256","kid":"e"}"#,
        r#"{"alg":"EdDSA","kid":"e"}"#,
        r#"{"alg":"es256","kid":"e"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":7}"#,
        r#"{"alg":"ES256","kid":"o"}"#,
        r#"{"alg":"ES256","kid":"../../etc/passwd"}"#,
        r#"{"alg":"ES256","kid":"' OR 1=1 --"}"#,
        r#"{"alg":"ES256","kid":"e","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","kid":"e","typ":"logout+jwt"}"#,
        r#"{"alg":"ES256","kid":"e","crit":["exp"]}"#,
        r#"{"alg":"none","alg":"ES256","kid":"e"}"#,
        r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#,
        "[]",
        "",
    ] {
        assert!(!bench.takes(&bench.signed(header, &with("", ""))), "{header}");
    }
}

/// Keys that a token brings along are nobody's: it is judged by the issuer's.
#[test]
fn f1_keys_in_tokens_are_ignored() {
    let (bench, thief) = (Bench::new(), Bench::new());
    for extra in [
        r#""jku":"https://evil.example/jwks""#.to_owned(),
        r#""x5u":"https://evil.example/cert""#.to_owned(),
        format!(
            r#""jwk":{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#,
            text(thief.ed25519.public_key().as_ref())
        ),
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"e",{extra}}}"#);
        assert!(!bench.takes(&thief.signed(&header, &with("", ""))), "{header}");
    }
}

#[test]
fn f1_signatures_that_are_none_are_refused() {
    let bench = Bench::new();
    let good = bench.signed(HEADER, &with("", ""));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let public = bench.p256.public_key().as_ref();
    let mut hmac = Hmac::<Sha256>::new_from_slice(public).unwrap();
    hmac.update(signed.as_bytes());
    let keyed = hmac.finalize().into_bytes();
    for signature in [&[][..], &[0; 64], &[0; 32], &[255; 64], &keyed] {
        assert!(!bench.takes(&format!("{signed}.{}", text(signature))), "{signature:?}");
    }
    let other = with(r#""sub":"s""#, r#""sub":"t""#);
    let (header, _) = signed.split_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    for token in [
        format!("{header}.{}.{signature}", text(other.as_bytes())),
        signed.to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!(".{good}"),
        ".".repeat(8_000),
        "a".repeat(1 << 20),
        String::new(),
    ] {
        assert!(!bench.takes(&token), "{}", token.len());
    }
    // Of any length, and never a panic.
    for end in 0..good.len() {
        assert!(!bench.takes(&good[..end]), "{end}");
    }
}

#[test]
fn f1_claims_that_do_not_hold_are_refused() {
    let bench = Bench::new();
    let exp = format!(r#""exp":{}"#, NOW + 600);
    let iat = format!(r#""iat":{NOW}"#);
    let aud = r#""aud":"shop""#;
    for claims in [
        with("https://id.example.com", "https://evil.example"),
        with("https://id.example.com", "https://id.example.com/"),
        with(aud, r#""aud":"other""#),
        with(aud, r#""aud":[]"#),
        with(aud, r#""aud":["other"]"#),
        with(aud, r#""aud":["shop","other"]"#),
        with(aud, r#""aud":["shop","other"],"azp":"other""#),
        with(aud, r#""aud":"shop","azp":"other""#),
        with(r#""sub":"s""#, r#""sub":"""#),
        with(r#""sub":"s""#, r#""sub":7"#),
        with(r#""sub":"s","#, ""),
        with(r#""sub":"s""#, &format!(r#""sub":"{}""#, "s".repeat(256))),
        with(r#""sub":"s""#, r#""sub":"s","sub":"t""#),
        with(&format!(",{exp}"), ""),
        with(&exp, &format!(r#""exp":{}"#, NOW - 61)),
        with(&exp, r#""exp":"1900000000""#),
        with(&exp, r#""exp":1800000600.5"#),
        with(&exp, r#""exp":1e400"#),
        with(&exp, r#""exp":9223372036854775807"#),
        with(&exp, &format!(r#""exp":{}"#, NOW + 86_401)),
        with(&iat, &format!(r#""iat":{}"#, NOW + 61)),
        with(&iat, r#""iat":-9223372036854775808"#),
        with(&exp, &format!(r#"{exp},"nbf":{}"#, NOW + 61)),
        "null".to_owned(),
    ] {
        assert!(!bench.takes(&bench.signed(HEADER, &claims)), "{claims}");
    }
    for claims in [
        with(aud, r#""aud":["shop"]"#),
        with(aud, r#""aud":["other","shop"],"azp":"shop""#),
        with(&exp, &format!(r#"{exp},"nbf":{},"nonce":"n","email":"a@b.c""#, NOW + 60)),
    ] {
        assert!(bench.takes(&bench.signed(HEADER, &claims)), "{claims}");
    }
}

#[test]
fn roles_are_those_of_the_named_claim() {
    let bench = Bench::new();
    let issuer = Issuer { roles: Some("groups".to_owned()), ..issuer() };
    for (groups, roles) in [
        (r#"["d","b c",7,"a","d"]"#, &["a", "d"][..]),
        (r#""admin""#, &["admin"]),
        ("{}", &[]),
        ("null", &[]),
    ] {
        let claims = with(r#""sub":"s""#, &format!(r#""sub":"s","roles":["root"],"groups":{groups}"#));
        let vouched = bench.vouched(&bench.signed(HEADER, &claims), &issuer).unwrap();
        assert_eq!(vouched.roles.unwrap(), roles, "{groups}");
    }
    let many = format!("{:?}", (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
    let claims = with(r#""sub":"s""#, &format!(r#""sub":"s","groups":{many}"#));
    assert_eq!(
        bench.vouched(&bench.signed(HEADER, &claims), &issuer).unwrap().roles.unwrap().len(),
        MOST_ROLES
    );
}

const MOST_ROLES: usize = crate::registry::settings::MAX_ROLES;

#[test]
fn f1_keys_that_verify_nothing_are_passed_over() {
    let read =
        |key: serde_json::Value| keys::read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap().len();
    let good = json!({ "kty": "RSA", "kid": "r", "n": RSA, "e": "AQAB" });
    assert_eq!(read(good.clone()), 1);
    for (name, value) in [
        ("kty", json!("oct")),
        ("kty", json!("EC")),
        ("alg", json!("HS256")),
        ("alg", json!("RS512")),
        ("alg", json!("none")),
        ("use", json!("enc")),
        ("kid", json!(null)),
        ("n", json!("!")),
        ("crv", json!("P-256")),
    ] {
        let mut key = good.clone();
        key[name] = value.clone();
        assert_eq!(read(key), 0, "{name} {value}");
    }
    assert_eq!(read(json!({ "kty": "oct", "kid": "k", "k": "c2VjcmV0" })), 0);
    assert_eq!(read(json!(7)), 0);
    for document in ["", "[]", "{}", r#"{"keys":7}"#] {
        assert!(keys::read(document.as_bytes()).is_none(), "{document}");
    }
    // A key that is too small has signed nothing.
    let small = keys::read(
        json!({ "keys": [{ "kty": "RSA", "kid": "r", "n": SMALL_RSA, "e": "AQAB" }] }).to_string().as_bytes(),
    );
    let parsed = token::parse(SMALL_RSA_TOKEN).unwrap();
    assert_eq!(parsed.verify(&small.unwrap()[0], &issuer(), NOW), None);
}

#[test]
fn c11_a_document_leads_to_no_address() {
    let issuer = "https://id.example.com/tenant";
    for (url, may) in [
        ("https://id.example.com/keys", true),
        ("https://keys.example.net/v3/certs", true),
        ("http://keys.example.net/certs", false),
        ("http://id.example.com/keys", false),
        ("https://169.254.169.254/latest", false),
        ("https://[::1]/keys", false),
        ("file:///etc/passwd", false),
        ("/keys", false),
        ("", false),
    ] {
        assert_eq!(may_lead_to(issuer, url), may, "{url}");
    }
    let own = "http://127.0.0.1:9000";
    assert!(may_lead_to(own, "http://127.0.0.1:9000/keys"));
    assert!(!may_lead_to(own, "http://127.0.0.1:8701/v1/tokens"));
}
