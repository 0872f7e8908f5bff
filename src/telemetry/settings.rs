//! What is told, and to whom: the `telemetry` part of the settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Secret, Span};

/// What the gateway tells about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where traces go, over OTLP. Default: nowhere.
    pub otlp: Option<Otlp>,
    /// The share of admitted requests whose span is exported, from 0 to 1; refusals and faults always are.
    /// Default 0.01, because a span costs more than the judgement it tells of.
    pub sample: Share,
    /// The key of the hash under which ids of tokens, sessions and subjects are told. Give all instances the same
    /// one to compare their ids. Default: a new one in each process.
    pub hash_key: Option<Secret>,
    /// The access log, one JSON object a line: `off`, `stdout` or `{file: path}`. Default `off`.
    pub access_log: AccessLog,
    /// The process's own log, on standard error.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self { otlp: None, sample: Share(0.01), hash_key: None, access_log: AccessLog::Off, log: Log::default() }
    }
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector: `http://host:4317` for gRPC, `http://host:4318/v1/traces` for HTTP; or `https`.
    pub endpoint: String,
    /// How it is spoken to: `grpc` or `http` (protobuf over POST). Default `grpc`.
    #[serde(default)]
    pub protocol: Protocol,
    /// Header fields sent with every export, such as an API key; a value is text, or a secret's place.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderText>,
    /// How long one export may take. Default 5s.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// A PEM file of the certificates that may vouch for an `https` collector. Default: those of the system.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

const fn five_seconds() -> Span {
    Span::secs(5)
}

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// The value of a header field: text, or the place of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// A secret.
    Secret(Secret),
    /// Plain text.
    Text(String),
}

/// A share, from 0 (none) to 1 (all).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
pub struct Share(#[schemars(range(min = 0, max = 1))] f64);

impl Share {
    /// The share as a number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!("`{share}` is not a share: write a number from 0 to 1"))
        }
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// Nowhere.
    #[default]
    Off,
    /// To standard output.
    Stdout,
    /// To this file; lines are added at its end.
    File(PathBuf),
}

/// The process's own log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is worth a line: `off`, `error`, `warn`, `info`, `debug`, `trace`. Default `info`.
    pub level: Level,
    /// `text` for people, `json` for machines. Default `text`.
    pub format: Format,
}

/// How much is worth a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}
