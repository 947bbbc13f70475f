//! `ostro invocations`: outcome and bill of recent runs.

use runtime::control::wire::{InvocationList, OutcomeCode};

use super::Context;
use crate::{
    args::InvocationsArgs,
    failure::Failure,
    output::{Table, units},
};

/// `ostro invocations`.
pub(super) fn run(context: &Context, args: &InvocationsArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.function(&args.function.name, &["invocations"]);
    let list: InvocationList = session.client.get(&path, &[("limit", args.limit.to_string())])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&[
            "TIME", "ID", "REVISION", "TRIGGER", "OUTCOME", "STATUS", "CPU", "WALL", "MEMORY", "REQUEST",
        ]);
        for run in &list.invocations {
            table.row([
                units::time(run.started_ms),
                run.id.to_string(),
                run.revision.to_string(),
                run.trigger.clone(),
                outcome_text(run.outcome),
                run.status.to_string(),
                units::micros(run.bill.cpu_us),
                units::micros(run.bill.wall_us),
                units::bytes(run.bill.peak_memory_bytes),
                run.request.clone(),
            ]);
        }
        context.out.table(&table, "no invocations since the server started")
    })
}

/// The stable code, as the docs list it.
fn outcome_text(outcome: OutcomeCode) -> String {
    match serde_json::to_value(outcome) {
        Ok(serde_json::Value::String(code)) => code,
        _ => format!("{outcome:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_the_codes_of_the_docs() {
        assert_eq!(outcome_text(OutcomeCode::CpuLimit), "cpu_limit");
    }
}
