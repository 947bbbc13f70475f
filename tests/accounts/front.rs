//! Threat F6: pages of other origins do nothing here, and the control API is not reached through a project's host.

use serde_json::json;

use super::bench::{Bench, MANIFEST};
use crate::support::Request;

#[test]
fn f6_pages_of_other_origins_are_refused() {
    let bench = Bench::start(MANIFEST);
    let words = json!({ "email": "ann@example.com", "password": "correct horse" });
    let from =
        |origin: &str| bench.posted("sign-up", &words).header("origin", origin).send(bench.server.listen);
    for foreign in ["https://evil.example", "null", "*", "https://app.example.com.evil.example"] {
        let refused = from(foreign);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{foreign}");
        refused.expect_error(403, "forbidden");
    }
    let listed = from("https://app.example.com").expect_status(200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(listed.header("access-control-allow-credentials"), None);
    assert!(listed.header("vary").unwrap().contains("origin"));
    let own = from(&format!("http://{}", bench.server.listen));
    assert_eq!(own.header("access-control-allow-origin"), None);
    own.expect_error(409, "email_taken");
}

#[test]
fn f6_browsers_are_told_before_they_call() {
    let bench = Bench::start(MANIFEST);
    let ask = |origin: &str| {
        let request = bench.request("OPTIONS", "sign-in").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "content-type").send(bench.server.listen)
    };
    let told = ask("https://app.example.com").expect_status(204);
    assert_eq!(told.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(told.header("access-control-allow-headers"), Some("authorization, content-type"));
    ask("https://evil.example").expect_error(403, "forbidden");
}

#[test]
fn f6_the_control_api_is_not_on_a_projects_host() {
    let bench = Bench::start(MANIFEST);
    for path in ["/v1/projects", "/_ostro/v1/projects", "/_ostro/v1/auth/../../v1/projects"] {
        let request = Request::new("GET", path, &bench.server.admin.to_string());
        let answer = request
            .header("authorization", &format!("Bearer {}", bench.server.token))
            .send(bench.server.listen);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    // Nor does the server's own token mean anything to a project.
    bench.get("user", &bench.server.token).expect_error(401, "unauthenticated");
}
