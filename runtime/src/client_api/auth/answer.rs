//! What is said about accounts.

use serde_json::{Value, json};
use store::StoreError;
use store::accounts::Account;

use crate::accounts::recorded::Unchanged;
use crate::accounts::sessions;
use crate::client_api::answer::Refusal;
use crate::problem::Problem;

/// Why the store did not do what was asked about accounts.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let problem = match error {
            StoreError::Full { .. } => {
                Problem::new(507, "quota", "the project has as many accounts as it may")
            }
            // Deleted a moment ago.
            StoreError::NotFound { .. } => not_enabled(),
            error => error.into(),
        };
        problem.into()
    }
}

/// Why what is recorded was not done.
impl From<Unchanged> for Refusal {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::TooMany(too_many) => too_many.into(),
            Unchanged::Store(error) => error.into(),
        }
    }
}

/// An account as its own client sees it.
pub(super) fn user(account: &Account) -> Value {
    json!({ "user": sessions::user(account) })
}

/// The project does not do that.
pub(super) fn not_enabled() -> Problem {
    Problem::new(404, "not_enabled", "the project has not turned this on")
        .hint("turn it on in the section [auth] of ostro.toml and deploy again")
}

/// The same whether the account is not there, has no password or another one, or may not sign in.
pub(super) fn invalid_credentials() -> Problem {
    Problem::new(401, "invalid_credentials", "the e-mail address or the password is wrong")
}
