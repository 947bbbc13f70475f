//! Projections: which fields of a document are answered.

use super::filter::{ElementFilter, Filter, begins_with_operator, is_true, whole};
use super::path::shown;
use super::pipeline::{Evaluation, Expression};
use super::rules::See;
use super::{Fault, Object, Path, Value, json};

/// Most fields of a projection.
const MAX_FIELDS: usize = 1000;

/// A choice of fields.
#[derive(Clone, Debug)]
pub struct Projection {
    kind: Kind,
    has_id: bool,
    fields: Fields,
}

/// What happens to fields that are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// They are left out.
    Inclusion,
    /// They stay.
    Exclusion,
}

/// Names in the order in which they were given.
type Fields = Vec<(String, Node)>;

#[derive(Clone, Debug)]
enum Node {
    /// The field, whole: in an inclusion it stays, in an exclusion it goes.
    Named,
    /// `$slice`
    Slice { skip: Option<i64>, limit: i64 },
    /// `$elemMatch`
    FirstElement(Box<ElementFilter>),
    /// A value made of the whole document; in pipelines only.
    Computed(Box<Expression>),
    /// Fields of the objects that are there.
    Inner(Fields),
}

/// Where a projection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a find.
    Find,
    /// In `$project`: with expressions, without `$slice` and `$elemMatch`.
    Stage,
}

impl Projection {
    /// Reads `{"name": 1}` or `{"secret": 0}`, with `$slice` and `$elemMatch`, at most [`super::MAX_QUERY_BYTES`].
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::read(json::read_query(json, "projection")?, Place::Find)
    }

    /// The chosen fields of a document.
    pub fn apply(&self, document: &Object) -> Object {
        // Only expressions can fail, and a find has none.
        self.project(document).unwrap_or_default()
    }

    /// Shows the fields that it names.
    pub(crate) fn names(&self, see: &mut See<'_>) {
        names(&self.fields, &mut Vec::new(), see);
    }

    pub(crate) fn read(value: Value, place: Place) -> Result<Self, Fault> {
        let Value::Object(object) = value else {
            return Err(Fault::new(format!("projection: an object, not {}", value.described())));
        };
        let mut reader = Reader { place, kind: None, has_id: None, has_elements: false, count: 0 };
        let mut fields = Fields::new();
        reader.read(object, "", &mut fields)?;
        // `_id` alone says nothing about the others, except that it is wanted alone.
        let only_id = reader.kind.is_none() && reader.has_id == Some(true);
        let kind = match reader.kind {
            Some(kind) => kind,
            None if only_id || reader.has_elements => Kind::Inclusion,
            None => Kind::Exclusion,
        };
        Ok(Self { kind, has_id: reader.has_id.unwrap_or(true), fields })
    }

    /// The same; a fault where an expression cannot be computed.
    pub(crate) fn project(&self, document: &Object) -> Result<Object, Fault> {
        let mut evaluation = Evaluation::new(document);
        let mut chosen = Object::new();
        if let Some((_, Node::Computed(expression))) = self.fields.iter().find(|(name, _)| name == "_id")
            && let Some(id) = evaluation.owned(expression)?
        {
            // It stands first; what is computed for it below takes its place.
            chosen.push("_id".to_owned(), id);
        }
        for (name, value) in document.iter() {
            let node = self.fields.iter().find(|(known, _)| known == name).map(|(_, node)| node);
            let kept = match (name, node) {
                ("_id", None) => self.has_id.then(|| value.clone()),
                (_, node) => self.kind.field(value, node, &mut evaluation)?,
            };
            if let Some(value) = kept {
                chosen.push(name.to_owned(), value);
            }
        }
        compute(&self.fields, document, &mut chosen, &mut evaluation)?;
        Ok(chosen)
    }
}

fn names<'f>(fields: &'f Fields, before: &mut Vec<&'f str>, see: &mut See<'_>) {
    for (name, node) in fields {
        before.push(name);
        match node {
            Node::Inner(inner) => names(inner, before, see),
            Node::Computed(expression) => {
                see(before);
                expression.names(see);
            }
            Node::Named | Node::Slice { .. } | Node::FirstElement(_) => see(before),
        }
        before.pop();
    }
}

