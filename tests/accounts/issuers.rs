//! People whom another issuer vouches for sign in; and threats F1 and F4 against that. Each form of a token has its row in
//! `runtime/src/accounts/issuers/tests.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::bench::Bench;
use crate::support::Answer;
use crate::support::upstream::Upstream;

/// An issuer on the loopback, which a manifest may name by its address.
struct Issuer {
    upstream: Upstream,
    key: EcdsaKeyPair,
    /// What it says of its keys; none while it does not answer.
    keys: Arc<Mutex<Option<Value>>>,
}

impl Issuer {
    fn start() -> Self {
        let (key, jwk) = key("one");
        let keys = Arc::new(Mutex::new(Some(json!({ "keys": [jwk] }))));
        let shown = keys.clone();
        let upstream = Upstream::json(move |head| {
            let keys = shown.lock().unwrap().clone()?;
            let host = head.lines().find_map(|line| line.strip_prefix("host: "))?;
            let own =
                json!({ "issuer": format!("http://{host}"), "jwks_uri": format!("http://{host}/keys") });
            match head.split(' ').nth(1)? {
                "/.well-known/openid-configuration" => Some(own.to_string()),
                "/keys" => Some(keys.to_string()),
                _ => None,
            }
        });
        Self { upstream, key, keys }
    }

    fn manifest(&self, more: &str) -> String {
        let at = self.upstream.at;
        format!(
            "[auth]\nemail = true\nanonymous = true\n\
             issuers = [{{ issuer = 'http://{at}', audience = 'shop'{more} }}]\n[function.hello]\n"
        )
    }

    /// A token of that person, with these claims too.
    fn token(&self, subject: &str, more: &Value) -> String {
        signed(&self.key, "one", &self.claims(subject, more))
    }

    fn claims(&self, subject: &str, more: &Value) -> Value {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let iss = format!("http://{}", self.upstream.at);
        let mut claims = json!({ "iss": iss, "sub": subject, "aud": "shop", "iat": now, "exp": now + 600 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    /// How often its keys were asked for.
    fn asked(&self) -> usize {
        self.upstream.seen().iter().filter(|head| head.starts_with("get /keys ")).count()
    }
}

fn key(kid: &str) -> (EcdsaKeyPair, Value) {
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).unwrap();
    let point = key.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y, "use": "sig" });
    (key, jwk)
}

