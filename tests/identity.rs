//! Who calls, as functions are told, and what they see and do as that caller. The guest is `tests/guests-rust/sdk-script`, or
//! `sdk/js/tests/people.js`; each does what the JSON of its body says.

mod buckets;
mod calls;
mod carried;
mod rules;
mod users;

use serde_json::{Value, json};

use crate::accounts::bench::Bench;
use crate::support::{Answer, Control, Request, example, script};

/// `front` asks who calls, `back` does not, and takes jobs and messages.
const MANIFEST: &str = r#"
[auth]
email = true
anonymous = true

[collection.notes]
rules = { read = "owner == auth.user || public == true", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }
owner = "owner"
hidden = ["score"]

[collection.drafts]
rules = { read = "'editor' in auth.roles" }

[collection.closed]

[bucket.files]
rules = { read = "owner == auth.user || metadata.public == 'yes'", create = "auth.user != null && size <= 100", update = "owner == auth.user", delete = "owner == auth.user" }

[bucket.vault]

[function.front]
auth = "optional"
callable = true
routes = ["/front", { path = "/open", auth = "none" }]
grants = ["function:back", "collection:notes", "collection:closed", "collection:drafts", "bucket:files", "bucket:vault"]

[function.back]
grants = ["function:front", "collection:notes:read", "collection:kept", "bucket:files:read"]
queues = ["kept"]

[function.editors]
routes = [{ path = "/editors/{*rest}", strip = "/editors", roles = ["editor"] }]

[function.members]
roles = ["editor"]
callable = true

[function.desk]
grants = ["users:sign-in,read,write"]

[function.hello]
"#;

/// A server with the functions.
struct Stage {
    bench: Bench,
    control: Control,
}

impl Stage {
    fn new() -> Self {
        Self::of(&example::component("sdk-script"))
    }

    /// What must be so in every language: with the guest in Rust, and with that in JavaScript where it can be built.
    fn each(check: impl Fn(&Self)) {
        check(&Self::new());
        if let Some(component) = script::built(&script::folder().join("people.js")) {
            check(&Self::of(&component));
        }
    }

    fn of(component: &[u8]) -> Self {
        let bench = Bench::start(MANIFEST);
        let control = bench.server.control();
        for function in ["front", "back", "editors", "members", "desk"] {
            control.try_deploy_manifest(function, component, MANIFEST).expect_status(200);
        }
        Self { bench, control }
    }

    /// Somebody new: the account's id and the access token.
    fn sign_up(&self, name: &str) -> (String, String) {
        let grant = self.bench.sign_up(&format!("{name}@example.com"), "correct horse");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&grant["user"]["id"]), text(&grant["access_token"]))
    }

    /// A request to a function by its name; of nobody where the token is empty.
    fn request(&self, function: &str, token: &str, deed: &Value) -> Request {
        let host = format!("{function}.localhost");
        let request = Request::new("POST", "/people", &host).body(deed.to_string());
        match token {
            "" => request,
            token => request.header("authorization", &format!("Bearer {token}")),
        }
    }

    fn try_ask(&self, function: &str, token: &str, deed: &Value) -> Answer {
        self.request(function, token, deed).send(self.bench.server.listen)
    }

    /// What a function does for whoever has that token.
    fn ask(&self, function: &str, token: &str, deed: &Value) -> Value {
        self.try_ask(function, token, deed).expect_status(200).json()
    }
}

/// What a function knows of a user.
fn known(id: &str) -> Value {
    json!({ "caller": "user", "user": id, "roles": [], "anonymous": false })
}

/// What it knows of anybody else.
fn other(kind: &str) -> Value {
    json!({ "caller": kind, "user": null, "roles": null, "anonymous": null })
}
