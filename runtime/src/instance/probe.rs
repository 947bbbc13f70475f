//! The probe of a deploy that asks for reuse: some guests can serve one request and no more, and only trying tells.
//!
//! Two fresh instances are given the same request; then one of them is given it again. Where the fresh ones answer and the
//! reused one does not, or with another status, reuse is refused. A guest that answers nothing when it is fresh, for
//! want of a grant perhaps, proves nothing either way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use store::catalog::Limits;
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error as BodyError;

use super::control::{Control, Kill};
use super::engine::GuestEngine;
use super::guest::{Assignment, Context, Failure, GuestResponse, Instance, killed};
use super::load::Code;
use super::smoke::{PATIENCE, Silent, context, metered};
use crate::clock::Clock;
use crate::problem::Problem;
use crate::telemetry::OutcomeCode;

impl GuestEngine {
    /// Fails when a second request on one instance is not answered as it is on a fresh one. The guest has no grants and
    /// no secrets, and sees that it is a probe by the header `ostro-trigger`.
    pub async fn probe_reuse(
        &self,
        code: &Arc<Code>,
        limits: &Limits,
        env: &BTreeMap<String, String>,
        clock: &Clock,
    ) -> Result<(), Problem> {
        let probe = Probe { code, limits, context: context(limits, env, clock)? };
        // One instance at a time.
        let first = match probe.fresh().await {
            Ok((_other, status)) => status,
            Err(_) => return Ok(()),
        };
        let Ok((mut kept, second)) = probe.fresh().await else { return Ok(()) };
        let control = probe.control();
        kept.begin(&assignment(&control));
        match probe.ask(&mut kept, &control).await {
            // A guest that answers one and the same request differently each time tells nothing by its status.
            Ok(again) if first == second && again != first => {
                Err(refused(&format!("a fresh instance answers {first}, one that has served before {again}")))
            }
            Ok(_) => Ok(()),
            Err(Failure { code, detail }) => {
                Err(refused(&format!("an instance that has served before fails ({}): {detail}", code.name())))
            }
        }
    }
}

struct Probe<'a> {
    code: &'a Arc<Code>,
    limits: &'a Limits,
    context: Context,
}

impl Probe<'_> {
    fn control(&self) -> Arc<Control> {
        let budget = Duration::from_millis(self.limits.cpu_ms).min(PATIENCE);
        Arc::new(Control::new(self.context.clock.clone(), budget, budget))
    }

    /// A fresh instance and how it answers its first request.
    async fn fresh(&self) -> Result<(Instance, StatusCode), Failure> {
        let control = self.control();
        let first = assignment(&control);
        let started = Instance::new(self.code, &self.context, &first);
        let mut instance = self.within(metered(&control, started)).await??;
        let status = self.ask(&mut instance, &control).await?;
        Ok((instance, status))
    }

    /// Gives the instance a request, reads the whole answer, and waits until the guest is done.
    async fn ask(&self, instance: &mut Instance, control: &Control) -> Result<StatusCode, Failure> {
        let request = Request::get("/").header("host", "localhost").header("ostro-trigger", "probe");
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| Failure { code: OutcomeCode::Internal, detail: error.to_string() })?;
        let (responder, head) = oneshot::channel::<Result<GuestResponse, BodyError>>();
        let answer = async {
            let response = head.await.ok()?.ok()?;
            let status = response.status();
            // Read and thrown away: a long answer must not gather here.
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                frame.ok()?;
            }
            Some(status)
        };
        let both = async { tokio::join!(metered(control, instance.handle(request, responder)), answer) };
        let (ended, status) = self.within(both).await?;
        ended?;
        status.ok_or_else(|| Failure {
            code: OutcomeCode::NoResponse,
            detail: "the guest returned without giving a whole response".to_owned(),
        })
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let wall = Duration::from_millis(self.limits.wall_ms).min(PATIENCE);
        tokio::time::timeout(wall, work).await.map_err(|_| killed(Kill::Deadline))
    }
}

fn assignment(control: &Arc<Control>) -> Assignment {
    Assignment { control: control.clone(), invocation: Silent::invocation() }
}

fn refused(reason: &str) -> Problem {
    Problem::new(422, "reuse", "instances of this component can't be reused: a second request goes wrong")
        .hint("take `reuse` out of the manifest: each request then has a fresh instance")
        .detail(serde_json::json!({ "reason": reason }))
}
