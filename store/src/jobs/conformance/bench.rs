//! What the suites work with: a store, its clock, one project, and short words for what they do often.

use bytes::Bytes;
use uuid::Uuid;

use super::{TurnedClock, Wanted};
use crate::StoreError;
use crate::catalog::{FunctionId, Missed, Overlap, ProjectId};
use crate::jobs::{
    Caller, Claim, End, Enqueued, Job, JobId, JobResult, JobState, JobStore, Lane, Lease, Lineage, NewJob,
    QueueInfo, Reaped, Result, ScheduleId, ScheduleSpec, Settled, Settlement, Suspects, Trigger,
};

/// One second, in milliseconds.
pub(super) const SECOND: i64 = 1_000;
/// One hour, in milliseconds.
pub(super) const HOUR: i64 = 3_600 * SECOND;
/// One day, in milliseconds.
pub(super) const DAY: i64 = 24 * HOUR;

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<JobStore>,
    wanted: Wanted,
    pub(super) store: JobStore,
    pub(super) clock: TurnedClock,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) fn new(
        open: &'o dyn Fn(&Wanted) -> Result<JobStore>,
        wanted: Wanted,
        clock: TurnedClock,
    ) -> Result<Self> {
        let store = open(&wanted)?;
        Ok(Self { open, wanted, store, clock, project: project(1) })
    }

    /// Closes the store and opens it again over the same data.
    pub(super) fn reopen(self) -> Result<Self> {
        let Self { open, wanted, store, clock, project } = self;
        drop(store);
        let store = open(&wanted)?;
        Ok(Self { open, wanted, store, clock, project })
    }

    /// Enqueues messages of queue `mail`, all of which must be new.
    pub(super) async fn messages(&self, bodies: &[&str]) -> Result<Vec<JobId>> {
        self.enqueue(bodies.iter().map(|body| message(body)).collect()).await
    }

    /// Enqueues what must be new.
    pub(super) async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<JobId>> {
        let enqueued = self.store.jobs.enqueue(self.project, jobs).await?;
        assert!(enqueued.iter().all(|one| matches!(one, Enqueued::New(_))), "{enqueued:?}");
        Ok(enqueued.into_iter().map(Enqueued::id).collect())
    }

    /// Claims up to that many messages of queue `mail`, three failures making them dead.
    pub(super) async fn claim(&self, limit: u32) -> Result<Vec<Lease>> {
        self.claim_of(&mail(), limit, Suspects::Leave).await
    }

    /// Claims a suspect of queue `mail`.
    pub(super) async fn claim_suspect(&self) -> Result<Vec<Lease>> {
        self.claim_of(&mail(), 10, Suspects::One).await
    }

    pub(super) async fn claim_of(&self, lane: &Lane, limit: u32, suspects: Suspects) -> Result<Vec<Lease>> {
        let claim = Claim { lane: lane.clone(), limit, attempts: 3, suspects };
        self.store.jobs.claim(self.project, &claim).await
    }

    /// Claims exactly one message of queue `mail`.
    pub(super) async fn claim_one(&self) -> Result<Lease> {
        let mut leases = self.claim(1).await?;
        leases.pop().ok_or(StoreError::NotFound { what: "a due job" })
    }

    /// The bodies of what can be claimed of queue `mail`; the leases are given back.
    pub(super) async fn claimable(&self) -> Result<Vec<String>> {
        let leases = self.claim(1_000).await?;
        for lease in &leases {
            let end = End::Released { reason: "looked at".to_owned(), delay_ms: 0 };
            self.settle(lease, end).await?;
        }
        Ok(leases.iter().map(body).collect())
    }

    pub(super) async fn settle(&self, lease: &Lease, end: End) -> Result<Settled> {
        let settlements = vec![Settlement { lease: lease.to_ref(), end }];
        let settled = self.store.jobs.settle(self.project, settlements).await?;
        settled.first().copied().ok_or(StoreError::NotFound { what: "the answer to a settlement" })
    }

    pub(super) async fn done(&self, lease: &Lease) -> Result<()> {
        assert_eq!(self.settle(lease, End::Done(None)).await?, Settled::Done);
        Ok(())
    }

    pub(super) async fn fail(&self, lease: &Lease) -> Result<Settled> {
        self.settle(lease, failure(None)).await
    }

    /// Makes the message dead by failing it as often as it takes.
    pub(super) async fn kill(&self, lease: &Lease) -> Result<()> {
        let mut settled = self.settle(lease, failure(Some(0))).await?;
        while let Settled::Pending { .. } = settled {
            let again = self.claim(1_000).await?;
            for other in &again {
                match other.job.id == lease.job.id {
                    true => settled = self.settle(other, failure(Some(0))).await?,
                    false => {
                        self.settle(other, End::Released { reason: String::new(), delay_ms: 0 }).await?;
                    }
                }
            }
        }
        assert_eq!(settled, Settled::Dead);
        Ok(())
    }

    /// The job of that id, which must be there.
    pub(super) async fn show(&self, id: JobId) -> Result<Job> {
        self.store.queues.show(self.project, id).await?.ok_or(StoreError::NotFound { what: "job" })
    }

    /// State of the job of that id.
    pub(super) async fn state(&self, id: JobId) -> Result<JobState> {
        Ok(self.show(id).await?.state)
    }

    pub(super) async fn reap(&self) -> Result<Reaped> {
        self.store.jobs.reap().await
    }

    /// When the first job of that lane can be claimed, as told from memory.
    pub(super) async fn due_at(&self, lane: &Lane) -> Result<Option<i64>> {
        let due = self.store.jobs.due().await?;
        let of_lane: Vec<_> =
            due.iter().filter(|due| due.project == self.project && due.lane == *lane).collect();
        assert!(of_lane.len() <= 1, "a lane is named once: {of_lane:?}");
        Ok(of_lane.first().map(|due| due.at_ms))
    }

    /// Waiting, running, done and dead messages of queue `mail`.
    pub(super) async fn counts(&self) -> Result<[u64; 4]> {
        let info = self.info("mail").await?;
        Ok(info.map_or([0; 4], |info| [info.waiting, info.running, info.done, info.dead]))
    }

    pub(super) async fn info(&self, queue: &str) -> Result<Option<QueueInfo>> {
        Ok(self.store.queues.list(self.project).await?.into_iter().find(|info| info.name == queue))
    }
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn function(number: u128) -> FunctionId {
    FunctionId(Uuid::from_u128(number))
}

