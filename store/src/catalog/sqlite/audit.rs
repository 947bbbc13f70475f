//! The audit trail in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, Row};

use super::Sqlite;
use crate::catalog::{Audit, AuditRow, ProjectId, Result, Stamp};

/// Writes a row in the transaction of the action itself. One writer and the savepoints around it make the
/// sequence free of gaps: an action that fails takes its number back.
pub(super) fn record(
    connection: &Connection,
    stamp: &Stamp,
    project: Option<ProjectId>,
    action: &str,
    subject: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (sequence, at_ms, actor, project, action, subject)
             SELECT coalesce(max(sequence), 0) + 1, ?1, ?2, ?3, ?4, ?5 FROM audit",
        )?
        .execute((stamp.at_ms, &stamp.actor, project, action, subject))?;
    Ok(())
}

#[async_trait]
impl Audit for Sqlite {
    async fn list(&self, project: Option<ProjectId>, limit: u32) -> Result<Vec<AuditRow>> {
        self.read(|connection| {
            let of = match project {
                Some(_) => "WHERE project = ?1",
                None => "WHERE ?1 IS NULL",
            };
            let sql = format!(
                "SELECT sequence, at_ms, actor, project, action, subject FROM audit {of}
                 ORDER BY sequence DESC LIMIT ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map((project, limit), row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn record(&self, stamp: &Stamp, project: ProjectId, action: &str, subject: &str) -> Result<()> {
        let (stamp, action, subject) = (stamp.clone(), action.to_owned(), subject.to_owned());
        self.write(move |connection| record(connection, &stamp, Some(project), &action, &subject)).await
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        sequence: row.get(0)?,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        project: row.get(3)?,
        action: row.get(4)?,
        subject: row.get(5)?,
    })
}
