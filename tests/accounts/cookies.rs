//! Sessions that pages keep in a cookie, and the attacks on them of threats F1, F3 and F6.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};

use super::bench::Bench;
use crate::support::upstream::Upstream;
use crate::support::{Answer, Request, guest};

const NAME: &str = "__Host-ostro";
const MANIFEST: &str = "[auth]\nemail = true\nanonymous = true\ncookie = true\n\
    origins = ['https://app.example.com']\n[function.echo]\nauth = 'optional'\ncallable = true\nroutes = [\n\
    { path = '/open', auth = 'none' },\n{ path = '/whoever' },\n{ path = '/mine', auth = 'required' },\n\
    { path = '/admin', roles = ['admin'] },\n]\n";

/// A bench with a function that shows what it is asked.
fn start() -> Bench {
    over(Bench::start("[function.hello]\n"))
}

fn over(bench: Bench) -> Bench {
    let component = guest::component("echo-request");
    bench.server.control().try_deploy_manifest("echo", &component, MANIFEST).expect_status(200);
    bench
}

/// The value of the cookie that an answer sets; empty where it clears it.
fn set(answer: &Answer) -> Option<String> {
    let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let mut values = cookies.filter_map(|(_, value)| value.strip_prefix("__Host-ostro="));
    let value = values.next()?.split(';').next().unwrap().to_owned();
    assert_eq!(values.next(), None, "twice: {answer:?}");
    Some(value)
}

/// What a page of the host sends.
fn own(method: &str, host: &str, path: &str, cookie: &str) -> Request {
    let request = Request::new(method, path, host).header("sec-fetch-site", "same-origin");
    request.header("cookie", &format!("{NAME}={cookie}"))
}

fn ask(bench: &Bench, path: &str, cookie: &str) -> Answer {
    own("GET", "localhost", path, cookie).send(bench.server.listen)
}

fn call(bench: &Bench, call: &str, body: &Value, cookie: &str) -> Answer {
    let request = own("POST", "localhost", &format!("/_ostro/v1/{call}"), cookie);
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send(bench.server.listen)
}

/// Somebody new: the answer, and the cookie.
fn sign_up(bench: &Bench, email: &str) -> (Value, String) {
    let words = json!({ "email": email, "password": "correct horse", "cookie": true });
    let answer = bench.posted("sign-up", &words).header("sec-fetch-site", "same-origin");
    let answer = answer.send(bench.server.listen).expect_status(200);
    let cookie = set(&answer).expect("the cookie is set");
    (answer.json(), cookie)
}

