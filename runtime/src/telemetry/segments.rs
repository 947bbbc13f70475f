//! Logs and failures on disk: a folder per function, JSON lines in segments, oldest segments deleted first.
//!
//! A segment is named `KIND-SEQUENCE-STARTMS.jsonl`; names sort in the order of writing. One thread writes,
//! any thread reads up to a [`Position`] that the writer has told. Lines that do not parse (a torn one after
//! a crash) are skipped.

use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::UNIX_EPOCH;

use cap_std::fs::{Dir, File, OpenOptions};
use serde::de::DeserializeOwned;
use store::catalog::FunctionId;

use super::record::{InvocationRecord, LogLine};

/// Largest segment, bytes.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Most that one read answers, bytes of JSON.
const ANSWER_BYTES: usize = 8 << 20;
/// Lines of different threads may be written this much out of order, milliseconds.
const DISORDER_MS: i64 = 10_000;
const BUFFER_BYTES: usize = 16 << 10;

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Log lines.
    Log,
    /// Records of failed invocations.
    Failure,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Log => "log-",
            Self::Failure => "failure-",
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    /// Log of one function, bytes.
    pub(super) log_bytes: u64,
    /// Age, days.
    pub(super) days: u32,
}

impl Retention {
    /// Failures get an eighth of the log's size.
    fn kept_bytes(self, kind: Kind) -> u64 {
        match kind {
            Kind::Log => self.log_bytes,
            Kind::Failure => self.log_bytes / 8,
        }
    }

    /// At most half of what is kept, so that there is always an older segment to delete.
    fn segment_bytes(self, kind: Kind) -> u64 {
        SEGMENT_BYTES.min(self.kept_bytes(kind) / 2)
    }
}

/// The end of what was written at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    segment: String,
    bytes: u64,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Lines or failures.
    pub(super) kind: Kind,
    /// Nothing older, milliseconds since 1970.
    pub(super) since_ms: i64,
    /// The newest so many.
    pub(super) limit: usize,
}

/// Something with a time, as it stands in a segment.
pub(super) trait Dated: DeserializeOwned {
    /// Milliseconds since 1970.
    fn at_ms(&self) -> i64;
}

impl Dated for LogLine {
    fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

impl Dated for InvocationRecord {
    fn at_ms(&self) -> i64 {
        self.started_ms
    }
}

/// The open end of a function's segments of one kind.
pub(super) struct Appender {
    folder: Dir,
    kind: Kind,
    retention: Retention,
    sequence: u64,
    bytes: u64,
    file: BufWriter<File>,
}

impl Appender {
    /// Opens the newest segment, or a first one.
    pub(super) fn open(
        root: &Dir,
        function: FunctionId,
        kind: Kind,
        retention: Retention,
        at_ms: i64,
    ) -> io::Result<Self> {
        let name = function.0.to_string();
        root.create_dir_all(&name)?;
        let folder = root.open_dir(&name)?;
        let Some(newest) = names(&folder, kind)?.pop() else {
            let file = create(&folder, kind, 1, at_ms)?;
            return Ok(Self { folder, kind, retention, sequence: 1, bytes: 0, file });
        };
        let mut file = folder.open_with(&newest, OpenOptions::new().read(true).append(true))?;
        let bytes = end_line(&mut file)?;
        let sequence = parse(&newest, kind).map_or(1, |(sequence, _)| sequence);
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { folder, kind, retention, sequence, bytes, file })
    }

