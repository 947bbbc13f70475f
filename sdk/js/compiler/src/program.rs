//! The user's program: the entry file and all that it imports, read, checked and ready for the interpreter.

mod commonjs;
mod extensions;
mod line_map;
mod parts;
mod probe;
mod project;
mod resolve;
mod unit;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use extensions::Uses;
pub(crate) use probe::HERE;
pub(crate) use project::Project;

use crate::engine::World;
use crate::fault::{Fault, Faults};
use extensions::Extension;
use resolve::{Finder, Target};
use unit::{Reading, Unit};

/// Sources may be this large in all, bytes.
pub(crate) const SOURCES_MAX: u64 = 16 << 20;
/// Files may be this many.
const FILES_MAX: usize = 10_000;

/// Name of the prelude among modules. No file's name has a colon there.
pub(crate) const PRELUDE: &str = "ostro:prelude";
/// Name of the module that `ostro` stands for in imports.
const PLATFORM: &str = "ostro:platform";
/// Name of the module that hands the prelude its libraries.
pub(crate) const PARTS: &str = "ostro:parts";
/// What the prelude exports for modules that are made here.
const INTERNAL: [&str; 4] = ["install", "own", "provide", "provideText"];

/// All modules of a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Name of the entry module.
    pub(crate) entry: String,
    /// By name: the path below the project's folder, with `/`.
    modules: BTreeMap<String, Module>,
    /// Modules that are only imported with `import()`.
    pub(crate) on_demand: Vec<String>,
    /// Names of the platform's modules that it uses beside the prelude.
    pub(crate) extensions: Vec<String>,
    /// The world that it needs.
    pub(crate) world: World,
}

/// A module.
#[derive(Clone, Debug, Default)]
struct Module {
    unit: Unit,
    /// Specifier → name of the module.
    targets: HashMap<String, String>,
    /// The file; empty for what this program makes.
    path: PathBuf,
}

impl Module {
    fn is_file(&self) -> bool {
        !self.path.as_os_str().is_empty()
    }
}

impl Program {
    /// Reads the entry file of a project and all that it imports. `prelude` is the platform's own module, `uses` what is
    /// known of the program beside its sources.
    pub(crate) fn read(project: &Project, prelude: &str, uses: &Uses) -> Result<Self, Faults> {
        let mut reader = Reader {
            project,
            finder: Finder::new(),
            program: Self::default(),
            bytes: 0,
            optional: HashSet::new(),
        };
        let split = parts::split(prelude);
        reader.program.add_platform(split.module)?;
        reader.read_all()?;
        let mut program = reader.program;
        program.add_parts(&split.libraries)?;
        program.add_extensions(&split.extensions, uses)?;
        program.check_names()?;
        Ok(program)
    }

    /// Adds the prelude, and the module `ostro`: what the prelude exports for users.
    fn add_platform(&mut self, prelude: &str) -> Result<(), Faults> {
        let reading = Reading { name: PRELUDE, jsx_source: "", is_own: false };
        let prelude = Unit::read(prelude.to_owned(), reading)?;
        let names: Vec<_> =
            prelude.exports.iter().filter(|name| !INTERNAL.contains(&name.as_str())).cloned().collect();
        let code = format!("export {{ {} }} from \"{PRELUDE}\";", names.join(", "));
        let platform = Unit { code, is_module: true, exports: names, ..Unit::default() };
        self.modules.insert(PRELUDE.to_owned(), Module { unit: prelude, ..Module::default() });
        self.modules.insert(PLATFORM.to_owned(), Module { unit: platform, ..Module::default() });
        Ok(())
    }

    /// Adds the module that hands the prelude its libraries.
    fn add_parts(&mut self, libraries: &[&str]) -> Result<(), Faults> {
        let platform = [PRELUDE, PLATFORM];
        let own = self.modules.iter().filter(|(name, _)| !platform.contains(&name.as_str()));
        let provided = parts::provided(
            libraries,
            &own.map(|(_, module)| module.unit.code.as_str()).collect::<Vec<_>>(),
        )?;
        let code = format!("import {{ provide, provideText }} from \"{PRELUDE}\";\n{provided}");
        let unit = Unit { code, is_module: true, ..Unit::default() };
        self.modules.insert(PARTS.to_owned(), Module { unit, ..Module::default() });
        Ok(())
    }

    /// Adds those of the platform's other modules that it uses, to `ostro` too.
    fn add_extensions(&mut self, lines: &[&str], uses: &Uses) -> Result<(), Faults> {
        let (used, world) = extensions::used(extensions::read(lines)?, self, uses);
        self.world = world;
        for Extension { name, exports, code, .. } in used {
            if let Some(platform) = self.modules.get_mut(PLATFORM) {
                let more = format!("\nexport {{ {} }} from \"{name}\";", exports.join(", "));
                platform.unit.code.push_str(&more);
                platform.unit.exports.extend(exports);
            }
            let unit = Unit { code, is_module: true, ..Unit::default() };
            self.modules.insert(name.clone(), Module { unit, ..Module::default() });
            self.extensions.push(name);
        }
        Ok(())
    }

