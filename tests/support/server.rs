//! The product in a process of its own: started on free ports with a fresh data directory, killed when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::clock::TurnedClock;
use super::control::Control;
use super::http::{Answer, Request};

/// A running server.
pub struct Server {
    /// Address of the data plane.
    pub listen: SocketAddr,
    /// Address of the control API.
    pub admin: SocketAddr,
    /// The admin token.
    pub token: String,
    folder: TempDir,
    options: Vec<String>,
    environment: Vec<(String, String)>,
    clock: Option<TurnedClock>,
    process: Option<Child>,
}

/// One server for all tests that do not disturb it; it goes with the last of them.
pub fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

impl Server {
    /// Starts a server of its own.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more options on its command line.
    pub fn start_with(options: &[&str]) -> Self {
        let mut server = Self::prepare(options);
        server.launch();
        server
    }

    /// Starts a server with more options and variables.
    pub fn start_told(options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut server = Self::prepare(options);
        let told = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        server.environment = environment.iter().map(told).collect();
        server.launch();
        server
    }

    /// Starts a server whose wall clock the test turns.
    pub fn start_turned() -> Self {
        Self::start_turned_with(&[])
    }

    /// The same, with more options.
    pub fn start_turned_with(options: &[&str]) -> Self {
        let mut server = Self::prepare(options);
        server.clock = Some(TurnedClock::new(server.folder.path()));
        server.launch();
        server
    }

    fn prepare(options: &[&str]) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: nowhere,
            admin: nowhere,
            token: String::new(),
            folder: tempfile::tempdir().unwrap(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            environment: Vec::new(),
            clock: None,
            process: None,
        }
    }

    /// Its clock; only of a server started with one.
    pub fn clock(&self) -> &TurnedClock {
        self.clock.as_ref().expect("the server was not started by `start_turned`")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder that goes with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that the server has written to standard error since the test began.
    pub fn words(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// The command that starts a server on this data directory.
    pub fn command(&self) -> Command {
        let mut command = self.cli();
        command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
            .arg(self.data())
            .arg("--key-file")
            .arg(self.folder.path().join("key"))
            .args(&self.options)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(clock) = &self.clock {
            command.env("OSTRO_TEST_CLOCK", clock.file());
        }
        command
    }

    /// The command line tool, with its connections in the server's folder and nothing of the tester's environment.
    pub fn cli(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostro"));
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config")).env("HOME", self.folder.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OSTRO_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    fn launch(&mut self) {
        let words = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("stderr"))
            .unwrap();
        let mut process = self.command().stdout(Stdio::piped()).stderr(words).spawn().unwrap();
        let mut ready = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut ready).unwrap();
        self.process = Some(process);
        let ready: Value = serde_json::from_str(&ready)
            .unwrap_or_else(|error| panic!("not ready ({error}): {ready:?}\n{}", self.words()));
        let address = |name: &str| {
            let text = ready[name].as_str().unwrap_or_default();
            let text = text.trim_start_matches("http://").trim_end_matches('/');
            text.parse().unwrap_or_else(|error| panic!("{name}: {error}: {ready}"))
        };
        self.listen = address("listen");
        self.admin = address("admin");
        self.token = std::fs::read_to_string(self.data().join("admin.token")).unwrap().trim().to_owned();
        // Whatever else it prints must not block it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Resident memory of the process, bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// Ends the process without a chance to clean up.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts again on the same data directory; the ports may be others.
    pub fn restart(&mut self) {
        self.kill9();
        self.launch();
    }

    /// Asks the process to stop.
    pub fn sigterm(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.process.as_mut().unwrap().try_wait().unwrap() {
                self.process = None;
                return status;
            }
            assert!(Instant::now() < until, "the server did not stop within {patience:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The control API as the administrator, in the project `default`.
    pub fn control(&self) -> Control {
        Control { at: self.admin, token: self.token.clone(), project: "default".to_owned() }
    }

    /// Makes a project; the answer is the control API as the administrator in it.
    pub fn project(&self, name: &str) -> Control {
        self.control().post("/v1/projects", &serde_json::json!({ "name": name })).expect_status(201);
        Control { project: name.to_owned(), ..self.control() }
    }

    /// Deploys into `default`; panics unless it works.
    pub fn deploy(&self, function: &str, component: &[u8], flags: &Value) -> Value {
        self.control().deploy(function, component, flags)
    }

    /// GET at a function's own host.
    pub fn get(&self, function: &str, path: &str) -> Answer {
        self.request("GET", function, path).send(self.listen)
    }

    /// POST at a function's own host.
    pub fn post(&self, function: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.request("POST", function, path).body(body).send(self.listen)
    }

    /// A request for a function's own host, to be completed and sent to `listen`.
    pub fn request(&self, method: &str, function: &str, path: &str) -> Request {
        Request::new(method, path, &format!("{function}.localhost"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().ok();
            process.wait().ok();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's words\n{}", self.words());
        }
    }
}
