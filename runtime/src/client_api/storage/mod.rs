//! Objects for pages and apps: `/_ostro/v1/storage/BUCKET/KEY`. Whoever asks acts under the rules of the bucket, which the
//! store asks in the change or the look itself.

mod asked;
mod described;
mod uploads;

use std::sync::Arc;

use bytes::Bytes;
use host_api::objects::{Action, ObjectAccess, Permit, Signed, Signer, Target};
use http::{Request, Response, StatusCode, header};
use http_body::Body;
use serde_json::json;
use store::buckets::{Condition, Metadata, Outcome, PartedUploads, RuledObjects, Wanted};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;
use store::{Store, StoreError};

use self::asked::{Asked, Listing, ObjectName, Sign, SignedAction, Wish};
pub(super) use self::described::Paths;
use super::answer::{Answered, Refusal, answer, empty};
use super::body::{Posted, bad};
use super::callers::Callers;
use super::objects::answer::{changed, not_found, problem, tags};
use super::objects::put::Put;
use super::objects::rooms::{Kind, Rooms};
use super::objects::{ObjectDoor, Signers, get};
use super::reply::ReplyBody;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::turns::{PATIENCE, Turns};

/// Lists under way of one project, and of all. Each may look at many objects that its caller does not see.
const LISTS: (usize, usize) = (4, 16);
/// Longest question about a URL, bytes.
const MAX_SIGN_BYTES: usize = 4 << 10;

/// The way to objects for pages and apps. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub(super) struct StorageDoor {
    callers: Callers,
    access: ObjectAccess,
    ruled: Arc<dyn RuledObjects>,
    parted: Arc<dyn PartedUploads>,
    keys: Keys,
    clock: Clock,
    rooms: Rooms,
    signers: Signers,
    lists: Turns,
}

impl StorageDoor {
    /// The way to the objects of that store; room and signers are those of the door for signed URLs.
    pub(super) fn new(store: &Store, callers: Callers, door: &ObjectDoor, clock: Clock) -> Self {
        let (per_project, in_all) = LISTS;
        Self {
            callers,
            access: door.access(),
            ruled: store.ruled_objects.clone(),
            parted: store.parted_uploads.clone(),
            keys: store.keys.clone(),
            clock,
            rooms: door.rooms(),
            signers: door.signers(),
            lists: Turns::new(per_project, in_all),
        }
    }

    /// Answers a request for `BUCKET` or `BUCKET/KEY`.
    pub(super) async fn serve<B>(
        &self,
        project: ProjectId,
        name: &str,
        request: Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let asked = asked::read(name, &request)?;
        let caller = self.callers.caller(project, request.headers()).await?;
        match asked {
            Asked::List(bucket, listing) => {
                let page = self.list(project, &caller, &bucket, listing).await?;
                Ok(answer(Answered::Text(page)).map(ReplyBody::from))
            }
            Asked::Object(name, Wish::Get) => self.get(project, &caller, name, &request).await,
            Asked::Object(name, Wish::Put) => self.put(project, &caller, name, request).await,
            Asked::Object(name, Wish::Delete) => {
                self.delete(project, &caller, name, &request).await?;
                Ok(empty(StatusCode::NO_CONTENT).map(ReplyBody::from))
            }
            Asked::Object(name, Wish::Begin) => self.begin_upload(project, &caller, &name, &request).await,
            Asked::Object(name, Wish::Sign) => {
                let (parts, body) = request.into_parts();
                let posted = Posted::read(&parts.headers, body, MAX_SIGN_BYTES).await?;
                let url = self.sign(project, &caller, name, &posted.json::<Sign>()?).await?;
                Ok(answer(Answered::Json(json!({ "url": url }))).map(ReplyBody::from))
            }
        }
    }

    async fn get<B>(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: ObjectName,
        request: &Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let room = self.rooms.take(project, Some(caller), Kind::Download)?;
        let found = self.ruled.get_as(project, caller, name.place()).await.map_err(problem)?;
        let found = found.ok_or_else(not_found)?;
        Ok(get::answer(request, found, None, None, room).await?.map(ReplyBody::from))
    }

    async fn put<B>(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: ObjectName,
        request: Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let _room = self.rooms.take(project, Some(caller), Kind::Upload)?;
        let put = Put { max_bytes: None, content_type: None, metadata: Metadata::new(), if_absent: false };
        let target = Target { project, caller: Some(caller), at: name.place() };
        Ok(put.take(&self.access, target, request).await?.map(ReplyBody::from))
    }

    async fn delete<B>(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: ObjectName,
        request: &Request<B>,
    ) -> Result<(), Problem> {
        let condition = tags(request.headers(), &header::IF_MATCH).unwrap_or(Condition::Always);
        match self.ruled.delete_as(project, caller, name.place(), condition).await.map_err(problem)? {
            Outcome::Done(_) | Outcome::Missing => Ok(()),
            Outcome::Lost => Err(changed()),
        }
    }

    async fn list(
        &self,
        project: ProjectId,
        caller: &Caller,
        bucket: &str,
        listing: Listing,
    ) -> Result<String, Refusal> {
        let signer = self.signer(project)?;
        let Listing { prefix, cursor, limit } = listing;
        let after = match cursor {
            Some(cursor) => Some(
                signer.after(bucket, &prefix, &cursor).ok_or_else(|| bad("the cursor is of another list"))?,
            ),
            None => None,
        };
        let _turn = self.lists.take(project, PATIENCE).await.ok_or_else(busy)?;
        let wanted = Wanted { prefix: &prefix, after: after.as_deref(), limit };
        let page = self.ruled.list_as(project, caller, bucket, wanted).await.map_err(problem)?;
        let last = page.objects.last().filter(|_| page.has_more);
        let cursor = last.and_then(|last| signer.cursor(bucket, &prefix, &last.key));
        let objects: Vec<_> = page.objects.iter().map(asked::listed).collect();
        Ok(json!({ "objects": objects, "cursor": cursor }).to_string())
    }

    /// A URL by which whoever has it may do that as the caller: the rules are asked now, and again when it is used.
    async fn sign(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: ObjectName,
        sign: &Sign,
    ) -> Result<String, Problem> {
        let expires_ms = self.clock.now_ms().saturating_add(sign.valid_ms()?);
        let action = match sign.action {
            SignedAction::Get => {
                let found = self.ruled.head_as(project, caller, name.place()).await.map_err(problem)?;
                found.ok_or_else(not_found)?;
                Action::Get { content_type: None, content_disposition: None }
            }
            SignedAction::Put => {
                let open = self.ruled.open_to(project, caller, &name.bucket).await.map_err(problem)?;
                if !open.put {
                    return Err(StoreError::Forbidden.into());
                }
                Action::Put {
                    max_bytes: None,
                    content_type: None,
                    metadata: Metadata::new(),
                    if_absent: false,
                }
            }
        };
        let signer = Some(self.signers.seal(project, caller)?);
        let permit = Permit { expires_ms, action, signer };
        let ObjectName { bucket, key } = name;
        let url = self.signer(project)?.url(&Signed { bucket, key, permit });
        url.ok_or_else(|| bad("the URL would be too long"))
    }

    fn signer(&self, project: ProjectId) -> Result<Signer, Problem> {
        Ok(Signer::new(self.keys.url_mac_key(project)?))
    }
}

fn busy() -> Problem {
    Problem::new(503, "busy", "too many lists run at once")
}
