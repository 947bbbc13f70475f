//! A deploy, step by step: settle, compile, smoke-test, store, publish. What fails leaves nothing behind.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use store::StoreError;
use store::catalog::{
    Digest, Export, Function, GuestKind, NewRevision, Project, ProjectId, Published, Revision, RevisionSpec,
    Stamp,
};
use store::objects::Area;

use super::bundle::Bundle;
use super::merge::{self, Desired, Settled};
use super::{Registry, Settings, Upload, inspect, triggers};
use crate::control::wire::{DeployOutcome, DeployReport, DeployTiming};
use crate::problem::Problem;
use crate::registry::settings;
use crate::router;

/// Revisions of a function that are kept.
const KEEP_REVISIONS: u32 = 20;

/// What a revision is made of, besides its settings.
struct Parts {
    wasm: Digest,
    component: Bytes,
    kind: GuestKind,
    exports: Vec<Export>,
    /// New assets.
    tar: Option<Bytes>,
    /// Assets that stay when there are no new ones.
    kept: Option<Digest>,
}

/// What is known of the function before the deploy.
struct Before {
    settled: Settled,
    assets: Option<Digest>,
}

impl Registry {
    /// Publishes an upload. When it returns, every executor serves the new revision.
    pub(super) async fn publish(
        &self,
        project: &Project,
        name: &str,
        upload: Upload,
        actor: &str,
    ) -> Result<DeployReport, Problem> {
        settings::check_name(name)
            .map_err(|reason| Problem::new(422, "name", format!("{name:?}: {reason}")))?;
        inspect::form(&upload.component).map_err(Problem::from)?;
        let turn = self.turns.join(project.id)?;
        let _turn = turn.lock().await;
        self.check_project(project).await?;
        let before = self.before(project.id, name).await?;
        let declarative = matches!(upload.settings, Settings::Manifest(_));
        let Desired { settled: after, queues } = self.settle(&before, upload.settings, project, name)?;
        let functions = self.store.functions.active().await?;
        let functions = functions.iter().map(|(function, _)| function);
        triggers::check_schedules(functions, project.id, name, &after.bindings)?;
        let consumed = after.bindings.queues.iter().map(|queue| queue.name.as_str());
        let wanted = consumed.chain(queues.iter().map(|queue| queue.name.as_str()));
        triggers::check_queues(&*self.store.queues, project.id, wanted).await?;
        let mut removed = if declarative { merge::removed(&before.settled, &after) } else { Vec::new() };
        if declarative && before.assets.is_some() && upload.assets.is_none() {
            removed.push("the assets".to_owned());
        }

        let began = self.clock.instant();
        let wasm = Digest::of(&upload.component);
        let compiled = self.artifacts.make(project.id, &wasm, &upload.component).await?;
        let compile_ms = self.since(began);
        let began = self.clock.instant();
        let exports = compiled.code.exports();
        let tried = match triggers::check_exports("the component", &exports, &after.bindings) {
            Ok(()) => self.engine.smoke(&compiled.code, &after.limits, &after.env, &self.clock).await,
            Err(problem) => Err(problem),
        };
        let smoke_ms = self.since(began);

        let began = self.clock.instant();
        let new_assets = upload.assets.as_deref().map(Digest::of);
        let parts = Parts {
            wasm: wasm.clone(),
            component: upload.component,
            kind: compiled.kind,
            exports,
            tar: upload.assets,
            kept: if declarative { None } else { before.assets },
        };
        let _commit = self.commits.begin(project.id).await;
        let published = match tried {
            Ok(()) => self.commit(project.id, name, parts, after, actor).await,
            Err(problem) => Err(problem),
        };
        let published = match published {
            Ok(published) => published,
            Err(problem) => {
                self.discard(project.id, &wasm, new_assets.as_ref()).await;
                return Err(problem);
            }
        };
        self.refresh().await?;
        self.reconciler.declare(project.id, &queues).await?;
        self.reconciler.reconcile(project.id).await?;
        let timing = DeployTiming {
            receive_ms: upload.receive_ms,
            compile_ms,
            smoke_ms,
            publish_ms: self.since(began),
        };
        self.report(project, published, removed, timing).await
    }

