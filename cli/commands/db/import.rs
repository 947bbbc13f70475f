//! `ostro db import`: the documents of a file, in batches.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use runtime::control::wire::{InsertRequest, Inserted, MAX_INSERT_BYTES, MAX_INSERTED};
use serde_json::json;

use super::{
    super::{Context, Session, shell_word},
    counted,
    entries::{Entries, Entry, Form},
};
use crate::{args::ImportArgs, failure::Failure};

/// JSON of one batch, bytes: half of what a server takes.
const BATCH_BYTES: usize = MAX_INSERT_BYTES / 2;
/// Codes of refusals that one document may be the reason of.
const FAULTS: [&str; 4] = ["duplicate", "invalid", "too_much", "bad_json"];

/// Puts in every document.
pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let session = context.session()?;
    if args.file == Path::new("-") {
        let entries = Entries::new("standard input".to_owned(), io::stdin().lock());
        return import(context, &Import::new(context, &session, args, "FILE"), entries);
    }
    let file = args.file.display().to_string();
    let reader = File::open(&args.file).map_err(|error| Failure::io(&file, &error))?;
    let entries = Entries::new(file.clone(), BufReader::with_capacity(256 << 10, reader));
    import(context, &Import::new(context, &session, args, &file), entries)
}

fn import(context: &Context, import: &Import<'_>, entries: Entries<impl BufRead>) -> Result<(), Failure> {
    let mut batches = Batches { entries, kept: None };
    let mut taken = Taken::default();
    let progress = context.out.progress(&format!("importing {} into {}", import.file, import.collection));
    loop {
        let form = batches.entries.form();
        let batch = batches.next().map_err(|failure| import.explain(&taken, form, failure))?;
        if batch.is_empty() {
            break;
        }
        let form = batches.entries.form();
        import.send(&batch, &mut taken).map_err(|failure| import.explain(&taken, form, failure))?;
        progress.say(format!("imported {}", counted(taken.documents(), "document")));
    }
    drop(progress);
    let Taken { inserted, replaced, skipped, .. } = taken;
    let value = json!({ "inserted": inserted, "replaced": replaced, "skipped": skipped });
    context.out.show(&value, |_| {
        let mut word =
            format!("imported {} into {}", counted(taken.documents(), "document"), import.collection);
        if replaced > 0 {
            word.push_str(&format!(": {inserted} new, {replaced} replaced"));
        }
        if skipped > 0 {
            word.push_str(&format!("; {skipped} were there already and stay as they are"));
        }
        context.out.word(&word);
        Ok(())
    })
}

/// Where documents go.
struct Import<'a> {
    session: &'a Session,
    collection: &'a str,
    args: &'a ImportArgs,
    /// What the file is called.
    file: &'a str,
    /// How the command begins that goes on.
    ostro: String,
    path: String,
}

impl<'a> Import<'a> {
    fn new(context: &Context, session: &'a Session, args: &'a ImportArgs, file: &'a str) -> Self {
        let collection = args.collection.name.as_str();
        let path = session.path(&["collections", collection, "documents"]);
        Self { session, collection, args, file, ostro: context.again(), path }
    }

