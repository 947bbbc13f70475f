//! `ostro:db/documents`: collections of the function's project.

use std::sync::Arc;

use store::documents::{Found, Page, Read, Write, Written};
use wasmtime::component::Resource;

use super::failure::{Answer, Failure, Outcome};
use super::options::{
    self, CountOptions, DeleteOptions, FindOptions, ModifyOptions, ReplaceOptions, UpdateOptions,
};
use super::transactions::Running;
use crate::bindings::ostro::db::documents::{Error, Host, HostCollection};
use crate::ctx::HostCtxView;
use crate::grants::{Data, Verb, Verbs, data_grant};
use crate::meter::Interface;

/// What one call hands in or out, bytes of JSON.
const MAX_CALL_BYTES: usize = 8 << 20;

/// A collection that a guest has opened.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Clone, Debug)]
pub struct Collection {
    name: Arc<str>,
    verbs: Verbs,
    through: Through,
}

/// By which way a collection is used.
#[derive(Clone, Debug)]
pub(super) enum Through {
    /// As the function's grants have it.
    Grants,
    /// The same, in the transaction that it was opened in.
    Transaction(Running),
    /// As the rules have it for the caller of whichever invocation is running: a handle may outlive the one that opened it.
    Rules,
}

impl HostCtxView<'_> {
    /// Opens a collection, to be used in that way.
    pub(super) fn open_collection(
        &mut self,
        name: String,
        through: Through,
    ) -> Outcome<Resource<Collection>> {
        let Some(verbs) = self.ctx.grants.data(Data::Collection, &name) else {
            return Err(self
                .refused(Interface::Documents, data_grant(Data::Collection, &name, Verb::Read))
                .into());
        };
        Ok(self.table.push(Collection { name: name.into(), verbs, through })?)
    }

    /// The text is told to the guest, and stands in its log.
    pub(super) fn refused(&self, interface: Interface, grant: String) -> Error {
        Error::Denied(self.ctx.refuse(interface, grant).to_string())
    }

    /// The collection of a handle, for these verbs.
    fn collection(&mut self, handle: &Resource<Collection>, verbs: &[Verb]) -> Outcome<Collection> {
        self.ctx.meter.count(Interface::Documents);
        let collection = self.table.get(handle)?;
        match verbs.iter().find(|verb| !collection.verbs.allow(**verb)) {
            None => Ok(collection.clone()),
            Some(missing) => {
                let grant = data_grant(Data::Collection, &collection.name, *missing);
                Err(self.refused(Interface::Documents, grant).into())
            }
        }
    }

    async fn read_documents(&mut self, collection: &Collection, read: Read) -> Outcome<Found> {
        let (name, database) = (&collection.name, &self.ctx.services.database);
        let found = match &collection.through {
            Through::Grants => database.read(name, read).await?,
            Through::Transaction(running) => running.read(name, read).await?,
            Through::Rules => database.read_as(&self.under_rules(), name, read).await?,
        };
        let (rows, bytes) = match &found {
            Found::Document(document) => {
                (usize::from(document.is_some()), document.as_ref().map_or(0, String::len))
            }
            Found::Page(page) => sum(&page.documents),
            Found::Values(values) => sum(values),
            Found::Count(_) => (0, 0),
        };
        self.ctx.meter.moved(Interface::Documents, rows, bytes);
        Ok(found)
    }

    async fn write_documents(&mut self, collection: &Collection, write: Write) -> Outcome<Written> {
        let given = match &write {
            Write::Insert(documents) => sum(documents).1,
            Write::Update { update, .. } => update.len(),
            Write::Replace { document, .. } => document.len(),
            Write::Delete(_) | Write::FindAndModify(_) => 0,
        };
        let (name, database) = (&collection.name, &self.ctx.services.database);
        let written = match &collection.through {
            Through::Grants => database.write(name, write).await?,
            Through::Transaction(running) => running.write(name, write).await?,
            Through::Rules => database.write_as(&self.under_rules(), name, write).await?,
        };
        let (rows, answered) = match &written {
            Written::Inserted(ids) => (ids.len(), 0),
            Written::Changed { modified, upserted, .. } => {
                (count(*modified) + usize::from(upserted.is_some()), 0)
            }
            Written::Deleted(gone) => (count(*gone), 0),
            Written::Document(document) => (1, document.as_ref().map_or(0, String::len)),
        };
        self.ctx.meter.moved(Interface::Documents, rows, given + answered);
        Ok(written)
    }
}

