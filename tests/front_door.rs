//! The front door (threats.md group D): hygiene, limits, timeouts, floods. Smuggling has a file of its own.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, Neighbour, Request, Server, guest, http2, shared};

#[test]
fn d1_slow_heads_are_closed_and_stop_nobody() {
    let server = Server::start_with(&["--header-timeout", "2s"]);
    server.deploy("prompt", &guest::component("hello"), &json!({}));
    let beginnings: [&[u8]; 5] = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nhost: prompt.localhost\r\nx-slow: ",
        b"PRI * HTTP/2.0\r\n",
        http2::PREFACE,
    ];
    let slow: Vec<_> = beginnings
        .iter()
        .cycle()
        .take(200)
        .map(|beginning| {
            let mut connection = Connection::open(server.listen);
            connection.send(beginning);
            connection
        })
        .collect();
    let begin = Instant::now();
    assert_eq!(server.get("prompt", "/").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    // The first four kinds never become a request: each is closed.
    for (kind, mut connection) in slow.into_iter().enumerate().take(4) {
        connection.patience(Duration::from_secs(15));
        assert!(connection.rest().is_some(), "kind {kind} is still open after {:?}", begin.elapsed());
    }
}

#[test]
fn d2_a_body_that_stands_still_is_given_up() {
    let server = shared();
    server.deploy("patient", &guest::component("count-body"), &json!({ "limits": { "wall": "1s" } }));
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("POST", "patient", "/").header("content-length", "100").bytes());
    connection.send(b"ten bytes.");
    let begin = Instant::now();
    let answer = connection.answer();
    assert!(matches!(answer.status, 408 | 504), "{answer:?}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    // The rest of the body must not be taken for a request.
    connection.try_send(b"GET / HTTP/1.1\r\nhost: patient.localhost\r\n\r\n").ok();
    connection.patience(Duration::from_secs(15));
    assert_eq!(connection.rest().as_deref(), Some(&b""[..]), "the connection lives on");
}

