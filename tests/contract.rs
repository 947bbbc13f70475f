//! The contract with guests, compared with what it was: `tests/contract.golden.wit` is `wit/` without its comments.
//!
//! A published interface never changes (`wit/README.md`). Whoever changes the contract on purpose looks at the difference
//! and writes the file anew: `OSTRO_BLESS=1 cargo test --test tests -- contract::`.

use std::path::{Path, PathBuf};

use wit_component::{OutputToString, WitPrinter};
use wit_parser::{PackageId, Resolve};

const GOLDEN: &str = "tests/contract.golden.wit";

/// All packages below `wit/`, by their path.
pub(crate) fn packages(resolve: &mut Resolve) -> Vec<PackageId> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let in_folder = |folder: &Path| -> Vec<PathBuf> {
        let mut found: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let mut packages = Vec::new();
    for entry in in_folder(&root.join("deps")).into_iter().chain(in_folder(&root)) {
        if entry.is_dir() && !entry.ends_with("deps") {
            packages.push(resolve.push_dir(&entry).unwrap_or_else(|error| panic!("{error:?}")).0);
        } else if entry.extension().is_some_and(|extension| extension == "wit") {
            packages.push(resolve.push_file(&entry).unwrap_or_else(|error| panic!("{error:?}")));
        }
    }
    packages
}

/// The contract in one text, without comments.
fn contract() -> String {
    let mut resolve = Resolve::default();
    let mut text = String::new();
    for package in packages(&mut resolve) {
        let mut printer = WitPrinter::new(OutputToString::default());
        printer.emit_docs(false).print(&resolve, package, &[]).unwrap();
        text.push_str(printer.output.to_string().trim_end());
        text.push_str("\n\n");
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_contract_changes_only_on_purpose() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let now = contract();
    if std::env::var_os("OSTRO_BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    let different = now.lines().zip(then.lines()).position(|(now, then)| now != then);
    let at = different.unwrap_or(now.lines().count().min(then.lines().count()));
    assert!(
        now == then,
        "the contract with guests is another one from line {} of {GOLDEN} on:\n  was {:?}\n  is  {:?}\n\
         If that is meant, write it anew: OSTRO_BLESS=1 cargo test --test tests -- contract::",
        at + 1,
        then.lines().nth(at).unwrap_or_default(),
        now.lines().nth(at).unwrap_or_default(),
    );
}

/// Every import that the contract names is linked by the host, and every one has its line in the table of `wit/README.md`.
#[test]
fn every_interface_is_in_the_table() {
    let mut resolve = Resolve::default();
    packages(&mut resolve);
    let table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit/README.md")).unwrap();
    for (_, interface) in &resolve.interfaces {
        let (Some(name), Some(package)) = (&interface.name, interface.package) else { continue };
        let package = &resolve.packages[package].name;
        // What only carries types for others is named by them.
        if interface.functions.is_empty() {
            continue;
        }
        let whole = format!("{}:{}", package.namespace, package.name);
        assert!(
            table.contains(&whole) && table.contains(name.as_str()),
            "{whole}/{name} is not in wit/README.md"
        );
    }
}
