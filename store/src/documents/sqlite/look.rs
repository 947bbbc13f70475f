//! Answers: what is made of the documents that a statement finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cursor::{Asked, Position, foreign};
use super::functions::Query;
use super::plan::{Order, Wish};
use super::question::{Find, Question, Shown};
use super::select::{Columns, Look, Row, Wanted};
use crate::catalog::ProjectId;
use crate::documents::language::{Filter, Object, Path, Pipeline, Sort, Stopped};
use crate::documents::{Failure, Found, MAX_ANSWER_BYTES, Page, Result};

/// What the stages of a pipeline hold at once, bytes.
const PIPELINE_BYTES: usize = 64 << 20;

/// How many documents there are, whatever is in them.
pub(super) const DOCUMENTS: &str = "SELECT documents FROM collections WHERE id = ?1";

/// Gives documents one after the other.
pub(crate) type Next<'n> = dyn FnMut() -> Result<Option<Row>> + 'n;

impl Wanted<'_> {
    /// All documents that match, as they come.
    pub(crate) fn all(filter: Arc<Filter>) -> Self {
        Self {
            filter,
            wish: Wish::Any,
            after: None,
            skip: 0,
            limit: None,
            without: &[],
            columns: Columns::All,
        }
    }
}

impl Look<'_> {
    /// Answers a question.
    pub(super) fn answer(&self, project: ProjectId, question: &Question) -> Result<Found> {
        match question {
            Question::Get { id, only, shown } => {
                let row = self.by_id(id)?;
                if let (Some(only), Some(row)) = (only, &row)
                    && !only.matches(&object(&row.body)?)
                {
                    return Ok(Found::Document(None));
                }
                Ok(Found::Document(document(row.as_ref(), shown)?))
            }
            Question::Find(find) => self.find(project, find).map(Found::Page),
            Question::Count { filter, limit } => self.count(filter, *limit).map(Found::Count),
            Question::Distinct { field, filter } => {
                let mut selected = self.select(&Wanted::all(filter.clone()))?;
                let (mut rows, query) = selected.rows()?;
                distinct(&mut || rows.next(), query, field).map(Found::Values)
            }
            Question::Aggregate { pipeline, filter } => {
                let mut selected = self.select(&Wanted::all(filter.clone()))?;
                let (mut rows, query) = selected.rows()?;
                aggregate(&mut || rows.next(), query, pipeline.clone()).map(Found::Values)
            }
        }
    }

    fn find(&self, project: ProjectId, find: &Find) -> Result<Page> {
        let asked = find.asked(project, self.collection.id);
        let wanted = find.wanted(asked)?;
        let mut selected = self.select(&wanted)?;
        let (order, sort) = (selected.plan.order.clone(), selected.sort.clone());
        let walked = selected.plan.walked();
        let (mut rows, query) = selected.rows()?;
        let paging = Paging { find, asked, order, sort, walked };
        paging.page(&mut || rows.next(), query)
    }

    fn count(&self, filter: &Arc<Filter>, limit: Option<u64>) -> Result<u64> {
        if filter.is_all() {
            let mut count = self.connection.prepare_cached(DOCUMENTS)?;
            let documents: i64 = count.query_row([self.collection.id], |row| row.get(0))?;
            return Ok(documents.unsigned_abs().min(limit.unwrap_or(u64::MAX)));
        }
        let wanted = Wanted { limit, columns: Columns::Count, ..Wanted::all(filter.clone()) };
        let mut selected = self.select(&wanted)?;
        let (mut rows, _) = selected.rows()?;
        // The number stands where the place stands otherwise.
        Ok(rows.next()?.map_or(0, |row| row.seq.unsigned_abs()))
    }
}

impl Find {
    pub(super) fn asked(&self, project: ProjectId, collection: i64) -> Asked<'_> {
        let (sort, under) = (self.asked.sort.as_deref(), self.under.as_deref());
        Asked { project, collection, filter: &self.asked.filter, sort, under }
    }

    /// One document more than the page has tells whether there are more.
    pub(super) fn wanted(&self, asked: Asked<'_>) -> Result<Wanted<'static>> {
        let cursor = self.asked.cursor.as_deref();
        let after = cursor.map(|cursor| Position::read(cursor, asked)).transpose()?;
        let may_be_told =
            |(field, _): &(String, _)| Path::parse(field).is_ok_and(|path| self.filter.may_walk(&path));
        // Whoever makes a cursor up must not have an order from it that could not be asked for.
        if after.as_ref().is_some_and(|after| !after.order.iter().all(may_be_told)) {
            return Err(foreign());
        }
        let wish = match &after {
            Some(after) => Wish::Exactly(after.order.clone()),
            None if self.order.is_empty() => Wish::Any,
            None => Wish::Like(self.order.clone()),
        };
        let skip = if after.is_some() { 0 } else { self.asked.skip };
        Ok(Wanted { wish, after, skip, limit: Some(self.limit + 1), ..Wanted::all(self.filter.clone()) })
    }
}

