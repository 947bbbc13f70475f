//! How fast the driver is: prints figures, asserts nothing about them.
//!
//! `cargo test -p store --release kv::sqlite::tests::speed -- --ignored --nocapture --test-threads 1`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;

use super::super::*;
use super::{block_on, open_in, project, spec};

/// Keys that there are.
const KEYS: usize = 10_000;

#[tokio::test]
#[ignore = "prints figures; takes half a minute"]
async fn speed() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let (kv, _files) = open_in(folder.path(), Arc::new(now_ms), 1 << 30).unwrap();
    kv.declare(project(1), &[spec("a")]).await.unwrap();
    for chunk in 0..KEYS / 1_000 {
        let sets = (0..1_000).map(|number| Write::Set(key(chunk * 1_000 + number), value(256)));
        kv.write(project(1), "a", sets.collect()).await.unwrap();
    }
    for count in [1, 10, 100] {
        gets(&kv, count).await;
    }
    gets_of_two_threads(&kv);
    for callers in [1, 8, 64] {
        sets(&kv, callers).await;
    }
    gets(&kv, 1).await;
    gets_beside_writes(&kv).await;
    for size in [1_024, 64 << 10, 1 << 20] {
        large(&kv, size).await;
    }
    lists(&kv).await;
    counting(&kv).await;
}

async fn gets(kv: &Arc<dyn KeyValue>, count: usize) {
    let total = 100_000 / count;
    let calls: Vec<Vec<String>> =
        (0..1_000).map(|call| (0..count).map(|n| key((call * 7_919 + n * 31) % KEYS)).collect()).collect();
    let begin = Instant::now();
    for call in 0..total {
        let found = kv.get(project(1), "a", &calls[call % calls.len()]).await.unwrap();
        assert!(found.iter().all(Option::is_some));
    }
    report(&format!("get, {count} keys of 256 bytes"), total, begin);
}

fn gets_of_two_threads(kv: &Arc<dyn KeyValue>) {
    const EACH: usize = 100_000;
    let begin = Instant::now();
    let gets = async || {
        for call in 0..EACH {
            let found = kv.get(project(1), "a", &[key(call * 7_919 % KEYS)]).await.unwrap();
            assert!(found[0].is_some());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| block_on(gets()));
        }
    });
    report("get, 2 threads", 2 * EACH, begin);
}

/// Each commit makes readers forget the pages that they had in memory.
async fn gets_beside_writes(kv: &Arc<dyn KeyValue>) {
    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..8).map(|caller| {
        let (kv, done) = (kv.clone(), done.clone());
        std::thread::spawn(move || {
            let mut writes = 0;
            while !done.load(Ordering::Relaxed) {
                let set = Write::Set(key((writes * 8 + caller) % KEYS), value(256));
                block_on(kv.write(project(1), "a", vec![set])).unwrap();
                writes += 1;
            }
            writes
        })
    });
    let writers: Vec<_> = writers.collect();
    let begin = Instant::now();
    gets(kv, 1).await;
    done.store(true, Ordering::Relaxed);
    let writes: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    report("  beside sets of 8 callers", writes, begin);
}

async fn sets(kv: &Arc<dyn KeyValue>, callers: usize) {
    let total = 2_000.min(200 * callers) / callers * callers;
    let begin = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let kv = kv.clone();
        tokio::spawn(async move {
            for number in 0..total / callers {
                let set = Write::Set(key((caller * 1_000 + number) % KEYS), value(256));
                kv.write(project(1), "a", vec![set]).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report(&format!("set 256 bytes, {callers} callers"), total, begin);
}

async fn large(kv: &Arc<dyn KeyValue>, size: usize) {
    let total = 100;
    let begin = Instant::now();
    for number in 0..total {
        let set = Write::Set(format!("large{}", number % 10), value(size));
        kv.write(project(1), "a", vec![set]).await.unwrap();
    }
    report(&format!("set {size} bytes, one caller"), total, begin);
    let begin = Instant::now();
    for number in 0..total {
        let found = kv.get(project(1), "a", &[format!("large{}", number % 10)]).await.unwrap();
        assert_eq!(found[0].as_ref().unwrap().value.len(), size);
    }
    report(&format!("get {size} bytes"), total, begin);
}

async fn lists(kv: &Arc<dyn KeyValue>) {
    for limit in [10, 1_000] {
        let begin = Instant::now();
        for number in 0..1_000 {
            let page = kv.list(project(1), "a", Some(&key(number)), limit).await.unwrap();
            assert_eq!(page.keys.len(), limit);
        }
        report(&format!("list {limit} keys"), 1_000, begin);
    }
}

async fn counting(kv: &Arc<dyn KeyValue>) {
    let total = 2_000;
    let begin = Instant::now();
    let tasks = (0..64).map(|_| {
        let kv = kv.clone();
        tokio::spawn(async move {
            for _ in 0..total / 64 {
                kv.increment(project(1), "a", "count", 1).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report("increment of one key, 64 callers", total, begin);
}

fn key(number: usize) -> String {
    format!("user:{number:08}")
}

fn value(size: usize) -> Bytes {
    vec![7; size].into()
}

fn report(what: &str, count: usize, begin: Instant) {
    let took = begin.elapsed();
    let each = took.as_secs_f64() / count as f64;
    println!("{what}: {:.0}/s, {:.1} us each ({count} in {took:?})", 1.0 / each, each * 1e6);
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
