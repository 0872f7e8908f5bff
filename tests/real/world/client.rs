//! A client of one connection to the gateway, over TLS, HTTP/1.1 or HTTP/2.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// One connection.
pub struct Client {
    sender: Sender,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The reason of a refusal.
    pub fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and reason at once.
    pub fn verdict(&self) -> (u16, String) {
        (self.status, if self.status == 200 { String::new() } else { self.reason() })
    }
}

/// What went wrong with a request.
#[derive(Debug)]
pub enum Failure {
    /// It never left, or was not taken: the connection had ended, or was to end.
    Unsent,
    /// It was lost on the way.
    Lost(String),
}

impl Client {
    /// Connects to this port of loopback as `api.test`.
    pub async fn connect(port: u16, ca: &Path, protocol: Protocol) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("api.test").unwrap();
        let stream = tokio_rustls::TlsConnector::from(trust(ca, protocol)).connect(name, stream).await?;
        let io = TokioIo::new(stream);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(std::io::Error::other)?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), io).await.map_err(std::io::Error::other)?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Self { sender })
    }

    /// Sends a GET with a token.
    pub async fn get(&mut self, path: &str, token: &str) -> Answer {
        self.try_get(path, token).await.unwrap_or_else(|failure| panic!("GET {path}: {failure:?}"))
    }

    /// Sends a GET with a token; it may fail.
    pub async fn try_get(&mut self, path: &str, token: &str) -> Result<Answer, Failure> {
        let builder = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(builder, path).await
    }

    async fn send(&mut self, builder: http::request::Builder, path: &str) -> Result<Answer, Failure> {
        let ready = match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await,
            Sender::Http2(sender) => sender.ready().await,
        };
        ready.map_err(|_| Failure::Unsent)?;
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.send_request(builder.header("host", "api.test").body(Full::default()).unwrap()).await
            }
            Sender::Http2(sender) => {
                let builder = builder.uri(format!("https://api.test{path}")).version(Version::HTTP_2);
                sender.send_request(builder.body(Full::default()).unwrap()).await
            }
        };
        whole(sent.map_err(failure)?).await.map_err(|error| Failure::Lost(format!("in the body: {error:?}")))
    }
}

fn failure(error: hyper::Error) -> Failure {
    if error.is_canceled() || was_left_out(&error) { Failure::Unsent } else { Failure::Lost(format!("{error:?}")) }
}

/// A stream that the last GOAWAY leaves out was not acted upon and may be sent again, as every client does (RFC 9113, section 6.8).
fn was_left_out(error: &hyper::Error) -> bool {
    let told = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    told.is_some_and(|told| told.is_go_away() && told.is_remote() && told.reason() == Some(h2::Reason::NO_ERROR))
}

async fn whole(answer: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let (parts, body) = answer.into_parts();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.collect().await?.to_bytes() })
}

fn trust(ca: &Path, protocol: Protocol) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if protocol == Protocol::Http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Arc::new(config)
}

/// A GET without TLS to a port of loopback; `None` if nobody answers.
pub async fn get_plain(port: u16, path: &str) -> Option<(u16, String)> {
    let fetch = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = Request::get(path).header("host", format!("127.0.0.1:{port}"));
        let answer = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.ok()?;
        let answer = whole(answer).await.ok()?;
        Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    };
    tokio::time::timeout(Duration::from_secs(5), fetch).await.ok()?
}
