//! Hourly totals in SQLite.

use async_trait::async_trait;
use rusqlite::Row;

use super::Sqlite;
use crate::catalog::{FunctionId, HourTotal, Result, Totals};

/// Adds up to the largest integer and no further: past it SQLite would turn to floating point.
const ADD: &str = "
    INSERT INTO totals (function, hour_ms, invocations, failures, cpu_us, wall_us, bytes_in, bytes_out)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT DO UPDATE SET
        invocations = invocations + min(excluded.invocations, 9223372036854775807 - invocations),
        failures    = failures    + min(excluded.failures,    9223372036854775807 - failures),
        cpu_us      = cpu_us      + min(excluded.cpu_us,      9223372036854775807 - cpu_us),
        wall_us     = wall_us     + min(excluded.wall_us,     9223372036854775807 - wall_us),
        bytes_in    = bytes_in    + min(excluded.bytes_in,    9223372036854775807 - bytes_in),
        bytes_out   = bytes_out   + min(excluded.bytes_out,   9223372036854775807 - bytes_out)";

#[async_trait]
impl Totals for Sqlite {
    async fn add(&self, totals: &[HourTotal]) -> Result<()> {
        let totals = totals.to_vec();
        self.write(move |connection| {
            let mut add = connection.prepare_cached(ADD)?;
            for total in &totals {
                add.execute((
                    total.function,
                    total.hour_ms,
                    integer(total.invocations),
                    integer(total.failures),
                    integer(total.cpu_us),
                    integer(total.wall_us),
                    integer(total.bytes_in),
                    integer(total.bytes_out),
                ))?;
            }
            Ok(())
        })
        .await
    }

    async fn since(&self, function: FunctionId, since_hour_ms: i64) -> Result<Vec<HourTotal>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT function, hour_ms, invocations, failures, cpu_us, wall_us, bytes_in, bytes_out
                 FROM totals WHERE function = ?1 AND hour_ms >= ?2 ORDER BY hour_ms",
            )?;
            let totals = statement.query_map((function, since_hour_ms), total)?;
            Ok(totals.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn total(row: &Row<'_>) -> rusqlite::Result<HourTotal> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(HourTotal {
        function: row.get(0)?,
        hour_ms: row.get(1)?,
        invocations: count(2)?,
        failures: count(3)?,
        cpu_us: count(4)?,
        wall_us: count(5)?,
        bytes_in: count(6)?,
        bytes_out: count(7)?,
    })
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
