//! A project with words of its own in every place that holds something, all under names that the other one uses too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::scanner::Scanner;
use crate::support::http::Answer;
use crate::support::{Control, Request, Server, example};

/// A project of a pair.
pub struct Tenant<'a> {
    pub server: &'a Server,
    /// The control API with a token of the project.
    pub control: Control,
    /// `left` or `right`.
    pub side: &'static str,
    /// What every word of it begins with.
    pub canary: String,
    pub scanner: Scanner,
    /// What a stranger may have got hold of: ids, cursors, signed URLs. The canary is in none of it.
    pub taken: BTreeMap<&'static str, String>,
}

/// A call of the walker: `INTERFACE FUNCTION`, and what it is given.
pub type Call = Vec<String>;

/// A call.
pub fn call(words: &[&str]) -> Call {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Two projects of a server.
pub fn pair<'a>(server: &'a Server, name: &str) -> [Tenant<'a>; 2] {
    ["left", "right"].map(|side| Tenant::new(server, &format!("{name}-{side}"), side))
}

impl<'a> Tenant<'a> {
    fn new(server: &'a Server, project: &str, side: &'static str) -> Self {
        let canary = format!("kanari{side}7f3a");
        let control = server.project(project).make_token(&["admin"]);
        let scanner = Scanner::new(&canary);
        let mut tenant = Self { server, control, side, canary, scanner, taken: BTreeMap::new() };
        tenant.deploy();
        tenant.fill();
        tenant.take();
        tenant
    }

    fn deploy(&self) {
        let (component, canary) = (example::component("walker"), &self.canary);
        self.control.put("secrets/WORD", &json!({ "value": format!("{canary}secret") })).expect_status(204);
        let grants = json!([
            "collection:things",
            "kv:things",
            "bucket:things",
            "sql:things",
            "queue:things:send",
            "channel:things:send",
            "secret:WORD",
            "users:sign-in,read,write",
            "function:walker",
            "function:inner",
            "function:only-left",
            "function:only-right",
        ]);
        let flags = json!({ "grants": grants, "env": { "VALUE": format!("{canary}env") },
            "bindings": { "MAIL": "queue:things" } });
        // Flags can't turn signing in on.
        let only = format!("only-{}", self.side);
        let manifest = format!("[auth]\n[function.{only}]\n");
        self.control.try_deploy_manifest(&only, &component, &manifest).expect_status(200);
        for function in ["walker", "inner", &only] {
            self.control.deploy(function, &component, &flags);
        }
    }

    /// Something of its own in every place.
    fn fill(&self) {
        let (canary, only) = (&self.canary, format!("only-{}", self.side));
        let documents = json!([
            { "_id": format!("{canary}id"), "word": format!("{canary}document") },
            { "_id": only, "word": format!("{canary}document") },
            { "_id": "same", "word": format!("{canary}document") },
        ]);
        let options = json!({ "contentType": format!("text/{canary}type"), "metadata": { "note": format!("{canary}metadata") } });
        let mut calls = vec![
            call(&["ostro:db/documents insert", "things", &documents.to_string()]),
            call(&["ostro:db/sql execute", "things", "CREATE TABLE things (id TEXT PRIMARY KEY, word TEXT)"]),
            call(&[
                "ostro:queue/producer send",
                "things",
                &format!("{canary}message"),
                &format!("{canary}dedupe"),
            ]),
            call(&["wasi:logging/logging log", &format!("{canary}log")]),
            call(&["ostro:auth/users sign-in-external", &format!("{canary}provider"), "same"]),
        ];
        for key in ["same", &only, &format!("{canary}key")] {
            let insert = format!("INSERT INTO things VALUES ('{key}', '{canary}row')");
            calls.push(call(&["ostro:db/sql execute", "things", &insert]));
            calls.push(call(&["wasi:keyvalue/store set", "things", key, &format!("{canary}value")]));
            calls.push(call(&[
                "ostro:storage/objects put",
                "things",
                key,
                &format!("{canary}content"),
                &options.to_string(),
            ]));
        }
        for (call, told) in calls.iter().zip(self.walk(&calls)) {
            assert!(!told.contains("Error::") && !told.contains("denied"), "{call:?}: {told}");
        }
        // The record of an invocation has its path.
        self.ask("GET", &format!("/{canary}path"), "").expect_status(200);
    }

