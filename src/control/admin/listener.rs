//! The connections of the admin listener, each served within its bounds.

use super::guard::{Guard, Peer};
use super::operations::Operations;
use super::origin::Names;
use super::patient::Patient;
use super::places::{Place, Places};
use super::records::Told;
use super::routes::{self, Showing};
use crate::notice::Trouble;
use crate::proxy::tls::Handshaker;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// How many connections it serves at once.
const CONNECTIONS: usize = 64;
/// How long a head may take, how long a connection may be quiet, and how long its reader may take nothing of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may last: a long import takes its time.
const LONGEST: Duration = Duration::from_secs(900);

/// How long it waits after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What answers.
pub struct Wiring<S> {
    /// What is shown.
    pub shown: Arc<S>,
    /// What operators do.
    pub operations: Operations,
    /// What they ask of decision records.
    pub records: Told,
    /// Who may.
    pub guard: Guard,
    /// By which names.
    pub names: Names,
    /// TLS, if it is spoken.
    pub tls: Option<Handshaker>,
    /// Whether the certificates of clients are verified against roots: then one is enough.
    pub vouching: bool,
    /// Those who were not let in: told once, then now and then.
    pub strangers: Trouble,
}

/// Serves for as long as the process lives.
pub async fn serve<S: Showing>(listener: Arc<TcpListener>, wiring: Arc<Wiring<S>>) {
    let (places, trouble) = (Arc::new(Places::new(CONNECTIONS)), Trouble::default());
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(repeats) = trouble.met(&error.to_string()) {
                    tracing::warn!(%error, repeats, "the admin listener cannot take a connection");
                }
                // Without files that may be opened, the next one fails as well, at once.
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if let Some(out) = trouble.over() {
            tracing::info!(%out, "the admin listener takes connections again");
        }
        let Some((place, permit)) = places.take().await else { return };
        let (wiring, places) = (Arc::clone(&wiring), Arc::clone(&places));
        tokio::spawn(async move {
            let served = tokio::time::timeout(LONGEST, connection(stream, address, &place, wiring));
            // Whether the asker stayed to the end is no matter of ours.
            let _ = place.leave.run_until_cancelled(served).await;
            places.left(&place);
            drop(permit);
        });
    }
}

async fn connection<S: Showing>(stream: TcpStream, address: SocketAddr, place: &Place, wiring: Arc<Wiring<S>>) {
    let Some(tls) = &wiring.tls else {
        return talk(stream, Peer { address, vouched: None }, place, &wiring).await;
    };
    match tls.shake(stream).await {
        Ok((stream, info)) => {
            let vouched = info.client_certificate.filter(|_| wiring.vouching);
            talk(stream, Peer { address, vouched }, place, &wiring).await;
        }
        Err(failure) => tracing::debug!(peer = %address, ?failure, "no handshake with the admin listener"),
    }
}

async fn talk<S: Showing>(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, place: &Place, wiring: &Wiring<S>) {
    let service = service_fn(|request| {
        let peer = peer.clone();
        async move { Ok::<_, Infallible>(routes::answer(request, &peer, place, wiring).await) }
    });
    let (mut builder, stream) = (http1::Builder::new(), Patient::new(stream, PATIENCE));
    let connection =
        builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}
