//! Loses and changes something of each kind on purpose: the soak then has to fail, or it proves nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::ledger::{Fate, Kind, Ledger};
use super::writer;
use crate::http::Client;
use crate::sender::Sender;
use crate::server::Server;

/// Takes away what was acknowledged, behind the clients' back. One fault at least has to come of each line that is printed.
pub(super) fn tamper(server: &Server, data: &Path, ledger: &Ledger) -> Result<()> {
    let mut sender = Sender::new(server, "default");
    let mut client = Client::new(server.listen, Duration::from_secs(60));
    let delete = |kind| {
        let (id, step) = kept(ledger, kind, 0)?;
        Ok::<_, anyhow::Error>(
            json!({ "kind": Kind::name(kind), "id": id, "after": step, "text": Value::Null }),
        )
    };
    for kind in Kind::ALL {
        let body = delete(kind)?;
        let answer = client.exchange(&writer::post("/write", body.to_string().as_bytes()))?;
        ensure!(answer.status == 200, "{body} was answered {}: {}", answer.status, answer.text());
        println!("tampered: deleted {body}");
    }
    let (note, _) = kept(ledger, Kind::Document, 1)?;
    let mut transfers = ledger.transfers.iter().filter(|(_, (_, fate))| *fate == Fate::Acknowledged);
    let mut transfer = || transfers.next().map(|(id, _)| id).context("too few transfers");
    let (unwritten, untold) = (transfer()?, transfer()?);
    let update = |id: &str, update: Value| json!({ "filter": { "_id": id }, "update": update });
    for (path, body) in [
        ("notes/update", update(&note, json!({ "$set": { "text": "half" } }))),
        ("accounts/update", update("a0", json!({ "$inc": { "balance": -1 } }))),
        ("journal/delete", json!({ "filter": { "_id": unwritten } })),
        ("heard/delete", json!({ "filter": { "_id": format!("message/{untold}") } })),
        ("heard/documents", json!({ "documents": [{ "_id": format!("early/notes/{note}/1"), "times": 1 }] })),
    ] {
        sender.post(&format!("collections/{path}"), &body)?;
        println!("tampered: {path} {body}");
    }
    for project in std::fs::read_dir(data.join("projects"))? {
        std::fs::write(project?.path().join("objects").join("stray"), "nobody's")?;
    }
    println!("tampered: contents that no object has");
    Ok(())
}

/// A thing of that kind that is there for certain, and its step.
fn kept(ledger: &Ledger, kind: Kind, place: usize) -> Result<(String, u32)> {
    let kept = ledger.things.iter().filter(|((other, _), steps)| {
        *other == kind && steps.acknowledged == steps.sent && steps.sent > 0 && !steps.ends
    });
    let found = kept.map(|((_, id), steps)| (id.clone(), steps.sent)).nth(place);
    found.with_context(|| format!("too few things of kind {}", kind.name()))
}
