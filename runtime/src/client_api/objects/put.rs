//! Putting an object: as it comes, until it is too much.

use std::time::Duration;

use bytes::Bytes;
use host_api::objects::{ObjectAccess, Target};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use store::buckets::{Announced, Attributes, Condition, Info, MAX_OBJECT_BYTES, Metadata, Outcome, Upload};
use tokio::time::timeout;

use super::answer::{changed, harmless, problem, quoted, tags};
use super::body::{MAX_TIME, ObjectBody};
use crate::problem::Problem;

/// A client that sends nothing for this long is given up.
pub(in crate::client_api) const STALL: Duration = Duration::from_secs(60);

/// What may be put.
pub(in crate::client_api) struct Put {
    /// Largest content, bytes.
    pub(in crate::client_api) max_bytes: Option<u64>,
    /// The object's media type, whatever the request says.
    pub(in crate::client_api) content_type: Option<String>,
    /// The object's metadata.
    pub(in crate::client_api) metadata: Metadata,
    /// Whether there must be none yet.
    pub(in crate::client_api) if_absent: bool,
}

impl Put {
    /// Takes the body of a request as the object.
    pub(in crate::client_api) async fn take<B>(
        self,
        access: &ObjectAccess,
        target: Target<'_>,
        request: Request<B>,
    ) -> Result<Response<ObjectBody>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let most = self.max_bytes.unwrap_or(MAX_OBJECT_BYTES).min(MAX_OBJECT_BYTES);
        let condition = self.condition(request.headers())?;
        let attributes = self.attributes(request.headers())?;
        let size = request.body().size_hint();
        if size.lower() > most {
            return Err(too_large(most));
        }
        let size = size.exact();
        let announced = Announced { attributes: attributes.clone(), condition: condition.clone(), size };
        let upload = access.upload(target, announced).await.map_err(problem)?;
        let mut upload = upload.ok_or_else(changed)?;
        let mut body = request.into_body();
        let taken = timeout(MAX_TIME, receive(&mut body, upload.as_mut(), most)).await;
        taken.map_err(|_| stalled())??;
        match upload.finish(attributes, condition).await.map_err(problem)? {
            Outcome::Done(info) => Ok(done(&info)),
            Outcome::Lost | Outcome::Missing => Err(changed()),
        }
    }

    /// What must be true of what is there: what the URL says, or the request.
    fn condition(&self, headers: &HeaderMap) -> Result<Condition, Problem> {
        let (matches, none) = (tags(headers, &header::IF_MATCH), tags(headers, &header::IF_NONE_MATCH));
        match (self.if_absent, matches, none) {
            (true, None, None | Some(Condition::IfPresent)) => Ok(Condition::IfAbsent),
            (false, None, Some(Condition::IfPresent)) => Ok(Condition::IfAbsent),
            (false, Some(condition), None) => Ok(condition),
            (false, None, None) => Ok(Condition::Always),
            _ => Err(Problem::new(400, "bad_request", "these conditions can't be kept together")),
        }
    }

    fn attributes(&self, headers: &HeaderMap) -> Result<Attributes, Problem> {
        let content_type = match &self.content_type {
            Some(signed) => signed.clone(),
            None => content_type(headers)?,
        };
        let attributes = Attributes { content_type, metadata: self.metadata.clone(), owner: None };
        attributes.check().map_err(|unfit| Problem::new(400, "bad_request", unfit.to_string()))?;
        Ok(attributes)
    }
}

/// The media type that a request says; empty for none.
pub(in crate::client_api) fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    match headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) {
        Some(Ok(said)) => Ok(said.to_owned()),
        None => Ok(String::new()),
        Some(Err(_)) => Err(Problem::new(400, "bad_request", "the content type is no text")),
    }
}

async fn receive<B>(body: &mut B, upload: &mut dyn Upload, most: u64) -> Result<(), Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    let mut left = most;
    while let Some(frame) = timeout(STALL, body.frame()).await.map_err(|_| stalled())? {
        let frame = frame.map_err(|_| Problem::new(400, "bad_request", "the body ended early"))?;
        // Trailers say nothing that is kept.
        let Ok(bytes) = frame.into_data() else { continue };
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| too_large(most))?;
        upload.write(bytes).await.map_err(problem)?;
    }
    Ok(())
}

fn done(info: &Info) -> Response<ObjectBody> {
    let mut answer = Response::new(ObjectBody::empty());
    harmless(answer.headers_mut());
    if let Ok(etag) = HeaderValue::from_str(&quoted(&info.etag)) {
        answer.headers_mut().insert(header::ETAG, etag);
    }
    answer.headers_mut().insert(header::CONTENT_LENGTH, 0.into());
    answer
}

/// More than it may be.
pub(in crate::client_api) fn too_large(most: u64) -> Problem {
    Problem::new(413, "too_large", format!("the content is over {most} bytes"))
}

/// Too slow.
pub(in crate::client_api) fn stalled() -> Problem {
    Problem::new(408, "timeout", "the content did not come in time")
}
