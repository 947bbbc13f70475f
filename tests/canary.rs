//! One walk over everything that one project can ask, with all that it may have got hold of from another: no word of that other
//! one is told (threats C7 and C9).
//!
//! Each of two projects has words of its own in every place, under the same names. First each asks for its own and must find
//! it: a walk that reads nothing proves nothing. Then it asks with the other's ids, cursors, URLs and names.

mod calls;
mod scanner;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::calls::{changes, looks};
use self::tenant::{Call, Tenant, pair, told};
use crate::support::http::Answer;
use crate::support::{Request, Server, shared};

/// The interfaces of the contract that a guest calls, by name without version: those with functions that no world exports.
fn called() -> BTreeSet<String> {
    let mut resolve = wit_parser::Resolve::default();
    crate::contract::packages(&mut resolve);
    let mut exported = BTreeSet::new();
    for (_, world) in &resolve.worlds {
        for item in world.exports.values() {
            if let wit_parser::WorldItem::Interface { id, .. } = item {
                exported.insert(*id);
            }
        }
    }
    let own = resolve.interfaces.iter().filter(|(id, interface)| {
        !interface.functions.is_empty() && !exported.contains(id) && interface.name.is_some()
    });
    own.map(|(id, _)| resolve.id_of(id).unwrap().split('@').next().unwrap().to_owned()).collect()
}

fn interface(call: &Call) -> &str {
    call[0].split(' ').next().unwrap()
}

/// The functions of the contract's interfaces, as calls name them.
#[test]
fn c7_every_interface_of_the_contract_is_walked() {
    let taken = |name: &'static str| (name, "x".to_owned());
    let taken: BTreeMap<_, _> = calls::TAKEN.iter().map(|name| taken(name)).collect();
    let all = [looks(&taken), changes(&taken, "x")].concat();
    let walked: BTreeSet<_> = all.iter().map(|call| interface(call).to_owned()).collect();
    let missing: Vec<_> = called().difference(&walked).cloned().collect();
    assert!(missing.is_empty(), "tests/canary/calls.rs has no call of {missing:?}");
    assert!(called().len() >= 13, "{:?}", called());
}

/// Through the interfaces of guests, and other functions called in the process.
#[test]
fn c7_c9_no_interface_tells_of_another_project() {
    let server = shared();
    let tenants = pair(&server, "walk-guests");
    let [left, right] = &tenants;
    tenants.iter().for_each(finds_its_own);
    let both = [(left, right), (right, left)];
    for (owner, stranger) in both {
        let calls = looks(&owner.taken);
        search(owner, &calls, &stranger.walk(&calls));
    }
    for (owner, stranger) in both {
        let before = held(owner);
        // One at a time: what goes wrong ends the invocation.
        for call in changes(&owner.taken, &format!("{}forged", stranger.canary)) {
            let answer = stranger.ask("POST", "/", &json!([call]).to_string());
            if interface(&call) == "forged" {
                answer.expect_error(500, "trap");
            }
            search(owner, &[call], &[String::from_utf8(told(&answer)).unwrap()]);
        }
        let now = held(owner);
        assert_eq!(now, before, "nothing of it was changed");
        search(stranger, &looks(&owner.taken), &now);
        assert_eq!(owner.scanner.finds(stranger.records().as_bytes()), None, "in logs and records");
        assert_eq!(stranger.scanner.finds(owner.records().as_bytes()), None, "in logs and records");
    }
}

/// What a project holds, as its own function sees it: the same for as long as nobody changes it.
fn held(owner: &Tenant<'_>) -> Vec<String> {
    let is_stable = |call: &Call| {
        let others = ["ostro:functions/context", "ostro:functions/invoke", "wasi:http/outgoing-handler"];
        !others.contains(&interface(call)) && !call[0].ends_with(" sign")
    };
    let calls: Vec<_> = looks(&owner.taken).into_iter().filter(is_stable).collect();
    owner.walk(&calls)
}

