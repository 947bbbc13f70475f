//! Calling a function with a token: a real HTTP request to the data plane, on loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use store::catalog::{Export, Function, Project, Scope};
use store::jobs::{Lane, Lineage, NewJob, Trigger};
use tokio::net::TcpStream;

use super::ControlState;
use super::auth::Caller;
use super::body::{Path, Query};
use super::error::{BodyErrors, Errors};
use super::message;
use super::queues::read_payload;
use super::wire::{Accepted, CALL_PATH, INVOCATION_HEADER, InvokeQuery, STATUS_HEADER};
use crate::problem::Problem;
use crate::router::check_call;

const CONNECT: Duration = Duration::from_secs(5);
/// Headers of the request that the guest sees.
const REQUEST_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT];
/// Headers of the guest's answer that are passed on.
const RESPONSE_HEADERS: [HeaderName; 3] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, HeaderName::from_static(INVOCATION_HEADER)];

/// Calls a function by name, whatever its routes are. The body is the function's; its status is in
/// `ostro-status`.
///
/// With `async=true` the answer is 202 at once, with the id of a job that makes the call: at least once, up to three
/// attempts, its answer kept for a day. The body is 128 KiB at most then, and only `content-type` goes with it.
#[utoipa::path(
    post, path = "/v1/projects/{project}/functions/{function}/invoke", tag = "functions", operation_id = "invoke",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
        InvokeQuery,
    ),
    request_body(content = Vec<u8>, content_type = "*/*"), security(("token" = [])),
    responses(
        (status = 200, description = "The function's answer, whatever its status", content_type = "*/*", headers(
            ("ostro-status" = u16, description = "The function's own status"),
            ("ostro-invocation" = String, description = "The invocation's id"),
        )),
        (status = 202, body = Accepted, description = "With `async=true`: the job is stored", headers(
            ("location" = String, description = "Path of the job"),
        )),
        (status = 502, body = super::wire::ErrorBody, description = "The data plane can't be reached"),
        Errors, BodyErrors,
    ),
)]
pub(super) async fn invoke(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    Query(query): Query<InvokeQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Invoke).await?;
    let function = state.function(&project, &name).await?;
    if query.asynchronous {
        return enqueue(&state, &project, &function, &query, request).await;
    }
    let address = state.parts.data_plane;
    let host = host(state.parts.domain.as_deref(), address.port(), &project.name, &function.name);
    let mut outgoing = outgoing(&query, &host, request)?;
    if outgoing.uri().path() == CALL_PATH {
        state.parts.pass.stamp(outgoing.headers_mut());
    }
    let answer = tokio::time::timeout(CONNECT, TcpStream::connect(loopback(address))).await;
    let stream = match answer {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unreachable(&error)),
        Err(error) => return Err(unreachable(&error)),
    };
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    // Ends with the exchange; a failure reaches the client through the body.
    tokio::spawn(connection);
    let answer = sender.send_request(outgoing).await.map_err(|error| unreachable(&error))?;
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(Body::new(body));
    copy(&RESPONSE_HEADERS, &parts.headers, response.headers_mut());
    response.headers_mut().insert(STATUS_HEADER, HeaderValue::from(parts.status.as_u16()));
    Ok(response)
}

/// Stores the call as a job.
async fn enqueue(
    state: &ControlState,
    project: &Project,
    function: &Function,
    query: &InvokeQuery,
    request: Request,
) -> Result<Response, Problem> {
    let (method, uri) = target(query)?;
    check_target(&method, &uri)?;
    let revisions = state.parts.functions.revisions(function.id).await?;
    let active = revisions.iter().find(|revision| revision.number == function.active);
    if active.is_some_and(|revision| !revision.spec.exports.contains(&Export::Http)) {
        return Err(Problem::new(
            422,
            "no_http",
            format!("function `{}` has no HTTP handler", function.name),
        )
        .hint("only a component that exports wasi:http/incoming-handler can be called"));
    }
    let content_type = message::content_type(request.headers())?;
    let lineage = Lineage::system();
    let trigger = Trigger::Async { method: method.to_string(), path: uri.to_string(), lineage };
    let job = NewJob {
        payload: read_payload(request).await?,
        content_type,
        ..NewJob::new(Lane::Async(function.id), trigger)
    };
    let job = state.enqueue(project.id, job).await?.id();
    let location = format!("/v1/projects/{}/jobs/{job}", project.name);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(Accepted { job: job.0 })).into_response())
}

/// The request as the data plane gets it.
fn outgoing(query: &InvokeQuery, host: &str, request: Request) -> Result<Request<Body>, Problem> {
    let (method, uri) = target(query)?;
    let host = HeaderValue::from_str(host).map_err(|error| Problem::internal(&error))?;
    let (parts, body) = request.into_parts();
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    copy(&REQUEST_HEADERS, &parts.headers, outgoing.headers_mut());
    outgoing.headers_mut().insert(header::HOST, host);
    Ok(outgoing)
}

