//! A site by `ostro deploy`, `ostro site` and `ostro dev`.

use std::time::Duration;

use serde_json::json;

use super::{get, request};
use crate::guest;
use crate::support::Request;
use crate::support::dev::Project;
use crate::support::terminal::Terminal;

/// A page with accounts, rules and what keeps data needs no function.
#[test]
fn a_site_has_accounts_and_rules_without_a_function() {
    let terminal = Terminal::in_project("site-alone");
    terminal.write("public/index.html", "one");
    let manifest = "manifest = 1\n[site]\nfolder = 'public'\n[auth]\nanonymous = true\n\
         [collection.notes]\nrules = { read = 'owner == auth.user', create = 'auth.user != null' }\n\
         owner = 'owner'\n[bucket.files]\n[kv.words]\n[queue.mail]\n";
    terminal.write("ostro.toml", manifest);
    let (_, words) = terminal.run("deploy --dry-run", 0);
    assert!(!words.contains("declared"), "{words}");
    let post = |path: &str, token: Option<&str>, body: &str| {
        let request = Request::new("POST", path, "site-alone.localhost");
        let request = request.header("content-type", "application/json").body(body);
        let bearer = token.map(|token| format!("Bearer {token}"));
        let request = match &bearer {
            Some(bearer) => request.header("authorization", bearer),
            None => request,
        };
        request.send(terminal.server.listen)
    };
    assert_eq!(post("/_ostro/v1/auth/anonymous", None, "{}").status, 404);
    let (_, words) = terminal.run("deploy", 0);
    let said = "declared accounts; collection notes; bucket files; namespace words; queue mail";
    assert!(words.contains(said), "{words}");
    assert_eq!(get(&terminal.server, "site-alone", "/").text(), "one");

    let signed_in = post("/_ostro/v1/auth/anonymous", None, "{}");
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    let token = signed_in.json()["access_token"].as_str().unwrap().to_owned();
    let note = post("/_ostro/v1/db/notes/insert", Some(&token), r#"{"documents": [{"text": "one"}]}"#);
    assert_eq!(note.status, 200, "{}", note.text());
    assert_eq!(post("/_ostro/v1/db/notes/find", None, "{}").status, 403, "nobody sees what is not theirs");

    // What is not in it any more is not open any more; what was kept stays.
    terminal.write("ostro.toml", "manifest = 1\n[site]\nfolder = 'public'\n[collection.notes]\n");
    let (_, words) = terminal.run("deploy", 0);
    assert!(words.contains("declared collection notes"), "{words}");
    assert_eq!(post("/_ostro/v1/db/notes/find", Some(&token), "{}").status, 403);
    let (kept, _) = terminal.run("db count notes", 0);
    assert_eq!(kept.trim(), "1");

    terminal.write("ostro.toml", "manifest = 1\n[collection.notes]\nindexes = [['a'], ['a']]\n");
    let (_, words) = terminal.run("deploy", 1);
    assert!(words.contains("ostro.toml:3"), "the place of the fault is shown: {words}");
    terminal.write("ostro.toml", "manifest = 1\n");
    let (_, words) = terminal.run("deploy", 1);
    assert!(words.contains("deploys nothing"), "{words}");
}

#[test]
fn a_folder_is_deployed_shown_and_taken_back() {
    let terminal = Terminal::in_project("site-cli");
    terminal.write("ostro.toml", "manifest = 1\n[site]\nfolder = 'public'\nnot_found = '404.html'\n");
    let (_, words) = terminal.run("deploy", 1);
    assert!(words.contains("public, does not exist"), "{words}");
    terminal.write("public/index.html", "one");
    terminal.write("public/404.html", "gone");
    terminal.write("public/assets/app.js", "let a = 1;\n".repeat(200));
    terminal.write("public/.env", "SECRET=1");
    let (plan, _) = terminal.run("deploy --dry-run", 0);
    assert!(plan.contains("the site from ") && plan.ends_with("public\n"), "{plan}");
    let (url, words) = terminal.run("deploy", 0);
    assert!(url.starts_with("http://site-cli.localhost:") && url.ends_with("/\n"), "{url}");
    for part in
        ["left out of the site: .env (hidden)", "sending 3 files", "deployed the site: version 1 (3 files"]
    {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
    let server = &terminal.server;
    assert_eq!(get(server, "site-cli", "/").text(), "one");
    assert_eq!(get(server, "site-cli", "/.env").text(), "gone");
    let script = request(server, "site-cli", "GET", "/assets/app.js").header("accept-encoding", "br");
    assert_eq!(script.send(server.listen).header("content-encoding"), Some("br"));

    assert!(terminal.run("deploy", 0).1.contains("unchanged: the site, version 1"));
    terminal.write("public/index.html", "two");
    let (_, words) = terminal.run("deploy", 0);
    assert!(words.contains("sending 1 file of") && words.contains("version 2"), "{words}");
    terminal.write("public/index.html", "three");
    let told = terminal.json("deploy");
    assert_eq!((&told["site"]["version"], &told["site"]["files"]), (&json!(3), &json!(3)));
    assert_eq!(told["deployed"], json!([]));

    let (table, words) = terminal.run("site show", 0);
    assert!(words.contains("version 3 answers at http://site-cli.localhost"), "{words}");
    assert_eq!((table.lines().count(), table.matches("active").count()), (4, 1), "{table}");
    assert!(terminal.run("site rollback", 0).1.contains("back to version 2, 3 files"));
    assert_eq!(get(server, "site-cli", "/").text(), "two");
    assert!(terminal.run("site rollback --to 1", 0).1.contains("version 1"));
    assert_eq!(get(server, "site-cli", "/").text(), "one");
    let actions = terminal.run("audit", 0).0;
    assert!(actions.contains("site.deploy") && actions.contains("site.rollback"), "{actions}");
    assert!(terminal.run("site delete", 0).1.contains("deleted the site of project site-cli"));
    assert!(terminal.run("site show", 1).1.contains("[site] in ostro.toml"));
    get(server, "site-cli", "/").expect_error(404, "no_route");
}

#[test]
fn a_site_comes_after_the_functions_and_not_with_one_of_them() {
    let terminal = Terminal::in_project("site-beside");
    let manifest =
        "[site]\nfolder = 'public'\n[function.hello]\nsource = 'hello.wasm'\nroutes = ['/hello']\n";
    terminal.write("ostro.toml", manifest);
    terminal.write("hello.wasm", guest::component("hello"));
    terminal.write("public/index.html", "page");
    terminal.run("deploy --function hello", 0);
    terminal.run("site show", 1);
    let (urls, _) = terminal.run("deploy", 0);
    let site = format!("http://site-beside.localhost:{}/", terminal.server.listen.port());
    assert_eq!(urls.lines().last(), Some(site.as_str()), "{urls}");
    assert_eq!(get(&terminal.server, "site-beside", "/").text(), "page");
    assert_eq!(get(&terminal.server, "site-beside", "/hello").text(), "hello from ostro\n");
    // The manifest of a function alone leaves the site as it is.
    terminal.write("ostro.toml", manifest.replace("[site]\nfolder = 'public'\n", ""));
    terminal.run("deploy", 0);
    assert_eq!(get(&terminal.server, "site-beside", "/").text(), "page");
}

#[test]
fn what_is_edited_is_served_at_once_and_kept_by_nobody() {
    let manifest = "manifest = 1\n[site]\nfolder = 'public'\n[function.f]\nsource = 'f.wasm'\n";
    let page = "<p>one</p>".repeat(500);
    let project = Project::new(&[
        ("ostro.toml", manifest.as_bytes()),
        ("f.wasm", &guest::component("hello")),
        ("public/index.html", page.as_bytes()),
        ("public/app.js", b"one"),
    ]);
    let dev = project.develop();
    let first = dev.event("site");
    assert_eq!((&first["files"], &first["outcome"]), (&json!(2), &json!("created")), "{first}");
    let ask = |path: &str| {
        Request::new("GET", path, "localhost").header("accept-encoding", "br, gzip").send(dev.listen)
    };
    for path in ["/", "/app.js"] {
        let answer = ask(path).expect_status(200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
    }
    project.write("public/app.js", "two");
    dev.event("site");
    assert_eq!(ask("/app.js").text(), "two");
    project.write("public/new/page.html", "new");
    dev.event_where("site", |event| event["files"] == 3);
    assert_eq!(ask("/new/page.html").text(), "new");
    std::fs::remove_file(project.path().join("public/app.js")).unwrap();
    dev.event_where("site", |event| event["files"] == 2);
    ask("/app.js").expect_error(404, "no_route");
    let deployed = dev.all("deployed", Duration::from_millis(100));
    assert_eq!(deployed.len(), 1, "an edited page is no reason to deploy a function");

    project.edit("ostro.toml", "folder = 'public'", "folder = 'nowhere'");
    let wrong = dev.event_of("error", "the site");
    assert!(wrong["message"].as_str().unwrap().contains("nowhere, does not exist"), "{wrong}");
    project.edit("ostro.toml", "[site]\nfolder = 'nowhere'\n", "");
    dev.event_of("removed", "the site");
    ask("/").expect_error(404, "no_route");
    dev.quit();
}
