//! Static sites: what is served where, in which form, and for how long.

mod commands;

use std::io::Read as _;

use serde_json::json;

use crate::guest;
use crate::support::site::{Files, digest, tar_of};
use crate::support::{Answer, Connection, Control, Request, Server, shared};

const PAGE: &[u8] = b"<!doctype html><title>home</title>";

/// A request for a path of a project's own host.
fn request(server: &Server, project: &str, method: &str, path: &str) -> Request {
    Request::new(method, path, &format!("{project}.localhost:{}", server.listen.port()))
}

fn get(server: &Server, project: &str, path: &str) -> Answer {
    request(server, project, "GET", path).send(server.listen)
}

/// A project with a site.
fn site(server: &Server, name: &str, settings: &str, files: &Files<'_>) -> Control {
    let project = server.project(name);
    project.publish(settings, files);
    project
}

#[test]
fn files_are_served_with_type_tag_and_cache() {
    let server = shared();
    let script = b"export {}";
    let files: &Files<'_> = &[
        ("index.html", PAGE),
        ("assets/app.js", script),
        ("docs/index.html", b"docs"),
        ("data.unknown", b"?"),
        (".well-known/security.txt", b"Contact: x"),
    ];
    let settings = "cache = [{ path = '/assets/*', value = 'public, max-age=31536000, immutable' }]\n\
        headers = [{ path = '/*', name = 'X-Frame-Options', value = 'DENY' }, { path = '/docs/*', name = 'x-docs', value = '1' }]";
    site(&server, "site-files", settings, files);
    for (path, content, media_type, cache) in [
        ("/", PAGE, "text/html; charset=utf-8", "no-cache"),
        ("/index.html?x=1", PAGE, "text/html; charset=utf-8", "no-cache"),
        ("/assets/app.js", script, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/docs/", b"docs", "text/html; charset=utf-8", "no-cache"),
        ("/data.unknown", b"?", "application/octet-stream", "public, max-age=3600"),
        ("/.well-known/security.txt", b"Contact: x", "text/plain; charset=utf-8", "public, max-age=3600"),
    ] {
        let answer = get(&server, "site-files", path).expect_status(200);
        assert_eq!(answer.body, content, "{path}");
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        assert_eq!(answer.header("etag"), Some(format!("\"{}\"", digest(content)).as_str()), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("x-docs").is_some(), path.starts_with("/docs"), "{path}");
        assert_eq!(answer.header("vary"), None, "{path}: there is one form of it");
    }
    let head = request(&server, "site-files", "HEAD", "/").send(server.listen).expect_status(200);
    assert_eq!((head.body.len(), head.header("content-length")), (0, Some("34")));

    let moved = get(&server, "site-files", "/docs?a=b").expect_status(308);
    assert_eq!(moved.header("location"), Some("/docs/?a=b"));
    get(&server, "site-files", "/nothing").expect_error(404, "no_route");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let refused = request(&server, "site-files", method, "/").send(server.listen);
        refused.expect_error(405, "method");
        assert_eq!(refused.header("allow"), Some("GET, HEAD"));
        request(&server, "site-files", method, "/nothing").send(server.listen).expect_error(404, "no_route");
    }
}

#[test]
fn d15_conditions_and_ranges() {
    let server = shared();
    let large: Vec<u8> = (0..300_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (ten, tag) = (b"0123456789", format!("\"{}\"", digest(b"0123456789")));
    site(&server, "site-ranges", "", &[("index.html", PAGE), ("ten.bin", ten), ("large.bin", &large)]);
    let ask = |path: &str, headers: &[(&str, &str)]| {
        let request = request(&server, "site-ranges", "GET", path);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send(server.listen)
    };
    for tags in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let same = ask("/ten.bin", &[("if-none-match", &tags), ("range", "bytes=0-1")]).expect_status(304);
        assert!(same.body.is_empty(), "{tags}");
        assert_eq!(same.header("etag"), Some(tag.as_str()));
        assert_eq!(same.header("cache-control"), Some("public, max-age=3600"));
    }
    ask("/ten.bin", &[("if-none-match", "\"x\"")]).expect_status(200);
    for (range, status, content_range, body) in [
        ("bytes=0-3", 206, Some("bytes 0-3/10"), "0123"),
        ("bytes=-2", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=8-99", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=10-", 416, Some("bytes */10"), ""),
        ("bytes=5-4", 200, None, "0123456789"),
        ("bytes=-1-2", 200, None, "0123456789"),
        ("bytes=0-9,0-9", 200, None, "0123456789"),
        ("lines=0-1", 200, None, "0123456789"),
    ] {
        let answer = ask("/ten.bin", &[("range", range)]);
        assert_eq!((answer.status, answer.header("content-range")), (status, content_range), "{range}");
        assert_eq!(answer.text(), body, "{range}");
    }
    let thousand = (0..1_000).map(|_| "0-0").collect::<Vec<_>>().join(",");
    assert_eq!(ask("/ten.bin", &[("range", &format!("bytes={thousand}"))]).text(), "0123456789");
    let two = ask("/ten.bin", &[("range", "bytes=0-0,9-9")]).expect_status(206);
    assert!(two.header("content-type").unwrap().starts_with("multipart/byteranges"), "{:?}", two.headers);
    let changed = ask("/ten.bin", &[("range", "bytes=0-0"), ("if-range", "\"x\"")]).expect_status(200);
    assert_eq!(changed.body, ten);
    ask("/ten.bin", &[("range", "bytes=0-0"), ("if-range", &tag)]).expect_status(206);
    assert_eq!(ask("/large.bin", &[]).body, large);
    let part = ask("/large.bin", &[("range", "bytes=100000-299999")]).expect_status(206);
    assert_eq!(part.body, large[100_000..]);
}

