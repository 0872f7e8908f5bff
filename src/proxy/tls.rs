//! TLS: the server's side of the handshake and how it is set up. Which certificate is `certificates`' to say.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::{Certificates, Served};
use super::listen::{Tls, TlsVersion};

/// How much rustls may hold for a peer that does not read.
const BUFFER_LIMIT: usize = 64 * 1024;

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsInfo {
    /// The host that the client named.
    pub sni: Option<String>,
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The certificate that was shown, and so the names this connection may be used for.
    pub certificate: Option<Arc<Served>>,
}

/// Why a handshake failed, by what an operator would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// It took too long.
    Timeout,
    /// The client went away.
    Closed,
    /// No certificate covers the name the client asked for.
    UnknownName,
    /// No version, cipher or protocol is spoken by both.
    Incompatible,
    /// The client did not like our certificate, or sent what is not TLS.
    Protocol,
}

/// A listener's side of TLS.
#[derive(Clone)]
pub struct Handshaker {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    timeout: Duration,
}

/// The one crypto library in the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl Handshaker {
    /// Sets TLS up. Each listener has its own tickets: a session resumed elsewhere would skip what is asked here.
    pub fn new(settings: &Tls, certificates: Arc<Certificates>, http2: bool) -> Result<Self, rustls::Error> {
        let versions: &[_] = match settings.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols =
            if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        // Early data can be replayed, and so could a token in it (RFC 8470).
        config.max_early_data_size = 0;
        // Tickets carry the session; a store would keep 256 of them and forget the rest.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = usize::from(settings.session_tickets);
        if settings.session_tickets {
            config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        }
        let timeout = settings.handshake_timeout.get();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates, timeout })
    }

    /// The certificates it shows.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// One handshake, within its time.
    pub async fn shake(&self, stream: TcpStream) -> Result<(TlsStream<TcpStream>, TlsInfo), HandshakeFailure> {
        let accept = self.acceptor.accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER_LIMIT)));
        let stream = tokio::time::timeout(self.timeout, accept)
            .await
            .map_err(|_| HandshakeFailure::Timeout)?
            .map_err(|error| self.failure(&error))?;
        let info = self.describe(&stream);
        Ok((stream, info))
    }

    fn describe(&self, stream: &TlsStream<TcpStream>) -> TlsInfo {
        let (_, session) = stream.get_ref();
        let sni = session.server_name().map(str::to_owned);
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        TlsInfo {
            certificate: self.certificates.select(sni.as_deref()),
            version,
            http2: session.alpn_protocol() == Some(b"h2"),
            resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            sni,
        }
    }

    fn failure(&self, error: &io::Error) -> HandshakeFailure {
        let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return HandshakeFailure::Closed;
        };
        match cause {
            // The resolver is the only one that says this, and only about a name.
            rustls::Error::General(text) if text.contains("no server certificate chain resolved") => {
                HandshakeFailure::UnknownName
            }
            rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => HandshakeFailure::Incompatible,
            _ => HandshakeFailure::Protocol,
        }
    }
}