#[test]
fn a_page_is_known_without_a_token_that_its_scripts_see() {
    let bench = start();
    let words = json!({ "email": "ann@example.com", "password": "correct horse", "cookie": true });
    let up = bench.posted("sign-up", &words).header("sec-fetch-site", "same-origin");
    let up = up.send(bench.server.listen).expect_status(200);
    let cookie = set(&up).unwrap();
    let expected = format!("{NAME}={cookie}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(up.header("set-cookie"), Some(expected.as_str()));
    assert_eq!(up.header("cache-control"), Some("no-store"));
    let up = up.json();
    assert_eq!(up.as_object().unwrap().keys().collect::<Vec<_>>(), ["user"], "no token at all");
    let told = format!("ostro-user: {}\n", up["user"]["id"].as_str().unwrap());
    let secret = cookie.rsplit('.').next().unwrap();
    for path in ["/mine", "/whoever"] {
        let seen = own("GET", "localhost", path, &format!("{cookie}; theme=dark")).send(bench.server.listen);
        assert_eq!(set(&seen), None, "nothing to renew");
        assert_eq!((seen.header("vary"), seen.header("cache-control")), (Some("cookie"), Some("no-store")));
        let text = seen.expect_status(200).text();
        assert!(text.contains(&told) && text.contains("cookie: theme=dark\n"), "{text}");
        assert!(!text.contains(secret) && !text.contains("authorization"), "{text}");
    }
    let open = ask(&bench, "/open", &cookie).expect_status(200);
    assert_eq!((open.header("vary"), open.text().contains(&told)), (None, false), "nobody has looked");
    assert!(!open.text().contains(secret), "the cookie is not for functions anywhere");
    ask(&bench, "/admin", &cookie).expect_error(403, "forbidden");
    let head = own("HEAD", "localhost", "/mine", &cookie).send(bench.server.listen);
    assert_eq!((head.status, head.body.len()), (200, 0));
    own("OPTIONS", "localhost", "/mine", &cookie).send(bench.server.listen).expect_status(200);
    let seen = call(&bench, "functions/echo", &json!({}), &cookie).expect_status(200).text();
    assert!(seen.contains(&told) && !seen.contains(secret), "{seen}");
    let user = ask(&bench, "/_ostro/v1/auth/user", &cookie).expect_status(200);
    assert_eq!(
        (user.json()["user"].clone(), user.header("cache-control")),
        (up["user"].clone(), Some("no-store"))
    );
    let bob = bench.sign_up("bob@example.com", "correct horse");
    let both = own("GET", "localhost", "/mine", &cookie);
    let both = both.header("authorization", &format!("Bearer {}", bob["access_token"].as_str().unwrap()));
    let both = both.send(bench.server.listen).expect_status(200).text();
    assert!(both.contains(bob["user"]["id"].as_str().unwrap()), "the access token wins: {both}");
}

#[test]
fn whoever_signs_out_is_out_at_once() {
    let bench = start();
    let (_, cookie) = sign_up(&bench, "ann@example.com");
    let out = call(&bench, "auth/sign-out", &json!({}), &cookie).expect_status(204);
    assert_eq!(set(&out).as_deref(), Some(""));
    assert!(out.header("set-cookie").unwrap().contains("; Max-Age=0; "), "{out:?}");
    let refused = ask(&bench, "/mine", &cookie);
    assert_eq!(set(&refused).as_deref(), Some(""), "the browser shall forget it");
    refused.expect_error(401, "unauthenticated");
    let page = ask(&bench, "/whoever", &cookie).expect_status(200);
    assert_eq!((set(&page).as_deref(), page.header("cache-control")), (Some(""), Some("no-store")));
    assert!(!page.text().contains("ostro-user"), "{}", page.text());
    let called = call(&bench, "db/notes/find", &json!({}), &cookie);
    assert_eq!(set(&called).as_deref(), Some(""));
    called.expect_error(401, "unauthenticated");
    call(&bench, "functions/echo", &json!({}), &cookie).expect_error(401, "unauthenticated");
    // What is left of an old session keeps nobody from beginning another one.
    let words = json!({ "email": "ann@example.com", "password": "correct horse", "cookie": true });
    let again = call(&bench, "auth/sign-in", &words, &cookie).expect_status(200);
    let again = set(&again).unwrap();
    assert!(!again.is_empty() && again != cookie);
    ask(&bench, "/mine", &again).expect_status(200);
}

#[test]
fn f3_a_page_is_renewed_without_a_script() {
    let bench = over(Bench::turned("[function.hello]\n"));
    let (_, first) = sign_up(&bench, "ann@example.com");
    bench.server.clock().turn(Duration::from_secs(14 * 60));
    assert_eq!(set(&ask(&bench, "/mine", &first).expect_status(200)), None);
    bench.server.clock().turn(Duration::from_secs(60));
    let renewed = ask(&bench, "/mine", &first).expect_status(200);
    let second = set(&renewed).expect("the page brings another one");
    assert_eq!(renewed.header("cache-control"), Some("no-store"));
    assert_eq!(second.split('.').next(), first.split('.').next(), "of the same session");
    // What the browser had sent before it got the answer.
    assert_eq!(set(&ask(&bench, "/mine", &first).expect_status(200)), None);
    assert_eq!(set(&ask(&bench, "/mine", &second).expect_status(200)), None);
    // A refusal renews as well.
    bench.server.clock().turn(Duration::from_secs(15 * 60));
    let refused = ask(&bench, "/admin", &second);
    let third = set(&refused).unwrap();
    refused.expect_error(403, "forbidden");
    // Somebody has kept the first one: the session is over, for both.
    bench.server.clock().turn(Duration::from_secs(60));
    ask(&bench, "/mine", &first).expect_error(401, "unauthenticated");
    ask(&bench, "/mine", &third).expect_error(401, "unauthenticated");
}

#[test]
fn f3_a_lost_answer_and_a_thief() {
    let bench = over(Bench::turned("[function.hello]\n"));
    for is_thief in [false, true] {
        let (_, first) = sign_up(&bench, if is_thief { "ann@example.com" } else { "bob@example.com" });
        bench.server.clock().turn(Duration::from_secs(16 * 60));
        let lost = set(&ask(&bench, "/mine", &first).expect_status(200)).unwrap();
        bench.server.clock().turn(Duration::from_secs(11));
        let second = set(&ask(&bench, "/mine", &first).expect_status(200)).expect("it is good again");
        ask(&bench, "/mine", &second).expect_status(200);
        if is_thief {
            ask(&bench, "/mine", &lost).expect_error(401, "unauthenticated");
            ask(&bench, "/mine", &second).expect_error(401, "unauthenticated");
        }
    }
}

#[test]
fn f3_many_tabs_renew_at_once() {
    let bench = over(Bench::turned("[function.hello]\n"));
    let (_, first) = sign_up(&bench, "ann@example.com");
    bench.server.clock().turn(Duration::from_secs(16 * 60));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || match ask(&bench, "/mine", &first) {
            answer if answer.status == 200 => answer,
            answer => panic!("signed out: {answer:?}"),
        };
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let renewed: Vec<String> = answers.iter().filter_map(set).collect();
    assert_eq!(renewed.len(), 1, "one is given another one");
    ask(&bench, "/mine", &renewed[0]).expect_status(200);
}

/// A page that answers when it is told to.
struct Slow {
    upstream: Upstream,
    /// Somebody has asked for it, and waits.
    asked: mpsc::Receiver<()>,
    go: mpsc::Sender<()>,
}

impl Slow {
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Beside what is deployed, at `/slow`.
    fn start(bench: &Bench) -> Self {
        let (ask, asked) = mpsc::channel();
        let (go, told) = mpsc::channel();
        let told = Mutex::new(told);
        let upstream = Upstream::json(move |_| {
            ask.send(()).unwrap();
            told.lock().unwrap().recv_timeout(Self::PATIENCE).unwrap();
            Some("{}".to_owned())
        });
        let function = "[function.slow]\nauth = 'optional'\nroutes = ['/slow']\n";
        let manifest =
            format!("[auth]\nemail = true\ncookie = true\n{function}grants = ['{}']\n", upstream.grant());
        let component = guest::component("fetch");
        bench.server.control().try_deploy_manifest("slow", &component, &manifest).expect_status(200);
        Self { upstream, asked, go }
    }

    /// The answer, after what happens meanwhile.
    fn ask(&self, bench: &Bench, cookie: &str, meanwhile: impl FnOnce()) -> Answer {
        let path = format!("/slow?http://{}/", self.upstream.at);
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| ask(bench, &path, cookie));
            self.asked.recv_timeout(Self::PATIENCE).unwrap();
            meanwhile();
            self.go.send(()).unwrap();
            answer.join().unwrap().expect_status(200)
        })
    }
}

