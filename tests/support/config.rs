//! A whole world for one table: upstream, provider, config file, gateway. Started once, asked many times.

use super::authority::Authority;
use super::gateway::{Gateway, free_port};
use super::grpc::Grpc;
use super::h2::Session;
use super::mint::{AUDIENCE, CORP, LEGACY, Mint, PARTNER, set};
use super::provider::Provider;
use super::raw::{Door, Tls};
use super::upstream::Upstream;
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The host of the API.
pub const HOST: &str = "api.example.com";

/// The ids that the revocation file of every world lists.
pub const REVOKED: &str = "revoked-jti-1";

/// Ports of the gateway's listeners.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub public: u16,
    pub internal: u16,
    pub proxied: u16,
    pub distrusting: u16,
    pub asking: u16,
    pub vouched: u16,
    pub admin: u16,
}

/// Everything a table talks to. The order of the fields is the order of their end.
pub struct World {
    pub gateway: Gateway,
    pub ports: Ports,
    pub upstream: Upstream,
    pub provider: Provider,
    pub config: PathBuf,
    pub dir: TempDir,
}

/// What differs from the usual config. Text is put in as YAML.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Members of `limits`.
    pub limits: &'static str,
    /// Two more listeners, that ask clients for certificates.
    pub clients: bool,
    /// The secrets of DPoP nonces.
    pub nonce_keys: &'static [&'static str],
    /// An upstream that speaks gRPC, by the name `grpc`.
    pub grpc: bool,
    /// More policies, each a line.
    pub policies: &'static str,
    /// More routes, each a line.
    pub routes: &'static str,
}

impl World {
    /// The usual world.
    pub fn start() -> Self {
        Self::start_with(&Changes::default())
    }

    /// A world with changes.
    pub fn start_with(changes: &Changes) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, provider) = (Upstream::start(), Provider::start());
        let ports = Ports {
            public: free_port(),
            internal: free_port(),
            proxied: free_port(),
            distrusting: free_port(),
            asking: free_port(),
            vouched: free_port(),
            admin: free_port(),
        };
        write_material(dir.path(), &provider);
        let config = dir.path().join("curfew.yaml");
        for key in changes.nonce_keys {
            std::fs::write(dir.path().join(format!("{key}.key")), key).unwrap();
        }
        std::fs::write(&config, yaml(dir.path(), ports, &upstream, &provider, changes)).unwrap();
        let gateway = Gateway::start(&config, address(ports.admin));
        Self { gateway, ports, upstream, provider, config, dir }
    }

    /// TLS, HTTP/1.1.
    pub fn h1(&self) -> Door {
        Door::tls(address(self.ports.public), HOST, "http/1.1")
    }

    /// TLS, HTTP/2.
    pub fn h2(&self) -> Door {
        Door::tls(address(self.ports.public), HOST, "h2")
    }

    /// TLS with another server name, or none.
    pub fn sni(&self, sni: Option<&str>) -> Door {
        let tls = Tls { sni: sni.map(str::to_owned), alpn: vec!["http/1.1"], config: None };
        Door { address: address(self.ports.public), tls: Some(tls) }
    }

    /// The listener that asks for any certificate of the client, or does without.
    pub fn asking(&self, config: Arc<ClientConfig>) -> Door {
        Door::with(address(self.ports.asking), HOST, config)
    }

    /// The listener that wants one the authority vouches for.
    pub fn vouched(&self, config: Arc<ClientConfig>) -> Door {
        Door::with(address(self.ports.vouched), HOST, config)
    }

    /// The plaintext listener.
    pub fn plain(&self) -> Door {
        Door::plain(address(self.ports.internal))
    }

    /// The listener behind a load balancer that speaks the PROXY protocol and is trusted.
    pub fn proxied(&self) -> Door {
        Door::plain(address(self.ports.proxied))
    }

    /// The same, trusting a network from which nobody here comes.
    pub fn distrusting(&self) -> Door {
        Door::plain(address(self.ports.distrusting))
    }

    /// An HTTP/2 session.
    pub fn session(&self) -> Session {
        Session::open(&self.h2()).expect("an HTTP/2 session")
    }
}

/// Loopback.
pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn write_material(dir: &Path, provider: &Provider) {
    let (authority, mint) = (Authority::get(), Mint::get());
    authority.server(dir, "server", &[HOST, "www.example.com", "localhost"]);
    authority.server(dir, "other", &["other.example.net"]);
    std::fs::copy(authority.write_root(dir), dir.join("clients.crt")).unwrap();
    std::fs::write(dir.join("corp.json"), mint.corp_keys().to_string()).unwrap();
    std::fs::write(dir.join("partner.json"), set(&[&mint.partner]).to_string()).unwrap();
    std::fs::write(dir.join("legacy.json"), set(&[&mint.legacy]).to_string()).unwrap();
    std::fs::write(dir.join("revoked.txt"), format!("{REVOKED}\n")).unwrap();
    provider.put("/jwks", set(&[&mint.rsa, &mint.ec]).to_string());
}

/// Issuer whose keys are fetched, so that fetches can be counted.
pub const FETCHED: &str = "https://fetched.example.com";

