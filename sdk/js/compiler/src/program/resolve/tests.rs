//! Where imports lead.

use std::fs;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, text) in files {
        let file = root.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    (folder, root)
}

#[test]
fn files_and_packages_are_found() {
    let (_folder, root) = folder(&[
        ("src/app.ts", ""),
        ("src/lib.ts", ""),
        ("src/deep/index.js", ""),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }"#),
        (
            "node_modules/kit/package.json",
            r#"{ "exports": { ".": { "import": "./a.mjs", "require": "./a.cjs" } } }"#,
        ),
        ("node_modules/kit/a.mjs", ""),
        ("node_modules/esm/package.json", r#"{ "type": "module", "main": "./m.js" }"#),
        ("node_modules/esm/m.js", ""),
    ]);
    let finder = Finder::new();
    let from = root.join("src/app.ts");
    for (specifier, file) in [
        ("./lib", "src/lib.ts"),
        ("./lib.js", "src/lib.ts"),
        ("./deep", "src/deep/index.js"),
        ("@/lib", "src/lib.ts"),
        ("kit", "node_modules/kit/a.mjs"),
    ] {
        let Target::File { path, .. } = finder.find(&from, specifier) else { panic!("{specifier}") };
        assert_eq!(path, root.join(file), "{specifier}");
    }
    let found = finder.find(&from, "esm");
    assert_eq!(found, Target::File { path: root.join("node_modules/esm/m.js"), is_module: true });
}

#[test]
fn a_configuration_that_cannot_be_read_hides_no_files() {
    let (_folder, root) = folder(&[
        ("app.ts", ""),
        ("lib.ts", ""),
        ("tsconfig.json", r#"{ "extends": "@tsconfig/not-installed/tsconfig.json" }"#),
    ]);
    let found = Finder::new().find(&root.join("app.ts"), "./lib");
    assert_eq!(found, Target::File { path: root.join("lib.ts"), is_module: false });
}

#[test]
fn the_platform_is_known_by_name() {
    let finder = Finder::new();
    assert_eq!(finder.find(Path::new("/app.js"), "ostro"), Target::Platform);
    assert_eq!(finder.find(Path::new("/app.js"), "wasi:http/client"), Target::Interface);
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let (_folder, root) = folder(&[
        ("app.js", ""),
        ("node_modules/kit/package.json", r#"{ "exports": "./a.mjs" }"#),
        ("node_modules/kit/a.mjs", ""),
        ("node_modules/kit/b.mjs", ""),
    ]);
    for (specifier, message, todo) in [
        ("./nope", "there is no file `./nope`", ""),
        ("left-pad", "the package of `left-pad` is not installed", "npm install left-pad"),
        ("@a/b/c", "the package of `@a/b/c` is not installed", "npm install @a/b`"),
        ("node:fs", "`node:fs` is a part of Node.js", "import what is needed"),
        ("crypto", "`crypto` is a part of Node.js", "the global `crypto`"),
        ("kit/b.mjs", "not among what its package exports", ""),
        ("https://esm.sh/x", "is not fetched", "install the package"),
    ] {
        let Target::Missing { message: said, hint } = Finder::new().find(&root.join("app.js"), specifier)
        else {
            panic!("{specifier} was found")
        };
        assert!(said.contains(message), "{specifier}: {said}");
        assert!(hint.unwrap_or_default().contains(todo), "{specifier}: {todo}");
    }
}

#[test]
fn a_package_wins_over_a_part_of_node() {
    let (_folder, root) = folder(&[("app.js", ""), ("node_modules/events/index.js", "")]);
    let found = Finder::new().find(&root.join("app.js"), "events");
    assert_eq!(found, Target::File { path: root.join("node_modules/events/index.js"), is_module: false });
}
