//! Opening a store: what is made, what is refused, what an operator is told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::catalog::{ProjectId, Stamp};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn open_with(data: &Path, key: KeySource) -> Result<Store, StoreError> {
    open(Config { data: data.to_owned(), key, clock: Arc::new(|| 0), timer: Arc::new(|| Duration::ZERO) })
}

fn open_text(data: &Path) -> Result<Store, StoreError> {
    open_with(data, KeySource::Text(KEY.to_owned()))
}

#[track_caller]
fn refused(result: Result<Store, StoreError>, words: &[&str]) {
    let Err(StoreError::Unusable(text)) = result else { panic!("must be Unusable") };
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

fn modes(folder: &Path, found: &mut Vec<(String, bool, u32)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        found.push((entry.path().display().to_string(), meta.is_dir(), meta.permissions().mode() & 0o777));
        if meta.is_dir() {
            modes(&entry.path(), found);
        }
    }
}

#[tokio::test]
async fn a_new_directory_is_whole_private_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/data");
    let store = open_text(&path).unwrap();
    let token = store.data.admin_token().unwrap();
    let mac_key = *store.keys.cache_mac_key();
    let stamp = Stamp { actor: "admin".to_owned(), at_ms: 1 };
    let project = store.projects.create("shop", &stamp).await.unwrap();
    let digest = catalog::Digest::of(b"wasm");
    store.blobs.put(objects::Area::Wasm, &digest, bytes::Bytes::from_static(b"wasm")).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut found = Vec::new();
    modes(&path, &mut found);
    for (name, is_dir, mode) in found {
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{name}");
    }
    drop(store);

    let store = open_text(&path).unwrap();
    assert_eq!(store.projects.list().await.unwrap(), [project]);
    assert_eq!(store.blobs.get(objects::Area::Wasm, &digest).await.unwrap().unwrap(), "wasm");
    assert_eq!(store.data.admin_token().unwrap(), token);
    assert_eq!(*store.keys.cache_mac_key(), mac_key);
}

/// Every kind of data of a project goes with it, and no other project's.
#[tokio::test]
async fn a_forgotten_project_leaves_no_data_of_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_text(folder.path()).unwrap();
    let lane = jobs::Lane::Queue("mail".to_owned());
    let namespaces = [kv::NamespaceSpec { name: "a".to_owned(), ttl_ms: None }];
    let keys = ["k".to_owned()];
    for number in [1, 2] {
        let job = jobs::NewJob::new(lane.clone(), jobs::Trigger::Queue);
        store.jobs.enqueue(project(number), vec![job]).await.unwrap();
        store.kv.declare(project(number), &namespaces).await.unwrap();
        let set = kv::Write::Set("k".to_owned(), "v".into());
        store.kv.write(project(number), "a", vec![set]).await.unwrap();
    }
    store.cleanup.forget(project(1)).await.unwrap();
    let get = store.kv.get(project(1), "a", &keys).await;
    assert!(matches!(get, Err(StoreError::NotFound { what: "key-value namespace" })), "{get:?}");
    assert_eq!(store.kv.namespaces(project(1)).await.unwrap(), []);
    let late = store.kv.declare(project(1), &namespaces).await;
    assert!(matches!(late, Err(StoreError::NotFound { what: "project" })), "{late:?}");
    assert_eq!(store.queues.list(project(1)).await.unwrap(), []);
    assert_eq!(store.cleanup.projects().await.unwrap(), [project(2)]);
    drop(store);
    let store = open_text(folder.path()).unwrap();
    assert!(store.kv.get(project(2), "a", &keys).await.unwrap()[0].is_some());
    assert_eq!(store.queues.list(project(2)).await.unwrap()[0].waiting, 1);
}

#[test]
fn e11_a_second_server_is_refused_until_every_part_of_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_text(folder.path()).unwrap();
    let pid = std::process::id().to_string();
    refused(open_text(folder.path()), &["another Ostro server", &pid, "stop it first"]);
    let projects = store.projects.clone();
    drop(store);
    refused(open_text(folder.path()), &["another Ostro server"]);
    drop(projects);
    open_text(folder.path()).unwrap();
}

#[test]
fn a_directory_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("thesis.txt"), b"years of work").unwrap();
    refused(open_text(folder.path()), &["not an Ostro data directory", "--data"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
    refused(open_text(&folder.path().join("thesis.txt")), &["cannot be opened"]);
}

#[test]
fn e13_a_newer_or_damaged_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_text(folder.path()).unwrap());
    std::fs::write(folder.path().join("VERSION"), "2\n").unwrap();
    refused(open_text(folder.path()), &["layout 2", "newer Ostro"]);
    std::fs::write(folder.path().join("VERSION"), "").unwrap();
    refused(open_text(folder.path()), &["VERSION is damaged", "backup"]);
}

