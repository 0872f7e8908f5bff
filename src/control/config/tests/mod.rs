//! The house that the tests of the engine furnish, and what a right text becomes.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use serde::Deserialize;

use super::*;
use crate::settings::{Bytes, OrOff, Secret, Span};

mod harm;
mod rest;
mod told;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct House {
    version: u32,
    #[serde(default)]
    issuers: BTreeMap<String, Issuer>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Issuer {
    url: Url,
    #[serde(default)]
    leeway: Option<Span>,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    secret: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let https = text.starts_with("https://");
        if https { Ok(Self(text)) } else { Err(format!("`{text}` is not an https URL\nwrite `https://…`")) }
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Keys {
    #[default]
    Discovery,
    File(String),
    Poll {
        every: Span,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Route {
    path: String,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    idle: OrOff<Span>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    window: Option<Window>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Access {
    #[default]
    Guarded,
    Open,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    Poll { url: Url, every: Span, port: Option<u16>, back: Option<Back> },
    File { path: String },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Back {
    first: Span,
    most: Span,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "Bounds")]
struct Window(Span, Span);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    least: Span,
    most: Span,
}

impl TryFrom<Bounds> for Window {
    type Error = String;

    fn try_from(bounds: Bounds) -> Result<Self, String> {
        if bounds.least > bounds.most {
            Err("`least` is more than `most`".into())
        } else {
            Ok(Self(bounds.least, bounds.most))
        }
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    header: Bytes,
    streams: Option<NonZeroU16>,
}

/// The faults as `line:column path | message | help`.
fn faults(text: &str) -> Vec<String> {
    let told = parse::<House>("curfew.yaml", text).expect_err("the text has faults").faults;
    told.iter().map(brief).collect()
}

fn brief(fault: &Fault) -> String {
    let place = fault.location.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
    format!("{place} {} | {} | {}", fault.path, fault.message, fault.help.as_deref().unwrap_or(""))
}

const GOOD: &str = r#"
version: 1
issuers:
  main: { url: "https://id.example", leeway: 60s, keys: { poll: { every: 5m } }, secret: { env: KEY } }
  "log.in":
    url: https://log.in
    keys: discovery
routes:
  - path: /a
    idle: off
    source: { kind: poll, url: https://r.example, every: 10s, port: 80, back: { first: 1s, most: 1m } }
    window: { least: 1s, most: 2s }
  - path: 1.10
    access: open
    idle: 15m
    source:
      path: revoked.json
      kind: file
limits:
  header: 16KiB
"#;

#[test]
fn a_right_text_is_its_value_and_its_places() {
    let Parsed { value, spans } = parse::<House>("curfew.yaml", GOOD).unwrap();
    assert_eq!(value.issuers["main"].keys, Keys::Poll { every: Span::mins(5) });
    assert_eq!(value.issuers["main"].secret, Some(Secret::Env("KEY".into())));
    assert_eq!(value.routes[0].idle, OrOff::Off);
    assert_eq!(value.routes[1].path, "1.10", "a path is text as it stands");
    assert_eq!(value.routes[1].source, Some(Source::File { path: "revoked.json".into() }));
    assert_eq!(value.limits.header, Bytes::kib(16));

    let at = |path: &str| spans.at(path).map(|at| (at.line, at.column, &GOOD[at.start..at.end]));
    assert_eq!(at("routes[1].access"), Some((14, 13, "open")));
    assert_eq!(at("routes[1]"), Some((13, 5, "path")));
    assert_eq!(at("limits"), Some((19, 1, "limits")));
    assert_eq!(at(r#"issuers["log.in"].url"#), Some((6, 10, "https://log.in")));
    assert_eq!(at("routes[2]"), None);
    assert_eq!(spans.near("routes[1].window.least"), spans.at("routes[1]"));
    let warning = spans.fault(Severity::Warning, "routes[1].access", "nobody is asked", "");
    assert_eq!(brief(&warning), "14:13 routes[1].access | nobody is asked | ");
}

#[test]
fn json_is_read_too() {
    let json = r#"{"version": 1, "routes": [{"path": "/", "idle": "off"}], "limits": {"header": 4096}}"#;
    assert_eq!(parse::<House>("c.json", json).unwrap().value.limits.header, Bytes::kib(4));
}
