//! One file as the interpreter takes it: TypeScript and JSX taken out, and what it imports and exports.

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_diagnostics::OxcDiagnostic;
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use oxc_syntax::module_record::{
    ExportEntry, ExportExportName, ExportImportName, ImportImportName, ModuleRecord,
};
use oxc_transformer::{HelperLoaderMode, JsxOptions, TransformOptions, Transformer};

use super::line_map::LineMap;
use crate::fault::{Fault, Faults, place_of};

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// The text as the user wrote it.
    pub(crate) text: String,
    /// What runs.
    pub(crate) code: String,
    /// From lines of what runs to lines of the text, if they differ.
    pub(crate) map: Option<LineMap>,
    /// Whether it has `import` or `export`.
    pub(crate) is_module: bool,
    /// What it imports, in the order of the text, each specifier once.
    pub(crate) imports: Vec<Import>,
    /// Names that it takes from other modules.
    pub(crate) taken: Vec<Taken>,
    /// Names that it exports itself.
    pub(crate) exports: Vec<String>,
    /// Specifiers of `export * from`.
    pub(crate) stars: Vec<String>,
}

/// An `import`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// What is imported, as written.
    pub(crate) specifier: String,
    /// Where, as a byte of what runs.
    pub(crate) at: usize,
    /// Whether it is `import()`.
    pub(crate) is_dynamic: bool,
}

/// A name out of another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The other module, as written.
    pub(crate) specifier: String,
    /// The name that it should export, or [`ALL`].
    pub(crate) name: String,
    /// Where, as a byte of what runs.
    pub(crate) at: usize,
}

/// What stands for all names of a module.
const ALL: &str = "*";

impl Taken {
    /// Whether it is the module as a whole: `import * as`.
    pub(crate) fn is_all(&self) -> bool {
        self.name == ALL
    }
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    /// The file's name in messages.
    pub(crate) name: &'a str,
    /// Where `jsx` comes from, unless the file says so itself.
    pub(crate) jsx_source: &'a str,
    /// Whether it is the user's own, and looked at more closely than somebody else's package.
    pub(crate) is_own: bool,
}

impl Unit {
    /// Reads JavaScript or TypeScript.
    pub(crate) fn read(text: String, reading: Reading<'_>) -> Result<Self, Faults> {
        let kind = SourceType::from_path(Path::new(reading.name)).unwrap_or_else(|_| SourceType::mjs());
        let kind = if kind.is_commonjs() { kind } else { kind.with_unambiguous(true) };
        let (code, map) = if kind.is_typescript() || has_jsx_name(reading.name) {
            let (code, map) = transform(&text, kind, reading)?;
            (code, Some(map))
        } else {
            (text.clone(), None)
        };
        let mut unit = Self { text, code, map, ..Self::default() };
        unit.examine(reading, kind.is_commonjs())?;
        Ok(unit)
    }

    /// The place of a byte of what runs, in the text that the user wrote.
    pub(crate) fn place(&self, at: usize) -> (u32, u32) {
        let (line, column) = place_of(&self.code, at);
        self.written(line, column)
    }

    /// The place in the user's text of a place in what runs.
    pub(crate) fn written(&self, line: u32, column: u32) -> (u32, u32) {
        self.map.as_ref().and_then(|map| map.find(line, column)).unwrap_or((line, column))
    }

    /// Parses what runs, and notes what it imports and exports.
    fn examine(&mut self, reading: Reading<'_>, is_commonjs: bool) -> Result<(), Faults> {
        let kind = if is_commonjs { SourceType::cjs() } else { SourceType::unambiguous() };
        let allocator = Allocator::default();
        // Functions of CommonJS files may return at their end.
        let options = ParseOptions { allow_return_outside_function: is_commonjs, ..ParseOptions::default() };
        let parsed = Parser::new(&allocator, &self.code, kind).with_options(options).parse();
        let mut wrong: Vec<_> = parsed.diagnostics.errors().cloned().collect();
        if wrong.is_empty() && reading.is_own && self.map.is_none() {
            let checked = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
            wrong.extend(checked.diagnostics.errors().cloned());
        }
        if !wrong.is_empty() {
            return Err(wrong.iter().map(|error| self.fault(error, reading.name)).collect());
        }
        let record = &parsed.module_record;
        let (imports, taken) = (imports(record, &self.code), taken(record));
        let entries =
            [&record.local_export_entries, &record.indirect_export_entries, &record.star_export_entries];
        let exports = entries.into_iter().flatten().filter_map(exported).collect();
        let stars = record.star_export_entries.iter().filter(|entry| entry.export_name.is_null());
        let stars = stars.filter_map(|entry| entry.module_request.as_ref());
        let stars = stars.map(|request| request.name.to_string()).collect();
        let is_module = record.has_module_syntax;
        *self = Self { is_module, imports, taken, exports, stars, ..std::mem::take(self) };
        Ok(())
    }

