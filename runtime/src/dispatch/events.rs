//! Events: invocations that no client waits for. They enter by the same door as requests and run under the
//! function's limits for jobs.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host_api::triggers;
use host_api::{LogSink as _, LogSource};
use http_body_util::{BodyExt as _, Full};
use store::jobs::MAX_RESULT_BYTES;
use tokio::sync::oneshot;

use super::admission::Permit;
use super::event::{Completed, Event, EventCall, FailedMessage, Message, Reply, Slot};
use super::ledger::{Arrival, Ledger, Terms};
use super::run::Run;
use super::{
    DEMOTE_AFTER, Dispatch, Failure, Head, Running, acquire, conclude, introduce, refuse, serve, settle,
};
use crate::executor::background::Background;
use crate::instance::{BodyError, Control, GuestResponse, Kill};
use crate::pool::Pool;
use crate::registry::live::Live;
use crate::telemetry::OutcomeCode;

impl Dispatch {
    /// Runs an event to its end: the guest has returned within its limits, and what it answered was read. A
    /// guest that fails after its answer has failed. Dropped before, the guest is cancelled.
    pub async fn event(&self, live: Arc<Live>, event: Event) -> Completed {
        let Event { trigger, summary, lineage, call } = event;
        let budget = Duration::from_millis(live.spec.jobs.cpu_ms);
        let control = Arc::new(Control::new(self.clock.clone(), budget, DEMOTE_AFTER));
        let (telemetry, clock) = (self.telemetry.clone(), self.clock.clone());
        let arrival = Arrival { terms: Terms::Job(trigger), request: summary, lineage };
        let ledger = Arc::new(Ledger::open(live, control, telemetry, clock, arrival));
        let Live { project, function, spec, .. } = &*ledger.live;
        let result = match self.admission.enter(project.id, *function, spec.limits.concurrency).await {
            Ok(permit) => {
                ledger.admitted();
                self.run(&ledger, permit, call).await
            }
            Err(refused) => Err(refuse(&ledger, refused)),
        };
        let result =
            result.map_err(|Failure { code, detail }| Failure { code, detail: ledger.shown(&detail) });
        Completed { invocation: ledger.id, result }
    }

    async fn run(&self, ledger: &Arc<Ledger>, permit: Permit, call: EventCall) -> Result<Reply, Failure> {
        let (pool, account) = (self.pool.clone(), ledger.clone());
        match call {
            EventCall::Http(mut request) => {
                introduce(request.headers_mut(), ledger.lineage());
                ledger.received(request.body().len());
                let (responder, head) = oneshot::channel();
                let guest = async move { serve(&pool, &account, request.map(given), responder).await };
                let (held, end) = self.hold(ledger, permit, guest);
                held.until(async {
                    let head = head.await.ok();
                    if head.is_none() {
                        // Only the guest's end tells why.
                        returned(ledger, end.await.ok())?;
                        return collect(ledger, head).await;
                    }
                    let reply = collect(ledger, head).await;
                    returned(ledger, end.await.ok()).and(reply)
                })
                .await
            }
            EventCall::Scheduled(slot) => {
                let guest = async move { scheduled(&pool, &account, &slot).await };
                let (held, end) = self.hold(ledger, permit, guest);
                let told = held.until(end).await.ok().flatten();
                let word = returned(ledger, told)?;
                Ok(Reply::Scheduled(word.map_err(|word| refused_by_guest(ledger, &word))))
            }
            EventCall::Queued { queue, messages } => {
                ledger.received(messages.iter().map(|message| message.body.len()).sum());
                let ids: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
                let guest = async move { queued(&pool, &account, &queue, &messages).await };
                let (held, end) = self.hold(ledger, permit, guest);
                let told = held.until(end).await.ok().flatten();
                let word = returned(ledger, told)?;
                let word = word.map(|failures| named(ledger, &ids, failures));
                Ok(Reply::Queued(word.map_err(|word| refused_by_guest(ledger, &word))))
            }
        }
    }

