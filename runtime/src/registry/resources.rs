//! What a project has because a manifest declares it or a function may use it: queues, namespaces, collections,
//! buckets, channels, and how people sign in. They are made, and never removed by a deploy: what is in them is not the deploy's.

use std::collections::{BTreeMap, BTreeSet};

use host_api::grants::{Data, Grants};
use store::Store;
use store::accounts::{self, Mail};
use store::buckets::{self, MAX_BUCKETS};
use store::catalog::{Bindings, DataSource, ProjectId};
use store::documents::{CollectionSpec, Failure, IndexSpec, MAX_COLLECTIONS};
use store::jobs::QueueSpec;
use store::kv::NamespaceSpec;
use store::realtime::channels::{ChannelSpec, MAX_CHANNELS};

use super::manifest::{CollectionSettings, IndexSettings, Manifest, NamespaceSettings, QueueSettings};
use crate::control::wire::ResourcesReport;
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
    /// Collections that a manifest declares, with their indexes.
    pub(super) collections: Vec<CollectionSpec>,
    /// Buckets that a manifest declares, with their rules.
    pub(super) buckets: Vec<(String, buckets::Rules)>,
    /// Channels that a manifest declares, with their rules.
    pub(super) channels: Vec<ChannelSpec>,
    /// What is only used, by kind and name: where it exists, it stays as it is.
    pub(super) used: BTreeSet<(Data, String)>,
    /// How people sign in, as a manifest declares it; none where no manifest says.
    pub(super) auth: Option<SignIn>,
}

/// How people sign in: a manifest that says nothing means that they don't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignIn(pub(super) Option<accounts::Settings>);

impl Resources {
    /// What a manifest declares.
    pub(super) fn declared(manifest: Manifest) -> Self {
        let queue = |(name, queue): (String, QueueSettings)| QueueSpec {
            name,
            retention_ms: Some(queue.retention_ms),
        };
        let namespace =
            |(name, namespace): (String, NamespaceSettings)| NamespaceSpec { name, ttl_ms: namespace.ttl_ms };
        let mut queues: Vec<QueueSpec> = manifest.queues.into_iter().map(queue).collect();
        // Mails that somebody has to send are messages.
        if let Some(Mail::Queue(name)) = manifest.auth.as_ref().and_then(|auth| auth.mail.clone())
            && queues.iter().all(|queue| queue.name != name)
        {
            queues.push(QueueSpec { name, retention_ms: None });
        }
        Self {
            queues,
            namespaces: manifest.namespaces.into_iter().map(namespace).collect(),
            collections: collections(manifest.collections),
            // A bucket that is declared without rules has none.
            buckets: manifest.buckets.into_iter().map(|(name, bucket)| (name, bucket.rules)).collect(),
            channels: manifest
                .channels
                .into_iter()
                .map(|(name, rules)| ChannelSpec { name, rules })
                .collect(),
            used: BTreeSet::new(),
            auth: Some(SignIn(manifest.auth)),
        }
    }

    /// Adds what a function uses: the queues that it consumes or may send to, the data that it may open or is told of.
    /// They exist as soon as it does.
    pub(super) fn add_used(&mut self, bindings: &Bindings) {
        // Grants were checked when they were deployed; of those that can't be read any more nothing is used either.
        let grants = Grants::parse(&bindings.grants).unwrap_or_default();
        let consumed = bindings.queues.iter().map(|queue| queue.name.as_str());
        for name in consumed.chain(grants.queue_names()) {
            if self.queues.iter().all(|queue| queue.name != name) {
                self.queues.push(QueueSpec { name: name.to_owned(), retention_ms: None });
            }
        }
        for data in [Data::Collection, Data::Bucket, Data::KeyValue] {
            self.used.extend(grants.data_names(data).map(|name| (data, name.to_owned())));
        }
        for event in &bindings.events {
            let data = match event.source {
                DataSource::Collection(_) => Data::Collection,
                DataSource::Bucket(_) => Data::Bucket,
            };
            self.used.insert((data, event.source.name().to_owned()));
        }
        for collection in &self.collections {
            self.used.remove(&(Data::Collection, collection.name.clone()));
        }
        for (bucket, _) in &self.buckets {
            self.used.remove(&(Data::Bucket, bucket.clone()));
        }
        for namespace in &self.namespaces {
            self.used.remove(&(Data::KeyValue, namespace.name.clone()));
        }
    }

