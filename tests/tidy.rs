//! The rules of the house, as tests: who may name what, what a file looks like, what a document has to list.
//!
//! A rule is a function from one file's text to its faults, so that each is itself tested on a planted fault (at the end).

mod tokens;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::tokens::{Token, tokens};

/// Longest file, lines, its tests apart.
const MAX_LINES: usize = 600;
/// From here on a file is shown as growing too long.
const MANY_LINES: usize = 400;
/// A README of an example says what it is and how to run it.
const MAX_README_LINES: usize = 12;

/// A file of the project.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// A fault: line (from 1) and what to do.
type Fault = (usize, String);
type Rule = fn(&File) -> Vec<Fault>;

impl File {
    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.split('/').any(|part| part == "tests.rs" || part == "tests")
    }

    /// The lines before the file's own tests, which stand at its end.
    fn product_lines(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins = |pair: &[&str]| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        };
        lines.windows(2).position(begins).unwrap_or(lines.len())
    }

    /// The tokens of the product: no comments, no texts, no tests.
    fn product(&self) -> Vec<Token<'_>> {
        let mut all = tokens(&self.text);
        let last = self.product_lines();
        all.retain(|token| token.line <= last);
        all
    }

    fn naming(&self, names: &[&str], why: &str) -> Vec<Fault> {
        let named = self.product().into_iter().filter(|token| names.contains(&token.text));
        named.map(|token| (token.line, format!("`{}` must not be named here: {why}", token.text))).collect()
    }

    /// The modules of its own package that are named by `crate::NAME` or `crate::{NAME …, NAME …}`.
    fn crate_modules(&self) -> Vec<(usize, String)> {
        let product = self.product();
        let mut modules = Vec::new();
        for (at, window) in product.windows(3).enumerate() {
            match [window[0].text, window[1].text, window[2].text] {
                ["crate", "::", "{"] => modules.extend(first_names(&product[at + 3..])),
                ["crate", "::", name] => modules.push((window[2].line, name.to_owned())),
                _ => {}
            }
        }
        modules
    }
}

/// The first name of each path in a group of imports, up to the group's end.
fn first_names(group: &[Token<'_>]) -> Vec<(usize, String)> {
    let (mut depth, mut first, mut names) = (0_usize, true, Vec::new());
    for token in group {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 0 => break,
            "}" => depth -= 1,
            "," if depth == 0 => first = true,
            name if depth == 0 && first => {
                names.push((token.line, name.to_owned()));
                first = false;
            }
            _ => {}
        }
    }
    names
}

fn drivers_only_in_store(file: &File) -> Vec<Fault> {
    match file.is_in(&["store/", "tests/"]) {
        true => Vec::new(),
        false => file.naming(&["rusqlite", "object_store"], "drivers are named only in store (rule 1)"),
    }
}

fn wasmtime_only_at_the_sandbox(file: &File) -> Vec<Fault> {
    let allowed = [
        "host-api/",
        "runtime/src/instance/",
        "runtime/src/pool/",
        "runtime/src/registry/compile.rs",
        "runtime/src/registry/compile/",
        "tests/",
        // What a request costs in wasmtime alone is what Ostro is measured against.
        "benches/bare_wasmtime.rs",
        // A program of its own, which runs the interpreter when it builds.
        "sdk/js/compiler/",
    ];
    let names = ["wasmtime", "wasmtime_wasi", "wasmtime_wasi_http", "wasmtime_wasi_io"];
    match file.is_in(&allowed) {
        true => Vec::new(),
        false => file
            .naming(&names, "only host-api, instance, pool and registry/compile.rs know the engine (rule 2)"),
    }
}

fn clap_only_on_command_lines(file: &File) -> Vec<Fault> {
    // xtask is a command line of its own, and no part of the product.
    match file.is_in(&["cli/", "xtask/"]) {
        true => Vec::new(),
        false => file.naming(&["clap"], "flags are parsed only in cli (rule 2)"),
    }
}

