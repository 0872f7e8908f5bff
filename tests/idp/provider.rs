//! A provider on loopback that answers as it is told: the truth, lies, pages, floods, or nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// What is answered at a path.
#[derive(Clone)]
pub enum Script {
    /// This status, headers and body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// JSON with this ETag, and 304 to whoever has it.
    Tagged(&'static str, String),
    /// These headers and bytes.
    Raw(Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing, ever.
    Hang,
    /// Headers at once, and a body without end.
    Flood,
}

impl Script {
    pub fn json(body: &Value) -> Self {
        Self::Say(200, vec![("content-type", "application/json".into())], body.to_string())
    }

    pub fn status(status: u16) -> Self {
        Self::Say(status, Vec::new(), String::new())
    }

    pub fn redirect(to: &str) -> Self {
        Self::Say(302, vec![("location", to.into())], String::new())
    }
}

/// A request as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub target: String,
    pub headers: HeaderMap,
}

pub struct Provider {
    address: SocketAddr,
    secure: bool,
    scripts: Mutex<HashMap<String, Script>>,
    seen: watch::Sender<Vec<Seen>>,
}

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

impl Provider {
    pub async fn start(tls: Option<TlsAcceptor>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            secure: tls.is_some(),
            scripts: Mutex::default(),
            seen: watch::Sender::new(Vec::new()),
        });
        tokio::spawn(Arc::clone(&provider).accept(listener, tls));
        provider
    }

    pub fn url(&self, path: &str) -> String {
        let (scheme, host) = if self.secure { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }

    pub fn script(&self, path: &str, script: Script) {
        self.scripts.lock().unwrap().insert(path.into(), script);
    }

    pub fn keys(&self, keys: &[Value]) {
        self.script("/keys", Script::json(&json!({ "keys": keys })));
    }

    /// Metadata and keys, both true.
    pub fn truth(&self, keys: &[Value]) {
        let metadata = json!({"issuer": self.url(""), "jwks_uri": self.url("/keys")});
        self.script("/.well-known/openid-configuration", Script::json(&metadata));
        self.keys(keys);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    pub fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.target.split('?').next() == Some(path)).count()
    }

    /// Waits until a request of this target was seen.
    pub async fn saw(&self, target: &str) -> Seen {
        let mut seen = self.seen.subscribe();
        let all = super::bounded(seen.wait_for(|all| all.iter().any(|one| one.target == target))).await.unwrap();
        all.iter().rfind(|one| one.target == target).cloned().unwrap()
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        while let Ok((stream, _)) = listener.accept().await {
            let (provider, tls) = (Arc::clone(&self), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => provider.serve(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            provider.serve(stream).await;
                        }
                    }
                }
            });
        }
    }

    async fn serve(self: Arc<Self>, stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
        let service = service_fn(|request| Arc::clone(&self).answer(request));
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    fn find(&self, target: &str, path: &str) -> Option<Script> {
        let scripts = self.scripts.lock().unwrap();
        scripts.get(target).or_else(|| scripts.get(path)).cloned()
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (path, target) = (request.uri().path().to_owned(), request.uri().to_string());
        let headers = request.headers().clone();
        self.seen.send_modify(|seen| seen.push(Seen { target: target.clone(), headers: headers.clone() }));
        let script = self.find(&target, &path);
        let full = |text: String| Full::new(Bytes::from(text)).boxed();
        Ok(match script {
            None => Response::builder().status(404).body(full(String::new())).unwrap(),
            Some(Script::Say(status, headers, body)) => {
                let response = headers
                    .into_iter()
                    .fold(Response::builder().status(status), |response, (name, value)| response.header(name, value));
                response.body(full(body)).unwrap()
            }
            Some(Script::Raw(headers, body)) => {
                let response = headers
                    .into_iter()
                    .fold(Response::builder(), |response, (name, value)| response.header(name, value));
                response.body(Full::new(Bytes::from(body)).boxed()).unwrap()
            }
            Some(Script::Tagged(tag, body)) => {
                let known = headers.get("if-none-match").is_some_and(|known| known == tag);
                let response = Response::builder().status(if known { 304 } else { 200 }).header("etag", tag);
                response.body(full(if known { String::new() } else { body })).unwrap()
            }
            Some(Script::Hang) => std::future::pending().await,
            Some(Script::Flood) => {
                let chunk = || Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024])));
                let body = futures_util::stream::repeat_with(chunk);
                Response::new(BodyExt::boxed(StreamBody::new(body)))
            }
        })
    }
}

/// An address of this machine where nobody listens.
pub async fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(TcpStream::connect(address).await.is_err());
    format!("http://{address}")
}

/// A new public key under this name.
pub fn key(kid: &str) -> Value {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::generate().unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())})
}