/// A page in the making.
pub(super) struct Paging<'p> {
    pub(super) find: &'p Find,
    pub(super) asked: Asked<'p>,
    /// The order that the documents have.
    pub(super) order: Order,
    pub(super) sort: Sort,
    /// The index that is walked.
    pub(super) walked: Option<i64>,
}

impl Paging<'_> {
    /// The page that begins here.
    pub(super) fn page(&self, next: &mut Next<'_>, query: &Query) -> Result<Page> {
        let mut page = Page::default();
        let (mut bytes, mut last): (usize, Option<Row>) = (0, None);
        while let Some(row) = next()? {
            let text = match self.find.shown.is_all() {
                true => row.body.clone(),
                false => self.find.shown.of(&parsed(&row, query)?),
            };
            bytes += text.len();
            if page.documents.len() as u64 == self.find.limit || bytes > MAX_ANSWER_BYTES {
                page.cursor = last.map(|last| self.cursor(&last)).transpose()?;
                break;
            }
            page.documents.push(text);
            last = Some(row);
        }
        Ok(page)
    }

    fn cursor(&self, last: &Row) -> Result<String> {
        let sort_key = match self.order.is_empty() {
            true => Vec::new(),
            false => self.sort.key(&object(&last.body)?),
        };
        let entry = self.walked.zip(last.entry.clone());
        Position { order: self.order.clone(), sort_key, seq: last.seq, entry }.write(self.asked)
    }
}

/// The values of a field, each once, in their order.
pub(crate) fn distinct(next: &mut Next<'_>, query: &Query, field: &Path) -> Result<Vec<String>> {
    let mut values = BTreeMap::new();
    let mut bytes = 0;
    while let Some(row) = next()? {
        let document = parsed(&row, query)?;
        for value in field.distinct(&document) {
            values.entry(crate::documents::language::key(value)).or_insert_with(|| {
                let text = value.to_json();
                bytes += text.len();
                text
            });
        }
        refuse_large(bytes)?;
    }
    Ok(values.into_values().collect())
}

/// What a pipeline makes of documents.
pub(crate) fn aggregate(next: &mut Next<'_>, query: &Query, pipeline: Pipeline) -> Result<Vec<String>> {
    let input = std::iter::from_fn(|| next().transpose()).map(|row| row.and_then(|row| parsed(&row, query)));
    let output = match pipeline.run(input, PIPELINE_BYTES, &|bytes| query.spend(bytes)) {
        Ok(output) => output,
        Err(Stopped::Input(failure)) => return Err(failure),
        Err(Stopped::Fault(fault)) => return Err(fault.into()),
    };
    let mut bytes = 0;
    let texts = output.iter().map(|object| {
        let text = object.to_json();
        bytes += text.len();
        refuse_large(bytes)?;
        Ok(text)
    });
    texts.collect()
}

/// A document as it is answered.
pub(super) fn document(row: Option<&Row>, shown: &Shown) -> Result<Option<String>> {
    let Some(row) = row else { return Ok(None) };
    Ok(Some(match shown.is_all() {
        true => row.body.clone(),
        false => shown.of(&object(&row.body)?),
    }))
}

/// What is stored, parsed.
pub(crate) fn object(body: &str) -> Result<Object> {
    Ok(Object::parse(body).map_err(super::catalog::damaged)?)
}

/// The document of a row: the statement has parsed it, unless it looked at others since.
fn parsed(row: &Row, query: &Query) -> Result<Object> {
    match query.take_parsed(row.seq).filter(|_| row.is_stored()) {
        Some(document) => Ok(document),
        None => {
            query.spend(row.body.len())?;
            object(&row.body)
        }
    }
}

fn refuse_large(bytes: usize) -> Result<()> {
    if bytes > MAX_ANSWER_BYTES {
        let what = "the values of one answer, in bytes";
        return Err(Failure::TooLarge { what, limit: MAX_ANSWER_BYTES as u64 });
    }
    Ok(())
}