    /// Refuses more than a project may have. Nothing of it is ever deleted, so every name counts that there ever was.
    pub(super) async fn check(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        let known = store.queues.list(project).await?;
        let wanted = self.queues.iter().map(|queue| queue.name.as_str());
        let names = known.iter().map(|queue| queue.name.as_str()).collect();
        within(&names, wanted, MAX_QUEUES_PER_PROJECT, "queues", "too_many_queues")?;
        let known = store.kv.namespaces(project).await?;
        let wanted = self.namespaces.iter().map(|namespace| namespace.name.as_str());
        let names = known.iter().map(|namespace| namespace.name.as_str()).collect();
        let wanted = wanted.chain(self.used(Data::KeyValue));
        within(&names, wanted, MAX_NAMESPACES_PER_PROJECT, "key-value namespaces", "too_many_namespaces")?;
        let known = store.documents.collections(project).await?;
        let wanted = self.collections.iter().map(|collection| collection.name.as_str());
        let names = known.iter().map(|collection| collection.name.as_str()).collect();
        let wanted = wanted.chain(self.used(Data::Collection));
        within(&names, wanted, MAX_COLLECTIONS, "collections", "too_many_collections")?;
        let known = store.buckets.buckets(project).await?;
        let names = known.iter().map(String::as_str).collect();
        let wanted = self.buckets.iter().map(|(name, _)| name.as_str()).chain(self.used(Data::Bucket));
        within(&names, wanted, MAX_BUCKETS, "buckets", "too_many_buckets")?;
        if self.channels.is_empty() {
            return Ok(());
        }
        let known = store.channels.channels(project).await?;
        let names = known.iter().map(String::as_str).collect();
        let wanted = self.channels.iter().map(|channel| channel.name.as_str());
        within(&names, wanted, MAX_CHANNELS, "channels", "too_many_channels")
    }

    /// Makes namespaces that do not exist, before anybody can write to them: a crash must not leave one without the time
    /// to live that is declared for it. Makes the collections and indexes that are declared: a unique index over what is
    /// not unique ends the deploy. Makes the buckets and channels that are declared, and sets their rules.
    pub(super) async fn prepare(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        let new = missing(store, project, self.namespaces.clone()).await?;
        declare_namespaces(store, project, &new).await?;
        declare_collections(store, project, &self.collections).await?;
        declare_buckets(store, project, self.buckets.iter().map(|(name, _)| name.as_str())).await?;
        if !self.buckets.is_empty() {
            store.buckets.set_rules(project, &self.buckets).await?;
        }
        Ok(store.channels.declare(project, &self.channels).await?)
    }

    /// Makes what does not exist, and sets what is declared.
    pub(super) async fn declare(&self, store: &Store, project: ProjectId) -> Result<(), Problem> {
        if !self.queues.is_empty() {
            store.queues.declare(project, &self.queues).await?;
        }
        let used = self.used(Data::KeyValue);
        let used = used.map(|name| NamespaceSpec { name: name.to_owned(), ttl_ms: None }).collect();
        let mut namespaces = missing(store, project, used).await?;
        namespaces.extend_from_slice(&self.namespaces);
        declare_namespaces(store, project, &namespaces).await?;
        let used = self.used(Data::Collection);
        let used: Vec<_> =
            used.map(|name| CollectionSpec { name: name.to_owned(), indexes: None, rules: None }).collect();
        declare_collections(store, project, &used).await?;
        declare_buckets(store, project, self.used(Data::Bucket)).await?;
        if let Some(SignIn(settings)) = &self.auth {
            store.accounts.declare(project, settings.as_ref()).await?;
        }
        Ok(())
    }

    /// What was declared, for whoever declared it.
    pub(super) fn report(&self, project: &str, took_ms: u64) -> ResourcesReport {
        let named = |names: &mut dyn Iterator<Item = &str>| {
            let names: BTreeSet<String> = names.map(str::to_owned).collect();
            names.into_iter().collect()
        };
        ResourcesReport {
            project: project.to_owned(),
            accounts: matches!(self.auth, Some(SignIn(Some(_)))),
            collections: named(&mut self.collections.iter().map(|collection| collection.name.as_str())),
            buckets: named(&mut self.buckets.iter().map(|(name, _)| name.as_str())),
            channels: named(&mut self.channels.iter().map(|channel| channel.name.as_str())),
            namespaces: named(&mut self.namespaces.iter().map(|namespace| namespace.name.as_str())),
            queues: named(&mut self.queues.iter().map(|queue| queue.name.as_str())),
            took_ms,
        }
    }

    /// Whether all that is used exists; queues apart.
    pub(super) async fn exist(&self, store: &Store, project: ProjectId) -> Result<bool, Problem> {
        if self.used.is_empty() {
            return Ok(true);
        }
        let namespaces =
            store.kv.namespaces(project).await?.into_iter().map(|known| (Data::KeyValue, known.name));
        let collections = store.documents.collections(project).await?;
        let collections = collections.into_iter().map(|known| (Data::Collection, known.name));
        let buckets = store.buckets.buckets(project).await?.into_iter().map(|name| (Data::Bucket, name));
        let known: BTreeSet<_> = namespaces.chain(collections).chain(buckets).collect();
        Ok(self.used.is_subset(&known))
    }

    fn used(&self, data: Data) -> impl Iterator<Item = &str> {
        self.used.iter().filter(move |(kind, _)| *kind == data).map(|(_, name)| name.as_str())
    }
}

