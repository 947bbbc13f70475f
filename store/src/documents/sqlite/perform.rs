//! What a write does, whether it is done at once or waits for the end of a transaction.

use super::look::{document, object};
use super::question::{Chosen, Fresh, Modified, Task};
use super::select::Row;
use crate::documents::language::{Applied, Object, Projection, Update, Value};
use crate::documents::{Failure, MAX_CHANGED, Result, Returning, Which, Written};

/// Documents as a write finds and changes them.
pub(crate) trait Stage {
    /// Milliseconds since 1970.
    fn now(&self) -> i64;
    /// The places of documents that match, at most that many.
    fn choose(&mut self, chosen: &Chosen, most: u64) -> Result<Vec<i64>>;
    /// The document of a place; `None` when it matches no more.
    fn document(&mut self, chosen: &Chosen, place: i64) -> Result<Option<(Row, Object)>>;
    /// Puts in a new document.
    fn insert(&mut self, fresh: &Fresh) -> Result<()>;
    /// Puts a document in the place of another with the same `_id`.
    fn replace(&mut self, old: &Row, was: &Object, fresh: &Fresh) -> Result<()>;
    /// Removes a document.
    fn remove(&mut self, old: &Row) -> Result<()>;
}

/// Does it.
pub(crate) fn perform(stage: &mut dyn Stage, task: &Task) -> Result<Written> {
    match task {
        Task::Insert(all) => {
            all.iter().try_for_each(|fresh| stage.insert(fresh))?;
            Ok(Written::Inserted(all.iter().map(|fresh| fresh.id.clone()).collect()))
        }
        Task::Update { chosen, update, upsert } => {
            let upserted = |stage: &dyn Stage| from_update(chosen, update, stage.now());
            let renew = |was: &Object, stage: &dyn Stage| updated(was, update, stage.now());
            change(stage, chosen, &renew, upsert.then_some(&upserted as Upserted<'_>))
        }
        Task::Replace { chosen, document, upsert } => {
            let document = document.object()?;
            let upserted = |stage: &dyn Stage| from_document(chosen, &document, stage.now());
            let renew = |was: &Object, stage: &dyn Stage| replaced(was, &document, stage.now());
            change(stage, chosen, &renew, upsert.then_some(&upserted as Upserted<'_>))
        }
        Task::Delete(chosen) => {
            let mut deleted = 0;
            for place in choose(stage, chosen)? {
                if let Some((old, _)) = stage.document(chosen, place)? {
                    stage.remove(&old)?;
                    deleted += 1;
                }
            }
            Ok(Written::Deleted(deleted))
        }
        Task::Modify { chosen, change, returning, upsert, fields } => {
            modify(stage, chosen, change, (*returning, *upsert, fields.as_ref())).map(Written::Document)
        }
    }
}

/// What becomes of a document; `None` when it stays as it is.
type Renew<'r> = &'r dyn Fn(&Object, &dyn Stage) -> Result<Option<Fresh>>;
/// What is put in where none matches.
type Upserted<'u> = &'u dyn Fn(&dyn Stage) -> Result<Fresh>;

fn change(
    stage: &mut dyn Stage,
    chosen: &Chosen,
    renew: Renew<'_>,
    upserted: Option<Upserted<'_>>,
) -> Result<Written> {
    let (mut matched, mut modified) = (0, 0);
    for place in choose(stage, chosen)? {
        let Some((old, was)) = stage.document(chosen, place)? else { continue };
        matched += 1;
        if let Some(fresh) = renew(&was, stage)? {
            stage.replace(&old, &was, &fresh)?;
            modified += 1;
        }
    }
    let fresh = match upserted.filter(|_| matched == 0) {
        Some(upserted) => Some(upserted(stage)?),
        None => None,
    };
    if let Some(fresh) = &fresh {
        stage.insert(fresh)?;
    }
    let upserted = fresh.map(|fresh| fresh.id.clone());
    Ok(Written::Changed { matched, modified, upserted })
}

fn modify(
    stage: &mut dyn Stage,
    chosen: &Chosen,
    change: &Modified,
    (returning, upsert, fields): (Returning, bool, Option<&Projection>),
) -> Result<Option<String>> {
    for place in choose(stage, chosen)? {
        let Some((old, was)) = stage.document(chosen, place)? else { continue };
        let fresh = match change {
            Modified::Update(update) => updated(&was, update, stage.now())?,
            Modified::Replace(document) => replaced(&was, &document.object()?, stage.now())?,
            Modified::Delete => {
                stage.remove(&old)?;
                return match returning {
                    Returning::Before => document(Some(&old), fields),
                    Returning::After => Ok(None),
                };
            }
        };
        if let Some(fresh) = &fresh {
            stage.replace(&old, &was, fresh)?;
        }
        let body = fresh.filter(|_| returning == Returning::After).map(|fresh| fresh.body);
        let shown = Row { body: body.unwrap_or(old.body), ..Row::default() };
        return document(Some(&shown), fields);
    }
    let fresh = match change {
        _ if !upsert => return Ok(None),
        Modified::Update(update) => from_update(chosen, update, stage.now())?,
        Modified::Replace(document) => from_document(chosen, &document.object()?, stage.now())?,
        Modified::Delete => return Ok(None),
    };
    stage.insert(&fresh)?;
    match returning {
        Returning::Before => Ok(None),
        Returning::After => document(Some(&Row { body: fresh.body, ..Row::default() }), fields),
    }
}

/// The places of the documents that are meant.
fn choose(stage: &mut dyn Stage, chosen: &Chosen) -> Result<Vec<i64>> {
    let most = match chosen.which {
        Which::One => 1,
        Which::Many => MAX_CHANGED + 1,
    };
    let places = stage.choose(chosen, most)?;
    if places.len() as u64 > MAX_CHANGED {
        let what = "the documents that one call changes";
        return Err(Failure::TooLarge { what, limit: MAX_CHANGED });
    }
    Ok(places)
}

fn updated(was: &Object, update: &Update, now: i64) -> Result<Option<Fresh>> {
    let mut object = was.clone();
    match update.apply(&mut object, now, Applied::Update)? {
        true => Fresh::new(object, now).map(Some),
        false => Ok(None),
    }
}

/// The new document with the old one's `_id`.
fn replaced(was: &Object, document: &Object, now: i64) -> Result<Option<Fresh>> {
    let mut object = document.clone();
    if let Some(id) = was.get("_id") {
        let new = object.insert("_id", id.clone());
        if new.is_some_and(|new| new != *id) {
            return Err(Failure::Invalid("`_id` of a document stays what it is".to_owned()));
        }
    }
    let fresh = Fresh::new(object, now)?;
    Ok((*fresh.object()? != *was).then_some(fresh))
}

/// What an upsert puts in: what the filter asks for, changed by the update.
fn from_update(chosen: &Chosen, update: &Update, now: i64) -> Result<Fresh> {
    let mut object = chosen.filter.upsert_base()?;
    update.apply(&mut object, now, Applied::Insert)?;
    Fresh::new(object, now)
}

/// What an upsert puts in: the document, with the `_id` that the filter asks for.
fn from_document(chosen: &Chosen, document: &Object, now: i64) -> Result<Fresh> {
    let mut object = document.clone();
    if let Some(id) = chosen.filter.id() {
        let new = object.insert("_id", Value::String(id.to_owned()));
        if new.is_some_and(|new| new != Value::String(id.to_owned())) {
            return Err(Failure::Invalid(
                "`_id` is another one in the filter than in the document".to_owned(),
            ));
        }
    }
    Fresh::new(object, now)
}

/// A row and what it says, if it still matches.
pub(crate) fn still_matching(chosen: &Chosen, row: Option<Row>) -> Result<Option<(Row, Object)>> {
    let Some(row) = row else { return Ok(None) };
    let was = object(&row.body)?;
    Ok(chosen.filter.matches(&was).then_some((row, was)))
}
