//! The JavaScript examples: `hono` answers as it does under Node, `ssr` renders its pages, `guestbook` keeps what it is told.

mod node;
mod people;
mod requests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Answer, Server, example, shared};

/// Headers that tell how an answer travelled, not what it is: framing, the connection, the clock, the platform's own mark.
const OF_THE_WAY: [&str; 6] =
    ["connection", "keep-alive", "date", "transfer-encoding", "content-length", "ostro-invocation"];

#[test]
fn hono_answers_as_under_node() {
    let Some(component) = ready("hono") else { return };
    let server = shared();
    deploy(&server, "hono", &component);
    let node = node::Node::start("examples/hono", "node.mjs");
    let mut different = Vec::new();
    for (number, request) in requests::HONO.iter().enumerate() {
        let bytes = request.bytes("hono.localhost");
        let (ours, theirs) = (bytes.send(server.listen), bytes.send(node.at));
        if seen(&ours) != seen(&theirs) {
            let line = format!("{number}: {} {}", request.method, request.target);
            different.push(format!("{line}\n  node  {:?}\n  ostro {:?}", seen(&theirs), seen(&ours)));
        }
    }
    let all = requests::HONO.len();
    eprintln!("hono: {} of {all} requests answered as under Node", all - different.len());
    assert!(all >= 40, "only {all} requests");
    assert!(different.is_empty(), "{} of {all} differ\n{}", different.len(), different.join("\n"));
}

/// What a client can tell two answers apart by: status, headers that matter in any order but their own, body.
fn seen(answer: &Answer) -> (u16, BTreeMap<String, Vec<String>>, String) {
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| !OF_THE_WAY.contains(&name.as_str())) {
        headers.entry(name.clone()).or_default().push(value.clone());
    }
    (answer.status, headers, answer.text())
}