fn one_way_in(file: &File) -> Vec<Fault> {
    let allowed = [
        "runtime/src/app.rs",
        "runtime/src/dispatch/",
        "runtime/src/executor/",
        "runtime/src/instance/",
        "runtime/src/pool/",
        // A deploy loads and tries what it compiled; it never calls it.
        "runtime/src/registry/artifact.rs",
        "runtime/src/registry/artifact/",
        "runtime/src/registry/compile.rs",
        "runtime/src/registry/compile/",
        "runtime/src/registry/deploy.rs",
        "runtime/src/registry/deploy/",
        "runtime/src/registry/mod.rs",
    ];
    if !file.is_in(&["runtime/src/"]) || file.is_in(&allowed) {
        return Vec::new();
    }
    let modules = file.crate_modules().into_iter().filter(|(_, name)| name == "pool" || name == "instance");
    modules
        .map(|(line, name)| (line, format!("`{name}` is reached only through dispatch (rule 3)")))
        .collect()
}

fn control_only_changes_the_registry(file: &File) -> Vec<Fault> {
    if !file.is_in(&["runtime/src/control/"]) {
        return Vec::new();
    }
    let running = ["dispatch", "executor", "front_door", "instance", "pool"];
    let modules = file.crate_modules().into_iter().filter(|(_, name)| running.contains(&name.as_str()));
    modules
        .map(|(line, name)| {
            (line, format!("control changes the registry and never touches `{name}` (rule 4)"))
        })
        .collect()
}

fn pure_decisions(file: &File) -> Vec<Fault> {
    let pure = [
        "runtime/src/router/",
        "runtime/src/pool/policy.rs",
        "runtime/src/executor/turns.rs",
        "runtime/src/triggers/schedule.rs",
        "runtime/src/triggers/schedule/",
        "runtime/src/triggers/queue.rs",
        "runtime/src/triggers/pace.rs",
        "runtime/src/triggers/cloudevents.rs",
        "store/src/jobs/policy.rs",
    ];
    if !file.is_in(&pure) || file.is_test() {
        return Vec::new();
    }
    let why = "this file decides and does nothing: no runtime, no clock, no I/O (rule 5)";
    let mut faults = file.naming(&["tokio", "Instant", "SystemTime", "Clock", "File", "TcpStream"], why);
    let product = file.product();
    for path in product.windows(3) {
        if let ["std", "::", "fs" | "env" | "process" | "thread"] = [path[0].text, path[1].text, path[2].text]
        {
            faults.push((path[2].line, format!("`std::{}` must not be named here: {why}", path[2].text)));
        }
    }
    faults
}

fn no_cluster_mode(file: &File) -> Vec<Fault> {
    if !file.is_in(&["runtime/", "host-api/"]) {
        return Vec::new();
    }
    let words =
        file.product().into_iter().filter(|token| token.text.to_ascii_lowercase().contains("cluster"));
    words
        .map(|token| {
            (token.line, format!("`{}`: a cluster is equal nodes over a shared store (rule 6)", token.text))
        })
        .collect()
}

fn no_static_state(file: &File) -> Vec<Fault> {
    if file.is_test() {
        return Vec::new();
    }
    file.naming(&["static", "thread_local", "lazy_static"], "state is handed in, never found (rule 7)")
}

fn unsafe_in_few_files(file: &File) -> Vec<Fault> {
    // The third one does the same as the second, in the program that builds JavaScript.
    let allowed = [
        "runtime/src/sys.rs",
        "runtime/src/instance/load.rs",
        "sdk/js/compiler/src/engine/store.rs",
        // Forges handles on purpose, in a guest.
        "tests/guests-rust/walker/src/forged.rs",
    ];
    match file.is_in(&allowed) {
        true => Vec::new(),
        false => file.naming(&["unsafe"], "only what loads machine code and sys.rs may (rule 7)"),
    }
}

fn no_rooms_without_a_name(file: &File) -> Vec<Fault> {
    let nameless = ["utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff"];
    let parts = file.path.trim_end_matches(".rs").split('/');
    let bad = parts.filter(|part| nameless.contains(part));
    bad.map(|part| (1, format!("`{part}` says nothing about what is inside (rule 8)"))).collect()
}

