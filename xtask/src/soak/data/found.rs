//! What is in the store of a server that rests, read over HTTP: documents and objects by the control API, values and rows through
//! the guest.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::content;
use super::ledger::{Kind, Thing, Transfer};
use super::{LISTENER, QUEUE, WRITER_HOST};
use crate::http::Client;
use crate::sender::{Sender, count};
use crate::server::Server;

/// Real time for events and messages that wait.
const PATIENCE: Duration = Duration::from_secs(600);
/// Real time for contents that no object has any more.
const CLEANING: Duration = Duration::from_secs(10);
/// After so many crashes a job is dead, whatever it does.
const CRASHES: u64 = 3;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// At which step each thing is that is there.
    pub(super) steps: BTreeMap<Thing, u32>,
    /// What is there and not whole, a sentence each.
    pub(super) damaged: Vec<String>,
    pub(super) journal: BTreeMap<String, Transfer>,
    /// What the namespace `transfers` says.
    pub(super) values: BTreeMap<String, Transfer>,
    pub(super) accounts: BTreeMap<String, i64>,
    /// What the listener was told of, and how often.
    pub(super) heard: BTreeMap<String, u64>,
    /// What the listener was told of before the step that comes first.
    pub(super) early: Vec<String>,
}

/// What became of jobs that were dead when nothing waited any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// Dead for another reason than kills, a sentence each.
    dead: Vec<String>,
    /// Killed with the server three times, and sent again.
    pub(super) redriven: u64,
}

