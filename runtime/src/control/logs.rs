//! A function's log: its tail, or a stream that goes on.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use store::catalog::{FunctionId, Scope};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use uuid::Uuid;

use super::ControlState;
use super::auth::Caller;
use super::body::{Path, Query};
use super::error::Errors;
use super::wire::{LogLine, LogList, LogQuery, LogStream};
use crate::clock::Clock;
use crate::problem::Problem;

const LENGTH: u32 = 200;
const LONGEST: u32 = 10_000;

/// The newest lines of a function's log, oldest first.
///
/// With `follow=true` the answer is `application/x-ndjson` without an end: the past lines, then every new one, a
/// JSON object each. A reader that is too slow misses lines, and is told how many in a line of the stream
/// `platform`.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions/{function}/logs", tag = "functions", operation_id = "read_logs",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
        LogQuery,
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "The lines", content(
            (LogList = "application/json"),
            (LogLine = "application/x-ndjson"),
        )),
        Errors,
    ),
)]
pub(super) async fn read(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, function)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let function = state.function(&project, &function).await?;
    let since_ms = query.since_ms.unwrap_or(0);
    let limit = usize::try_from(query.limit.unwrap_or(LENGTH).min(LONGEST)).unwrap_or(usize::MAX);
    let telemetry = &state.parts.telemetry;
    let failed = |error: std::io::Error| Problem::internal(&error);
    if !query.follow {
        let lines = telemetry.logs(function.id, since_ms, limit).await.map_err(failed)?;
        return Ok(Json(LogList { lines }).into_response());
    }
    let (past, receiver) = telemetry.follow(function.id, since_ms, limit).await.map_err(failed)?;
    let later = Later {
        receiver,
        stopping: state.stopping.subscribe(),
        clock: state.parts.clock.clone(),
        function: function.id,
    };
    let lines = stream::iter(past).chain(stream::unfold(later, Later::next));
    let body = Body::from_stream(lines.map(|line| Ok::<_, Infallible>(json_line(&line))));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The endless part of a followed log. It ends with the function, or with the server.
struct Later {
    receiver: Receiver<LogLine>,
    stopping: watch::Receiver<bool>,
    clock: Clock,
    function: FunctionId,
}

impl Later {
    async fn next(mut self) -> Option<(LogLine, Self)> {
        let received = tokio::select! {
            received = self.receiver.recv() => received,
            _ = self.stopping.wait_for(|stopping| *stopping) => return None,
        };
        match received {
            Ok(line) => Some((line, self)),
            Err(RecvError::Closed) => None,
            Err(RecvError::Lagged(missed)) => Some((self.missed(missed), self)),
        }
    }

    fn missed(&self, lines: u64) -> LogLine {
        LogLine {
            at_ms: self.clock.now_ms(),
            function: self.function,
            revision: 0,
            invocation: Uuid::nil(),
            stream: LogStream::Platform,
            level: "warn".to_owned(),
            message: format!("{lines} lines are missing here: this reader is too slow"),
        }
    }
}

fn json_line(line: &LogLine) -> Bytes {
    // A line is made of text and numbers, which always become JSON.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
