//! `ostro:queue/producer`: sending to queues of the function's project.

use std::fmt;
use std::sync::Arc;

use store::StoreError;
use store::catalog::ProjectId;
use store::jobs::{JobId, Jobs, MAX_ENQUEUE, NewJob, NewMessage, Queues};

use crate::bindings::ostro::queue::producer::{Error, Host, Message};
use crate::ctx::HostCtxView;
use crate::grants::send_grant;
use crate::meter::Interface;

/// Payloads of one call in all, bytes.
const MAX_CALL_BYTES: usize = 8 << 20;

impl Host for HostCtxView<'_> {
    async fn send(&mut self, queue: String, messages: Vec<Message>) -> Result<Vec<String>, Error> {
        self.ctx.meter.count(Interface::Producer);
        if !self.ctx.grants.allows_send(&queue) {
            let refusal = self.ctx.refuse(Interface::Producer, send_grant(&queue));
            return Err(Error::Denied(refusal.to_string()));
        }
        let jobs = jobs(&queue, messages)?;
        self.ctx.services.outbox.send(&queue, jobs).await
    }
}

/// Where the messages of functions go, whatever their project; nowhere by default.
#[derive(Clone, Default)]
pub(crate) struct Outboxes {
    open: Option<Open>,
}

/// Where the messages of one project's functions go.
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    project: Option<(ProjectId, Open)>,
}

#[derive(Clone)]
struct Open {
    jobs: Arc<dyn Jobs>,
    queues: Arc<dyn Queues>,
}

impl Outboxes {
    /// Outboxes that lead to that store.
    pub(crate) fn new(jobs: Arc<dyn Jobs>, queues: Arc<dyn Queues>) -> Self {
        Self { open: Some(Open { jobs, queues }) }
    }

    /// The outbox of a project.
    pub(crate) fn of(&self, project: ProjectId) -> Outbox {
        Outbox { project: self.open.clone().map(|open| (project, open)) }
    }
}

impl Outbox {
    /// Stores a call that nobody waits for. None while a function is only tried.
    pub(crate) async fn store(&self, job: NewJob) -> Option<store::jobs::Result<JobId>> {
        let (project, Open { jobs, .. }) = self.project.as_ref()?;
        let stored = jobs.enqueue(*project, vec![job]).await;
        Some(stored.and_then(|stored| {
            let id = stored.first().map(|enqueued| enqueued.id());
            id.ok_or_else(|| StoreError::Driver("the store kept nothing of what it took".into()))
        }))
    }

