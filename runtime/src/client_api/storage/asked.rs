//! What a request to storage asks for: its target, its question, what it says. Pure.

use axum::extract::Query;
use host_api::objects::MAX_EXPIRES_AS_CALLER_S;
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use store::buckets::{Listed, MAX_PAGE, Place, check_key};
use utoipa::{IntoParams, ToSchema};

use super::super::answer::{no_route, other_method};
use super::super::body::bad;
use crate::problem::Problem;

/// Objects of a page, unless more or fewer are asked for.
const PAGE: usize = 100;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The objects of a bucket.
    List(String, Listing),
    /// Something to be done with an object.
    Object(ObjectName, Wish),
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To hand it out, or what is said of it.
    Get,
    /// To put it.
    Put,
    /// To delete it.
    Delete,
    /// To begin an upload in parts.
    Begin,
    /// To sign a URL.
    Sign,
}

/// Which object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectName {
    pub(super) bucket: String,
    pub(super) key: String,
}

/// Which objects of a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) cursor: Option<String>,
    pub(super) limit: usize,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// What the keys begin with.
    #[serde(default)]
    prefix: String,
    /// Where the page before this one ended.
    cursor: Option<String>,
    /// Objects of this page, at most 1,000; 100 unless given.
    limit: Option<usize>,
}

/// What a URL is to be for, and how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sign {
    pub(super) action: SignedAction,
    /// Seconds.
    #[schema(minimum = 1, maximum = 86_400)]
    expires: u32,
}

/// What a URL is to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SignedAction {
    Get,
    Put,
}

/// Reads what a request asks for: `BUCKET`, or `BUCKET/KEY` with every byte of the key that is no name's escaped.
pub(super) fn read<B>(name: &str, request: &Request<B>) -> Result<Asked, Problem> {
    let Some((bucket, key)) = name.split_once('/') else {
        if *request.method() != Method::GET {
            return Err(other_method("GET"));
        }
        return Ok(Asked::List(name.to_owned(), listing(request)?));
    };
    // The front door has refused what does not decode.
    let key = percent_decode_str(key).decode_utf8().map_err(|_| bad("the key is no text"))?.into_owned();
    check_key(&key).map_err(|unfit| bad(unfit.to_string()))?;
    let wish = match (request.method(), request.uri().query()) {
        (&Method::GET | &Method::HEAD, None) => Wish::Get,
        (&Method::PUT, None) => Wish::Put,
        (&Method::DELETE, None) => Wish::Delete,
        (&Method::POST, Some("sign")) => Wish::Sign,
        (&Method::POST, Some("uploads")) => Wish::Begin,
        (_, Some("sign" | "uploads")) => return Err(other_method("POST")),
        (_, Some(_)) => return Err(no_route()),
        (_, None) => return Err(other_method("GET, HEAD, PUT and DELETE")),
    };
    Ok(Asked::Object(ObjectName { bucket: bucket.to_owned(), key }, wish))
}

/// An object of a page.
pub(super) fn listed(object: &Listed) -> Value {
    let Listed { key, size, etag, written_ms, content_type } = object;
    json!({
        "key": key,
        "size": size,
        "etag": etag.as_str(),
        "written_ms": written_ms,
        "content_type": content_type,
    })
}

impl ObjectName {
    /// Where it is.
    pub(super) fn place(&self) -> Place<'_> {
        Place { bucket: &self.bucket, key: &self.key }
    }
}

impl Sign {
    /// How long it is good, milliseconds.
    pub(super) fn valid_ms(&self) -> Result<i64, Problem> {
        match (1..=MAX_EXPIRES_AS_CALLER_S).contains(&self.expires) {
            true => Ok(i64::from(self.expires) * 1_000),
            false => Err(bad(format!("a URL is valid for 1 to {MAX_EXPIRES_AS_CALLER_S} seconds"))),
        }
    }
}

fn listing<B>(request: &Request<B>) -> Result<Listing, Problem> {
    let query = Query::<ListQuery>::try_from_uri(request.uri())
        .map_err(|_| bad("a list takes `prefix`, `cursor` and `limit`"))?;
    let Query(ListQuery { prefix, cursor, limit }) = query;
    match limit.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(Listing { prefix, cursor, limit }),
        _ => Err(bad(format!("a page has 1 to {MAX_PAGE} objects"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, name: &str, query: &str) -> Result<Asked, (u16, &'static str)> {
        let request = Request::builder().method(method).uri(format!("/x{query}")).body(()).unwrap();
        read(name, &request).map_err(|problem| (problem.status.as_u16(), problem.code))
    }

    #[test]
    fn a_target_names_an_object_or_a_list() {
        let object = |key: &str, wish| {
            Ok(Asked::Object(ObjectName { bucket: "b".to_owned(), key: key.to_owned() }, wish))
        };
        assert_eq!(asked("GET", "b/ann%2F1.png", ""), object("ann/1.png", Wish::Get));
        assert_eq!(asked("HEAD", "b/ann/1.png", ""), object("ann/1.png", Wish::Get));
        assert_eq!(asked("PUT", "b/%252F%C3%A9", ""), object("%2Fé", Wish::Put));
        assert_eq!(asked("DELETE", "b//", ""), object("/", Wish::Delete));
        assert_eq!(asked("POST", "b/k", "?sign"), object("k", Wish::Sign));
        assert_eq!(asked("POST", "b/k", "?uploads"), object("k", Wish::Begin));
        let listing = Listing { prefix: "a/ ".to_owned(), cursor: None, limit: 2 };
        assert_eq!(asked("GET", "b", "?prefix=a%2F+&limit=2"), Ok(Asked::List("b".to_owned(), listing)));
        for (method, name, query, refused) in [
            ("GET", "b/", "", (400, "bad_request")),
            ("GET", &format!("b/{}", "x".repeat(1_025)), "", (400, "bad_request")),
            ("GET", "b/k", "?x", (404, "no_route")),
            ("GET", "b/k", "?sign", (405, "method")),
            ("GET", "b/k", "?uploads", (405, "method")),
            ("POST", "b/k", "", (405, "method")),
            ("PATCH", "b/k", "", (405, "method")),
            ("PUT", "b", "", (405, "method")),
            ("GET", "b", "?limit=0", (400, "bad_request")),
            ("GET", "b", "?limit=1001", (400, "bad_request")),
            ("GET", "b", "?limit=x", (400, "bad_request")),
            ("GET", "b", "?owner=ann", (400, "bad_request")),
        ] {
            assert_eq!(asked(method, name, query), Err(refused), "{method} {name} {query}");
        }
    }
}
