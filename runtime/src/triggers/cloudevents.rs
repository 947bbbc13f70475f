//! Jobs as HTTP requests: CloudEvents 1.0 in the binary mode of its HTTP binding for slots and messages, and
//! the caller's own request for asynchronous calls. Pure.

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use store::catalog::{DataChange, DataSource};
use store::jobs::{Job, ScheduleId};

use crate::dispatch::EventTrigger;

/// Says which trigger it was.
const TRIGGER: &str = "ostro-trigger";

/// Whose handler is asked for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Name of the project.
    pub project: &'a str,
    /// Name of the function.
    pub function: &'a str,
    /// Path of the request, with its query if it has one.
    pub path: &'a str,
}

/// A message of that queue.
pub(super) fn message(target: Target<'_>, queue: &str, job: &Job) -> Result<Request<Bytes>, http::Error> {
    let source = format!("/projects/{}/queues/{queue}", target.project);
    let event = Builder::new(EventTrigger::Queue, Method::POST, target, job).event(
        "dev.ostro.queue.message",
        &source,
        job.enqueued_ms,
        job,
    );
    match &job.order_key {
        Some(key) => event.attribute("ce-ostroorderkey", key).build(),
        None => event.build(),
    }
}

/// A slot of that schedule, with the number of slots that were missed before it.
pub(super) fn slot(
    target: Target<'_>,
    schedule: &ScheduleId,
    (slot_ms, missed): (i64, u32),
    job: &Job,
) -> Result<Request<Bytes>, http::Error> {
    let source = format!("/projects/{}/functions/{}/cron/{}", target.project, target.function, schedule.0);
    Builder::new(EventTrigger::Cron, Method::POST, target, job)
        .event("dev.ostro.cron.slot", &source, slot_ms, job)
        .attribute("ce-ostromissed", &missed.to_string())
        .build()
}

/// A change of some data; the subject is the document's `_id` or the object's key.
pub(super) fn change(
    target: Target<'_>,
    source: &DataSource,
    change: DataChange,
    subject: &str,
    job: &Job,
) -> Result<Request<Bytes>, http::Error> {
    let (resources, thing) = match source {
        DataSource::Collection(_) => ("collections", "document"),
        DataSource::Bucket(_) => ("buckets", "object"),
    };
    let kind = format!("dev.ostro.{thing}.{}", change.name());
    let source = format!("/projects/{}/{resources}/{}", target.project, source.name());
    Builder::new(EventTrigger::Data, Method::POST, target, job)
        .event(&kind, &source, job.enqueued_ms, job)
        .attribute("ce-subject", subject)
        .build()
}

/// A call as its caller made it.
pub(super) fn call(target: Target<'_>, method: &str, job: &Job) -> Result<Request<Bytes>, http::Error> {
    let method = Method::from_bytes(method.as_bytes())?;
    Builder::new(EventTrigger::Async, method, target, job).build()
}

/// A request in the making.
struct Builder {
    head: http::request::Builder,
    body: Bytes,
}

impl Builder {
    fn new(trigger: EventTrigger, method: Method, target: Target<'_>, job: &Job) -> Self {
        let host = format!("{}.ostro.internal", target.function);
        let mut head = Request::builder()
            .method(method)
            .uri(format!("http://{host}{}", target.path))
            .header(header::HOST, host)
            .header(header::CONTENT_LENGTH, job.payload.len())
            .header(TRIGGER, trigger.name());
        if !job.content_type.is_empty() {
            head = head.header(header::CONTENT_TYPE, &job.content_type);
        }
        Self { head, body: job.payload.clone() }
    }

    /// Makes it an event: the attributes that every one must have, its time, and which start of the job it is.
    fn event(self, kind: &str, source: &str, time_ms: i64, job: &Job) -> Self {
        self.attribute("ce-specversion", "1.0")
            .attribute("ce-id", &job.id.to_string())
            .attribute("ce-source", source)
            .attribute("ce-type", kind)
            .attribute("ce-time", &rfc3339(time_ms))
            .attribute("ce-ostrostart", &job.starts.to_string())
    }

    fn attribute(mut self, name: &'static str, value: &str) -> Self {
        self.head = self.head.header(name, encoded(value));
        self
    }

