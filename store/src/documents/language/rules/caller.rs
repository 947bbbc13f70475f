//! The caller: whom rules are about.

/// Who asks from outside, as it was verified at the front door.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Caller {
    /// The id of the account; none when nobody is signed in.
    pub user: Option<String>,
    /// What the account may be.
    pub roles: Vec<String>,
    /// Whether the account has no name yet.
    pub anonymous: bool,
}
