//! `examples/thumbnails`: what is put into a bucket starts a function, which makes a small picture of it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, Control, Request, Server, example, shared};

/// 600 to 300 pixels, and 300 to 400: gray squares.
const WIDE: &[u8] = include_bytes!("pictures/wide.png");
const TALL: &[u8] = include_bytes!("pictures/tall.jpg");

/// A project with the example, and with a function that puts and gets objects.
struct Stage<'a> {
    server: &'a Server,
    control: Control,
    project: &'static str,
}

impl<'a> Stage<'a> {
    fn new(server: &'a Server, project: &'static str) -> Self {
        let control = server.project(project);
        let manifest = example::manifest("thumbnails", &[]);
        let component = example::component("thumbnails");
        let parts: &[(&str, &[u8])] = &[("manifest", manifest.as_bytes()), ("component", &component)];
        control.upload("thumbnails", parts).expect_status(200);
        let grants = json!({ "grants": ["bucket:pictures", "bucket:thumbnails"] });
        control.deploy("keeper", &example::component("object-script"), &grants);
        Self { server, control, project }
    }

    fn ask(&self, method: &str, bucket: &str, key: &str, body: &[u8]) -> Answer {
        let host = format!("keeper--{}.localhost", self.project);
        let request = Request::new(method, &format!("/{key}"), &host).header("bucket", bucket);
        request.body(body).send(self.server.listen)
    }

    fn put(&self, key: &str, picture: &[u8]) {
        self.ask("PUT", "pictures", key, picture).expect_status(200);
    }

    fn script(&self, line: &str) -> String {
        let host = format!("keeper--{}.localhost", self.project);
        let script = format!("open\tthumbnails\n{}", line.replace('|', "\t"));
        let answer = Request::new("POST", "/", &host).body(script).send(self.server.listen);
        answer.expect_status(200).text().lines().nth(1).unwrap().to_owned()
    }

    /// Waits until what is said of a small picture is as it should be.
    fn small_when(&self, key: &str, right: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let said = self.script(&format!("head|{key}"));
            if right(&said) {
                return said;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{key}: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn small(&self, key: &str) -> Vec<u8> {
        self.ask("GET", "thumbnails", key, b"").expect_status(200).body
    }
}

#[test]
fn a_picture_that_is_put_has_a_small_one() {
    let server = shared();
    let stage = Stage::new(&server, "thumbnails");
    stage.put("wide.png", WIDE);
    stage.put("tall.jpg", TALL);
    let said = stage.small_when("wide.png", |said| said.contains("image/png"));
    assert!(said.contains("\"size\":"), "{said}");
    // Width and height stand in the first chunk.
    let sides = [0, 0, 1, 0, 0, 0, 0, 128];
    assert_eq!(stage.small("wide.png")[16..24], sides);
    stage.small_when("tall.jpg", |said| said.contains("image/jpeg"));
    let small = stage.small("tall.jpg");
    let frame = small.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    // Height and width stand behind the marker, the length and the precision.
    assert_eq!(small[frame + 5..frame + 9], [1, 0, 0, 192]);
}

#[test]
fn what_is_no_picture_is_done_and_a_deleted_one_takes_its_small_one_along() {
    let server = shared();
    let stage = Stage::new(&server, "thumbnails-odd");
    stage.put("text.png", b"no picture");
    let log = stage.control.log("thumbnails", 1);
    assert!(log.iter().any(|line| line["message"].as_str().unwrap().contains("no picture")), "{log:?}");
    stage.put("gone.png", WIDE);
    stage.small_when("gone.png", |said| said.contains("image/png"));
    let host = "keeper--thumbnails-odd.localhost";
    let script = "open\tpictures\ndelete\tgone.png";
    Request::new("POST", "/", host).body(script).send(server.listen).expect_status(200);
    stage.small_when("gone.png", |said| !said.contains("image/png"));
}

/// Only the platform can say that something has changed.
#[test]
fn a_client_can_tell_of_no_change() {
    let server = shared();
    let _stage = Stage::new(&server, "thumbnails-shut");
    let ask = |path: &str| {
        Request::new("POST", path, "thumbnails--thumbnails-shut.localhost")
            .header("ostro-trigger", "event")
            .header("ce-type", "dev.ostro.object.put")
            .header("ce-subject", "wide.png")
            .body("")
            .send(server.listen)
    };
    ask("/").expect_status(404);
    ask("/_ostro/event").expect_status(404);
}
