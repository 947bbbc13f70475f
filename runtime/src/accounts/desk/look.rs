//! Accounts as functions look at them.

use host_api::auth::{Fault, Told};
use serde_json::{Value, json};
use store::accounts::{Account, AccountId, Detail, Page, normal_email, normal_prefix};
use store::catalog::ProjectId;
use uuid::Uuid;

use super::{Desk, failed};
use crate::accounts::sessions;

impl Desk {
    pub(super) async fn get(&self, project: ProjectId, id: AccountId) -> Result<Told, Fault> {
        let detail = self.directory.detail(project, id).await.map_err(failed)?;
        let Some(Detail { account, identities, sessions, .. }) = detail else { return Ok(Told::Done(false)) };
        let identities: Vec<Value> = identities.iter().map(sessions::identity).collect();
        let more = [("identities", json!(identities)), ("sessions", json!(sessions))];
        Ok(Told::Json(user(&account, more).to_string()))
    }

    /// The cursor is the last one's id, or address where it goes by addresses: whoever may list may see it.
    pub(super) async fn list(
        &self,
        project: ProjectId,
        email: Option<String>,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Told, Fault> {
        let unknown = || Fault::Invalid("the cursor is not one of this list".to_owned());
        let page = match &email {
            Some(prefix) => {
                let after = cursor.map(|text| normal_email(&text).ok_or_else(unknown)).transpose()?;
                Page::Addresses { prefix: normal_prefix(prefix), after }
            }
            None => {
                let id = |text: String| Uuid::try_parse(&text).map(AccountId).map_err(|_| unknown());
                Page::Newest { before: cursor.map(id).transpose()? }
            }
        };
        let accounts = self.directory.page(project, &page, limit).await.map_err(failed)?;
        let is_full = accounts.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let last = accounts.last().filter(|_| is_full);
        let cursor = last.and_then(|last| match email {
            Some(_) => last.email.as_deref().and_then(normal_email),
            None => Some(last.id.0.to_string()),
        });
        let users: Vec<Value> = accounts.iter().map(|account| user(account, [])).collect();
        let list = match cursor {
            Some(cursor) => json!({ "users": users, "cursor": cursor }),
            None => json!({ "users": users }),
        };
        Ok(Told::Json(list.to_string()))
    }
}

/// An account as those see it who look after it.
fn user<const N: usize>(account: &Account, more: [(&str, Value); N]) -> Value {
    let mut user = sessions::user(account);
    if let Value::Object(fields) = &mut user {
        fields.insert("disabled".to_owned(), json!(account.disabled));
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    user
}
