//! A client of the admin listener: one connection, used again as long as it lasts.

use super::operators::Admin;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long an answer may take: a whole batch is kept before it comes.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long an answer may be.
const LONGEST: usize = 16 << 20;

/// A client of one gateway.
pub struct Client {
    url: Uri,
    token: Option<HeaderValue>,
    tls: Option<Arc<ClientConfig>>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What a gateway answered.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body, if it is JSON.
    pub body: Value,
}

impl Reply {
    /// What was done, or why not.
    ///
    /// # Errors
    /// Why not.
    pub fn done(self) -> Result<Value, String> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let detail = self.body.get("detail").and_then(Value::as_str).unwrap_or("no more was told");
        let entry = self.body.get("entry").map(|entry| format!("entry {entry}: ")).unwrap_or_default();
        Err(format!("the gateway answered {}: {entry}{detail}", self.status))
    }
}

impl Client {
    /// A client as the arguments say.
    ///
    /// # Errors
    /// What of them cannot be used.
    pub fn new(admin: &Admin) -> Result<Self, String> {
        let url: Uri = admin.admin.parse().map_err(|_| format!("--admin: `{}` is no URL", admin.admin))?;
        let tls = match url.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls(admin)?),
            _ => return Err("--admin: write http:// or https://, host and port".into()),
        };
        let token = token(admin)?;
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if token.is_some() && tls.is_none() && !here {
            return Err("--admin: the token is not sent in the clear: use https".into());
        }
        Ok(Self { url, token, tls, sender: None })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn ask(&mut self, method: Method, path: &str, kind: &'static str, body: Bytes) -> Result<Reply, String> {
        let asking = self.exchange(method, path, kind, body);
        let late = |_| "the gateway did not answer in two minutes".to_owned();
        tokio::time::timeout(PATIENCE, asking).await.map_err(late)?
    }

    async fn exchange(&mut self, method: Method, path: &str, kind: &'static str, body: Bytes) -> Result<Reply, String> {
        let authority = self.url.authority().map(ToString::to_string).unwrap_or_default();
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, authority).header(CONTENT_TYPE, kind);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let broke = |error: hyper::Error| format!("{}: {error}", self.url);
        let mut sender = match self.sender.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        sender.ready().await.map_err(broke)?;
        let response = sender.send_request(request).await.map_err(broke)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| format!("{}: {error}", self.url))?.to_bytes();
        self.sender = Some(sender);
        Ok(Reply { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let host = self.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let unreached = |error: &dyn std::fmt::Display| format!("{} cannot be reached: {error}", self.url);
        let stream = TcpStream::connect((host, port)).await.map_err(|error| unreached(&error))?;
        stream.set_nodelay(true).map_err(|error| unreached(&error))?;
        let Some(tls) = &self.tls else { return driven(TokioIo::new(stream)).await };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unreached(&error))?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        driven(TokioIo::new(stream.map_err(|error| unreached(&error))?)).await
    }
}

async fn driven<I>(io: I) -> Result<SendRequest<Full<Bytes>>, String>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(io).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

fn token(admin: &Admin) -> Result<Option<HeaderValue>, String> {
    let text = match &admin.access.admin_token_file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => match std::env::var("CURFEW_ADMIN_TOKEN") {
            Ok(text) => text,
            Err(_) => return Ok(None),
        },
    };
    let unfit = |_| "the token has characters that no header field can hold".to_owned();
    let mut value = HeaderValue::try_from(format!("Bearer {}", text.trim())).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn tls(admin: &Admin) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(match &admin.access.ca {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?.with_root_certificates(roots);
    let config = match (&admin.access.cert, &admin.access.key) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(|error| error.to_string())?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| format!("{}: {error}", path.display()))
}
