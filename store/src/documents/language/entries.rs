//! Entries: what an index keeps of a document.

use super::key::key_of_empty_array;
use super::path::AtEnd;
use super::{Fault, MAX_ENTRIES, Object, Path, Value, key};

/// The entries of one document in one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// At least one: the keys of the fields one after the other, sorted, each once.
    pub keys: Vec<Vec<u8>>,
    /// Whether an array stands on the way of one of the fields.
    pub is_multikey: bool,
}

/// The entries of a document in an index on these fields. What is missing counts as null. An array has an entry for
/// each element, an empty one an entry of its own below null; the array as a whole has none. At most one of the fields
/// may lead through an array, and there are at most [`MAX_ENTRIES`]; else a fault.
pub fn entries(document: &Object, fields: &[Path]) -> Result<Entries, Fault> {
    let mut through_array = fields.iter().filter(|field| field.meets_array(document));
    let is_multikey = match (through_array.next(), through_array.next()) {
        (Some(one), Some(two)) => {
            return Err(Fault::new(format!(
                "an index cannot have `{}` and `{}` when both are arrays",
                one.as_str(),
                two.as_str()
            )));
        }
        (one, _) => one.is_some(),
    };
    let mut keys = vec![Vec::new()];
    for field in fields {
        let of_field = keys_at(document, field);
        if of_field.len() > MAX_ENTRIES {
            let (many, at) = (of_field.len(), field.as_str());
            return Err(Fault::new(format!(
                "`{at}` has {many} different values for an index, {MAX_ENTRIES} at most"
            )));
        }
        // Only one of the fields has more than one key, so that this multiplies nothing.
        keys = keys
            .iter()
            .flat_map(|begun| of_field.iter().map(move |next| [&**begun, next].concat()))
            .collect();
    }
    Ok(Entries { keys, is_multikey })
}

/// The keys of what is at a path: at least one, sorted, each once.
pub(crate) fn keys_at(document: &Object, path: &Path) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    path.any(document, AtEnd::Array, &mut |value| {
        match value {
            Some(Value::Array(elements)) if elements.is_empty() => keys.push(key_of_empty_array()),
            Some(Value::Array(elements)) => keys.extend(elements.iter().map(key)),
            Some(value) => keys.push(key(value)),
            None => keys.push(key(&Value::Null)),
        }
        false
    });
    if keys.is_empty() {
        keys.push(key(&Value::Null));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