impl Kind {
    /// What is left of a field; what is computed comes later.
    fn field(
        self,
        value: &Value,
        node: Option<&Node>,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Option<Value>, Fault> {
        Ok(match node {
            None if self == Self::Inclusion => None,
            None => Some(value.clone()),
            Some(Node::Named) if self == Self::Exclusion => None,
            Some(Node::Named) => Some(value.clone()),
            Some(Node::Slice { skip, limit }) => Some(slice(value, *skip, *limit)),
            Some(Node::FirstElement(filter)) => match value {
                Value::Array(elements) => {
                    let first = elements.iter().find(|element| filter.matches(element));
                    first.map(|element| Value::Array(vec![element.clone()]))
                }
                _ => None,
            },
            Some(Node::Computed(_)) => None,
            Some(Node::Inner(fields)) => self.inside(value, fields, evaluation)?,
        })
    }

    fn inside(
        self,
        value: &Value,
        fields: &Fields,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Option<Value>, Fault> {
        match value {
            Value::Object(object) => {
                let mut chosen = Object::new();
                for (name, value) in object.iter() {
                    let node = fields.iter().find(|(known, _)| known == name).map(|(_, node)| node);
                    if let Some(value) = self.field(value, node, evaluation)? {
                        chosen.push(name.to_owned(), value);
                    }
                }
                compute(fields, object, &mut chosen, evaluation)?;
                Ok(Some(Value::Object(chosen)))
            }
            Value::Array(elements) => {
                let mut kept = Vec::new();
                for element in elements {
                    kept.extend(self.inside(element, fields, evaluation)?);
                }
                Ok(Some(Value::Array(kept)))
            }
            _ if is_computed(fields) => {
                let mut made = Object::new();
                compute(fields, &Object::new(), &mut made, evaluation)?;
                Ok(Some(Value::Object(made)))
            }
            other => Ok((self == Self::Exclusion).then(|| other.clone())),
        }
    }
}

/// Adds what is computed; where an object is already there, its own part was done when it was chosen.
fn compute(
    fields: &Fields,
    before: &Object,
    chosen: &mut Object,
    evaluation: &mut Evaluation<'_>,
) -> Result<(), Fault> {
    for (name, node) in fields {
        match node {
            Node::Computed(expression) => {
                if let Some(value) = evaluation.owned(expression)? {
                    chosen.insert(name.as_str(), value);
                }
            }
            Node::Inner(inner) if is_computed(inner) && before.get(name).is_none() => {
                let mut made = Object::new();
                compute(inner, &Object::new(), &mut made, evaluation)?;
                chosen.insert(name.as_str(), Value::Object(made));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_computed(fields: &Fields) -> bool {
    fields.iter().any(|(_, node)| match node {
        Node::Computed(_) => true,
        Node::Inner(inner) => is_computed(inner),
        _ => false,
    })
}

/// The first ones, the last ones when negative, or so many behind those that are skipped.
fn slice(value: &Value, skip: Option<i64>, limit: i64) -> Value {
    let Value::Array(elements) = value else {
        return value.clone();
    };
    let size = |number: i64| usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    let count = elements.len();
    let (from, many) = match skip {
        None if limit < 0 => (count.saturating_sub(size(limit)), count),
        None => (0, size(limit)),
        Some(skip) if skip < 0 => (count.saturating_sub(size(skip)), size(limit)),
        Some(skip) => (size(skip), size(limit)),
    };
    Value::Array(elements.iter().skip(from).take(many).cloned().collect())
}

struct Reader {
    place: Place,
    kind: Option<Kind>,
    has_id: Option<bool>,
    has_elements: bool,
    count: usize,
}

impl Reader {
    /// `before` is the path of the object around these fields, with a dot behind it.
    fn read(&mut self, object: Object, before: &str, fields: &mut Fields) -> Result<(), Fault> {
        for (name, value) in object {
            let at = format!("{before}{name}");
            let fault =
                |fault: Fault| Fault::new(format!("projection at `{}`: {}", shown(&at), fault.message));
            self.count += 1;
            if self.count > MAX_FIELDS {
                return Err(Fault::new(format!("projection: more than {MAX_FIELDS} fields")));
            }
            let path = Path::parse(&at).map_err(fault)?;
            match value {
                Value::Object(inner) if !begins_with_operator(&inner) => {
                    if inner.is_empty() {
                        return Err(fault(Fault::new("an empty object chooses nothing")));
                    }
                    self.read(inner, &format!("{at}."), fields)?;
                }
                value => {
                    let Some(node) = self.node(&path, value).map_err(fault)? else {
                        continue;
                    };
                    let names: Vec<&str> = path.parts().iter().map(|part| part.name.as_str()).collect();
                    if !place(fields, &names, node) {
                        return Err(fault(Fault::new(
                            "it is in conflict with another field of the projection",
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// None: it is about `_id`, which is kept apart.
    fn node(&mut self, path: &Path, value: Value) -> Result<Option<Node>, Fault> {
        match value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                let kind = if is_true(&value) { Kind::Inclusion } else { Kind::Exclusion };
                if path.as_str() == "_id" {
                    self.has_id = Some(kind == Kind::Inclusion);
                    return Ok(None);
                }
                self.agree(kind)?;
                Ok(Some(Node::Named))
            }
            Value::Object(object) if self.place == Place::Find => self.operator(path, object).map(Some),
            value if self.place == Place::Stage => {
                self.agree(Kind::Inclusion)?;
                Ok(Some(Node::Computed(Box::new(Expression::read(value)?))))
            }
            _ => Err(Fault::new("1, 0, `$slice` or `$elemMatch` is needed")),
        }
    }

    fn operator(&mut self, path: &Path, object: Object) -> Result<Node, Fault> {
        let mut operators = object.into_iter();
        match (operators.next(), operators.next()) {
            (Some((name, value)), None) if name == "$slice" => slice_of(&value),
            (Some((name, Value::Object(filter))), None) if name == "$elemMatch" => {
                if path.parts().len() > 1 {
                    return Err(Fault::new("`$elemMatch` chooses from a field of the document itself"));
                }
                self.has_elements = true;
                Ok(Node::FirstElement(Box::new(Filter::of_element(filter)?)))
            }
            _ => Err(Fault::new("1, 0, `$slice` or `$elemMatch` is needed")),
        }
    }

    fn agree(&mut self, kind: Kind) -> Result<(), Fault> {
        match *self.kind.get_or_insert(kind) == kind {
            true => Ok(()),
            false => Err(Fault::new("fields are either chosen or left out, not both")),
        }
    }
}

fn slice_of(value: &Value) -> Result<Node, Fault> {
    let fault = || Fault::new("`$slice` is a number, or how many to skip and how many to answer, at least 1");
    match value {
        Value::Array(numbers) => match numbers.as_slice() {
            [skip, limit] => {
                let limit = whole(limit).filter(|limit| *limit > 0).ok_or_else(fault)?;
                Ok(Node::Slice { skip: Some(whole(skip).ok_or_else(fault)?), limit })
            }
            _ => Err(fault()),
        },
        value => Ok(Node::Slice { skip: None, limit: whole(value).ok_or_else(fault)? }),
    }
}

/// Puts a node into the tree; whether its place was free.
fn place(fields: &mut Fields, names: &[&str], node: Node) -> bool {
    let Some((first, rest)) = names.split_first() else {
        return false;
    };
    let known = fields.iter_mut().find(|(known, _)| known == first);
    match (known, rest) {
        (None, []) => fields.push(((*first).to_owned(), node)),
        (None, _) => {
            let mut inner = Fields::new();
            let placed = place(&mut inner, rest, node);
            fields.push(((*first).to_owned(), Node::Inner(inner)));
            return placed;
        }
        (Some((_, Node::Inner(inner))), [_, ..]) => return place(inner, rest, node),
        (Some(_), _) => return false,
    }
    true
}
