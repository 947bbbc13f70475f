//! The one way from the control API to what is served: the registry behind a small port.

use async_trait::async_trait;
use bytes::Bytes;
use store::catalog::Project;

use super::wire::{DeployReport, ResourcesReport, RollbackReport, SiteDeploy, SiteReceived, SiteReport};
use crate::problem::Problem;
use crate::registry::Upload;

/// What changes the catalog and, before it returns, the route table of every executor.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Publishes an upload as the function of that name.
    async fn deploy(
        &self,
        project: &Project,
        name: &str,
        upload: Upload,
        actor: &str,
    ) -> Result<DeployReport, Problem>;
    /// Makes an earlier revision active; by default the one before.
    async fn rollback(
        &self,
        project: &Project,
        name: &str,
        to: Option<u32>,
        actor: &str,
    ) -> Result<RollbackReport, Problem>;
    /// Deletes a function with its revisions.
    async fn delete_function(&self, project: &Project, name: &str, actor: &str) -> Result<(), Problem>;
    /// Makes what a manifest says that the project has.
    async fn declare_resources(
        &self,
        project: &Project,
        manifest: &str,
        actor: &str,
    ) -> Result<ResourcesReport, Problem>;
    /// Takes a tar of files that a version of the project's site will name.
    async fn receive_site_files(&self, project: &Project, tar: Bytes) -> Result<SiteReceived, Problem>;
    /// Publishes a version of the project's site.
    async fn deploy_site(
        &self,
        project: &Project,
        deploy: SiteDeploy,
        actor: &str,
    ) -> Result<SiteReport, Problem>;
    /// Serves an earlier version of the site again, by default the one before; its number.
    async fn roll_site_back(&self, project: &Project, to: Option<u32>, actor: &str) -> Result<u32, Problem>;
    /// Deletes the project's site with its versions.
    async fn delete_site(&self, project: &Project, actor: &str) -> Result<(), Problem>;
    /// Creates a project.
    async fn create_project(&self, name: &str, actor: &str) -> Result<Project, Problem>;
    /// Deletes a project with everything in it.
    async fn delete_project(&self, project: &Project, actor: &str) -> Result<(), Problem>;
    /// Sets or replaces a secret.
    async fn set_secret(
        &self,
        project: &Project,
        name: &str,
        value: &str,
        actor: &str,
    ) -> Result<(), Problem>;
    /// Deletes a secret.
    async fn delete_secret(&self, project: &Project, name: &str, actor: &str) -> Result<(), Problem>;
}
