//! Outbound connections of one project: pooled per upstream, bounded in number and in time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioTimer;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::ResponseBody;
use super::connector::Connector;
use super::failure;

/// The client's buffer can be no smaller.
const SMALLEST_HEAD_LIMIT_BYTES: usize = 8 * 1024;

/// Connections that one project has from one executor. A cheap handle; clones share the connections.
///
/// Connections are never shared between projects, so neither timing nor a confused upstream tells one project
/// of another.
#[derive(Clone)]
pub struct EgressPool {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client<Connector, WasiBody>,
    in_flight: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    times: Times,
}

/// How a pool behaves. Start from [`EgressOptions::new`].
#[derive(Clone, Debug)]
pub struct EgressOptions {
    /// Trust in upstreams, shared by all pools of the server.
    pub tls: TlsClient,
    /// The runtime that drives the connections, whoever uses them: that of the executor's foreground. A guest that
    /// was moved to the background thread may open a connection which another invocation then uses.
    pub runtime: Handle,
    /// Time for resolving, connecting and the TLS handshake together.
    pub connect: Duration,
    /// Time for a call from its start to the end of the response's body.
    pub total: Duration,
    /// Time without a byte of the response's body.
    pub idle: Duration,
    /// Time that an unused connection is kept.
    pub keep: Duration,
    /// Unused connections that are kept per upstream.
    pub keep_per_upstream: usize,
    /// Calls at the same time, each until the end of its response.
    pub in_flight: usize,
    /// Calls a second, on average; as many may come at once.
    pub calls_per_second: NonZeroU32,
    /// Name look-ups at the same time.
    pub lookups: usize,
    /// Headers of a response.
    pub response_headers: usize,
    /// Bytes of a response's head; less than 8 KiB counts as 8 KiB.
    pub response_head_bytes: usize,
    /// Ports of this machine that are never dialled, whatever is granted: those of the control API.
    pub forbidden_ports: Arc<[u16]>,
}

impl EgressOptions {
    /// The usual limits.
    pub fn new(tls: TlsClient, runtime: Handle) -> Self {
        Self {
            tls,
            runtime,
            connect: Duration::from_secs(10),
            total: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            keep: Duration::from_secs(30),
            keep_per_upstream: 32,
            in_flight: 512,
            calls_per_second: NonZeroU32::MIN.saturating_add(999),
            lookups: 16,
            response_headers: 100,
            response_head_bytes: 64 * 1024,
            forbidden_ports: Arc::default(),
        }
    }
}

/// Trust in upstreams: the public certificate authorities, compiled in. Build it once; clones are cheap.
#[derive(Clone, Debug)]
pub struct TlsClient {
    pub(super) config: Arc<rustls::ClientConfig>,
}

impl TlsClient {
    /// Trusts the public certificate authorities. Fails only where the cryptography that was compiled in has no
    /// safe protocol version.
    pub fn new() -> Result<Self, rustls::Error> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }
}

#[derive(Clone, Copy)]
struct Times {
    connect: Duration,
    total: Duration,
    idle: Duration,
}

impl EgressPool {
    /// An empty pool. Opens nothing.
    pub fn new(options: EgressOptions) -> Self {
        let EgressOptions { tls, runtime, connect, total, idle, forbidden_ports, .. } = options;
        let connector = Connector {
            tls,
            runtime: runtime.clone(),
            connect,
            lookups: Arc::new(Semaphore::new(options.lookups)),
            forbidden_ports,
        };
        let client = Client::builder(OnRuntime(runtime))
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(options.keep)
            .pool_max_idle_per_host(options.keep_per_upstream)
            .http1_max_headers(options.response_headers)
            .http1_max_buf_size(options.response_head_bytes.max(SMALLEST_HEAD_LIMIT_BYTES))
            .build(connector);
        let shared = Shared {
            client,
            in_flight: Arc::new(Semaphore::new(options.in_flight)),
            rate: RateLimiter::direct(Quota::per_second(options.calls_per_second)),
            times: Times { connect, total, idle },
        };
        Self { shared: Arc::new(shared) }
    }

    /// Sends a request whose origin has been granted. The guest's own time-outs hold where they are shorter.
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<ResponseBody>, Error> {
        let Shared { in_flight, rate, times, .. } = self.shared.as_ref();
        let permit = in_flight.clone().try_acquire_owned().map_err(|_| Error::ConnectionLimitReached)?;
        rate.check().map_err(|_| Error::ConnectionLimitReached)?;
        let mut deadline = Box::pin(sleep(times.total));
        let response = tokio::select! {
            biased;
            response = self.head(request, options) => response?,
            () = &mut deadline => return Err(Error::HttpResponseTimeout),
        };
        let idle = options.between_bytes_timeout.map_or(times.idle, |wanted| wanted.min(times.idle));
        Ok(response.map(|incoming| ResponseBody::new(incoming, deadline, idle, permit)))
    }

    async fn head(
        &self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Error> {
        let Shared { client, times, .. } = self.shared.as_ref();
        let mut connection = capture_connection(&mut request);
        let mut response = std::pin::pin!(client.request(request));
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        let connect = options.connect_timeout.map_or(times.connect, |wanted| wanted.min(times.connect));
        tokio::select! {
            biased;
            answered = &mut response => return answered.map_err(refine),
            connected = timeout(connect, connected) => connected.map_err(|_| Error::ConnectionTimeout)?,
        }
        let answered = match options.first_byte_timeout {
            Some(wanted) => timeout(wanted, response).await.map_err(|_| Error::ConnectionReadTimeout)?,
            None => response.await,
        };
        answered.map_err(refine)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refine(error: ClientError) -> Error {
    failure::of_call(&error)
}

/// Runs the connections' tasks on the runtime that was chosen for them.
#[derive(Clone)]
struct OnRuntime(Handle);

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for OnRuntime {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