/// Collections as a manifest declares them.
pub(crate) fn collections(declared: BTreeMap<String, CollectionSettings>) -> Vec<CollectionSpec> {
    let index = |IndexSettings { fields, unique }| IndexSpec { fields, unique };
    let collection = |(name, collection): (String, CollectionSettings)| CollectionSpec {
        name,
        indexes: Some(collection.indexes.into_iter().map(index).collect()),
        // Declared like indexes: what the manifest does not have is gone.
        rules: Some(collection.rules),
    };
    declared.into_iter().map(collection).collect()
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

async fn declare_namespaces(
    store: &Store,
    project: ProjectId,
    namespaces: &[NamespaceSpec],
) -> Result<(), Problem> {
    if !namespaces.is_empty() {
        store.kv.declare(project, namespaces).await?;
    }
    Ok(())
}

/// Makes those that the project does not have.
async fn declare_buckets(
    store: &Store,
    project: ProjectId,
    wanted: impl Iterator<Item = &str>,
) -> Result<(), Problem> {
    let known = store.buckets.buckets(project).await?;
    let new = wanted.filter(|name| known.iter().all(|known| known != name));
    let new: Vec<String> = new.map(str::to_owned).collect();
    if !new.is_empty() {
        store.buckets.declare(project, &new).await?;
    }
    Ok(())
}

async fn declare_collections(
    store: &Store,
    project: ProjectId,
    collections: &[CollectionSpec],
) -> Result<(), Problem> {
    match store.documents.declare(project, collections).await {
        Ok(()) => Ok(()),
        Err(failure @ Failure::Duplicate { .. }) => {
            let message = format!("a unique index cannot be made: {failure}");
            let hint = "change one of the documents, or declare the index without `unique`";
            Err(Problem { message, ..failure.into() }.hint(hint))
        }
        Err(failure) => Err(failure.into()),
    }
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
    use store::catalog::{DataChange, DataTrigger};
    use store::documents::Rules;

    use super::*;
    use crate::registry::manifest;
    use crate::registry::settings::Ceilings;

    fn declared(text: &str) -> Resources {
        Resources::declared(manifest::parse(text, &Ceilings::default()).unwrap())
    }

    #[test]
    fn a_manifest_declares_what_a_project_keeps() {
        let found = declared(
            "[function.f]\nqueues = ['in']\n[queue.out]\nretention = '1d'\n[queue.plain]\n[kv.a]\n[kv.b]\nttl = '1h'\n\
             [collection.c]\nindexes = [['x'], { fields = ['y'], unique = true }]\n\
             [collection.d]\nrules = { read = 'true' }\nhidden = ['s']",
        );
        let queue =
            |name: &str, retention_ms| QueueSpec { name: name.to_owned(), retention_ms: Some(retention_ms) };
        assert_eq!(found.queues, [queue("out", 86_400_000), queue("plain", 14 * 86_400_000)]);
        let namespace = |name: &str, ttl_ms| NamespaceSpec { name: name.to_owned(), ttl_ms };
        assert_eq!(found.namespaces, [namespace("a", None), namespace("b", Some(3_600_000))]);
        let index = |field: &str, unique| IndexSpec { fields: vec![field.to_owned()], unique };
        let indexes = Some(vec![index("x", false), index("y", true)]);
        // What has no rules is declared to have none.
        let c = CollectionSpec { name: "c".to_owned(), indexes, rules: Some(Rules::default()) };
        let rules = Rules { read: Some("true".to_owned()), hidden: vec!["s".to_owned()], ..Rules::default() };
        let d = CollectionSpec { name: "d".to_owned(), indexes: Some(Vec::new()), rules: Some(rules) };
        assert_eq!(found.collections, [c, d]);
    }

    #[test]
    fn what_is_used_is_added_once_and_not_declared_again() {
        let mut found =
            declared("[queue.mail]\nretention = '1d'\n[kv.sessions]\nttl = '1h'\n[collection.posts]");
        let grants = [
            "queue:mail:send",
            "queue:post:send",
            "kv:sessions",
            "kv:cache:read",
            "collection:posts",
            "collection:log:write",
        ];
        let event = |name: &str| DataTrigger {
            source: DataSource::Collection(name.to_owned()),
            on: vec![DataChange::Insert],
            path: "/".to_owned(),
        };
        let bindings = Bindings {
            grants: grants.map(str::to_owned).to_vec(),
            events: vec![event("posts"), event("orders")],
            ..Bindings::default()
        };
        found.add_used(&bindings);
        found.add_used(&bindings);
        let queues: Vec<_> = found.queues.iter().map(|queue| (&*queue.name, queue.retention_ms)).collect();
        assert_eq!(queues, [("mail", Some(86_400_000)), ("post", None)]);
        assert_eq!(found.namespaces.len(), 1);
        let used = [(Data::KeyValue, "cache"), (Data::Collection, "log"), (Data::Collection, "orders")];
        assert_eq!(found.used, used.map(|(data, name)| (data, name.to_owned())).into());
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
