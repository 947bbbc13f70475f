//! The control listener: bounded connections, time-outs, orderly end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use super::{ControlState, router};
use crate::write_stall::WriteStall;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 256;
/// Longest time to send a request's headers; also the longest idle time of a connection.
const HEADER_READ: Duration = Duration::from_secs(15);
/// Largest request head, bytes.
const HEAD_BYTES: usize = 32 << 10;
const HEADERS: usize = 100;
/// Longest wait for running requests when the server stops.
const DRAIN: Duration = Duration::from_secs(30);
/// Wait after a failed accept, so that a lack of file descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Serves the control API until `shutdown`, then waits up to 30 seconds for running requests. Followed logs
/// end at once.
pub async fn serve(listener: TcpListener, state: ControlState, shutdown: impl Future<Output = ()>) {
    let router = router(&state);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
            // Collects those that have ended, so that the set does not grow.
            Some(_) = connections.join_next() => continue,
        };
        let (stream, place) = accepted;
        let (router, stopping) = (router.clone(), state.stopping.subscribe());
        connections.spawn(async move {
            connection(stream, router, stopping).await;
            drop(place);
        });
    }
    state.stopping.send_replace(true);
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What runs longer is cut: the set aborts its tasks when it is dropped.
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed; were it, connections would be accepted without a bound.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "the control listener can't accept");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, mut stopping: watch::Receiver<bool>) {
    // Without it, small answers wait for the client's acknowledgement. It costs a few more packets.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move { Ok::<_, Infallible>(answer(&mut router, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(WriteStall::new(stream)), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection ended early");
    }
}

async fn answer(router: &mut Router, request: Request<Incoming>) -> axum::response::Response {
    match router.call(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
