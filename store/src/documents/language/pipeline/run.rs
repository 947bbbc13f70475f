//! Running a pipeline: each stage takes documents from the one before it, one at a time.

use super::super::{Fault, Filter, MAX_DEPTH, Object, Sort, Value};
use super::group::Group;
use super::memory::Memory;
use super::unwind::{Opened, Unwind};
use super::{Stage, Stopped};

/// How many bytes all `$unwind` of a run copy together: each copies the rest of a document for each element.
const MAX_UNWOUND_BYTES: usize = 1 << 30;

/// Fields that a stage names without looking at a document more than once.
const FEW: usize = 4;

/// What comes out of a stage.
type Documents<'a, E> = Box<dyn Iterator<Item = Result<Object, Stopped<E>>> + 'a>;

/// The documents behind the last stage. `pace` is told of the bytes that each stage looks at, and may end it all.
pub(super) fn run<E>(
    stages: &[Stage],
    input: impl Iterator<Item = Result<Object, E>>,
    max_bytes: usize,
    pace: &dyn Fn(usize) -> Result<(), E>,
) -> Result<Vec<Object>, Stopped<E>> {
    let memory = Memory::new(max_bytes, "hold at once");
    let unwound = Memory::new(MAX_UNWOUND_BYTES, "copy by `$unwind`");
    let mut documents: Documents<'_, E> = Box::new(input.map(|document| document.map_err(Stopped::Input)));
    for stage in stages {
        let looks = stage.looks();
        let paced = documents.map(move |document| {
            let document = document?;
            pace(document.weight().saturating_mul(looks)).map_err(Stopped::Input)?;
            Ok(document)
        });
        documents = stage.over(Box::new(paced), &memory, &unwound);
    }
    let mut results = Vec::new();
    for document in documents {
        let document = document?;
        memory.take(document.weight())?;
        results.push(document);
    }
    Ok(results)
}

impl Stage {
    /// How many times over it may look at a document: each field that an expression names may be all of it.
    fn looks(&self) -> usize {
        match self {
            Self::Match(filter) => 1 + filter.looks() / FEW,
            Self::Sort(..) | Self::Skip(_) | Self::Limit(_) | Self::Count(_) => 0,
            other => {
                let mut named = 0;
                other.names(&mut |_| named += 1);
                1 + named / FEW
            }
        }
    }

    fn over<'a, E: 'a>(
        &'a self,
        documents: Documents<'a, E>,
        memory: &Memory,
        unwound: &Memory,
    ) -> Documents<'a, E> {
        match self {
            Self::Match(filter) => Box::new(documents.filter(|document| is_wanted(filter, document))),
            Self::Project(projection) => Box::new(documents.map(|document| {
                let projected = projection.project(&document?)?;
                check_depth(&projected)?;
                Ok(projected)
            })),
            Self::Skip(count) => {
                // What failed is no document to be skipped.
                let mut left = *count;
                Box::new(documents.filter(move |document| {
                    let is_skipped = left > 0 && document.is_ok();
                    left -= usize::from(is_skipped);
                    !is_skipped
                }))
            }
            Self::Limit(count) => Box::new(documents.take(*count)),
            Self::Sort(sort, wanted) => {
                let memory = memory.clone();
                once(move || sorted(sort, *wanted, documents, &memory))
            }
            Self::Group(group) => {
                let memory = memory.clone();
                once(move || grouped(group, documents, &memory))
            }
            Self::Unwind(unwind) => unwinding(unwind, documents, unwound.clone()),
            Self::Count(name) => once(move || counted(name, documents)),
        }
    }
}

fn is_wanted<E>(filter: &Filter, document: &Result<Object, Stopped<E>>) -> bool {
    document.as_ref().map_or(true, |document| filter.matches(document))
}

/// Stages are put together to no end; what they make of documents is as deep as a document may be.
fn check_depth(document: &Object) -> Result<(), Fault> {
    let deepest = document.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
    match deepest < MAX_DEPTH {
        true => Ok(()),
        false => Err(Fault::new(format!("pipeline: a result is deeper than {MAX_DEPTH} levels"))),
    }
}

/// The documents of a stage that has to see all before it answers the first.
fn once<'a, E: 'a>(all: impl FnOnce() -> Result<Documents<'a, E>, Stopped<E>> + 'a) -> Documents<'a, E> {
    Box::new(std::iter::once_with(all).flat_map(|documents| match documents {
        Ok(documents) => documents,
        Err(stopped) => Box::new(std::iter::once(Err(stopped))),
    }))
}

fn sorted<'a, E: 'a>(
    sort: &Sort,
    wanted: Option<usize>,
    documents: Documents<'a, E>,
    memory: &Memory,
) -> Result<Documents<'a, E>, Stopped<E>> {
    /// From here on it is worth while to forget what comes too late.
    const MANY: usize = 1000;
    let mut held: Vec<(Vec<u8>, usize, Object)> = Vec::new();
    for document in documents {
        let document = document?;
        let (key, bytes) = (sort.key(&document), document.weight());
        let bytes = bytes + key.len();
        memory.take(bytes)?;
        held.push((key, bytes, document));
        if let Some(wanted) = wanted
            && held.len() >= wanted.saturating_mul(2).saturating_add(MANY)
        {
            held.sort_by(|one, two| one.0.cmp(&two.0));
            held.drain(wanted..).for_each(|(_, bytes, _)| memory.give_back(bytes));
        }
    }
    held.sort_by(|one, two| one.0.cmp(&two.0));
    held.truncate(wanted.unwrap_or(usize::MAX));
    let memory = memory.clone();
    Ok(Box::new(held.into_iter().map(move |(_, bytes, document)| {
        memory.give_back(bytes);
        Ok(document)
    })))
}

fn grouped<'a, E: 'a>(
    group: &'a Group,
    documents: Documents<'a, E>,
    memory: &Memory,
) -> Result<Documents<'a, E>, Stopped<E>> {
    let mut groups = group.begin(memory.clone());
    for document in documents {
        groups.add(&document?)?;
    }
    Ok(Box::new(groups.finish().map(|document| {
        check_depth(&document)?;
        Ok(document)
    })))
}

fn counted<'a, E: 'a>(name: &str, mut documents: Documents<'a, E>) -> Result<Documents<'a, E>, Stopped<E>> {
    let count = documents.try_fold(0_i64, |count, document| document.map(|_| count + 1))?;
    // Of no documents there is no count, not 0.
    let counted = (count > 0).then(|| Object::from_iter([(name.to_owned(), Value::Int(count))]));
    Ok(Box::new(counted.into_iter().map(Ok)))
}

fn unwinding<'a, E: 'a>(
    unwind: &'a Unwind,
    mut documents: Documents<'a, E>,
    unwound: Memory,
) -> Documents<'a, E> {
    let mut opened = Opened::default();
    Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(next) = unwind.next(&mut opened, &unwound).transpose() {
                return Some(next.map_err(Stopped::Fault));
            }
            match documents.next()? {
                Ok(document) => opened = unwind.open(document),
                Err(stopped) => return Some(Err(stopped)),
            }
        }
    }))
}
