//! What SQLite would do for a statement.

use rusqlite::Connection;

/// The steps of a statement.
pub(crate) fn steps(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 1)?;
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

/// The same for the tests that nothing is looked for row by row.
#[cfg(test)]
pub(crate) fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    steps(connection, sql).unwrap()
}
