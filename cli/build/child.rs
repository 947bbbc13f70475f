//! A process of a build: run to its end, its output kept or passed on, ended from outside with all that it started.

use std::{
    io::{self, PipeReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use runtime::clock::Clock;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Stop, Voice};

/// What is kept of the output, bytes: many faults of a compiler, or the names of ten thousand modules.
const MAX_OUTPUT_BYTES: u64 = 2 << 20;
/// How often a process is asked whether it has ended.
const PERIOD: Duration = Duration::from_millis(5);
/// A process that was left behind may hold the output open; nobody waits for it longer than this.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a process ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit status; that of a killed one when it was ended.
    pub(super) status: ExitStatus,
    /// What it wrote, to both streams, if that is kept.
    pub(super) output: String,
}

/// Runs a process to its end, or until it is stopped, or until it has run for `longest`.
pub(super) fn run(
    mut command: Command,
    voice: Voice,
    stop: &Stop,
    longest: Option<Duration>,
) -> io::Result<Ended> {
    let clock = Clock::system();
    let begin = clock.instant();
    let is_over = || {
        let is_late = longest.is_some_and(|longest| clock.instant().duration_since(begin) > longest);
        is_late || stop.is_stopped()
    };
    match voice {
        Voice::Through => {
            // Standard output is for data.
            let child = command.stdout(Stdio::from(io::stderr())).spawn()?;
            let status = wait(child, &is_over)?;
            Ok(Ended { status, output: String::new() })
        }
        Voice::Kept => {
            let (reader, writer) = io::pipe()?;
            // In a group of its own, so that it can be ended with all its children.
            let child = command.stdout(writer.try_clone()?).stderr(writer).process_group(0).spawn()?;
            // It holds the writing ends.
            drop(command);
            let words = read(reader);
            let status = wait(child, &is_over)?;
            let output = words.recv_timeout(LAST_WORDS).unwrap_or_default();
            Ok(Ended { status, output: String::from_utf8_lossy(&output).into_owned() })
        }
    }
}

/// Reads to the end in a thread of its own, so that the process is never held up.
fn read(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, words) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        // What could be read is better than nothing.
        let _ = reader.by_ref().take(MAX_OUTPUT_BYTES).read_to_end(&mut kept);
        let _ = io::copy(&mut reader, &mut io::sink());
        let _ = sender.send(kept);
    });
    words
}

fn wait(mut child: Child, is_over: &dyn Fn() -> bool) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if is_over() {
            if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
                // A group that has gone needs no signal.
                let _ = kill_process_group(group, Signal::KILL);
            }
            // One that shares our group is ended alone.
            let _ = child.kill();
            return child.wait();
        }
        std::thread::sleep(PERIOD);
    }
}
