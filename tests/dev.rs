//! `ostro dev`: an edit is answered, what is wrong is said once, what is missing is shown, and nothing is left behind.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::dev::{Dev, Project, has_javascript};
use crate::support::guest;
use crate::support::upstream::Upstream;

/// Two functions, each made of its own file, which its build lists in a `.d` file as compilers do.
const TWO: &str = r#"manifest = 1

[function.one]
source = "out/one.wasm"
build = "sh make.sh one"

[function.two]
source = "out/two.wasm"
build = "sh make.sh two"
"#;

/// Fails with a place where the source begins with `BAD`.
const MAKE: &str = r#"
mkdir -p out
if grep -q '^BAD' "$1.in"; then
    echo "$1.in:1:1: error: this is bad" >&2
    exit 1
fi
cp "$1.in" "out/$1.wasm"
echo "out/$1.wasm: $1.in" > "out/$1.d"
"#;

fn hello(text: &str) -> Vec<u8> {
    guest::variant("hello", "hello from ostro", text)
}

fn two() -> Project {
    Project::new(&[
        ("ostro.toml", TWO.as_bytes()),
        ("make.sh", MAKE.as_bytes()),
        ("one.in", &hello("one is the first")),
        ("two.in", &hello("two is the other")),
    ])
}

/// Waits until both functions were deployed once, and nothing more is done.
fn settled(dev: &Dev) {
    dev.event_of("deployed", "one");
    dev.event_of("deployed", "two");
    dev.all("deployed", Duration::from_millis(700));
}

#[test]
fn an_edit_is_answered_and_builds_only_what_it_is_about() {
    let project = two();
    let dev = project.develop();
    settled(&dev);
    assert_eq!(dev.get("one", "/").text(), "one is the first\n");
    let built = dev.all("building", Duration::ZERO).len();

    project.write("one.in", hello("one is the third"));
    let took = dev.until_answer("one", "/", "one is the third\n");
    eprintln!("an edit of a component was answered after {took:?}");
    assert_eq!(dev.get("two", "/").text(), "two is the other\n");
    let building = dev.all("building", Duration::from_millis(500));
    assert_eq!(building.len(), built + 1, "{building:?}");
    assert_eq!(building[built]["function"], "one");

    // What it does is told: the request, and its bill.
    let ran = dev.event_of("invocation", "two");
    assert_eq!((ran["request"].as_str(), ran["status"].as_u64()), (Some("GET /"), Some(200)));
    assert!(
        ran["bill"]["wall_us"].as_u64().unwrap() > 0
            && ran["bill"]["peak_memory_bytes"].as_u64().unwrap() > 0
    );
    dev.quit();
}

#[test]
fn what_is_wrong_is_said_once_with_its_place() {
    let project = two();
    let dev = project.develop();
    settled(&dev);
    project.write("one.in", "BAD");
    let error = dev.event_of("error", "one");
    assert!(error["excerpt"].as_str().unwrap().contains("one.in:1:1: error: this is bad"), "{error}");
    assert_eq!(dev.get("one", "/").text(), "one is the first\n", "the last good revision answers");

    // The same fault again is no news, another one is.
    project.write("one.in", "BAD still");
    dev.event_of("building", "one");
    assert_eq!(dev.all("error", Duration::from_millis(800)).len(), 1);
    project.write("make.sh", MAKE.replace("this is bad", "this is very bad"));
    project.write("one.in", "BAD yet");
    let error = dev.event_of("error", "one");
    assert!(error["excerpt"].as_str().unwrap().contains("this is very bad"), "{error}");

    project.write("one.in", hello("one is recovered"));
    dev.event_of("fine", "one");
    dev.until_answer("one", "/", "one is recovered\n");
    dev.quit();
}

#[test]
fn the_manifest_is_followed() {
    let project = two();
    let dev = project.develop();
    settled(&dev);
    project.edit("ostro.toml", "[function.two]\n", "[function.two]\nrout = [\"/x\"]\n");
    let error = dev.event("error");
    assert!(error["message"].as_str().unwrap().starts_with("ostro.toml:8:1: "), "{error}");
    assert_eq!(error["function"], serde_json::Value::Null);
    assert_eq!(dev.get("two", "/").status, 200, "what was deployed stays");

    project.edit("ostro.toml", "rout =", "routes =");
    dev.event("fine");
    dev.event_of("deployed", "two");
    let built = dev.all("building", Duration::from_millis(300));
    assert_eq!(built.iter().filter(|event| event["function"] == "two").count(), 1, "a route needs no build");

    let text = project.read("ostro.toml");
    project.write("ostro.toml", text.split("[function.two]").next().unwrap());
    dev.event_of("removed", "two");
    assert_eq!(dev.get("two", "/").status, 404);
    assert_eq!(dev.get("one", "/").status, 200);
    dev.quit();
}

