//! What the platform itself answers to clients on the hosts of projects. No guest is reached from here.
//!
//! [`ClientApi`] is what pages and apps call, `/_ostro/v1/`; [`objects`] is what whoever has a signed URL may do; [`site`] is the
//! files of sites.

mod answer;
pub mod auth;
mod body;
mod callers;
mod cookies;
mod description;
pub mod documents;
pub mod objects;
mod origin;
pub mod realtime;
mod reply;
pub mod site;
mod storage;

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use store::Store;
use store::catalog::ProjectId;
use store::documents::Caller;
use tokio::sync::watch;

pub use self::cookies::Bearing;
pub use self::reply::ReplyBody;

use self::answer::{Refusal, no_route, unauthenticated};
use self::auth::{AuthDoor, Proofs};
use self::callers::{Callers, Place};
use self::cookies::Cookies;
use self::description::Description;
use self::documents::DocumentDoor;
use self::objects::ObjectDoor;
use self::origin::Origin;
use self::realtime::RealtimeDoor;
use self::site::SiteDoor;
use self::storage::StorageDoor;
use crate::accounts::desk::Desk;
use crate::accounts::sessions::Sessions;
use crate::accounts::tokens::AccessTokens;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::registry::live::LivePlace;

/// Where it is.
const PATH: &str = "/_ostro/v1/";

/// What pages and apps call. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct ClientApi {
    description: Description,
    callers: Callers,
    cookies: Cookies,
    auth: AuthDoor,
    documents: DocumentDoor,
    realtime: RealtimeDoor,
    storage: StorageDoor,
}

/// All that is answered here. A cheap handle.
#[derive(Clone)]
pub struct Doors {
    /// Objects by signed URL.
    pub objects: ObjectDoor,
    /// Static sites.
    pub sites: SiteDoor,
    /// What pages and apps call.
    pub api: ClientApi,
}

impl Doors {
    /// Over that store, until `stopping` turns true.
    pub fn new(store: &Store, proofs: Proofs, clock: Clock, stopping: watch::Receiver<bool>) -> Self {
        let objects = ObjectDoor::new(store, clock.clone());
        let api = ClientApi::new(store, &objects, proofs, clock, stopping);
        Self { sites: SiteDoor::new(store), api, objects }
    }
}

/// Whether that path, in its normal form, is answered here.
pub fn is_client_path(path: &str) -> bool {
    path.starts_with(PATH)
}

/// The function that is called at that path, in its normal form.
pub fn called_function(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)?.strip_prefix("functions/").filter(|name| !name.contains('/'))
}

/// A call of a function that may be made: for whom it is answered.
pub struct Admitted {
    origin: Origin,
    bearing: Bearing,
}

impl Admitted {
    /// Lets the page read the answer.
    pub fn mark(&self, headers: &mut HeaderMap) {
        self.bearing.mark(headers);
        self.origin.mark(headers);
    }
}

impl ClientApi {
    fn new(
        store: &Store,
        objects: &ObjectDoor,
        proofs: Proofs,
        clock: Clock,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let tokens = AccessTokens::new(store.accounts.clone(), store.keys.clone());
        let callers = Callers::new(store, tokens.clone(), clock.clone());
        let sessions = Sessions::new(store.accounts.clone(), tokens.clone(), clock.clone());
        Self {
            description: Description::new(),
            auth: AuthDoor::new(store, callers.clone(), (tokens, sessions.clone()), proofs, clock.clone()),
            cookies: Cookies::new(sessions, clock.clone()),
            documents: DocumentDoor::new(store, callers.clone()),
            storage: StorageDoor::new(store, callers.clone(), objects, clock.clone()),
            realtime: RealtimeDoor::new(store, callers.clone(), clock, stopping),
            callers,
        }
    }

    /// The desk at which functions ask for accounts.
    pub fn desk(&self) -> Desk {
        self.auth.desk()
    }

    /// As whom a request acts: whom its access token vouches for, or nobody where it has none. `unauthenticated` where the
    /// token is not good. Whether the session has ended since is not asked.
    pub async fn caller(&self, project: ProjectId, headers: &HeaderMap) -> Result<Caller, Problem> {
        self.callers.caller(project, headers).await
    }