#[test]
fn f3_a_late_answer_leaves_the_cookie_alone() {
    let bench = over(Bench::turned("[function.hello]\n"));
    let slow = Slow::start(&bench);
    let clock = bench.server.clock();
    let (_, first) = sign_up(&bench, "ann@example.com");
    clock.turn(Duration::from_secs(16 * 60));
    let mut second = None;
    let late = slow.ask(&bench, &first, || {
        clock.turn(Duration::from_secs(11));
        second = set(&ask(&bench, "/mine", &first).expect_status(200));
    });
    let second = second.expect("nobody was given another one yet");
    assert_eq!((set(&late), late.header("cache-control")), (None, Some("no-store")));
    ask(&bench, "/mine", &second).expect_status(200);
    // Alone it brings none either, and what the browser has is good.
    clock.turn(Duration::from_secs(16 * 60));
    let late = slow.ask(&bench, &second, || clock.turn(Duration::from_secs(6)));
    assert_eq!(set(&late), None);
    clock.turn(Duration::from_secs(5));
    let third = set(&ask(&bench, "/mine", &second).expect_status(200)).expect("the next answer brings it");
    ask(&bench, "/mine", &third).expect_status(200);
    // Nor does it clear what the browser has had since.
    call(&bench, "auth/sign-out", &json!({}), &third).expect_status(204);
    let late = slow.ask(&bench, &third, || clock.turn(Duration::from_secs(6)));
    assert_eq!((set(&late), late.header("vary")), (None, Some("cookie")));
}

