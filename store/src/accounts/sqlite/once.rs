//! Tokens that are good for one use.

use rusqlite::{Connection, OptionalExtension as _};

use super::{people, sessions};
use crate::accounts::{Account, AccountId, By, MAX_TOKENS, Once, Purpose, Result, TokenHash};
use crate::sqlite::stored;

/// Tokens past their time which go with each new one at most.
const SWEPT_WITH_EACH: i64 = 100;

/// Uses a token up.
pub(super) const USE: &str = "DELETE FROM account_tokens WHERE hash = ?1 AND purpose = ?2 AND expires_ms > ?3
    RETURNING account";
/// How many of an account and a purpose are good.
pub(super) const COUNT: &str =
    "SELECT count(*) FROM account_tokens WHERE account = ?1 AND purpose = ?2 AND expires_ms > ?3";
/// Tokens past their time.
pub(super) const SWEEP: &str = "DELETE FROM account_tokens WHERE hash IN
    (SELECT hash FROM account_tokens WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)";
/// Removes identities elsewhere of an account whose address nobody has proved.
const STRANGERS: &str = "DELETE FROM account_identities
    WHERE account = ?1 AND EXISTS (SELECT 1 FROM accounts WHERE id = ?1 AND verified = 0)";
/// All of an account.
pub(super) const VOID: &str = "DELETE FROM account_tokens WHERE account = ?1";

/// Makes or uses one.
pub(super) fn change(connection: &Connection, once: Once, now: i64) -> Result<Option<Account>> {
    match once {
        Once::Issue { account, purpose, token, ttl_ms } => {
            let found = people::find(connection, &By::Id(account), now)?;
            let Some(found) = found.filter(|account| !account.disabled) else { return Ok(None) };
            connection.prepare_cached(SWEEP)?.execute((now, SWEPT_WITH_EACH))?;
            let mut count = connection.prepare_cached(COUNT)?;
            let count: i64 = count.query_row((account, name(purpose), now), |row| row.get(0))?;
            if count >= stored(MAX_TOKENS) {
                return Ok(None);
            }
            let insert = "INSERT INTO account_tokens (hash, account, purpose, expires_ms)
                VALUES (?1, ?2, ?3, ?4)";
            let expires = now.saturating_add(stored(ttl_ms));
            connection.prepare_cached(insert)?.execute((token, account, name(purpose), expires))?;
            Ok(Some(found))
        }
        Once::Verify(token) => {
            let Some(id) = spend(connection, Purpose::Verify, &token, now)? else { return Ok(None) };
            connection.prepare_cached("UPDATE accounts SET verified = 1 WHERE id = ?1")?.execute([id])?;
            people::find(connection, &By::Id(id), now)
        }
        Once::Reset(token, password) => {
            let Some(id) = spend(connection, Purpose::Reset, &token, now)? else { return Ok(None) };
            // Whoever signed up with an address that was not theirs may have put in a way of their own.
            connection.prepare_cached(STRANGERS)?.execute([id])?;
            let set = "UPDATE accounts SET password = ?2, verified = 1 WHERE id = ?1";
            connection.prepare_cached(set)?.execute((id, &password.0))?;
            void(connection, id)?;
            sessions::end_all(connection, id)?;
            people::find(connection, &By::Id(id), now)
        }
    }
}

/// Makes all tokens of an account useless.
pub(super) fn void(connection: &Connection, account: AccountId) -> Result<()> {
    connection.prepare_cached(VOID)?.execute([account])?;
    Ok(())
}

/// A purpose as it is stored.
pub(super) fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Verify => "verify",
        Purpose::Reset => "reset",
    }
}

/// Whose token it was.
fn spend(
    connection: &Connection,
    purpose: Purpose,
    token: &TokenHash,
    now: i64,
) -> Result<Option<AccountId>> {
    let mut spend = connection.prepare_cached(USE)?;
    Ok(spend.query_row((token, name(purpose), now), |row| row.get(0)).optional()?)
}