impl Host for HostCtxView<'_> {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<Error> {
        failure.told()
    }
}

impl HostCollection for HostCtxView<'_> {
    async fn open(&mut self, name: String) -> Outcome<Resource<Collection>> {
        self.ctx.meter.count(Interface::Documents);
        self.open_collection(name, Through::Grants)
    }

    async fn open_as_caller(&mut self, name: String) -> Outcome<Resource<Collection>> {
        self.ctx.meter.count(Interface::Documents);
        self.open_collection(name, Through::Rules)
    }

    async fn insert(&mut self, handle: Resource<Collection>, documents: String) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Write])?;
        check_size(documents.len())?;
        let documents = options::documents(documents)?;
        match self.write_documents(&collection, Write::Insert(documents)).await? {
            Written::Inserted(ids) => Ok(json(&ids)?),
            other => Err(astray(&other).into()),
        }
    }

    async fn get(&mut self, handle: Resource<Collection>, id: String) -> Outcome<Option<String>> {
        let collection = self.collection(&handle, &[Verb::Read])?;
        match self.read_documents(&collection, Read::Get { id, fields: None }).await? {
            Found::Document(document) => Ok(document),
            other => Err(astray(&other).into()),
        }
    }

    async fn find(
        &mut self,
        handle: Resource<Collection>,
        filter: String,
        options: String,
    ) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Read])?;
        let find = options::read::<FindOptions>(&options)?.find(filter);
        match self.read_documents(&collection, Read::Find(find)).await? {
            Found::Page(page) => Ok(page_json(&page)?),
            other => Err(astray(&other).into()),
        }
    }

    async fn count(&mut self, handle: Resource<Collection>, filter: String, options: String) -> Outcome<u64> {
        let collection = self.collection(&handle, &[Verb::Read])?;
        let CountOptions { limit } = options::read(&options)?;
        match self.read_documents(&collection, Read::Count { filter, limit }).await? {
            Found::Count(count) => Ok(count),
            other => Err(astray(&other).into()),
        }
    }

    async fn distinct(
        &mut self,
        handle: Resource<Collection>,
        field: String,
        filter: String,
    ) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Read])?;
        match self.read_documents(&collection, Read::Distinct { field, filter }).await? {
            Found::Values(values) => Ok(array(&values)),
            other => Err(astray(&other).into()),
        }
    }

    async fn aggregate(&mut self, handle: Resource<Collection>, pipeline: String) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Read])?;
        match self.read_documents(&collection, Read::Aggregate { pipeline }).await? {
            Found::Values(values) => Ok(array(&values)),
            other => Err(astray(&other).into()),
        }
    }

    async fn update(
        &mut self,
        handle: Resource<Collection>,
        filter: String,
        update: String,
        options: String,
    ) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Write])?;
        let options = options::read::<UpdateOptions>(&options)?;
        let (upsert, target) = (options.upsert, options.target(filter));
        changed(self.write_documents(&collection, Write::Update { target, update, upsert }).await?)
    }

    async fn replace(
        &mut self,
        handle: Resource<Collection>,
        filter: String,
        document: String,
        options: String,
    ) -> Outcome<String> {
        let collection = self.collection(&handle, &[Verb::Write])?;
        let options = options::read::<ReplaceOptions>(&options)?;
        let (upsert, target) = (options.upsert, options.target(filter));
        changed(self.write_documents(&collection, Write::Replace { target, document, upsert }).await?)
    }

    async fn delete(
        &mut self,
        handle: Resource<Collection>,
        filter: String,
        options: String,
    ) -> Outcome<u64> {
        let collection = self.collection(&handle, &[Verb::Write])?;
        let target = options::read::<DeleteOptions>(&options)?.target(filter);
        match self.write_documents(&collection, Write::Delete(target)).await? {
            Written::Deleted(gone) => Ok(gone),
            other => Err(astray(&other).into()),
        }
    }

    async fn find_and_modify(
        &mut self,
        handle: Resource<Collection>,
        filter: String,
        change: String,
        options: String,
    ) -> Outcome<Option<String>> {
        let collection = self.collection(&handle, &[Verb::Read, Verb::Write])?;
        check_size(change.len())?;
        let modify = options::read::<ModifyOptions>(&options)?.modify(filter, &change)?;
        match self.write_documents(&collection, Write::FindAndModify(modify)).await? {
            Written::Document(document) => Ok(document),
            other => Err(astray(&other).into()),
        }
    }

    async fn drop(&mut self, handle: Resource<Collection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn check_size(bytes: usize) -> Answer<()> {
    match bytes <= MAX_CALL_BYTES {
        true => Ok(()),
        false => {
            Err(Error::Invalid(format!("documents: {} MiB at most: do it in parts", MAX_CALL_BYTES >> 20)))
        }
    }
}

/// `{"matched": …, "modified": …, "upserted": …}`.
fn changed(written: Written) -> Outcome<String> {
    #[derive(serde::Serialize)]
    struct Changed {
        matched: u64,
        modified: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        upserted: Option<String>,
    }
    match written {
        Written::Changed { matched, modified, upserted } => {
            Ok(json(&Changed { matched, modified, upserted })?)
        }
        other => Err(astray(&other).into()),
    }
}

/// `{"documents": […], "cursor": …}`.
fn page_json(page: &Page) -> Answer<String> {
    let documents = array(&page.documents);
    Ok(match &page.cursor {
        Some(cursor) => format!("{{\"documents\":{documents},\"cursor\":{}}}", json(cursor)?),
        None => format!("{{\"documents\":{documents}}}"),
    })
}

/// An array of values that are JSON already.
fn array(values: &[String]) -> String {
    let mut array = String::with_capacity(sum(values).1 + values.len() + 2);
    array.push('[');
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            array.push(',');
        }
        array.push_str(value);
    }
    array.push(']');
    array
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Answer<String> {
    serde_json::to_string(value).map_err(|error| Error::Unavailable(error.to_string()))
}

