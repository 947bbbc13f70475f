//! Several operations in one request, one after the other. Each is done or not for itself.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::asked;
use crate::problem::Problem;

/// Operations of one request.
pub(super) const MAX_OPERATIONS: usize = 50;
/// What the answers of one request hold together, bytes; the operations after that are not done.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Operations, one after the other.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    /// 1 to 50.
    operations: Vec<Step>,
}

/// One operation of a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) collection: String,
    /// Its name, as in a path.
    pub(super) operation: String,
    /// What it takes, as alone.
    #[schema(value_type = Object)]
    pub(super) body: Box<RawValue>,
}

/// What came of the operations, in their order.
#[derive(Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    results: Vec<StepResult>,
}

/// What came of an operation, as if it had come alone.
#[derive(Serialize, ToSchema)]
pub(super) struct StepResult {
    /// Status of HTTP.
    status: u16,
    #[schema(value_type = Object)]
    body: Box<RawValue>,
}

/// The results of a batch in the making.
#[derive(Default)]
pub(super) struct Results {
    all: Vec<StepResult>,
    bytes: usize,
}

/// Reads the operations.
pub(super) fn read(json: &[u8]) -> Result<Vec<Step>, Problem> {
    let BatchRequest { operations } = asked::parse(json)?;
    match operations.len() {
        1..=MAX_OPERATIONS => Ok(operations),
        _ => Err(Problem::new(422, "invalid", format!("a batch has 1 to {MAX_OPERATIONS} operations"))),
    }
}

impl Results {
    /// Refuses to go on where the answers are long enough already.
    pub(super) fn has_room(&self) -> Result<(), Problem> {
        match self.bytes < MAX_ANSWER_BYTES {
            true => Ok(()),
            false => Err(Problem::new(422, "too_much", "the answers before this one are too long together")
                .hint("nothing was done; ask for it alone")),
        }
    }

    /// What came of an operation.
    pub(super) fn push(&mut self, result: Result<String, Problem>) -> Result<(), Problem> {
        let (status, body) = match result {
            Ok(body) => (200, body),
            Err(problem) => (problem.status.as_u16(), problem.to_json().to_string()),
        };
        self.bytes += body.len();
        let body = RawValue::from_string(body).map_err(|error| Problem::internal(&error))?;
        self.all.push(StepResult { status, body });
        Ok(())
    }

    /// The answer.
    pub(super) fn json(self) -> Result<String, Problem> {
        serde_json::to_string(&BatchAnswer { results: self.all }).map_err(|error| Problem::internal(&error))
    }
}
