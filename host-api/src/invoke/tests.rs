//! What a call asks, who is asked, and what its caller is told.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use http_body_util::{Full, StreamBody};
use store::jobs::{Caller, Lineage, MAX_DEPTH};
use uuid::Uuid;
use wasmtime_wasi_http::Error as BodyError;

use super::*;

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));

/// A door behind which every function answers with its name, and what was asked of it.
#[derive(Default)]
struct Door(Mutex<Vec<(ProjectId, String, String, Call)>>);

#[async_trait]
impl InnerDoor for Door {
    fn find(&self, _: ProjectId, _: &str, _: &Method, _: &PathAndQuery) -> Result<FunctionId, Fault> {
        Err(Fault::Unknown)
    }

    async fn call(&self, project: ProjectId, name: &str, request: Request<WasiBody>, from: Call) -> Called {
        let target = format!("{} {}", request.method(), request.uri());
        self.0.lock().unwrap().push((project, name.to_owned(), target, from));
        Called { response: Response::new(full(format!("\"{name}\""))), fault: None }
    }
}

fn full(text: impl Into<Bytes>) -> WasiBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

fn answer(status: u16, body: WasiBody, fault: Option<Fault>) -> Result<Called, Closed> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(Called { response, fault })
}

async fn given(called: Result<Called, Closed>) -> Result<String, String> {
    result("back", std::future::ready(called)).await.map_err(|error| match error {
        Error::Failed(text) => text,
        other => format!("{other:?}"),
    })
}

fn options(text: &str) -> CallOptions {
    options::read(text).unwrap()
}

#[tokio::test]
async fn the_project_comes_from_who_calls_and_so_does_the_lineage() {
    let door = Arc::new(Door::default());
    let weak: Weak<dyn InnerDoor> = Arc::downgrade(&(door.clone() as Arc<dyn InnerDoor>));
    let neighbours = InnerDoors::new(weak).of(PROJECT);
    let lineage = Lineage { caller: Caller::System, depth: MAX_DEPTH, parent: None };
    let from = Call { invocation: Uuid::from_u128(7), deadline_ms: 9, lineage };
    let request = options(r#"{"path":"/a?b"}"#).into_request("back", "1".to_owned()).unwrap();
    let called = neighbours.clone().call("back".to_owned(), request, from.clone());
    assert_eq!(result("back", called).await.unwrap(), "\"back\"");
    let asked = "POST http://back.ostro.internal/a?b".to_owned();
    assert_eq!(*door.0.lock().unwrap(), [(PROJECT, "back".to_owned(), asked, from)]);
    drop(door);
    let request = options("").into_request("back", String::new()).unwrap();
    let closed = neighbours.call("back".to_owned(), request, Call::default()).await;
    assert_eq!(closed.err(), Some(Closed), "the executor has ended");
    let tried = Neighbours::default().find("back", &Method::POST, &PathAndQuery::from_static("/"));
    assert!(matches!(tried, Err(Error::Unavailable(_))), "{tried:?}");
}

#[test]
fn c1_options_are_bounded() {
    let with = |count: usize| {
        let headers: Vec<String> = (0..count).map(|n| format!(r#""a{n}":"""#)).collect();
        format!(r#"{{"headers":{{{}}}}}"#, headers.join(","))
    };
    let request = options(&with(100)).into_request("back", String::new()).unwrap();
    assert_eq!(request.headers().keys().filter(|name| name.as_str().starts_with('a')).count(), 100);
    let refused = |result: Result<(), Error>| match result {
        Err(Error::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    let many = options(&with(101)).into_request("back", String::new()).map(drop);
    assert_eq!(refused(many), "there are 101 headers, 100 at most");
    // A map of headers that is asked to hold more than 24,576 panics.
    let why = refused(options::read::<CallOptions>(&with(24_577)).map(drop));
    assert!(why.ends_with("65536 at most"), "{why}");
}

#[tokio::test]
async fn an_answer_is_json_or_tells_why_not() {
    for (status, body, expected) in [
        (200, "{\"a\": 1}", Ok("{\"a\": 1}")),
        (204, "", Ok("null")),
        (200, "hello", Err(r#"{"body":"hello","code":"not_json","status":200}"#)),
        (200, "\u{1f}", Err(r#"{"body":"\u001f","code":"not_json","status":200}"#)),
        (404, "[1]", Err(r#"{"body":[1],"status":404}"#)),
        (302, "", Err(r#"{"status":302}"#)),
    ] {
        let given = given(answer(status, full(body), None)).await;
        assert_eq!(given.as_deref().map_err(String::as_str), expected, "{status} {body}");
    }
    let long = format!("\"{}\"", "x".repeat(MAX_FAILED_BYTES));
    let told = given(answer(500, full(long), None)).await.unwrap_err();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["body"].as_str().unwrap().len(), MAX_FAILED_BYTES, "cut, so a string and not its value");
}

#[tokio::test]
async fn an_answer_is_bounded_and_whole() {
    let most = format!("\"{}\"", "x".repeat(MAX_CALL_BYTES - 2));
    assert_eq!(given(answer(200, full(most.clone()), None)).await.unwrap().len(), MAX_CALL_BYTES);
    let over = given(answer(200, full(most + " "), None)).await;
    assert_eq!(over.unwrap_err(), r#"{"code":"too_large","status":200}"#);
    let cut = StreamBody::new(futures_util::stream::iter([
        Ok(http_body::Frame::data(Bytes::from_static(b"1"))),
        Err(BodyError::HttpResponseIncomplete),
    ]));
    let cut = given(answer(200, cut.boxed_unsync(), None)).await;
    assert_eq!(cut.unwrap_err(), r#"{"code":"incomplete","status":200}"#);
}

#[tokio::test]
async fn a_fault_is_a_decision_and_shows_nothing_of_the_inside() {
    for (fault, expected) in [
        (Fault::Unknown, "UnknownFunction"),
        (Fault::Loop(TooDeep), "Loop"),
        (Fault::Busy, "Busy"),
        (Fault::Deadline, "Deadline"),
        (Fault::Invalid("no".to_owned()), "Invalid(\"no\")"),
        (Fault::Failed("trap"), r#"{"code":"trap","status":500}"#),
    ] {
        let told = given(answer(500, full("secret internals"), Some(fault))).await.unwrap_err();
        assert!(told.contains(expected) && !told.contains("secret"), "{told}");
    }
    let closed = given(Err(Closed)).await.unwrap_err();
    assert!(closed.contains("Unavailable"), "{closed}");
    let broken = failure(&StoreError::Driver("secret internals".into()), "back");
    assert!(matches!(broken, Error::Unavailable(text) if !text.contains("secret")));
}

#[tokio::test]
async fn a_caller_waits_as_long_as_it_says() {
    let never = std::future::pending::<Result<i32, Error>>();
    let wait = options(r#"{"timeoutMs":9}"#).timeout();
    assert!(matches!(in_time(wait, never).await, Err(Error::Deadline(text)) if text.contains(" 9 ms")));
    assert!(in_time(None, std::future::ready(Ok(1))).await.is_ok());
}
