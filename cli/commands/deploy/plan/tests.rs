//! What is deployed for what is typed.

use std::fs;

use clap::Parser as _;

use super::*;
use crate::args::{Cli, Command};

fn args(line: &[&str]) -> DeployArgs {
    let line = ["ostro", "deploy"].iter().chain(line);
    let Command::Deploy(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not deploy") };
    *args
}

fn refusal(line: &[&str]) -> String {
    Plan::make(&args(line)).unwrap_err().word().unwrap().message.clone()
}

#[test]
fn names_come_from_files() {
    for (file, name) in [
        ("hello.wasm", "hello"),
        ("target/x/My_Function 2.wasm", "my-function-2"),
        ("__a--b__.wasm", "a-b"),
        ("a.b.wasm", "a-b"),
        ("Größe.wasm", "gr-e"),
    ] {
        assert_eq!(name_of(Path::new(file)).as_deref(), Some(name), "{file}");
    }
    let long = name_of(Path::new(&format!("{}-tail.wasm", "x".repeat(39)))).unwrap();
    assert_eq!(long, "x".repeat(39));
    assert_eq!(name_of(Path::new("___.wasm")), None);
}

#[test]
fn a_component_with_flags() {
    let plan = Plan::make(&args(&[
        "new.wasm",
        "--name",
        "hello",
        "--route",
        "GET,POST /hello",
        "--route",
        "/h",
        "--env",
        "A=1",
        "--env",
        "B=",
        "--memory",
        "64MiB",
        "--concurrency",
        "7",
        "--reuse",
        "5",
    ]))
    .unwrap();
    let [function] = plan.functions.as_slice() else { panic!("one function") };
    assert_eq!((function.name.as_str(), function.component.as_path()), ("hello", Path::new("new.wasm")));
    let Settings::Flags(flags) = &function.settings else { panic!("not flags") };
    assert_eq!(
        serde_json::to_value(flags).unwrap(),
        json!({
            "routes": [{ "path": "/hello", "methods": ["GET", "POST"] }, { "path": "/h" }],
            "env": { "A": "1", "B": "" },
            "limits": { "memory": "64MiB", "concurrency": 7 },
            "reuse": 5,
        })
    );
}

#[test]
fn a_component_with_triggers() {
    let plan = Plan::make(&args(&[
        "new.wasm",
        "--cron",
        "0 3 * * *",
        "--cron",
        "@daily",
        "--timezone",
        "Europe/Berlin",
        "--queue",
        "mail",
        "--job-wall",
        "1h",
    ]))
    .unwrap();
    let [function] = plan.functions.as_slice() else { panic!("one function") };
    assert_eq!(function.cron, ["0 3 * * * Europe/Berlin", "@daily Europe/Berlin"]);
    let Settings::Flags(flags) = &function.settings else { panic!("not flags") };
    assert_eq!(
        serde_json::to_value(flags).unwrap(),
        json!({
            "cron": [
                { "schedule": "0 3 * * *", "timezone": "Europe/Berlin" },
                { "schedule": "@daily", "timezone": "Europe/Berlin" },
            ],
            "queues": [{ "name": "mail" }],
            "jobs": { "wall": "1h" },
        })
    );
}

#[test]
fn what_is_not_typed_is_not_sent() {
    let plan = Plan::make(&args(&["a.wasm"])).unwrap();
    let Settings::Flags(flags) = &plan.functions[0].settings else { panic!("not flags") };
    assert_eq!(**flags, DeployFlags::default());
}

#[test]
fn a_manifest_with_two_functions() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[project]\nname = \"shop\"\n\
        [function.cart]\nsource = \"out/cart.wasm\"\nbuild = \"make\"\nassets = \"public\"\n\
        [function.pay]\nsource = \"pay.wasm\"\nbuild = \"make\"\n";
    fs::write(folder.path().join("ostro.toml"), manifest).unwrap();
    let target = folder.path().to_str().unwrap();

    let plan = Plan::make(&args(&[target])).unwrap();
    assert_eq!(plan.project.as_deref(), Some("shop"));
    let cart = &plan.functions[0];
    assert_eq!(cart.component, folder.path().join("out/cart.wasm"));
    assert_eq!(cart.assets.as_deref(), Some(folder.path().join("public").as_path()));
    assert_eq!(cart.build, Some(Build { command: "make".to_owned(), folder: folder.path().to_owned() }));
    assert_eq!(cart.settings, Settings::Manifest(manifest.to_owned()));

    let one = Plan::make(&args(&[target, "--function", "pay", "--no-build"])).unwrap();
    assert_eq!(one.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["pay"]);
    assert_eq!(one.functions[0].build, None);

    assert!(refusal(&[target, "--function", "nope"]).contains("defines no function `nope`"));
    for flag in [["--env", "A=1"], ["--cron", "@daily"], ["--queue", "mail"], ["--job-cpu", "1m"]] {
        let expected = format!("`{}` is for a function of one file", flag[0]);
        assert!(refusal(&[target, flag[0], flag[1]]).contains(&expected), "{flag:?}");
    }
}

#[test]
fn what_comes_later_is_said() {
    assert!(refusal(&["a.wasm", "--function", "x"]).contains("manifest"));
    assert!(refusal(&["___.wasm"]).contains("no name"));
}

#[test]
fn a_folder_without_a_manifest_is_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("My Shop");
    fs::create_dir_all(shop.join("src")).unwrap();
    fs::write(shop.join("src/index.js"), "").unwrap();
    let plan = Plan::make(&args(&[shop.to_str().unwrap()])).unwrap();
    let [function] = plan.functions.as_slice() else { panic!("one function") };
    assert_eq!((function.name.as_str(), &function.component), ("my-shop", &shop.join("src/index.js")));
    fs::write(shop.join("app.ts"), "").unwrap();
    assert_eq!(
        Plan::make(&args(&[shop.to_str().unwrap()])).unwrap().functions[0].component,
        shop.join("app.ts")
    );
    // What a manifest says counts.
    fs::write(shop.join("ostro.toml"), "manifest = 1\n[function.a]\nsource = \"a.wasm\"\n").unwrap();
    assert_eq!(Plan::make(&args(&[shop.to_str().unwrap()])).unwrap().functions[0].name, "a");
}
