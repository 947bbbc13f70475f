//! Filters from JSON.

use super::super::path::shown;
use super::super::pipeline::Expression;
use super::super::{Fault, MAX_PATTERNS, Object, Path, Value};
use super::pattern::Pattern;
use super::test::{Comparison, Test, Type, matches_fields, whole};
use super::{Clause, Filter};

/// Most conditions of a filter: each may look at all of a document, which takes milliseconds for a large one.
const MAX_CONDITIONS: usize = 256;
/// Most values of `$in`, `$nin` and `$all`.
const MAX_VALUES: usize = 10_000;

impl Filter {
    pub(crate) fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Object(object) => Reader::default().filter(object),
            other => Err(Fault::new(format!("filter: an object, not {}", other.described()))),
        }
    }

    /// What `$elemMatch` and `$pull` ask of an element: by operators, or by its fields.
    pub(crate) fn of_element(object: Object) -> Result<ElementFilter, Fault> {
        Ok(ElementFilter(Reader::default().element(object)?))
    }
}

/// A condition on one element of an array.
#[derive(Clone, Debug)]
pub(crate) struct ElementFilter(Element);

#[derive(Clone, Debug)]
enum Element {
    ByTests(Vec<Test>),
    ByFields(Filter),
}

impl ElementFilter {
    /// Whether `$elemMatch` means that element.
    pub(crate) fn matches(&self, element: &Value) -> bool {
        match &self.0 {
            Element::ByTests(tests) => tests.iter().all(|test| test.holds(Some(element))),
            Element::ByFields(filter) => matches_fields(filter, element),
        }
    }

    /// Whether `$pull` means that element: operators look into an array, fields are those of an object.
    pub(crate) fn pulls(&self, element: &Value) -> bool {
        match (&self.0, element) {
            (Element::ByTests(tests), _) => tests.iter().all(|test| test.holds_in(element)),
            (Element::ByFields(filter), Value::Object(object)) => filter.matches(object),
            (Element::ByFields(_), _) => false,
        }
    }
}

/// Counts what it reads.
#[derive(Default)]
struct Reader {
    conditions: usize,
    patterns: usize,
}

impl Reader {
    fn filter(&mut self, object: Object) -> Result<Filter, Fault> {
        let mut clauses = Vec::with_capacity(object.len());
        for (name, value) in object {
            self.count()?;
            match name.as_str() {
                "$and" => clauses.push(Clause::And(self.filters(&name, value)?)),
                "$or" => clauses.push(Clause::Or(self.filters(&name, value)?)),
                "$nor" => clauses.push(Clause::Nor(self.filters(&name, value)?)),
                "$expr" => clauses.push(Clause::Expression(Box::new(Expression::read(value)?))),
                "$comment" => {}
                _ if name.starts_with('$') => {
                    return Err(Fault::new(format!("filter: there is no `{}` here", shown(&name))));
                }
                _ => {
                    let path = Path::parse(&name).map_err(|fault| within("filter", &fault))?;
                    let test =
                        self.test(value).map_err(|fault| within(&format!("filter at `{name}`"), &fault))?;
                    clauses.push(Clause::Field(path, test));
                }
            }
        }
        Ok(Filter { clauses })
    }

    fn filters(&mut self, operator: &str, value: Value) -> Result<Vec<Filter>, Fault> {
        let fault = || Fault::new(format!("filter: `{operator}` has a list of filters, at least one"));
        let Value::Array(values) = value else {
            return Err(fault());
        };
        if values.is_empty() {
            return Err(fault());
        }
        let read = values.into_iter().map(|value| match value {
            Value::Object(object) => self.filter(object),
            _ => Err(fault()),
        });
        read.collect()
    }

    /// What stands behind the name of a field.
    fn test(&mut self, value: Value) -> Result<Test, Fault> {
        match value {
            Value::Object(object) if begins_with_operator(&object) => Ok(match self.operators(object)? {
                tests if tests.len() == 1 => tests.into_iter().next().unwrap_or(Test::Never),
                tests => Test::All(tests),
            }),
            value => Ok(Test::Compare(Comparison::Equal, literal(value)?)),
        }
    }

    fn operators(&mut self, mut object: Object) -> Result<Vec<Test>, Fault> {
        let options = object.remove("$options");
        if options.is_some() && object.get("$regex").is_none() {
            return Err(Fault::new("`$options` stands beside `$regex` only"));
        }
        let mut tests = Vec::with_capacity(object.len());
        for (name, value) in object {
            self.count()?;
            tests.push(match name.as_str() {
                "$regex" => self.pattern(value, options.as_ref())?,
                name => self.operator(name, value)?,
            });
        }
        Ok(tests)
    }

    fn operator(&mut self, name: &str, value: Value) -> Result<Test, Fault> {
        let compare = |comparison, value| Ok(Test::Compare(comparison, literal(value)?));
        match name {
            "$eq" => compare(Comparison::Equal, value),
            "$gt" => compare(Comparison::Greater, value),
            "$gte" => compare(Comparison::GreaterOrEqual, value),
            "$lt" => compare(Comparison::Less, value),
            "$lte" => compare(Comparison::LessOrEqual, value),
            "$ne" => Ok(not(compare(Comparison::Equal, value)?)),
            "$in" => values_in(name, value),
            "$nin" => Ok(not(values_in(name, value)?)),
            "$not" => self.not(value),
            "$exists" => Ok(if is_true(&value) { Test::Exists } else { not(Test::Exists) }),
            "$type" => types(value),
            "$all" => self.all(value),
            "$elemMatch" => match value {
                Value::Object(object) => Ok(match self.element(object)? {
                    Element::ByTests(tests) => Test::Element(tests),
                    Element::ByFields(filter) => Test::ElementMatches(filter),
                }),
                other => Err(Fault::new(format!("`$elemMatch` has an object, not {}", other.described()))),
            },
            "$size" => match whole(&value).and_then(|size| usize::try_from(size).ok()) {
                Some(size) if value == Value::Int(size as i64) || value == Value::Float(size as f64) => {
                    Ok(Test::Size(size))
                }
                _ => Err(Fault::new("`$size` has a whole number, 0 or more")),
            },
            "$mod" => modulo(value),
            name => Err(Fault::new(format!("there is no operator `{}`", shown(name)))),
        }
    }

