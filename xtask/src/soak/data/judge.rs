//! Compares what is found with what the clients know. Pure: it can be shown that it fails.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::found::Found;
use super::ledger::{Fate, Kind, Ledger, Steps, Thing, Transfer};

/// Where changes of a thing are told from.
const TOLD: [(Kind, &str); 2] = [(Kind::Document, "notes"), (Kind::Object, "files")];

/// What came of comparing.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Everything that is not as it must be, a sentence each.
    pub(super) faults: Vec<String>,
    /// Writes whose answer did not come, and that were made.
    pub(super) unknown_found: u64,
    /// Writes whose answer did not come, and that were not made.
    pub(super) unknown_absent: u64,
}

/// Compares a state of the store that lies between two states of the ledger: what was acknowledged `before` has to be there, and nothing
/// that was not sent by `after`.
pub(super) fn judge(found: &Found, before: &Ledger, after: &Ledger, opening: &[(String, i64)]) -> Verdict {
    let mut verdict = Verdict { faults: found.damaged.clone(), ..Verdict::default() };
    let heard = Heard::of(found, &mut verdict);
    for (thing, steps) in &after.things {
        let least = before.things.get(thing).map_or(0, |steps| steps.acknowledged);
        let at = found.steps.get(thing).copied();
        verdict.thing(thing, *steps, least, at);
        if let Some((_, place)) = TOLD.iter().find(|(kind, _)| *kind == thing.0) {
            verdict.told(thing, *steps, least, at, heard.steps(place, &thing.1));
        }
    }
    for (kind, id) in found.steps.keys().filter(|thing| !after.things.contains_key(*thing)) {
        verdict.fault(format!("{} {id} is there and was never sent", kind.name()));
    }
    for (place, id) in heard.steps.keys() {
        let kind = TOLD.iter().find(|(_, other)| other == place).map(|(kind, _)| *kind);
        if !kind.is_some_and(|kind| after.things.contains_key(&(kind, id.clone()))) {
            verdict.fault(format!("the listener was told of {place}/{id}, which was never sent"));
        }
    }
    verdict.transfers(found, &heard, before, after);
    verdict.balances(found, opening);
    verdict
}

/// What the listener has written down, by what it is about.
#[derive(Debug, Default)]
struct Heard {
    steps: BTreeMap<(String, String), BTreeSet<u32>>,
    journal: BTreeSet<String>,
    messages: BTreeSet<String>,
}

impl Heard {
    fn of(found: &Found, verdict: &mut Verdict) -> Self {
        let mut heard = Self::default();
        for name in found.heard.keys() {
            match name.split('/').collect::<Vec<_>>().as_slice() {
                ["journal", id] => drop(heard.journal.insert((*id).to_owned())),
                ["message", id] => drop(heard.messages.insert((*id).to_owned())),
                [place, id, step] if step.parse::<u32>().is_ok() => {
                    let of = heard.steps.entry(((*place).to_owned(), (*id).to_owned())).or_default();
                    of.extend(step.parse::<u32>());
                }
                _ => verdict.fault(format!("the listener was told of {name:?}")),
            }
        }
        heard
    }

    fn steps(&self, place: &str, id: &str) -> Option<&BTreeSet<u32>> {
        self.steps.get(&(place.to_owned(), id.to_owned()))
    }
}

impl Verdict {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn unknown(&mut self, found: bool) {
        if found { self.unknown_found += 1 } else { self.unknown_absent += 1 }
    }

    /// `at` is the step that is found, none when the thing is not there.
    fn thing(&mut self, (kind, id): &Thing, steps: Steps, least: u32, at: Option<u32>) {
        let name = format!("{} {id}", kind.name());
        match at {
            None if least > 0 && !steps.ends => {
                self.fault(format!("{name}: step {least} was acknowledged, and it is not there"));
            }
            Some(at) if at < least => {
                self.fault(format!("{name}: step {least} was acknowledged, and it is at step {at}"));
            }
            Some(at) if at > steps.sent => {
                self.fault(format!("{name}: it is at step {at}, and only {} were sent", steps.sent));
            }
            Some(at) if steps.ends && at == steps.sent => {
                self.fault(format!("{name}: step {at} deletes it, and it is there"));
            }
            _ => {}
        }
        if steps.sent > steps.acknowledged {
            self.unknown(at.map_or(steps.ends, |at| at == steps.sent));
        }
    }

