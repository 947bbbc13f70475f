//! The other side of `cargo xtask bench data`: the same operations straight at the store, without HTTP and without guests.
//!
//! Started as `data FOLDER SECONDS`: a new data directory, and how long each operation is repeated. Prints one line
//! of JSON for each: `{"name", "callers", "rate", "cpu_us"}`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures real time and prints it"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::try_join_all;
use rustix::time::{ClockId, clock_gettime};
use store::buckets::{Attributes, Condition, MAX_CHUNK_BYTES};
use store::catalog::ProjectId;
use store::documents::{CollectionSpec, Find, Found, IndexSpec, Read, Write, Written};
use store::kv::{NamespaceSpec, Write as KeyWrite};
use store::{Config, KeySource, Store, StoreError};
use uuid::Uuid;

/// Documents and keys that there are, and the step from one that is asked for to the next: as the guest has them.
const DOCUMENTS: usize = 100_000;
const KEYS: usize = 1_000;
const STEP: usize = 7_919;
const FILLED_AT_ONCE: usize = 1_000;
/// Operations of one step where a request of the guest has several.
const AT_ONCE: usize = 10;
/// What an upload hands over at a time, bytes: as the SDK does.
const PIECE_BYTES: usize = 256 << 10;
/// Keys that large objects are put under in turn, so that they stay below what a project may hold.
const LARGE_KEYS: usize = 8;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Failure>;

fn main() -> Outcome<()> {
    // `cargo test --benches` and `cargo bench` start it without a folder: there is nothing to do then.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (Some(folder), Some(seconds)) = (arguments.next(), arguments.next()) else { return Ok(()) };
    let bench =
        Bench { store: Arc::new(open(folder.into())?), time: Duration::from_secs_f64(seconds.parse()?) };
    runtime()?.block_on(bench.prepare())?;
    bench.documents()?;
    bench.values()?;
    bench.objects()
}

fn open(data: PathBuf) -> Result<Store, StoreError> {
    let now_ms = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
    };
    let begin = Instant::now();
    let timer = Arc::new(move || begin.elapsed());
    store::open(Config { data, key: KeySource::Text("k".repeat(64)), clock: Arc::new(now_ms), timer })
}

/// As an executor of the server has one.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn project() -> ProjectId {
    ProjectId(Uuid::from_u128(1))
}

#[derive(Clone)]
struct Bench {
    store: Arc<Store>,
    time: Duration,
}

