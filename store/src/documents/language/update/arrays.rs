//! Changes of arrays.

use std::collections::HashSet;

use super::super::filter::ElementFilter;
use super::super::{Direction, Fault, Object, Sort, Value, key};
use super::Work;

/// `$push` with its modifiers.
#[derive(Clone, Debug)]
pub(super) struct Push {
    /// What is put in.
    pub(super) each: Vec<Value>,
    /// Before which element; from the end when negative; at the end when none.
    pub(super) position: Option<i64>,
    /// In which order all elements stand afterwards.
    pub(super) sort: Option<Order>,
    /// How many stay in the end: the first ones, or the last ones when negative.
    pub(super) slice: Option<i64>,
}

/// How elements are sorted.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// As whole values.
    Values(Direction),
    /// By fields that they have.
    Fields(Sort),
}

/// What is taken out of an array.
#[derive(Clone, Debug)]
pub(super) enum Pull {
    /// What is equal to one of these, which are sorted.
    Equal(Vec<Value>),
    /// What matches.
    Matching(Box<ElementFilter>),
}

impl Push {
    pub(super) fn apply(&self, elements: &mut Vec<Value>, work: &mut Work) -> Result<bool, Fault> {
        let before = (self.sort.is_some() || self.slice.is_some()).then(|| elements.clone());
        let at = match self.position {
            None => elements.len(),
            Some(from_end @ ..0) => elements.len().saturating_sub(size(from_end)),
            Some(from_start) => size(from_start).min(elements.len()),
        };
        let new = self.each.iter().map(|value| work.copy(value)).collect::<Result<Vec<_>, _>>()?;
        elements.splice(at..at, new);
        if let Some(order) = &self.sort {
            order.sort(elements);
        }
        match self.slice {
            None => {}
            Some(last @ ..0) => drop(elements.drain(..elements.len().saturating_sub(size(last)))),
            Some(first) => elements.truncate(size(first)),
        }
        Ok(before.map_or(!self.each.is_empty(), |before| before != *elements))
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX)
}

impl Order {
    fn sort(&self, elements: &mut [Value]) {
        match self {
            Self::Values(Direction::Ascending) => elements.sort_by(Value::compare),
            Self::Values(Direction::Descending) => elements.sort_by(|one, two| two.compare(one)),
            Self::Fields(sort) => {
                let without_fields = Object::new();
                elements.sort_by_cached_key(|element| match element {
                    Value::Object(object) => sort.key(object),
                    _ => sort.key(&without_fields),
                });
            }
        }
    }
}

/// Adds what is not equal to anything that is there.
pub(super) fn add_to_set(
    elements: &mut Vec<Value>,
    members: &[Value],
    work: &mut Work,
) -> Result<bool, Fault> {
    /// Up to here they are looked for one by one.
    const FEW: usize = 4;
    let before = elements.len();
    if members.len() <= FEW {
        for member in members {
            if !elements.iter().any(|element| element.compare(member).is_eq()) {
                elements.push(work.copy(member)?);
            }
        }
    } else {
        let mut known: HashSet<Vec<u8>> = elements.iter().map(key).collect();
        for member in members {
            if known.insert(key(member)) {
                elements.push(work.copy(member)?);
            }
        }
    }
    Ok(elements.len() > before)
}

impl Pull {
    pub(super) fn apply(&self, elements: &mut Vec<Value>) -> bool {
        let before = elements.len();
        elements.retain(|element| match self {
            Self::Equal(values) => values.binary_search_by(|value| value.compare(element)).is_err(),
            Self::Matching(filter) => !filter.pulls(element),
        });
        elements.len() < before
    }
}
