//! Dials an origin: resolves once, keeps the addresses that may be called, connects to exactly those.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::TlsClient;
use super::address::{Reach, reach};
use super::target::origin_of;
use crate::grants::{Host, Origin, Scheme};

/// Addresses of one name that are tried, in the resolver's order.
const MOST_ADDRESSES: usize = 4;

/// The connector of a project's pool. The origin has been granted before; what is decided here is the address.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: TlsClient,
    /// Where connections live, whoever asks for them.
    pub(super) runtime: Handle,
    /// Time for resolving, connecting and the TLS handshake together.
    pub(super) connect: Duration,
    /// Bounds the threads that wait for the resolver.
    pub(super) lookups: Arc<Semaphore>,
    /// Ports of this machine that are never dialled, whatever is granted.
    pub(super) forbidden_ports: Arc<[u16]>,
}

/// Why an origin could not be dialled.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("not an origin that can be called")]
    BadOrigin,
    #[error("the name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("the name has no address that may be called")]
    Prohibited,
    #[error("no connection in time")]
    Timeout,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no TLS session")]
    Tls(#[source] io::Error),
    #[error("the dialling task ended early")]
    Ended,
}

impl Connector {
    async fn dial(self, uri: Uri) -> Result<TokioIo<Upstream>, DialError> {
        let origin = origin_of(&uri).ok_or(DialError::BadOrigin)?;
        timeout(self.connect, self.open(&origin)).await.map_err(|_| DialError::Timeout)?.map(TokioIo::new)
    }

    async fn open(&self, origin: &Origin) -> Result<Upstream, DialError> {
        let addresses = self.addresses(origin).await?;
        let tcp = self.first_that_answers(&addresses).await?;
        // Requests are written whole, so waiting for more to send only costs time.
        tcp.set_nodelay(true).map_err(DialError::Connect)?;
        match origin.scheme {
            Scheme::Http => Ok(Upstream::Plain(tcp)),
            Scheme::Https => {
                let connector = tokio_rustls::TlsConnector::from(self.tls.config.clone());
                let stream =
                    connector.connect(server_name(&origin.host)?, tcp).await.map_err(DialError::Tls)?;
                Ok(Upstream::Tls(Box::new(stream)))
            }
        }
    }

    /// The addresses to dial. An address that the guest wrote has been granted as such; a name leads to
    /// public addresses of other machines only. Addresses that may not be dialled are left out, so that a
    /// name with a good and a bad one still works, on the good one.
    async fn addresses(&self, origin: &Origin) -> Result<Vec<SocketAddr>, DialError> {
        let mut addresses = match &origin.host {
            Host::Address(address) => vec![SocketAddr::new(*address, origin.port)],
            Host::Name(name) => {
                let mut found = self.resolve(name.clone(), origin.port).await?;
                found.retain(|address| {
                    reach(address.ip()) == Reach::Public && owner(address.ip()) == Owner::Other
                });
                found
            }
        };
        addresses.retain(|address| {
            !self.forbidden_ports.contains(&address.port()) || owner(address.ip()) == Owner::Other
        });
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() { Err(DialError::Prohibited) } else { Ok(addresses) }
    }

    /// Asks the system's resolver on a thread of its own. The permit goes with the thread, not with the caller,
    /// so that names which are never answered cannot pile threads up.
    async fn resolve(&self, name: String, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let permit = self.lookups.clone().acquire_owned().await.map_err(|_| DialError::Ended)?;
        let lookup = move || {
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs().map(Iterator::collect)
        };
        tokio::task::spawn_blocking(lookup).await.map_err(|_| DialError::Ended)?.map_err(DialError::Resolve)
    }

    /// Tries the addresses one after the other; each but the last has its share of the time only.
    async fn first_that_answers(&self, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
        let share = self.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut fault = DialError::Prohibited;
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => fault = DialError::Connect(error),
                Err(_) => fault = DialError::Timeout,
            }
        }
        Err(fault)
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Upstream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let runtime = self.runtime.clone();
        let dial = self.clone().dial(uri);
        // The socket belongs to the reactor it is opened under; see `EgressOptions::runtime`.
        Box::pin(async move { Task(runtime.spawn(dial)).await })
    }
}

/// A spawned dial that ends with its caller.
struct Task<T>(tokio::task::JoinHandle<Result<T, DialError>>);

impl<T> Future for Task<T> {
    type Output = Result<T, DialError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|ended| ended.unwrap_or(Err(DialError::Ended)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// This machine's.
    Ours,
    /// Some other machine's, or nobody's.
    Other,
}

/// A socket can be bound to an address of this machine and to no other. So the machine's own public address
/// is found without a list of its interfaces, also after it has changed. In doubt it is ours.
fn owner(address: IpAddr) -> Owner {
    let address = address.to_canonical();
    if address.is_loopback() || address.is_unspecified() {
        return Owner::Ours;
    }
    match UdpSocket::bind((address, 0)) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Owner::Other,
        Err(_) => Owner::Ours,
        Ok(_) if binds_anything(address) => by_route(address).unwrap_or(Owner::Ours),
        Ok(_) => Owner::Ours,
    }
}

/// Some machines (with `ip_nonlocal_bind`) let a socket be bound to any address, so also to one that no machine
/// ever has.
fn binds_anything(like: IpAddr) -> bool {
    let nobodys = match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    UdpSocket::bind((nobodys, 0)).is_ok()
}

/// A packet to an address of this machine would leave from that address. Sends nothing.
fn by_route(address: IpAddr) -> io::Result<Owner> {
    let any = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((address, 9))?;
    Ok(if socket.local_addr()?.ip() == address { Owner::Ours } else { Owner::Other })
}

fn server_name(host: &Host) -> Result<ServerName<'static>, DialError> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| DialError::BadOrigin),
        Host::Address(address) => Ok(ServerName::from(*address)),
    }
}

/// A connection to an upstream.
pub(super) enum Upstream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Upstream {
    fn writer(self: Pin<&mut Self>) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

impl Connection for Upstream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Upstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_its_own_addresses() {
        for ours in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"] {
            assert_eq!(owner(ours.parse().unwrap()), Owner::Ours, "{ours}");
        }
        assert_eq!(owner(Ipv4Addr::new(192, 0, 2, 77).into()), Owner::Other);
        // The address that this machine calls others from, where it has a network at all.
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        if socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).is_ok() {
            let source = socket.local_addr().unwrap().ip();
            assert_eq!((owner(source), by_route(source).unwrap()), (Owner::Ours, Owner::Ours), "{source}");
            assert_eq!(by_route(Ipv4Addr::new(192, 0, 2, 77).into()).unwrap(), Owner::Other);
        }
    }
}
