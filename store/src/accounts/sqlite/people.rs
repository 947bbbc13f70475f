//! Accounts: found, made and changed.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row};
use uuid::Uuid;

use super::{Limits, once, sessions, settings};
use crate::StoreError;
use crate::accounts::{
    ABANDONED_MS, Account, AccountId, By, Change, Changed, Identity, MAX_IDENTITIES, NewAccount,
    PasswordHash, Result, SessionId, normal_email,
};
use crate::sqlite::{Json, new_id, stored};

/// What is asked of an account, in the order in which [`account`] reads it.
macro_rules! account_columns {
    () => {
        "a.id, a.email, a.password, a.verified, a.disabled, a.anonymous, a.roles, a.created_ms"
    };
}
pub(super) use account_columns;

pub(super) const BY_ID: &str = concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.id = ?1");
pub(super) const BY_EMAIL: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.normal = ?1");
pub(super) const BY_IDENTITY: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM account_identities i JOIN accounts a ON a.id = i.account WHERE i.provider = ?1 AND i.subject = ?2"
);
pub(super) const BY_SESSION: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM account_sessions s JOIN accounts a ON a.id = s.account WHERE s.id = ?1 AND s.expires_ms > ?2"
);
pub(super) const BY_TOKEN: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM account_tokens t JOIN accounts a ON a.id = t.account
      WHERE t.hash = ?1 AND t.purpose = ?2 AND t.expires_ms > ?3"
);

/// Anonymous accounts that nobody has used since, and nobody can: sessions that were begun when they lived longer may go on,
/// and who is somebody elsewhere may come back.
pub(super) const SWEEP: &str = "SELECT id FROM accounts WHERE anonymous AND seen_ms <= ?1
    AND NOT EXISTS (SELECT 1 FROM account_sessions WHERE account = accounts.id AND expires_ms > ?2)
    AND NOT EXISTS (SELECT 1 FROM account_identities WHERE account = accounts.id)
    ORDER BY seen_ms LIMIT ?3";
/// Of those go with each new session at most, so that it does not take long.
const SWEPT_WITH_EACH: i64 = 20;

/// Takes an identity away that is not the last way in; ?4 is whether a password is one.
const UNLINK: &str = "DELETE FROM account_identities WHERE account = ?1 AND provider = ?2 AND subject = ?3
    AND (?4 AND EXISTS (SELECT 1 FROM accounts WHERE id = ?1 AND password IS NOT NULL)
      OR (SELECT count(*) FROM account_identities WHERE account = ?1) > 1)";

/// All sessions of an account but that one.
pub(super) const END_OTHERS: &str = "DELETE FROM account_sessions WHERE account = ?1 AND id IS NOT ?2";

/// The account that is meant.
pub(super) fn find(connection: &Connection, by: &By, now: i64) -> Result<Option<Account>> {
    let found = match by {
        By::Id(id) => connection.prepare_cached(BY_ID)?.query_row([id], account),
        By::Email(normal) => connection.prepare_cached(BY_EMAIL)?.query_row([normal], account),
        By::Identity(Identity { provider, subject }) => {
            connection.prepare_cached(BY_IDENTITY)?.query_row([provider, subject], account)
        }
        By::Session(id) => connection.prepare_cached(BY_SESSION)?.query_row((id, now), account),
        By::Token(purpose, hash) => {
            connection.prepare_cached(BY_TOKEN)?.query_row((hash, once::name(*purpose), now), account)
        }
    };
    Ok(found.optional()?)
}

