//! Failures of the buckets, as decisions for a guest. The cause stays with the server.

use store::StoreError;

use crate::bindings::ostro::storage::objects::Error;
use crate::failure::Told;

/// Why a call of a guest fails.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub type Failure = crate::failure::Failure<Error>;

/// What a call gives the guest.
pub(super) type Answer<T> = Result<T, Error>;
/// What a call comes to.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Told for Error {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Told(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Full(error.to_string()),
            StoreError::Busy { .. } => Self::Unavailable(error.to_string()),
            StoreError::Forbidden => Self::Denied(error.to_string()),
            StoreError::Slow { .. } => {
                Self::Unavailable(format!("{error}: a longer prefix, or a rule about `owner`, may help"))
            }
            StoreError::NotFound { .. } => Self::Invalid(
                "the project has no bucket of that name: it is made when a function that may use it is deployed"
                    .to_owned(),
            ),
            StoreError::NoSpace(_) => Self::Unavailable("the server's disk is full".to_owned()),
            StoreError::Damaged(what) => {
                tracing::error!(%what, "an object is damaged");
                Self::Damaged
            }
            other => {
                let cause = std::error::Error::source(&other);
                tracing::error!(error = %other, ?cause, "object storage failed");
                Self::Unavailable("the server failed; its log has the details".to_owned())
            }
        }
    }
}
