//! Sessions: a refresh token is used and replaced; one that comes again ends its session.
//!
//! An answer may be lost on its way, and the client has nothing but the token that it sent. So the one before is good for
//! as long as its successor was not used: it is replaced by another one, and what was in the lost answer is none any more. A thief
//! who uses that way makes the token of the honest client one that comes again, and both are out at its next refresh.

use rusqlite::{Connection, OptionalExtension as _, Row};
use subtle::ConstantTimeEq as _;

use super::{Limits, people};
use crate::accounts::{
    AccountId, By, Held, RACE_MS, Result, SessionAnswer, SessionChange, SessionId, TokenHash,
};
use crate::sqlite::{new_id, stored};

/// Sessions that are over which go with each new one at most, so that it does not take long.
const SWEPT_WITH_EACH: i64 = 100;

/// The session of a refresh token.
pub(super) const FAMILY: &str = "SELECT id, account, token, previous, moved_ms FROM account_sessions
    WHERE family = ?1 AND expires_ms > ?2";
/// Sessions that are over.
pub(super) const SWEEP: &str = "DELETE FROM account_sessions WHERE id IN
    (SELECT id FROM account_sessions WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)";
/// All but those of an account that were used last.
pub(super) const CROWD: &str = "DELETE FROM account_sessions WHERE id IN
    (SELECT id FROM account_sessions WHERE account = ?1 ORDER BY used_ms DESC LIMIT -1 OFFSET ?2)";
/// The one of a family.
pub(super) const END_FAMILY: &str = "DELETE FROM account_sessions WHERE family = ?1";
/// All of an account.
pub(super) const END_ALL: &str = "DELETE FROM account_sessions WHERE account = ?1";

struct Family {
    id: SessionId,
    account: AccountId,
    token: TokenHash,
    previous: Option<TokenHash>,
    moved_ms: i64,
}

/// What a session is given for a token.
struct Next {
    family: TokenHash,
    token: TokenHash,
    /// The one that it was given for, unless nobody can come with it any more.
    previous: Option<TokenHash>,
    ttl_ms: u64,
}

/// What a token is to the session of its family.
enum Standing {
    /// The present one.
    Present,
    /// The one before, whose successor nobody may have.
    Before,
    /// One that was replaced, or that never was.
    Gone,
}

impl Family {
    fn standing(&self, token: &TokenHash) -> Standing {
        match &self.previous {
            Some(previous) if same(token, previous) => Standing::Before,
            _ if same(token, &self.token) => Standing::Present,
            _ => Standing::Gone,
        }
    }
}

/// Begins, goes on with or ends a session.
pub(super) fn change(
    connection: &Connection,
    change: &SessionChange,
    limits: Limits,
    now: i64,
) -> Result<SessionAnswer> {
    match *change {
        SessionChange::Begin { account, family, token, ttl_ms } => {
            let Some(account) = people::find(connection, &By::Id(account), now)? else {
                return Ok(SessionAnswer::Over);
            };
            if account.disabled {
                return Ok(SessionAnswer::Over);
            }
            connection.prepare_cached(SWEEP)?.execute((now, SWEPT_WITH_EACH))?;
            people::seen(connection, &account, now)?;
            people::sweep(connection, ttl_ms, now)?;
            // The new one makes as many as there may be.
            connection.prepare_cached(CROWD)?.execute((account.id, limits.sessions - 1))?;
            let id = SessionId(new_id(now)?);
            let insert = "INSERT INTO account_sessions
                (id, account, family, token, moved_ms, created_ms, used_ms, expires_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6)";
            let expires = now.saturating_add(stored(ttl_ms));
            connection.prepare_cached(insert)?.execute((id, account.id, family, token, now, expires))?;
            Ok(SessionAnswer::Live(id, account))
        }
        SessionChange::Refresh { family, ref token, next, next_family, ttl_ms } => {
            let found = connection.prepare_cached(FAMILY)?.query_row((family, now), read).optional()?;
            let Some(found) = found else { return Ok(SessionAnswer::Over) };
            let previous = (next_family == family).then_some(*token);
            let next = Next { family: next_family, token: next, previous, ttl_ms };
            refresh(connection, &found, token, &next, now)
        }
        SessionChange::End(id) => end(connection, id).map(|()| SessionAnswer::Over),
        SessionChange::EndFamily(family) => {
            connection.prepare_cached(END_FAMILY)?.execute([family])?;
            Ok(SessionAnswer::Over)
        }
        SessionChange::EndAll(account) => end_all(connection, account).map(|()| SessionAnswer::Over),
    }
}

/// What a token is worth.
pub(super) fn held(
    connection: &Connection,
    family: TokenHash,
    token: &TokenHash,
    fresh_ms: u64,
    now: i64,
) -> Result<Held> {
    let found = connection.prepare_cached(FAMILY)?.query_row((family, now), read).optional()?;
    let Some(found) = found else { return Ok(Held::Over) };
    let good_ms = match found.standing(token) {
        Standing::Present => stored(fresh_ms),
        Standing::Before => RACE_MS,
        Standing::Gone => return Ok(Held::Reused),
    };
    let account = people::find(connection, &By::Id(found.account), now)?;
    let Some(account) = account.filter(|account| !account.disabled) else { return Ok(Held::Over) };
    match (0..good_ms).contains(&now.saturating_sub(found.moved_ms)) {
        true => Ok(Held::Good(found.id, account)),
        false => Ok(Held::Due(found.id, account)),
    }
}

/// Ends all sessions of an account.
pub(super) fn end_all(connection: &Connection, account: AccountId) -> Result<()> {
    connection.prepare_cached(END_ALL)?.execute([account])?;
    Ok(())
}

fn refresh(
    connection: &Connection,
    found: &Family,
    token: &TokenHash,
    next: &Next,
    now: i64,
) -> Result<SessionAnswer> {
    // The one whose successor nobody has used stays the one before, whoever comes with it.
    match found.standing(token) {
        Standing::Before if (0..RACE_MS).contains(&now.saturating_sub(found.moved_ms)) => {
            return Ok(SessionAnswer::Race);
        }
        Standing::Present | Standing::Before => {}
        Standing::Gone => {
            end(connection, found.id)?;
            return Ok(SessionAnswer::Reused);
        }
    }
    let account = people::find(connection, &By::Id(found.account), now)?;
    let Some(account) = account.filter(|account| !account.disabled) else {
        end(connection, found.id)?;
        return Ok(SessionAnswer::Over);
    };
    let set = "UPDATE account_sessions
        SET family = ?2, token = ?3, previous = ?4, moved_ms = ?5, used_ms = ?5, expires_ms = ?6 WHERE id = ?1";
    let expires = now.saturating_add(stored(next.ttl_ms));
    let Next { family, token, previous, .. } = next;
    connection.prepare_cached(set)?.execute((found.id, family, token, previous, now, expires))?;
    people::seen(connection, &account, now)?;
    Ok(SessionAnswer::Live(found.id, account))
}

fn end(connection: &Connection, id: SessionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM account_sessions WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn same(a: &TokenHash, b: &TokenHash) -> bool {
    a.ct_eq(b).into()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Family> {
    Ok(Family {
        id: row.get(0)?,
        account: row.get(1)?,
        token: row.get(2)?,
        previous: row.get(3)?,
        moved_ms: row.get(4)?,
    })
}