/// Changes an account.
pub(super) fn change(connection: &Connection, change: Change, limits: Limits, now: i64) -> Result<Changed> {
    match change {
        Change::Create(new) => create(connection, new, limits, now),
        Change::Upgrade { id, email, password } => upgrade(connection, id, &email, &password),
        Change::Password { id, old, new } => {
            let set = "UPDATE accounts SET password = ?3 WHERE id = ?1 AND password = ?2";
            if connection.prepare_cached(set)?.execute((id, &old.0, &new.0))? == 0 {
                return Ok(Changed::Missing);
            }
            once::void(connection, id)?;
            sessions::end_all(connection, id)?;
            done(connection, id)
        }
        Change::Roles(id, roles) => {
            let set = "UPDATE accounts SET roles = ?2 WHERE id = ?1";
            connection.prepare_cached(set)?.execute((id, Json(&roles)))?;
            done(connection, id)
        }
        Change::Disabled(id, disabled) => {
            let set = "UPDATE accounts SET disabled = ?2 WHERE id = ?1";
            connection.prepare_cached(set)?.execute((id, disabled))?;
            if disabled {
                once::void(connection, id)?;
                sessions::end_all(connection, id)?;
            }
            done(connection, id)
        }
        Change::Link(id, identity) => match find(connection, &By::Id(id), now)? {
            Some(account) if link(connection, id, &identity)? => {
                if account.anonymous {
                    // It is somebody's now: whoever had it before, as on a shared machine, has it no more.
                    once::void(connection, id)?;
                    sessions::end_all(connection, id)?;
                }
                connection
                    .prepare_cached("UPDATE accounts SET anonymous = 0 WHERE id = ?1")?
                    .execute([id])?;
                done(connection, id)
            }
            Some(_) => Ok(Changed::Taken),
            None => Ok(Changed::Missing),
        },
        Change::Unlink { id, identity: Identity { provider, subject }, keep } => {
            // Where signing in is off for everybody, passwords may count again with the next deploy.
            let by_password = settings(connection)?.is_none_or(|settings| settings.email);
            if connection.prepare_cached(UNLINK)?.execute((id, provider, subject, by_password))? == 0 {
                return Ok(Changed::Missing);
            }
            connection.prepare_cached(END_OTHERS)?.execute((id, keep))?;
            done(connection, id)
        }
        Change::Delete(id) => delete(connection, id, now),
    }
}

fn create(connection: &Connection, new: NewAccount, limits: Limits, now: i64) -> Result<Changed> {
    let NewAccount { email, password, identity, anonymous, roles } = new;
    let normal = email.as_deref().map(normal).transpose()?;
    if let Some(normal) = &normal
        && find(connection, &By::Email(normal.clone()), now)?.is_some()
    {
        return Ok(Changed::Taken);
    }
    if connection.query_row("SELECT accounts FROM account_totals", [], |row| row.get::<_, i64>(0))?
        >= limits.accounts
    {
        let what = "the list of the project's accounts".to_owned();
        return Err(StoreError::Full { what, limit: limits.accounts.unsigned_abs() });
    }
    let id = AccountId(new_id(now)?);
    if let Some(identity) = &identity
        && !link(connection, id, identity)?
    {
        return Ok(Changed::Taken);
    }
    let insert = "INSERT INTO accounts
        (id, email, normal, password, verified, disabled, anonymous, roles, created_ms, seen_ms)
        VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, ?7)";
    let password = password.map(|PasswordHash(phc)| phc);
    let row = (id, email, normal, password, anonymous, Json(&roles), now);
    connection.prepare_cached(insert)?.execute(row)?;
    connection.execute("UPDATE account_totals SET accounts = accounts + 1", [])?;
    done(connection, id)
}

fn upgrade(connection: &Connection, id: AccountId, email: &str, password: &PasswordHash) -> Result<Changed> {
    let is_anonymous = "SELECT anonymous AND NOT disabled FROM accounts WHERE id = ?1";
    let mut is_anonymous = connection.prepare_cached(is_anonymous)?;
    if is_anonymous.query_row([id], |row| row.get(0)).optional()? != Some(true) {
        return Ok(Changed::Missing);
    }
    let normal = normal(email)?;
    let taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM accounts WHERE normal = ?1)")?
        .query_row([&normal], |row| row.get(0))?;
    if taken {
        return Ok(Changed::Taken);
    }
    let set = "UPDATE accounts SET email = ?2, normal = ?3, password = ?4, verified = 0, anonymous = 0
        WHERE id = ?1";
    connection.prepare_cached(set)?.execute((id, email, normal, &password.0))?;
    once::void(connection, id)?;
    sessions::end_all(connection, id)?;
    done(connection, id)
}

