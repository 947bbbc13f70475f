//! What a write does, whether it is done at once or waits for the end of a transaction.

use super::access::Access;
use super::look::{document, object};
use super::question::{Chosen, Fresh, Modified, Shown, Task};
use super::select::Row;
use crate::documents::language::{Applied, Object, Update, Value};
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

/// What is done to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
    Delete,
}

/// Does it; for a caller from outside only what the rules let it.
pub(crate) fn perform(stage: &mut dyn Stage, task: &Task, access: Option<&Access>) -> Result<Written> {
    if let Some(access) = access {
        access.permit(task)?;
        return performed(stage, task, Some(access)).map_err(|failure| access.told(failure));
    }
    performed(stage, task, None)
}

fn performed(stage: &mut dyn Stage, task: &Task, access: Option<&Access>) -> Result<Written> {
    let ruled = |chosen: &Chosen| access.map(|access| access.chosen(chosen, task.operation())).transpose();
    match task {
        Task::Insert(all) => {
            insert(stage, all, access)?;
            Ok(Written::Inserted(all.iter().map(|fresh| fresh.id.clone()).collect()))
        }
        Task::Update { chosen, update, upsert } => {
            let upserted = |stage: &dyn Stage| from_update(chosen, update, stage.now());
            let renew = |was: &Object, stage: &dyn Stage| updated(was, update, stage.now());
            let upserted = upsert.then_some(&upserted as Upserted<'_>);
            change(stage, ruled(chosen)?.as_ref().unwrap_or(chosen), &renew, upserted, access)
        }
        Task::Replace { chosen, document, upsert } => {
            let document = document.object()?;
            let upserted = |stage: &dyn Stage| from_document(chosen, &document, stage.now());
            let renew = |was: &Object, stage: &dyn Stage| replaced(was, &document, stage.now(), access);
            let upserted = upsert.then_some(&upserted as Upserted<'_>);
            change(stage, ruled(chosen)?.as_ref().unwrap_or(chosen), &renew, upserted, access)
        }
        Task::Delete(chosen) => {
            let ruled = ruled(chosen)?;
            let chosen = ruled.as_ref().unwrap_or(chosen);
            let mut deleted = 0;
            for place in choose(stage, chosen)? {
                if let Some((old, _)) = stage.document(chosen, place)? {
                    stage.remove(&old)?;
                    deleted += 1;
                }
            }
            Ok(Written::Deleted(deleted))
        }
        Task::Modify { chosen, change, returning, upsert, shown } => {
            let hidden = access.map(|access| access.shown(shown)).transpose()?;
            let shown = hidden.as_ref().unwrap_or(shown);
            let answered = match modify(stage, ruled(chosen)?.as_ref().unwrap_or(chosen), change, access)? {
                Some(modified) => modified.answered(*returning, shown)?,
                None if *upsert => upsert_one(stage, chosen, change, access)?.answered(*returning, shown)?,
                None => None,
            };
            Ok(Written::Document(answered))
        }
    }
}

/// Puts in all of them, or fails before the first.
fn insert(stage: &mut dyn Stage, all: &[Fresh], access: Option<&Access>) -> Result<()> {
    let Some(access) = access else {
        return all.iter().try_for_each(|fresh| stage.insert(fresh));
    };
    let allowed = all.iter().map(|fresh| access.created(fresh, stage.now()));
    let allowed = allowed.collect::<Result<Vec<_>>>()?;
    allowed.iter().try_for_each(|fresh| stage.insert(fresh))
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
    access: Option<&Access>,
) -> Result<Written> {
    let (mut matched, mut modified) = (0, 0);
    for place in choose(stage, chosen)? {
        let Some((old, was)) = stage.document(chosen, place)? else { continue };
        matched += 1;
        if let Some(fresh) = renew(&was, stage)? {
            replace(stage, (&old, &was), &fresh, access)?;
            modified += 1;
        }
    }
    let upserted = match upserted.filter(|_| matched == 0) {
        Some(upserted) => {
            let fresh = upserted(stage)?;
            insert(stage, std::slice::from_ref(&fresh), access)?;
            Some(fresh.id)
        }
        None => None,
    };
    Ok(Written::Changed { matched, modified, upserted })
}

/// Puts a document in the place of another one, if it may become that.
fn replace(
    stage: &mut dyn Stage,
    (old, was): (&Row, &Object),
    fresh: &Fresh,
    access: Option<&Access>,
) -> Result<()> {
    access.map_or(Ok(()), |access| access.changed(was, fresh))?;
    stage.replace(old, was, fresh)
}

/// A document before and after.
struct Changed {
    before: Option<String>,
    after: Option<String>,
}

impl Changed {
    fn answered(self, returning: Returning, shown: &Shown) -> Result<Option<String>> {
        let body = match returning {
            Returning::Before => self.before,
            Returning::After => self.after,
        };
        let row = body.map(|body| Row { body, ..Row::default() });
        document(row.as_ref(), shown)
    }
}

/// Changes the first that matches; `None` where none does.
fn modify(
    stage: &mut dyn Stage,
    chosen: &Chosen,
    change: &Modified,
    access: Option<&Access>,
) -> Result<Option<Changed>> {
    for place in choose(stage, chosen)? {
        let Some((old, was)) = stage.document(chosen, place)? else { continue };
        let fresh = match change {
            Modified::Update(update) => updated(&was, update, stage.now())?,
            Modified::Replace(document) => replaced(&was, &document.object()?, stage.now(), access)?,
            Modified::Delete => {
                stage.remove(&old)?;
                return Ok(Some(Changed { before: Some(old.body), after: None }));
            }
        };
        if let Some(fresh) = &fresh {
            replace(stage, (&old, &was), fresh, access)?;
        }
        let after = fresh.map_or_else(|| old.body.clone(), |fresh| fresh.body);
        return Ok(Some(Changed { before: Some(old.body), after: Some(after) }));
    }
    Ok(None)
}

/// Puts in what filter and change say.
fn upsert_one(
    stage: &mut dyn Stage,
    chosen: &Chosen,
    change: &Modified,
    access: Option<&Access>,
) -> Result<Changed> {
    let fresh = match change {
        Modified::Update(update) => from_update(chosen, update, stage.now())?,
        Modified::Replace(document) => from_document(chosen, &document.object()?, stage.now())?,
        Modified::Delete => return Ok(Changed { before: None, after: None }),
    };
    let fresh = match access {
        Some(access) => access.created(&fresh, stage.now())?,
        None => fresh,
    };
    stage.insert(&fresh)?;
    Ok(Changed { before: None, after: Some(fresh.body) })
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

/// The new document with the old one's `_id`, and with what a caller from outside cannot say.
fn replaced(was: &Object, document: &Object, now: i64, access: Option<&Access>) -> Result<Option<Fresh>> {
    let mut object = document.clone();
    access.map_or(Ok(()), |access| access.keep(was, &mut object))?;
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
