//! What was uploaded comes back whole under its name, or not at all.

use super::*;

/// A server with the same key and no projects, closed.
async fn other(bench: &Bench) -> (DataDir, crate::Keys) {
    let other = open_at(&bench.path("other"), KEY).unwrap();
    (other.data.clone(), other.keys.clone())
}

fn back(bench: &Bench, (data, keys): &(DataDir, crate::Keys)) -> Result<()> {
    let place = Place { data, keys, name: None, now_ms: 9 };
    restore_project(&bench.path("saved"), "shop", &place).map(drop)
}

/// One that a killed restore had half written stays nobody's component.
#[tokio::test]
async fn half_a_component_under_its_name_is_replaced() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    bench.make("saved", &Scope::Project("shop".to_owned())).unwrap();
    let other = other(&bench).await;
    let component = bench.path("other").join(format!("artifacts/{}.wasm", Digest::of(b"shop")));
    fs::write(&component, b"sh").unwrap();
    back(&bench, &other).unwrap();
    assert_eq!(fs::read(&component).unwrap(), b"shop");
    drop(other);
    is_there(&open_at(&bench.path("other"), KEY).unwrap(), &shop, "shop").await;
}

/// As long as something may still be refused, nothing is under its name.
#[tokio::test]
async fn nothing_is_under_its_name_before_all_is_there() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    let second = Digest::of(b"second");
    bench.store.blobs.put(Area::Wasm, &second, Bytes::from_static(b"second")).await.unwrap();
    bench.store.functions.publish(&revision(&shop, second), &stamp()).await.unwrap();
    let made = bench.make("saved", &Scope::Project("shop".to_owned())).unwrap();
    let other = other(&bench).await;
    let uploads: Vec<_> = made.files.iter().filter(|file| file.path.starts_with("artifacts/")).collect();
    assert_eq!(uploads.len(), 2);
    let last = bench.path("saved").join(&uploads[1].path);
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, b"else").unwrap();
    let error = back(&bench, &other).unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    let left: Vec<_> = fs::read_dir(bench.path("other/artifacts")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    fs::write(&last, bytes).unwrap();
    back(&bench, &other).unwrap();
}
