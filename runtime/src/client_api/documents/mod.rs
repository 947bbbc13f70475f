//! Documents over HTTP: `/_ostro/v1/db/COLLECTION/OPERATION` is one operation, `/_ostro/v1/batch` is several. Whoever asks
//! acts under the rules of the collection, which the store puts into its queries.

mod answer;
mod asked;
mod batch;
mod described;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use store::Store;
use store::catalog::ProjectId;
use store::documents::{Call, Caller, Documents};
use tokio::time::Instant;

pub(crate) use self::asked::Operation;
use self::batch::Results;
pub(super) use self::described::Paths;
use super::answer::{Answered, Refusal, no_route, other_method};
use super::body::Posted;
use super::callers::Callers;
use crate::control::wire::MAX_INSERT_BYTES;
use crate::problem::Problem;
use crate::turns::{PATIENCE, Turn, Turns};

/// Operations under way of one project, and of all. Each holds up to 8 MiB of question and of answer.
const OPERATIONS: (usize, usize) = (16, 64);
/// Bodies that may be long and are still coming, of one project, and of all.
const LONG_BODIES: (usize, usize) = (4, 16);
/// An operation of a batch is not begun later than this after the first.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// A body that says that it is no longer than this waits for no place, bytes.
const SHORT_BODY: u64 = 64 << 10;

/// The way to documents. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct DocumentDoor {
    callers: Callers,
    documents: Arc<dyn Documents>,
    operations: Turns,
    long_bodies: Turns,
}

impl DocumentDoor {
    /// The way to the documents of that store.
    pub(super) fn new(store: &Store, callers: Callers) -> Self {
        let [operations, long_bodies] =
            [OPERATIONS, LONG_BODIES].map(|(per_project, in_all)| Turns::new(per_project, in_all));
        Self { callers, documents: store.documents.clone(), operations, long_bodies }
    }

    /// Does one operation: `COLLECTION/OPERATION`.
    pub(super) async fn one<B>(
        &self,
        project: ProjectId,
        name: &str,
        request: Request<B>,
    ) -> Result<Answered, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (collection, operation) = name.split_once('/').ok_or_else(no_route)?;
        let operation = Operation::named(operation).ok_or_else(no_route)?;
        let (caller, posted, _turn) = self.begin(project, request, operation.max_bytes()).await?;
        let answer = self.perform(project, &caller, collection, operation, posted.bytes()?).await?;
        Ok(Answered::Text(answer))
    }

    /// Does several operations, one after the other, each in a turn of its own, as far as the time lasts.
    pub(super) async fn batch<B>(&self, project: ProjectId, request: Request<B>) -> Result<Answered, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (caller, posted, turn) = self.begin(project, request, MAX_INSERT_BYTES).await?;
        let (begin, mut turn) = (Instant::now(), Some(turn));
        let mut results = Results::default();
        for step in batch::read(posted.bytes()?)? {
            let _turn = match turn.take() {
                Some(turn) => turn,
                None => self.operations.take(project, PATIENCE).await.ok_or_else(busy)?,
            };
            let has_room = if begin.elapsed() < BATCH_TIME { results.has_room() } else { Err(late()) };
            let result = match (has_room, Operation::named(&step.operation)) {
                (Err(full), _) => Err(full),
                (Ok(()), None) => Err(no_route()),
                (Ok(()), Some(operation)) => {
                    let json = step.body.get().as_bytes();
                    self.perform(project, &caller, &step.collection, operation, json).await
                }
            };
            results.push(result)?;
        }
        Ok(Answered::Text(results.json()?))
    }

    /// Who asks, for what, and a turn to do it in. A body that comes slowly keeps no turn from anybody, and those that may be
    /// long are not many.
    async fn begin<B>(
        &self,
        project: ProjectId,
        request: Request<B>,
        max_bytes: usize,
    ) -> Result<(Caller, Posted, Turn), Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(other_method("POST").into());
        }
        let caller = self.callers.caller(project, &parts.headers).await?;
        let is_short = body.size_hint().upper().is_some_and(|upper| upper <= SHORT_BODY);
        let place = match is_short {
            true => None,
            false => Some(self.long_bodies.take(project, PATIENCE).await.ok_or_else(busy)?),
        };
        let posted = Posted::read(&parts.headers, body, max_bytes).await?;
        let turn = self.operations.take(project, PATIENCE).await.ok_or_else(busy)?;
        drop(place);
        Ok((caller, posted, turn))
    }

    async fn perform(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        operation: Operation,
        json: &[u8],
    ) -> Result<String, Problem> {
        match operation.read(json)? {
            Call::Read(read) => {
                let found = self.documents.read_as(project, caller, collection, read).await;
                answer::found(operation, found.map_err(answer::problem)?)
            }
            Call::Write(write) => {
                let written = self.documents.write_as(project, caller, collection, write).await;
                answer::written(written.map_err(answer::problem)?)
            }
        }
    }
}

fn late() -> Problem {
    Problem::new(504, "query_timeout", "the operations before this one took the time of the batch")
        .hint("nothing was done; send it again")
}

fn busy() -> Problem {
    Problem::new(503, "busy", "too many operations are under way")
}
