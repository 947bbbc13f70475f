//! Hidden fields: what of a document no caller from outside is shown, or may ask for.

use std::sync::Arc;

use super::super::path::shown;
use super::super::projection::Place;
use super::super::{Fault, Filter, Object, Path, Pipeline, Projection, Update, Value};

/// Most hidden fields of a collection.
const MAX_HIDDEN: usize = 100;

/// Fields that are hidden, wherever arrays stand on the way to them.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    paths: Arc<[Path]>,
    /// What leaves them out; none when there are none.
    left: Option<Projection>,
}

impl Hidden {
    /// Reads dotted paths, at most 100. None is `_id`, none is in another one, no name is a number.
    pub fn parse(fields: &[String]) -> Result<Self, Fault> {
        if fields.len() > MAX_HIDDEN {
            return Err(Fault::new(format!("{} hidden fields, {MAX_HIDDEN} at most", fields.len())));
        }
        let paths = fields.iter().map(|field| Path::parse(field)).collect::<Result<Vec<_>, _>>()?;
        for (at, path) in paths.iter().enumerate() {
            let fault = |what| Err(Fault::new(format!("`{}` {what}", path.as_str())));
            if path.parts().first().is_some_and(|part| part.name == "_id") {
                return fault("cannot be hidden");
            }
            if path.parts().iter().any(|part| is_position(&part.name)) {
                return fault("cannot be hidden: a number in it may be a position");
            }
            if paths.iter().take(at).any(|other| other.overlaps(path)) {
                return fault("is hidden twice");
            }
        }
        let fields: Object = paths.iter().map(|path| (path.as_str().to_owned(), Value::Int(0))).collect();
        let left = match fields.is_empty() {
            true => None,
            false => Some(Projection::read(Value::Object(fields), Place::Find)?),
        };
        Ok(Self { paths: paths.into(), left })
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether that path is hidden, or leads to what is.
    pub(crate) fn meets(&self, path: &Path) -> bool {
        self.meets_names(&names_of(path))
    }

    /// What is left of documents: none where all of them is.
    pub(crate) fn projection(&self) -> Option<Projection> {
        self.left.clone()
    }

    /// A fault where a filter asks for a hidden field.
    pub(crate) fn check_filter(&self, filter: &Filter) -> Result<(), Fault> {
        self.check(|see| filter.names(see))
    }

    /// Whether a text that is told may name a hidden field.
    pub(crate) fn is_named_in(&self, text: &str) -> bool {
        // Faults have names between `, names of indexes have commas between fields.
        text.split(['`', ',']).any(|part| Path::parse(part).is_ok_and(|path| self.meets(&path)))
    }

    /// A fault where a hidden field is asked for.
    pub(crate) fn check_path(&self, path: &Path) -> Result<(), Fault> {
        self.check(|see| see(&names_of(path)))
    }

    /// A fault where a projection names a hidden field.
    pub(crate) fn check_projection(&self, projection: &Projection) -> Result<(), Fault> {
        self.check(|see| projection.names(see))
    }

    /// A fault where a pipeline names a hidden field. Its leading `$match` sees documents with hidden fields, so that it
    /// cannot have `$$ROOT`; what comes behind it sees them without.
    pub(crate) fn check_pipeline(&self, pipeline: &Pipeline) -> Result<(), Fault> {
        pipeline.leading_match().map_or(Ok(()), |filter| self.check_filter(filter))?;
        self.check(|see| {
            pipeline.names(&mut |names| {
                if names.is_empty() {
                } else {
                    see(names)
                }
            })
        })
    }

    /// A fault where an update changes a hidden field.
    pub(crate) fn check_update(&self, update: &Update) -> Result<(), Fault> {
        self.check(|see| update.names(see))
    }

    /// A fault where a document that is given has a hidden field.
    pub(crate) fn check_given(&self, document: &Object) -> Result<(), Fault> {
        let given = self.paths.iter().find(|path| is_in(document, &names_of(path)));
        given.map_or(Ok(()), |path| Err(closed(path.as_str())))
    }

    /// Puts what is hidden of an old document into the one that takes its place. A fault where that is not possible, which
    /// names nothing.
    pub(crate) fn keep(&self, old: &Object, new: &mut Object) -> Result<(), Fault> {
        self.paths.iter().try_for_each(|path| keep(old, new, &names_of(path)))
    }

    fn check(&self, visit: impl FnOnce(&mut See<'_>)) -> Result<(), Fault> {
        let mut found = Ok(());
        if !self.is_empty() {
            visit(&mut |names| {
                if found.is_ok() && self.meets_names(names) {
                    found = Err(closed(&names.join(".")));
                }
            });
        }
        found
    }

    fn meets_names(&self, names: &[&str]) -> bool {
        let is_name = |name: &&&str| !is_position(name) && **name != "$[]";
        self.paths.iter().any(|path| {
            let named = names.iter().filter(is_name);
            named.zip(path.parts()).all(|(name, part)| *name == part.name)
        })
    }
}

/// Is shown the names of a path, one path after the other; none is the whole document.
pub(crate) type See<'s> = dyn FnMut(&[&str]) + 's;

/// The names of a path.
pub(crate) fn names_of(path: &Path) -> Vec<&str> {
    path.parts().iter().map(|part| part.name.as_str()).collect()
}

/// Tells no more than was said.
fn closed(said: &str) -> Fault {
    let said = if said.is_empty() { "$$ROOT" } else { shown(said) };
    Fault::new(format!("`{said}` cannot be asked for or set here"))
}

/// A number may lead to an element of an array, and stands for nothing else here.
fn is_position(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether something is at a path, through objects and arrays.
fn is_in(object: &Object, names: &[&str]) -> bool {
    let Some((first, rest)) = names.split_first() else { return true };
    object.get(first).is_some_and(|value| rest.is_empty() || is_inside(value, rest))
}

fn is_inside(value: &Value, names: &[&str]) -> bool {
    match value {
        Value::Object(object) => is_in(object, names),
        Value::Array(all) => all.iter().any(|element| is_inside(element, names)),
        _ => false,
    }
}

fn keep(old: &Object, new: &mut Object, names: &[&str]) -> Result<(), Fault> {
    let fault = || Fault::new("this document cannot be replaced as a whole: change it by operators");
    let Some((first, rest)) = names.split_first() else { return Ok(()) };
    let Some(was) = old.get(first) else { return Ok(()) };
    if rest.is_empty() {
        new.insert(*first, was.clone());
        return Ok(());
    }
    match was {
        // Which element becomes which is not known.
        Value::Array(_) if is_inside(was, rest) => Err(fault()),
        Value::Object(was) if is_in(was, rest) => {
            if new.get(first).is_none() {
                new.insert(*first, Value::Object(Object::new()));
            }
            match new.get_mut(first) {
                Some(Value::Object(inner)) => keep(was, inner, rest),
                _ => Err(fault()),
            }
        }
        _ => Ok(()),
    }
}
