//! What a caller from outside may do in a collection: its rules, and what they come to for that caller.
//!
//! They stand in the filter of what is looked for, so that nothing is found that must not be seen; what is to be written
//! is asked once more before it is. Whatever is unclear is refused.

use super::perform::Operation;
use super::question::{Chosen, Find, Fresh, Question, Shown, Task};
use super::sight::Sight;
use crate::documents::language::rules::{Permissions, Permitted, Texts};
use crate::documents::language::{Caller, Condition, Fault, Filter, Hidden, Object, Path, Rule, Value};
use crate::documents::{Failure, Result, Rules};

/// The rules of a collection, read. Without a rule there is no permission.
#[derive(Debug, Default)]
pub(crate) struct Ruling {
    rules: Permissions,
    hidden: Hidden,
    owner: Option<String>,
}

/// What the rules come to for a caller.
pub(crate) struct Access {
    rules: Permitted,
    hidden: Hidden,
    owner: Option<String>,
    user: Option<String>,
}

impl Ruling {
    /// Reads rules; a fault says which one is none, and where.
    pub(crate) fn read(rules: &Rules) -> std::result::Result<Self, Fault> {
        let Rules { read, create, update, delete, hidden: _, owner: _ } = rules;
        let rule = |name: &str, text: &str| {
            Rule::parse(text).map_err(|fault| Fault::new(format!("rule `{name}`, {}", fault.message)))
        };
        if let Some(owner) = &rules.owner {
            let path = Path::parse(owner).map_err(|fault| Fault::new(format!("owner: {}", fault.message)))?;
            if path.parts().len() > 1 || owner == "_id" {
                return Err(Fault::new(format!("owner: `{owner}` is no field of the document itself")));
            }
        }
        Ok(Self {
            rules: Permissions::read(Texts { read, create, update, delete }, rule)?,
            hidden: Hidden::parse(&rules.hidden)
                .map_err(|fault| Fault::new(format!("hidden: {}", fault.message)))?,
            owner: rules.owner.clone(),
        })
    }

    /// Reads what is stored. What cannot be understood, also because a newer server wrote it, permits nothing.
    pub(super) fn stored(json: Option<&str>) -> Self {
        let rules = json.and_then(|json| serde_json::from_str::<Rules>(json).ok());
        rules.and_then(|rules| Self::read(&rules).ok()).unwrap_or_default()
    }

    /// What it comes to for a caller.
    pub(super) fn known(&self, caller: &Caller) -> Access {
        Access {
            rules: self.rules.known(caller),
            hidden: self.hidden.clone(),
            owner: self.owner.clone(),
            user: caller.user.clone(),
        }
    }
}

impl Access {
    /// The question for what the caller may see.
    pub(super) fn question(&self, question: &Question) -> Result<Question> {
        if self.rules.read.is_never() {
            return Err(Failure::Forbidden);
        }
        Ok(match question {
            Question::Get { id, only, shown } => {
                let only = only.as_deref().cloned().unwrap_or_default();
                let shown = shown.without(&self.hidden)?;
                Question::Get { id: id.clone(), only: Some(self.ruled(&only, &self.rules.read)?), shown }
            }
            Question::Find(find) => Question::Find(self.find(find)?),
            Question::Count { filter, limit } => {
                Question::Count { filter: self.ruled(filter, &self.rules.read)?, limit: *limit }
            }
            Question::Distinct { field, filter } => {
                self.hidden.check_path(field)?;
                Question::Distinct { field: field.clone(), filter: self.ruled(filter, &self.rules.read)? }
            }
            Question::Aggregate { pipeline, filter } => {
                self.hidden.check_pipeline(pipeline)?;
                let pipeline = match self.hidden.projection() {
                    Some(shown) => pipeline.clone().over(shown),
                    None => pipeline.clone(),
                };
                Question::Aggregate { pipeline, filter: self.ruled(filter, &self.rules.read)? }
            }
        })
    }

    /// `Forbidden` where the caller may see nothing, whatever is there.
    pub(super) fn permit_sight(&self) -> Result<()> {
        if self.rules.read.is_never() { Err(Failure::Forbidden) } else { Ok(()) }
    }

    /// What the caller is told of changes, of the documents that a filter is about.
    pub(super) fn sight(&self, filter: &Filter) -> Result<Sight> {
        self.permit_sight()?;
        let (filter, shown) =
            (self.ruled(filter, &self.rules.read)?, Shown::default().without(&self.hidden)?);
        Ok(Sight::new(filter, shown, format!("{:?}", self.rules.read)))
    }

    fn find(&self, find: &Find) -> Result<Find> {
        self.check_order(&find.order)?;
        Ok(Find {
            asked: find.asked.clone(),
            filter: self.ruled(&find.filter, &self.rules.read)?,
            order: find.order.clone(),
            limit: find.limit,
            shown: find.shown.without(&self.hidden)?,
            // Pages belong to what this caller may see.
            under: Some(format!("{:?}", self.rules.read)),
        })
    }