/// How many, and their bytes.
fn sum(values: &[String]) -> (usize, usize) {
    (values.len(), values.iter().map(String::len).sum())
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The store has answered another question than it was asked.
fn astray(answer: &impl std::fmt::Debug) -> Error {
    tracing::error!(?answer, "the database gave an answer of another kind");
    Error::Unavailable("the server failed; its log has the details".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_json() {
        let documents = vec![r#"{"_id":"1"}"#.to_owned(), r#"{"_id":"2"}"#.to_owned()];
        let page = |cursor: Option<&str>| {
            page_json(&Page { documents: documents.clone(), cursor: cursor.map(str::to_owned) }).unwrap()
        };
        assert_eq!(page(None), r#"{"documents":[{"_id":"1"},{"_id":"2"}]}"#);
        assert_eq!(page(Some("a\"b")), r#"{"documents":[{"_id":"1"},{"_id":"2"}],"cursor":"a\"b"}"#);
        assert_eq!(array(&[]), "[]");
        let changes = |upserted| changed(Written::Changed { matched: 2, modified: 1, upserted }).unwrap();
        assert_eq!(changes(None), r#"{"matched":2,"modified":1}"#);
        assert_eq!(changes(Some("x".to_owned())), r#"{"matched":2,"modified":1,"upserted":"x"}"#);
    }
}
