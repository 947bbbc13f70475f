//! Threat F6: pages of other origins do nothing here, and the control API is not reached through a project's host.

use serde_json::json;

use super::bench::{Bench, MANIFEST};
use crate::support::terminal::Terminal;
use crate::support::{Request, guest};

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
    let headers = told.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.starts_with("authorization, content-type, "), "{headers}");
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

/// A function that shows what it was asked, whose routes differ in whom they let in.
const GATED: &str = "[auth]\nemail = true\nanonymous = true\n[function.echo]\nauth = 'optional'\nroutes = [\n\
    { path = '/open', auth = 'none' },\n{ path = '/whoever' },\n{ path = '/mine', auth = 'required' },\n\
    { path = '/admin', roles = ['admin', 'editor'] },\n]\n";

#[test]
fn functions_are_told_who_is_signed_in_and_nobody_else_can_tell_them() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    control.try_deploy_manifest("echo", &guest::component("echo-request"), GATED).expect_status(200);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let (id, token) = (up["user"]["id"].as_str().unwrap(), up["access_token"].as_str().unwrap());
    let told = format!("ostro-user: {id}\n");
    let host = bench.server.listen.to_string();
    let ask = |host: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::new("GET", path, host);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send(bench.server.listen)
    };
    let bearer = format!("Bearer {token}");
    let signed = [("authorization", bearer.as_str()), ("ostro-user", "somebody"), ("Ostro-User", "else")];
    let nobody = [("ostro-user", "somebody")];
    // Where nobody looks, the token is the function's own to read, and it is told nothing.
    let open = ask(&host, "/open", &signed).expect_status(200).text();
    assert!(open.contains(&bearer) && !open.contains("ostro-user"), "{open}");
    for (path, alone) in [("/whoever", 200), ("/mine", 401), ("/admin", 401)] {
        let seen = ask(&host, path, &nobody);
        assert_eq!(seen.status, alone, "{path}");
        assert!(!seen.text().contains("somebody"), "{path}");
    }
    for path in ["/whoever", "/mine"] {
        let seen = ask(&host, path, &signed).expect_status(200).text();
        assert!(seen.contains(&told) && !seen.contains("somebody") && !seen.contains(token), "{path} {seen}");
    }
    ask(&host, "/admin", &signed).expect_error(403, "forbidden");
    // By the function's name each path is reached: all of its routes have a say then.
    for (host, path) in [("echo.localhost", "/open"), ("echo.localhost", "/mine"), ("localhost", "/echo/x")] {
        ask(host, path, &nobody).expect_error(401, "unauthenticated");
        ask(host, path, &signed).expect_error(403, "forbidden");
    }
    // A token that is not good is nobody's, also where nobody need be signed in.
    for path in ["/whoever", "/mine"] {
        for wrong in ["Bearer x", "Basic YTpi", "Bearer ", token] {
            let refused = ask(&host, path, &[("authorization", wrong)]);
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
            refused.expect_error(401, "unauthenticated");
        }
        let path = format!("{path}?access_token={token}");
        assert!(!ask(&host, &path, &[]).text().contains(&told), "{path}");
    }
}

#[test]
fn f1_c7_a_token_opens_no_function_of_another_project() {
    let bench = Bench::start(MANIFEST);
    let up = bench.sign_up("ann@example.com", "correct horse");
    let gated = "[auth]\nemail = true\n[function.echo]\nauth = 'required'\nroutes = ['/mine']\n";
    for control in [bench.server.control(), bench.server.project("other")] {
        control.try_deploy_manifest("echo", &guest::component("echo-request"), gated).expect_status(200);
    }
    let ask = |host: &str| {
        let request = Request::new("GET", "/mine", host);
        let bearer = format!("Bearer {}", up["access_token"].as_str().unwrap());
        request.header("authorization", &bearer).send(bench.server.listen)
    };
    ask("localhost").expect_status(200);
    for host in ["other.localhost", "echo--other.localhost"] {
        ask(host).expect_error(401, "unauthenticated");
    }
}

