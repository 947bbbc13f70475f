//! What an index can answer of a filter.
//!
//! An index has an entry for each element of an array, an entry of its own for an empty array, and none for an array as
//! a whole (`entries.rs`). So equality with an array asks for entries of its first element, or of the array as an
//! element of another one, as MongoDB's does; and comparing with a whole array asks for nothing.

use std::ops::Bound;

use super::super::key::{key_of_beginning, key_of_empty_array};
use super::super::order::Bracket;
use super::super::{Value, key};
use super::test::{Comparison, Test, Type};
use super::{Clause, Filter};

/// A part of an index. The bounds are those of whole entries and of beginnings of entries alike: an entry of several
/// fields lies in it when its first field's key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it begins.
    pub from: Bound<Vec<u8>>,
    /// Where it ends.
    pub to: Bound<Vec<u8>>,
}

impl Filter {
    /// Ranges of keys such that each document that matches has at least one of its entries for that path in one of
    /// them: sorted, apart from each other, none when nothing can match. `None`: nothing is known.
    pub fn ranges(&self, path: &str) -> Option<Vec<KeyRange>> {
        Some(published(self.spans(path, Entries::Several)?))
    }

    /// The same for documents of which none has an array on its way: then each has one entry, which meets every
    /// condition at once, and `$gt` with `$lt` is one range instead of two.
    pub fn ranges_without_arrays(&self, path: &str) -> Option<Vec<KeyRange>> {
        Some(published(self.spans(path, Entries::One)?))
    }

    fn spans(&self, path: &str, entries: Entries) -> Option<Vec<Span>> {
        let spans = self.clauses.iter().filter_map(|clause| clause.spans(path, entries));
        entries.of_all(spans)
    }
}

/// From the first key to before the second.
type Span = (Vec<u8>, Vec<u8>);

/// How many entries a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entries {
    One,
    Several,
}

impl Entries {
    /// Where to look when all conditions must hold: one entry meets them all, several may meet one each.
    fn of_all(self, spans: impl Iterator<Item = Vec<Span>>) -> Option<Vec<Span>> {
        match self {
            Self::One => spans.reduce(|one, two| common(&one, &two)),
            Self::Several => {
                spans.min_by_key(|spans| (spans.iter().any(|span| !is_point(span)), spans.len()))
            }
        }
    }
}

impl Clause {
    fn spans(&self, path: &str, entries: Entries) -> Option<Vec<Span>> {
        match self {
            Self::Field(own, test) if own.as_str() == path => test.spans(entries),
            Self::Field(own, test) => test.spans_behind(own.behind(path)?),
            Self::And(all) => entries.of_all(all.iter().filter_map(|filter| filter.spans(path, entries))),
            Self::Or(any) => {
                let spans = any.iter().map(|filter| filter.spans(path, entries));
                Some(united(spans.collect::<Option<Vec<_>>>()?.concat()))
            }
            Self::Rule(ruled) => ruled.needed.spans(path, entries),
            Self::Nor(_) | Self::Expression(_) => None,
        }
    }
}

impl Test {
    fn spans(&self, entries: Entries) -> Option<Vec<Span>> {
        match self {
            Self::Compare(comparison, wanted) => comparison.spans(wanted),
            Self::In(wanted) => Some(united(wanted.iter().flat_map(equal).collect())),
            Self::Type(types) => {
                let brackets = types.iter().map(|wanted| wanted.bracket().map(whole_bracket));
                Some(united(brackets.collect::<Option<Vec<_>>>()?))
            }
            Self::Mod { .. } => Some(vec![whole_bracket(Bracket::Number)]),
            Self::Matches(pattern) => Some(vec![match pattern.beginning() {
                Some(beginning) => beginning_with(key_of_beginning(beginning)),
                None => whole_bracket(Bracket::String),
            }]),
            // All of these hold for one element, which has one entry.
            Self::Element(tests) => {
                Entries::One.of_all(tests.iter().filter_map(|test| test.spans(Entries::One)))
            }
            Self::All(tests) => entries.of_all(tests.iter().filter_map(|test| test.spans(entries))),
            // Only what is missing everywhere is not there.
            Self::Not(test) if matches!(**test, Self::Exists) => Some(vec![point(key(&Value::Null))]),
            Self::Never => Some(Vec::new()),
            Self::Exists | Self::Size(_) | Self::ElementMatches(_) | Self::Not(_) => None,
        }
    }

