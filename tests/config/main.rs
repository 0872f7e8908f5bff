//! Does `check` find what is wrong with a config, all at once and in its place? And is the config that we ship right?

mod bad;
mod resolved;
mod shipped;
mod told;

use curfew::control::config::{Fault, Severity};
use curfew::control::{Loaded, read};

/// A config with nothing wrong, to which each test does one thing. `%` marks where a line may be put in.
const GOOD: &str = "\
version: 1
listeners:
  - { name: public, address: 127.0.0.1:8080, plaintext: true }
issuers:
  corp: { issuer: https://id.example.com, audiences: [https://api.example.com] }
upstreams:
  orders: { endpoints: [https://orders.internal] }
policies:
  api: { scopes: [orders.read] }
defaults: { policy: api }
routes:
  - { name: orders, path: /orders/**, upstream: orders }
";

/// Replaces one part of a text, which must be there.
fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands in the text once");
    text.replacen(from, to, 1)
}

fn faults(text: &str) -> Vec<Fault> {
    match read("curfew.yaml", text.to_owned()) {
        Ok(Loaded { warnings, .. }) => warnings,
        Err(faults) => faults,
    }
}

/// Each fault in one line: `5:3 error message · help`.
fn lines(faults: &[Fault]) -> Vec<String> {
    let place = |fault: &Fault| fault.location.map_or("-".into(), |at| format!("{}:{}", at.line, at.column));
    let line = |fault: &Fault| {
        let severity = if fault.severity == Severity::Error { "error" } else { "warning" };
        format!("{} {severity} {} · {}", place(fault), fault.message, fault.help.as_deref().unwrap_or_default())
    };
    faults.iter().map(line).collect()
}
