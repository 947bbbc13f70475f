//! What is particular to the SQLite driver, and the conformance suite run on it.

mod attacks;
mod bounds;
mod faults;
mod files;
mod speed;

use std::path::Path;

use super::*;
use crate::project::tests::scratch;
use crate::sql::conformance::{self, Wanted};

fn open_in(folder: &Path, timer: StoreTimer, limits: Limits) -> Sqlite {
    open_at(folder, Arc::new(|| 1_700_000_000_000), timer, limits)
}

fn open_at(folder: &Path, clock: StoreClock, timer: StoreTimer, limits: Limits) -> Sqlite {
    Sqlite::new(&DataDir::open(folder).unwrap(), clock, timer, limits).unwrap()
}

/// The time, which goes on.
#[expect(clippy::disallowed_methods, reason = "statements must end in real time")]
fn real() -> StoreTimer {
    let begin = std::time::Instant::now();
    Arc::new(move || begin.elapsed())
}

fn statement(sql: &str) -> Statement {
    Statement::new(sql, Vec::new())
}

#[tokio::test]
async fn conforms() {
    let folder = scratch();
    let open = |Wanted { number, bytes, growth }: Wanted| -> Result<Arc<dyn Databases>> {
        let limits = Limits { bytes, growth, ..Limits::default() };
        Ok(Arc::new(open_in(&folder.path().join(number.to_string()), real(), limits)))
    };
    conformance::run(open).await.unwrap();
}
