//! Backups that are taken while the clients write: each is restored elsewhere, a server started on it, and what is there judged.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use anyhow::{Context as _, Result};

use super::judge::judge;
use super::ledger::Ledger;
use super::writer::soon;
use super::{Shared, found, openings};
use crate::process;
use crate::server::{Server, Setup};

/// Backups that wait to be looked at; with more, none is taken.
const MOST_WAITING: u64 = 2;

/// A backup that is complete, and what the clients knew when it was begun and when it was complete.
#[derive(Debug)]
pub(super) struct Taken {
    folder: PathBuf,
    before: Ledger,
    after: Ledger,
}

/// How many there were.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Complete.
    pub(super) taken: AtomicU64,
    /// Cut by a kill.
    pub(super) cut: AtomicU64,
    /// Restored and looked at.
    pub(super) checked: AtomicU64,
    begun: AtomicU64,
}

impl Counts {
    /// Whether there is time to look at another one.
    pub(super) fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) - self.checked.load(Ordering::Relaxed) < MOST_WAITING
    }
}

/// `ostro backup` of a running server to a new folder.
pub(super) fn command(setup: &Setup, server: &Server, counts: &Counts) -> (Command, PathBuf) {
    let folder = setup.folder.join(format!("backup-{}", counts.begun.fetch_add(1, Ordering::Relaxed)));
    let mut cli = setup.cli();
    server.address(&mut cli).arg("backup").arg(&folder);
    (cli, folder)
}

/// Takes one and hands it on. It is cut when the server is killed meanwhile.
pub(super) fn take(
    (mut cli, folder): (Command, PathBuf),
    shared: &Shared,
    stop: &AtomicBool,
    to: &Sender<Taken>,
) -> Result<()> {
    let before = shared.with_ledger(|ledger| ledger.clone());
    let output = cli.output().context("ostro backup does not start")?;
    if output.status.success() {
        let after = shared.with_ledger(|ledger| ledger.clone());
        shared.backups.taken.fetch_add(1, Ordering::Relaxed);
        return to.send(Taken { folder, before, after }).context("nobody looks at backups any more");
    }
    if soon(stop) {
        shared.backups.cut.fetch_add(1, Ordering::Relaxed);
        let half = folder.with_extension("part");
        if folder.exists() {
            shared.fault(format!("a backup that was cut is there: {}", folder.display()));
        }
        if half.exists() {
            std::fs::remove_dir_all(half)?;
        }
    } else {
        shared.fault(format!("ostro backup failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(())
}

/// Looks at each as it comes.
pub(super) fn check_all(setup: &Setup, shared: &Shared, taken: Receiver<Taken>) -> Result<()> {
    for one in taken {
        let name = one.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let restored = setup.folder.join(format!("restored-{name}"));
        match check(setup, &one, &restored) {
            Ok(faults) if faults.is_empty() => {
                println!("  {name}: restored, consistent");
                std::fs::remove_dir_all(&one.folder)?;
                std::fs::remove_dir_all(&restored)?;
            }
            Ok(faults) => faults.into_iter().for_each(|fault| shared.fault(format!("{name}: {fault}"))),
            Err(error) => shared.fault(format!("{name}: {error:#}")),
        }
        shared.backups.checked.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn check(setup: &Setup, taken: &Taken, folder: &Path) -> Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    std::fs::copy(setup.folder.join("key"), folder.join("key"))?;
    let mut cli = setup.cli();
    cli.arg("restore").arg(&taken.folder).arg("--data").arg(folder.join("data"));
    process::output(cli.arg("--key-file").arg(folder.join("key")))?;
    let server = Setup::on_free_ports(&setup.ostro, folder).start()?;
    let rest = found::come_to_rest(&server)?;
    let found = found::read(&server)?;
    let mut faults = judge(&found, &taken.before, &taken.after, &openings()).faults;
    faults.extend(rest.faults(&found, &folder.join("data"))?);
    server.stop()?;
    Ok(faults)
}
