//! The part of the control API that is used often: messages and jobs, on one kept connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::http::{Answer, Client};
use crate::server::Server;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the control API, in one project.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client,
    to: SocketAddr,
    token: String,
    project: String,
}

/// What came of sending.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Acknowledged: the ids of the jobs, in order.
    Acknowledged(Vec<String>),
    /// The queue is full; nothing was stored.
    Full,
}

impl Sender {
    /// Opens a connection when it is first needed.
    pub(crate) fn new(server: &Server, project: &str) -> Self {
        Self {
            client: Client::new(server.admin, PATIENCE),
            to: server.admin,
            token: server.token().to_owned(),
            project: project.to_owned(),
        }
    }

    /// Sends messages in one request.
    pub(crate) fn batch(&mut self, queue: &str, bodies: &[String]) -> Result<Sent> {
        let messages: Vec<Value> = bodies.iter().map(|body| json!({ "body": body })).collect();
        let body = json!({ "messages": messages }).to_string();
        let answer =
            self.request("POST", &format!("queues/{queue}/batch"), "application/json", body.as_bytes())?;
        match answer.status {
            202 => {
                let told: Value = serde_json::from_slice(&answer.body)?;
                let jobs = told.get("jobs").and_then(Value::as_array).context("no jobs in the answer")?;
                let ids = jobs.iter().filter_map(|job| Some(job.get("job")?.as_str()?.to_owned()));
                Ok(Sent::Acknowledged(ids.collect()))
            }
            429 => Ok(Sent::Full),
            status => bail!("a batch was answered {status}: {}", answer.text()),
        }
    }

    /// Sends one message; whether it was acknowledged.
    pub(crate) fn send(&mut self, queue: &str, body: &[u8]) -> Result<()> {
        let answer = self.request("POST", &format!("queues/{queue}/messages"), "text/plain", body)?;
        match answer.status {
            202 => Ok(()),
            status => bail!("a message was answered {status}: {}", answer.text()),
        }
    }

    /// GET of a path below the project.
    pub(crate) fn get(&mut self, path: &str) -> Result<Value> {
        let answer = self.request("GET", path, "", &[])?;
        match answer.status {
            200 => Ok(serde_json::from_slice(&answer.body)?),
            status => bail!("{path} was answered {status}: {}", answer.text()),
        }
    }

    /// GET of what is no JSON at a path below the project.
    pub(crate) fn bytes(&mut self, path: &str) -> Result<Vec<u8>> {
        let answer = self.request("GET", path, "", &[])?;
        match answer.status {
            200 => Ok(answer.body),
            status => bail!("{path} was answered {status}: {}", answer.text()),
        }
    }

    /// POST of JSON to a path below the project.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.request("POST", path, "application/json", body.to_string().as_bytes())?;
        match answer.status {
            200..300 => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
            status => bail!("{path} was answered {status}: {}", answer.text()),
        }
    }

    /// A queue with its counts.
    pub(crate) fn queue(&mut self, name: &str) -> Result<Value> {
        let list = self.get("queues")?;
        let queues = list.get("queues").and_then(Value::as_array).context("no list of queues")?;
        let found = queues.iter().find(|queue| queue.get("name").and_then(Value::as_str) == Some(name));
        found.cloned().with_context(|| format!("there is no queue {name}"))
    }

    fn request(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Answer> {
        let Self { to, token, project, .. } = self;
        let mut request = format!(
            "{method} /v1/projects/{project}/{path} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Ok(self.client.exchange(&request)?)
    }
}

/// A count of a queue or a job; zero when it is not there.
pub(crate) fn count(of: &Value, what: &str) -> u64 {
    of.get(what).and_then(Value::as_u64).unwrap_or_default()
}
