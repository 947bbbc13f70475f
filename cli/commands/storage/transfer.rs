//! `ostro storage put` and `get`: content goes through as it comes, however long it is.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use runtime::control::wire::ObjectView;
use serde_json::json;

use super::{
    super::{Context, arriving::Arriving},
    media,
};
use crate::{
    args::{GetArgs, PutArgs},
    client::Content,
    failure::Failure,
    output::{Output, Progress, Reader, TerminalText, units},
};

/// What is read at once, bytes.
const PIECE_BYTES: usize = 256 << 10;

/// Puts an object.
pub(super) fn put(context: &Context, args: &PutArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let (bucket, key) = (&args.object.bucket.name, &args.object.key);
    let path = session.path(&["buckets", bucket, "objects", key]);
    let content_type = match &args.content_type {
        Some(given) => given.as_str(),
        None => content_type(&args.file, key),
    };
    let progress = context.out.progress(&format!("putting {key}"));
    let stored: ObjectView = if is_stream(&args.file) {
        let mut reader = Counted::new(io::stdin().lock(), None, &progress);
        session.client.put_content(&path, Content { content_type, size: None, reader: &mut reader })?
    } else {
        let what = args.file.display();
        let fault = |error: io::Error| Failure::io(&what, &error);
        let file = File::open(&args.file).map_err(fault)?;
        let about = file.metadata().map_err(fault)?;
        // Of a pipe nobody knows the length.
        let size = about.is_file().then_some(about.len());
        let mut reader = Counted::new(file, size, &progress);
        session.client.put_content(&path, Content { content_type, size, reader: &mut reader })?
    };
    drop(progress);
    context.out.show(&stored, |stored| {
        context.out.word(&format!("put {key} into bucket {bucket}: {}", units::bytes(stored.size)));
        Ok(())
    })
}

/// Gets an object.
pub(super) fn get(context: &Context, args: &GetArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let (bucket, key) = (&args.object.bucket.name, &args.object.key);
    let path = session.path(&["buckets", bucket, "objects", key]);
    let (size, mut content) = session.client.get_content(&path)?;
    if is_stream(&args.file) {
        return to_output(&context.out, &mut content);
    }
    let progress = context.out.progress(&format!("getting {key}"));
    let bytes = to_file(&mut Counted::new(content, size, &progress), &args.file, size)?;
    drop(progress);
    let file = args.file.display().to_string();
    context.out.show(&json!({ "key": key, "file": file, "size": bytes }), |_| {
        context.out.word(&format!("got {key} of bucket {bucket}: {} in {file}", units::bytes(bytes)));
        Ok(())
    })
}

fn to_output(out: &Output, content: &mut impl Read) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let copied = match out.data_reader() {
        Reader::Program => copy(content, &mut stdout),
        Reader::Terminal => {
            let mut terminal = TerminalText::new(&mut stdout);
            copy(content, &mut terminal).and_then(|bytes| {
                terminal.finish().map_err(Fault::Write)?;
                Ok(bytes)
            })
        }
    };
    match copied.and_then(|_| stdout.flush().map_err(Fault::Write)) {
        Ok(()) => Ok(()),
        Err(Fault::Read(error)) => Err(broken_off(&error)),
        Err(Fault::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(Fault::Write(error)) => Err(Failure::io("standard output", &error)),
    }
}

fn to_file(content: &mut impl Read, file: &Path, size: Option<u64>) -> Result<u64, Failure> {
    let mut file = Arriving::create(file)?;
    let bytes = match copy(content, &mut file) {
        Ok(bytes) => bytes,
        Err(Fault::Read(error)) => return Err(broken_off(&error)),
        Err(Fault::Write(error)) => return Err(file.fault(&error)),
    };
    if size.is_some_and(|size| size != bytes) {
        return Err(broken_off(&io::ErrorKind::UnexpectedEof.into()));
    }
    file.finish()?;
    Ok(bytes)
}

/// Which side of a copy has failed.
enum Fault {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<u64, Fault> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied: u64 = 0;
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Read(error)),
        };
        to.write_all(piece.get(..read).unwrap_or_default()).map_err(Fault::Write)?;
        copied += u64::try_from(read).unwrap_or(u64::MAX);
    }
}

fn broken_off(error: &io::Error) -> Failure {
    Failure::io("the object", error).hint("it did not come to its end; the server's log may say why")
}

/// A reader that shows how far it has come.
struct Counted<'a, R> {
    reader: R,
    read: u64,
    size: Option<u64>,
    progress: &'a Progress,
}

impl<'a, R> Counted<'a, R> {
    fn new(reader: R, size: Option<u64>, progress: &'a Progress) -> Self {
        Self { reader, read: 0, size, progress }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read += u64::try_from(read).unwrap_or(u64::MAX);
        self.progress.say(match self.size {
            Some(size) => format!("{} of {}", units::bytes(self.read), units::bytes(size)),
            None => units::bytes(self.read),
        });
        Ok(read)
    }
}

fn content_type(file: &Path, key: &str) -> &'static str {
    let of_file = file.file_name().and_then(|name| name.to_str()).map_or("", media::type_of);
    if of_file.is_empty() { media::type_of(key) } else { of_file }
}

fn is_stream(file: &Path) -> bool {
    file == Path::new("-")
}
