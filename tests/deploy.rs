//! Deploying: what becomes live, when, and what is refused because of its settings.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::control::multipart;
use crate::support::{Control, Request, Server, guest, shared};

#[test]
fn a_function_answers_at_its_origin_and_mounted() {
    let server = shared();
    let report = server.deploy("greeter", &guest::component("hello"), &json!({}));
    assert_eq!(report["project"], "default");
    assert_eq!(report["function"], "greeter");
    assert_eq!(report["revision"], 1);
    assert_eq!(report["outcome"], "created");
    assert!(!report["urls"].as_array().unwrap().is_empty(), "{report}");
    assert!(report["timing"]["compile_ms"].is_u64(), "{report}");
    for (host, path) in [
        ("greeter.localhost", "/"),
        ("GREETER.LocalHost:80", "/any/path?query"),
        ("greeter.localhost.", "/"),
        ("greeter--default.localhost", "/"),
        ("127.0.0.1", "/greeter"),
        ("127.0.0.1", "/greeter/"),
        ("127.0.0.1", "/greeter/deeper"),
        ("nobody.example", "/greeter/"),
    ] {
        let answer = Request::new("GET", path, host).send(server.listen);
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello from ostro\n"), "{host} {path}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
}

#[test]
fn a_core_module_with_metadata_is_made_a_component() {
    let server = shared();
    server.deploy("from-module", &guest::core_module("hello"), &json!({}));
    assert_eq!(server.get("from-module", "/").text(), "hello from ostro\n");
}

#[test]
fn the_same_again_changes_nothing_and_flags_keep_what_they_do_not_mention() {
    let server = shared();
    let env = guest::component("env");
    let outcome = |flags: Value| {
        let report = server.deploy("steps", &env, &flags);
        (report["outcome"].as_str().unwrap().to_owned(), report["revision"].as_u64().unwrap())
    };
    let is = |word: &str, revision: u64| (word.to_owned(), revision);
    assert_eq!(outcome(json!({ "env": { "A": "1" }, "routes": [{ "path": "/steps" }] })), is("created", 1));
    assert_eq!(outcome(json!({ "env": { "A": "1" }, "routes": [{ "path": "/steps" }] })), is("unchanged", 1));
    assert_eq!(outcome(json!({})), is("unchanged", 1));
    assert_eq!(outcome(json!({ "routes": [{ "path": "/stairs" }] })), is("rebound", 1));
    assert_eq!(outcome(json!({ "limits": { "wall": "5s" } })), is("created", 2));
    assert_eq!(outcome(json!({ "env": { "A": "2" } })), is("created", 3));
    let shown = server.control().get("functions/steps").expect_status(200).json();
    assert_eq!(shown["routes"][0]["path"], "/stairs");
    assert_eq!(shown["limits"]["wall_ms"], 5000);
    assert_eq!(shown["env"]["A"], "2");
    assert_eq!(shown["revision"], 3);
    assert_eq!(server.get("steps", "/?A").text(), "2");
    assert_eq!(Request::new("GET", "/stairs?A", "default.localhost").send(server.listen).text(), "2");
    Request::new("GET", "/steps?A", "default.localhost").send(server.listen).expect_error(404, "no_route");
}

#[test]
fn a_deploy_is_live_everywhere_when_it_is_answered() {
    let server = shared();
    let env = guest::component("env");
    for version in 0..10 {
        server.deploy("own-deploy", &env, &json!({ "env": { "V": version.to_string() } }));
        // Each connection may be served by another executor.
        for _ in 0..8 {
            assert_eq!(server.get("own-deploy", "/?V").text(), version.to_string());
        }
    }
}

#[test]
fn a_component_with_other_data_is_not_compiled_again() {
    let mut server = Server::start();
    let effort = |control: &Control, function: &str, component: &[u8]| {
        let report = control.deploy(function, component, &json!({}));
        let count = |name: &str| report["timing"][name].as_u64().unwrap();
        (count("functions_compiled"), count("functions_reused"))
    };
    let hello = guest::component("hello");
    let changed = |to: &str| guest::variant("hello", "hello from ostro", to);
    let control = server.control();
    let (compiled, reused) = effort(&control, "known", &hello);
    assert!(compiled > 0 && reused == 0, "{compiled} {reused}");
    // Not all: some keys of the engine depend on what else its threads have just compiled.
    let mostly = |(again, known): (u64, u64)| again + known == compiled && known > compiled / 2;
    let other_data = effort(&control, "known", &changed("hello from afar!"));
    assert!(mostly(other_data), "{other_data:?} of {compiled}");
    assert_eq!(server.get("known", "/").text(), "hello from afar!\n");
    assert_eq!(effort(&control, "again", &changed("hello from afar!")), (0, 0), "its code is there");
    // What an upload may have done to a compiler stays in its project, and ends with it.
    let other = server.project("other-project");
    assert_eq!(effort(&other, "known", &hello), (compiled, 0));
    server.kill9();
    server.restart();
    let control = server.control();
    let restarted = effort(&control, "known", &changed("hello once more!"));
    assert!(mostly(restarted), "{restarted:?} of {compiled}");
    let kept = server.data().join("cache/functions");
    let files = || std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(files().len(), 2, "one for each project");
    control.delete("/v1/projects/other-project").expect_status(204);
    assert_eq!(files().len(), 1);
    // A file that is not as it was written is as good as none.
    std::fs::write(&files()[0], "no functions").unwrap();
    assert_eq!(effort(&control, "known", &changed("hello yet again!")), (compiled, 0));
    assert_eq!(server.get("known", "/").text(), "hello yet again!\n");
}

#[test]
fn a_manifest_is_declarative_and_says_what_it_takes_away() {
    let server = shared();
    let (control, env) = (server.control(), guest::component("env"));
    let full = "manifest = 1\n[function.declared]\nroutes = [\"/declared\", { path = \"/posted\", methods = [\"POST\"] }]\n\
                limits = { memory = \"32MiB\", cpu = \"1s\" }\nenv = { A = \"1\" }\n";
    let report = control.try_deploy_manifest("declared", &env, full).expect_status(200).json();
    assert_eq!(report["removed"], json!([]));
    let shown = control.get("functions/declared").json();
    assert_eq!(shown["limits"]["memory_bytes"], 32 << 20);
    assert_eq!(shown["limits"]["cpu_ms"], 1000);
    let less = "manifest = 1\n[function.declared]\nroutes = [\"/declared\"]\n";
    let report = control.try_deploy_manifest("declared", &env, less).expect_status(200).json();
    let removed = report["removed"].to_string();
    assert!(removed.contains("/posted"), "the route is not mentioned: {removed}");
    let shown = control.get("functions/declared").json();
    assert_eq!(shown["env"], json!({}));
    assert_eq!(shown["limits"]["memory_bytes"], 128 << 20);
    assert_eq!(shown["routes"].as_array().unwrap().len(), 1);
}

#[test]
fn faults_of_a_manifest_are_told_with_line_and_column() {
    let server = shared();
    let hello = guest::component("hello");
    let cases = [
        ("unknown key", "manifest = 1\n[function.faulty]\nroutess = []\n", "line 3, column 1"),
        ("no TOML", "manifest = 1\n[function.faulty\n", "line 2"),
        (
            "unknown grant",
            "[function.faulty]\ngrants = [\n  \"http:https://api.example.com\",\n  \"moon:full\"]\n",
            "line 4, column 3",
        ),
        ("bad limit", "[function.faulty]\nlimits = { memory = \"128 parsecs\" }\n", "line 2"),
        ("limit over the ceiling", "[function.faulty]\nlimits = { memory = \"64TiB\" }\n", "line 2"),
        (
            "no field of objects",
            "[function.faulty]\n[bucket.x]\nrules = { read = \"colour == 'red'\" }\n",
            "line 3",
        ),
        (
            "no rule",
            "[function.faulty]\n[collection.x]\nrules = { read = \"owner = auth.user\" }\n",
            "line 3, column 25",
        ),
        ("a section to come", "[function.faulty]\n[target.entries]\n", "line 2"),
        ("dots in a route", "[function.faulty]\nroutes = [\"/a/../b\"]\n", "line 2, column 11"),
        ("another version", "manifest = 2\n[function.faulty]\n", "line 1"),
        ("a wrong type", "[function.faulty]\nenv = 7\n", "line 2"),
    ];
    for (what, manifest, place) in cases {
        let answer = server.control().try_deploy_manifest("faulty", &hello, manifest);
        assert!(matches!(answer.status, 400 | 422), "{what}: {} {}", answer.status, answer.text());
        assert!(answer.text().contains(place), "{what}: expected {place} in {}", answer.text());
    }
    assert!(!server.control().functions().contains(&"faulty".to_owned()));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let server = shared();
    let hello = guest::component("hello");
    let cases = [
        ("unknown flag", json!({ "colour": "blue" })),
        ("unknown limit", json!({ "limits": { "patience": 1 } })),
        ("a route without slash", json!({ "routes": [{ "path": "nowhere" }] })),
        ("the platform's path", json!({ "routes": [{ "path": "/_ostro/mine" }] })),
        ("a bad method", json!({ "routes": [{ "path": "/x", "methods": ["GE T"] }] })),
        ("a bad grant", json!({ "grants": ["http:ftp://example.com"] })),
        ("a grant of nothing", json!({ "grants": ["users:everything"] })),
        ("a variable with NUL", json!({ "env": { "A": "a\u{0}b" } })),
        ("a variable with =", json!({ "env": { "A=B": "1" } })),
        ("no memory at all", json!({ "limits": { "memory": 0 } })),
        ("no instance at all", json!({ "reuse": 0 })),
    ];
    for (what, flags) in cases {
        let answer = server.control().try_deploy("impossible", &hello, &flags);
        assert!(matches!(answer.status, 400 | 422), "{what}: {} {}", answer.status, answer.text());
        assert!(!answer.code().is_empty() && !answer.message().is_empty(), "{what}: {}", answer.text());
    }
    for name in ["Upper", "under_score", "a--b", &"long".repeat(11), "%2e%2e", "dot.ted"] {
        let answer = server.control().try_deploy(name, &hello, &json!({}));
        assert!(matches!(answer.status, 400 | 404 | 422), "{name}: {} {}", answer.status, answer.text());
    }
    assert!(!server.control().functions().contains(&"impossible".to_owned()));
}

#[test]
fn a_route_clash_names_the_holder() {
    let server = shared();
    let hello = guest::component("hello");
    server.deploy("holder", &hello, &json!({ "routes": [{ "path": "/held/{id}", "methods": ["GET"] }] }));
    let same = json!({ "routes": [{ "path": "/held/{other}", "methods": ["GET"] }] });
    let answer = server.control().try_deploy("claimer", &hello, &same);
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.message().contains("holder"), "{}", answer.text());
    assert!(!server.control().functions().contains(&"claimer".to_owned()));
    // Another method is no clash, nor is the same path in another project.
    server.deploy("claimer", &hello, &json!({ "routes": [{ "path": "/held/{id}", "methods": ["POST"] }] }));
    server.project("other-holder").deploy("claimer", &hello, &same);
}

