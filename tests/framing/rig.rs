//! A listener on a real socket with a small service behind it, and clients that are as exact or as rude as a test
//! needs.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use curfew::proxy::accept::{Hooks, Listener};
use curfew::proxy::certificates::Certificates;
use curfew::proxy::connection::{ConnectionFault, ConnectionInfo};
use curfew::proxy::counters::Counters;
use curfew::proxy::drain::Report;
use curfew::proxy::framing::FramingHandle;
use curfew::proxy::listen::{CertificateFiles, Limits, Security, Settings, bind};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

pub struct Gateway {
    pub address: SocketAddr,
    pub counters: Arc<Counters>,
    pub certificates: Option<Arc<Certificates>>,
    pub drain: CancellationToken,
    pub faults: Rc<RefCell<Vec<ConnectionFault>>>,
    pub worker: tokio::task::JoinHandle<std::io::Result<Report>>,
}

/// Must be called within a `LocalSet`.
pub fn start(settings: serde_json::Value, limits: Limits) -> Gateway {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let certificates = match &settings.security {
        Security::Tls(tls) => Some(Certificates::open(&tls.certificates, tls.unknown_sni).unwrap()),
        Security::Plaintext => None,
    };
    let socket = bind(&settings.address).unwrap();
    let address = socket.local_addr().unwrap();
    let counters = Arc::new(Counters::default());
    let listener = Listener::new(&settings, &limits, certificates.clone(), true, counters.clone()).unwrap();
    let drain = CancellationToken::new();
    let faults = Rc::new(RefCell::new(Vec::new()));
    let heard = faults.clone();
    let hooks = Hooks {
        factory: |info: Rc<ConnectionInfo>, state: FramingHandle| {
            service_fn(move |request| answer(info.clone(), state.clone(), request))
        },
        on_fault: move |_: &ConnectionInfo, fault| heard.borrow_mut().push(fault),
    };
    let worker = tokio::task::spawn_local(listener.serve(socket, hooks, drain.clone(), Duration::from_millis(2500)));
    Gateway { address, counters, certificates, drain, faults, worker }
}

pub fn plain() -> serde_json::Value {
    serde_json::json!({"name": "test", "address": "127.0.0.1:0", "plaintext": true, "h2c": true})
}

pub fn tls(files: &[CertificateFiles]) -> serde_json::Value {
    let files: Vec<_> = files.iter().map(|pair| serde_json::json!({"cert": pair.cert, "key": pair.key})).collect();
    serde_json::json!({"name": "test", "address": "127.0.0.1:0", "tls": {"certificates": files}})
}

async fn answer(
    info: Rc<ConnectionInfo>,
    state: FramingHandle,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if state.is_synthetic(request.headers()) {
        let reason = format!("{:?}", state.fault().unwrap().reason);
        return Ok(reply(400, reason));
    }
    Ok(match request.uri().path() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            reply(200, "slow".into())
        }
        "/stuck" => std::future::pending().await,
        "/body" => match request.into_body().collect().await {
            Ok(body) => reply(200, body.to_bytes().len().to_string()),
            Err(_) => reply(400, format!("{:?}", state.fault().map(|fault| fault.reason))),
        },
        "/large" => reply(200, "x".repeat(32 << 20)),
        "/early" => reply(401, "no".into()),
        "/ws" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::task::spawn_local(async move {
                let mut tunnel = TokioIo::new(upgrade.await.unwrap());
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = tunnel.read(&mut bytes).await {
                    tunnel.write_all(&bytes[..count]).await.unwrap();
                }
            });
            let mut response = reply(101, String::new());
            response.headers_mut().insert("connection", "upgrade".parse().unwrap());
            response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
            response
        }
        _ => reply(200, format!("peer={} covers={}", info.peer, info.covers("a.example"))),
    })
}

fn reply(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub async fn local<F: Future>(test: F) -> F::Output {
    let within = tokio::time::timeout(Duration::from_secs(20), test);
    tokio::task::LocalSet::new().run_until(within).await.expect("the test hangs")
}

/// Writes a certificate of its own for `names`, and its key.
pub fn certificate(folder: &Path, file: &str, names: &[&str]) -> (CertificateFiles, CertificateDer<'static>) {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let files = CertificateFiles { cert: folder.join(format!("{file}.pem")), key: folder.join(format!("{file}.key")) };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

pub fn client(roots: &[&CertificateDer<'static>], alpn: &[&str]) -> TlsConnector {
    client_of(rustls::ALL_VERSIONS, roots, alpn)
}

pub fn client_of(
    versions: &[&'static rustls::SupportedProtocolVersion],
    roots: &[&CertificateDer<'static>],
    alpn: &[&str],
) -> TlsConnector {
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add((*root).clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

pub type TlsClient = tokio_rustls::client::TlsStream<TcpStream>;

pub async fn connect(gateway: &Gateway, connector: &TlsConnector, name: &str) -> std::io::Result<TlsClient> {
    let stream = TcpStream::connect(gateway.address).await?;
    connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// Sends bytes, and reads until the gateway closes.
pub async fn talk(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_all(&mut stream).await
}

pub async fn read_all<R: AsyncReadExt + Unpin>(stream: &mut R) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until what was read ends with `end`.
pub async fn read_until<R: AsyncReadExt + Unpin>(stream: &mut R, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
