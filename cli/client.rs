//! The control API's client: one blocking call at a time, failures in words that say what to do next.

mod fault;

use std::{io::Read, time::Duration};

use runtime::control::wire;
use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body, RequestBuilder, SendBody,
    http::{Response, StatusCode},
    typestate::WithBody,
    unversioned::multipart::Form,
};

use crate::{
    connection::{Server, ServerUrl},
    failure::{Failure, Word},
    output::units,
};

/// Longest answer that is read into memory, bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// From this size on the server is asked before the body is sent, so that a refusal arrives.
const ASK_FIRST_BYTES: u64 = 256 << 10;
/// Largest component that a server takes unless told otherwise.
const USUAL_LIMIT_BYTES: u64 = 64 << 20;

/// A server, and who we are there.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    server: Server,
}

/// How long the head of an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The server answers from what it has: 30 s.
    Short,
    /// The server compiles: 5 min, over its own limit.
    Compile,
    /// A guest answers, or lines come when they come: the server's limits count.
    Endless,
}

impl Patience {
    fn head(self) -> Option<Duration> {
        match self {
            Self::Short => Some(Duration::from_secs(30)),
            Self::Compile => Some(Duration::from_secs(300)),
            Self::Endless => None,
        }
    }

    fn body(self) -> Option<Duration> {
        match self {
            Self::Short | Self::Compile => Some(Duration::from_secs(60)),
            Self::Endless => None,
        }
    }
}

/// A body that the server takes as it is.
#[derive(Debug)]
pub(crate) struct RawBody<'a> {
    /// Its media type; empty to say nothing of it.
    pub(crate) content_type: &'a str,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
}

/// A body that is sent as it is read.
pub(crate) struct Content<'a> {
    /// Its media type; empty to say nothing of it.
    pub(crate) content_type: &'a str,
    /// How long it is, bytes, where that is known.
    pub(crate) size: Option<u64>,
    /// Where it comes from.
    pub(crate) reader: &'a mut dyn Read,
}

impl Client {
    /// A client of that server. Nothing is sent yet.
    pub(crate) fn new(server: Server) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The control API never redirects; a token does not follow whoever does.
            .max_redirects(0)
            .user_agent(concat!("ostro/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)));
        let config = match server.url.is_this_machine() {
            // A proxy of the environment must not see what stays on this machine.
            true => config.proxy(None),
            false => config,
        };
        Self { agent: config.build().new_agent(), server }
    }

    /// The server's control API.
    pub(crate) fn url(&self) -> &ServerUrl {
        &self.server.url
    }

    /// The project that the connection is limited to.
    pub(crate) fn project(&self) -> Option<&str> {
        self.server.project.as_deref()
    }

    /// `GET`, answered with JSON.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.with_query(self.agent.get(self.address(path)), query);
        self.read(self.prepare(request, Patience::Short).call())
    }

    /// `GET`, answered with a stream that may never end.
    pub(crate) fn stream(&self, path: &str, query: &[(&str, String)]) -> Result<impl Read + use<>, Failure> {
        let request = self.with_query(self.agent.get(self.address(path)), query);
        let response = self.accept(self.prepare(request, Patience::Endless).call())?;
        Ok(response.into_body().into_reader())
    }