    /// The module that an import leads to, or why there is none.
    pub(crate) fn resolve(&self, from: &str, specifier: &str) -> Result<String, String> {
        let target = self.modules.get(from).and_then(|module| module.targets.get(specifier));
        let known =
            target.cloned().or_else(|| self.modules.contains_key(specifier).then(|| specifier.to_owned()));
        known.ok_or_else(|| {
            format!("`{specifier}` is not part of the program: import() needs a name that is written out, so that the build can see it")
        })
    }

    /// What runs for a module.
    pub(crate) fn code(&self, name: &str) -> Option<&str> {
        Some(&self.modules.get(name)?.unit.code)
    }

    /// The text of a file as the user wrote it, and the place there of a place in what runs.
    pub(crate) fn written(&self, name: &str, line: u32, column: u32) -> Option<(&str, u32, u32)> {
        let Module { unit, .. } = self.modules.get(name).filter(|module| module.is_file())?;
        let (line, column) = unit.written(line, column);
        Some((&unit.text, line, column))
    }

    /// Names and `mappings` of the modules whose lines were moved.
    pub(crate) fn maps(&self) -> BTreeMap<&str, &str> {
        let mapped = self.modules.iter().filter_map(|(name, module)| Some((name, module.unit.map.as_ref()?)));
        mapped.map(|(name, map)| (name.as_str(), map.mappings())).collect()
    }

    /// Paths of all files, the entry first.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let entry = self.modules.get(&self.entry).map(|module| module.path.as_path());
        let others =
            self.modules.iter().filter(|(name, _)| **name != self.entry).map(|(_, m)| m.path.as_path());
        entry.into_iter().chain(others).filter(|path| !path.as_os_str().is_empty()).collect()
    }

    /// Every name that is imported from a module of the program must be exported there.
    fn check_names(&self) -> Result<(), Faults> {
        let mut faults = Vec::new();
        for (name, module) in &self.modules {
            for taken in module.unit.taken.iter().filter(|taken| !taken.is_all()) {
                let Some(target) = module.targets.get(&taken.specifier) else { continue };
                if self.exports(target, &taken.name, &mut HashSet::new()) {
                    continue;
                }
                let (line, column) = module.unit.place(taken.at);
                let what = format!("`{}` exports no `{}`", taken.specifier, taken.name);
                faults.push(Fault::new(what).at(name, &module.unit.text, line, column));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Whether a module exports a name; yes where that cannot be known.
    fn exports<'a>(&'a self, module: &'a str, name: &str, seen: &mut HashSet<&'a str>) -> bool {
        let Some(Module { unit, targets, .. }) = self.modules.get(module) else { return true };
        if !seen.insert(module) {
            return false;
        }
        unit.exports.iter().any(|exported| exported == name)
            || name != "default"
                && unit
                    .stars
                    .iter()
                    .any(|star| targets.get(star).is_none_or(|target| self.exports(target, name, seen)))
    }
}

/// Goes from file to file.
struct Reader<'a> {
    project: &'a Project,
    finder: Finder,
    program: Program,
    bytes: u64,
    /// Modules that are reached through `import()` only: what is wrong with them is said when they are imported.
    optional: HashSet<String>,
}

/// A file to read.
struct Wanted {
    name: String,
    path: PathBuf,
    is_module: bool,
}

