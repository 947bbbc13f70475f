//! Uploads in parts, in the words of tus 1.0 (<https://tus.io/protocols/resumable-upload>): `POST …/KEY?uploads` begins one,
//! `PATCH`, `HEAD` and `DELETE` of `/_ostro/v1/uploads/ID` go on with it, ask how far it is, and give it up.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use store::buckets::{Announced, Attributes, Joint, MAX_OBJECT_BYTES, Part, Progress};
use store::catalog::ProjectId;
use store::documents::Caller;
use tokio::time::timeout;

use super::super::answer::{Refusal, empty, other_method};
use super::super::body::bad;
use super::super::objects::answer::{problem, quoted};
use super::super::objects::body::MAX_TIME;
use super::super::objects::put::{STALL, content_type, stalled, too_large};
use super::super::objects::rooms::Kind;
use super::super::reply::ReplyBody;
use super::StorageDoor;
use super::asked::ObjectName;
use crate::problem::Problem;

/// Where a part begins, or how many bytes there are.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How long the whole is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// What a part is (tus 1.0, PATCH).
const PART_TYPE: &str = "application/offset+octet-stream";

impl StorageDoor {
    /// Answers a request for an upload in parts.
    pub(in crate::client_api) async fn serve_upload<B>(
        &self,
        project: ProjectId,
        id: &str,
        request: Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let caller = self.callers.caller(project, request.headers()).await?;
        let answer = match *request.method() {
            Method::HEAD => {
                let progress = self.parted.progress(project, &caller, id).await.map_err(upload_problem)?;
                told(StatusCode::OK, &progress)
            }
            Method::PATCH => self.take_part(project, &caller, id, request).await?,
            Method::DELETE => {
                self.parted.give_up(project, &caller, id).await.map_err(upload_problem)?;
                empty(StatusCode::NO_CONTENT)
            }
            _ => return Err(other_method("HEAD, PATCH and DELETE").into()),
        };
        Ok(answer.map(ReplyBody::from))
    }

    /// Begins an upload of the length that the request announces.
    pub(super) async fn begin_upload<B: Body>(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: &ObjectName,
        request: &Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let headers = request.headers();
        if headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH) {
            return Err(bad("an upload in parts has no conditions").into());
        }
        if request.body().size_hint().lower() > 0 {
            return Err(bad("the request that begins an upload has no content").into());
        }
        let total = match number(headers, &LENGTH)? {
            0 => return Err(bad("an upload in parts has at least one byte").into()),
            total if total > MAX_OBJECT_BYTES => return Err(too_large(MAX_OBJECT_BYTES).into()),
            total => total,
        };
        let attributes = Attributes { content_type: content_type(headers)?, ..Attributes::default() };
        attributes.check().map_err(|unfit| bad(unfit.to_string()))?;
        let announced = Announced { attributes, size: Some(total), ..Announced::default() };
        let id = self.parted.begin(project, caller, name.place(), announced).await.map_err(problem)?;
        let mut answer = empty(StatusCode::CREATED).map(|_| Full::from(json!({ "upload": id }).to_string()));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(location) = HeaderValue::from_str(&format!("/_ostro/v1/uploads/{id}")) {
            headers.insert(header::LOCATION, location);
        }
        Ok(answer.map(ReplyBody::from))
    }

    /// Takes the body of a request as the next part. What has come is kept, also where the connection breaks.
    async fn take_part<B>(
        &self,
        project: ProjectId,
        caller: &Caller,
        id: &str,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let (parts, mut body) = request.into_parts();
        if parts.headers.get(header::CONTENT_TYPE).is_none_or(|said| said != PART_TYPE) {
            return Err(Problem::new(415, "content_type", format!("a part is `{PART_TYPE}`")).into());
        }
        let offset = number(&parts.headers, &OFFSET)?;
        let _room = self.rooms.take(project, Some(caller), Kind::Upload)?;
        let mut part = match self.parted.go_on(project, caller, id, offset).await.map_err(upload_problem)? {
            Joint::Fits(part) => part,
            Joint::Elsewhere(received) => return Err(elsewhere(received).into()),
        };
        if body.size_hint().lower() > part.left() {
            return Err(too_large(offset + part.left()).into());
        }
        let received = timeout(MAX_TIME, receive(&mut body, part.as_mut())).await;
        let kept = part.keep().await.map_err(upload_problem);
        received.map_err(|_| stalled())??;
        Ok(told(StatusCode::NO_CONTENT, &kept?))
    }
}

async fn receive<B>(body: &mut B, part: &mut dyn Part) -> Result<(), Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    while let Some(frame) = timeout(STALL, body.frame()).await.map_err(|_| stalled())? {
        let frame = frame.map_err(|_| bad("the body ended early"))?;
        // Trailers say nothing that is kept.
        let Ok(bytes) = frame.into_data() else { continue };
        if bytes.len() as u64 > part.left() {
            return Err(Problem::new(413, "too_large", "the part is longer than what the upload lacks"));
        }
        part.write(bytes).await.map_err(upload_problem)?;
    }
    Ok(())
}

/// How far an upload is.
fn told(status: StatusCode, progress: &Progress) -> Response<Full<Bytes>> {
    let mut answer = empty(status);
    let headers = answer.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(progress.received));
    headers.insert(LENGTH, HeaderValue::from(progress.total));
    let etag = progress.etag.as_ref().and_then(|etag| HeaderValue::from_str(&quoted(etag)).ok());
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    answer
}

/// A header that is a number of bytes.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let said = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = said.filter(|said| said.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| bad(format!("the header `{name}` has to be a number of bytes")))
}

fn elsewhere(received: u64) -> Problem {
    Problem::new(409, "offset", format!("the upload has {received} bytes, and goes on behind them"))
}

/// Another one's upload, one that is over and none answer the same.
fn upload_problem(error: store::StoreError) -> Problem {
    match error {
        store::StoreError::NotFound { .. } => Problem::not_found("upload"),
        other => problem(other),
    }
}
