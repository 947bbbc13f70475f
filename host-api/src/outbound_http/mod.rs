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
mod fetch;
pub(crate) mod internal;
mod linger;
mod pool;
mod target;

use std::sync::Arc;

use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

pub use fetch::FetchError;
pub use pool::{EgressOptions, EgressPool, TlsClient};

use crate::error::Refusal;
use crate::functions::Call;
use crate::grants::{Grants, Origin, call_grant};
use crate::invoke::Neighbours;
use crate::log::LogWriter;
use crate::meter::{Budget, Interface, Meter};
use internal::Way;
use linger::Lingering;

/// What is taken out of a guest of WASI 0.3 at once, of any body that it writes. Two such pieces wait for a slow reader at
/// most.
const OUTGOING_CHUNK_BYTES: usize = 64 << 10;

/// The outbound calls of one instance: hooks for `wasmtime-wasi-http`.
///
/// It follows the meter and the log of its [`HostCtx`](crate::HostCtx), so a new invocation needs nothing here.
pub struct OutboundHttp {
    grants: Arc<Grants>,
    pool: EgressPool,
    neighbours: Neighbours,
    log: LogWriter,
    meter: Meter,
    /// The running invocation, on whose behalf other functions are called.
    call: Call,
}

/// A request that may be sent.
enum Admitted {
    /// To another machine, or to another process of this one.
    Out(Origin),
    /// To a function of the project.
    Function(String),
}

impl OutboundHttp {
    pub(crate) fn new(
        grants: Arc<Grants>,
        pool: EgressPool,
        neighbours: Neighbours,
        log: LogWriter,
        meter: Meter,
    ) -> Self {
        Self { grants, pool, neighbours, log, meter, call: Call::default() }
    }

    /// What is sent from now on is of that invocation.
    pub(crate) fn begin(&mut self, call: Call) {
        self.call = call;
    }

    /// Decides on a request before anything is sent.
    fn admit(&self, request: &mut Request<WasiBody>) -> Result<Admitted, Error> {
        self.meter.count(Interface::OutgoingHttp);
        let origin = target::make_safe(request)?;
        match internal::way(&origin) {
            Way::Out => self.admit_out(origin).map(Admitted::Out),
            Way::Function(name) => self.admit_function(name).map(Admitted::Function),
            Way::Nowhere(reason) => {
                self.log.platform("warn", &format!("call refused: {reason}"));
                Err(Error::InternalError(Some(reason)))
            }
        }
    }

    fn admit_function(&self, name: String) -> Result<String, Error> {
        if !self.grants.allows_call(&name) {
            let refusal = Refusal { grant: call_grant(&name) };
            self.log.platform("warn", &format!("call of function {name} refused: {refusal}"));
            return Err(Error::HttpRequestDenied);
        }
        if self.meter.take_function_call() == Budget::Spent {
            self.log
                .platform("warn", "call of a function refused: this invocation has made as many as it may");
            return Err(Error::ConnectionLimitReached);
        }
        Ok(name)
    }

    fn admit_out(&self, origin: Origin) -> Result<Origin, Error> {
        if self.meter.take_outbound_call() == Budget::Spent {
            self.log.platform("warn", "outbound call refused: this invocation has made as many as it may");
            return Err(Error::ConnectionLimitReached);
        }
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

fn nothing_beside() -> Box<dyn Future<Output = Result<(), Error>> + Send> {
    Box::new(std::future::ready(Ok(())))
}

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
        let options = options.unwrap_or_default();
        let origin = match self.admit(&mut request) {
            Ok(Admitted::Out(origin)) => origin,
            Ok(Admitted::Function(name)) => {
                let (neighbours, from) = (self.neighbours.clone(), self.call.clone());
                let log = self.log.clone();
                let request = request.map(|body| Lingering::new(body).boxed_unsync());
                return Box::new(async move {
                    let answered = internal::send(neighbours, name, request, from, options, &log);
                    Ok((answered.await?, nothing_beside()))
                });
            }
            Err(refused) => {
                drop(Lingering::new(request.into_body()));
                return Box::new(std::future::ready(Err(refused)));
            }
        };
        let (pool, log) = (self.pool.clone(), self.log.clone());
        Box::new(async move {
            let answered = pool.send(request, options).await;
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
            Ok((response, nothing_beside()))
        })
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        // Only a request's own body ends up here, and that is the guest's: nothing to warn of.
        ErrorCode::HttpProtocolError
    }
}

#[cfg(test)]
mod tests;