#[test]
fn texts_go_out_compressed_to_whoever_takes_it() {
    let server = shared();
    let text = "<p>the same again and again</p>\n".repeat(500);
    let noise: Vec<u8> = (0..5_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let files: &Files<'_> = &[("index.html", text.as_bytes()), ("small.css", b"a{}"), ("noise.png", &noise)];
    site(&server, "site-short", "", files);
    let ask = |path: &str, accepted: &str, more: &[(&str, &str)]| {
        let request = request(&server, "site-short", "GET", path).header("accept-encoding", accepted);
        more.iter().fold(request, |request, (name, value)| request.header(name, value)).send(server.listen)
    };
    let mut tags = Vec::new();
    for (accepted, coding) in
        [("gzip, br", Some("br")), ("gzip", Some("gzip")), ("br;q=0, gzip", Some("gzip")), ("identity", None)]
    {
        let answer = ask("/", accepted, &[]).expect_status(200);
        assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"), "{accepted}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let tag = answer.header("etag").unwrap().to_owned();
        assert_eq!(tag, format!("\"{}\"", digest(&answer.body)), "a strong tag is of these bytes");
        ask("/", accepted, &[("if-none-match", &tag)]).expect_status(304);
        match coding {
            Some(_) => assert!(answer.body.len() < text.len() / 10, "{accepted}: {}", answer.body.len()),
            None => assert_eq!(answer.text(), text),
        }
        if coding == Some("gzip") {
            let mut read = String::new();
            flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_string(&mut read).unwrap();
            assert_eq!(read, text);
        }
        tags.push(tag);
    }
    assert!(tags[0] != tags[1] && tags[1] == tags[2] && tags[2] != tags[3], "{tags:?}");
    // A range is of the file as it is, whatever else is taken.
    let part = ask("/", "br", &[("range", "bytes=0-2")]).expect_status(206);
    assert_eq!((part.text().as_str(), part.header("content-encoding")), ("<p>", None));
    let other = ask("/", "br", &[("range", "bytes=0-2"), ("if-range", &tags[0])]).expect_status(200);
    assert_eq!((other.text(), other.header("content-encoding")), (text, None));
    for path in ["/small.css", "/noise.png"] {
        let answer = ask(path, "br, gzip", &[]).expect_status(200);
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None), "{path}");
    }
}

#[test]
fn pages_stand_in_for_what_is_not_there() {
    let server = shared();
    let files: &Files<'_> = &[("index.html", PAGE), ("404.html", b"gone"), ("a.js", b"1")];
    let settings = "fallback = 'index.html'\nnot_found = '404.html'\n\
        cache = [{ path = '/*', value = 'public, max-age=9' }]";
    site(&server, "site-spa", settings, files);
    let ask = |method: &str, path: &str, accept: &str| {
        request(&server, "site-spa", method, path).header("accept", accept).send(server.listen)
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = ask("GET", "/users/7", browser).expect_status(200);
    assert_eq!((page.body.as_slice(), page.header("cache-control")), (PAGE, Some("public, max-age=9")));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("accept"), "a cache must not hand it to a script");
    assert_eq!(ask("GET", "/", browser).header("vary"), None);
    ask("HEAD", "/users/7", browser).expect_status(200);
    for accept in ["*/*", "application/json"] {
        let missing = ask("GET", "/old.js", accept).expect_status(404);
        assert_eq!((missing.text().as_str(), missing.header("etag")), ("gone", None), "{accept}");
        assert_eq!(
            (missing.header("cache-control"), missing.header("vary")),
            (Some("no-cache"), Some("accept"))
        );
    }
    let part =
        request(&server, "site-spa", "GET", "/old.js").header("range", "bytes=0-0").send(server.listen);
    assert_eq!((part.status, part.text().as_str()), (404, "gone"));
    ask("POST", "/users/7", browser).expect_error(404, "no_route");
    assert_eq!(ask("GET", "/a.js", browser).text(), "1");
    // What the platform has is not the site's.
    ask("GET", "/_ostro/x", browser).expect_error(404, "no_route");
}

