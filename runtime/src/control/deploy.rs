//! Receiving an upload: multipart, in order, within limits, so many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request, State};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use store::catalog::Scope;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{self, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{DeployFlags, DeployReport};
use super::{ControlState, SharedChanges};
use crate::places::NoPlace;
use crate::problem::Problem;
use crate::registry::{Settings, Upload};

/// Largest component, bytes.
const COMPONENT_BYTES: usize = 64 << 20;
/// Largest tar of assets, bytes.
const ASSETS_BYTES: usize = 64 << 20;
/// Largest manifest or flags, bytes.
const SETTINGS_BYTES: usize = 256 << 10;
/// What may be read until the head of a part is complete, bytes: more than one frame of a fast connection.
const HEAD_BYTES: usize = 1 << 20;
/// All parts with their headers and boundaries, bytes.
pub(super) const UPLOAD_BYTES: usize = COMPONENT_BYTES + ASSETS_BYTES + SETTINGS_BYTES + (16 << 10);
/// Uploads of one project at once; each holds its parts in memory.
pub(super) const UPLOADS_PER_PROJECT: u32 = 4;
/// Uploads of all projects at once.
pub(super) const UPLOADS: u32 = 8;

/// The parts of an upload, in this order. Exactly one of `manifest` and `flags`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
struct DeployForm {
    /// The text of `ostro.toml`: declarative, what is not in it is removed.
    manifest: Option<String>,
    /// Settings to change; what is absent stays.
    flags: Option<DeployFlags>,
    /// The WebAssembly component or core module, at most 64 MiB.
    #[schema(value_type = String, format = Binary)]
    component: Vec<u8>,
    /// A tar of read-only files, at most 64 MiB.
    #[schema(value_type = Option<String>, format = Binary)]
    assets: Option<Vec<u8>>,
}

/// Deploys a function: checks, compiles, publishes, and answers when the new revision is live everywhere.
#[utoipa::path(
    post, path = "/v1/projects/{project}/functions/{function}/deploy", tag = "functions", operation_id = "deploy",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
    ),
    request_body(content = DeployForm, content_type = "multipart/form-data"), security(("token" = [])),
    responses((status = 200, body = DeployReport, description = "Live"), Errors, BodyErrors),
)]
pub(super) async fn deploy(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    request: Request,
) -> Result<Json<DeployReport>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let _place = state.uploads.begin(project.id).map_err(|NoPlace| too_many())?;
    let started = state.parts.clock.instant();
    let heads = Heads::default();
    let multipart = Multipart::from_request(heads.watch(request), &()).await;
    let multipart = multipart.map_err(|_| {
        Problem::new(415, "content_type", "a deploy is a multipart/form-data upload")
            .hint("send the parts `manifest` or `flags`, `component` and, if there are any, `assets`")
    })?;
    let mut upload = receive(multipart, &heads).await?;
    let took = state.parts.clock.instant().saturating_duration_since(started);
    upload.receive_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let work =
        |changes: SharedChanges| async move { changes.deploy(&project, &name, upload, &caller.actor).await };
    state.change(work).await.map(Json)
}

async fn receive(mut form: Multipart, heads: &Heads) -> Result<Upload, Problem> {
    let first = next(&mut form, heads).await?.ok_or_else(|| out_of_order("`manifest` or `flags`"))?;
    let settings = match first.name() {
        Some("manifest") => Settings::Manifest(manifest_text(&part(first, SETTINGS_BYTES).await?)?),
        Some("flags") => Settings::Flags(body::parse::<DeployFlags>(&part(first, SETTINGS_BYTES).await?)?),
        _ => return Err(out_of_order("`manifest` or `flags`")),
    };
    let component = match next(&mut form, heads).await? {
        Some(field) if field.name() == Some("component") => part(field, COMPONENT_BYTES).await?,
        _ => return Err(out_of_order("`component`")),
    };
    let assets = match next(&mut form, heads).await? {
        None => None,
        Some(field) if field.name() == Some("assets") => Some(part(field, ASSETS_BYTES).await?),
        Some(_) => return Err(out_of_order("`assets`, or the end")),
    };
    match next(&mut form, heads).await? {
        None => Ok(Upload { settings, component, assets, receive_ms: 0 }),
        Some(_) => Err(out_of_order("the end")),
    }
}

async fn next<'a>(form: &'a mut Multipart, heads: &Heads) -> Result<Option<Field<'a>>, Problem> {
    heads.begin();
    let field = form.next_field().await;
    heads.end();
    field.map_err(|error| match heads.too_long() {
        true => Problem::new(400, "bad_upload", "the head of a part is too long"),
        false => failed(&error),
    })
}

/// Bounds what is read while the head of a part is looked for: the parser keeps all of it and searches it anew
/// with every frame.
#[derive(Clone, Debug, Default)]
struct Heads {
    reading: Arc<AtomicBool>,
    read: Arc<AtomicUsize>,
}

impl Heads {
    fn begin(&self) {
        self.read.store(0, Relaxed);
        self.reading.store(true, Relaxed);
    }

    fn end(&self) {
        self.reading.store(false, Relaxed);
    }

    fn too_long(&self) -> bool {
        self.read.load(Relaxed) > HEAD_BYTES
    }

    /// The request with its body watched.
    fn watch(&self, request: Request) -> Request {
        let heads = self.clone();
        request.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |frame| {
                let frame = frame.map_err(std::io::Error::other)?;
                if heads.reading.load(Relaxed) {
                    // Counted before this frame: one frame of any size is searched once, which harms nobody.
                    if heads.read.fetch_add(frame.len(), Relaxed) > HEAD_BYTES {
                        return Err(std::io::Error::other("the head of a part is too long"));
                    }
                }
                Ok(frame)
            }))
        })
    }
}

/// One part, read as it comes and given up as soon as it is too large.
async fn part(mut field: Field<'_>, most: usize) -> Result<Bytes, Problem> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| failed(&error))? {
        if bytes.len().saturating_add(chunk.len()) > most {
            return Err(Problem::new(
                413,
                "too_large",
                format!("the part `{name}` is larger than {most} bytes"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn manifest_text(bytes: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| Problem::new(400, "bad_request", "the manifest is not UTF-8 text"))
}

fn failed(error: &MultipartError) -> Problem {
    match error.status().as_u16() {
        413 => Problem::new(413, "too_large", "the upload is too large"),
        _ => body::problem_of(error),
    }
}

pub(super) fn too_many() -> Problem {
    Problem::new(429, "too_many_uploads", "too many deploys are being uploaded at once")
        .hint("try again when one of them is done")
}

fn out_of_order(expected: &str) -> Problem {
    Problem::new(400, "bad_upload", format!("the next part should be {expected}")).hint(
        "the parts are, in this order: `manifest` or `flags`, `component`, and `assets` if there are any",
    )
}