impl Rest {
    /// Everything that is not as it must be when nothing waits any more, a sentence each.
    pub(super) fn faults(&self, found: &Found, data: &Path) -> Result<Vec<String>> {
        let mut faults = self.dead.clone();
        // A dead job lets the next one of its document go.
        if self.redriven == 0 {
            faults
                .extend(found.early.iter().map(|step| format!("{step} was told before the step before it")));
        }
        let objects = found.steps.keys().filter(|(kind, _)| *kind == Kind::Object).count();
        let until = Instant::now() + CLEANING;
        while contents(data)? != objects {
            if Instant::now() > until {
                faults.push(format!("{objects} objects, and the contents of {}", contents(data)?));
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(faults)
    }
}

/// Contents of objects in the data directory, those included that no object has.
fn contents(data: &Path) -> Result<usize> {
    let mut contents = 0;
    for project in std::fs::read_dir(data.join("projects"))? {
        contents += std::fs::read_dir(project?.path().join("objects"))?.count();
    }
    Ok(contents)
}

/// Waits until no event and no message waits or runs. What is dead because the server was killed under it three times is sent again.
pub(super) fn come_to_rest(server: &Server) -> Result<Rest> {
    let (mut sender, mut rest) = (Sender::new(server, "default"), Rest::default());
    let until = Instant::now() + PATIENCE;
    loop {
        // Twice: what runs during the first look may wait again during the second.
        if is_busy(&mut sender)? || is_busy(&mut sender)? {
            if Instant::now() > until {
                bail!("events and messages are not done after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        let mut dead = jobs(&mut sender, &format!("functions/{LISTENER}/jobs?state=dead&limit=100"))?;
        dead.extend(jobs(&mut sender, &format!("queues/{QUEUE}/messages?state=dead&limit=100"))?);
        rest.dead.clear();
        let redriven = rest.redriven;
        for job in dead {
            if count(&job, "crashes") < CRASHES {
                rest.dead.push(format!("a job is dead: {job}"));
                continue;
            }
            let id = job.get("id").and_then(Value::as_str).context("a job without an id")?;
            sender.post(&format!("jobs/{id}/redrive"), &json!({}))?;
            rest.redriven += 1;
        }
        if rest.redriven == redriven {
            return Ok(rest);
        }
    }
}

fn is_busy(sender: &mut Sender) -> Result<bool> {
    for state in ["waiting", "running"] {
        if !jobs(sender, &format!("functions/{LISTENER}/jobs?state={state}&limit=1"))?.is_empty() {
            return Ok(true);
        }
    }
    let queue = sender.queue(QUEUE)?;
    Ok(count(&queue, "waiting") + count(&queue, "running") > 0)
}

fn jobs(sender: &mut Sender, path: &str) -> Result<Vec<Value>> {
    let list = sender.get(path)?;
    let jobs = list.get("jobs").or_else(|| list.get("messages")).and_then(Value::as_array);
    jobs.cloned().with_context(|| format!("{path} has no jobs: {list}"))
}

/// Reads everything.
pub(super) fn read(server: &Server) -> Result<Found> {
    let mut found = Found::default();
    let mut sender = Sender::new(server, "default");
    each_document(&mut sender, "notes", |id, document| {
        let twin = document.get("twin").and_then(Value::as_u64);
        match whole(id, document).filter(|step| twin == Some(u64::from(*step))) {
            Some(step) => drop(found.steps.insert((Kind::Document, id.to_owned()), step)),
            None => found.damaged.push(format!("document {id} is not whole: {}", short(document))),
        }
    })?;
    each_document(&mut sender, "journal", |id, entry| match transfer(entry) {
        Some(transfer) => drop(found.journal.insert(id.to_owned(), transfer)),
        None => found.damaged.push(format!("journal entry {id} is not whole: {}", short(entry))),
    })?;
    each_document(&mut sender, "accounts", |id, account| {
        match account.get("balance").and_then(Value::as_i64) {
            Some(balance) => drop(found.accounts.insert(id.to_owned(), balance)),
            None => found.damaged.push(format!("account {id} is not whole: {}", short(account))),
        }
    })?;
    each_document(&mut sender, "heard", |id, note| match id.strip_prefix("early/") {
        Some(step) => found.early.push(step.to_owned()),
        None => drop(found.heard.insert(id.to_owned(), count(note, "times"))),
    })?;
    found.objects(&mut sender)?;
    let mut client = Client::new(server.listen, Duration::from_secs(60));
    found.values(&mut client)?;
    found.rows(&mut client)?;
    Ok(found)
}

impl Found {
    fn objects(&mut self, sender: &mut Sender) -> Result<()> {
        let mut after = String::new();
        loop {
            let page = sender.get(&format!("buckets/files/objects?after={after}"))?;
            let objects = page.get("objects").and_then(Value::as_array).context("no objects")?;
            for object in objects {
                let key = object.get("key").and_then(Value::as_str).context("an object without a key")?;
                key.clone_into(&mut after);
                // Read even where the list is right: the content must be there as it was put.
                let step = match sender.bytes(&format!("buckets/files/objects/{key}")) {
                    Ok(content) if content.len() as u64 == count(object, "size") => {
                        content::step_of(key, &content)
                    }
                    Ok(_) => None,
                    Err(error) => {
                        self.damaged.push(format!("object {key} cannot be read: {error:#}"));
                        continue;
                    }
                };
                match step {
                    Some(step) => drop(self.steps.insert((Kind::Object, key.to_owned()), step)),
                    None => self.damaged.push(format!("object {key} is not whole: {object}")),
                }
            }
            if page.get("has_more").and_then(Value::as_bool) != Some(true) {
                return Ok(());
            }
        }
    }

    fn values(&mut self, client: &mut Client) -> Result<()> {
        for (key, text) in namespace(client, "values")? {
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            match whole(&key, &value) {
                Some(step) => drop(self.steps.insert((Kind::Value, key), step)),
                None => self.damaged.push(format!("value {key} is not whole: {}", short(&value))),
            }
        }
        for (key, text) in namespace(client, "transfers")? {
            match serde_json::from_str(&text).ok().as_ref().and_then(transfer) {
                Some(transfer) => drop(self.values.insert(key, transfer)),
                None => self.damaged.push(format!("the value of transfer {key} is not whole: {text}")),
            }
        }
        Ok(())
    }

    fn rows(&mut self, client: &mut Client) -> Result<()> {
        let mut pairs: BTreeMap<String, Vec<(String, u32, String)>> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = get(client, &format!("/rows?{after}"))?;
            let rows = page.get("rows").cloned().context("no rows")?;
            let rows: Vec<(String, String, u32, String)> = serde_json::from_value(rows)?;
            let Some((id, side, ..)) = rows.last() else { break };
            after = format!("after={id}&side={side}");
            for (id, side, step, text) in rows {
                pairs.entry(id).or_default().push((side, step, text));
            }
        }
        for (id, rows) in pairs {
            let step = rows.first().map_or(0, |(_, step, _)| *step);
            let right = [("left", step), ("right", step)].map(|(side, step)| {
                let text = content::text(&id, step);
                (side.to_owned(), step, text)
            });
            match rows == right {
                true => drop(self.steps.insert((Kind::Rows, id), step)),
                false => self.damaged.push(format!("rows {id} are not a whole pair: {rows:?}")),
            }
        }
        Ok(())
    }
}

/// All documents of a collection, page by page.
fn each_document(sender: &mut Sender, collection: &str, mut with: impl FnMut(&str, &Value)) -> Result<()> {
    let mut cursor = Value::Null;
    loop {
        let mut question = json!({ "filter": {}, "limit": 1_000 });
        if let (Some(question), true) = (question.as_object_mut(), cursor.is_string()) {
            question.insert("cursor".to_owned(), cursor);
        }
        let page = sender.post(&format!("collections/{collection}/find"), &question)?;
        for document in page.get("documents").and_then(Value::as_array).context("no documents")? {
            let id = document.get("_id").and_then(Value::as_str).context("a document without an _id")?;
            with(id, document);
        }
        match page.get("cursor") {
            Some(next) if next.is_string() => cursor = next.clone(),
            _ => return Ok(()),
        }
    }
}

/// All values of a namespace.
fn namespace(client: &mut Client, name: &str) -> Result<BTreeMap<String, String>> {
    let (mut all, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = get(client, &format!("/values?of={name}{after}"))?;
        let values = page.get("values").cloned().context("no values")?;
        all.extend(serde_json::from_value::<BTreeMap<String, String>>(values)?);
        match page.get("after").and_then(Value::as_str) {
            Some(last) => after = format!("&after={last}"),
            None => return Ok(all),
        }
    }
}

fn get(client: &mut Client, path: &str) -> Result<Value> {
    let answer = client.get(WRITER_HOST, path).with_context(|| format!("no answer from {path}"))?;
    match answer.status {
        200 => Ok(serde_json::from_slice(&answer.body)?),
        status => bail!("{path} was answered {status}: {}", answer.text()),
    }
}

/// The step of a document or a value, if its text is that of the step.
fn whole(id: &str, value: &Value) -> Option<u32> {
    let step = u32::try_from(value.get("step")?.as_u64()?).ok()?;
    (value.get("text")?.as_str()? == content::text(id, step)).then_some(step)
}

fn transfer(value: &Value) -> Option<Transfer> {
    let text = |field: &str| Some(value.get(field)?.as_str()?.to_owned());
    Some(Transfer { from: text("from")?, to: text("to")?, amount: value.get("amount")?.as_i64()? })
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