/// Adds an identity; false when it is that of another account. `Full` when there are too many.
fn link(connection: &Connection, id: AccountId, identity: &Identity) -> Result<bool> {
    let Identity { provider, subject } = identity;
    let holder = "SELECT account FROM account_identities WHERE provider = ?1 AND subject = ?2";
    let mut holder = connection.prepare_cached(holder)?;
    let holder: Option<AccountId> = holder.query_row([provider, subject], |row| row.get(0)).optional()?;
    if let Some(holder) = holder {
        return Ok(holder == id);
    }
    let count = "SELECT count(*) FROM account_identities WHERE account = ?1";
    let count: i64 = connection.prepare_cached(count)?.query_row([id], |row| row.get(0))?;
    if count >= stored(MAX_IDENTITIES) {
        let what = "the list of the account's identities".to_owned();
        return Err(StoreError::Full { what, limit: MAX_IDENTITIES });
    }
    let insert = "INSERT INTO account_identities (provider, subject, account) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(insert)?.execute((provider, subject, id))?;
    Ok(true)
}

/// Notes that a session of an anonymous account is used.
pub(super) fn seen(connection: &Connection, account: &Account, now: i64) -> Result<()> {
    if account.anonymous {
        let set = "UPDATE accounts SET seen_ms = ?2 WHERE id = ?1";
        connection.prepare_cached(set)?.execute((account.id, now))?;
    }
    Ok(())
}

/// Deletes some anonymous accounts that nobody can sign in to any more. Sessions live `ttl_ms` after their last use.
pub(super) fn sweep(connection: &Connection, ttl_ms: u64, now: i64) -> Result<()> {
    let before = now.saturating_sub(stored(ttl_ms)).saturating_sub(ABANDONED_MS);
    let mut abandoned = connection.prepare_cached(SWEEP)?;
    let ids = abandoned.query_map((before, now, SWEPT_WITH_EACH), |row| row.get::<_, AccountId>(0))?;
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        delete(connection, id, now)?;
    }
    Ok(())
}

fn delete(connection: &Connection, id: AccountId, now: i64) -> Result<Changed> {
    let Some(account) = find(connection, &By::Id(id), now)? else { return Ok(Changed::Missing) };
    once::void(connection, id)?;
    sessions::end_all(connection, id)?;
    connection.prepare_cached("DELETE FROM account_identities WHERE account = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM accounts WHERE id = ?1")?.execute([id])?;
    connection.execute("UPDATE account_totals SET accounts = accounts - 1", [])?;
    Ok(Changed::Done(account))
}

/// The account after its change.
fn done(connection: &Connection, id: AccountId) -> Result<Changed> {
    let found = connection.prepare_cached(BY_ID)?.query_row([id], account).optional()?;
    Ok(found.map_or(Changed::Missing, Changed::Done))
}

/// The form under which an address is unique. Callers have refused those that have none.
fn normal(email: &str) -> Result<String> {
    normal_email(email).ok_or_else(|| StoreError::driver("an account was given what is no address"))
}

/// An account of the columns that are asked of one.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let Json(roles) = row.get(6)?;
    Ok(Account {
        id: row.get(0)?,
        email: row.get(1)?,
        password: row.get::<_, Option<String>>(2)?.map(PasswordHash),
        verified: row.get(3)?,
        disabled: row.get(4)?,
        anonymous: row.get(5)?,
        roles,
        created_ms: row.get(7)?,
    })
}

impl ToSql for AccountId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for AccountId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 16]>::column_result(value).map(|bytes| Self(Uuid::from_bytes(bytes)))
    }
}

impl ToSql for SessionId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for SessionId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 16]>::column_result(value).map(|bytes| Self(Uuid::from_bytes(bytes)))
    }
}
