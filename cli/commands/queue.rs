//! `ostro queue`: list, send, peek, dead, redrive, purge.

mod lines;
mod send;

use runtime::control::wire::{
    JobState, JobView, MessageList, Purge, PurgeRequest, Purged, QueueList, RedriveRequest, Redriven,
};
use serde_json::json;

use super::Context;
use crate::{
    args::QueueCommand,
    failure::Failure,
    output::{Table, units},
};

/// Longest part of a payload or an error that a row shows, characters.
const SHOWN: usize = 60;

/// `ostro queue`.
pub(super) fn run(context: &Context, command: &QueueCommand) -> Result<(), Failure> {
    match command {
        QueueCommand::List => list(context),
        QueueCommand::Send(args) => match (&args.lines, &args.data) {
            (Some(lines), _) => lines::run(context, args, lines),
            (None, Some(data)) => send::run(context, args, data),
            (None, None) => Err(Failure::usage("there is nothing to send: give `--data` or `--lines`")),
        },
        QueueCommand::Peek { queue, state, length } => peek(context, &queue.name, *state, length.limit),
        QueueCommand::Dead { queue, length } => peek(context, &queue.name, JobState::Dead, length.limit),
        QueueCommand::Redrive { queue, ids } => redrive(context, &queue.name, ids),
        QueueCommand::Purge { queue, dead, yes } => {
            let which = if *dead { Purge::Dead } else { Purge::Waiting };
            if !*yes {
                let what = format!("this deletes all {} messages of queue {}", which.name(), queue.name);
                context.confirm(&what, &queue.name)?;
            }
            purge(context, &queue.name, which)
        }
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: QueueList = session.client.get(&session.path(&["queues"]), &[])?;
    context.out.show(&list, |list| {
        let mut table =
            Table::new(&["NAME", "CONSUMER", "WAITING", "RUNNING", "DONE", "DEAD", "OLDEST WAITING"]);
        for queue in &list.queues {
            table.row([
                queue.name.clone(),
                queue.consumer.clone().unwrap_or_else(|| "nobody".to_owned()),
                queue.waiting.to_string(),
                queue.running.to_string(),
                queue.done.to_string(),
                queue.dead.to_string(),
                queue.oldest_ms.map(units::time_to_second).unwrap_or_default(),
            ]);
        }
        let empty = format!(
            "no queues in project `{}` yet: queues = [\"mail\"] of a function makes one",
            session.project
        );
        context.out.table(&table, &empty)
    })
}

fn peek(context: &Context, name: &str, state: JobState, limit: u32) -> Result<(), Failure> {
    let session = context.session()?;
    let query = [("state", state.name().to_owned()), ("limit", limit.to_string())];
    let list: MessageList = session.client.get(&session.path(&["queues", name, "messages"]), &query)?;
    context.out.show(&list, |list| {
        let empty = format!("no {} messages in queue {name}", state.name());
        context.out.table(&messages(&list.messages, state), &empty)
    })
}

/// What matters of messages in that state.
fn messages(messages: &[JobView], state: JobState) -> Table {
    let time = |at_ms: Option<i64>| at_ms.map(units::time_to_second).unwrap_or_default();
    let when = match state {
        JobState::Waiting | JobState::Running => "DUE",
        JobState::Done => "DONE",
        JobState::Dead => "DIED",
    };
    let mut table =
        Table::new(&["ID", "ENQUEUED", when, "STARTS", "FAILURES", "CRASHES", "LAST ERROR", "PAYLOAD"]);
    for message in messages {
        table.row([
            message.id.to_string(),
            units::time_to_second(message.enqueued_ms),
            match state {
                JobState::Waiting | JobState::Running => time(Some(message.run_at_ms)),
                JobState::Done | JobState::Dead => time(message.finished_ms),
            },
            message.starts.to_string(),
            message.failures.to_string(),
            message.crashes.to_string(),
            shortened(message.last_error.as_deref().unwrap_or_default()),
            shortened(message.payload.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

fn redrive(context: &Context, name: &str, ids: &[String]) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.path(&["queues", name, "redrive"]);
    // The ids have been checked where they were typed; the server reads them as such.
    let redriven: Redriven = match ids {
        [] => session.client.post(&path, &RedriveRequest::default())?,
        ids => session.client.post(&path, &json!({ "jobs": ids }))?,
    };
    context.out.show(&redriven, |Redriven { redriven }| {
        context.out.word(&format!("{} of queue {name} wait again", counted(*redriven, "dead message")));
        let asked = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        if *redriven < asked {
            context.out.warn(&format!("not among its dead messages: {} of those named", asked - redriven));
        }
        Ok(())
    })
}

fn purge(context: &Context, name: &str, which: Purge) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.path(&["queues", name, "purge"]);
    let purged: Purged = session.client.post(&path, &PurgeRequest { which })?;
    context.out.show(&purged, |Purged { purged }| {
        let what = counted(*purged, &format!("{} message", which.name()));
        context.out.word(&format!("deleted {what} of queue {name}"));
        Ok(())
    })
}

/// A number and what it counts.
fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The beginning of a text, for a row.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_short() {
        assert_eq!(shortened("grüße"), "grüße");
        assert_eq!(shortened(&"ü".repeat(SHOWN)), "ü".repeat(SHOWN));
        assert_eq!(shortened(&"ü".repeat(SHOWN + 1)), format!("{}…", "ü".repeat(SHOWN)));
    }

    #[test]
    fn numbers_agree_with_what_they_count() {
        assert_eq!(counted(1, "dead message"), "1 dead message");
        assert_eq!(counted(0, "message"), "0 messages");
    }
}