    /// Appends a line, which ends with a line feed. A full segment is closed first, and the oldest ones
    /// deleted so that a whole new one fits.
    pub(super) fn append(&mut self, line: &[u8], at_ms: i64) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let most = self.retention.segment_bytes(self.kind);
        if self.bytes > 0 && self.bytes.saturating_add(length) > most {
            self.file.flush()?;
            prune(&self.folder, self.kind, self.retention.kept_bytes(self.kind).saturating_sub(most))?;
            self.file = create(&self.folder, self.kind, self.sequence + 1, at_ms)?;
            self.sequence += 1;
            self.bytes = 0;
        }
        self.file.write_all(line)?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    /// Hands what is buffered to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where the segments end now; `None` when there are none.
pub(super) fn end(root: &Dir, function: FunctionId, kind: Kind) -> io::Result<Option<Position>> {
    let Some(folder) = open_folder(root, function)? else { return Ok(None) };
    let Some(segment) = names(&folder, kind)?.pop() else { return Ok(None) };
    let bytes = folder.metadata(&segment)?.len();
    Ok(Some(Position { segment, bytes }))
}

/// The newest entries up to `position`, oldest first: at most `limit`, and at most 8 MiB.
pub(super) fn read<T: Dated>(
    root: &Dir,
    function: FunctionId,
    reading: &Reading,
    position: &Position,
) -> io::Result<Vec<T>> {
    let Some(folder) = open_folder(root, function)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut room = ANSWER_BYTES;
    for name in names(&folder, reading.kind)?.iter().rev() {
        let until = match name.cmp(&position.segment) {
            std::cmp::Ordering::Greater => continue,
            std::cmp::Ordering::Equal => position.bytes,
            std::cmp::Ordering::Less => u64::MAX,
        };
        let text = match read_segment(&folder, name, until) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue, // deleted meanwhile
            other => other?,
        };
        for line in text.rsplit(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(entry) = serde_json::from_slice::<T>(line) else { continue };
            if entry.at_ms() < reading.since_ms {
                continue;
            }
            if found.len() >= reading.limit || line.len() > room {
                found.reverse();
                return Ok(found);
            }
            room -= line.len();
            found.push(entry);
        }
        let start = parse(name, reading.kind).map_or(i64::MIN, |(_, start_ms)| start_ms);
        if start.saturating_add(DISORDER_MS) < reading.since_ms {
            break; // everything in older segments is older still
        }
    }
    found.reverse();
    Ok(found)
}

/// Deletes a function's folder.
pub(super) fn delete(root: &Dir, function: FunctionId) -> io::Result<()> {
    match root.remove_dir_all(function.0.to_string()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Deletes segments that were last written too long ago, and folders that are empty then. No appender may
/// be open.
pub(super) fn expire(root: &Dir, retention: Retention, now_ms: i64) -> io::Result<()> {
    let oldest_ms = now_ms.saturating_sub(i64::from(retention.days) * 86_400_000);
    for entry in root.entries()? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let folder = entry.open_dir()?;
        for segment in folder.entries()? {
            let segment = segment?;
            let modified = segment.metadata()?.modified()?.into_std();
            let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            if i64::try_from(age.as_millis()).unwrap_or(i64::MAX) < oldest_ms {
                segment.remove_file()?;
            }
        }
        // Fails, as it should, while there is something in it.
        let _ = root.remove_dir(entry.file_name());
    }
    Ok(())
}

fn open_folder(root: &Dir, function: FunctionId) -> io::Result<Option<Dir>> {
    match root.open_dir(function.0.to_string()) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn create(folder: &Dir, kind: Kind, sequence: u64, at_ms: i64) -> io::Result<BufWriter<File>> {
    let name = format!("{}{sequence:010}-{:015}.jsonl", kind.prefix(), at_ms.max(0));
    let file = folder.open_with(name, OpenOptions::new().create_new(true).append(true))?;
    Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
}

/// Sequence and start of a segment, from its name.
fn parse(name: &str, kind: Kind) -> Option<(u64, i64)> {
    let (sequence, start) = name.strip_prefix(kind.prefix())?.strip_suffix(".jsonl")?.split_once('-')?;
    Some((sequence.parse().ok()?, start.parse().ok()?))
}

/// Names of the segments of one kind, oldest first.
fn names(folder: &Dir, kind: Kind) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.entries()? {
        if let Ok(name) = entry?.file_name().into_string()
            && parse(&name, kind).is_some()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Deletes the oldest segments until the rest is no larger than `most` bytes.
fn prune(folder: &Dir, kind: Kind, most: u64) -> io::Result<()> {
    let mut kept = 0u64;
    for name in names(folder, kind)?.iter().rev() {
        kept = kept.saturating_add(folder.metadata(name)?.len());
        if kept > most {
            folder.remove_file(name)?;
        }
    }
    Ok(())
}

/// Ends a line that a crash has torn, so that the next one starts on its own. Returns the size.
fn end_line(file: &mut File) -> io::Result<u64> {
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes == 0 {
        return Ok(0);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0u8; 1];
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(bytes);
    }
    file.write_all(b"\n")?;
    Ok(bytes + 1)
}

fn read_segment(folder: &Dir, name: &str, until: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    folder.open(name)?.take(until).read_to_end(&mut text)?;
    Ok(text)
}
