//! A collection: what is asked and changed in one call.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::text::{self, Text};
use super::{Find, FindAndModify, Result, Update};
use crate::bindings::ostro::db::documents;
use crate::db::modify::Change;

/// Opens a collection. Needs the grant `collection:NAME`, or `collection:NAME:read` or `collection:NAME:write` for
/// less.
///
/// ```no_run
/// use ostro::{db, json};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct User { name: String, age: u32 }
///
/// let users = db::collection("users")?;
/// let id = users.insert_one(&User { name: "Ann".into(), age: 41 })?;
/// let adults: Vec<User> = users.find(json!({ "age": { "$gte": 18 } })).sort(json!({ "name": 1 })).limit(10).all()?;
/// users.update_one(json!({ "_id": id }), json!({ "$inc": { "age": 1 } })).run()?;
/// # Ok::<(), db::Error>(())
/// ```
pub fn collection(name: &str) -> Result<Collection> {
    Ok(Collection { handle: documents::Collection::open(name)? })
}

/// Opens a collection to use it as whoever calls the function may: all that is asked and changed is under the collection's
/// rules, as for a page that calls. Needs the same grants as [`collection`]: they bound what the function does, the rules
/// bound with which documents. What they do not let the caller do is `Denied`. It takes part in no transaction.
///
/// Who calls is told by [`auth::caller`](crate::auth::caller); whoever is no user is nobody to the rules.
pub fn collection_as_caller(name: &str) -> Result<Collection> {
    Ok(Collection { handle: documents::Collection::open_as_caller(name)? })
}

/// A collection, outside of transactions or in the one it was opened in.
///
/// A document is what serde makes a JSON object of, at most 1 MiB; its `_id` is a string, and made by the server
/// where there is none. Filters, updates and pipelines are MongoDB's: `json!({…})`, or whatever serde makes the same
/// of.
#[derive(Debug)]
pub struct Collection {
    pub(super) handle: documents::Collection,
}

impl Collection {
    /// Stores a document and returns its `_id`. `Duplicate` when there is one of its `_id`, or of its key in a unique
    /// index.
    pub fn insert_one(&self, document: &(impl Serialize + ?Sized)) -> Result<String> {
        let ids: Vec<String> = text::read(&self.handle.insert(&text::write_one(document)?)?)?;
        ids.into_iter().next().ok_or_else(|| super::Error::Mismatch("no `_id` was answered".to_owned()))
    }

    /// Stores documents, at most 1,000 and 8 MiB, all or none; returns their `_id`s in order.
    pub fn insert_many<T: Serialize>(&self, documents: &[T]) -> Result<Vec<String>> {
        text::read(&self.handle.insert(&text::write(documents)?)?)
    }

    /// The document of that `_id`.
    pub fn get<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>> {
        text::read_one(self.handle.get(id)?)
    }

    /// Documents that match, once it is said how many: `all`, `first` or as an iterator.
    pub fn find(&self, filter: impl Serialize) -> Find<'_> {
        Find::new(self, Text::new(&filter))
    }

    /// The first document that matches, in no particular order.
    pub fn find_one<T: DeserializeOwned>(&self, filter: impl Serialize) -> Result<Option<T>> {
        self.find(filter).first()
    }

    /// How many documents match.
    pub fn count(&self, filter: impl Serialize) -> Result<u64> {
        Ok(self.handle.count(&text::write(&filter)?, "")?)
    }

    /// Whether a document matches.
    pub fn exists(&self, filter: impl Serialize) -> Result<bool> {
        Ok(self.handle.count(&text::write(&filter)?, r#"{"limit":1}"#)? > 0)
    }

    /// The different values of a field among the documents that match: an array's elements each for themselves.
    pub fn distinct<T: DeserializeOwned>(&self, field: &str, filter: impl Serialize) -> Result<Vec<T>> {
        text::read(&self.handle.distinct(field, &text::write(&filter)?)?)
    }

    /// What the stages of a pipeline make of the collection.
    pub fn aggregate<T: DeserializeOwned>(&self, pipeline: impl Serialize) -> Result<Vec<T>> {
        text::read(&self.handle.aggregate(&text::write(&pipeline)?)?)
    }

    /// Changes the first document that matches by update operators, once it is [`run`](Update::run).
    pub fn update_one(&self, filter: impl Serialize, update: impl Serialize) -> Update<'_> {
        Update::operators(self, (Text::new(&filter), Text::new(&update)), false)
    }

    /// Changes all documents that match, at most 100,000, by update operators, once it is [`run`](Update::run).
    pub fn update_many(&self, filter: impl Serialize, update: impl Serialize) -> Update<'_> {
        Update::operators(self, (Text::new(&filter), Text::new(&update)), true)
    }

    /// Puts a document in the place of the first one that matches, once it is [`run`](Update::run). The `_id` stays.
    pub fn replace_one(&self, filter: impl Serialize, document: &(impl Serialize + ?Sized)) -> Update<'_> {
        Update::replacement(self, (Text::new(&filter), Text::new(document)))
    }

    /// Deletes a document that matches; how many there were, 0 or 1.
    pub fn delete_one(&self, filter: impl Serialize) -> Result<u64> {
        Ok(self.handle.delete(&text::write(&filter)?, "")?)
    }

    /// Deletes all documents that match, at most 100,000; how many there were.
    pub fn delete_many(&self, filter: impl Serialize) -> Result<u64> {
        Ok(self.handle.delete(&text::write(&filter)?, r#"{"many":true}"#)?)
    }

    /// Changes the first document that matches by update operators and returns it, once it is
    /// [`run`](FindAndModify::run).
    pub fn find_one_and_update(&self, filter: impl Serialize, update: impl Serialize) -> FindAndModify<'_> {
        FindAndModify::new(self, Text::new(&filter), Change::update(&update))
    }

    /// Puts a document in the place of the first one that matches and returns that, once it is
    /// [`run`](FindAndModify::run).
    pub fn find_one_and_replace(
        &self,
        filter: impl Serialize,
        document: &(impl Serialize + ?Sized),
    ) -> FindAndModify<'_> {
        FindAndModify::new(self, Text::new(&filter), Change::replace(document))
    }

    /// Deletes the first document that matches and returns it, once it is [`run`](FindAndModify::run).
    pub fn find_one_and_delete(&self, filter: impl Serialize) -> FindAndModify<'_> {
        FindAndModify::new(self, Text::new(&filter), Change::delete())
    }
}
