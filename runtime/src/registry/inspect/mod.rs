//! What an upload is, and whether it may be compiled: everything that is decided before the compiler sees it.
//! Pure. [`form`] is cheap and runs in the server; the rest runs in the compiler child.

mod bounds;
mod expansion;
mod kind;

use serde::{Deserialize, Serialize};
use wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};

use self::bounds::Bounds;
use self::expansion::Expansion;
pub use self::expansion::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_PARTS, MAX_TABLES};
pub use self::kind::{Adapter, ModuleFacts, decide_kind, decide_module};
use crate::problem::Problem;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A core module.
    Module,
}

/// What a component asks for and offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    /// Names of its imports.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// It uses asynchronous functions, streams or futures somewhere: it needs an engine with concurrency support.
    pub concurrent: bool,
}

/// Why an upload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is not valid WebAssembly.
    Invalid,
    /// It is over a limit.
    Limit,
    /// It is valid, but nothing that this server runs.
    Unsupported,
    /// The compiler failed on it.
    Failed,
}

/// A refused upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which kind of refusal.
    pub reason: Reason,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The byte where it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Names that matter, such as the exports found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Where modules import WASI preview 1 from.
const PREVIEW_1: &str = "wasi_snapshot_preview1";
/// Longest guest text in a message, characters.
const MAX_QUOTE_CHARS: usize = 200;
/// Most names in a message's details.
const MAX_NAMES: usize = 100;

impl Rejected {
    /// A refusal without a place.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), hint: None, offset: None, names: Vec::new() }
    }

    /// A refusal at a byte of the upload.
    pub fn at(reason: Reason, offset: usize, message: impl Into<String>) -> Self {
        Self { offset: Some(offset as u64), ..Self::new(reason, message) }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn names(mut self, names: &[String]) -> Self {
        self.names = names.iter().take(MAX_NAMES).map(|name| quote(name)).collect();
        self
    }
}

impl From<wasmparser::Error> for Rejected {
    fn from(error: wasmparser::Error) -> Self {
        let offset = error.offset();
        let what = quote(error.message());
        Self::at(Reason::Invalid, offset, format!("the component is not valid at byte {offset}: {what}"))
            .hint("build it again; if it was uploaded whole, its toolchain made it wrong or uses a proposal that is off here")
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        let Rejected { reason, message, hint, offset, names } = rejected;
        let code = match reason {
            Reason::Invalid => "invalid_component",
            Reason::Limit => "component_limit",
            Reason::Unsupported => "unsupported_component",
            Reason::Failed => "compile_failed",
        };
        let mut detail = serde_json::Map::new();
        if let Some(offset) = offset {
            detail.insert("offset".to_owned(), offset.into());
        }
        if !names.is_empty() {
            detail.insert("names".to_owned(), names.into());
        }
        let problem = hint.into_iter().fold(Problem::new(422, code, message), Problem::hint);
        if detail.is_empty() { problem } else { problem.detail(detail.into()) }
    }
}

/// Guest text for a message: escaped, so that it can't disturb a terminal, and bounded.
pub fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(MAX_QUOTE_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_QUOTE_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}

