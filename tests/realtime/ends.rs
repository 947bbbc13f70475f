//! How streams end: too much is asked, the time is over, the server stops, nobody reads.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::MANIFEST;
use super::stream::{Stream, notes};
use crate::accounts::bench::Bench;
use crate::client_documents::Visitor;
use crate::support::{Ended, Request};

#[test]
fn what_is_no_subscription_is_refused() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let one = |id: &str| json!({ "id": id, "collection": "notes" });
    let many: Vec<Value> = (0..17).map(|id| one(&id.to_string())).collect();
    for body in
        [json!([]), json!({ "subscriptions": [{ "id": "1", "channel": "x", "filter": {} }] }), json!({})]
    {
        Stream::refused(&ann, &body).expect_error(400, "bad_request");
    }
    for all in [json!([]), json!([one("1"), one("1")]), json!(many)] {
        Stream::refused(&ann, &json!({ "subscriptions": all })).expect_error(422, "invalid");
    }
    let long = notes(&[("1", json!({ "text": "x".repeat(200_000) }))]);
    Stream::refused(&ann, &long).expect_error(413, "too_large");
    let get = Request::new("GET", "/_ostro/v1/realtime", &bench.server.listen.to_string());
    get.send(bench.server.listen).expect_error(405, "method");
    // Of one that is refused the others hear nothing.
    let filters = notes(&[
        ("long", json!({ "text": "x".repeat(5_000) })),
        ("bad", json!({ "$where": 1 })),
        ("good", json!({})),
    ]);
    let mut stream = Stream::open(&ann, &filters, None);
    for code in ["too_much", "invalid"] {
        let (kind, data) = stream.next().unwrap();
        assert_eq!((kind.as_str(), &data["error"]["code"]), ("error", &json!(code)), "{data}");
    }
    ann.insert(&json!({ "_id": "a" }));
    assert_eq!(stream.told(), "insert good a");
}

/// A stream is in the name of a token, and ends with it.
#[test]
fn f1_a_stream_ends_with_its_token() {
    let bench = Bench::turned(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    bench.server.clock().turn(Duration::from_secs(57));
    let (mut stream, begin) = (Stream::all(&ann), Instant::now());
    assert_eq!(stream.next(), None);
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(stream.ended, Some(Ended::Complete));
    assert!(stream.retry_ms.is_some());
}

#[test]
fn e14_streams_end_with_the_server() {
    let mut bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let mut streams: Vec<Stream> = (0..20).map(|_| Stream::all(&ann)).collect();
    let begin = Instant::now();
    bench.server.sigterm();
    for stream in &mut streams {
        assert_eq!(stream.next(), None);
        assert_eq!((stream.ended, stream.retry_ms.is_some()), (Some(Ended::Complete), true));
    }
    let status = bench.server.wait(Duration::from_secs(20));
    assert!(status.success(), "{status}\n{}", bench.server.words());
    assert!(begin.elapsed() < Duration::from_secs(15), "streams held it up: {:?}", begin.elapsed());
}

/// Whoever does not read is dropped and can go on; the others notice nothing.
#[test]
fn a_slow_page_is_dropped_and_hurts_nobody() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let (mut slow, mut quick) = (Stream::all(&ann), Stream::all(&ann));
    let text = "x".repeat(500_000);
    // More than the sockets between the two take in, and what waits for a stream.
    let count = 40;
    for n in 0..count {
        ann.insert(&json!({ "_id": n.to_string(), "text": text }));
        assert_eq!(quick.told(), format!("insert 1 {n}"));
    }
    let mut told = 0;
    while let Some((kind, data)) = slow.next() {
        assert_eq!((kind.as_str(), &data["document"]["_id"]), ("insert", &json!(told.to_string())));
        told += 1;
    }
    assert!(told < count, "it was dropped");
    assert_eq!((slow.ended, slow.retry_ms), (Some(Ended::Complete), Some(1_000)));
    let mut again = Stream::open(&ann, &notes(&[("1", json!({}))]), slow.id.as_deref());
    let next = again.told();
    assert!(next == format!("insert 1 {told}") || next == "reset 1", "{next} after {told}");
    ann.insert(&json!({ "_id": "last" }));
    assert_eq!(quick.told(), "insert 1 last");
}
