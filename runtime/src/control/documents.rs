//! Documents of a collection: looking for them, putting them in, changing and deleting them.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::catalog::{ProjectId, Scope};
use store::documents::{Failure, Find, Found, Page, Read, Target, Which, Write, Written};

use super::ControlState;
use super::auth::Caller;
use super::body::{self, OptionalJson, Path};
use super::error::{BodyErrors, Errors, ListErrors};
use super::existing;
use super::jobs::too_many_lists;
use super::queues::too_many_batches;
use super::wire::{
    Changed, CountRequest, Counted, DeleteRequest, Deleted, DocumentPage, FindRequest, InsertRequest,
    Inserted, MAX_INSERT_BYTES, UpdateRequest,
};
use crate::places::{NoPlace, Place};
use crate::problem::Problem;

/// A page of the documents that match; whoever may read the project sees them.
#[utoipa::path(
    post, path = "/v1/projects/{project}/collections/{collection}/find", tag = "documents",
    operation_id = "find_documents",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = Option<FindRequest>, security(("token" = [])),
    responses((status = 200, body = DocumentPage, description = "The page"), Errors, BodyErrors),
)]
pub(super) async fn find(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<FindRequest>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let place = state.lists.begin(project.id).map_err(|NoPlace| too_many_lists())?;
    let page = match read(&state, project.id, &collection, Read::Find(request.into())).await? {
        Found::Page(page) => page,
        other => return Err(unexpected(&other)),
    };
    let Page { documents, cursor } = page;
    let documents = documents.into_iter().map(raw).collect::<Result<_, _>>()?;
    body::held_json(&DocumentPage { documents, cursor }, place)
}

/// How many documents match.
#[utoipa::path(
    post, path = "/v1/projects/{project}/collections/{collection}/count", tag = "documents",
    operation_id = "count_documents",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = Option<CountRequest>, security(("token" = [])),
    responses((status = 200, body = Counted, description = "The number"), Errors, BodyErrors),
)]
pub(super) async fn count(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<CountRequest>,
) -> Result<Json<Counted>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let question = Read::Count { filter: filter(request.filter), limit: request.limit };
    match read(&state, project.id, &collection, question).await? {
        Found::Count(count) => Ok(Json(Counted { count })),
        other => Err(unexpected(&other)),
    }
}

/// The document of an `_id`, as it is stored.
#[utoipa::path(
    get, path = "/v1/projects/{project}/collections/{collection}/documents/{id}", tag = "documents",
    operation_id = "get_document",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
        ("id" = String, Path, description = "The document's `_id`"),
    ),
    security(("token" = [])),
    responses((status = 200, body = Object, description = "The document"), Errors, ListErrors),
)]
pub(super) async fn show(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection, id)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let place = state.lists.begin(project.id).map_err(|NoPlace| too_many_lists())?;
    match read(&state, project.id, &collection, Read::Get { id, fields: None }).await? {
        Found::Document(Some(document)) => body::held_json(&raw(document)?, place),
        Found::Document(None) => Err(Problem::not_found("document")),
        other => Err(unexpected(&other)),
    }
}

/// Puts in up to 1,000 documents, 8 MiB of JSON: all or none, unless `existing` says otherwise. They are durable when
/// this answers.
#[utoipa::path(
    post, path = "/v1/projects/{project}/collections/{collection}/documents", tag = "documents",
    operation_id = "insert_documents",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = InsertRequest, security(("token" = [])),
    responses((status = 200, body = Inserted, description = "Stored"), Errors, BodyErrors),
)]
pub(super) async fn insert(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Inserted>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let (request, _place): (InsertRequest, _) = large(&state, project.id, request).await?;
    let documents = request.documents.iter().map(|document| document.get().to_owned()).collect();
    let store = existing::Collection {
        documents: state.parts.documents.clone(),
        project: project.id,
        name: &collection,
    };
    let inserted = store.insert(documents, request.existing).await;
    inserted.map(Json).map_err(|failure| problem(&collection, failure))
}

