//! Keys as a transaction sees and writes them.

use std::collections::BTreeMap;

use bytes::Bytes;
use rusqlite::Connection;

use crate::StoreError;
use crate::documents::Failure;
use crate::kv::sqlite::{Change, Limits, Moment};
use crate::kv::{Version, Write};

/// What a key is counted beside its bytes.
const KEY_BYTES: usize = 64;

type Result<T> = std::result::Result<T, StoreError>;

/// The keys of a transaction, by namespace.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<String, Own>);

#[derive(Default)]
struct Own {
    /// What was there; the key's version.
    seen: BTreeMap<String, Option<Version>>,
    /// What is to be there.
    written: BTreeMap<String, Option<Bytes>>,
}

impl Keys {
    /// What is under these keys, in their order.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        now: i64,
        namespace: &str,
        keys: &[String],
    ) -> Result<Vec<Option<Bytes>>> {
        let found = Moment::of(connection, now, namespace)?.get(keys)?;
        let own = self.0.entry(namespace.to_owned()).or_default();
        let values = keys.iter().zip(found).map(|(key, found)| match own.written.get(key) {
            Some(written) => written.clone(),
            None => {
                own.seen.insert(key.clone(), found.as_ref().map(|found| found.version));
                found.map(|found| found.value)
            }
        });
        Ok(values.collect())
    }

    /// Writes, for the time being here.
    pub(super) fn write(&mut self, namespace: &str, writes: Vec<Write>) {
        let own = self.0.entry(namespace.to_owned()).or_default();
        own.written.extend(writes.into_iter().map(|write| match write {
            Write::Set(key, value) => (key, Some(value)),
            Write::Delete(key) => (key, None),
        }));
    }

    pub(super) fn has_writes(&self) -> bool {
        self.0.values().any(|own| !own.written.is_empty())
    }

    /// What the written ones hold.
    pub(super) fn bytes(&self) -> usize {
        let written = self.0.values().flat_map(|own| &own.written);
        written.map(|(key, value)| KEY_BYTES + key.len() + value.as_ref().map_or(0, Bytes::len)).sum()
    }

    /// Fails unless all that was seen is still so.
    pub(super) fn check(&self, connection: &Connection, now: i64) -> Result<()> {
        for (namespace, own) in self.0.iter().filter(|(_, own)| !own.seen.is_empty()) {
            let moment = Moment::of(connection, now, namespace)?;
            for (key, version) in &own.seen {
                if moment.version(key)? != *version {
                    return Err(Failure::Conflict.into());
                }
            }
        }
        Ok(())
    }

    /// Writes.
    pub(super) fn apply(&self, connection: &Connection, now: i64, limits: Limits) -> Result<()> {
        for (namespace, own) in self.0.iter().filter(|(_, own)| !own.written.is_empty()) {
            let writes: Vec<Write> = own
                .written
                .iter()
                .map(|(key, value)| match value {
                    Some(value) => Write::Set(key.clone(), value.clone()),
                    None => Write::Delete(key.clone()),
                })
                .collect();
            let mut change = Change::begin(connection, now, limits, namespace)?;
            change.write(&writes)?;
            change.finish()?;
        }
        Ok(())
    }
}
