//! The grammar of grants, and what they cover.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn origin(scheme: Scheme, host: &str, port: u16) -> Origin {
    Origin { scheme, host: Host::parse(host).unwrap(), port }
}

#[test]
fn what_a_grant_covers() {
    use Scheme::{Http, Https};
    let cases = [
        ("http:https://api.example.com", Https, "api.example.com", 443, true),
        ("http:https://API.Example.COM", Https, "api.example.com", 443, true),
        ("http:https://api.example.com.", Https, "api.example.com", 443, true),
        ("http:https://api.example.com", Https, "API.example.com.", 443, true),
        ("http:https://api.example.com", Https, "api.example.com", 8443, false),
        ("http:https://api.example.com", Http, "api.example.com", 443, false),
        ("http:https://api.example.com", Http, "api.example.com", 80, false),
        ("http:https://api.example.com", Https, "example.com", 443, false),
        ("http:https://api.example.com", Https, "x.api.example.com", 443, false),
        ("http:https://api.example.com", Https, "api.example.com.evil.org", 443, false),
        ("http:https://api.example.com:8443", Https, "api.example.com", 8443, true),
        ("http:https://api.example.com:8443", Https, "api.example.com", 443, false),
        ("http:http://127.0.0.1:9000", Http, "127.0.0.1", 9000, true),
        ("http:http://127.0.0.1:9000", Http, "127.0.0.1", 9001, false),
        ("http:http://127.0.0.1:9000", Http, "127.0.0.2", 9000, false),
        ("http:http://127.0.0.1:9000", Http, "[::ffff:127.0.0.1]", 9000, false),
        ("http:http://127.0.0.1:9000", Http, "[::1]", 9000, false),
        ("http:http://[::1]:9000", Http, "[0:0::1]", 9000, true),
        ("http:http://[::1]", Http, "[::1]", 80, true),
        ("http:https://*.example.com", Https, "a.example.com", 443, true),
        ("http:https://*.example.com", Https, "a.b.example.com", 443, true),
        ("http:https://*.example.com", Https, "example.com", 443, false),
        ("http:https://*.example.com", Https, "badexample.com", 443, false),
        ("http:https://*.example.com", Https, "a.example.com", 8443, false),
        ("http:https://*.example.com:8443", Https, "a.example.com", 8443, true),
        ("http:https://*.example.com", Http, "a.example.com", 80, false),
    ];
    for (grant, scheme, host, port, expected) in cases {
        let grants = Grants::parse(&[grant]).unwrap();
        assert_eq!(
            grants.allows_origin(&origin(scheme, host, port)),
            expected,
            "{grant} {scheme:?} {host} {port}"
        );
    }
}

#[test]
fn a_channel_is_granted_as_it_is_declared() {
    let grants = Grants::parse(&["channel:news:send", "channel:rooms/*:send"]).unwrap();
    assert!(grants.allows_channel("news") && grants.allows_channel("rooms/*"));
    for other in ["rooms", "news/*", "rooms/a", "*"] {
        assert!(!grants.allows_channel(other), "{other}");
    }
}

#[test]
fn a_queue_is_granted_by_its_name() {
    let grants = Grants::parse(&["queue:mail:send", "queue:a-1:send", "queue:mail:send"]).unwrap();
    assert!(grants.allows_send("mail") && grants.allows_send("a-1"));
    assert!(!grants.allows_send("mai") && !grants.allows_send("mail:send") && !grants.allows_send(""));
    assert_eq!(grants.queue_names().collect::<Vec<_>>(), ["a-1", "mail"]);
}