#[test]
fn d3_floods_of_frames_do_not_stop_the_server() {
    let server = Server::start();
    server.deploy("calm", &guest::component("hello"), &json!({}));
    let neighbour = Neighbour::call(&server, "calm", "hello from ostro\n");
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "calm.localhost")];
    let settings = http2::frame(4, 0, 0, &[]);
    let reset = |stream: u32| {
        [http2::headers(stream, 1, &fields), http2::frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let continuation =
        [http2::frame(1, 0, 1, &[0x82]), http2::frame(9, 0, 1, &[0; 8000]).repeat(2000)].concat();
    let floods: [(&str, Vec<u8>); 6] = [
        ("rapid reset", (0..20_000_u32).flat_map(|n| reset(2 * n + 1)).collect()),
        ("settings", settings.repeat(100_000)),
        ("pings", http2::frame(6, 0, 0, &[0; 8]).repeat(100_000)),
        ("continuation without end", continuation),
        ("empty data", [http2::headers(1, 0, &fields), http2::frame(0, 0, 1, &[]).repeat(100_000)].concat()),
        ("window overflow", http2::frame(8, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
    ];
    for (what, flood) in floods {
        let mut connection = Connection::open(server.listen);
        connection.send(&[http2::PREFACE, &settings].concat());
        // The server may close at any moment, and may stop reading: neither is waited for.
        let sender = std::thread::spawn(move || {
            flood.chunks(16 << 10).all(|piece| connection.try_send(piece).is_ok());
        });
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.get("calm", "/").status, 200, "{what}");
        drop(sender);
    }
    neighbour.stop();
    let metrics = server.control().get("/metrics").expect_status(200).text();
    assert!(!metrics.is_empty());
}

#[test]
fn d5_heads_beyond_the_limits() {
    let server = shared();
    server.deploy("sized", &guest::component("hello"), &json!({}));
    let ask = |request: Request| request.send(server.listen);
    let plain = || server.request("GET", "sized", "/");
    let many = |count: usize| (0..count).fold(plain(), |request, n| request.header(&format!("x-{n}"), "1"));
    // `host` and `connection` are counted too.
    assert_eq!(ask(many(90)).status, 200);
    assert_eq!(ask(many(101)).status, 431);
    assert_eq!(ask(plain().header("x-large", &"x".repeat(15_000))).status, 200);
    assert_eq!(ask(plain().header("x-large", &"x".repeat(17_000))).status, 431);
    assert_eq!(ask(server.request("GET", "sized", &format!("/{}", "x".repeat(6_000)))).status, 200);
    let target = ask(server.request("GET", "sized", &format!("/{}", "x".repeat(64 << 10))));
    assert!(matches!(target.status, 414 | 431), "{target:?}");
    assert_eq!(
        ask(server.request("BREW", "sized", "/")).status,
        200,
        "an unknown method is the guest's business"
    );
    let method = ask(server.request(&"M".repeat(10_000), "sized", "/"));
    assert!(matches!(method.status, 400 | 405 | 414 | 431), "{method:?}");
}

#[test]
fn d8_what_a_guest_may_not_say() {
    let server = shared();
    server.deploy("speaker", &guest::component("bad-header"), &json!({}));
    let names = [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
        "proxy-authenticate",
        "proxy-connection",
    ];
    for name in names {
        let answer = server.get("speaker", &format!("/?{name}"));
        assert!(matches!(answer.status, 200 | 502), "{name}: {answer:?}");
        assert_ne!(answer.header(name), Some("1"), "{name} reached the client");
    }
    for (path, word) in [
        ("/split?x-split", "syntax"),
        ("/?not(a)name", "syntax"),
        ("/?a:b", "syntax"),
        ("/?", "syntax"),
        ("/?x-fine", "accepted"),
    ] {
        let answer = server.get("speaker", path);
        assert_eq!((answer.status, answer.text().trim()), (200, word), "{path}");
        assert_eq!(answer.header("injected"), None, "{path}");
    }
    assert_eq!(server.get("speaker", "/?x-fine").header("x-fine"), Some("1"));
    for name in ["ostro-invocation", "date"] {
        let answer = server.get("speaker", &format!("/?{name}"));
        assert_ne!(answer.header(name), Some("1"), "a guest spoofed {name}");
    }
    server.deploy("chatty", &guest::component("many-headers"), &json!({}));
    assert_eq!(server.get("chatty", "/?50").headers.iter().filter(|(name, _)| name == "x-many").count(), 50);
    let answer = server.get("chatty", "/?10000");
    assert!(matches!(answer.status, 500 | 502), "{}", answer.status);
    server.deploy("status", &guest::component("status"), &json!({}));
    for (path, statuses) in [
        ("/?404", &[404][..]),
        ("/?201", &[201]),
        ("/?204", &[204, 502]),
        ("/?304", &[304, 502]),
        ("/?99", &[418]),
        ("/?1000", &[418]),
        ("/?101", &[418, 502]),
        ("/?100", &[418, 502]),
    ] {
        let mut connection = Connection::open(server.listen);
        connection.send(&server.request("GET", "status", path).bytes());
        let answer = connection.answer();
        assert!(statuses.contains(&answer.status), "{path}: {answer:?}");
        // Whatever body there was, the next answer on the connection is a whole one, or the connection is closed.
        connection.try_send(&server.request("GET", "speaker", "/?x-fine").bytes()).ok();
        if let Ok(next) = connection.try_answer(false) {
            assert_eq!(next.text(), "accepted", "{path}");
        }
    }
}

#[test]
fn d9_every_spelling_of_a_path_means_one_thing() {
    let server = shared();
    let project = server.project("spelling");
    project.deploy(
        "public",
        &guest::component("echo-request"),
        &json!({ "routes": [{ "path": "/open/{*rest}" }] }),
    );
    project.deploy("secret", &guest::component("hello"), &json!({ "routes": [{ "path": "/closed" }] }));
    for (path, status) in [
        ("/open/a", 200),
        ("/closed", 200),
        ("/%63losed", 200),
        ("/closed?x=/../y", 200),
        ("/open/a/../../closed", 400),
        ("/open/%2e%2e/closed", 400),
        ("/open/.%2E/closed", 400),
        ("/open/./a", 400),
        ("/open/%00", 400),
        ("/open/%c0%ae%c0%ae/closed", 400),
        ("/open/%zz", 400),
        ("/open/a%5c..%5cb", 400),
        ("//closed", 404),
        ("/closed/", 404),
        ("/Closed", 404),
        ("/closed;x", 404),
        ("/open%2fa", 404),
    ] {
        let answer = Request::new("GET", path, "spelling.localhost").send(server.listen);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    for path in ["/_ostro/cron", "/_ostro/queue", "//_ostro/cron", "/%5fostro/event", "/_OSTRO/invoke"] {
        for host in ["public--spelling.localhost", "spelling.localhost"] {
            let answer = Request::new("POST", path, host).send(server.listen);
            assert!(matches!(answer.status, 400 | 404), "{host}{path} reached a guest: {}", answer.text());
        }
    }
}

#[test]
fn d10_identity_and_forwarding_headers_of_a_client_are_dropped() {
    let server = shared();
    server.deploy("trusting", &guest::component("echo-request"), &json!({}));
    let names = [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-real-ip",
        "ostro-user",
        "ostro-trigger",
        "ostro-param-id",
        "ostro-anything",
        "ce-id",
        "ce-type",
        "OSTRO-USER",
        "X-Forwarded-For",
        "proxy",
    ];
    for name in names {
        let seen = server
            .request("GET", "trusting", "/")
            .header(name, "6.6.6.6")
            .send(server.listen)
            .expect_status(200)
            .text();
        assert!(!seen.contains("6.6.6.6"), "{name} reached the guest: {seen}");
    }
    let seen = server
        .request("GET", "trusting", "/")
        .header("authorization", "Bearer own")
        .send(server.listen)
        .text();
    assert!(seen.contains("authorization: Bearer own"), "{seen}");
}

#[test]
fn d10_a_trusted_proxy_is_believed() {
    let server = Server::start_with(&["--trusted-proxy", "127.0.0.1"]);
    server.deploy("proxied", &guest::component("echo-request"), &json!({}));
    let request = server
        .request("GET", "proxied", "/")
        .header("x-forwarded-for", "203.0.113.7")
        .header("ostro-user", "mallory");
    let seen = request.send(server.listen).text();
    assert!(seen.contains("203.0.113.7"), "{seen}");
    assert!(!seen.contains("mallory"), "{seen}");
}

#[test]
fn d11_upgrades_and_tunnels_are_refused() {
    let server = shared();
    server.deploy("upgrade", &guest::component("echo-request"), &json!({}));
    let answer = server
        .request("GET", "upgrade", "/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .send(server.listen);
    assert_ne!(answer.status, 101);
    assert!(!answer.text().contains("upgrade: websocket"), "{}", answer.text());
    let h2c = server
        .request("GET", "upgrade", "/")
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c");
    assert_ne!(h2c.header("http2-settings", "AAMAAABkAAQAAP__").send(server.listen).status, 101);
    let mut connection = Connection::open(server.listen);
    connection.send(b"CONNECT upgrade.localhost:80 HTTP/1.1\r\nhost: upgrade.localhost:80\r\n\r\n");
    let answer = connection.answer();
    assert!((400..600).contains(&answer.status), "{answer:?}");
}

#[test]
fn d12_many_idle_connections_stop_nobody() {
    let server = Server::start();
    server.deploy("open", &guest::component("hello"), &json!({}));
    let idle: Vec<_> = (0..400).map(|_| Connection::try_open(server.listen)).collect();
    assert_eq!(server.get("open", "/").status, 200);
    drop(idle);
    assert_eq!(server.get("open", "/").status, 200);
}

#[test]
fn d13_clients_that_disappear_leave_nothing_behind() {
    let server = Server::start();
    server.deploy("abandoned", &guest::component("sleeper"), &json!({ "limits": { "concurrency": 10 } }));
    for _ in 0..30 {
        let connections: Vec<_> = (0..10)
            .map(|_| {
                let mut connection = Connection::open(server.listen);
                connection.send(&server.request("GET", "abandoned", "/?20").bytes());
                connection
            })
            .collect();
        drop(connections);
    }
    // All permits are free again: ten at once run at once.
    std::thread::sleep(Duration::from_millis(1500));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(server.get("abandoned", "/?300").status, 200));
        }
    });
    assert!(begin.elapsed() < Duration::from_millis(2500), "{:?}", begin.elapsed());
}

#[test]
fn f6_the_control_api_is_not_on_the_data_plane() {
    let server = shared();
    for host in ["127.0.0.1", "localhost", &server.admin.to_string()] {
        for path in ["/v1/projects", "/v1/whoami", "/metrics", "/openapi.json"] {
            let answer = Request::new("GET", path, host)
                .header("authorization", &format!("Bearer {}", server.token))
                .send(server.listen);
            assert_eq!(answer.status, 404, "{host}{path}: {}", answer.text());
        }
    }
}
