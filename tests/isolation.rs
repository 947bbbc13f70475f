//! What one project may learn of another: nothing.

use serde_json::json;

use crate::support::{Request, guest, shared};

/// B8: memory, tables and globals are as new for every invocation, whoever used them before and however that ended.
#[test]
fn b8_no_byte_is_left_from_an_earlier_instance() {
    let server = shared();
    let scan = guest::component("memory-scan");
    let (one, two) = (server.project("tenant-one"), server.project("tenant-two"));
    let limits = json!({ "limits": { "cpu": "5s" } });
    one.deploy("scan", &scan, &limits);
    two.deploy("scan", &scan, &limits);
    one.deploy("crash", &guest::component("trap"), &json!({}));
    for round in 0..60 {
        for host in ["scan--tenant-one.localhost", "scan--tenant-two.localhost"] {
            let answer = Request::new("GET", "/", host).send(server.listen).expect_status(200);
            assert_eq!(answer.text(), "clean\n", "round {round}, {host}");
        }
        if round % 10 == 0 {
            Request::new("GET", "/", "crash--tenant-one.localhost")
                .send(server.listen)
                .expect_error(500, "trap");
        }
    }
}

#[test]
fn b8_two_projects_at_once_see_only_themselves() {
    let server = shared();
    let scan = guest::component("memory-scan");
    for project in ["left-tenant", "right-tenant"] {
        server.project(project).deploy("scan", &scan, &json!({ "limits": { "cpu": "5s" } }));
    }
    std::thread::scope(|scope| {
        for project in ["left-tenant", "right-tenant", "left-tenant", "right-tenant"] {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..20 {
                    let answer =
                        Request::new("GET", "/", &format!("scan--{project}.localhost")).send(server.listen);
                    assert_eq!(answer.expect_status(200).text(), "clean\n");
                }
            });
        }
    });
}

#[test]
fn hosts_of_one_project_never_reach_another() {
    let server = shared();
    server.project("mine").deploy(
        "private",
        &guest::component("hello"),
        &json!({ "routes": [{ "path": "/private" }] }),
    );
    server.project("yours");
    for (host, path, status) in [
        ("private--mine.localhost", "/", 200),
        ("mine.localhost", "/private", 200),
        ("private--yours.localhost", "/", 404),
        ("private.localhost", "/", 404),
        ("private--default.localhost", "/", 404),
        ("yours.localhost", "/private", 404),
        ("default.localhost", "/private", 404),
        ("127.0.0.1", "/private", 404),
        ("127.0.0.1", "/private/", 404),
    ] {
        assert_eq!(Request::new("GET", path, host).send(server.listen).status, status, "{host}{path}");
    }
}
