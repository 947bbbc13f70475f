//! From jobs to an event for their function, and from what it gave back to what becomes of the jobs.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use host_api::SecretValues;
use http::{HeaderMap, StatusCode, header};
use store::catalog::Export;
use store::jobs::{End, Job, JobResult, Lane, Lineage, Trigger};

use super::cloudevents::{self, Target};
use super::pace::Verdict;
use crate::dispatch::{
    Completed, Event, EventCall, EventTrigger, FailedMessage, Failure, Message, Reply, Slot,
};
use crate::executor::{Door, Gone};
use crate::registry::live::Live;
use crate::telemetry::OutcomeCode;

/// What is kept of the reason for a failure, bytes.
const MAX_ERROR_BYTES: usize = 1 << 10;
/// What is quoted of an answer's body, bytes.
const MAX_QUOTE_BYTES: usize = 300;

/// Where events go.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Runs the event. Dropping the future cancels the run.
    async fn event(&self, live: Arc<Live>, event: Event) -> Result<Completed, Gone>;
}

#[async_trait]
impl Deliver for Door {
    async fn event(&self, live: Arc<Live>, event: Event) -> Result<Completed, Gone> {
        Door::event(self, live, event).await
    }
}

/// The event that these jobs of one lane make (several only for `ostro:triggers/queued`), or why the function
/// can't be told of them.
pub(super) fn event(live: &Live, lane: &Lane, jobs: &[&Job]) -> Result<Event, String> {
    match lane {
        Lane::Queue(queue) => messages(live, queue, jobs),
        Lane::Async(_) | Lane::Cron(_) | Lane::Event(_) => match jobs {
            [job] => single(live, job),
            _ => Err(format!("{} jobs can't be told to a function at once", jobs.len())),
        },
    }
}

fn messages(live: &Live, queue: &str, jobs: &[&Job]) -> Result<Event, String> {
    let call = if live.exports(Export::Queued) {
        let messages = jobs.iter().map(|job| message(job)).collect();
        EventCall::Queued { queue: queue.to_owned(), messages }
    } else {
        let consumer = live.queues.iter().find(|trigger| trigger.name == queue);
        let consumer =
            consumer.ok_or_else(|| format!("the function consumes the queue `{queue}` no longer"))?;
        let [job] = jobs else { return Err("a request tells of one message".to_owned()) };
        http(live, cloudevents::message(target(live, &consumer.path)?, queue, job))?
    };
    let summary = match jobs.len() {
        1 => format!("queue {queue}, 1 message"),
        many => format!("queue {queue}, {many} messages"),
    };
    Ok(Event { trigger: EventTrigger::Queue, summary, lineage: Lineage::system(), call })
}

fn single(live: &Live, job: &Job) -> Result<Event, String> {
    match &job.trigger {
        Trigger::Async { method, path, lineage } => Ok(Event {
            trigger: EventTrigger::Async,
            summary: format!("{method} {}", path.split('?').next().unwrap_or_default()),
            lineage: lineage.clone(),
            call: http(live, cloudevents::call(target(live, path)?, method, job))?,
        }),
        Trigger::Cron { schedule, slot_ms, missed } => {
            let known = live.cron.iter().find(|known| known.id == *schedule);
            let trigger = &known.ok_or("the function has this schedule no longer")?.trigger;
            let call = if live.exports(Export::Scheduled) {
                EventCall::Scheduled(Slot {
                    job: job.id.to_string(),
                    schedule: trigger.schedule.clone(),
                    timezone: trigger.timezone.clone(),
                    time_ms: unsigned(*slot_ms),
                    missed: *missed,
                    start: job.starts,
                })
            } else {
                let target = target(live, &trigger.path)?;
                http(live, cloudevents::slot(target, schedule, (*slot_ms, *missed), job))?
            };
            let summary = format!("cron {}", trigger.schedule);
            Ok(Event { trigger: EventTrigger::Cron, summary, lineage: Lineage::system(), call })
        }
        Trigger::Event { source, change, subject } => {
            let known = live.events.iter().find(|known| known.source == *source && known.on.contains(change));
            let trigger = known.ok_or("the function is told of such changes no longer")?;
            let target = target(live, &trigger.path)?;
            let call = http(live, cloudevents::change(target, source, *change, subject, job))?;
            let summary = format!("{} {} {}", source.kind(), source.name(), change.name());
            Ok(Event { trigger: EventTrigger::Data, summary, lineage: Lineage::system(), call })
        }
        Trigger::Queue => Err("a message waits in a lane of calls, slots or events".to_owned()),
    }
}

fn message(job: &Job) -> Message {
    Message {
        id: job.id.to_string(),
        body: job.payload.clone(),
        content_type: job.content_type.clone(),
        sent_ms: unsigned(job.enqueued_ms),
        start: job.starts,
        order_key: job.order_key.clone(),
    }
}

fn target<'a>(live: &'a Live, path: &'a str) -> Result<Target<'a>, String> {
    if live.exports(Export::Http) {
        return Ok(Target { project: &live.project.name, function: &live.name, path });
    }
    Err("the component exports neither wasi:http/incoming-handler nor the interface of this trigger"
        .to_owned())
}

fn http(live: &Live, request: Result<http::Request<Bytes>, http::Error>) -> Result<EventCall, String> {
    let request =
        request.map_err(|error| format!("no request to `{}` can be made of it: {error}", live.name))?;
    Ok(EventCall::Http(Box::new(request)))
}

