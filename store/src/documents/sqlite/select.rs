//! From a plan to a statement, and from its rows to documents.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::catalog::Collection;
use super::cursor::Position;
use super::functions::{Entered, Queries, Query, Watch};
use super::plan::{Order, Plan, Source, Wish, plan, ties};
use crate::documents::language::{Direction, Filter, Sort};
use crate::documents::{Failure, Result};

/// What is looked for.
pub(crate) struct Wanted<'w> {
    pub(super) filter: Arc<Filter>,
    pub(super) wish: Wish,
    /// Behind which document.
    pub(super) after: Option<Position>,
    pub(super) skip: u64,
    pub(super) limit: Option<u64>,
    /// `_id`s that are left out.
    pub(super) without: &'w [String],
    pub(super) columns: Columns,
}

/// How much of a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// All of it.
    All,
    /// Its place and version.
    Marks,
    /// One row with their number.
    Count,
}

/// Where one looks.
#[derive(Clone, Copy)]
pub(crate) struct Look<'l> {
    pub(crate) connection: &'l Connection,
    pub(super) queries: &'l Queries,
    pub(crate) collection: &'l Collection,
    pub(super) watch: &'l Watch,
}

/// A document as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) version: i64,
    pub(crate) id: String,
    pub(crate) body: String,
    /// Its entry in the index that is walked.
    pub(super) entry: Option<Vec<u8>>,
}

/// A statement that is about to run.
pub(crate) struct Selected<'l> {
    pub(super) plan: Plan,
    pub(super) sort: Sort,
    entered: Entered,
    statement: CachedStatement<'l>,
    params: Vec<Value>,
    columns: Columns,
    /// Of what is sorted only the places come in order; the documents are read by those.
    documents: Option<CachedStatement<'l>>,
}

/// Documents, one after the other.
pub(crate) enum Rows<'s, 'l> {
    /// As the statement has them.
    Direct { rows: rusqlite::Rows<'s>, query: &'s Query, columns: Columns },
    /// At these places.
    Placed { places: std::vec::IntoIter<i64>, documents: &'s mut CachedStatement<'l> },
}

/// The text of a statement and what is bound.
pub(super) struct Text {
    pub(super) sql: String,
    pub(super) params: Vec<Value>,
}

impl<'l> Look<'l> {
    /// The statement for what is wanted.
    pub(super) fn select(&self, wanted: &Wanted<'_>) -> Result<Selected<'l>> {
        let plan = plan(&wanted.filter, &self.collection.indexes, &wanted.wish);
        let sort = sort_of(&plan.order)?;
        let entered = self.queries.enter(wanted.filter.clone(), sort.clone(), self.watch.clone());
        let text = text(self.collection.id, &plan, wanted, entered.number);
        let statement = self.connection.prepare_cached(&text.sql)?;
        let by_place = plan.must_sort && wanted.columns == Columns::All;
        let documents = match by_place {
            true => Some(self.connection.prepare_cached(&by_place_sql(self.collection.id))?),
            false => None,
        };
        let (params, columns) = (text.params, wanted.columns);
        Ok(Selected { plan, sort, entered, statement, params, columns, documents })
    }

    /// The document of an `_id`.
    pub(crate) fn by_id(&self, id: &str) -> Result<Option<Row>> {
        by_id(self.connection, self.collection.id, id)
    }
}

impl<'l> Selected<'l> {
    /// Runs it.
    pub(crate) fn rows<'s>(&'s mut self) -> Result<(Rows<'s, 'l>, &'s Query)> {
        let query = &*self.entered.query;
        let rows = self.statement.query(params_from_iter(&self.params))?;
        let Some(documents) = &mut self.documents else {
            return Ok((Rows::Direct { rows, query, columns: self.columns }, query));
        };
        let places = Rows::Direct { rows, query, columns: Columns::Marks }.places()?;
        Ok((Rows::Placed { places: places.into_iter(), documents }, query))
    }
}

impl Rows<'_, '_> {
    /// The next document.
    pub(crate) fn next(&mut self) -> Result<Option<Row>> {
        match self {
            Self::Direct { rows, query, columns } => {
                let row = rows.next().map_err(|error| spent_or(query, error))?;
                row.map(|row| Row::read(row, *columns)).transpose().map_err(Failure::from)
            }
            Self::Placed { places, documents } => {
                let Some(seq) = places.next() else { return Ok(None) };
                let read = |row: &rusqlite::Row<'_>| Row::read(row, Columns::All);
                Ok(Some(documents.query_row([seq], read)?))
            }
        }
    }

