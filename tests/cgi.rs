//! Commands as CGI/1.1 (RFC 3875): the request is environment and standard input, standard output is the answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deploy::tar;
use crate::support::control::multipart;
use crate::support::jobs::{eventually, ms};
use crate::support::{Answer, Connection, Ended, Neighbour, Request, Server, example, guest, shared};

/// What the guest `say` answers when it is told to say that.
fn said(server: &Server, function: &str, status: u8, words: &str) -> Answer {
    server.post(function, "/", format!("{status}{words}"))
}

/// The lines that the guest `show` answers.
fn lines(answer: &Answer) -> Vec<String> {
    answer.text().lines().map(str::to_owned).collect()
}

#[test]
fn a_command_answers_with_headers_and_a_body() {
    let server = shared();
    server.deploy("say", &guest::command("say"), &json!({}));
    for (words, status, headers, body) in [
        ("Content-Type: text/plain\n\nhello", 200, &[("content-type", "text/plain")][..], "hello"),
        ("content-type: a/b\r\nX-Mine: 7\r\n\r\n\n\nx", 200, &[("x-mine", "7")], "\n\nx"),
        (
            "Status: 404 Not Found\nContent-Type: text/html\n\n<p>",
            404,
            &[("content-type", "text/html")],
            "<p>",
        ),
        ("Status: 503\nRetry-After: 7\n\n", 503, &[("retry-after", "7")], ""),
        ("Location: https://a.example/\n\n", 302, &[("location", "https://a.example/")], ""),
        ("Location: /next?q=1\n\n", 302, &[("location", "/next?q=1")], ""),
        ("Status: 307\nLocation: /b\nContent-Type: a/b\n\nx", 307, &[("location", "/b")], "x"),
        ("Content-Type: a/b\nContent-Length: 3\n\nabc", 200, &[("content-length", "3")], "abc"),
        // What belongs to the platform or to the connection is not the command's to say.
        ("Content-Type: a/b\nConnection: close\nOstro-User: x\n\n", 200, &[("content-type", "a/b")], ""),
    ] {
        let answer = said(&server, "say", 0, words);
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{words:?}: {answer:?}");
        assert_eq!(answer.ended, Ended::Complete, "{words:?}");
        for (name, value) in headers {
            assert_eq!(answer.header(name), Some(*value), "{words:?}");
        }
        assert_eq!(answer.header("ostro-user"), None, "{words:?}");
    }
    let head = server.request("HEAD", "say", "/").send(server.listen);
    assert_eq!(head.code(), "", "a HEAD has no body, whatever happened");
}

#[test]
fn what_is_no_answer_is_told_to_the_owner_and_not_to_the_client() {
    let server = shared();
    server.deploy("say-nothing", &guest::command("say"), &json!({}));
    let huge = format!("Content-Type: a/b\nX: {}\n\n", "x".repeat(70_000));
    let many = format!("{}\n", "X: y\n".repeat(300));
    for (status, words, answered, code, word) in [
        (0, "", 500, "no_response", "without giving a response"),
        (3, "", 500, "no_response", "exited with status 1"),
        (3, "Content-Type: a/b\n", 500, "no_response", "exited with status 1"),
        (0, "hello\n", 502, "bad_response", "`hello` is no header field"),
        (0, "Content-Type: a/b\n", 502, "bad_response", "ended within the header block"),
        (0, "X-Mine: 7\n\nbody", 502, "bad_response", "neither Content-Type nor Status nor Location"),
        (0, "HTTP/1.1 200 OK\nContent-Type: a/b\n\n", 502, "bad_response", "NPH"),
        (0, "Status: 100\n\n", 502, "bad_response", "not a final one"),
        (0, &huge, 502, "bad_response", "over 65536 bytes"),
        (0, &many, 502, "bad_response", "256 fields"),
    ] {
        let answer = said(&server, "say-nothing", status, words);
        assert_eq!((answer.status, answer.code().as_str()), (answered, code), "{words:.50}");
        assert!(!answer.text().contains(word), "the client is told too much: {}", answer.text());
        let record = server.control().invocations("say-nothing", 1).remove(0);
        assert_eq!(record["outcome"], code, "{words:.50}");
        assert!(record["detail"].as_str().unwrap().contains(word), "{words:.50}: {record}");
    }
}

