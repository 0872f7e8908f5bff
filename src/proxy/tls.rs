//! TLS: the server's side of the handshake and how it is set up. Which certificate is shown is `certificates`' to say,
//! which one is asked of the client `client_certificates`'.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::{Certificates, Served};
use super::client_certificates::{self, Roots, RootsError};
use super::listen::{Tls, TlsVersion};
use crate::decide::id::CertificateThumbprint;
use crate::upstream::Wire;

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
    /// The certificate that the client showed, in this handshake or in the one of the session that was resumed.
    pub client_certificate: Option<CertificateThumbprint>,
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
    /// The client has no certificate where it needs one, or one that is not taken.
    ClientCertificate,
    /// The client did not like our certificate, or sent what is not TLS.
    Protocol,
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The roots of the clients' certificates.
    #[error("client_certificates: {0}")]
    Roots(#[from] RootsError),
    /// What rustls does not take.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A listener's side of TLS; its clones are one.
#[derive(Clone)]
pub struct Handshaker {
    current: Arc<ArcSwap<Current>>,
    settings: Arc<Tls>,
    certificates: Arc<Certificates>,
    http2: bool,
    timeout: Duration,
}

/// What shakes hands now.
struct Current {
    config: Arc<ServerConfig>,
    roots: Roots,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// The one crypto library in the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl Handshaker {
    /// Sets TLS up. Each listener has its own tickets: a session resumed elsewhere would skip what is asked here.
    ///
    /// # Errors
    /// What cannot be read, or is not taken.
    pub fn new(settings: &Tls, certificates: Arc<Certificates>, http2: bool) -> Result<Self, TlsError> {
        let current = Current::new(settings, &certificates, http2)?;
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(current)),
            settings: Arc::new(settings.clone()),
            certificates,
            http2,
            timeout: settings.handshake_timeout.get(),
        })
    }

    /// Reads the roots of the clients' certificates again, and goes by what is in them if it is new and whole. True:
    /// something changed, and no session from before is resumed. On any fault the old stay.
    ///
    /// # Errors
    /// What cannot be read, or is not taken.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(clients) = self.settings.client_certificates.as_ref().on() else { return Ok(false) };
        if clients.roots()? == self.current.load().roots {
            return Ok(false);
        }
        self.current.store(Arc::new(Current::new(&self.settings, &self.certificates, self.http2)?));
        Ok(true)
    }

    /// The certificates it shows.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// One handshake, within its time.
    ///
    /// # Errors
    /// Why there is no session.
    pub async fn shake(&self, stream: TcpStream) -> Result<(TlsStream<Wire>, TlsInfo), HandshakeFailure> {
        let current = self.current.load_full();
        let acceptor = TlsAcceptor::from(Arc::clone(&current.config));
        let accept = acceptor.accept_with(Wire(stream), |session| session.set_buffer_limit(Some(BUFFER_LIMIT)));
        let stream = tokio::time::timeout(self.timeout, accept)
            .await
            .map_err(|_| HandshakeFailure::Timeout)?
            .map_err(|error| self.failure(&error))?;
        let info = self.describe(&stream);
        if info.resumed && !current.still_takes(stream.get_ref().1) {
            return Err(HandshakeFailure::ClientCertificate);
        }
        Ok((stream, info))
    }

    fn describe(&self, stream: &TlsStream<Wire>) -> TlsInfo {
        let (_, session) = stream.get_ref();
        let sni = session.server_name().map(str::to_owned);
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        TlsInfo {
            certificate: self.certificates.select(sni.as_deref()),
            client_certificate: session
                .peer_certificates()
                .and_then(<[_]>::first)
                .and_then(client_certificates::thumbprint),
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
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                HandshakeFailure::ClientCertificate
            }
            rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => HandshakeFailure::Incompatible,
            _ => HandshakeFailure::Protocol,
        }
    }
}

impl Current {
    /// Always with tickets of its own: a session from before would carry over a certificate that is not taken any more.
    fn new(settings: &Tls, certificates: &Arc<Certificates>, http2: bool) -> Result<Self, TlsError> {
        let versions: &[_] = match settings.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let asked = settings.client_certificates.as_ref().on();
        let roots = asked.map(|clients| clients.roots()).transpose()?.unwrap_or_default();
        let clients = asked.map(|clients| clients.verifier(&roots)).transpose()?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(certificates.clone());
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
        Ok(Self { config: Arc::new(config), roots, clients })
    }

    /// rustls takes the certificate of a resumed session as it was: it may have ended in the meantime.
    fn still_takes(&self, session: &ServerConnection) -> bool {
        let (Some(verifier), Some([leaf, chain @ ..])) = (&self.clients, session.peer_certificates()) else {
            return true;
        };
        let now = self.config.time_provider.current_time();
        now.is_some_and(|now| verifier.verify_client_cert(leaf, chain, now).is_ok())
    }
}
