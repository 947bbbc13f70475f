//! A terminal beside the server: what is typed, what is printed, and with which exit code.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;

use super::{Control, Server, shared};

/// A folder of its own, no environment, and a server to talk to.
pub struct Terminal {
    /// The server.
    pub server: Arc<Server>,
    folder: tempfile::TempDir,
    project: Option<String>,
}

impl Terminal {
    /// Works in the default project, or in what a line says.
    pub fn open() -> Self {
        Self { server: shared(), folder: tempfile::tempdir().unwrap(), project: None }
    }

    /// Works in a new project of that name.
    pub fn in_project(name: &str) -> Self {
        let terminal = Self { project: Some(name.to_owned()), ..Self::open() };
        terminal.server.project(name);
        terminal
    }

    /// The control API as the administrator in the same project.
    pub fn control(&self) -> Control {
        let project = self.project.clone().unwrap_or_else(|| "default".to_owned());
        Control { project, ..self.server.control() }
    }

    /// A path in the folder.
    pub fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file of the folder.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A file of the folder.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// A line to be run: words with spaces between them.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.server.cli();
        command
            .env("OSTRO_URL", format!("http://{}", self.server.admin))
            .env("OSTRO_TOKEN", &self.server.token)
            .current_dir(self.folder.path())
            .args(line.split_whitespace());
        if let Some(project) = &self.project {
            command.env("OSTRO_PROJECT", project);
        }
        command
    }

    /// Runs a line, expects the exit code, answers standard output and standard error.
    pub fn run(&self, line: &str, code: i32) -> (String, String) {
        texts(line, code, &self.command(line).output().unwrap())
    }

    /// Runs a line with this on standard input, expects that it works.
    pub fn feed(&self, line: &str, input: &[u8]) -> (String, String) {
        texts(line, 0, &self.fed(line, input))
    }

    /// Runs a line with this on standard input.
    pub fn fed(&self, line: &str, input: &[u8]) -> Output {
        use std::io::Write as _;
        let mut command = self.command(line);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A command that fails early reads no further.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        })
    }

    /// What a line prints with `--json`.
    pub fn json(&self, line: &str) -> Value {
        let (out, _) = self.run(&format!("{line} --json"), 0);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"))
    }
}

/// Standard output and standard error of a line that ended with that code.
pub fn texts(line: &str, code: i32, output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, words) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "ostro {line}\n{out}\n{words}");
    (out, words)
}