#[test]
fn routes_of_a_project_exact_before_parameter_before_rest() {
    let server = shared();
    let project = server.project("routed");
    let (env, echo) = (guest::component("env"), guest::component("echo-request"));
    let route = |name: &str, route: Value| {
        project.deploy(name, &env, &json!({ "routes": [route], "env": { "NAME": name } }));
    };
    route("exact", json!({ "path": "/a/b" }));
    route("parameter", json!({ "path": "/a/{x}" }));
    route("rest", json!({ "path": "/a/{*rest}" }));
    route("posts", json!({ "path": "/only", "methods": ["POST"] }));
    let ask = |method: &str, path: &str| Request::new(method, path, "routed.localhost").send(server.listen);
    for (path, name) in [
        ("/a/b?NAME", "exact"),
        ("/%61/b?NAME", "exact"),
        ("/a/c?NAME", "parameter"),
        ("/a/b/c?NAME", "rest"),
    ] {
        assert_eq!(ask("GET", path).text(), name, "{path}");
    }
    assert_eq!(ask("POST", "/only?NAME").text(), "posts");
    ask("GET", "/only?NAME").expect_error(405, "method");
    ask("GET", "/none").expect_error(404, "no_route");
    project.deploy("stripped", &echo, &json!({ "routes": [{ "path": "/s/{id}/{*rest}", "strip": "/s" }] }));
    let seen = ask("GET", "/s/7/x/y?q=1").text();
    assert!(seen.starts_with("GET /7/x/y?q=1\n"), "{seen}");
    assert!(seen.contains("\nostro-param-id: 7\n"), "{seen}");
    assert!(seen.contains("\nx-forwarded-prefix: /s\n"), "{seen}");
}