    /// A project that was deleted meanwhile gets no new functions.
    async fn check_project(&self, project: &Project) -> Result<(), Problem> {
        match self.store.projects.by_name(&project.name).await? {
            Some(current) if current.id == project.id => Ok(()),
            _ => Err(Problem::not_found("project")),
        }
    }

    async fn before(&self, project: ProjectId, name: &str) -> Result<Before, Problem> {
        let Some(function) = self.store.functions.by_name(project, name).await? else {
            return Ok(Before { settled: Settled::new(&self.ceilings), assets: None });
        };
        let Some(active) = self.active(&function).await? else {
            return Ok(Before {
                settled: Settled { bindings: function.bindings, ..Settled::new(&self.ceilings) },
                assets: None,
            });
        };
        let RevisionSpec { env, limits, jobs, reuse, on_disconnect, assets, .. } = active.spec;
        Ok(Before {
            settled: Settled { bindings: function.bindings, env, limits, jobs, reuse, on_disconnect },
            assets,
        })
    }

    pub(super) async fn active(&self, function: &Function) -> Result<Option<Revision>, Problem> {
        let revisions = self.store.functions.revisions(function.id).await?;
        Ok(revisions.into_iter().find(|revision| revision.number == function.active))
    }

    fn settle(
        &self,
        before: &Before,
        settings: Settings,
        project: &Project,
        name: &str,
    ) -> Result<Desired, Problem> {
        match settings {
            Settings::Manifest(text) => merge::from_manifest(&text, &project.name, name, &self.ceilings),
            Settings::Flags(flags) => {
                let settled = merge::with_flags(before.settled.clone(), flags, &self.ceilings)?;
                Ok(Desired { settled, queues: Vec::new() })
            }
        }
    }

    /// Stores the parts and commits the revision that refers to them.
    async fn commit(
        &self,
        project: ProjectId,
        name: &str,
        parts: Parts,
        settled: Settled,
        actor: &str,
    ) -> Result<Published, Problem> {
        let _referred_to = self.parts.read().await;
        let Parts { wasm, component, kind, exports, tar, kept } = parts;
        let wasm_bytes = component.len();
        self.store.blobs.put(Area::Wasm, &wasm, component).await?;
        let assets = match tar {
            Some(tar) => Some(self.store_assets(tar).await?),
            None => kept,
        };
        let spec = spec(wasm, wasm_bytes, assets, (kind, exports), &settled);
        let new = NewRevision {
            project,
            name: name.to_owned(),
            spec,
            bindings: settled.bindings,
            keep: KEEP_REVISIONS,
        };
        Ok(self.store.functions.publish(&new, &self.stamp(actor)).await?)
    }

    async fn store_assets(&self, tar: Bytes) -> Result<Digest, Problem> {
        let digest = Digest::of(&tar);
        self.store.blobs.put(Area::Assets, &digest, tar.clone()).await?;
        self.unpack(tar, &digest).await?;
        Ok(digest)
    }

    /// Unpacks a bundle where it is not yet; thousands of files take their time, so not on this thread.
    pub(super) async fn unpack(&self, tar: Bytes, digest: &Digest) -> Result<(), Problem> {
        let (folder, place) = (self.unpacked()?, digest.to_string());
        let unpacking = tokio::task::spawn_blocking(move || -> Result<(), Problem> {
            Bundle::read(&tar)?.unpack(&folder, &place).map_err(|error| Problem::internal(&error))
        });
        unpacking.await.map_err(|error| Problem::internal(&error))?
    }

