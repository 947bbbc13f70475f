//! How documents are found: by `_id`, by an index, or one after the other. Pure.
//!
//! A plan says what is looked at, not what is answered: whoever runs it asks the filter about each document.

use std::ops::Bound;

use super::catalog::Index;
use crate::documents::language::{Direction, Filter, KeyRange};

/// Parts of an index that one plan looks at; where a filter names more, less is asked of the index.
const MAX_SPANS: usize = 1_000;
/// Above every key.
const ABOVE_ALL: u8 = 0xff;

/// Fields and their directions, the most important first. Documents that are equal there come in the order in which
/// they were put in, or the other way round where the last field is descending. No field: just in that order.
pub(super) type Order = Vec<(String, Direction)>;

/// In which order documents are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// In any, as long as it is said which.
    Any,
    /// In this one; what is equal may be ordered further.
    Like(Order),
    /// In exactly this one: the page before had it.
    Exactly(Order),
}

/// What is looked at, and how it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) source: Source,
    /// The order in which documents are answered.
    pub(super) order: Order,
    /// Whether they must be sorted for that: the source has them in another one.
    pub(super) must_sort: bool,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nothing can match.
    Nothing,
    /// One document.
    Id(String),
    /// All documents, as they were put in.
    Scan,
    /// The documents with an entry in one of these parts of an index, as they were put in.
    Entries { index: i64, spans: Vec<Span> },
    /// The documents in the order of their entries in that part of an index, of which each has one.
    Walk { index: i64, span: Span, direction: Direction },
}

/// A part of an index: keys from the first on, up to the other one, which is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

/// What a filter says about an index.
struct Bounds {
    /// Leading fields that are equal to something.
    equal: usize,
    /// Whether the field behind those is bounded.
    is_ranged: bool,
    spans: Vec<Span>,
}

impl Plan {
    /// The index that is walked.
    pub(super) fn walked(&self) -> Option<i64> {
        match self.source {
            Source::Walk { index, .. } => Some(index),
            _ => None,
        }
    }
}

/// The best plan for a filter.
pub(super) fn plan(filter: &Filter, indexes: &[Index], wish: &Wish) -> Plan {
    if let Some(id) = filter.id() {
        return Plan { source: Source::Id(id.to_owned()), order: wish.order(), must_sort: false };
    }
    let mut best: Option<((bool, usize, bool, bool), Plan)> = None;
    // What is hidden is not told by an order either.
    let walkable = |index: &&Index| index.fields.iter().all(|field| filter.may_walk(field));
    for index in indexes.iter().filter(walkable) {
        let Some(bounds) = bounds(filter, index) else {
            return Plan { source: Source::Nothing, order: wish.order(), must_sort: false };
        };
        let walk = walk(index, &bounds, wish);
        let is_exact = index.is_unique && bounds.equal == index.fields.len();
        let rank = (is_exact, bounds.equal, bounds.is_ranged, walk.is_some());
        let is_bounded = bounds.equal > 0 || bounds.is_ranged;
        let is_of_use = is_bounded || (walk.is_some() && *wish != Wish::Any);
        if is_of_use && best.as_ref().is_none_or(|(known, _)| rank > *known) {
            let plan = walk.unwrap_or_else(|| Plan {
                source: Source::Entries { index: index.id, spans: bounds.spans },
                order: wish.order(),
                must_sort: !wish.order().is_empty(),
            });
            best = Some((rank, plan));
        }
    }
    let scan = || Plan { source: Source::Scan, order: wish.order(), must_sort: !wish.order().is_empty() };
    best.map_or_else(scan, |(_, plan)| plan)
}

/// The plan that takes documents as an index has them, if that serves the wish.
fn walk(index: &Index, bounds: &Bounds, wish: &Wish) -> Option<Plan> {
    let [span] = bounds.spans.as_slice() else { return None };
    if index.is_multikey {
        return None;
    }
    let (same, rest) = index.fields.split_at_checked(bounds.equal)?;
    let (mut order, exact) = match wish {
        Wish::Any => (Order::new(), false),
        Wish::Like(order) => (order.clone(), false),
        Wish::Exactly(order) => (order.clone(), true),
    };
    // What is the same in all of them orders nothing.
    let is_same = |field: &str| same.iter().any(|path| path.as_str() == field);
    let asked: Vec<_> = order.iter().filter(|(field, _)| !is_same(field)).cloned().collect();
    let direction = asked.first().or(order.last()).map_or(Direction::Ascending, |(_, direction)| *direction);
    let is_served = asked.len() <= rest.len()
        && asked.iter().zip(rest).all(|((field, way), path)| field == path.as_str() && *way == direction);
    let further = rest.get(asked.len()..)?;
    // Ties go the way of the last field, and so does the index.
    let is_tied = !further.is_empty() || order.last().is_none_or(|(_, way)| *way == direction);
    if !is_served || !is_tied || (exact && !further.is_empty()) {
        return None;
    }
    order.extend(further.iter().map(|path| (path.as_str().to_owned(), direction)));
    Some(Plan {
        source: Source::Walk { index: index.id, span: span.clone(), direction },
        order,
        must_sort: false,
    })
}

