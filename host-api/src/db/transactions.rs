//! `ostro:db/transactions`: what is read at one moment and changed at one moment.

use std::fmt;
use std::sync::Arc;

use store::documents::{Found, Read, Write, Written};
use store::jobs::NewMessage;
use store::kv;
use tokio::sync::Mutex;
use wasmtime::component::Resource;

use super::documents::{Collection, Through};
use super::failure::{Answer, Outcome};
use super::options::{self, SendOptions};
use crate::bindings::ostro::db::documents::Error;
use crate::bindings::ostro::db::transactions::{Host, HostTransaction};
use crate::bindings::ostro::queue::producer;
use crate::ctx::HostCtxView;
use crate::grants::{Data, Verb, data_grant, send_grant};
use crate::keyvalue::{check_key, check_value};
use crate::meter::Interface;

/// A transaction that a guest has begun.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Debug)]
pub struct Transaction {
    running: Running,
}

/// A transaction, shared by the handles of its collections; nothing once it was committed.
///
/// When the guest drops the transaction, handles of its collections may still be there: they keep nothing open, see
/// [`Running::end`].
#[derive(Clone)]
pub(super) struct Running {
    transaction: Arc<Mutex<Option<Box<dyn store::transactions::Transaction>>>>,
}

impl Running {
    /// A transaction that was just begun.
    pub(super) fn new(transaction: Box<dyn store::transactions::Transaction>) -> Self {
        Self { transaction: Arc::new(Mutex::new(Some(transaction))) }
    }

    pub(super) async fn read(&self, collection: &str, read: Read) -> Answer<Found> {
        let mut transaction = self.transaction.lock().await;
        Ok(transaction.as_mut().ok_or_else(over)?.read(collection, read).await?)
    }

    pub(super) async fn write(&self, collection: &str, write: Write) -> Answer<Written> {
        let mut transaction = self.transaction.lock().await;
        Ok(transaction.as_mut().ok_or_else(over)?.write(collection, write).await?)
    }

    async fn value(&self, namespace: &str, key: String) -> Answer<Option<Vec<u8>>> {
        let mut transaction = self.transaction.lock().await;
        let mut values = transaction.as_mut().ok_or_else(over)?.keys(namespace, &[key]).await?;
        Ok(values.pop().flatten().map(Into::into))
    }

    async fn write_key(&self, namespace: &str, write: kv::Write) -> Answer<()> {
        let mut transaction = self.transaction.lock().await;
        Ok(transaction.as_mut().ok_or_else(over)?.write_keys(namespace, vec![write]).await?)
    }

    async fn send(&self, queue: &str, message: NewMessage) -> Answer<()> {
        let job = message.into_job(queue).map_err(|fault| Error::Invalid(fault.to_string()))?;
        let mut transaction = self.transaction.lock().await;
        Ok(transaction.as_mut().ok_or_else(over)?.enqueue(vec![job]).await?)
    }

    async fn commit(&self) -> Answer<()> {
        let transaction = self.transaction.lock().await.take().ok_or_else(over)?;
        transaction.commit().await?;
        Ok(())
    }

