//! Data events: a change of a document starts a function, in the change's own transaction. Those of objects are in `thumbnails.rs`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Control, Server, guest, shared};

const MANIFEST: &str = "manifest = 1\n[function.listener]\nsource = 'x.wasm'\n\
    events = [{ collection = 'entries', on = ['insert', 'update', 'delete'] }]\n";

/// A project with a function that is told of everything that happens to `entries`.
fn listening(server: &Server, project: &str) -> Control {
    let control = server.project(project);
    control.try_deploy_manifest("listener", &guest::component("hello"), MANIFEST).expect_status(200);
    control
}

/// The listener's jobs, oldest first, when that many have ended.
fn told(control: &Control, count: usize) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let jobs = control.get("functions/listener/jobs?state=done&limit=100").expect_status(200).json();
        let mut jobs = jobs["jobs"].as_array().unwrap().clone();
        assert!(jobs.len() <= count, "{jobs:?}");
        if jobs.len() == count {
            jobs.reverse();
            return jobs;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{jobs:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_collection_tells_of_its_changes_in_their_order() {
    let server = shared();
    let control = listening(&server, "events-order");
    control
        .post("collections/entries/documents", &json!({ "documents": [{ "_id": "a", "n": 1 }] }))
        .expect_status(200);
    let update = json!({ "filter": { "_id": "a" }, "update": { "$inc": { "n": 1 } } });
    control.post("collections/entries/update", &update).expect_status(200);
    control.post("collections/entries/delete", &json!({ "filter": { "_id": "a" } })).expect_status(200);
    let jobs = told(&control, 3);
    let changes: Vec<_> = jobs.iter().map(|job| job["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["insert", "update", "delete"], "{jobs:?}");
    let expected =
        [json!({ "_id": "a", "n": 1 }), json!({ "_id": "a", "n": 2 }), json!({ "_id": "a", "n": 2 })];
    for (job, document) in jobs.iter().zip(expected) {
        assert_eq!(
            (&job["trigger"], &job["source"]),
            (&json!("event"), &json!("collection:entries")),
            "{job}"
        );
        assert_eq!(job["subject"], "a", "{job}");
        let whole = control.get(&format!("jobs/{}", job["id"].as_str().unwrap())).expect_status(200).json();
        let payload: Value = serde_json::from_str(whole["payload"].as_str().unwrap()).unwrap();
        let told =
            json!({ "collection": "entries", "change": job["change"], "id": "a", "document": document });
        assert_eq!(payload, told);
    }
    let records = control.invocations("listener", 3);
    for record in &records {
        assert_eq!((&record["trigger"], &record["outcome"]), (&json!("event"), &json!("ok")), "{record}");
    }
}

#[test]
fn what_is_undone_is_not_told() {
    let server = shared();
    let control = listening(&server, "events-undone");
    let twice = json!({ "documents": [{ "_id": "a" }, { "_id": "b" }, { "_id": "a" }] });
    control.post("collections/entries/documents", &twice).expect_error(409, "duplicate");
    let many: Vec<_> = (0..50).map(|number| json!({ "_id": number.to_string() })).collect();
    control.post("collections/entries/documents", &json!({ "documents": many })).expect_status(200);
    let jobs = told(&control, 50);
    assert!(jobs.iter().all(|job| job["change"] == "insert" && job["subject"] != "a"), "{jobs:?}");
}

#[test]
fn who_is_no_longer_subscribed_is_told_nothing() {
    let server = shared();
    let control = listening(&server, "events-ended");
    let insert = |id: &str| {
        let documents = json!({ "documents": [{ "_id": id }] });
        control.post("collections/entries/documents", &documents).expect_status(200);
    };
    insert("a");
    told(&control, 1);
    let quiet = "manifest = 1\n[function.listener]\nsource = 'x.wasm'\n";
    let answer =
        control.try_deploy_manifest("listener", &guest::component("hello"), quiet).expect_status(200);
    assert!(answer.text().contains("the events of the collection entries"), "{}", answer.text());
    insert("b");
    let shown = control.get("functions/listener").expect_status(200).json();
    assert_eq!(shown["events"], json!([]), "{shown}");
    assert_eq!(told(&control, 1)[0]["subject"], "a");
}

/// C7: a change of one project's collection is told to nobody in another that has one of the same name.
#[test]
fn c7_changes_are_told_in_their_own_project_only() {
    let server = shared();
    let (ours, theirs) = (listening(&server, "events-ours"), listening(&server, "events-theirs"));
    for (control, id) in [(&ours, "a"), (&ours, "b"), (&theirs, "c")] {
        let documents = json!({ "documents": [{ "_id": id }] });
        control.post("collections/entries/documents", &documents).expect_status(200);
    }
    let subjects = |control: &Control, count: usize| -> Vec<String> {
        told(control, count).iter().map(|job| job["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(&ours, 2), ["a", "b"]);
    assert_eq!(subjects(&theirs, 1), ["c"]);
    let job = told(&ours, 2)[0]["id"].as_str().unwrap().to_owned();
    theirs.get(&format!("jobs/{job}")).expect_error(404, "not_found");
}

#[test]
fn a_function_without_http_is_told_of_no_data() {
    let server = shared();
    let control = server.project("events-refused");
    let answer = control.try_deploy_manifest("listener", &guest::component("slot"), MANIFEST);
    answer.expect_error(409, "missing_export");
}
