//! Where an invocation comes from: on whose behalf it runs, and how deep in calls of calls.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::documents;

/// Calls between functions that may be inside each other: a call that would be deeper is refused.
pub const MAX_DEPTH: u32 = 16;

/// On whose behalf an invocation runs. Only the host says so, and every call hands it on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Caller {
    /// Somebody who has not said who it is.
    #[default]
    Anonymous,
    /// The platform itself, or who operates it: a schedule, a queue, a change of data, the control API.
    System,
    /// Somebody who has signed in to the project.
    User {
        /// The account's id.
        id: String,
        /// What it may do, in the project's own words.
        roles: Vec<String>,
        /// Whether nobody has said who it is of.
        anonymous: bool,
    },
}

impl Caller {
    /// The signed-in user, as a function is told in `ostro-user`.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::System => None,
            Self::User { id, .. } => Some(id),
        }
    }

    /// The caller as rules know it: whoever is no user, the platform too, is nobody to them.
    pub fn under_rules(&self) -> documents::Caller {
        match self.clone() {
            Self::Anonymous | Self::System => documents::Caller::default(),
            Self::User { id, roles, anonymous } => documents::Caller { user: Some(id), roles, anonymous },
        }
    }
}

/// What an invocation has from where it comes from. It is never read from a message, so no guest can forge it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lineage {
    /// On whose behalf.
    pub caller: Caller,
    /// Calls between functions that led here; 0 for what comes from outside.
    pub depth: u32,
    /// The invocation that made the call, where a function did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Uuid>,
}

/// A call would be deeper than [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_DEPTH} calls between functions are inside each other, and one more is not made")]
pub struct TooDeep;

impl Lineage {
    /// What comes from the platform itself.
    pub fn system() -> Self {
        Self { caller: Caller::System, ..Self::default() }
    }

    /// Of a call that the invocation `parent`, which has this lineage, makes.
    pub fn of_call(&self, parent: Uuid) -> Result<Self, TooDeep> {
        match self.depth < MAX_DEPTH {
            true => Ok(Self { caller: self.caller.clone(), depth: self.depth + 1, parent: Some(parent) }),
            false => Err(TooDeep),
        }
    }

    /// Of a call that one of two invocations makes, and nobody knows which: as deep as the deeper one, and on nobody's
    /// behalf unless it is the same for both.
    pub fn of_either(&self, other: &Self) -> Self {
        let caller = if self.caller == other.caller { self.caller.clone() } else { Caller::Anonymous };
        Self { caller, depth: self.depth.max(other.depth), parent: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_deeper_for_the_same_caller_until_the_limit() {
        let parent = Uuid::from_u128(7);
        let mut lineage = Lineage::system();
        for depth in 1..=MAX_DEPTH {
            lineage = lineage.of_call(parent).unwrap();
            assert_eq!(lineage, Lineage { caller: Caller::System, depth, parent: Some(parent) });
        }
        assert_eq!(lineage.of_call(parent), Err(TooDeep));
    }

    #[test]
    fn it_is_stored_in_few_words_and_may_be_absent() {
        let lineage = Lineage::default().of_call(Uuid::from_u128(7)).unwrap();
        let text = serde_json::to_string(&lineage).unwrap();
        assert_eq!(
            text,
            r#"{"caller":{"kind":"anonymous"},"depth":1,"parent":"00000000-0000-0000-0000-000000000007"}"#
        );
        assert_eq!(serde_json::from_str::<Lineage>(&text).unwrap(), lineage);
        assert_eq!(serde_json::from_str::<Lineage>("{}").unwrap(), Lineage::default());
    }

    #[test]
    fn a_caller_that_is_not_the_same_for_both_is_nobody() {
        let of = |caller, depth| Lineage { caller, depth, parent: Some(Uuid::from_u128(7)) };
        let either = of(Caller::System, 3).of_either(&of(Caller::System, 2));
        assert_eq!(either, Lineage { caller: Caller::System, depth: 3, parent: None });
        assert_eq!(of(Caller::System, 1).of_either(&Lineage::default()).caller, Caller::Anonymous);
    }

    #[test]
    fn who_is_signed_in_is_carried_along() {
        let user = Caller::User { id: "u".to_owned(), roles: vec!["editor".to_owned()], anonymous: false };
        let lineage = Lineage { caller: user.clone(), ..Lineage::default() };
        let called = lineage.of_call(Uuid::from_u128(7)).unwrap();
        assert_eq!((&called.caller, called.caller.user()), (&user, Some("u")));
        let text = serde_json::to_string(&called).unwrap();
        assert_eq!(serde_json::from_str::<Lineage>(&text).unwrap(), called);
        assert_eq!(lineage.of_either(&Lineage::default()).caller, Caller::Anonymous);
    }
}