    /// What a stranger may get hold of.
    fn take(&mut self) {
        let [about, find, list, get, put, sent, users, job] = self
            .walk(&[
                call(&["ostro:functions/context about"]),
                call(&["ostro:db/documents find", "things", "{}", "{\"sort\":{\"_id\":1},\"limit\":2}"]),
                call(&["ostro:storage/objects list", "things", "{\"limit\":2}"]),
                call(&["ostro:storage/objects sign", "things", "get", "same"]),
                call(&["ostro:storage/objects sign", "things", "put", "same"]),
                call(&["ostro:queue/producer send", "things", "second", "second"]),
                call(&["ostro:auth/users list", ""]),
                call(&[
                    "ostro:functions/invoke send",
                    "inner",
                    &format!("{{\"word\":\"{}job\"}}", self.canary),
                    "",
                ]),
            ])
            .try_into()
            .unwrap();
        let json = |text: &str| {
            serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
        let path = |url: &str| url[url.find("/_ostro/").unwrap_or_else(|| panic!("{url}"))..].to_owned();
        let found =
            self.control.post("collections/things/find", &json!({ "sort": { "_id": 1 }, "limit": 2 }));
        let listed = self.control.get("buckets/things/objects?limit=2").expect_status(200).json();
        let invocations = self.control.invocations("walker", 1);
        let revisions = self.control.get("functions/walker/revisions").expect_status(200).json();
        let tokens = self.control.get("tokens").expect_status(200).json();
        let taken = [
            ("side", self.side.to_owned()),
            ("project", self.control.project.clone()),
            ("only", format!("only-{}", self.side)),
            ("about", about),
            ("document-cursor", text(&json(&find)["cursor"])),
            ("object-cursor", text(&json(&list)["cursor"])),
            ("etag", text(&json(&list)["objects"][0]["etag"])),
            ("user", text(&json(&users)["users"][0]["id"])),
            ("get", path(&get)),
            ("put", path(&put)),
            ("message", sent.trim_matches(['[', ']', '"']).to_owned()),
            ("job", job),
            ("find-cursor", text(&found.expect_status(200).json()["cursor"])),
            ("list-after", text(&listed["objects"][1]["key"])),
            ("invocation", text(&invocations[0]["id"])),
            ("digest", text(&revisions["revisions"][0]["digest"])),
            ("prefix", text(&tokens["tokens"][0]["prefix"])),
        ];
        self.taken = taken.into_iter().collect();
        for (what, taken) in &self.taken {
            assert_eq!(self.scanner.finds(taken.as_bytes()), None, "{what} would be told back: {taken}");
        }
    }

    /// The host of a function.
    pub fn host(&self, function: &str) -> String {
        format!("{function}--{}.localhost", self.control.project)
    }

    /// Asks the walker.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        Request::new(method, path, &self.host("walker")).body(body).send(self.server.listen)
    }

    /// Has the walker make calls; what it was told.
    pub fn walk(&self, calls: &[Call]) -> Vec<String> {
        let answer = self.ask("POST", "/", &json!(calls).to_string());
        let log = || self.control.get("functions/walker/logs?limit=20").text();
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), log());
        let told: Vec<String> = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(told.len(), calls.len());
        told
    }

    /// All that is said and noted of its functions, as an administrator sees it.
    pub fn records(&self) -> String {
        let functions = ["walker", "inner", &format!("only-{}", self.side)].map(|function| {
            ["logs?limit=10000", "invocations?limit=1000", "jobs?limit=100"]
                .map(|list| {
                    self.control.get(&format!("functions/{function}/{list}")).expect_status(200).text()
                })
                .concat()
        });
        functions.concat() + &self.control.get("audit").expect_status(200).text()
    }
}

/// What an answer tells: status, headers and body.
pub fn told(answer: &Answer) -> Vec<u8> {
    [format!("{} {:?}\n", answer.status, answer.headers).as_bytes(), &answer.body].concat()
}