#[test]
fn a_deleted_name_is_free_and_the_next_function_starts_anew() {
    let server = shared();
    let control = server.control();
    control.deploy("phoenix", &guest::component("log-lines"), &json!({}));
    let first = control.get("functions/phoenix").json();
    server.get("phoenix", "/").expect_status(200);
    control.log("phoenix", 3);
    let deleted = control.delete("functions/phoenix");
    assert!(matches!(deleted.status, 200 | 204), "{}", deleted.text());
    server.get("phoenix", "/").expect_error(404, "no_route");
    control.get("functions/phoenix").expect_error(404, "not_found");
    control.delete("functions/phoenix").expect_error(404, "not_found");
    let report = control.deploy("phoenix", &guest::component("hello"), &json!({}));
    assert_eq!(report["revision"], 1);
    assert_ne!(control.get("functions/phoenix").json()["id"], first["id"]);
    assert_eq!(control.log("phoenix", 0), Vec::<Value>::new());
    assert_eq!(control.invocations("phoenix", 0), Vec::<Value>::new());
    let audit = control.get("audit?limit=1000").expect_status(200).text();
    assert!(audit.contains("function.delete") && audit.contains("phoenix"), "{audit}");
}

#[test]
fn a13_deploys_at_once_give_strictly_increasing_revisions() {
    let server = Server::start();
    let env = guest::component("env");
    let deployer = |worker: usize| {
        let (control, env) = (server.control(), env.clone());
        move || {
            let mut numbers = Vec::new();
            for round in 0..4 {
                let flags = json!({ "env": { "V": format!("{worker}-{round}") } }).to_string();
                let body = multipart(&[("flags", flags.as_bytes()), ("component", &env)]);
                let answer = control.upload_request("stormy").body(body).send(control.at);
                match answer.status {
                    200 => numbers.push(answer.json()["revision"].as_u64().unwrap()),
                    _ => {
                        let busy = matches!(answer.code().as_str(), "too_many_uploads" | "busy_deploy");
                        assert!(answer.status == 429 && busy, "{answer:?}");
                    }
                }
            }
            numbers
        }
    };
    let workers: Vec<_> = (0..6).map(|worker| std::thread::spawn(deployer(worker))).collect();
    let mut all: Vec<u64> = Vec::new();
    for worker in workers {
        let numbers = worker.join().unwrap();
        assert!(numbers.is_sorted(), "{numbers:?}");
        all.extend(numbers);
    }
    let count = all.len();
    assert!(count > 0, "no deploy was taken");
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "a number was given twice");
    let active = server.control().get("functions/stormy").json()["revision"].as_u64();
    assert_eq!(active, all.last().copied(), "the last deploy wins");
}

