//! The compiler without its process, and the process without its compiler.

use std::future::ready;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use uuid::Uuid;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;
use crate::registry::compile::child::compile;

/// The smallest component that handles HTTP, in form.
pub(in crate::registry) const HANDLER: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $outparam))
    (core module $m (func (export "handle") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
        (canon lift (core func $i "handle")))
    (instance $exported (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#;

const WIT: &str = "
    package wasi:http@0.2.0;
    interface types { resource incoming-request; resource response-outparam; }
    interface incoming-handler {
        use types.{incoming-request, response-outparam};
        handle: func(request: incoming-request, response-out: response-outparam);
    }
    world proxy { export incoming-handler; }";

fn core_module(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("http.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("proxy")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

#[test]
fn a_component_compiles() {
    let (compiled, code) = compile(wat::parse_str(HANDLER).unwrap()).unwrap();
    assert_eq!(compiled.kind, GuestKind::Http02);
    assert_eq!(compiled.imports, ["wasi:http/types@0.2.0"]);
    assert_eq!(compiled.exports, ["wasi:http/incoming-handler@0.2.0"]);
    assert!(!compiled.componentized);
    let again = recognise(&code).unwrap_err();
    assert!(again.message.contains("compiled code"), "{again:?}");
}

#[test]
fn the_server_loads_what_the_child_compiles() {
    use crate::instance::{EngineOptions, GuestEngine, LoadError};
    use std::io::Write as _;
    let engine = GuestEngine::new(&EngineOptions { instances: 2, max_memory_bytes: 64 << 20 }).unwrap();
    let load = |text: &str| {
        let (compiled, code) = compile(wat::parse_str(text).unwrap()).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&code).unwrap();
        engine.load(&file, compiled.kind)
    };
    load(HANDLER).unwrap();
    let unknown = HANDLER.replace("(component\n", "(component (import \"my:own/thing@1.0.0\" (instance))\n");
    let LoadError::Imports(names) = load(&unknown).unwrap_err() else { panic!("imports are missing") };
    assert_eq!(names, ["my:own/thing@1.0.0"]);
}

#[test]
fn a_core_module_with_metadata_is_made_a_component() {
    let handle = "(func (export \"wasi:http/incoming-handler@0.2.0#handle\") (param i32 i32))";
    let (compiled, _) = compile(core_module(&format!("(module {handle})"))).unwrap();
    assert!(compiled.componentized);
    assert_eq!(compiled.kind, GuestKind::Http02);
    let preview1 = "(import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32)))
        (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)";
    let (compiled, _) = compile(core_module(&format!("(module {preview1} {handle})"))).unwrap();
    assert!(compiled.imports.iter().any(|name| name.starts_with("wasi:")), "{compiled:?}");
    let missing = compile(core_module("(module)")).unwrap_err();
    assert!(missing.message.contains("can't be made a component"), "{missing:?}");
}

#[test]
fn a_preview_1_command_is_made_a_component_that_is_run() {
    let command = |imports: &str| {
        let text = format!("(module {imports} (memory (export \"memory\") 1) (func (export \"_start\")))");
        compile(wat::parse_str(text).unwrap())
    };
    for imports in ["", "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))"] {
        let (compiled, code) = command(imports).unwrap();
        assert!(compiled.componentized && !code.is_empty());
        assert_eq!(compiled.kind, GuestKind::Command);
        assert!(compiled.exports.iter().any(|name| name.starts_with("wasi:cli/run@0.2.")), "{compiled:?}");
    }
    let unknown = command("(import \"wasi_snapshot_preview1\" \"fd_teleport\" (func))").unwrap_err();
    assert!(unknown.message.contains("fd_teleport"), "{unknown:?}");
}

#[test]
fn functions_that_are_known_are_not_compiled_again() {
    let with_data = |data: &str| {
        let core = format!("(core module $m (memory 1) (data (i32.const 0) \"{data}\")");
        let text = HANDLER.replace("(core module $m", &core);
        assert_ne!(text, HANDLER);
        wat::parse_str(text).unwrap()
    };
    let first = child::compile_knowing(with_data("one"), Known::default()).unwrap();
    let counts = |output: &Output| (output.compiled.functions_compiled, output.compiled.functions_reused);
    let (functions, reused) = counts(&first);
    assert!(functions > 0 && reused == 0 && !first.functions.is_empty(), "{:?}", first.compiled);
    let known = Known { plain: first.functions.clone(), concurrent: Vec::new() };
    let second = child::compile_knowing(with_data("other"), known).unwrap();
    // Not always all: some keys of the engine depend on what else its threads have just compiled.
    let (again, known) = counts(&second);
    assert!(again + known == functions && known > functions / 2, "{again} {known} of {functions}");
    assert!(second.functions.len() < first.functions.len() / 2, "what is known is not handed back");
    let (compiled, code) = compile(with_data("other")).unwrap();
    assert_eq!(compiled.functions_compiled, functions);
    assert!(code == second.code, "the code is the same as without the cache");
    // The other lane's set is not looked at.
    let known = Known { plain: Vec::new(), concurrent: first.functions };
    assert_eq!(counts(&child::compile_knowing(with_data("one"), known).unwrap()), (functions, 0));
}

#[test]
fn the_code_of_one_lane_is_not_found_by_the_other() {
    use wasmtime::Engine;
    let shelf = Arc::new(functions::Shelf::new(Vec::new()));
    let compile_for = |lane, shelf: &Arc<functions::Shelf>| {
        let mut config = crate::instance::compile_config(lane);
        config.enable_incremental_compilation(shelf.clone()).unwrap();
        Engine::new(&config).unwrap().precompile_component(&wat::parse_str(HANDLER).unwrap()).unwrap();
    };
    compile_for(crate::instance::Lane::Plain, &shelf);
    let plain = shelf.take_added();
    assert!(!plain.is_empty());
    let concurrent = Arc::new(functions::Shelf::new(plain));
    compile_for(crate::instance::Lane::Concurrent, &concurrent);
    println!("reused {} compiled {}", concurrent.reused(), concurrent.compiled());
}

#[test]
fn a2_prefixes_are_refused() {
    let whole = wat::parse_str(HANDLER).unwrap();
    for length in 0..whole.len() {
        // What is left off a valid prefix is a custom section: names for debuggers.
        let accepted = compile(whole[..length].to_vec()).is_ok();
        assert!(!accepted || whole[length] == 0, "{length} of {}", whole.len());
    }
}

#[test]
fn an_answer_reads_back() {
    let rejected = Report::Rejected(Rejected::at(Reason::Limit, 7, "too many"));
    for report in [
        rejected,
        Report::Compiled(Compiled {
            kind: GuestKind::Http02,
            imports: vec!["a".to_owned()],
            exports: Vec::new(),
            componentized: true,
            functions_compiled: 2,
            functions_reused: 3,
        }),
    ] {
        let text = serde_json::to_vec(&report).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&text).unwrap(), report);
    }
}

/// Stands in for the compiler: a script.
async fn with_script(script: &str, wall: Duration) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("compiler");
    std::fs::write(&exe, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o700)).unwrap();
    let compiler = Compiler::new(exe, CompileLimits { wall, ..CompileLimits::default() });
    let wasm = Bytes::from_static(b"\0asm\x0d\0\x01\0");
    compiler.compile(ProjectId(Uuid::nil()), wasm, ready(Known::default())).await.unwrap_err()
}