    /// Sends documents. Where the server refuses them for one that is among them, those before it are stored all the
    /// same, so that a file is always taken up to a line.
    fn send(&self, batch: &[Entry], taken: &mut Taken) -> Result<(), Failure> {
        let documents = batch.iter().map(|entry| entry.json.clone()).collect();
        let request = InsertRequest { documents, existing: self.args.existing() };
        let sent: Result<Inserted, _> = self.session.client.post(&self.path, &request);
        match (sent, batch) {
            (Ok(inserted), _) => {
                taken.add(&inserted, batch);
                Ok(())
            }
            (Err(failure), [entry]) => Err(of_line(entry.line, failure)),
            (Err(failure), _) if is_fault(&failure) => {
                let (first, second) = batch.split_at_checked(batch.len() / 2).unwrap_or((batch, &[]));
                self.send(first, taken)?;
                self.send(second, taken)
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// Says how to go on after a failure: what was taken stays taken.
    fn explain(&self, taken: &Taken, form: Form, failure: Failure) -> Failure {
        let Some(word) = failure.word() else { return failure };
        let is_lost = ["connection_lost", "timeout"].contains(&word.code.as_str());
        let mut hint = word.hint.as_ref().map(|hint| format!("{hint}; ")).unwrap_or_default();
        let Self { collection, ostro, .. } = self;
        let file = shell_word(self.file);
        let documents = counted(taken.documents(), "document");
        hint.push_str(&match (taken.documents(), taken.last_line, form) {
            (0, _, _) => "nothing was taken before".to_owned(),
            (_, last_line, Form::Lines) => format!(
                "taken before: {documents}, up to line {last_line}; go on with: \
                 tail -n +{} {file} | {ostro} db import {collection} -{}",
                last_line + 1,
                self.flag()
            ),
            (_, last_line, Form::Array) => format!(
                "taken before: {documents}, up to the one that begins at line {last_line}; where documents have an _id, \
                 go on with: {ostro} db import {collection} {file} --skip-existing"
            ),
        });
        if is_lost {
            hint.push_str("; the next batch may have been taken too: --skip-existing passes over what was");
        }
        failure.hint(hint)
    }

    fn flag(&self) -> &'static str {
        match (self.args.upsert, self.args.skip_existing) {
            (true, _) => " --upsert",
            (false, true) => " --skip-existing",
            (false, false) => "",
        }
    }
}

/// What the server has taken so far.
#[derive(Debug, Default)]
struct Taken {
    inserted: u64,
    replaced: u64,
    skipped: u64,
    /// The line of the last document.
    last_line: u64,
}

impl Taken {
    fn documents(&self) -> u64 {
        self.inserted + self.replaced + self.skipped
    }

    fn add(&mut self, inserted: &Inserted, batch: &[Entry]) {
        self.inserted += u64::try_from(inserted.ids.len()).unwrap_or(u64::MAX);
        self.replaced += inserted.replaced;
        self.skipped += inserted.skipped;
        self.last_line = batch.last().map_or(self.last_line, |entry| entry.line);
    }
}

/// Documents in batches that a server takes.
struct Batches<R> {
    entries: Entries<R>,
    /// What came behind the batch before: a document that did not fit, the end, or what went wrong there.
    kept: Option<Result<Option<Entry>, Failure>>,
}

impl<R: BufRead> Batches<R> {
    /// The next documents, none at the end.
    fn next(&mut self) -> Result<Vec<Entry>, Failure> {
        let (mut batch, mut bytes): (Vec<Entry>, usize) = (Vec::new(), 0);
        while batch.len() < MAX_INSERTED {
            let next = self.kept.take().unwrap_or_else(|| self.entries.next());
            let Ok(Some(entry)) = next else {
                if batch.is_empty() {
                    return next.map(|_| batch);
                }
                // Those before it go first.
                self.kept = Some(next);
                break;
            };
            bytes += entry.json.get().len() + 1;
            if bytes > BATCH_BYTES && !batch.is_empty() {
                self.kept = Some(Ok(Some(entry)));
                break;
            }
            batch.push(entry);
        }
        Ok(batch)
    }
}

/// Whether one of the documents may be the reason.
fn is_fault(failure: &Failure) -> bool {
    failure.word().is_some_and(|word| FAULTS.contains(&word.code.as_str()))
}

/// The failure of a document, with its line.
fn of_line(line: u64, failure: Failure) -> Failure {
    match failure {
        Failure::Failed(mut word) if FAULTS.contains(&word.code.as_str()) => {
            word.message = format!("line {line}: {}", word.message);
            Failure::Failed(word)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &[u8]) -> Batches<&[u8]> {
        Batches { entries: Entries::new("f".to_owned(), text), kept: None }
    }

    #[test]
    fn batches_are_bounded_by_number_and_size() {
        let many = b"{}\n".repeat(2_500);
        let mut many = batches(&many);
        let sizes: Vec<_> = (0..4).map(|_| many.next().unwrap().len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500, 0]);
        let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000_000)).repeat(9);
        let mut long = batches(long.as_bytes());
        let lines: Vec<Vec<u64>> =
            (0..4).map(|_| long.next().unwrap().iter().map(|entry| entry.line).collect()).collect();
        assert_eq!(lines, [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9], vec![]]);
    }

    #[test]
    fn what_stands_before_a_fault_goes_first() {
        let mut batches = batches(b"{}\n{}\nno\n{}\n");
        assert_eq!(batches.next().unwrap().len(), 2);
        let failure = batches.next().unwrap_err();
        assert!(failure.word().unwrap().message.contains("line 3"), "{failure:?}");
    }
}
