//! What is asked, read: before anything is opened, and once, however often it is tried.

use std::borrow::Cow;
use std::sync::Arc;

use super::look::object;
use super::perform::Operation;
use super::plan::Order;
use crate::documents::language::{
    Document, Fault, Filter, Hidden, MAX_ID_BYTES, Object, Path, Pipeline, Projection, Sort, Update,
};
use crate::documents::{
    Change, DEFAULT_PAGE, Failure, FindAndModify, MAX_INSERTED, MAX_PAGE, MAX_SKIP, Read, Result, Returning,
    Target, Which, Write,
};
use crate::sqlite::new_id;

/// What the documents of a write that waits take in memory beside their texts, bytes.
pub(super) const READ_BYTES: usize = 64 << 10;

/// A [`Read`].
pub(crate) enum Question {
    /// The document of an `_id`, if that filter lets it through.
    Get {
        id: String,
        only: Option<Arc<Filter>>,
        shown: Shown,
    },
    Find(Find),
    Count {
        filter: Arc<Filter>,
        limit: Option<u64>,
    },
    Distinct {
        field: Path,
        filter: Arc<Filter>,
    },
    Aggregate {
        pipeline: Pipeline,
        filter: Arc<Filter>,
    },
}

/// A page that is wanted.
pub(crate) struct Find {
    /// As it was asked.
    pub(super) asked: crate::documents::Find,
    pub(crate) filter: Arc<Filter>,
    pub(super) order: Order,
    pub(super) limit: u64,
    pub(super) shown: Shown,
    /// What its caller may see, where that is not all.
    pub(super) under: Option<String>,
}

/// A [`Write`].
pub(crate) enum Task {
    Insert(Vec<Fresh>),
    Update { chosen: Chosen, update: Update, upsert: bool },
    Replace { chosen: Chosen, document: Text, upsert: bool },
    Delete(Chosen),
    Modify { chosen: Chosen, change: Modified, returning: Returning, upsert: bool, shown: Shown },
}

/// A document that is put in. It may have to wait for its turn, as text: read, it may take many times that.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) id: String,
    pub(crate) body: String,
    /// What the text says, as long as that is at hand.
    object: Option<Object>,
}

/// A document that was read once, so there is nothing wrong with it. It waits as text, too.
pub(crate) struct Text(String);

/// Documents that are to be changed.
pub(crate) struct Chosen {
    pub(super) filter: Arc<Filter>,
    pub(super) which: Which,
    pub(super) order: Order,
}

/// What is answered of a document: what one projection after the other leaves.
#[derive(Clone, Default)]
pub(crate) struct Shown(Vec<Projection>);

/// What becomes of one document.
pub(crate) enum Modified {
    Update(Update),
    Replace(Text),
    Delete,
}

impl Question {
    /// Reads what is asked; `Invalid` says what is wrong with it.
    pub(crate) fn parse(read: Read) -> Result<Self> {
        Ok(match read {
            Read::Get { id, fields } => Self::Get { id, only: None, shown: Shown::parse(fields.as_deref())? },
            Read::Find(find) => Self::Find(Find::parse(find)?),
            Read::Count { filter, limit } => Self::Count { filter: parse_filter(&filter)?, limit },
            Read::Distinct { field, filter } => {
                Self::Distinct { field: Path::parse(&field)?, filter: parse_filter(&filter)? }
            }
            Read::Aggregate { pipeline } => {
                let pipeline = Pipeline::parse(&pipeline)?;
                let filter = pipeline.leading_match().cloned().unwrap_or_else(Filter::all);
                Self::Aggregate { pipeline, filter: Arc::new(filter) }
            }
        })
    }
}

impl Find {
    fn parse(asked: crate::documents::Find) -> Result<Self> {
        let limit = asked.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Failure::Invalid(format!("`limit` is 1 to {MAX_PAGE}")));
        }
        if asked.skip > MAX_SKIP {
            return Err(Failure::Invalid(format!(
                "`skip` is {MAX_SKIP} at most; a cursor goes on where a page ended"
            )));
        }
        Ok(Self {
            filter: parse_filter(&asked.filter)?,
            order: order(asked.sort.as_deref())?,
            limit,
            shown: Shown::parse(asked.fields.as_deref())?,
            under: None,
            asked,
        })
    }
}

impl Task {
    /// Reads what is asked; `Invalid` says what is wrong with it. New documents get their `_id` here.
    pub(crate) fn parse(write: Write, now_ms: i64) -> Result<Self> {
        Ok(match write {
            Write::Insert(documents) => {
                if documents.is_empty() || documents.len() > MAX_INSERTED {
                    return Err(Failure::Invalid(format!("an insert has 1 to {MAX_INSERTED} documents")));
                }
                let mut room = READ_BYTES;
                let fresh = documents
                    .iter()
                    .map(|json| Ok(Fresh::new(Object::parse(json)?, now_ms)?.within(&mut room)));
                Self::Insert(fresh.collect::<Result<_>>()?)
            }
            Write::Update { target, update, upsert } => {
                Self::Update { chosen: Chosen::parse(&target)?, update: Update::parse(&update)?, upsert }
            }
            Write::Replace { target, document, upsert } => {
                let chosen = Chosen { which: Which::One, ..Chosen::parse(&target)? };
                Self::Replace { chosen, document: Text::parse(document)?, upsert }
            }
            Write::Delete(target) => Self::Delete(Chosen::parse(&target)?),
            Write::FindAndModify(modify) => Self::parse_modify(modify)?,
        })
    }

