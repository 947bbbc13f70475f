//! Bad uploads (threats.md group A): a clear refusal, nothing stored, nobody else disturbed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Connection, Control, Neighbour, Server, guest, hostile, shared};

/// Uploads and expects a refusal with a code and a message, and no function afterwards.
fn refuse(control: &Control, what: &str, component: &[u8]) -> Answer {
    let name = "refused";
    let answer = control.try_deploy(name, component, &json!({}));
    assert_eq!(answer.status, 422, "{what}: {}", answer.text());
    assert!(!answer.code().is_empty() && !answer.message().is_empty(), "{what}: {}", answer.text());
    assert!(!answer.text().contains("internal"), "{what}: {}", answer.text());
    control.get(&format!("functions/{name}")).expect_error(404, "not_found");
    answer
}

#[test]
fn a1_what_is_no_component_is_refused_with_a_reason() {
    let server = Server::start();
    let control = server.control();
    let hello = guest::component("hello");
    let before = files(&server);
    let elf = std::fs::read(env!("CARGO_BIN_EXE_ostro")).unwrap()[..100_000].to_vec();
    let mut component_version = hello.clone();
    component_version[4] = 0x7f;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("an empty file", Vec::new(), &["empty"]),
        ("one byte", vec![0], &["offset", "byte", "short"]),
        ("random bytes", hostile::noise(5000, 1), &["offset", "byte"]),
        (
            "the magic and garbage",
            [b"\0asm\x01\0\0\0".to_vec(), hostile::noise(500, 2)].concat(),
            &["offset", "byte"],
        ),
        ("a wrong version", component_version, &["version", "offset"]),
        ("text", guest::source("hello").into_bytes(), &["text", "wat"]),
        ("an ELF file", elf, &["elf"]),
        ("gzip", gzip(&hello), &["gzip"]),
        ("a zip archive", [b"PK\x03\x04".to_vec(), hello.clone()].concat(), &["zip", "offset", "byte"]),
        ("a module without metadata", hostile::functions(1, &[0]), &["module", "metadata", "export"]),
        ("a component without exports", guest::component("exports-nothing"), &["export", "incoming-handler"]),
    ];
    for (what, component, words) in cases {
        let answer = refuse(&control, what, &component).text().to_lowercase();
        assert!(words.iter().any(|word| answer.contains(word)), "{what}: the reason is not told: {answer}");
    }
    assert_eq!(files(&server), before, "something was stored");
    assert_eq!(server.control().functions(), Vec::<String>::new());
}