/// A project is told its own words: each interface that can tell something tells one.
fn finds_its_own(owner: &Tenant<'_>) {
    let calls = looks(&owner.taken);
    let answers = owner.walk(&calls);
    let found: BTreeSet<_> = calls
        .iter()
        .zip(&answers)
        .filter(|(_, told)| owner.scanner.finds(told.as_bytes()).is_some())
        .map(|(call, _)| interface(call))
        .collect();
    // Those that give nothing back are looked at from the other side.
    let silent = [
        "ostro:auth/identity",
        "ostro:functions/context",
        "ostro:queue/producer",
        "ostro:realtime/channels",
        "wasi:logging/logging",
    ];
    let mute: Vec<_> = called().into_iter().filter(|name| !found.contains(name.as_str())).collect();
    assert_eq!(mute, silent);
    for other in ["wasi:http/outgoing-handler", "wasi:cli/environment"] {
        assert!(found.contains(other), "{other} has told nothing: {answers:?}");
    }
    assert!(owner.taken["about"].contains(&owner.control.project), "{:?}", owner.taken);
    let records = owner.records();
    for part in ["log", "path"] {
        assert!(records.contains(&format!("{}{part}", owner.canary)), "{part}: {records}");
    }
    let job = owner.control.get(&format!("jobs/{}", owner.taken["job"])).expect_status(200).text();
    assert!(job.contains(&format!("{}job", owner.canary)), "{job}");
    let messages = owner.control.get("queues/things/messages").expect_status(200).text();
    assert!(messages.contains(&format!("{}message", owner.canary)), "{messages}");
}

/// No answer has the owner's word.
fn search(owner: &Tenant<'_>, calls: &[Call], answers: &[String]) {
    for (place, told) in answers.iter().enumerate() {
        let form = owner.scanner.finds(told.as_bytes());
        assert_eq!(form, None, "{:?}: {told}", calls.get(place));
    }
}

/// Through the public front door, on the hosts of the stranger.
#[test]
fn c7_d9_no_host_of_one_project_answers_for_another() {
    let server = shared();
    let tenants = pair(&server, "walk-door");
    let [left, right] = &tenants;
    for (owner, stranger) in [(left, right), (right, left)] {
        let url = &owner.taken["get"];
        let send = |method: &str, target: &str, host: &str| {
            Request::new(method, target, host).body("").send(server.listen)
        };
        for own in [send("GET", url, &owner.host("walker")), send("GET", "/", &owner.host("inner"))] {
            assert!(owner.scanner.finds(&told(&own.expect_status(200))).is_some(), "its own host tells it");
        }
        let (host, owners) = (stranger.host("walker"), owner.host("inner"));
        let only = &owner.taken["only"];
        let changed = |from: &str, to: &str| url.replace(from, to);
        let shorter = url.get(..url.len() - 1).unwrap();
        let mut answers: Vec<(String, Answer)> = Vec::new();
        for target in [
            url.clone(),
            owner.taken["put"].clone(),
            changed("/same", &format!("/{only}")),
            changed("/things/", "/things%2f"),
            changed("/objects/", "/objects//"),
            changed("/_ostro/", "/./_ostro/"),
            changed("/_ostro/", "//_ostro/"),
            format!("{url}&p={}", owner.control.project),
            format!("{shorter}A"),
            format!("/{only}"),
            format!("//{owners}/"),
            format!("/..//{owners}/"),
            format!("/_ostro/objects/things/{only}"),
            "/_ostro/invoke".to_owned(),
            format!("/?project={}", owner.control.project),
        ] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"] {
                answers.push((format!("{method} {target}"), send(method, &target, &host)));
            }
        }
        for odd in [
            format!("{only}--{}.localhost", stranger.control.project),
            format!("{}.localhost", stranger.control.project),
            format!("{only}.localhost"),
            "inner.localhost".to_owned(),
            format!("1--{host}"),
        ] {
            for target in ["/", url.as_str()] {
                answers.push((format!("{odd} {target}"), send("GET", target, &odd)));
            }
        }
        let to = |header: &str| Request::new("GET", url, &host).header(header, &owners).send(server.listen);
        for header in
            ["host", "x-forwarded-host", "forwarded", "x-original-host", "x-project", "ostro-project"]
        {
            answers.push((header.to_owned(), to(header)));
        }
        let absolute = send("GET", &format!("http://{owners}/"), &host);
        assert!(absolute.status == 400, "two hosts are none: {}", absolute.text());
        answers.push(("absolute".to_owned(), absolute));
        for (what, answer) in &answers {
            assert_eq!(owner.scanner.finds(&told(answer)), None, "{what}: {}", answer.text());
        }
        assert_eq!(owner.scanner.finds(stranger.records().as_bytes()), None, "in logs and records");
    }
}

/// Every operation of the control API, with its parameters in place.
fn operations(server: &Server, owner: &Tenant<'_>, project: &str) -> Vec<(String, String)> {
    let api = Request::new("GET", "/openapi.json", "localhost").send(server.admin).json();
    let mut operations = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        let mut path = path.clone();
        for (parameter, value) in [
            ("project", project),
            ("bucket", "things"),
            ("collection", "things"),
            ("queue", "things"),
            ("key", "same"),
            ("id", "same"),
            ("function", "walker"),
            ("name", "WORD"),
            ("schedule", "walker"),
            ("job", &owner.taken["job"]),
            ("prefix", &owner.taken["prefix"]),
            ("user", &owner.taken["user"]),
            ("provider", "wechat"),
            ("subject", "same"),
        ] {
            path = path.replace(&format!("{{{parameter}}}"), value);
        }
        assert!(!path.contains('{'), "a new parameter in {path}");
        operations
            .extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    operations
}

