//! What the control API asks of the registry, each change with the table that follows from it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use store::catalog::{Bindings, Function, Project};

use super::{Registry, Upload, settings, triggers};
use crate::control::Changes;
use crate::control::wire::{
    DeployReport, ResourcesReport, RollbackReport, SiteDeploy, SiteReceived, SiteReport,
};
use crate::problem::Problem;

/// Largest secret, bytes.
const MAX_SECRET_BYTES: usize = 64 << 10;

#[async_trait]
impl Changes for Registry {
    async fn deploy(
        &self,
        project: &Project,
        name: &str,
        upload: Upload,
        actor: &str,
    ) -> Result<DeployReport, Problem> {
        self.publish(project, name, upload, actor).await
    }

    async fn rollback(
        &self,
        project: &Project,
        name: &str,
        to: Option<u32>,
        actor: &str,
    ) -> Result<RollbackReport, Problem> {
        let began = self.clock.instant();
        let function = self.function(project, name).await?;
        let revisions = self.store.functions.revisions(function.id).await?;
        let number = match to {
            Some(number) => number,
            None => revisions
                .iter()
                .map(|revision| revision.number)
                .find(|number| *number < function.active)
                .ok_or_else(|| Problem::new(409, "no_earlier_revision", "there is no earlier revision"))?,
        };
        let target = revisions.into_iter().find(|revision| revision.number == number).ok_or_else(|| {
            Problem::new(404, "not_found", format!("revision {number} is not kept"))
                .hint(format!("`ostro revisions {name}` lists those that are"))
        })?;
        // The code is made ready first, so that the switch itself costs nobody anything.
        self.loaded.get(&(project.id, target.spec.wasm)).await?;
        let _commit = self.commits.begin(project.id).await;
        // Triggers belong to the function, not to its revisions: they stay, and have to be taken.
        let function = match self.function(project, name).await? {
            same if same.id == function.id => same,
            _ => return Err(Problem::not_found(&format!("function `{name}`"))),
        };
        let what = format!("revision {number}");
        triggers::check_exports(&what, &target.spec.exports, &function.bindings)?;
        check_names(&what, &target.spec.env, &function.bindings)?;
        self.store.functions.activate(function.id, number, &self.stamp(actor)).await?;
        self.refresh().await?;
        self.reconciler.reconcile(project.id).await?;
        Ok(RollbackReport {
            function: function.name,
            revision: number,
            previous: function.active,
            took_ms: self.since(began),
        })
    }

    async fn delete_function(&self, project: &Project, name: &str, actor: &str) -> Result<(), Problem> {
        let _commit = self.commits.begin(project.id).await;
        let function = self.function(project, name).await?;
        let held = self.held(&[function.id]).await?;
        self.store.functions.delete(function.id, &self.stamp(actor)).await?;
        self.refresh().await?;
        self.reconciler.orphan(project.id, function.id).await?;
        self.telemetry.forget(function.id);
        self.dispose(project.id, &held).await;
        Ok(())
    }

    async fn declare_resources(
        &self,
        project: &Project,
        manifest: &str,
        actor: &str,
    ) -> Result<ResourcesReport, Problem> {
        self.declare_alone(project, manifest, actor).await
    }

    async fn receive_site_files(&self, project: &Project, tar: Bytes) -> Result<SiteReceived, Problem> {
        self.receive_site_files(project, tar).await
    }

    async fn deploy_site(
        &self,
        project: &Project,
        deploy: SiteDeploy,
        actor: &str,
    ) -> Result<SiteReport, Problem> {
        self.publish_site(project, deploy, actor).await
    }

    async fn roll_site_back(&self, project: &Project, to: Option<u32>, actor: &str) -> Result<u32, Problem> {
        self.roll_site_back(project, to, actor).await
    }

    async fn delete_site(&self, project: &Project, actor: &str) -> Result<(), Problem> {
        self.remove_site(project, actor).await
    }

    async fn create_project(&self, name: &str, actor: &str) -> Result<Project, Problem> {
        settings::check_name(name)
            .map_err(|reason| Problem::new(422, "name", format!("{name:?}: {reason}")))?;
        let project = self.store.projects.create(name, &self.stamp(actor)).await?;
        self.refresh().await?;
        Ok(project)
    }

    async fn delete_project(&self, project: &Project, actor: &str) -> Result<(), Problem> {
        if project.name == super::DEFAULT_PROJECT {
            return Err(Problem::new(409, "default_project", "the default project can't be deleted")
                .hint("delete its functions instead"));
        }
        let _commit = self.commits.begin(project.id).await;
        let functions = self.store.functions.active().await?;
        let own = functions.into_iter().map(|(function, _)| function);
        let own: Vec<_> =
            own.filter(|function| function.project == project.id).map(|function| function.id).collect();
        let held = self.held(&own).await?;
        let held_by_site = self.held_by_site(project.id).await?;
        self.store.projects.delete(project.id, &self.stamp(actor)).await?;
        self.refresh().await?;
        self.store.cleanup.forget(project.id).await?;
        own.iter().for_each(|function| self.telemetry.forget(*function));
        self.dispose(project.id, &held).await;
        self.dispose_site(&held_by_site).await;
        self.artifacts.forget(project.id);
        Ok(())
    }

    async fn set_secret(
        &self,
        project: &Project,
        name: &str,
        value: &str,
        actor: &str,
    ) -> Result<(), Problem> {
        host_api::grants::check_secret_name(name).map_err(|reason| {
            Problem::new(422, "name", format!("{name:?} is not a secret's name: {reason}"))
        })?;
        if value.len() > MAX_SECRET_BYTES {
            return Err(Problem::new(
                413,
                "too_large",
                format!("a secret has at most {MAX_SECRET_BYTES} bytes"),
            ));
        }
        let sealed = self.store.keys.seal(project.id, name, value.as_bytes())?;
        self.store.secrets.set(project.id, name, &sealed, &self.stamp(actor)).await?;
        self.refresh().await
    }

    async fn delete_secret(&self, project: &Project, name: &str, actor: &str) -> Result<(), Problem> {
        self.store.secrets.delete(project.id, name, &self.stamp(actor)).await?;
        self.refresh().await
    }
}

/// Refuses a revision whose environment has a variable of a name that stands for a resource now.
fn check_names(what: &str, env: &BTreeMap<String, String>, bindings: &Bindings) -> Result<(), Problem> {
    match bindings.names.iter().find(|(name, _)| env.contains_key(*name)) {
        None => Ok(()),
        Some((name, resource)) => {
            let message = format!("`{name}` stands for `{resource}` now, and in {what} it is a variable");
            Err(Problem::new(409, "binding", message).hint("deploy with another name for one of them"))
        }
    }
}

impl Registry {
    async fn function(&self, project: &Project, name: &str) -> Result<Function, Problem> {
        let function = self.store.functions.by_name(project.id, name).await?;
        function.ok_or_else(|| Problem::not_found(&format!("function `{name}`")))
    }
}
