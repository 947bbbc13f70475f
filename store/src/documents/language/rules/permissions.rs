//! The four rules of what is open to callers from outside, a collection or a bucket: read together, and put together for one
//! caller.

use super::{Caller, Condition, Rule};
use crate::documents::language::Object;

/// The rules, read. Without a rule there is no permission.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    read: Option<Rule>,
    create: Option<Rule>,
    update: Option<Rule>,
    delete: Option<Rule>,
}

/// The texts of the four.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'t> {
    pub(crate) read: &'t Option<String>,
    pub(crate) create: &'t Option<String>,
    pub(crate) update: &'t Option<String>,
    pub(crate) delete: &'t Option<String>,
}

/// What the rules come to for a caller.
pub(crate) struct Permitted {
    pub(crate) read: Condition,
    pub(crate) create: Condition,
    pub(crate) update: Condition,
    pub(crate) delete: Condition,
    /// Whether the rule for updates says itself what something may become.
    update_asks_data: bool,
}

impl Permissions {
    /// Reads each by its name and its text.
    pub(crate) fn read<F>(texts: Texts<'_>, read: impl Fn(&str, &str) -> Result<Rule, F>) -> Result<Self, F> {
        let rule = |name, text: &Option<String>| text.as_ref().map(|text| read(name, text)).transpose();
        Ok(Self {
            read: rule("read", texts.read)?,
            create: rule("create", texts.create)?,
            update: rule("update", texts.update)?,
            delete: rule("delete", texts.delete)?,
        })
    }

    /// What they come to for a caller.
    pub(crate) fn known(&self, caller: &Caller) -> Permitted {
        let known =
            |rule: &Option<Rule>| rule.as_ref().map_or_else(Condition::never, |rule| rule.known(caller));
        let update = known(&self.update);
        Permitted {
            read: known(&self.read),
            create: known(&self.create),
            delete: known(&self.delete),
            update_asks_data: update.mentions_data(),
            update,
        }
    }
}

impl Permitted {
    /// Whether something new may be put in.
    pub(crate) fn may_create(&self, new: &Object) -> bool {
        self.create.holds(new, Some(new))
    }

    /// Whether something may become that. A rule that does not ask what it will be is asked of that as well.
    pub(crate) fn may_become(&self, was: &Object, new: &Object) -> bool {
        self.update.holds(was, Some(new)) && (self.update_asks_data || self.update.holds(new, Some(new)))
    }
}
