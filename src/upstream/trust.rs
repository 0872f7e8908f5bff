//! Which certificates an upstream may show.

use super::settings::{Protocol, Tls};
use crate::settings::read_certificates;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why trust could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the roots in {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in it.
    #[error("there is no certificate in {0}")]
    Empty(PathBuf),
    /// TLS cannot be configured so.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The client side of TLS.
pub fn client(settings: &Tls, protocol: Protocol) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match &settings.ca {
        Some(path) => file(path)?,
        None => system(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match protocol {
        Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}

fn file(path: &Path) -> Result<RootCertStore, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path).map_err(unreadable)? {
        roots.add(certificate)?;
    }
    if roots.is_empty() { Err(TrustError::Empty(path.to_owned())) } else { Ok(roots) }
}

/// The system's roots. One that cannot be read is left out; without any, every handshake fails and says so.
fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
