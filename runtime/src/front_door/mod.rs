//! The data plane's door: connections, request hygiene, routing, and the one place that makes answers.

mod connection;
mod hygiene;
mod inner;
mod listener;
mod respond;
mod transport;

pub use inner::Inner;
pub use listener::{Balance, FrontDoor};

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use store::jobs::Lineage;
use uuid::Uuid;

use crate::client_api::{self, objects::ObjectDoor};
use crate::dispatch::Dispatch;
use crate::pass::Pass;
use crate::registry::live::Live;
use crate::router::{Found, Table};
use hygiene::Checked;
use respond::Answer;

/// What every connection of an executor needs to serve a request.
pub struct Service {
    /// Swapped whole by the registry; read anew for every request.
    pub routes: Arc<ArcSwap<Table<Arc<Live>>>>,
    /// The way in.
    pub dispatch: Dispatch,
    /// Addresses whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Lets calls by name through.
    pub pass: Pass,
    /// Objects by signed URL.
    pub objects: ObjectDoor,
}

impl Service {
    /// Serves one request of a client at that address.
    async fn serve(&self, request: Request<Incoming>, client: IpAddr) -> Response<Answer> {
        let version = request.version();
        let checked = match hygiene::check(request) {
            Ok(checked) => checked,
            Err(refusal) => return respond::refusal(Uuid::now_v7(), version, refusal),
        };
        if client_api::objects::is_signed_path(checked.path.as_str()) {
            let project = self.routes.load().project(&checked.host);
            let (method, door) = (checked.request.method().clone(), &self.objects);
            let served = door.serve(project.as_deref(), checked.request).await;
            return respond::object(Uuid::now_v7(), version, &method, served);
        }
        if checked.path.is_reserved() && !self.pass.opens(&checked.request, &checked.path) {
            return respond::platform(Uuid::now_v7(), version, checked.path.as_str());
        }
        let found = self.routes.load().find(&checked.host, checked.method(), &checked.path);
        let matched = match found {
            Found::Function(matched) => matched,
            Found::OtherMethods(methods) => return respond::other_methods(Uuid::now_v7(), version, &methods),
            Found::Nobody => return respond::no_route(Uuid::now_v7(), version),
        };
        let trusted = self.trusted_proxies.contains(&client);
        let Checked { request, .. } = checked;
        let limit = matched.target.spec.limits.request_body_bytes;
        if hygiene::declares_more_than(&request, limit) {
            return respond::too_large(Uuid::now_v7(), version, limit);
        }
        let (live, method) = (matched.target.clone(), request.method().clone());
        match hygiene::for_guest(request, &matched, client, trusted) {
            Ok(request) => respond::outcome(
                version,
                &method,
                self.dispatch.http(live, request, Lineage::default()).await,
            ),
            Err(refusal) => respond::refusal(Uuid::now_v7(), version, refusal),
        }
    }
}
