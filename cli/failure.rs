//! How a command fails, what it says then, and its exit code.

use std::{fmt::Write as _, io, process::ExitCode};

use serde_json::{Value, json};

use crate::output::{Paint, escape_block};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that makes no sense: exit code 2.
    Usage(Box<Word>),
    /// It was tried and went wrong: exit code 1.
    Failed(Box<Word>),
    /// Everything has been said already: exit code 1.
    Said,
    /// Whoever read our output has gone, as in `ostro list | head -1`: nobody to talk to, exit code 0.
    OutputClosed,
}

/// What is wrong, and what to do next.
#[derive(Debug, Default)]
pub(crate) struct Word {
    /// Stable code: the server's, or one of the command line's own.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Structured facts from the server.
    pub(crate) detail: Option<Value>,
    /// Lines that show where the fault is, such as a part of a manifest.
    pub(crate) excerpt: Option<String>,
}

impl Failure {
    /// Wrong use.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(Box::new(Word::new("usage", message)))
    }

    /// Something went wrong on this side.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::Failed(Box::new(Word::new("local", message)))
    }

    /// A file or a stream could not be used.
    pub(crate) fn io(what: impl std::fmt::Display, error: &io::Error) -> Self {
        Self::Failed(Box::new(Word::new("io", format!("{what}: {}", io_word(error)))))
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Usage(word) | Self::Failed(word) = &mut self {
            word.hint = Some(hint.into());
        }
        self
    }

    /// Adds the lines that show where the fault is.
    pub(crate) fn excerpt(mut self, excerpt: String) -> Self {
        if let Self::Usage(word) | Self::Failed(word) = &mut self {
            word.excerpt = Some(excerpt);
        }
        self
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Said => ExitCode::FAILURE,
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }

    /// What there is to say, if anything.
    pub(crate) fn word(&self) -> Option<&Word> {
        match self {
            Self::Usage(word) | Self::Failed(word) => Some(word),
            Self::Said | Self::OutputClosed => None,
        }
    }
}

impl Word {
    /// A word without a hint.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// For people: `error: message`, where, the facts, `  hint: …`. Parts may come from a guest or a
    /// foreign server, so all of it is escaped.
    pub(crate) fn to_text(&self, paint: Paint) -> String {
        let mut text = format!("{}: {}\n", paint.red("error"), escape_block(&self.message));
        match (&self.excerpt, &self.detail) {
            // It shows the place that the facts would name.
            (Some(excerpt), _) => text.push_str(&escape_block(excerpt)),
            (None, Some(Value::Object(facts))) => {
                for (name, fact) in facts {
                    let _ = writeln!(text, "  {}: {}", escape_block(name), escape_block(&fact_text(fact)));
                }
            }
            (None, _) => {}
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  {}: {}", paint.cyan("hint"), escape_block(hint));
        }
        text
    }

    /// For programs: the form of the control API's errors, with the excerpt if there is one.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(object) = error.as_object_mut() {
            if let Some(hint) = &self.hint {
                object.insert("hint".to_owned(), json!(hint));
            }
            if let Some(detail) = &self.detail {
                object.insert("detail".to_owned(), detail.clone());
            }
            if let Some(excerpt) = &self.excerpt {
                object.insert("excerpt".to_owned(), json!(excerpt));
            }
        }
        json!({ "error": error })
    }
}

/// A fact in words: lists with commas, text without quotes.
fn fact_text(fact: &Value) -> String {
    match fact {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(fact_text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The system's word without `(os error 2)`.
fn io_word(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "this is a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_message_facts_and_hint() {
        let word = Word {
            code: "imports".to_owned(),
            message: "imports are missing".to_owned(),
            hint: Some("build for wasm32-wasip2".to_owned()),
            detail: Some(json!({ "imports": ["a:b/c", "d:e/f\u{1b}[2J"] })),
            excerpt: None,
        };
        assert_eq!(
            word.to_text(Paint::Plain),
            "error: imports are missing\n  imports: a:b/c, d:e/f\\u{1b}[2J\n  hint: build for wasm32-wasip2\n"
        );
    }

    #[test]
    fn programs_read_the_servers_form() {
        let failure = Failure::local("no").hint("try again").excerpt("1 | x\n".to_owned());
        assert_eq!(
            failure.word().unwrap().to_json(),
            json!({ "error": { "code": "local", "message": "no", "hint": "try again", "excerpt": "1 | x\n" } })
        );
    }

    #[test]
    fn exit_codes() {
        let code = |failure: Failure| format!("{:?}", failure.exit_code());
        assert_eq!(code(Failure::usage("x")), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(Failure::local("x")), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(Failure::Said), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(Failure::OutputClosed), format!("{:?}", ExitCode::from(0)));
    }
}
