//! A client that writes without end, one write after the other, and notes each in the ledger before it is sent and when it is answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::ledger::{Fate, Kind, Thing, Transfer};
use super::{ACCOUNTS, Shared, WRITER_HOST, account, content};
use crate::http::{Answer, Client};
use crate::random::Random;

/// Of a hundred writes so many are of each kind; the rest are transfers.
const PER_HUNDRED: [(Kind, u64); 4] =
    [(Kind::Document, 35), (Kind::Value, 20), (Kind::Rows, 15), (Kind::Object, 10)];
/// Things of a kind that a client goes on to write; with more it writes no new one.
const MOST_LIVE: usize = 25;
/// Of ten writes of a thing that is there so many delete it.
const DELETED_OF_TEN: u64 = 2;
/// Of ten transfers so many are given up before their commit.
const UNDONE_OF_TEN: u64 = 1;
/// An answer may take so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// A cut connection is right if the server is known to be killed within so long.
const NEWS: Duration = Duration::from_secs(5);

/// One client. What it writes nobody else does, transfers apart.
#[derive(Debug)]
pub(super) struct Writer {
    name: String,
    random: Random,
    ids: u64,
    /// What is there for certain, and its step.
    live: Vec<(Thing, u32)>,
}

/// What a client is about to do.
enum Plan {
    /// The step after this one; to delete it, or to put it.
    Write {
        thing: Thing,
        after: u32,
        deletes: bool,
    },
    Transfer {
        id: String,
        transfer: Transfer,
        undo: bool,
    },
}

impl Writer {
    pub(super) fn new(number: usize, random: Random) -> Self {
        Self { name: format!("c{number}"), random, ids: 0, live: Vec::new() }
    }

    /// Writes until it is told to stop or the server is gone.
    pub(super) fn run(&mut self, to: SocketAddr, shared: &Shared, stop: &AtomicBool) {
        let mut client = Client::new(to, PATIENCE);
        while !stop.load(Ordering::Relaxed) && !shared.is_hopeless() {
            let plan = self.plan();
            shared.with_ledger(|ledger| match &plan {
                Plan::Write { thing, deletes, .. } => ledger.send(thing, *deletes),
                Plan::Transfer { id, transfer, .. } => ledger.send_transfer(id, transfer),
            });
            match client.exchange(&request(&plan)) {
                Ok(answer) => self.note(plan, &answer, shared),
                Err(error) => {
                    if !soon(stop) {
                        shared.fault(format!("the server runs and does not answer: {error}"));
                    }
                    return;
                }
            }
        }
    }

    fn plan(&mut self) -> Plan {
        let mut dice = self.random.below(100);
        for (kind, share) in PER_HUNDRED {
            if dice < share {
                return self.plan_write(kind);
            }
            dice -= share;
        }
        let from = self.random.below(ACCOUNTS);
        let to = (from + 1 + self.random.below(ACCOUNTS - 1)) % ACCOUNTS;
        let amount = 1 + self.random.below(100) as i64;
        let transfer = Transfer { from: account(from), to: account(to), amount };
        Plan::Transfer { id: self.id(), transfer, undo: self.random.below(10) < UNDONE_OF_TEN }
    }

    /// Something new, or something that is there. That is taken from the list; it comes back when the step is acknowledged.
    fn plan_write(&mut self, kind: Kind) -> Plan {
        let places = self.live.iter().enumerate().filter(|(_, ((other, _), _))| *other == kind);
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        let chosen = self.random.below(MOST_LIVE as u64) as usize;
        match places.get(chosen) {
            None => Plan::Write { thing: (kind, self.id()), after: 0, deletes: false },
            Some(place) => {
                let (thing, after) = self.live.swap_remove(*place);
                Plan::Write { thing, after, deletes: self.random.below(10) < DELETED_OF_TEN }
            }
        }
    }

    fn note(&mut self, plan: Plan, answer: &Answer, shared: &Shared) {
        match (plan, answer.status) {
            (Plan::Write { thing, after, deletes }, 200) => {
                shared.with_ledger(|ledger| ledger.acknowledge(&thing));
                if !deletes {
                    self.live.push((thing, after + 1));
                }
            }
            (Plan::Transfer { id, .. }, 200) => {
                shared.with_ledger(|ledger| ledger.settle_transfer(&id, Fate::Acknowledged));
            }
            (Plan::Transfer { id, .. }, 409 | 422) => {
                shared.with_ledger(|ledger| ledger.settle_transfer(&id, Fate::Refused));
            }
            // A limit, or a loss: the soak would prove less, so it fails.
            (_, status) => shared.fault(format!("a write was answered {status}: {}", answer.text())),
        }
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("{}-{}", self.name, self.ids)
    }
}

/// Whether the server is known to be stopped within a moment.
pub(super) fn soon(stop: &AtomicBool) -> bool {
    let until = Instant::now() + NEWS;
    while !stop.load(Ordering::Relaxed) {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The whole request, as it goes over the wire.
fn request(plan: &Plan) -> Vec<u8> {
    match plan {
        Plan::Write { thing: (Kind::Object, id), after, deletes: false } => {
            let step = after + 1;
            post(&format!("/object?id={id}&step={step}"), &content::object(id, step))
        }
        Plan::Write { thing: (kind, id), after, deletes } => {
            let text = (!deletes).then(|| content::text(id, after + 1));
            let body = json!({ "kind": kind.name(), "id": id, "after": after, "text": text });
            post("/write", body.to_string().as_bytes())
        }
        Plan::Transfer { id, transfer, undo } => {
            let Transfer { from, to, amount } = transfer;
            let body = json!({ "id": id, "from": from, "to": to, "amount": amount, "undo": undo });
            post("/transfer", body.to_string().as_bytes())
        }
    }
}

/// POST at the writing function's host.
pub(super) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: {WRITER_HOST}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
