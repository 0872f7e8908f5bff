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

    /// Free ones for `once`, else the usual ones; or, for a demo beside another, the port that was asked for and the
    /// three after it. Port 0 is any that is free.
    pub fn wanted(once: bool, port: Option<u16>) -> Self {
        let after =
            |steps: u16| loopback(port.filter(|port| *port != 0 && !once).map_or(0, |port| port.saturating_add(steps)));
        match port {
            None if !once => Self::USUAL,
            _ => Self { gateway: loopback(port.unwrap_or(0)), provider: after(1), upstream: after(2), admin: after(3) },
        }
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

#[cfg(test)]
mod tests {
    use super::{Addresses, take};

    fn ports(once: bool, port: Option<u16>) -> [u16; 4] {
        let Addresses { gateway, provider, upstream, admin } = Addresses::wanted(once, port);
        [gateway, provider, upstream, admin].map(|address| address.port())
    }

    #[test]
    fn ports_are_the_usual_the_asked_for_or_free() {
        assert_eq!(ports(false, None), [8443, 8444, 8445, 9901]);
        assert_eq!(ports(false, Some(7000)), [7000, 7001, 7002, 7003]);
        assert_eq!(ports(false, Some(0)), [0; 4]);
        assert_eq!(ports(true, None), [0; 4]);
        assert_eq!(ports(true, Some(7000)), [7000, 0, 0, 0]);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = take(Addresses::wanted(true, None)).await.ok().unwrap();
        let wanted = Addresses { admin: first.addresses.provider, ..Addresses::wanted(true, None) };
        let (address, _) = take(wanted).await.err().unwrap();
        assert_eq!(address, first.addresses.provider);
    }
}
