//! The commands: what was typed becomes calls of the control API and output. One file a command, or a noun.

mod arriving;
mod audit;
mod backup;
mod body;
mod build;
mod cron;
mod db;
mod deploy;
mod dev;
mod functions;
mod invocations;
mod invoke;
mod jobs;
mod login;
mod logs;
mod new;
mod project;
mod queue;
mod revisions;
mod rules;
mod secret;
mod serve;
mod site;
mod storage;
mod token;
mod user;

use std::{
    borrow::Cow,
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use crate::{
    args::{Command, Global},
    client::{self, Client},
    connection::{PlainHttp, Server, Typed},
    failure::Failure,
    output::Output,
};

/// What every command is handed.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where output goes.
    pub(crate) out: Output,
    /// Options of every command.
    pub(crate) global: Global,
}

/// Runs one command to its end.
pub(crate) fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::New(args) => new::run(context, &args),
        Command::Dev(args) => dev::run(context, &args),
        Command::Serve(args) => serve::run(context, *args),
        Command::Build(args) => build::run(context, &args),
        Command::Deploy(args) => deploy::run(context, &args),
        Command::List => functions::list(context),
        Command::Show(args) => functions::show(context, &args),
        Command::Delete(args) => functions::delete(context, &args),
        Command::Revisions(args) => revisions::list(context, &args),
        Command::Rollback(args) => revisions::rollback(context, &args),
        Command::Invoke(args) => invoke::run(context, &args),
        Command::Logs(args) => logs::run(context, &args),
        Command::Invocations(args) => invocations::run(context, &args),
        Command::Cron(command) => cron::run(context, &command),
        Command::Queue(command) => queue::run(context, &command),
        Command::Jobs(command) => jobs::run(context, &command),
        Command::Db(command) => db::run(context, &command),
        Command::Storage(command) => storage::run(context, &command),
        Command::Site(command) => site::run(context, &command),
        Command::Rules(command) => rules::run(context, &command),
        Command::Secret(command) => secret::run(context, &command),
        Command::Project(command) => project::run(context, &command),
        Command::Token(command) => token::run(context, &command),
        Command::User(command) => user::run(context, &command),
        Command::Backup(args) => backup::make(context, &args),
        Command::Restore(args) => backup::restore(context, &args),
        Command::Login(args) => login::run(context, &args),
        Command::Audit(args) => audit::run(context, &args),
        Command::Compile => return Ok(runtime::registry::compile::child_main()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// A server, and the project to work in.
#[derive(Debug)]
struct Session {
    client: Client,
    project: String,
}

impl Session {
    /// Path of a resource of the project.
    fn path(&self, segments: &[&str]) -> String {
        client::path(&[&["projects", self.project.as_str()], segments].concat())
    }

    /// Path of a function of the project, or of something below it.
    fn function(&self, name: &str, below: &[&str]) -> String {
        self.path(&[&["functions", name], below].concat())
    }
}

impl Context {
    /// The server to talk to.
    fn client(&self) -> Result<Client, Failure> {
        Server::choose(self.typed()).map(Client::new)
    }

    /// What was typed about the server.
    fn typed(&self) -> Typed<'_> {
        Typed {
            url: self.global.url.as_deref(),
            token: self.global.token.as_ref(),
            plain_http: if self.global.insecure { PlainHttp::Allowed } else { PlainHttp::Refused },
        }
    }

    /// `--project`, if it says something.
    fn typed_project(&self) -> Option<&str> {
        self.global.project.as_deref().filter(|project| !project.is_empty())
    }

    /// The server, and the project: typed, or of the manifest in this folder, or of the connection.
    fn session(&self) -> Result<Session, Failure> {
        self.session_in(project_of(Path::new("ostro.toml")))
    }

    /// The same with the project that a manifest names.
    fn session_in(&self, manifest_project: Option<String>) -> Result<Session, Failure> {
        let client = self.client()?;
        let project = self
            .typed_project()
            .map(str::to_owned)
            .or(manifest_project)
            .or_else(|| client.project().map(str::to_owned))
            .unwrap_or_else(|| "default".to_owned());
        Ok(Session { client, project })
    }
}

impl Context {
    /// How a command begins that goes on where this one has ended: with the project and the server that were typed.
    fn again(&self) -> String {
        let mut words = "ostro".to_owned();
        for (option, typed) in [("project", self.typed_project()), ("url", self.global.url.as_deref())] {
            if let Some(typed) = typed {
                words.push_str(&format!(" --{option} {}", shell_word(typed)));
            }
        }
        if self.global.insecure {
            words.push_str(" --insecure");
        }
        words
    }

    /// Whether there is a person to ask.
    fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a person to type a name before something is lost; a script that calls this knows what it does.
    fn confirm(&self, what: &str, name: &str) -> Result<(), Failure> {
        if !self.can_ask() {
            return Ok(());
        }
        self.out.warn(what);
        self.out.word("type its name to go on:");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::io("standard input", &error))?;
        match answer.trim() == name {
            true => Ok(()),
            false => Err(Failure::local("that is not its name: nothing was changed")),
        }
    }
}

/// The project that a manifest names. Only `deploy` complains about a bad manifest: others just pass by.
fn project_of(manifest: &Path) -> Option<String> {
    let text = std::fs::read_to_string(manifest).ok()?;
    project_in(&text)
}

fn project_in(manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().ok()?;
    let name = manifest.get("project")?.get("name")?.as_str()?;
    Some(name.to_owned())
}

/// As one word of a shell's command.
fn shell_word(text: &str) -> Cow<'_, str> {
    // Only NUL can't be quoted, and no argument has it.
    shlex::try_quote(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_the_project() {
        assert_eq!(project_in("[project]\nname = \"shop\"\n[other]\n"), Some("shop".to_owned()));
        for other in ["", "[project]\n", "project = 1", "[project]\nname = 1", "not toml"] {
            assert_eq!(project_in(other), None, "{other:?}");
        }
    }
}