/// Queue `mail`.
pub(super) fn mail() -> Lane {
    Lane::Queue("mail".to_owned())
}

/// A message of queue `mail` with that body.
pub(super) fn message(body: &str) -> NewJob {
    NewJob {
        payload: Bytes::from(body.to_owned()),
        content_type: "text/plain".to_owned(),
        ..NewJob::new(mail(), Trigger::Queue)
    }
}

/// A message with a dedupe key.
pub(super) fn deduped(body: &str, key: &str) -> NewJob {
    NewJob { dedupe_key: Some(key.to_owned()), ..message(body) }
}

/// A message with an order key.
pub(super) fn ordered(body: &str, key: &str) -> NewJob {
    NewJob { order_key: Some(key.to_owned()), ..message(body) }
}

/// A call that nobody waits for.
pub(super) fn call(number: u128) -> NewJob {
    let lineage = Lineage { caller: Caller::System, depth: 3, parent: Some(Uuid::from_u128(number)) };
    let trigger = Trigger::Async { method: "POST".to_owned(), path: "/a?b=c".to_owned(), lineage };
    NewJob {
        payload: Bytes::from_static(b"call"),
        content_type: "text/plain".to_owned(),
        ..NewJob::new(Lane::Async(function(number)), trigger)
    }
}

pub(super) fn failure(delay_ms: Option<u64>) -> End {
    End::Failed { error: "it did not work".to_owned(), delay_ms, result: None }
}

pub(super) fn result(body: &[u8]) -> JobResult {
    JobResult {
        invocation: Uuid::from_u128(99),
        status: 201,
        content_type: Some("image/png".to_owned()),
        body: body.to_vec(),
        cut: true,
    }
}

/// The body of a claimed message.
pub(super) fn body(lease: &Lease) -> String {
    String::from_utf8_lossy(&lease.job.payload).into_owned()
}

pub(super) fn bodies(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(body).collect()
}

/// A schedule of function 1 with that id, its first slot one minute after the start.
pub(super) fn schedule(id: &str) -> ScheduleSpec {
    ScheduleSpec {
        id: ScheduleId(id.to_owned()),
        function: function(1),
        expression: format!("* * * * * {id}"),
        timezone: "Europe/Berlin".to_owned(),
        path: "/_ostro/cron".to_owned(),
        missed: Missed::Once,
        overlap: Overlap::Forbid,
        first_ms: Some(super::START_MS + 60 * SECOND),
    }
}
