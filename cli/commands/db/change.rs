//! `ostro db insert`, `update` and `delete`: changing. Where many documents would be changed, a person is asked.

use runtime::control::wire::{
    Changed, DeleteRequest, Deleted, Existing, InsertRequest, Inserted, MAX_INSERTED, UpdateRequest,
};
use serde_json::value::RawValue;

use super::{
    super::{Context, Session},
    counted,
    find::{ask_count, checked},
    json,
};
use crate::{
    args::{DeleteArgs, HowManyArgs, InsertArgs, UpdateArgs},
    failure::Failure,
};

/// Puts in the documents that were typed; their ids are data, so that they can be handed on.
pub(super) fn insert(context: &Context, args: &InsertArgs) -> Result<(), Failure> {
    let documents = documents(&json("the document", &args.documents)?)?;
    let session = context.session()?;
    let name = &args.collection.name;
    let request = InsertRequest { documents, existing: Existing::Refuse };
    let path = session.path(&["collections", name, "documents"]);
    let inserted: Inserted = session.client.post(&path, &request)?;
    context.out.show(&inserted, |Inserted { ids, .. }| {
        for id in ids {
            context.out.line(&crate::output::escape(id))?;
        }
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        context.out.word(&format!("inserted {} into {name}", counted(count, "document")));
        Ok(())
    })
}

/// Changes documents.
pub(super) fn update(context: &Context, args: &UpdateArgs) -> Result<(), Failure> {
    let filter = json("the filter", &args.target.filter)?;
    let update = json("the update", &args.update)?;
    let session = context.session()?;
    let name = &args.target.collection.name;
    let many = !args.how_many.one && !args.replace;
    let sort = sort(&args.how_many, many)?;
    if many {
        ask(context, &session, name, &filter, &args.how_many, "changes")?;
    }
    let (update, replace) = if args.replace { (None, Some(update)) } else { (Some(update), None) };
    let request = UpdateRequest { filter, update, replace, many, upsert: args.upsert, sort };
    let changed: Changed = session.client.post(&session.path(&["collections", name, "update"]), &request)?;
    context.out.show(&changed, |Changed { matched, modified, upserted }| {
        if let Some(id) = upserted {
            context.out.line(&crate::output::escape(id))?;
            context.out.word(&format!("none matched: made a document of {name}"));
            return Ok(());
        }
        let matched = counted(*matched, "document");
        context.out.word(&format!("{matched} of {name} matched, {modified} changed"));
        Ok(())
    })
}

/// Deletes documents.
pub(super) fn delete(context: &Context, args: &DeleteArgs) -> Result<(), Failure> {
    let filter = json("the filter", &args.target.filter)?;
    let session = context.session()?;
    let name = &args.target.collection.name;
    let many = !args.how_many.one;
    let sort = sort(&args.how_many, many)?;
    if many {
        ask(context, &session, name, &filter, &args.how_many, "deletes")?;
    }
    let request = DeleteRequest { filter, many, sort };
    let deleted: Deleted = session.client.post(&session.path(&["collections", name, "delete"]), &request)?;
    context.out.show(&deleted, |Deleted { deleted }| {
        context.out.word(&format!("deleted {} of {name}", counted(*deleted, "document")));
        Ok(())
    })
}

/// Asks a person before more than one document is changed.
fn ask(
    context: &Context,
    session: &Session,
    collection: &str,
    filter: &RawValue,
    how_many: &HowManyArgs,
    does: &str,
) -> Result<(), Failure> {
    if how_many.yes || !context.can_ask() {
        return Ok(());
    }
    match ask_count(session, collection, Some(filter.to_owned()))?.count {
        0 | 1 => Ok(()),
        count => {
            let what = format!("this {does} {} of collection {collection}", counted(count, "document"));
            context.confirm(&what, collection)
        }
    }
}

/// Which is the first. Who says so of many has forgotten `--one`, and would change all.
fn sort(how_many: &HowManyArgs, many: bool) -> Result<Option<Box<RawValue>>, Failure> {
    if many && how_many.sort.is_some() {
        return Err(Failure::usage("--sort says which document is the first: add --one to change only that"));
    }
    how_many.sort.clone().map(checked).transpose()
}

/// One document, or those of an array, each as it is written.
fn documents(json: &RawValue) -> Result<Vec<Box<RawValue>>, Failure> {
    if !json.get().trim_start().starts_with('[') {
        return Ok(vec![json.to_owned()]);
    }
    let documents: Vec<Box<RawValue>> =
        serde_json::from_str(json.get()).map_err(|error| Failure::usage(error.to_string()))?;
    match documents.len() {
        ..=MAX_INSERTED => Ok(documents),
        many => Err(Failure::usage(format!(
            "these are {many} documents, and {MAX_INSERTED} are the most at once"
        ))
        .hint("`ostro db import COLLECTION FILE` takes a file of any length")),
    }
}
