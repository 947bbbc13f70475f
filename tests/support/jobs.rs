//! Jobs as a client sees them: sent, looked at, waited for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::control::Control;
use super::http::Answer;

/// How long something may take that happens by itself, real time.
const PATIENCE: Duration = Duration::from_secs(30);

impl Control {
    /// Sends one message; `query` is empty or begins with `?`. Its job.
    pub fn send(&self, queue: &str, query: &str, body: &str) -> String {
        id_of(&self.try_send(queue, query, body).expect_status(202))
    }

    /// Sends one message.
    pub fn try_send(&self, queue: &str, query: &str, body: &str) -> Answer {
        self.request("POST", &format!("queues/{queue}/messages{query}"))
            .header("content-type", "text/plain")
            .body(body)
            .send(self.at)
    }

    /// Sends messages in one request; their jobs, in order.
    pub fn send_all<B: AsRef<str>>(&self, queue: &str, bodies: &[B]) -> Vec<String> {
        let messages: Vec<Value> = bodies.iter().map(|body| json!({ "body": body.as_ref() })).collect();
        let answer = self.post(&format!("queues/{queue}/batch"), &json!({ "messages": messages }));
        let jobs = answer.expect_status(202).json()["jobs"].as_array().unwrap().clone();
        jobs.iter().map(|job| job["job"].as_str().unwrap().to_owned()).collect()
    }

    /// Calls a function without waiting; the job.
    pub fn invoke_async(&self, function: &str, query: &str, body: &str) -> String {
        let path = format!("functions/{function}/invoke?async=true{query}");
        let request = self.request("POST", &path).header("content-type", "text/plain").body(body);
        id_of(&request.send(self.at).expect_status(202))
    }

    /// A job.
    pub fn job(&self, id: &str) -> Value {
        self.get(&format!("jobs/{id}")).expect_status(200).json()
    }

    /// Waits until a job is in that state.
    pub fn job_in(&self, id: &str, state: &str) -> Value {
        self.job_when(id, |job| job["state"] == state)
    }

    /// Waits until a job is as it should be.
    pub fn job_when(&self, id: &str, right: impl FnMut(&Value) -> bool) -> Value {
        eventually(|| self.job(id), right)
    }

    /// The state of each job: `waiting`, `running`, `done`, `dead`.
    pub fn states(&self, jobs: &[String]) -> Vec<String> {
        jobs.iter().map(|id| self.job(id)["state"].as_str().unwrap().to_owned()).collect()
    }

    /// A queue and its counts.
    pub fn queue(&self, name: &str) -> Value {
        let list = self.get("queues").expect_status(200).json();
        let found = list["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("no queue {name}: {list}"))
    }

    /// Waits until a queue is as it should be.
    pub fn queue_when(&self, name: &str, right: impl FnMut(&Value) -> bool) -> Value {
        eventually(|| self.queue(name), right)
    }

    /// The only schedule of a function.
    pub fn schedule(&self, function: &str) -> Value {
        let list = self.get("cron").expect_status(200).json();
        let own: Vec<&Value> =
            list["schedules"].as_array().unwrap().iter().filter(|one| one["function"] == function).collect();
        assert_eq!(own.len(), 1, "{function}: {list}");
        own[0].clone()
    }

    /// Waits until the only schedule of a function is as it should be.
    pub fn schedule_when(&self, function: &str, right: impl FnMut(&Value) -> bool) -> Value {
        eventually(|| self.schedule(function), right)
    }

    /// The jobs of a function: its calls and slots, newest first.
    pub fn jobs_of(&self, function: &str) -> Vec<Value> {
        let list = self.get(&format!("functions/{function}/jobs?limit=100")).expect_status(200).json();
        list["jobs"].as_array().unwrap().clone()
    }

    /// The text of each line of a function's log, waiting until there are `count`.
    pub fn lines(&self, function: &str, count: usize) -> Vec<String> {
        let log = self.log(function, count);
        log.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
}

/// A message as a guest gives it to `ostro:queue/producer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// Payload.
    pub body: &'a [u8],
    /// Its media type.
    pub content_type: &'a str,
    /// Milliseconds.
    pub delay_ms: u64,
    /// Dedupe key.
    pub dedupe: Option<&'a str>,
    /// Order key.
    pub order: Option<&'a str>,
}

/// The list of messages as it lies in the memory of the guest `send`, from 1 MiB on: the records, then what they point to.
pub fn in_memory(messages: &[Message<'_>]) -> Vec<u8> {
    const AT: usize = 1 << 20;
    const RECORD: usize = 48;
    let mut records = Vec::with_capacity(messages.len() * RECORD);
    let mut texts: Vec<u8> = Vec::new();
    let mut place = |text: &[u8]| {
        let at = u32::try_from(AT + messages.len() * RECORD + texts.len()).unwrap();
        texts.extend_from_slice(text);
        [at.to_le_bytes(), u32::try_from(text.len()).unwrap().to_le_bytes()].concat()
    };
    for message in messages {
        records.extend(place(message.body));
        records.extend(place(message.content_type.as_bytes()));
        records.extend(message.delay_ms.to_le_bytes());
        for key in [message.dedupe, message.order] {
            records.extend(u32::from(key.is_some()).to_le_bytes());
            records.extend(place(key.unwrap_or_default().as_bytes()));
        }
    }
    records.extend(texts);
    records
}

/// Looks again and again until what is seen is right; panics with the last sight when that takes too long.
pub fn eventually<T: std::fmt::Debug>(look: impl Fn() -> T, mut right: impl FnMut(&T) -> bool) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if right(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}; last seen: {seen:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Milliseconds since 1970 of a moment such as `2026-03-29T01:30:00Z`.
pub fn ms(moment: &str) -> i64 {
    moment.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{moment}: {error}")).as_millisecond()
}

fn id_of(answer: &Answer) -> String {
    answer.json()["job"].as_str().unwrap().to_owned()
}
