//! The worker: builds and deploys one function after the other, in a thread of its own, so that keys and logs go on.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use runtime::control::wire::{DeployReport, FunctionList};

use super::{Message, SITE, changes::listed, project::SiteTask};
use crate::{
    build::{self, Source, Stop, Voice},
    commands::{
        Session, client,
        deploy::{self, plan::FunctionPlan, resources, site},
    },
    failure::Failure,
    output::Output,
};

/// Work on one function.
#[derive(Debug)]
pub(super) struct Task {
    /// What the manifest says.
    pub(super) plan: Arc<FunctionPlan>,
    /// The project's folder.
    pub(super) folder: PathBuf,
    /// The absolute path of `source`.
    pub(super) source: PathBuf,
    /// The component, when it need not be built.
    pub(super) ready: Option<Component>,
    /// When the change came that this is about.
    pub(super) since: Instant,
}

/// A component and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// The file's bytes.
    pub(super) bytes: Arc<Vec<u8>>,
    /// The files that went into it, if that is known; absolute.
    pub(super) inputs: Option<BTreeSet<PathBuf>>,
}

/// What came of a task.
#[derive(Debug)]
pub(super) struct Finished {
    /// The function's name.
    pub(super) function: String,
    /// From the task.
    pub(super) since: Instant,
    /// The component, when there is one.
    pub(super) component: Option<Component>,
    /// It was built, and not only deployed.
    pub(super) built: bool,
    /// What a build that succeeded had to say.
    pub(super) said: String,
    /// What the server says of the deploy, or what went wrong.
    pub(super) end: Result<DeployReport, Failure>,
}

/// What the worker is handed at once.
pub(super) struct Batch {
    pub(super) tasks: Vec<Task>,
    /// The functions of the manifest: others are deleted.
    pub(super) keep: BTreeSet<String>,
    /// A manifest that no function declares, where it is to be declared.
    pub(super) resources: Option<String>,
    /// The site, where it is to be published.
    pub(super) site: Option<SiteTask>,
    /// Whether the manifest has a site: otherwise it is deleted.
    pub(super) has_site: bool,
}

/// The thread that works.
pub(super) struct Worker {
    batches: Sender<Batch>,
    stop: Stop,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts it. It tells of every step by messages.
    pub(super) fn start(out: Output, session: Session, messages: Sender<Message>) -> Self {
        let (batches, received) = channel();
        let stop = Stop::default();
        let shop = Shop { out, session, messages, stop: stop.clone(), kept: BTreeSet::new(), has_site: true };
        Self { batches, stop, thread: std::thread::spawn(move || shop.run(&received)) }
    }

    /// Hands work over; its end is told by [`Message::Idle`].
    pub(super) fn work(&self, batch: Batch) {
        // A worker that is gone was ended.
        let _ = self.batches.send(batch);
    }

    /// Ends what runs, and the worker.
    pub(super) fn end(self) {
        self.stop.stop();
        drop(self.batches);
        // A thread that has failed has ended too.
        let _ = self.thread.join();
    }
}

/// The worker's own side.
struct Shop {
    out: Output,
    session: Session,
    messages: Sender<Message>,
    stop: Stop,
    kept: BTreeSet<String>,
    /// Whether there may be a site on the server.
    has_site: bool,
}

impl Shop {
    fn run(mut self, batches: &Receiver<Batch>) {
        while let Ok(batch) = batches.recv() {
            self.batch(batch);
            self.tell(Message::Idle);
        }
    }

    fn batch(&mut self, batch: Batch) {
        // Before the deploys: what goes may hold routes and queues of what comes.
        if self.kept != batch.keep {
            match self.delete_others(&batch.keep) {
                Ok(()) => self.kept = batch.keep,
                Err(failure) => self.tell(Message::Trouble(failure)),
            }
        }
        if let Some(manifest) = batch.resources {
            match resources::send(&self.session, &manifest) {
                Ok(_) => {}
                Err(failure) => self.tell(Message::Trouble(failure)),
            }
        }
        let mut ran = BTreeSet::new();
        for task in batch.tasks {
            if self.stop.is_stopped() {
                return;
            }
            let finished = self.task(&task, &mut ran);
            self.tell(Message::Finished(Box::new(finished)));
        }
        if let Some(SiteTask { plan, since }) = batch.site {
            let end = site::send(&self.out, &self.session, &plan, site::For::Developer);
            self.tell(Message::Published(since, end.map(Box::new)));
        }
        if self.has_site && !batch.has_site {
            match self.delete_site() {
                Ok(()) => {}
                Err(failure) => self.tell(Message::Trouble(failure)),
            }
        }
        self.has_site = batch.has_site;
    }

