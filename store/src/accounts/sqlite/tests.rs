//! What is particular to the SQLite driver, and the conformance suite run on it.

use std::path::Path;

use super::*;
use crate::accounts::conformance::{self, Wanted};
use crate::accounts::{NewAccount, SessionChange};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::project::tests::{copy, project, scratch};
use crate::project::{self, SCHEMA};
use crate::sqlite::plan;
use crate::{DataDir, StoreClock};

fn open_in(folder: &Path, clock: StoreClock, limits: Limits) -> Result<AccountStore> {
    let data = DataDir::open(folder)?;
    let files = ProjectFiles::open(&data, clock, project::Limits::default(), Vec::new())?;
    Ok(open(Arc::new(files), limits))
}

#[tokio::test]
async fn conforms() {
    let folder = scratch();
    let open = |wanted: &Wanted| {
        let folder = folder.path().join(wanted.number.to_string());
        let limits = Limits { accounts: stored(wanted.accounts), sessions: stored(wanted.sessions) };
        open_in(&folder, wanted.clock.clone(), limits)
    };
    conformance::run(open).await.unwrap();
}

/// What was answered is there after a kill, a revocation above all.
#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let (folder, killed, clock) = (scratch(), scratch(), TurnedClock::at(START_MS));
    let accounts = open_in(folder.path(), clock.store_clock(), Limits::default()).unwrap().accounts;
    let new = NewAccount { email: Some("a@b.c".to_owned()), ..NewAccount::default() };
    let Changed::Done(account) = accounts.change(project(1), Change::Create(new)).await.unwrap() else {
        panic!("made")
    };
    let begin = |number: u8| SessionChange::Begin {
        account: account.id,
        family: [number; 32],
        token: [number; 32],
        ttl_ms: 1_000,
    };
    for number in [1, 2] {
        let SessionAnswer::Live(id, _) = accounts.session(project(1), begin(number)).await.unwrap() else {
            panic!("begun")
        };
        if number == 1 {
            accounts.session(project(1), SessionChange::End(id)).await.unwrap();
        }
    }
    copy(folder.path(), killed.path());
    let again = open_in(killed.path(), clock.store_clock(), Limits::default()).unwrap().accounts;
    let refresh = |number: u8| SessionChange::Refresh {
        family: [number; 32],
        token: [number; 32],
        next: [9; 32],
        next_family: [number; 32],
        ttl_ms: 1_000,
    };
    assert_eq!(again.session(project(1), refresh(1)).await.unwrap(), SessionAnswer::Over);
    let SessionAnswer::Live(_, found) = again.session(project(1), refresh(2)).await.unwrap() else {
        panic!("it goes on")
    };
    assert_eq!(found, account);
}

/// None of what is asked often walks a table.
#[test]
fn questions_use_indexes() {
    let connection = Connection::open_in_memory().unwrap();
    SCHEMA.migrate(&connection).unwrap();
    for sql in [
        people::BY_ID,
        people::BY_EMAIL,
        people::BY_IDENTITY,
        people::BY_SESSION,
        people::BY_TOKEN,
        people::SWEEP,
        people::END_OTHERS,
        directory::NEWEST,
        directory::ADDRESSES,
        directory::IDENTITIES,
        directory::SESSIONS,
        sessions::FAMILY,
        sessions::SWEEP,
        sessions::CROWD,
        sessions::END_ALL,
        sessions::END_FAMILY,
        once::USE,
        once::COUNT,
        once::SWEEP,
        once::VOID,
    ] {
        let plan = plan(&connection, sql);
        let lines = plan.join("\n");
        assert!(!lines.contains("SCAN") && !lines.contains("TEMP B-TREE"), "{sql}\n{lines}");
    }
}
