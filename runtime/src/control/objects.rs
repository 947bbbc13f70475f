//! Buckets and their objects. Contents go through as they come: no more than a piece of one is in memory.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http_body::Body as _;
use store::buckets::{
    Attributes, Condition, Content, Found, Info, MAX_CHUNK_BYTES, MAX_OBJECT_BYTES, Outcome, Upload,
    check_key,
};
use store::catalog::{Scope, check_name};

use super::ControlState;
use super::auth::Caller;
use super::body::{self, Path, Query};
use super::error::{BodyErrors, Errors, ListErrors};
use super::wire::{BucketList, BucketView, MAX_OBJECTS, ObjectList, ObjectQuery, ObjectView};
use crate::places::{NoPlace, Place};
use crate::problem::{Chain, Problem};

/// Transfers of one project at once; each holds a piece of its object in memory.
pub(super) const TRANSFERS_PER_PROJECT: u32 = 16;
/// Transfers of all projects at once.
pub(super) const TRANSFERS: u32 = 64;

/// The buckets of a project, by name.
#[utoipa::path(
    get, path = "/v1/projects/{project}/buckets", tag = "objects", operation_id = "list_buckets",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = BucketList, description = "The buckets"), Errors),
)]
pub(super) async fn buckets(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<BucketList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let names = state.parts.buckets.buckets(project.id).await?;
    Ok(Json(BucketList { buckets: names.into_iter().map(|name| BucketView { name }).collect() }))
}

/// Makes a bucket, unless there is one of that name.
#[utoipa::path(
    put, path = "/v1/projects/{project}/buckets/{bucket}", tag = "objects", operation_id = "declare_bucket",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("bucket" = String, Path, description = "The bucket's name"),
    ),
    security(("token" = [])),
    responses((status = 200, body = BucketView, description = "It is there"), Errors, BodyErrors),
)]
pub(super) async fn declare(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<BucketView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    check_name(&name).map_err(|word| Problem::new(422, "name", word))?;
    let (buckets, id, made) = (state.parts.buckets.clone(), project.id, name.clone());
    let work = async move {
        buckets.declare(id, std::slice::from_ref(&made)).await?;
        Ok(((), made))
    };
    state.recorded(&caller, &project, "bucket.declare", work).await?;
    Ok(Json(BucketView { name }))
}

/// Objects of a bucket, in the order of the bytes of their keys.
#[utoipa::path(
    get, path = "/v1/projects/{project}/buckets/{bucket}/objects", tag = "objects", operation_id = "list_objects",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("bucket" = String, Path, description = "The bucket's name"),
        ObjectQuery,
    ),
    security(("token" = [])),
    responses((status = 200, body = ObjectList, description = "The page"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, bucket)): Path<(String, String)>,
    Query(query): Query<ObjectQuery>,
) -> Result<Json<ObjectList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let limit = query.limit.unwrap_or(MAX_OBJECTS).clamp(1, MAX_OBJECTS);
    let page =
        state.parts.objects.list(project.id, &bucket, &query.prefix, query.after.as_deref(), limit).await?;
    let view = |object: store::buckets::Listed| ObjectView {
        key: object.key,
        size: object.size,
        etag: object.etag.0,
        written_ms: object.written_ms,
        content_type: object.content_type,
    };
    Ok(Json(ObjectList { objects: page.objects.into_iter().map(view).collect(), has_more: page.has_more }))
}

/// The content of an object. One that breaks off before its length is damaged; what was sent of it is right.
#[utoipa::path(
    get, path = "/v1/projects/{project}/buckets/{bucket}/objects/{key}", tag = "objects", operation_id = "get_object",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("bucket" = String, Path, description = "The bucket's name"),
        ("key" = String, Path, description = "The object's key, `/` as `%2F`"),
    ),
    security(("token" = [])),
    responses((status = 200, body = Vec<u8>, content_type = "*/*", description = "The content"), Errors, ListErrors),
)]
pub(super) async fn get(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, bucket, key)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let place = state.transfers.begin(project.id).map_err(|NoPlace| too_many_transfers())?;
    let found = state.parts.objects.get(project.id, &bucket, &key).await?;
    let Found { info, content } = found.ok_or_else(|| Problem::not_found("object"))?;
    let mut response = Response::new(Body::from_stream(pieces(content, info.size, place)));
    describe(response.headers_mut(), &info);
    Ok(response)
}

