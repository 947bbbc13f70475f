//! `ostro dev` in a process of its own, with a project and a configuration of its own; its events are read as they come.

use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::http::{Answer, Request};

/// Longest wait for an event: a first build of a Rust project is the slowest.
const PATIENCE: Duration = Duration::from_secs(120);

/// A project's folder, and a home beside it.
pub struct Project {
    folder: TempDir,
    name: String,
}

impl Project {
    /// A project of these files: name and content.
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), name: "project".to_owned() };
        for (name, content) in files {
            project.write(name, content);
        }
        project
    }

    /// The project that `ostro new` makes.
    pub fn of_template(name: &str, lang: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), name: name.to_owned() };
        let made = project.ostro().args(["new", name, "--lang", lang]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        project
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// Writes a file, as an editor does.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    /// A file's text.
    pub fn read(&self, name: &str) -> String {
        let file = self.path().join(name);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Replaces a text in a file.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not contain {from:?}:\n{text}");
        self.write(name, text.replace(from, to));
    }

    /// The command line tool beside the project's folder, with a home of its own.
    pub fn ostro(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_ostro"))
    }

    /// Any program there.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        // Where a manifest says `target/…` it means the project's own.
        command.env_remove("CARGO_TARGET_DIR");
        let ours = |name: &str| name.starts_with("OSTRO_") && name != "OSTRO_JS";
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command
    }

    /// The saved connections; empty when there are none.
    pub fn connections(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("config/ostro/connections.toml")).unwrap_or_default()
    }

    /// Starts `ostro dev` on free ports.
    pub fn develop(&self) -> Dev {
        self.develop_with(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
    }

    /// Starts `ostro dev` with these options.
    pub fn develop_with(&self, options: &[&str]) -> Dev {
        let mut command = self.ostro();
        command.args(["dev", "--json"]).args(options).arg(self.path());
        Dev::start(&mut command)
    }
}

/// A running `ostro dev`.
pub struct Dev {
    /// Address of the functions.
    pub listen: SocketAddr,
    /// Address of the control API.
    pub admin: SocketAddr,
    process: Child,
    words: std::thread::JoinHandle<String>,
    events: Receiver<Value>,
    seen: RefCell<Vec<Value>>,
    /// Events before this one were asked for.
    next: Cell<usize>,
}

impl Dev {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, events) = channel();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no event: {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut errors = process.stderr.take().unwrap();
        let words = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).ok();
            text
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (seen, next) = (RefCell::default(), Cell::new(0));
        let mut dev = Self { listen: nowhere, admin: nowhere, process, words, events, seen, next };
        let ready = dev.event("ready");
        dev.listen = ready["listen"].as_str().unwrap().parse().unwrap();
        dev.admin = ready["admin"].as_str().unwrap().parse().unwrap();
        dev
    }

    /// The next event of that name, after the one that was asked for before.
    pub fn event(&self, name: &str) -> Value {
        self.event_where(name, |_| true)
    }

    /// The same, of a function.
    pub fn event_of(&self, name: &str, function: &str) -> Value {
        self.event_where(name, |event| event["function"] == function)
    }

    /// The same, with a condition.
    pub fn event_where(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = |event: &&Value| event["event"] == name && wanted(event);
            let position = self.seen.borrow().iter().skip(self.next.get()).position(|event| found(&event));
            if let Some(position) = position {
                let position = self.next.get() + position;
                self.next.set(position + 1);
                return self.seen.borrow()[position].clone();
            }
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) => self.seen.borrow_mut().push(event),
                Err(error) => panic!("no event `{name}` ({error}); there were:\n{}", self.history()),
            }
        }
    }

    /// All events of that name so far, those of the next `while_` included.
    pub fn all(&self, name: &str, while_: Duration) -> Vec<Value> {
        let until = Instant::now() + while_;
        while let Ok(event) = self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.seen.borrow_mut().push(event);
        }
        self.seen.borrow().iter().filter(|event| event["event"] == name).cloned().collect()
    }

    fn history(&self) -> String {
        self.seen.borrow().iter().map(|event| format!("  {event}\n")).collect()
    }

    /// GET at a function's own host.
    pub fn get(&self, function: &str, path: &str) -> Answer {
        Request::new("GET", path, &format!("{function}.localhost")).send(self.listen)
    }

    /// How long it takes until a function answers otherwise than before; panics after 60 s.
    pub fn until_answer(&self, function: &str, path: &str, expected: &str) -> Duration {
        let begin = Instant::now();
        loop {
            let answer = self.get(function, path);
            if answer.text() == expected {
                return begin.elapsed();
            }
            let late = begin.elapsed() > Duration::from_secs(60);
            assert!(!late, "{answer:?} and not {expected:?}\n{}", self.history());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGTERM and waits for a good end; what it said to standard error.
    pub fn quit(mut self) -> String {
        let pid = rustix::process::Pid::from_raw(self.process.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.event("stopped");
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.history());
        let words = std::thread::spawn(String::new);
        std::mem::replace(&mut self.words, words).join().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Whether JavaScript can be built here: `ostro-js` is beside `ostro`, or named by OSTRO_JS.
pub fn has_javascript() -> bool {
    let beside = Path::new(env!("CARGO_BIN_EXE_ostro")).with_file_name("ostro-js").is_file();
    let has = beside || std::env::var_os("OSTRO_JS").is_some_and(|file| Path::new(&file).is_file());
    if !has {
        eprintln!("skipped: there is no ostro-js; `cargo xtask js` builds it");
    }
    has
}

/// Whether cargo can build for wasm32-wasip2 here.
pub fn has_wasm_target() -> bool {
    let asked =
        Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output();
    let has = asked.is_ok_and(|asked| Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir());
    if !has {
        eprintln!("skipped: `rustup target add wasm32-wasip2` adds the target that this needs");
    }
    has
}
