//! What a caller is told of the changes of a collection: of which documents, and what of them.

use std::sync::Arc;

use super::catalog::Collection;
use super::look::object;
use super::question::Shown;
use crate::documents::Result;
use crate::documents::language::{Caller, Filter, Object};

/// What a caller sees of the documents that a filter is about, by the rules of a collection as it is.
pub(crate) struct Sight {
    filter: Arc<Filter>,
    shown: Shown,
    /// What the rules come to. Of one collection, whoever has the same and the same filter sees the same.
    pub(crate) under: String,
}

/// A document before and after it was written.
pub(crate) struct Passed<'p> {
    id: &'p Arc<str>,
    before: Option<Object>,
    after: Option<(Object, &'p Arc<str>)>,
}

/// What of a change is seen: documents as JSON, or the `_id` of one that is not seen any more.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Insert(Arc<str>),
    Update(Arc<str>),
    Delete(Arc<str>),
}

impl Collection {
    /// `Forbidden` where that caller sees nothing of it, whatever is there.
    pub(crate) fn permit_sight(&self, caller: &Caller) -> Result<()> {
        self.ruling.known(caller).permit_sight()
    }

    /// What that caller sees of it. `Forbidden` where that is nothing whatever is there, `Invalid` where the filter names
    /// what is hidden.
    pub(crate) fn sight(&self, caller: &Caller, filter: &Filter) -> Result<Sight> {
        self.ruling.known(caller).sight(filter)
    }
}

impl Sight {
    pub(super) fn new(filter: Arc<Filter>, shown: Shown, under: String) -> Self {
        Self { filter, shown, under }
    }

    /// What of a change is seen, if anything is.
    pub(crate) fn of(&self, passed: &Passed<'_>) -> Option<Seen> {
        let was = passed.before.as_ref().filter(|before| self.filter.matches(before));
        let is = passed.after.as_ref().filter(|(after, _)| self.filter.matches(after));
        match (was, is) {
            (None, None) => None,
            (None, Some((after, text))) => Some(Seen::Insert(self.shown(after, text))),
            (Some(_), None) => Some(Seen::Delete(passed.id.clone())),
            (Some(before), Some((after, text))) => {
                let shown = self.shown(after, text);
                // That something hidden has changed is not told either.
                let is_same = !self.shown.is_all() && self.shown.of(before) == *shown;
                (!is_same).then_some(Seen::Update(shown))
            }
        }
    }

    fn shown(&self, document: &Object, text: &Arc<str>) -> Arc<str> {
        if self.shown.is_all() { text.clone() } else { self.shown.of(document).into() }
    }
}

impl<'p> Passed<'p> {
    /// Reads what was and is stored.
    pub(crate) fn read(id: &'p Arc<str>, before: Option<&str>, after: Option<&'p Arc<str>>) -> Result<Self> {
        let after = after.map(|after| Ok::<_, crate::documents::Failure>((object(after)?, after)));
        Ok(Self { id, before: before.map(object).transpose()?, after: after.transpose()? })
    }
}