fn short_files(file: &File) -> Vec<Fault> {
    match file.product_lines() {
        lines if lines > MAX_LINES && !file.is_test() => {
            vec![(lines, format!("{lines} lines, {MAX_LINES} at most: it is two files (rule 8)"))]
        }
        _ => Vec::new(),
    }
}

fn says_what_it_is(file: &File) -> Vec<Fault> {
    match file.text.lines().next() {
        Some(first) if first.starts_with("//! ") => Vec::new(),
        _ => vec![(1, "the first line says what the file is: `//! …`".to_owned())],
    }
}

fn no_paths_of_one_machine(file: &File) -> Vec<Fault> {
    // In two parts, so that this file does not contain them.
    let paths = [["/ro", "ot/"], ["/ho", "me/"], ["/Us", "ers/"], ["/wo", "rk/main"], ["/wo", "rk/shared"]]
        .map(|p| p.concat());
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            let path = paths.iter().find(|path| line.contains(path.as_str()))?;
            Some((at + 1, format!("`{path}…` exists on one machine only")))
        })
        .collect()
}

const RUST_RULES: &[Rule] = &[
    drivers_only_in_store,
    wasmtime_only_at_the_sandbox,
    clap_only_on_command_lines,
    one_way_in,
    control_only_changes_the_registry,
    pure_decisions,
    no_cluster_mode,
    no_static_state,
    unsafe_in_few_files,
    no_rooms_without_a_name,
    short_files,
    says_what_it_is,
];

/// Every rule by its own name, so that a failure says which one.
macro_rules! hold {
    ($($name:ident: $rule:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            hold(&rust_files(), $rule);
        }
    )*};
}

hold! {
    rule_1_drivers_are_named_only_in_store: drivers_only_in_store,
    rule_2_wasmtime_is_named_only_at_the_sandbox: wasmtime_only_at_the_sandbox,
    rule_2_clap_is_named_only_on_command_lines: clap_only_on_command_lines,
    rule_3_instances_are_reached_only_through_dispatch: one_way_in,
    rule_4_control_only_changes_the_registry: control_only_changes_the_registry,
    rule_5_decisions_are_pure: pure_decisions,
    rule_6_runtime_has_no_cluster_mode: no_cluster_mode,
    rule_7_there_is_no_static_state: no_static_state,
    rule_7_unsafe_stands_in_few_files: unsafe_in_few_files,
    rule_8_every_file_has_a_name: no_rooms_without_a_name,
    rule_8_files_are_short: short_files,
    every_file_says_what_it_is: says_what_it_is,
}

