//! The gateway's config as the tests write it: JSON, which is YAML too.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::certs::Authority;
use crate::port;

/// A config, and what is around it.
pub struct Config {
    /// The config itself, free to be edited.
    pub value: Value,
    /// Who signed the certificates.
    pub authority: Authority,
    /// Where the gateway listens.
    pub port: u16,
    /// Where its admin listener is.
    pub admin: u16,
    /// Where the config lies.
    pub file: PathBuf,
}

impl Config {
    /// One TLS listener for `api.test`, one issuer, one upstream, one guarded route.
    pub fn new(directory: &Path, issuer: &str, upstream: u16) -> Self {
        let authority = Authority::new(directory);
        let pair = authority.write("server", "first", &["api.test", "localhost", "127.0.0.1"]);
        let (port, admin) = (port::free(), port::free());
        let value = json!({
            "version": 1,
            "gateway": { "name": "curfew-test", "realm": "test", "exposure": "full", "grace": "10s" },
            "listeners": [{
                "name": "public",
                "address": format!("127.0.0.1:{port}"),
                "tls": { "certificates": [{ "cert": pair.cert, "key": pair.key }] },
            }],
            "issuers": { "corp": {
                "issuer": issuer,
                "keys": { "discovery": "oidc" },
                "audiences": ["https://api.test"],
                "algorithms": ["RS256", "ES256", "EdDSA"],
                "leeway": "0s",
                "unknown_key_cooldown": "1s",
                "unknown_key_wait": "2s",
                "allow_http": true,
                "allow_private_network": true,
            }},
            "upstreams": { "main": { "endpoints": [format!("http://127.0.0.1:{upstream}")] } },
            "policies": { "standard": { "scopes": ["orders.read"] } },
            "defaults": { "policy": "standard" },
            "routes": [{ "name": "orders", "path": "/orders/**", "upstream": "main", "retries": 2 }],
            "admin": { "address": format!("127.0.0.1:{admin}") },
        });
        Self { value, authority, port, admin, file: directory.join("curfew.yaml") }
    }

    /// Writes it to its file, at once.
    pub fn write(&self) {
        super::certs::replace(&self.file, &serde_json::to_string_pretty(&self.value).unwrap());
    }
}
