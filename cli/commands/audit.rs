//! `ostro audit`: who changed what.

use runtime::control::wire::AuditList;

use super::Context;
use crate::{
    args::AuditArgs,
    client::path,
    failure::Failure,
    output::{Table, units},
};

/// `ostro audit`.
pub(super) fn run(context: &Context, args: &AuditArgs) -> Result<(), Failure> {
    let query = [("limit", args.limit.to_string())];
    let list: AuditList = match args.server {
        true => context.client()?.get(&path(&["audit"]), &query)?,
        false => {
            let session = context.session()?;
            session.client.get(&session.path(&["audit"]), &query)?
        }
    };
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NUMBER", "TIME", "WHO", "ACTION", "SUBJECT"]);
        for row in &list.audit {
            table.row([
                row.sequence.to_string(),
                units::time(row.at_ms),
                row.actor.clone(),
                row.action.clone(),
                row.subject.clone(),
            ]);
        }
        context.out.table(&table, "nothing was changed yet")
    })
}