/// Changes documents by operators, or puts another in the place of one. It is durable when this answers.
#[utoipa::path(
    post, path = "/v1/projects/{project}/collections/{collection}/update", tag = "documents",
    operation_id = "update_documents",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = UpdateRequest, security(("token" = [])),
    responses((status = 200, body = Changed, description = "Changed"), Errors, BodyErrors),
)]
pub(super) async fn update(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Changed>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let (request, place): (UpdateRequest, _) = large(&state, project.id, request).await?;
    let change = change(request)?;
    let (documents, id) = (state.parts.documents.clone(), project.id);
    let work = async move {
        let _place = place;
        let written = documents.write(id, &collection, change).await;
        match written.map_err(|failure| problem(&collection, failure))? {
            Written::Changed { matched, modified, upserted } => {
                let subject = format!("{collection} ({modified})");
                Ok((Changed { matched, modified, upserted }, subject))
            }
            other => Err(unexpected(&other)),
        }
    };
    state.recorded(&caller, &project, "documents.update", work).await.map(Json)
}

/// Deletes documents, for ever.
#[utoipa::path(
    post, path = "/v1/projects/{project}/collections/{collection}/delete", tag = "documents",
    operation_id = "delete_documents",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = DeleteRequest, security(("token" = [])),
    responses((status = 200, body = Deleted, description = "They are gone"), Errors, BodyErrors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, collection)): Path<(String, String)>,
    body::Json(request): body::Json<DeleteRequest>,
) -> Result<Json<Deleted>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let target = target(&request.filter, request.many, request.sort);
    let (documents, id) = (state.parts.documents.clone(), project.id);
    let work = async move {
        let written = documents.write(id, &collection, Write::Delete(target)).await;
        match written.map_err(|failure| problem(&collection, failure))? {
            Written::Deleted(deleted) => Ok((Deleted { deleted }, format!("{collection} ({deleted})"))),
            other => Err(unexpected(&other)),
        }
    };
    state.recorded(&caller, &project, "documents.delete", work).await.map(Json)
}

async fn read(
    state: &ControlState,
    project: ProjectId,
    collection: &str,
    read: Read,
) -> Result<Found, Problem> {
    let found = state.parts.documents.read(project, collection, read).await;
    found.map_err(|failure| problem(collection, failure))
}

/// A body of many documents, and its place among those that are held in memory at once.
async fn large<T: DeserializeOwned>(
    state: &ControlState,
    project: ProjectId,
    request: Request,
) -> Result<(T, Place), Problem> {
    let place = state.batches.begin(project).map_err(|NoPlace| too_many_batches())?;
    let body = body::read_json(request, MAX_INSERT_BYTES).await?;
    Ok((body::parse(&body)?, place))
}

impl From<FindRequest> for Find {
    fn from(request: FindRequest) -> Self {
        let FindRequest { filter, sort, skip, limit, fields, cursor } = request;
        Self { filter: self::filter(filter), sort: text(sort), skip, limit, fields: text(fields), cursor }
    }
}

/// What is to be done with which documents.
fn change(request: UpdateRequest) -> Result<Write, Problem> {
    let UpdateRequest { filter, update, replace, many, upsert, sort } = request;
    let target = target(&filter, many, sort);
    match (text(update), text(replace)) {
        (Some(update), None) => Ok(Write::Update { target, update, upsert }),
        (None, Some(_)) if many => {
            Err(Problem::new(422, "invalid", "a document takes the place of one, not of many")
                .hint("leave `many` out, or say what to change with `update`"))
        }
        (None, Some(document)) => Ok(Write::Replace { target, document, upsert }),
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::new(422, "invalid", "a change is either `update` or `replace`"))
        }
    }
}

fn target(filter: &RawValue, many: bool, sort: Option<Box<RawValue>>) -> Target {
    let which = if many { Which::Many } else { Which::One };
    Target { filter: filter.get().to_owned(), which, sort: text(sort) }
}

fn filter(filter: Option<Box<RawValue>>) -> String {
    text(filter).unwrap_or_else(|| "{}".to_owned())
}

fn text(value: Option<Box<RawValue>>) -> Option<String> {
    value.map(|value| value.get().to_owned())
}

fn raw(json: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json).map_err(|error| Problem::internal(&error))
}

/// The problem, with what to do about a collection that is not there.
fn problem(collection: &str, failure: Failure) -> Problem {
    match failure {
        Failure::NoCollection(_) => Problem::from(failure).hint(format!(
            "declare it in ostro.toml with [collection.{collection}], or make it with `ostro db create {collection}`"
        )),
        other => other.into(),
    }
}

fn unexpected(answer: &dyn std::fmt::Debug) -> Problem {
    Problem::internal(&std::io::Error::other(format!(
        "the store answers otherwise than it was asked: {answer:?}"
    )))
}
