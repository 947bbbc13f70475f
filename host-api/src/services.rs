//! What the platform keeps for projects, and its part for one: a project comes only from who calls, never from what
//! a guest says.

use std::sync::{Arc, Weak};

use store::Store;
use store::catalog::ProjectId;

use crate::auth::{People, ProjectPeople, UsersDoor};
use crate::db::{Databases, ProjectDatabase, ProjectSql, SqlDatabases};
use crate::invoke::{InnerDoor, InnerDoors, Neighbours};
use crate::keyvalue::{Namespaces, ProjectNamespaces};
use crate::objects::{Buckets, ProjectBuckets};
use crate::queue::{Outbox, Outboxes};
use crate::realtime::{Channels, ProjectChannels};

/// The services for all projects.
#[derive(Clone, Default)]
pub struct Services {
    people: People,
    outboxes: Outboxes,
    channels: Channels,
    namespaces: Namespaces,
    doors: InnerDoors,
    databases: Databases,
    sql: SqlDatabases,
    buckets: Buckets,
}

/// The services of one project.
#[derive(Clone, Debug, Default)]
pub struct ProjectServices {
    /// The people who use it.
    pub(crate) people: ProjectPeople,
    /// Where its functions' messages go.
    pub(crate) outbox: Outbox,
    /// Its channels.
    pub(crate) channels: ProjectChannels,
    /// Its key-value namespaces.
    pub(crate) namespaces: ProjectNamespaces,
    /// The way to its functions.
    pub(crate) neighbours: Neighbours,
    /// Its collections and transactions.
    pub(crate) database: ProjectDatabase,
    /// Its SQL databases.
    pub(crate) sql: ProjectSql,
    /// Its buckets.
    pub(crate) buckets: ProjectBuckets,
}

impl Services {
    /// Services over that store.
    pub fn new(store: &Store) -> Self {
        Self {
            people: People::default(),
            outboxes: Outboxes::new(store.jobs.clone(), store.queues.clone()),
            channels: Channels::new(store.channels.clone()),
            namespaces: Namespaces::new(store.kv.clone()),
            databases: Databases::new(store.documents.clone(), store.transactions.clone()),
            doors: InnerDoors::default(),
            sql: SqlDatabases::new(store.sql.clone()),
            buckets: Buckets::new(store),
        }
    }

    /// The same with a door to the accounts of projects.
    pub fn with_users(self, door: Arc<dyn UsersDoor>) -> Self {
        Self { people: People::new(door), ..self }
    }

    /// The same with a door to the functions of projects: that of the executor whose guests are to use it.
    pub fn with_door(self, door: Weak<dyn InnerDoor>) -> Self {
        Self { doors: InnerDoors::new(door), ..self }
    }

    /// Services that hold nothing and take nothing.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Those of a project.
    pub fn of(&self, project: ProjectId) -> ProjectServices {
        ProjectServices {
            people: self.people.of(project),
            outbox: self.outboxes.of(project),
            channels: self.channels.of(project),
            namespaces: self.namespaces.of(project),
            neighbours: self.doors.of(project),
            database: self.databases.of(project),
            sql: self.sql.of(project),
            buckets: self.buckets.of(project),
        }
    }
}

impl ProjectServices {
    /// Services that hold nothing and take nothing: for guests that are only tried.
    pub fn closed() -> Self {
        Self::default()
    }
}
