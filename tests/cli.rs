//! The command line: data on standard output, words on standard error, exit codes 0, 1 and 2.

use serde_json::Value;

use crate::support::guest;
use crate::support::terminal::{Terminal, texts};

#[test]
fn the_life_of_a_function() {
    let terminal = Terminal::open();
    terminal.write("tour.wasm", guest::component("hello"));
    let (urls, _) = terminal.run("deploy tour.wasm", 0);
    assert!(urls.contains("http://tour.localhost"), "{urls}");
    terminal.write("next.wasm", guest::variant("hello", "hello from ostro", "good day to you!"));
    terminal.run("deploy next.wasm --name tour --env GREETING=hi --route /tour-cli --memory 64MiB", 0);
    assert_eq!(terminal.run("invoke tour", 0).0, "good day to you!\n");
    let (shown, _) = terminal.run("show tour", 0);
    assert!(shown.contains("/tour-cli") && shown.contains("64"), "{shown}");
    assert!(terminal.run("list", 0).0.contains("tour"));
    assert!(terminal.json("list").to_string().contains("\"tour\""));
    assert_eq!(terminal.json("revisions tour")["revisions"].as_array().map(Vec::len), Some(2));
    terminal.run("rollback tour", 0);
    assert_eq!(terminal.run("invoke tour", 0).0, "hello from ostro\n");
    terminal.run("rollback tour --to 2", 0);
    assert_eq!(terminal.server.get("tour", "/").text(), "good day to you!\n");
    assert!(terminal.run("invocations tour", 0).0.contains("ok"));
    let (_, words) = terminal.run("rollback tour --to 77", 1);
    assert!(words.contains("77"), "{words}");
    terminal.run("delete tour", 0);
    let (out, words) = terminal.run("show tour", 1);
    assert!(out.is_empty() && words.contains("tour"), "{out} {words}");
}

#[test]
fn invoke_passes_method_path_and_data() {
    let terminal = Terminal::open();
    terminal.write("mirror.wasm", guest::component("echo-request"));
    terminal.write("count.wasm", guest::component("count-body"));
    terminal.write("fails.wasm", guest::component("trap"));
    terminal.write("data.bin", [7_u8; 3000]);
    for name in ["mirror", "count", "fails"] {
        terminal.run(&format!("deploy {name}.wasm --name cli-{name}"), 0);
    }
    assert!(terminal.run("invoke cli-mirror --path /a?b=c -X DELETE", 0).0.starts_with("DELETE /a?b=c\n"));
    assert!(terminal.run("invoke cli-mirror", 0).0.starts_with("GET /\n"));
    assert_eq!(terminal.run("invoke cli-count --data four", 0).0, "4");
    assert_eq!(terminal.run("invoke cli-count --data @data.bin", 0).0, "3000");
    assert_eq!(terminal.feed("invoke cli-count --data -", b"from stdin").0, "10");
    assert!(terminal.run("invoke cli-fails", 1).0.contains("trap"));
}

#[test]
fn invoke_calls_by_name() {
    let terminal = Terminal::open();
    terminal.write("mirror.wasm", guest::component("echo-request"));
    terminal.write("echo.wasm", guest::component("echo-body"));
    terminal.write("fails.wasm", guest::component("trap"));
    terminal.write("event.json", "[1,2]");
    for name in ["mirror", "echo", "fails"] {
        terminal.run(&format!("deploy {name}.wasm --name named-{name}"), 0);
    }
    let (seen, _) = terminal.run("invoke named-mirror --call {}", 0);
    assert!(seen.starts_with("POST /_ostro/invoke\n"), "{seen}");
    assert!(seen.contains("\ncontent-type: application/json\n"), "{seen}");
    assert_eq!(terminal.run("invoke named-echo --call {\"of\":\"tea\"}", 0).0, "{\"of\":\"tea\"}");
    assert_eq!(terminal.run("invoke named-echo --call @event.json", 0).0, "[1,2]");
    assert_eq!(terminal.feed("invoke named-echo --call -", b"null").0, "null");
    assert!(terminal.run("invoke named-fails --call {}", 1).0.contains("trap"));
    let (_, words) = terminal.run("invoke named-echo --call tea", 2);
    assert!(words.contains("JSON"), "{words}");
    terminal.run("invoke named-echo --call {} --path /x", 2);
}

#[test]
fn flags_name_resources() {
    let terminal = Terminal::open();
    terminal.write("about.wasm", guest::component("about"));
    let (_, words) = terminal.run("deploy about.wasm --name cli-about --binding MAIL=queue:cli-mail", 1);
    assert!(words.contains("\"queue:cli-mail:send\""), "{words}");
    terminal.run(
        "deploy about.wasm --name cli-about --binding MAIL=queue:cli-mail --grant queue:cli-mail:send",
        0,
    );
    let (shown, _) = terminal.run("show cli-about", 0);
    for line in ["kind        http-0.2", "grant       queue:cli-mail:send", "binding     MAIL=queue:cli-mail"]
    {
        assert!(shown.contains(line), "no {line:?} in {shown}");
    }
    let report = terminal.json("deploy about.wasm --name cli-about --reuse 5");
    assert_eq!(report["deployed"][0]["kind"], "http-0.2");
    assert!(terminal.run("show cli-about", 0).0.contains("up to 5 invocations, one after the other"));
    let (_, words) = terminal.run("deploy about.wasm --name cli-about --concurrent 2", 1);
    assert!(words.contains("WASI 0.3") && words.contains("http-0.2"), "{words}");
    assert!(terminal.run("deploy about.wasm --name cli-about --arg -v", 1).1.contains("commands"));
    terminal.run("deploy about.wasm --name cli-about --binding MAIL", 2);
}

