//! What must hold after every start: acknowledged deploys serve, lists agree with each other, no half file is left.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::kill::{NUMBER, function};
use super::ledger::{Acknowledged, Ledger};
use crate::control::Control;
use crate::http::Client;
use crate::server::Server;

/// The folder with the compiler's code of single functions, a file for each project and lane.
const FUNCTIONS: &str = "functions";

/// Everything that is not as it must be, a sentence each. What was found and is right becomes known.
pub(crate) fn all(server: &Server, data: &Path, ledgers: &mut [Ledger]) -> Result<Vec<String>> {
    let control = server.control();
    let listed = control.get("projects/default/functions")?;
    let listed = listed.get("functions").and_then(Value::as_array).context("no list of functions")?;
    let mut faults = Vec::new();
    for (index, ledger) in ledgers.iter_mut().enumerate() {
        let name = function(index);
        let entry = listed.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(&name));
        let found = match entry.map(|entry| active(server, &control, &name, entry)).transpose() {
            Ok(found) => found,
            Err(error) => {
                faults.push(format!("{name}: {error:#}"));
                continue;
            }
        };
        match ledger.judge(found) {
            Ok(()) => ledger.accept(found),
            Err(fault) => faults.push(format!("{name}: {fault}")),
        }
    }
    faults.extend(leftovers(data)?);
    Ok(faults)
}

/// The active revision of a listed function, agreed upon by the list, the revisions and the answer over HTTP.
fn active(server: &Server, control: &Control, name: &str, entry: &Value) -> Result<Acknowledged> {
    let listed = entry.get("revision").and_then(Value::as_u64).context("listed without a revision")?;
    let revisions = control.get(&format!("projects/default/functions/{name}/revisions"))?;
    let revisions = revisions.get("revisions").and_then(Value::as_array).context("no list of revisions")?;
    let active: Vec<&Value> = revisions
        .iter()
        .filter(|revision| revision.get("active").and_then(Value::as_bool) == Some(true))
        .collect();
    let [active] = active.as_slice() else { anyhow::bail!("{} active revisions", active.len()) };
    let number = active.get("number").and_then(Value::as_u64).context("a revision without a number")?;
    anyhow::ensure!(number == listed, "the list names revision {listed}, the revisions {number}");

    let mut client = Client::new(server.listen, Duration::from_secs(30));
    let answer = client
        .get(&format!("{name}.localhost"), &format!("/?{NUMBER}"))
        .context("it does not answer over HTTP")?;
    anyhow::ensure!(answer.status == 200, "it answers {}: {}", answer.status, answer.text());
    let served = answer.text();
    let recorded = active.get("env").and_then(|env| env.get(NUMBER)).and_then(Value::as_str);
    anyhow::ensure!(recorded == Some(&served), "it serves {served:?}, its revision says {recorded:?}");
    let deploy = served.parse().with_context(|| format!("it serves {served:?}"))?;
    Ok(Acknowledged { deploy, revision: number })
}

/// Files of the data directory that no finished step of a deploy leaves.
fn leftovers(data: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in names(&data.join("artifacts"))? {
        if !name.strip_suffix(".wasm").is_some_and(is_digest) {
            faults.push(format!("artifacts/{name} is no finished artifact"));
        }
    }
    let mut cache = names(&data.join("cache"))?;
    if cache.remove(FUNCTIONS) {
        for name in names(&data.join("cache").join(FUNCTIONS))? {
            if !name.rsplit_once('-').is_some_and(|(_, lane)| ["plain", "concurrent"].contains(&lane)) {
                faults.push(format!("cache/{FUNCTIONS}/{name} is no finished file of known functions"));
            }
        }
    }
    for name in &cache {
        let partner = match name.rsplit_once('.') {
            Some((stem, "cwasm")) => format!("{stem}.seal"),
            Some((stem, "seal")) => format!("{stem}.cwasm"),
            _ => {
                faults.push(format!("cache/{name} is neither machine code nor its seal"));
                continue;
            }
        };
        if !cache.contains(&partner) {
            faults.push(format!("cache/{name} is there without {partner}"));
        }
    }
    Ok(faults)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
