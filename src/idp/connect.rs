//! Connects to a provider: resolves, checks every address, and connects to the very address that was checked,
//! so that a name cannot point elsewhere in between.

use super::guard::Allowed;
use super::web_url::WebUrl;
use crate::settings::read_certificates;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No more addresses of one name are tried.
const MAX_ADDRESSES: usize = 4;

/// Why the roots could not be had.
#[derive(Debug, Error)]
pub enum RootsError {
    /// The file cannot be read as certificates.
    #[error("the roots in {path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// There is not one certificate.
    #[error("no root certificate was found in {0}")]
    Empty(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// The TLS of a client that trusts the roots in a file, or the system's.
pub fn tls(ca: Option<&Path>) -> Result<Arc<ClientConfig>, RootsError> {
    tls_with(ca, None)
}

/// The same of one that shows a certificate where it is asked for one: its chain and its key, PEM.
pub fn tls_with(ca: Option<&Path>, identity: Option<(&[u8], &[u8])>) -> Result<Arc<ClientConfig>, RootsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(match ca {
        Some(path) => read_certificates(path).map_err(|why| unreadable(path, &why))?,
        None => rustls_native_certs::load_native_certs().certs,
    });
    if roots.is_empty() {
        return Err(RootsError::Empty(ca.map_or_else(|| "the system".into(), |path| path.display().to_string())));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let (chain, key) = pair(cert, key)?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn unreadable(path: &Path, why: &rustls::pki_types::pem::Error) -> RootsError {
    RootsError::Unreadable { path: path.display().to_string(), why: why.to_string() }
}

/// Looks whether a certificate and a key, PEM, are of each other.
pub(super) fn is_pair(cert: &[u8], key: &[u8]) -> Result<(), rustls::Error> {
    let (chain, key) = pair(cert, key)?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()).map(drop)
}

fn pair(cert: &[u8], key: &[u8]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), rustls::Error> {
    let other = |error: rustls::pki_types::pem::Error| rustls::Error::General(error.to_string());
    let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>().map_err(other)?;
    Ok((chain, PrivateKeyDer::from_pem_slice(key).map_err(other)?))
}

/// Makes connections for the client.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
    allowed: Allowed,
}

impl Connector {
    /// Connects with this TLS, to these addresses only.
    pub const fn new(tls: Arc<ClientConfig>, allowed: Allowed) -> Self {
        Self { tls, allowed }
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<Wire>> {
        let url: WebUrl = uri.to_string().parse().map_err(io::Error::other)?;
        let port = uri.port_u16().unwrap_or(if url.is_secure() { 443 } else { 80 });
        let found = tokio::net::lookup_host((url.host(), port)).await?;
        let checked = found.filter(|found| self.allowed.address(found.ip(), url.is_secure()));
        let stream = connect_one(checked.take(MAX_ADDRESSES).collect()).await?;
        stream.set_nodelay(true)?;
        if !url.is_secure() {
            return Ok(TokioIo::new(Wire(Box::new(stream))));
        }
        let name = ServerName::try_from(url.host().to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.tls).connect(name, stream).await?;
        Ok(TokioIo::new(Wire(Box::new(stream))))
    }
}

async fn connect_one(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let refused = "the name has no address that may be fetched from (see `allow_private_network`)";
    let mut last = io::Error::new(io::ErrorKind::PermissionDenied, refused);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Wire>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection, with TLS or without.
pub struct Wire(Box<dyn Bytes>);

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
