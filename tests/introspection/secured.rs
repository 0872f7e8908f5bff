//! An introspection endpoint over TLS that believes nobody without proof: a token that he signed with a key that is known
//! here (RFC 7523 §3), or a certificate (RFC 8705 §2). Written to the standards' texts, without the gateway's code.

use crate::idp::{Asked, field, question};
use crate::support::authority::Authority;
use crate::support::mint::{now, unb64};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub const CLIENT: &str = "gate:way";

/// Whom it believes.
#[derive(Clone)]
pub enum Believes {
    /// Who signs with this algorithm and the private half of this key, for this audience.
    Key { algorithm: &'static str, public: Vec<u8>, audience: String },
    /// Who shows this certificate.
    Certificate(CertificateDer<'static>),
}

struct Mind {
    believes: Believes,
    names: HashSet<String>,
    verdicts: Vec<Result<(), String>>,
    bodies: Vec<String>,
}

#[derive(Clone)]
pub struct Secured {
    pub port: u16,
    mind: Arc<Mutex<Mind>>,
}

impl Secured {
    pub fn start(dir: &Path, believes: Believes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = config(dir, matches!(believes, Believes::Certificate(_)));
        let mind = Mind { believes, names: HashSet::new(), verdicts: Vec::new(), bodies: Vec::new() };
        let endpoint = Self { port, mind: Arc::new(Mutex::new(mind)) };
        let serving = endpoint.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (endpoint, tls) = (serving.clone(), Arc::clone(&tls));
                std::thread::spawn(move || endpoint.serve(stream, tls));
            }
        });
        endpoint
    }

    /// From now on it believes these only.
    pub fn believe(&self, believes: Believes) {
        self.mind.lock().unwrap().believes = believes;
    }

    /// How often it believed who asked; and why it last did not.
    pub fn verdicts(&self) -> (usize, Option<String>) {
        let mind = self.mind.lock().unwrap();
        let good = mind.verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        (good, mind.verdicts.iter().rev().find_map(|verdict| verdict.clone().err()))
    }

    pub fn bodies(&self) -> Vec<String> {
        self.mind.lock().unwrap().bodies.clone()
    }

    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
        let (mut pending, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..count]);
            while let Some((asked, length)) = question(&pending) {
                pending.drain(..length);
                let shown = stream.conn.peer_certificates().and_then(|all| all.first().cloned());
                let (status, body) = match self.judge(&asked, shown.as_ref()) {
                    Ok(()) => (200, r#"{"active":true}"#),
                    Err(_) => (401, r#"{"error":"invalid_client"}"#),
                };
                let head = "Content-Type: application/json\r\nContent-Length";
                let answer = format!("HTTP/1.1 {status} X\r\n{head}: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    }

    fn judge(&self, asked: &Asked, shown: Option<&CertificateDer<'static>>) -> Result<(), String> {
        let mut mind = self.mind.lock().unwrap();
        mind.bodies.push(asked.body.clone());
        let verdict = match mind.believes.clone() {
            _ if plain(&asked.body, "client_id") != CLIENT => Err("another client_id".into()),
            Believes::Certificate(known) if shown == Some(&known) => Ok(()),
            Believes::Certificate(_) => Err("another certificate".into()),
            Believes::Key { algorithm, public, audience } => signed(&asked.body, algorithm, &public, &audience)
                .and_then(|name| {
                    mind.names.insert(name).then_some(()).ok_or_else(|| "a `jti` that was there before".into())
                }),
        };
        mind.verdicts.push(verdict.clone());
        verdict
    }
}

/// A field of a form, with what was escaped in it.
fn plain(form: &str, name: &str) -> String {
    let text = field(form, name).replace('+', " ");
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().as_bytes().to_vec();
    let bytes = parts.fold(first, |mut bytes, part| {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
        bytes
    });
    String::from_utf8(bytes).unwrap()
}

/// RFC 7523 §3, OpenID Connect Core §9: gives the assertion's name.
fn signed(body: &str, algorithm: &str, public: &[u8], audience: &str) -> Result<String, String> {
    if plain(body, "client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
        return Err("another type of assertion".into());
    }
    let token = field(body, "client_assertion");
    let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
    let part = |nth| -> Value { serde_json::from_slice(&unb64(message.split('.').nth(nth).unwrap())).unwrap() };
    let (head, claims) = (part(0), part(1));
    if head["alg"] != algorithm {
        return Err(format!("signed by {}", head["alg"]));
    }
    let how: &'static dyn VerificationAlgorithm = match algorithm {
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "EdDSA" => &ED25519,
        other => return Err(format!("{other} is not known here")),
    };
    let key = UnparsedPublicKey::new(how, public);
    key.verify(message.as_bytes(), &unb64(signature)).map_err(|_| "another key")?;
    if claims["iss"] != CLIENT || claims["sub"] != CLIENT || claims["aud"] != audience {
        return Err(format!("of or for another: {claims}"));
    }
    let (issued, ends) = (claims["iat"].as_i64().ok_or("no iat")?, claims["exp"].as_i64().ok_or("no exp")?);
    if issued > now() + 1 || ends <= now() || ends - issued > 60 {
        return Err(format!("not good now, or for too long: {claims}"));
    }
    claims["jti"].as_str().filter(|name| name.len() >= 16).map(str::to_owned).ok_or_else(|| "no jti".into())
}

fn config(dir: &Path, asks: bool) -> Arc<ServerConfig> {
    let files = Authority::get().server(dir, "introspection", &["127.0.0.1"]);
    let chain = CertificateDer::pem_file_iter(&files.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(Authority::get().root()).unwrap();
    let asker: Arc<dyn ClientCertVerifier> = if asks {
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap()
    } else {
        Arc::new(NoClientAuth)
    };
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_client_cert_verifier(asker).with_single_cert(chain, key).unwrap())
}
