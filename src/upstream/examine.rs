//! One connection to an endpoint, made to see how that goes: is it there, how long does it take, what does it show?
//! Nothing is asked over it.

use super::settings::{Address, Settings};
use super::trust;
use rustls::pki_types::ServerName;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took to connect, TLS and the look-up of its name included.
    pub took: Duration,
    /// Over TLS: its version and the certificate, DER.
    pub tls: Option<(String, Option<Vec<u8>>)>,
}

/// Connects as a request would.
///
/// # Errors
/// What went wrong, in words.
pub async fn examine(settings: &Settings, address: &Address, within: Duration) -> Result<Seen, String> {
    let begun = Instant::now();
    let connecting = connect(settings, address, begun);
    let late = |_| format!("no connection within {} s", within.as_secs());
    tokio::time::timeout(within, connecting).await.map_err(late)?
}

async fn connect(settings: &Settings, address: &Address, begun: Instant) -> Result<Seen, String> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| error.to_string())?;
    if !address.secure {
        return Ok(Seen { took: begun.elapsed(), tls: None });
    }
    let config = trust::client(&settings.tls, settings.protocol).map_err(|error| error.to_string())?;
    let name = settings.tls.sni.clone().unwrap_or_else(|| address.host.clone());
    let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
    let (_, tls) = stream.get_ref();
    let version =
        tls.protocol_version().map_or_else(String::new, |version| format!("{version:?}").replace("TLSv1_", "TLS 1."));
    let shown = tls.peer_certificates().and_then(|chain| chain.first()).map(|certificate| certificate.to_vec());
    Ok(Seen { took: begun.elapsed(), tls: Some((version, shown)) })
}
