//! Backups of a store that is open and busy, and what is restored of them.

mod databases;
mod lost;
mod uploads;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::buckets::{Attributes, Condition};
use crate::catalog::{
    Bindings, Digest, Export, GuestKind, JobLimits, Limits, NewRevision, NewSite, OnDisconnect, Project,
    RevisionSpec, SiteContent, SiteFile, SiteSpec, Stamp,
};
use crate::documents::{CollectionSpec, Find, Found, Read, Write};
use crate::kv::{self, NamespaceSpec};
use crate::objects::Area;
use crate::{Config, DataDir, KeySource, Store, open};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const ABOUT: About<'_> = About { server_version: "0.0.0", now_ms: 7 };

/// A data directory, and room beside it.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

fn open_at(data: &Path, key: &str) -> Result<Store> {
    let key = KeySource::Text(key.to_owned());
    open(Config { data: data.to_owned(), key, clock: Arc::new(|| 1), timer: Arc::new(|| Duration::ZERO) })
}

fn stamp() -> Stamp {
    Stamp { actor: "test".to_owned(), at_ms: 1 }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_at(&folder.path().join("data"), KEY).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A project with something in every kind of store, all of which is made of this word.
    async fn project(&self, word: &str) -> Project {
        let (store, value) = (&self.store, Bytes::copy_from_slice(word.as_bytes()));
        let project = store.projects.create(word, &stamp()).await.unwrap();
        let sealed = store.keys.seal(project.id, "TOKEN", word.as_bytes()).unwrap();
        store.secrets.set(project.id, "TOKEN", &sealed, &stamp()).await.unwrap();
        let wasm = Digest::of(word.as_bytes());
        store.blobs.put(Area::Wasm, &wasm, value.clone()).await.unwrap();
        store.functions.publish(&revision(&project, wasm), &stamp()).await.unwrap();
        store.blobs.put(Area::Site, &page_digest(word), Bytes::from(page(word))).await.unwrap();
        store.sites.publish(&site(&project, word), &stamp()).await.unwrap();
        let namespace = NamespaceSpec { name: "n".to_owned(), ttl_ms: None };
        store.kv.declare(project.id, &[namespace]).await.unwrap();
        store.kv.write(project.id, "n", vec![kv::Write::Set("k".to_owned(), value.clone())]).await.unwrap();
        let collection = CollectionSpec { name: "c".to_owned(), indexes: None, rules: None };
        store.documents.declare(project.id, &[collection]).await.unwrap();
        let document = format!(r#"{{"_id":"d","word":"{word}"}}"#);
        store.documents.write(project.id, "c", Write::Insert(vec![document])).await.unwrap();
        store.buckets.declare(project.id, &["b".to_owned()]).await.unwrap();
        put(store, &project, "o", value).await;
        project
    }

    fn make(&self, name: &str, scope: &Scope) -> Result<Manifest> {
        make(&self.store.data, &self.path(name), scope, &ABOUT)
    }
}

fn revision(project: &Project, wasm: Digest) -> NewRevision {
    let spec = RevisionSpec {
        digest: wasm.clone(),
        wasm,
        wasm_bytes: 1,
        assets: None,
        kind: GuestKind::Http02,
        exports: vec![Export::Http],
        jobs: JobLimits::default(),
        env: BTreeMap::new(),
        limits: Limits::default(),
        args: Vec::new(),
        reuse: 1,
        concurrent: 1,
        on_disconnect: OnDisconnect::Finish,
    };
    NewRevision { project: project.id, name: "f".to_owned(), spec, bindings: Bindings::default(), keep: 20 }
}

fn page(word: &str) -> String {
    format!("a page of {word}")
}

fn page_digest(word: &str) -> Digest {
    Digest::of(page(word).as_bytes())
}

/// A site of one page, with its compressed form under the same digest.
fn site(project: &Project, word: &str) -> NewSite {
    let content = SiteContent { digest: page_digest(word), bytes: page(word).len() as u64 };
    let file = SiteFile { gzip: Some(content.clone()), content, brotli: None };
    let files = BTreeMap::from([("index.html".to_owned(), file)]);
    NewSite { project: project.id, spec: SiteSpec { files, ..SiteSpec::default() }, keep: 3 }
}

async fn put(store: &Store, project: &Project, key: &str, content: Bytes) {
    let mut upload = store.objects.upload(project.id, "b", key, 0).await.unwrap();
    upload.write(content).await.unwrap();
    upload.finish(Attributes::default(), Condition::Always).await.unwrap();
}

async fn content(store: &Store, project: &Project, key: &str) -> Result<Vec<u8>> {
    let mut found = store.objects.get(project.id, "b", key).await?.unwrap();
    let mut content = Vec::new();
    while content.len() < usize::try_from(found.info.size).unwrap() {
        content.extend_from_slice(&found.content.read(content.len() as u64, usize::MAX).await?);
    }
    Ok(content)
}

/// Everything that [`Bench::project`] has made is there.
async fn is_there(store: &Store, project: &Project, word: &str) {
    let (id, keys) = (project.id, ["k".to_owned()]);
    let sealed = store.secrets.load(id).await.unwrap();
    assert_eq!(store.keys.open(id, "TOKEN", &sealed[0].1).unwrap(), word.as_bytes());
    let function = store.functions.by_name(id, "f").await.unwrap().unwrap();
    let revisions = store.functions.revisions(function.id).await.unwrap();
    let wasm = store.blobs.get(Area::Wasm, &revisions[0].spec.wasm).await.unwrap();
    assert_eq!(wasm.unwrap(), word);
    let sites = store.sites.versions(id).await.unwrap();
    assert!(sites.len() == 1 && sites[0].active, "{sites:?}");
    let digest = &sites[0].spec.files["index.html"].content.digest;
    assert_eq!(store.blobs.get(Area::Site, digest).await.unwrap().unwrap(), page(word));
    let found = store.kv.get(id, "n", &keys).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().value, word);
    let Found::Page(page) = store.documents.read(id, "c", Read::Find(Find::new("{}"))).await.unwrap() else {
        panic!("a find is answered with a page");
    };
    assert!(page.documents.len() == 1 && page.documents[0].contains(word), "{page:?}");
    assert_eq!(content(store, project, "o").await.unwrap(), word.as_bytes());
}