    /// `Forbidden` when no such write is open to the caller at all; `Invalid` when it names what is hidden.
    pub(super) fn permit(&self, task: &Task) -> Result<()> {
        let is_open = match task {
            Task::Insert(_) => !self.rules.create.is_never(),
            _ => {
                let is_refused = self.rules.read.is_never() || self.of(task.operation()).is_never();
                !is_refused && (!task.may_insert() || !self.rules.create.is_never())
            }
        };
        let is_somebody = self.owner.is_none() || self.user.is_some() || !task.may_insert();
        if !is_open || !is_somebody {
            return Err(Failure::Forbidden);
        }
        if let Some(chosen) = task.chosen() {
            self.hidden.check_filter(&chosen.filter)?;
            self.check_order(&chosen.order)?;
        }
        task.updates().map_or(Ok(()), |update| self.hidden.check_update(update))?;
        task.shown().map_or(Ok(()), |shown| shown.without(&self.hidden).map(|_| ()))?;
        if self.hidden.is_empty() {
            return Ok(());
        }
        if let Some(document) = task.given() {
            self.hidden.check_given(&document.object()?)?;
        }
        task.inserted().iter().try_for_each(|fresh| Ok(self.hidden.check_given(&*fresh.object()?)?))
    }

    /// The documents that the caller may see and do that to.
    pub(super) fn chosen(&self, chosen: &Chosen, operation: Operation) -> Result<Chosen> {
        // What an update makes of a document is asked when it is known; who deletes makes nothing: there it is null.
        let of = self.of(operation);
        let condition = match operation {
            Operation::Delete => self.rules.read.and(of),
            _ => self.rules.read.and(&of.without_data()),
        };
        let filter = self.ruled(&chosen.filter, &condition)?;
        Ok(Chosen { filter, which: chosen.which, order: chosen.order.clone() })
    }

    /// What of a document is answered.
    pub(super) fn shown(&self, shown: &Shown) -> Result<Shown> {
        shown.without(&self.hidden)
    }

    /// A new document as it may be put in, with its owner.
    pub(super) fn created(&self, fresh: &Fresh, now_ms: i64) -> Result<Fresh> {
        let mut object = fresh.object()?.into_owned();
        self.hidden.check_given(&object)?;
        if let Some(owner) = &self.owner {
            let user = Value::String(self.user.clone().ok_or(Failure::Forbidden)?);
            if object.get(owner).is_some_and(|given| *given != user) {
                return Err(Failure::Forbidden);
            }
            object.insert(owner.as_str(), user);
        }
        if !self.rules.may_create(&object) {
            return Err(Failure::Forbidden);
        }
        Ok(Fresh::new(object, now_ms)?.text())
    }

    /// Puts what the caller cannot say into the document that takes the place of another one.
    pub(super) fn keep(&self, was: &Object, new: &mut Object) -> Result<()> {
        if let Some(owner) = &self.owner
            && new.get(owner).is_none()
            && let Some(own) = was.get(owner)
        {
            new.insert(owner.as_str(), own.clone());
        }
        Ok(self.hidden.keep(was, new)?)
    }

    /// Fails unless a document may become that one.
    pub(super) fn changed(&self, was: &Object, fresh: &Fresh) -> Result<()> {
        let new = fresh.object()?;
        let keeps_owner = self.owner.as_ref().is_none_or(|owner| was.get(owner) == new.get(owner));
        match keeps_owner && self.rules.may_become(was, &new) {
            true => Ok(()),
            false => Err(Failure::Forbidden),
        }
    }

    /// What is asked of the documents that the caller reads, or does that to, in the words of rules.
    pub(super) fn words(&self, operation: Option<Operation>) -> String {
        match operation {
            None => self.rules.read.to_string(),
            Some(Operation::Create) => self.rules.create.to_string(),
            Some(operation) => self.rules.read.and(self.of(operation)).to_string(),
        }
    }

    /// A failure in words that tell nothing of what is hidden.
    pub(super) fn told(&self, failure: Failure) -> Failure {
        let is_hidden = match &failure {
            Failure::Duplicate { index, .. } => self.hidden.is_named_in(index),
            Failure::Invalid(text) => self.hidden.is_named_in(text),
            _ => false,
        };
        if is_hidden { Failure::Forbidden } else { failure }
    }

    fn of(&self, operation: Operation) -> &Condition {
        match operation {
            Operation::Create => &self.rules.create,
            Operation::Update => &self.rules.update,
            Operation::Delete => &self.rules.delete,
        }
    }

    fn ruled(&self, filter: &Filter, condition: &Condition) -> Result<std::sync::Arc<Filter>> {
        self.hidden.check_filter(filter)?;
        Ok(std::sync::Arc::new(filter.ruled(condition, &self.hidden)))
    }

    fn check_order(&self, order: &super::plan::Order) -> Result<()> {
        for (field, _) in order {
            self.hidden.check_path(&Path::parse(field)?)?;
        }
        Ok(())
    }
}