#[test]
fn data_stays_and_what_the_manifest_lost_meanwhile_goes() {
    let project = two();
    let dev = project.develop();
    settled(&dev);
    dev.quit();
    let text = project.read("ostro.toml");
    project.write("ostro.toml", text.split("[function.two]").next().unwrap());
    let dev = project.develop();
    dev.event_of("removed", "two");
    let deployed = dev.event_of("deployed", "one");
    assert_eq!((deployed["revision"].as_u64(), deployed["outcome"].as_str()), (Some(1), Some("unchanged")));
    dev.quit();
}

#[test]
fn a_missing_grant_is_shown_with_its_line() {
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhi\n");
    let grant = upstream.grant();
    let manifest = "manifest = 1\n[function.reach]\nsource = \"reach.wasm\" # here\n";
    let project =
        Project::new(&[("ostro.toml", manifest.as_bytes()), ("reach.wasm", &guest::component("fetch"))]);
    let dev = project.develop();
    dev.event_of("deployed", "reach");
    let path = format!("/?http://{}/", upstream.at);
    assert!(dev.get("reach", &path).text().starts_with("error "));
    let missing = dev.event_of("grant_missing", "reach");
    assert_eq!(missing["grant"], grant.as_str());
    let line = format!("grants = [\"{grant}\"]");
    assert_eq!(missing["line"], line.as_str());
    dev.get("reach", &path);
    assert_eq!(dev.all("grant_missing", Duration::from_secs(1)).len(), 1, "it is shown once");

    project.write("ostro.toml", format!("{manifest}{line}\n"));
    dev.until_answer("reach", &path, "200\nhi\n");
    dev.quit();
}

#[test]
fn a_taken_port_is_no_obstacle() {
    // Taken by this test, unless somebody has it anyway.
    let taken = TcpListener::bind("127.0.0.1:8700");
    let project = two();
    let dev = project.develop_with(&[]);
    assert_ne!(dev.listen.port(), 8700);
    settled(&dev);
    assert_eq!(dev.get("one", "/").status, 200);
    let words = dev.quit();
    assert!(words.contains("port 8700 is taken: functions on port "), "{words}");
    drop(taken);
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let project = two();
    let failed = project.ostro().args(["dev", "--listen", &listen]).arg(project.path()).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let words = String::from_utf8_lossy(&failed.stderr);
    assert!(words.contains(&format!("can't listen on {listen}")), "{words}");
}

#[test]
fn a_folder_without_a_manifest_is_wrong_use() {
    let project = Project::new(&[("app.js", b"")]);
    let failed = project.ostro().arg("dev").arg(project.path()).output().unwrap();
    assert_eq!(failed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("`ostro new shop`"));
}

#[test]
fn the_end_leaves_nothing_behind() {
    let project = two();
    let dev = project.develop();
    settled(&dev);
    assert!(project.connections().contains("name = \"dev\""));
    let other = project.ostro().args(["--url", "dev", "--json", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&other.stdout).contains("\"one\""), "{other:?}");

    // A build that would take for ever, in the middle of which it ends.
    project.write("make.sh", "echo $$ > pid; sleep 1000");
    project.write("one.in", "x");
    let pid =
        until(|| std::fs::read_to_string(project.path().join("pid")).ok().filter(|pid| pid.ends_with('\n')));
    let build = Path::new("/proc").join(pid.trim());
    assert!(build.exists());
    let (begin, listen) = (Instant::now(), dev.listen);
    dev.quit();
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    // Killed; whoever collects orphans may need a moment, and what is not collected has no command line any more.
    until(|| std::fs::read(build.join("cmdline")).map_or(true, |line| line.is_empty()).then_some(()));
    assert!(std::net::TcpStream::connect(listen).is_err(), "somebody listens");
    assert!(!project.connections().contains("name = \"dev\""));
    let mut names: Vec<String> = std::fs::read_dir(project.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".ostro", "make.sh", "one.in", "ostro.toml", "out", "pid", "two.in"]);
}

