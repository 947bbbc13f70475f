//! `ostro queue send --lines`: a message a line, in batches.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
};

use runtime::control::wire::{
    Batch, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_PAYLOAD_BYTES, NewMessage, SentBatch, text_or_base64,
};
use serde_json::{json, value::to_raw_value};

use super::{
    super::{Context, Session, body, shell_word},
    counted,
};
use crate::{
    args::{Data, SendArgs},
    failure::Failure,
};

/// JSON of one batch, bytes: half of what a server takes.
const BATCH_BYTES: usize = MAX_BATCH_BYTES / 2;
/// What the JSON of a message has besides its body, bytes, keys and media type not counted.
const FRAME_BYTES: usize = 64;

/// Sends every line that is not empty.
pub(super) fn run(context: &Context, args: &SendArgs, lines: &Data) -> Result<(), Failure> {
    let session = context.session()?;
    let queue = &args.queue.name;
    match lines {
        Data::File(path) => {
            let file = path.display().to_string();
            let reader = File::open(path).map_err(|error| Failure::io(&file, &error))?;
            let lines = Lines::new(file.clone(), BufReader::new(reader));
            send(context, &session, args, lines, Taken::nothing(context.again(), queue, &file))
        }
        _ => {
            let lines = Lines::new("standard input".to_owned(), io::stdin().lock());
            send(context, &session, args, lines, Taken::nothing(context.again(), queue, "FILE"))
        }
    }
}

fn send(
    context: &Context,
    session: &Session,
    args: &SendArgs,
    mut lines: Lines<impl BufRead>,
    mut taken: Taken<'_>,
) -> Result<(), Failure> {
    let path = session.path(&["queues", taken.queue, "batch"]);
    let progress = context.out.progress(&format!("sending the lines of {}", lines.what));
    loop {
        let (messages, last_line) = lines.batch(args).map_err(|failure| taken.explain(failure))?;
        if messages.is_empty() {
            break;
        }
        let sent: Result<SentBatch, _> = session.client.post(&path, &Batch { messages });
        taken.add(&sent.map_err(|failure| taken.explain(failure))?, last_line);
        progress.say(format!("sent {}", counted(taken.messages, "message")));
    }
    drop(progress);
    let value = json!({ "sent": taken.messages, "lines": lines.read });
    context.out.show(&value, |_| {
        let what = counted(taken.messages, "message");
        context.out.word(&format!("sent {what} to queue {}", taken.queue));
        Ok(())
    })
}

/// What the server has taken so far.
#[derive(Debug)]
struct Taken<'a> {
    queue: &'a str,
    /// What the file with the lines is called in the command that goes on.
    file: &'a str,
    /// How that command begins.
    ostro: String,
    messages: u64,
    /// The last of these lines, counted from 1.
    last_line: u64,
}

impl<'a> Taken<'a> {
    fn nothing(ostro: String, queue: &'a str, file: &'a str) -> Self {
        Self { queue, file, ostro, messages: 0, last_line: 0 }
    }

    fn add(&mut self, sent: &SentBatch, last_line: u64) {
        self.messages += u64::try_from(sent.jobs.len()).unwrap_or(u64::MAX);
        self.last_line = last_line;
    }

    /// Says how to go on after a failure: what was taken stays taken.
    fn explain(&self, failure: Failure) -> Failure {
        let Some(word) = failure.word() else { return failure };
        let Self { queue, ostro, messages, last_line, .. } = self;
        let file = shell_word(self.file);
        let next = last_line + 1;
        let mut hint = word.hint.as_ref().map(|hint| format!("{hint}; ")).unwrap_or_default();
        hint.push_str(&match messages {
            0 => "nothing was taken before".to_owned(),
            _ => format!(
                "taken before: {}, up to line {last_line}; go on with: \
                 tail -n +{next} {file} | {ostro} queue send {queue} --lines -",
                counted(*messages, "message"),
            ),
        });
        if ["connection_lost", "timeout"].contains(&word.code.as_str()) {
            hint.push_str(&format!("; the batch from line {next} on may have been taken too"));
        }
        failure.hint(hint)
    }
}

/// Lines on their way into messages.
#[derive(Debug)]
struct Lines<R> {
    what: String,
    reader: R,
    /// Lines read, empty ones included.
    read: u64,
    /// A line that did not fit into the batch before.
    kept: Option<Vec<u8>>,
}

impl<R: BufRead> Lines<R> {
    fn new(what: String, reader: R) -> Self {
        Self { what, reader, read: 0, kept: None }
    }