/// Method, path and query that the function sees.
fn target(query: &InvokeQuery) -> Result<(Method, Uri), Problem> {
    let method = query.method.as_deref().unwrap_or("POST");
    let method = match Method::from_bytes(method.as_bytes()) {
        Ok(method) if method != Method::CONNECT => method,
        _ => return Err(Problem::new(400, "bad_method", "`method` is not an HTTP method that can be sent")),
    };
    let path = query.path.as_deref().unwrap_or("/");
    match path.parse::<Uri>() {
        Ok(uri) if path.starts_with('/') && uri.authority().is_none() => Ok((method, uri)),
        _ => Err(Problem::new(400, "bad_path", "`path` must begin with / and be percent-encoded")),
    }
}

/// A job does not pass the front door, so what that would refuse is refused here. Calling by name is what this API is
/// for.
fn check_target(method: &Method, uri: &Uri) -> Result<(), Problem> {
    let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    check_call(method, &target).map_err(|why| Problem::new(400, "bad_path", format!("`path`: {why}")))
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.insert(name.clone(), value.clone());
        }
    }
}

/// The function's own host, as the router reads it.
fn host(domain: Option<&str>, port: u16, project: &str, function: &str) -> String {
    let label = match project {
        "default" => function.to_owned(),
        _ => format!("{function}--{project}"),
    };
    match domain {
        Some(domain) => format!("{label}.{domain}"),
        None => format!("{label}.localhost:{port}"),
    }
}

/// Where this machine reaches a listener on that address.
fn loopback(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn unreachable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::warn!(error = %crate::problem::Chain(error), "the data plane did not answer an invoke");
    Problem::new(502, "unreachable", "the data plane did not answer").hint("the server's log has the reason")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::MAX_TARGET_BYTES;

    fn query(method: Option<&str>, path: Option<&str>) -> InvokeQuery {
        InvokeQuery { method: method.map(str::to_owned), path: path.map(str::to_owned), asynchronous: false }
    }

    #[test]
    fn a_function_is_called_by_its_own_host() {
        assert_eq!(host(None, 8700, "default", "hello"), "hello.localhost:8700");
        assert_eq!(host(None, 8700, "shop", "cart"), "cart--shop.localhost:8700");
        assert_eq!(host(Some("example.com"), 8700, "shop", "cart"), "cart--shop.example.com");
        assert_eq!(loopback("0.0.0.0:1".parse().unwrap()), "127.0.0.1:1".parse().unwrap());
        assert_eq!(loopback("[::]:1".parse().unwrap()), "[::1]:1".parse().unwrap());
        assert_eq!(loopback("10.0.0.1:1".parse().unwrap()), "10.0.0.1:1".parse().unwrap());
    }

    #[test]
    fn only_plain_requests_go_out() {
        let build = |query: &InvokeQuery| {
            let request = Request::builder()
                .header("authorization", "Bearer secret")
                .header("content-type", "text/plain")
                .body(Body::empty());
            outgoing(query, "hello.localhost:1", request.unwrap())
        };
        let sent = build(&query(None, None)).unwrap();
        assert_eq!((sent.method(), sent.uri().to_string()), (&Method::POST, "/".to_owned()));
        assert_eq!(sent.headers().len(), 2, "host and content type, never the token");
        let sent = build(&query(Some("GET"), Some("/a/b?c=%20d"))).unwrap();
        assert_eq!(sent.uri().to_string(), "/a/b?c=%20d");
        for method in ["CONNECT", "", "A B", "GET\r\n"] {
            assert_eq!(build(&query(Some(method), None)).unwrap_err().code, "bad_method", "{method:?}");
        }
        for path in ["", "a", "http://evil/", "*", "/a b", "/\r\nx: y"] {
            assert_eq!(build(&query(None, Some(path))).unwrap_err().code, "bad_path", "{path:?}");
        }
    }

    #[test]
    fn a_job_reaches_no_place_that_a_client_does_not() {
        let check = |path: &str| {
            target(&query(None, Some(path))).and_then(|(method, uri)| check_target(&method, &uri))
        };
        for path in ["/", "/a/b?c=%20d", "/a/_ostro/cron", "/_ostros", "/_ostro/invoke"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        let long = format!("/{}", "a".repeat(MAX_TARGET_BYTES));
        for path in [
            "/_ostro/cron",
            "//_ostro/invoke",
            "//_ostro/queue",
            "/%5fOSTRO/event",
            "/a/../b",
            "/%2e%2e/b",
            "/%00",
            &long,
        ] {
            assert_eq!(check(path).unwrap_err().code, "bad_path", "{path}");
        }
        let (method, uri) = target(&query(Some("GET"), Some(CALL_PATH))).unwrap();
        assert_eq!(check_target(&method, &uri).unwrap_err().code, "bad_path", "a call by name is a POST");
    }
}
