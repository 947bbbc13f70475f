//! Outbound HTTP: to granted origins only, at addresses that may be called, within limits.
//!
//! Life of a call: [`OutboundHttp::send_request`] counts it, takes it from the invocation's budget, sets the
//! request in its safe form ([`target`]) and asks the grants; [`pool`] sends it over a connection of the
//! project; a new connection is made by [`connector`], which resolves the name once and dials only the
//! addresses that [`address`] lets pass. Redirects are the guest's to follow: each is a call of its own.

mod address;
mod body;
mod connector;
mod failure;
mod pool;
mod target;

use std::sync::Arc;

use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

pub use pool::{EgressOptions, EgressPool, TlsClient};

use crate::error::Refusal;
use crate::grants::{Grants, Origin};
use crate::log::LogWriter;
use crate::meter::{Budget, Interface, Meter};

/// What is taken out of a guest of WASI 0.3 at once, of any body that it writes. Two such pieces wait for a slow reader at
/// most.
const OUTGOING_CHUNK_BYTES: usize = 64 << 10;

/// The outbound calls of one instance: hooks for `wasmtime-wasi-http`.
///
/// It follows the meter and the log of its [`HostCtx`](crate::HostCtx), so a new invocation needs nothing here.
pub struct OutboundHttp {
    grants: Arc<Grants>,
    pool: EgressPool,
    log: LogWriter,
    meter: Meter,
}

impl OutboundHttp {
    pub(crate) fn new(grants: Arc<Grants>, pool: EgressPool, log: LogWriter, meter: Meter) -> Self {
        Self { grants, pool, log, meter }
    }

    /// Decides on a call before anything is sent.
    fn admit(&self, request: &mut Request<WasiBody>) -> Result<Origin, Error> {
        self.meter.count(Interface::OutgoingHttp);
        if self.meter.take_outbound_call() == Budget::Spent {
            self.log.platform("warn", "outbound call refused: this invocation has made as many as it may");
            return Err(Error::ConnectionLimitReached);
        }
        let origin = target::make_safe(request)?;
        if self.grants.allows_origin(&origin) {
            return Ok(origin);
        }
        let refusal = Refusal { grant: origin.grant() };
        self.log.platform("warn", &format!("outbound call to {origin} refused: {refusal}"));
        Err(Error::HttpRequestDenied)
    }
}

/// The answer of a call, and work that goes on beside its body: none, the pool drives its connections.
type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for OutboundHttp {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        target::belongs_to_the_connection(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(target::belongs_to_the_connection)
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        OUTGOING_CHUNK_BYTES
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let origin = match self.admit(&mut request) {
            Ok(origin) => origin,
            Err(refused) => return Box::new(std::future::ready(Err(refused))),
        };
        let (pool, log) = (self.pool.clone(), self.log.clone());
        Box::new(async move {
            let answered = pool.send(request, options.unwrap_or_default()).await;
            match &answered {
                Err(Error::DestinationIpProhibited) => {
                    log.platform("warn", &format!("outbound call to {origin} refused: destination denied, its address may not be called"));
                }
                Err(Error::ConnectionLimitReached) => {
                    log.platform(
                        "warn",
                        &format!("outbound call to {origin} refused: the project makes too many at once"),
                    );
                }
                _ => {}
            }
            let response = answered?.map(BodyExt::boxed_unsync);
            Ok((response, Box::new(std::future::ready(Ok(()))) as _))
        })
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        // Only a request's own body ends up here, and that is the guest's: nothing to warn of.
        ErrorCode::HttpProtocolError
    }
}

#[cfg(test)]
mod tests;
