//! CommonJS files as modules: `require` of names that are written out becomes an import, `module.exports` the default
//! export, and the names that a file plainly exports are exported by name.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::unit::{Import, Reading, Unit};
use crate::fault::{Fault, Faults};

/// Whether a file is CommonJS: by its extension, or since it has no `import` and no `export` but uses `require`,
/// `module` or `exports`.
pub(super) fn is_commonjs(unit: &Unit, extension: &str, package_is_module: bool) -> bool {
    let uses = || ["module.exports", "exports.", "require("].iter().any(|word| unit.code.contains(word));
    extension == "cjs" || (!unit.is_module && !package_is_module && extension == "js" && uses())
}

/// The same file as a module. Its lines stay where they are.
pub(super) fn convert(mut unit: Unit, reading: Reading<'_>) -> Result<Unit, Faults> {
    let mut required = required(&unit.code);
    let names = exported(&unit.code);
    let mut head = String::new();
    let mut table = String::new();
    for (number, import) in required.iter().enumerate() {
        let specifier = serde_json::Value::from(import.specifier.as_str());
        // Writing to a string does not fail.
        let _ = write!(head, "import * as $import{number} from {specifier};");
        let _ = write!(table, "{specifier}: $import{number},");
    }
    if unit.code.contains("import(") && required.is_empty() && reading.is_own && unit.is_module {
        let what = "a file cannot be CommonJS and a module at once";
        return Err(vec![Fault::new(what).in_file(reading.name)]);
    }
    let _ = write!(
        head,
        "const module = {{ exports: {{}} }}; const $table = {{ __proto__: null, {table} }}; \
         const require = (name) => {{ const found = $table[name]; \
         if (found === undefined) throw new Error(`require(${{JSON.stringify(name)}}): the name must be written out, so that the build can see it`); \
         return found['module.exports'] ?? found.default ?? found; }}; \
         const process = globalThis.process ?? {{ env: {{ NODE_ENV: 'production' }} }}; \
         (function (module, exports, require, process, global) {{"
    );
    let mut tail =
        String::from("\n}).call(module.exports, module, module.exports, require, process, globalThis);");
    tail.push_str(
        "const $exports = module.exports; export default $exports; export { $exports as 'module.exports' };",
    );
    for (number, name) in names.iter().enumerate() {
        let _ = write!(tail, "const $name{number} = $exports.{name}; export {{ $name{number} as {name} }};");
    }
    let passed_on = passed_on(&unit.code);
    if let Some(specifier) = &passed_on {
        let _ = write!(tail, "export * from {};", serde_json::Value::from(specifier.as_str()));
    }
    for import in &mut required {
        import.at += head.len();
    }
    unit.code = format!("{head}{}{tail}", unit.code);
    unit.is_module = true;
    unit.imports = required;
    unit.exports = names.into_iter().collect();
    unit.exports.push("default".to_owned());
    unit.exports.push("module.exports".to_owned());
    // What such a file exports is known when it runs only.
    unit.stars = vec![UNKNOWN.to_owned()];
    Ok(unit)
}

/// A specifier that no file has: what comes from there cannot be known.
const UNKNOWN: &str = "\0";

/// The names in `require("…")`, each once.
fn required(code: &str) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    for (at, call) in code.match_indices("require(") {
        let is_word = code.get(..at).and_then(|before| before.chars().next_back()).is_some_and(is_name_char);
        let Some(inside) = code.get(at + call.len()..).map(str::trim_start).filter(|_| !is_word) else {
            continue;
        };
        let Some(quote) = inside.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
        let Some((specifier, rest)) = inside.get(1..).and_then(|text| text.split_once(quote)) else {
            continue;
        };
        let is_call = rest.trim_start().starts_with(')') && !specifier.contains(['\n', '\\']);
        if is_call && !found.iter().any(|import| import.specifier == specifier) {
            found.push(Import { specifier: specifier.to_owned(), at, is_dynamic: false });
        }
    }
    found
}

/// The module in `module.exports = require("…")`: the first, where the build for production comes before that for
/// development, as is the custom.
fn passed_on(code: &str) -> Option<String> {
    let (at, word) = code.match_indices("module.exports").find(|(at, word)| {
        let rest = code.get(at + word.len()..).unwrap_or_default().trim_start();
        rest.strip_prefix('=').is_some_and(|value| value.trim_start().starts_with("require("))
    })?;
    Some(required(code.get(at + word.len()..)?).first()?.specifier.clone())
}

/// Names in `exports.NAME =` and `Object.defineProperty(exports, "NAME"`.
fn exported(code: &str) -> BTreeSet<String> {
    let assigned = code.match_indices("exports.").filter_map(|(at, word)| {
        let rest = code.get(at + word.len()..)?;
        let end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        let value = rest.trim_start().strip_prefix('=')?;
        (!value.starts_with('=')).then_some(name)
    });
    let defined = code.match_indices("Object.defineProperty(exports,").filter_map(|(at, word)| {
        let inside = code.get(at + word.len()..)?.trim_start();
        let quote = inside.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        Some(inside.get(1..)?.split_once(quote)?.0)
    });
    assigned.chain(defined).filter(|name| is_name(name)).map(str::to_owned).collect()
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

/// Whether it can be written after a dot and exported: reserved words can, `default` is exported anyway.
fn is_name(name: &str) -> bool {
    name != "default"
        && name.chars().all(is_name_char)
        && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
