//! The templates, as they are in `cli/templates`, and what is put into them.

use crate::args::Lang;

/// Stands for the project's name in a template.
const NAME: &str = "__NAME__";
/// Stands for the name of the crate's library.
const CRATE: &str = "__CRATE__";

/// A file of a new project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Relative to the project's folder.
    pub(super) name: &'static str,
    /// What is in it.
    pub(super) text: String,
}

/// A template's file: its name in the project, and the text with its marks. `gitignore` has no dot in this
/// repository, where it would mean something.
macro_rules! template {
    ($($name:literal: $path:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $path)))),*]
    };
}

const RUST: &[(&str, &str)] = template! {
    "ostro.toml": "rust/ostro.toml",
    "Cargo.toml": "rust/Cargo.toml",
    "src/lib.rs": "rust/src/lib.rs",
    ".gitignore": "rust/gitignore",
    "README.md": "rust/README.md",
};

const JS: &[(&str, &str)] = template! {
    "ostro.toml": "js/ostro.toml",
    "app.js": "js/app.js",
    ".gitignore": "js/gitignore",
    "README.md": "js/README.md",
};

const TS: &[(&str, &str)] = template! {
    "ostro.toml": "ts/ostro.toml",
    "app.ts": "ts/app.ts",
    "ostro.d.ts": "../../sdk/js/types/ostro.d.ts",
    "tsconfig.json": "ts/tsconfig.json",
    ".gitignore": "ts/gitignore",
    "README.md": "ts/README.md",
};

/// The files of a project of that name.
pub(super) fn files(lang: Lang, name: &str) -> Vec<File> {
    let template = match lang {
        Lang::Rust => RUST,
        Lang::Js => JS,
        Lang::Ts => TS,
    };
    let library = name.replace('-', "_");
    let fill = |text: &str| text.replace(NAME, name).replace(CRATE, &library);
    template.iter().map(|&(file, text)| File { name: file, text: fill(text) }).collect()
}

#[cfg(test)]
mod tests {
    use runtime::registry::{manifest::parse, settings::Ceilings};

    use super::*;

    fn text<'a>(files: &'a [File], name: &str) -> &'a str {
        &files.iter().find(|file| file.name == name).unwrap().text
    }

    #[test]
    fn every_template_is_a_project() {
        for (lang, source) in [
            (Lang::Rust, "target/wasm32-wasip2/release/my_shop.wasm"),
            (Lang::Js, "app.js"),
            (Lang::Ts, "app.ts"),
        ] {
            let files = files(lang, "my-shop");
            let manifest = parse(text(&files, "ostro.toml"), &Ceilings::default()).unwrap();
            let function = &manifest.functions["my-shop"];
            assert_eq!(function.source.as_deref(), Some(source));
            let marked = |file: &File| file.text.contains(NAME) || file.text.contains(CRATE);
            assert!(!files.iter().any(marked), "{lang:?}: a mark is left");
            assert!(lang == Lang::Rust || files.iter().any(|file| file.name == source));
            assert!(text(&files, ".gitignore").contains("/.ostro/"));
            let lines = text(&files, "README.md").lines().count();
            assert!(lines <= 10, "{lang:?}: ten lines are enough for a README, not {lines}");
        }
    }

    #[test]
    fn the_rust_template_is_a_package() {
        let files = files(Lang::Rust, "my-shop");
        let package: toml::Table = text(&files, "Cargo.toml").parse().unwrap();
        assert_eq!(package["package"]["name"].as_str(), Some("my-shop"));
        assert!(text(&files, "src/lib.rs").starts_with("//! "));
    }
}
