//! Rules: what a caller from outside may do with a document, as one small expression.
//!
//! A rule is read once. What is known of the caller is put in before anything is looked for, and what is left is a
//! condition on documents that stands in the query itself. It is strict where filters are MongoDB's: values are equal as
//! wholes, and only what is exactly true lets anybody in. `docs/rules.md` is for those who write rules.

mod caller;
mod parse;

mod condition;
mod fold;

mod hidden;
mod necessary;
mod permissions;
#[cfg(test)]
pub(crate) mod reference;
mod words;

use super::{Fault, Path, Value};

pub use caller::Caller;
pub use condition::Condition;
pub use hidden::Hidden;
pub(crate) use hidden::{See, names_of};
pub(crate) use necessary::Needed;
pub(crate) use permissions::{Permissions, Permitted, Texts};

/// Longest rule, bytes.
pub const MAX_RULE_BYTES: usize = 4 << 10;
/// Parentheses, lists and `!` within each other.
pub const MAX_RULE_DEPTH: usize = 32;

/// A rule, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule(Expression);

/// What a rule is made of.
#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Literal(Value),
    /// `auth.user`
    User,
    /// `auth.roles`
    Roles,
    /// `auth.anonymous`
    Anonymous,
    /// `request.data`, and a field of it.
    Data(Option<Path>),
    /// A field of the document that is there.
    Field(Path),
    List(Vec<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Comparison, Box<[Expression; 2]>),
    /// Whether the first is in the second.
    In(Box<[Expression; 2]>),
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Rule {
    /// Reads a rule of at most [`MAX_RULE_BYTES`], at most [`MAX_RULE_DEPTH`] deep. A fault says where: "line 1, column
    /// 9: …".
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::locate(text).map_err(|(_, fault)| fault)
    }

    /// The same, with the byte of the text that a fault is at.
    pub fn locate(text: &str) -> Result<Self, (usize, Fault)> {
        parse::parse(text).map(Self)
    }

    /// Whether it asks what the document is to become.
    pub fn mentions_data(&self) -> bool {
        self.0.any(&|part| matches!(part, Expression::Data(_)))
    }

    /// The fields that it asks for, of the document that is there and of what it is to become.
    pub(crate) fn fields(&self) -> Vec<&Path> {
        let mut fields = self.fields_there();
        self.0.paths(&mut fields, |part| match part {
            Expression::Data(Some(path)) => Some(path),
            _ => None,
        });
        fields
    }

    /// The fields that it asks for, of the document that is there alone.
    pub(crate) fn fields_there(&self) -> Vec<&Path> {
        let mut fields = Vec::new();
        self.0.paths(&mut fields, |part| match part {
            Expression::Field(path) => Some(path),
            _ => None,
        });
        fields
    }

    /// What is left of it for that caller.
    pub fn known(&self, caller: &Caller) -> Condition {
        Condition(fold::known(&self.0, caller))
    }
}

impl Expression {
    /// Whether something is so for it or for anything in it.
    fn any(&self, is_so: &dyn Fn(&Self) -> bool) -> bool {
        is_so(self) || self.inner().iter().any(|part| part.any(is_so))
    }

    fn paths<'e>(&'e self, found: &mut Vec<&'e Path>, path_of: fn(&'e Self) -> Option<&'e Path>) {
        found.extend(path_of(self));
        self.inner().iter().for_each(|part| part.paths(found, path_of));
    }

    /// What it is made of.
    fn inner(&self) -> &[Self] {
        match self {
            Self::List(all) | Self::And(all) | Self::Or(all) => all,
            Self::Not(one) => std::slice::from_ref(&**one),
            Self::Compare(_, both) | Self::In(both) => both.as_slice(),
            Self::Literal(_)
            | Self::User
            | Self::Roles
            | Self::Anonymous
            | Self::Data(_)
            | Self::Field(_) => &[],
        }
    }
}
