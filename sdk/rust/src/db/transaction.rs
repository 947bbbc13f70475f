//! Transactions over documents, key-value and queues.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Collection, Error, Result, text};
use crate::bindings::ostro::db::transactions;
use crate::json;
use crate::queue::Message;

/// How often [`transaction`] does its work before it gives up.
pub const MAX_ATTEMPTS: u32 = 5;

/// Does work in a transaction and commits it; what fails changes nothing. When something that was read has changed by
/// then, the work is done anew, at most [`MAX_ATTEMPTS`] times in all: it must not have effects of its own outside of
/// the transaction.
///
/// ```no_run
/// use ostro::{db, json, queue::Message};
///
/// db::transaction(|tx| {
///     let stock = tx.collection("stock")?;
///     let taken = stock.update_one(json!({ "_id": "apples", "left": { "$gt": 0 } }), json!({ "$inc": { "left": -1 } })).run()?;
///     if taken.modified == 1 {
///         tx.send("orders", Message::new("apples"))?;
///     }
///     Ok(taken.modified == 1)
/// })?;
/// # Ok::<(), db::Error>(())
/// ```
pub fn transaction<T>(mut work: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
    // Nobody has to wait between attempts: a conflict means that somebody else has got through.
    attempts(|| {
        let transaction = Transaction::begin()?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    })
}

/// Tries until it is no conflict, at most [`MAX_ATTEMPTS`] times.
fn attempts<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = attempt();
    for _ in 1..MAX_ATTEMPTS {
        if !matches!(last, Err(Error::Conflict(_))) {
            break;
        }
        last = attempt();
    }
    last
}

/// A transaction: what it reads is as it was at its beginning, with its own changes; what it changes is there at once
/// and as a whole when it is committed. Dropping it drops its changes.
///
/// It has 30 seconds, 1,000 changes and 8 MiB of them; a project has 16 that are open.
#[derive(Debug)]
pub struct Transaction {
    handle: transactions::Transaction,
}

impl Transaction {
    /// Begins one that the caller commits. `Unavailable` while the project has 16.
    pub fn begin() -> Result<Self> {
        Ok(Self { handle: transactions::Transaction::begin()? })
    }

    /// Opens a collection in it. Grants as outside of it.
    pub fn collection(&self, name: &str) -> Result<Collection> {
        Ok(Collection { handle: self.handle.collection(name)? })
    }

    /// A key-value namespace in it.
    pub fn namespace<'a>(&'a self, name: &'a str) -> Values<'a> {
        Values { transaction: self, namespace: name }
    }

    /// Sends a message when it is committed. Needs the grant `queue:NAME:send`.
    #[expect(clippy::needless_pass_by_value, reason = "as `queue::send` takes it")]
    pub fn send(&self, queue: &str, message: Message) -> Result<()> {
        let options = text::write(&SendOptions::of(&message))?;
        Ok(self.handle.send(queue, &message.body, &options)?)
    }

    /// Makes its changes. `Conflict` when something that it has read is not as it was: then nothing was changed.
    pub fn commit(self) -> Result<()> {
        Ok(self.handle.commit()?)
    }
}

/// As the contract has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SendOptions<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedupe_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_key: Option<&'a str>,
}

impl<'a> SendOptions<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            content_type: &message.content_type,
            delay_ms: message.delay_ms(),
            dedupe_key: message.dedupe_key.as_deref(),
            order_key: message.order_key.as_deref(),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A key-value namespace in a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    transaction: &'a Transaction,
    namespace: &'a str,
}

impl Values<'_> {
    /// The value of a key. Needs the grant `kv:NAME:read`.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.transaction.handle.get_value(self.namespace, key)?)
    }

    /// The value of a key, read as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.get(key)?.map(|value| json::value_of_bytes(&value).map_err(Error::Mismatch)).transpose()
    }

    /// Sets a value. Needs the grant `kv:NAME:write`.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.transaction.handle.set_value(self.namespace, key, value.as_ref())?)
    }

    /// Sets a value, written as JSON.
    pub fn set_json(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.set(key, text::write(value)?)
    }

    /// Removes a key, if it is there. Needs the grant `kv:NAME:write`.
    pub fn delete(&self, key: &str) -> Result<()> {
        Ok(self.transaction.handle.delete_value(self.namespace, key)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_conflicts_are_tried_again_and_not_for_ever() {
        let run = |conflicts: u32, end: Result<&'static str>| {
            let mut made = 0;
            let last = attempts(|| {
                made += 1;
                if made > conflicts { end.clone() } else { Err(Error::Conflict("changed".to_owned())) }
            });
            (made, last)
        };
        assert_eq!(run(0, Ok("done")), (1, Ok("done")));
        assert_eq!(run(4, Ok("done")), (5, Ok("done")));
        assert_eq!(run(5, Ok("done")), (5, Err(Error::Conflict("changed".to_owned()))));
        assert_eq!(run(1, Err(Error::Timeout)), (2, Err(Error::Timeout)));
    }

    #[test]
    fn options_of_a_message_are_written_as_the_contract_has_them() {
        let plain = Message::new("x");
        assert_eq!(text::write(&SendOptions::of(&plain)).unwrap(), "{}");
        let all =
            plain.content_type("text/plain").delay(Duration::from_secs(1)).dedupe_key("d").order_key("o");
        assert_eq!(
            text::write(&SendOptions::of(&all)).unwrap(),
            r#"{"contentType":"text/plain","delayMs":1000,"dedupeKey":"d","orderKey":"o"}"#
        );
    }
}
