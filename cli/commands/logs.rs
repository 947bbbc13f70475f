//! `ostro logs`: the latest lines, and with `-f` those that come.

use std::{
    cmp::Ordering,
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use runtime::{
    clock::Clock,
    control::wire::{LogLine, LogList, LogStream},
};

use super::{Context, Session};
use crate::{
    args::LogsArgs,
    failure::Failure,
    output::{Form, Output, Paint, escape, escape_block, units},
};

/// Longest line of the stream, bytes; a log line has at most 4 KiB of text, JSON may make it six times as long.
const MAX_LINE_BYTES: u64 = 64 << 10;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// `ostro logs`.
pub(super) fn run(context: &Context, args: &LogsArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let since_ms = args.since.map(|since| since.moment_ms(Clock::system().now_ms()));
    match args.follow {
        true => follow(context, &session, args, since_ms),
        false => tail(context, &session, args, since_ms),
    }
}

fn tail(context: &Context, session: &Session, args: &LogsArgs, since_ms: Option<i64>) -> Result<(), Failure> {
    let path = session.function(&args.function.name, &["logs"]);
    let list: LogList = session.client.get(&path, &query(since_ms, args.limit))?;
    if list.lines.is_empty() {
        context.out.word("no lines");
    }
    list.lines.iter().try_for_each(|line| print(&context.out, line))
}

/// Ends with Ctrl-C, or when the server says that it will never answer.
fn follow(
    context: &Context,
    session: &Session,
    args: &LogsArgs,
    since_ms: Option<i64>,
) -> Result<(), Failure> {
    let path = session.function(&args.function.name, &["logs"]);
    let mut seen = Seen { since_ms, at_that_ms: Vec::new() };
    let mut pause = FIRST_PAUSE;
    let mut link = Link::New;
    loop {
        let mut query = query(seen.since_ms, if link == Link::New { args.limit } else { None });
        query.push(("follow", "true".to_owned()));
        match (session.client.stream(&path, &query), link) {
            (Ok(stream), _) => {
                if link == Link::Lost {
                    context.out.word("connected again");
                }
                let printed = read_stream(stream, &mut seen, |line| print(&context.out, line))?;
                pause = if printed > 0 { FIRST_PAUSE } else { pause };
                context.out.word("the connection to the server broke off; connecting again");
                link = Link::Lost;
            }
            (Err(failure), Link::Lost) if is_passing(&failure) => {}
            (Err(failure), _) => return Err(failure),
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether there was a connection before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    New,
    Lost,
}

/// Where a broken stream goes on: at the time of the last line, without those of that time that are printed.
#[derive(Debug)]
struct Seen {
    since_ms: Option<i64>,
    at_that_ms: Vec<LogLine>,
}

impl Seen {
    /// Remembers a printed line. Lines may come a little out of order; the mark never goes back.
    fn note(&mut self, line: LogLine) {
        match self.since_ms.map_or(Ordering::Greater, |since_ms| line.at_ms.cmp(&since_ms)) {
            Ordering::Greater => {
                self.since_ms = Some(line.at_ms);
                self.at_that_ms = vec![line];
            }
            Ordering::Equal => self.at_that_ms.push(line),
            Ordering::Less => {}
        }
    }
}

/// Hands new lines to `print` until the stream ends or breaks; answers how many.
fn read_stream(
    stream: impl Read,
    seen: &mut Seen,
    mut print: impl FnMut(&LogLine) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    // What the stream before has shown already is sent again once, and only for the last millisecond.
    let mut repeated = seen.at_that_ms.clone();
    let mut reader = BufReader::new(stream);
    let mut printed = 0;
    while let Some(line) = next_line(&mut reader) {
        if let Some(index) = repeated.iter().position(|old| *old == line) {
            repeated.swap_remove(index);
            continue;
        }
        print(&line)?;
        seen.note(line);
        printed += 1;
    }
    Ok(printed)
}

/// The next line of the stream; none when it has ended, broken or makes no sense.
fn next_line(reader: &mut impl BufRead) -> Option<LogLine> {
    loop {
        let mut text = Vec::new();
        let length = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text).ok()?;
        if length == 0 {
            return None;
        }
        // An empty line only shows that the connection lives.
        if !text.trim_ascii().is_empty() {
            return serde_json::from_slice(&text).ok();
        }
    }
}

/// Whether a failure may pass: the server is gone for a moment, and did not refuse.
fn is_passing(failure: &Failure) -> bool {
    let passing = ["unreachable", "connection_lost", "timeout", "bad_answer", "busy", "internal"];
    failure.word().is_some_and(|word| passing.contains(&word.code.as_str()))
}

fn query(since_ms: Option<i64>, limit: Option<u32>) -> Vec<(&'static str, String)> {
    let since = since_ms.map(|since_ms| ("since_ms", since_ms.to_string()));
    let limit = limit.map(|limit| ("limit", limit.to_string()));
    since.into_iter().chain(limit).collect()
}

fn print(out: &Output, line: &LogLine) -> Result<(), Failure> {
    match out.form() {
        Form::Json => out.json_line(line),
        Form::Text => out.line(&pretty(line, out.data_paint())),
    }
}

/// `time revision stream message`. Further lines of the message, as of a stack trace, are indented: they can't pass for
/// others.
fn pretty(line: &LogLine, paint: Paint) -> String {
    let stream = match line.stream {
        LogStream::Stdout => "stdout".to_owned(),
        LogStream::Stderr => paint.yellow("stderr"),
        LogStream::Logging => escape(&line.level).into_owned(),
        LogStream::Platform => paint.cyan("ostro"),
    };
    let (time, revision) = (units::time(line.at_ms), format!("r{}", line.revision));
    let message = escape_block(line.message.trim_end()).replace('\n', "\n    ");
    format!("{} {} {stream} {message}", paint.dim(&time), paint.dim(&revision))
}

#[cfg(test)]
mod tests;
