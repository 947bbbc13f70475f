//! Jobs: how many messages a second are taken and delivered, and how soon a handler begins.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::callee::Callee;
use super::open_loop::Latencies;
use crate::build::{self, Profile};
use crate::sender::{Sender, Sent, count};
use crate::server::{Server, Setup};
use crate::{test_guests, workspace};

/// As many as a queue holds at least twice over in a bench.
const MESSAGES: usize = 50_000;
/// Messages in one request, and connections that send such requests.
const BATCH: usize = 1_000;
const BATCH_CONNECTIONS: usize = 4;
/// For messages one at a time.
const CONNECTIONS: usize = 32;
const SINGLE_TIME: Duration = Duration::from_secs(5);
const SAMPLES: usize = 2_000;
/// The server is idle again before the next sample.
const BETWEEN: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_secs(120);
const BODY: &str =
    "{\"to\":\"ann@example.com\",\"subject\":\"Welcome\",\"template\":\"welcome\",\"number\":1234567890123}";

/// A consumer to be measured.
struct Consumer {
    name: &'static str,
    guest: &'static str,
    settings: Value,
}

/// `cargo xtask bench jobs`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    println!("messages of {} bytes, {} cores", BODY.len(), super::cores());
    println!("\n{:<52} {:>12}  goal", "taken (durable before acknowledged)", "messages/s");
    take(&ostro)?;
    println!("\n{:<52} {:>12}  goal", "delivered to a trivial handler", "messages/s");
    for consumer in [
        Consumer {
            name: "HTTP guest, concurrency 16",
            guest: "hello",
            settings: json!({ "concurrency": 16 }),
        },
        Consumer {
            name: "`queued` guest, batch 10, concurrency 4",
            guest: "accept",
            settings: json!({ "batch": 10, "concurrency": 4 }),
        },
        Consumer {
            name: "`queued` guest, batch 100, concurrency 4",
            guest: "accept",
            settings: json!({ "batch": 100, "concurrency": 4 }),
        },
    ] {
        let rate = deliver(&ostro, &consumer)?;
        println!("{:<52} {rate:>12.0}  >= 5,000", consumer.name);
    }
    let latencies = latency(&ostro)?;
    let ms = |per_mille| latencies.quantile(per_mille).as_secs_f64() * 1e3;
    println!("\nfrom sending to the handler's first act, idle server, {} samples", latencies.count());
    println!("p50 {:.2} ms   p99 {:.2} ms   max {:.2} ms   goal: p99 <= 20 ms", ms(500), ms(990), ms(1000));
    Ok(())
}

fn start(ostro: &Path) -> Result<Server> {
    Setup::on_free_ports(ostro, &workspace::fresh("bench")?).start()
}

/// Declares the queue without a consumer: messages wait.
fn declare(server: &Server, queue: &str) -> Result<()> {
    let flags = |queues: Value| json!({ "queues": queues });
    let hello = test_guests::component("hello");
    server.control().deploy("default", "declares", &hello, &flags(json!([{ "name": queue }])))?;
    server.control().deploy("default", "declares", &hello, &flags(json!([]))).map(drop)
}

/// Fills queues that nobody consumes.
fn take(ostro: &Path) -> Result<()> {
    let server = start(ostro)?;
    declare(&server, "park")?;
    let name = format!("batches of {BATCH}, {BATCH_CONNECTIONS} connections");
    println!("{name:<52} {:>12.0}  >= 20,000", fill(&server, "park")?);
    for (connections, goal) in [(CONNECTIONS, ">= 2,000"), (1, "")] {
        Sender::new(&server, "default").post("queues/park/purge", &json!({ "which": "waiting" }))?;
        let rate = one_at_a_time(&server, connections)?;
        let name =
            format!("one at a time, {connections} connection{}", if connections == 1 { "" } else { "s" });
        println!("{name:<52} {rate:>12.0}  {goal}");
    }
    server.stop()
}

