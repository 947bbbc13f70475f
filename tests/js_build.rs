//! JavaScript and TypeScript to components: what is right builds, what is wrong is told with its place, and nothing is
//! left behind.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::dev::{Project, has_javascript};

/// A build that ended.
struct Ended {
    took: Duration,
    error: String,
    code: Option<i32>,
    component: PathBuf,
}

/// Builds the first file of a project of these files.
fn build(files: &[(&str, &str)]) -> Ended {
    let project = project(files);
    let ended = build_in(&project, files[0].0);
    if ended.code != Some(0) {
        assert!(!ended.component.exists(), "a failed build left a component");
        assert_eq!(left_behind(&project), Vec::<String>::new());
    }
    ended
}

fn project(files: &[(&str, &str)]) -> Project {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    Project::new(&files)
}

fn build_in(project: &Project, entry: &str) -> Ended {
    assert!(has_javascript(), "run `cargo xtask js` first");
    let component = project.path().join("out.wasm");
    let begin = Instant::now();
    let run = project
        .ostro()
        .env("TMPDIR", scratch(project))
        .args(["build", "-o"])
        .arg(&component)
        .arg(project.path().join(entry))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    Ended { took: begin.elapsed(), error, code: run.status.code(), component }
}

/// A folder for temporary files, to see what is left in it.
fn scratch(project: &Project) -> PathBuf {
    let folder = project.path().with_file_name("scratch");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn left_behind(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(scratch(project)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// The build of these files fails, and says all of these.
fn check(files: &[(&str, &str)], parts: &[&str]) -> Ended {
    let ended = build(files);
    assert_eq!(ended.code, Some(1), "{}", ended.error);
    for part in parts {
        assert!(ended.error.contains(part), "{part:?} is not in:\n{}", ended.error);
    }
    ended
}

const HANDLER: &str = "export default { fetch() { return new Response('hi'); } };\n";

#[test]
fn a_first_build_and_a_changed_file_are_quick() {
    let project = project(&[("app.js", HANDLER)]);
    let first = build_in(&project, "app.js");
    assert_eq!(first.code, Some(0), "{}", first.error);
    let component = std::fs::read(&first.component).unwrap();
    project.edit("app.js", "'hi'", "'hello'");
    let second = build_in(&project, "app.js");
    assert_ne!(std::fs::read(&second.component).unwrap(), component);
    eprintln!("first build {:?}, changed file {:?}, {} bytes", first.took, second.took, component.len());
    // Beside all other tests; alone it is a fifth of a second.
    assert!(second.took < Duration::from_secs(10), "{:?}", second.took);
    assert!(component.len() <= 2_000_000, "{} bytes", component.len());
}

#[test]
fn the_same_sources_make_the_same_component() {
    let files = [(
        "app.ts",
        "let seen: number = Math.random() + Date.now();\nexport default { fetch: () => seen };\n",
    )];
    let project = project(&files);
    let built = || std::fs::read(build_in(&project, "app.ts").component).unwrap();
    assert!(built() == built(), "two builds of the same file differ");
}

#[test]
fn syntax_errors_are_pointed_at() {
    check(&[("app.js", "export default {\n  fetch( { } }\n")], &["app.js:2:", "  fetch( { } }", "^"]);
    check(&[("app.ts", "interface A {\nexport default 1;\n")], &["app.ts:"]);
    check(&[("app.js", "import './lib.js';\n"), ("lib.js", "let x = 1;\nlet x = 2;\n")], &["lib.js:", "`x`"]);
    check(
        &[("app.js", "import data from './data.json';\n"), ("data.json", "{\n  \"a\": }\n")],
        &["data.json:2:8", "not JSON"],
    );
}

#[test]
fn imports_that_lead_nowhere_are_pointed_at() {
    let source = "import a from './nope.js';\nimport b from 'left-pad';\nimport fs from 'node:fs';\nimport { Buffer } from 'buffer';\n";
    check(
        &[("app.js", source)],
        &[
            "app.js:1:15: there is no file `./nope.js`",
            "app.js:2:15: the package of `left-pad` is not installed",
            "npm install",
            "app.js:3:16: `node:fs` is a part of Node.js",
            "app.js:4:24: `buffer` is a part of Node.js",
        ],
    );
    let lib = ("lib.js", "export const yes = 1;\n");
    check(
        &[("app.js", "import { yes, no } from './lib.js';\n"), lib],
        &["app.js:1:15: `./lib.js` exports no `no`"],
    );
    check(&[("app.js", "import './style.css';\n"), ("style.css", "")], &["style.css", "is not a module"]);
    check(&[("app.js", "import x from 'https://example.com/x.js';\n")], &["app.js:1:15", "is not fetched"]);
}

#[test]
fn what_is_thrown_while_building_is_told_with_its_calls() {
    let source = "type A = { b?: { c: number } };\n\nfunction deep(a: A): number {\n  return a.b!.c;\n}\n\nexport const x = deep({});\nexport default { fetch() {} };\n";
    check(
        &[("src/app.ts", source)],
        &["app.ts:4:", "cannot read property 'c' of undefined", "return a.b!.c;", "at deep (", "app.ts:7:"],
    );
    check(
        &[("app.js", "console.warn('careful');\nthrow 'a word';\n")],
        &["\"a word\" was thrown", "careful"],
    );
    check(&[("app.js", "await new Promise(() => {});\n")], &["top-level `await` does not end"]);
    check(
        &[("app.js", "const x = await fetch('http://example.com');\n")],
        &["app.js:1:", "use it in a handler"],
    );
    check(&[("app.js", "export const x = 1;\n")], &["app.js: ", "exports no handler"]);
}

#[test]
fn a_loop_without_end_is_ended_and_pointed_at() {
    let source = "let n = 0;\nfor (let i = 0; i < 10; i++) n += i;\nwhile (n >= 0) {\n  n++;\n}\nexport default { fetch() {} };\n";
    let ended =
        check(&[("app.js", source)], &["app.js:3:1: the module ran for 5 s without coming to its end"]);
    assert!(ended.took > Duration::from_secs(4) && ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

#[test]
fn calls_without_end_and_too_much_memory_are_told() {
    let source = "const f = (n) => {\n  return 1 + f(n);\n};\nf(1);\n";
    check(&[("app.js", source)], &["app.js:1:11: calls are nested too deeply"]);
    let source = "const all = [];\nfor (;;) all.push(new Uint8Array(1 << 20).fill(1));\n";
    check(&[("app.js", source)], &["app.js:2:", "memory"]);
}

#[test]
fn sources_that_are_too_large_are_refused_at_once() {
    let large = format!("{HANDLER}// {}", "x".repeat(50_000_000));
    let ended = check(&[("app.js", &large)], &["app.js: the file has 47.7 MiB", "16 MiB in all"]);
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    let ten = format!("export const x = `{}`;\n", "x".repeat(10 << 20));
    let app = "import { x } from './a.js';\nimport { x as y } from './b.js';\nexport default { fetch: () => x + y };\n";
    check(&[("app.js", app), ("a.js", &ten), ("b.js", &ten)], &["with this file the sources have 20.0 MiB"]);
}

#[test]
fn what_is_missing_is_said_in_json_too() {
    let project = project(&[("app.js", "import './nope.js';\n")]);
    let run = project.ostro().args(["build", "--json"]).arg(project.path().join("app.js")).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    // What is done is said first, in words.
    let words = String::from_utf8(run.stderr).unwrap();
    let said: Value = serde_json::from_str(words.lines().last().unwrap()).unwrap();
    let message = said["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("app.js:1:8: there is no file `./nope.js`"), "{message}");
}

#[test]
fn packages_are_found_as_bundlers_for_workers_find_them() {
    let files = [
        (
            "app.jsx",
            "import { Hono } from 'kit';\nimport old, { one } from 'old';\nimport data from './data.json' with { type: 'json' };\nif (new Hono().kind !== 'worker' || one !== 1 || old.two !== 2 || data.three !== 3) throw new Error('wrong');\nconst page = <p class='x'>hi</p>;\nif (page.type !== 'p') throw new Error('no jsx');\nexport default { fetch() {} };\n",
        ),
        ("data.json", "{ \"three\": 3 }"),
        ("package.json", r#"{ "type": "module", "dependencies": { "preact": "*" } }"#),
        (
            "node_modules/kit/package.json",
            r#"{ "name": "kit", "exports": { ".": { "worker": "./worker.js", "node": "./node.js", "default": "./web.js" } } }"#,
        ),
        ("node_modules/kit/worker.js", "export class Hono { kind = 'worker' }\n"),
        ("node_modules/kit/web.js", "export class Hono { kind = 'web' }\n"),
        ("node_modules/old/package.json", r#"{ "name": "old", "main": "index.js" }"#),
        (
            "node_modules/old/index.js",
            "'use strict';\nconst part = require('./part');\nexports.one = part.one;\nexports.two = 2;\n",
        ),
        ("node_modules/old/part.js", "module.exports = { one: 1 };\n"),
        (
            "node_modules/preact/package.json",
            r#"{ "name": "preact", "exports": { "./jsx-runtime": "./jsx.mjs" } }"#,
        ),
        (
            "node_modules/preact/jsx.mjs",
            "export const jsx = (type, props) => ({ type, props });\nexport const jsxs = jsx;\n",
        ),
    ];
    let ended = build(&files);
    assert_eq!(ended.code, Some(0), "{}", ended.error);
}

#[test]
fn a_folder_without_a_manifest_is_built_by_its_app() {
    let project = project(&[("index.js", "throw 1;\n"), ("app.ts", HANDLER)]);
    assert!(has_javascript(), "run `cargo xtask js` first");
    let run = project.ostro().args(["build", "project", "--json"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let said: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (&said["built"][0]["function"], &said["built"][0]["file"]),
        (&"project".into(), &"project.wasm".into())
    );
    assert!(project.path().with_file_name("project.wasm").is_file());
}

#[test]
fn a_missing_compiler_is_named() {
    let project = project(&[("app.js", HANDLER)]);
    // A copy without anything beside it.
    let ostro = project.path().join("ostro");
    std::fs::copy(env!("CARGO_BIN_EXE_ostro"), &ostro).unwrap();
    let run = project
        .command(ostro.to_str().unwrap())
        .env_remove("OSTRO_JS")
        .env("PATH", "/usr/bin")
        .args(["build", "project/app.js"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(
        error.contains("needs ostro-js, which is not here") && error.contains("beside `ostro`"),
        "{error}"
    );
}
