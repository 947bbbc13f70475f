//! What is asked of collections, and what is answered. All text is JSON, in the language of [`super::language`].

/// A collection, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSpec {
    /// Its name, as [`crate::catalog::check_name`] has it.
    pub name: String,
    /// Its indexes, besides the one on `_id`; none leaves those that are there.
    pub indexes: Option<Vec<IndexSpec>>,
    /// What callers from outside may do with it; none leaves what is there. A new collection is open to functions only.
    pub rules: Option<Rules>,
}

/// What callers from outside may do with a collection. What has no rule is for functions only.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Which documents are seen.
    pub read: Option<String>,
    /// Which are put in.
    pub create: Option<String>,
    /// Which of those that are seen are changed, and what they may become.
    pub update: Option<String>,
    /// Which of those that are seen are removed.
    pub delete: Option<String>,
    /// Dotted paths of fields that are neither seen nor asked for nor set.
    #[serde(default)]
    pub hidden: Vec<String>,
    /// The field that holds who put a document in.
    pub owner: Option<String>,
}

impl Rules {
    /// Fails unless all of it can be understood.
    pub fn check(&self) -> Result<(), super::language::Fault> {
        super::sqlite::check_rules(self)
    }
}

/// An index, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct IndexSpec {
    /// Dotted paths, the most important first; all ascending.
    pub fields: Vec<String>,
    /// Whether no two documents may have the same values there. What is missing counts as null.
    pub unique: bool,
}

impl IndexSpec {
    /// What people call it: `owner,slug`.
    pub fn name(&self) -> String {
        self.fields.join(",")
    }
}

/// A collection and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// Its indexes, besides the one on `_id`.
    pub indexes: Vec<IndexSpec>,
    /// How many documents there are.
    pub documents: u64,
    /// What they hold, with their index entries, bytes.
    pub bytes: u64,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The document of an `_id`: [`Found::Document`].
    Get {
        /// Its `_id`.
        id: String,
        /// The projection; none is the whole document.
        fields: Option<String>,
    },
    /// A page of documents: [`Found::Page`].
    Find(Find),
    /// How many documents match: [`Found::Count`].
    Count {
        /// Which documents.
        filter: String,
        /// Counts no further.
        limit: Option<u64>,
    },
    /// The values of a field, each once: [`Found::Values`]. `TooLarge` beyond [`super::MAX_ANSWER_BYTES`].
    Distinct {
        /// A dotted path.
        field: String,
        /// In which documents.
        filter: String,
    },
    /// What a pipeline makes of the documents: [`Found::Values`]. `TooLarge` beyond [`super::MAX_ANSWER_BYTES`].
    Aggregate {
        /// A list of stages.
        pipeline: String,
    },
}

/// Which documents are wanted, in which order, and which part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// Which documents; `{}` is all.
    pub filter: String,
    /// In which order. None is any order that suits, the same for all pages.
    pub sort: Option<String>,
    /// Documents that are passed over before the first page; at most [`super::MAX_SKIP`].
    pub skip: u64,
    /// Documents of this page, at most [`super::MAX_PAGE`]; none is [`super::DEFAULT_PAGE`]. A page ends earlier where
    /// it would be longer than [`super::MAX_ANSWER_BYTES`].
    pub limit: Option<u64>,
    /// The projection; none is whole documents.
    pub fields: Option<String>,
    /// Where the page before this one ended, as it was answered. Filter and sort must be the same again.
    pub cursor: Option<String>,
}

impl Find {
    /// A page of the documents that match.
    pub fn new(filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), sort: None, skip: 0, limit: None, fields: None, cursor: None }
    }
}

/// The answer to a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A document, if it is there.
    Document(Option<String>),
    /// Documents.
    Page(Page),
    /// How many there are.
    Count(u64),
    /// Values in order.
    Values(Vec<String>),
}

/// Documents in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The documents.
    pub documents: Vec<String>,
    /// Where the page ended, if there are more. Documents that are written in between are neither the reason that
    /// another one comes twice nor that one is left out.
    pub cursor: Option<String>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts in new documents, all or none, 1 to [`super::MAX_INSERTED`]: [`Written::Inserted`]. One without `_id` gets
    /// a UUIDv7.
    Insert(Vec<String>),
    /// Changes documents by operators: [`Written::Changed`].
    Update {
        /// Which documents, and which of those.
        target: Target,
        /// What is changed.
        update: String,
        /// Inserts what filter and update say where none matches.
        upsert: bool,
    },
    /// Puts a document in the place of the first that matches, with the `_id` of that one: [`Written::Changed`].
    Replace {
        /// Which document; always one.
        target: Target,
        /// The new one, with the same `_id` or none.
        document: String,
        /// Inserts it where none matches.
        upsert: bool,
    },
    /// Removes documents: [`Written::Deleted`].
    Delete(Target),
    /// Changes one document and answers it: [`Written::Document`].
    FindAndModify(FindAndModify),
}

/// Documents that are to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which documents; `{}` is all.
    pub filter: String,
    /// How many of those.
    pub which: Which,
    /// Which of them is the first; none is any.
    pub sort: Option<String>,
}

impl Target {
    /// One of the documents that match.
    pub fn one(filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), which: Which::One, sort: None }
    }

    /// All documents that match.
    pub fn many(filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), which: Which::Many, sort: None }
    }
}

/// How many of the documents that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    One,
    /// All; more than [`super::MAX_CHANGED`] is `TooLarge`, and nothing is changed.
    Many,
}

/// One document is changed and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindAndModify {
    /// Which documents; the first of them is changed.
    pub filter: String,
    /// Which of them is the first; none is any.
    pub sort: Option<String>,
    /// What becomes of it.
    pub change: Change,
    /// Which of the two is answered.
    pub returning: Returning,
    /// Inserts what filter and change say where none matches.
    pub upsert: bool,
    /// The projection of the answer; none is the whole document.
    pub fields: Option<String>,
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is changed by operators.
    Update(String),
    /// Another takes its place.
    Replace(String),
    /// It goes.
    Delete,
}

/// Which state of a document is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// The one before the change; none where it was inserted.
    Before,
    /// The one after it; none where it was removed.
    After,
}

/// The answer to a [`Write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The `_id`s of the new documents, in their order.
    Inserted(Vec<String>),
    /// Documents were changed.
    Changed {
        /// How many matched.
        matched: u64,
        /// How many of those are another than before.
        modified: u64,
        /// The `_id` of the one that was inserted because none matched.
        upserted: Option<String>,
    },
    /// How many are gone.
    Deleted(u64),
    /// The document that was asked for, if there is one.
    Document(Option<String>),
}

/// A question or a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A question.
    Read(Read),
    /// A change.
    Write(Write),
}

/// What a call of somebody comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// What is left of the rules for that caller, in their words: `false` where nothing is open.
    pub condition: String,
    /// The driver's statement; none where nothing is looked for.
    pub sql: Option<String>,
    /// What is bound in it, from `?2` on: `?1` leads to filter and rule, of which every document is asked.
    pub parameters: Vec<String>,
    /// The index that is used, `_id` where that is known; none: every document is looked at.
    pub index: Option<String>,
    /// The driver's own steps.
    pub steps: Vec<String>,
}