#[test]
fn a_failure_after_the_head_is_seen_as_a_cut() {
    let server = shared();
    server.deploy("say-half", &guest::command("say"), &json!({}));
    for (status, words) in [
        (3, "Content-Type: a/b\n\nhalf"),
        (0, "Content-Type: a/b\nContent-Length: 9\n\nshort"),
        (0, "Content-Type: a/b\nContent-Length: 3\n\nlonger"),
    ] {
        let answer = said(&server, "say-half", status, words);
        // hyper may not have sent the head of an answer that fails at once.
        assert!(answer.ended == Ended::Cut || answer.status == 502, "{words:?}: {answer:?}");
        assert!(!answer.text().contains("longer"), "{answer:?}");
        let record = server.control().invocations("say-half", 1).remove(0);
        assert_eq!(record["outcome"], "bad_response", "{words:?}: {record}");
    }
}

#[test]
fn input_streams_in_while_output_streams_out() {
    let server = shared();
    server.deploy("cgi-echo", &guest::command("echo"), &json!({}));
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("POST", "cgi-echo", "/").header("transfer-encoding", "chunked").bytes());
    // The head comes before a byte of the body was sent, and each piece before the next.
    let head = connection.head();
    assert_eq!(head.status, 201);
    for piece in ["first ", "second ", "third"] {
        connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        assert_eq!(connection.chunk().unwrap(), Some(piece.as_bytes().to_vec()));
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), None);
    // The connection is good for another request.
    connection.send(&server.request("POST", "cgi-echo", "/").body("again").bytes());
    assert_eq!(connection.answer().text(), "again");
    let large = vec![b'x'; 3 << 20];
    assert!(server.post("cgi-echo", "/", large.clone()).body == large, "3 MiB come back as they went");
}

#[test]
fn a_request_over_the_limit_is_refused_while_it_streams() {
    let server = shared();
    server.deploy("cgi-small", &guest::command("say"), &json!({ "limits": { "request_body": "64KiB" } }));
    assert_eq!(server.post("cgi-small", "/", vec![b'0'; 65 << 10]).code(), "too_large");
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("POST", "cgi-small", "/").header("transfer-encoding", "chunked").bytes());
    let piece = [b"4000\r\n", "0".repeat(0x4000).as_bytes(), b"\r\n"].concat();
    for _ in 0..5 {
        if connection.try_send(&piece).is_err() {
            break;
        }
    }
    assert_eq!(connection.answer().code(), "too_large");
}

