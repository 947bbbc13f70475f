//! Refusals: of a grant at deploy, and of a call that lacks its grant at run time.

/// A grant that cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("grant `{grant}`: {reason}")]
pub struct GrantError {
    /// The grant as it was written, shortened when it is very long.
    pub grant: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub hint: String,
}

/// A call that the function's grants do not cover. The text names the line to add and is meant for the
/// function's owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not granted: add \"{grant}\" to the function's grants and deploy again")]
pub struct Refusal {
    /// The grant that would allow it.
    pub grant: String,
}
