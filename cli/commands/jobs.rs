//! `ostro jobs`: show, list, redrive.

use std::fmt::Write as _;

use runtime::control::wire::{JobList, JobResult, JobTrigger, JobView, Redriven};
use serde_json::json;

use super::{Context, queue::shortened};
use crate::{
    args::JobsCommand,
    failure::Failure,
    output::{Table, escape, escape_block, units},
};

/// Longest part of a payload or of a result that is shown, bytes.
const SHOWN_BYTES: usize = 4 << 10;

/// `ostro jobs`.
pub(super) fn run(context: &Context, command: &JobsCommand) -> Result<(), Failure> {
    match command {
        JobsCommand::Show(args) => show(context, &args.id),
        JobsCommand::List { function, state, length } => {
            let mut query = vec![("limit", length.limit.to_string())];
            query.extend(state.map(|state| ("state", state.name().to_owned())));
            list(context, &function.name, &query)
        }
        JobsCommand::Redrive(args) => redrive(context, &args.id),
    }
}

fn show(context: &Context, id: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let job: JobView = session.client.get(&session.path(&["jobs", id]), &[])?;
    context.out.show(&job, |job| context.out.data(describe(job).as_bytes()))
}

fn list(context: &Context, function: &str, query: &[(&str, String)]) -> Result<(), Failure> {
    let session = context.session()?;
    let list: JobList = session.client.get(&session.function(function, &["jobs"]), query)?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&[
            "ID",
            "TRIGGER",
            "STATE",
            "ENQUEUED",
            "DUE",
            "STARTS",
            "FAILURES",
            "CRASHES",
            "LAST ERROR",
        ]);
        for job in &list.jobs {
            table.row([
                job.id.to_string(),
                trigger_text(&job.trigger),
                job.state.name().to_owned(),
                units::time_to_second(job.enqueued_ms),
                units::time_to_second(job.run_at_ms),
                job.starts.to_string(),
                job.failures.to_string(),
                job.crashes.to_string(),
                shortened(job.last_error.as_deref().unwrap_or_default()),
            ]);
        }
        let empty = format!("no such jobs of {function}: `ostro invoke {function} --async` makes one");
        context.out.table(&table, &empty)
    })
}

fn redrive(context: &Context, id: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let redriven: Redriven = session.client.post(&session.path(&["jobs", id, "redrive"]), &json!({}))?;
    context.out.show(&redriven, |_| {
        context.out.word(&format!("job {id} waits again, with fresh attempts"));
        Ok(())
    })
}

/// A fact a line, then payload and result.
fn describe(job: &JobView) -> String {
    let mut facts: Vec<(&str, String)> = vec![("id", job.id.to_string())];
    facts.extend(job.function.iter().map(|function| ("function", function.clone())));
    facts.extend(job.queue.iter().map(|queue| ("queue", queue.clone())));
    facts.push(("trigger", trigger_text(&job.trigger)));
    facts.push(("state", job.state.name().to_owned()));
    facts.push(("enqueued", units::time(job.enqueued_ms)));
    facts.push(("due", units::time(job.run_at_ms)));
    facts.extend(job.finished_ms.map(|at_ms| ("finished", units::time(at_ms))));
    facts.extend(
        job.expires_ms.filter(|_| job.finished_ms.is_none()).map(|at_ms| ("expires", units::time(at_ms))),
    );
    facts
        .push(("runs", format!("starts {}, failures {}, crashes {}", job.starts, job.failures, job.crashes)));
    facts.extend(job.key.iter().map(|key| ("key", key.clone())));
    facts.extend(job.order.iter().map(|key| ("order", key.clone())));
    facts.extend(job.last_error.iter().map(|error| ("last error", error.clone())));
    let mut text = String::new();
    for (name, fact) in facts {
        let _ = writeln!(text, "{name:<12}{}", escape(&fact));
    }
    if let Some(payload) = job.payload.as_deref().filter(|payload| !payload.is_empty()) {
        let what = type_text(&job.content_type, job.base64);
        let _ = write!(text, "\npayload{what}\n{}", block(payload));
    }
    if let Some(result) = &job.result {
        text.push_str(&result_text(result));
    }
    text
}