    /// The places of all of them.
    pub(super) fn places(mut self) -> Result<Vec<i64>> {
        let mut places = Vec::new();
        while let Some(row) = self.next()? {
            places.push(row.seq);
        }
        Ok(places)
    }
}

impl Row {
    /// Whether it is in the file, and not only written by a transaction that is open.
    pub(super) fn is_stored(&self) -> bool {
        self.version > 0
    }

    fn read(row: &rusqlite::Row<'_>, columns: Columns) -> rusqlite::Result<Self> {
        let (seq, version) = (row.get(0)?, row.get(1)?);
        match columns {
            Columns::All => Ok(Self { seq, version, id: row.get(2)?, body: row.get(3)?, entry: row.get(4)? }),
            Columns::Marks | Columns::Count => Ok(Self { seq, version, ..Self::default() }),
        }
    }
}

/// The document of an `_id`.
pub(crate) fn by_id(connection: &Connection, collection: i64, id: &str) -> Result<Option<Row>> {
    use rusqlite::OptionalExtension as _;
    let sql = format!("SELECT seq, version, id, body, NULL FROM c{collection} WHERE id = ?1");
    let mut find = connection.prepare_cached(&sql)?;
    Ok(find.query_row([id], |row| Row::read(row, Columns::All)).optional()?)
}

/// The document of a place.
pub(crate) fn by_place(connection: &Connection, collection: i64, seq: i64) -> Result<Option<Row>> {
    use rusqlite::OptionalExtension as _;
    let mut find = connection.prepare_cached(&by_place_sql(collection))?;
    Ok(find.query_row([seq], |row| Row::read(row, Columns::All)).optional()?)
}

fn by_place_sql(collection: i64) -> String {
    format!("SELECT seq, version, id, body, NULL FROM c{collection} WHERE seq = ?1")
}

/// An order as the language has it.
pub(super) fn sort_of(order: &Order) -> Result<Sort> {
    if order.is_empty() {
        return Ok(Sort::default());
    }
    let pairs: Vec<(&str, i8)> = order
        .iter()
        .map(|(field, direction)| (field.as_str(), if *direction == Direction::Ascending { 1 } else { -1 }))
        .collect();
    let json = serde_json::to_string(&pairs).map_err(super::catalog::damaged)?;
    Ok(Sort::parse(&json)?)
}

/// The statement of a plan.
pub(super) fn text(collection: i64, plan: &Plan, wanted: &Wanted<'_>, query: i64) -> Text {
    let mut text = Text { sql: String::new(), params: vec![query.into()] };
    let columns = match (wanted.columns, &plan.source) {
        (Columns::Count, _) => "SELECT count(*), 0 FROM (SELECT 1",
        (Columns::All, _) if plan.must_sort => {
            "SELECT c.seq, c.version, doc_sort_key(?1, c.seq, c.body) AS k"
        }
        (Columns::Marks, _) if plan.must_sort => {
            "SELECT c.seq, c.version, doc_sort_key(?1, c.seq, c.body) AS k"
        }
        (Columns::All, Source::Walk { .. }) => "SELECT c.seq, c.version, c.id, c.body, x.key",
        (Columns::All, _) => "SELECT c.seq, c.version, c.id, c.body, NULL",
        (Columns::Marks, _) => "SELECT c.seq, c.version",
    };
    text.sql.push_str(columns);
    text.source(collection, plan, wanted);
    text.after(plan, wanted.after.as_ref());
    if !wanted.without.is_empty() {
        let ids = serde_json::Value::from(wanted.without).to_string();
        let ids = text.bind(ids.into());
        text.sql.push_str(&format!(" AND c.id NOT IN (SELECT value FROM json_each({ids}))"));
    }
    text.sql.push_str(match wanted.filter.is_all() {
        true => " AND doc_passes(?1, c.seq)",
        false => " AND doc_matches(?1, c.seq, c.body)",
    });
    text.order(plan, wanted.columns);
    if wanted.limit.is_some() || wanted.skip > 0 {
        let limit = text.bind(wanted.limit.map_or(-1, crate::sqlite::stored).into());
        text.sql.push_str(&format!(" LIMIT {limit}"));
    }
    if wanted.skip > 0 {
        let skip = text.bind(crate::sqlite::stored(wanted.skip).into());
        text.sql.push_str(&format!(" OFFSET {skip}"));
    }
    if wanted.columns == Columns::Count {
        text.sql.push(')');
    }
    text
}

