//! `ostro revisions` and `rollback`.

use runtime::control::wire::{RevisionList, RollbackReport, RollbackRequest};

use super::Context;
use crate::{
    args::{FunctionArgs, RollbackArgs},
    failure::Failure,
    output::{Table, units},
};

/// `ostro revisions`.
pub(super) fn list(context: &Context, args: &FunctionArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let list: RevisionList = session.client.get(&session.function(&args.name, &["revisions"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["REVISION", "ACTIVE", "DEPLOYED", "BY", "SIZE", "DIGEST"]);
        for revision in &list.revisions {
            table.row([
                revision.number.to_string(),
                if revision.active { "active" } else { "" }.to_owned(),
                units::time_to_second(revision.created_ms),
                revision.created_by.clone(),
                units::bytes(revision.wasm_bytes),
                revision.digest.chars().take(12).collect(),
            ]);
        }
        context.out.table(&table, "no revisions")
    })
}

/// `ostro rollback`.
pub(super) fn rollback(context: &Context, args: &RollbackArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.function(&args.function.name, &["rollback"]);
    let report: RollbackReport = session.client.post(&path, &RollbackRequest { to: args.to })?;
    context.out.show(&report, |report| {
        context.out.word(&format!(
            "rolled back {} to revision {} (was {}) in {} ms",
            report.function, report.revision, report.previous, report.took_ms
        ));
        Ok(())
    })
}