fn yaml(dir: &Path, ports: Ports, upstream: &Upstream, provider: &Provider, changes: &Changes) -> String {
    let dir = dir.display();
    let Ports { public, internal, proxied, distrusting, asking, vouched, admin } = ports;
    let clients = if changes.clients { clients(&dir.to_string(), asking, vouched) } else { String::new() };
    let nonce_keys: String = changes.nonce_keys.iter().map(|key| format!("{{ file: {dir}/{key}.key }}, ")).collect();
    let (upstream, jwks, limits) = (upstream.url(), provider.url("/jwks"), changes.limits);
    let (policies, routes) = (changes.policies, changes.routes);
    let grpc = if changes.grpc {
        format!("  grpc: {{ endpoints: [\"{}\"], protocol: http2 }}\n", Grpc::get().url())
    } else {
        String::new()
    };
    format!(
        r#"
version: 1
gateway: {{ name: curfew-test, realm: curfew, exposure: full, workers: 1, grace: 1s, nonce_keys: [{nonce_keys}] }}
listeners:
  - name: public
    address: 127.0.0.1:{public}
    tls:
      certificates:
        - {{ cert: {dir}/server.crt, key: {dir}/server.key }}
        - {{ cert: {dir}/other.crt, key: {dir}/other.key }}
{clients}  - {{ name: internal, address: "127.0.0.1:{internal}", plaintext: true }}
  - {{ name: proxied, address: "127.0.0.1:{proxied}", plaintext: true, proxy_protocol: {{ trusted: [127.0.0.0/8] }} }}
  - {{ name: distrusting, address: "127.0.0.1:{distrusting}", plaintext: true, proxy_protocol: {{ trusted: [192.0.2.0/24] }} }}
limits: {{ header_read_timeout: 2s, idle_timeout: 4s{limits} }}
issuers:
  corp:
    issuer: {CORP}
    keys: {{ file: {dir}/corp.json }}
    audiences: [{AUDIENCE}]
    algorithms: [RS256, ES256, EdDSA]
  partner:
    issuer: {PARTNER}
    keys: {{ file: {dir}/partner.json }}
    audiences: [{AUDIENCE}]
    algorithms: [ES256]
    strict_header: true
  legacy:
    issuer: {LEGACY}
    keys: {{ file: {dir}/legacy.json }}
    audiences: [{AUDIENCE}]
    profile: legacy
    leeway: 0s
  fetched:
    issuer: {FETCHED}
    keys: {{ url: "{jwks}" }}
    audiences: [{AUDIENCE}]
    refresh: 10m
    unknown_key_cooldown: 1s
    unknown_key_wait: 2s
    allow_http: true
    allow_private_network: true
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {dir}/revoked.txt, format: ids, max_staleness: off }}
upstreams:
  echo: {{ endpoints: ["{upstream}"] }}
{grpc}policies:
  api: {{}}
  young: {{ token: {{ max_age: 5m }} }}
  scoped: {{ scopes: [orders.write] }}
  vip: {{ claims: [{{ claim: roles, any_of: [vip] }}] }}
  corp_only: {{ issuers: [corp] }}
  bound: {{ token: {{ dpop: required }} }}
  unspoken: {{ token: {{ dpop: off }} }}
  nonced: {{ token: {{ dpop_nonce: required, dpop_nonce_max_age: 6s }} }}
  nonced_scoped: {{ scopes: [orders.write], token: {{ dpop_nonce: required, dpop_nonce_max_age: 6s }} }}
  certified: {{ token: {{ mtls: required }} }}
  uncertified: {{ token: {{ mtls: off }} }}
{policies}defaults: {{ policy: api, timeouts: {{ between_bytes: 2s }} }}
routes:
  - {{ name: orders, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/orders/**", upstream: echo }}
  - {{ name: admin, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/admin/**", upstream: echo }}
  - {{ name: public, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/public/**", access: open, upstream: echo }}
  - {{ name: young, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/young/**", policy: young, upstream: echo }}
  - {{ name: scoped, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/scoped/**", policy: scoped, upstream: echo }}
  - {{ name: vip, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/vip/**", policy: vip, upstream: echo }}
  - {{ name: corp, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/corp/**", policy: corp_only, upstream: echo }}
  - {{ name: reading, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/reading/**", methods: [GET], upstream: echo }}
  - {{ name: cookie, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/cookie/**", token: {{ cookie: session }}, upstream: echo }}
  - {{ name: passing, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/passing/**", forward_token: true, upstream: echo }}
  - {{ name: identity, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/identity/**", identity: {{ X-User: sub, X-Team: team }}, upstream: echo }}
  - {{ name: bound, hosts: [api.example.com, localhost], path: "/bound/**", policy: bound, upstream: echo }}
  - name: nonced
    hosts: [api.example.com]
    path: "/nonced/**"
    policy: nonced
    upstream: echo
    headers: {{ response: {{ set: {{ DPoP-Nonce: theirs, Cache-Control: max-age=60 }} }} }}
  - {{ name: nonced_scoped, hosts: [api.example.com], path: "/nonced-scoped/**", policy: nonced_scoped, upstream: echo }}
  - {{ name: certified, hosts: [api.example.com, localhost], path: "/certified/**", policy: certified, upstream: echo }}
  - {{ name: uncertified, hosts: [api.example.com, localhost], path: "/uncertified/**", policy: uncertified, upstream: echo }}
  - {{ name: unspoken, hosts: [api.example.com, localhost], path: "/unspoken/**", policy: unspoken, upstream: echo }}
  - {{ name: socket, hosts: [api.example.com, www.example.com, localhost, other.example.net], path: "/socket", websocket: true, upstream: echo }}
{routes}admin: {{ address: "127.0.0.1:{admin}" }}
"#
    )
}

fn clients(dir: &str, asking: u16, vouched: u16) -> String {
    format!(
        r#"  - name: asking
    address: 127.0.0.1:{asking}
    tls:
      certificates: [{{ cert: {dir}/server.crt, key: {dir}/server.key }}]
      client_certificates: {{ ask: optional, trust: any }}
  - name: vouched
    address: 127.0.0.1:{vouched}
    tls:
      certificates: [{{ cert: {dir}/server.crt, key: {dir}/server.key }}]
      client_certificates: {{ ask: required, trust: {{ ca: [{dir}/clients.crt] }} }}
"#
    )
}
