//! Where a program lives: its folder, its entry, and what its configuration says about reading it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A project.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder that names of modules are relative to, without links.
    pub(crate) root: PathBuf,
    /// The entry file, without links.
    pub(crate) entry: PathBuf,
    /// Whether `package.json` says `"type": "module"`.
    pub(crate) is_module: bool,
    /// The package that JSX is made with, unless a file names another.
    pub(crate) jsx_source: String,
}

impl Project {
    /// The project of an entry file. Its folder is `root`, else the nearest one above with a `package.json`, else the
    /// file's own.
    pub(crate) fn open(entry: &Path, root: Option<&Path>) -> Result<Self> {
        let shown = entry.display();
        let entry = entry.canonicalize().with_context(|| format!("{shown} cannot be read"))?;
        if !entry.is_file() {
            bail!("{shown} is not a file: name the file that exports the handlers");
        }
        let folder = entry.parent().unwrap_or(&entry);
        let nearest = folder.ancestors().find(|folder| folder.join("package.json").is_file());
        let root = match root {
            Some(root) => {
                root.canonicalize().with_context(|| format!("{} cannot be read", root.display()))?
            }
            None => nearest.unwrap_or(folder).to_owned(),
        };
        let package = nearest.and_then(|folder| read_json(&folder.join("package.json"))).unwrap_or_default();
        let is_module = package.get("type").and_then(|kind| kind.as_str()) == Some("module");
        let jsx_source = jsx_source(&root, &package);
        Ok(Self { root, entry, is_module, jsx_source })
    }

    /// The name of a file in messages and stack traces: relative to the project's folder, with `/`.
    pub(crate) fn name(&self, path: &Path) -> String {
        let mut above = String::new();
        for folder in self.root.ancestors() {
            if let Ok(below) = path.strip_prefix(folder) {
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                return format!("{above}{}", parts.join("/"));
            }
            above.push_str("../");
        }
        path.to_string_lossy().into_owned()
    }
}

/// What `jsxImportSource` of tsconfig.json or jsconfig.json says; else the library that the package depends on.
fn jsx_source(root: &Path, package: &serde_json::Value) -> String {
    let configured = ["tsconfig.json", "jsconfig.json"].into_iter().find_map(|name| {
        let text = fs::read_to_string(root.join(name)).ok()?;
        configured_source(&text)
    });
    let depends = |name: &&str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|key| package.get(key).is_some_and(|all| all.get(name).is_some()))
    };
    let depended = || ["react", "preact", "hono"].into_iter().find(depends);
    configured.unwrap_or_else(|| match depended() {
        Some("hono") => "hono/jsx".to_owned(),
        Some(library) => library.to_owned(),
        None => "react".to_owned(),
    })
}

/// The option out of a tsconfig.json. These files have comments and trailing commas, so that a JSON reader refuses
/// them; the one option is a plain string.
fn configured_source(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim_start).find(|line| line.starts_with("\"jsxImportSource\""))?;
    let value = line.split_once(':')?.1.trim_start().strip_prefix('"')?;
    Some(value.split_once('"')?.0.to_owned())
}

fn read_json(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_the_nearest_package() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("shop/src")).unwrap();
        fs::write(root.join("shop/package.json"), r#"{"type": "module", "dependencies": {"preact": "10"}}"#)
            .unwrap();
        fs::write(root.join("shop/src/app.ts"), "").unwrap();
        let project = Project::open(&root.join("shop/src/app.ts"), None).unwrap();
        assert_eq!(project.root, root.join("shop"));
        assert_eq!((project.is_module, project.jsx_source.as_str()), (true, "preact"));
        assert_eq!(project.name(&project.entry), "src/app.ts");
        assert_eq!(project.name(&root.join("lib/x.js")), "../lib/x.js");
    }

    #[test]
    fn a_configuration_with_comments_is_read() {
        let text =
            "{\n  // how\n  \"compilerOptions\": {\n    \"jsxImportSource\": \"hono/jsx\", // why\n  },\n}";
        assert_eq!(configured_source(text).as_deref(), Some("hono/jsx"));
        assert_eq!(configured_source("{}"), None);
    }

    #[test]
    fn an_entry_that_is_not_there_is_named() {
        let error = Project::open(Path::new("/nowhere/app.js"), None).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/app.js cannot be read"), "{error}");
    }
}