/// Puts an object in the place of what is there. It is durable when this answers; before that nobody sees any of it.
#[utoipa::path(
    put, path = "/v1/projects/{project}/buckets/{bucket}/objects/{key}", tag = "objects", operation_id = "put_object",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("bucket" = String, Path, description = "The bucket's name"),
        ("key" = String, Path, description = "The object's key, `/` as `%2F`"),
    ),
    request_body(content = Vec<u8>, content_type = "*/*", description = "At most 5 GiB"), security(("token" = [])),
    responses((status = 200, body = ObjectView, description = "Stored"), Errors, BodyErrors),
)]
pub(super) async fn put(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, bucket, key)): Path<(String, String, String)>,
    request: Request,
) -> Result<Json<ObjectView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let attributes = attributes(request.headers())?;
    check_key(&key).and_then(|()| attributes.check()).map_err(|unfit| refused(unfit.to_string()))?;
    let _place = state.transfers.begin(project.id).map_err(|NoPlace| too_many_transfers())?;
    let body = request.into_body();
    let announced = body.size_hint().lower();
    if announced > MAX_OBJECT_BYTES {
        return Err(too_large());
    }
    let mut upload =
        state.parts.objects.upload(project.id, &bucket, &key, announced).await.map_err(problem)?;
    receive(body, upload.as_mut()).await?;
    match upload.finish(attributes, Condition::Always).await.map_err(problem)? {
        Outcome::Done(info) => Ok(Json(view(key, info))),
        Outcome::Missing | Outcome::Lost => Err(Problem::not_found("object")),
    }
}

/// Deletes an object, for ever.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/buckets/{bucket}/objects/{key}", tag = "objects",
    operation_id = "delete_object",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("bucket" = String, Path, description = "The bucket's name"),
        ("key" = String, Path, description = "The object's key, `/` as `%2F`"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "It is gone"), Errors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, bucket, key)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let (objects, id) = (state.parts.objects.clone(), project.id);
    let work = async move {
        match objects.delete(id, &bucket, &key, Condition::Always).await? {
            Outcome::Done(_) => Ok(((), format!("{bucket}, {key}"))),
            Outcome::Missing | Outcome::Lost => Err(Problem::not_found("object")),
        }
    };
    state.recorded(&caller, &project, "object.delete", work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The content, piece by piece as the client takes it. Its place is free when the last piece is out.
fn pieces(
    content: Box<dyn Content>,
    size: u64,
    place: Place,
) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::unfold(Some((content, 0, place)), move |reading| async move {
        let (mut content, offset, place) = reading?;
        match content.read(offset, MAX_CHUNK_BYTES).await {
            Ok(piece) if piece.is_empty() && offset == size => None,
            Ok(piece) if piece.is_empty() => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), None)),
            Ok(piece) => {
                let next = offset + piece.len() as u64;
                Some((Ok(piece), Some((content, next, place))))
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "an object could not be read to its end");
                Some((Err(std::io::Error::other("the object is damaged")), None))
            }
        }
    })
}

/// Hands a body on as it comes.
async fn receive(body: Body, upload: &mut dyn Upload) -> Result<(), Problem> {
    let mut left = MAX_OBJECT_BYTES;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| body::problem_of(&error))?;
        left = left.checked_sub(piece.len() as u64).ok_or_else(too_large)?;
        upload.write(piece).await.map_err(problem)?;
    }
    Ok(())
}

fn attributes(headers: &HeaderMap) -> Result<Attributes, Problem> {
    let content_type = match headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) {
        Some(Ok(text)) => text.to_owned(),
        Some(Err(_)) => return Err(refused("the content type is no text")),
        None => String::new(),
    };
    Ok(Attributes { content_type, ..Attributes::default() })
}

/// What an answer says of its object. What is stored may be anything: a browser must not run it.
fn describe(headers: &mut HeaderMap, info: &Info) {
    headers.insert(header::CONTENT_LENGTH, info.size.into());
    let plain = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(&info.attributes.content_type).ok();
    headers.insert(header::CONTENT_TYPE, content_type.filter(|text| !text.is_empty()).unwrap_or(plain));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", info.etag.0)) {
        headers.insert(header::ETAG, etag);
    }
}

fn view(key: String, info: Info) -> ObjectView {
    let Info { size, etag, written_ms, attributes } = info;
    ObjectView { key, size, etag: etag.0, written_ms, content_type: attributes.content_type }
}

/// A full project is told apart from a full queue.
fn problem(error: store::StoreError) -> Problem {
    match error {
        store::StoreError::Full { .. } => Problem::new(507, "quota", error.to_string()).hint(
            "nothing was changed; delete objects that nobody needs, or raise `ostro serve --object-quota`",
        ),
        other => other.into(),
    }
}

fn refused(word: impl Into<String>) -> Problem {
    Problem::new(422, "object", word)
}

fn too_large() -> Problem {
    Problem::new(413, "too_large", format!("an object has {} GiB at most", MAX_OBJECT_BYTES >> 30))
}

fn too_many_transfers() -> Problem {
    Problem::new(429, "too_many_transfers", "too many objects are being put and got at once")
        .hint("try again when one of them is done")
}
