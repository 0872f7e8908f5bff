//! Where the parts of a demo listen: on loopback, at the usual ports or at free ones.

use super::serve;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Where the parts listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The gateway.
    pub gateway: SocketAddr,
    /// The provider, and the collector with it.
    pub provider: SocketAddr,
    /// The upstream.
    pub upstream: SocketAddr,
    /// The gateway's admin listener.
    pub admin: SocketAddr,
}

impl Addresses {
    /// The usual ones, which `config/demo.yaml` names.
    pub const USUAL: Self =
        Self { gateway: loopback(8443), provider: loopback(8444), upstream: loopback(8445), admin: loopback(9901) };

    /// The usual ones, or free ones; the gateway's port as it was asked for.
    pub fn wanted(free: bool, port: Option<u16>) -> Self {
        let any = Self { gateway: loopback(0), provider: loopback(0), upstream: loopback(0), admin: loopback(0) };
        let wanted = if free { any } else { Self::USUAL };
        Self { gateway: port.map_or(wanted.gateway, loopback), ..wanted }
    }
}

/// The addresses of a run, and the sockets of those parts that are the demo's own.
pub struct Taken {
    /// The addresses, each with its port.
    pub addresses: Addresses,
    /// The provider's socket.
    pub provider: TcpListener,
    /// The upstream's socket.
    pub upstream: TcpListener,
}

/// Takes the addresses. The gateway opens its own two, so theirs are tried and let go again: that tells at once, and
/// in one place, that a port is in use.
pub async fn take(wanted: Addresses) -> Result<Taken, (SocketAddr, io::Error)> {
    let (gateway_socket, gateway) = bind(wanted.gateway).await?;
    let (admin_socket, admin) = bind(wanted.admin).await?;
    let (provider, provider_address) = bind(wanted.provider).await?;
    let (upstream, upstream_address) = bind(wanted.upstream).await?;
    drop((gateway_socket, admin_socket));
    let addresses = Addresses { gateway, provider: provider_address, upstream: upstream_address, admin };
    Ok(Taken { addresses, provider, upstream })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), (SocketAddr, io::Error)> {
    serve::bind(address).await.map_err(|error| (address, error))
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}