#[test]
fn the_last_twenty_revisions_are_kept() {
    let server = shared();
    let (control, env) = (server.control(), guest::component("env"));
    for version in 1..=23 {
        control.deploy("many", &env, &json!({ "env": { "V": version.to_string() } }));
    }
    let list = control.get("functions/many/revisions").expect_status(200).json();
    let numbers: Vec<u64> =
        list["revisions"].as_array().unwrap().iter().map(|r| r["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (4..=23).rev().collect::<Vec<_>>());
    assert_eq!(list["revisions"][0]["active"], true);
    rollback(&control, "many", 4).expect_status(200);
    assert_eq!(server.get("many", "/?V").text(), "4");
    rollback(&control, "many", 3).expect_error(404, "not_found");
}

/// Components, compiled code with its seals, bundles as they came and unpacked ones: of each as many as are in use.
#[test]
fn what_no_revision_refers_to_leaves_the_disk() {
    let server = Server::start();
    let control = server.project("tidy-disk");
    let count = |folder: &str| walk(&server.data().join(folder)).len();
    let folders = ["artifacts", "assets", "unpacked", "cache"];
    let empty = folders.map(count);
    let deploy = |version: usize| {
        let component = guest::variant("hello", "hello from ostro", &format!("hello number {version:>3}"));
        let bundle = tar(&[("version.txt", version.to_string().as_bytes())]);
        let parts: &[(&str, &[u8])] = &[("flags", b"{}"), ("component", &component), ("assets", &bundle)];
        control.upload("edited", parts).expect_status(200);
    };
    (0..20).for_each(deploy);
    let full = folders.map(count);
    assert_eq!(full[..3], [empty[0] + 20, empty[1] + 20, empty[2] + 20]);
    (20..25).for_each(deploy);
    assert_eq!(folders.map(count), full);
    control.delete("functions/edited").expect_status(204);
    let functions = walk(&server.data().join("cache/functions")).len();
    assert_eq!(folders.map(count), [empty[0], empty[1], empty[2], empty[3] + functions]);
    deploy(25);
    control.delete("/v1/projects/tidy-disk").expect_status(204);
    assert_eq!(folders.map(count), empty);
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

#[test]
fn a_function_reads_its_assets_and_cannot_write_them() {
    let server = shared();
    let bundle = tar(&[("index.html", b"<p>hello</p>"), ("deep/er/file.txt", b"found")]);
    let parts: &[(&str, &[u8])] =
        &[("flags", b"{}"), ("component", &guest::component("assets")), ("assets", &bundle)];
    server.control().upload("site", parts).expect_status(200);
    for (path, status, body) in [
        ("/index.html", 200, "<p>hello</p>"),
        ("/deep/er/file.txt", 200, "found"),
        ("/none.txt", 404, ""),
        ("/write/index.html", 404, ""),
        ("/write/new.txt", 404, ""),
    ] {
        let answer = server.get("site", path);
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
    }
}

/// A tar with these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn rollback(control: &Control, name: &str, to: u32) -> crate::support::Answer {
    control.post(&format!("functions/{name}/rollback"), &json!({ "to": to }))
}