#[test]
fn a_manifest_deploys_a_folder() {
    let terminal = Terminal::open();
    terminal.write("site/app.wasm", guest::component("assets"));
    terminal.write("site/public/index.html", "<h1>manifest</h1>");
    terminal.write(
        "site/ostro.toml",
        "manifest = 1\n[function.cli-site]\nsource = \"app.wasm\"\nassets = \"public\"\n",
    );
    terminal.run("deploy site", 0);
    assert_eq!(terminal.server.get("cli-site", "/index.html").text(), "<h1>manifest</h1>");
    terminal.write("site/ostro.toml", "manifest = 1\n[function.cli-site]\nsourcee = \"app.wasm\"\n");
    let (_, words) = terminal.run("deploy site", 1);
    assert!(words.contains("ostro.toml") && words.contains('3') && words.contains("sourcee"), "{words}");
}

#[test]
fn logs_are_shown_without_escapes() {
    let terminal = Terminal::open();
    terminal.write("noisy.wasm", guest::component("log-lines"));
    terminal.run("deploy noisy.wasm --name cli-noisy", 0);
    terminal.run("invoke cli-noisy", 0);
    terminal.server.control().log("cli-noisy", 3);
    let (out, _) = terminal.run("logs cli-noisy", 0);
    assert!(out.contains("a line on stdout"), "{out}");
    assert!(!out.contains('\u{1b}') && !out.contains('\0'), "raw escapes reach the terminal: {out:?}");
    let (out, _) = terminal.run("logs cli-noisy --json --since 10m --limit 1", 0);
    let line: Value = serde_json::from_str(out.trim()).unwrap();
    assert!(line["message"].is_string(), "{out}");
}

#[test]
fn projects_tokens_and_secrets() {
    let terminal = Terminal::open();
    terminal.run("project create cli-shop", 0);
    assert!(terminal.run("project list", 0).0.contains("cli-shop"));
    terminal.run("project create cli-shop", 1);
    terminal.feed("--project cli-shop secret set PASSWORD", b"from stdin\n");
    terminal.write("reads.wasm", guest::component("secret"));
    terminal.run("deploy reads.wasm --project cli-shop --grant secret:PASSWORD", 0);
    assert_eq!(terminal.run("invoke reads --project cli-shop --path /?PASSWORD", 0).0, "from stdin");
    let (list, _) = terminal.run("secret list --project cli-shop", 0);
    assert!(list.contains("PASSWORD") && !list.contains("from stdin"), "{list}");
    let token = terminal.json("token create --label ci --scope read --project cli-shop");
    let text = token["token"].as_str().unwrap();
    let read = terminal.command("list --project cli-shop").env("OSTRO_TOKEN", text).output().unwrap();
    assert!(texts("list", 0, &read).0.contains("reads"));
    let write =
        terminal.command("delete reads --project cli-shop").env("OSTRO_TOKEN", text).output().unwrap();
    texts("delete", 1, &write);
    terminal.run(&format!("token revoke {} --project cli-shop", token["prefix"].as_str().unwrap()), 0);
    let gone = terminal.command("list --project cli-shop").env("OSTRO_TOKEN", text).output().unwrap();
    texts("list", 1, &gone);
    terminal.run("project delete cli-shop --yes", 0);
    assert!(!terminal.run("project list", 0).0.contains("cli-shop"));
}

#[test]
fn the_first_start_leaves_a_connection_for_its_user() {
    let terminal = Terminal::open();
    // The server's own user, without an address and a token.
    let output = terminal.server.cli().args(["project", "list"]).output().unwrap();
    assert!(texts("project list", 0, &output).0.contains("default"));
}

#[test]
fn wrong_use_wrong_token_and_nobody_there() {
    let terminal = Terminal::open();
    for line in ["nonsense", "show", "deploy --env NOVALUE x.wasm", "list --colour", "rollback x --to zero"] {
        let (out, words) = terminal.run(line, 2);
        assert!(out.is_empty() && !words.is_empty(), "{line}: {out}");
    }
    for line in ["show no-such-function", "deploy no-such-file.wasm", "logs no-such-function"] {
        let (out, words) = terminal.run(line, 1);
        assert!(out.is_empty() && words.contains("no-such"), "{line}: {out} {words}");
    }
    terminal.write("bad.wasm", "this is no component");
    let (out, words) = terminal.run("deploy bad.wasm", 1);
    assert!(out.is_empty() && !words.is_empty(), "{out} {words}");
    let output = terminal.command("list").env("OSTRO_TOKEN", "ostro_aaaaaaaa_bbbb").output().unwrap();
    texts("list", 1, &output);
    let output = terminal.command("list").env("OSTRO_URL", "http://127.0.0.1:1").output().unwrap();
    let (_, words) = texts("list", 1, &output);
    assert!(words.contains("127.0.0.1:1"), "{words}");
    // A token is not sent in the clear to another machine.
    let output = terminal.command("list").env("OSTRO_URL", "http://192.0.2.1:8701").output().unwrap();
    let (_, words) = texts("list", 2, &output);
    assert!(words.contains("--insecure"), "{words}");
}
