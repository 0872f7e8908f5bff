//! The gateway proves who it is without a shared secret: by what it signs, by its certificate; and with another key or
//! certificate as soon as that is in the files.

use crate::secured::{Believes, CLIENT, Secured};
use crate::support::authority::{Authority, Files};
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use crate::world::corp;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

struct House {
    gateway: Gateway,
    door: Door,
    _upstream: Upstream,
}

/// A config that says so of who the gateway is.
fn config(dir: &Path, port: u16, auth: &str, [plain, admin]: [u16; 2], upstream: &str) -> PathBuf {
    std::fs::write(dir.join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
    Authority::get().write_root(dir);
    let d = dir.display();
    let text = format!(
        r#"
version: 1
gateway: {{ name: curfew-test, realm: curfew, exposure: full, workers: 1, grace: 1s }}
listeners:
  - {{ name: internal, address: "127.0.0.1:{plain}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {d}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256],
    ca: {d}/ca.crt, allow_private_network: true, allow_http: true,
    introspection: {{ endpoint: "https://127.0.0.1:{port}/ask", auth: {{ {auth} }}, active_for: 0s, timeout: 5s,
      max_failures: 1000000 }} }}
upstreams: {{ echo: {{ endpoints: ["{upstream}"] }} }}
policies: {{ always: {{ revocation: {{ introspection: always }} }} }}
routes:
  - {{ name: always, hosts: [{HOST}], path: "/always", policy: always, upstream: echo }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
    );
    let config = dir.join("curfew.yaml");
    std::fs::write(&config, text).unwrap();
    config
}

impl House {
    fn start(dir: &Path, endpoint: &Secured, auth: &str) -> Self {
        let (upstream, ports) = (Upstream::start(), [free_port(), free_port()]);
        let config = config(dir, endpoint.port, auth, ports, &upstream.url());
        let gateway = Gateway::start_unready(&config, address(ports[1]));
        gateway.wait_ready();
        Self { gateway, door: Door::plain(address(ports[0])), _upstream: upstream }
    }

    /// `admitted`, or the reason.
    fn asks(&self) -> String {
        let request = format!("GET /always HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\r\n", corp());
        let answer = ask(&mut self.door.open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap();
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    fn until_admitted(&self) {
        until("it is believed", Duration::from_secs(20), || (self.asks() == "admitted").then_some(()));
    }
}

/// A new key in this file, put there as a whole.
fn new_key(file: &Path, key: &KeyPair) {
    let aside = file.with_extension("new");
    std::fs::write(&aside, key.serialize_pem()).unwrap();
    std::fs::rename(aside, file).unwrap();
}

fn known(algorithm: &'static str, key: &KeyPair, audience: &str) -> Believes {
    Believes::Key { algorithm, public: key.public_key_raw().to_vec(), audience: audience.into() }
}

/// Each question has a token of its own, short-lived, for the issuer; another key is used once it is in the file, though
/// it is of another kind, and what is no key changes nothing.
#[test]
fn it_signs_who_it_is() {
    let dir = TempDir::new().unwrap();
    let (file, first) = (dir.path().join("gateway.key"), KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    new_key(&file, &first);
    let endpoint = Secured::start(dir.path(), known("ES256", &first, CORP));
    let auth = format!("private_key_jwt: {{ client_id: \"{CLIENT}\", key: {}, key_id: one }}", file.display());
    let house = House::start(dir.path(), &endpoint, &auth);
    for count in 1..5 {
        assert_eq!(house.asks(), "admitted", "{:?}", endpoint.verdicts());
        assert_eq!(endpoint.verdicts(), (count, None));
    }
    let second = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    endpoint.believe(known("RS256", &second, CORP));
    assert_eq!(house.asks(), "introspection_unavailable", "the issuer does not know the former any more");
    std::fs::write(&file, "half a k").unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(house.asks(), "introspection_unavailable");
    assert_eq!(
        endpoint.verdicts().1.as_deref(),
        Some("signed by \"ES256\""),
        "the former stays as long as there is none"
    );
    new_key(&file, &second);
    house.until_admitted();
    let log = house.gateway.log();
    assert!(log.contains("cannot be used: the former ones stay") && log.contains("were read again"), "{log}");
    let said: Vec<String> = endpoint.bodies().iter().map(|body| crate::idp::field(body, "client_assertion")).collect();
    assert!(said.len() > 6 && said.iter().all(|said| said.len() > 100 && !log.contains(&**said)), "{log}");
    assert!(!log.contains("KEY-----"));
}

#[test]
fn for_whom_it_signs_can_be_said() {
    let dir = TempDir::new().unwrap();
    let (file, key) = (dir.path().join("gateway.key"), KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    new_key(&file, &key);
    let audience = "https://id.example.com/token";
    let endpoint = Secured::start(dir.path(), known("EdDSA", &key, audience));
    let auth = |more: &str| format!("private_key_jwt: {{ client_id: \"{CLIENT}\", key: {}, {more} }}", file.display());
    let house = House::start(dir.path(), &endpoint, &auth(&format!("audience: \"{audience}\", lifetime: 30s")));
    assert_eq!((house.asks(), endpoint.verdicts()), ("admitted".into(), (1, None)));
    for (more, says) in [
        ("lifetime: 6m", "from `10s`"),
        ("lifetime: 9s", "from `10s`"),
        ("algorithm: HS256", "one of `RS256`"),
        ("algorithm: ES256", "another kind than `algorithm`"),
    ] {
        refused(&auth(more), says);
    }
    std::fs::remove_file(&file).unwrap();
    refused(&auth("key_id: two"), "is not there");
}

/// The certificate is shown, and the client's id besides; with another one connections are made anew.
#[test]
fn it_shows_its_certificate() {
    let dir = TempDir::new().unwrap();
    let files = Authority::get().server(dir.path(), "gateway", &["gateway.internal"]);
    let certificate = |files: &Files| CertificateDer::from_pem_file(&files.cert).unwrap();
    let endpoint = Secured::start(dir.path(), Believes::Certificate(certificate(&files)));
    let (cert, key) = (files.cert.display(), files.key.display());
    let auth = format!("tls_client_auth: {{ client_id: \"{CLIENT}\", cert: {cert}, key: {key} }}");
    let house = House::start(dir.path(), &endpoint, &auth);
    for count in 1..4 {
        assert_eq!((house.asks(), endpoint.verdicts()), ("admitted".into(), (count, None)));
    }
    assert!(endpoint.bodies().iter().all(|body| body.starts_with("client_id=gate%3Away&token_type_hint")));
    let other = Authority::get().server(dir.path(), "other", &["gateway.internal"]);
    endpoint.believe(Believes::Certificate(certificate(&other)));
    assert_eq!(house.asks(), "introspection_unavailable");
    // One after the other: in between they are no pair.
    std::fs::rename(&other.cert, &files.cert).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(house.asks(), "introspection_unavailable");
    std::fs::rename(&other.key, &files.key).unwrap();
    house.until_admitted();
    // Who shows none is not let in.
    let nobody = TempDir::new().unwrap();
    std::fs::write(nobody.path().join("bearer"), "b").unwrap();
    let bearer = format!("bearer: {{ file: {}/bearer }}", nobody.path().display());
    assert_eq!(House::start(nobody.path(), &endpoint, &bearer).asks(), "introspection_unavailable");
    refused(&auth.replace(&format!("key: {key}"), "key: /nowhere"), "is not there");
    let plain = |text: String| text.replace("https://127.0.0.1:1/ask", "http://127.0.0.1:1/ask");
    refused_with(&auth, plain, "nobody is known by a certificate over plain http");
}

fn refused(auth: &str, says: &str) {
    refused_with(auth, |text| text, says);
}

fn refused_with(auth: &str, edit: impl Fn(String) -> String, says: &str) {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path(), 1, auth, [9, 10], "http://127.0.0.1:1");
    std::fs::write(&config, edit(std::fs::read_to_string(&config).unwrap())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_curfew")).args(["check", "-c"]).arg(&config).output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains(says), "{auth}: {told}");
}