#[tokio::test]
async fn a5_the_end_of_a_child_is_named() {
    let long = Duration::from_secs(30);
    for (script, code, word) in [
        ("kill -XCPU $$", "compile_limit", "CPU time"),
        ("kill -KILL $$", "compile_limit", "CPU time or memory"),
        ("echo 'memory allocation of 7 bytes failed' >&2; kill -ABRT $$", "compile_limit", "its memory"),
        ("kill -SEGV $$", "compile_failed", "the compiler failed"),
        ("exit 3", "compile_failed", "the compiler failed"),
        ("exit 0", "compile_failed", "the compiler failed"),
        ("printf 'not a report at all'", "compile_failed", "the compiler failed"),
    ] {
        let problem = with_script(script, long).await;
        assert_eq!((problem.status.as_u16(), problem.code), (422, code), "{script}");
        assert!(problem.message.contains(word), "{script}: {}", problem.message);
    }
    let slow = with_script("exec /bin/sleep 60", Duration::from_millis(200)).await;
    assert_eq!(slow.code, "compile_limit");
    assert!(slow.message.contains("took longer"), "{}", slow.message);
}

#[tokio::test]
async fn what_is_clearly_wrong_starts_no_child() {
    let compiler = Compiler::new(PathBuf::from("/nowhere/compiler"), CompileLimits::default());
    let project = ProjectId(Uuid::nil());
    let problem = compiler
        .compile(project, Bytes::from_static(b"(module)"), ready(Known::default()))
        .await
        .unwrap_err();
    assert_eq!(problem.code, "invalid_component");
    let problem = compiler
        .compile(project, Bytes::from_static(b"\0asm\x0d\0\x01\0"), ready(Known::default()))
        .await
        .unwrap_err();
    assert_eq!(problem.code, "internal");
}
