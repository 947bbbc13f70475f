//! A server with a project that people sign in to, and short words for what they do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Request, Server, guest};

/// Everything is on; a queue would send mails.
pub const MANIFEST: &str = "[auth]\nemail = true\nanonymous = true\nmail = \"mails\"\n\
    origins = [\"https://app.example.com\"]\n[function.hello]\n";

pub struct Bench {
    pub server: Server,
}

impl Bench {
    pub fn start(manifest: &str) -> Self {
        Self::over(Server::start(), manifest)
    }

    /// A bench whose wall clock is turned.
    pub fn turned(manifest: &str) -> Self {
        Self::over(Server::start_turned(), manifest)
    }

    /// A bench of that server.
    pub fn over(server: Server, manifest: &str) -> Self {
        let bench = Self { server };
        bench.deploy(manifest);
        bench
    }

    pub fn deploy(&self, manifest: &str) {
        let control = self.server.control();
        control.try_deploy_manifest("hello", &guest::component("hello"), manifest).expect_status(200);
    }

    pub fn request(&self, method: &str, call: &str) -> Request {
        Request::new(method, &format!("/_ostro/v1/auth/{call}"), &self.server.listen.to_string())
    }

    pub fn posted(&self, call: &str, body: &Value) -> Request {
        self.request("POST", call).header("content-type", "application/json").body(body.to_string())
    }

    pub fn post(&self, call: &str, body: &Value) -> Answer {
        self.posted(call, body).send(self.server.listen)
    }

    pub fn post_as(&self, call: &str, body: &Value, token: &str) -> Answer {
        self.posted(call, body).header("authorization", &format!("Bearer {token}")).send(self.server.listen)
    }

    pub fn get(&self, call: &str, token: &str) -> Answer {
        let request = self.request("GET", call);
        match token {
            "" => request.send(self.server.listen),
            token => request.header("authorization", &format!("Bearer {token}")).send(self.server.listen),
        }
    }

    pub fn sign_up(&self, email: &str, password: &str) -> Value {
        self.post("sign-up", &json!({ "email": email, "password": password })).expect_status(200).json()
    }

    pub fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("sign-in", &json!({ "email": email, "password": password }))
    }

    /// Uses the refresh token of an answer.
    pub fn refresh(&self, grant: &Value) -> Answer {
        self.post("refresh", &json!({ "refresh_token": grant["refresh_token"] }))
    }

    /// The messages that wait to be sent as mails, of one purpose.
    pub fn mails(&self, purpose: &str) -> Vec<Value> {
        let list = self.server.control().get("queues/mails/messages?limit=100").expect_status(200).json();
        let messages = list["messages"].as_array().unwrap().iter();
        let said = messages.map(|job| serde_json::from_str(job["payload"].as_str().unwrap()).unwrap());
        said.filter(|message: &Value| message["purpose"] == purpose).collect()
    }

    /// The token of the mail of that purpose, once there is one that is none of those.
    pub fn mail_token(&self, purpose: &str, known: &[&str]) -> String {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let tokens =
                self.mails(purpose).into_iter().map(|mail| mail["token"].as_str().unwrap().to_owned());
            if let Some(token) = tokens.into_iter().find(|token| !known.contains(&token.as_str())) {
                return token;
            }
            assert!(Instant::now() < patience, "no mail came");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// All files below a folder, and what is in them.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}
