//! Which programs use what of the platform.

use super::super::Project;
use super::*;

const PRELUDE: &str = r#"export const install = 1, env = 2, own = 3;
//part ["one",[],"1"]
//module {"name":"ostro:db","bindings":["collection"],"exports":["db","DatabaseError"],"code":"export const db = 1, DatabaseError = 2;","interfaces":["ostro:db/documents"]}
//module {"name":"ostro:sql","bindings":["sql"],"exports":["sql"],"code":"export const sql = 1;","interfaces":["ostro:db/sql"]}
"#;

/// The extensions of a program of one file, and its world.
fn check(source: &str, bindings: Option<&[&str]>, extensions: &[&str], world: World) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.ts");
    std::fs::write(&file, source).unwrap();
    std::fs::write(folder.path().join("lib.js"), "export { db } from 'ostro';\n").unwrap();
    let project = Project::open(&file, Some(folder.path())).unwrap();
    let uses = Uses { bindings: bindings.map(|kinds| kinds.iter().map(ToString::to_string).collect()) };
    let program = Program::read(&project, PRELUDE, &uses).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(
        (program.extensions.as_slice(), program.world),
        (extensions_of(extensions).as_slice(), world),
        "{source}"
    );
}

fn extensions_of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("ostro:{name}")).collect()
}

#[test]
fn a_program_has_what_it_imports() {
    check("export const fetch = 1;\n", None, &[], World::App);
    check("import type { db } from 'ostro';\n", None, &[], World::App);
    check("import { db } from 'ostro';\nexport default db;\n", None, &["db"], World::Data);
    check("import './lib.js';\n", None, &["db"], World::Data);
    check("import * as all from 'ostro';\nexport default all;\n", None, &["db", "sql"], World::Data);
    check("export * as all from 'ostro';\n", None, &["db", "sql"], World::Data);
    check("export * from 'ostro';\n", None, &["db", "sql"], World::Data);
    check("export default () => import('ostro');\n", None, &["db", "sql"], World::Data);
    check("import { open } from 'ostro:db/sql@0.1.0';\nexport default open;\n", None, &[], World::Data);
}

#[test]
fn a_program_has_what_it_is_bound_to() {
    let source = "export default { fetch: (request, env) => env.X };\n";
    check(source, None, &["db", "sql"], World::Data);
    check(source, Some(&[]), &[], World::App);
    check(source, Some(&["queue", "kv"]), &[], World::App);
    check(source, Some(&["sql"]), &["sql"], World::Data);
    // A binding counts where no word tells of it.
    check("export default { fetch: (request, { X }) => X };\n", Some(&["collection"]), &["db"], World::Data);
}

#[test]
fn what_an_extension_exports_is_known_where_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.js");
    std::fs::write(&file, "import { db, install, storage } from 'ostro';\n").unwrap();
    let project = Project::open(&file, Some(folder.path())).unwrap();
    let faults = Program::read(&project, PRELUDE, &Uses::default()).unwrap_err();
    let said: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(said, ["`ostro` exports no `install`", "`ostro` exports no `storage`"]);
}
