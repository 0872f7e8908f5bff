//! The loop that takes connections, one for each worker, and its end: stop, let go, wait, cut.
//! What happens on a connection is `connection`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::connection::{ConnectionFault, ConnectionInfo, Protocols};
use super::drain::{Drain, Report};
use super::framing::{FramingHandle, Guard};
use super::listen::{Limits, ProxyProtocol, Security, Settings};
use super::proxy_protocol;
use super::tls::{HandshakeFailure, Handshaker};

/// How long to wait when the system has no more descriptors for us.
const PAUSE: Duration = Duration::from_millis(100);

/// What telemetry reads about connections, all listeners and workers together.
#[derive(Debug, Default)]
pub struct Counters {
    /// Open now, tunnels included.
    pub open: AtomicUsize,
    /// Taken since the start.
    pub accepted: AtomicU64,
    /// Closed at once, because as many were open as may be.
    pub refused: AtomicU64,
    /// The system could not give us a connection.
    pub accept_errors: AtomicU64,
    /// Dropped for their PROXY header, or for coming from where none may be sent.
    pub proxy_protocol: AtomicU64,
    /// Handshakes that took too long.
    pub handshake_timeout: AtomicU64,
    /// Handshakes that the client left.
    pub handshake_closed: AtomicU64,
    /// Handshakes for a name of no certificate.
    pub handshake_unknown_name: AtomicU64,
    /// Handshakes without a common version, cipher or protocol.
    pub handshake_incompatible: AtomicU64,
    /// Handshakes that broke the protocol, or whose client refused our certificate.
    pub handshake_protocol: AtomicU64,
    /// Sessions resumed.
    pub resumed: AtomicU64,
    next_id: AtomicU64,
}

impl Counters {
    fn handshake(&self, failure: HandshakeFailure) -> &AtomicU64 {
        match failure {
            HandshakeFailure::Timeout => &self.handshake_timeout,
            HandshakeFailure::Closed => &self.handshake_closed,
            HandshakeFailure::UnknownName => &self.handshake_unknown_name,
            HandshakeFailure::Incompatible => &self.handshake_incompatible,
            HandshakeFailure::Protocol => &self.handshake_protocol,
        }
    }
}

/// One of the connections that may be open. It counts as long as this lives, in a tunnel too.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Counters>);

