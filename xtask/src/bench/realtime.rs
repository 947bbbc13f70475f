//! Realtime: how soon 1,000 who watch are told of 500 changes a second, and what that takes.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

use super::cpu;
use super::open_loop::{self, Latencies};
use crate::build::{self, Profile};
use crate::http::Client;
use crate::server::{Server, Setup};
use crate::{test_guests, workspace};

const SUBSCRIBERS: usize = 1_000;
const ROOMS: u32 = 100;
const RATE: u32 = 500;
const WRITERS: u32 = 32;
const TIME: Duration = Duration::from_secs(15);
/// What is on its way when the last write was answered has this long to come.
const AFTER: Duration = Duration::from_secs(3);
const MANIFEST: &str =
    "[collection.messages]\nrules = { read = \"true\", create = \"true\" }\n[function.hello]\n";
/// What the socket of a client holds that does not read, bytes.
const SLOW_BUFFER: u32 = 4 << 10;

/// Who watches what.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// Each has one of so many rooms; none: everybody watches everything.
    rooms: Option<u32>,
    text_bytes: usize,
    /// Somebody watches everything beside them, and reads nothing.
    has_slow: bool,
}

/// What came of a shape.
struct Measured {
    /// From the moment when a write was due.
    latencies: Latencies,
    /// From the moment when a write was answered, which is when it is safe.
    after_answer: Latencies,
    expected: usize,
    written: usize,
    cores: f64,
    memory: [u64; 3],
    /// Whether the slow one was dropped, with a word on when to come again.
    slow: Option<bool>,
}

/// What those who watch have seen: the number of a write, and when it was told.
type Tally = Vec<(u32, Duration)>;

/// When each write was answered.
type Answered = Arc<Vec<OnceLock<Duration>>>;

/// `cargo xtask bench realtime`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    println!(
        "{SUBSCRIBERS} streams, {RATE} writes/s for {TIME:?}, {} cores with the clients on them",
        super::cores()
    );
    let rooms = Shape {
        name: "rooms: 10 hear each change",
        rooms: Some(ROOMS),
        text_bytes: 1 << 10,
        has_slow: false,
    };
    let slow = Shape { name: "the same beside one who reads nothing", has_slow: true, ..rooms };
    let all = Shape { name: "all hear all", rooms: None, text_bytes: 200, has_slow: false };
    for shape in [rooms, slow, all] {
        show(shape, &measure(&ostro, shape)?);
    }
    Ok(())
}

fn show(shape: Shape, measured: &Measured) {
    let Measured { latencies, after_answer, expected, written, cores, memory, slow } = measured;
    let mib = memory.map(|bytes| bytes >> 20);
    let rate = |count: usize| count as f64 / TIME.as_secs_f64();
    println!("\n{}", shape.name);
    println!(
        "  writes/s {:.0}, told {} of {expected} ({:.0}/s)",
        rate(*written),
        latencies.count(),
        rate(latencies.count())
    );
    for (from, latencies) in [("was due", latencies), ("was answered", after_answer)] {
        let ms = |per_mille| latencies.quantile(per_mille).as_secs_f64() * 1e3;
        let [p50, p99, max] = [500, 990, 1000].map(ms);
        println!("  told after a write {from}: p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
    }
    println!(
        "  CPU {cores:.2} cores; memory {} MiB, with streams {} MiB, at the end {} MiB",
        mib[0], mib[1], mib[2]
    );
    if let Some(was_dropped) = slow {
        println!(
            "  who reads nothing was {}",
            if *was_dropped { "dropped, and may go on" } else { "NOT dropped" }
        );
    }
}

fn measure(ostro: &Path, shape: Shape) -> Result<Measured> {
    let server = Setup::on_free_ports(ostro, &workspace::fresh("bench")?).start()?;
    server.control().deploy_manifest("default", "hello", &test_guests::component("hello"), MANIFEST)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, watch(&server, shape))
}