#[test]
fn ssr_renders_pages_and_serves_its_assets() {
    let Some(component) = ready("ssr") else { return };
    let server = shared();
    deploy(&server, "ssr", &component);
    let page = server.get("ssr", "/").expect_status(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = page.text();
    assert!(html.starts_with("<!doctype html><html lang=\"en\"><head>"), "{html}");
    assert!(html.contains("<p id=\"count\">12 books</p>"), "{html}");
    // What comes from data is escaped; what is not ASCII stays.
    assert!(html.contains("Nights &lt;in> the Gardens"), "{html}");
    assert!(html.contains("Stanisław Lem"), "{html}");
    let found = server.get("ssr", "/?q=%22%3E%3Cscript%3E").expect_status(200).text();
    assert!(found.contains("value=\"&quot;>&lt;script>\"") && found.contains("0 books"), "{found}");
    assert!(server.get("ssr", "/?q=woolf").text().contains("1 book<"), "filtered");
    assert!(
        server.get("ssr", "/books/kindred").expect_status(200).text().contains("Octavia E. Butler, 1979")
    );
    assert!(server.get("ssr", "/books/none").expect_status(404).text().contains("<h1>Not found</h1>"));
    assert_eq!(server.post("ssr", "/", "").header("allow"), Some("GET, HEAD"));

    for (start, kind) in [("/assets/style.css?v=", "text/css"), ("/assets/filter.js?v=", "text/javascript")] {
        let begin = html.find(start).unwrap_or_else(|| panic!("the page links no {start}: {html}"));
        let link = &html[begin..begin + start.len() + 8];
        let file = server.get("ssr", link).expect_status(200);
        assert!(file.header("content-type").unwrap().starts_with(kind), "{file:?}");
        assert!(file.header("cache-control").unwrap().contains("immutable"), "{file:?}");
        let etag = file.header("etag").unwrap();
        let again = server.request("GET", "ssr", link).header("if-none-match", etag).send(server.listen);
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    assert_eq!(server.get("ssr", "/assets/none.css").status, 404);
}

/// A form as browsers send it: fields, and a file with its media type.
fn form(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--X\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    if let Some((kind, bytes)) = file {
        let head =
            "--X\r\ncontent-disposition: form-data; name=\"picture\"; filename=\"me\"\r\ncontent-type: ";
        body.extend(format!("{head}{kind}\r\n\r\n").bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--X--\r\n");
    body
}

#[test]
fn the_guestbook_keeps_entries_and_pictures() {
    let Some(component) = ready("guestbook") else { return };
    let server = shared();
    deploy(&server, "guestbook", &component);
    let sign = |fields: &[(&str, &str)], file: Option<(&str, &[u8])>, accept: &str| {
        let request = server.request("POST", "guestbook", "/").body(form(fields, file));
        let request =
            request.header("content-type", "multipart/form-data; boundary=X").header("accept", accept);
        request.send(server.listen)
    };
    assert!(server.get("guestbook", "/").expect_status(200).text().contains("Nobody has signed yet."));
    let signed = sign(&[("name", "<Ann>"), ("text", "Hello & bye")], None, "text/html").expect_status(303);
    assert_eq!(signed.header("location"), Some("/"));
    let picture: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
    let entry = sign(&[("name", "Bob"), ("text", "Hi")], Some(("image/png", &picture)), "application/json");
    let entry = entry.expect_status(201).json();
    let page = server.get("guestbook", "/").expect_status(200).text();
    assert!(page.contains("&lt;Ann&gt;") && page.contains("Hello &amp; bye"), "{page}");
    assert!(page.find("Bob") < page.find("Ann"), "the newest first: {page}");

    let link = format!("/pictures/{}", entry["picture"].as_str().unwrap());
    assert!(page.contains(&link), "{page}");
    let shown = server.get("guestbook", &link).expect_status(200);
    assert!(
        shown.body == picture && shown.header("content-type") == Some("image/png"),
        "{}",
        shown.body.len()
    );
    let again =
        server.request("GET", "guestbook", &link).header("if-none-match", shown.header("etag").unwrap());
    assert_eq!(again.send(server.listen).status, 304);
    assert_eq!(server.get("guestbook", "/pictures/none").status, 404);
    assert_eq!(server.get("guestbook", "/pictures/").status, 404);

    let unfit = sign(&[("name", " "), ("text", "x")], None, "text/html").expect_status(400).text();
    assert!(unfit.contains("role=\"alert\">Please fill in your name."), "{unfit}");
    let unfit = sign(&[("name", "x"), ("text", "x")], Some(("text/html", b"<script>")), "application/json");
    assert!(unfit.expect_status(400).text().contains("PNG"));
    for number in 0..10 {
        sign(&[("name", "many"), ("text", &number.to_string())], None, "text/html").expect_status(303);
    }
    let list = |path: &str| {
        let request = server.request("GET", "guestbook", path).header("accept", "application/json");
        request.send(server.listen).expect_status(200).json()
    };
    let first = list("/");
    assert_eq!(first["entries"].as_array().unwrap().len(), 10, "{first}");
    let rest = list(&format!("/?after={}", first["more"].as_str().unwrap()));
    let names: Vec<_> =
        rest["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str()).collect();
    assert_eq!((names, &rest["more"]), (vec![Some("Bob"), Some("<Ann>")], &Value::Null), "{rest}");
    assert_eq!(list("/?after=nonsense")["entries"].as_array().unwrap().len(), 10);
}

/// Deploys with the example's manifest.
fn deploy(server: &Server, name: &str, component: &[u8]) {
    let manifest = example::manifest(name, &[]);
    let report: Value =
        server.control().try_deploy_manifest(name, component, &manifest).expect_status(200).json();
    assert_eq!(report["kind"], "http-0.3", "{report}");
}

/// An example's component; says so where npm is missing.
fn ready(name: &str) -> Option<Vec<u8>> {
    example::component_if_possible(name)
        .inspect_err(|reason| eprintln!("{name} is not tested: {reason}"))
        .ok()
}