#[test]
fn what_is_refused_and_why() {
    let cases = [
        ("", "no such kind", "http:ORIGIN"),
        ("https://api.example.com", "no such kind", "http:ORIGIN"),
        ("htpp:https://api.example.com", "no such kind", "http:ORIGIN"),
        ("collection:", "1 to 40 characters", "collection:NAME:read"),
        ("collection:entries:create", "`read` and `write`", "collection:NAME:write"),
        ("kv:", "1 to 40 characters", "kv:NAME:read"),
        ("kv:Sessions", "lower-case", "kv:NAME:read"),
        ("kv:sessions:", "`read` and `write`", "kv:NAME:read"),
        ("kv:sessions:send", "`read` and `write`", "kv:NAME:read"),
        ("bucket:Avatars", "lower-case", "bucket:NAME:read"),
        ("queue:mail", "what for", "queue:mail:send"),
        ("queue:mail:receive", "for `send`", "queue:mail:send"),
        ("queue:Mail:send", "lower-case", "queue:mail:send"),
        ("queue::send", "1 to 40", "queue:mail:send"),
        ("channel:rooms/*", "what for", "channel:rooms/*:send"),
        ("channel:news:read", "for `send`", "channel:news:send"),
        ("channel:rooms/a:send", "stands `*`", "channel:rooms/*:send"),
        ("channel:News:send", "lower-case", "channel:news:send"),
        ("function:", "1 to 40 characters", "function:thumbnail"),
        ("function:a:call", "lower-case", "function:thumbnail"),
        ("users", "`sign-in`, `read` and `write`", "users:sign-in"),
        ("users:", "`sign-in`, `read` and `write`", "users:read"),
        ("users:delete", "`sign-in`, `read` and `write`", "users:write"),
        ("users:ann:read", "`sign-in`, `read` and `write`", "users:read"),
        ("users:read,", "`sign-in`, `read` and `write`", "users:read,write"),
        ("sql:main:drop", "`read` and `write`", "sql:NAME:read"),
        ("http:", "begins with", "https://api.example.com"),
        ("http:*", "begins with", "https://api.example.com"),
        ("http:api.example.com", "begins with", "https://api.example.com"),
        ("http:ftp://api.example.com", "begins with", "https://api.example.com"),
        ("http:HTTPS://api.example.com", "begins with", "https://api.example.com"),
        ("http:https://", "no host name", "https://api.example.com"),
        ("http:https://api.example.com/", "no `/`", "only scheme, host"),
        ("http:https://api.example.com/v1", "no `/`", "only scheme, host"),
        ("http:https://a@example.com", "no `@`", "only scheme, host"),
        ("http:https://example.com?x", "no `?`", "only scheme, host"),
        ("http:https://example.com#x", "no `#`", "only scheme, host"),
        ("http:https://example.com:0", "port", "such as"),
        ("http:https://example.com:", "port", "such as"),
        ("http:https://example.com:65536", "port", "such as"),
        ("http:https://example.com:+443", "port", "such as"),
        ("http:https://*", "only at the beginning", "*.example.com"),
        ("http:https://*.com", "two or more labels", "*.example.com"),
        ("http:https://*.127.0.0.1", "two or more labels", "*.example.com"),
        ("http:https://a.*.example.com", "only at the beginning", "*.example.com"),
        ("http:https://müller.example", "not ASCII", "xn--"),
        ("http:http://localhost:9000", "not public", "http:http://127.0.0.1:9000"),
        ("http:http://thumbs.ostro.internal", "by their names", "function:thumbs"),
        ("http:http://x.localhost", "not public", "http:http://127.0.0.1:80"),
        ("http:http://2130706433", "no host name", "such as"),
        ("http:http://0x7f.1", "no host name", "such as"),
        ("http:http://127.1", "no host name", "such as"),
        ("http:http://[::1", "no host name", "such as"),
        ("http:http://::1", "no host name", "such as"),
        ("http:http://a b", "no host name", "such as"),
        ("http:http://a..b", "no host name", "such as"),
        ("secret:", "missing", "secret:API_KEY"),
        ("secret:A B", "only letters", "secret:API_KEY"),
        ("secret:ä", "only letters", "secret:API_KEY"),
        ("secret:*", "only letters", "secret:API_KEY"),
    ];
    for (grant, reason, hint) in cases {
        let error = Grants::parse(&[grant]).unwrap_err();
        assert_eq!(error.grant, grant);
        assert!(error.reason.contains(reason), "{error}");
        assert!(error.hint.contains(hint), "{grant}: {}", error.hint);
    }
}

#[test]
fn secrets_by_name() {
    let grants = Grants::parse(&["secret:B", "secret:A", "secret:B"]).unwrap();
    assert_eq!(grants.secret_names().collect::<Vec<_>>(), ["A", "B"]);
    assert!(grants.allows_secret("A") && !grants.allows_secret("a") && !grants.allows_secret(""));
}

