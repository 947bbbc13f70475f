//! The guest of `tests/p3.rs`: its path says how it behaves, a number in the query how long or how much.

mod triggers;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasip3::clocks::monotonic_clock;
use wasip3::exports::http::handler::Guest;
use wasip3::filesystem::preopens;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter};
use wasip3::{spawn_local, wit_future, wit_stream};

wasip3::http::service::export!(Worker);

struct Worker;

/// Requests that this instance has been given.
static SERVED: AtomicU32 = AtomicU32::new(0);
/// Those of `/meet` that are inside now.
static INSIDE: AtomicU32 = AtomicU32::new(0);

impl Guest for Worker {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let served = SERVED.fetch_add(1, Relaxed) + 1;
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number: u64 = query.parse().unwrap_or(0);
        if served > 1 {
            match variable("BREAKS").as_str() {
                "trap" => panic!("this guest does not like to be reused"),
                "status" => return Ok(answer(503, "not again")),
                _ => {}
            }
        }
        match path {
            "/stream" => Ok(stream(number)),
            "/echo" => Ok(echo(request)),
            "/pass" => Ok(pass(request)),
            "/fetch" => fetch(query, None).await,
            "/relay" => fetch(query, Some(request)).await,
            "/trap" => panic!("as asked"),
            "/cut" => Ok(cut()),
            "/loop" => burn(),
            "/loop-after" => Ok(loop_after()),
            "/burn" => Ok(answer(200, &spin(number))),
            "/sleep" => {
                sleep(number).await;
                Ok(answer(200, "rested\n"))
            }
            "/never" => never().await,
            "/after" => Ok(after(number)),
            "/grow" => Ok(answer(200, &grow(number))),
            "/handles" => Ok(answer(200, &handles())),
            "/folders" => Ok(answer(200, &folders(number).await)),
            "/length" => Ok(length(number)),
            "/refuse" => Err(ErrorCode::HttpProtocolError),
            "/throw" => Err(ErrorCode::InternalError(Some("as asked".into()))),
            "/meet" => Ok(answer(200, meet().await)),
            "/served" => Ok(answer(200, &format!("{served}\n"))),
            "/target" => {
                Ok(answer(200, &format!("{:?} {:?}\n", request.get_scheme(), request.get_authority())))
            }
            _ => Ok(answer(200, "hello from 0.3\n")),
        }
    }
}

/// A whole answer.
fn answer(status: u16, text: &str) -> Response {
    let text = text.as_bytes().to_vec();
    let (response, mut body) = open(Fields::new());
    response.set_status_code(status).expect("a valid status");
    spawn_local(async move { drop(body.write_all(text).await) });
    response
}

/// A response and the end of its body that is written to.
fn open(headers: Fields) -> (Response, StreamWriter<u8>) {
    let (body, reader) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    (Response::new(headers, Some(reader), trailers).0, body)
}

/// Five chunks with a pause between them.
fn stream(pause_ms: u64) -> Response {
    let (response, mut body) = open(Fields::new());
    spawn_local(async move {
        for _ in 0..5 {
            if !body.write_all(b"chunk\n".to_vec()).await.is_empty() {
                println!("the reader is gone");
                return;
            }
            sleep(pause_ms).await;
        }
    });
    response
}

/// Every piece of the request goes through the guest's memory.
fn echo(request: Request) -> Response {
    let (_, done) = wit_future::new(|| Ok(()));
    let (mut given, _trailers) = Request::consume_body(request, done);
    let (response, mut body) = open(Fields::new());
    spawn_local(async move {
        while let Some(piece) = read(&mut given).await {
            if !body.write_all(piece).await.is_empty() {
                return;
            }
        }
    });
    response
}

async fn read(stream: &mut StreamReader<u8>) -> Option<Vec<u8>> {
    let (result, piece) = stream.read(Vec::with_capacity(16 << 10)).await;
    match result {
        StreamResult::Complete(_) => Some(piece),
        StreamResult::Dropped if !piece.is_empty() => Some(piece),
        StreamResult::Dropped | StreamResult::Cancelled => None,
    }
}

/// The request's body is the answer's: nothing of it comes into the guest.
fn pass(request: Request) -> Response {
    let (_, done) = wit_future::new(|| Ok(()));
    let (given, trailers) = Request::consume_body(request, done);
    Response::new(Fields::new(), Some(given), trailers).0
}