/// Kept versions have hosts of their own while the active one says so, and at no other time.
#[test]
fn d9_versions_have_hosts_where_the_active_one_says_so() {
    let server = shared();
    let on = "previews = true";
    let project = site(&server, "site-previews", "", &[("index.html", b"one")]);
    get(&server, "1--site-previews", "/").expect_error(404, "no_route");
    project.publish(on, &[("index.html", b"two"), ("a.txt", b"a")]);
    for (host, path, text) in [
        ("1--site-previews", "/", "one"),
        ("2--site-previews", "/", "two"),
        ("2--site-previews", "/a.txt", "a"),
        ("site-previews", "/", "two"),
    ] {
        assert_eq!(get(&server, host, path).expect_status(200).text(), text, "{host}{path}");
    }
    get(&server, "1--site-previews", "/a.txt").expect_error(404, "no_route");
    let jwks = get(&server, "2--site-previews", "/_ostro/v1/auth/jwks");
    assert_eq!(jwks.code(), get(&server, "site-previews", "/_ostro/v1/auth/jwks").code());
    let view = project.get("site").expect_status(200).json();
    let url = format!("http://1--site-previews.localhost:{}/", server.listen.port());
    assert_eq!(view["versions"][1]["url"], json!(url), "{view}");

    // No other spelling, no version that is not kept, no other project.
    for host in ["01--site-previews", "3--site-previews", "--site-previews", "1--site-prev", "1--default"] {
        get(&server, host, "/").expect_error(404, "no_route");
    }
    project.post("site/rollback", &json!({ "to": 1 })).expect_status(200);
    get(&server, "2--site-previews", "/").expect_error(404, "no_route");
    project.post("site/rollback", &json!({ "to": 2 })).expect_status(200);
    assert_eq!(get(&server, "1--site-previews", "/").text(), "one");
    project.publish("", &[("index.html", b"three")]);
    get(&server, "1--site-previews", "/").expect_error(404, "no_route");
}

#[test]
fn functions_take_precedence() {
    let server = shared();
    let files: &Files<'_> = &[
        ("index.html", PAGE),
        ("api/index.html", b"hidden"),
        ("form/index.html", b"form"),
        ("free", b"free"),
    ];
    let project = site(&server, "site-mixed", "fallback = 'index.html'", files);
    let routes = json!({ "routes": [{ "path": "/api/{*rest}" }, { "path": "/form/", "methods": ["POST"] },
        { "path": "/post-only", "methods": ["POST"] }] });
    project.deploy("api", &guest::component("hello"), &routes);
    let ask = |method: &str, path: &str| {
        let request = request(&server, "site-mixed", method, path).header("accept", "text/html");
        request.send(server.listen)
    };
    let hello = ask("GET", "/api/x").expect_status(200).text();
    assert_eq!(ask("GET", "/api/").text(), hello);
    assert_eq!(ask("GET", "/free").text(), "free");
    assert_eq!(ask("GET", "/").body, PAGE);
    // The route takes another method: the file is there for this one.
    assert_eq!(ask("GET", "/form/").text(), "form");
    assert_eq!(ask("POST", "/form/").text(), hello);
    // No page stands in for what a function answers.
    let refused = ask("GET", "/post-only");
    refused.expect_error(405, "method");
    assert_eq!(refused.header("allow"), Some("POST"));
    assert_eq!(ask("GET", "/elsewhere").body, PAGE);
}