fn signed(key: &EcdsaKeyPair, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn exchange(bench: &Bench, token: &str) -> Answer {
    bench.post("sign-in-oidc", &json!({ "token": token }))
}

#[test]
fn who_is_vouched_for_gets_a_session_and_always_the_same_account() {
    let issuer = Issuer::start();
    let bench = Bench::start(&issuer.manifest(", roles = 'groups'"));
    let claims = json!({ "groups": ["editor", "not a role"], "email": "ann@example.com" });
    let first = exchange(&bench, &issuer.token("ann", &claims)).expect_status(200).json();
    assert_eq!((&first["user"]["roles"], &first["user"]["email"]), (&json!(["editor"]), &Value::Null));
    bench.get("user", first["access_token"].as_str().unwrap()).expect_status(200);
    bench.refresh(&first).expect_status(200);
    let again = exchange(&bench, &issuer.token("ann", &json!({ "groups": [] }))).expect_status(200).json();
    assert_eq!((&again["user"]["id"], &again["user"]["roles"]), (&first["user"]["id"], &json!([])));
    let other = exchange(&bench, &issuer.token("bob", &json!({}))).expect_status(200).json();
    assert_ne!(other["user"]["id"], first["user"]["id"]);
    assert_eq!(issuer.asked(), 1, "keys are kept");
    let id = first["user"]["id"].as_str().unwrap();
    let shown = bench.server.control().get(&format!("users/{id}")).expect_status(200).json();
    assert_eq!(shown["identities"][0]["subject"], "ann");
    let change = bench.server.control().request("PATCH", &format!("users/{id}"));
    let change = change.header("content-type", "application/json").body(r#"{"disabled":true}"#);
    change.send(bench.server.admin).expect_status(200);
    // Who may not sign in is given no roles either.
    exchange(&bench, &issuer.token("ann", &claims)).expect_error(401, "unauthenticated");
    let shown = bench.server.control().get(&format!("users/{id}")).expect_status(200).json();
    assert_eq!(shown["roles"], json!([]));
    let audit = bench.server.control().get("audit").expect_status(200).json();
    let rows = audit["audit"].as_array().unwrap().iter().filter(|row| row["action"] == "user.roles");
    let by = format!("issuer:http://{}", issuer.upstream.at);
    let rows: Vec<_> = rows.map(|row| (&row["actor"], &row["subject"])).collect();
    assert_eq!(rows, [(&json!(by), &json!(id))], "she came with them, and they were taken away once");
}

/// Issuers list groups as they come. Only another set of them is a change, and on record.
#[test]
fn roles_in_another_order_are_the_same() {
    let issuer = Issuer::start();
    let bench = Bench::start(&issuer.manifest(", roles = 'groups'"));
    let come = |groups: Value| {
        let token = issuer.token("ann", &json!({ "groups": groups }));
        exchange(&bench, &token).expect_status(200).json()["user"].clone()
    };
    let changes = || {
        let audit = bench.server.control().get("audit").expect_status(200).json();
        let by = format!("issuer:http://{}", issuer.upstream.at);
        audit["audit"].as_array().unwrap().iter().filter(|row| row["actor"] == by).count()
    };
    let first = come(json!(["b", "a", "b"]));
    assert_eq!((&first["roles"], changes()), (&json!(["a", "b"]), 0));
    for groups in [json!(["a", "b"]), json!(["b", "a"]), json!(["a", "b", "a"])] {
        assert_eq!(come(groups), first);
    }
    let user = format!("users/{}", first["id"].as_str().unwrap());
    let given = bench.server.control().request("PATCH", &user);
    let given = given.header("content-type", "application/json").body(r#"{"roles":["b","a"]}"#);
    given.send(bench.server.admin).expect_status(200);
    assert_eq!(come(json!(["a", "b"]))["roles"], json!(["b", "a"]), "as an operator has written them");
    assert_eq!(changes(), 0);
    assert_eq!((&come(json!(["a"]))["roles"], changes()), (&json!(["a"]), 1));
}

/// An address in a token is what an issuer says, who need not have looked.
#[test]
fn f4_an_address_makes_nobody_the_owner_of_an_account() {
    let issuer = Issuer::start();
    let bench = Bench::start(&issuer.manifest(""));
    let ann = bench.sign_up("ann@example.com", "correct horse");
    let claims = json!({ "email": "ann@example.com", "email_verified": true });
    let token = issuer.token("evil", &claims);
    let evil = exchange(&bench, &token).expect_status(200).json();
    assert_ne!(evil["user"]["id"], ann["user"]["id"]);
    // Only who is signed in says who else it is, and of two accounts nobody is the same.
    let link = |token: &str| json!({ "token": token, "link": true });
    let access = ann["access_token"].as_str().unwrap();
    bench.post("sign-in-oidc", &link(&token)).expect_error(401, "unauthenticated");
    bench.post_as("sign-in-oidc", &link(&token), access).expect_error(409, "identity_taken");
    let own = issuer.token("ann", &json!({}));
    bench.post_as("sign-in-oidc", &link(&own), access).expect_status(200);
    assert_eq!(exchange(&bench, &own).expect_status(200).json()["user"], ann["user"]);
}

#[test]
fn f1_tokens_that_are_not_good_get_one_answer() {
    let (issuer, stranger) = (Issuer::start(), Issuer::start());
    let bench = Bench::start(&issuer.manifest(""));
    let refused = exchange(&bench, "x");
    refused.expect_error(401, "unauthenticated");
    let ours = bench.sign_up("ann@example.com", "correct horse");
    let now = issuer.claims("ann", &json!({}))["iat"].as_u64().unwrap();
    for token in [
        stranger.token("ann", &json!({})),
        signed(&stranger.key, "one", &issuer.claims("ann", &json!({}))),
        issuer.token("ann", &json!({ "aud": "other" })),
        issuer.token("ann", &json!({ "iss": "http://127.0.0.1:1" })),
        issuer.token("ann", &json!({ "exp": now - 61, "iat": now - 600 })),
        signed(&issuer.key, "other", &issuer.claims("ann", &json!({}))),
        ours["access_token"].as_str().unwrap().to_owned(),
        "a".repeat(9_000),
    ] {
        let answer = exchange(&bench, &token);
        assert_eq!((answer.status, answer.text()), (refused.status, refused.text()), "{token}");
    }
    assert_eq!(stranger.asked(), 0, "nobody is asked whom the manifest does not name");
    bench.deploy("[auth]\nemail = true\n[function.hello]\n");
    exchange(&bench, &issuer.token("ann", &json!({}))).expect_error(404, "not_enabled");
}

#[test]
fn keys_rotate_and_an_issuer_may_be_away() {
    let issuer = Issuer::start();
    let bench = Bench::turned(&issuer.manifest(""));
    // The wall clock of the server stands where it was begun; tokens of now are good for ten minutes.
    exchange(&bench, &issuer.token("ann", &json!({}))).expect_status(200);
    let (next, jwk) = key("two");
    *issuer.keys.lock().unwrap() = Some(json!({ "keys": [jwk] }));
    let rotated = signed(&next, "two", &issuer.claims("ann", &json!({})));
    for _ in 0..3 {
        exchange(&bench, &rotated).expect_error(401, "unauthenticated");
    }
    assert_eq!(issuer.asked(), 1, "asked a moment ago");
    bench.server.clock().turn(Duration::from_secs(61));
    exchange(&bench, &rotated).expect_status(200);
    assert_eq!(issuer.asked(), 2);
    exchange(&bench, &issuer.token("ann", &json!({}))).expect_error(401, "unauthenticated");
    *issuer.keys.lock().unwrap() = None;
    bench.server.clock().turn(Duration::from_secs(61));
    exchange(&bench, &rotated).expect_status(200);
    bench.deploy(&issuer.manifest(", roles = 'groups'"));
    exchange(&bench, &rotated).expect_status(200);
}

#[test]
fn c11_who_does_not_answer_is_told_apart_and_nobody_else_is_asked() {
    let issuer = Issuer::start();
    *issuer.keys.lock().unwrap() = None;
    let bench = Bench::start(&issuer.manifest(""));
    exchange(&bench, &issuer.token("ann", &json!({}))).expect_error(503, "issuer");
    // The control API is on this machine, too, and is asked by no issuer's word.
    let at = bench.server.admin;
    let manifest =
        format!("[auth]\nissuers = [{{ issuer = 'http://{at}', audience = 'shop' }}]\n[function.hello]\n");
    bench.deploy(&manifest);
    let claims = issuer.claims("ann", &json!({ "iss": format!("http://{at}") }));
    exchange(&bench, &signed(&issuer.key, "one", &claims)).expect_error(503, "issuer");
}

/// Who has found a session that somebody left open does not let themselves in for good.
#[test]
fn f4_identities_come_and_go_with_who_signed_in_lately() {
    let issuer = Issuer::start();
    let bench = Bench::turned(&issuer.manifest(""));
    let later = issuer.claims("ann", &json!({}))["iat"].as_u64().unwrap() + 3_600;
    let own = issuer.token("ann", &json!({ "exp": later }));
    let link = json!({ "token": own, "link": true });
    let provider = format!("http://{}", issuer.upstream.at);
    let unlink = |subject: &str| json!({ "provider": provider, "subject": subject });
    let ann = bench.sign_up("ann@example.com", "correct horse");
    bench.server.clock().turn(Duration::from_secs(15 * 60 + 1));
    let old = bench.refresh(&ann).expect_status(200).json();
    let old = old["access_token"].as_str().unwrap();
    bench.post_as("sign-in-oidc", &link, old).expect_error(403, "sign_in_again");
    bench.post_as("unlink", &unlink("ann"), old).expect_error(403, "sign_in_again");
    let new = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    let new = new["access_token"].as_str().unwrap();
    bench.post_as("sign-in-oidc", &link, new).expect_status(200);
    let listed = json!({ "identities": [{ "provider": provider, "subject": "ann" }] });
    assert_eq!(bench.get("identities", new).expect_status(200).json(), listed);
    bench.get("identities", "").expect_error(401, "unauthenticated");
    bench.post_as("unlink", &unlink("bob"), new).expect_error(404, "not_found");
    // Whoever has signed in as that person is out, and who asks is not.
    let stranger = exchange(&bench, &own).expect_status(200).json();
    bench.post_as("unlink", &unlink("ann"), new).expect_status(204);
    bench.get("user", stranger["access_token"].as_str().unwrap()).expect_error(401, "unauthenticated");
    bench.refresh(&stranger).expect_error(401, "unauthenticated");
    bench.post_as("unlink", &unlink("ann"), new).expect_error(404, "not_found");
    bench.post("unlink", &unlink("ann")).expect_error(401, "unauthenticated");
    assert_eq!(bench.get("identities", new).json(), json!({ "identities": [] }));
    // Now the person is another account, of which that is the only way in.
    let other = exchange(&bench, &own).expect_status(200).json();
    assert_ne!(other["user"]["id"], ann["user"]["id"]);
    let access = other["access_token"].as_str().unwrap();
    bench.post_as("unlink", &unlink("ann"), access).expect_error(409, "last_way_in");
    // Another one's identity is not there to be taken.
    bench.post_as("unlink", &unlink("ann"), new).expect_error(404, "not_found");
    assert_eq!(exchange(&bench, &own).expect_status(200).json()["user"], other["user"]);
    // Nobody can sign in to an anonymous account, so its session is proof enough.
    let guest = bench.post("anonymous", &json!({})).expect_status(200).json();
    bench.server.clock().turn(Duration::from_secs(16 * 60));
    let guest = bench.refresh(&guest).expect_status(200).json();
    let bob = json!({ "token": issuer.token("bob", &json!({ "exp": later })), "link": true });
    let linked = bench.post_as("sign-in-oidc", &bob, guest["access_token"].as_str().unwrap());
    assert_eq!(linked.expect_status(200).json()["user"]["id"], guest["user"]["id"]);
}
