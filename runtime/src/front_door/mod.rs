//! The data plane's door: connections, request hygiene, routing, and the one place that makes answers.

mod address;
mod calls;
mod connection;
mod gate;
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
use http::{Method, Request, Response};
use hyper::body::Incoming;
use store::jobs::{Caller, Lineage};
use uuid::Uuid;

use crate::client_api::{self, Doors, site};
use crate::dispatch::Dispatch;
use crate::pass::Pass;
use crate::registry::live::{Consumers, Routes};
use crate::router::Found;
use gate::Arrival;
use hygiene::Checked;
use respond::Answer;

/// What every connection of an executor needs to serve a request.
pub struct Service {
    /// Swapped whole by the registry; read anew for every request.
    pub routes: Arc<ArcSwap<Routes>>,
    /// All active functions, swapped with them.
    pub functions: Arc<ArcSwap<Consumers>>,
    /// The way in.
    pub dispatch: Dispatch,
    /// Addresses whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Lets calls by name through.
    pub pass: Pass,
    /// What is answered without a guest.
    pub doors: Doors,
}

impl Service {
    /// Serves one request of a client at that address.
    async fn serve(&self, request: Request<Incoming>, client: IpAddr) -> Response<Answer> {
        let (version, client) = (request.version(), client.to_canonical());
        let checked = match hygiene::check(request) {
            Ok(checked) => checked,
            Err(refusal) => return respond::refusal(Uuid::now_v7(), version, refusal),
        };
        if client_api::objects::is_signed_path(checked.path.as_str()) {
            let project = self.routes.load().project(&checked.host).map(|place| place.project);
            let (method, door) = (checked.request.method().clone(), &self.doors.objects);
            let served = door.serve(project, checked.request).await;
            return respond::object(Uuid::now_v7(), version, &method, served);
        }
        if client_api::is_client_path(checked.path.as_str()) {
            return self.serve_api(checked, client).await;
        }
        let is_call = checked.path.is_reserved();
        if is_call && !self.pass.opens(&checked.request, &checked.path) {
            return respond::platform(Uuid::now_v7(), version, checked.path.as_str());
        }
        let found = self.routes.load().find(&checked.host, checked.method(), &checked.path);
        let matched = match found {
            Found::Function(matched) => matched,
            Found::OtherMethods(methods) => return self.page(&checked, Some(&methods)).await,
            Found::Nobody => return self.page(&checked, None).await,
        };
        let trusted = self.trusted_proxies.contains(&client);
        let Checked { mut request, path, host } = checked;
        let limit = matched.target.spec.limits.request_body_bytes;
        if hygiene::declares_more_than(&request, limit) {
            return respond::too_large(Uuid::now_v7(), version, limit);
        }
        let Arrival { caller, bearing } = match is_call {
            // Whoever has the pass may call: the control API has judged its own callers, who are nobody of the project's people.
            true => Arrival::unasked(Caller::System),
            false => {
                let place = self.routes.load().project(&host).cloned();
                gate::pass(&self.doors.api, place, &matched, &path, &mut request).await
            }
        };
        let (live, method) = (matched.target.clone(), request.method().clone());
        let for_guest = |request| hygiene::for_guest(request, &matched, client, trusted);
        let mut answer = match caller.map(|caller| (caller, for_guest(request))) {
            Ok((caller, Ok(request))) => {
                let lineage = Lineage { caller, ..Lineage::default() };
                respond::outcome(version, &method, self.dispatch.http(live, request, lineage).await)
            }
            Ok((_, Err(refusal))) => respond::refusal(Uuid::now_v7(), version, refusal),
            Err(problem) => respond::gated(Uuid::now_v7(), version, &problem),
        };
        bearing.mark(answer.headers_mut());
        answer
    }

    /// What the project's site has where no function answers: at all, or with this method. Of a path that is routed for
    /// other methods it has its own files only, and no page that stands in.
    async fn page(&self, checked: &Checked, others: Option<&[String]>) -> Response<Answer> {
        let Checked { request, path, host } = checked;
        let (id, version, method) = (Uuid::now_v7(), request.version(), request.method());
        let site = self.routes.load().owner(host).and_then(|place| place.site.clone());
        let site = site.filter(|site| others.is_none() || site::has(&site.spec, path));
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if let Some(site) = &site
            && is_read
            && let Some(served) = self.doors.sites.serve(site, request, path).await
        {
            return respond::object(id, version, method, served);
        }
        match (others, site) {
            (Some(methods), _) => respond::other_methods(id, version, methods),
            (None, Some(site)) if site::has(&site.spec, path) => {
                respond::other_methods(id, version, &["GET".to_owned(), "HEAD".to_owned()])
            }
            (None, _) => respond::no_route(id, version),
        }
    }

    /// Serves one request of the client API.
    async fn serve_api(&self, checked: Checked, client: IpAddr) -> Response<Answer> {
        if let Some(name) = client_api::called_function(checked.path.as_str()) {
            let name = name.to_owned();
            return self.serve_call(checked, &name, client).await;
        }
        let Checked { request, host, path } = checked;
        let (version, method) = (request.version(), request.method().clone());
        let client = address::of_client(request.headers(), client, &self.trusted_proxies);
        let place = self.routes.load().project(&host).cloned();
        let served = self.doors.api.serve(place.as_ref(), path.as_str(), client, request).await;
        respond::client_api(Uuid::now_v7(), version, &method, served)
    }
}