/// A precompiled file is machine code: taking one would run whatever it holds. The server's own cache has a real one.
#[test]
fn a1_a_precompiled_file_is_refused() {
    let server = Server::start();
    server.deploy("compiled", &guest::component("hello"), &json!({}));
    server.get("compiled", "/").expect_status(200);
    let image = walk(&server.data().join("cache"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"));
    let image = std::fs::read(image.expect("compiled code is in the cache")).unwrap();
    let answer = refuse(&server.control(), "machine code", &image);
    assert!(answer.text().contains("compiled"), "{}", answer.text());
}

#[test]
fn a2_every_truncation_is_refused() {
    let server = shared();
    let control = server.project("truncated");
    let hello = guest::component("hello");
    for length in (0..hello.len()).step_by(64).skip(1) {
        // A component cut between two sections may still parse; it has lost its export then.
        refuse(&control, &format!("cut at {length}"), &hello[..length]);
    }
}

#[test]
fn a2_flipped_bits_never_hurt_the_server() {
    let server = shared();
    let control = server.project("flipped");
    control.deploy("sound", &guest::component("hello"), &json!({}));
    let hello = guest::component("hello");
    let positions = hostile::noise(60 * 3, 42);
    for (round, position) in positions.chunks(3).enumerate() {
        let mut flipped = hello.clone();
        let at = usize::from(u16::from_le_bytes([position[0], position[1]])) % flipped.len();
        flipped[at] ^= 1 << (position[2] & 7);
        let answer = control.try_deploy("flip", &flipped, &json!({}));
        assert!(
            matches!(answer.status, 200 | 422),
            "round {round}, byte {at}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(control.deploy("sound", &hello, &json!({}))["outcome"], "unchanged");
}

#[test]
fn a3_missing_imports_are_listed() {
    let server = shared();
    let control = server.project("imports");
    for (name, missing) in [
        ("imports-unknown", "acme:weather/forecast@1.0.0"),
        ("imports-wrong-version", "wasi:random/random@0.9.0"),
        ("imports-wrong-type", "wasi:random/random@0.2.1"),
    ] {
        let answer = refuse(&control, name, &guest::component(name));
        assert!(answer.text().contains(missing), "{name}: {missing} is not named: {}", answer.text());
    }
}

#[test]
fn a4_modules_beyond_every_measure_are_refused_at_once() {
    let server = shared();
    let control = server.project("measure");
    let cases = [
        ("more functions than are allowed", hostile::carrying(&hostile::functions(1_000_001, &[0]))),
        ("a million functions", hostile::carrying(&hostile::functions(1_000_000, &[0]))),
        ("50,001 locals", hostile::carrying(&hostile::locals(50_001))),
        ("a jump table of a million", hostile::carrying(&hostile::jump_table(1_000_000))),
        ("a function of 8 MB", hostile::carrying(&hostile::straight_line(8 << 20))),
        ("a hundred thousand nested blocks", hostile::carrying(&hostile::nested_blocks(100_000))),
        ("more types than are allowed", hostile::carrying(&hostile::types(1_000_001))),
    ];
    for (what, component) in cases {
        let begin = Instant::now();
        refuse(&control, what, &component);
        // 100 ms in a release build; this one may be a debug build on a busy machine.
        assert!(begin.elapsed() < Duration::from_secs(10), "{what} took {:?}", begin.elapsed());
    }
    control.deploy("in-measure", &hostile::carrying(&hostile::functions(100, &[0])), &json!({}));
}

#[test]
fn a6_component_bombs_are_counted_after_expansion() {
    let server = shared();
    let control = server.project("bombs");
    refuse(&control, "eight levels of eight", &hostile::bomb(8, 8));
    refuse(&control, "a thousand instances of a hundred memories", &hostile::crowd(1000));
}

#[test]
fn a7_a8_what_cannot_start_is_refused_with_the_limit_named() {
    let server = shared();
    let control = server.project("starts");
    let limits = json!({ "limits": { "cpu": "300ms", "wall": "8s", "memory": "64MiB" } });
    for (name, word) in [
        ("start-loops", "cpu"),
        ("start-traps", "trap"),
        ("start-allocates", "memory"),
        ("big-memory", "memory"),
        ("big-table", "table"),
    ] {
        let begin = Instant::now();
        let answer = control.try_deploy("refused", &guest::component(name), &limits);
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert!(
            answer.text().to_lowercase().contains(word),
            "{name}: `{word}` is not named: {}",
            answer.text()
        );
        assert!(begin.elapsed() < Duration::from_secs(10), "{name} took {:?}", begin.elapsed());
        control.get("functions/refused").expect_error(404, "not_found");
    }
}

#[test]
fn a8_a_failed_deploy_leaves_the_running_revision_alone() {
    let server = shared();
    let control = server.project("unharmed");
    control.deploy("steady", &guest::component("hello"), &json!({}));
    for name in ["start-traps", "imports-unknown", "exports-nothing"] {
        assert_eq!(
            control.try_deploy("steady", &guest::component(name), &json!({ "env": { "A": "1" } })).status,
            422
        );
    }
    let shown = control.get("functions/steady").json();
    assert_eq!((&shown["revision"], &shown["env"]), (&json!(1), &json!({})));
    let answer = crate::support::Request::new("GET", "/", "steady--unharmed.localhost").send(server.listen);
    assert_eq!(answer.text(), "hello from ostro\n");
}

#[test]
fn a9_strange_names_and_large_custom_sections_do_no_harm() {
    let server = shared();
    let control = server.project("strange");
    let hello = guest::component("hello");
    let large = [hello.clone(), hostile::custom("name", &hostile::noise(1 << 20, 3))].concat();
    let answer = control.try_deploy("large", &large, &json!({}));
    assert!(matches!(answer.status, 200 | 422), "{}", answer.text());
    let strange = "evil\\00\\0a\\1b[2J\\e2\\80\\ae";
    let module = wat::parse_str(format!(
        "(module (func (export \"{strange}\")) (func (export \"{}\")))",
        "x".repeat(90_000)
    ))
    .unwrap();
    let answer = control.try_deploy("names", &hostile::carrying(&module), &json!({}));
    assert!(matches!(answer.status, 200 | 422), "{}", answer.text());
    let answer = control.try_deploy("refused", &module, &json!({}));
    assert_eq!(answer.status, 422);
    assert!(!answer.body.contains(&0x1b) && !answer.body.contains(&0), "raw escapes in {:?}", answer.text());
}

#[test]
fn a10_uploads_that_lie_or_never_end() {
    let server = Server::start();
    let control = server.control();
    let before = files(&server);
    let body =
        crate::support::control::multipart(&[("flags", b"{}"), ("component", &guest::component("hello"))]);
    // The length says more than comes, and what comes lacks the final boundary.
    let mut connection = Connection::open(server.admin);
    connection
        .send(&control.upload_request("liar").header("content-length", &body.len().to_string()).bytes());
    connection.send(&body[..body.len() - 10]);
    connection.finish();
    if let Ok(answer) = connection.try_answer(false) {
        assert!(matches!(answer.status, 400 | 408), "{answer:?}");
    }
    // The client goes away in the middle.
    let mut connection = Connection::open(server.admin);
    connection
        .send(&control.upload_request("leaver").header("content-length", &body.len().to_string()).bytes());
    connection.send(&body[..body.len() / 2]);
    drop(connection);
    // No final boundary, no component, parts that nobody asked for.
    for (what, parts) in [
        ("no component", vec![("flags", &b"{}"[..])]),
        ("an unknown part", vec![("flags", &b"{}"[..]), ("surprise", b"x")]),
        ("flags that are no JSON", vec![("flags", &b"{"[..]), ("component", b"x")]),
    ] {
        let answer = control.upload("partial", &parts);
        assert!(matches!(answer.status, 400 | 422), "{what}: {answer:?}");
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(control.functions(), Vec::<String>::new());
    assert_eq!(files(&server), before, "something was stored");
}

#[test]
fn a10_an_upload_over_the_limit_is_refused_before_it_is_taken() {
    let server = Server::start();
    let before = server.resident();
    for length in [Length::Said, Length::Chunked] {
        let sent =
            pour(&server, length, PART_HEAD, 200 << 20, &|answer| answer.expect_error(413, "too_large"));
        assert!(sent <= 140 << 20, "{length:?}: the server took {} MiB", sent >> 20);
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{} MiB", grown >> 20);
    server.control().deploy("light", &guest::component("hello"), &json!({}));
}

/// What comes before a part's content is small: a server that waits for its end would read it again and again.
#[test]
fn a10_the_head_of_a_part_has_a_limit() {
    let server = Server::start();
    let endless = PART_HEAD.strip_suffix("\r\n\r\n").unwrap();
    for length in [Length::Said, Length::Chunked] {
        let sent = pour(&server, length, endless, 48 << 20, &|answer| {
            assert!(matches!(answer.status, 400 | 413 | 431), "{length:?}: {answer:?}");
        });
        assert!(sent <= 24 << 20, "{length:?}: the server took {} MiB of a part's head", sent >> 20);
    }
    server.control().deploy("light", &guest::component("hello"), &json!({}));
}

/// The head of the part `component`, after the part `flags`.
const PART_HEAD: &str = "--ostro-test-boundary-7f3c\r\ncontent-disposition: form-data; name=\"flags\"\r\n\r\n{}\r\n\
    --ostro-test-boundary-7f3c\r\ncontent-disposition: form-data; name=\"component\"; filename=\"x\"\r\n\r\n";

/// How an upload says where it ends.
#[derive(Clone, Copy, Debug)]
enum Length {
    Said,
    Chunked,
}

/// Uploads `head` and then zeros until the server closes or `most` bytes are sent; answers how many it took.
fn pour(server: &Server, length: Length, head: &str, most: usize, check: &dyn Fn(Answer)) -> usize {
    let mut connection = Connection::open(server.admin);
    let request = server.control().upload_request("heavy");
    let request = match length {
        Length::Said => request.header("content-length", &most.to_string()),
        Length::Chunked => request.header("transfer-encoding", "chunked"),
    };
    let framed = |bytes: &[u8]| match length {
        Length::Said => bytes.to_vec(),
        Length::Chunked => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
    };
    connection.send(&[request.bytes(), framed(head.as_bytes())].concat());
    let piece = framed(&vec![0_u8; 1 << 20]);
    let mut sent = 0;
    while sent < most && connection.try_send(&piece).is_ok() {
        sent += 1 << 20;
    }
    // A server that closes while we send may reset the connection before the answer is read.
    if let Ok(answer) = connection.try_answer(false) {
        check(answer);
    }
    sent
}

#[test]
fn a11_encodings_are_refused_and_archives_are_read_with_suspicion() {
    let server = shared();
    let control = server.project("archives");
    let (component, empty) = (guest::component("assets"), json!({}).to_string());
    let encoded = control.upload_request("packed").header("content-encoding", "gzip");
    let body = gzip(&crate::support::control::multipart(&[("flags", b"{}"), ("component", &component)]));
    assert_eq!(encoded.body(body).send(control.at).status, 415);
    let mut cases = vec![
        ("no archive", hostile::noise(2000, 9)),
        ("a name with ..", entry("../up.txt", tar::EntryType::Regular, "", b"x")),
        ("a name with .. inside", entry("a/../../up.txt", tar::EntryType::Regular, "", b"x")),
        ("an absolute name", entry("/etc/motd", tar::EntryType::Regular, "", b"x")),
        ("a symbolic link", entry("link", tar::EntryType::Symlink, "/etc/passwd", b"")),
        ("a hard link", entry("link", tar::EntryType::Link, "/etc/passwd", b"")),
        ("a device", entry("tty", tar::EntryType::Char, "", b"")),
        ("a fifo", entry("pipe", tar::EntryType::Fifo, "", b"")),
    ];
    let mut lying = entry("big.txt", tar::EntryType::Regular, "", b"x");
    lying.truncate(1024);
    lying[124..136].copy_from_slice(b"77777777777\0");
    cases.push(("a size that lies", lying));
    for (what, archive) in cases {
        let parts: &[(&str, &[u8])] =
            &[("flags", empty.as_bytes()), ("component", &component), ("assets", &archive)];
        let answer = control.upload("refused", parts);
        assert!(matches!(answer.status, 400 | 422), "{what}: {} {}", answer.status, answer.text());
        control.get("functions/refused").expect_error(404, "not_found");
    }
}

#[test]
fn b11_threads_are_refused() {
    let server = shared();
    let control = server.project("threads");
    let module =
        wat::parse_str("(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))").unwrap();
    refuse(&control, "shared memory", &hostile::carrying(&module));
}

#[test]
fn a_neighbour_sees_nothing_of_hostile_uploads() {
    let server = Server::start();
    server.project("good").deploy("neighbour", &guest::component("hello"), &json!({}));
    let neighbour = Neighbour::call(&server, "neighbour--good", "hello from ostro\n");
    let control = server.control();
    let limits = json!({ "limits": { "cpu": "300ms" } });
    for name in ["start-loops", "start-allocates", "big-table", "imports-unknown"] {
        assert_eq!(control.try_deploy("refused", &guest::component(name), &limits).status, 422);
    }
    refuse(&control, "a bomb", &hostile::bomb(8, 8));
    refuse(&control, "too many functions", &hostile::carrying(&hostile::functions(1_000_001, &[0])));
    neighbour.stop();
}

/// All files below the data directory that hold code or assets, with their sizes.
fn files(server: &Server) -> Vec<(std::path::PathBuf, u64)> {
    let mut files: Vec<_> = ["artifacts", "cache", "assets"]
        .iter()
        .flat_map(|folder| walk(&server.data().join(folder)))
        .map(|path| (path.clone(), std::fs::metadata(path).unwrap().len()))
        .collect();
    files.sort();
    files
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// A tar of one entry, made by hand where the library would refuse.
fn entry(name: &str, kind: tar::EntryType, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

/// A gzip file with the content stored as it is.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let pieces: Vec<&[u8]> = content.chunks(0xffff).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let length = u16::try_from(piece.len()).unwrap();
        out.push(u8::from(index + 1 == pieces.len()));
        out.write_all(&length.to_le_bytes()).unwrap();
        out.write_all(&(!length).to_le_bytes()).unwrap();
        out.extend_from_slice(piece);
    }
    // The checksum is not right; nobody should come so far as to look at it.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    out
}

#[test]
fn an_upload_reports_what_is_wrong_in_one_shape() {
    let server = shared();
    let answer = server.project("shape").try_deploy("refused", b"nonsense", &Value::Null);
    assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    assert_eq!(answer.header("content-type").map(|kind| kind.starts_with("application/json")), Some(true));
    let error = answer.json();
    assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"]);
}