/// Browsers say where a request comes from; pages of other hosts of the same domain are other projects'.
#[test]
fn f6_pages_of_other_hosts_cannot_use_the_cookie() {
    let bench = start();
    let (_, cookie) = sign_up(&bench, "ann@example.com");
    let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let site = |word| vec![("sec-fetch-site", word)];
    let origin = |word| vec![("origin", word)];
    let api = "/_ostro/v1/functions/echo";
    for (method, path, headers, refused) in [
        ("POST", "/mine", vec![], Some("cross_site")),
        ("POST", "/mine", origin("http://localhost"), None),
        ("POST", "/mine", origin("http://evil.localhost"), Some("cross_site")),
        ("POST", "/mine", origin("https://app.example.com"), Some("cross_site")),
        ("POST", "/mine", origin("null"), Some("cross_site")),
        ("POST", "/whoever", site("same-site"), Some("cross_site")),
        ("DELETE", "/mine", site("cross-site"), Some("cross_site")),
        ("PROPFIND", "/mine", vec![], Some("cross_site")),
        ("GET", "/mine", vec![], None),
        ("GET", "/mine", site("none"), None),
        ("GET", "/mine", site("same-site"), Some("cross_site")),
        ("GET", "/mine", [site("cross-site"), link.to_vec()].concat(), None),
        ("POST", "/mine", [site("cross-site"), link.to_vec()].concat(), Some("cross_site")),
        ("GET", "/mine", [site("same-site"), frame.to_vec()].concat(), Some("cross_site")),
        ("POST", "/open", site("same-site"), None),
        ("POST", api, site("same-site"), Some("cross_site")),
        ("POST", api, origin("https://app.example.com"), Some("cross_site")),
        ("POST", api, origin("http://evil.localhost"), Some("forbidden")),
        ("POST", api, site("same-origin"), None),
        ("GET", "/_ostro/v1/auth/user", site("same-site"), Some("cross_site")),
        ("GET", "/_ostro/v1/auth/user", site("same-origin"), None),
    ] {
        let mut request =
            Request::new(method, path, "localhost").header("cookie", &format!("{NAME}={cookie}"));
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        if method != "GET" {
            request = request.header("content-type", "application/json").body("{}");
        }
        let answer = request.send(bench.server.listen);
        let found = (answer.status != 200).then(|| answer.code());
        assert_eq!(found.as_deref(), refused, "{method} {path} {headers:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    // Nor is one given to them.
    for (name, value) in [("origin", "https://app.example.com"), ("sec-fetch-site", "same-site")] {
        for with in ["sign-in", "sign-up"] {
            let words = json!({ "email": "ann@example.com", "password": "correct horse", "cookie": true });
            let asked = bench.posted(with, &words).header(name, value).send(bench.server.listen);
            assert_eq!(set(&asked), None);
            asked.expect_error(403, "cross_site");
        }
    }
}

#[test]
fn f1_what_is_no_cookie_of_the_project_opens_nothing() {
    let bench = start();
    let (_, cookie) = sign_up(&bench, "ann@example.com");
    let tokens = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    let (family, secret) = cookie.split_once('.').unwrap();
    let twice = format!("{cookie}; {NAME}={cookie}");
    let made = format!("{}.{secret}", "A".repeat(family.len()));
    for wrong in [
        "",
        "x",
        ".",
        secret,
        &made,
        &format!("{cookie}a"),
        &format!("{cookie}.a"),
        &format!("\"{cookie}\""),
        &"a".repeat(12_000),
        tokens["refresh_token"].as_str().unwrap(),
        tokens["access_token"].as_str().unwrap(),
        &twice,
    ] {
        let refused = ask(&bench, "/mine", wrong);
        assert_eq!(set(&refused).as_deref(), Some(""), "{wrong:.80}");
        refused.expect_error(401, "unauthenticated");
        ask(&bench, "/_ostro/v1/auth/user", wrong).expect_error(401, "unauthenticated");
    }
    let lower = Request::new("GET", "/mine", "localhost").header("cookie", &format!("__host-ostro={cookie}"));
    lower.send(bench.server.listen).expect_error(401, "unauthenticated");
    // Nor is it a token of another kind.
    bench.post("refresh", &json!({ "refresh_token": cookie })).expect_error(401, "unauthenticated");
    bench.get("user", &cookie).expect_error(401, "unauthenticated");
    ask(&bench, "/mine", &cookie).expect_status(200);
    bench.refresh(&tokens).expect_status(200);
    // Another project has sessions of its own.
    let other = bench.server.project("other");
    other.try_deploy_manifest("echo", &guest::component("echo-request"), MANIFEST).expect_status(200);
    let elsewhere = own("GET", "other.localhost", "/mine", &cookie).send(bench.server.listen);
    elsewhere.expect_error(401, "unauthenticated");
    ask(&bench, "/mine", &cookie).expect_status(200);
    // A secret that never was, of a family that is: somebody had a token of the session.
    let stolen = format!("{family}.{}", "A".repeat(secret.len()));
    ask(&bench, "/mine", &stolen).expect_error(401, "unauthenticated");
    ask(&bench, "/mine", &cookie).expect_error(401, "unauthenticated");
}

#[test]
fn f3_a_function_sets_every_cookie_but_this_one() {
    let bench = start();
    let say = "[auth]\nemail = true\ncookie = true\n[function.say]\nauth = 'none'\n";
    bench.server.control().try_deploy_manifest("say", &guest::command("say"), say).expect_status(200);
    let words = "0Content-Type: text/plain\nSet-Cookie: theme=dark\nSet-Cookie: __Host-ostro=x; Path=/; Secure\n\
        Set-Cookie: __host-OSTRO = x; Path=/\nSet-Cookie: =__Host-ostro=x\nSet-Cookie: __Host-other=1\n\nhello";
    let said = Request::new("POST", "/", "say.localhost").body(words).send(bench.server.listen);
    let said = said.expect_status(200);
    let kept: Vec<_> = said.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let kept: Vec<_> = kept.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(kept, ["theme=dark", "__Host-other=1"], "{said:?}");
}

#[test]
fn who_is_disabled_is_out_at_once_and_roles_count_at_once() {
    let bench = start();
    let (ann, cookie) = sign_up(&bench, "ann@example.com");
    let user = format!("users/{}", ann["user"]["id"].as_str().unwrap());
    ask(&bench, "/admin", &cookie).expect_error(403, "forbidden");
    let patch = |change: &Value| {
        let request = bench.server.control().request("PATCH", &user);
        let request = request.header("content-type", "application/json").body(change.to_string());
        request.send(bench.server.admin).expect_status(200)
    };
    patch(&json!({ "roles": ["admin"] }));
    ask(&bench, "/admin", &cookie).expect_status(200);
    patch(&json!({ "disabled": true }));
    ask(&bench, "/mine", &cookie).expect_error(401, "unauthenticated");
    patch(&json!({ "disabled": false }));
    ask(&bench, "/mine", &cookie).expect_error(401, "unauthenticated");
}

#[test]
fn sessions_change_what_they_are_kept_in() {
    let bench = start();
    let tokens = bench.sign_up("ann@example.com", "correct horse");
    let kept = json!({ "refresh_token": tokens["refresh_token"], "cookie": true });
    bench.post("refresh", &kept).expect_error(403, "cross_site");
    let exchanged = bench.posted("refresh", &kept).header("sec-fetch-site", "same-origin");
    let exchanged = exchanged.send(bench.server.listen).expect_status(200);
    let cookie = set(&exchanged).unwrap();
    assert_eq!(exchanged.json(), json!({ "user": tokens["user"] }));
    bench.refresh(&tokens).expect_error(401, "unauthenticated");
    // Who has a cookie has one again after a change that ends all sessions.
    let change = json!({ "old": "correct horse", "new": "another one" });
    let changed = call(&bench, "auth/password", &change, &cookie).expect_status(200);
    let next = set(&changed).unwrap();
    assert_eq!(changed.json(), json!({ "user": tokens["user"] }));
    ask(&bench, "/mine", &cookie).expect_error(401, "unauthenticated");
    ask(&bench, "/mine", &next).expect_status(200);
    let guest = bench.posted("anonymous", &json!({ "cookie": true })).header("sec-fetch-site", "same-origin");
    let guest = guest.send(bench.server.listen).expect_status(200);
    let words = json!({ "email": "bob@example.com", "password": "correct horse" });
    let up = call(&bench, "auth/upgrade", &words, &set(&guest).unwrap()).expect_status(200);
    assert_eq!(up.json()["user"]["id"], guest.json()["user"]["id"]);
    ask(&bench, "/mine", &set(&up).unwrap()).expect_status(200);
}

/// Who has found a session that somebody left open does not make a new one of it (threat F4).
#[test]
fn f4_a_session_in_a_cookie_is_as_old_as_it_was() {
    let bench = over(Bench::turned("[function.hello]\n"));
    let tokens = bench.sign_up("ann@example.com", "correct horse");
    bench.server.clock().turn(Duration::from_secs(15 * 60 + 1));
    let kept = json!({ "refresh_token": tokens["refresh_token"], "cookie": true });
    let exchanged = bench.posted("refresh", &kept).header("sec-fetch-site", "same-origin");
    let cookie = set(&exchanged.send(bench.server.listen).expect_status(200)).unwrap();
    let unlink = json!({ "provider": "https://accounts.example.com", "subject": "ann" });
    call(&bench, "auth/unlink", &unlink, &cookie).expect_error(403, "sign_in_again");
    // Whoever signs in is asked no more.
    let words = json!({ "email": "ann@example.com", "password": "correct horse", "cookie": true });
    let again = set(&call(&bench, "auth/sign-in", &words, &cookie).expect_status(200)).unwrap();
    call(&bench, "auth/unlink", &unlink, &again).expect_error(404, "not_found");
    let user = format!("users/{}", tokens["user"]["id"].as_str().unwrap());
    let shown = bench.server.control().get(&user).expect_status(200).json();
    assert_eq!(shown["sessions"], 2, "the exchange has made no further one");
}

#[test]
fn there_are_cookies_only_where_the_manifest_says_so() {
    let bench = start();
    let (_, cookie) = sign_up(&bench, "ann@example.com");
    let without = MANIFEST.replace("cookie = true\n", "");
    let component = guest::component("echo-request");
    bench.server.control().try_deploy_manifest("echo", &component, &without).expect_status(200);
    let words = json!({ "email": "ann@example.com", "password": "correct horse", "cookie": true });
    let asked = bench.posted("sign-in", &words).header("sec-fetch-site", "same-origin");
    asked.send(bench.server.listen).expect_error(404, "not_enabled");
    let refused = ask(&bench, "/mine", &cookie);
    assert_eq!((set(&refused), refused.header("vary")), (None, None), "nobody looks at it");
    refused.expect_error(401, "unauthenticated");
    let seen = ask(&bench, "/whoever", &cookie).expect_status(200).text();
    assert!(!seen.contains("ostro-user") && !seen.contains(&cookie), "nor is it shown: {seen}");
}
