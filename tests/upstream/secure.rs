//! Whom does it trust? TLS to the endpoint, with its own roots and a name of its own.

use crate::authority::Authority;
use crate::world::{Act, Client, Endpoint, OK, get, worker};
use curfew::upstream::{Class, FailureKind};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// TLS for these names, with a certificate of the test's authority.
pub fn acceptor(dir: &Path, names: &[&str], protocols: &[&str]) -> TlsAcceptor {
    let files = Authority::get().server(dir, "endpoint", names);
    let certificates = CertificateDer::pem_file_iter(&files.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(certificates, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// An endpoint behind TLS that speaks HTTP/1.1, and the names that it was asked for.
struct Secure {
    port: u16,
    asked: Rc<RefCell<Vec<Option<String>>>>,
    dir: tempfile::TempDir,
}

impl Secure {
    async fn start(names: &[&str], protocols: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tls, behind) = (acceptor(dir.path(), names, protocols), Endpoint::start([Act::Say(OK)]).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Rc<RefCell<Vec<Option<String>>>> = Rc::default();
        let shared = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A client that does not trust us breaks off.
                let Ok(stream) = tls.accept(tcp).await else { continue };
                shared.borrow_mut().push(stream.get_ref().1.server_name().map(str::to_owned));
                tokio::task::spawn_local(behind.clone().serve(stream));
            }
        });
        Self { port, asked, dir }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn root(&self) -> std::path::PathBuf {
        Authority::get().write_root(self.dir.path())
    }
}

#[test]
fn its_own_roots_and_its_own_name_count() {
    worker(async {
        let endpoint = Secure::start(&["orders.internal"], &["http/1.1"]).await;
        let tls = json!({ "ca": endpoint.root(), "sni": "orders.internal" });
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "tls": tls }));
        assert_eq!(client.ask(get()).await, "ok");
        assert_eq!(*endpoint.asked.borrow(), [Some("orders.internal".to_owned())]);
    });
}

/// Neither a certificate of somebody else's authority nor one for another name is taken.
#[test]
fn who_is_not_trusted_gets_nothing() {
    worker(async {
        let endpoint = Secure::start(&["orders.internal"], &["http/1.1"]).await;
        let strangers = tempfile::tempdir().unwrap();
        let ca = strangers.path().join("ca.crt");
        let stranger = rcgen::generate_simple_self_signed(["stranger".to_owned()]).unwrap();
        std::fs::write(&ca, stranger.cert.pem()).unwrap();
        let rows = [
            ("a stranger's root", json!({ "ca": ca, "sni": "orders.internal" })),
            ("another name", json!({ "ca": endpoint.root(), "sni": "billing.internal" })),
            ("the address, which the certificate does not name", json!({ "ca": endpoint.root() })),
        ];
        for (row, tls) in rows {
            let client = Client::new(json!({ "endpoints": [endpoint.url()], "tls": tls }));
            let kind = client.send(get()).await.err().unwrap().kind;
            let told = (kind, kind.proxy_error(), kind.class());
            assert_eq!(told, (FailureKind::Certificate, "tls_certificate_error", Class::Unreachable), "{row}");
        }
        assert_eq!(endpoint.asked.borrow().len(), 0, "no handshake was finished, so no request was sent");
    });
}

/// What the endpoint objects to is told apart from what we object to.
#[test]
fn an_alert_is_told_as_one() {
    worker(async {
        let endpoint = Secure::start(&["orders.internal"], &["http/1.1"]).await;
        let tls = json!({ "ca": endpoint.root(), "sni": "orders.internal" });
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "tls": tls, "protocol": "http2" }));
        let kind = client.send(get()).await.err().unwrap().kind;
        assert_eq!((kind, kind.proxy_error()), (FailureKind::Alert, "tls_alert_received"));
    });
}

/// An endpoint that speaks plain HTTP where TLS is expected.
#[test]
fn who_does_not_speak_tls_is_told_so() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = plain.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            while let Ok((mut tcp, _)) = plain.accept().await {
                use tokio::io::AsyncWriteExt as _;
                tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            }
        });
        let client = Client::new(json!({ "endpoints": [format!("https://{address}")] }));
        let kind = client.send(get()).await.err().unwrap().kind;
        assert_eq!((kind, kind.proxy_error()), (FailureKind::Tls, "tls_protocol_error"));
        assert_eq!(endpoint.count(), 0);
    });
}
