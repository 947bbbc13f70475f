//! Test guests: component text (WAT) from `tests/guests`, made into components when a test asks for one.
//!
//! A guest is a core module `tests/guests/NAME.wat`. A line `(;use PART …;)` takes in `tests/guests/parts/PART.wat`; imports may
//! stand anywhere, they are moved to the front as WebAssembly wants them. `;; world: NAME` picks another world than `http`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The guest of that name as a component.
///
/// # Panics
/// When the guest does not exist or is not valid: a fault of the test.
pub fn component(name: &str) -> Vec<u8> {
    componentise(name, &core_module(name))
}

/// The guest as a component, with one text of its source replaced by another of the same length: a new version of it.
pub fn variant(name: &str, from: &str, to: &str) -> Vec<u8> {
    let text = source(name);
    assert_eq!(from.len(), to.len(), "the guest's offsets must stay true");
    assert!(text.contains(from), "{name} does not contain {from:?}");
    componentise(name, &embed(name, &text.replace(from, to)))
}

/// The guest as a core module with component metadata, as toolchains without a component step make it.
pub fn core_module(name: &str) -> Vec<u8> {
    embed(name, &source(name))
}

/// The command `tests/guests/commands/NAME.wat`: a WASI preview 1 module, as compilers make it.
pub fn command(name: &str) -> Vec<u8> {
    wat::parse_str(source(&format!("commands/{name}")))
        .unwrap_or_else(|error| panic!("command {name}: {error}"))
}

/// The names of all commands, sorted.
pub fn commands() -> Vec<String> {
    names_in(&folder().join("commands"))
}

/// The names of all guests, sorted.
pub fn names() -> Vec<String> {
    names_in(&folder())
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".wat").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The whole module text of a guest: its parts taken in, its imports in front.
pub fn source(name: &str) -> String {
    let mut imports = BTreeSet::new();
    let mut body = String::new();
    let mut gather = |text: &str| {
        for line in text.lines().filter(|line| line.trim() != "(module") {
            if line.trim_start().starts_with("(import ") {
                imports.insert(line.trim().to_owned());
            } else {
                body.push_str(line);
                body.push('\n');
            }
        }
    };
    let guest = read(&format!("{name}.wat"));
    for line in guest.lines() {
        match line.trim().strip_prefix("(;use ").and_then(|rest| rest.strip_suffix(";)")) {
            Some(parts) => parts.split(' ').for_each(|part| gather(&read(&format!("parts/{part}.wat")))),
            None => gather(line),
        }
    }
    let imports = imports.into_iter().collect::<Vec<_>>().join("\n");
    format!("(module\n{imports}\n{body}")
}

fn embed(name: &str, text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("guest {name}: {error}"));
    let mut resolve = Resolve::default();
    // The contract itself and no copy of it: guests are made for exactly what the host serves.
    for file in ["triggers.wit", "queue.wit", "functions.wit"] {
        let path = repository().join("wit").join(file);
        resolve.push_file(&path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    }
    let (package, _) = resolve.push_dir(folder().join("wit")).unwrap_or_else(|error| panic!("{error:?}"));
    let world = text.lines().find_map(|line| line.trim().strip_prefix(";; world: ")).unwrap_or("http");
    let world = resolve.select_world(&[package], Some(world)).unwrap_or_else(|error| panic!("{error:?}"));
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap_or_else(|error| panic!("guest {name}: {error:?}"));
    module
}

fn componentise(name: &str, module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("guest {name}: {error:?}"))
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    repository().join("tests/guests")
}

/// The root package, seen from itself or from a package beside it.
fn repository() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if package.join("tests/guests").is_dir() { package } else { package.join("..") }
}
