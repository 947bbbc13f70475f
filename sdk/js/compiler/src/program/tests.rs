//! Programs of several files.

use super::*;

fn read(files: &[(&str, &str)]) -> Result<Program, Faults> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let project = Project::open(&folder.path().join(files[0].0), Some(folder.path())).unwrap();
    Program::read(&project, "export const install = 1, env = 2;", &Uses::default())
}

fn messages(files: &[(&str, &str)]) -> Vec<String> {
    let text = |fault: &Fault| fault.to_text().lines().next().unwrap().to_owned();
    read(files).unwrap_err().iter().map(text).collect()
}

#[test]
fn all_that_is_imported_is_read() {
    let program = read(&[
        ("src/app.ts", "import { a } from './lib';\nimport data from './data.json';\nimport { env } from 'ostro';\nexport default [a, data, env];\n"),
        ("src/lib.ts", "export * from './deep/a.js';\n"),
        ("src/deep/a.js", "export const a = 1;\n"),
        ("src/data.json", "{ \"__proto__\": 1 }"),
    ])
    .unwrap();
    assert_eq!(program.entry, "src/app.ts");
    assert_eq!(program.resolve("src/app.ts", "./lib").as_deref(), Ok("src/lib.ts"));
    assert_eq!(program.resolve("src/lib.ts", "./deep/a.js").as_deref(), Ok("src/deep/a.js"));
    assert_eq!(program.resolve("src/app.ts", "ostro").as_deref(), Ok(PLATFORM));
    assert_eq!(program.code(PLATFORM), Some("export { env } from \"ostro:prelude\";"));
    assert_eq!(
        program.code("src/data.json"),
        Some("export default JSON.parse(\"{ \\\"__proto__\\\": 1 }\");")
    );
    assert!(program.resolve("src/app.ts", "./other").unwrap_err().contains("written out"));
    assert_eq!(program.files().len(), 4);
    assert!(program.files()[0].ends_with("src/app.ts"));
    assert_eq!(program.maps().keys().copied().collect::<Vec<_>>(), ["src/app.ts", "src/lib.ts"]);
}

#[test]
fn names_must_be_exported() {
    let lib = ("lib.js", "export default 1;\nexport const a = 1;\nexport * from './more.js';\n");
    let more = ("more.js", "export { a as b } from './lib.js';\nexport * from './lib.js';\n");
    assert!(read(&[("app.js", "import one, { a, b } from './lib.js';\n"), lib, more]).is_ok());
    assert_eq!(
        messages(&[("app.js", "import { c } from './lib.js';\n"), lib, more]),
        ["app.js:1:10: `./lib.js` exports no `c`"]
    );
    assert_eq!(
        messages(&[("app.js", "import { nothing } from 'ostro';\n")]),
        ["app.js:1:10: `ostro` exports no `nothing`"]
    );
    assert_eq!(
        messages(&[("app.js", "import { install } from 'ostro';\n")]),
        ["app.js:1:10: `ostro` exports no `install`"]
    );
}

#[test]
fn what_is_wrong_with_a_file_that_may_never_be_imported_is_said_when_it_is() {
    let program = read(&[
        ("app.js", "export default () => import('./lazy.js');\n"),
        ("lazy.js", "import './worse.js';\n"),
        ("worse.js", "import 'not-there';\n"),
    ])
    .unwrap();
    assert_eq!(program.on_demand, ["lazy.js"]);
    let code = program.code("worse.js").unwrap();
    assert!(code.starts_with("throw new Error(\"worse.js:1:8: the package of `not-there`"), "{code}");
}

#[test]
fn a_file_that_is_needed_anyway_is_not_optional() {
    let said = messages(&[
        ("app.js", "import('./lazy.js');\nimport './lazy.js';\n"),
        ("lazy.js", "import 'not-there';\n"),
    ]);
    assert_eq!(said, ["lazy.js:1:8: the package of `not-there` is not installed"]);
}

#[test]
fn files_that_are_no_modules_are_named() {
    assert_eq!(
        messages(&[("app.js", "import './a.css';\n"), ("a.css", "")]),
        ["a.css: a .css file is not a module"]
    );
    assert_eq!(
        messages(&[("app.js", "import './a.json';\n"), ("a.json", "{\n  a }")]),
        ["a.json:2:3: not JSON: key must be a string"]
    );
}
