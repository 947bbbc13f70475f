//! Putting an object: as it comes, until it is too much.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use store::buckets::{Attributes, Condition, Info, MAX_OBJECT_BYTES, Metadata, Objects, Outcome, Upload};
use store::catalog::ProjectId;
use tokio::time::timeout;

use super::answer::{changed, harmless, problem, quoted, tags};
use super::body::{MAX_TIME, ObjectBody};
use crate::problem::Problem;

/// A client that sends nothing for this long is given up.
const STALL: Duration = Duration::from_secs(60);

/// What a URL permits to be put.
pub(super) struct Put {
    pub(super) max_bytes: Option<u64>,
    pub(super) content_type: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) if_absent: bool,
}

impl Put {
    /// Takes the body of a request as the object.
    pub(super) async fn take<B>(
        self,
        objects: &dyn Objects,
        project: ProjectId,
        bucket: &str,
        key: &str,
        request: Request<B>,
    ) -> Result<Response<ObjectBody>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let most = self.max_bytes.unwrap_or(MAX_OBJECT_BYTES).min(MAX_OBJECT_BYTES);
        let condition = self.condition(request.headers())?;
        let attributes = self.attributes(request.headers())?;
        let announced = request.body().size_hint().lower();
        if announced > most {
            return Err(too_large(most));
        }
        // What will be in vain is refused before the content comes.
        if condition == Condition::IfAbsent
            && objects.head(project, bucket, key).await.map_err(problem)?.is_some()
        {
            return Err(changed());
        }
        let mut upload = objects.upload(project, bucket, key, announced).await.map_err(problem)?;
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
        let said = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str);
        let content_type = match (&self.content_type, said) {
            (Some(signed), _) => signed.clone(),
            (None, Some(Ok(said))) => said.to_owned(),
            (None, None) => String::new(),
            (None, Some(Err(_))) => {
                return Err(Problem::new(400, "bad_request", "the content type is no text"));
            }
        };
        let attributes = Attributes { content_type, metadata: self.metadata.clone(), owner: None };
        attributes.check().map_err(|unfit| Problem::new(400, "bad_request", unfit.to_string()))?;
        Ok(attributes)
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

fn too_large(most: u64) -> Problem {
    Problem::new(413, "too_large", format!("the content is over {most} bytes"))
}

fn stalled() -> Problem {
    Problem::new(408, "timeout", "the content did not come in time")
}
