//! The judge fails where something is lost, half, or was never sent: a state that is right, changed in one place each time.

use super::super::ledger::{Fate, Kind, Ledger, Transfer};
use super::*;

/// A state that is right, and the ledger that belongs to it.
struct State {
    found: Found,
    before: Ledger,
    after: Ledger,
}

fn thing(kind: Kind, id: &str) -> Thing {
    (kind, id.to_owned())
}

fn transfer() -> Transfer {
    Transfer { from: "a0".to_owned(), to: "a1".to_owned(), amount: 7 }
}

fn openings() -> Vec<(String, i64)> {
    ["a0", "a1", "a2"].map(|id| (id.to_owned(), 100)).to_vec()
}

impl State {
    /// Everything of `t1` acknowledged and there; `t2` undone; of each kind a thing at step 2, and one that is deleted.
    fn right() -> Self {
        let (mut ledger, mut found) = (Ledger::default(), Found::default());
        for kind in Kind::ALL {
            for id in ["kept", "gone"] {
                let thing = thing(kind, id);
                for deletes in [false, id == "gone"] {
                    ledger.send(&thing, deletes);
                    ledger.acknowledge(&thing);
                }
            }
            found.steps.insert(thing(kind, "kept"), 2);
        }
        for (id, fate) in [("t1", Fate::Acknowledged), ("t2", Fate::Refused)] {
            ledger.send_transfer(id, &transfer());
            ledger.settle_transfer(id, fate);
        }
        found.journal.insert("t1".to_owned(), transfer());
        found.values.insert("t1".to_owned(), transfer());
        let balances = [("a0", 93), ("a1", 107), ("a2", 100)];
        found.accounts = balances.map(|(id, balance)| (id.to_owned(), balance)).into();
        let heard = [
            "message/t1",
            "journal/t1",
            "notes/kept/1",
            "notes/kept/2",
            "notes/gone/1",
            "notes/gone/2",
            "files/kept/1",
            "files/kept/2",
            "files/gone/1",
        ];
        found.heard = heard.map(|name| (name.to_owned(), 1)).into();
        Self { found, before: ledger.clone(), after: ledger }
    }

    fn judge(&self) -> Verdict {
        judge(&self.found, &self.before, &self.after, &openings())
    }
}

/// Changes one thing, and expects one fault at least that says so.
fn faulty(expected: &str, change: impl FnOnce(&mut State)) {
    let mut state = State::right();
    change(&mut state);
    let faults = state.judge().faults;
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected:?} is not in {faults:?}");
}

/// Changes something that is still right; unknown ones found, and absent.
fn fine(change: impl FnOnce(&mut State)) -> (u64, u64) {
    let mut state = State::right();
    change(&mut state);
    let verdict = state.judge();
    assert_eq!(verdict.faults, Vec::<String>::new());
    (verdict.unknown_found, verdict.unknown_absent)
}

#[test]
fn what_is_right_has_no_fault() {
    assert_eq!(fine(|_| ()), (0, 0));
}

#[test]
fn a_thing_that_is_lost_or_too_old_is_seen() {
    for kind in Kind::ALL {
        faulty("step 2 was acknowledged, and it is not there", |state| {
            state.found.steps.remove(&thing(kind, "kept"));
        });
        faulty("step 2 was acknowledged, and it is at step 1", |state| {
            state.found.steps.insert(thing(kind, "kept"), 1);
        });
        faulty("it is at step 3, and only 2 were sent", |state| {
            state.found.steps.insert(thing(kind, "kept"), 3);
        });
        faulty("step 2 deletes it, and it is there", |state| {
            state.found.steps.insert(thing(kind, "gone"), 2);
        });
        faulty("it is at step 1", |state| {
            state.found.steps.insert(thing(kind, "gone"), 1);
        });
        faulty("was never sent", |state| {
            state.found.steps.insert(thing(kind, "strange"), 1);
        });
    }
    faulty("not whole", |state| state.found.damaged.push("object x is not whole".to_owned()));
}

