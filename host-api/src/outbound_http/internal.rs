//! `http://NAME.ostro.internal/`: another function of the project, called in this process by any HTTP client. Such a
//! request is no outbound call: it never reaches a resolver.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use store::catalog::check_name;
use tokio::time::{Sleep, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::target;
use crate::functions::Call;
use crate::grants::{Host, Origin, Scheme};
use crate::invoke::{Called, Closed, Fault, Neighbours};
use crate::log::LogWriter;

/// The domain of functions: reserved for such use, so no name below it is anybody's.
const DOMAIN: &str = "ostro.internal";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Out of the process.
    Out,
    /// To a function of the project.
    Function(String),
    /// Below the domain of functions, but to none. The text says what to write.
    Nowhere(String),
}

/// Decides by the origin alone.
pub(super) fn way(origin: &Origin) -> Way {
    let Host::Name(name) = &origin.host else { return Way::Out };
    let Some(rest) = name.strip_suffix(DOMAIN) else { return Way::Out };
    let function = match rest.strip_suffix('.') {
        Some(function) => function,
        None if rest.is_empty() => "",
        None => return Way::Out,
    };
    if check_name(function).is_err() {
        return Way::Nowhere(format!("{name} is no function: write http://NAME.{DOMAIN}/"));
    }
    match (origin.scheme, origin.port) {
        (Scheme::Http, 80) => Way::Function(function.to_owned()),
        _ => Way::Nowhere(format!(
            "{origin} is not served: such a call never leaves the server, write http://{name}/"
        )),
    }
}

/// The URL of a target of a function.
pub(crate) fn uri(function: &str, target: &PathAndQuery) -> Option<Uri> {
    format!("http://{function}.{DOMAIN}{target}").parse().ok()
}

/// Takes away the headers that are not a guest's to send.
pub(crate) fn clean(headers: &mut HeaderMap) {
    target::clean(headers);
}

/// Calls the function, within the guest's own time-outs.
pub(super) async fn send(
    neighbours: Neighbours,
    function: String,
    request: Request<WasiBody>,
    from: Call,
    options: RequestOptions,
    log: &LogWriter,
) -> Result<Response<WasiBody>, Error> {
    let called = neighbours.call(function, request, from);
    let called = match options.first_byte_timeout {
        Some(wanted) => timeout(wanted, called).await.map_err(|_| Error::ConnectionReadTimeout)?,
        None => called.await,
    };
    let Called { response, fault } = called.map_err(|Closed| Error::DestinationUnavailable)?;
    if let Some(Fault::Loop(deep)) = fault {
        log.platform("warn", &format!("call refused: {deep}"));
    }
    Ok(match options.between_bytes_timeout {
        Some(wanted) => response.map(|body| Impatient::new(body, wanted).boxed_unsync()),
        None => response,
    })
}

/// A body whose reader has said how long it waits for the next piece.
struct Impatient {
    body: WasiBody,
    after: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl Impatient {
    fn new(body: WasiBody, after: Duration) -> Self {
        Self { body, after, alarm: Box::pin(sleep(after)) }
    }
}

impl Body for Impatient {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => self.alarm.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout))),
            ready => {
                let after = self.after;
                self.alarm.as_mut().set(sleep(after));
                ready
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_to_one_label_leads_to_a_function() {
        let way = |url: &str| way(&target::origin_of(&url.parse().unwrap()).unwrap());
        let function = |name: &str| Way::Function(name.to_owned());
        for (url, expected) in [
            ("http://thumbs.ostro.internal/x", function("thumbs")),
            ("http://Thumbs.Ostro.INTERNAL.:80/", function("thumbs")),
            ("http://thumbs.ostro.internal.example.com/", Way::Out),
            ("http://evilostro.internal/", Way::Out),
            ("http://127.0.0.1/", Way::Out),
        ] {
            assert_eq!(way(url), expected, "{url}");
        }
        for (url, expected) in [
            ("https://thumbs.ostro.internal/", "https://thumbs.ostro.internal is not served"),
            ("http://thumbs.ostro.internal:8080/", "write http://thumbs.ostro.internal/"),
            ("http://ostro.internal/", "is no function"),
            ("http://a.b.ostro.internal/", "is no function"),
            ("http://cart--shop.ostro.internal/", "is no function"),
        ] {
            assert!(matches!(way(url), Way::Nowhere(text) if text.contains(expected)), "{url}");
        }
    }
}
