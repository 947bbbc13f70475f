//! The control API as a client sees it: requests with a token, deploys as multipart uploads.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http::{Answer, Request};

const BOUNDARY: &str = "ostro-test-boundary-7f3c";

/// A token's view of the control API, working in one project.
#[derive(Clone, Debug)]
pub struct Control {
    /// Address of the control API.
    pub at: SocketAddr,
    /// The bearer token; empty for none.
    pub token: String,
    /// The project that paths without `/v1` belong to.
    pub project: String,
}

impl Control {
    /// The same project with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// GET. A path that does not begin with `/` is below the project.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send(self.at)
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send(self.at)
    }

    /// PUT of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send(self.at)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send(self.at)
    }

    /// A request with the token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, &self.path(path), &self.at.to_string());
        if self.token.is_empty() {
            request
        } else {
            request.header("authorization", &format!("Bearer {}", self.token))
        }
    }

    fn path(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("/v1/projects/{}/{path}", self.project) }
    }

    /// Deploys; panics unless it works.
    pub fn deploy(&self, function: &str, component: &[u8], flags: &Value) -> Value {
        self.try_deploy(function, component, flags).expect_status(200).json()
    }

    /// Deploys with flags.
    pub fn try_deploy(&self, function: &str, component: &[u8], flags: &Value) -> Answer {
        self.upload(function, &[("flags", flags.to_string().as_bytes()), ("component", component)])
    }

    /// Deploys with a manifest.
    pub fn try_deploy_manifest(&self, function: &str, component: &[u8], manifest: &str) -> Answer {
        self.upload(function, &[("manifest", manifest.as_bytes()), ("component", component)])
    }

    /// Deploys with these parts. Tests that run at the same time share the room for uploads: waits for some.
    pub fn upload(&self, function: &str, parts: &[(&str, &[u8])]) -> Answer {
        let request = self.upload_request(function).body(multipart(parts));
        for _ in 0..400 {
            let answer = request.send(self.at);
            if !matches!(answer.code().as_str(), "too_many_uploads" | "busy_deploy") {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{function}: never room for one more upload")
    }

    /// The head of a deploy.
    pub fn upload_request(&self, function: &str) -> Request {
        self.request("POST", &format!("functions/{function}/deploy"))
            .header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"))
    }

    /// The newest records of a function's invocations. A record may come a moment after its answer: waits for `count`.
    pub fn invocations(&self, function: &str, count: usize) -> Vec<Value> {
        let path = format!("functions/{function}/invocations?limit=1000");
        let mut records = self.wait_for(&path, "invocations", count);
        // They stand as they have ended, and an instance may go long after its answer.
        records.sort_by(|one, other| other["id"].as_str().cmp(&one["id"].as_str()));
        records
    }

    /// The log of a function, waiting until it has `count` lines.
    pub fn log(&self, function: &str, count: usize) -> Vec<Value> {
        self.wait_for(&format!("functions/{function}/logs?limit=10000"), "lines", count)
    }

    fn wait_for(&self, path: &str, list: &str, count: usize) -> Vec<Value> {
        let mut last = Vec::new();
        for _ in 0..100 {
            last = self.get(path).expect_status(200).json()[list].as_array().unwrap().clone();
            if last.len() >= count {
                return last;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{path}: expected {count}, found {}: {last:?}", last.len());
    }

    /// Makes a token of the project; the answer is this API through it.
    pub fn make_token(&self, scopes: &[&str]) -> Self {
        let answer = self.post("tokens", &json!({ "label": "test", "scopes": scopes })).expect_status(201);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }

    /// The names of the project's functions.
    pub fn functions(&self) -> Vec<String> {
        let list = self.get("functions").expect_status(200).json();
        list["functions"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Answer {
    /// The answer itself; panics when its status is another.
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// Panics unless this is an error of that status and code.
    pub fn expect_error(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{:?} {}", self.headers, self.text());
        assert!(!self.message().is_empty(), "{}", self.text());
    }
}

/// A `multipart/form-data` body.
pub fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let file = if *name == "flags" || *name == "manifest" { "" } else { "; filename=\"upload\"" };
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}