/// The answer of another server, to a plain request or to what this one was given. The bodies go through, both ways.
async fn fetch(address: &str, given: Option<Request>) -> Result<Response, ErrorCode> {
    let rest = address.strip_prefix("http://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let method = given.as_ref().map_or(Method::Get, Request::get_method);
    let (_, trailers) = wit_future::new(|| Ok(None));
    let body = given.map(|given| Request::consume_body(given, wit_future::new(|| Ok(())).1).0);
    let (request, _sent) = Request::new(Fields::new(), body, trailers, None);
    request.set_method(&method).and_then(|()| request.set_scheme(Some(&Scheme::Http))).expect("valid");
    request.set_authority(Some(authority)).expect("a valid authority");
    request.set_path_with_query(Some(&format!("/{path}"))).expect("a valid path");
    let response = match client::send(request).await {
        Ok(response) => response,
        Err(error) => return Ok(answer(502, &format!("{error:?}\n"))),
    };
    let status = response.get_status_code();
    let (_, done) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, done);
    let (response, _) = Response::new(Fields::new(), Some(body), trailers);
    response.set_status_code(status).expect("it came from a server");
    Ok(response)
}

/// The head, one chunk, a trap.
fn cut() -> Response {
    let (response, mut body) = open(Fields::new());
    spawn_local(async move {
        body.write_all(b"chunk\n".to_vec()).await;
        panic!("as asked");
    });
    response
}

fn loop_after() -> Response {
    let (response, mut body) = open(Fields::new());
    spawn_local(async move {
        body.write_all(b"chunk\n".to_vec()).await;
        burn();
    });
    response
}

fn burn() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// That many millions of additions.
fn spin(millions: u64) -> String {
    let sum = (0..millions * 1_000_000).fold(0u64, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
    format!("{sum}\n")
}

/// Answers, then works on for so long.
fn after(ms: u64) -> Response {
    let (response, mut body) = open(Fields::new());
    spawn_local(async move {
        body.write_all(b"answered\n".to_vec()).await;
        drop(body);
        sleep(ms).await;
        println!("worked on for {ms} ms");
    });
    response
}

fn grow(mebibytes: u64) -> String {
    let held: Vec<Vec<u8>> = (0..mebibytes).map(|_| vec![1; 1 << 20]).collect();
    format!("{} MiB\n", held.len())
}

/// Streams until there are no more: a trap.
fn handles() -> String {
    let held: Vec<_> = (0..1_000_000).map(|_| wit_stream::new::<u8>()).collect();
    format!("{}\n", held.len())
}

/// Begins to read its assets' folder that often, never reads on, and rests two seconds.
async fn folders(count: u64) -> String {
    let folders = preopens::get_directories();
    let mut begun = Vec::new();
    for _ in 0..count {
        for (folder, _) in &folders {
            begun.push(folder.read_directory());
        }
    }
    println!("begun");
    sleep(2_000).await;
    format!("{}\n", begun.len())
}

/// Ten bytes that are announced as so many.
fn length(announced: u64) -> Response {
    let headers = Fields::from_list(&[("content-length".into(), announced.to_string().into_bytes())]);
    let (response, mut body) = open(headers.expect("a valid header"));
    spawn_local(async move { drop(body.write_all(b"ten bytes.".to_vec()).await) });
    response
}

/// Waits for another call in this instance, two seconds at most.
async fn meet() -> &'static str {
    INSIDE.fetch_add(1, Relaxed);
    let mut met = false;
    for _ in 0..200 {
        met |= INSIDE.load(Relaxed) > 1;
        if met {
            break;
        }
        sleep(10).await;
    }
    // Whoever came second shall be seen by the first.
    sleep(30).await;
    INSIDE.fetch_sub(1, Relaxed);
    if met { "met\n" } else { "alone\n" }
}

/// Reads what nobody writes.
async fn never() -> Result<Response, ErrorCode> {
    let (_writer, mut reader) = wit_stream::new::<u8>();
    read(&mut reader).await;
    unreachable!("nobody has written");
}

async fn sleep(ms: u64) {
    monotonic_clock::wait_for(ms * 1_000_000).await;
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
