//! The clause of a rule: what a caller may see of a collection stands in the filter itself.

use super::super::rules::Needed;
use super::super::{Condition, Hidden, Path};
use super::test::{Comparison, Test};
use super::{Clause, Filter};

/// A condition, and what indexes can make of it.
#[derive(Clone, Debug)]
pub(super) struct Ruled {
    pub(super) condition: Condition,
    /// What holds wherever the condition does, in a filter's words; asked of indexes, never of documents.
    pub(super) needed: Filter,
    /// Fields that no index may show, not even by its order.
    hidden: Hidden,
}

impl Filter {
    /// The same filter for documents for which the condition holds. It stands first: what the filter says is asked of no
    /// other document.
    #[must_use]
    pub fn ruled(&self, condition: &Condition, hidden: &Hidden) -> Self {
        if condition.is_always() && hidden.is_empty() {
            return self.clone();
        }
        let needed = Self { clauses: condition.needed().into_iter().map(clause).collect() };
        let ruled = Ruled { condition: condition.clone(), needed, hidden: hidden.clone() };
        let mut clauses = vec![Clause::Rule(Box::new(ruled))];
        clauses.extend(self.clauses.iter().cloned());
        Self { clauses }
    }

    /// Whether an index may have part in the answer that has that field.
    pub(crate) fn may_walk(&self, field: &Path) -> bool {
        !self.clauses.iter().any(|clause| matches!(clause, Clause::Rule(ruled) if ruled.hidden.meets(field)))
    }
}

fn clause(needed: Needed<'_>) -> Clause {
    let (path, test) = match needed {
        Needed::Equal(path, value) => (path, Test::Compare(Comparison::Equal, value.clone())),
        Needed::Among(path, values) => {
            let mut values = values.to_vec();
            values.sort_by(super::super::Value::compare);
            (path, Test::In(values))
        }
        Needed::Below(path, value, or_equal) => {
            let comparison = if or_equal { Comparison::LessOrEqual } else { Comparison::Less };
            (path, Test::Compare(comparison, value.clone()))
        }
        Needed::Above(path, value, or_equal) => {
            let comparison = if or_equal { Comparison::GreaterOrEqual } else { Comparison::Greater };
            (path, Test::Compare(comparison, value.clone()))
        }
    };
    Clause::Field(path.clone(), test)
}
