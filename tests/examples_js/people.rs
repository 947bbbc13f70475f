//! The examples that know people, deployed as their READMEs say: `mini-program` with WeChat's server played by a script, `cms`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::node::Node;
use crate::support::dev::has_javascript;
use crate::support::{Answer, Request, Server, example};

/// A server with one example.
struct Stage {
    server: Server,
    name: &'static str,
    folder: PathBuf,
}

impl Stage {
    /// A server with a project of the example's name, and the example beside it, each text of its manifest replaced by the other.
    fn new(name: &'static str, replaced: &[(&str, &str)]) -> Self {
        let server = Server::start();
        let folder = server.folder().join(name);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), &folder);
        std::fs::write(folder.join("ostro.toml"), example::manifest(name, replaced)).unwrap();
        let stage = Self { server, name, folder };
        stage.ostro(&["project", "create", name], "");
        stage
    }

    /// Runs a command in the example's folder.
    fn ostro(&self, arguments: &[&str], input: &str) -> String {
        let file = self.server.folder().join("input");
        std::fs::write(&file, input).unwrap();
        let mut cli = self.server.cli();
        cli.args(arguments).current_dir(&self.folder).stdin(std::fs::File::open(file).unwrap());
        let ran = cli.output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let host = format!("{}.localhost:{}", self.name, self.server.listen.port());
        Request::new(method, path, &host)
    }

    /// Calls the client API, as whoever has that token.
    fn call(&self, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.request("POST", &format!("/_ostro/v1/{path}"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let request = if token.is_empty() {
            request
        } else {
            request.header("authorization", &format!("Bearer {token}"))
        };
        request.send(self.server.listen)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        match from.is_dir() {
            true => copy(&from, &to),
            false => assert!(std::fs::copy(&from, to).is_ok(), "{}", from.display()),
        }
    }
}

const WECHAT: &str = "https://api.weixin.qq.com";

/// The mini-program, deployed beside a server that plays WeChat's; none where JavaScript cannot be built.
fn mini_program() -> Option<(Node, Stage)> {
    has_javascript().then(|| {
        let wechat = Node::start("examples/mini-program", "fake-wechat.mjs");
        let stage = Stage::new("mini-program", &[(WECHAT, &format!("http://{}", wechat.at))]);
        stage.ostro(&["secret", "set", "WX_SECRET"], "not-so-secret");
        stage.ostro(&["deploy"], "");
        (wechat, stage)
    })
}

#[test]
fn the_mini_program_knows_whom_wechat_knows() {
    let Some((wechat, stage)) = mini_program() else { return };
    let login = |code: &str| stage.call("functions/login", "", &json!({ "code": code }));
    let text = |value: &Value| value.as_str().unwrap().to_owned();

    let session = login("ann-1").expect_status(200);
    assert!(
        !session.text().contains("session_key") && !session.text().contains("openid"),
        "{}",
        session.text()
    );
    let session = session.json();
    let (ann, token) = (text(&session["user"]["id"]), text(&session["access_token"]));
    let named = stage.call("functions/user-info", &token, &json!({ "nickname": " Ann " })).expect_status(200);
    assert_eq!(named.json(), json!({ "id": ann, "nickname": "Ann" }));
    // A code is good once; another one is the same person's.
    login("ann-1").expect_error(401, "code_refused");
    let again = login("ann-2").expect_status(200).json();
    assert_eq!(again["user"]["id"], json!(ann));
    let told =
        stage.call("functions/user-info", &text(&again["access_token"]), &json!({})).expect_status(200);
    assert_eq!(told.json()["nickname"], "Ann");
    let bob = login("bob-1").expect_status(200).json();
    let his =
        stage.call("functions/user-info", &text(&bob["access_token"]), &json!({})).expect_status(200).json();
    assert!(his["nickname"] == "Somebody" && his["id"] != json!(ann), "{his}");
    let seen =
        stage.call("db/profiles/find", &text(&bob["access_token"]), &json!({})).expect_status(200).json();
    assert_eq!(seen["documents"], json!([]));

    login("Mallory").expect_error(401, "code_refused");
    stage.call("functions/login", "", &json!({ "code": 1 })).expect_error(400, "code_missing");
    stage.call("functions/login", "", &json!([])).expect_error(400, "code_missing");
    stage.call("functions/user-info", "", &json!({ "id": ann })).expect_error(401, "unauthenticated");
    drop(wechat);
    login("ann-3").expect_error(502, "upstream");
}

/// `app/ostro.js` in a mini-program's surroundings, as `mini-program-app.mjs` plays them.
#[test]
fn the_mini_programs_app_signs_in_by_itself() {
    let Some((_wechat, stage)) = mini_program() else { return };
    let host = format!("{}.localhost:{}", stage.name, stage.server.listen.port());
    let ran = Command::new("node")
        .args(["tests/examples_js/mini-program-app.mjs", &stage.server.listen.to_string(), &host])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let expected = json!({
        "first": "Ann", "codes": 1, "together": ["Ann", "Ann", "Ann"],
        "afterRenewal": "Ann", "renewals": 1, "codesThen": 1,
        "afterTheEnd": "Ann", "codesInTheEnd": 2, "refused": "no_route",
    });
    assert_eq!(told, expected);
}

/// What a form sends.
fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let one = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(one).collect()
    };
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