/// The files below a folder that hold these bytes.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut holding = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding.extend(self::holding(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            holding.push(path);
        }
    }
    holding
}

#[tokio::test]
async fn a_whole_backup_becomes_a_data_directory() {
    let bench = Bench::new();
    let (shop, post) = (bench.project("shop").await, bench.project("post").await);
    let made = bench.make("saved", &Scope::Whole).unwrap();
    assert_eq!(
        made.projects.iter().map(|project| project.name.as_str()).collect::<Vec<_>>(),
        ["post", "shop"]
    );
    assert!(!bench.path("saved.part").exists() && !bench.path("data/cache/backup").exists());
    assert_eq!(Manifest::read(&bench.path("saved")).unwrap(), made);
    // What was not in it at that moment stays out.
    put(&bench.store, &shop, "late", Bytes::from_static(b"late")).await;
    assert_eq!(restore(&bench.path("saved"), &bench.path("again")).unwrap(), made);
    assert!(matches!(open_at(&bench.path("again"), &KEY.replace('0', "x")), Err(StoreError::Unusable(_))));
    let again = open_at(&bench.path("again"), KEY).unwrap();
    is_there(&again, &shop, "shop").await;
    is_there(&again, &post, "post").await;
    assert!(again.objects.head(shop.id, "b", "late").await.unwrap().is_none());
    for (taken, part) in [("saved", "not empty"), ("data/inside", "inside the data directory")] {
        let error = bench.make(taken, &Scope::Whole).unwrap_err().to_string();
        assert!(error.contains(part), "{taken}: {error}");
    }
    let error = restore(&bench.path("saved"), &bench.path("again")).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
}

