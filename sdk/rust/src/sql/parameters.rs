//! What the parameters of a statement are bound to.

use super::Value;
use crate::bindings::ostro::db::sql;

/// What the parameters of a statement are bound to: all of them, at most 1,000, and nothing else. What is bound is
/// never SQL.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// `?`, `?1`, `?2` in order; those with names in the order in which they first stand there.
    Positional(Vec<Value>),
    /// `:name`, `@name` or `$name`, given with or without that sign.
    Named(Vec<(String, Value)>),
}

/// Parameters of a statement: `params![1, "two"]` by their places, `params! { "a" => 1, "b" => "two" }` by their names.
#[macro_export]
macro_rules! params {
    ($($name:expr => $value:expr),+ $(,)?) => {
        $crate::sql::Parameters::Named(::std::vec![$((::std::string::String::from($name), $crate::sql::Value::from($value))),+])
    };
    ($($value:expr),* $(,)?) => {
        $crate::sql::Parameters::Positional(::std::vec![$($crate::sql::Value::from($value)),*])
    };
}

impl From<Vec<Value>> for Parameters {
    fn from(values: Vec<Value>) -> Self {
        Self::Positional(values)
    }
}

impl From<Parameters> for sql::Parameters {
    fn from(parameters: Parameters) -> Self {
        match parameters {
            Parameters::Positional(values) => Self::Positional(values.into_iter().map(Into::into).collect()),
            Parameters::Named(values) => {
                Self::Named(values.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_given_by_place_or_by_name() {
        assert_eq!(params![], Parameters::Positional(Vec::new()));
        assert_eq!(
            params![1, 0.5, true, "a", None::<i64>, Some(b"x".as_slice())],
            Parameters::Positional(vec![
                Value::Integer(1),
                Value::Real(0.5),
                Value::Integer(1),
                Value::Text("a".to_owned()),
                Value::Null,
                Value::Blob(b"x".to_vec()),
            ])
        );
        assert_eq!(
            params! { "a" => 1_u32, ":b" => String::from("x") },
            Parameters::Named(vec![
                ("a".to_owned(), Value::Integer(1)),
                (":b".to_owned(), Value::Text("x".to_owned())),
            ])
        );
    }
}
