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

use std::sync::Arc;

use bytes::Bytes;
use host_api::objects::{Action, Permit, Places, SIGNED_PATH, Signed, Signer};
use http::{Method, Request, Response};
use http_body::Body;
use store::buckets::{Announced, Condition, Found, Objects, Place as ObjectPlace, RuledObjects, Upload};
use store::catalog::ProjectId;
use store::keys::Keys;
use store::{Store, StoreError};

pub use self::body::ObjectBody;
pub(super) use self::described::Paths;
use self::put::{Put, Target};
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

/// Objects: all of them, for what functions have signed, or what a caller from outside may see and do.
#[derive(Clone)]
pub(super) struct ObjectAccess {
    objects: Arc<dyn Objects>,
    ruled: Arc<dyn RuledObjects>,
}

/// Whether that path, in its normal form, is one of a signed URL.
pub fn is_signed_path(path: &str) -> bool {
    path.starts_with(SIGNED_PATH)
}

impl ObjectDoor {
    /// The way to the objects of that store.
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self {
            access: ObjectAccess { objects: store.objects.clone(), ruled: store.ruled_objects.clone() },
            keys: store.keys.clone(),
            clock,
            places: Places::default(),
        }
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

impl ObjectAccess {
    async fn get(&self, target: Target<'_>) -> Result<Option<Found>, StoreError> {
        let Target { project, caller, at } = target;
        match caller {
            Some(caller) => self.ruled.get_as(project, caller, at).await,
            None => self.objects.get(project, at.bucket, at.key).await,
        }
    }

    /// Begins an upload; none where its condition does not hold.
    async fn upload(
        &self,
        target: Target<'_>,
        announced: Announced,
    ) -> Result<Option<Box<dyn Upload>>, StoreError> {
        let Target { project, caller, at } = target;
        if let Some(caller) = caller {
            return self.ruled.upload_as(project, caller, at, announced).await;
        }
        // What will be in vain is refused before the content comes.
        if announced.condition == Condition::IfAbsent
            && self.objects.head(project, at.bucket, at.key).await?.is_some()
        {
            return Ok(None);
        }
        let bytes = announced.size.unwrap_or(0);
        self.objects.upload(project, at.bucket, at.key, bytes).await.map(Some)
    }
}
