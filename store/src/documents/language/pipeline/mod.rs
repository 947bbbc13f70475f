//! Pipelines: what `aggregate` makes of documents, stage by stage.

mod parse;
mod run;

mod group;
mod unwind;

mod expression;
mod memory;

use super::rules::{See, names_of};
use super::{Fault, Filter, Object, Projection, Sort, json};
use group::Group;
use unwind::Unwind;

pub(crate) use expression::{Evaluation, Expression};

/// Stages in order.
#[derive(Clone, Debug)]
pub struct Pipeline {
    leading: Option<Filter>,
    stages: Vec<Stage>,
}

/// What is done to all documents that come to it.
#[derive(Clone, Debug)]
enum Stage {
    /// `$match`
    Match(Filter),
    /// `$project`
    Project(Projection),
    /// `$sort`, of which only so many first ones are wanted.
    Sort(Sort, Option<usize>),
    /// `$skip`
    Skip(usize),
    /// `$limit`
    Limit(usize),
    /// `$group`
    Group(Group),
    /// `$unwind`
    Unwind(Unwind),
    /// `$count`
    Count(String),
}

/// Why a pipeline came to no end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The input failed.
    Input(E),
    /// A stage could not do what was asked.
    Fault(Fault),
}

impl<E> From<Fault> for Stopped<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Pipeline {
    /// Reads a list of stages, at most [`super::MAX_QUERY_BYTES`].
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::read(json::read_query(json, "pipeline")?)
    }

    /// The `$match` at the beginning: whoever runs the pipeline filters by it, `run` does not again.
    pub fn leading_match(&self) -> Option<&Filter> {
        self.leading.as_ref()
    }

    /// The same stages over what a projection leaves of each document.
    pub(crate) fn over(mut self, projection: Projection) -> Self {
        self.stages.insert(0, Stage::Project(projection));
        self
    }

    /// Shows the fields that stages behind [`Self::leading_match`] name.
    pub(crate) fn names(&self, see: &mut See<'_>) {
        self.stages.iter().for_each(|stage| stage.names(see));
    }

    /// Runs the stages over the documents that match [`Self::leading_match`]. What the stages hold at once is at most
    /// `max_bytes`; more is a fault. `pace` is told of the bytes that each stage looks at, and may end it all.
    pub fn run<E>(
        self,
        input: impl Iterator<Item = Result<Object, E>>,
        max_bytes: usize,
        pace: &dyn Fn(usize) -> Result<(), E>,
    ) -> Result<Vec<Object>, Stopped<E>> {
        run::run(&self.stages, input, max_bytes, pace)
    }
}

impl Stage {
    /// Shows the fields that it names.
    fn names(&self, see: &mut See<'_>) {
        match self {
            Self::Match(filter) => filter.names(see),
            Self::Project(projection) => projection.names(see),
            Self::Sort(sort, _) => sort.fields().iter().for_each(|(path, _)| see(&names_of(path))),
            Self::Group(group) => group.names(see),
            Self::Unwind(unwind) => unwind.names(see),
            Self::Skip(_) | Self::Limit(_) | Self::Count(_) => {}
        }
    }
}