#[test]
fn a_first_start_that_was_killed_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_text(folder.path()).unwrap());
    for lost in ["VERSION", "catalog.db", "keys/master.check", "keys/cache.key"] {
        // As if killed before the file was there; VERSION is always the last.
        let _ = std::fs::remove_file(folder.path().join("VERSION"));
        let _ = std::fs::remove_file(folder.path().join(lost));
        drop(open_text(folder.path()).unwrap());
    }
}

#[test]
fn a_wrong_master_key_is_said_to_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_text(folder.path()).unwrap());
    let other = KeySource::Text("another key of at least 32 characters".to_owned());
    refused(open_with(folder.path(), other), &["not the master key", "OSTRO_MASTER_KEY"]);
    let short = KeySource::Text("  0123456789abcdef0123456789abcde  ".to_owned());
    refused(open_with(folder.path(), short), &["shorter than 32", "openssl"]);
    std::fs::remove_file(folder.path().join("keys/master.check")).unwrap();
    refused(open_text(folder.path()), &["master.check is missing", "backup"]);
}

#[test]
fn a_key_file_is_made_once_and_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("conf/ostro/master.key"));
    let open = |file: &Path| open_with(&data, KeySource::File(file.to_owned()));
    let sealed = open(&file).unwrap().keys.seal(project(1), "A", b"value").unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(open(&file).unwrap().keys.open(project(1), "A", &sealed).unwrap(), b"value");
    // The same key by the other way.
    let text = std::fs::read_to_string(&file).unwrap();
    let store = open_with(&data, KeySource::Text(text)).unwrap();
    assert_eq!(store.keys.open(project(1), "A", &sealed).unwrap(), b"value");
    drop(store);

    std::fs::remove_file(&file).unwrap();
    refused(open(&file), &["is missing", "OSTRO_MASTER_KEY"]);
    assert!(!file.exists());
}

#[test]
fn a_key_file_inside_the_data_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let inside = KeySource::File(data.join("master.key"));
    refused(open_with(&data, inside), &["inside the data directory"]);
    assert!(!data.join("master.key").exists());
}

#[test]
fn a_secret_opens_only_where_it_was_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open_text(folder.path()).unwrap().keys;
    let sealed = keys.seal(project(1), "A", b"value").unwrap();
    assert_eq!(keys.open(project(1), "A", &sealed).unwrap(), b"value");
    assert_ne!(keys.seal(project(1), "A", b"value").unwrap(), sealed, "the nonce is new each time");
    assert_eq!(keys.open(project(1), "", &keys.seal(project(1), "", b"").unwrap()).unwrap(), b"");
    for (owner, name) in [(project(2), "A"), (project(1), "B"), (project(1), "")] {
        assert!(matches!(keys.open(owner, name, &sealed), Err(StoreError::Damaged(_))));
    }
    for position in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[position] ^= 1;
        assert!(keys.open(project(1), "A", &flipped).is_err(), "byte {position}");
        assert!(keys.open(project(1), "A", &sealed[..position]).is_err(), "first {position} bytes");
    }
}

#[test]
fn the_admin_token_is_kept_and_a_damaged_one_is_not_replaced_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_text(folder.path()).unwrap();
    let token = store.data.admin_token().unwrap();
    let secret = token.strip_prefix("ostro_admin000_").unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "{token}");
    assert_eq!(store.data.admin_token().unwrap(), token);
    for bad in ["", "ostro_admin000_short", "ostro_other000_0123456789"] {
        std::fs::write(folder.path().join("admin.token"), bad).unwrap();
        assert!(matches!(store.data.admin_token(), Err(StoreError::Unusable(_))), "{bad:?}");
    }
}

#[test]
fn keys_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_text(folder.path()).unwrap();
    let key = KeySource::Text(KEY.to_owned());
    let config = Config {
        data: folder.path().to_owned(),
        key,
        clock: Arc::new(|| 0),
        timer: Arc::new(|| Duration::ZERO),
    };
    assert!(!format!("{config:?}").contains(KEY));
    assert_eq!(format!("{:?}", store.keys), "Keys(…)");
}

proptest::proptest! {
    #[test]
    fn a_digest_is_recognised_by_its_form(text in "[0-9a-fA-F]{60,68}|.{0,70}") {
        let good = text.len() == 64 && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
        assert_eq!(catalog::Digest::parse(&text).is_some(), good);
    }

    #[test]
    fn a_shape_forgets_names_of_parameters_and_nothing_else(
        path in "(/([a-z]{1,4}|\\{[a-z]{1,4}\\})){0,4}(/\\{\\*[a-z]{1,4}\\})?",
    ) {
        let route = |path: &str| catalog::Route { path: path.to_owned(), methods: Vec::new(), strip: None, access: None };
        let renamed = path.replace("{*", "{*new").replace("{", "{n").replace("{n*", "{*n");
        assert_eq!(route(&path).shape(), route(&renamed).shape());
        assert_eq!(route(&path).shape().split('/').count(), path.split('/').count());
        assert_ne!(route(&path).shape(), route(&format!("{path}/x")).shape());
    }
}

fn project(number: u128) -> ProjectId {
    ProjectId(uuid::Uuid::from_u128(number))
}
