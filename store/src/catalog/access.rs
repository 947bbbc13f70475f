//! Who may call a function or one of its routes, as far as the front door sees to it.

use serde::{Deserialize, Serialize};

/// Whether a caller has to be signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedIn {
    /// Nobody looks: what a request says of that is the function's to read.
    #[default]
    None,
    /// Who is signed in is told; who isn't may call as well.
    Optional,
    /// Who isn't signed in is refused.
    Required,
}

/// Who may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Whether a caller has to be signed in.
    #[serde(default)]
    pub signed_in: SignedIn,
    /// One of these a caller must have; empty means any, or none. Only where everybody is signed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Access {
    /// Whether nobody looks who calls.
    pub fn is_open(&self) -> bool {
        self.signed_in == SignedIn::None
    }

    /// Whether somebody with those roles, who is signed in, may call.
    pub fn takes(&self, roles: &[String]) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role))
    }
}
