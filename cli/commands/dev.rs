//! `ostro dev`: a server of its own, and every change of a file built, deployed and told of.

mod changes;
mod grants;
mod keys;
mod lines;
mod project;
mod server;
mod tail;
mod watch;
mod work;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Instant,
};

use runtime::{
    clock::Clock,
    control::wire::{LogStream, SiteReport},
};

use self::{
    changes::Burst,
    keys::{Key, Keys},
    lines::Happening,
    project::{Project, Wrongs},
    server::{CONNECTION, Saved, Server},
    tail::Deed,
    watch::Watch,
    work::{Batch, Finished, Worker, ensure_project},
};
use super::{Context, Session, deploy::plan::Plan, serve};
use crate::{
    args::{DeployArgs, DevArgs, LogFormat},
    client::Client,
    connection::{self, ServerUrl, Token},
    failure::Failure,
    output::{Form, Output},
};

const MANIFEST: &str = "ostro.toml";
/// What is told of the site stands where else the name of a function does; no function can be called so.
const SITE: &str = "the site";

/// What the loop waits for.
enum Message {
    /// These files changed.
    Changed(Vec<PathBuf>),
    /// Somebody pressed a key.
    Pressed(Key),
    /// A build of this function begins.
    Begun(String),
    /// A function was worked on.
    Finished(Box<Finished>),
    /// The site was published, because of a change at that time.
    Published(Instant, Result<Box<SiteReport>, Failure>),
    /// A function was deleted.
    Removed(String),
    /// Something is wrong that is not about one function.
    Trouble(Failure),
    /// The worker has done all that it was handed.
    Idle,
    /// A function did something.
    Done(String, Deed),
    /// The server has ended: somebody sent the process a signal.
    ServerEnded,
}

/// `ostro dev`.
pub(super) fn run(context: &Context, args: &DevArgs) -> Result<(), Failure> {
    let root = enter(&args.folder)?;
    serve::log::start(Some(&args.log), LogFormat::Text, context.out.word_paint())?;
    let (sender, messages) = channel();
    // Before the server: what changes from now on is not missed.
    let watch = Watch::start(&root, sender.clone())?;
    let server = Server::start(&root, args, &context.out, sender.clone())?;
    let keys = Keys::start(sender.clone());
    let mut dev = Dev {
        context,
        out: &context.out,
        server: &server,
        sender,
        watch,
        has_keys: keys.is_some(),
        project: Project::new(root),
        burst: Burst::default(),
        wrongs: Wrongs::default(),
        missing: Missing::default(),
        running: None,
        site_url: None,
        busy: false,
        clock: Clock::system(),
    };
    let done = dev.run(&messages);
    if let Some(running) = dev.running.take() {
        running.worker.end();
    }
    server.end();
    drop(keys);
    done?;
    say(&context.out, &Happening::Stopped)
}

/// Goes to the project's folder, so that messages name files as whoever edits them does; answers its absolute path.
fn enter(folder: &Path) -> Result<PathBuf, Failure> {
    let entered = std::env::set_current_dir(folder).and_then(|()| std::env::current_dir());
    let root = entered.map_err(|error| Failure::io(folder.display(), &error))?;
    match root.join(MANIFEST).is_file() {
        true => root.canonicalize().map_err(|error| Failure::io(folder.display(), &error)),
        false => Err(Failure::usage(format!("there is no {MANIFEST} in {}", folder.display()))
            .hint("`ostro new shop` makes a project; `ostro dev DIR` develops the one in that folder")),
    }
}

fn say(out: &Output, happening: &Happening<'_>) -> Result<(), Failure> {
    match out.form() {
        Form::Json => out.json_line(&happening.to_json()),
        Form::Text => happening.to_text(out.data_paint()).map_or(Ok(()), |text| out.line(&text)),
    }
}

/// What runs as soon as a manifest could be read, since it names the project.
struct Running {
    worker: Worker,
    project: String,
    /// The user's connection, as long as this runs.
    _saved: Option<Saved>,
}

/// Grants that were missed and not added yet, and by which functions.
#[derive(Default)]
struct Missing(BTreeSet<(String, String)>);

/// The loop's own state.
struct Dev<'a> {
    context: &'a Context,
    out: &'a Output,
    server: &'a Server,
    sender: Sender<Message>,
    watch: Watch,
    has_keys: bool,
    project: Project,
    burst: Burst,
    wrongs: Wrongs,
    missing: Missing,
    running: Option<Running>,
    /// Where the site answers, as it was told.
    site_url: Option<String>,
    busy: bool,
    clock: Clock,
}

