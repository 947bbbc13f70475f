//! When the log of a file is brought into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::is_fsync;

/// Pages of a log that are brought into the file with a commit.
const CHECKPOINT_PAGES: i32 = 4_000;

/// Has commits bring a long log into the file, as SQLite does by itself; but SQLite tells nobody that an fsync has failed then.
/// It is set from then on.
pub(crate) fn checkpoint_with_commits(writer: &mut Connection) -> rusqlite::Result<Arc<AtomicBool>> {
    let failed = Arc::<AtomicBool>::default();
    let has_failed = failed.clone();
    writer.wal_hook(Some(move |log: &mut rusqlite::hooks::Wal, pages| {
        if pages >= CHECKPOINT_PAGES
            && let Err(error) = log.checkpoint()
            && is_fsync(&error)
        {
            has_failed.store(true, Ordering::Release);
        }
        // What else fails is tried again with the next commit.
        Ok(())
    }))?;
    Ok(failed)
}