#[test]
fn d9_no_path_leaves_the_site_and_no_host_gets_anothers() {
    let server = shared();
    let settings = "fallback = 'index.html'";
    site(&server, "site-mine", settings, &[("index.html", b"mine"), ("a/b.txt", b"b")]);
    site(&server, "site-other", "", &[("index.html", b"other"), ("secret.txt", b"secret")]);
    for path in [
        "/../site-other/secret.txt",
        "/a/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/a%2f..%2f..%2fcatalog.db",
        "/..%5ccatalog.db",
        "/a%00.txt",
        "/%c0%ae%c0%ae/catalog.db",
    ] {
        assert_eq!(get(&server, "site-mine", path).status, 400, "{path}");
    }
    for path in
        ["//a/b.txt", "/a%2Fb.txt", "/a//b.txt", "/A/b.txt", "/a/b.txt/", "/a/b.txt;x", "//evil.example"]
    {
        get(&server, "site-mine", path).expect_error(404, "no_route");
    }
    assert_eq!(get(&server, "site-mine", "/%61/b%2etxt").text(), "b");
    get(&server, "site-mine", "/secret.txt").expect_error(404, "no_route");
    for host in
        ["x.site-mine.localhost", "f--site-mine.localhost", "1--site-mine.localhost", "site-mine2.localhost"]
    {
        let answer = Request::new("GET", "/a/b.txt", host).send(server.listen);
        assert_eq!(answer.status, 404, "{host}");
    }
    assert_eq!(Request::new("GET", "/", "SITE-MINE.localhost.").send(server.listen).text(), "mine");
}

#[test]
fn the_default_project_has_the_bare_host() {
    let server = Server::start();
    server.control().publish("", &[("index.html", PAGE)]);
    for host in ["localhost", "127.0.0.1:8700", "[::1]", "default.localhost"] {
        assert_eq!(Request::new("GET", "/", host).send(server.listen).body, PAGE, "{host}");
    }
    Request::new("GET", "/", "nobody.localhost").send(server.listen).expect_error(404, "no_route");
}

#[test]
fn a_deploy_swaps_the_site_whole_and_sends_what_changed() {
    let mut server = Server::start();
    let project = server.project("site-life");
    let (one, two): (&Files<'_>, &Files<'_>) = (
        &[("index.html", b"one"), ("same.txt", b"same"), ("gone.txt", b"gone")],
        &[("index.html", b"two"), ("same.txt", b"same")],
    );
    let first = project.publish("", one);
    assert_eq!((first["version"].as_u64(), first["outcome"].as_str()), (Some(1), Some("created")));
    assert_eq!((first["files"].as_u64(), first["bytes"].as_u64()), (Some(3), Some(11)));
    assert!(first["url"].as_str().unwrap().starts_with("http://site-life.localhost:"), "{first}");
    assert_eq!(project.publish("", one)["outcome"], "unchanged");
    let asked = project.try_publish("", two);
    asked.expect_error(409, "missing_files");
    assert_eq!(asked.json()["error"]["detail"]["digests"], json!([digest(b"two")]), "only what changed");
    assert_eq!(project.publish("", two)["version"], 2);
    assert_eq!(get(&server, "site-life", "/").text(), "two");
    get(&server, "site-life", "/gone.txt").expect_error(404, "no_route");

    project.post("site/rollback", &json!({})).expect_status(200);
    assert_eq!(get(&server, "site-life", "/gone.txt").text(), "gone");
    server.kill9();
    server.restart();
    let project = Control { at: server.admin, ..project };
    assert_eq!(get(&server, "site-life", "/").text(), "one");
    let shown = project.get("site").expect_status(200).json();
    assert_eq!((shown["version"].as_u64(), shown["versions"].as_array().unwrap().len()), (Some(1), 2));
    project.post("site/rollback", &json!({})).expect_error(409, "no_earlier_revision");
    project.post("site/rollback", &json!({ "to": 9 })).expect_error(404, "not_found");

    // What nothing refers to any more goes.
    let kept = || std::fs::read_dir(server.data().join("sites")).unwrap().count();
    assert_eq!(kept(), 4);
    for number in 0..11 {
        project.publish("", &[("index.html", format!("page {number}").as_bytes())]);
    }
    assert_eq!(kept(), 10, "the last ten versions");
    project.send_files(&[b"never named"]).expect_status(200);
    assert_eq!(kept(), 11);
    assert_eq!(project.delete("site").status, 204);
    assert_eq!(kept(), 0);
    get(&server, "site-life", "/").expect_error(404, "no_route");
    project.get("site").expect_error(404, "not_found");
    project.delete("site").expect_error(404, "not_found");
}

