//! What the Hono application is asked, under Node and here.

use crate::support::Request;

/// A request as data.
pub struct Asked {
    pub method: &'static str,
    pub target: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Option<&'static str>,
}

impl Asked {
    /// The request for that host, ready to be sent.
    pub fn bytes(&self, host: &str) -> Request {
        let request = self
            .headers
            .iter()
            .fold(Request::new(self.method, self.target, host), |request, (name, value)| {
                request.header(name, value)
            });
        match self.body {
            Some(body) => request.body(body),
            None => request,
        }
    }
}

const fn get(target: &'static str) -> Asked {
    with("GET", target, &[])
}

const fn with(
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
) -> Asked {
    Asked { method, target, headers, body: None }
}

const fn send(
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Asked {
    Asked { method, target, headers, body: Some(body) }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PARTS: (&str, &str) = ("content-type", "multipart/form-data; boundary=edge");
const ORIGIN: (&str, &str) = ("origin", "https://app.example.com");

/// A form with a field that comes twice and a file.
const MULTIPART: &str = "--edge\r\ncontent-disposition: form-data; name=\"who\"\r\n\r\nann\r\n--edge\r\n\
                         content-disposition: form-data; name=\"tag\"\r\n\r\na\r\n--edge\r\n\
                         content-disposition: form-data; name=\"tag\"\r\n\r\nb\u{e9}\r\n--edge--\r\n";

/// Routing, query strings, JSON, forms, cookies, middleware, streams, failures.
pub const HONO: &[Asked] = &[
    get("/"),
    with("HEAD", "/", &[]),
    get("/?x=1"),
    get("/hello/world"),
    get("/hello/J%C3%BCrgen%20M"),
    get("/hello/a%2Fb"),
    get("/hello/%F0%9F%A6%80"),
    get("/hello/"),
    get("/hello/a/b"),
    get("/files/docs/a/b.txt"),
    get("/files/docs/a/b.png"),
    get("/search"),
    get("/search?q=a+b%26c&tag=1&tag=2&tag="),
    get("/search?q=%C3%A9&tag=x%3Dy"),
    get("/old"),
    with("GET", "/agent", &[("user-agent", "a test/1.0"), ("accept", "text/html, */*;q=0.1")]),
    get("/agent"),
    with("POST", "/", &[]),
    with("DELETE", "/hello/world", &[]),
    get("/nothing/here?at=all"),
    get("/page"),
    with("GET", "/page", &[("if-none-match", "\"other\"")]),
    with("GET", "/page", &[("if-none-match", "\"0c0f8a1b58f5ff02e7ac5e6dbeebd0f4ec1c4e33\", *")]),
    send("POST", "/api/sum", &[JSON], "{\"numbers\":[1,2,3.5]}"),
    send("POST", "/api/sum", &[JSON], "{\"numbers\":[]}"),
    send("POST", "/api/sum", &[JSON], "{\"numbers\":[\"1\"]}"),
    send("POST", "/api/sum", &[JSON], "{\"numbers\":"),
    send("POST", "/api/sum", &[JSON, ORIGIN], "{\"numbers\":[1e300,1e300]}"),
    send(
        "PUT",
        "/api/items/7",
        &[JSON],
        "{\"name\":\"caf\u{e9} \\u0000 \\ud83e\\udd80\",\"deep\":{\"a\":[null,true]}}",
    ),
    with("DELETE", "/api/items/7", &[]),
    with("OPTIONS", "/api/sum", &[ORIGIN, ("access-control-request-method", "POST")]),
    with(
        "OPTIONS",
        "/api/items/1",
        &[ORIGIN, ("access-control-request-method", "PUT"), ("access-control-request-headers", "x-a, x-b")],
    ),
    with(
        "OPTIONS",
        "/api/sum",
        &[("origin", "https://other.example"), ("access-control-request-method", "GET")],
    ),
    send("POST", "/form", &[FORM], "name=Ann+B&city=K%C3%B6ln&tag=1&tag=2&empty="),
    send("POST", "/form", &[PARTS], MULTIPART),
    send("POST", "/form", &[FORM], ""),
    send("POST", "/echo", &[("content-type", "text/plain")], "back again \u{2713}\n"),
    send("POST", "/echo", &[], ""),
    send("POST", "/small", &[], "0123456789"),
    send("POST", "/small", &[], "0123456789abcdef0"),
    get("/login/ann"),
    get("/login/%C3%A9ve%3B"),
    with("GET", "/me", &[("cookie", "user=ann; theme=dark%20%26%20light")]),
    with("GET", "/me", &[("cookie", "a=1; b=\"quoted\"; bad name=2; c=%zz; d=x=y")]),
    get("/me"),
    get("/logout"),
    get("/shop"),
    get("/shop?currency=CHF"),
    get("/shop/tea/price"),
    get("/shop/tea/weight"),
    get("/admin/panel"),
    // ann:correct horse
    with("GET", "/admin/panel", &[("authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U=")]),
    with("GET", "/admin/panel", &[("authorization", "Basic YW5uOndyb25n")]),
    with("GET", "/admin/panel", &[("authorization", "Basic !!!")]),
    get("/stream"),
    get("/stream-text"),
    get("/events"),
    get("/teapot"),
    get("/broken"),
];
