//! The description of the client API (OpenAPI 3.1), which is also the list of what it answers: a path or a method that is not
//! described is refused before anybody looks at the request.
//!
//! Each folder describes its own paths in `described.rs`: a function without a body for each, and its name in the list there.

mod described;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use store::catalog::Digest;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, PathItem};

use super::answer::{empty, no_route, other_method};
use super::auth;
use super::documents;
use super::objects;
use super::objects::answer::{name, quoted, tags};
use super::realtime;
use super::storage;
use crate::accounts::cookie;
use crate::problem::Problem;

/// How long it may be kept before it is asked for again.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// That of the paths. Which server it is is nobody's business outside.
const VERSION: &str = "1";
/// The parameters that take all that is left of a path, slashes as well.
const REST: [&str; 2] = ["{channel}", "{key}"];

/// What is described. A cheap handle.
#[derive(Clone)]
pub(super) struct Description {
    json: Bytes,
    etag: Digest,
    paths: Arc<[Path]>,
}

/// A path with its parameters in braces.
struct Path {
    parts: Vec<String>,
    methods: Vec<Method>,
}

/// All of it.
fn openapi() -> OpenApi {
    let mut api = described::Paths::openapi()
        .merge_from(auth::Paths::openapi())
        .merge_from(documents::Paths::openapi())
        .merge_from(storage::Paths::openapi())
        .merge_from(objects::Paths::openapi())
        .merge_from(realtime::Paths::openapi());
    api.info.title = "Ostro client API".to_owned();
    api.info.version = VERSION.to_owned();
    api.info.description = Some(
        "What pages and apps call on the hosts of a project: accounts, documents, objects, functions, and changes as they happen. \
         What a project has turned on, and what its rules let a caller do, is told by the answers only."
            .to_owned(),
    );
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    bearer.description = Some("The access token of a session.".to_owned());
    let cookie = ApiKeyValue::with_description(
        cookie::NAME,
        "The session of a page, where the manifest turns cookies on. It is set by signing in with `cookie`.",
    );
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    // Whatever takes the one takes the other.
    for item in api.paths.paths.values_mut() {
        let all =
            [&mut item.get, &mut item.head, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for security in all.into_iter().flatten().filter_map(|operation| operation.security.as_mut()) {
            security.push(SecurityRequirement::new("cookie", [""; 0]));
        }
    }
    api
}

impl Description {
    /// Describes what there is.
    pub(super) fn new() -> Self {
        let api = openapi();
        // An API description always becomes JSON; if not, an empty one shows it.
        let json = Bytes::from(serde_json::to_vec(&api).unwrap_or_default());
        let paths = api.paths.paths.iter().map(|(template, item)| Path::of(template, item)).collect();
        Self { etag: Digest::of(&json), json, paths }
    }

    /// Fails unless that is described: the path, in its normal form and whole, and the method there.
    pub(super) fn check(&self, path: &str, method: &Method) -> Result<(), Problem> {
        let nobody = || no_route().hint("the paths of this API are listed at /_ostro/v1/openapi.json");
        let found = self.paths.iter().find(|described| described.is_for(path)).ok_or_else(nobody)?;
        match found.methods.contains(method) {
            true => Ok(()),
            false => Err(other_method(&found.allowed())),
        }
    }

    /// The description, unless the client has it.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let has_it = tags(headers, &header::IF_NONE_MATCH).is_some_and(|tags| name(&tags, &self.etag));
        let mut answer = empty(if has_it { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        let said = answer.headers_mut();
        said.insert(header::CACHE_CONTROL, KEPT);
        if let Ok(etag) = HeaderValue::from_str(&quoted(&self.etag)) {
            said.insert(header::ETAG, etag);
        }
        if !has_it {
            said.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            said.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            *answer.body_mut() = Full::new(self.json.clone());
        }
        answer
    }
}

impl Path {
    fn of(template: &str, item: &PathItem) -> Self {
        let methods = [
            (&item.get, Method::GET),
            (&item.head, Method::HEAD),
            (&item.post, Method::POST),
            (&item.put, Method::PUT),
            (&item.patch, Method::PATCH),
            (&item.delete, Method::DELETE),
        ];
        let described = methods.into_iter().filter(|(operation, _)| operation.is_some());
        Self {
            parts: template.split('/').map(str::to_owned).collect(),
            methods: described.map(|(_, method)| method).collect(),
        }
    }

    fn is_for(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        for own in &self.parts {
            match parts.next() {
                Some(_) if REST.contains(&own.as_str()) => return true,
                Some(part) if own == part || own.starts_with('{') => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }

    /// The methods, as a sentence has them.
    fn allowed(&self) -> String {
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        match methods.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
            _ => methods.concat(),
        }
    }
}

#[cfg(test)]
mod tests;