/// Reads the first bytes: everything that is clearly no WebAssembly is refused with a word for what it is.
pub fn form(bytes: &[u8]) -> Result<Form, Rejected> {
    let invalid = |offset, message: &str| Err(Rejected::at(Reason::Invalid, offset, message));
    const BUILD: &str = "upload the .wasm file that the build made";
    match bytes {
        [] => return invalid(0, "the upload is empty").map_err(|r: Rejected| r.hint(BUILD)),
        [0x7F, b'E', b'L', b'F', ..] => {
            return invalid(0, "this is a native program (ELF) or compiled code, not WebAssembly")
                .map_err(|r: Rejected| r.hint("upload the .wasm file; the server compiles it"));
        }
        [0x1F, 0x8B, ..] => {
            return invalid(0, "this is compressed with gzip")
                .map_err(|r: Rejected| r.hint("decompress it first"));
        }
        [b'P', b'K', 3, 4, ..] => {
            return invalid(0, "this is a zip archive")
                .map_err(|r: Rejected| r.hint("upload the .wasm file in it"));
        }
        _ => {}
    }
    let same = bytes.iter().zip(b"\0asm").take_while(|(found, magic)| found == magic).count();
    if same < 4 {
        let head = bytes.get(..bytes.len().min(512)).unwrap_or(bytes);
        let rejected = match std::str::from_utf8(head) {
            _ if bytes.len() == same => Rejected::at(
                Reason::Invalid,
                same,
                format!("the upload ends at byte {same}, before it begins"),
            ),
            Ok(text) if text.trim_start().starts_with(['(', ';']) => {
                return Err(Rejected::at(Reason::Invalid, 0, "this is WebAssembly text")
                    .hint("make it binary: wasm-tools parse FILE.wat -o FILE.wasm"));
            }
            Ok(_) => Rejected::at(Reason::Invalid, 0, "this is text, not WebAssembly"),
            Err(_) => {
                Rejected::at(Reason::Invalid, same, format!("this is not WebAssembly: byte {same} is wrong"))
            }
        };
        return Err(rejected.hint(BUILD));
    }
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Ok(Form::Module),
        Some([0x0D, 0, 1, 0]) => Ok(Form::Component),
        Some([_, _, 1, 0]) => Err(Rejected::at(
            Reason::Invalid,
            4,
            "the version at byte 4 is that of an old draft of components",
        )
        .hint("build it with a newer toolchain")),
        Some(_) => {
            Err(Rejected::at(Reason::Invalid, 4, "the version at byte 4 is not known").hint("build it again"))
        }
        None => Err(Rejected::at(
            Reason::Invalid,
            bytes.len(),
            format!("the upload ends at byte {}, within its header", bytes.len()),
        )
        .hint(BUILD)),
    }
}

/// Checks the limits that keep compilation cheap, then validates the whole (threats A1 to A6, B11).
pub fn check(bytes: &[u8]) -> Result<(), Rejected> {
    let mut bounds = Bounds::default();
    let mut expansion = Expansion::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        bounds.look(&payload)?;
        expansion.look(&payload)?;
    }
    expansion.finish()?;
    Validator::new_with_features(features()).validate_all(bytes)?;
    Ok(())
}

/// What guests may use. Threads share memory between instances and make clocks: off.
fn features() -> WasmFeatures {
    WasmFeatures::default().difference(WasmFeatures::THREADS)
}

/// A valid component's own imports and exports, and what its types need.
pub fn surface(bytes: &[u8]) -> Result<Surface, Rejected> {
    let mut surface = Surface::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    surface.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    surface.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    surface.concurrent = is_concurrent(bytes);
    Ok(surface)
}

/// Whether a valid component is not valid any more without asynchronous functions, streams and futures: just
/// what an engine without concurrency support would say. The bodies of its functions can't tell and are skipped.
fn is_concurrent(bytes: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(features().difference(WasmFeatures::CM_ASYNC));
    let mut payloads = Parser::new(0).parse_all(bytes);
    payloads.any(|payload| payload.and_then(|payload| validator.payload(&payload)).is_err())
}

/// What has to be known of a core module.
pub fn module_facts(bytes: &[u8]) -> Result<ModuleFacts, Rejected> {
    let mut facts = ModuleFacts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                facts.metadata = true
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.module {
                        PREVIEW_1 => facts.preview1.push(import.name.to_owned()),
                        module => facts.foreign.push(format!("{module}.{}", import.name)),
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    facts.start |= export.kind == ExternalKind::Func && export.name == "_start";
                    facts.interfaces |= export.name.contains('#');
                }
            }
            _ => {}
        }
    }
    Ok(facts)
}

#[cfg(test)]
mod tests;
