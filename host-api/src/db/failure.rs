//! Failures of the database, as decisions for a guest. The cause stays with the server.

use store::StoreError;
use store::documents;

use crate::bindings::ostro::db::documents::Error;
use crate::failure::Told;

/// Why a call of a guest fails.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub type Failure = crate::failure::Failure<Error>;

/// What a call gives the guest.
pub(super) type Answer<T> = Result<T, Error>;
/// What a call comes to.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Told for Error {}

impl From<documents::Failure> for Error {
    fn from(failure: documents::Failure) -> Self {
        use documents::Failure as Of;
        let text = failure.to_string();
        match failure {
            Of::NoCollection(name) => Self::Invalid(format!(
                "the project has no collection `{name}`: it is made when a function that may use it is deployed"
            )),
            Of::Forbidden | Of::ForbiddenChannel => Self::Denied(text),
            Of::Duplicate { .. } => Self::Duplicate(text),
            Of::Invalid(_) => Self::Invalid(text),
            Of::TooLarge { .. } => Self::TooLarge(text),
            Of::Timeout => Self::Timeout,
            Of::Conflict | Of::Expired => Self::Conflict(text),
            Of::Busy => Self::Unavailable(text),
            Of::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Full(error.to_string()),
            StoreError::NotFound { .. } => Self::Invalid(error.to_string()),
            StoreError::NoSpace(_) => Self::Unavailable("the server's disk is full".to_owned()),
            other => {
                let cause = std::error::Error::source(&other);
                tracing::error!(error = %other, ?cause, "the database failed");
                Self::Unavailable("the server failed; its log has the details".to_owned())
            }
        }
    }
}
