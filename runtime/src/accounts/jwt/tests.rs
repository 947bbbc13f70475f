//! The attacks on tokens of threat F1, each by its shape.

use hmac::{Hmac, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::KeyPair as _;
use sha2::Sha256;

use super::*;

const NOW: i64 = 1_800_000_000;
const PROJECT: &str = "0192f0c1-2345-7abc-8def-000000000001";

struct Bench {
    key: Ed25519KeyPair,
}

impl Bench {
    fn new() -> Self {
        let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { key: Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap() }
    }

    fn public(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// A token of that header and those claims, signed with the right key whatever they say.
    fn signed(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", text(header), text(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())))
    }

    fn takes(&self, token: &str) -> bool {
        self.takes_at(token, NOW)
    }

    fn takes_at(&self, token: &str, now: i64) -> bool {
        parse(token).is_some_and(|token| token.verify(self.public(), PROJECT, now).is_some())
    }
}

fn text(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: PROJECT.to_owned(),
        sub: "0192f0c1-0000-7000-8000-000000000002".to_owned(),
        sid: "0192f0c1-0000-7000-8000-000000000003".to_owned(),
        roles: vec!["editor".to_owned()],
        anon: false,
        iat: NOW,
        exp: NOW + 900,
    }
}

/// The claims as text, with something else in place of a part.
fn with(from: &str, to: &str) -> String {
    let text = serde_json::to_string(&claims()).unwrap();
    assert!(text.contains(from), "{from} is in {text}");
    text.replacen(from, to, 1)
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k"}"#;

#[test]
fn f1_a_good_token_is_taken() {
    let bench = Bench::new();
    let token = sign(&bench.key, "k", &claims()).unwrap();
    assert_eq!(token, bench.signed(HEADER, &serde_json::to_string(&claims()).unwrap()));
    let parsed = parse(&token).unwrap();
    assert_eq!(parsed.kid, "k");
    assert_eq!(parsed.verify(bench.public(), PROJECT, NOW), Some(claims()));
}

#[test]
fn f1_headers_of_any_other_form_are_refused() {
    let bench = Bench::new();
    let good = with("", "");
    assert!(bench.takes(&bench.signed(HEADER, &good)));
    for header in [
        r#"{"alg":"none","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"None","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"nOnE","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"RS256","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"Ed25519","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"eddsa","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":["EdDSA"],"typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":null,"typ":"at+jwt","kid":"k"}"#,
        r#"{"typ":"at+jwt","kid":"k"}"#,
        // An id token, and anything else that some issuer calls a JWT.
        r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#,
        r#"{"alg":"EdDSA","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":7}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","b64":false}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","jku":"https://evil.example/jwks"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","x5u":"https://evil.example/cert"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","x5c":["MIIB"]}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","cty":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","zip":"DEF"}"#,
        // Two readers could take different ones.
        r#"{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"other","kid":"k"}"#,
        // An encrypted token (JWE) around a plain one.
        r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","enc":"A256GCM"}"#,
        "[]",
        "null",
        "",
        "{",
    ] {
        assert!(!bench.takes(&bench.signed(header, &good)), "{header}");
    }
}

/// The name of a key is only looked up among those of the project.
#[test]
fn f1_names_of_keys_lead_nowhere() {
    let bench = Bench::new();
    for kid in ["../../etc/passwd", "' OR 1=1 --", "/dev/null", "", "k\\u0000"] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#);
        let token = bench.signed(&header, &with("", ""));
        assert_ne!(parse(&token).unwrap().kid, "k", "{kid}");
    }
}

#[test]
fn f1_claims_of_any_other_form_are_refused() {
    let bench = Bench::new();
    let exp = format!(r#""exp":{}"#, NOW + 900);
    let iat = format!(r#""iat":{NOW}"#);
    let times = |to: &str| with(&exp, to);
    for claims in [
        with(&format!(",{exp}"), ""),
        times(r#""exp":null"#),
        times(&format!(r#""exp":"{}""#, NOW + 900)),
        times(&format!(r#""exp":{}.5"#, NOW + 900)),
        times(r#""exp":1e99"#),
        times(r#""exp":9223372036854775807"#),
        times(r#""exp":9223372036854775808"#),
        times(r#""exp":18446744073709551617"#),
        times(r#""exp":-1"#),
        times(r#""exp":0"#),
        times(&format!(r#""exp":{}"#, NOW + MAX_LIFE_S + 1)),
        with(&iat, r#""iat":"now""#),
        with(&iat, r#""iat":-9223372036854775808"#),
        with(&iat, &format!(r#""iat":{}"#, NOW + LEEWAY_S + 1)),
        with(&iat, &format!(r#""iat":{NOW},"nbf":{}"#, NOW + 500)),
        with(r#""iss":"ostro""#, r#""iss":"https://evil.example""#),
        with(r#""iss":"ostro","#, ""),
        with(PROJECT, "0192f0c1-2345-7abc-8def-000000000002"),
        with(&format!(r#""{PROJECT}""#), &format!(r#"["{PROJECT}","other"]"#)),
        with(&format!(r#""aud":"{PROJECT}","#), ""),
        with(r#""roles":["editor"]"#, r#""roles":"editor""#),
        with(r#""roles":["editor"]"#, r#""roles":["editor"],"roles":["admin"]"#),
        with(r#""anon":false"#, r#""anon":0"#),
        with(r#""anon":false"#, r#""anon":false,"admin":true"#),
        format!("{}x", with("", "")),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(!bench.takes(&bench.signed(HEADER, &claims)), "{claims}");
    }
}

#[test]
fn f1_times_hold_with_a_minute_of_leeway() {
    let bench = Bench::new();
    let token = sign(&bench.key, "k", &claims()).unwrap();
    for (now, taken) in [
        (NOW - LEEWAY_S - 1, false),
        (NOW - LEEWAY_S, true),
        (NOW + 900 + LEEWAY_S - 1, true),
        (NOW + 900 + LEEWAY_S, false),
        (i64::MAX, false),
        (i64::MIN, false),
    ] {
        assert_eq!(bench.takes_at(&token, now), taken, "{}", now.saturating_sub(NOW));
    }
}

#[test]
fn f1_signatures_of_any_other_kind_are_refused() {
    let bench = Bench::new();
    let token = sign(&bench.key, "k", &claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let again = |bytes: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
    // Signed with the public key as if it were a common secret.
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(bench.public()).unwrap();
    mac.update(signed.as_bytes());
    let confused = mac.finalize().into_bytes();
    let other = Bench::new();
    // S + L instead of S: the same point, another text.
    let mut malleable = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in malleable.iter_mut().skip(32).zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    for forged in [
        format!("{signed}."),
        signed.to_owned(),
        again(&[0; 64]),
        again(&[0; 63]),
        again(&confused),
        again(&[confused.as_slice(), confused.as_slice()].concat()),
        again(&malleable),
        again(other.key.sign(signed.as_bytes()).as_ref()),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!(".{token}"),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        token.replacen('.', "..", 1),
        "..".to_owned(),
        ".".repeat(MAX_TOKEN_BYTES),
        ".".repeat(1 << 20),
        // Five parts, as an encrypted token has.
        format!("{}....", text(HEADER)),
        format!("{token}.a.b"),
        format!("{}.{token}", text(r#"{"alg":"dir","enc":"A256GCM"}"#)),
    ] {
        assert!(!bench.takes(&forged), "{}", forged.get(..forged.len().min(300)).unwrap());
    }
}

/// Every bit of a token counts: no other text is the same token.
#[test]
fn f1_no_bit_can_be_changed() {
    let bench = Bench::new();
    let token = sign(&bench.key, "k", &claims()).unwrap();
    for at in 0..token.len() {
        for other in ["A", "B", "_", "-", ".", "="] {
            if token.get(at..=at) != Some(other) {
                let mut forged = token.clone();
                forged.replace_range(at..=at, other);
                assert!(!bench.takes(&forged), "{at} {other}");
            }
        }
    }
}

#[test]
fn f1_size_is_judged_before_anything_is_read() {
    let bench = Bench::new();
    let of = |bytes: usize| {
        let empty = bench.signed(HEADER, &with("editor", "")).len();
        let role = "r".repeat((bytes - empty) * 3 / 4);
        bench.signed(HEADER, &with("editor", &role))
    };
    let (fits, over) = (of(MAX_TOKEN_BYTES - 4), of(MAX_TOKEN_BYTES + 8));
    assert!(fits.len() <= MAX_TOKEN_BYTES && over.len() > MAX_TOKEN_BYTES, "{} {}", fits.len(), over.len());
    assert!(bench.takes(&fits));
    assert!(!bench.takes(&over));
    assert!(!bench.takes(&of(1 << 20)));
}
