//! Outbound calls to a local upstream, well-behaved and not (threats C11 to C16).

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{Empty, Full, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::connector::{Connector, DialError};
use super::*;
use crate::log::{LogSink, LogSource};
use crate::{Call, HostCtx, HostLimits, HostParts, Invocation, ProjectServices};

/// What an upstream does after it has sent its answer.
#[derive(Clone, Copy)]
enum Then {
    Wait,
    Close,
    Stall,
}

/// A local server that answers each request head with fixed bytes and keeps what it was sent.
struct Upstream {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    async fn start(answer: impl Into<Bytes>, then: Then) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counter, kept) = (connections.clone(), heads.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Self::serve(stream, answer.clone(), then, kept.clone()));
            }
        });
        Self { address, connections, heads }
    }

    async fn serve(mut stream: TcpStream, answer: Bytes, then: Then, heads: Arc<Mutex<Vec<String>>>) {
        while let Some(head) = read_head(&mut stream).await {
            heads.lock().unwrap().push(head);
            if stream.write_all(&answer).await.is_err() {
                return;
            }
            match then {
                Then::Wait => {}
                Then::Close => return,
                Then::Stall => std::future::pending().await,
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn line(&self, source: LogSource, _: &'static str, message: String) {
        assert_eq!(source, LogSource::Platform);
        self.0.lock().unwrap().push(message);
    }
}

fn invocation(lines: &Arc<Lines>) -> Invocation {
    Invocation { call: Call::default(), log: lines.clone(), secrets: Arc::default() }
}

/// A function with grants, in an invocation.
struct Function {
    ctx: HostCtx,
    lines: Arc<Lines>,
}

impl Function {
    fn with(grants: &[String], limits: HostLimits, change: impl FnOnce(&mut EgressOptions)) -> Self {
        let mut options = options();
        change(&mut options);
        let parts = HostParts {
            identity: Arc::default(),
            grants: Arc::new(Grants::parse(grants).unwrap()),
            environment: Arc::default(),
            egress: EgressPool::new(options),
            services: ProjectServices::closed(),
            limits,
        };
        let mut ctx = HostCtx::new(parts);
        let lines = Arc::new(Lines::default());
        ctx.begin(invocation(&lines));
        Self { ctx, lines }
    }

    fn granted(upstream: &Upstream) -> Self {
        Self::with(&[format!("http:http://{}", upstream.address)], HostLimits::default(), |_| {})
    }

    async fn send(
        &mut self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let nothing = Box::new(std::future::ready(Ok(())));
        let (response, _) =
            Box::into_pin(self.ctx.http.send_request(request, Some(options), nothing)).await?;
        Ok(response)
    }

    async fn get(&mut self, url: &str) -> Result<Response<WasiBody>, Error> {
        self.send(get(url), RequestOptions::default()).await
    }

    /// The body of the answer, or the failure of the call at any point.
    async fn read(&mut self, url: &str) -> Result<String, Error> {
        let body = self.get(url).await?.into_body().collect().await?;
        Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }
}

fn options() -> EgressOptions {
    EgressOptions::new(TlsClient::new().unwrap(), Handle::current())
}

fn connector(lookups: usize) -> Connector {
    let EgressOptions { tls, runtime, connect, .. } = options();
    Connector {
        tls,
        runtime,
        connect,
        lookups: Arc::new(Semaphore::new(lookups)),
        forbidden_ports: [].into(),
    }
}

fn get(url: &str) -> Request<WasiBody> {
    Request::get(url).body(Empty::new().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}content-length: {}\r\n\r\n{body}", body.len())
}

const SOON: Duration = Duration::from_millis(60);

#[tokio::test]
async fn a_granted_call_arrives_in_its_safe_form() {
    let upstream = Upstream::start(answer("200 OK\r\nx-answer: yes\r\n", "hello"), Then::Wait).await;
    let mut function = Function::granted(&upstream);
    let mut request = get(&upstream.url("/a?b=c"));
    request.headers_mut().insert("host", "evil.example".parse().unwrap());
    request.headers_mut().insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
    request.headers_mut().insert("x-mine", "kept".parse().unwrap());
    let response = function.send(request, RequestOptions::default()).await.unwrap();
    assert_eq!(response.headers()["x-answer"], "yes");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    let heads = upstream.heads.lock().unwrap();
    let mut head: Vec<_> = heads[0].trim_end().split("\r\n").collect();
    head[1..].sort_unstable();
    let host = format!("host: {}", upstream.address);
    assert_eq!(head, ["GET /a?b=c HTTP/1.1", &host, "user-agent: ostro", "x-mine: kept"]);
    assert!(function.lines().is_empty());
}

#[tokio::test]
async fn two_calls_use_one_connection() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let mut function = Function::granted(&upstream);
    for _ in 0..2 {
        assert_eq!(function.read(&upstream.url("/")).await.unwrap(), "hello");
        // The connection is idle again as soon as its task has run.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(upstream.heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn projects_do_not_share_connections() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    for _ in 0..2 {
        assert_eq!(Function::granted(&upstream).read(&upstream.url("/")).await.unwrap(), "hello");
    }
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn without_a_grant_nothing_is_sent_and_the_log_names_the_line() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let mut function =
        Function::with(&["http:https://api.example.com".to_owned()], HostLimits::default(), |_| {});
    assert!(matches!(function.get(&upstream.url("/secret-path")).await, Err(Error::HttpRequestDenied)));
    assert_eq!(upstream.connections(), 0);
    let lines = function.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(&format!("add \"http:http://{}\"", upstream.address)), "{lines:?}");
    assert!(!lines[0].contains("secret-path"), "a URL may hold a secret");
}