    /// The next messages, none at the end, and the number of the last line among them.
    fn batch(&mut self, args: &SendArgs) -> Result<(Vec<NewMessage>, u64), Failure> {
        let mut messages = Vec::new();
        let (mut size, mut last_line) = (0, 0);
        while messages.len() < MAX_BATCH_MESSAGES {
            let Some(line) = self.next()? else { break };
            if line.is_empty() {
                continue;
            }
            let message = message(&line, args)?;
            let parts = [&message.order, &message.delay, &message.content_type];
            let more: usize = parts.into_iter().flatten().map(String::len).sum();
            size += message.body.get().len() + more + FRAME_BYTES;
            if size > BATCH_BYTES && !messages.is_empty() {
                self.kept = Some(line);
                break;
            }
            messages.push(message);
            last_line = self.read;
        }
        Ok((messages, last_line))
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(line) = self.kept.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        // A line that is too long is not read to its end: it may not have one.
        let most = u64::try_from(MAX_PAYLOAD_BYTES + 2).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::io(&self.what, &error))? == 0 {
            return Ok(None);
        }
        self.read += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        match line.len() {
            ..=MAX_PAYLOAD_BYTES => Ok(Some(line)),
            _ => Err(Failure::local(format!(
                "{}: line {} is longer than the {} KiB of a message",
                self.what,
                self.read,
                MAX_PAYLOAD_BYTES >> 10
            ))),
        }
    }
}

fn message(line: &[u8], args: &SendArgs) -> Result<NewMessage, Failure> {
    let (text, base64) = text_or_base64(line);
    Ok(NewMessage {
        body: to_raw_value(&text).map_err(|error| Failure::local(error.to_string()))?,
        base64,
        content_type: Some(args.content_type.clone().unwrap_or_else(|| body::content_type(line).to_owned())),
        delay: args.delay.clone(),
        key: None,
        order: args.order.clone(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::{Cli, Command, QueueCommand},
        failure::Word,
    };

    fn args(more: &[&str]) -> SendArgs {
        let line = ["ostro", "queue", "send", "mail", "--lines", "-"].iter().chain(more);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Queue(QueueCommand::Send(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    fn lines(text: &[u8]) -> Lines<&[u8]> {
        Lines::new("standard input".to_owned(), text)
    }

    #[test]
    fn each_line_is_a_message() {
        let mut lines = lines(b"{\"a\":1}\r\n\nplain \xc3\xbc\n\xff\xfe\nlast");
        let (messages, last_line) = lines.batch(&args(&["--order", "7", "--delay", "5s"])).unwrap();
        assert_eq!(last_line, 5);
        assert_eq!(
            serde_json::to_value(messages).unwrap(),
            json!([
                { "body": "{\"a\":1}", "content_type": "application/json", "delay": "5s", "order": "7" },
                { "body": "plain ü", "content_type": "text/plain; charset=utf-8", "delay": "5s", "order": "7" },
                { "body": "//4=", "base64": true, "content_type": "application/octet-stream", "delay": "5s", "order": "7" },
                { "body": "last", "content_type": "text/plain; charset=utf-8", "delay": "5s", "order": "7" },
            ])
        );
        assert!(lines.batch(&args(&[])).unwrap().0.is_empty());
    }

    #[test]
    fn batches_are_bounded_by_number_and_size() {
        let many = b"x\n".repeat(2_500);
        let mut lines = lines(&many);
        let sizes: Vec<_> = std::iter::from_fn(|| Some(lines.batch(&args(&[])).unwrap()))
            .take_while(|(messages, _)| !messages.is_empty())
            .map(|(messages, last_line)| (messages.len(), last_line))
            .collect();
        assert_eq!(sizes, [(1_000, 1_000), (1_000, 2_000), (500, 2_500)]);
        let long = [vec![b'"'; MAX_PAYLOAD_BYTES], vec![b'\n']].concat().repeat(40);
        let mut lines = self::lines(&long);
        let (mut seen, mut batches) = (0, 0);
        loop {
            let (messages, last_line) = lines.batch(&args(&[])).unwrap();
            if messages.is_empty() {
                break;
            }
            let json = serde_json::to_vec(&Batch { messages: messages.clone() }).unwrap();
            assert!(json.len() <= BATCH_BYTES + 1_024, "{} bytes", json.len());
            seen += messages.len();
            batches += 1;
            assert_eq!(last_line, seen as u64, "no line is lost between batches");
        }
        assert_eq!((seen, batches), (40, 3));
    }

    #[test]
    fn a_line_that_is_too_long_is_named() {
        let text = [b"short\n".to_vec(), vec![b'x'; MAX_PAYLOAD_BYTES + 1], b"\n".to_vec()].concat();
        let failure = lines(&text).batch(&args(&[])).unwrap_err();
        assert!(failure.word().unwrap().message.contains("line 2 is longer"), "{failure:?}");
    }

    #[test]
    fn a_failure_says_how_to_go_on() {
        let jobs = vec![runtime::control::wire::Sent { job: Default::default(), duplicate: false }; 3];
        let mut taken = Taken::nothing("ostro --project shop".to_owned(), "mail", "a b.txt");
        let hint = |taken: &Taken<'_>, failure: Failure| {
            taken.explain(failure).word().unwrap().hint.clone().unwrap()
        };
        let full = || Failure::local("full").hint("wait");
        assert_eq!(hint(&taken, full()), "wait; nothing was taken before");
        taken.add(&SentBatch { jobs }, 4);
        let go_on = "taken before: 3 messages, up to line 4; go on with: \
                     tail -n +5 'a b.txt' | ostro --project shop queue send mail --lines -";
        assert_eq!(hint(&taken, full()), format!("wait; {go_on}"));
        let lost = Failure::Failed(Box::new(Word::new("timeout", "no answer")));
        assert_eq!(hint(&taken, lost), format!("{go_on}; the batch from line 5 on may have been taken too"));
    }
}