    /// Of each step that was made the listener must have been told, and of no other one.
    fn told(
        &mut self,
        (kind, id): &Thing,
        steps: Steps,
        least: u32,
        at: Option<u32>,
        heard: Option<&BTreeSet<u32>>,
    ) {
        let made = match at {
            Some(at) => at,
            // It was deleted, as the ledger or the listener knows. The listener does not ask for deletions of objects.
            None if steps.ends && (least > 0 || heard.is_some()) => {
                steps.sent - u32::from(*kind == Kind::Object)
            }
            None => 0,
        };
        let most = at.unwrap_or(if steps.ends { steps.sent } else { 0 });
        for step in (1..=made).filter(|step| !heard.is_some_and(|heard| heard.contains(step))) {
            self.fault(format!("{} {id}: the listener was not told of step {step}", kind.name()));
        }
        for step in heard.into_iter().flatten().filter(|step| **step > most) {
            let name = kind.name();
            self.fault(format!("{name} {id}: the listener was told of step {step}, which is not there"));
        }
    }

    /// A transfer is there with its journal entry, its value, its message and the event of the entry, or nothing of it is.
    fn transfers(&mut self, found: &Found, heard: &Heard, before: &Ledger, after: &Ledger) {
        let seen =
            found.journal.keys().chain(found.values.keys()).chain(&heard.journal).chain(&heard.messages);
        let all: BTreeSet<&String> = seen.chain(after.transfers.keys()).collect();
        for id in all {
            let Some((sent, fate)) = after.transfers.get(id) else {
                self.fault(format!("transfer {id} was never sent"));
                continue;
            };
            let parts = [
                ("journal entry", is(sent, found.journal.get(id))),
                ("value", is(sent, found.values.get(id))),
                ("message", Part::there_if(heard.messages.contains(id))),
                ("event", Part::there_if(heard.journal.contains(id))),
            ];
            for (name, _) in parts.iter().filter(|(_, part)| *part == Part::Other) {
                self.fault(format!("transfer {id}: its {name} is not what was sent"));
            }
            let with = |wanted: Part| -> Vec<&str> {
                parts.iter().filter(|(_, part)| *part == wanted).map(|(name, _)| *name).collect()
            };
            let (there, missing) = (with(Part::There), with(Part::Missing));
            if !there.is_empty() && !missing.is_empty() {
                self.fault(format!("transfer {id} is half: {there:?} without {missing:?}"));
            }
            let acknowledged = before.transfers.get(id).is_some_and(|(_, fate)| *fate == Fate::Acknowledged);
            if acknowledged && there.is_empty() {
                self.fault(format!("transfer {id} was acknowledged, and it is not there"));
            }
            if *fate == Fate::Refused && !there.is_empty() {
                self.fault(format!("transfer {id} was answered as undone, and it is there"));
            }
            if *fate == Fate::Sent {
                self.unknown(!there.is_empty());
            }
        }
    }

    /// Every account holds what the journal says.
    fn balances(&mut self, found: &Found, opening: &[(String, i64)]) {
        let mut expected: BTreeMap<&str, i64> =
            opening.iter().map(|(id, balance)| (id.as_str(), *balance)).collect();
        for transfer in found.journal.values() {
            *expected.entry(&transfer.from).or_default() -= transfer.amount;
            *expected.entry(&transfer.to).or_default() += transfer.amount;
        }
        let (sum, kept): (i64, i64) =
            (found.accounts.values().sum(), opening.iter().map(|(_, balance)| balance).sum());
        if sum != kept {
            self.fault(format!("the accounts hold {sum} together, and should hold {kept}"));
        }
        let accounts: BTreeSet<&str> =
            expected.keys().copied().chain(found.accounts.keys().map(String::as_str)).collect();
        for id in accounts {
            let (is, should) = (found.accounts.get(id), expected.get(id));
            if is != should {
                self.fault(format!("account {id} holds {is:?}, and by the journal {should:?}"));
            }
        }
    }
}

/// A part of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    There,
    Missing,
    /// There, and not what was sent.
    Other,
}

impl Part {
    fn there_if(there: bool) -> Self {
        if there { Self::There } else { Self::Missing }
    }
}

fn is(sent: &Transfer, found: Option<&Transfer>) -> Part {
    match found {
        None => Part::Missing,
        Some(found) if found == sent => Part::There,
        Some(_) => Part::Other,
    }
}
