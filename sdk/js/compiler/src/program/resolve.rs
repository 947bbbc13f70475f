//! What an `import` means: a file, a module of the platform, or nothing that is here.

use std::path::{Path, PathBuf};

use oxc_resolver::{ModuleType, ResolveError, ResolveOptions, Resolver, TsconfigDiscovery};

/// What an import leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file, and whether its package says that it is an ES module.
    File {
        /// The path, without links.
        path: PathBuf,
        /// Whether `package.json` says `"type": "module"`.
        is_module: bool,
    },
    /// `import … from "ostro"`.
    Platform,
    /// An interface of the world, which the interpreter knows itself.
    Interface,
    /// Nothing: why, and what to do.
    Missing {
        /// Why.
        message: String,
        /// What to do, if that is known.
        hint: Option<String>,
    },
}

/// Finds modules as bundlers for workers do.
pub(crate) struct Finder {
    with_tsconfig: Resolver,
    plain: Resolver,
    with_node: Resolver,
}

impl Finder {
    /// A finder without anything found.
    pub(crate) fn new() -> Self {
        let plain = Resolver::new(options());
        let with_tsconfig =
            plain.clone_with_options(ResolveOptions { tsconfig: Some(TsconfigDiscovery::Auto), ..options() });
        let with_node = plain.clone_with_options(ResolveOptions { builtin_modules: true, ..options() });
        Self { with_tsconfig, plain, with_node }
    }

    /// What `specifier` means in the file `from`.
    pub(crate) fn find(&self, from: &Path, specifier: &str) -> Target {
        if specifier == "ostro" {
            return Target::Platform;
        }
        if specifier.starts_with("wasi:") || specifier.starts_with("ostro:") {
            return Target::Interface;
        }
        if let Some((scheme @ ("http" | "https"), _)) = specifier.split_once("://") {
            return Target::Missing {
                message: format!("`{specifier}` is not fetched"),
                hint: Some(format!(
                    "{scheme} imports are not supported: put the file into the project, or install the package with npm"
                )),
            };
        }
        let found = match self.with_tsconfig.resolve_file(from, specifier) {
            // A tsconfig that extends a package which is not installed says nothing about where modules are.
            Err(error) if is_about_tsconfig(&error) => self.plain.resolve_file(from, specifier),
            found => found,
        };
        match found {
            Ok(found) => {
                let is_module = found.module_type() == Some(ModuleType::Module);
                Target::File { path: found.into_path_buf(), is_module }
            }
            Err(error) => self.missing(from, specifier, &error),
        }
    }

    fn missing(&self, from: &Path, specifier: &str, error: &ResolveError) -> Target {
        if let Err(ResolveError::Builtin { resolved, .. }) = self.with_node.resolve_file(from, specifier) {
            return Target::Missing {
                message: format!("`{specifier}` is a part of Node.js that is not there in a function"),
                hint: Some(instead_of(&resolved).to_owned()),
            };
        }
        let is_relative = specifier.starts_with(['.', '/']);
        let (message, hint) = match error {
            ResolveError::NotFound(_) if is_relative => (format!("there is no file `{specifier}`"), None),
            ResolveError::NotFound(_) => (
                format!("the package of `{specifier}` is not installed"),
                Some(format!("run `npm install {}`", package(specifier))),
            ),
            ResolveError::PackagePathNotExported { .. } => {
                (format!("`{specifier}` is not among what its package exports"), None)
            }
            ResolveError::Ignored(_) => {
                (format!("the package says that `{specifier}` is not for browsers and workers"), None)
            }
            other => (format!("`{specifier}` could not be found: {other}"), None),
        };
        Target::Missing { message, hint }
    }
}

/// The name of the package in a bare specifier.
fn package(specifier: &str) -> String {
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    specifier.split('/').take(parts).collect::<Vec<_>>().join("/")
}

fn is_about_tsconfig(error: &ResolveError) -> bool {
    matches!(
        error,
        ResolveError::TsconfigNotFound(_)
            | ResolveError::TsconfigSelfReference(_)
            | ResolveError::TsconfigCircularExtend(_)
            | ResolveError::TsconfigLoadFailed { .. }
    )
}

/// What to use where Node's own module is not there.
fn instead_of(module: &str) -> &'static str {
    match module.trim_start_matches("node:") {
        "crypto" => "use the global `crypto` (getRandomValues, randomUUID, subtle)",
        "buffer" => "use Uint8Array, TextEncoder, TextDecoder, atob and btoa",
        "http" | "https" | "http2" => {
            "answer requests with `export default { fetch(request) {} }` and send them with `fetch`"
        }
        "fs" | "fs/promises" | "path" => {
            "import what is needed while building, or keep data in secrets, variables or another service"
        }
        "stream" | "stream/web" => "use the globals ReadableStream, WritableStream and TransformStream",
        "url" | "querystring" => "use the globals URL and URLSearchParams",
        "process" => "use `env`, the second argument of a handler",
        "timers" | "timers/promises" => "use the globals setTimeout and setInterval",
        _ => {
            "functions run in an interpreter of their own with the web's APIs; choose a package that works in browsers or workers"
        }
    }
}

fn options() -> ResolveOptions {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    ResolveOptions {
        condition_names: names(&["ostro", "worker", "import", "module", "default"]),
        extensions: names(&[".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".cjs", ".json"]),
        extension_alias: vec![
            (".js".to_owned(), names(&[".js", ".ts", ".tsx", ".jsx"])),
            (".mjs".to_owned(), names(&[".mjs", ".mts"])),
            (".jsx".to_owned(), names(&[".jsx", ".tsx"])),
        ],
        main_fields: names(&["module", "main"]),
        module_type: true,
        node_path: false,
        ..ResolveOptions::default()
    }
}

#[cfg(test)]
mod tests;
