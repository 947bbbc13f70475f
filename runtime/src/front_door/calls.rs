//! Functions that clients call by name, `POST /_ostro/v1/functions/NAME`: those whose manifest says so, and no others. It is a
//! request like any other from the gate on.

use std::net::IpAddr;
use std::sync::Arc;

use http::uri::{PathAndQuery, Uri};
use http::{Request, Response};
use hyper::body::Incoming;
use store::catalog::{Export, ProjectId};
use store::jobs::Lineage;
use uuid::Uuid;

use super::hygiene::{self, Checked};
use super::respond::{self, Answer};
use super::{Service, gate};
use crate::registry::live::Live;
use crate::router::{CALL_PATH, Match, Way};

impl Service {
    /// Serves a call of the function of that name.
    pub(super) async fn serve_call(&self, checked: Checked, name: &str, client: IpAddr) -> Response<Answer> {
        let Checked { mut request, host, .. } = checked;
        let (version, method) = (request.version(), request.method().clone());
        let place = self.routes.load().project(&host).cloned();
        let Some(place) = place else { return respond::no_route(Uuid::now_v7(), version) };
        let admitted = match self.doors.api.admit(&place, &mut request).await {
            Ok(admitted) => admitted,
            Err(answer) => return respond::client_api(Uuid::now_v7(), version, &method, answer),
        };
        let mut answer = match self.callable(place.project, name) {
            Some(live) => self.call(live, request, client).await,
            None => respond::no_route(Uuid::now_v7(), version),
        };
        admitted.mark(answer.headers_mut());
        answer
    }

    /// A function that clients may not call is as unknown as one that is not there.
    fn callable(&self, project: ProjectId, name: &str) -> Option<Arc<Live>> {
        let functions = self.functions.load();
        functions.named(project, name).filter(|live| live.callable && live.exports(Export::Http)).cloned()
    }

    async fn call(
        &self,
        live: Arc<Live>,
        mut request: Request<Incoming>,
        client: IpAddr,
    ) -> Response<Answer> {
        let (version, method) = (request.version(), request.method().clone());
        let limit = live.spec.limits.request_body_bytes;
        if hygiene::declares_more_than(&request, limit) {
            return respond::too_large(Uuid::now_v7(), version, limit);
        }
        let caller = match gate::pass_call(&self.doors.api, &live, request.headers_mut()).await {
            Ok(caller) => caller,
            Err(problem) => return respond::gated(Uuid::now_v7(), version, &problem),
        };
        // The guest is told on the path of calls, and of no query: nothing of where it goes is the client's to say.
        let mut uri = request.uri().clone().into_parts();
        uri.path_and_query = Some(PathAndQuery::from_static(CALL_PATH));
        // What had a path has one.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_else(|_| Uri::from_static(CALL_PATH));
        let matched = Match { target: live.clone(), stripped: None, params: Vec::new(), way: Way::Name };
        let trusted = self.trusted_proxies.contains(&client);
        match hygiene::for_guest(request, &matched, client, trusted) {
            Ok(request) => {
                let lineage = Lineage { caller, ..Lineage::default() };
                respond::outcome(version, &method, self.dispatch.http(live, request, lineage).await)
            }
            Err(refusal) => respond::refusal(Uuid::now_v7(), version, refusal),
        }
    }
}
