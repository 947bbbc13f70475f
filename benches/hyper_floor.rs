//! The floor of `cargo xtask bench hello`: bare hyper with a constant answer, on as many threads as Ostro has executors.
//!
//! Started as `hyper_floor ADDRESS`. It does what any HTTP server must do and nothing else; what Ostro costs beyond it is Ostro.

use std::convert::Infallible;
use std::net::TcpListener;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// As long as the answer of `examples/hello-rust`.
const ANSWER: &[u8] = b"hello from hello-rust, you asked for /\n";

fn main() -> std::io::Result<()> {
    // `cargo test --benches` and `cargo bench` start it without an address: there is nothing to do then.
    let Some(address) = std::env::args().nth(1).filter(|argument| argument.contains(':')) else {
        return Ok(());
    };
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads {
            let listener = listener.try_clone()?;
            workers.push(scope.spawn(move || serve(listener)));
        }
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })
}

/// One thread: accepts and answers, as one executor of Ostro does.
fn serve(listener: TcpListener) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                // A connection that breaks is the client's affair.
                let _ =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    })
}

async fn answer(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