#[test]
fn arguments_environment_and_log() {
    let server = shared();
    let settings = json!({ "args": ["-v", "two words"], "env": { "OWN": "1", "HTTP_X_ROLE": "guest" } });
    server.deploy("cgi-show", &guest::command("show"), &settings);
    let shown = server
        .request("POST", "cgi-show", "/caf%C3%A9/x?q=%201&r")
        .header("content-type", "text/plain")
        .header("x-request-id", "7")
        .header("accept", "a/b")
        .header("accept", "c/d")
        .header("proxy", "http://6.6.6.6")
        .header("x_forwarded_for", "6.6.6.6")
        .header("x_request_id", "forged")
        .header("x-role", "admin")
        .body("12345")
        .send(server.listen);
    let lines = lines(&shown);
    assert_eq!(lines[..3], ["cgi-show", "-v", "two words"], "{lines:#?}");
    for expected in [
        "OWN=1",
        "HTTP_X_ROLE=guest",
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_METHOD=POST",
        "SCRIPT_NAME=",
        "PATH_INFO=/café/x",
        "QUERY_STRING=q=%201&r",
        "REQUEST_URI=/caf%C3%A9/x?q=%201&r",
        "CONTENT_TYPE=text/plain",
        "CONTENT_LENGTH=5",
        "SERVER_NAME=cgi-show.localhost",
        "SERVER_PORT=80",
        "SERVER_PROTOCOL=HTTP/1.1",
        "REMOTE_ADDR=127.0.0.1",
        "HTTP_X_REQUEST_ID=7",
        "HTTP_X_FORWARDED_FOR=127.0.0.1",
        "HTTP_ACCEPT=a/b, c/d",
        "HTTP_HOST=cgi-show.localhost",
        "HTTP_OSTRO_TRIGGER=http",
    ] {
        assert!(lines.iter().any(|line| line == expected), "no {expected:?} in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("SERVER_SOFTWARE=Ostro/")), "{lines:#?}");
    for absent in ["HTTP_PROXY", "6.6.6.6", "forged", "admin", "HTTP_CONTENT_"] {
        assert!(!shown.text().contains(absent), "{absent} in {lines:#?}");
    }
    let line = server.control().log("cgi-show", 1).remove(0);
    assert_eq!((&line["stream"], &line["message"]), (&json!("stderr"), &json!("shown")), "{line}");
}

#[test]
fn a_prefix_is_the_scripts_name() {
    let server = shared();
    server.deploy("cgi-routed", &guest::command("show"), &json!({}));
    // The shared host: the function's name is the prefix.
    let shown = Request::new("GET", "/cgi-routed/a%2Fb?x", "localhost:81").send(server.listen);
    let lines = lines(&shown);
    for expected in ["SERVER_PORT=81", "QUERY_STRING=x", "SCRIPT_NAME=/cgi-routed", "PATH_INFO=/a/b"] {
        assert!(lines.iter().any(|line| line == expected), "no {expected:?} in {lines:#?}");
    }
}

#[test]
fn assets_are_read_and_never_written() {
    let server = shared();
    let (component, bundle) = (guest::command("assets"), tar(&[("page.txt", b"a page\n")]));
    let parts: &[(&str, &[u8])] = &[("flags", b"{}"), ("component", &component), ("assets", &bundle)];
    server.control().upload("cgi-assets", parts).expect_status(200);
    assert_eq!(server.get("cgi-assets", "/").text(), "a page\n1", "the file, and that it can't be written");
}

#[test]
fn limits_hold_for_commands() {
    let server = shared();
    for (name, limits, status, code) in [
        ("spin", json!({ "cpu": "100ms" }), 504, "cpu_limit"),
        ("spin", json!({ "cpu": "10s", "wall": "200ms" }), 504, "deadline"),
        ("hoard", json!({ "memory": "16MiB" }), 500, "memory_limit"),
    ] {
        server.deploy("cgi-limits", &guest::command(name), &json!({ "limits": limits }));
        for _ in 0..2 {
            let answer = server.get("cgi-limits", "/");
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}: {}", answer.text());
        }
        let record = server.control().invocations("cgi-limits", 1).remove(0);
        assert_eq!(record["outcome"], code, "{name}: {record}");
        assert!(record["bill"]["cpu_us"].as_u64().unwrap() > 0, "{name}: {record}");
    }
}

/// The command is held back by a client that does not read: memory stays bounded and its time runs.
#[test]
fn a_flood_is_held_back_and_ends_with_its_client() {
    let server = Server::start();
    let slow = json!({ "limits": { "cpu": "60s", "stream_idle": "400ms" } });
    server.deploy("flood", &guest::command("flood"), &slow);
    server.deploy("flood-cancel", &guest::command("flood"), &json!({ "on_disconnect": "cancel" }));
    let before = server.resident();
    let mut silent = TcpStream::connect(server.listen).unwrap();
    silent.write_all(&server.request("GET", "flood", "/").bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for one client that does not read");
    drop(silent);
    let record = server.control().invocations("flood", 1).remove(0);
    assert_eq!(record["outcome"], "deadline", "a stream that stands still has an idle time: {record}");
    assert!(record["bill"]["cpu_us"].as_u64() < Some(1_500_000), "it waited: {record}");
    let mut gone = TcpStream::connect(server.listen).unwrap();
    gone.write_all(&server.request("GET", "flood-cancel", "/").bytes()).unwrap();
    gone.read_exact(&mut [0; 4096]).unwrap();
    drop(gone);
    let record = server.control().invocations("flood-cancel", 1).remove(0);
    assert_eq!(record["outcome"], "cancelled", "{record}");
}

#[test]
fn a_neighbour_feels_nothing_of_endless_commands() {
    let server = Server::start();
    server.deploy("cgi-spin", &guest::command("spin"), &json!({ "limits": { "cpu": "1s", "wall": "60s" } }));
    server.deploy("next-door", &guest::component("hello"), &json!({}));
    let neighbour = Neighbour::call(&server, "next-door", "hello from ostro\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(server.get("cgi-spin", "/").code(), "cpu_limit"));
        }
    });
    let times = neighbour.stop();
    assert!(
        times[times.len() / 2] < Duration::from_millis(50),
        "half of its calls took {:?}",
        times[times.len() / 2]
    );
}

#[test]
fn every_run_is_a_fresh_one_and_reuse_is_refused() {
    let server = shared();
    let refused = server.control().try_deploy("cgi-kept", &guest::command("say"), &json!({ "reuse": 2 }));
    refused.expect_error(422, "reuse");
    assert!(refused.message().contains("command"), "{}", refused.text());
    server.deploy("cgi-fresh", &guest::command("hoard"), &json!({ "limits": { "memory": "16MiB" } }));
    assert_eq!(server.get("cgi-fresh", "/").code(), "memory_limit");
    let arguments =
        server.control().try_deploy("cgi-args", &guest::component("hello"), &json!({ "args": ["x"] }));
    assert!((400..500).contains(&arguments.status), "only commands have arguments: {}", arguments.text());
}

#[test]
fn modules_that_cannot_run_are_refused_with_what_is_missing() {
    let server = shared();
    let control = server.control();
    let module = |text: &str| wat::parse_str(text).unwrap();
    const START: &str = "(memory (export \"memory\") 1) (func (export \"_start\"))";
    for (text, code, word) in [
        (format!("(module (import \"env\" \"draw\" (func)) {START})"), "unsupported_component", "env.draw"),
        (
            format!("(module (import \"wasi_snapshot_preview1\" \"fd_teleport\" (func)) {START})"),
            "invalid_component",
            "fd_teleport",
        ),
        (
            "(module (import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32))))".to_owned(),
            "unsupported_component",
            "_start",
        ),
        ("(component)".to_owned(), "unsupported_component", "wasi:cli/run@0.2.x"),
    ] {
        let refused = control.try_deploy("cgi-refused", &module(&text), &json!({}));
        refused.expect_error(422, code);
        assert!(refused.message().contains(word), "{text}: {}", refused.text());
    }
}

/// A slot of a schedule and a message come as CloudEvents, whose attributes are variables.
#[test]
fn events_come_as_requests() {
    let server = Server::start_turned();
    let control = server.control();
    server.clock().set(ms("2026-05-04T10:00:30Z"));
    let triggers = json!({ "cron": [{ "schedule": "* * * * *" }], "queues": [{ "name": "cgi" }] });
    control.deploy("events", &guest::command("show"), &triggers);
    let sent = control.send("cgi", "", "payload");
    control.job_in(&sent, "done");
    let lines = control.lines("events", 20);
    for expected in [
        "HTTP_CE_TYPE=dev.ostro.queue.message",
        "HTTP_CE_SPECVERSION=1.0",
        &format!("HTTP_CE_ID={sent}"),
        "CONTENT_LENGTH=7",
        "REQUEST_METHOD=POST",
    ] {
        assert!(lines.iter().any(|line| line == expected), "no {expected} in {lines:#?}");
    }
    server.clock().turn(Duration::from_secs(60));
    let schedule = control.schedule_when("events", |schedule| schedule["last_job"].is_string());
    control.job_in(schedule["last_job"].as_str().unwrap(), "done");
    let lines = control.lines("events", 2 * lines.len());
    for expected in ["HTTP_CE_TYPE=dev.ostro.cron.slot", "PATH_INFO=/_ostro/cron", "REMOTE_ADDR=127.0.0.1"] {
        assert!(lines.iter().any(|line| line == expected), "no {expected} in {lines:#?}");
    }
}

/// An exit status, and a status that says so, fail the job.
#[test]
fn an_event_fails_by_its_status() {
    let server = Server::start();
    let control = server.control();
    control.deploy(
        "judge",
        &guest::command("say"),
        &json!({ "queues": [{ "name": "judge", "attempts": 1 }] }),
    );
    for (payload, state) in [
        ("0Content-Type: a/b\n\nfine", "done"),
        ("1Content-Type: a/b\n\nfine", "dead"),
        ("0Status: 500\n\n", "dead"),
        ("0", "dead"),
    ] {
        let job = control.job_in(&control.send("judge", "", payload), state);
        assert_eq!(job["state"], state, "{payload:?}: {job}");
    }
}

/// `wasi:cli/run` of WASI 0.3: its standard streams are streams of the component model.
#[test]
fn a_command_of_wasi_03_streams_too() {
    let server = shared();
    let component = example::component("run-p3");
    let report = server.deploy("run-p3", &component, &json!({}));
    assert_eq!(report["kind"], "command-0.3", "{report}");
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("PUT", "run-p3", "/").header("transfer-encoding", "chunked").bytes());
    let head = connection.head();
    assert!(head.headers.contains(&("x-method".to_owned(), "PUT".to_owned())), "{head:?}");
    for (piece, shouted) in [("first ", "FIRST "), ("second", "SECOND")] {
        connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        assert_eq!(connection.chunk().unwrap(), Some(shouted.as_bytes().to_vec()));
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), None);
    assert_eq!(server.control().log("run-p3", 1)[0]["message"], "shouting");
    let large = vec![b'a'; 1 << 20];
    assert!(server.post("run-p3", "/", large).body == vec![b'A'; 1 << 20]);
    server.deploy("run-p3-fails", &component, &json!({ "args": ["fail"] }));
    let answer = server.post("run-p3-fails", "/", "x");
    assert_eq!(answer.ended, Ended::Cut, "{answer:?}");
    let record = server.control().invocations("run-p3-fails", 1).remove(0);
    assert_eq!(record["outcome"], "bad_response", "{record}");
}

