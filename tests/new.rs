//! `ostro new`: every template builds and answers, and nothing is overwritten.

use std::time::{Duration, Instant};

use crate::support::dev::{Project, has_javascript, has_wasm_target};

/// Develops a new project: it answers, and so does an edit. How soon is printed: other tests run beside this one.
fn develop(lang: &str, path: &str, edited: &str) {
    let project = Project::of_template("my-shop", lang);
    let begin = Instant::now();
    let dev = project.develop();
    let deployed = dev.event_of("deployed", "my-shop");
    eprintln!("{lang}: from the start to the first deploy {:?}, {}", begin.elapsed(), deployed["timing"]);
    assert_eq!(deployed["urls"][0], format!("http://my-shop.localhost:{}/", dev.listen.port()));
    assert_eq!(dev.get("my-shop", path).text(), "Hello, Ada!\n");
    let log = dev.event_of("log", "my-shop");
    assert_eq!(log["message"], "greeting Ada");

    // The environment comes from the manifest: no build.
    project.edit("ostro.toml", "\"Hello\"", "\"Welcome\"");
    dev.until_answer("my-shop", path, "Welcome, Ada!\n");
    project.edit(edited, "greeting ", "welcoming ");
    project.edit(edited, "!\\n", "!!\\n");
    let took = dev.until_answer("my-shop", path, "Welcome, Ada!!\n");
    let deployed = dev.all("deployed", Duration::ZERO).pop().unwrap_or_default();
    eprintln!("{lang}: from an edit to its answer {took:?}, {}", deployed["timing"]);
    dev.quit();
}

#[test]
fn the_javascript_template_answers() {
    if has_javascript() {
        develop("js", "/?name=Ada", "app.js");
    }
}

#[test]
fn the_typescript_template_answers() {
    if has_javascript() {
        develop("ts", "/?name=Ada", "app.ts");
    }
}

#[test]
fn the_rust_template_answers() {
    if has_wasm_target() {
        develop("rust", "/Ada", "src/lib.rs");
    }
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let project = Project::new(&[("app.js", b"mine")]);
    let failed = project.ostro().args(["new", "project"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("the folder project is not empty"));
    assert_eq!(project.read("app.js"), "mine");
    assert!(!project.path().join("ostro.toml").exists());
}

#[test]
fn names_that_no_function_can_have_are_wrong_use() {
    let project = Project::new(&[]);
    for name in ["Shop", "../shop", "a b", ""] {
        let failed = project.ostro().args(["new", "--lang", "js", "--", name]).output().unwrap();
        assert_eq!(failed.status.code(), Some(2), "{name:?}");
    }
    let made = project.ostro().args(["new", "shop", "--lang", "rust", "--json"]).output().unwrap();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["created"], "shop");
    assert!(made["files"].as_array().unwrap().iter().any(|file| file == "src/lib.rs"));
}