    /// What a test of an array says of a path inside of its elements.
    fn spans_behind(&self, rest: &str) -> Option<Vec<Span>> {
        match self {
            // An element without the field has no entry where other elements have one. And a number would be a
            // position in the array as well.
            Self::ElementMatches(filter) if !rest.starts_with(|first: char| first.is_ascii_digit()) => {
                let null = key(&Value::Null);
                let has_null = |spans: &Vec<Span>| spans.iter().any(|(from, to)| *from <= null && null < *to);
                filter.spans(rest, Entries::Several).filter(|spans| !has_null(spans))
            }
            Self::All(tests) => tests.iter().find_map(|test| test.spans_behind(rest)),
            _ => None,
        }
    }
}

impl Comparison {
    fn spans(self, wanted: &Value) -> Option<Vec<Span>> {
        let bracket = wanted.bracket();
        let (first, last) = whole_bracket(bracket);
        if self == Self::Equal || bracket == Bracket::Null {
            let is_possible = !matches!(self, Self::Greater | Self::Less);
            return Some(if is_possible { united(equal(wanted)) } else { Vec::new() });
        }
        if bracket == Bracket::Array {
            return None;
        }
        let wanted = key(wanted);
        Some(vec![match self {
            Self::Equal => point(wanted),
            Self::Greater => (after(wanted), last),
            Self::GreaterOrEqual => (wanted, last),
            Self::Less => (first, wanted),
            Self::LessOrEqual => (first, after(wanted)),
        }])
    }
}

impl Type {
    /// None where an index does not tell.
    fn bracket(self) -> Option<Bracket> {
        match self {
            Self::Double | Self::Int | Self::Long | Self::Number => Some(Bracket::Number),
            Self::String => Some(Bracket::String),
            Self::Object => Some(Bracket::Object),
            Self::Binary => Some(Bracket::Binary),
            Self::Bool => Some(Bracket::Bool),
            Self::Date => Some(Bracket::Date),
            Self::Null => Some(Bracket::Null),
            Self::Array | Self::Absent => None,
        }
    }
}

fn equal(wanted: &Value) -> Vec<Span> {
    let whole = point(key(wanted));
    match wanted {
        Value::Array(elements) => {
            let first = elements.first().map_or_else(key_of_empty_array, key);
            vec![point(first), whole]
        }
        _ => vec![whole],
    }
}

fn point(key: Vec<u8>) -> Span {
    let end = after(key.clone());
    (key, end)
}

fn is_point((from, to): &Span) -> bool {
    to.split_last().is_some_and(|(last, key)| *last == 0xff && key == from.as_slice())
}

/// Behind a key and behind whatever follows it in an entry of several fields: no key begins with this byte.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0xff);
    key
}

/// No byte of a text is as large as the last one, and it is not that of a point: what begins alike is not one key.
fn beginning_with(beginning: Vec<u8>) -> Span {
    let mut end = beginning.clone();
    end.push(0xfe);
    (beginning, end)
}

fn whole_bracket(bracket: Bracket) -> Span {
    (vec![bracket as u8], vec![bracket as u8 + 1])
}

/// Sorted, and apart from each other.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for (from, to) in spans.into_iter().filter(|(from, to)| from < to) {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = to.max(std::mem::take(&mut last.1)),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// What is in both; each is sorted and apart.
fn common(one: &[Span], two: &[Span]) -> Vec<Span> {
    let (mut one, mut two) = (one.iter().peekable(), two.iter().peekable());
    let mut both = Vec::new();
    while let (Some(first), Some(second)) = (one.peek(), two.peek()) {
        let (from, to) = (first.0.clone().max(second.0.clone()), first.1.clone().min(second.1.clone()));
        if from < to {
            both.push((from, to));
        }
        match first.1 <= second.1 {
            true => one.next(),
            false => two.next(),
        };
    }
    both
}

fn published(spans: Vec<Span>) -> Vec<KeyRange> {
    let ranges =
        spans.into_iter().map(|(from, to)| KeyRange { from: Bound::Included(from), to: Bound::Excluded(to) });
    ranges.collect()
}
