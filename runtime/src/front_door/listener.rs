//! Accepting: every executor accepts for itself; who has too many connections hands new ones on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dashmap::DashMap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Service, connection};
use crate::telemetry::Gauges;

/// Connections more than the least loaded executor has, above which a new one is handed on.
const UNEVEN: usize = 2;
/// Pause after a failed accept, for want of descriptors mostly (threat D12).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An accepted socket on its way to another executor.
type Handed = (std::net::TcpStream, SocketAddr);

/// Connections of all executors: how many each has, how many one client has, and the way to hand one on.
pub struct Balance {
    executors: Vec<(AtomicUsize, mpsc::UnboundedSender<Handed>)>,
    clients: DashMap<IpAddr, usize>,
    most: usize,
    gauges: Arc<Gauges>,
}

impl Balance {
    /// For that many executors and connections in all. Gives the receiving ends, one an executor.
    pub fn new(
        executors: usize,
        most: usize,
        gauges: Arc<Gauges>,
    ) -> (Arc<Self>, Vec<mpsc::UnboundedReceiver<Handed>>) {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..executors)
            .map(|_| {
                let (sender, receiver) = mpsc::unbounded_channel();
                ((AtomicUsize::new(0), sender), receiver)
            })
            .unzip();
        (Arc::new(Self { executors: senders, clients: DashMap::new(), most, gauges }), receivers)
    }

    fn count(&self, index: usize) -> usize {
        self.executors.get(index).map_or(0, |(count, _)| count.load(Relaxed))
    }

    fn total(&self) -> usize {
        self.executors.iter().map(|(count, _)| count.load(Relaxed)).sum()
    }

    /// Whether one more connection of that client is taken. One client, unless it is this machine, gets no
    /// more than half.
    fn has_room_for(&self, client: IpAddr) -> bool {
        let of_client = self.clients.get(&client).map_or(0, |count| *count);
        self.total() < self.most && (client.is_loopback() || of_client < self.most / 2)
    }

    /// The executor that should take it, if that is another one.
    fn better_than(&self, index: usize) -> Option<&mpsc::UnboundedSender<Handed>> {
        let (count, sender) = self.executors.iter().min_by_key(|(count, _)| count.load(Relaxed))?;
        (self.count(index) >= count.load(Relaxed) + UNEVEN).then_some(sender)
    }
}

/// Counts a connection until it ends.
struct Counted {
    balance: Arc<Balance>,
    index: usize,
    client: IpAddr,
}

impl Counted {
    fn new(balance: &Arc<Balance>, index: usize, client: IpAddr) -> Self {
        if let Some((count, _)) = balance.executors.get(index) {
            count.fetch_add(1, Relaxed);
        }
        *balance.clients.entry(client).or_default() += 1;
        balance.gauges.connections.fetch_add(1, Relaxed);
        Self { balance: balance.clone(), index, client }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((count, _)) = self.balance.executors.get(self.index) {
            count.fetch_sub(1, Relaxed);
        }
        self.balance.gauges.connections.fetch_sub(1, Relaxed);
        if let Some(mut count) = self.balance.clients.get_mut(&self.client) {
            *count = count.saturating_sub(1);
        }
        self.balance.clients.remove_if(&self.client, |_, count| *count == 0);
    }
}

/// The accept loop of one executor.
pub struct FrontDoor {
    /// Shared by all executors.
    pub listener: TcpListener,
    /// What serves requests.
    pub service: Arc<Service>,
    /// Shared by all executors.
    pub balance: Arc<Balance>,
    /// Which executor this is.
    pub index: usize,
    /// Connections that others hand on.
    pub handed: mpsc::UnboundedReceiver<Handed>,
    /// Longest wait for a request's head.
    pub head_time: Duration,
}

impl FrontDoor {
    /// Accepts until `shutdown` turns true, then lets requests in flight end, at most for `drain_time`.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>, drain_time: Duration) {
        let mut connections = JoinSet::new();
        while !*shutdown.borrow() {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, client)) => self.take(&mut connections, socket, client, &shutdown),
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some((socket, client)) = self.handed.recv() => {
                    if let Ok(socket) = TcpStream::from_std(socket) {
                        self.serve(&mut connections, socket, client, &shutdown);
                    }
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                _ = shutdown.changed() => {}
            }
        }
        // New connections are refused from now on: nobody listens any more.
        drop(self.listener);
        let drained =
            tokio::time::timeout(drain_time, async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!(cut = connections.len(), "connections were cut after the drain time");
        }
    }

    fn take(
        &self,
        connections: &mut JoinSet<()>,
        socket: TcpStream,
        client: SocketAddr,
        shutdown: &watch::Receiver<bool>,
    ) {
        if !self.balance.has_room_for(client.ip()) {
            return;
        }
        match self.balance.better_than(self.index) {
            None => self.serve(connections, socket, client, shutdown),
            Some(other) => {
                // If the other one has ended, so will this one soon: the client connects anew.
                if let Ok(socket) = socket.into_std() {
                    let _ = other.send((socket, client));
                }
            }
        }
    }

    fn serve(
        &self,
        connections: &mut JoinSet<()>,
        socket: TcpStream,
        client: SocketAddr,
        shutdown: &watch::Receiver<bool>,
    ) {
        let counted = Counted::new(&self.balance, self.index, client.ip());
        let (service, head_time, drain) = (self.service.clone(), self.head_time, shutdown.clone());
        connections.spawn(async move {
            connection::serve(socket, client.ip(), service, head_time, drain).await;
            drop(counted);
        });
    }
}