/// The bodies that an operation is asked with.
fn body(path: &str, owner: &Tenant<'_>) -> Value {
    match path.rsplit('/').next().unwrap() {
        "find" => json!({ "sort": { "_id": 1 }, "limit": 2, "cursor": owner.taken["find-cursor"] }),
        "update" => json!({ "filter": {}, "update": { "$set": { "forged": true } } }),
        "redrive" => json!({ "jobs": [owner.taken["message"]] }),
        "delete" => json!({ "filter": { "_id": "same" } }),
        "documents" => json!({ "documents": [{}] }),
        "purge" => json!({ "which": "dead" }),
        "rollback" => json!({ "revision": 1 }),
        "tokens" => json!({ "label": "stolen", "scopes": ["admin"] }),
        "WORD" => json!({ "value": "stolen" }),
        _ => json!({}),
    }
}

/// Through the control API, with a token of the stranger.
#[test]
fn c7_f8_no_token_of_one_project_reads_another() {
    let server = shared();
    let tenants = pair(&server, "walk-control");
    let [left, right] = &tenants;
    for (owner, stranger) in [(left, right), (right, left)] {
        let own =
            |path: &str| owner.scanner.finds(&told(&owner.control.get(path).expect_status(200))).is_some();
        let job = format!("jobs/{}", owner.taken["job"]);
        for path in [
            "collections/things/documents/same",
            "buckets/things/objects",
            "buckets/things/objects/same",
            &job,
            "functions/walker/logs",
            "functions/walker/invocations",
            "queues/things/messages",
        ] {
            assert!(own(path), "{path} tells its owner nothing");
        }
        let find = owner.control.post("collections/things/find", &json!({})).expect_status(200);
        assert!(owner.scanner.finds(&find.body).is_some());
        let mut count = 0;
        for (method, path) in operations(&server, owner, &owner.control.project) {
            let request = stranger.control.request(&method, &path).header("content-type", "application/json");
            let answer = request.body(body(&path, owner).to_string()).send(server.admin);
            assert_eq!(owner.scanner.finds(&told(&answer)), None, "{method} {path}: {}", answer.text());
            if path.starts_with("/v1/projects/") {
                count += usize::from(answer.status == 404);
                // A body that is none is refused before anybody looks whose project it is.
                assert!(
                    matches!(answer.status, 400 | 404 | 415 | 422),
                    "{method} {path}: {} {}",
                    answer.status,
                    answer.text()
                );
            }
        }
        assert!(count > 35, "{count} operations of projects");
        // In its own project, with ids of the other. What deletes comes to nothing there, too.
        let own: Vec<_> = operations(&server, owner, &stranger.control.project);
        let harmless = |method: &str, path: &str| {
            method == "GET"
                || path.contains("/jobs/")
                || path.contains("/tokens/")
                || path.ends_with("/find")
                || path.ends_with("/redrive")
        };
        for (method, path) in own.iter().filter(|(method, path)| harmless(method, path)) {
            let request = stranger.control.request(method, path).header("content-type", "application/json");
            let answer = request.body(body(path, owner).to_string()).send(server.admin);
            assert_eq!(owner.scanner.finds(&told(&answer)), None, "{method} {path}: {}", answer.text());
            let is_others = path.contains(&owner.taken["job"]) || path.contains(&owner.taken["prefix"]);
            if is_others && path.starts_with("/v1/projects/") {
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            }
        }
        for path in [
            format!("functions/{}", owner.taken["only"]),
            format!("functions/{}/logs", owner.taken["only"]),
            format!("functions/walker/invocations?before={}", owner.taken["invocation"]),
            format!("collections/things/documents/{}", owner.taken["only"]),
            format!("buckets/things/objects?after={}", owner.taken["list-after"]),
            format!("buckets/things/objects/{}", owner.taken["only"]),
            format!("functions/walker/revisions/{}", owner.taken["digest"]),
            format!("..%2f{}/functions", owner.control.project),
        ] {
            let answer = stranger.control.get(&path);
            assert_eq!(owner.scanner.finds(&told(&answer)), None, "{path}: {}", answer.text());
        }
        assert_eq!(owner.scanner.finds(stranger.records().as_bytes()), None, "in logs and records");
    }
}
