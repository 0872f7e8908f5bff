//! A small HTTP/1.1 client: one connection, one request. Over TLS it trusts the demo's authority and nobody else.

use super::socket;
use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

const LARGEST_ANSWER: usize = 4 << 20;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The authority's certificate cannot be used.
    #[error("the demo's certificate authority cannot be read: {0}")]
    Authority(String),
    /// Nobody answered, or not in HTTP.
    #[error("no answer from {0}: {1}")]
    Silent(SocketAddr, String),
    /// It took too long.
    #[error("no answer from {0} within {PATIENCE:?}")]
    Late(SocketAddr),
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// What a refusal asks the client to do.
    pub challenge: String,
    /// The body.
    pub body: Bytes,
    /// From the request being sent to the end of the answer; making the connection is not counted.
    pub took: Duration,
}

impl Reply {
    /// The body as JSON; null if it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What came of a WebSocket.
#[derive(Debug)]
pub enum Opened {
    /// It was not opened.
    Refused(Reply),
    /// It was, and is closed by now.
    Closed {
        /// From the request being sent to its being open.
        took: Duration,
        /// The code and the reason of its end, if it ended with any.
        end: Option<(u16, String)>,
        /// How long it was open.
        after: Duration,
    },
}

/// The client.
pub struct Client {
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts this authority.
    pub fn new(authority: &Path) -> Result<Self, RequestError> {
        let broken = |error: &dyn std::fmt::Display| RequestError::Authority(error.to_string());
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority).map_err(|error| broken(&error))?;
        roots.add(certificate).map_err(|error| broken(&error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.map_err(|error| broken(&error))?.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Asks over TLS.
    pub async fn over_tls(&self, address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Reply, RequestError> {
        let exchange = async {
            let name = ServerName::from(address.ip());
            let stream = self.tls.connect(name, connect(address).await?).await;
            exchange(address, stream.map_err(|error| silent(address, &error))?, request).await
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or(Err(RequestError::Late(address)))
    }

    /// Opens a WebSocket over TLS and waits for its end, or for the answer that there is none.
    pub async fn socket(&self, address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Opened, RequestError> {
        let opened = async {
            let stream = self.tls.connect(ServerName::from(address.ip()), connect(address).await?).await;
            opened(address, stream.map_err(|error| silent(address, &error))?, request).await
        };
        tokio::time::timeout(PATIENCE, opened).await.unwrap_or(Err(RequestError::Late(address)))
    }

    /// Asks over plain HTTP.
    pub async fn plainly(&self, address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Reply, RequestError> {
        let exchange = async { exchange(address, connect(address).await?, request).await };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or(Err(RequestError::Late(address)))
    }
}

/// A request for this path, as it stands.
pub fn to(address: SocketAddr, method: &str, path: &str, body: String) -> Result<Request<Full<Bytes>>, RequestError> {
    let request = Request::builder().method(method).uri(path).header(http::header::HOST, address.to_string());
    let request = if body.is_empty() {
        request
    } else {
        request.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    };
    request.body(Full::from(body)).map_err(|error| silent(address, &error))
}

async fn connect(address: SocketAddr) -> Result<TcpStream, RequestError> {
    let stream = TcpStream::connect(address).await.map_err(|error| silent(address, &error))?;
    stream.set_nodelay(true).map_err(|error| silent(address, &error))?;
    Ok(stream)
}

async fn exchange<S>(address: SocketAddr, stream: S, request: Request<Full<Bytes>>) -> Result<Reply, RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (asked, response) = sent(address, stream, request).await?;
    whole(address, asked, response).await
}

async fn sent<S>(
    address: SocketAddr,
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(Instant, Response<Incoming>), RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| silent(address, &error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends when the sender is dropped and the answer was read, or when the peer closes.
    tokio::spawn(connection.with_upgrades());
    let asked = Instant::now();
    Ok((asked, sender.send_request(request).await.map_err(broken)?))
}

async fn whole(address: SocketAddr, asked: Instant, response: Response<Incoming>) -> Result<Reply, RequestError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| silent(address, &error))?;
    let challenge = head.headers.get(WWW_AUTHENTICATE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let challenge = challenge.unwrap_or_default().into_owned();
    Ok(Reply { status: head.status, challenge, body: body.to_bytes(), took: asked.elapsed() })
}

async fn opened<S>(address: SocketAddr, stream: S, request: Request<Full<Bytes>>) -> Result<Opened, RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (asked, mut response) = sent(address, stream, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return whole(address, asked, response).await.map(Opened::Refused);
    }
    let (took, open) = (asked.elapsed(), Instant::now());
    let stream = hyper::upgrade::on(&mut response).await.map_err(|error| silent(address, &error))?;
    let end = socket::end(TokioIo::new(stream)).await;
    Ok(Opened::Closed { took, end, after: open.elapsed() })
}

fn silent(address: SocketAddr, error: &dyn std::fmt::Display) -> RequestError {
    RequestError::Silent(address, error.to_string())
}