    fn parse_modify(modify: FindAndModify) -> Result<Self> {
        let FindAndModify { filter, sort, change, returning, upsert, fields } = modify;
        let change = match change {
            Change::Update(update) => Modified::Update(Update::parse(&update)?),
            Change::Replace(document) => Modified::Replace(Text::parse(document)?),
            Change::Delete => Modified::Delete,
        };
        let chosen = Chosen::parse(&Target { filter, which: Which::One, sort })?;
        Ok(Self::Modify { chosen, change, returning, upsert, shown: Shown::parse(fields.as_deref())? })
    }

    /// The documents that it changes, if it looks for any.
    pub(super) fn chosen(&self) -> Option<&Chosen> {
        match self {
            Self::Insert(_) => None,
            Self::Update { chosen, .. }
            | Self::Replace { chosen, .. }
            | Self::Delete(chosen)
            | Self::Modify { chosen, .. } => Some(chosen),
        }
    }
}

/// What a write has to do with rules.
impl Task {
    /// What it does to the documents that it chooses, or else to new ones.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Insert(_) => Operation::Create,
            Self::Delete(_) | Self::Modify { change: Modified::Delete, .. } => Operation::Delete,
            Self::Update { .. } | Self::Replace { .. } | Self::Modify { .. } => Operation::Update,
        }
    }

    /// Whether it may put in a new document.
    pub(super) fn may_insert(&self) -> bool {
        match self {
            Self::Insert(_) => true,
            Self::Update { upsert, .. } | Self::Replace { upsert, .. } | Self::Modify { upsert, .. } => {
                *upsert
            }
            Self::Delete(_) => false,
        }
    }

    pub(super) fn updates(&self) -> Option<&Update> {
        match self {
            Self::Update { update, .. } | Self::Modify { change: Modified::Update(update), .. } => {
                Some(update)
            }
            _ => None,
        }
    }

    /// The document that takes the place of another one.
    pub(super) fn given(&self) -> Option<&Text> {
        match self {
            Self::Replace { document, .. } | Self::Modify { change: Modified::Replace(document), .. } => {
                Some(document)
            }
            _ => None,
        }
    }

    /// The documents that it puts in.
    pub(super) fn inserted(&self) -> &[Fresh] {
        match self {
            Self::Insert(all) => all,
            _ => &[],
        }
    }

    pub(super) fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Modify { shown, .. } => Some(shown),
            _ => None,
        }
    }
}

impl Shown {
    fn parse(json: Option<&str>) -> Result<Self> {
        Ok(Self(json.map(Projection::parse).transpose()?.into_iter().collect()))
    }

    /// The same of what is not hidden. `Invalid` where it names what is.
    pub(super) fn without(&self, hidden: &Hidden) -> Result<Self> {
        self.0.iter().try_for_each(|fields| hidden.check_projection(fields))?;
        Ok(Self(hidden.projection().into_iter().chain(self.0.iter().cloned()).collect()))
    }

    /// Whether all of a document is.
    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// What is answered of that document.
    pub(super) fn of(&self, document: &Object) -> String {
        let mut projections = self.0.iter();
        let first = projections.next().map(|first| first.apply(document));
        let last = projections.fold(first, |left, next| left.map(|left| next.apply(&left)));
        last.map_or_else(|| document.to_json(), |left| left.to_json())
    }
}

impl Fresh {
    /// A document of these fields, with a new `_id` where it has none.
    pub(super) fn new(object: Object, now_ms: i64) -> Result<Self> {
        let new_id = || match new_id(now_ms) {
            Ok(id) => Ok(id.to_string()),
            Err(error) => Err(Fault::new(error.to_string())),
        };
        let document = Document::new(object, new_id)?;
        let (id, body) = (document.id().to_owned(), document.to_json()?);
        Ok(Self { id, body, object: Some(document.into_object()) })
    }

    /// As text alone.
    pub(super) fn text(&self) -> Self {
        Self { id: self.id.clone(), body: self.body.clone(), object: None }
    }

    /// What it says.
    pub(super) fn object(&self) -> Result<Cow<'_, Object>> {
        match &self.object {
            Some(object) => Ok(Cow::Borrowed(object)),
            None => object(&self.body).map(Cow::Owned),
        }
    }

    /// What it takes in memory beside its text.
    #[cfg(test)]
    pub(super) fn read_bytes(&self) -> usize {
        self.object.as_ref().map_or(0, Object::weight)
    }

    /// Keeps what it says only while there is room for that, bytes.
    fn within(mut self, room: &mut usize) -> Self {
        let left = self.object.as_ref().and_then(|object| room.checked_sub(object.weight()));
        match left {
            Some(left) => *room = left,
            None => self.object = None,
        }
        self
    }
}

impl Text {
    fn parse(json: String) -> Result<Self> {
        Object::parse(&json)?;
        Ok(Self(json))
    }

    /// What it says.
    pub(super) fn object(&self) -> Result<Object> {
        object(&self.0)
    }
}

impl Chosen {
    fn parse(target: &Target) -> Result<Self> {
        let order = order(target.sort.as_deref())?;
        if target.which == Which::Many && !order.is_empty() {
            return Err(Failure::Invalid(
                "`sort` says which document is the first: it goes with a change of one".into(),
            ));
        }
        Ok(Self { filter: parse_filter(&target.filter)?, which: target.which, order })
    }
}

/// Whether some text can be an `_id` at all.
pub(super) fn may_be_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
}

fn parse_filter(json: &str) -> Result<Arc<Filter>> {
    Ok(Arc::new(Filter::parse(json)?))
}

fn order(json: Option<&str>) -> Result<Order> {
    let Some(json) = json else { return Ok(Order::new()) };
    let sort = Sort::parse(json)?;
    Ok(sort.fields().iter().map(|(path, direction)| (path.as_str().to_owned(), *direction)).collect())
}
