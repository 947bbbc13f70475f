//! The other floor of `cargo xtask bench hello`: hyper and wasmtime, a fresh instance per request, and nothing else.
//!
//! Started as `bare_wasmtime ADDRESS COMPONENT`. The engine is set up as Ostro's is, and the guest is polled on the connection's own task. There
//! is no CPU, memory or time limit, no bill, no log, no route, no check of a header: what Ostro costs beyond this is what it does for a request.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo bench` start it without an address: there is nothing to do then.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (Some(address), Some(component)) = (arguments.next(), arguments.next()) else { return Ok(()) };
    let engine = Engine::new(&config())?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let component = Component::from_file(&engine, component)?;
    let guest = Arc::new(ProxyPre::new(linker.instantiate_pre(&component)?)?);
    let ticking = engine.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(1));
            ticking.increment_epoch();
        }
    });
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads {
            let (listener, guest) = (listener.try_clone()?, guest.clone());
            workers.push(scope.spawn(move || serve(listener, &guest)));
        }
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })
}

/// As in `runtime/src/instance/engine.rs`.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(1 << 30)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .concurrency_support(false)
        .memory_init_cow(true)
        .memory_may_move(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// One thread: accepts, instantiates and answers.
fn serve(listener: TcpListener, guest: &Arc<ProxyPre<State>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(8).build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let guest = guest.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| answer(request, guest.clone()));
                // A connection that breaks is the client's affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    guest: Arc<ProxyPre<State>>,
) -> Result<Response<HyperOutgoingBody>> {
    let state = State {
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
        hooks: NoNetwork,
    };
    let mut store = Store::new(guest.engine(), state);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    let (responder, response) = tokio::sync::oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let out = http.new_response_outparam(responder)?;
    let instance = guest.instantiate_async(&mut store).await?;
    instance.wasi_http_incoming_handler().call_handle(&mut store, request, out).await?;
    drop(store);
    response.await.context("the guest gave no response")?.context("the guest gave an error")
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    hooks: NoNetwork,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// The guest that is measured calls nobody.
struct NoNetwork;

/// Work that goes on beside an answer's body.
type Beside = Box<dyn Future<Output = std::result::Result<(), Error>> + Send>;

impl WasiHttpHooks for NoNetwork {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Beside,
    ) -> Box<dyn Future<Output = std::result::Result<(Response<WasiBody>, Beside), Error>> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }
}
