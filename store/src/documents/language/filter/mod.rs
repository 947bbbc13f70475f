//! Filters: which documents are meant.

mod parse;
mod pattern;
mod test;

mod ranges;
mod rule;
mod upsert;

use super::pipeline::Expression;
use super::rules::{See, names_of};
use super::{Fault, Object, Path, json};
use rule::Ruled;
use test::Test;

pub(crate) use parse::{ElementFilter, begins_with_operator, is_true, literal};
pub use ranges::KeyRange;
pub(crate) use test::whole;

/// A condition on documents: all of its clauses must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug)]
enum Clause {
    /// `{"age": {"$gt": 18}}`
    Field(Path, Test),
    /// `$and`
    And(Vec<Filter>),
    /// `$or`
    Or(Vec<Filter>),
    /// `$nor`
    Nor(Vec<Filter>),
    /// `$expr`
    Expression(Box<Expression>),
    /// What a caller may see.
    Rule(Box<Ruled>),
}

impl Filter {
    /// Reads `{"age": {"$gt": 18}}`, at most [`super::MAX_QUERY_BYTES`].
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::read(json::read_query(json, "filter")?)
    }

    /// The filter that every document matches.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether every document matches, because there is no condition.
    pub fn is_all(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether that document is meant. An `$expr` that cannot be computed of it does not match.
    pub fn matches(&self, document: &Object) -> bool {
        self.clauses.iter().all(|clause| clause.matches(document))
    }

    /// The only `_id` that can match, when the filter says so.
    pub fn id(&self) -> Option<&str> {
        self.clauses.iter().find_map(|clause| match clause {
            Clause::Field(path, test) if path.as_str() == "_id" => test.only_text(),
            Clause::And(all) => all.iter().find_map(Self::id),
            Clause::Rule(ruled) => ruled.needed.id(),
            _ => None,
        })
    }

    /// How many fields its expressions name: each may be all of a document. Other conditions are few.
    pub(crate) fn looks(&self) -> usize {
        let of = |clause: &Clause| match clause {
            Clause::Field(..) | Clause::Rule(_) => 0,
            Clause::And(all) | Clause::Or(all) | Clause::Nor(all) => all.iter().map(Self::looks).sum(),
            Clause::Expression(expression) => {
                let mut named = 0;
                expression.names(&mut |_| named += 1);
                named
            }
        };
        self.clauses.iter().map(of).sum()
    }

    /// Shows the fields that it asks for.
    pub(crate) fn names(&self, see: &mut See<'_>) {
        for clause in &self.clauses {
            match clause {
                // What is asked of elements stands behind that path.
                Clause::Field(path, _) => see(&names_of(path)),
                Clause::And(all) | Clause::Or(all) | Clause::Nor(all) => {
                    all.iter().for_each(|filter| filter.names(see));
                }
                Clause::Expression(expression) => expression.names(see),
                Clause::Rule(_) => {}
            }
        }
    }
}

impl Clause {
    fn matches(&self, document: &Object) -> bool {
        match self {
            Self::Field(path, test) => test.holds_at(path, document),
            Self::And(all) => all.iter().all(|filter| filter.matches(document)),
            Self::Or(any) => any.iter().any(|filter| filter.matches(document)),
            Self::Nor(none) => !none.iter().any(|filter| filter.matches(document)),
            Self::Expression(expression) => expression.is_true(document).unwrap_or(false),
            Self::Rule(ruled) => ruled.condition.holds(document, None),
        }
    }
}