impl Reader<'_> {
    fn read_all(&mut self) -> Result<(), Faults> {
        let entry = Wanted {
            name: self.project.name(&self.project.entry),
            path: self.project.entry.clone(),
            is_module: self.project.is_module,
        };
        self.program.entry = entry.name.clone();
        let mut waiting = vec![entry];
        let mut on_demand = Vec::new();
        while let Some(wanted) = waiting.pop().or_else(|| self.next_on_demand(&mut on_demand)) {
            if self.program.modules.contains_key(&wanted.name) {
                continue;
            }
            let name = wanted.name.clone();
            match self.read(wanted, &mut waiting, &mut on_demand) {
                Ok(module) => drop(self.program.modules.insert(name, module)),
                Err(faults) if self.optional.contains(&name) => self.put_off(name, &faults),
                Err(faults) => return Err(faults),
            }
        }
        Ok(())
    }

    /// When all is read that must be there, what `import()` names comes.
    fn next_on_demand(&mut self, on_demand: &mut Vec<Wanted>) -> Option<Wanted> {
        loop {
            let wanted = on_demand.pop()?;
            if !self.program.modules.contains_key(&wanted.name) {
                self.optional.insert(wanted.name.clone());
                self.program.on_demand.push(wanted.name.clone());
                return Some(wanted);
            }
        }
    }

    /// A module that fails when it is imported.
    fn put_off(&mut self, name: String, faults: &Faults) {
        let text = faults.first().map(|fault| fault.to_text()).unwrap_or_default();
        let message = serde_json::Value::from(text.lines().next().unwrap_or_default());
        let unit = Unit { code: format!("throw new Error({message});"), ..Unit::default() };
        self.program.modules.insert(name, Module { unit, ..Module::default() });
    }

    fn read(
        &mut self,
        wanted: Wanted,
        waiting: &mut Vec<Wanted>,
        on_demand: &mut Vec<Wanted>,
    ) -> Result<Module, Faults> {
        let Wanted { name, path, is_module } = wanted;
        let text = self.text(&name, &path)?;
        let is_own = !name.split('/').any(|part| part == "node_modules");
        let reading = Reading { name: &name, jsx_source: &self.project.jsx_source, is_own };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let mut unit = match extension {
            "json" => json(&name, text)?,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "tsx" => Unit::read(text, reading)?,
            _ => {
                return Err(vec![not_a_module(&name, extension)]);
            }
        };
        if commonjs::is_commonjs(&unit, extension, is_module) {
            unit = commonjs::convert(unit, reading)?;
        }
        let mut module = Module { path, ..Module::default() };
        let mut faults = Vec::new();
        for import in &unit.imports {
            match self.finder.find(&module.path, &import.specifier) {
                Target::Platform => {
                    module.targets.insert(import.specifier.clone(), PLATFORM.to_owned());
                }
                Target::Interface => {}
                Target::File { path, is_module } => {
                    let wanted = Wanted { name: self.project.name(&path), path, is_module };
                    module.targets.insert(import.specifier.clone(), wanted.name.clone());
                    if self.optional.contains(&name) && !import.is_dynamic {
                        self.optional.insert(wanted.name.clone());
                    }
                    if import.is_dynamic { on_demand.push(wanted) } else { waiting.push(wanted) }
                }
                Target::Missing { .. } if import.is_dynamic => {}
                Target::Missing { message, hint } => {
                    let (line, column) = unit.place(import.at);
                    faults.push(Fault { hint, ..Fault::new(message) }.at(&name, &unit.text, line, column));
                }
            }
        }
        module.unit = unit;
        if faults.is_empty() { Ok(module) } else { Err(faults) }
    }

    /// The text of a file, if it is not too much.
    fn text(&mut self, name: &str, path: &Path) -> Result<String, Faults> {
        let unreadable =
            |error: std::io::Error| vec![Fault::new(format!("cannot be read: {error}")).in_file(name)];
        let size = fs::metadata(path).map_err(unreadable)?.len();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > SOURCES_MAX {
            return Err(vec![too_much(name, size, self.bytes)]);
        }
        if self.program.modules.len() >= FILES_MAX {
            let what = format!("the program has more than {FILES_MAX} files");
            return Err(vec![Fault::new(what).in_file(name).hint("bundle it first")]);
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            vec![Fault::new(format!("is not UTF-8 text: byte {at} is wrong")).in_file(name)]
        })?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }
}

fn too_much(name: &str, size: u64, all: u64) -> Fault {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let limit = SOURCES_MAX >> 20;
    let message = if size > SOURCES_MAX {
        format!("the file has {}; the sources of a function may have {limit} MiB in all", mebibytes(size))
    } else {
        format!("with this file the sources have {}; they may have {limit} MiB in all", mebibytes(all))
    };
    Fault::new(message).in_file(name).hint(
        "keep data out of the program: fetch it when it is needed, or split the function into smaller ones",
    )
}

fn not_a_module(name: &str, extension: &str) -> Fault {
    let what = if extension.is_empty() {
        "a file without an extension".to_owned()
    } else {
        format!("a .{extension} file")
    };
    Fault::new(format!("{what} is not a module"))
        .in_file(name)
        .hint("modules are .js, .mjs, .jsx, .ts, .mts, .tsx and .json files; what a browser loads belongs to the assets")
}

/// A JSON file as a module with one export, its value.
fn json(name: &str, text: String) -> Result<Unit, Faults> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        let (line, column) = (error.line(), error.column());
        let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        return Err(vec![Fault::new(format!("not JSON: {message}")).at(
            name,
            &text,
            place(line),
            place(column),
        )]);
    }
    let code = format!("export default JSON.parse({});", serde_json::Value::from(text.as_str()));
    Ok(Unit { text, code, is_module: true, exports: vec!["default".to_owned()], ..Unit::default() })
}

#[cfg(test)]
mod tests;
