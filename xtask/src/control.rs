//! The control API as the commands here use it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::unversioned::multipart::{Form, Part};

/// The control API of a running server, with its admin token.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    agent: Agent,
    at: SocketAddr,
    authorization: String,
}

impl Control {
    /// The control API at that address.
    pub(crate) fn new(at: SocketAddr, token: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        Self { agent, at, authorization: format!("Bearer {token}") }
    }

    /// GET of a path below `/v1/`.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.url(path)).header("authorization", &self.authorization);
        answer(path, request.call())
    }

    /// POST of JSON to a path below `/v1/`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        answer(path, request.send_json(body))
    }

    /// Makes a project.
    pub(crate) fn create_project(&self, name: &str) -> Result<()> {
        self.post("projects", &json!({ "name": name })).map(drop)
    }

    /// Deploys with flags; the report.
    pub(crate) fn deploy(
        &self,
        project: &str,
        function: &str,
        component: &[u8],
        flags: &Value,
    ) -> Result<Value> {
        self.upload(project, function, component, ("flags", &flags.to_string()))
    }

    /// Deploys with a manifest, which can say more than flags; the report.
    pub(crate) fn deploy_manifest(
        &self,
        project: &str,
        function: &str,
        component: &[u8],
        manifest: &str,
    ) -> Result<Value> {
        self.upload(project, function, component, ("manifest", manifest))
    }

    fn upload(
        &self,
        project: &str,
        function: &str,
        component: &[u8],
        (name, settings): (&str, &str),
    ) -> Result<Value> {
        let path = format!("projects/{project}/functions/{function}/deploy");
        let form = Form::new()
            .text(name, settings)
            .part("component", Part::bytes(component).file_name("component.wasm"));
        let request = self.agent.post(self.url(&path)).header("authorization", &self.authorization);
        answer(&path, request.send(form))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v1/{path}", self.at)
    }
}

fn answer(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut answer = answer.with_context(|| format!("no answer from /v1/{path}"))?;
    let (status, text) = (answer.status(), answer.body_mut().read_to_string()?);
    if !status.is_success() {
        bail!("/v1/{path} answered {status}: {text}");
    }
    match text.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_str(&text).with_context(|| format!("/v1/{path} answered no JSON: {text}")),
    }
}