impl Bench {
    /// Declares everything, and puts in what the reads look for.
    async fn prepare(&self) -> Outcome<()> {
        let collection = |name: &str, fields: Vec<String>| {
            let index = |field| IndexSpec { fields: vec![field], unique: false };
            let indexes = Some(fields.into_iter().map(index).collect());
            CollectionSpec { name: name.to_owned(), indexes, rules: None }
        };
        let collections = [collection("plain", vec![]), collection("users", vec!["name".to_owned()])];
        self.store.documents.declare(project(), &collections).await?;
        let namespace = NamespaceSpec { name: "bench".to_owned(), ttl_ms: None };
        self.store.kv.declare(project(), &[namespace]).await?;
        self.store.buckets.declare(project(), &["bench".to_owned()]).await?;
        for start in (0..DOCUMENTS).step_by(FILLED_AT_ONCE) {
            let documents = (start..start + FILLED_AT_ONCE).map(|number| {
                let (age, text) = (number % 1_000, "x".repeat(100));
                format!(r#"{{"_id":"{number:08}","name":"user{number}","age":{age},"text":"{text}"}}"#)
            });
            self.insert("users", documents.collect()).await?;
        }
        for start in (0..KEYS).step_by(FILLED_AT_ONCE) {
            let set = |number| KeyWrite::Set(format!("key{number}"), value());
            let values = (start..start + FILLED_AT_ONCE).map(set);
            self.store.kv.write(project(), "bench", values.collect()).await?;
        }
        self.put_small(0).await?;
        self.put_large(0).await
    }

    fn documents(&self) -> Outcome<()> {
        for callers in [1, 8, 64] {
            self.tasks("insert", callers, 1, async |bench, number| {
                bench.insert("plain", vec![new_document(number)]).await
            })?;
        }
        self.tasks("insert-many", 64, AT_ONCE, async |bench, number| {
            bench.insert("plain", (0..AT_ONCE).map(|_| new_document(number)).collect()).await
        })?;
        for threads in [1, 2] {
            self.threads("get", threads, 1, async |bench, number| bench.get(number).await)?;
        }
        self.threads("get-many", 2, AT_ONCE, async |bench, number| {
            for place in 0..AT_ONCE {
                bench.get(number * AT_ONCE + place).await?;
            }
            Ok(())
        })?;
        for threads in [1, 2] {
            self.threads("find", threads, 1, async |bench, number| bench.find(number).await)?;
        }
        Ok(())
    }

    fn values(&self) -> Outcome<()> {
        for threads in [1, 2] {
            self.threads("kv-get", threads, 1, async |bench, number| {
                let key = format!("key{}", number * STEP % DOCUMENTS % KEYS);
                let found = bench.store.kv.get(project(), "bench", &[key]).await?;
                expect(found.iter().all(Option::is_some))
            })?;
        }
        for callers in [1, 8, 64] {
            self.tasks("kv-set", callers, 1, async |bench, number| {
                let write = KeyWrite::Set(format!("key{}", number * STEP % KEYS), value());
                Ok(bench.store.kv.write(project(), "bench", vec![write]).await?)
            })?;
        }
        Ok(())
    }

    fn objects(&self) -> Outcome<()> {
        for callers in [1, 8] {
            self.tasks("object-put", callers, 1, async |bench, number| bench.put_small(number).await)?;
        }
        self.tasks("object-get", 8, 1, async |bench, _| bench.read("small0", 1 << 10).await)?;
        self.tasks("upload", 2, 1, async |bench, number| bench.put_large(number).await)?;
        self.tasks("download", 2, 1, async |bench, _| bench.read("large0", 10 << 20).await)
    }

    async fn insert(&self, collection: &str, documents: Vec<String>) -> Outcome<()> {
        let count = documents.len();
        let written = self.store.documents.write(project(), collection, Write::Insert(documents)).await?;
        expect(matches!(written, Written::Inserted(ids) if ids.len() == count))
    }

    async fn get(&self, number: usize) -> Outcome<()> {
        let id = format!("{:08}", number * STEP % DOCUMENTS);
        let found = self.store.documents.read(project(), "users", Read::Get { id, fields: None }).await?;
        expect(matches!(found, Found::Document(Some(_))))
    }

    async fn find(&self, number: usize) -> Outcome<()> {
        let filter = format!(r#"{{"name":"user{}"}}"#, number * STEP % DOCUMENTS);
        let find = Find { limit: Some(1), ..Find::new(filter) };
        let found = self.store.documents.read(project(), "users", Read::Find(find)).await?;
        expect(matches!(found, Found::Page(page) if page.documents.len() == 1))
    }

    async fn put_small(&self, number: usize) -> Outcome<()> {
        let key = format!("small{}", number % 1_000);
        self.put(&key, &Bytes::from(vec![b'x'; 1 << 10])).await
    }

    async fn put_large(&self, number: usize) -> Outcome<()> {
        let key = format!("large{}", number % LARGE_KEYS);
        self.put(&key, &Bytes::from(vec![b'x'; 10 << 20])).await
    }

    async fn put(&self, key: &str, content: &Bytes) -> Outcome<()> {
        let mut upload = self.store.objects.upload(project(), "bench", key, 0).await?;
        for start in (0..content.len()).step_by(PIECE_BYTES) {
            upload.write(content.slice(start..content.len().min(start + PIECE_BYTES))).await?;
        }
        upload.finish(Attributes::default(), Condition::Always).await?;
        Ok(())
    }

    async fn read(&self, key: &str, size: u64) -> Outcome<()> {
        let found = self.store.objects.get(project(), "bench", key).await?;
        let mut content = found.ok_or("there is no such object")?.content;
        let mut read = 0;
        loop {
            let chunk = content.read(read, MAX_CHUNK_BYTES).await?;
            if chunk.is_empty() {
                return expect(read == size);
            }
            read += chunk.len() as u64;
        }
    }

    /// Callers as tasks of one thread: for what waits for the disk.
    fn tasks(
        &self,
        name: &str,
        callers: usize,
        at_once: usize,
        operation: impl AsyncFn(Self, usize) -> Outcome<()>,
    ) -> Outcome<()> {
        let begin = Moment::now();
        let until = begin.at + self.time;
        let operation = &operation;
        let calls = (0..callers).map(|caller| async move {
            let mut calls = 0;
            while Instant::now() < until {
                operation(self.clone(), caller + calls * callers).await?;
                calls += 1;
            }
            Ok::<_, Failure>(calls)
        });
        let calls = runtime()?.block_on(try_join_all(calls))?;
        begin.report(name, callers, calls.iter().sum::<usize>(), at_once);
        Ok(())
    }

    /// Callers as threads: for what is read on the thread of whoever asks.
    fn threads(
        &self,
        name: &str,
        threads: usize,
        at_once: usize,
        operation: impl AsyncFn(&Self, usize) -> Outcome<()> + Sync,
    ) -> Outcome<()> {
        let begin = Moment::now();
        let until = begin.at + self.time;
        let repeat = |thread: usize| {
            runtime()?.block_on(async {
                let mut calls = 0;
                while Instant::now() < until {
                    operation(self, thread + calls * threads).await?;
                    calls += 1;
                }
                Ok::<_, Failure>(calls)
            })
        };
        let repeat = &repeat;
        let calls: Outcome<Vec<usize>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || repeat(thread))).collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
                .collect()
        });
        begin.report(name, threads, calls?.iter().sum::<usize>(), at_once);
        Ok(())
    }
}

/// When a measurement has begun.
struct Moment {
    at: Instant,
    cpu: Duration,
}

impl Moment {
    fn now() -> Self {
        Self { cpu: cpu(), at: Instant::now() }
    }

    fn report(&self, name: &str, callers: usize, calls: usize, at_once: usize) {
        let (took, used) = (self.at.elapsed(), cpu().saturating_sub(self.cpu));
        let operations = (calls * at_once) as f64;
        let line = serde_json::json!({
            "name": name,
            "callers": callers,
            "rate": operations / took.as_secs_f64(),
            "cpu_us": used.as_secs_f64() * 1e6 / operations,
        });
        println!("{line}");
    }
}

/// CPU that this process has used.
fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or(0))
}

/// As the requests of the bench have it.
fn new_document(number: usize) -> String {
    format!(r#"{{"name":"ann","age":{},"text":"{}"}}"#, number % 1_000, "x".repeat(100))
}

fn value() -> Bytes {
    Bytes::from(vec![b'x'; 100])
}

fn expect(is_so: bool) -> Outcome<()> {
    if is_so { Ok(()) } else { Err("the store gave another answer than it should".into()) }
}
