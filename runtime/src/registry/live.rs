//! One active function with everything that a request needs, read from the catalog once per change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use host_api::SecretValues;
use host_api::grants::Grants;
use store::catalog::{Digest, FunctionId, ProjectId, RevisionSpec, Route};

/// An active function. Never changed: a deploy, a rollback or a new secret makes another one.
#[derive(Clone)]
pub struct Live {
    /// Unique in this process: instances of one generation may be used for it and for no other.
    pub generation: u64,
    /// The owner.
    pub project: Arc<LiveProject>,
    /// The function.
    pub function: FunctionId,
    /// Its name.
    pub name: String,
    /// The active revision.
    pub revision: u32,
    /// Its content.
    pub spec: RevisionSpec,
    /// Which compiled code it runs.
    pub code: (ProjectId, Digest),
    /// Environment variables, as the guest's runtime wants them.
    pub env: Arc<[(String, String)]>,
    /// The same, as `wasi:config` wants them.
    pub environment: Arc<BTreeMap<String, String>>,
    /// The folder that the guest sees at `/assets`.
    pub assets: Option<PathBuf>,
    /// Explicit routes.
    pub routes: Vec<Route>,
    /// What it may use.
    pub grants: Arc<Grants>,
    /// Values of the secrets that it may see.
    pub secrets: Arc<SecretValues>,
}

/// What the functions of a project share.
pub struct LiveProject {
    /// Immutable id.
    pub id: ProjectId,
    /// Name.
    pub name: String,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets and environment stay out of every log.
        f.debug_struct("Live")
            .field("project", &self.project.name)
            .field("name", &self.name)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
