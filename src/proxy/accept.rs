//! The loop that takes connections, one for each worker, and its end: stop, let go, wait, cut.
//! What happens on a connection is `connection`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::connection::{ConnectionFault, ConnectionInfo, Protocols};
use super::counters::{Counters, Ticket};
use super::drain::{Drain, Report};
use super::establish::establish;
use super::framing::{FramingHandle, Guard};
use super::listen::{Limits, ProxyProtocol, Security, Settings};
use super::streams::Streams;
use super::tls::{Handshaker, TlsError};
use super::vigil::Vigil;
use crate::notice::supervised;

/// How long to wait when the system has no more descriptors for us.
const PAUSE: Duration = Duration::from_millis(100);

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
    ) -> Result<Self, TlsError> {
        let handshaker = match (&settings.security, certificates) {
            (Security::Tls(tls), Some(certificates)) => Some(Handshaker::new(tls, certificates, settings.http2)?),
            (Security::Tls(_), None) => return Err(rustls::Error::NoCertificatesPresented.into()),
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

    /// Its side of TLS, for whoever watches files; none on a plaintext listener.
    #[must_use]
    pub fn handshaker(&self) -> Option<&Handshaker> {
        self.handshaker.as_ref()
    }

    /// Takes connections on `socket` until `drain` is cancelled, then lets all go, waits `grace`, and cuts the rest.
    /// Runs where `spawn_local` may be called; each worker calls it with a clone of the socket.
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
        let vigil = Rc::default();
        let shared = Rc::new(Shared { listener: self, hooks, protocols, drain: Drain::new(), vigil });
        let accepting = supervised("taking connections", || accept(&socket, &shared));
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
    vigil: Rc<Vigil>,
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
    let Some((stream, mut info)) = Box::pin(establish(&shared.listener, stream, peer)).await else { return };
    info.streams = Rc::new(Streams::of(&shared.vigil, &shared.drain));
    let info = Rc::new(info);
    let result = shared.protocols.serve(stream, &info, &shared.hooks.factory, &guest, ticket).await;
    if let Err(error) = result {
        (shared.hooks.on_fault)(&info, ConnectionFault::of(&error));
    }
}