    /// Refuses a queue that the project does not have.
    pub(crate) async fn check(&self, queue: &str) -> Result<(), Error> {
        let (project, Open { queues, .. }) = self.open()?;
        match queues.spec(project, queue).await.map_err(|error| failure(&error))? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownQueue(format!(
                "the project has no queue `{queue}`: declare it in ostro.toml with [queue.{queue}] and deploy again"
            ))),
        }
    }

    /// Stores all of them or none. The store wakes whoever delivers them.
    async fn send(&self, queue: &str, jobs: Vec<NewJob>) -> Result<Vec<String>, Error> {
        self.check(queue).await?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let (project, Open { jobs: store, .. }) = self.open()?;
        let sent = store.enqueue(project, jobs).await.map_err(|error| failure(&error))?;
        Ok(sent.into_iter().map(|enqueued| enqueued.id().to_string()).collect())
    }

    fn open(&self) -> Result<(ProjectId, &Open), Error> {
        match &self.project {
            Some((project, open)) => Ok((*project, open)),
            None => Err(Error::Unavailable("nothing is sent while a function is only tried".to_owned())),
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outbox").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}

/// The jobs of a call. A refusal names the message, counted from 0.
fn jobs(queue: &str, messages: Vec<Message>) -> Result<Vec<NewJob>, Error> {
    if messages.len() > MAX_ENQUEUE {
        return Err(Error::Invalid(format!(
            "{} messages at once; {MAX_ENQUEUE} are the most",
            messages.len()
        )));
    }
    let bytes: usize = messages.iter().map(|message| message.body.len()).sum();
    if bytes > MAX_CALL_BYTES {
        let most = MAX_CALL_BYTES >> 20;
        return Err(Error::Invalid(format!("{bytes} bytes at once; {most} MiB are the most: send in parts")));
    }
    let job = |(index, message): (usize, Message)| {
        let Message { body, content_type, delay_ms, dedupe_key, order_key } = message;
        let message = NewMessage { payload: body.into(), content_type, delay_ms, dedupe_key, order_key };
        message.into_job(queue).map_err(|fault| Error::Invalid(format!("message {index}: {fault}")))
    };
    messages.into_iter().enumerate().map(job).collect()
}

/// A store's failure, as its decision for the guest. The cause stays with the server.
fn failure(error: &StoreError) -> Error {
    match error {
        StoreError::Full { .. } => Error::Full,
        StoreError::NoSpace(_) => Error::Unavailable("the server's disk is full".to_owned()),
        other => {
            tracing::error!(error = %other, cause = ?std::error::Error::source(other), "a message could not be stored");
            Error::Unavailable("the server failed to store it; its log has the details".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Message {
        Message {
            body: vec![b'x'; bytes],
            content_type: String::new(),
            delay_ms: 0,
            dedupe_key: None,
            order_key: None,
        }
    }

    fn refused(messages: Vec<Message>) -> String {
        match jobs("mail", messages) {
            Err(Error::Invalid(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_call_is_bounded_in_messages_and_in_bytes() {
        assert_eq!(jobs("mail", Vec::new()).unwrap(), []);
        assert_eq!(jobs("mail", (0..MAX_ENQUEUE).map(|_| message(1)).collect()).unwrap().len(), MAX_ENQUEUE);
        assert!(refused((0..=MAX_ENQUEUE).map(|_| message(0)).collect()).contains("1001 messages"));
        let large = |count: usize| (0..count).map(|_| message(128 << 10)).collect::<Vec<_>>();
        assert_eq!(jobs("mail", large(64)).unwrap().len(), 64);
        assert!(refused(large(65)).contains("8 MiB"));
    }

    #[test]
    fn a_refusal_names_the_message() {
        assert!(
            refused(vec![message(1), message((128 << 10) + 1)])
                .starts_with("message 1: a job carries 128 KiB")
        );
        let late = Message { delay_ms: 15 * 86_400_000, ..message(1) };
        assert_eq!(refused(vec![late]), "message 0: a delay is 14 days at most");
    }

    /// What the store gives, and what it has.
    #[tokio::test]
    async fn messages_go_to_queues_of_the_project_that_exist() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(store::Config {
            data: folder.path().join("data"),
            key: store::KeySource::Text("a master key for tests, long enough to be taken".to_owned()),
            clock: Arc::new(|| 1),
            timer: Arc::new(|| std::time::Duration::ZERO),
        })
        .unwrap();
        let stamp = store::catalog::Stamp { actor: "test".to_owned(), at_ms: 1 };
        let project = store.projects.create("shop", &stamp).await.unwrap().id;
        let outbox = Outboxes::new(store.jobs.clone(), store.queues.clone()).of(project);
        let send = async |count: usize| {
            let messages = (0..count).map(|_| message(1)).collect();
            outbox.send("mail", jobs("mail", messages).unwrap()).await
        };
        assert!(matches!(send(1).await, Err(Error::UnknownQueue(text)) if text.contains("[queue.mail]")));
        let queue = store::jobs::QueueSpec { name: "mail".to_owned(), retention_ms: None };
        store.queues.declare(project, &[queue]).await.unwrap();
        let ids = send(3).await.unwrap();
        assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 36), "{ids:?}");
        assert_eq!(send(0).await.unwrap(), [""; 0]);
        assert_eq!(store.queues.list(project).await.unwrap()[0].waiting, 3);
        let closed = Outboxes::default().of(project).send("mail", Vec::new()).await;
        assert!(matches!(closed, Err(Error::Unavailable(_))));
    }

    #[test]
    fn what_the_store_says_becomes_a_decision() {
        let full = StoreError::Full { what: "queue `mail`".to_owned(), limit: 100_000 };
        assert!(matches!(failure(&full), Error::Full));
        let broken = StoreError::Driver("secret internals".into());
        assert!(matches!(failure(&broken), Error::Unavailable(text) if !text.contains("secret")));
    }
}