async fn watch(server: &Server, shape: Shape) -> Result<Measured> {
    let (to, empty) = (server.listen, resident(server.pid())?);
    // Two executors take connections as they come: one after the other is how pages come, too.
    let mut streams = Vec::new();
    for number in 0..SUBSCRIBERS as u32 {
        streams.push(open(to, shape.rooms.map(|rooms| number % rooms), None).await?);
    }
    let slow = if shape.has_slow { Some(open(to, None, Some(SLOW_BUFFER)).await?) } else { None };
    let with_streams = resident(server.pid())?;
    let (tally, begin) = (Rc::<RefCell<Tally>>::default(), Instant::now() + Duration::from_millis(300));
    for stream in streams {
        tokio::task::spawn_local(listen(stream, begin, tally.clone()));
    }
    let answered: Answered = Arc::new((0..writes()).map(|_| OnceLock::new()).collect());
    let used = cpu::used(server.pid())?;
    let writing: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let answered = answered.clone();
            tokio::task::spawn_blocking(move || write(to, shape, (writer, begin), &answered))
        })
        .collect();
    for writer in writing {
        writer.await??;
    }
    let used = cpu::used(server.pid())?.saturating_sub(used);
    tokio::time::sleep(AFTER).await;
    let memory = [empty, with_streams, resident(server.pid())?];
    let slow = match slow {
        Some(stream) => Some(was_dropped(stream).await?),
        None => None,
    };
    let told = std::mem::take(&mut *tally.borrow_mut());
    let written = answered.iter().filter(|answer| answer.get().is_some()).count();
    let latencies = told.iter().map(|(number, at)| at.saturating_sub(due(*number)));
    let latencies = Latencies::new(latencies.collect());
    // What is told before its writer has its answer took no time.
    let safe = |number: u32| answered.get(number as usize).and_then(OnceLock::get);
    let after_answer = told.iter().filter_map(|(number, at)| Some(at.saturating_sub(*safe(*number)?)));
    let after_answer = Latencies::new(after_answer.collect());
    let each = SUBSCRIBERS / shape.rooms.unwrap_or(1) as usize;
    let cores = used.as_secs_f64() / TIME.as_secs_f64();
    Ok(Measured { latencies, after_answer, expected: written * each, written, cores, memory, slow })
}

/// Opens a stream, and waits for its head.
async fn open(to: SocketAddr, room: Option<u32>, buffer: Option<u32>) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(to).await?;
    let filter = room.map_or_else(|| json!({}), |room| json!({ "room": room }));
    let body = json!({ "subscriptions": [{ "id": "1", "collection": "messages", "filter": filter }] });
    stream.write_all(&post(to, "realtime", &body)).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    ensure!(head.ends_with(b"200"), "a stream was refused: {}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// Notes when each document was told, by the number of its write that stands in it.
async fn listen(mut stream: TcpStream, begin: Instant, tally: Rc<RefCell<Tally>>) -> Result<()> {
    let (mut text, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = stream.read(&mut buffer).await?;
        let now = begin.elapsed();
        if read == 0 {
            return Ok(());
        }
        text.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let Some(end) = text.windows(2).rposition(|pair| pair == b"\n\n") else { continue };
        let rest = text.split_off(end);
        let whole = String::from_utf8_lossy(&text);
        let numbers = whole.split("\"number\":").skip(1).map(|rest| rest.split([',', '}']).next());
        tally.borrow_mut().extend(numbers.filter_map(|number| Some((number?.parse().ok()?, now))));
        text = rest;
    }
}

/// How many writes there are.
fn writes() -> u32 {
    RATE * TIME.as_secs() as u32
}

/// When a write is due.
fn due(number: u32) -> Duration {
    Duration::from_secs(1) * number / RATE
}

/// Every `WRITERS`-th write, at the moment it is due.
fn write(to: SocketAddr, shape: Shape, (writer, begin): (u32, Instant), answered: &Answered) -> Result<()> {
    open_loop::raise_priority();
    let mut client = Client::new(to, Duration::from_secs(60));
    let text = "x".repeat(shape.text_bytes);
    let own = (0..).zip(answered.iter()).skip(writer as usize).step_by(WRITERS as usize);
    for (number, answer) in own {
        std::thread::sleep((begin + due(number)).saturating_duration_since(Instant::now()));
        if begin.elapsed() > TIME + AFTER {
            // The server does not keep up: the figures say so.
            break;
        }
        let room = number % shape.rooms.unwrap_or(1);
        let document = json!({ "number": number, "room": room, "text": text });
        let told = client.exchange(&post(to, "db/messages/insert", &json!({ "documents": [document] })))?;
        if told.status != 200 {
            bail!("a write was answered {}: {}", told.status, told.text());
        }
        let _ = answer.set(begin.elapsed());
    }
    Ok(())
}

fn post(to: SocketAddr, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST /_ostro/v1/{path} HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Reads what a slow client was sent: whether it ends as a stream that may go on.
async fn was_dropped(mut stream: TcpStream) -> Result<bool> {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = stream.read(&mut buffer).await?;
            text.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if read == 0 || text.ends_with(b"0\r\n\r\n") {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    Ok(read.await.is_ok() && text.windows(7).rev().take(100).any(|part| part == b"retry: "))
}

/// Resident memory of a process, bytes.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?.parse()?;
    Ok(kib << 10)
}