    fn fault(&self, error: &OxcDiagnostic, name: &str) -> Fault {
        fault(error, name, &self.text)
    }
}

/// Says in our words what a parser found, in a text that the user wrote.
fn fault(error: &OxcDiagnostic, name: &str, text: &str) -> Fault {
    let message = error.message.trim_end_matches('.').to_owned();
    // A second declaration is what is wrong, not the first.
    let label = if message.ends_with("declared") { error.labels.last() } else { error.labels.first() };
    let fault = match label {
        Some(label) => Fault::new(message).at_byte(name, text, label.offset() as usize),
        None => Fault::new(message).in_file(name),
    };
    match &error.help {
        Some(help) => fault.hint(help.to_string()),
        None => fault,
    }
}

/// The name that an entry exports.
fn exported(entry: &ExportEntry<'_>) -> Option<String> {
    match &entry.export_name {
        ExportExportName::Name(name) => Some(name.name.to_string()),
        ExportExportName::Default(_) => Some("default".to_owned()),
        ExportExportName::Null => None,
    }
}

fn has_jsx_name(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jsx")
}

/// Takes types and JSX out.
fn transform(text: &str, kind: SourceType, reading: Reading<'_>) -> Result<(String, LineMap), Faults> {
    let allocator = Allocator::default();
    let path = Path::new(reading.name);
    let faults = |errors: &mut dyn Iterator<Item = &OxcDiagnostic>| -> Result<(), Faults> {
        let faults: Faults = errors.map(|error| fault(error, reading.name, text)).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    };
    let parsed = Parser::new(&allocator, text, kind).parse();
    faults(&mut parsed.diagnostics.errors())?;
    let mut program = parsed.program;
    let analysed = SemanticBuilder::new().with_check_syntax_error(true).with_enum_eval(true).build(&program);
    faults(&mut analysed.diagnostics.errors())?;
    let scoping = analysed.semantic.into_scoping();
    let options = transformations(reading.jsx_source);
    let transformed = Transformer::new(&allocator, path, &options).build_with_scoping(scoping, &mut program);
    faults(&mut transformed.diagnostics.errors())?;
    let options = CodegenOptions { source_map_path: Some(path.to_owned()), ..CodegenOptions::default() };
    let printed = Codegen::new().with_options(options).with_source_text(text).build(&program);
    let map = printed.map.map(|map| LineMap::new(&map)).unwrap_or_default();
    Ok((printed.code, map))
}

/// TypeScript and JSX; the language itself stays as it is, since the interpreter knows ES2023.
fn transformations(jsx_source: &str) -> TransformOptions {
    let jsx = JsxOptions { import_source: Some(jsx_source.to_owned()), ..JsxOptions::enable() };
    let mut options = TransformOptions { jsx, ..TransformOptions::default() };
    options.decorator.legacy = true;
    options.helper_loader.mode = HelperLoaderMode::Runtime;
    options
}

fn imports(record: &ModuleRecord<'_>, code: &str) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    for (specifier, requests) in &record.requested_modules {
        if let Some(first) = requests.iter().filter(|request| !request.is_type).map(|r| r.span.start).min() {
            found.push(Import { specifier: specifier.to_string(), at: first as usize, is_dynamic: false });
        }
    }
    for import in &record.dynamic_imports {
        let span = import.module_request;
        let written = code.get(span.start as usize..span.end as usize);
        // What is computed is looked for when it runs.
        if let Some(specifier) = written.and_then(literal) {
            found.push(Import { specifier: specifier.to_owned(), at: span.start as usize, is_dynamic: true });
        }
    }
    found.sort_by_key(|import| import.at);
    found
}

/// The text of a string without escapes.
fn literal(expression: &str) -> Option<&str> {
    let quote = expression.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let text = expression.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains(['\\', '$', quote])).then_some(text)
}

fn taken(record: &ModuleRecord<'_>) -> Vec<Taken> {
    let imported = record.import_entries.iter().filter(|entry| !entry.is_type).map(|entry| {
        let (name, span) = match &entry.import_name {
            ImportImportName::Name(name) => (name.name.to_string(), name.span),
            ImportImportName::Default(span) => ("default".to_owned(), *span),
            ImportImportName::NamespaceObject => (ALL.to_owned(), entry.module_request.span),
        };
        Taken { specifier: entry.module_request.name.to_string(), name, at: span.start as usize }
    });
    let passed_on =
        record.indirect_export_entries.iter().filter(|entry| !entry.is_type).filter_map(|entry| {
            let request = entry.module_request.as_ref()?;
            let (name, span) = match &entry.import_name {
                ExportImportName::Name(name) => (name.name.to_string(), name.span),
                ExportImportName::All => (ALL.to_owned(), request.span),
                _ => return None,
            };
            Some(Taken { specifier: request.name.to_string(), name, at: span.start as usize })
        });
    imported.chain(passed_on).collect()
}

#[cfg(test)]
mod tests;