fn result_text(result: &JobResult) -> String {
    let what = type_text(result.content_type.as_deref().unwrap_or_default(), result.base64);
    let cut = if result.cut { ", only its beginning was kept" } else { "" };
    format!(
        "\nresult: status {}, invocation {}{what}{cut}\n{}",
        result.status,
        result.invocation,
        block(&result.body)
    )
}

/// Media type and form of a text.
fn type_text(content_type: &str, base64: bool) -> String {
    let form = if base64 { " in base64" } else { "" };
    match content_type {
        "" => form.to_owned(),
        content_type => format!(", {}{form}", escape(content_type)),
    }
}

/// The text on lines of its own, harmless, cut where it is long.
fn block(text: &str) -> String {
    let shown = text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default();
    let mut block = escape_block(shown).into_owned();
    if !block.is_empty() && !block.ends_with('\n') {
        block.push('\n');
    }
    if shown.len() < text.len() {
        let _ = writeln!(block, "… ({} in all: `--json` shows it)", units::bytes(text.len() as u64));
    }
    block
}

/// A trigger in a few words.
fn trigger_text(trigger: &JobTrigger) -> String {
    match trigger {
        JobTrigger::Async { method, path } => format!("async {method} {path}"),
        JobTrigger::Event { source, change, subject } => format!("{source} {change} {subject}"),
        JobTrigger::Cron { slot_ms, missed: 0, .. } => format!("cron {}", units::time_to_second(*slot_ms)),
        JobTrigger::Cron { slot_ms, missed, .. } => {
            format!("cron {} ({missed} missed before)", units::time_to_second(*slot_ms))
        }
        JobTrigger::Queue => "queue".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use runtime::control::wire::JobState;

    use super::*;

    fn job() -> JobView {
        JobView {
            id: Default::default(),
            function: Some("report".to_owned()),
            queue: None,
            trigger: JobTrigger::Async { method: "POST".to_owned(), path: "/a".to_owned() },
            state: JobState::Done,
            enqueued_ms: 0,
            run_at_ms: 0,
            finished_ms: Some(1_500),
            expires_ms: Some(9_000),
            starts: 2,
            failures: 1,
            crashes: 0,
            key: None,
            order: None,
            last_error: Some("no\u{1b}[2J".to_owned()),
            content_type: "text/plain".to_owned(),
            payload: Some("hello".to_owned()),
            base64: false,
            result: Some(JobResult {
                status: 200,
                content_type: None,
                body: "/w==".to_owned(),
                base64: true,
                cut: true,
                invocation: Default::default(),
            }),
        }
    }

    #[test]
    fn a_job_in_words() {
        let id = "00000000-0000-0000-0000-000000000000";
        assert_eq!(
            describe(&job()),
            format!(
                "id          {id}\n\
                 function    report\n\
                 trigger     async POST /a\n\
                 state       done\n\
                 enqueued    1970-01-01T00:00:00.000Z\n\
                 due         1970-01-01T00:00:00.000Z\n\
                 finished    1970-01-01T00:00:01.500Z\n\
                 runs        starts 2, failures 1, crashes 0\n\
                 last error  no\\u{{1b}}[2J\n\
                 \n\
                 payload, text/plain\n\
                 hello\n\
                 \n\
                 result: status 200, invocation {id} in base64, only its beginning was kept\n\
                 /w==\n"
            )
        );
    }

    #[test]
    fn long_payloads_are_cut() {
        let text = "ü".repeat(SHOWN_BYTES);
        let shown = block(&text);
        assert!(shown.ends_with("… (8.0 KiB in all: `--json` shows it)\n"), "{shown}");
        assert_eq!(shown.matches('ü').count(), SHOWN_BYTES / 2);
        assert_eq!(block(""), "");
        assert_eq!(block("a\n"), "a\n");
    }

    #[test]
    fn missed_slots_are_said() {
        let slot = |missed| JobTrigger::Cron { schedule_id: "x".to_owned(), slot_ms: 0, missed };
        assert_eq!(trigger_text(&slot(0)), "cron 1970-01-01T00:00:00Z");
        assert_eq!(trigger_text(&slot(2)), "cron 1970-01-01T00:00:00Z (2 missed before)");
    }
}
