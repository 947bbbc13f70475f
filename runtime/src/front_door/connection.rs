//! One connection: which protocol it speaks, how long it may take, how it ends.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Service;
use super::hygiene::{MAX_HEADER_BYTES, MAX_HEADERS};
use super::respond::Answer;
use super::transport::{Protocol, Transport};
use crate::router::MAX_TARGET_BYTES;

/// A connection is asked to end after this long, so that none lives for ever (threat D2).
const MAX_AGE: Duration = Duration::from_secs(3600);
/// An HTTP/2 connection without requests ends after this long. HTTP/1 has the head's time-out for it.
const HTTP2_IDLE: Duration = Duration::from_secs(60);
/// Streams of one HTTP/2 connection at once.
const HTTP2_STREAMS: u32 = 128;
/// What hyper reads ahead of a head or a body, bytes. Above our own limits on heads, so that we give the answer.
const READ_BUFFER: usize = MAX_HEADER_BYTES + MAX_TARGET_BYTES + (32 << 10);
const HTTP2_WINDOW: u32 = 256 << 10;
const HTTP2_CONNECTION_WINDOW: u32 = 1 << 20;
const HTTP2_SEND_BUFFER: usize = 256 << 10;

/// Serves a connection to its end. `head_time` bounds the wait for the protocol and for each request's head,
/// the time between two requests of HTTP/1 included. When `drain` turns true, requests in flight end first.
pub(super) async fn serve(
    socket: TcpStream,
    client: IpAddr,
    service: Arc<Service>,
    head_time: Duration,
    mut drain: watch::Receiver<bool>,
) {
    let _ = socket.set_nodelay(true);
    let sniffed = tokio::select! {
        sniffed = timeout(head_time, Transport::sniff(socket)) => sniffed,
        // Nothing was asked yet, so nothing is owed.
        _ = drain.wait_for(|draining| *draining) => return,
    };
    let Ok(Ok((protocol, transport))) = sniffed else { return };
    let io = TokioIo::new(transport);
    let requests = Arc::new(Requests::default());
    let answer = Answering { service, client, requests: requests.clone() };
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_time)
                .max_headers(2 * MAX_HEADERS)
                .max_buf_size(READ_BUFFER)
                .serve_connection(io, answer);
            drive(connection, drain, None).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP2_STREAMS)
                .max_header_list_size(u32::try_from(READ_BUFFER).unwrap_or(u32::MAX))
                .initial_stream_window_size(HTTP2_WINDOW)
                .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
                .max_send_buf_size(HTTP2_SEND_BUFFER)
                .keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(20))
                .serve_connection(io, answer);
            drive(connection, drain, Some(requests)).await;
        }
    }
}

/// hyper's two connections, as far as they are alike.
trait Connection: Future {
    fn finish_requests(self: Pin<&mut Self>);
}

impl Connection for http1::Connection<TokioIo<Transport>, Answering> {
    fn finish_requests(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl Connection for http2::Connection<TokioIo<Transport>, Answering, TokioExecutor> {
    fn finish_requests(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Polls a connection and asks it to end when the server drains, when it is old, or when it stands idle.
async fn drive(connection: impl Connection, mut drain: watch::Receiver<bool>, idle: Option<Arc<Requests>>) {
    let mut connection = std::pin::pin!(connection);
    let mut ending = *drain.borrow();
    let mut age = std::pin::pin!(sleep(MAX_AGE));
    if ending {
        connection.as_mut().finish_requests();
    }
    loop {
        tokio::select! {
            biased;
            // How a connection ends is the client's affair: nobody here acts on it.
            _ = connection.as_mut() => return,
            _ = drain.changed(), if !ending => {}
            () = &mut age, if !ending => {}
            () = stands_idle(idle.as_deref()), if !ending && idle.is_some() => {}
        }
        ending = true;
        connection.as_mut().finish_requests();
    }
}

/// Resolves when there has been no request for the idle time.
async fn stands_idle(requests: Option<&Requests>) {
    let Some(requests) = requests else { return };
    loop {
        let before = requests.begun.load(Relaxed);
        sleep(HTTP2_IDLE).await;
        if requests.running.load(Relaxed) == 0 && requests.begun.load(Relaxed) == before {
            return;
        }
    }
}

/// Requests of one connection.
#[derive(Default)]
struct Requests {
    begun: AtomicUsize,
    running: AtomicUsize,
}

/// hyper's service of one connection.
struct Answering {
    service: Arc<Service>,
    client: IpAddr,
    requests: Arc<Requests>,
}

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let running = RunningRequest::count(&self.requests);
        let (service, client) = (self.service.clone(), self.client);
        Box::pin(async move {
            let answer = service.serve(request, client).await;
            drop(running);
            Ok(answer)
        })
    }
}

/// Counts a request until its head is sent or its client is gone.
struct RunningRequest(Arc<Requests>);

impl RunningRequest {
    fn count(requests: &Arc<Requests>) -> Self {
        requests.begun.fetch_add(1, Relaxed);
        requests.running.fetch_add(1, Relaxed);
        Self(requests.clone())
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}
