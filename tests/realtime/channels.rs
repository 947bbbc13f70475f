//! Channels: pages send to each other, under rules; what is missed comes again, and what is not open is not heard.

use std::thread;

use serde_json::{Value, json};

use super::stream::Stream;
use crate::accounts::bench::Bench;
use crate::client_documents::Visitor;
use crate::support::{Answer, Request, example, script};

/// Whoever is signed in speaks in rooms, in their own name. What is for one user is heard by that one, and sent by
/// functions only.
const MANIFEST: &str = r#"
[auth]
email = true
origins = ["https://app.example.com"]

[collection.notes]
rules = { read = "true", create = "true" }

[channel."rooms/*"]
rules = { read = "auth.user != null", send = "request.data.from == auth.user" }

[channel."users/*"]
rules = { read = "channel.part == auth.user" }

[channel.news]
rules = { read = "true", send = "'editor' in auth.roles" }

[channel.open]
rules = { read = "true", send = "true" }

[channel.closed]

[function.hello]
"#;

impl Visitor<'_> {
    fn send(&self, channel: &str, message: &Value) -> Answer {
        self.ask(&format!("channels/{channel}"), message)
    }

    /// Listens to channels, each under its own name.
    fn listen(&self, channels: &[&str], after: Option<&str>) -> Stream {
        Stream::open(self, &heard(channels), after)
    }

    /// Says something in a room.
    fn say(&self, room: &str, n: usize) {
        self.send(&format!("rooms/{room}"), &json!({ "from": self.id, "n": n })).expect_status(202);
    }
}

fn heard(channels: &[&str]) -> Value {
    let one = |channel: &&str| json!({ "id": channel, "channel": channel });
    json!({ "subscriptions": channels.iter().map(one).collect::<Vec<_>>() })
}

/// The next message, as `rooms/a 1`.
fn number(stream: &mut Stream) -> String {
    let (kind, data) = stream.next().expect("an event");
    match kind.as_str() {
        "message" => format!("{} {}", data["subscription"].as_str().unwrap(), data["data"]["n"]),
        kind => format!("{kind} {}", data["subscription"].as_str().unwrap()),
    }
}

#[test]
fn pages_hear_each_other_in_order() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let mut hers = ann.listen(&["rooms/a", "rooms/b"], None);
    let mut his = bob.listen(&["rooms/b", "open"], None);
    let sent = ann.send("rooms/b", &json!({ "from": ann.id, "text": "a\nb", "at": { "$date": 0 } }));
    assert!(sent.expect_status(202).body.is_empty());
    let data = json!({ "from": ann.id, "text": "a\nb", "at": { "$date": "1970-01-01T00:00:00.000Z" } });
    let expected = |data: &Value| ("message".to_owned(), json!({ "subscription": "rooms/b", "data": data }));
    assert_eq!(his.next().unwrap(), expected(&data));
    assert_eq!(hers.next().unwrap(), expected(&data), "whoever sends hears it as well");
    // Two send at once: everybody hears all of it, and of each sender in order.
    thread::scope(|scope| {
        for visitor in [&ann, &bob] {
            scope.spawn(move || (0..20).for_each(|n| visitor.say("b", n)));
        }
    });
    let heard = |stream: &mut Stream| -> Vec<(String, u64)> {
        let all = (0..40).map(|_| stream.next().unwrap().1["data"].take());
        all.map(|data| (data["from"].as_str().unwrap().to_owned(), data["n"].as_u64().unwrap())).collect()
    };
    let (here, there) = (heard(&mut hers), heard(&mut his));
    assert_eq!(here, there);
    for visitor in [&ann, &bob] {
        let of: Vec<u64> = here.iter().filter(|(from, _)| *from == visitor.id).map(|(_, n)| *n).collect();
        assert_eq!(of, (0..20).collect::<Vec<_>>());
    }
    // Who is not signed in may do what the rules say, too, and any value is a message.
    for message in [json!(null), json!([1, "x"]), json!("text"), json!(1.5)] {
        Visitor::nobody(&bench).send("open", &message).expect_status(202);
        assert_eq!(his.next().unwrap().1, json!({ "subscription": "open", "data": message }));
    }
}