/// Threats C11 and C12: a name never leads to this machine, however it is spelled, and the answer has no address.
#[tokio::test]
async fn c11_a_name_never_leads_to_this_machine() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let mut connector = connector(1);
    for name in ["localhost", "localhost.", "LOCALHOST"] {
        let uri = format!("http://{name}:{}/", upstream.address.port()).parse().unwrap();
        let error = connector.call(uri).await.err().unwrap();
        assert!(matches!(error, DialError::Prohibited), "{name}: {error:?}");
        assert!(!error.to_string().contains("127."), "{error}");
    }
    assert_eq!(upstream.connections(), 0);
}

/// Threat C12: a resolver that does not answer costs the call its time to connect, and no more threads than there
/// are permits.
#[tokio::test]
async fn c12_a_resolver_that_never_answers() {
    let mut connector = connector(0);
    connector.connect = SOON;
    let error = connector.call("http://example.com/".parse().unwrap()).await.err().unwrap();
    assert!(matches!(error, DialError::Timeout), "{error:?}");
}

#[tokio::test]
async fn c11_a_port_of_the_server_itself_is_never_dialled() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let grants = [format!("http:http://{}", upstream.address)];
    let port = upstream.address.port();
    let mut function =
        Function::with(&grants, HostLimits::default(), |options| options.forbidden_ports = [port].into());
    assert!(matches!(function.get(&upstream.url("/")).await, Err(Error::DestinationIpProhibited)));
    assert_eq!(upstream.connections(), 0);
    assert!(function.lines()[0].contains("destination denied"), "{:?}", function.lines());
}