    /// Removes what a failed deploy has stored, unless a revision refers to it.
    async fn discard(&self, project: ProjectId, wasm: &Digest, assets: Option<&Digest>) {
        let _nobody_commits = self.parts.write().await;
        let Ok(referenced) = self.store.functions.referenced().await else { return };
        let mut removed = Ok(());
        if !referenced.contains(wasm) {
            self.artifacts.discard(project, wasm);
            removed = self.store.blobs.delete(Area::Wasm, wasm).await;
        }
        if let Some(assets) = assets.filter(|assets| !referenced.contains(*assets)) {
            removed = removed.and(self.store.blobs.delete(Area::Assets, assets).await);
            if let Ok(unpacked) = self.unpacked()
                && unpacked.exists(assets.as_str())
            {
                removed = removed.and(
                    unpacked
                        .remove_dir_all(assets.as_str())
                        .map_err(|error| StoreError::Driver(error.into())),
                );
            }
        }
        if let Err(error) = removed {
            tracing::warn!(%error, "parts of a failed deploy stay until the next start");
        }
    }

    async fn report(
        &self,
        project: &Project,
        published: Published,
        removed: Vec<String>,
        timing: DeployTiming,
    ) -> Result<DeployReport, Problem> {
        let (outcome, function) = match published {
            Published::Created(function) => (DeployOutcome::Created, function),
            Published::Unchanged(function) => (DeployOutcome::Unchanged, function),
            Published::Rebound(function) => (DeployOutcome::Rebound, function),
        };
        let active = self.active(&function).await?.ok_or_else(|| Problem::not_found("revision"))?;
        let routes = &function.bindings.routes;
        let urls = match active.spec.exports.contains(&Export::Http) {
            true => {
                router::urls(self.domain.as_deref(), self.data_port, &project.name, &function.name, routes)
            }
            false => Vec::new(),
        };
        Ok(DeployReport {
            project: project.name.clone(),
            urls,
            function: function.name,
            revision: active.number,
            outcome,
            digest: active.spec.digest.to_string(),
            kind: "http02".to_owned(),
            removed,
            timing,
        })
    }

    pub(super) fn stamp(&self, actor: &str) -> Stamp {
        Stamp { actor: actor.to_owned(), at_ms: self.clock.now_ms() }
    }

    pub(super) fn since(&self, began: Instant) -> u64 {
        let taken = self.clock.instant().saturating_duration_since(began);
        u64::try_from(taken.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The content of a revision with its digest, which is over everything else in it.
fn spec(
    wasm: Digest,
    wasm_bytes: usize,
    assets: Option<Digest>,
    (kind, exports): (GuestKind, Vec<Export>),
    settled: &Settled,
) -> RevisionSpec {
    let mut spec = RevisionSpec {
        digest: Digest(String::new()),
        wasm,
        wasm_bytes: wasm_bytes as u64,
        assets,
        kind,
        exports,
        env: settled.env.clone(),
        limits: settled.limits.clone(),
        jobs: settled.jobs.clone(),
        reuse: settled.reuse,
        on_disconnect: settled.on_disconnect,
    };
    let text = serde_json::to_vec(&spec).unwrap_or_default();
    spec.digest = Digest(Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect());
    spec
}

/// Deploys of a project wait for each other, so that the last one to arrive wins; not many may wait.
#[derive(Default)]
pub(super) struct Turns {
    projects: dashmap::DashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>,
}

/// Deploys of one project that run or wait.
const DEPLOYS_AT_ONCE: usize = 8;

impl Turns {
    fn join(&self, project: ProjectId) -> Result<Arc<tokio::sync::Mutex<()>>, Problem> {
        let turn = self.projects.entry(project).or_default();
        // One count is the table's own.
        if Arc::strong_count(&turn) > DEPLOYS_AT_ONCE {
            return Err(Problem::new(429, "busy_deploy", "too many deploys of this project are waiting")
                .hint("try again when one of them is done"));
        }
        Ok(turn.clone())
    }
}