/// `examples/cgi`: a program in Rust with `std` and nothing else.
#[test]
fn the_example_shows_a_form_and_its_result() {
    let server = shared();
    let (component, page) = (example::component("cgi"), include_bytes!("../examples/cgi/public/style.css"));
    let (manifest, bundle) = (example::manifest("cgi", &[]), tar(&[("style.css", page)]));
    let parts: &[(&str, &[u8])] =
        &[("manifest", manifest.as_bytes()), ("component", &component), ("assets", &bundle)];
    server.control().upload("cgi", parts).expect_status(200);
    let form = server.get("cgi", "/");
    assert_eq!((form.status, form.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(form.text().contains("<form"), "{}", form.text());
    let result = server
        .request("POST", "cgi", "/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=Ada+%3Cb%3E&cups=3")
        .send(server.listen);
    assert_eq!(result.status, 200, "{}", result.text());
    assert!(result.text().contains("Ada &lt;b&gt;"), "what was typed is escaped: {}", result.text());
    let style = server.get("cgi", "/style.css");
    assert_eq!((style.header("content-type"), style.body.as_slice()), (Some("text/css"), &page[..]));
    assert_eq!(server.get("cgi", "/nowhere").status, 404);
    assert_eq!(server.request("PUT", "cgi", "/").body("x").send(server.listen).status, 405);
}

/// npm's CRuby, a WASI preview 1 command that nobody made for this server, with a script from `assets`.
#[test]
fn ruby_runs_a_script_from_assets() {
    const SCRIPT: &[u8] = br##"
puts "Content-Type: text/plain", "Status: 201 Created", ""
puts "#{ENV['REQUEST_METHOD']} #{ENV['PATH_INFO']} by ruby #{RUBY_VERSION}"
puts STDIN.read.upcase.reverse
warn "said by ruby"
"##;
    let ruby = match example::component_if_possible("ruby") {
        Ok(ruby) => ruby,
        Err(reason) => return eprintln!("ruby is not tested: {reason}"),
    };
    let server = Server::start();
    let bundle = tar(&[("app.rb", SCRIPT)]);
    let settings = json!({ "args": ["/assets/app.rb"], "limits": { "memory": "256MiB", "cpu": "10s" } });
    let flags = settings.to_string();
    let parts: &[(&str, &[u8])] = &[("flags", flags.as_bytes()), ("component", &ruby), ("assets", &bundle)];
    let began = Instant::now();
    // The compiler of a debug build takes a minute of CPU for an interpreter of this size.
    let control = server.control();
    let upload = control.upload_request("ruby").header("connection", "close").body(multipart(parts));
    let mut connection = Connection::open(control.at);
    connection.patience(Duration::from_secs(400));
    connection.send(&upload.bytes());
    let deployed = connection.answer().expect_status(200).json();
    assert_eq!(deployed["kind"], "command", "{deployed}");
    let deployed_in = began.elapsed();
    let answer = server.post("ruby", "/hi", "olleh");
    let log = server.control().log("ruby", 1);
    assert_eq!(answer.status, 201, "{} {log:?}", answer.text());
    let text = answer.text();
    assert!(text.starts_with("POST /hi by ruby 3.4"), "{text}");
    assert!(text.ends_with("HELLO\n"), "{text}");
    assert!(log.iter().any(|line| line["message"] == "said by ruby"), "{log:?}");
    let record: Value = server.control().invocations("ruby", 1).remove(0);
    eprintln!(
        "ruby: {} MiB, deployed in {deployed_in:?} ({}), bill {}",
        ruby.len() >> 20,
        deployed["timing"],
        record["bill"]
    );
    eventually(|| server.get("ruby", "/").status, |status| *status == 201);
}