#[tokio::test]
async fn c13_a_redirect_is_the_guests_to_follow() {
    let upstream = Upstream::start(answer("302 Found\r\nlocation: /there\r\n", ""), Then::Wait).await;
    let mut function = Function::granted(&upstream);
    let response = function.get(&upstream.url("/")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &"/there".parse().unwrap())
    );
    assert_eq!(upstream.heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn c14_slow_upstreams_run_into_the_limits() {
    let grant = |upstream: &Upstream| [format!("http:http://{}", upstream.address)];
    let silent = Upstream::start("", Then::Stall).await;
    let mut function = Function::with(&grant(&silent), HostLimits::default(), |options| options.total = SOON);
    assert!(matches!(function.read(&silent.url("/")).await, Err(Error::HttpResponseTimeout)));

    let mut function = Function::granted(&silent);
    let options = RequestOptions { first_byte_timeout: Some(SOON), ..RequestOptions::default() };
    assert!(matches!(function.send(get(&silent.url("/")), options).await, Err(Error::ConnectionReadTimeout)));

    let half = Upstream::start("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", Then::Stall).await;
    let mut function = Function::with(&grant(&half), HostLimits::default(), |options| options.idle = SOON);
    assert!(matches!(function.read(&half.url("/")).await, Err(Error::ConnectionReadTimeout)));
    let mut function = Function::with(&grant(&half), HostLimits::default(), |options| options.total = SOON);
    assert!(matches!(function.read(&half.url("/")).await, Err(Error::HttpResponseTimeout)));

    let mut function = Function::granted(&half);
    let options = RequestOptions { between_bytes_timeout: Some(SOON), ..RequestOptions::default() };
    let response = function.send(get(&half.url("/")), options).await.unwrap();
    assert!(matches!(response.into_body().collect().await, Err(Error::ConnectionReadTimeout)));
}

#[tokio::test]
async fn c14_an_endless_body_ends_at_the_total() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        while stream.write_all(b"5\r\nhello\r\n").await.is_ok() {}
    });
    let mut function =
        Function::with(&[format!("http:http://{address}")], HostLimits::default(), |options| {
            options.total = SOON;
        });
    let mut body = function.get(&format!("http://{address}/")).await.unwrap().into_body();
    let failure = loop {
        match body.frame().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the body has no end"),
        }
    };
    assert!(matches!(failure, Error::HttpResponseTimeout), "{failure:?}");
}

#[tokio::test]
async fn c14_malformed_answers_are_typed_errors() {
    let headers = |count: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{}\r\n", "a: b\r\n".repeat(count - 1))
    };
    type Expected = fn(&Result<String, Error>) -> bool;
    let cases: Vec<(String, Then, Expected)> = vec![
        (headers(99), Then::Wait, Result::is_ok),
        (headers(100), Then::Wait, Result::is_ok),
        (headers(101), Then::Wait, |call| matches!(call, Err(Error::HttpResponseHeaderSectionSize(_)))),
        (format!("HTTP/1.1 200 OK\r\na: {}\r\n", "x".repeat(70_000)), Then::Stall, |call| {
            matches!(call, Err(Error::HttpResponseHeaderSectionSize(_)))
        }),
        ("220 smtp.example ESMTP\r\n".to_owned(), Then::Stall, |call| {
            matches!(call, Err(Error::HttpProtocolError))
        }),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n".to_owned(), Then::Stall, |call| {
            matches!(
                call,
                Err(Error::HttpProtocolError | Error::ConnectionTerminated | Error::HttpResponseIncomplete)
            )
        }),
        (String::new(), Then::Close, |call| matches!(call, Err(Error::ConnectionTerminated))),
        ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), Then::Close, |call| {
            matches!(call, Err(Error::ConnectionTerminated))
        }),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_owned(), Then::Close, |call| {
            matches!(call, Err(Error::HttpResponseIncomplete))
        }),
    ];
    for (bytes, then, expected) in cases {
        let shown: String = bytes.chars().take(60).collect();
        let upstream = Upstream::start(bytes, then).await;
        let call = Function::granted(&upstream).read(&upstream.url("/")).await;
        assert!(expected(&call), "{shown:?}: {call:?}");
    }
}

