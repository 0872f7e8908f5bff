//! The understudy: it reads the config the demo wrote, verifies tokens with the keys it finds by discovery, and polls
//! the feed. It is honest and dull, and it can be told to forget one of its lines.

use super::sessions::{self, Sessions};
use crate::decide::time::Timestamp;
use crate::demo::certificates;
use crate::demo::request::{self, Client};
use crate::demo::scenario::AUDIENCE;
use crate::demo::serve::{self, Answer, Server};
use crate::state::clock::{Clock as _, HandClock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The true time, read once: TLS holds the certificates against it.
pub static NOW: LazyLock<i64> = LazyLock::new(|| SystemClock::start().now().wall.secs());
pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

pub fn clock() -> Arc<HandClock> {
    Arc::new(HandClock::at(Timestamp::from_secs(*NOW)))
}

fn now() -> i64 {
    SystemClock::start().now().wall.secs()
}

/// What the understudy does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    None,
    AdmitsExpired,
    ForwardsToken,
    SendsNoTrace,
}

struct Understudy {
    provider: SocketAddr,
    upstream: SocketAddr,
    client: Client,
    slip: Slip,
    sessions: Sessions,
}

pub struct Playing {
    pub tls: JoinHandle<()>,
    _admin: Server,
}

/// The address behind the first `marker` in the config.
fn read(config: &str, marker: &str) -> SocketAddr {
    let rest = config.split(marker).nth(1).unwrap();
    rest[..rest.find(['\'', '/']).unwrap()].parse().unwrap()
}

pub async fn start(config: PathBuf, slip: Slip) -> Result<Playing, String> {
    let text = std::fs::read_to_string(&config).unwrap();
    let folder = config.parent().unwrap();
    let understudy = Arc::new(Understudy {
        provider: read(&text, "issuer: 'http://"),
        upstream: read(&text, "endpoints: ['http://"),
        client: Client::new(&certificates::authority(folder)).unwrap(),
        slip,
        sessions: Sessions::default(),
    });
    let (public, admin) = (read(&text, "address: '"), read(text.split("admin:").nth(1).unwrap(), "address: '"));
    let listener = TcpListener::bind(public).await.unwrap();
    let (admin, _) = serve::bind(admin).await.unwrap();
    let ready = |_| async { serve::text(StatusCode::OK, "ready\n") };
    Ok(Playing {
        tls: tokio::spawn(accept(listener, acceptor(folder), understudy)),
        _admin: serve::start(admin, ready),
    })
}

fn acceptor(folder: &Path) -> tokio_rustls::TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()).into()
}

async fn accept(listener: TcpListener, tls: tokio_rustls::TlsAcceptor, understudy: Arc<Understudy>) {
    loop {
        let stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
        let understudy = Arc::clone(&understudy);
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let understudy = Arc::clone(&understudy);
            async move { Ok::<_, std::convert::Infallible>(understudy.answer(request.map(|_| Bytes::new())).await) }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
        );
    }
}

impl Understudy {
    async fn answer(&self, request: Request<Bytes>) -> Answer {
        match self.judge(&request).await {
            Ok(()) if request.headers().contains_key("upgrade") => sessions::open(request),
            Ok(()) => self.forward(&request).await,
            Err((status, reason)) => {
                self.export().await;
                let body = json!({ "status": status, "reason": reason, "trace_id": TRACE });
                let mut answer = serve::json(StatusCode::from_u16(status).unwrap(), &body);
                answer.headers_mut().extend(sessions::challenge(reason));
                answer
            }
        }
    }

    async fn judge(&self, request: &Request<Bytes>) -> Result<(), (u16, &'static str)> {
        let path = request.uri().path();
        if path.contains('%') {
            return Err((400, "path_ambiguous"));
        }
        if path.starts_with("/public/") {
            return Ok(());
        }
        let fields: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
        let [field] = fields[..] else {
            return Err(if fields.is_empty() { (401, "token_missing") } else { (400, "multiple_credentials") });
        };
        let token = field.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let claims = self.verified(token).await?;
        let at = |name: &str| claims[name].as_i64().unwrap();
        if claims["aud"] != AUDIENCE {
            return Err((401, "audience_mismatch"));
        }
        if now() > at("exp") + 60 && self.slip != Slip::AdmitsExpired {
            return Err((401, "token_expired"));
        }
        if path == "/fresh" && now() - at("iat") > 60 {
            return Err((401, "token_too_old"));
        }
        let feed = self.get("/revocations").await;
        if feed["entries"].as_array().unwrap().iter().any(|entry| entry["id"] == claims["jti"]) {
            return Err((401, "token_revoked"));
        }
        if request.method() == "POST" && !claims["scope"].as_str().unwrap().contains("orders.write") {
            return Err((403, "insufficient_scope"));
        }
        self.sessions.judge(path, &claims, now())
    }

    async fn verified(&self, token: &str) -> Result<Value, (u16, &'static str)> {
        let metadata = self.get("/.well-known/openid-configuration").await;
        assert_eq!(metadata["issuer"], format!("http://{}", self.provider));
        let path = metadata["jwks_uri"].as_str().unwrap().strip_prefix(metadata["issuer"].as_str().unwrap()).unwrap();
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(self.get(path).await).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let key = set.find(&header.kid.unwrap()).ok_or((401, "key_unknown"))?;
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        if !jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, header.alg).unwrap() {
            return Err((401, "signature_invalid"));
        }
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        Ok(serde_json::from_slice(&claims).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let request = request::to(self.provider, "GET", path, String::new()).unwrap();
        self.client.plainly(self.provider, request).await.unwrap().json()
    }

    async fn forward(&self, request: &Request<Bytes>) -> Answer {
        let path = request.uri().path();
        let mut onward = request::to(self.upstream, request.method().as_str(), path, String::new()).unwrap();
        if let (Slip::ForwardsToken, Some(token)) = (self.slip, request.headers().get(AUTHORIZATION)) {
            onward.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let reply = self.client.plainly(self.upstream, onward).await.unwrap();
        serve::answer(reply.status, "application/json", reply.body)
    }

    async fn export(&self) {
        if self.slip == Slip::SendsNoTrace {
            return;
        }
        let span =
            Span { trace_id: crate::demo::trail::parse_id(TRACE).unwrap(), name: "GET".into(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let body = Full::from(ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec());
        let request = Request::post("/v1/traces").header("host", "x").header("content-type", "application/x-protobuf");
        let reply = self.client.plainly(self.provider, request.body(body).unwrap()).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
    }
}