/// Threat C9: nobody hears, sends to, or learns of a channel by guessing its name.
#[test]
fn c9_channels_are_not_guessed() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let own = format!("users/{}", ann.id);
    let guesses =
        [own.as_str(), "users/null", "users/", "users", "users/*", "users/..", "closed", "none", "none/x"];
    let mut his = bob.listen(&[&guesses[..], &["open"]].concat(), None);
    let mut nobodys = Visitor::nobody(&bench).listen(&["users/null", &own, "rooms/a", "none", "open"], None);
    let mut refusals = Vec::new();
    for guess in guesses {
        let (kind, data) = his.next().unwrap();
        assert_eq!((kind.as_str(), &data["subscription"]), ("error", &json!(guess)));
        refusals.push(data["error"].clone());
    }
    for refusal in refusals {
        match refusal["code"].as_str().unwrap() {
            "forbidden" => assert_eq!(refusal["message"], "nothing in this channel is open to you"),
            code => assert_eq!(code, "invalid", "{refusal}"),
        }
    }
    for _ in 0..4 {
        assert_eq!(nobodys.next().unwrap().0, "error");
    }
    let message = json!({ "from": bob.id });
    let answers: Vec<Value> = [own.as_str(), "users/x", "closed", "none", "none/x", "news", "rooms"]
        .map(|channel| {
            let answer = bob.send(channel, &message);
            answer.expect_error(403, "forbidden");
            answer.json()
        })
        .into();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // In somebody else's name, or in nobody's.
    for message in [json!({ "from": ann.id }), json!({ "from": null }), json!(bob.id), json!({})] {
        bob.send("rooms/a", &message).expect_error(403, "forbidden");
    }
    Visitor::nobody(&bench).send("rooms/a", &json!({ "from": null })).expect_error(403, "forbidden");
    let forged = Visitor { bench: &bench, id: String::new(), token: format!("{}x", ann.token) };
    forged.send("open", &json!(1)).expect_error(401, "unauthenticated");
    // What is sent where they were refused they do not hear: the next that comes is what everybody may hear.
    ann.say("a", 1);
    ann.send("open", &json!({ "n": 2 })).expect_status(202);
    for stream in [&mut his, &mut nobodys] {
        assert_eq!(number(stream), "open 2");
        stream.is_told_nothing();
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let bench = Bench::start(MANIFEST);
    let to = bench.server.listen;
    let post = |path: &str, body: &[u8]| {
        let request = Request::new("POST", &format!("/_ostro/v1/{path}"), &to.to_string());
        request.header("content-type", "application/json").body(body)
    };
    for path in ["channels/", "channels/Open", "channels/open/a/b", "channels/open/%2A", "channels/open%20"] {
        post(path, b"1").send(to).expect_error(400, "bad_request");
    }
    post("channels", b"1").send(to).expect_error(404, "no_route");
    let deep = "[".repeat(101) + &"]".repeat(101);
    for body in
        [&b""[..], b"{", b"1 2", b"\"\xff\"", b"{\"$where\":1}", b"{\"a\":1,\"a\":2}", deep.as_bytes()]
    {
        post("channels/open", body).send(to).expect_error(400, "bad_request");
    }
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
    post("channels/open", &text(16 << 10)).send(to).expect_status(202);
    post("channels/open", &text((16 << 10) + 1)).send(to).expect_error(413, "too_large");
    let plain = Request::new("POST", "/_ostro/v1/channels/open", &to.to_string()).body("1");
    plain.send(to).expect_error(400, "bad_request");
    let get = Request::new("GET", "/_ostro/v1/channels/open", &to.to_string());
    get.send(to).expect_error(405, "method");
    // Pages of other origins, as everywhere.
    let from = |origin: &str| post("channels/open", b"1").header("origin", origin).send(to);
    from("https://evil.example").expect_error(403, "forbidden");
    let listed = from("https://app.example.com").expect_status(202);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://app.example.com"));
}

/// Messages and changes have one order: a stream goes on in it, or is told that something is missing.
#[test]
fn a_stream_hears_again_what_it_missed() {
    let mut bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let both = json!({ "subscriptions": [
        { "id": "room", "channel": "rooms/a" }, { "id": "notes", "collection": "notes" },
    ] });
    let mut stream = Stream::open(&ann, &both, None);
    ann.say("a", 1);
    assert_eq!(number(&mut stream), "room 1");
    let place = stream.id.clone().unwrap();
    drop(stream);
    ann.say("a", 2);
    ann.insert(&json!({ "_id": "x" }));
    ann.say("b", 3);
    ann.say("a", 4);
    let mut again = Stream::open(&ann, &both, Some(&place));
    assert_eq!(number(&mut again), "room 2");
    assert_eq!(again.told(), "insert notes x");
    assert_eq!(number(&mut again), "room 4");
    // What it did not ask for before is known as well.
    let mut other = ann.listen(&["rooms/b"], Some(&place));
    assert_eq!(number(&mut other), "rooms/b 3");
    let bob = Visitor::sign_up(&bench, "bob");
    assert_eq!(
        number(&mut bob.listen(&["rooms/a"], Some(&place))),
        "reset rooms/a",
        "a place of somebody else"
    );
    drop((again, other));
    let (id, token) = (ann.id.clone(), ann.token.clone());
    bench.server.restart();
    let ann = Visitor { bench: &bench, id, token };
    let mut later = ann.listen(&["rooms/a"], Some(&place));
    assert_eq!(number(&mut later), "reset rooms/a");
    ann.say("a", 5);
    assert_eq!(number(&mut later), "rooms/a 5");
}

