//! Threat F1 over HTTP: every token that is not ours gets the same answer. Each form has its row in
//! `runtime/src/accounts/jwt/tests.rs`, where it is signed with the right key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::bench::{Bench, MANIFEST};
use crate::support::guest;

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn f1_access_tokens_are_of_one_form_and_their_keys_are_published() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let token = up["access_token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims) = (decoded(parts[0]), decoded(parts[1]));
    assert_eq!((parts.len(), &header["alg"], &header["typ"]), (3, &json!("EdDSA"), &json!("at+jwt")));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("ostro"), &up["user"]["id"]));
    assert_eq!((&claims["roles"], &claims["anon"]), (&json!([]), &json!(false)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(!claims.to_string().contains("ann@"), "what is personal is not in it");
    let jwks = bench.get("jwks", "").expect_status(200);
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["kid"], &keys[0]["kty"], &keys[0]["crv"]),
        (&header["kid"], &json!("OKP"), &json!("Ed25519"))
    );
    assert_eq!(keys[0]["x"].as_str().unwrap().len(), 43);
    assert!(keys[0].get("d").is_none(), "nothing private");
}

#[test]
fn f1_forged_tokens_get_one_answer() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let good = up["access_token"].as_str().unwrap().to_owned();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = decoded(header);
        changed[key] = value;
        encoded(&changed)
    };
    let mut admin = decoded(claims);
    admin["roles"] = json!(["admin"]);
    let admin = encoded(&admin);
    let forged = [
        format!("{}.{claims}.", with("alg", json!("none"))),
        format!("{}.{claims}.{signature}", with("alg", json!("nOnE"))),
        format!("{}.{claims}.{signature}", with("alg", json!("HS256"))),
        format!("{}.{claims}.{}", with("alg", json!("ES256")), URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{}.{claims}.{signature}", with("kid", json!("../../../dev/null"))),
        format!("{}.{claims}.{signature}", with("kid", json!("' UNION SELECT 1 --"))),
        format!("{}.{claims}.{signature}", with("jku", json!("http://127.0.0.1:9/jwks"))),
        format!("{}.{claims}.{signature}", with("jwk", json!({ "kty": "OKP" }))),
        format!("{}.{claims}.{signature}", with("crit", json!(["exp"]))),
        format!("{}.{claims}.{signature}", with("typ", json!("JWT"))),
        format!("{header}.{admin}.{signature}"),
        format!("{signed}."),
        signed.to_owned(),
        format!("{good}.{signature}"),
        format!("{good}....."),
        ".".repeat(8 << 10),
        "a".repeat(9 << 10),
        up["refresh_token"].as_str().unwrap().to_owned(),
        up["user"]["id"].as_str().unwrap().to_owned(),
        "x".to_owned(),
    ];
    bench.get("user", &good).expect_status(200);
    let missing = bench.request("GET", "user").send(bench.server.listen).expect_status(401);
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    for token in forged {
        let refused = bench.get("user", &token).expect_status(401);
        assert_eq!(refused.text(), missing.text(), "{token}");
    }
    // Nowhere but in the header, and there once.
    let query = bench.request("GET", &format!("user?access_token={good}")).send(bench.server.listen);
    assert_eq!(query.expect_status(401).text(), missing.text());
    let bearer = format!("Bearer {good}");
    let twice =
        bench.request("GET", "user").header("authorization", &bearer).header("authorization", &bearer);
    assert_eq!(twice.send(bench.server.listen).expect_status(401).text(), missing.text());
}

#[test]
fn f1_c7_a_token_is_of_one_project() {
    let bench = Bench::start(MANIFEST);
    let other = bench.server.project("other");
    other.try_deploy_manifest("hello", &guest::component("hello"), MANIFEST).expect_status(200);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let ask = |host: &str| {
        let mut request = crate::support::Request::new("GET", "/_ostro/v1/auth/user", host);
        request =
            request.header("authorization", &format!("Bearer {}", up["access_token"].as_str().unwrap()));
        request.send(bench.server.listen)
    };
    ask("localhost").expect_status(200);
    ask("other.localhost").expect_error(401, "unauthenticated");
    // Nor is the account there, nor its refresh token.
    let post = |call: &str, body: Value| {
        crate::support::Request::new("POST", &format!("/_ostro/v1/auth/{call}"), "other.localhost")
            .header("content-type", "application/json")
            .body(body.to_string())
            .send(bench.server.listen)
    };
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    post("sign-in", words.clone()).expect_error(401, "invalid_credentials");
    let refresh = json!({ "refresh_token": up["refresh_token"] });
    post("refresh", refresh).expect_error(401, "unauthenticated");
    let theirs = post("sign-up", words).expect_status(200).json();
    assert_ne!(theirs["user"]["id"], up["user"]["id"]);
    bench.refresh(&up).expect_status(200);
}

#[test]
fn f1_e10_a_token_ends_when_it_says() {
    let bench = Bench::turned(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let token = up["access_token"].as_str().unwrap();
    bench.server.clock().turn(std::time::Duration::from_secs(900 + 50));
    bench.get("user", token).expect_status(200);
    bench.server.clock().turn(std::time::Duration::from_secs(900 + 70));
    bench.get("user", token).expect_error(401, "unauthenticated");
    let next = bench.refresh(&up).expect_status(200).json();
    bench.get("user", next["access_token"].as_str().unwrap()).expect_status(200);
}
