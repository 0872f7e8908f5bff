//! A new connection to an endpoint: TCP, TLS where it is wanted, and the protocol's handshake.

use super::endpoint::Endpoint;
use super::failure::FailureKind;
use super::pool::Pool;
use super::settings::Protocol;
use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What is wrong, and the error.
pub type Fault = (FailureKind, Box<dyn std::error::Error + Send + Sync>);

/// The sending side of a connection.
pub enum Sender<B> {
    /// One request at a time.
    Http1(http1::SendRequest<B>),
    /// Many at once.
    Http2(http2::SendRequest<B>),
}

/// The future that drives a connection until it ends.
pub type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// How much of a response's head is read before it is too much.
const HEAD: usize = 256 * 1024;

/// Opens a connection.
pub async fn open<B>(pool: &Pool, endpoint: &Endpoint, address: SocketAddr) -> Result<(Sender<B>, Driver), Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let tcp = TcpStream::connect(address).await.map_err(|error| (refused(&error), error.into()))?;
    tcp.set_nodelay(true).map_err(|error| (FailureKind::ConnectRefused, error.into()))?;
    if !endpoint.address.secure {
        return handshake(tcp, pool.settings.protocol == Protocol::Http2).await;
    }
    let name = pool.settings.tls.sni.clone().unwrap_or_else(|| endpoint.address.host.clone());
    let name = ServerName::try_from(name).map_err(|error| (FailureKind::Tls, error.into()))?;
    let config = pool.tls.clone().ok_or_else(|| (FailureKind::Tls, "TLS is not set up".into()))?;
    let connector = TlsConnector::from(config);
    let tls = connector.connect(name, tcp).await.map_err(|error| (FailureKind::Tls, error.into()))?;
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    if !http2 && pool.settings.protocol == Protocol::Http2 {
        return Err((FailureKind::Tls, "the endpoint does not speak HTTP/2".into()));
    }
    handshake(tls, http2).await
}

fn refused(error: &std::io::Error) -> FailureKind {
    if error.kind() == std::io::ErrorKind::TimedOut { FailureKind::ConnectTimeout } else { FailureKind::ConnectRefused }
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
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(fault)?;
        return Ok((Sender::Http2(sender), Box::pin(async { drop(connection.await) })));
    }
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(fault)?;
    Ok((Sender::Http1(sender), Box::pin(async { drop(connection.with_upgrades().await) })))
}
