//! What the platform keeps for projects, and its part for one: a project comes only from who calls, never from what
//! a guest says.

use store::Store;
use store::catalog::ProjectId;

use crate::keyvalue::{Namespaces, ProjectNamespaces};
use crate::queue::{Outbox, Outboxes};

/// The services for all projects.
#[derive(Clone, Default)]
pub struct Services {
    outboxes: Outboxes,
    namespaces: Namespaces,
}

/// The services of one project.
#[derive(Clone, Debug, Default)]
pub struct ProjectServices {
    /// Where its functions' messages go.
    pub(crate) outbox: Outbox,
    /// Its key-value namespaces.
    pub(crate) namespaces: ProjectNamespaces,
}

impl Services {
    /// Services over that store.
    pub fn new(store: &Store) -> Self {
        Self {
            outboxes: Outboxes::new(store.jobs.clone(), store.queues.clone()),
            namespaces: Namespaces::new(store.kv.clone()),
        }
    }

    /// Services that hold nothing and take nothing.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Those of a project.
    pub fn of(&self, project: ProjectId) -> ProjectServices {
        ProjectServices { outbox: self.outboxes.of(project), namespaces: self.namespaces.of(project) }
    }
}

impl ProjectServices {
    /// Services that hold nothing and take nothing: for guests that are only tried.
    pub fn closed() -> Self {
        Self::default()
    }
}