    fn delete_others(&self, keep: &BTreeSet<String>) -> Result<(), Failure> {
        let list: FunctionList = self.session.client.get(&self.session.path(&["functions"]), &[])?;
        let names = list.functions.into_iter().map(|function| function.name);
        for name in names.filter(|name| !keep.contains(name)) {
            self.session.client.delete(&self.session.function(&name, &[]))?;
            self.tell(Message::Removed(name));
        }
        Ok(())
    }

    /// Deletes the site that an earlier manifest had, if there is one.
    fn delete_site(&self) -> Result<(), Failure> {
        match self.session.client.delete(&self.session.path(&["site"])) {
            Err(failure) if failure.word().is_some_and(|word| word.code == "not_found") => Ok(()),
            Ok(()) => {
                self.tell(Message::Removed(SITE.to_owned()));
                Ok(())
            }
            failed => failed,
        }
    }

    /// Builds and deploys; a command that several functions share is run once.
    fn task(&self, task: &Task, ran: &mut BTreeSet<String>) -> Finished {
        let function = task.plan.name.clone();
        let finished = |component, built, said, end| Finished {
            function: function.clone(),
            since: task.since,
            component,
            built,
            said,
            end,
        };
        let (component, built, said) = match &task.ready {
            Some(component) => (component.clone(), false, String::new()),
            None => {
                self.tell(Message::Begun(function.clone()));
                match self.build(task, ran) {
                    Ok((component, said)) => (component, true, said),
                    Err(failure) => return finished(None, true, String::new(), Err(failure)),
                }
            }
        };
        let report = deploy::send(&self.out, &self.session, &task.plan, &component.bytes);
        finished(Some(component), built, said, report)
    }

    fn build(&self, task: &Task, ran: &mut BTreeSet<String>) -> Result<(Component, String), Failure> {
        let command = task.plan.build.as_ref().map(|build| build.command.as_str());
        let source = Source {
            command: command.filter(|command| !ran.contains(*command)),
            folder: &task.plan.folder,
            file: &task.plan.component,
            bound: task.plan.bound.as_deref(),
        };
        let built = build::build(&source, Voice::Kept, &self.stop)?;
        // One that failed is run for the next function too, and says the same.
        ran.extend(command.map(str::to_owned));
        let inputs = match built.modules {
            Some(modules) => Some(modules.into_iter().map(|module| real(&task.folder, &module)).collect()),
            None => list_beside(task),
        };
        Ok((Component { bytes: Arc::new(built.component), inputs }, built.output))
    }

    fn tell(&self, message: Message) {
        // Nobody listens at the end.
        let _ = self.messages.send(message);
    }
}

/// The files that a `.d` file beside the component lists, if there is one that lists any.
fn list_beside(task: &Task) -> Option<BTreeSet<PathBuf>> {
    task.plan.build.as_ref()?;
    let text = fs::read_to_string(task.source.with_extension("d")).ok()?;
    let files: BTreeSet<PathBuf> =
        listed(&text, &task.folder).iter().map(|file| real(&task.folder, file)).collect();
    (!files.is_empty()).then_some(files)
}

/// The path as the watcher will name it.
fn real(folder: &Path, path: &Path) -> PathBuf {
    let path = folder.join(path);
    path.canonicalize().unwrap_or(path)
}

/// Makes the project on the server, unless it is there.
pub(super) fn ensure_project(session: &Session) -> Result<(), Failure> {
    let made = session.client.post::<serde_json::Value>(
        &client::path(&["projects"]),
        &serde_json::json!({ "name": session.project }),
    );
    match made {
        Err(failure) if failure.word().is_some_and(|word| word.code == "conflict") => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => Ok(()),
    }
}