#[test]
fn what_is_no_site_is_refused() {
    let server = shared();
    let project = server.project("site-refused");
    let page: &Files<'_> = &[("index.html", PAGE)];
    project.try_publish("", &[]).expect_error(422, "site");
    project.try_publish("fallback = 'app.html'", page).expect_error(422, "site");
    project.try_publish("folders = 'x'", page).expect_error(422, "manifest");
    project.try_publish("", &[(".env", b"x")]).expect_error(422, "site");
    for name in ["../x", "/etc/passwd", "a\\b", "a\nb"] {
        project.try_publish("", &[(name, b"x")]).expect_error(422, "bad_assets");
    }
    for name in ["a//b", "./a"] {
        project.try_publish("", &[(name, b"x")]).expect_error(422, "site");
    }
    let bad = json!({ "manifest": "[site]\nfolder = 'x'", "files": { "a": "XYZ" } });
    project.post("site", &bad).expect_error(422, "site");
    let none = json!({ "manifest": "[function.f]", "files": { "a": digest(b"a") } });
    project.post("site", &none).expect_error(422, "manifest");
    let large = vec![0; (25 << 20) + 1];
    project.send_files(&[&large]).expect_error(413, "too_large");
    // What came before a refusal is not kept for it.
    project.send_files(&[b"a", b"b"]).expect_status(200);
    project.try_publish("", &[("a", b"a"), ("b", b"b")]).expect_status(200);
    project.delete("site").expect_status(204);
    project.send_files(&[b"a", &large]).expect_error(413, "too_large");
    project.try_publish("", &[("a", b"a")]).expect_error(409, "missing_files");
    project.request("PUT", "site/files").body("no tar").send(project.at).expect_error(422, "bad_assets");
    let up = tar_of(&[("a/b", b"x"), ("a", b"y")]);
    project.request("PUT", "site/files").body(up).send(project.at).expect_error(422, "bad_assets");
    get(&server, "site-refused", "/").expect_error(404, "no_route");
}

/// A digest is no right to what another project has sent.
#[test]
fn c_a_project_publishes_what_it_has_sent_itself() {
    let server = shared();
    site(&server, "site-rich", "", &[("index.html", b"the rich one's page")]);
    let poor = server.project("site-poor");
    poor.try_publish("", &[("index.html", b"the rich one's page")]).expect_error(409, "missing_files");
    poor.publish("", &[("index.html", b"the rich one's page")]);
    // Both have it: it stays while one of them does.
    assert_eq!(server.control().delete("/v1/projects/site-rich").status, 204);
    assert_eq!(get(&server, "site-poor", "/").text(), "the rich one's page");
    get(&server, "site-rich", "/").expect_error(404, "no_route");
}

/// 20,000 files are taken, and one more is not; both are found and refused in seconds.
#[test]
fn a_site_has_so_many_files_and_no_more() {
    let server = Server::start();
    let project = server.project("site-many");
    let names: Vec<String> = (0..20_001).map(|number| format!("{}/{number}.txt", number % 100)).collect();
    let all: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"the same".as_slice())).collect();
    project.try_publish("", &all).expect_error(413, "too_large");
    let begin = std::time::Instant::now();
    let published = project.publish("", &all[..20_000]);
    assert_eq!(published["files"], 20_000);
    let took = begin.elapsed();
    eprintln!("20,000 names, one content: published in {took:?}");
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    assert_eq!(get(&server, "site-many", "/99/19999.txt").text(), "the same");
    get(&server, "site-many", "/0/20000.txt").expect_error(404, "no_route");
    // Nothing of it is read again for a deploy of something else.
    server.deploy("hello", &guest::component("hello"), &json!({}));
}

/// Long answers to clients that take nothing wait in their own places: others are served, and memory stays small.
#[test]
fn d_clients_that_take_nothing_cost_little() {
    let server = Server::start();
    let large = vec![7_u8; 24 << 20];
    let project = server.project("site-slow");
    project.publish("", &[("large.bin", &large), ("index.html", PAGE)]);
    assert_eq!(get(&server, "site-slow", "/large.bin").body.len(), large.len());
    let before = server.resident();
    let head = request(&server, "site-slow", "GET", "/large.bin").bytes();
    let slow: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = Connection::open(server.listen);
            connection.send(&head);
            assert_eq!(connection.head().status, 200);
            connection
        })
        .collect();
    assert_eq!(get(&server, "site-slow", "/").body, PAGE);
    let grown = server.resident().saturating_sub(before) >> 20;
    eprintln!("200 clients that take nothing: {grown} MiB");
    assert!(grown < 200, "{grown} MiB for {} clients that take nothing", slow.len());
    drop(slow);
}
