//! The call of `wasi:http/handler` of WASI 0.3: the guest returns its response and goes on behind it, with what is left
//! of the body and with background work.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use wasmtime::component::{Resource, TypedFunc};
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::guest::{GuestResponse, Responder};
use super::state::State;

/// What the guest returns.
type Answer = Result<Resource<p3::Response>, ErrorCode>;
/// The guest's function.
pub(super) type Handle = TypedFunc<(Resource<p3::Request>,), (Answer,)>;

/// Calls it. The head goes to `responder` as soon as the guest has returned it; the call is over when the body is
/// complete, or nobody reads it any more, and no task of the guest is left.
pub(super) async fn call(
    store: &mut Store<State>,
    guest: Handle,
    request: Request<WasiBody>,
    responder: Responder,
) -> wasmtime::Result<()> {
    let (request, processed) = given(store.data_mut(), request)?;
    let (answer,) = guest.call_async(&mut *store, (request,)).await?;
    let (answer, end) = match sendable(&mut *store, answer, processed)? {
        Ok(response) => {
            let (response, end) = watch(response);
            (Ok(response), Some(end))
        }
        Err(error) => (Err(error), None),
    };
    // Whoever asked may have gone.
    let _ = responder.send(answer);
    finish(store, end).await
}

/// How the guest's reading of the request has ended: told to its body's maker.
pub(super) type Processed = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// The request as the guest is given it.
pub(super) fn given(
    state: &mut State,
    request: Request<WasiBody>,
) -> wasmtime::Result<(Resource<p3::Request>, Processed)> {
    let http = state.http();
    let (request, processed) = p3::Request::from_http(http.hooks, complete(request));
    let processed: Processed = Box::pin(processed);
    Ok((http.table.push(request)?, processed))
}

/// The guest's answer as it goes to the client, or what the guest gave instead of one.
pub(super) fn sendable(
    mut store: impl AsContextMut<Data = State>,
    answer: Answer,
    processed: Processed,
) -> wasmtime::Result<Result<GuestResponse, Error>> {
    let response = match answer {
        Ok(response) => store.as_context_mut().data_mut().http().table.delete(response)?,
        Err(code) => return Ok(Err(code.into())),
    };
    // Fails for a response that can't be sent, such as one with two lengths.
    Ok(response.into_http(store, processed).map_err(|_| Error::HttpProtocolError))
}

/// Runs what is left of a guest: until its response body has ended or was dropped, and it has no task any more.
pub(super) async fn finish(store: &mut Store<State>, body: Option<BodyEnd>) -> wasmtime::Result<()> {
    store
        .run_concurrent(async |accessor| {
            if let Some(body) = body {
                body.wait().await;
            }
            poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        })
        .await
}

/// The request with a scheme and an authority, which guests of 0.3 read off its target.
fn complete(mut request: Request<WasiBody>) -> Request<WasiBody> {
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    let host = request.headers().get(header::HOST).and_then(|host| host.as_bytes().try_into().ok());
    let authority: Option<Authority> = target.authority.take().or(host);
    target.scheme = target.scheme.or_else(|| authority.is_some().then_some(Scheme::HTTP));
    target.authority = authority;
    *request.uri_mut() = Uri::from_parts(target).unwrap_or_default();
    request
}

/// When a response body has ended or was dropped.
pub(super) struct BodyEnd(oneshot::Receiver<()>);

impl BodyEnd {
    pub(super) async fn wait(self) {
        // Both ways of ending look the same here.
        let _ = self.0.await;
    }
}

/// A response whose body tells when it is over: until then its guest must be kept going.
pub(super) fn watch(response: GuestResponse) -> (GuestResponse, BodyEnd) {
    let (open, end) = oneshot::channel();
    (response.map(|body| Watched { body, open: Some(open) }.boxed_unsync()), BodyEnd(end))
}

/// Dropping `open` is the sign.
struct Watched {
    body: WasiBody,
    open: Option<oneshot::Sender<()>>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.open = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