impl Text {
    fn bind(&mut self, value: Value) -> String {
        self.params.push(value);
        format!("?{}", self.params.len())
    }

    /// What is looked at.
    fn source(&mut self, collection: i64, plan: &Plan, wanted: &Wanted<'_>) {
        let table = format!(" FROM c{collection} AS c");
        let source = match &plan.source {
            Source::Nothing => format!("{table} WHERE 0"),
            Source::Scan => format!("{table} WHERE 1"),
            Source::Id(id) => {
                let id = self.bind(id.clone().into());
                format!("{table} WHERE c.id = {id}")
            }
            Source::Entries { index, spans } => {
                let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                let spans: Vec<[String; 2]> =
                    spans.iter().map(|span| [hex(&span.from), hex(&span.to)]).collect();
                let spans = self.bind(serde_json::json!(spans).to_string().into());
                // CROSS JOIN: the spans stand outside, whatever the planner thinks.
                format!(
                    "{table} WHERE c.seq IN (SELECT x.seq FROM json_each({spans}) AS span
                         CROSS JOIN x{index} AS x
                         WHERE x.key >= unhex(span.value ->> 0) AND x.key < unhex(span.value ->> 1)
                             AND doc_passes(?1, x.seq))"
                )
            }
            Source::Walk { index, span, direction } => {
                let table = format!(" FROM x{index} AS x CROSS JOIN c{collection} AS c ON c.seq = x.seq");
                // Where the walk goes on behind an entry, that is its beginning.
                let goes_on = wanted.after.as_ref().is_some_and(|after| after.entry_in(*index).is_some());
                let (from, to) = match (goes_on, direction) {
                    (false, _) => (true, true),
                    (true, Direction::Ascending) => (false, true),
                    (true, Direction::Descending) => (true, false),
                };
                let mut source = format!("{table} WHERE 1");
                if from {
                    let from = self.bind(span.from.clone().into());
                    source.push_str(&format!(" AND x.key >= {from}"));
                }
                if to {
                    let to = self.bind(span.to.clone().into());
                    source.push_str(&format!(" AND x.key < {to}"));
                }
                source
            }
        };
        self.sql.push_str(&source);
    }

    /// Only what comes behind a document.
    fn after(&mut self, plan: &Plan, after: Option<&Position>) {
        let Some(after) = after else { return };
        let seq = self.bind(after.seq.into());
        let sign = |direction| if direction == Direction::Ascending { '>' } else { '<' };
        let tie = sign(ties(&plan.order));
        let behind = match &plan.source {
            Source::Walk { index, direction, .. } if after.entry_in(*index).is_some() => {
                let entry = after.entry_in(*index).unwrap_or_default().to_vec();
                let entry = self.bind(entry.into());
                format!(" AND (x.key, x.seq) {} ({entry}, {seq})", sign(*direction))
            }
            _ if plan.order.is_empty() => format!(" AND c.seq {tie} {seq}"),
            _ => {
                let key = self.bind(after.sort_key.clone().into());
                let of = "doc_sort_key(?1, c.seq, c.body)";
                format!(" AND ({of} > {key} OR ({of} = {key} AND c.seq {tie} {seq}))")
            }
        };
        self.sql.push_str(&behind);
    }

    fn order(&mut self, plan: &Plan, columns: Columns) {
        let word = |direction| if direction == Direction::Ascending { "" } else { " DESC" };
        let order = match &plan.source {
            // Counting needs none.
            _ if columns == Columns::Count => return,
            Source::Id(_) | Source::Nothing => return,
            _ if plan.must_sort => format!(" ORDER BY k, c.seq{}", word(ties(&plan.order))),
            Source::Walk { direction, .. } => {
                let word = word(*direction);
                format!(" ORDER BY x.key{word}, x.seq{word}")
            }
            Source::Scan | Source::Entries { .. } => " ORDER BY c.seq".to_owned(),
        };
        self.sql.push_str(&order);
    }
}

/// A look that has cost too much fails its statement; what else fails is told as it is.
fn spent_or(query: &Query, error: rusqlite::Error) -> Failure {
    if query.is_spent() { Failure::Timeout } else { error.into() }
}
