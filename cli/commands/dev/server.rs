//! The server of `ostro dev`: in this process, with data of its own in the project, on ports that are free.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
};

use runtime::{
    app::{self, Ready, Stop},
    config::{Config, Flags},
    problem::Problem,
};

use super::{super::serve, Message};
use crate::{
    args::DevArgs,
    connection::{Connection, Connections, ServerUrl, Token},
    failure::Failure,
    output::Output,
};

/// Name of the connection that leads to this server while it runs.
pub(super) const CONNECTION: &str = "dev";
/// The usual ports of `ostro serve`, which are the first that are tried.
const LISTEN_PORT: u16 = 8700;
const ADMIN_PORT: u16 = 8701;
/// So many ports are tried.
const TRIED: u16 = 100;
/// Who develops does not wait for long requests at the end.
const DRAIN_TIME: &str = "2s";

/// A server that runs in a thread of its own.
pub(super) struct Server {
    /// Where it listens, and its admin token.
    pub(super) ready: Ready,
    stop: Stop,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts it and waits until it listens. Its end comes as a message.
    pub(super) fn start(
        folder: &Path,
        args: &DevArgs,
        out: &Output,
        messages: Sender<Message>,
    ) -> Result<Self, Failure> {
        let config = Config::new(flags(folder, args, out)?).map_err(serve::failure)?;
        let (stop, stopping) = Stop::pair();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let is_ready = tell.clone();
            let ended = app::run_until(config, stopping, move |ready| {
                // Whoever started it waits for nothing else.
                let _ = is_ready.send(Ok(ready.clone()));
            });
            if let Err(problem) = ended {
                let _ = tell.send(Err(problem));
            }
            let _ = messages.send(Message::ServerEnded);
        });
        let ready = told
            .recv()
            .map_err(|_| Failure::local("the server ended before it listened"))?
            .map_err(|problem: Problem| in_use(folder, problem))?;
        Ok(Self { ready, stop, thread })
    }

    /// Lets requests in flight end, for two seconds at most, and waits for the end.
    pub(super) fn end(self) {
        self.stop.now();
        // A thread that has failed has ended too.
        let _ = self.thread.join();
    }
}

/// The data directory is locked by the server that uses it.
fn in_use(folder: &Path, problem: Problem) -> Failure {
    let failure = serve::failure(problem);
    match failure.word().is_some_and(|word| word.code == "store") {
        true => failure.hint(format!(
            "is `ostro dev` running for {} already? Its data is in .ostro/dev; it may be deleted",
            folder.display()
        )),
        false => failure,
    }
}

fn flags(folder: &Path, args: &DevArgs, out: &Output) -> Result<Flags, Failure> {
    let state = folder.join(".ostro");
    fs::create_dir_all(&state).map_err(|error| Failure::io(state.display(), &error))?;
    let listen = match &args.listen {
        Some(listen) => listen.clone(),
        None => free(LISTEN_PORT, ADMIN_PORT, "functions", out)?,
    };
    let taken = listen.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
    let admin = match &args.admin {
        Some(admin) => admin.clone(),
        None => free(ADMIN_PORT, taken, "the control API", out)?,
    };
    Ok(Flags {
        data: Some(state.join("dev")),
        // Secrets of a test server need no better place, and none outside the project.
        key_file: Some(state.join("dev.key")),
        listen: Some(listen),
        admin: Some(admin),
        drain_timeout: Some(DRAIN_TIME.to_owned()),
        ..Flags::default()
    })
}

/// The first port from `first` on that nobody has, except `not`; says so when it is another one than usual.
fn free(first: u16, not: u16, what: &str, out: &Output) -> Result<String, Failure> {
    let is_free = |port: &u16| *port != not && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let last = first.saturating_add(TRIED);
    let port = (first..last).find(is_free).ok_or_else(|| {
        let error = io::Error::from(io::ErrorKind::AddrInUse);
        Failure::io(format!("ports {first} to {last} of this machine"), &error)
            .hint("choose others with --listen and --admin")
    })?;
    if port != first {
        out.word(&format!("port {first} is taken: {what} on port {port}"));
    }
    Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST))
}

/// The user's connection to the server, as long as it runs: `ostro --url dev …`.
pub(super) struct Saved {
    url: ServerUrl,
}

impl Saved {
    /// Saves it; a failure is told and stops nothing.
    pub(super) fn new(ready: &Ready, project: &str, out: &Output) -> Option<Self> {
        let save = || {
            let url = ServerUrl::parse(&format!("http://{}", ready.admin))?;
            let connection = Connection {
                name: CONNECTION.to_owned(),
                url: url.clone(),
                token: Token::from(ready.token.clone()),
                project: Some(project.to_owned()),
            };
            change(|connections| connections.put(connection)).map(|()| Self { url })
        };
        match save() {
            Ok(saved) => Some(saved),
            Err(failure) => {
                let why = failure.word().map(|word| word.message.as_str()).unwrap_or_default();
                out.word(&format!("`--url {CONNECTION}` will not lead here: {why}"));
                None
            }
        }
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        // What is left leads nowhere and does no harm.
        let _ = change(|connections| connections.take_away(CONNECTION, &self.url));
    }
}

fn change(edit: impl FnOnce(&mut Connections)) -> Result<(), Failure> {
    let file = Connections::file()?;
    let mut connections = Connections::load(&file)?;
    edit(&mut connections);
    connections.save(&file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Form, Words};

    #[test]
    fn the_next_free_port_is_taken() {
        let out = Output::new(Form::Text, Words::Unsaid);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let Ok(found) = free(port, port + 1, "functions", &out) else { return };
        let found: u16 = found.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
        assert!(found > port + 1, "{found} is not after {port} and {}", port + 1);
    }
}
