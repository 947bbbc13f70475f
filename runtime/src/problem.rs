//! An error as a client sees it: a stable code, a message, what to do next. Never the cause's internals.

use http::StatusCode;
use serde_json::{Value, json};
use store::{StoreError, documents};

/// `{"error":{"code","message","hint"?,"detail"?}}` with its HTTP status.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// Stable, documented code.
    pub code: &'static str,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Structured facts, such as the list of missing imports.
    pub detail: Option<Value>,
}

impl Problem {
    /// A problem with that status (an invalid number becomes 500) and code.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            hint: None,
            detail: None,
        }
    }

    /// A fault of the host; the cause goes to the log, not to the client.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(cause), "internal error");
        Self::new(500, "internal", "the server failed; its log has the details")
    }

    /// What is asked for does not exist, or belongs to somebody else: the same answer.
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("{what} not found"))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds structured facts.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(object), Some(hint)) = (error.as_object_mut(), &self.hint) {
            object.insert("hint".to_owned(), json!(hint));
        }
        if let (Some(object), Some(detail)) = (error.as_object_mut(), &self.detail) {
            object.insert("detail".to_owned(), detail.clone());
        }
        json!({ "error": error })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound { what } => Self::not_found(what),
            StoreError::Conflict { what, holder } => {
                Self::new(409, "conflict", format!("{what} is already taken by {holder}"))
                    .hint("choose another, or remove it there first")
            }
            StoreError::Full { .. } => Self::new(429, "queue_full", format!("{error}; nothing was stored"))
                .hint("send it again later, when the consumer has caught up"),
            StoreError::Busy { .. } => Self::new(503, "busy", format!("{error}; nothing was done"))
                .hint("try again when one of them has ended"),
            StoreError::Forbidden => Self::new(403, "forbidden", error.to_string()),
            StoreError::Slow { .. } => Self::new(504, "query_timeout", error.to_string())
                .hint("ask for less: a narrower prefix, or a rule that names the owner"),
            StoreError::NoSpace(_) => {
                Self::new(507, "no_space", "the server's disk is full; nothing was changed")
            }
            StoreError::Unusable(_) | StoreError::Damaged(_) | StoreError::Driver(_) => {
                Self::internal(&error)
            }
        }
    }
}

impl From<documents::Failure> for Problem {
    fn from(failure: documents::Failure) -> Self {
        use documents::Failure as Of;
        let text = failure.to_string();
        match failure {
            Of::NoCollection(_) => Self::new(404, "not_found", text),
            Of::Duplicate { index, key } => {
                Self::new(409, "duplicate", text).detail(json!({ "index": index, "key": key }))
            }
            Of::Forbidden | Of::ForbiddenChannel => Self::new(403, "forbidden", text),
            Of::Invalid(_) => Self::new(422, "invalid", text),
            Of::TooLarge { .. } => {
                Self::new(422, "too_much", text).hint("ask for less at once: a narrower filter, fewer fields")
            }
            Of::Timeout => {
                Self::new(504, "query_timeout", text).hint("an index over what is asked for helps")
            }
            Of::Conflict | Of::Expired | Of::Busy => {
                Self::new(503, "busy", text).hint("nothing was changed; try again")
            }
            Of::Store(StoreError::Full { .. }) => {
                Self::new(507, "quota", text).hint("nothing was changed; delete documents that nobody needs")
            }
            Of::Store(error) => error.into(),
        }
    }
}

/// An error with all its causes, for the log.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