    /// `POST` of JSON, answered with JSON.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.read(self.prepare(self.agent.post(self.address(path)), Patience::Short).send_json(body))
    }

    /// `PUT` of any content, answered with JSON.
    pub(crate) fn put_content<T: DeserializeOwned>(
        &self,
        path: &str,
        content: Content<'_>,
    ) -> Result<T, Failure> {
        let Content { reader, size, content_type } = content;
        let request = self.prepare(self.agent.put(self.address(path)), Patience::Endless);
        let request = match size {
            Some(size) => ask_first(request.header("content-length", size.to_string()), size),
            None => ask_first(request, u64::MAX),
        };
        let request = match content_type {
            "" => request,
            content_type => request.content_type(content_type),
        };
        self.read(request.send(SendBody::from_reader(reader)))
    }

    /// `GET`, answered with content and its length, where that is known.
    pub(crate) fn get_content(&self, path: &str) -> Result<(Option<u64>, impl Read + use<>), Failure> {
        let request = self.agent.get(self.address(path));
        let response = self.accept(self.prepare(request, Patience::Endless).call())?;
        let length = response.headers().get("content-length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Ok((length, response.into_body().into_reader()))
    }

    /// `PUT` of JSON, answered with nothing that matters.
    pub(crate) fn put(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.accept(self.prepare(self.agent.put(self.address(path)), Patience::Short).send_json(body))
            .map(drop)
    }

    /// `PUT` of JSON, answered with JSON.
    pub(crate) fn replace<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.read(self.prepare(self.agent.put(self.address(path)), Patience::Short).send_json(body))
    }

    /// `PATCH` of JSON, answered with JSON.
    pub(crate) fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.read(self.prepare(self.agent.patch(self.address(path)), Patience::Short).send_json(body))
    }

    /// `DELETE`, answered with nothing that matters.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.accept(self.prepare(self.agent.delete(self.address(path)), Patience::Short).call()).map(drop)
    }

    /// `POST` of JSON that takes as long as it takes, answered with JSON.
    pub(crate) fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.read(self.prepare(self.agent.post(self.address(path)), Patience::Endless).send_json(body))
    }

    /// `POST` of a form with `size_bytes` of files in it, answered with JSON.
    pub(crate) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        form: Form<'_>,
        size_bytes: u64,
    ) -> Result<T, Failure> {
        let request = self.agent.post(self.address(path));
        let request = ask_first(self.prepare(request, Patience::Compile), size_bytes);
        self.read(request.send(form)).map_err(|failure| match failure.word() {
            // A server that refuses the size closes the connection, often before its answer can be read.
            Some(word) if word.code == "connection_lost" && size_bytes > USUAL_LIMIT_BYTES => {
                failure.hint(format!(
                    "the upload has {}; a server takes {} of component and as much of assets",
                    units::bytes(size_bytes),
                    units::bytes(USUAL_LIMIT_BYTES)
                ))
            }
            _ => failure,
        })
    }

    /// `POST` of any body, answered with JSON.
    pub(crate) fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &RawBody<'_>,
    ) -> Result<T, Failure> {
        let request = self.with_query(self.agent.post(self.address(path)), query);
        let request = typed(self.prepare(request, Patience::Short), body);
        self.read(request.send(body.bytes))
    }

    /// `POST` of any body, answered with any body, however the guest's status is.
    pub(crate) fn call(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &RawBody<'_>,
    ) -> Result<Response<Body>, Failure> {
        let request = self.with_query(self.agent.post(self.address(path)), query);
        let request = typed(self.prepare(request, Patience::Endless), body);
        self.accept(request.send(body.bytes))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    fn with_query<B>(&self, request: RequestBuilder<B>, query: &[(&str, String)]) -> RequestBuilder<B> {
        query.iter().fold(request, |request, (name, value)| request.query(name, value))
    }

    fn prepare<B>(&self, request: RequestBuilder<B>, patience: Patience) -> RequestBuilder<B> {
        let request = match &self.server.token {
            Some(token) => request.header("authorization", format!("Bearer {}", token.text())),
            None => request,
        };
        request.config().timeout_recv_response(patience.head()).timeout_recv_body(patience.body()).build()
    }

    /// A success, or what the server says against it.
    fn accept(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let mut response = answer.map_err(|error| fault::explain(&self.server.url, &error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => {
                let body = response.body_mut().with_config().limit(1 << 20).read_to_vec().unwrap_or_default();
                Err(Failure::Failed(Box::new(self.refusal(status, &body))))
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<T, Failure> {
        let mut response = self.accept(answer)?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| fault::explain(&self.server.url, &error))?;
        serde_json::from_slice(&body).map_err(|_| {
            Failure::local(format!("{} gave an answer that this ostro does not understand", self.server.url))
                .hint("is it the control API of an Ostro server (port 8701, not 8700), and of the same version?")
        })
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Word {
        let Ok(wire::ErrorBody { error }) = serde_json::from_slice(body) else {
            let mut word = Word::new("bad_answer", format!("{} answered {status}", self.server.url));
            word.hint = Some("is it the control API of an Ostro server (port 8701, not 8700)?".to_owned());
            return word;
        };
        let hint = match (error.hint, status, &self.server.token) {
            (Some(hint), _, _) => Some(hint),
            (None, StatusCode::UNAUTHORIZED, None) => {
                Some(format!("no token for {0} is known: `ostro login {0}` saves one", self.server.url))
            }
            (None, StatusCode::UNAUTHORIZED, Some(_)) => {
                Some(format!("save a valid token with `ostro login {}`", self.server.url))
            }
            (None, _, _) => None,
        };
        Word { code: error.code, message: error.message, hint, detail: error.detail, excerpt: None }
    }
}

/// A path of the control API; every segment is escaped, so that a name can't reach another resource.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::from("/v1");
    for segment in segments {
        path.push('/');
        for &byte in segment.as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => path.push(char::from(byte)),
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    path
}

fn typed(request: RequestBuilder<WithBody>, body: &RawBody<'_>) -> RequestBuilder<WithBody> {
    let request = ask_first(request, body.bytes.len() as u64);
    match body.content_type {
        "" => request,
        content_type => request.content_type(content_type),
    }
}

fn ask_first(request: RequestBuilder<WithBody>, size_bytes: u64) -> RequestBuilder<WithBody> {
    match size_bytes {
        ASK_FIRST_BYTES.. => request.header("expect", "100-continue"),
        _ => request,
    }
}

#[cfg(test)]
mod tests;