    /// The guest's run, to be polled by whoever waits for the event, and what it returns at its end.
    fn hold<'a, T: Send + 'static>(
        &'a self,
        ledger: &'a Arc<Ledger>,
        permit: Permit,
        guest: impl Future<Output = T> + Send + 'static,
    ) -> (Held<'a>, oneshot::Receiver<T>) {
        let (ended, end) = oneshot::channel();
        let running = Running::count(self.telemetry.gauges());
        let guest = async move {
            let returned = guest.await;
            drop((permit, running));
            // Whoever waited may have gone.
            let _ = ended.send(returned);
        };
        let run = Some(Run::new(Box::pin(guest), ledger.clone()));
        (Held { run, ledger, background: &self.background, ended: false }, end)
    }
}

/// A guest that an event waits for. Dropped before its end, it is cancelled, wherever it is polled.
struct Held<'a> {
    run: Option<Run>,
    ledger: &'a Arc<Ledger>,
    background: &'a Background,
    ended: bool,
}

impl Held<'_> {
    /// Polls the guest, and what waits for it, until the latter is there. Long work moves to the background.
    async fn until<T>(mut self, outcome: impl Future<Output = T>) -> T {
        let mut outcome = pin!(outcome);
        let outcome = poll_fn(|cx| {
            self.poll_run(cx);
            outcome.as_mut().poll(cx)
        })
        .await;
        self.ended = true;
        outcome
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) {
        let Some(run) = self.run.as_mut() else { return };
        if Pin::new(run).poll(cx).is_ready() {
            self.run = None;
        } else if self.ledger.control.is_long()
            && let Some(run) = self.run.take()
        {
            self.background.adopt(self.ledger.live.project.id, Box::pin(run));
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let detail = "the run was cancelled".to_owned();
        self.ledger.failed(Failure { code: OutcomeCode::Cancelled, detail });
        self.ledger.control.kill(Kill::Cancelled);
    }
}

/// The body of an event's request: it is there already.
fn given(body: Bytes) -> impl http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static {
    Full::new(body).map_err(|never: Infallible| match never {})
}

/// What the guest returned, unless it failed: then that stands, whatever it had answered before.
fn returned<T>(ledger: &Ledger, returned: Option<T>) -> Result<T, Failure> {
    match (ledger.failure(), returned) {
        (Some(failure), _) => Err(failure.clone()),
        (None, Some(returned)) => Ok(returned),
        (None, None) => Err(Failure {
            code: OutcomeCode::Internal,
            detail: "the server gave the invocation up".to_owned(),
        }),
    }
}

/// Reads the guest's answer to its end. What is too long to be kept is read too: the guest shall end normally.
async fn collect(
    ledger: &Arc<Ledger>,
    head: Option<Result<GuestResponse, BodyError>>,
) -> Result<Reply, Failure> {
    let head = match head {
        Some(Ok(response)) => Head::Response(Box::new(response)),
        Some(Err(error)) => Head::Refused(error),
        None => Head::None,
    };
    let (head, mut answer) = conclude(ledger, head)?.into_parts();
    ledger.answered(head.status.as_u16());
    let mut body = BytesMut::new();
    let mut cut = false;
    while let Some(frame) = answer.frame().await {
        // The account has the reason.
        let Ok(frame) = frame else { break };
        let Some(data) = frame.data_ref() else { continue };
        let kept = data.get(..MAX_RESULT_BYTES - body.len()).unwrap_or(data);
        cut |= kept.len() < data.len();
        body.extend_from_slice(kept);
    }
    Ok(Reply::Http { status: head.status, headers: head.headers, body: body.freeze(), cut })
}

/// A slot of a schedule on one instance.
async fn scheduled(pool: &Arc<Pool>, ledger: &Arc<Ledger>, slot: &Slot) -> Option<Result<(), String>> {
    let mut instance = acquire(pool, ledger).await?;
    let slot = triggers::Slot {
        job: &slot.job,
        schedule: &slot.schedule,
        timezone: &slot.timezone,
        time_ms: slot.time_ms,
        missed: slot.missed,
        start: slot.start,
    };
    let result = instance.scheduled(slot).await;
    settle(pool, ledger, instance, result)
}

