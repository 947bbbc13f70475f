//! What a call would ask of SQLite, for people who write rules and declare indexes. Nothing is looked for.

use std::sync::Arc;

use rusqlite::types::Value;

use super::access::Access;
use super::plan::{Source, plan};
use super::question::{Question, Task};
use super::select::{Columns, Look, Wanted, text};
use super::{Sqlite, untold};
use crate::catalog::ProjectId;
use crate::documents::language::Filter;
use crate::documents::{Call, Caller, Explained, Failure, MAX_CHANGED, Result};
use crate::sqlite;

/// A [`Call`], read.
enum Asked {
    Read(Question),
    Write(Task),
}

impl Sqlite {
    pub(super) async fn explained(
        &self,
        project: ProjectId,
        caller: &Caller,
        name: &str,
        call: Call,
    ) -> Result<Explained> {
        let asked = match call {
            Call::Read(read) => Asked::Read(Question::parse(read)?),
            Call::Write(write) => Asked::Write(self.parse(write).await?),
        };
        let watch = self.watch(self.limits.quick);
        let explain = |connection: &rusqlite::Connection, _| {
            let collection = self.catalog.collection(connection, project, name)?;
            let access = collection.ruling.known(caller);
            let look =
                Look { connection, queries: &self.catalog.queries, collection: &collection, watch: &watch };
            let wanted = match &asked {
                Asked::Read(question) => look.wanted_by(project, &access, question),
                Asked::Write(task) => look.wanted_for(&access, task),
            };
            let condition = access.words(match &asked {
                Asked::Read(_) => None,
                Asked::Write(task) => Some(task.operation()),
            });
            match wanted {
                Ok(Some(wanted)) => Ok(look.explain(&wanted, condition)?),
                // Nothing is looked for.
                Ok(None) | Err(Failure::Forbidden) => Ok(Explained { condition, ..Explained::default() }),
                Err(failure) => Err(failure.into()),
            }
        };
        let explained = self.files.read(project, explain).await.map_err(Failure::from)?;
        explained.ok_or_else(|| untold(Failure::NoCollection(name.to_owned())))
    }
}

impl Look<'_> {
    /// What a question looks for under rules.
    fn wanted_by(
        &self,
        project: ProjectId,
        access: &Access,
        question: &Question,
    ) -> Result<Option<Wanted<'static>>> {
        Ok(Some(match access.question(question)? {
            Question::Get { id, .. } => {
                let filter = Filter::parse(&serde_json::json!({ "_id": id }).to_string())?;
                let by_id = Question::Count { filter: Arc::new(filter), limit: Some(1) };
                return self.wanted_by(project, access, &by_id);
            }
            Question::Find(find) => find.wanted(find.asked(project, self.collection.id))?,
            Question::Count { filter, limit } => {
                Wanted { limit, columns: Columns::Count, ..Wanted::all(filter) }
            }
            Question::Distinct { filter, .. } | Question::Aggregate { filter, .. } => Wanted::all(filter),
        }))
    }

    /// What a change looks for under rules; none where it only puts in.
    fn wanted_for(&self, access: &Access, task: &Task) -> Result<Option<Wanted<'static>>> {
        access.permit(task)?;
        let Some(chosen) = task.chosen() else { return Ok(None) };
        let chosen = access.chosen(chosen, task.operation())?;
        Ok(Some(chosen.wanted(MAX_CHANGED + 1)))
    }

    fn explain(&self, wanted: &Wanted<'_>, condition: String) -> Result<Explained> {
        let plan = plan(&wanted.filter, &self.collection.indexes, &wanted.wish);
        let name_of = |id: i64| {
            let index = self.collection.indexes.iter().find(|index| index.id == id);
            index.map(|index| index.spec().name())
        };
        let index = match &plan.source {
            Source::Nothing | Source::Scan => None,
            Source::Id(_) => Some("_id".to_owned()),
            Source::Entries { index, .. } | Source::Walk { index, .. } => name_of(*index),
        };
        // The first parameter is to be the number under which the statement finds filter and rule.
        let text = text(self.collection.id, &plan, wanted, 0);
        let steps = sqlite::steps(self.connection, &text.sql)?;
        let sql = text.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Explained {
            condition,
            sql: Some(sql),
            parameters: text.params.iter().skip(1).map(shown).collect(),
            index,
            steps,
        })
    }
}

/// A parameter as SQLite's own shell shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => {
            format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}
