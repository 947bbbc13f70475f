//! Collections: which there are, what is in them, and making one.

use axum::Json;
use axum::extract::State;
use store::catalog::{Scope, check_name};
use store::documents::{CollectionInfo, CollectionSpec, IndexSpec};

use super::ControlState;
use super::auth::Caller;
use super::body::{OptionalJson, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{CollectionList, CollectionView, Index, NewCollection};
use crate::problem::Problem;
use crate::registry::manifest::IndexSettings;
use crate::registry::settings::check_index;

/// The collections of a project, by name, with their indexes and what they hold.
#[utoipa::path(
    get, path = "/v1/projects/{project}/collections", tag = "documents", operation_id = "list_collections",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = CollectionList, description = "The collections"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<CollectionList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let collections = state.parts.documents.collections(project.id).await?;
    Ok(Json(CollectionList { collections: collections.into_iter().map(CollectionView::from).collect() }))
}

/// Makes a collection, unless there is one of that name, and gives it the indexes that are named. A deploy whose
/// manifest has a section of that collection gives it the indexes of the manifest again.
#[utoipa::path(
    put, path = "/v1/projects/{project}/collections/{collection}", tag = "documents",
    operation_id = "declare_collection",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("collection" = String, Path, description = "The collection's name"),
    ),
    request_body = Option<NewCollection>, security(("token" = [])),
    responses((status = 200, body = CollectionView, description = "It is there"), Errors, BodyErrors),
)]
pub(super) async fn declare(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<NewCollection>,
) -> Result<Json<CollectionView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    check_name(&name).map_err(|word| Problem::new(422, "name", word))?;
    let indexes = request.indexes.map(checked).transpose()?;
    let spec = CollectionSpec { name: name.clone(), indexes, rules: None };
    let (documents, id) = (state.parts.documents.clone(), project.id);
    let work = async move {
        let subject = spec.name.clone();
        documents.declare(id, &[spec]).await?;
        let collections = documents.collections(id).await?;
        let made = collections.into_iter().find(|collection| collection.name == subject);
        let made = made.ok_or_else(|| Problem::not_found(&format!("collection `{subject}`")))?;
        Ok((made, subject))
    };
    let made = state.recorded(&caller, &project, "collection.declare", work).await?;
    Ok(Json(made.into()))
}

/// Indexes that a manifest might declare as well.
fn checked(indexes: Vec<Index>) -> Result<Vec<IndexSpec>, Problem> {
    let mut checked: Vec<IndexSettings> = Vec::new();
    for Index { fields, unique } in indexes {
        let index = IndexSettings { fields, unique };
        check_index(&checked, &index).map_err(|word| Problem::new(422, "settings", word))?;
        checked.push(index);
    }
    Ok(checked.into_iter().map(|index| IndexSpec { fields: index.fields, unique: index.unique }).collect())
}

impl From<CollectionInfo> for CollectionView {
    fn from(collection: CollectionInfo) -> Self {
        let CollectionInfo { name, indexes, documents, bytes } = collection;
        Self { name, indexes: indexes.into_iter().map(Index::from).collect(), documents, bytes }
    }
}

impl From<IndexSpec> for Index {
    fn from(index: IndexSpec) -> Self {
        Self { fields: index.fields, unique: index.unique }
    }
}
