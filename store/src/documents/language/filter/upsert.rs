//! What a filter gives to the document that is inserted because none matched.

use super::super::{Fault, Object, Path, Value};
use super::test::{Comparison, Test};
use super::{Clause, Filter};

impl Filter {
    /// What a document that is inserted because none matched has to begin with: the fields that must be equal to
    /// something. A fault where two of them contradict each other.
    pub fn upsert_base(&self) -> Result<Object, Fault> {
        let mut fields = Vec::new();
        self.equalities(&mut fields);
        let mut base = Object::new();
        for (at, (path, value)) in fields.iter().enumerate() {
            let contradicts = fields.iter().take(at).any(|(earlier, _)| earlier.overlaps(path));
            if contradicts || !set(&mut base, path, value) {
                return Err(Fault::new(format!(
                    "filter: `{}` is given more than once, so nothing can be inserted",
                    path.as_str()
                )));
            }
        }
        Ok(base)
    }

    fn equalities<'a>(&'a self, fields: &mut Vec<(&'a Path, &'a Value)>) {
        for clause in &self.clauses {
            match clause {
                Clause::Field(path, test) => fields.extend(test.equality().map(|value| (path, value))),
                Clause::And(all) => all.iter().for_each(|filter| filter.equalities(fields)),
                // A choice of one is none.
                Clause::Or(any) if any.len() == 1 => any.iter().for_each(|filter| filter.equalities(fields)),
                _ => {}
            }
        }
    }
}

impl Test {
    fn equality(&self) -> Option<&Value> {
        match self {
            Self::Compare(Comparison::Equal, value) => Some(value),
            Self::All(tests) => tests.iter().find_map(Self::equality),
            _ => None,
        }
    }
}

/// Sets a field and makes the objects on the way; whether that was possible.
fn set(base: &mut Object, path: &Path, value: &Value) -> bool {
    let Some((last, before)) = path.parts().split_last() else {
        return false;
    };
    let mut at = base;
    for part in before {
        if at.get(&part.name).is_none() {
            at.push(part.name.clone(), Value::Object(Object::new()));
        }
        match at.get_mut(&part.name) {
            Some(Value::Object(inner)) => at = inner,
            _ => return false,
        }
    }
    at.insert(last.name.clone(), value.clone()).is_none()
}
