//! Pipelines from JSON.

use super::super::filter::whole;
use super::super::path::shown;
use super::super::projection::Place;
use super::super::{Fault, Filter, Projection, Sort, Value};
use super::group::Group;
use super::unwind::Unwind;
use super::{Pipeline, Stage};

/// Most stages of a pipeline.
const MAX_STAGES: usize = 100;

impl Pipeline {
    pub(super) fn read(value: Value) -> Result<Self, Fault> {
        let Value::Array(values) = value else {
            return Err(Fault::new(format!("pipeline: a list of stages, not {}", value.described())));
        };
        if values.len() > MAX_STAGES {
            return Err(Fault::new(format!("pipeline: {} stages, {MAX_STAGES} at most", values.len())));
        }
        let stages = values.into_iter().enumerate().map(|(at, value)| {
            stage(value).map_err(|fault| Fault::new(format!("pipeline, stage {}: {}", at + 1, fault.message)))
        });
        let mut stages = stages.collect::<Result<Vec<_>, _>>()?.into_iter().peekable();
        let leading = match stages.next_if(|stage| matches!(stage, Stage::Match(_))) {
            Some(Stage::Match(filter)) => Some(filter),
            _ => None,
        };
        let mut stages: Vec<Stage> = stages.collect();
        bound_sorts(&mut stages);
        Ok(Self { leading, stages })
    }
}

/// A sort need not hold what a limit behind it leaves out.
fn bound_sorts(stages: &mut [Stage]) {
    let mut wanted = None;
    for stage in stages.iter_mut().rev() {
        match stage {
            Stage::Limit(count) => wanted = Some(wanted.map_or(*count, |wanted: usize| wanted.min(*count))),
            Stage::Skip(count) => wanted = wanted.map(|wanted: usize| wanted.saturating_add(*count)),
            Stage::Project(_) => {}
            Stage::Sort(_, bound) => {
                *bound = wanted;
                wanted = None;
            }
            _ => wanted = None,
        }
    }
}

fn stage(value: Value) -> Result<Stage, Fault> {
    let fault = || Fault::new("an object with one stage, such as `{\"$match\": {}}`");
    let Value::Object(object) = value else {
        return Err(fault());
    };
    let mut fields = object.into_iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(fault());
    };
    let read = match name.as_str() {
        "$match" => Filter::read(value).map(Stage::Match),
        "$project" => project(value),
        "$sort" => sort(value),
        "$skip" => count(&value, 0).map(Stage::Skip),
        "$limit" => count(&value, 1).map(Stage::Limit),
        "$group" => Group::read(value).map(Stage::Group),
        "$unwind" => Unwind::read(value).map(Stage::Unwind),
        "$count" => counted(value),
        name => return Err(Fault::new(format!("there is no `{}`", shown(name)))),
    };
    read.map_err(|fault| Fault::new(format!("`{name}`: {}", fault.message)))
}

fn project(value: Value) -> Result<Stage, Fault> {
    match value {
        Value::Object(object) if object.is_empty() => Err(Fault::new("at least one field is needed")),
        value => Ok(Stage::Project(Projection::read(value, Place::Stage)?)),
    }
}

fn sort(value: Value) -> Result<Stage, Fault> {
    let sort = Sort::read(value)?;
    match sort.is_empty() {
        true => Err(Fault::new("at least one field is needed")),
        false => Ok(Stage::Sort(sort, None)),
    }
}

fn count(value: &Value, least: i64) -> Result<usize, Fault> {
    let count = match value {
        Value::Float(number) if number.fract() != 0.0 => None,
        value => whole(value).filter(|count| *count >= least),
    };
    count
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| Fault::new(format!("a whole number is needed, at least {least}")))
}

fn counted(value: Value) -> Result<Stage, Fault> {
    match value {
        Value::String(name) if !name.is_empty() && !name.contains(['.', '\0']) && !name.starts_with('$') => {
            Ok(Stage::Count(name))
        }
        _ => Err(Fault::new("the name of a field is needed, without `.`, not beginning with `$`")),
    }
}
