//! A deploy, step by step: settle, compile, smoke-test, store, publish. What fails leaves nothing behind.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use store::catalog::{
    Digest, Export, Function, GuestKind, NewRevision, Project, ProjectId, Published, Revision, RevisionSpec,
    Stamp,
};
use store::objects::Area;

use super::artifact::Loaded;
use super::bundle::Bundle;
use super::merge::{self, Desired, Settled};
use super::resources::Resources;
use super::{Registry, Settings, Upload, inspect, triggers};
use crate::control::wire::{DeployOutcome, DeployReport, DeployTiming, ResourcesReport};
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
        let Desired { settled: after, mut resources } =
            self.settle(&before, upload.settings, project, name)?;
        let functions = self.store.functions.active().await?;
        let functions = functions.iter().map(|(function, _)| function);
        triggers::check_schedules(functions, project.id, name, &after.bindings)?;
        resources.add_used(&after.bindings);
        resources.check(&self.store, project.id).await?;
        let mut removed = if declarative { merge::removed(&before.settled, &after) } else { Vec::new() };
        if declarative && before.assets.is_some() && upload.assets.is_none() {
            removed.push("the assets".to_owned());
        }

        let began = self.clock.instant();
        let wasm = Digest::of(&upload.component);
        let compiled = self.artifacts.make(project.id, &wasm, &upload.component).await?;
        let compile_ms = self.since(began);
        let began = self.clock.instant();
        let tried = self.try_out(project.id, &compiled, &after).await;
        let smoke_ms = self.since(began);

        let began = self.clock.instant();
        let new_assets = upload.assets.as_deref().map(Digest::of);
        let parts = Parts {
            wasm: wasm.clone(),
            component: upload.component,
            kind: compiled.kind,
            exports: compiled.code.exports(),
            tar: upload.assets,
            kept: if declarative { None } else { before.assets },
        };
        let _commit = self.commits.begin(project.id).await;
        let mut held = self.held_by(project.id, name).await?;
        held.add(&wasm, new_assets.as_ref());
        let published = match tried {
            Ok(()) => self.commit(project.id, name, parts, (after, &resources), actor).await,
            Err(problem) => Err(problem),
        };
        let published = match published {
            Ok(published) => published,
            Err(problem) => {
                self.dispose(project.id, &held).await;
                self.forget_deleted(project).await;
                return Err(problem);
            }
        };
        // Before anybody can send to them; what is committed is served even if that fails.
        let declared = resources.declare(&self.store, project.id).await;
        self.refresher.forget_sign_in(project.id).await;
        self.refresh().await?;
        declared?;
        self.reconciler.reconcile(project.id).await?;
        // Old revisions are no longer kept.
        self.dispose(project.id, &held).await;
        let timing = DeployTiming {
            receive_ms: upload.receive_ms,
            compile_ms,
            functions_compiled: compiled.effort.compiled,
            functions_reused: compiled.effort.reused,
            smoke_ms,
            publish_ms: self.since(began),
        };
        self.report(project, published, removed, timing).await
    }

    /// Sees that the component fits its settings, starts it once, and gives it requests where its instances shall serve several. One of a project at a
    /// time, so that nobody else waits for a place but behind those.
    async fn try_out(&self, project: ProjectId, compiled: &Loaded, settled: &Settled) -> Result<(), Problem> {
        let code = &compiled.code;
        triggers::check_exports("the component", &code.exports(), &settled.bindings)?;
        check_kind(compiled.kind, settled)?;
        let Settled { limits, env, reuse, concurrent, .. } = settled;
        if *concurrent > 1 && !code.is_shareable() {
            let message = "only a handler of WASI 0.3 (wasi:http/handler) can serve several requests at once";
            return Err(Problem::new(422, "reuse", message).hint("take `concurrent` out of `reuse`"));
        }
        let _turn = self.trials.begin(project).await;
        let _place = self.places.acquire().await.map_err(|error| Problem::internal(&error))?;
        // Boxed, because an instance that starts is a large future.
        Box::pin(self.engine.smoke(code, limits, env, &self.clock)).await?;
        if *reuse > 1 && code.exports().contains(&Export::Http) {
            Box::pin(self.engine.probe_reuse(code, limits, env, &self.clock)).await?;
        }
        Ok(())
    }

    /// Of a project that was deleted while its component was compiled, nothing stays.
    async fn forget_deleted(&self, project: &Project) {
        if self.check_project(project).await.is_err() {
            self.artifacts.forget(project.id);
        }
    }

    /// Makes what a manifest says that the project has, where no function is deployed with it. Of the functions in it nothing
    /// is looked at.
    pub(super) async fn declare_alone(
        &self,
        project: &Project,
        manifest: &str,
        actor: &str,
    ) -> Result<ResourcesReport, Problem> {
        let began = self.clock.instant();
        let manifest = merge::read_manifest(manifest, &project.name, &self.ceilings)?;
        let resources = Resources::declared(manifest);
        let turn = self.turns.join(project.id)?;
        let _turn = turn.lock().await;
        let _commit = self.commits.begin(project.id).await;
        self.check_project(project).await?;
        resources.check(&self.store, project.id).await?;
        resources.prepare(&self.store, project.id).await?;
        let declared = resources.declare(&self.store, project.id).await;
        // What of it is done is served, also when the rest failed.
        self.refresher.forget_sign_in(project.id).await;
        self.refresh().await?;
        self.store.audit.record(&self.stamp(actor), project.id, "resources.declare", "manifest").await?;
        declared?;
        self.reconciler.reconcile(project.id).await?;
        Ok(resources.report(&project.name, self.since(began)))
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
        let RevisionSpec { env, limits, jobs, args, reuse, concurrent, on_disconnect, assets, .. } =
            active.spec;
        Ok(Before {
            settled: Settled {
                bindings: function.bindings,
                env,
                limits,
                jobs,
                args,
                reuse,
                concurrent,
                on_disconnect,
            },
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
                Ok(Desired { settled, resources: Resources::default() })
            }
        }
    }

    /// Stores the parts and commits the revision that refers to them.
    async fn commit(
        &self,
        project: ProjectId,
        name: &str,
        parts: Parts,
        (settled, resources): (Settled, &Resources),
        actor: &str,
    ) -> Result<Published, Problem> {
        resources.prepare(&self.store, project).await?;
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
            kind: active.spec.kind.name().to_owned(),
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

/// Refuses settings that a guest of that kind cannot have.
fn check_kind(kind: GuestKind, settled: &Settled) -> Result<(), Problem> {
    if kind.is_command() && settled.reuse > 1 {
        return Err(Problem::new(422, "reuse", "a command ends with its invocation and can't serve another")
            .hint("remove `reuse`, or deploy with `--reuse 1`"));
    }
    if kind != GuestKind::Http03 && settled.concurrent > 1 {
        let message = format!(
            "only a component of WASI 0.3 serves several invocations at once, and this one is {}",
            kind.name()
        );
        return Err(Problem::new(422, "reuse", message)
            .hint("write `reuse = N`: one after the other; with flags, `--concurrent 1`"));
    }
    if !kind.is_command() && !settled.args.is_empty() {
        let message = format!("`args` are for commands, and this component is {}", kind.name());
        return Err(Problem::new(422, "settings", message).hint("use `env`, which every component can read"));
    }
    Ok(())
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
        args: settled.args.clone(),
        reuse: settled.reuse,
        concurrent: settled.concurrent,
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