impl Ticket {
    fn take(counters: &Arc<Counters>, limit: usize) -> Option<Self> {
        let open = counters.open.fetch_add(1, Ordering::Relaxed);
        let ticket = Self(counters.clone());
        if open >= limit {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        Some(ticket)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listener as every worker has it.
#[derive(Clone)]
pub struct Listener {
    pub(super) name: Arc<str>,
    pub(super) handshaker: Option<Handshaker>,
    pub(super) proxy: Option<ProxyProtocol>,
    pub(super) h2c: bool,
    pub(super) websockets: bool,
    pub(super) limits: Limits,
    pub(super) guard: Arc<Guard>,
    pub(super) counters: Arc<Counters>,
}

/// What a worker does with connections: how each is served, and who hears of what went wrong below HTTP.
pub struct Hooks<F, G> {
    /// Makes the service of a connection.
    pub factory: F,
    /// Hears why a connection ended in an error.
    pub on_fault: G,
}

impl Listener {
    /// Sets a listener up. `certificates` are those of its TLS settings; `websockets`: some route takes them, so
    /// HTTP/2 clients are told that they may ask (RFC 8441 §3).
    pub fn new(
        settings: &Settings,
        limits: &Limits,
        certificates: Option<Arc<super::certificates::Certificates>>,
        websockets: bool,
        counters: Arc<Counters>,
    ) -> Result<Self, rustls::Error> {
        let handshaker = match (&settings.security, certificates) {
            (Security::Tls(tls), Some(certificates)) => Some(Handshaker::new(tls, certificates, settings.http2)?),
            (Security::Tls(_), None) => return Err(rustls::Error::NoCertificatesPresented),
            (Security::Plaintext, _) => None,
        };
        Ok(Self {
            name: settings.name.as_str().into(),
            handshaker,
            proxy: settings.proxy_protocol.clone(),
            h2c: settings.h2c,
            websockets,
            limits: limits.clone(),
            guard: Arc::new(limits.guard()),
            counters,
        })
    }

    /// Takes connections on `socket` until `drain` is cancelled, then lets all go, waits `grace`, and cuts the rest.
    /// Runs inside a `LocalSet`; each worker calls it with a clone of the socket.
    pub async fn serve<F, G, S, B>(
        self,
        socket: std::net::TcpListener,
        hooks: Hooks<F, G>,
        drain: CancellationToken,
        grace: Duration,
    ) -> io::Result<Report>
    where
        F: Fn(Rc<ConnectionInfo>, FramingHandle) -> S + 'static,
        G: Fn(&ConnectionInfo, ConnectionFault) + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
        B: Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let protocols = Protocols::new(&self);
        let shared = Rc::new(Shared { listener: self, hooks, protocols, drain: Drain::new() });
        let accepting = accept(&socket, &shared);
        drain.run_until_cancelled(accepting).await;
        drop(socket);
        Ok(shared.drain.finish(grace).await)
    }
}

/// What the connections of one worker have in common.
struct Shared<F, G> {
    listener: Listener,
    hooks: Hooks<F, G>,
    protocols: Protocols,
    drain: Rc<Drain>,
}

async fn accept<F, G, S, B>(socket: &TcpListener, shared: &Rc<Shared<F, G>>)
where
    F: Fn(Rc<ConnectionInfo>, FramingHandle) -> S + 'static,
    G: Fn(&ConnectionInfo, ConnectionFault) + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let counters = &shared.listener.counters;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                // Beyond the limit the stream is dropped here, which closes it.
                if let Some(ticket) = Ticket::take(counters, shared.listener.limits.connections) {
                    tokio::task::spawn_local(connection(shared.clone(), stream, peer, ticket));
                }
                // Others of the burst belong to the other workers, and our own connections want their turn.
                tokio::task::yield_now().await;
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(_) => {
                counters.accept_errors.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The peer was gone before it was accepted; the next one is not concerned.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// One connection from first byte to last.
async fn connection<F, G, S, B>(shared: Rc<Shared<F, G>>, stream: TcpStream, peer: SocketAddr, ticket: Ticket)
where
    F: Fn(Rc<ConnectionInfo>, FramingHandle) -> S + 'static,
    G: Fn(&ConnectionInfo, ConnectionFault) + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let guest = shared.drain.enter();
    // The handshake is boxed so that its state is gone, and not part of this task, while the connection is served.
    let Some((stream, info)) = Box::pin(establish(&shared.listener, stream, peer)).await else { return };
    let info = Rc::new(info);
    let result = shared.protocols.serve(stream, &info, &shared.hooks.factory, &guest, ticket).await;
    if let Err(error) = result {
        (shared.hooks.on_fault)(&info, ConnectionFault::of(&error));
    }
}

/// A connection that is ready for HTTP.
pub(super) enum Established {
    /// Over TLS.
    Tls(tokio_rustls::server::TlsStream<TcpStream>),
    /// In the clear.
    Plain(TcpStream, bool),
}

async fn establish(
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
        tls: None,
    };
    let Some(handshaker) = &listener.handshaker else {
        let is_http2 = listener.h2c && has_preface(&stream, listener.guard.clocks.header).await?;
        return Some((Established::Plain(stream, is_http2), info));
    };
    let counters = &listener.counters;
    match handshaker.shake(stream).await {
        Ok((stream, tls)) => {
            counters.resumed.fetch_add(u64::from(tls.resumed), Ordering::Relaxed);
            info.tls = Some(tls);
            Some((Established::Tls(stream), info))
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