    /// Drops it, and its changes.
    async fn end(&self) {
        drop(self.transaction.lock().await.take());
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl HostCtxView<'_> {
    fn running(&mut self, handle: &Resource<Transaction>) -> Outcome<Running> {
        self.ctx.meter.count(Interface::Transactions);
        Ok(self.table.get(handle)?.running.clone())
    }

    fn check_namespace(&self, namespace: &str, verb: Verb) -> Answer<()> {
        match self.ctx.grants.data(Data::KeyValue, namespace).is_some_and(|verbs| verbs.allow(verb)) {
            true => Ok(()),
            false => Err(self.refused(Interface::Transactions, data_grant(Data::KeyValue, namespace, verb))),
        }
    }

    async fn write_value(
        &mut self,
        handle: &Resource<Transaction>,
        namespace: &str,
        write: kv::Write,
    ) -> Outcome<()> {
        let running = self.running(handle)?;
        self.check_namespace(namespace, Verb::Write)?;
        let (key, bytes) = match &write {
            kv::Write::Set(key, value) => (key, value.len()),
            kv::Write::Delete(key) => (key, 0),
        };
        check_key(key).and_then(|()| check_value(bytes)).map_err(Error::Invalid)?;
        running.write_key(namespace, write).await?;
        self.ctx.meter.moved(Interface::Transactions, 1, bytes);
        Ok(())
    }
}

impl Host for HostCtxView<'_> {}

impl HostTransaction for HostCtxView<'_> {
    async fn begin(&mut self) -> Outcome<Resource<Transaction>> {
        self.ctx.meter.count(Interface::Transactions);
        let running = self.ctx.services.database.begin().await?;
        Ok(self.table.push(Transaction { running })?)
    }

    async fn collection(
        &mut self,
        handle: Resource<Transaction>,
        name: String,
    ) -> Outcome<Resource<Collection>> {
        let running = self.running(&handle)?;
        self.open_collection(name, Through::Transaction(running))
    }

    async fn get_value(
        &mut self,
        handle: Resource<Transaction>,
        namespace: String,
        key: String,
    ) -> Outcome<Option<Vec<u8>>> {
        let running = self.running(&handle)?;
        self.check_namespace(&namespace, Verb::Read)?;
        check_key(&key).map_err(Error::Invalid)?;
        let value = running.value(&namespace, key).await?;
        let bytes = value.as_ref().map_or(0, Vec::len);
        self.ctx.meter.moved(Interface::Transactions, usize::from(value.is_some()), bytes);
        Ok(value)
    }

    async fn set_value(
        &mut self,
        handle: Resource<Transaction>,
        namespace: String,
        key: String,
        value: Vec<u8>,
    ) -> Outcome<()> {
        self.write_value(&handle, &namespace, kv::Write::Set(key, value.into())).await
    }

    async fn delete_value(
        &mut self,
        handle: Resource<Transaction>,
        namespace: String,
        key: String,
    ) -> Outcome<()> {
        self.write_value(&handle, &namespace, kv::Write::Delete(key)).await
    }

    async fn send(
        &mut self,
        handle: Resource<Transaction>,
        queue: String,
        body: Vec<u8>,
        options: String,
    ) -> Outcome<()> {
        let running = self.running(&handle)?;
        if !self.ctx.grants.allows_send(&queue) {
            return Err(self.refused(Interface::Transactions, send_grant(&queue)).into());
        }
        let SendOptions { content_type, delay_ms, dedupe_key, order_key } = options::read(&options)?;
        self.ctx.services.outbox.check(&queue).await.map_err(of_queue)?;
        let bytes = body.len();
        let message = NewMessage { payload: body.into(), content_type, delay_ms, dedupe_key, order_key };
        running.send(&queue, message).await?;
        self.ctx.meter.moved(Interface::Transactions, 1, bytes);
        Ok(())
    }

    async fn commit(&mut self, handle: Resource<Transaction>) -> Outcome<()> {
        let running = self.running(&handle)?;
        Ok(running.commit().await?)
    }

    async fn drop(&mut self, handle: Resource<Transaction>) -> wasmtime::Result<()> {
        self.table.delete(handle)?.running.end().await;
        Ok(())
    }
}

fn of_queue(error: producer::Error) -> Error {
    match error {
        producer::Error::Denied(text) => Error::Denied(text),
        producer::Error::UnknownQueue(text) | producer::Error::Invalid(text) => Error::Invalid(text),
        producer::Error::Full => Error::Full("the queue is full".to_owned()),
        producer::Error::Unavailable(text) => Error::Unavailable(text),
    }
}

fn over() -> Error {
    Error::Invalid("the transaction is over: begin another one".to_owned())
}
