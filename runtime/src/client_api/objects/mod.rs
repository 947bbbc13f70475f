//! Objects by signed URL: whoever has the URL gets or puts the one object that it names, on a host of its project.
//!
//! A URL that was not signed for this project, is not signed right or has expired is refused with one and the same answer,
//! before anybody looks what there is.

pub(super) mod answer;
pub(super) mod body;
mod described;
pub(super) mod get;
pub(super) mod put;
mod ranges;

use bytes::Bytes;
use host_api::objects::{Action, ObjectAccess, Permit, Places, SIGNED_PATH, Signed, Signer, Target};
use http::{Method, Request, Response};
use http_body::Body;
use store::Store;
use store::buckets::Place as ObjectPlace;
use store::catalog::ProjectId;
use store::keys::Keys;

pub use self::body::ObjectBody;
pub(super) use self::described::Paths;
use self::put::Put;
use crate::clock::Clock;
use crate::problem::Problem;

/// The way to objects. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct ObjectDoor {
    access: ObjectAccess,
    keys: Keys,
    clock: Clock,
    places: Places,
}

/// Whether that path, in its normal form, is one of a signed URL.
pub fn is_signed_path(path: &str) -> bool {
    path.starts_with(SIGNED_PATH)
}

impl ObjectDoor {
    /// The way to the objects of that store.
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self { access: ObjectAccess::new(store), keys: store.keys.clone(), clock, places: Places::default() }
    }

    /// Does what the URL permits, for a request on a host of that project.
    pub async fn serve<B>(
        &self,
        project: Option<ProjectId>,
        request: Request<B>,
    ) -> Result<Response<ObjectBody>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (project, signed) = self.permitted(project, &request)?;
        let Some(place) = self.places.take(project) else {
            return Err(Problem::new(503, "busy", "too many transfers run at once"));
        };
        let Signed { bucket, key, permit: Permit { action, caller, .. } } = signed;
        let target =
            Target { project, caller: caller.as_ref(), at: ObjectPlace { bucket: &bucket, key: &key } };
        match action {
            Action::Get { content_type, content_disposition } => {
                let found = self.access.get(target).await.map_err(answer::problem)?;
                let found = found.ok_or_else(answer::not_found)?;
                get::answer(&request, found, content_type, content_disposition, place).await
            }
            Action::Put { max_bytes, content_type, metadata, if_absent } => {
                let put = Put { max_bytes, content_type, metadata, if_absent };
                let _place = place;
                put.take(&self.access, target, request).await
            }
        }
    }

    /// The objects behind it.
    pub(super) fn access(&self) -> ObjectAccess {
        self.access.clone()
    }

    /// The places for transfers.
    pub(super) fn places(&self) -> Places {
        self.places.clone()
    }

    /// The project, and what the URL permits in it.
    fn permitted<B>(
        &self,
        project: Option<ProjectId>,
        request: &Request<B>,
    ) -> Result<(ProjectId, Signed), Problem> {
        let project = project.ok_or_else(answer::refused)?;
        let signer = Signer::new(self.keys.url_mac_key(project)?);
        let url = request.uri().path_and_query().map_or("", |target| target.as_str());
        let signed = signer.read(url).ok_or_else(answer::refused)?;
        let is_method = match signed.permit.action {
            Action::Get { .. } => matches!(*request.method(), Method::GET | Method::HEAD),
            Action::Put { .. } => request.method() == Method::PUT,
        };
        match is_method && self.clock.now_ms() < signed.permit.expires_ms {
            true => Ok((project, signed)),
            false => Err(answer::refused()),
        }
    }
}