/// Sends `MESSAGES` in batches; messages a second.
fn fill(server: &Server, queue: &str) -> Result<f64> {
    let bodies = vec![BODY.to_owned(); BATCH];
    let begin = Instant::now();
    let parts: Result<Vec<()>> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..BATCH_CONNECTIONS)
            .map(|index| {
                let bodies = &bodies;
                scope.spawn(move || {
                    let mut sender = Sender::new(server, "default");
                    for _ in (index..MESSAGES / BATCH).step_by(BATCH_CONNECTIONS) {
                        match sender.batch(queue, bodies)? {
                            Sent::Acknowledged(ids) if ids.len() == BATCH => {}
                            other => bail!("a batch of {BATCH} was answered {other:?}"),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or_else(|_| bail!("a sender panicked")))
            .collect()
    });
    parts?;
    Ok(MESSAGES as f64 / begin.elapsed().as_secs_f64())
}

fn one_at_a_time(server: &Server, connections: usize) -> Result<f64> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let sent: Result<Vec<u64>> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let (mut sender, mut sent) = (Sender::new(server, "default"), 0);
                    while !stop.load(Ordering::Relaxed) {
                        sender.send("park", BODY.as_bytes())?;
                        sent += 1;
                    }
                    Ok(sent)
                })
            })
            .collect();
        std::thread::sleep(SINGLE_TIME);
        stop.store(true, Ordering::Relaxed);
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or_else(|_| bail!("a sender panicked")))
            .collect()
    });
    Ok(sent?.iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}

/// Fills a queue, then gives it a consumer; messages a second from the deploy to the end of the last one.
fn deliver(ostro: &Path, consumer: &Consumer) -> Result<f64> {
    let server = start(ostro)?;
    declare(&server, "work")?;
    fill(&server, "work")?;
    let mut trigger = json!({ "name": "work" });
    for (key, value) in consumer.settings.as_object().into_iter().flatten() {
        if let Some(trigger) = trigger.as_object_mut() {
            trigger.insert(key.clone(), value.clone());
        }
    }
    let component = test_guests::component(consumer.guest);
    // Compiled before the clock counts.
    server.control().deploy("default", "consumer", &component, &json!({}))?;
    let begin_ms = now_ms()?;
    server.control().deploy("default", "consumer", &component, &json!({ "queues": [trigger] }))?;
    let mut sender = Sender::new(&server, "default");
    let until = Instant::now() + PATIENCE;
    loop {
        // Looking costs the server something: seldom.
        std::thread::sleep(Duration::from_millis(500));
        let queue = sender.queue("work")?;
        if count(&queue, "waiting") + count(&queue, "running") == 0 {
            anyhow::ensure!(count(&queue, "dead") == 0, "messages failed: {queue}");
            break;
        }
        anyhow::ensure!(Instant::now() < until, "not delivered within {PATIENCE:?}: {queue}");
    }
    // The server's own word for the end of the last one, on the same clock.
    let last = sender.get("queues/work/messages?state=done&limit=100")?;
    let ends = last.get("messages").and_then(Value::as_array).into_iter().flatten();
    let end_ms =
        ends.filter_map(|job| job.get("finished_ms")?.as_i64()).max().context("no message is done")?;
    server.stop()?;
    Ok(MESSAGES as f64 * 1e3 / (end_ms - begin_ms).max(1) as f64)
}

/// One message at a time to a handler whose first act is a call to us: from before the message is sent until that call is here.
/// The call's own way is part of the figure, so the handler begins a little earlier than it says.
fn latency(ostro: &Path) -> Result<Latencies> {
    let callee = Callee::start()?;
    let server = start(ostro)?;
    let flags = json!({ "queues": [{ "name": "call" }], "grants": [callee.grant()] });
    server.control().deploy("default", "caller", &test_guests::component("call"), &flags)?;
    let url = url(callee.at);
    let mut sender = Sender::new(&server, "default");
    let mut latencies = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES + SAMPLES / 20 {
        let begin = Instant::now();
        sender.send("call", url.as_bytes())?;
        let called = callee.next(PATIENCE)?;
        // The first ones warm everything up.
        if sample >= SAMPLES / 20 {
            latencies.push(called.saturating_duration_since(begin));
        }
        std::thread::sleep(BETWEEN);
    }
    server.stop()?;
    Ok(Latencies::new(latencies))
}

fn url(at: SocketAddr) -> String {
    format!("http://{at}/")
}

fn now_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_are_components_and_the_message_is_as_long_as_the_method_says() {
        for guest in ["hello", "accept", "call"] {
            assert!(test_guests::component(guest).starts_with(b"\0asm\x0d\0\x01\0"), "{guest}");
        }
        assert_eq!(BODY.len(), 88);
    }
}
