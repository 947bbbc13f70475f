//! Data to standard output, words to standard error; what a guest wrote never reaches a terminal raw.

mod escape;
mod indent;
mod progress;
mod table;
pub(crate) mod units;

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

pub(crate) use escape::{TerminalText, escape, escape_block};
pub(crate) use indent::one_line;
pub(crate) use progress::Progress;
pub(crate) use table::Table;

use crate::failure::Failure;

/// Where a command's output goes and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    form: Form,
    words: Words,
    data_paint: Paint,
    word_paint: Paint,
    data_reader: Reader,
    word_reader: Reader,
}

/// Form of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whether words that are neither data nor errors are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// They are.
    Said,
    /// `--quiet`.
    Unsaid,
}

/// Who reads a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A terminal, which obeys escape sequences.
    Terminal,
    /// A file or another program.
    Program,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// No colours.
    Plain,
    /// ANSI colours.
    Ansi,
}

impl Paint {
    fn for_reader(reader: Reader) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match reader {
            Reader::Terminal if !set("NO_COLOR") && !dumb => Self::Ansi,
            _ => Self::Plain,
        }
    }

    /// For what is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.code("1;31", text)
    }

    /// For what needs a look.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.code("33", text)
    }

    /// For what to do next.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.code("36", text)
    }

    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

impl Output {
    /// The output of this process.
    pub(crate) fn new(form: Form, words: Words) -> Self {
        let reader = |is_terminal| if is_terminal { Reader::Terminal } else { Reader::Program };
        let data_reader = reader(io::stdout().is_terminal());
        let word_reader = reader(io::stderr().is_terminal());
        Self {
            form,
            words,
            data_paint: Paint::for_reader(data_reader),
            word_paint: Paint::for_reader(word_reader),
            data_reader,
            word_reader,
        }
    }

    /// Form of the data.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Who reads the data.
    pub(crate) fn data_reader(&self) -> Reader {
        self.data_reader
    }

    /// Colours for the data.
    pub(crate) fn data_paint(&self) -> Paint {
        self.data_paint
    }

    /// Colours for words.
    pub(crate) fn word_paint(&self) -> Paint {
        self.word_paint
    }

    /// One line of data. The caller has escaped what is not ours.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.data(format!("{line}\n").as_bytes())
    }

    /// Data as it is, written through at once: a reader of a stream waits for every line.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::io("standard output", &error),
        })
    }

    /// One value as JSON on one line, or indented when a person looks at it.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match self.data_reader {
            Reader::Terminal => serde_json::to_string_pretty(value),
            Reader::Program => serde_json::to_string(value),
        };
        self.json_text(text)
    }

    /// One value as JSON on one line, whoever reads it: a line of a stream.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.json_text(serde_json::to_string(value))
    }

    /// JSON text of somebody else, as it is written: a line of a stream for programs, indented for people.
    pub(crate) fn document(&self, json: &str) -> Result<(), Failure> {
        match (self.form, self.data_reader) {
            (Form::Text, Reader::Terminal) => self.line(&escape::json(&indent::indented(json))),
            _ => self.document_line(json),
        }
    }

    /// The same on one line, whoever reads it.
    pub(crate) fn document_line(&self, json: &str) -> Result<(), Failure> {
        self.line(&escape::json(&one_line(json)))
    }

    fn json_text(&self, text: serde_json::Result<String>) -> Result<(), Failure> {
        let text =
            text.map_err(|error| Failure::local(format!("the answer can't be written as JSON: {error}")))?;
        self.line(&escape::json(&text))
    }

    /// The value with `--json`, otherwise what `text` makes of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Json => self.json(value),
            Form::Text => text(value),
        }
    }

    /// A table of data; `empty` is said when it has no rows.
    pub(crate) fn table(&self, table: &Table, empty: &str) -> Result<(), Failure> {
        if table.is_empty() {
            self.word(empty);
            return Ok(());
        }
        self.data(table.render(self.data_paint).as_bytes())
    }

    /// Words about what is going on; nothing with `--quiet`.
    pub(crate) fn word(&self, text: &str) {
        if self.words == Words::Said {
            say(&format!("{}\n", escape_block(text)));
        }
    }

    /// Something that went well but needs a look; nothing with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        if self.words == Words::Said {
            say(&format!("{}: {}\n", self.word_paint.yellow("warning"), escape_block(text)));
        }
    }

    /// A failure, in the form of the data.
    pub(crate) fn failure(&self, failure: &Failure) {
        let Some(word) = failure.word() else { return };
        match self.form {
            Form::Text => say(&word.to_text(self.word_paint)),
            Form::Json => say(&format!("{}\n", escape::json(&word.to_json().to_string()))),
        }
    }

    /// Shows that work goes on, on a terminal; elsewhere one line.
    pub(crate) fn progress(&self, what: &str) -> Progress {
        match (self.words, self.word_reader) {
            (Words::Unsaid, _) => Progress::silent(),
            (Words::Said, Reader::Program) => {
                self.word(what);
                Progress::silent()
            }
            (Words::Said, Reader::Terminal) => Progress::start(escape(what).into_owned()),
        }
    }
}

/// To standard error; when that is gone too there is nobody left to tell.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