impl Dev<'_> {
    fn run(&mut self, messages: &Receiver<Message>) -> Result<(), Failure> {
        self.welcome()?;
        self.read_manifest()?;
        loop {
            self.work();
            let message = match self.burst.wait(self.clock.instant()) {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => messages.recv_timeout(wait),
            };
            match message {
                Ok(Message::Pressed(Key::Quit) | Message::ServerEnded) => return Ok(()),
                Ok(message) => self.message(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if let Some(paths) = self.burst.take(self.clock.instant()) {
                self.changed(&paths)?;
            }
        }
    }

    fn welcome(&self) -> Result<(), Failure> {
        let ready = &self.server.ready;
        let (listen, admin) = (ready.listen.to_string(), ready.admin.to_string());
        say(self.out, &Happening::Ready { listen, admin })?;
        if self.has_keys {
            self.out.word("keys: r builds everything again, q quits");
        }
        Ok(())
    }

    fn message(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Changed(paths) => self.noted(paths),
            Message::Pressed(Key::Add) => self.add_grants()?,
            Message::Pressed(Key::Rebuild) => self.project.rebuild(self.clock.instant()),
            Message::Begun(function) => say(self.out, &Happening::Building { function: &function })?,
            Message::Finished(finished) => self.finished(*finished)?,
            Message::Published(since, end) => self.published(since, end)?,
            Message::Removed(function) => say(self.out, &Happening::Removed { function: &function })?,
            Message::Trouble(failure) => self.wrong(None, &failure)?,
            Message::Idle => self.busy = false,
            Message::Done(function, deed) => self.done(&function, &deed)?,
            Message::Pressed(Key::Quit) | Message::ServerEnded => {}
        }
        Ok(())
    }

    /// Files changed: those that count wait for the end of the burst.
    fn noted(&mut self, paths: Vec<PathBuf>) {
        let now = self.clock.instant();
        for path in paths {
            if path.is_dir() {
                let files = self.watch.appeared(&path);
                self.burst.add(files.into_iter().filter(|file| self.watch.counts(file)), now);
                continue;
            }
            if !path.exists() {
                self.watch.gone(&path);
            }
            if self.watch.counts(&path) {
                self.burst.add([path], now);
            }
        }
    }

    fn changed(&mut self, paths: &BTreeSet<PathBuf>) -> Result<(), Failure> {
        if paths.iter().any(|path| path.file_name().is_some_and(|name| name == MANIFEST)) {
            self.read_manifest()?;
        }
        self.project.changed(paths, self.clock.instant());
        Ok(())
    }

    /// Takes the manifest over; one that is wrong is told and changes nothing.
    fn read_manifest(&mut self) -> Result<(), Failure> {
        let args = DeployArgs { target: Some(MANIFEST.into()), ..DeployArgs::default() };
        let planned = Plan::make(&args).and_then(|plan| self.open(&plan).map(|()| plan));
        match planned {
            Err(failure) => self.wrong(None, &failure),
            Ok(plan) => {
                if self.wrongs.is_right(None) {
                    say(self.out, &Happening::Fine { function: None })?;
                }
                self.project.plan(plan, self.clock.instant());
                let granted = |(function, grant): &(String, String)| {
                    self.project.units.get(function).is_none_or(|unit| unit.plan.grants.contains(grant))
                };
                self.missing.0.retain(|missing| !granted(missing));
                self.watch.want(&self.project.wanted());
                Ok(())
            }
        }
    }

    /// Starts what needs to know the project, once.
    fn open(&mut self, plan: &Plan) -> Result<(), Failure> {
        let project = self.context.typed_project().or(plan.project.as_deref()).unwrap_or("default");
        if let Some(running) = &self.running {
            return match running.project == project {
                true => Ok(()),
                false => Err(Failure::local(format!("{MANIFEST} names another project now: {project}"))
                    .hint("end `ostro dev` and start it again")),
            };
        }
        ensure_project(&self.session(project)?)?;
        let (tail, messages) = (self.session(project)?, self.sender.clone());
        let since_ms = self.clock.now_ms();
        // It ends with the server, or with the process.
        std::thread::spawn(move || tail::follow(&tail, since_ms, &messages));
        let saved = Saved::new(&self.server.ready, project, self.out);
        if saved.is_some() {
            self.out.word(&format!("in another terminal: ostro --url {CONNECTION} …"));
        }
        let worker = Worker::start(*self.out, self.session(project)?, self.sender.clone());
        self.running = Some(Running { worker, project: project.to_owned(), _saved: saved });
        Ok(())
    }

    fn session(&self, project: &str) -> Result<Session, Failure> {
        let server = connection::Server {
            url: ServerUrl::parse(&format!("http://{}", self.server.ready.admin))?,
            token: Some(Token::from(self.server.ready.token.clone())),
            project: None,
        };
        Ok(Session { client: Client::new(server), project: project.to_owned() })
    }

    /// Hands the worker what is to be done, when it has nothing else.
    fn work(&mut self) {
        let Some(running) = self.running.as_ref().filter(|_| !self.busy) else { return };
        let (tasks, site) = (self.project.tasks(), self.project.site_task());
        let resources = self.project.take_resources();
        if !tasks.is_empty() || site.is_some() || resources.is_some() {
            self.busy = true;
            let keep = self.project.units.keys().cloned().collect();
            running.worker.work(Batch { tasks, keep, resources, site, has_site: self.project.has_site() });
        }
    }

    fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
        let now = self.clock.instant();
        let Finished { function, since, component, built, said, end } = finished;
        self.project.ended(&function, component, now);
        self.watch.want(&self.project.wanted());
        if !said.trim().is_empty() {
            say(self.out, &Happening::Said { function: &function, text: &said })?;
        }
        let report = match end {
            Ok(report) => report,
            Err(failure) => return self.wrong(Some(&function), &failure),
        };
        if self.wrongs.is_right(Some(&function)) {
            say(self.out, &Happening::Fine { function: Some(&function) })?;
        }
        let before = self.project.units.get_mut(&function).map(|unit| &mut unit.urls);
        let new_urls = before.is_some_and(|urls| std::mem::replace(urls, report.urls.clone()) != report.urls);
        let took_ms = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX);
        say(self.out, &Happening::Deployed { report: &report, took_ms, new_urls, built })
    }

    fn published(&mut self, since: Instant, end: Result<Box<SiteReport>, Failure>) -> Result<(), Failure> {
        let report = match end {
            Ok(report) => report,
            Err(failure) => return self.wrong(Some(SITE), &failure),
        };
        if self.wrongs.is_right(Some(SITE)) {
            say(self.out, &Happening::Fine { function: Some(SITE) })?;
        }
        let took = self.clock.instant().duration_since(since);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let told = self.site_url.replace(report.url.clone());
        let new_url = told.is_none_or(|told| told != report.url);
        say(self.out, &Happening::Published { report: &report, took_ms, new_url })
    }

    /// Tells what is wrong, unless it has been told.
    fn wrong(&mut self, function: Option<&str>, failure: &Failure) -> Result<(), Failure> {
        let Some(word) = failure.word() else { return Ok(()) };
        if self.wrongs.is_news(function, word) {
            say(self.out, &Happening::Wrong { function, word })?;
        }
        let hint = word.hint.as_deref().unwrap_or_default();
        let grant = grants::missing(&word.message).or_else(|| grants::missing(hint)).map(str::to_owned);
        match (function, grant) {
            (Some(function), Some(grant)) => self.grant_missing(function, &grant),
            _ => Ok(()),
        }
    }

    fn done(&mut self, function: &str, deed: &Deed) -> Result<(), Failure> {
        match deed {
            Deed::Ran(record) => say(self.out, &Happening::Ran { function, record }),
            Deed::Wrote(line) => {
                say(self.out, &Happening::Log { function, line })?;
                match grants::missing(&line.message).filter(|_| line.stream == LogStream::Platform) {
                    Some(grant) => self.grant_missing(function, grant),
                    None => Ok(()),
                }
            }
        }
    }

    /// Shows the line to add, once.
    fn grant_missing(&mut self, function: &str, grant: &str) -> Result<(), Failure> {
        let granted = self
            .project
            .units
            .get(function)
            .is_some_and(|unit| unit.plan.grants.iter().any(|own| own == grant));
        if granted || !self.missing.0.insert((function.to_owned(), grant.to_owned())) {
            return Ok(());
        }
        let text = fs::read_to_string(MANIFEST).unwrap_or_default();
        let line = grants::add(&text, function, grant)
            .map_or_else(|| format!("grants = [{grant:?}]"), |granted| granted.line);
        say(self.out, &Happening::GrantMissing { function, grant, line: &line, keys: self.has_keys })
    }

    /// Writes the missing grants into the manifest; its change is seen like any other.
    fn add_grants(&mut self) -> Result<(), Failure> {
        let missing = std::mem::take(&mut self.missing.0);
        if missing.is_empty() {
            self.out.word("no grant is missing");
            return Ok(());
        }
        let written = fs::read_to_string(MANIFEST).and_then(|text| {
            let mut text = text;
            let mut added = Vec::new();
            for (function, grant) in &missing {
                if let Some(granted) = grants::add(&text, function, grant) {
                    text = granted.manifest;
                    added.push((function, grant));
                }
            }
            fs::write(MANIFEST, text).map(|()| added)
        });
        match written {
            Ok(added) => added
                .into_iter()
                .try_for_each(|(function, grant)| say(self.out, &Happening::GrantAdded { function, grant })),
            Err(error) => self.wrong(None, &Failure::io(MANIFEST, &error)),
        }
    }
}
