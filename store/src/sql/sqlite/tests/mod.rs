//! What is particular to the SQLite driver, and the conformance suite run on it.

mod attacks;
mod files;
mod speed;

use std::path::Path;

use super::*;
use crate::project::tests::scratch;
use crate::sql::conformance::{self, Wanted};

fn open_in(folder: &Path, clock: StoreClock, limits: Limits) -> Sqlite {
    Sqlite::new(&DataDir::open(folder).unwrap(), clock, limits)
}

/// The time, which goes on.
#[expect(clippy::disallowed_methods, reason = "statements must end in real time")]
fn real() -> StoreClock {
    let begin = std::time::Instant::now();
    Arc::new(move || 1_700_000_000_000 + i64::try_from(begin.elapsed().as_millis()).unwrap())
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
