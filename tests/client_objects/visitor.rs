//! Somebody at a page of the project, and short words for what they do with objects.

use serde_json::{Value, json};

use crate::accounts::bench::Bench;
use crate::support::{Answer, Request};

/// Whoever is signed in keeps photos of their own.
pub(super) const MANIFEST: &str = r#"
[auth]
email = true
anonymous = true

[bucket.photos]
rules = { read = "owner == auth.user", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }

[bucket.small]
rules = { read = "true", create = "size <= 8 && content_type == 'text/plain'", update = "request.data.size <= 8" }

[bucket.closed]

[function.hello]
"#;

pub(super) struct Visitor<'b> {
    pub(super) bench: &'b Bench,
    pub(super) token: String,
}

impl<'b> Visitor<'b> {
    pub(super) fn sign_up(bench: &'b Bench, name: &str) -> Self {
        let grant = bench.sign_up(&format!("{name}@example.com"), "correct horse");
        Self { bench, token: grant["access_token"].as_str().unwrap().to_owned() }
    }

    pub(super) fn nobody(bench: &'b Bench) -> Self {
        Self { bench, token: String::new() }
    }

    /// A request below `storage/`.
    pub(super) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
        self.api(method, &format!("storage/{target}"), headers)
    }

    pub(super) fn api(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let host = self.bench.server.listen.to_string();
        let request = Request::new(method, &format!("/_ostro/v1/{path}"), &host);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        match self.token.as_str() {
            "" => request,
            token => request.header("authorization", &format!("Bearer {token}")),
        }
    }

    pub(super) fn put(&self, key: &str, text: &str, headers: &[(&str, &str)]) -> Answer {
        self.call("PUT", &format!("photos/{key}"), headers).body(text).send(self.bench.server.listen)
    }

    pub(super) fn get(&self, key: &str, headers: &[(&str, &str)]) -> Answer {
        self.object("GET", key, headers)
    }

    pub(super) fn object(&self, method: &str, key: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(method, &format!("photos/{key}"), headers).send(self.bench.server.listen)
    }

    pub(super) fn list(&self, query: &str) -> Answer {
        self.call("GET", &format!("photos?{query}"), &[]).send(self.bench.server.listen)
    }

    pub(super) fn listed(&self, query: &str) -> Value {
        self.list(query).expect_status(200).json()
    }

    pub(super) fn sign(&self, key: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let request = self.call("POST", &format!("photos/{key}?sign"), &json);
        request.body(body.to_string()).send(self.bench.server.listen)
    }

    pub(super) fn signed(&self, key: &str, action: &str) -> String {
        let answer = self.sign(key, &json!({ "action": action, "expires": 3_600 }));
        answer.expect_status(200).json()["url"].as_str().unwrap().to_owned()
    }

    /// What whoever has a URL does with it.
    pub(super) fn by_url(&self, method: &str, url: &str, body: &str) -> Answer {
        let host = self.bench.server.listen.to_string();
        Request::new(method, url, &host).body(body).send(self.bench.server.listen)
    }
}
