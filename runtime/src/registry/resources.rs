//! What a project has because a manifest declares it or a function may use it: queues and key-value namespaces. They are
//! made, and never removed by a deploy: what is in them is not the deploy's.

use std::collections::BTreeSet;

use host_api::grants::Grants;
use store::Store;
use store::catalog::{Bindings, ProjectId};
use store::jobs::QueueSpec;
use store::kv::NamespaceSpec;

use super::manifest::{Manifest, NamespaceSettings, QueueSettings};
use crate::problem::Problem;

/// Queues of a project: declared, consumed or sent to, ever.
const MAX_QUEUES_PER_PROJECT: usize = 200;
/// Key-value namespaces of a project: declared or granted, ever.
const MAX_NAMESPACES_PER_PROJECT: usize = 200;

/// What is to exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resources {
    /// Queues, declared and used ones.
    pub(super) queues: Vec<QueueSpec>,
    /// Namespaces that a manifest declares.
    pub(super) namespaces: Vec<NamespaceSpec>,
    /// Names of namespaces that are only used: where they exist, they stay as they are.
    pub(super) used_namespaces: BTreeSet<String>,
}

impl Resources {
    /// What a manifest declares.
    pub(super) fn declared(manifest: Manifest) -> Self {
        let queue = |(name, queue): (String, QueueSettings)| QueueSpec {
            name,
            retention_ms: Some(queue.retention_ms),
        };
        let namespace =
            |(name, namespace): (String, NamespaceSettings)| NamespaceSpec { name, ttl_ms: namespace.ttl_ms };
        Self {
            queues: manifest.queues.into_iter().map(queue).collect(),
            namespaces: manifest.namespaces.into_iter().map(namespace).collect(),
            used_namespaces: BTreeSet::new(),
        }
    }

    /// Adds what a function uses: the queues that it consumes or may send to, the namespaces that it may open. They exist
    /// as soon as it does.
    pub(super) fn add_used(&mut self, bindings: &Bindings) {
        // Grants were checked when they were deployed; of those that can't be read any more nothing is used either.
        let grants = Grants::parse(&bindings.grants).unwrap_or_default();
        let consumed = bindings.queues.iter().map(|queue| queue.name.as_str());
        for name in consumed.chain(grants.queue_names()) {
            if self.queues.iter().all(|queue| queue.name != name) {
                self.queues.push(QueueSpec { name: name.to_owned(), retention_ms: None });
            }
        }
        let declared = |name: &str| self.namespaces.iter().any(|namespace| namespace.name == name);
        let used: Vec<_> = grants.kv_names().filter(|name| !declared(name)).map(str::to_owned).collect();
        self.used_namespaces.extend(used);
    }

    /// Refuses more than a project may have. Nothing of it is ever deleted, so every name counts that there ever was.
    pub(super) async fn check(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        let known = store.queues.list(project).await?;
        let wanted = self.queues.iter().map(|queue| queue.name.as_str());
        let names: BTreeSet<&str> = known.iter().map(|queue| queue.name.as_str()).collect();
        within(&names, wanted, MAX_QUEUES_PER_PROJECT, "queues", "too_many_queues")?;
        let known = store.kv.namespaces(project).await?;
        let wanted = self.namespaces.iter().map(|namespace| namespace.name.as_str());
        let wanted = wanted.chain(self.used_namespaces.iter().map(String::as_str));
        let names: BTreeSet<&str> = known.iter().map(|namespace| namespace.name.as_str()).collect();
        within(&names, wanted, MAX_NAMESPACES_PER_PROJECT, "key-value namespaces", "too_many_namespaces")
    }

    /// Makes namespaces that do not exist, before anybody can write to them: a crash must not leave one without the time
    /// to live that is declared for it.
    pub(super) async fn prepare(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        let new = missing(store, project, self.namespaces.clone()).await?;
        declare(store, project, &new).await
    }

