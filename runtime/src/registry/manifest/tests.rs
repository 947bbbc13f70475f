//! Tables of good and bad manifests.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Manifest, ManifestError> {
    parse(text, &Ceilings::default())
}

#[test]
fn a_full_manifest() {
    let manifest = read(
        r#"
manifest = 1

[project]
name = "shop"

[function.guestbook]
source = "target/guestbook.wasm"
build = "cargo build"
routes = ["/guestbook", { path = "/guestbook/{id}", methods = ["post"], auth = "none" }]
auth = "none"
reuse = 100
on_disconnect = "cancel"
limits = { memory = "64MiB", cpu = "2s", wall = "500ms", concurrency = 8, request_body = "1MiB" }
grants = ["http:https://api.example.com", "secret:SMTP_PASSWORD"]
env = { GREETING = "hello" }
assets = "public"

[function.plain]
"#,
    )
    .unwrap();
    assert_eq!(manifest.project.as_deref(), Some("shop"));
    assert_eq!(manifest.functions["plain"], FunctionSettings::default());
    let book = &manifest.functions["guestbook"];
    assert_eq!(book.source.as_deref(), Some("target/guestbook.wasm"));
    assert_eq!(book.routes[1].methods, ["POST"]);
    assert_eq!(book.limits.memory_bytes, 64 << 20);
    assert_eq!(book.limits.wall_ms, 500);
    assert_eq!(book.limits.stream_idle_ms, Limits::default().stream_idle_ms);
    assert_eq!((book.reuse, book.on_disconnect), (100, OnDisconnect::Cancel));
    assert_eq!(book.env["GREETING"], "hello");
    assert_eq!(book.assets.as_deref(), Some("public"));
}

/// Text, line, column, a part of the message, a part of the hint.
#[test]
fn refusals_name_their_place() {
    for (text, line, column, message, hint) in [
        ("manifest = 2", 1, 12, "version 2", "manifest = 1"),
        ("manifest = 'x'", 1, 12, "whole number, not a string", ""),
        ("manifest = ", 1, 12, "", ""),
        ("\n  nme = 1", 2, 3, "unknown key `nme`", "known here"),
        ("projct = 1", 1, 1, "unknown key `projct`", "`project`"),
        ("[project]\nname = 'A'", 2, 8, "not a project name", ""),
        ("[function.a--b]", 1, 11, "not a function name", ""),
        ("function = 3", 1, 12, "`function` has to be a table", ""),
        ("[function.a]\nsource = 'app.js'", 2, 10, "JavaScript comes in a later", ".wasm"),
        ("[function.a]\nsauce = 'a'", 2, 1, "unknown key `function.a.sauce`", "`source`"),
        ("[function.a]\ncron = []", 2, 1, "cron schedules comes in a later", "remove `cron`"),
        ("[function.a]\nqueues = []", 2, 1, "later", ""),
        ("[function.a]\nevents = []", 2, 1, "later", ""),
        ("[function.a]\njobs = {}", 2, 1, "later", ""),
        ("[function.a]\nargs = []", 2, 1, "later", ""),
        ("[function.a]\nauth = 'required'", 2, 8, "later", "none"),
        ("[function.a]\nauth = 'maybe'", 2, 8, "unknown auth mode", "none"),
        ("[collection.x]", 1, 2, "documents comes in a later", ""),
        ("[bucket.x]", 1, 2, "later", ""),
        ("[queue.x]", 1, 2, "later", ""),
        ("[kv.x]", 1, 2, "later", ""),
        ("[target.x]", 1, 2, "later", ""),
        ("[function.a]\nroutes = ['a']", 2, 11, "must begin with `/`", ""),
        ("[function.a]\nroutes = ['/a', '/a']", 2, 17, "stands twice", ""),
        ("[function.a]\nroutes = [{ methods = [] }]", 2, 11, "no `path`", ""),
        ("[function.a]\nroutes = [{ path = '/x', method = 'GET' }]", 2, 26, "unknown key", "`methods`"),
        ("[function.a]\nroutes = [{ path = '/x', auth = 'required' }]", 2, 33, "later", ""),
        ("[function.a]\nroutes = [7]", 2, 11, "not a whole number", ""),
        ("[function.a]\nroutes = '/a'", 2, 10, "an array, not a string", ""),
        ("[function.a]\nlimits = { memory = 5 }", 2, 21, "needs a unit", "128MiB"),
        ("[function.a]\nlimits = { memory = '5 potatoes' }", 2, 21, "not a size", ""),
        ("[function.a]\nlimits = { memory = '1KiB' }", 2, 21, "at least 64KiB", ""),
        ("[function.a]\nlimits = { memory = '2GiB' }", 2, 21, "this server allows 1GiB", ""),
        ("[function.a]\nlimits = { cpu = '5x' }", 2, 18, "not a duration", ""),
        ("[function.a]\nlimits = { concurrency = -1 }", 2, 26, "positive", ""),
        ("[function.a]\nlimits = { concurrency = 0 }", 2, 26, "at least 1", ""),
        ("[function.a]\nlimits = { mem = '1MiB' }", 2, 12, "unknown key", "known here"),
        ("[function.a]\nreuse = 0", 2, 9, "`reuse` is a number from 1", ""),
        ("[function.a]\non_disconnect = 'run'", 2, 17, "unknown on_disconnect", "cancel"),
        ("[function.a]\nenv = { A = 1 }", 2, 13, "a string, not a whole number", ""),
        ("[function.a]\nenv = { 'A=B' = 'x' }", 2, 9, "name of a variable", ""),
        ("[function.a]\ngrants = ['fly:moon']", 2, 11, "fly:moon", ""),
        ("[function.a]\ngrants = ['kv:sessions']", 2, 11, "kv", ""),
        ("# ü\n[function.a]\nenv = { Ü = 'é', B = 2 }", 3, 9, "", ""),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.hint.unwrap_or_default().contains(hint), "{text}");
    }
}

#[test]
fn deep_nesting_and_size_are_bounded() {
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(read(&deep).is_err());
    let dotted = format!("{}b = 1", "a.".repeat(50_000));
    assert!(read(&dotted).is_err());
    assert!(read(&"#".repeat(MAX_BYTES + 1)).is_err());
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn never_panics_near_the_truth(
        key in "(source|routes|limits|grants|env|reuse|auth|assets|cron)",
        value in "(\"[ -~]{0,12}\"|-?[0-9]{1,20}|\\[.{0,8}\\]|\\{ ?[a-z]{1,6} = (1|\"x\") ?\\}|true|1.5)",
    ) {
        let _ = read(&format!("[function.a]\n{key} = {value}\n"));
    }
}
