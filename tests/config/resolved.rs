//! `curfew policy show`: what holds, and where it was written. The answers stand in `resolved.txt`, which `UPDATE=1`
//! rewrites; whoever does so reads the difference.

use super::lines;
use clap::Parser as _;
use curfew::command::policy::told;
use curfew::command::usage::{Command, PolicyCommand, PolicyShow, Usage};
use curfew::control::read;
use std::fmt::Write as _;

const CONFIG: &str = r"
version: 1
listeners:
  - { name: public, address: 127.0.0.1:8080, plaintext: true }
issuers:
  corp: { issuer: https://id.example.com, audiences: [https://api.example.com] }
  partner: { issuer: https://id.partner.example, audiences: [https://api.example.com], leeway: 5s }
upstreams:
  orders: { endpoints: [https://orders.internal] }
policies:
  api:
    preset: pci-dss-4.0.1
    token: { max_age: 30m, require: [auth_time] }
    session: { absolute: 8h }
    step_up: { acr: [mfa, otp] }
    relax: { fields: [token.max_age], reason: phones are slow }
    when:
      - if: { claims: [{ claim: roles, any_of: [admin, root] }] }
        token: { max_age: 5m }
        session: { idle: 5m }
        step_up: { auth_age: 10m, acr: [mfa] }
      - if: { claims: [{ claim: tenant.name, equals: acme }], outside: [10.0.0.0/8] }
        token: { max_age: 2m }
        session: { absolute: 1h }
      - if: { clients: [batch], networks: [10.0.0.0/8], issuers: [corp] }
        token: { max_age: off }
        session: { absolute: 24h }
        relax: { fields: [token.max_age, session.absolute], reason: nightly jobs }
  plain: { issuers: [corp] }
defaults:
  policy: api
  token: { max_age: 15m }
  revocation: { on_stale: deny }
routes:
  - { name: orders, path: /orders/**, upstream: orders }
  - { name: plain, path: /plain, policy: plain, upstream: orders }
  - { name: health, path: /healthz, access: open, upstream: orders }
";

const ASKED: &[&[&str]] = &[
    &["orders"],
    &["orders", "--claim", "roles=user", "--claim", "roles=admin"],
    &["orders", "--claim", r#"tenant={"name":"acme"}"#, "--client-ip", "192.0.2.7"],
    &["orders", "--claim", "tenant.name=acme", "--claim", "roles=root", "--client-ip", "10.1.2.3"],
    &["orders", "--claim", "client_id=batch", "--claim", "iss=https://id.example.com", "--client-ip", "10.1.2.3"],
    &[
        "orders",
        "--claim",
        "client_id=batch",
        "--claim",
        "roles=admin",
        "--claim",
        "iss=https://id.example.com",
        "--client-ip",
        "10.1.2.3",
    ],
    &["orders", "--claim", "client_id=batch", "--claim", "iss=https://id.partner.example", "--client-ip", "10.1.2.3"],
    &["plain"],
    &["health"],
    &["order"],
    &["orders", "--claim", "roles"],
    &["orders", "--claim", "exp=soon"],
    &["plain", "--json"],
];

fn show(asked: &[&str]) -> PolicyShow {
    let line = ["curfew", "policy", "show", "--route"].iter().chain(asked);
    match Usage::try_parse_from(line).unwrap().command {
        Command::Policy { what: PolicyCommand::Show(what) } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_holds_and_where_it_was_written() {
    let loaded = read("curfew.yaml", CONFIG.to_owned()).unwrap_or_else(|faults| panic!("{:#?}", lines(&faults)));
    assert_eq!(lines(&loaded.warnings), Vec::<String>::new());
    let mut out = String::new();
    for asked in ASKED {
        writeln!(out, "$ curfew policy show --route {}", asked.join(" ")).unwrap();
        match told(&loaded.config, &show(asked)) {
            Ok(text) => writeln!(out, "{text}").unwrap(),
            Err(fault) => writeln!(out, "! {fault}\n").unwrap(),
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/resolved.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (told, golden) in out.split("\n$ ").zip(golden.split("\n$ ")) {
        assert_eq!(told, golden);
    }
    assert_eq!(out.len(), golden.len());
}
