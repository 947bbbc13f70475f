//! What was uploaded comes back whole under its name, or not at all.

use super::*;
use crate::buckets::{Announced, Joint, Place as ObjectPlace, Rules};
use crate::documents::Caller;

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

/// Its file is not in the backup: nobody is told of bytes that are not there.
#[tokio::test]
async fn an_upload_that_is_not_complete_is_not_restored() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    let all = Some("true".to_owned());
    let rules = Rules { read: all.clone(), create: all.clone(), update: all.clone(), delete: all };
    bench.store.buckets.set_rules(shop.id, &[("b".to_owned(), rules)]).await.unwrap();
    let (nobody, parted) = (Caller::default(), &bench.store.parted_uploads);
    let begin = |key| {
        let announced = Announced { size: Some(4), ..Announced::default() };
        parted.begin(shop.id, &nobody, ObjectPlace { bucket: "b", key }, announced)
    };
    let take = async |id: &str, bytes: &'static [u8]| {
        let Joint::Fits(mut part) = parted.go_on(shop.id, &nobody, id, 0).await.unwrap() else {
            panic!("it is empty")
        };
        part.write(Bytes::from_static(bytes)).await.unwrap();
        part.keep().await.unwrap()
    };
    let (half, done) = (begin("half").await.unwrap(), begin("done").await.unwrap());
    take(&half, b"ab").await;
    let ended = take(&done, b"abcd").await;
    bench.make("saved", &Scope::Whole).unwrap();
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
    let again = open_at(&bench.path("again"), KEY).unwrap();
    let asked = again.parted_uploads.progress(shop.id, &nobody, &half).await;
    assert!(matches!(asked, Err(StoreError::NotFound { what: "upload" })), "{asked:?}");
    assert_eq!(again.parted_uploads.progress(shop.id, &nobody, &done).await.unwrap(), ended);
    assert_eq!(content(&again, &shop, "done").await.unwrap(), b"abcd");
    assert_eq!(parted.progress(shop.id, &nobody, &half).await.unwrap().received, 2, "the original goes on");
}