fn unsigned(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

/// What becomes of jobs, in their order, and what their delivery was for their lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    pub ends: Vec<End>,
    pub verdict: Verdict,
}

impl Conclusion {
    /// They were not told to their function, and that is not going to change.
    pub(super) fn untold(jobs: &[&Job], reason: &str) -> Self {
        Self::failed(jobs, &format!("no_handler: {reason}"), None, None)
    }

    /// They did not run to their end through no fault of their own.
    pub(super) fn released(jobs: &[&Job], reason: &str, delay_ms: u64, verdict: Verdict) -> Self {
        let end = End::Released { reason: reason.to_owned(), delay_ms };
        Self { ends: vec![end; jobs.len()], verdict }
    }

    /// What a function gave for them at `now_ms`. Where it had no room they come again after `pause_ms`.
    pub(super) fn of(live: &Live, jobs: &[&Job], completed: Completed, now_ms: i64, pause_ms: u64) -> Self {
        let Completed { invocation, result } = completed;
        match result {
            Err(failure) => Self::of_failure(jobs, &failure, pause_ms),
            Ok(Reply::Scheduled(Ok(()))) => Self::done(jobs, None),
            Ok(Reply::Scheduled(Err(word)) | Reply::Queued(Err(word))) => {
                Self::failed(jobs, &format!("handler: {word}"), None, None)
            }
            Ok(Reply::Queued(Ok(failed))) => Self::of_batch(jobs, &failed),
            Ok(Reply::Http { status, headers, body, cut }) => {
                let result = || JobResult {
                    invocation,
                    status: status.as_u16(),
                    content_type: text(&headers, header::CONTENT_TYPE),
                    body: body.to_vec(),
                    cut,
                };
                // Somebody may come for the answer to a call; nobody does for that to a slot or a message.
                let wanted = jobs.iter().any(|job| matches!(job.trigger, Trigger::Async { .. }));
                let kept = wanted.then(result);
                if status.is_success() {
                    return Self::done(jobs, kept);
                }
                let delay_ms =
                    text(&headers, header::RETRY_AFTER).and_then(|text| retry_after(&text, now_ms));
                Self::failed(jobs, &answer(status, &body, &live.secrets), delay_ms, kept)
            }
        }
    }

    fn of_failure(jobs: &[&Job], failure: &Failure, pause_ms: u64) -> Self {
        let error = format!("{}: {}", failure.code.name(), failure.detail);
        match failure.code {
            OutcomeCode::Busy | OutcomeCode::Rate | OutcomeCode::Internal => {
                Self::released(jobs, &cut(&error), pause_ms, Verdict::Refused)
            }
            OutcomeCode::Cancelled => Self::released(jobs, &cut(&error), 0, Verdict::Void),
            _ => Self::failed(jobs, &error, None, None),
        }
    }

    fn of_batch(jobs: &[&Job], failed: &[FailedMessage]) -> Self {
        let end = |job: &&Job| {
            let id = job.id.to_string();
            match failed.iter().find(|failed| failed.id == id) {
                Some(failed) => End::Failed {
                    error: cut(&format!("handler: {}", failed.reason)),
                    delay_ms: failed.retry_after_ms,
                    result: None,
                },
                None => End::Done(None),
            }
        };
        let ends: Vec<End> = jobs.iter().map(end).collect();
        let done = ends.iter().any(|end| matches!(end, End::Done(_)));
        Self { ends, verdict: if done { Verdict::Succeeded } else { Verdict::Failed } }
    }

    fn done(jobs: &[&Job], result: Option<JobResult>) -> Self {
        Self { ends: vec![End::Done(result); jobs.len()], verdict: Verdict::Succeeded }
    }

    /// Nobody knows which of several has failed, so each comes again in half of the company.
    fn failed(jobs: &[&Job], error: &str, delay_ms: Option<u64>, result: Option<JobResult>) -> Self {
        let error = cut(error);
        let end = match u32::try_from(jobs.len()).unwrap_or(u32::MAX) {
            0 | 1 => End::Failed { error, delay_ms, result },
            several => End::Split { error, split: several.div_ceil(2) },
        };
        Self { ends: vec![end; jobs.len()], verdict: Verdict::Failed }
    }
}

/// The beginning of an answer that is no success, for people: without the function's secrets.
fn answer(status: StatusCode, body: &[u8], secrets: &SecretValues) -> String {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // The answer was cut within a character, or what is wrong lies behind the quote.
        Err(error) if error.error_len().is_none() || error.valid_up_to() >= MAX_QUOTE_BYTES => body
            .get(..error.valid_up_to())
            .and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or_default(),
        Err(_) => "",
    };
    // Before the cut: no part of a value may be left of it.
    let shown = secrets.redact(text);
    let quoted = shown.get(..shown.floor_char_boundary(MAX_QUOTE_BYTES)).unwrap_or_default();
    match quoted.trim() {
        "" => format!("http_status: the handler answered {status}"),
        text => format!("http_status: the handler answered {status}: {text}"),
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, as milliseconds from now.
fn retry_after(text: &str, now_ms: i64) -> Option<u64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than anything that is honoured.
        return Some(text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let date_ms = i64::try_from(since.as_millis()).ok()?;
    Some(u64::try_from(date_ms.saturating_sub(now_ms)).unwrap_or(0))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn cut(error: &str) -> String {
    error.get(..error.floor_char_boundary(MAX_ERROR_BYTES)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