#[test]
fn rules_of_channels_hold_from_their_deploy_on() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let mut stream = ann.listen(&["rooms/a", "rooms/b", "open"], None);
    let place = stream.begin().id.clone().unwrap();
    ann.say("b", 1);
    assert_eq!(number(&mut stream), "rooms/b 1");
    // The same again changes nothing, and what a manifest does not name stays.
    bench.deploy(MANIFEST);
    bench.deploy("[auth]\nemail = true\n[function.hello]");
    let narrow = MANIFEST.replace("read = \"auth.user != null\"", "read = \"channel.part == 'b'\"");
    bench.deploy(&narrow);
    assert_eq!(number(&mut stream), "error rooms/a");
    ann.say("a", 2);
    ann.say("b", 3);
    assert_eq!(number(&mut stream), "rooms/b 3");
    // What came before is not told by the rules of then.
    assert_eq!(number(&mut ann.listen(&["rooms/b"], Some(&place))), "reset rooms/b");
    let closed = narrow.replace("rules = { read = \"true\", send = \"true\" }", "");
    bench.deploy(&closed);
    assert_eq!(number(&mut stream), "error open");
    ann.send("open", &json!(1)).expect_error(403, "forbidden");
    ann.say("b", 4);
    assert_eq!(number(&mut stream), "rooms/b 4");
    let bad = format!("{MANIFEST}\n[channel.x]\nrules = {{ read = \"request.data.a == 1\" }}");
    let control = bench.server.control();
    let hello = crate::support::guest::component("hello");
    control.try_deploy_manifest("hello", &hello, &bad).expect_error(422, "manifest");
}

/// Threat D2: who sends too much is told so, and others send on. A listener that does not read is dropped alone.
#[test]
fn d2_floods_of_messages_hurt_nobody() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let mut slow = Stream::all(&ann);
    let mut quick = bob.listen(&["rooms/a"], None);
    // A message counts for each KiB, so that a slow machine meets the bound as well.
    let long = "x".repeat(15_000);
    let flood = (0..10_000).map(|n| ann.send("rooms/z", &json!({ "from": ann.id, "n": n, "text": long })));
    let refused = flood.into_iter().find(|answer| answer.status != 202).expect("there is an end");
    refused.expect_error(429, "rate");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let text = "x".repeat(500_000);
    for n in 0..40 {
        ann.insert(&json!({ "_id": n.to_string(), "text": text }));
    }
    bob.say("a", 1);
    assert_eq!(number(&mut quick), "rooms/a 1");
    while slow.next().is_some() {}
    assert_eq!(slow.retry_ms, Some(1_000), "it was dropped");
}

/// Functions of either language send whatever the rules say, where they are granted a channel, and are refused elsewhere.
#[test]
fn functions_send_to_channels() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    let open = MANIFEST.replace("channel.part == auth.user", "channel.part == 'ann'");
    bench.deploy(&open);
    let mut stream = Visitor::nobody(&bench).listen(&["users/ann", "news"], None);
    let rust = ("sdk", example::component("sdk-script"), "as it should be\n");
    let javascript = script::built(&script::folder().join("channels.js"));
    let javascript = javascript.map(|component| ("js", component, r#"{"passed":2,"failed":[]}"#));
    for (function, component, fine) in [rust].into_iter().chain(javascript) {
        let flags =
            json!({ "grants": ["channel:news:send", "channel:users/*:send", "channel:unheard:send"] });
        control.deploy(function, &component, &flags);
        let request = Request::new("POST", "/channels", &format!("{function}.localhost"));
        let said = request.body("").send(bench.server.listen).text();
        let log = control.get(&format!("functions/{function}/logs?limit=20"));
        assert_eq!(said, fine, "{}", log.text());
        for expected in [
            json!({ "subscription": "users/ann", "data": { "n": 1 } }),
            json!({ "subscription": "news", "data": "two" }),
        ] {
            assert_eq!(stream.next().unwrap(), ("message".to_owned(), expected));
        }
        stream.is_told_nothing();
        let calls = control.invocations(function, 1)[0]["bill"].clone();
        assert!(calls.to_string().contains("ostro:realtime/channels"), "{calls}");
        let bad = json!({ "grants": ["channel:rooms/a:send"] });
        control.try_deploy(function, &component, &bad).expect_error(422, "settings");
    }
}
