//! Grants of a project's accounts: `users:VERB`.

/// What a grant of accounts is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserVerb {
    /// To vouch for people and to begin their sessions.
    SignIn,
    /// To look at accounts.
    Read,
    /// To change and delete them, and to end their sessions.
    Write,
}

impl UserVerb {
    /// As a grant has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The grant that allows that.
pub fn users_grant(verb: UserVerb) -> String {
    format!("users:{}", verb.name())
}

/// Reads `read,write`. The error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Vec<UserVerb>, &'static str> {
    let known = [UserVerb::SignIn, UserVerb::Read, UserVerb::Write];
    let named = |name: &str| known.into_iter().find(|verb| verb.name() == name);
    let verbs: Option<Vec<_>> = text.split(',').map(named).collect();
    verbs.ok_or("the verbs are `sign-in`, `read` and `write`, with a comma between them")
}
