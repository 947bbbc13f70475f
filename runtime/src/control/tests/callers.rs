//! Every resource by every caller.

use store::catalog::{CronTrigger, Export};
use store::jobs::{JobId, Lane, ScheduleId, ScheduleSpec};

use super::*;

/// Method, path in the project, the scope it takes, body. `JOB` stands for the id of a dead job.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("GET", "/functions", "read", ""),
    ("GET", "/functions/cart", "read", ""),
    ("GET", "/functions/cart/revisions", "read", ""),
    ("GET", "/functions/cart/invocations", "read", ""),
    ("GET", "/functions/cart/logs", "read", ""),
    ("GET", "/functions/cart/jobs", "read", ""),
    ("GET", "/cron", "read", ""),
    ("GET", "/queues", "read", ""),
    ("GET", "/queues/mail/messages?state=dead", "read", ""),
    ("GET", "/jobs/JOB", "read", ""),
    ("GET", "/secrets", "read", ""),
    ("GET", "/tokens", "admin", ""),
    ("GET", "/audit", "read", ""),
    ("POST", "/queues/mail/messages", "invoke", r#"{"any":"body"}"#),
    ("POST", "/queues/mail/batch", "invoke", r#"{"messages":[{"body":"x"}]}"#),
    ("POST", "/cron/0123456789abcdef/run", "invoke", ""),
    ("POST", "/functions/cart/invoke", "invoke", ""),
    ("POST", "/functions/cart/invoke?async=true", "invoke", ""),
    ("POST", "/cron/0123456789abcdef/pause", "deploy", ""),
    ("POST", "/cron/0123456789abcdef/resume", "deploy", ""),
    ("POST", "/jobs/JOB/redrive", "deploy", ""),
    ("POST", "/queues/mail/redrive", "deploy", ""),
    ("POST", "/queues/mail/purge", "deploy", r#"{"which":"waiting"}"#),
    ("PUT", "/secrets/KEY", "deploy", r#"{"value":"v"}"#),
    ("DELETE", "/secrets/KEY", "deploy", ""),
    ("POST", "/functions/cart/rollback", "deploy", r#"{"to":1}"#),
    ("POST", "/functions/cart/deploy", "deploy", ""),
    ("PUT", "/site/files", "deploy", r#"{"a":"tar"}"#),
    ("POST", "/site", "deploy", r#"{"manifest":"","files":{}}"#),
    ("GET", "/site", "read", ""),
    ("POST", "/site/rollback", "deploy", r#"{"to":1}"#),
    ("DELETE", "/site", "deploy", ""),
    ("POST", "/tokens", "admin", r#"{"label":"l","scopes":["read"]}"#),
    ("DELETE", "/functions/cart", "deploy", ""),
];

/// A project with a function, a schedule, a queue and a dead message in it.
async fn shop(bench: &Bench) -> JobId {
    bench.project("shop").await;
    let wasm: Part<'_> = ("component", b"wasm");
    bench.deploy(ADMIN, &format!("{SHOP}/functions/cart/deploy"), &[("flags", b"{}"), wasm]).await;
    let shop = bench.id("shop").await;
    let cart = bench.publish(shop, "cart", Export::Http, Bindings::default()).await;
    bench.schedule(shop, "0123456789abcdef", cart.id, "0 3 * * *").await;
    bench.queue(shop, "mail").await;
    bench.dead(shop, Lane::Queue("mail".to_owned())).await
}

#[tokio::test]
async fn f8_c7_every_resource_by_every_caller() {
    let bench = Bench::new();
    bench.project("other").await;
    let job = shop(&bench).await;
    let scopes = ["read", "deploy", "invoke", "admin"];
    for (method, path, need, body) in TABLE {
        let path = &path.replace("JOB", &job.to_string());
        let call = async |token: &str, project: &str| {
            let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
            bench.call(token, method, &format!("/v1/projects/{project}{path}"), body).await
        };
        assert_eq!(code(&call("", "shop").await), (401, "unauthenticated"), "{method} {path}");
        for scope in scopes {
            let row = format!("{method} {path} with {scope}");
            let foreign = bench.token("/projects/other", &[scope]).await;
            let hidden = call(&foreign, "shop").await;
            assert_eq!(code(&hidden), (404, "not_found"), "{row}");
            assert_eq!(hidden, call(&foreign, "no-such-project").await, "{row}: the very same answer");
            if scope != *need && scope != "admin" {
                let own = bench.token("/projects/shop", &[scope]).await;
                assert_eq!(code(&call(&own, "shop").await), (403, "forbidden"), "{row}");
            }
        }
        let own = bench.token("/projects/shop", &[need]).await;
        let (status, answer) = call(&own, "shop").await;
        let expected: &[u16] = match path.as_str() {
            "/functions/cart/deploy" => &[415],      // not multipart, but let in
            "/functions/cart/invoke" => &[502, 200], // nobody listens, but let in
            _ => &[200, 201, 202, 204],
        };
        assert!(expected.contains(&status), "{method} {path}: {status} {answer}");
    }
}

#[tokio::test]
async fn what_is_in_a_project_stays_in_it() {
    let bench = Bench::new();
    let job = shop(&bench).await;
    bench.project("other").await;
    let theirs = bench.token("/projects/other", &["admin"]).await;
    for (method, path) in [
        ("GET", format!("/jobs/{job}")),
        ("POST", format!("/jobs/{job}/redrive")),
        ("POST", "/cron/0123456789abcdef/pause".to_owned()),
        ("POST", "/cron/0123456789abcdef/run".to_owned()),
        ("POST", "/queues/mail/messages".to_owned()),
        ("POST", "/queues/mail/redrive".to_owned()),
        ("GET", "/queues/mail/messages".to_owned()),
    ] {
        let answer = bench.call(&theirs, method, &format!("/v1/projects/other{path}"), None).await;
        assert_eq!(code(&answer), (404, "not_found"), "{method} {path}: {}", answer.1);
    }
    assert_eq!(bench.get(&theirs, "/v1/projects/other/queues").await.1, json!({ "queues": [] }));
    assert_eq!(bench.get(&theirs, "/v1/projects/other/cron").await.1, json!({ "schedules": [] }));
}

impl Bench {
    /// Makes this the only schedule of a project.
    pub(super) async fn schedule(
        &self,
        project: catalog::ProjectId,
        id: &str,
        function: FunctionId,
        expression: &str,
    ) {
        let trigger = CronTrigger {
            schedule: expression.to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            path: "/_ostro/cron".to_owned(),
            missed: Default::default(),
            overlap: Default::default(),
        };
        let spec = ScheduleSpec {
            id: ScheduleId(id.to_owned()),
            function,
            expression: trigger.schedule,
            timezone: trigger.timezone,
            path: trigger.path,
            missed: trigger.missed,
            overlap: trigger.overlap,
            first_ms: Some(4_102_444_800_000),
        };
        self.changes.store.schedules.reconcile(project, &[spec]).await.unwrap();
    }
}
