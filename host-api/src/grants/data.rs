//! Grants of a project's data: which of it, and what for.

use std::collections::BTreeMap;

use store::catalog::check_name;

use super::shortened;

/// A kind of data that a project keeps under names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// Collections of documents.
    Collection,
    /// Buckets of objects.
    Bucket,
    /// Key-value namespaces.
    KeyValue,
    /// Private SQL databases.
    Sql,
}

/// What a grant of data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To see it.
    Read,
    /// To change it.
    Write,
}

/// Verbs of one grant, or of several of the same resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs {
    read: bool,
    write: bool,
}

/// The data that a function may use, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DataGrants {
    verbs: BTreeMap<Data, BTreeMap<String, Verbs>>,
}

/// The grant that allows that of some data. A name that the guest made up is shortened.
pub fn data_grant(data: Data, name: &str, verb: Verb) -> String {
    format!("{}:{}:{}", data.name(), shortened(name), verb.name())
}

impl Data {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Collection, Self::Bucket, Self::KeyValue, Self::Sql];

    /// As a grant has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Bucket => "bucket",
            Self::KeyValue => "kv",
            Self::Sql => "sql",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data| data.name() == name)
    }
}

impl DataGrants {
    /// Adds `NAME` or `NAME:VERBS`. The error says what is wrong.
    pub(super) fn add(&mut self, data: Data, text: &str) -> Result<(), &'static str> {
        let (name, verbs) = match text.split_once(':') {
            Some((name, verbs)) => (name, Verbs::parse(verbs)?),
            None => (text, Verbs::ALL),
        };
        check_name(name)?;
        let granted = self.verbs.entry(data).or_default().entry(name.to_owned()).or_default();
        *granted = granted.and(verbs);
        Ok(())
    }

    /// What may be done with that; none: it may not be opened.
    pub(super) fn of(&self, data: Data, name: &str) -> Option<Verbs> {
        self.verbs.get(&data)?.get(name).copied()
    }

    /// Those of a kind, in order.
    pub(super) fn names(&self, data: Data) -> impl Iterator<Item = &str> {
        self.verbs.get(&data).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }
}

impl Verb {
    /// As a grant has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Verbs {
    /// All there are.
    const ALL: Self = Self { read: true, write: true };

    /// Whether this verb is among them.
    pub fn allow(self, verb: Verb) -> bool {
        match verb {
            Verb::Read => self.read,
            Verb::Write => self.write,
        }
    }

    fn and(self, other: Self) -> Self {
        Self { read: self.read || other.read, write: self.write || other.write }
    }

    /// Reads `read,write`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut verbs = Self::default();
        for verb in text.split(',') {
            match verb {
                "read" => verbs.read = true,
                "write" => verbs.write = true,
                _ => return Err("the verbs are `read` and `write`, with a comma between them"),
            }
        }
        Ok(verbs)
    }
}