/// What the filter says about the fields of an index; `None` when nothing can match.
fn bounds(filter: &Filter, index: &Index) -> Option<Bounds> {
    let mut starts = vec![Vec::new()];
    for (equal, field) in index.fields.iter().enumerate() {
        let known = match index.is_multikey {
            true => filter.ranges(field.as_str()),
            false => filter.ranges_without_arrays(field.as_str()),
        };
        let spans: Vec<Span> = match known {
            Some(ranges) if ranges.is_empty() => return None,
            Some(ranges) => ranges.iter().map(Span::of).collect(),
            None => Vec::new(),
        };
        let is_equal = !spans.is_empty() && spans.iter().all(Span::is_of_one_key);
        if is_equal && spans.len() * starts.len() <= MAX_SPANS {
            starts = within(&starts, &spans);
            continue;
        }
        let is_ranged = !bounds_nothing(&spans);
        let spans = match is_ranged {
            true if spans.len() * starts.len() <= MAX_SPANS => spans,
            true => hull(&spans),
            false => vec![Span::all()],
        };
        let spans = starts.iter().flat_map(|start| spans.iter().map(move |span| span.behind(start)));
        return Some(Bounds { equal, is_ranged, spans: spans.collect() });
    }
    let spans = starts.iter().map(|start| Span::all().behind(start)).collect();
    Some(Bounds { equal: index.fields.len(), is_ranged: false, spans })
}

/// The keys of spans, each behind each of those.
fn within(starts: &[Vec<u8>], spans: &[Span]) -> Vec<Vec<u8>> {
    starts
        .iter()
        .flat_map(|start| spans.iter().map(move |span| [start.as_slice(), &span.from].concat()))
        .collect()
}

/// Whether they reach from one end to the other, or are none: `$ne` leaves nearly all.
fn bounds_nothing(spans: &[Span]) -> bool {
    let all = Span::all();
    spans.first().is_none_or(|span| span.from == all.from)
        && spans.last().is_none_or(|span| span.to == all.to)
}

/// From the first to the last.
fn hull(spans: &[Span]) -> Vec<Span> {
    let ends = spans.first().zip(spans.last());
    ends.map(|(first, last)| Span { from: first.from.clone(), to: last.to.clone() }).into_iter().collect()
}

impl Span {
    /// The whole index.
    fn all() -> Self {
        Self { from: Vec::new(), to: vec![ABOVE_ALL] }
    }

    /// No key begins with another one, so what stands behind a key is below the key with `ABOVE_ALL`.
    fn of(range: &KeyRange) -> Self {
        let all = Self::all();
        let behind = |key: &[u8]| [key, &[ABOVE_ALL]].concat();
        let from = match &range.from {
            Bound::Included(key) => key.clone(),
            Bound::Excluded(key) => behind(key),
            Bound::Unbounded => all.from,
        };
        let to = match &range.to {
            Bound::Included(key) => behind(key),
            Bound::Excluded(key) => key.clone(),
            Bound::Unbounded => all.to,
        };
        Self { from, to }
    }

    /// Whether all that is in it begins with the same key.
    fn is_of_one_key(&self) -> bool {
        let is_beginning = |(last, key): (&u8, &[u8])| *last == ABOVE_ALL && key == self.from;
        !self.from.is_empty() && self.to.split_last().is_some_and(is_beginning)
    }

    fn behind(&self, start: &[u8]) -> Self {
        Self { from: [start, &self.from].concat(), to: [start, &self.to].concat() }
    }
}

impl Wish {
    fn order(&self) -> Order {
        match self {
            Self::Any => Order::new(),
            Self::Like(order) | Self::Exactly(order) => order.clone(),
        }
    }
}

/// Which way documents go that are equal in an order.
pub(super) fn ties(order: &Order) -> Direction {
    order.last().map_or(Direction::Ascending, |(_, direction)| *direction)
}