impl Stage {
    /// Opens a page, or posts a form to it, as whoever has that token.
    fn page(&self, path: &str, token: &str, fields: &[(&str, &str)]) -> Answer {
        let request = match fields {
            [] => self.request("GET", path),
            _ => self.request("POST", path).header("content-type", "application/x-www-form-urlencoded"),
        };
        let request = if fields.is_empty() { request } else { request.body(form(fields)) };
        let bearer = format!("Bearer {token}");
        let request = if token.is_empty() { request } else { request.header("authorization", &bearer) };
        request.send(self.server.listen)
    }

    fn sign_in(&self, call: &str, name: &str) -> (String, String) {
        let person = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let session = self.call(&format!("auth/{call}"), "", &person).expect_status(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&session["user"]["id"]), text(&session["access_token"]))
    }
}

/// Pages ask as whoever opens them: the rules are the only place that says who may what.
#[test]
fn the_cms_shows_and_takes_what_the_rules_say() {
    if !has_javascript() {
        return;
    }
    let stage = Stage::new("cms", &[]);
    let tried = stage.ostro(&["rules", "test"], "");
    assert!(tried.contains("an editor publishes") && !tried.contains("FAILED"), "{tried}");
    stage.ostro(&["deploy"], "");
    stage.ostro(&["user", "create", "eve@example.com", "--role", "editor"], "correct horse");
    let (_, eve) = stage.sign_in("sign-in", "eve");
    let (wim, nothing_yet) = stage.sign_in("sign-up", "wim");
    assert_eq!(stage.page("/write", &nothing_yet, &[]).status, 403);
    assert_eq!(stage.page("/people", &nothing_yet, &[("id", &wim), ("editor", "on")]).status, 403);
    stage.page("/people", &eve, &[("id", &wim), ("writer", "on")]).expect_status(303);
    let shown = stage.page("/people", &eve, &[]).expect_status(200).text();
    assert!(shown.contains("wim@example.com") && shown.contains("name=\"writer\" checked"), "{shown}");
    let (_, wim) = stage.sign_in("sign-in", "wim");
    let (_, rita) = stage.sign_in("sign-up", "rita");

    let draft =
        [("title", "Rain & <sun>"), ("text", "It rained.\r\n\r\nThen <b>not</b>."), ("status", "published")];
    let made = stage.page("/write", &wim, &draft).expect_status(303);
    assert_eq!(made.header("location"), Some("/write/rain-sun"));
    let again = stage.page("/write", &wim, &draft).expect_status(400).text();
    assert!(
        again.contains("There is an article of that name.")
            && again.contains("value=\"Rain &amp; &lt;sun&gt;\""),
        "{again}"
    );
    assert_eq!(stage.page("/write", &wim, &[("title", " "), ("text", "x")]).status, 400);
    // A draft, whatever the form says.
    for token in ["", &rita] {
        assert_eq!(stage.page("/articles/rain-sun", token, &[]).status, 404);
        assert!(!stage.page("/", token, &[]).expect_status(200).text().contains("Rain"));
    }
    let own = stage.page("/articles/rain-sun", &wim, &[]).expect_status(200).text();
    assert!(own.contains("A draft") && own.contains("<p>Then &lt;b&gt;not&lt;/b&gt;.</p>"), "{own}");
    stage.page("/write/rain-sun", &wim, &draft).expect_status(403);
    stage.page("/write/rain-sun", &wim, &[("status", "removed")]).expect_status(403);
    stage.page("/write/rain-sun", &eve, &draft).expect_status(303);
    let read = stage.page("/articles/rain-sun", "", &[]).expect_status(200);
    assert_eq!(read.header("cache-control"), Some("private, no-store"));
    assert!(
        stage.page("/", "", &[]).text().contains("<a href=\"/articles/rain-sun\">Rain &amp; &lt;sun&gt;</a>")
    );
    stage
        .page("/write/rain-sun", &wim, &[("title", "Mine"), ("text", ""), ("status", "draft")])
        .expect_status(403);
    assert!(stage.page("/articles/rain-sun", "", &[]).text().contains("Rain"));
    assert_eq!(stage.page("/write", "", &draft).status, 401);
    stage.page("/write/rain-sun", &eve, &[("status", "removed")]).expect_status(303);
    assert_eq!(stage.page("/articles/rain-sun", "", &[]).status, 404);
}
