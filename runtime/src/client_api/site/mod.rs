//! Static sites: the files of a project, where no function answers. A path is looked up among the names of a version and
//! never becomes one of a file on disk.

mod accept;
mod resolve;

use std::sync::Arc;

use bytes::BytesMut;
use host_api::objects::Places;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use store::Store;
use store::buckets::Content;
use store::catalog::SiteContent;
use store::objects::{Area, Blobs};

use self::accept::Coding;
pub use self::resolve::has;
use self::resolve::{Resolved, Shown, fits, resolve};
use super::objects::answer::{name, quoted, tags};
use super::objects::body::{ObjectBody, Piece};
use super::objects::get::represent;
use crate::problem::Problem;
use crate::registry::live::LiveSite;
use crate::router::NormalPath;

/// What may be read into memory at once, bytes: shorter answers need no place and no task of their own.
const AT_ONCE_BYTES: u64 = 64 << 10;
/// Long answers of all sites that go out at once; each holds two pieces of 64 KiB.
const PLACES: usize = 1_024;
/// Those of one project.
const PLACES_OF_PROJECT: usize = 512;
const NO_CACHE: &str = "no-cache";
const USUAL_CACHE: &str = "public, max-age=3600";

/// The way to the files of sites. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct SiteDoor {
    blobs: Arc<dyn Blobs>,
    places: Places,
}

/// What a file is, by its name.
pub fn media_type(name: &str) -> &'static str {
    // Of the types that one ending may have, the first is the usual one.
    mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream")
}

impl SiteDoor {
    /// The way to the files of sites in that store.
    pub fn new(store: &Store) -> Self {
        Self { blobs: store.blobs.clone(), places: Places::new(PLACES, PLACES_OF_PROJECT) }
    }

    /// Answers a request for a path; none when the site has nothing to say there.
    pub async fn serve<B>(
        &self,
        site: &LiveSite,
        request: &Request<B>,
        path: &NormalPath,
    ) -> Option<Result<Response<ObjectBody>, Problem>> {
        let shown = match resolve(&site.spec, path, accept::wants_page(request.headers())) {
            Resolved::File(shown) => shown,
            Resolved::Folder => return Some(to_folder(request)),
            Resolved::Nothing => return None,
        };
        Some(self.show(site, request, &shown).await)
    }

    async fn show<B>(
        &self,
        site: &LiveSite,
        request: &Request<B>,
        shown: &Shown<'_>,
    ) -> Result<Response<ObjectBody>, Problem> {
        let headers = request.headers();
        let (content, coding) = form(headers, shown);
        let mut answer = Response::new(ObjectBody::empty());
        describe(site, shown, content, coding, answer.headers_mut());
        if shown.status != StatusCode::OK {
            *answer.status_mut() = shown.status;
        } else if tags(headers, &header::IF_NONE_MATCH).is_some_and(|tags| name(&tags, &content.digest)) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer.headers_mut().remove(header::CONTENT_TYPE);
            return Ok(answer);
        }
        let is_get = request.method() == Method::GET;
        let ranges = (shown.status == StatusCode::OK).then_some(headers);
        let own_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let own_type = own_type.unwrap_or_default().to_owned();
        let pieces = represent(ranges, is_get, (&content.digest, content.bytes), &own_type, &mut answer);
        let bytes: u64 = pieces.iter().map(Piece::bytes).sum();
        if !is_get || bytes == 0 {
            return Ok(answer);
        }
        let opened = self.blobs.open(Area::Site, &content.digest).await?;
        let mut opened = opened.ok_or_else(|| {
            tracing::error!(project = %site.project, file = shown.name, "a file of a site is lost");
            Problem::new(500, "internal", "the server failed; its log has the details")
        })?;
        *answer.body_mut() = match pieces.as_slice() {
            [Piece::Part(part)] if bytes <= AT_ONCE_BYTES => {
                ObjectBody::whole(read(opened.as_mut(), part.start, bytes).await?)
            }
            _ => {
                let place = self.places.take(site.id);
                let place =
                    place.ok_or_else(|| Problem::new(503, "busy", "too many transfers run at once"))?;
                ObjectBody::of(opened, pieces, place)
            }
        };
        Ok(answer)
    }
}

/// The form in which a file goes out. Ranges are of the file as it is.
fn form<'s>(headers: &HeaderMap, shown: &Shown<'s>) -> (&'s SiteContent, Option<Coding>) {
    let file = shown.file;
    if headers.contains_key(header::RANGE) {
        return (&file.content, None);
    }
    let coding = accept::coding(headers, |coding| match coding {
        Coding::Brotli => file.brotli.is_some(),
        Coding::Gzip => file.gzip.is_some(),
    });
    let content = match coding {
        Some(Coding::Brotli) => file.brotli.as_ref(),
        Some(Coding::Gzip) => file.gzip.as_ref(),
        None => None,
    };
    (content.unwrap_or(&file.content), coding)
}

/// The head that every answer with this file has.
fn describe(
    site: &LiveSite,
    shown: &Shown<'_>,
    content: &SiteContent,
    coding: Option<Coding>,
    headers: &mut HeaderMap,
) {
    let (media_type, path) = (media_type(shown.name), format!("/{}", shown.name));
    let charset = match media_type.starts_with("text/") {
        true => "; charset=utf-8",
        false => "",
    };
    set(headers, header::CONTENT_TYPE, &format!("{media_type}{charset}"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for rule in site.spec.headers.iter().filter(|rule| fits(&rule.path, &path)) {
        if let Ok(name) = HeaderName::from_bytes(rule.name.as_bytes()) {
            set(headers, name, &rule.value);
        }
    }
    let rule = site.spec.cache.iter().find(|rule| fits(&rule.path, &path));
    let cache = match rule {
        // What is worked on is asked for anew, and a page that stands in for what is not there may be there soon.
        _ if site.spec.live || shown.status != StatusCode::OK => NO_CACHE,
        Some(rule) => &rule.value,
        None if media_type == "text/html" => NO_CACHE,
        None => USUAL_CACHE,
    };
    set(headers, header::CACHE_CONTROL, cache);
    if shown.file.gzip.is_some() || shown.file.brotli.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if shown.stands_in && site.spec.fallback.is_some() {
        headers.append(header::VARY, HeaderValue::from_static("accept"));
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if shown.status == StatusCode::OK {
        set(headers, header::ETAG, &quoted(&content.digest));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
}

/// The folder's own address, so that what its page refers to is found beside it.
fn to_folder<B>(request: &Request<B>) -> Result<Response<ObjectBody>, Problem> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut answer = Response::new(ObjectBody::empty());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    set(answer.headers_mut(), header::LOCATION, &format!("{}/{query}", request.uri().path()));
    // The folder may be gone tomorrow.
    set(answer.headers_mut(), header::CACHE_CONTROL, NO_CACHE);
    Ok(answer)
}

async fn read(content: &mut dyn Content, start: u64, bytes: u64) -> Result<bytes::Bytes, Problem> {
    let wanted = usize::try_from(bytes).unwrap_or(0);
    let mut read = BytesMut::with_capacity(wanted);
    while read.len() < wanted {
        let part = content.read(start + read.len() as u64, wanted - read.len()).await?;
        if part.is_empty() {
            return Err(Problem::new(500, "internal", "the server failed; its log has the details"));
        }
        read.extend_from_slice(&part);
    }
    Ok(read.freeze())
}

/// Values were checked when they were deployed; one that is none leaves its header out.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