    fn not(&mut self, value: Value) -> Result<Test, Fault> {
        match value {
            Value::Object(object) if begins_with_operator(&object) => {
                Ok(not(Test::All(self.operators(object)?)))
            }
            _ => Err(Fault::new("`$not` has an object of operators")),
        }
    }

    fn all(&mut self, value: Value) -> Result<Test, Fault> {
        let tests = list("$all", value)?.into_iter().map(|value| match value {
            Value::Object(object) if object.get("$elemMatch").is_some() && object.len() == 1 => {
                self.test(Value::Object(object))
            }
            value => Ok(Test::Compare(Comparison::Equal, literal(value)?)),
        });
        let tests: Vec<Test> = tests.collect::<Result<_, _>>()?;
        // Each of them looks at the whole array.
        tests.iter().try_for_each(|_| self.count())?;
        Ok(if tests.is_empty() { Test::Never } else { Test::All(tests) })
    }

    fn element(&mut self, object: Object) -> Result<Element, Fault> {
        let first = object.iter().next().map(|(name, _)| name.to_owned()).unwrap_or_default();
        match first.as_str() {
            "$and" | "$or" | "$nor" | "$expr" | "$comment" => Ok(Element::ByFields(self.filter(object)?)),
            name if name.starts_with('$') => Ok(Element::ByTests(self.operators(object)?)),
            _ => Ok(Element::ByFields(self.filter(object)?)),
        }
    }

    fn pattern(&mut self, source: Value, options: Option<&Value>) -> Result<Test, Fault> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(Fault::new(format!("more than {MAX_PATTERNS} patterns")));
        }
        match (source, options) {
            (Value::String(source), None) => Ok(Test::Matches(Pattern::new(&source, "")?)),
            (Value::String(source), Some(Value::String(options))) => {
                Ok(Test::Matches(Pattern::new(&source, options)?))
            }
            _ => Err(Fault::new("`$regex` and `$options` are texts")),
        }
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.conditions += 1;
        match self.conditions {
            0..=MAX_CONDITIONS => Ok(()),
            _ => Err(Fault::new(format!("filter: more than {MAX_CONDITIONS} conditions"))),
        }
    }
}

fn not(test: Test) -> Test {
    Test::Not(Box::new(test))
}

fn within(place: &str, fault: &Fault) -> Fault {
    Fault::new(format!("{place}: {}", fault.message))
}

pub(crate) fn begins_with_operator(object: &Object) -> bool {
    object.iter().next().is_some_and(|(name, _)| name.starts_with('$'))
}

/// A value to compare with: no operator is in it.
pub(crate) fn literal(value: Value) -> Result<Value, Fault> {
    match operator_in(&value) {
        None => Ok(value),
        Some(name) => Err(Fault::new(format!("`{}` cannot stand inside a value", shown(name)))),
    }
}

fn operator_in(value: &Value) -> Option<&str> {
    match value {
        Value::Array(values) => values.iter().find_map(operator_in),
        Value::Object(object) => object.iter().find_map(|(name, value)| match name.starts_with('$') {
            true => Some(name),
            false => operator_in(value),
        }),
        _ => None,
    }
}

/// True, or a number that is not 0, as MongoDB reads `$exists`.
pub(crate) fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false) | Value::Int(0) | Value::Float(0.0))
}

fn list(operator: &str, value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(values) if values.len() <= MAX_VALUES => Ok(values),
        Value::Array(values) => {
            Err(Fault::new(format!("`{operator}` has {} values, {MAX_VALUES} at most", values.len())))
        }
        other => Err(Fault::new(format!("`{operator}` has a list, not {}", other.described()))),
    }
}

fn values_in(operator: &str, value: Value) -> Result<Test, Fault> {
    let mut values: Vec<Value> = list(operator, value)?.into_iter().map(literal).collect::<Result<_, _>>()?;
    values.sort_by(Value::compare);
    Ok(Test::In(values))
}

fn types(value: Value) -> Result<Test, Fault> {
    let one = |value: &Value| {
        let known = match value {
            Value::String(name) => Type::by_name(name),
            number => whole(number).and_then(Type::by_number),
        };
        known.ok_or_else(|| Fault::new("`$type` has a name or a number of a type, or a list of them"))
    };
    match value {
        Value::Array(values) if values.is_empty() => Err(Fault::new("`$type` has at least one type")),
        Value::Array(values) => Ok(Test::Type(values.iter().map(one).collect::<Result<_, _>>()?)),
        value => Ok(Test::Type(vec![one(&value)?])),
    }
}

fn modulo(value: Value) -> Result<Test, Fault> {
    let fault = || Fault::new("`$mod` has a divisor, not 0, and a remainder");
    let numbers: Vec<i64> =
        list("$mod", value)?.iter().map(|value| whole(value).ok_or_else(fault)).collect::<Result<_, _>>()?;
    match numbers.as_slice() {
        [divisor, remainder] if *divisor != 0 => Ok(Test::Mod { divisor: *divisor, remainder: *remainder }),
        _ => Err(fault()),
    }
}
