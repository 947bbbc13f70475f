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
pub(super) mod rooms;
mod signers;

use bytes::Bytes;
use host_api::objects::{Action, ObjectAccess, Permit, SIGNED_PATH, Signed, Signer, Target};
use http::{Method, Request, Response};
use http_body::Body;
use store::Store;
use store::buckets::Place as ObjectPlace;
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;

pub use self::body::ObjectBody;
pub(super) use self::described::{Content, Paths};
use self::put::Put;
use self::rooms::{Kind, Rooms};
pub(super) use self::signers::Signers;
use crate::clock::Clock;
use crate::problem::Problem;

/// The way to objects. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct ObjectDoor {
    access: ObjectAccess,
    keys: Keys,
    signers: Signers,
    clock: Clock,
    rooms: Rooms,
}

/// Whether that path, in its normal form, is one of a signed URL.
pub fn is_signed_path(path: &str) -> bool {
    path.starts_with(SIGNED_PATH)
}

impl ObjectDoor {
    /// The way to the objects of that store.
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self {
            access: ObjectAccess::new(store),
            keys: store.keys.clone(),
            signers: Signers::new(store),
            clock,
            rooms: Rooms::default(),
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
        let Signed { bucket, key, permit: Permit { action, signer, .. } } = signed;
        let caller = self.caller(project, signer).await?;
        let kind = match action {
            Action::Get { .. } => Kind::Download,
            Action::Put { .. } => Kind::Upload,
        };
        let room = self.rooms.take(project, caller.as_ref(), kind)?;
        let target =
            Target { project, caller: caller.as_ref(), at: ObjectPlace { bucket: &bucket, key: &key } };
        match action {
            Action::Get { content_type, content_disposition } => {
                let found = self.access.get(target).await.map_err(answer::problem)?;
                let found = found.ok_or_else(answer::not_found)?;
                get::answer(&request, found, content_type, content_disposition, room).await
            }
            Action::Put { max_bytes, content_type, metadata, if_absent } => {
                let put = Put { max_bytes, content_type, metadata, if_absent };
                let _room = room;
                put.take(&self.access, target, request).await
            }
        }
    }

    /// The objects behind it.
    pub(super) fn access(&self) -> ObjectAccess {
        self.access.clone()
    }

    /// The room for transfers.
    pub(super) fn rooms(&self) -> Rooms {
        self.rooms.clone()
    }

    /// Who stands in URLs.
    pub(super) fn signers(&self) -> Signers {
        self.signers.clone()
    }

    /// Under whose rules a URL is used: none for a function's. Refused where its signer is nobody any more.
    async fn caller(&self, project: ProjectId, signer: Option<String>) -> Result<Option<Caller>, Problem> {
        match signer {
            None => Ok(None),
            Some(sealed) => self.signers.open(project, &sealed).await?.map(Some).ok_or_else(answer::refused),
        }
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
