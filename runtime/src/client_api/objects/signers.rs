//! Who has signed a URL. It stands there sealed, because URLs are handed on, and is looked up when the URL is used: so it says
//! nothing of its signer, and does no more than its signer may at that moment.

use std::sync::Arc;

use host_api::objects::{sealed_signer, signer_in};
use store::accounts::{AccountId, Accounts, By};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;
use store::{Store, StoreError};
use uuid::Uuid;

/// Knows signers. A cheap handle.
#[derive(Clone)]
pub(in crate::client_api) struct Signers {
    keys: Keys,
    accounts: Arc<dyn Accounts>,
}

impl Signers {
    /// Over the accounts of that store.
    pub(super) fn new(store: &Store) -> Self {
        Self { keys: store.keys.clone(), accounts: store.accounts.clone() }
    }

    /// What stands in a URL for that caller.
    pub(in crate::client_api) fn seal(
        &self,
        project: ProjectId,
        caller: &Caller,
    ) -> Result<String, StoreError> {
        sealed_signer(&self.keys, project, caller)
    }

    /// The caller that stands in a URL, as it is now. None where it may not sign in any more.
    pub(super) async fn open(&self, project: ProjectId, sealed: &str) -> Result<Option<Caller>, StoreError> {
        let Some(user) = signer_in(&self.keys, project, sealed) else { return Ok(None) };
        if user.is_empty() {
            return Ok(Some(Caller::default()));
        }
        let Ok(id) = Uuid::try_parse(&user) else { return Ok(None) };
        let account = self.accounts.find(project, &By::Id(AccountId(id))).await?;
        let account = account.filter(|account| !account.disabled);
        Ok(account.map(|account| Caller {
            user: Some(user),
            roles: account.roles,
            anonymous: account.anonymous,
        }))
    }
}
