//! The demo rehearsed over real sockets, with an understudy in the gateway's place: it reads the config the demo
//! wrote, verifies tokens with the keys it finds by discovery, and polls the feed. It is honest and dull, and it can
//! be told to forget one of its lines.

use super::provider::Provider;
use super::request::{self, Client, Reply};
use super::run::{Options, Outcome, run};
use super::scenario::{AUDIENCE, Before, SCENARIOS};
use super::serve::{self, Answer, Server};
use super::{certificates, collector};
use crate::decide::time::Timestamp;
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
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The true time, read once: TLS holds the certificates against it.
static NOW: LazyLock<i64> = LazyLock::new(|| SystemClock::start().now().wall.secs());
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn clock() -> Arc<HandClock> {
    Arc::new(HandClock::at(Timestamp::from_secs(*NOW)))
}

/// What the understudy does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slip {
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
}

struct Playing {
    tls: JoinHandle<()>,
    _admin: Server,
}

/// The address behind the first `marker` in the config.
fn read(config: &str, marker: &str) -> SocketAddr {
    let rest = config.split(marker).nth(1).unwrap();
    rest[..rest.find(['\'', '/']).unwrap()].parse().unwrap()
}

async fn start(config: PathBuf, slip: Slip) -> Result<Playing, String> {
    let text = std::fs::read_to_string(&config).unwrap();
    let folder = config.parent().unwrap();
    let understudy = Arc::new(Understudy {
        provider: read(&text, "issuer: 'http://"),
        upstream: read(&text, "endpoints: ['http://"),
        client: Client::new(&certificates::authority(folder)).unwrap(),
        slip,
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
            async move { Ok::<_, std::convert::Infallible>(understudy.answer(&request.map(|_| Bytes::new())).await) }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Understudy {
    async fn answer(&self, request: &Request<Bytes>) -> Answer {
        match self.judge(request).await {
            Ok(()) => self.forward(request).await,
            Err((status, reason)) => {
                self.export().await;
                let body = json!({ "status": status, "reason": reason, "trace_id": TRACE });
                serve::json(StatusCode::from_u16(status).unwrap(), &body)
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
        if *NOW > at("exp") + 60 && self.slip != Slip::AdmitsExpired {
            return Err((401, "token_expired"));
        }
        if path == "/fresh" && *NOW - at("iat") > 60 {
            return Err((401, "token_too_old"));
        }
        let feed = self.get("/revocations").await;
        if feed["entries"].as_array().unwrap().iter().any(|entry| entry["id"] == claims["jti"]) {
            return Err((401, "token_revoked"));
        }
        if request.method() == "POST" && !claims["scope"].as_str().unwrap().contains("orders.write") {
            return Err((403, "insufficient_scope"));
        }
        Ok(())
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
        let span = Span { trace_id: super::trail::parse_id(TRACE).unwrap(), name: "GET".into(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let body = Full::from(ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec());
        let request = Request::post("/v1/traces").header("host", "x").header("content-type", "application/x-protobuf");
        let reply = self.client.plainly(self.provider, request.body(body).unwrap()).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
    }
}

/// Plays `--once` and gives what was printed.
async fn once(slip: Slip) -> (Outcome, String) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: true, port: None, folder: folder.path().into() };
    let mut out = Vec::new();
    let start = async |config| start(config, slip).await;
    let outcome = run(&options, clock(), &mut out, start, async |playing: Playing| playing.tls.abort()).await.unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_is_content_with_a_gateway_that_keeps_every_promise() {
    let (outcome, out) = once(Slip::None).await;
    assert_eq!(outcome, Outcome::Kept, "{out}");
    assert!(out.contains(&format!("{0} of {0} answered as promised.", SCENARIOS.len())), "{out}");
    assert!(out.contains(TRACE), "the trace is shown: {out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_tells_every_broken_promise() {
    let (outcome, out) = once(Slip::AdmitsExpired).await;
    assert_eq!(outcome, Outcome::Broken);
    let line = out.lines().find(|line| line.contains("an expired token")).unwrap();
    assert!(line.starts_with("XX") && line.contains(" 200 ") && line.ends_with("no: 401 token_expired"), "{line}");
    assert_eq!(out.matches("XX").count(), 1, "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_notices_a_token_that_reaches_the_upstream() {
    let (outcome, out) = once(Slip::ForwardsToken).await;
    assert_eq!(outcome, Outcome::Broken);
    assert!(out.contains("the token reached the upstream"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_is_not_content_without_a_trace() {
    let (outcome, out) = once(Slip::SendsNoTrace).await;
    assert_eq!(outcome, Outcome::Broken);
    assert!(out.contains("No trace arrived") && out.contains(&format!("{0} of {0}", SCENARIOS.len())), "{out}");
}

#[tokio::test]
async fn a_gateway_that_does_not_start_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: true, port: None, folder: folder.path().into() };
    let start = async |_: PathBuf| Err::<(), _>("the config has a fault");
    let error = run(&options, clock(), &mut Vec::new(), start, async |()| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway did not start: the config has a fault");
}

/// What the demo printed so far.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Screen {
    async fn text(&self) -> String {
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            if !text.is_empty() {
                return text;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The printed lines, pasted into a real bash with a real curl, answer as their comments say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: false, port: Some(0), folder: folder.path().join("it's here") };
    let (screen, mut out) = (Screen::default(), Screen::default());
    out.0 = Arc::clone(&screen.0);
    let start = async |config| start(config, Slip::None).await;
    let demo = run(&options, clock(), &mut out, start, async |playing: Playing| playing.tls.abort());
    let paste = async {
        let text = screen.text().await;
        let bash =
            tokio::task::spawn_blocking(move || Command::new("bash").args(["-eu", "-c", &text]).output().unwrap());
        bash.await.unwrap()
    };
    let pasted = tokio::select! {
        ended = demo => panic!("the demo ended: {ended:?}"),
        pasted = paste => pasted,
    };
    let (said, erred) = (String::from_utf8(pasted.stdout).unwrap(), String::from_utf8(pasted.stderr).unwrap());
    assert!(pasted.status.success() && erred.is_empty(), "{erred}\n{said}");
    let statuses: Vec<u16> = said.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
    let promised = SCENARIOS.iter().flat_map(|row| {
        let before = (row.before == Before::Revocation).then_some(200);
        before.into_iter().chain([row.status])
    });
    assert_eq!(statuses, promised.collect::<Vec<_>>(), "{said}");
    assert!(said.contains(&format!("{TRACE}    ")) && said.contains("\"published\""), "{said}");
}

/// A provider alone, and somebody who asks it.
struct Alone {
    address: SocketAddr,
    client: Client,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Alone {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates::prepare(folder.path(), Timestamp::from_secs(*NOW)).unwrap();
        let client = Client::new(&certificates::authority(folder.path())).unwrap();
        let (listener, address) = serve::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let provider = Arc::new(Provider::new(format!("http://{address}"), clock()).unwrap());
        let collector = Arc::new(collector::Collector::default());
        let server = serve::start(listener, move |request| {
            let (provider, collector) = (Arc::clone(&provider), Arc::clone(&collector));
            async move { super::run::provide(&provider, &collector, &request).await }
        });
        Self { address, client, _server: server, _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, form: &str, field: Option<(&'static str, &str)>) -> Reply {
        let mut request = request::to(self.address, method, path, form.into()).unwrap();
        if let Some((name, value)) = field {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.client.plainly(self.address, request).await.unwrap()
    }
}

#[tokio::test]
async fn the_token_endpoint_gives_tokens_to_those_who_may_have_them() {
    let provider = Alone::start().await;
    let client = "grant_type=client_credentials&client_id=demo&client_secret=demo&expires_in=60&scope=orders.read";
    let granted = provider.ask("POST", "/token", client, None).await.json();
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("Bearer"), &json!(60)));
    assert_eq!(granted["scope"], "orders.read");

    let basic = Some(("authorization", "Basic ZGVtbzpkZW1v"));
    let granted = provider.ask("POST", "/token", "grant_type=client_credentials", basic).await;
    assert_eq!(granted.status, StatusCode::OK);

    for (form, status, error) in [
        ("grant_type=client_credentials", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=demo&client_secret=x", 401, "invalid_client"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("scope=x", 400, "invalid_request"),
        ("grant_type=demo&age=soon", 400, "invalid_request"),
    ] {
        let refused = provider.ask("POST", "/token", form, None).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (status, &json!(error)), "{form}");
    }
    let bare = provider.ask("POST", "/token", "grant_type=demo", Some(("accept", "application/jwt"))).await.text();
    assert_eq!(bare.split('.').count(), 3);
}

#[tokio::test]
async fn what_is_revoked_is_in_the_feed_and_nothing_else() {
    let provider = Alone::start().await;
    let empty = provider.ask("GET", "/revocations", "", None).await.json();
    assert_eq!((&empty["entries"], &empty["complete"]), (&json!([]), &json!(true)));
    let cursor = empty["cursor"].as_str().unwrap();
    let tag = format!("\"{cursor}\"");
    let unchanged = provider.ask("GET", "/revocations", "", Some(("if-none-match", &tag))).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);

    let token = provider.ask("POST", "/token", "grant_type=demo", None).await.json();
    let token = token["access_token"].as_str().unwrap();
    for form in [format!("token={token}"), "token=nonsense".into()] {
        assert_eq!(provider.ask("POST", "/revoke", &form, None).await.status, StatusCode::OK);
    }
    assert_eq!(provider.ask("POST", "/revoke", "x=y", None).await.status, StatusCode::BAD_REQUEST);
    let path = format!("/revocations?cursor={cursor}");
    let feed = provider.ask("GET", &path, "", Some(("if-none-match", &tag))).await.json();
    assert_eq!(feed["complete"], false);
    let [entry] = &feed["entries"].as_array().unwrap()[..] else { panic!("one entry: {feed}") };
    assert_eq!((&entry["type"], &entry["at"]), (&json!("token"), &json!(*NOW)));
}

#[tokio::test]
async fn rotated_keys_are_published_beside_the_old_or_instead_of_them() {
    let provider = Alone::start().await;
    let ids = async || -> Vec<Value> {
        let set = provider.ask("GET", "/jwks", "", None).await.json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    let first = ids().await;
    assert_eq!(first.len(), 2);
    provider.ask("POST", "/rotate", "", None).await;
    let second = ids().await;
    assert!(second.len() == 4 && first.iter().all(|id| second.contains(id)));
    provider.ask("POST", "/rotate?forget", "", None).await;
    let third = ids().await;
    assert!(third.len() == 2 && second.iter().all(|id| !third.contains(id)));
    assert_eq!(provider.ask("GET", "/rotate", "", None).await.status, StatusCode::NOT_FOUND);
}
