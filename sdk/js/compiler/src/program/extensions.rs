//! What a program uses of the platform beyond the prelude: modules for kinds of data, each with interfaces of its own.
//! Other programs carry neither.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{PLATFORM, Program};
use crate::engine::World;
use crate::fault::{Fault, Faults};

/// What a line with a module begins with.
pub(super) const LINE: &str = "//module ";

/// A word of programs whose bindings nobody has told us of: that is where they would be.
const ENVIRONMENT: &str = "env";

/// A module of the platform that a program has if it uses it.
#[derive(Debug, Deserialize)]
pub(super) struct Extension {
    /// Its name among modules.
    pub(super) name: String,
    /// The kinds of resources that it makes bindings of.
    bindings: Vec<String>,
    /// What `ostro` exports of it.
    pub(super) exports: Vec<String>,
    /// Its text.
    pub(super) code: String,
    /// Interfaces that it calls, without versions; those that only [`World::Data`] has are among them.
    interfaces: Vec<String>,
}

/// What is known of a program beside its sources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// The kinds of resources that bindings name; none: it is not known.
    pub(crate) bindings: Option<Vec<String>>,
}

/// The modules in these lines.
pub(super) fn read(lines: &[&str]) -> Result<Vec<Extension>, Faults> {
    let module = |line: &&str| {
        serde_json::from_str(line.strip_prefix(LINE).unwrap_or(line))
            .map_err(|error| vec![Fault::new(format!("a module of the prelude cannot be read: {error}"))])
    };
    lines.iter().map(module).collect()
}

/// Those that a program uses, and the world that it needs.
pub(super) fn used(all: Vec<Extension>, program: &Program, uses: &Uses) -> (Vec<Extension>, World) {
    let asked = Asked::read(program);
    let is_bound = |kind: &String| match &uses.bindings {
        Some(bindings) => bindings.contains(kind),
        None => asked.environment,
    };
    let has = |names: &BTreeSet<&str>, some: &[String]| some.iter().any(|name| names.contains(name.as_str()));
    let is_direct = all.iter().any(|one| has(&asked.interfaces, &one.interfaces));
    let is_used =
        |one: &Extension| asked.all || one.bindings.iter().any(is_bound) || has(&asked.names, &one.exports);
    let used: Vec<_> = all.into_iter().filter(is_used).collect();
    let world = if is_direct || !used.is_empty() { World::Data } else { World::App };
    (used, world)
}

/// What the files of a program ask for.
#[derive(Default)]
struct Asked<'a> {
    /// Names that are imported from the platform.
    names: BTreeSet<&'a str>,
    /// Whether something imports the platform as a whole.
    all: bool,
    /// Whether something speaks of the environment.
    environment: bool,
    /// Interfaces that are imported directly, without versions.
    interfaces: BTreeSet<&'a str>,
}

impl<'a> Asked<'a> {
    fn read(program: &'a Program) -> Self {
        let mut asked = Self::default();
        for module in program.modules.values().filter(|module| module.is_file()) {
            let unit = &module.unit;
            let is_platform =
                |specifier: &str| module.targets.get(specifier).is_some_and(|to| to == PLATFORM);
            asked.environment |= unit.code.contains(ENVIRONMENT);
            let specifiers = unit.imports.iter().map(|import| import.specifier.as_str());
            asked.interfaces.extend(specifiers.map(|name| name.split('@').next().unwrap_or(name)));
            asked.all |= unit.stars.iter().any(|star| is_platform(star))
                || unit.imports.iter().any(|import| import.is_dynamic && is_platform(&import.specifier));
            for taken in unit.taken.iter().filter(|taken| is_platform(&taken.specifier)) {
                asked.all |= taken.is_all();
                asked.names.insert(&taken.name);
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests;