/// Waits for something to be there.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "it did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a terminal shows, without its colours.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, colour)) = rest.split_once("\u{1b}[") {
        let Some((_, after)) = colour.split_once('m') else { break };
        shown.push_str(before);
        rest = after;
    }
    shown + rest
}

/// On a terminal: `a` writes the grant, `q` ends it, and the terminal is as it was.
#[test]
fn keys_work_on_a_terminal() {
    if !Path::new("/usr/bin/script").exists() {
        eprintln!("skipped: `script`, which makes a terminal, is not installed");
        return;
    }
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhi\n");
    let manifest = "# mine\nmanifest = 1\n\n[function.reach]\nsource = \"reach.wasm\"  # here\ngrants = []\n";
    let project =
        Project::new(&[("ostro.toml", manifest.as_bytes()), ("reach.wasm", &guest::component("fetch"))]);
    let line = format!(
        "{} dev --listen 127.0.0.1:0 --admin 127.0.0.1:0 project; stty -a",
        env!("CARGO_BIN_EXE_ostro")
    );
    let mut command = project.command("/usr/bin/script");
    let mut script = command
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = script.stdin.take().unwrap();
    let mut screen = script.stdout.take().unwrap();
    let mut text = String::new();
    let mut wait_for = |wanted: &str| {
        let mut piece = [0; 4096];
        while !text.contains(wanted) {
            let length = screen.read(&mut piece).unwrap();
            assert!(length > 0, "{wanted:?} did not come:\n{text}");
            text = plain(&(text.clone() + &String::from_utf8_lossy(&piece[..length])));
        }
        text.clone()
    };
    let text = wait_for("deployed reach: revision 1");
    let at = text.split("functions on http://").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let request =
        crate::support::Request::new("GET", &format!("/?http://{}/", upstream.at), "reach.localhost");
    assert!(request.send(at).text().starts_with("error "));
    wait_for("press a to write into ostro.toml");
    keys.write_all(b"a").unwrap();
    wait_for("added ");
    let granted = manifest.replace("[]", &format!("[\"{}\"]", upstream.grant()));
    assert_eq!(project.read("ostro.toml"), granted);
    wait_for("with other routes, grants or triggers");
    assert_eq!(request.send(at).text(), "200\nhi\n");
    keys.write_all(b"q").unwrap();
    wait_for("stopped");
    let text = wait_for("iexten");
    assert!(text.contains(" icanon") && text.contains(" echo ") && !text.contains("-icanon"), "{text}");
    assert!(!text.contains("\\u{1b}"), "colours are not for reading: {text}");
    drop(keys);
    script.wait().unwrap();
}

#[test]
fn an_edit_of_a_script_is_answered() {
    if !has_javascript() {
        return;
    }
    let manifest = "manifest = 1\n[function.app]\nsource = \"app.js\"\n";
    let app =
        "import { text } from \"./text.js\";\nexport default { fetch() { return new Response(text); } };\n";
    let project = Project::new(&[
        ("ostro.toml", manifest.as_bytes()),
        ("app.js", app.as_bytes()),
        ("text.js", b"export const text = 'one';\n"),
    ]);
    let begin = Instant::now();
    let dev = project.develop();
    dev.event_of("deployed", "app");
    eprintln!("JavaScript: from the start to the first deploy {:?}", begin.elapsed());
    assert_eq!(dev.get("app", "/").text(), "one");
    let mut times = Vec::new();
    for text in ["two", "three", "four"] {
        project.write("text.js", format!("export const text = '{text}';\n"));
        times.push(dev.until_answer("app", "/", text));
    }
    eprintln!("JavaScript: from an edit to its answer {times:?}");

    project.write("text.js", "export const text = ;\n");
    let error = dev.event_of("error", "app");
    assert!(error["message"].as_str().unwrap().starts_with("text.js:1:21: "), "{error}");
    assert_eq!(dev.get("app", "/").text(), "four");
    project.write("text.js", "export const text = 'five';\n");
    dev.event_of("fine", "app");
    dev.until_answer("app", "/", "five");
    dev.quit();
}
