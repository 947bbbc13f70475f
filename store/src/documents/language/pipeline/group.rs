//! `$group`: one document of many that have something in common.

mod sum;

use std::collections::{HashMap, HashSet};

use super::super::path::shown;
use super::super::rules::See;
use super::super::{Fault, Object, Value, key};
use super::expression::{Evaluation, Expression};
use super::memory::Memory;
use sum::Sum;

/// What a group takes beside its values, bytes.
const GROUP_BYTES: usize = 200;

/// `$group`.
#[derive(Clone, Debug)]
pub(super) struct Group {
    id: Expression,
    fields: Vec<(String, Accumulator)>,
}

#[derive(Clone, Debug)]
struct Accumulator {
    operator: Operator,
    of: Expression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    Push,
    AddToSet,
    Count,
}

/// The groups so far.
#[derive(Debug)]
pub(super) struct Groups<'g> {
    group: &'g Group,
    /// Where the group of an id stands.
    places: HashMap<Vec<u8>, usize>,
    groups: Vec<(Value, Vec<State>)>,
    memory: Memory,
}

/// What an accumulator has gathered.
#[derive(Debug)]
enum State {
    Sum(Sum),
    Avg(Sum, i64),
    /// Of `$min`, `$max`, `$first` and `$last`.
    One(Option<Value>),
    Push(Vec<Value>),
    AddToSet(HashSet<Vec<u8>>, Vec<Value>),
    Count(i64),
}

impl Group {
    pub(super) fn read(value: Value) -> Result<Self, Fault> {
        let Value::Object(mut object) = value else {
            return Err(Fault::new(format!("an object, not {}", value.described())));
        };
        let id =
            object.remove("_id").ok_or_else(|| Fault::new("`_id` is needed, null for one group of all"))?;
        let fields = object.into_iter().map(|(name, value)| {
            if name.contains(['.', '\0']) || name.starts_with('$') || name.is_empty() {
                return Err(Fault::new(format!("`{}` is no name of a field", shown(&name))));
            }
            let read = Accumulator::read(value);
            let accumulator =
                read.map_err(|fault| Fault::new(format!("at `{}`: {}", shown(&name), fault.message)))?;
            Ok((name, accumulator))
        });
        Ok(Self { fields: fields.collect::<Result<_, _>>()?, id: Expression::read(id)? })
    }

    /// Shows the fields that it is made of.
    pub(super) fn names(&self, see: &mut See<'_>) {
        self.id.names(see);
        self.fields.iter().for_each(|(_, accumulator)| accumulator.of.names(see));
    }

    /// No groups yet.
    pub(super) fn begin(&self, memory: Memory) -> Groups<'_> {
        Groups { group: self, places: HashMap::new(), groups: Vec::new(), memory }
    }
}

impl Accumulator {
    fn read(value: Value) -> Result<Self, Fault> {
        let fault = || Fault::new("an object with one accumulator, such as `{\"$sum\": 1}`");
        let Value::Object(object) = value else {
            return Err(fault());
        };
        let mut fields = object.into_iter();
        let (Some((name, value)), None) = (fields.next(), fields.next()) else {
            return Err(fault());
        };
        let operator = match name.as_str() {
            "$sum" => Operator::Sum,
            "$avg" => Operator::Avg,
            "$min" => Operator::Min,
            "$max" => Operator::Max,
            "$first" => Operator::First,
            "$last" => Operator::Last,
            "$push" => Operator::Push,
            "$addToSet" => Operator::AddToSet,
            "$count" if value == Value::Object(Object::new()) => Operator::Count,
            "$count" => return Err(Fault::new("`$count` has an empty object")),
            name => return Err(Fault::new(format!("there is no accumulator `{}`", shown(name)))),
        };
        Ok(Self { operator, of: Expression::read(value)? })
    }
}

