//! Functions, secrets and logs.

use super::*;

#[tokio::test]
async fn a_function_from_deploy_to_delete() {
    let bench = Bench::new();
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    let deploy = format!("{cart}/deploy");
    let flags = br#"{"grants":["secret:KEY"],"limits":{"memory":"64MiB","concurrency":5}}"#;
    let (status, report) = bench.deploy(ADMIN, &deploy, &[("flags", flags), ("component", b"one")]).await;
    assert_eq!((status, &report["outcome"], &report["revision"]), (200, &json!("created"), &json!(1)));
    let parts: [Part<'_>; 3] = [("manifest", b"manifest = 1"), ("component", b"second"), ("assets", b"tar")];
    assert_eq!(bench.deploy(ADMIN, &deploy, &parts).await.1["revision"], 2);
    {
        let uploads = bench.changes.uploads.lock().unwrap();
        let Settings::Flags(flags) = &uploads[0].settings else { panic!("flags") };
        let limits = flags.limits.clone().unwrap();
        assert_eq!(limits.memory, Some(Quantity::Text("64MiB".to_owned())));
        assert_eq!((limits.concurrency, limits.cpu), (Some(Quantity::Number(5)), None));
        assert!(matches!(&uploads[1].settings, Settings::Manifest(text) if text == "manifest = 1"));
        assert_eq!(
            (&uploads[1].component[..], uploads[1].assets.as_deref()),
            (&b"second"[..], Some(&b"tar"[..]))
        );
    }
    let (_, shown) = bench.get(ADMIN, &cart).await;
    let shown: FunctionDetail = serde_json::from_value(shown).unwrap();
    assert_eq!((shown.function.revision, shown.wasm_bytes), (2, 6));
    assert_eq!(shown.function.urls, ["http://cart--shop.localhost:8700/"]);
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/functions")).await;
    assert_eq!(serde_json::from_value::<FunctionList>(list).unwrap().functions, [shown.function]);
    let (status, back) = bench.call(ADMIN, "POST", &format!("{cart}/rollback"), None).await;
    assert_eq!((status, &back["revision"], &back["previous"]), (200, &json!(1), &json!(2)));
    let (_, revisions) = bench.get(ADMIN, &format!("{cart}/revisions")).await;
    let revisions: RevisionList = serde_json::from_value(revisions).unwrap();
    let active: Vec<_> =
        revisions.revisions.iter().map(|revision| (revision.number, revision.active)).collect();
    assert_eq!(active, [(2, false), (1, true)]);
    assert_eq!(bench.call(ADMIN, "DELETE", &cart, None).await.0, 204);
    assert_eq!(code(&bench.get(ADMIN, &cart).await), (404, "not_found"));
}

#[tokio::test]
async fn uploads_out_of_order_or_too_large_are_refused() {
    let bench = Bench::new();
    bench.project("shop").await;
    let path = format!("{SHOP}/functions/cart/deploy");
    let large = vec![0; (256 << 10) + 1];
    let wasm: Part<'_> = ("component", b"wasm");
    let rows: [(&[Part<'_>], (u16, &str)); 8] = [
        (&[], (400, "bad_upload")),
        (&[wasm], (400, "bad_upload")),
        (&[("flags", b"{}")], (400, "bad_upload")),
        (&[wasm, ("flags", b"{}")], (400, "bad_upload")),
        (&[("flags", b"{}"), wasm, ("more", b"")], (400, "bad_upload")),
        (&[("flags", b"{\"memory\":1}"), wasm], (400, "bad_json")),
        (&[("manifest", b"\xff"), wasm], (400, "bad_request")),
        (&[("manifest", &large), wasm], (413, "too_large")),
    ];
    for (parts, expected) in rows {
        let answer = bench.deploy(ADMIN, &path, parts).await;
        assert_eq!(code(&answer), expected, "{}", answer.1);
    }
    let component = vec![0; (64 << 20) + 1];
    let parts: [Part<'_>; 2] = [("flags", b"{}"), ("component", &component)];
    assert_eq!(code(&bench.deploy(ADMIN, &path, &parts).await), (413, "too_large"));
    let parts: [Part<'_>; 2] = [("flags", b"{}"), ("component", &component[1..])];
    assert_eq!(bench.deploy(ADMIN, &path, &parts).await.0, 200, "exactly 64 MiB");
    let mut torn = request(ADMIN, "POST", &path);
    torn.headers_mut().insert(header::CONTENT_TYPE, "multipart/form-data; boundary=X".parse().unwrap());
    *torn.body_mut() = Body::from("--X\r\nContent-Disposition: form-data; name=\"flags\"\r\n\r\n{");
    assert_eq!(read(bench.send(torn).await).await.0, 400);
    assert_eq!(bench.changes.uploads.lock().unwrap().len(), 1, "nothing else got through");
}

#[tokio::test]
async fn secrets_are_set_and_never_shown() {
    let bench = Bench::new();
    bench.project("shop").await;
    let path = format!("{SHOP}/secrets/KEY");
    let set = async |value: &str| bench.call(ADMIN, "PUT", &path, Some(json!({ "value": value }))).await.0;
    assert_eq!(set("").await, 422);
    assert_eq!(set(&"x".repeat(64 << 10)).await, 204);
    assert_eq!(set(&"x".repeat((64 << 10) + 1)).await, 422);
    assert_eq!(set("canary").await, 204);
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/secrets")).await;
    assert_eq!(list["secrets"][0]["name"], "KEY");
    assert!(!list.to_string().contains("canary"));
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 204);
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 404);
}

fn line(function: catalog::FunctionId, message: &str) -> LogLine {
    LogLine {
        at_ms: 5,
        function,
        revision: 1,
        invocation: Uuid::nil(),
        stream: LogStream::Stdout,
        level: "info".to_owned(),
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn logs_are_read_and_followed_until_the_server_stops() {
    let bench = Bench::new();
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    bench.deploy(ADMIN, &format!("{cart}/deploy"), &[("flags", b"{}"), ("component", b"x")]).await;
    let (_, shown) = bench.get(ADMIN, &cart).await;
    let id = store::catalog::FunctionId(serde_json::from_value(shown["id"].clone()).unwrap());
    let telemetry = &bench.state.parts.telemetry;
    telemetry.log(line(id, "first"));
    let (_, lines) = bench.get(ADMIN, &format!("{cart}/logs?since_ms=5&limit=10")).await;
    assert_eq!(serde_json::from_value::<LogList>(lines).unwrap().lines, [line(id, "first")]);
    assert_eq!(bench.get(ADMIN, &format!("{cart}/logs?since_ms=6")).await.1, json!({ "lines": [] }));

    let answer = bench.send(request(ADMIN, "GET", &format!("{cart}/logs?follow=true"))).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let mut body = answer.into_body();
    telemetry.log(line(id, "second\nforged"));
    for expected in ["first", "second\nforged"] {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame.iter().filter(|byte| **byte == b'\n').count(), 1, "one line of JSON");
        assert_eq!(serde_json::from_slice::<LogLine>(&frame).unwrap().message, expected);
    }
    bench.state.stopping.send_replace(true);
    assert!(body.frame().await.is_none(), "the stream ends with the server");
}

#[tokio::test]
async fn invoke_passes_status_type_and_body_of_the_data_plane() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let data_plane = Router::new().fallback(|request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let text = |name| parts.headers.get(name).map_or("none", |value| value.to_str().unwrap());
        let (host, token) = (text(header::HOST), text(header::AUTHORIZATION));
        let seen = format!("{} {} host={host} token={token}", parts.method, parts.uri);
        let body = body.collect().await.unwrap().to_bytes();
        let headers =
            [("content-type", "text/x-test"), ("ostro-invocation", "some-id"), ("set-cookie", "a=b")];
        (StatusCode::IM_A_TEAPOT, headers, format!("{seen} body={}", String::from_utf8_lossy(&body)))
    });
    tokio::spawn(async move { axum::serve(listener, data_plane).await });
    let bench = Bench::with_data_plane(address);
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    bench.deploy(ADMIN, &format!("{cart}/deploy"), &[("flags", b"{}"), ("component", b"x")]).await;
    let mut call = request(ADMIN, "POST", &format!("{cart}/invoke?method=PUT&path=/a%3Fb=c"));
    *call.body_mut() = Body::from("data");
    let answer = bench.send(call).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[STATUS_HEADER], "418");
    assert_eq!(answer.headers()[INVOCATION_HEADER], "some-id");
    assert_eq!(answer.headers()["content-type"], "text/x-test");
    assert!(!answer.headers().contains_key("set-cookie"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let host = format!("cart--shop.localhost:{}", address.port());
    assert_eq!(body, format!("PUT /a?b=c host={host} token=none body=data"));
    assert_eq!(bench.call(ADMIN, "POST", &format!("{SHOP}/functions/none/invoke"), None).await.0, 404);
}
