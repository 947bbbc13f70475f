//! Who an account is elsewhere, taken away again.

use store::StoreError;
use store::accounts::{Account, AccountId, Accounts, Change, Changed, Directory, Identity, SessionId};
use store::catalog::ProjectId;

use crate::problem::Problem;

/// Takes an identity away from an account. Its sessions end but the one that asks: that person may have begun them.
///
/// # Errors
/// `not_found` when the account has no such identity, `last_way_in` when nobody could sign in to it any more.
pub async fn unlink(
    accounts: &dyn Accounts,
    directory: &dyn Directory,
    project: ProjectId,
    (id, keep): (AccountId, Option<SessionId>),
    identity: Identity,
) -> Result<Account, Problem> {
    let unlink = Change::Unlink { id, identity: identity.clone(), keep };
    if let Changed::Done(account) = accounts.change(project, unlink).await.map_err(of_store)? {
        return Ok(account);
    }
    let detail = directory.detail(project, id).await.map_err(of_store)?;
    match detail.is_some_and(|detail| detail.identities.contains(&identity)) {
        true => Err(Problem::new(409, "last_way_in", "nobody could sign in to the account any more")
            .hint("set a password, or link another identity, first")),
        false => Err(Problem::not_found("identity")),
    }
}

fn of_store(error: StoreError) -> Problem {
    error.into()
}
