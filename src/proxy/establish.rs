//! What comes before HTTP on a connection: who really connected, the handshake, which HTTP it will be.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;

use super::accept::Listener;
use super::connection::ConnectionInfo;
use super::listen::ProxyProtocol;
use super::proxy_protocol;
use crate::upstream::Wire;

/// A connection that is ready for HTTP.
pub(super) enum Established {
    /// Over TLS. Boxed: its session is large, and would lie in the task once for each step that moves it.
    Tls(Box<tokio_rustls::server::TlsStream<Wire>>),
    /// In the clear.
    Plain(Wire),
}

/// What comes before HTTP. `None`: it failed, and was counted.
pub(super) async fn establish(
    listener: &Listener,
    mut stream: TcpStream,
    peer: SocketAddr,
) -> Option<(Established, ConnectionInfo)> {
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok()?;
    let (peer, local) = match &listener.proxy {
        Some(proxy) => introduced(listener, proxy, &mut stream, peer, local).await?,
        None => (peer, local),
    };
    let mut info = ConnectionInfo {
        id: listener.counters.next_id.fetch_add(1, Ordering::Relaxed),
        listener: listener.name.clone(),
        peer: canonical(peer),
        local: canonical(local),
        http2: false,
        tls: None,
        streams: Rc::default(),
    };
    let Some(handshaker) = &listener.handshaker else {
        info.http2 = listener.h2c && has_preface(&stream, listener.guard.clocks.header).await?;
        return Some((Established::Plain(Wire(stream)), info));
    };
    let counters = &listener.counters;
    match handshaker.shake(stream).await {
        Ok((stream, tls)) => {
            counters.resumed.fetch_add(u64::from(tls.resumed), Ordering::Relaxed);
            info.http2 = tls.http2;
            info.tls = Some(tls);
            Some((Established::Tls(Box::new(stream)), info))
        }
        Err(failure) => {
            counters.handshake(failure).fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

/// The addresses that a trusted load balancer tells; `None` drops the connection.
async fn introduced(
    listener: &Listener,
    proxy: &ProxyProtocol,
    stream: &mut TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
) -> Option<(SocketAddr, SocketAddr)> {
    let address = peer.ip().to_canonical();
    if proxy.trusted.iter().any(|net| net.contains(&address)) {
        match tokio::time::timeout(proxy.timeout.get(), proxy_protocol::read(stream)).await {
            Ok(Ok(Some(told))) => return Some((told.source, told.destination)),
            Ok(Ok(None)) => return Some((peer, local)),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    listener.counters.proxy_protocol.fetch_add(1, Ordering::Relaxed);
    None
}

/// Whether the client begins with HTTP/2 (RFC 9113 §3.4). Four bytes tell: no HTTP/1.1 method begins like that.
async fn has_preface(stream: &TcpStream, within: Duration) -> Option<bool> {
    const PREFACE: &[u8] = b"PRI ";
    let look = async {
        let mut first = [0u8; PREFACE.len()];
        loop {
            let count = stream.peek(&mut first).await.ok()?;
            let seen = first.get(..count).unwrap_or_default();
            if count == PREFACE.len() || count == 0 || !PREFACE.starts_with(seen) {
                return Some(seen == PREFACE);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(within, look).await.ok().flatten()
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
