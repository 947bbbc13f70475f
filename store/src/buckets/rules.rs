//! Rules of a bucket: what callers from outside may do with its objects. Pure.
//!
//! They are those of documents, asked of what is said of an object: `key`, `size`, `content_type`, `owner`, `metadata` and
//! `written`. Whatever is unclear is refused.

use crate::StoreError;
use crate::buckets::{Info, Result};
use crate::documents::Caller;
use crate::documents::language::rules::{Needed, Permissions, Permitted, Texts};
use crate::documents::language::{Fault, Object, Rule, Value};

/// What rules can ask of an object.
const FIELDS: [&str; 6] = ["key", "size", "content_type", "owner", "metadata", "written"];

/// What callers from outside may do with the objects of a bucket. What has no rule is for functions only.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Which objects are seen.
    pub read: Option<String>,
    /// Which are put where there is none.
    pub create: Option<String>,
    /// Which of those that are seen are replaced, and by what.
    pub update: Option<String>,
    /// Which of those that are seen are removed.
    pub delete: Option<String>,
}

/// The rules of a bucket, read.
#[derive(Default)]
pub(super) struct Ruling(Permissions);

/// What the rules come to for a caller.
pub(super) struct Access {
    rules: Permitted,
    user: Option<String>,
}

/// What of a bucket is open to a caller, whatever is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Whether some object may be seen.
    pub read: bool,
    /// Whether some object may be put.
    pub put: bool,
    /// Whether some object may be removed.
    pub delete: bool,
}

impl Rules {
    /// Reads one rule of a bucket. A fault has the byte of the text that it is at.
    pub fn locate(text: &str) -> std::result::Result<(), (usize, Fault)> {
        rule(text).map(drop)
    }
}

impl Ruling {
    /// Reads what is stored. What cannot be understood, also because a newer server wrote it, permits nothing.
    pub(super) fn stored(json: Option<&str>) -> Self {
        let rules = json.and_then(|json| serde_json::from_str::<Rules>(json).ok());
        rules.and_then(|rules| Self::read(&rules)).unwrap_or_default()
    }

    fn read(Rules { read, create, update, delete }: &Rules) -> Option<Self> {
        let texts = Texts { read, create, update, delete };
        Permissions::read(texts, |_, text| rule(text)).ok().map(Self)
    }

    /// What it comes to for a caller.
    pub(super) fn known(&self, caller: &Caller) -> Access {
        Access { rules: self.0.known(caller), user: caller.user.clone() }
    }
}

impl Access {
    /// What is open at all.
    pub(super) fn open(&self) -> Open {
        let read = !self.rules.read.is_never();
        Open {
            read,
            put: !self.rules.create.is_never() || read && !self.rules.update.is_never(),
            delete: read && !self.rules.delete.is_never(),
        }
    }

    /// `Forbidden` where nothing may be seen.
    pub(super) fn permit_look(&self) -> Result<()> {
        permit(self.open().read)
    }

    /// Whether the caller may see that object.
    pub(super) fn sees(&self, key: &str, info: &Info) -> bool {
        self.rules.read.is_always() || self.rules.read.holds(&document(key, info), None)
    }

    /// The owner whose objects are the only ones that the caller may see, if it is one.
    pub(super) fn only_owner(&self) -> Option<&str> {
        self.rules.read.needed().into_iter().find_map(|needed| match needed {
            Needed::Equal(path, Value::String(owner)) if path.as_str() == "owner" => Some(owner.as_str()),
            _ => None,
        })
    }

    /// Whose an object is that the caller puts: nobody takes one from its owner.
    pub(super) fn owner(&self, there: Option<&Info>) -> Option<String> {
        there.map_or_else(|| self.user.clone(), |there| there.attributes.owner.clone())
    }

    /// Fails unless the caller may put that object under a key, where there is that one or none. What it may not see, it may
    /// not replace either.
    pub(super) fn permit_put(&self, key: &str, there: Option<&Info>, new: &Info) -> Result<()> {
        let fresh = document(key, new);
        let Some(there) = there else { return permit(self.rules.may_create(&fresh)) };
        let was = document(key, there);
        permit(self.sees(key, there) && self.rules.may_become(&was, &fresh))
    }

    /// Fails unless the caller may remove that object, which it sees.
    pub(super) fn permit_delete(&self, key: &str, there: &Info) -> Result<()> {
        permit(self.rules.delete.holds(&document(key, there), None))
    }
}

/// Reads one rule; a fault has the byte of the text that it is at.
fn rule(text: &str) -> std::result::Result<Rule, (usize, Fault)> {
    let rule = Rule::locate(text)?;
    let unknown = rule.fields().into_iter().find(|path| {
        let first = path.parts().first().map_or("", |part| part.name.as_str());
        !FIELDS.contains(&first) || path.parts().len() > 1 && first != "metadata"
    });
    match unknown {
        None => Ok(rule),
        Some(path) => {
            let at = text.find(path.as_str()).unwrap_or_default();
            let known = FIELDS.join("`, `");
            Err((at, Fault::new(format!("an object has no `{}`, but `{known}`", path.as_str()))))
        }
    }
}

fn permit(is_permitted: bool) -> Result<()> {
    if is_permitted { Ok(()) } else { Err(StoreError::Forbidden) }
}

/// An object as rules see it. What it does not have is not there.
fn document(key: &str, info: &Info) -> Object {
    let text = |text: &str| Value::String(text.to_owned());
    let mut object = Object::new();
    object.insert("key", text(key));
    object.insert("size", Value::Int(i64::try_from(info.size).unwrap_or(i64::MAX)));
    if !info.attributes.content_type.is_empty() {
        object.insert("content_type", text(&info.attributes.content_type));
    }
    if let Some(owner) = &info.attributes.owner {
        object.insert("owner", text(owner));
    }
    let metadata = info.attributes.metadata.iter();
    object.insert(
        "metadata",
        Value::Object(metadata.map(|(name, value)| (name.clone(), text(value))).collect()),
    );
    object.insert("written", Value::Int(info.written_ms));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_ask_what_an_object_has() {
        for rule in [
            "owner == auth.user && size < 100",
            "content_type in ['image/png'] || metadata.public == 'yes' || written > 5",
            "request.data.key == key && request.data != null && request.data.metadata != null",
        ] {
            assert!(Rules::locate(rule).is_ok(), "{rule}");
        }
        for (rule, at, part) in [
            ("true && title == 'a'", 8, "no `title`"),
            ("request.data.name == 'a'", 13, "no `name`"),
            ("key.x == 'a'", 0, "no `key.x`"),
            ("owner = auth.user", 6, "nothing can follow"),
        ] {
            let (found, fault) = Rules::locate(rule).unwrap_err();
            assert_eq!(found, at, "{rule}: {}", fault.message);
            assert!(fault.message.contains(part), "{}", fault.message);
        }
    }

    #[test]
    fn c9_what_is_not_understood_permits_nothing() {
        let nothing = Open { read: false, put: false, delete: false };
        for json in [
            None,
            Some(""),
            Some("{}"),
            Some(r#"{"read":"true","later":"true"}"#),
            Some(r#"{"read":"true","create":"title == 1"}"#),
            Some(r#"{"create":null,"update":"true","delete":"true"}"#),
        ] {
            assert_eq!(Ruling::stored(json).known(&Caller::default()).open(), nothing, "{json:?}");
        }
    }
}
