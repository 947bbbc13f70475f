//! Conditions in the words of rules, for people who ask what is left of a rule.

use std::fmt;

use super::{Comparison, Condition, Expression};

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, Binding::Or)
    }
}

/// How close the parts of an expression hang together: what binds less than its surroundings has parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binding {
    Or,
    And,
    Not,
    Comparison,
    One,
}

impl Expression {
    fn binding(&self) -> Binding {
        match self {
            Self::Or(_) => Binding::Or,
            Self::And(_) => Binding::And,
            Self::Not(_) => Binding::Not,
            Self::Compare(..) | Self::In(_) => Binding::Comparison,
            _ => Binding::One,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, around: Binding) -> fmt::Result {
        if self.binding() < around {
            f.write_str("(")?;
            self.write(f, Binding::Or)?;
            return f.write_str(")");
        }
        match self {
            Self::Literal(value) => f.write_str(&value.to_json()),
            Self::User => f.write_str("auth.user"),
            Self::Roles => f.write_str("auth.roles"),
            Self::Anonymous => f.write_str("auth.anonymous"),
            Self::Data(None) => f.write_str("request.data"),
            Self::Data(Some(path)) => write!(f, "request.data.{}", path.as_str()),
            Self::Field(path) => f.write_str(path.as_str()),
            Self::List(all) => {
                f.write_str("[")?;
                joined(f, all, ", ", Binding::Or)?;
                f.write_str("]")
            }
            Self::And(all) => joined(f, all, " && ", Binding::Not),
            Self::Or(all) => joined(f, all, " || ", Binding::And),
            Self::Not(one) => {
                f.write_str("!")?;
                one.write(f, Binding::Not)
            }
            Self::Compare(comparison, both) => joined(f, &**both, comparison.word(), Binding::One),
            Self::In(both) => joined(f, &**both, " in ", Binding::One),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, all: &[Expression], between: &str, around: Binding) -> fmt::Result {
    for (place, part) in all.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        part.write(f, around)?;
    }
    Ok(())
}

impl Comparison {
    fn word(self) -> &'static str {
        match self {
            Self::Equal => " == ",
            Self::NotEqual => " != ",
            Self::Less => " < ",
            Self::LessOrEqual => " <= ",
            Self::Greater => " > ",
            Self::GreaterOrEqual => " >= ",
        }
    }
}