#[tokio::test]
async fn c14_connections_that_fail_are_typed_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut function = Function::with(&[format!("http:http://{address}")], HostLimits::default(), |_| {});
    assert!(matches!(function.read(&format!("http://{address}/")).await, Err(Error::ConnectionRefused)));

    let plain = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let url = format!("https://{}/", plain.address);
    let mut function =
        Function::with(&[format!("http:https://{}", plain.address)], HostLimits::default(), |options| {
            options.connect = Duration::from_millis(200);
        });
    let options = RequestOptions { connect_timeout: Some(SOON), ..RequestOptions::default() };
    assert!(
        matches!(function.send(get(&url), options).await, Err(Error::ConnectionTimeout)),
        "the guest's own limit"
    );
    assert!(matches!(function.read(&url).await, Err(Error::ConnectionTimeout)), "the pool's limit");

    let talker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = talker.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = talker.accept().await.unwrap();
        stream.write_all(b"220 not TLS at all\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut function = Function::with(&[format!("http:https://{address}")], HostLimits::default(), |_| {});
    assert!(matches!(function.read(&format!("https://{address}/")).await, Err(Error::TlsProtocolError)));
}

/// Threat C16: the budget of an invocation, at its limit and beyond, and full again for the next invocation.
#[tokio::test]
async fn c16_calls_are_limited_per_invocation() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let limits = HostLimits { outbound_calls: 2, ..HostLimits::default() };
    let mut function = Function::with(&[format!("http:http://{}", upstream.address)], limits, |_| {});
    let url = upstream.url("/");
    for _ in 0..2 {
        assert!(function.read(&url).await.is_ok());
    }
    assert!(matches!(function.read(&url).await, Err(Error::ConnectionLimitReached)));
    assert_eq!(
        function.ctx.meter.uses().map(|(interface, used)| (interface, used.calls)).collect::<Vec<_>>(),
        [(Interface::OutgoingHttp, 3)]
    );
    assert!(function.lines()[0].contains("as many as it may"), "{:?}", function.lines());
    function.ctx.begin(invocation(&function.lines));
    assert!(function.read(&url).await.is_ok());
}

#[tokio::test]
async fn c16_calls_are_limited_per_project() {
    let upstream = Upstream::start(answer("200 OK\r\n", "hello"), Then::Wait).await;
    let grants = [format!("http:http://{}", upstream.address)];
    let url = upstream.url("/");
    let mut function = Function::with(&grants, HostLimits::default(), |options| options.in_flight = 1);
    let first = function.get(&url).await.unwrap();
    assert!(matches!(function.get(&url).await, Err(Error::ConnectionLimitReached)));
    drop(first);
    assert!(function.get(&url).await.is_ok(), "a call ends with its body");

    let mut function = Function::with(&grants, HostLimits::default(), |options| {
        options.calls_per_second = std::num::NonZeroU32::MIN;
    });
    assert!(function.read(&url).await.is_ok());
    assert!(matches!(function.read(&url).await, Err(Error::ConnectionLimitReached)));
    assert!(function.lines()[0].contains("too many at once"), "{:?}", function.lines());
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        // Each chunk of the request, and its end, goes back just as it comes.
        let (mut reader, mut writer) = stream.split();
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
    });
    let mut function = Function::with(&[format!("http:http://{address}")], HostLimits::default(), |_| {});
    let (sender, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let data = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from(data))), receiver))
    });
    let request =
        Request::post(format!("http://{address}/")).body(StreamBody::new(frames).boxed_unsync()).unwrap();
    let mut body = function.send(request, RequestOptions::default()).await.unwrap().into_body();
    for data in ["one", "two"] {
        sender.send(data).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), data);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_body_of_known_length_is_sent_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await.unwrap();
        let mut body = [0; 5];
        stream.read_exact(&mut body).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        (head, body)
    });
    let mut function = Function::with(&[format!("http:http://{address}")], HostLimits::default(), |_| {});
    let body = Full::new(Bytes::from("hello")).map_err(|never| match never {}).boxed_unsync();
    let request = Request::put(format!("http://{address}/")).body(body).unwrap();
    assert_eq!(function.send(request, RequestOptions::default()).await.unwrap().status(), 204);
    let (head, body) = server.await.unwrap();
    assert!(head.starts_with("PUT / HTTP/1.1\r\n") && head.contains("content-length: 5\r\n"), "{head}");
    assert_eq!(&body, b"hello");
}