/// Flags can't say who may come by a route, so they must not open what a manifest has closed.
#[test]
fn a_deploy_by_flags_opens_nothing() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.control();
    let component = guest::component("echo-request");
    control.try_deploy_manifest("echo", &component, GATED).expect_status(200);
    let routes = json!({ "routes": [{ "path": "/mine" }, { "path": "/whoever" }] });
    control.try_deploy("echo", &component, &routes).expect_status(200);
    let ask = |path: &str| Request::new("GET", path, "localhost").send(bench.server.listen);
    ask("/mine").expect_error(401, "unauthenticated");
    ask("/whoever").expect_status(200);
    ask("/echo/x").expect_error(401, "unauthenticated");
}

#[test]
fn a_flag_says_who_may_call_and_show_tells() {
    let terminal = Terminal::in_project("flagged");
    terminal.write("echo.wasm", guest::component("echo-request"));
    let manifest = "[project]\nname = 'flagged'\n[auth]\nemail = true\n[function.echo]\nauth = 'none'\n\
        routes = ['/open', { path = '/desk', roles = ['editor'] }]\n";
    let control = terminal.control();
    control.try_deploy_manifest("echo", &guest::component("echo-request"), manifest).expect_status(200);
    let ask = |path: &str| Request::new("GET", path, "flagged.localhost").send(terminal.server.listen);
    ask("/open").expect_status(200);
    terminal.run("deploy echo.wasm --auth required", 0);
    ask("/open").expect_error(401, "unauthenticated");
    let (shown, _) = terminal.run("show echo", 0);
    for fact in
        ["auth        required\n", "route       /open\n", "route       /desk (auth required, role editor)"]
    {
        assert!(shown.contains(fact), "no {fact:?} in {shown}");
    }
    let listed = terminal.json("list");
    assert_eq!(listed["functions"][0]["access"], json!({ "auth": "required" }));
    terminal.run("deploy echo.wasm --auth none", 0);
    ask("/open").expect_status(200);
    ask("/desk").expect_error(401, "unauthenticated");
    let (_, words) = terminal.run("deploy echo.wasm --auth maybe", 2);
    assert!(words.contains("none, optional or required"), "{words}");
}

/// A guest may read a path otherwise than the route table does: what it may take for one of a closed route is closed (threat D9).
#[test]
fn d9_no_spelling_opens_a_closed_route() {
    let bench = Bench::start(MANIFEST);
    let control = bench.server.project("spelled");
    let manifest = "[project]\nname = 'spelled'\n[auth]\nemail = true\n[function.echo]\nroutes = [\n\
        '/{*rest}',\n{ path = '/admin/{*rest}', auth = 'required' },\n\
        { path = '/v1/{*rest}', strip = '/v1' },\n{ path = '/orders', methods = ['POST'], auth = 'required' },\n]\n";
    control.try_deploy_manifest("echo", &guest::component("echo-request"), manifest).expect_status(200);
    let ask =
        |method: &str, path: &str| Request::new(method, path, "spelled.localhost").send(bench.server.listen);
    for path in ["/", "/public", "/v1/public", "/administer", "/orders"] {
        ask("GET", path).expect_status(200);
    }
    for path in [
        "/admin/x",
        "/admin%2Fx",
        "/admin%2fx",
        "//admin/x",
        "/admin//x",
        "/ADMIN/x",
        "/Admin",
        "/v1/admin/x",
        "/v1//admin%2Fx",
    ] {
        assert_eq!(ask("GET", path).code(), "unauthenticated", "{path}");
    }
    for (method, path) in [("POST", "/orders"), ("POST", "/orders/"), ("post", "/orders")] {
        assert_eq!(ask(method, path).code(), "unauthenticated", "{method} {path}");
    }
}