#[test]
fn limits_of_grants() {
    let name = |length: usize| [format!("secret:{}", "x".repeat(length))];
    assert!(Grants::parse(&name(63)).is_ok());
    assert!(Grants::parse(&name(64)).is_ok());
    assert!(Grants::parse(&name(65)).is_err());
    let many = |count: usize| (0..count).map(|n| format!("secret:S{n}")).collect::<Vec<_>>();
    assert!(Grants::parse(&many(255)).is_ok());
    assert!(Grants::parse(&many(256)).is_ok());
    assert!(Grants::parse(&many(257)).unwrap_err().reason.contains("at most 256"));
    let long = Grants::parse(&[format!("secret:{}", "ü".repeat(1000))]).unwrap_err();
    assert!(long.reason.contains("512 bytes") && long.grant.len() < 140, "{long}");
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_parse(text in "\\PC{0,80}", kind in "(http:https?://|secret:|)") {
        let grant = format!("{kind}{text}");
        if let Err(error) = Grants::parse(&[&grant]) {
            prop_assert!(!error.reason.is_empty() && !error.hint.is_empty());
        }
    }

    /// The line that a refusal names is the one that helps.
    #[test]
    fn the_named_grant_allows_the_origin(
        secure: bool, host in "[a-z][a-z0-9-]{0,10}(\\.[a-z][a-z0-9-]{0,10}){1,3}", port in 1_u16..,
    ) {
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        let wanted = origin(scheme, &host, port);
        prop_assume!(!host.ends_with(".localhost"));
        let grants = Grants::parse(&[wanted.grant()]).unwrap();
        prop_assert!(grants.allows_origin(&wanted));
        let next_port = Origin { port: port.wrapping_add(1), ..wanted };
        prop_assert!(!grants.allows_origin(&next_port));
    }

    #[test]
    fn addresses_round_trip(bits: u128, v4: bool, port in 1_u16..) {
        let address = if v4 { IpAddr::from(u32::try_from(bits >> 96).unwrap().to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
        let wanted = Origin { scheme: Scheme::Http, host: Host::Address(address), port };
        prop_assert!(Grants::parse(&[wanted.grant()]).unwrap().allows_origin(&wanted));
    }
}

#[test]
fn namespaces_are_granted_with_verbs_that_add_up() {
    let grants = Grants::parse(&[
        "kv:all",
        "kv:both:read,write",
        "kv:seen:read",
        "kv:put:write",
        "kv:sum:read",
        "kv:sum:write",
    ])
    .unwrap();
    let of = |name: &str| {
        grants.data(Data::KeyValue, name).map(|verbs| (verbs.allow(Verb::Read), verbs.allow(Verb::Write)))
    };
    for (name, verbs) in [
        ("all", Some((true, true))),
        ("both", Some((true, true))),
        ("seen", Some((true, false))),
        ("put", Some((false, true))),
        ("sum", Some((true, true))),
        ("other", None),
    ] {
        assert_eq!(of(name), verbs, "{name}");
    }
    assert_eq!(grants.data_names(Data::KeyValue).collect::<Vec<_>>(), ["all", "both", "put", "seen", "sum"]);
    assert_eq!(data_grant(Data::KeyValue, "seen", Verb::Write), "kv:seen:write");
}

#[test]
fn kinds_of_data_are_apart() {
    let grants = Grants::parse(&["collection:a", "bucket:b:read", "sql:c:write", "function:f"]).unwrap();
    for (data, name) in [(Data::Collection, "a"), (Data::Bucket, "b"), (Data::Sql, "c")] {
        for other in Data::ALL {
            assert_eq!(grants.data(other, name).is_some(), other == data, "{other:?} {name}");
        }
    }
    assert!(grants.allows_call("f") && !grants.allows_call("a"));
    assert_eq!(grants.function_names().collect::<Vec<_>>(), ["f"]);
    assert_eq!(call_grant(&"x".repeat(200)).len(), "function:".len() + 128 + "…".len());
}

#[test]
fn users_by_verb() {
    let grants = Grants::parse(&["users:read,sign-in"]).unwrap();
    let allowed = |grants: &Grants| {
        [UserVerb::Read, UserVerb::Write, UserVerb::SignIn].map(|verb| grants.allows_users(verb))
    };
    assert_eq!(allowed(&grants), [true, false, true]);
    assert_eq!(allowed(&Grants::parse(&["users:write"]).unwrap()), [false, true, false]);
    assert_eq!(allowed(&Grants::default()), [false; 3]);
    assert_eq!(users_grant(UserVerb::SignIn), "users:sign-in");
}
