//! A new connection to an endpoint: TCP, TLS where it is wanted, and the protocol's handshake.

use super::endpoint::Endpoint;
use super::failure::FailureKind;
use super::pool::Pool;
use super::settings::Protocol;
use super::streams::{CONNECTION_WINDOW, STREAM_WINDOW, Streams};
use super::wire::Wire;
use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What is wrong, and the error.
pub type Fault = (FailureKind, Box<dyn std::error::Error + Send + Sync>);

/// The sending side of a connection.
pub enum Sender<B> {
    /// One request at a time.
    Http1(http1::SendRequest<B>),
    /// Many at once, which are counted.
    Http2(http2::SendRequest<B>, Rc<Streams>),
}

/// What moves a connection forward; it ends with it.
pub type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// How much of a response's head is read before it is too much.
const HEAD: usize = 256 * 1024;

/// How long an HTTP/2 connection with open streams may be silent before it is asked for a sign of life, and how long
/// it has for that. A peer that vanished is not noticed by the kernel for a quarter of an hour.
const SILENCE: Duration = Duration::from_secs(10);

/// Opens a connection; `switching` ones speak HTTP/1.1 in any case, because HTTP/2 has no `Upgrade` (RFC 9113 §8.6).
pub async fn open<B>(
    pool: &Pool,
    endpoint: &Endpoint,
    address: SocketAddr,
    switching: bool,
) -> Result<(Sender<B>, Driver), Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let tcp = TcpStream::connect(address).await.map_err(|error| (refused(&error), error.into()))?;
    tcp.set_nodelay(true).map_err(|error| (FailureKind::ConnectRefused, error.into()))?;
    let tcp = Wire(tcp);
    let only_http2 = !switching && pool.settings.protocol == Protocol::Http2;
    if !endpoint.address.secure {
        return handshake(tcp, only_http2).await;
    }
    let name = pool.settings.tls.sni.clone().unwrap_or_else(|| endpoint.address.host.clone());
    let name = ServerName::try_from(name).map_err(|error| (FailureKind::Tls, error.into()))?;
    let config = pool.tls.clone().ok_or_else(|| (FailureKind::Tls, "TLS is not set up".into()))?;
    let connector = TlsConnector::from(if switching { http1_only(&config) } else { config });
    let tls = connector.connect(name, tcp).await.map_err(distrust)?;
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    if !http2 && only_http2 {
        return Err((FailureKind::Tls, "the endpoint does not speak HTTP/2".into()));
    }
    handshake(tls, http2).await
}

fn refused(error: &std::io::Error) -> FailureKind {
    if error.kind() == std::io::ErrorKind::TimedOut { FailureKind::ConnectTimeout } else { FailureKind::ConnectRefused }
}

fn http1_only(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Who objected to what (RFC 9209 §2.3.7-9).
fn distrust(error: std::io::Error) -> Fault {
    let kind = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => FailureKind::Certificate,
        Some(rustls::Error::AlertReceived(_)) => FailureKind::Alert,
        _ => FailureKind::Tls,
    };
    (kind, error.into())
}

async fn handshake<B, I>(io: I, http2: bool) -> Result<(Sender<B>, Driver), Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let fault = |error: hyper::Error| (FailureKind::Protocol, error.into());
    if http2 {
        let mut builder = http2::Builder::new(super::connections::Local);
        builder.timer(TokioTimer::new()).max_header_list_size(HEAD as u32);
        builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        builder.keep_alive_interval(SILENCE).keep_alive_timeout(SILENCE);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(fault)?;
        let streams = Rc::new(Streams::new(connection.current_max_send_streams()));
        let told = Rc::clone(&streams);
        let driver = async move {
            let mut connection = pin!(connection);
            // How many streams the endpoint allows is known only here, and may change (RFC 9113 §5.1.2).
            let drive = std::future::poll_fn(|cx| {
                let ended = connection.as_mut().poll(cx);
                told.limit(connection.current_max_send_streams());
                ended
            });
            drop(drive.await);
        };
        return Ok((Sender::Http2(sender, streams), Box::pin(driver)));
    }
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD).max_header_size(HEAD);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(fault)?;
    Ok((Sender::Http1(sender), Box::pin(async { drop(connection.with_upgrades().await) })))
}
