//! A server of our own: started in a process, ready when it says so, gone when dropped.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::control::Control;

/// The addresses that `ostro serve` has unless told otherwise: functions, control API.
const USUAL: [&str; 2] = ["127.0.0.1:8700", "127.0.0.1:8701"];

/// What a server is started with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The executable.
    pub(crate) ostro: PathBuf,
    /// Folder for the data directory, the key, the user's configuration and the log.
    pub(crate) folder: PathBuf,
    /// Functions, control API.
    pub(crate) addresses: [String; 2],
    /// File by which the server's wall clock is turned, if it is.
    pub(crate) clock: Option<PathBuf>,
}

impl Setup {
    /// A server on free ports.
    pub(crate) fn on_free_ports(ostro: &Path, folder: &Path) -> Self {
        let any = || "127.0.0.1:0".to_owned();
        Self { ostro: ostro.to_owned(), folder: folder.to_owned(), addresses: [any(), any()], clock: None }
    }

    /// A server where people expect one; on free ports when somebody is there already.
    pub(crate) fn on_usual_ports(ostro: &Path, folder: &Path) -> Self {
        let free = USUAL.iter().all(|address| TcpListener::bind(address).is_ok());
        let setup = Self::on_free_ports(ostro, folder);
        if free { Self { addresses: USUAL.map(str::to_owned), ..setup } } else { setup }
    }

    /// The command line tool with the folder's own configuration: nothing of the user's is read or changed.
    pub(crate) fn cli(&self) -> Command {
        let mut command = Command::new(&self.ostro);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OSTRO_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_CONFIG_HOME", self.folder.join("config")).stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&self) -> Result<Server> {
        let mut process = self.spawn()?;
        let output = process.stdout.take().context("the server has no standard output")?;
        let mut server = Server { process, listen: unknown(), admin: unknown(), token: String::new() };
        server.read_ready(output).and_then(|()| server.read_token(&self.folder)).with_context(|| {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let last = log.lines().rev().take(20).collect::<Vec<_>>();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
            format!("the server did not become ready; its last words:\n{last}\n")
        })?;
        Ok(server)
    }

    /// Starts it and kills it so much later, whether it answers by then or not.
    pub(crate) fn start_and_kill(&self, after: Duration) -> Result<()> {
        let mut process = self.spawn()?;
        std::thread::sleep(after);
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    fn spawn(&self) -> Result<Child> {
        std::fs::create_dir_all(&self.folder)?;
        let [listen, admin] = &self.addresses;
        let words = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.cli();
        if let Some(clock) = &self.clock {
            command.env("OSTRO_TEST_CLOCK", clock);
        }
        command
            .args(["serve", "--json", "--listen", listen, "--admin", admin, "--data"])
            .arg(self.folder.join("data"))
            .arg("--key-file")
            .arg(self.folder.join("key"))
            .stdout(Stdio::piped())
            .stderr(words)
            .spawn()
            .with_context(|| format!("cannot start {}", self.ostro.display()))
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where functions answer.
    pub(crate) listen: SocketAddr,
    /// Where the control API answers.
    pub(crate) admin: SocketAddr,
    token: String,
    process: Child,
}

impl Server {
    /// The control API as the administrator.
    pub(crate) fn control(&self) -> Control {
        Control::new(self.admin, &self.token)
    }

    /// Tells the command line tool to talk to this server and to no other, whatever connections are saved.
    pub(crate) fn address<'a>(&self, cli: &'a mut Command) -> &'a mut Command {
        cli.env("OSTRO_URL", format!("http://{}", self.admin)).env("OSTRO_TOKEN", &self.token)
    }

    /// The admin token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Ends it at once, as a power cut would (`kill -9`).
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        // One that has ended, say by the same Ctrl-C as we, must not be signalled: its id may be another's.
        if let (None, Some(pid)) = (self.ended()?, Pid::from_raw(self.process.id().cast_signed())) {
            kill_process(pid, Signal::TERM)?;
        }
        let until = Instant::now() + Duration::from_secs(40);
        while self.ended()?.is_none() {
            if Instant::now() > until {
                bail!("the server did not stop within 40 s");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn read_ready(&mut self, output: std::process::ChildStdout) -> Result<()> {
        let (mut output, mut line) = (BufReader::new(output), String::new());
        output.read_line(&mut line)?;
        let ready: Value =
            serde_json::from_str(&line).with_context(|| format!("not a ready line: {line:?}"))?;
        let address = |name: &str| {
            let text = ready.get(name).and_then(Value::as_str).unwrap_or_default();
            text.parse().with_context(|| format!("{name} is no address in {ready}"))
        };
        (self.listen, self.admin) = (address("listen")?, address("admin")?);
        // A full pipe must not stop it, whatever else it prints.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(())
    }

    fn read_token(&mut self, folder: &Path) -> Result<()> {
        self.token = std::fs::read_to_string(folder.join("data/admin.token"))?.trim().to_owned();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unknown() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