#[tokio::test]
async fn a_project_comes_back_alone() {
    let bench = Bench::new();
    let (shop, _) = (bench.project("shop").await, bench.project("canary-of-others").await);
    let made = bench.make("saved", &Scope::Project("shop".to_owned())).unwrap();
    assert_eq!(made.projects.len(), 1);
    assert!(holding(&bench.path("saved"), b"canary-of-others").is_empty());
    let missing = bench.make("none", &Scope::Project("nobody".to_owned()));
    assert!(matches!(missing, Err(StoreError::NotFound { what: "project" })), "{missing:?}");
    assert!(!bench.path("none").exists() && !bench.path("none.part").exists());
    let keys = bench.store.keys.clone();
    let back = |name: Option<&'static str>, keys: &crate::Keys, data: &DataDir| {
        let place = Place { data, keys, name, now_ms: 9 };
        restore_project(&bench.path("saved"), "shop", &place)
    };
    let Bench { folder, store } = &bench;
    let present = back(Some("other"), &keys, &store.data);
    assert!(matches!(&present, Err(StoreError::Conflict { .. })), "{present:?}");
    // Another server, with projects of its own and the same key.
    let other = open_at(&folder.path().join("other"), KEY).unwrap();
    other.projects.create("shop", &stamp()).await.unwrap();
    let (data, other_keys) = (other.data.clone(), other.keys.clone());
    drop(other);
    let taken = back(None, &other_keys, &data);
    assert!(matches!(&taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    assert_eq!(back(Some("shop-2"), &other_keys, &data).unwrap().project.name, "shop-2");
    drop(data);
    let other = open_at(&folder.path().join("other"), KEY).unwrap();
    is_there(&other, &shop, "shop").await;
    let names: Vec<_> =
        other.projects.list().await.unwrap().into_iter().map(|project| project.name).collect();
    assert_eq!(names, ["shop", "shop-2"]);
    // A server with another key can't open what is sealed.
    let foreign_key = KEY.replace('0', "x");
    let foreign = open_at(&folder.path().join("foreign"), &foreign_key).unwrap();
    let refused = back(None, &foreign.keys, &foreign.data).unwrap_err().to_string();
    assert!(refused.contains("TOKEN") && refused.contains("master key"), "{refused}");
    assert!(foreign.projects.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_what_was_saved_is_refused() {
    let bench = Bench::new();
    bench.project("shop").await;
    let made = bench.make("saved", &Scope::Whole).unwrap();
    for file in &made.files {
        let path = bench.path("saved").join(&file.path);
        let bytes = fs::read(&path).unwrap();
        let mut other = bytes.clone();
        other[bytes.len() / 2] ^= 1;
        for (changed, part) in [(Some(other), "is damaged"), (None, "is missing")] {
            match changed {
                Some(changed) => fs::write(&path, changed).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = restore(&bench.path("saved"), &bench.path("again")).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(&file.path), "{error}");
            assert!(!bench.path("again").exists() && !bench.path("again.part").exists());
        }
        fs::write(&path, bytes).unwrap();
    }
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
}

/// Objects that are replaced and deleted while the backup is made are whole in it, and counters are of one moment.
#[tokio::test]
async fn a_backup_of_a_busy_store_is_consistent() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    let stop = AtomicBool::new(false);
    let (store, path) = (&bench.store, bench.path("saved"));
    let busy = async {
        let mut round: u64 = 0;
        while !stop.load(Ordering::Relaxed) {
            round += 1;
            let byte = u8::try_from(round % 251).unwrap();
            put(store, &shop, &format!("o{}", round % 5), Bytes::from(vec![byte; 40_000])).await;
            store.kv.increment(shop.id, "n", "count", 1).await.unwrap();
            store
                .objects
                .delete(shop.id, "b", &format!("o{}", (round + 2) % 5), Condition::Always)
                .await
                .unwrap();
        }
        round
    };
    let data = store.data.clone();
    let (rounds, made) = tokio::join!(busy, async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let made =
            tokio::task::spawn_blocking(move || make(&data, &path, &Scope::Whole, &ABOUT)).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        made
    });
    assert!(rounds > 1 && made.is_ok(), "{rounds} {made:?}");
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
    let again = open_at(&bench.path("again"), KEY).unwrap();
    is_there(&again, &shop, "shop").await;
    for listed in again.objects.list(shop.id, "b", "o", Some("o"), 100).await.unwrap().objects {
        let content = content(&again, &shop, &listed.key).await.unwrap();
        assert!(content.iter().all(|byte| *byte == content[0]), "{} is of two rounds", listed.key);
    }
}
