//! Calling a function with a token: a real HTTP request to the data plane, on loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::Response;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use store::catalog::Scope;
use tokio::net::TcpStream;

use super::ControlState;
use super::auth::Caller;
use super::body::{Path, Query};
use super::error::{BodyErrors, Errors};
use super::wire::{INVOCATION_HEADER, InvokeQuery, STATUS_HEADER};
use crate::problem::Problem;

const CONNECT: Duration = Duration::from_secs(5);
/// Headers of the request that the guest sees.
const REQUEST_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT];
/// Headers of the guest's answer that are passed on.
const RESPONSE_HEADERS: [HeaderName; 3] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, HeaderName::from_static(INVOCATION_HEADER)];

/// Calls a function by name, whatever its routes are. The body is the function's; its status is in
/// `ostro-status`.
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
    let address = state.parts.data_plane;
    let host = host(state.parts.domain.as_deref(), address.port(), &project.name, &function.name);
    let outgoing = outgoing(&query, &host, request)?;
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

/// The request as the data plane gets it.
fn outgoing(query: &InvokeQuery, host: &str, request: Request) -> Result<Request<Body>, Problem> {
    let method = query.method.as_deref().unwrap_or("POST");
    let method = match Method::from_bytes(method.as_bytes()) {
        Ok(method) if method != Method::CONNECT => method,
        _ => return Err(Problem::new(400, "bad_method", "`method` is not an HTTP method that can be sent")),
    };
    let path = query.path.as_deref().unwrap_or("/");
    let uri = match path.parse::<Uri>() {
        Ok(uri) if path.starts_with('/') && uri.authority().is_none() => uri,
        _ => return Err(Problem::new(400, "bad_path", "`path` must begin with / and be percent-encoded")),
    };
    let host = HeaderValue::from_str(host).map_err(|error| Problem::internal(&error))?;
    let (parts, body) = request.into_parts();
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    copy(&REQUEST_HEADERS, &parts.headers, outgoing.headers_mut());
    outgoing.headers_mut().insert(header::HOST, host);
    Ok(outgoing)
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

    fn query(method: Option<&str>, path: Option<&str>) -> InvokeQuery {
        InvokeQuery { method: method.map(str::to_owned), path: path.map(str::to_owned) }
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
}