/// Messages of a queue on one instance.
async fn queued(
    pool: &Arc<Pool>,
    ledger: &Arc<Ledger>,
    queue: &str,
    messages: &[Message],
) -> Option<Result<Vec<triggers::Failure>, String>> {
    let mut instance = acquire(pool, ledger).await?;
    let messages: Vec<_> = messages.iter().map(as_guest_sees_it).collect();
    let result = instance.queued(queue, &messages).await;
    settle(pool, ledger, instance, result)
}

fn as_guest_sees_it(message: &Message) -> triggers::Message<'_> {
    triggers::Message {
        id: &message.id,
        body: &message.body,
        content_type: &message.content_type,
        sent_ms: message.sent_ms,
        start: message.start,
        order_key: message.order_key.as_deref(),
    }
}

/// The guest's own word that it failed: it ended well, but the invocation counts as failed.
fn refused_by_guest(ledger: &Ledger, word: &str) -> String {
    let word = ledger.shown(word);
    ledger.failed(Failure { code: OutcomeCode::Failed, detail: word.clone() });
    word
}

/// The messages that the guest named as failed, each once. A name that none of them has is told in the log: who
/// wrote the guest thinks that a message failed, and it counts as done.
fn named(ledger: &Ledger, given: &[String], failures: Vec<triggers::Failure>) -> Vec<FailedMessage> {
    let mut named: Vec<FailedMessage> = Vec::new();
    let mut strange = 0;
    for triggers::Failure { id, reason, retry_after_ms } in failures {
        if !given.contains(&id) {
            strange += 1;
        } else if named.iter().all(|failed| failed.id != id) {
            named.push(FailedMessage { id, reason: ledger.shown(&reason), retry_after_ms });
        }
    }
    if strange > 0 {
        let text = format!("failures that the guest named and no message of the batch has: {strange}");
        ledger.line(LogSource::Platform, "warn", text);
    }
    if let Some(first) = named.first() {
        let detail =
            format!("{} of {} messages failed, the first: {}", named.len(), given.len(), first.reason);
        ledger.failed(Failure { code: OutcomeCode::Failed, detail });
    }
    named
}

#[cfg(test)]
mod tests {
    use super::super::bench::Bench;
    use store::jobs::Lineage;

    use super::super::event::EventTrigger;
    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn names_count_once_and_for_messages_that_were_given() {
        let bench = Bench::new();
        let live = bench.live("batch", |_| {});
        let control = Arc::new(Control::new(Clock::system(), DEMOTE_AFTER, DEMOTE_AFTER));
        let (telemetry, terms) = (bench.dispatch.telemetry.clone(), Terms::Job(EventTrigger::Queue));
        let arrival = Arrival { terms, request: "queue mail".to_owned(), lineage: Lineage::system() };
        let ledger = Ledger::open(live.clone(), control, telemetry, Clock::system(), arrival);
        let failure = |id: &str, reason: &str| triggers::Failure {
            id: id.to_owned(),
            reason: reason.to_owned(),
            retry_after_ms: None,
        };
        let given = ["a".to_owned(), "b".to_owned()];
        assert_eq!(named(&ledger, &given, Vec::new()), []);
        assert_eq!(ledger.failure(), None);
        let failures = vec![failure("b", "first"), failure("z", "no such message"), failure("b", "again")];
        let named = named(&ledger, &given, failures);
        assert_eq!(
            named.iter().map(|failed| (&*failed.id, &*failed.reason)).collect::<Vec<_>>(),
            [("b", "first")]
        );
        assert_eq!(ledger.failure().unwrap().detail, "1 of 2 messages failed, the first: first");
        let lines = bench.lines(&live).await;
        assert_eq!(lines, ["failures that the guest named and no message of the batch has: 1"]);
    }
}