#[test]
fn long_files_are_shown() {
    for file in rust_files().iter().filter(|file| file.product_lines() > MANY_LINES && !file.is_test()) {
        println!("{}: {} lines, better below {MANY_LINES}", file.path, file.product_lines());
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    hold(&files(&["rs", "toml", "md", "wat", "wit", "service", "run"]), no_paths_of_one_machine);
}

#[test]
fn rules_1_2_and_9_packages_depend_in_one_direction() {
    let manifest = |package: &str| read(&Path::new(package).join("Cargo.toml"));
    let engine = ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http", "wasmtime-wasi-io"];
    let drivers = ["rusqlite", "object_store"];
    let faults = RefCell::new(Vec::new());
    let forbid = |package: &str, names: &[&[&str]]| {
        let found = forbidden(&manifest(package), &names.concat());
        let fault = |name| format!("{package}/Cargo.toml must not depend on {name}");
        faults.borrow_mut().extend(found.into_iter().map(fault));
    };
    forbid("store", &[&["host-api", "runtime", "ostro", "clap"], &engine]);
    forbid("host-api", &[&["runtime", "ostro", "clap"], &drivers]);
    forbid("runtime", &[&["ostro", "clap"], &drivers]);
    forbid(".", &[&["store", "host-api"], &engine, &drivers]);
    forbid("xtask", &[&["store", "host-api", "runtime", "ostro"], &engine, &drivers]);
    for example in folders("examples") {
        if example.join("Cargo.toml").exists() {
            // `ostro` here is the crate for guests, which is called as the product is.
            forbid(&example.to_string_lossy(), &[&["store", "host-api", "runtime"], &engine]);
            let dependencies = read(&example.join("Cargo.toml"));
            let products = dependencies.lines().filter(|line| line.starts_with("ostro ="));
            let products = products.filter(|line| !line.contains("path = \"../../sdk/rust\""));
            let fault = |line| format!("{}/Cargo.toml: `{line}` is the product", example.display());
            faults.borrow_mut().extend(products.map(fault));
        }
    }
    let faults = faults.into_inner();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_package_has_the_lints_of_the_workspace() {
    for package in ["store", "host-api", "runtime", "xtask"] {
        let manifest = read(&Path::new(package).join("Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{package}/Cargo.toml: add `[lints] workspace = true`"
        );
    }
}

#[test]
fn every_guest_is_named_in_a_test() {
    let tests: String = files(&["rs"])
        .into_iter()
        .filter(|file| file.path.starts_with("tests/"))
        .map(|file| file.text)
        .collect();
    for guest in files(&["wat"]).iter().filter(|file| file.path.starts_with("tests/guests/")) {
        let name = guest.path.trim_start_matches("tests/guests/").trim_end_matches(".wat");
        // Parts are named by the guests that take them in.
        if !name.contains('/') {
            assert!(tests.contains(&format!("\"{name}\"")), "no test uses {}", guest.path);
        }
    }
}

#[test]
fn every_example_is_a_project_with_a_short_readme() {
    for example in folders("examples") {
        assert!(
            root().join(&example).join("ostro.toml").is_file(),
            "{} has no ostro.toml",
            example.display()
        );
        let lines = read(&example.join("README.md")).lines().count();
        assert!(
            lines <= MAX_README_LINES,
            "{}/README.md has {lines} lines: ten are enough",
            example.display()
        );
    }
}

#[test]
fn every_error_code_is_documented() {
    let documented = read(Path::new("docs/errors.md"));
    for file in rust_files().iter().filter(|file| file.is_in(&["runtime/", "cli/"]) && !file.is_test()) {
        for code in problem_codes(&file.text) {
            assert!(
                documented.contains(&format!("`{code}`")),
                "{} answers `{code}`: add it to docs/errors.md",
                file.path
            );
        }
    }
}

/// The codes in `Problem::new(STATUS, "CODE"`.
fn problem_codes(text: &str) -> Vec<&str> {
    let calls = text.split("Problem::new(").skip(1);
    calls
        .filter_map(|call| {
            let (status, rest) = call.split_once(',')?;
            let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
            status.trim().bytes().all(|byte| byte.is_ascii_digit()).then_some(code)
        })
        .collect()
}

/// The dependencies among `names`; those of tests do not count.
fn forbidden(manifest: &str, names: &[&str]) -> Vec<String> {
    let manifest: toml::Table = toml::from_str(manifest).unwrap();
    let sections =
        ["dependencies", "build-dependencies"].into_iter().filter_map(|name| manifest.get(name)?.as_table());
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let of_targets = targets.filter_map(|(_, target)| target.get("dependencies")?.as_table());
    let all = sections.chain(of_targets).flat_map(toml::Table::keys);
    all.filter(|name| names.contains(&name.as_str())).cloned().collect()
}

fn hold(files: &[File], rule: Rule) {
    assert!(!files.is_empty(), "there is nothing to check");
    let mut faults = String::new();
    for file in files {
        for (line, what) in rule(file) {
            writeln!(faults, "  {}:{line}: {what}", file.path).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

fn rust_files() -> Vec<File> {
    files(&["rs"])
}

/// All files with one of these endings (or names), except what is built.
fn files(endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), endings, &mut found);
    found
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let built = matches!(name.as_str(), "target" | "dist" | ".git" | ".ostro" | "node_modules");
            if !built {
                walk(&path, endings, found);
            }
        } else if endings.contains(&name.rsplit('.').next().unwrap_or_default()) {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
            found.push(File { path: relative, text });
        }
    }
}

fn folders(below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(below)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

fn read(relative: &Path) -> String {
    let path = root().join(relative);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The checker checked: a planted fault is found, and what only looks like one is not.
#[test]
fn planted_faults_are_found() {
    let planted: &[(Rule, &str, &str)] = &[
        (drivers_only_in_store, "runtime/src/x.rs", "use rusqlite::Connection;"),
        (wasmtime_only_at_the_sandbox, "runtime/src/dispatch/mod.rs", "fn f(e: &wasmtime::Engine) {}"),
        (wasmtime_only_at_the_sandbox, "cli/main.rs", "use wasmtime_wasi_http::p2;"),
        (clap_only_on_command_lines, "runtime/src/config.rs", "#[derive(clap::Args)] struct A;"),
        (one_way_in, "runtime/src/front_door/mod.rs", "use crate::instance::Failure;"),
        (one_way_in, "runtime/src/router/mod.rs", "use crate::{clock::Clock, pool::{Pool, policy}};"),
        (control_only_changes_the_registry, "runtime/src/control/x.rs", "use crate::dispatch::Dispatcher;"),
        (pure_decisions, "runtime/src/router/table.rs", "use std::time::Instant;"),
        (pure_decisions, "runtime/src/pool/policy.rs", "fn f() { std::fs::read(\"x\"); }"),
        (no_cluster_mode, "runtime/src/app.rs", "struct ClusterMode;"),
        (no_static_state, "store/src/x.rs", "static COUNT: AtomicU64 = AtomicU64::new(0);"),
        (unsafe_in_few_files, "runtime/src/app.rs", "fn f() { unsafe { g() } }"),
        (unsafe_in_few_files, "runtime/src/app.rs", "#[cfg(test)]\nmod tests;\nfn f() { unsafe { g() } }"),
        (no_rooms_without_a_name, "cli/utils.rs", ""),
        (no_rooms_without_a_name, "store/src/common/mod.rs", ""),
        (says_what_it_is, "cli/x.rs", "use std::fmt;"),
    ];
    for (rule, path, text) in planted {
        let file = File { path: (*path).to_owned(), text: (*text).to_owned() };
        assert!(!rule(&file).is_empty(), "not found: {text:?} in {path}");
    }
    let long = File { path: "cli/x.rs".to_owned(), text: "x\n".repeat(MAX_LINES + 1) };
    assert!(!short_files(&long).is_empty());
    let path = ["/ro", "ot/x"].concat();
    assert!(!no_paths_of_one_machine(&File { path: "README.md".to_owned(), text: path }).is_empty());
    assert_eq!(forbidden("[dependencies]\nclap = \"4\"\n", &["clap"]), ["clap"]);
    assert_eq!(forbidden("[target.'cfg(unix)'.dependencies]\nclap = \"4\"\n", &["clap"]), ["clap"]);
    assert!(forbidden("[dev-dependencies]\nclap = \"4\"\n", &["clap"]).is_empty());
    assert_eq!(
        problem_codes("Problem::new(404, \"no_route\", x) Problem::new(status, \"no\", y)"),
        ["no_route"]
    );
}

#[test]
fn what_only_looks_like_a_fault_is_none() {
    let text = "//! About wasmtime, rusqlite and clap.\n\
                /* unsafe static /* wasmtime */ cluster */\n\
                fn f<'static_>(s: &'static str, c: char) -> bool {\n\
                    // crate::instance is explained here\n\
                    c == '\"' || s == \"unsafe { wasmtime } \\\" static\" || s == r#\"clap \" rusqlite\"#\n\
                }\n\
                use crate::dispatch::pool_size;\n\
                use crate::{dispatch::{instance, pool}, router};\n\
                #[cfg(test)]\n\
                mod tests {\n\
                static X: u8 = 0; use wasmtime::Engine; }\n";
    let file = File { path: "runtime/src/front_door/mod.rs".to_owned(), text: text.to_owned() };
    for rule in RUST_RULES {
        assert_eq!(rule(&file), Vec::new());
    }
}
