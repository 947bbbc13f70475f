//! Tokens and projects.

use super::*;

#[tokio::test]
async fn f5_tokens_live_and_die() {
    let bench = Bench::new();
    for wrong in ["", "x", "ostro_admin000_wrong", "ostro_unknown1_x"] {
        let answer = bench.get(wrong, "/v1/whoami").await;
        assert_eq!(code(&answer), (401, "unauthenticated"), "{wrong}");
        assert_eq!(answer, bench.get("ostro_abcdefgh_x", "/v1/whoami").await, "one answer for all");
    }
    let (_, admin) = bench.get(ADMIN, "/v1/whoami").await;
    assert_eq!((&admin["actor"], &admin["project"]), (&json!("admin"), &Value::Null));
    bench.project("shop").await;
    let token = bench.token("/projects/shop", &["read", "deploy", "read"]).await;
    let prefix = token.split('_').nth(1).unwrap().to_owned();
    let (_, who) = bench.get(&token, "/v1/whoami").await;
    assert_eq!(who["project"], "shop");
    assert_eq!(
        (&who["actor"], &who["scopes"]),
        (&json!(format!("token:{prefix}")), &json!(["deploy", "read"]))
    );
    let (_, list) = bench.get(ADMIN, "/v1/projects/shop/tokens").await;
    assert_eq!(list["tokens"][0]["prefix"], *prefix);
    assert!(!list.to_string().contains(token.rsplit('_').next().unwrap()), "the secret part is shown once");
    let wrong_secret = format!("ostro_{prefix}_x");
    assert_eq!(bench.get(&wrong_secret, "/v1/whoami").await.0, 401);
    let path = format!("/v1/projects/shop/tokens/{prefix}");
    assert_eq!(
        bench.call(ADMIN, "DELETE", &format!("/v1/tokens/{prefix}"), None).await.0,
        404,
        "not a server token"
    );
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 204);
    assert_eq!(bench.get(&token, "/v1/whoami").await.0, 401);
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 404);
}

#[tokio::test]
async fn projects_and_server_tokens_need_a_server_admin() {
    let bench = Bench::new();
    bench.project("shop").await;
    bench.project("other").await;
    let own = bench.token("/projects/shop", &["admin"]).await;
    let reader = bench.token("", &["read"]).await;
    let (_, seen) = bench.get(&own, "/v1/projects").await;
    assert_eq!(seen["projects"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["projects"][0]["name"], "shop");
    assert!(bench.get(&reader, "/v1/projects").await.1["projects"].as_array().unwrap().len() >= 2);
    for token in [&own, &reader] {
        let new = json!({ "name": "new" });
        assert_eq!(bench.call(token, "POST", "/v1/projects", Some(new)).await.0, 403);
        assert_eq!(bench.call(token, "DELETE", SHOP, None).await.0, 403);
        let new = json!({ "label": "l", "scopes": ["admin"] });
        assert_eq!(bench.call(token, "POST", "/v1/tokens", Some(new)).await.0, 403);
    }
    assert_eq!(bench.get(&own, "/v1/tokens").await.0, 403);
    assert_eq!(bench.get(&own, "/v1/audit").await.0, 403);
    assert_eq!(bench.get(&reader, "/v1/audit").await.0, 200);
    assert_eq!(code(&bench.call(&own, "DELETE", "/v1/projects/other", None).await), (404, "not_found"));
    assert_eq!(
        code(&bench.call(ADMIN, "POST", "/v1/projects", Some(json!({ "name": "shop" }))).await).0,
        409
    );
    assert_eq!(bench.call(ADMIN, "DELETE", SHOP, None).await.0, 204);
    assert_eq!(bench.get(ADMIN, &format!("{SHOP}/functions")).await.0, 404);
    assert_eq!(bench.get(&own, "/v1/whoami").await.0, 401, "its tokens are gone with it");
    let (_, audit) = bench.get(ADMIN, "/v1/audit?limit=1000").await;
    assert!(audit["audit"].as_array().unwrap().iter().any(|row| row["subject"] == "shop"), "{audit}");
}