    fn build(self) -> Result<Request<Bytes>, http::Error> {
        self.head.body(self.body)
    }
}

/// An attribute's value as a header's (HTTP Protocol Binding for CloudEvents 1.0.2, section 3.1.3.2): space, `"`,
/// `%` and everything beyond printable ASCII are percent-encoded as UTF-8.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'%') => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The time as RFC 3339 writes it, in UTC. Times beyond its four-digit years become the epoch.
fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::stage;

    const TARGET: Target<'static> = Target { project: "shop", function: "mailer", path: "/in?a=1" };

    fn job() -> Job {
        stage::held_message(7)
    }

    fn headers(request: &Request<Bytes>) -> Vec<(&str, &str)> {
        let headers = request.headers().iter();
        headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn a_message_is_an_event_with_every_attribute() {
        let mut job = job();
        job.order_key = Some("konto 7 \u{20ac}".to_owned());
        let request = message(TARGET, "mail", &job).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri().to_string(), "http://mailer.ostro.internal/in?a=1");
        let expected = [
            ("host", "mailer.ostro.internal"),
            ("content-length", "5"),
            ("ostro-trigger", "queue"),
            ("content-type", "text/plain"),
            ("ce-specversion", "1.0"),
            ("ce-id", "00000000-0000-0000-0000-000000000007"),
            ("ce-source", "/projects/shop/queues/mail"),
            ("ce-type", "dev.ostro.queue.message"),
            ("ce-time", "2023-11-14T22:13:20.123Z"),
            ("ce-ostrostart", "2"),
            ("ce-ostroorderkey", "konto%207%20%E2%82%AC"),
        ];
        assert_eq!(headers(&request), expected);
        assert_eq!(request.body(), "hello");
    }

    #[test]
    fn a_slot_is_an_event_of_its_own_time() {
        let job = Job { payload: Bytes::new(), content_type: String::new(), ..job() };
        let request = slot(TARGET, &ScheduleId("0a1b".to_owned()), (1_700_000_040_000, 3), &job).unwrap();
        let expected = [
            ("host", "mailer.ostro.internal"),
            ("content-length", "0"),
            ("ostro-trigger", "cron"),
            ("ce-specversion", "1.0"),
            ("ce-id", "00000000-0000-0000-0000-000000000007"),
            ("ce-source", "/projects/shop/functions/mailer/cron/0a1b"),
            ("ce-type", "dev.ostro.cron.slot"),
            ("ce-time", "2023-11-14T22:14:00Z"),
            ("ce-ostrostart", "2"),
            ("ce-ostromissed", "3"),
        ];
        assert_eq!(headers(&request), expected);
    }

    #[test]
    fn a_change_is_an_event_with_a_subject() {
        let source = DataSource::Bucket("pictures".to_owned());
        let request = change(TARGET, &source, DataChange::Put, "a b.png", &job()).unwrap();
        let expected = [
            ("ostro-trigger", "event"),
            ("ce-source", "/projects/shop/buckets/pictures"),
            ("ce-type", "dev.ostro.object.put"),
            ("ce-time", "2023-11-14T22:13:20.123Z"),
            ("ce-subject", "a%20b.png"),
        ];
        for header in expected {
            assert!(headers(&request).contains(&header), "{header:?}: {request:?}");
        }
    }

    #[test]
    fn a_call_is_what_its_caller_asked_and_no_event() {
        let request = call(TARGET, "PUT", &job()).unwrap();
        assert_eq!(request.method(), Method::PUT);
        let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["host", "content-length", "ostro-trigger", "content-type"]);
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        assert!(call(TARGET, "NO METHOD", &job()).is_err());
        assert!(call(Target { path: "/a b", ..TARGET }, "GET", &job()).is_err());
        assert!(call(TARGET, "GET", &Job { content_type: "a\nb".to_owned(), ..job() }).is_err());
    }

    #[test]
    fn values_are_encoded_as_the_binding_says() {
        for (value, header) in [
            ("plain-!~", "plain-!~"),
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("100% \"quoted\"", "100%25%20%22quoted%22"),
            ("line\r\nX: 1\u{7f}", "line%0D%0AX:%201%7F"),
            ("", ""),
        ] {
            assert_eq!(encoded(value), header);
        }
    }
}
