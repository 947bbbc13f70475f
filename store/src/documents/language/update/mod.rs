//! Updates: how documents are changed.

mod parse;
mod place;

mod arrays;
mod change;

use super::rules::See;
use super::{Fault, Object, Value, json};
use change::Change;
use place::Place;

/// Changes by operators: `{"$inc": {"visits": 1}}`.
#[derive(Clone, Debug)]
pub struct Update {
    /// By place: numbers as numbers, names as texts. That is the order in which MongoDB adds new fields.
    steps: Vec<Step>,
}

/// What an update is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A document that is there: `_id` stays as it is, `$setOnInsert` does nothing.
    Update,
    /// What becomes a new document, because none matched.
    Insert,
}

#[derive(Clone, Debug)]
struct Step {
    /// For faults.
    operator: &'static str,
    place: Place,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// A change of what is at the place.
    Change(Change),
    /// The same, when a document is inserted.
    OnInsert(Change),
    /// `$unset`
    Remove,
    /// `$rename`
    MoveTo(Place),
}

/// What changes of one document need to know and may use.
#[derive(Debug)]
struct Work {
    now_ms: i64,
    /// How much may still be added, bytes of memory: `$[]` adds to each element of a large array.
    room: usize,
}

/// A document of 1 MiB can hold half a million numbers, and each takes this many times its text in memory.
const ROOM_BYTES: usize = 64 << 20;

impl Update {
    /// Reads an update of operators only, at most [`super::MAX_QUERY_BYTES`].
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::read(json::read_query(json, "update")?)
    }

    /// Shows the places that it changes.
    pub(crate) fn names(&self, see: &mut See<'_>) {
        for step in &self.steps {
            see(&step.place.names());
            if let What::MoveTo(target) = &step.what {
                see(&target.names());
            }
        }
    }

    /// Changes a document; `now_ms` is for `$currentDate`. Answers whether anything is another than before. After a
    /// fault the document is in between and must be thrown away.
    pub fn apply(&self, document: &mut Object, now_ms: i64, kind: Applied) -> Result<bool, Fault> {
        let id = document.get("_id").cloned();
        let mut work = Work { now_ms, room: ROOM_BYTES };
        let mut is_changed = false;
        for step in &self.steps {
            is_changed |= step.apply(document, kind, &mut work)?;
        }
        let may_be_new = kind == Applied::Insert && id.is_none();
        match may_be_new || id.as_ref() == document.get("_id") {
            true => Ok(is_changed),
            false => Err(Fault::new("update: `_id` cannot be changed")),
        }
    }
}

impl Step {
    fn apply(&self, document: &mut Object, kind: Applied, work: &mut Work) -> Result<bool, Fault> {
        let done = match &self.what {
            What::Change(change) => self.place.change(document, change, work),
            What::OnInsert(change) if kind == Applied::Insert => self.place.change(document, change, work),
            What::OnInsert(_) => Ok(false),
            What::Remove => self.place.remove(document),
            What::MoveTo(target) => self.rename(document, target, work),
        };
        let at =
            |fault: Fault| Fault::new(format!("`{}` at `{}`: {}", self.operator, self.place, fault.message));
        done.map_err(at)
    }

    fn rename(&self, document: &mut Object, target: &Place, work: &mut Work) -> Result<bool, Fault> {
        match self.place.take(document)? {
            None => Ok(false),
            Some(value) => {
                if target.meets_array(document) {
                    return Err(Fault::new("nothing can be renamed into an array"));
                }
                target.change(document, &Change::Set(value), work)?;
                Ok(true)
            }
        }
    }
}

impl Work {
    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.room.checked_sub(bytes) {
            Some(left) => {
                self.room = left;
                Ok(())
            }
            None => Err(Fault::new("the document would become too large")),
        }
    }

    /// A copy of a value, counted.
    fn copy(&mut self, value: &Value) -> Result<Value, Fault> {
        self.spend(value.weight())?;
        Ok(value.clone())
    }
}