impl Groups<'_> {
    /// Counts a document in.
    pub(super) fn add(&mut self, document: &Object) -> Result<(), Fault> {
        let mut evaluation = Evaluation::new(document);
        let id = evaluation.owned(&self.group.id)?.unwrap_or(Value::Null);
        let key = key(&id);
        let at = match self.places.get(&key) {
            Some(at) => *at,
            None => {
                self.memory.take(key.len() + id.weight() + GROUP_BYTES * (1 + self.group.fields.len()))?;
                self.places.insert(key, self.groups.len());
                let states = self.group.fields.iter().map(|(_, accumulator)| accumulator.operator.begin());
                self.groups.push((id, states.collect()));
                self.groups.len() - 1
            }
        };
        let Some((_, states)) = self.groups.get_mut(at) else {
            return Ok(());
        };
        for ((_, accumulator), state) in self.group.fields.iter().zip(states) {
            let value = evaluation.owned(&accumulator.of)?;
            state.add(accumulator.operator, value, &self.memory)?;
        }
        Ok(())
    }

    /// The groups as documents, in the order in which they began.
    pub(super) fn finish(self) -> impl Iterator<Item = Object> {
        let names: Vec<String> = self.group.fields.iter().map(|(name, _)| name.clone()).collect();
        self.groups.into_iter().map(move |(id, states)| {
            let fields = names.iter().cloned().zip(states.into_iter().map(State::finish));
            std::iter::once(("_id".to_owned(), id)).chain(fields).collect()
        })
    }
}

impl Operator {
    fn begin(self) -> State {
        match self {
            Self::Sum => State::Sum(Sum::default()),
            Self::Avg => State::Avg(Sum::default(), 0),
            Self::Min | Self::Max | Self::First | Self::Last => State::One(None),
            Self::Push => State::Push(Vec::new()),
            Self::AddToSet => State::AddToSet(HashSet::new(), Vec::new()),
            Self::Count => State::Count(0),
        }
    }
}

impl State {
    /// `None`: the value is missing.
    fn add(&mut self, operator: Operator, value: Option<Value>, memory: &Memory) -> Result<(), Fault> {
        match (self, value) {
            (Self::Sum(sum), Some(value)) => {
                sum.add(&value);
            }
            (Self::Avg(sum, count), Some(value)) => *count += i64::from(sum.add(&value)),
            (Self::One(held), value) => {
                if operator.takes(held.as_ref(), value.as_ref()) {
                    let new = value.unwrap_or(Value::Null);
                    memory.take(new.weight())?;
                    memory.give_back(held.replace(new).map_or(0, |old| old.weight()));
                }
            }
            (Self::Push(values), Some(value)) => {
                memory.take(value.weight())?;
                values.push(value);
            }
            (Self::AddToSet(known, values), Some(value)) => {
                let key = key(&value);
                if !known.contains(&key) {
                    memory.take(value.weight() + key.len() + size_of::<Vec<u8>>())?;
                    known.insert(key);
                    values.push(value);
                }
            }
            (Self::Count(count), _) => *count += 1,
            (_, None) => {}
        }
        Ok(())
    }

    fn finish(self) -> Value {
        match self {
            Self::Sum(sum) => sum.total(),
            Self::Avg(sum, count) => sum.average(count),
            Self::One(value) => value.unwrap_or(Value::Null),
            Self::Push(values) | Self::AddToSet(_, values) => Value::Array(values),
            Self::Count(count) => Value::Int(count),
        }
    }
}

impl Operator {
    /// Whether a new value is kept instead of the one that is held.
    fn takes(self, held: Option<&Value>, new: Option<&Value>) -> bool {
        match (self, held, new) {
            (Self::First, held, _) => held.is_none(),
            (Self::Last, ..) => true,
            // What is missing or null is neither the least nor the most.
            (_, _, None | Some(Value::Null)) => false,
            (_, None, Some(_)) => true,
            (Self::Min, Some(held), Some(new)) => new.compare(held).is_lt(),
            (_, Some(held), Some(new)) => new.compare(held).is_gt(),
        }
    }
}
