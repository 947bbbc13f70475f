//! What the function may know of itself, and calls of the other functions of its project.

mod call;
mod error;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::call::Call;
pub use self::error::{Error, Failed};
use crate::bindings::ostro::functions::context;

/// Calls a function with a value and returns what it answers, both as JSON. Needs the grant `function:NAME`.
/// [`Call`] has a path, headers and a time limit.
///
/// ```no_run
/// # #[derive(serde::Deserialize)] struct User { name: String }
/// let user: User = ostro::functions::invoke("get-user", &ostro::json!({ "id": 7 }))?;
/// # Ok::<(), ostro::functions::Error>(())
/// ```
pub fn invoke<T: DeserializeOwned>(function: &str, input: &(impl Serialize + ?Sized)) -> Result<T, Error> {
    Call::new(function).invoke(input)
}

/// Stores a call that nobody waits for, and returns the id of the job that makes it, at least once. Needs the grant
/// `function:NAME`.
pub fn send(function: &str, input: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    Call::new(function).send(input)
}

/// About the function and its running invocation.
pub fn about() -> About {
    let facts = context::about();
    About {
        project: facts.project,
        function: facts.function,
        revision: facts.revision,
        invocation: facts.invocation,
        deadline: SystemTime::UNIX_EPOCH + Duration::from_millis(facts.deadline_ms),
    }
}

/// The names that `bindings` in the manifest gives to resources, each with its resource, such as `queue:mail`; sorted
/// by name.
pub fn bindings() -> Vec<(String, String)> {
    context::bindings()
}

/// The function and its running invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Name of the project.
    pub project: String,
    /// Name of the function.
    pub function: String,
    /// Number of the revision that runs.
    pub revision: u32,
    /// Id of the invocation.
    pub invocation: String,
    /// When the time of the invocation is over, to the millisecond.
    pub deadline: SystemTime,
}