#[test]
fn a_transfer_that_is_lost_or_half_is_seen() {
    faulty("is half: [\"value\", \"message\", \"event\"] without [\"journal entry\"]", |state| {
        state.found.journal.remove("t1");
    });
    faulty("without [\"value\"]", |state| {
        state.found.values.remove("t1");
    });
    faulty("without [\"message\"]", |state| {
        state.found.heard.remove("message/t1");
    });
    faulty("without [\"event\"]", |state| {
        state.found.heard.remove("journal/t1");
    });
    faulty("its value is not what was sent", |state| {
        state.found.values.insert("t1".to_owned(), Transfer { amount: 8, ..transfer() });
    });
    faulty("transfer t1 was acknowledged, and it is not there", |state| {
        state.found = Found { accounts: State::right().found.accounts, ..Found::default() };
    });
    faulty("transfer t2 was answered as undone", |state| {
        state.found.heard.insert("message/t2".to_owned(), 1);
    });
    faulty("transfer t3 was never sent", |state| {
        state.found.values.insert("t3".to_owned(), transfer());
    });
}

#[test]
fn money_that_is_lost_or_made_is_seen() {
    faulty("the accounts hold 299 together", |state| {
        state.found.accounts.insert("a1".to_owned(), 106);
    });
    // The sum is right, and the money is with another account: an update was lost.
    faulty("account a1 holds Some(100), and by the journal Some(107)", |state| {
        state.found.accounts = openings().into_iter().collect();
    });
    faulty("account a2 holds None", |state| {
        state.found.accounts.remove("a2");
    });
}

#[test]
fn an_event_that_is_missing_or_too_many_is_seen() {
    for name in ["notes/kept/1", "notes/gone/2", "files/kept/2", "files/gone/1"] {
        faulty("the listener was not told of step", |state| {
            state.found.heard.remove(name);
        });
    }
    for name in ["notes/kept/3", "files/gone/3"] {
        faulty("which is not there", |state| {
            state.found.heard.insert(name.to_owned(), 1);
        });
    }
    for name in ["notes/strange/1", "values/kept/1"] {
        faulty("which was never sent", |state| {
            state.found.heard.insert(name.to_owned(), 1);
        });
    }
    faulty("the listener was told of \"nonsense\"", |state| {
        state.found.heard.insert("nonsense".to_owned(), 1);
    });
}

#[test]
fn what_was_cut_is_there_or_not_but_not_half() {
    let cut = |state: &mut State| {
        state.after.send(&thing(Kind::Document, "kept"), false);
        state.after.send_transfer("t3", &transfer());
    };
    assert_eq!(fine(cut), (0, 2));
    let made = |state: &mut State| {
        cut(state);
        state.found.steps.insert(thing(Kind::Document, "kept"), 3);
        state.found.heard.insert("notes/kept/3".to_owned(), 1);
        state.found.journal.insert("t3".to_owned(), transfer());
        state.found.values.insert("t3".to_owned(), transfer());
        state.found.heard.extend(["message/t3", "journal/t3"].map(|name| (name.to_owned(), 2)));
        state.found.accounts.extend([("a0".to_owned(), 86), ("a1".to_owned(), 114)]);
    };
    assert_eq!(fine(made), (2, 0));
    faulty("the listener was told of step 3, which is not there", |state| {
        made(state);
        state.found.steps.insert(thing(Kind::Document, "kept"), 2);
    });
    faulty("was not told of step 3", |state| {
        made(state);
        state.found.heard.remove("notes/kept/3");
    });
    faulty("transfer t3 is half", |state| {
        made(state);
        state.found.heard.remove("message/t3");
    });
    // A deletion that was cut.
    let deleted = |state: &mut State| state.after.send(&thing(Kind::Rows, "kept"), true);
    assert_eq!(fine(deleted), (0, 1));
    let found = fine(|state| {
        deleted(state);
        state.found.steps.remove(&thing(Kind::Rows, "kept"));
    });
    assert_eq!(found, (1, 0));
}

#[test]
fn a_backup_may_be_of_any_moment_while_it_was_taken() {
    // Nothing was known when it began: all of it may be there, or nothing.
    fine(|state| state.before = Ledger::default());
    fine(|state| {
        state.before = Ledger::default();
        state.found = Found { accounts: openings().into_iter().collect(), ..Found::default() };
    });
    // But not the money without the journal.
    faulty("by the journal", |state| {
        state.before = Ledger::default();
        state.found = Found { accounts: State::right().found.accounts, ..Found::default() };
    });
    faulty("not told of step 1", |state| {
        state.before = Ledger::default();
        state.found.heard.remove("notes/gone/1");
    });
}
