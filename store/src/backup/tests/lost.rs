//! What is lost of one project is named, and costs no other one its backup; what is deleted meanwhile is not in it.

use rusqlite::Connection;

use super::*;

/// The only file below a folder that holds these bytes.
fn the_one_holding(folder: &Path, bytes: &[u8]) -> PathBuf {
    let mut holding = holding(folder, bytes);
    assert_eq!(holding.len(), 1, "{holding:?}");
    holding.remove(0)
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.projects.iter().map(|project| project.name.as_str()).collect()
}

#[tokio::test]
async fn a_lost_content_is_named_and_all_else_is_saved() {
    let bench = Bench::new();
    let (shop, post) = (bench.project("shop").await, bench.project("post").await);
    put(&bench.store, &shop, "lost", Bytes::from_static(b"the lost one")).await;
    let to = crate::buckets::Place { bucket: "b", key: "copy" };
    let from = crate::buckets::Place { bucket: "b", key: "lost" };
    bench.store.objects.copy(shop.id, from, to, None, Condition::Always).await.unwrap();
    fs::remove_file(the_one_holding(&bench.path("data/projects"), b"the lost one")).unwrap();
    let wasm = format!("artifacts/{}.wasm", Digest::of(b"post"));
    fs::remove_file(bench.path("data").join(&wasm)).unwrap();
    let made = bench.make("saved", &Scope::Whole).unwrap();
    assert_eq!(names(&made), ["post", "shop"]);
    let missing: Vec<_> = made.missing.iter().map(|one| (one.project.as_str(), one.what.as_str())).collect();
    assert_eq!(
        missing,
        [
            ("post", "component of revision 1 of function `f`"),
            ("shop", "object `copy` of bucket `b`"),
            ("shop", "object `lost` of bucket `b`"),
        ]
    );
    assert!(made.missing[0].path == wasm && made.missing[0].why == "its file is not there", "{made:?}");
    let restored = restore(&bench.path("saved"), &bench.path("again")).unwrap();
    assert_eq!(restored.missing, made.missing, "a restore tells it too");
    let again = open_at(&bench.path("again"), KEY).unwrap();
    is_there(&again, &shop, "shop").await;
    assert!(matches!(content(&again, &shop, "lost").await, Err(StoreError::Damaged(_))));
    let found = again.kv.get(post.id, "n", &["k".to_owned()]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().value, "post");
}

#[tokio::test]
async fn one_project_is_restored_with_what_its_backup_lacks() {
    let bench = Bench::new();
    let (shop, _) = (bench.project("shop").await, bench.project("post").await);
    put(&bench.store, &shop, "lost", Bytes::from_static(b"the lost one")).await;
    fs::remove_file(the_one_holding(&bench.path("data/projects"), b"the lost one")).unwrap();
    bench.make("saved", &Scope::Whole).unwrap();
    let other = open_at(&bench.path("other"), KEY).unwrap();
    let (data, keys) = (other.data.clone(), other.keys.clone());
    drop(other);
    let place = Place { data: &data, keys: &keys, name: None, now_ms: 9 };
    for (name, lacks) in [("shop", 1), ("post", 0)] {
        let restored = restore_project(&bench.path("saved"), name, &place).unwrap();
        assert_eq!((restored.project.name.as_str(), restored.missing.len()), (name, lacks));
    }
}

/// A database that can't be copied is named; the project's others are there, and all other projects.
#[tokio::test]
async fn a_damaged_database_is_named() {
    let bench = Bench::new();
    let (shop, post) = (bench.project("shop").await, bench.project("post").await);
    let folder = bench.path(&format!("data/projects/{}/sql", post.id.0));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("torn.db"), vec![7; 9_000]).unwrap();
    let made = bench.make("saved", &Scope::Whole).unwrap();
    assert_eq!(made.missing.len(), 1, "{:?}", made.missing);
    let missing = &made.missing[0];
    assert!(missing.project == "post" && missing.what == "database sql/torn.db", "{missing:?}");
    assert!(missing.why.contains("not a database"), "{missing:?}");
    assert!(made.files.iter().all(|file| !file.path.ends_with("torn.db")));
    assert!(holding(&bench.path("saved"), &[7; 9_000]).is_empty());
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
    let again = open_at(&bench.path("again"), KEY).unwrap();
    is_there(&again, &shop, "shop").await;
    is_there(&again, &post, "post").await;
}

/// Deleted at any moment after the catalog was copied, before its own data was or after.
#[tokio::test]
async fn a_project_that_is_deleted_meanwhile_is_not_in_it() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    let early = bench.project("canary-early").await;
    let late = bench.project("canary-late").await;
    let delete = async |project: &Project| {
        bench.store.projects.delete(project.id, &stamp()).await.unwrap();
        bench.store.cleanup.forget(project.id).await.unwrap();
    };
    let mut making =
        make::Making::begin(&bench.store.data, &bench.path("saved"), &Scope::Whole, &ABOUT).unwrap();
    delete(&early).await;
    making.projects().unwrap();
    delete(&late).await;
    let made = making.end(&bench.path("saved")).unwrap();
    assert_eq!((names(&made), made.missing.as_slice()), (vec!["shop"], [].as_slice()));
    for project in [&early, &late] {
        let folder = format!("projects/{}", project.id.0);
        assert!(made.files.iter().all(|file| !file.path.starts_with(&folder)), "{made:?}");
        assert!(!bench.path("saved").join(folder).exists());
    }
    let catalog = Connection::open(bench.path("saved/catalog.db")).unwrap();
    let left = |table: &str| -> i64 {
        catalog.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(["projects", "functions", "secrets"].map(left), [1, 1, 1]);
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
    is_there(&open_at(&bench.path("again"), KEY).unwrap(), &shop, "shop").await;
    // Asked for by its name, it is not found.
    let scope = Scope::Project("shop".to_owned());
    let mut making = make::Making::begin(&bench.store.data, &bench.path("one"), &scope, &ABOUT).unwrap();
    delete(&shop).await;
    making.projects().unwrap();
    let error = making.end(&bench.path("one")).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { what: "project" }), "{error:?}");
    assert!(!bench.path("one").exists() && !bench.path("one.part").exists());
}