    /// Puts an access token in the place of the cookie that a session is kept in, if there is one: what the cookie is worth.
    /// `cross_site` when the request may not use it.
    pub async fn exchange<B>(&self, live: &LivePlace, request: &mut Request<B>) -> Result<Bearing, Problem> {
        let place = self.callers.place(live).await?;
        self.cookies.exchange(&place, request).await
    }

    /// Lets a call of a function pass that comes from a page which may call, and says that it is JSON. Else it is answered here.
    pub async fn admit<B>(
        &self,
        live: &LivePlace,
        request: &mut Request<B>,
    ) -> Result<Admitted, Response<ReplyBody>> {
        let refused = |problem: Problem| answer::refusal(&problem.into()).map(ReplyBody::from);
        let place = self.callers.place(live).await.map_err(refused)?;
        let origin = Origin::of(request.headers(), request.uri(), place.origins());
        if let Some(preflight) = origin.preflight(request.method(), request.headers()) {
            return Err(preflight.map(ReplyBody::from));
        }
        let fault = if origin.is_foreign() {
            Some(answer::foreign())
        } else if request.method() != Method::POST {
            Some(answer::other_method("POST"))
        } else if !body::says_json(request.headers()) {
            Some(body::not_json())
        } else {
            None
        };
        let exchanged = match fault {
            Some(fault) => Err(fault),
            None => self.cookies.exchange(&place, request).await,
        };
        let (fault, bearing) = match exchanged {
            Ok(bearing @ Bearing::Over(_)) => (unauthenticated(), bearing),
            Ok(bearing) => return Ok(Admitted { origin, bearing }),
            Err(fault) => (fault, Bearing::Nothing),
        };
        let mut response = refused(fault);
        bearing.mark(response.headers_mut());
        origin.mark(response.headers_mut());
        Err(response)
    }

    /// Answers a request of a client at that address, on a host of that project. `path` is in its normal form.
    pub async fn serve<B>(
        &self,
        live: Option<&LivePlace>,
        path: &str,
        client: IpAddr,
        mut request: Request<B>,
    ) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let Some(live) = live else { return answer::refusal(&no_route().into()).map(ReplyBody::from) };
        let place = match self.callers.place(live).await {
            Ok(place) => place,
            Err(problem) => return answer::refusal(&problem.into()).map(ReplyBody::from),
        };
        let origin = Origin::of(request.headers(), request.uri(), place.origins());
        if let Some(preflight) = origin.preflight(request.method(), request.headers()) {
            return preflight.map(ReplyBody::from);
        }
        let exchanged = match origin.is_foreign() {
            true => Err(answer::foreign()),
            false => self.cookies.exchange(&place, &mut request).await,
        };
        let (served, bearing) = match exchanged {
            Ok(bearing) => (self.answer(place, &bearing, path, client, request).await, bearing),
            Err(problem) => (Err(problem.into()), Bearing::Nothing),
        };
        let mut response = match served {
            Ok(response) => response,
            Err(refusal) => answer::refusal(&refusal).map(ReplyBody::from),
        };
        bearing.mark(response.headers_mut());
        origin.mark(response.headers_mut());
        response
    }

    async fn answer<B>(
        &self,
        place: Place,
        bearing: &Bearing,
        path: &str,
        client: IpAddr,
        request: Request<B>,
    ) -> Result<Response<ReplyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        self.description.check(path, request.method())?;
        let path = path.strip_prefix(PATH).unwrap_or_default();
        let answered = match path.split_once('/') {
            // Whoever signs in again need not be told that the session before is over.
            Some(("auth", name)) => self.auth.serve(place, bearing, name, client, request).await,
            None if path == "openapi.json" => {
                return Ok(self.description.answer(request.headers()).map(ReplyBody::from));
            }
            _ if matches!(bearing, Bearing::Over(_)) => return Err(unauthenticated().into()),
            Some(("storage", name)) => return self.storage.serve(place.project, name, request).await,
            Some(("uploads", id)) => return self.storage.serve_upload(place.project, id, request).await,
            Some(("channels", name)) => self.realtime.send(place.project, name, client, request).await,
            Some(("db", operation)) => self.documents.one(place.project, operation, request).await,
            None if path == "realtime" => return self.realtime.open(place.project, client, request).await,
            None if path == "batch" => self.documents.batch(place.project, request).await,
            _ => Err(no_route().into()),
        }?;
        Ok(answer::answer(answered).map(ReplyBody::from))
    }
}
