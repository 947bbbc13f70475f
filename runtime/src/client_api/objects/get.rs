//! Getting an object: whole or in parts, if it is wanted at all.

use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use store::buckets::{Found, Info};
use store::catalog::Digest;
use uuid::Uuid;

use super::answer::{changed, harmless, name, problem, quoted, tags};
use super::body::{ObjectBody, Piece};
use super::ranges::{Wanted, wanted};
use crate::problem::Problem;

/// What an object is that does not say so.
const UNKNOWN: &str = "application/octet-stream";

/// Answers with an object.
pub(in crate::client_api) async fn answer<B>(
    request: &Request<B>,
    mut found: Found,
    content_type: Option<String>,
    content_disposition: Option<String>,
    place: impl Send + 'static,
) -> Result<Response<ObjectBody>, Problem> {
    let headers = request.headers();
    let etag = &found.info.etag;
    if tags(headers, &header::IF_MATCH).is_some_and(|tags| !name(&tags, etag)) {
        return Err(changed());
    }
    let mut answer = Response::new(ObjectBody::empty());
    said(answer.headers_mut(), &found.info, content_disposition.as_deref());
    if tags(headers, &header::IF_NONE_MATCH).is_some_and(|tags| name(&tags, etag)) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    let object_type = content_type.unwrap_or_else(|| found.info.attributes.content_type.clone());
    let object_type = if object_type.is_empty() { UNKNOWN.to_owned() } else { object_type };
    let is_get = request.method() == Method::GET;
    let pieces = represent(Some(headers), is_get, (etag, found.info.size), &object_type, &mut answer);
    let bytes: u64 = pieces.iter().map(Piece::bytes).sum();
    if !is_get || bytes == 0 {
        return Ok(answer);
    }
    // Before the head goes out: what is damaged at its beginning is told as a failure, and not as an answer that ends early.
    let first = pieces.iter().find_map(|piece| match piece {
        Piece::Part(part) => Some(part.start),
        Piece::Text(_) => None,
    });
    found.content.read(first.unwrap_or(0), 1).await.map_err(problem)?;
    *answer.body_mut() = ObjectBody::of(found.content, pieces, place);
    Ok(answer)
}

/// What a request wants of a content: the pieces of the body, and in the answer's head what they are. Without the headers of
/// the request it is the whole content, of which the tag and the size are given.
pub(in crate::client_api) fn represent(
    headers: Option<&HeaderMap>,
    is_get: bool,
    (etag, size): (&Digest, u64),
    content_type: &str,
    answer: &mut Response<ObjectBody>,
) -> Vec<Piece> {
    let range = headers.and_then(|headers| range(headers, etag)).filter(|_| is_get);
    let pieces = match wanted(range, size) {
        Wanted::All => {
            set(answer.headers_mut(), header::CONTENT_TYPE, content_type);
            vec![Piece::Part(0..size)]
        }
        Wanted::Nothing => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            answer.headers_mut().remove(header::CONTENT_TYPE);
            set(answer.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            Vec::new()
        }
        Wanted::Parts(parts) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            in_parts(answer.headers_mut(), &parts, size, content_type)
        }
    };
    let bytes: u64 = pieces.iter().map(Piece::bytes).sum();
    answer.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    pieces
}

/// What every answer says about the object.
fn said(headers: &mut HeaderMap, info: &Info, content_disposition: Option<&str>) {
    harmless(headers);
    set(headers, header::ETAG, &quoted(&info.etag));
    set(headers, header::ACCEPT_RANGES, "bytes");
    let written = UNIX_EPOCH + Duration::from_millis(u64::try_from(info.written_ms).unwrap_or(0));
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(written));
    if let Some(disposition) = content_disposition {
        set(headers, header::CONTENT_DISPOSITION, disposition);
    }
}

/// The range that is asked for, if it is of this content (RFC 9110 section 13.1.5).
fn range<'h>(headers: &'h HeaderMap, etag: &Digest) -> Option<&'h str> {
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition != quoted(etag).as_str()
    {
        return None;
    }
    headers.get(header::RANGE)?.to_str().ok()
}

/// One part as it is, several of them in `multipart/byteranges` (RFC 9110 section 14.6).
fn in_parts(headers: &mut HeaderMap, parts: &[Range<u64>], size: u64, object_type: &str) -> Vec<Piece> {
    let place = |part: &Range<u64>| format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
    if let [only] = parts {
        set(headers, header::CONTENT_TYPE, object_type);
        set(headers, header::CONTENT_RANGE, &place(only));
        return vec![Piece::Part(only.clone())];
    }
    // Its random bits are in no content that was put before.
    let boundary = Uuid::now_v7().simple();
    set(headers, header::CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
    let mut pieces = Vec::new();
    for (count, part) in parts.iter().enumerate() {
        let start = if count == 0 { "" } else { "\r\n" };
        let head = format!(
            "{start}--{boundary}\r\ncontent-type: {object_type}\r\ncontent-range: {}\r\n\r\n",
            place(part)
        );
        pieces.extend([Piece::Text(Bytes::from(head)), Piece::Part(part.clone())]);
    }
    pieces.push(Piece::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    pieces
}

/// Texts that were put or signed are printable; one that is not leaves its header out.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