    /// Makes what does not exist, and sets what is declared.
    pub(super) async fn declare(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        if !self.queues.is_empty() {
            store.queues.declare(project, &self.queues).await?;
        }
        let used = self.used_namespaces.iter();
        let used = used.map(|name| NamespaceSpec { name: name.clone(), ttl_ms: None }).collect();
        let mut namespaces = missing(store, project, used).await?;
        namespaces.extend_from_slice(&self.namespaces);
        declare(store, project, &namespaces).await
    }
}

/// Those that the project does not have.
async fn missing(
    store: &Store,
    project: ProjectId,
    mut namespaces: Vec<NamespaceSpec>,
) -> Result<Vec<NamespaceSpec>, Problem> {
    if !namespaces.is_empty() {
        let known = store.kv.namespaces(project).await?;
        namespaces.retain(|wanted| known.iter().all(|namespace| namespace.name != wanted.name));
    }
    Ok(namespaces)
}

async fn declare(store: &Store, project: ProjectId, namespaces: &[NamespaceSpec]) -> Result<(), Problem> {
    if !namespaces.is_empty() {
        store.kv.declare(project, namespaces).await?;
    }
    Ok(())
}

fn within<'n>(
    known: &BTreeSet<&str>,
    wanted: impl Iterator<Item = &'n str>,
    most: usize,
    what: &str,
    code: &'static str,
) -> Result<(), Problem> {
    let new = wanted.filter(|name| !known.contains(name)).collect::<BTreeSet<_>>().len();
    if new == 0 || known.len() + new <= most {
        return Ok(());
    }
    let held = known.len();
    let message = format!("a project has at most {most} {what}; it has {held}, and this deploy adds {new}");
    Err(Problem::new(422, code, message).hint(format!("use {what} that the project has, or another project")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::manifest;
    use crate::registry::settings::Ceilings;

    fn declared(text: &str) -> Resources {
        Resources::declared(manifest::parse(text, &Ceilings::default()).unwrap())
    }

    #[test]
    fn a_manifest_declares_queues_and_namespaces() {
        let found = declared(
            "[function.f]\nqueues = ['in']\n[queue.out]\nretention = '1d'\n[queue.plain]\n[kv.a]\n[kv.b]\nttl = '1h'",
        );
        let queue =
            |name: &str, retention_ms| QueueSpec { name: name.to_owned(), retention_ms: Some(retention_ms) };
        assert_eq!(found.queues, [queue("out", 86_400_000), queue("plain", 14 * 86_400_000)]);
        let namespace = |name: &str, ttl_ms| NamespaceSpec { name: name.to_owned(), ttl_ms };
        assert_eq!(found.namespaces, [namespace("a", None), namespace("b", Some(3_600_000))]);
    }

    #[test]
    fn what_is_used_is_added_once_and_not_declared_again() {
        let mut found = declared("[queue.mail]\nretention = '1d'\n[kv.sessions]\nttl = '1h'");
        let grants = ["queue:mail:send", "queue:post:send", "kv:sessions", "kv:cache:read"];
        let bindings = Bindings { grants: grants.map(str::to_owned).to_vec(), ..Bindings::default() };
        found.add_used(&bindings);
        found.add_used(&bindings);
        let queues: Vec<_> = found.queues.iter().map(|queue| (&*queue.name, queue.retention_ms)).collect();
        assert_eq!(queues, [("mail", Some(86_400_000)), ("post", None)]);
        assert_eq!(found.namespaces.len(), 1);
        assert_eq!(found.used_namespaces, BTreeSet::from(["cache".to_owned()]));
    }

    #[test]
    fn a_project_has_so_many_and_no_more() {
        let names: Vec<String> = (0..199).map(|number| format!("q{number}")).collect();
        let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let check = |wanted: &[&str]| {
            within(&known, wanted.iter().copied(), MAX_QUEUES_PER_PROJECT, "queues", "too_many_queues")
        };
        assert_eq!(check(&["new", "q7", "new"]), Ok(()));
        let refused = check(&["new", "newer"]).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (422, "too_many_queues"));
        assert_eq!(check(&["q1", "q198"]), Ok(()));
    }
}
