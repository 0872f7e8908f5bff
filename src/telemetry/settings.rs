//! What is told, and to whom: the `telemetry` part of the settings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use http::Uri;
use http::uri::Scheme;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::secrets::ParameterName;
use crate::settings::{OrOff, Secret, Span};

/// What the gateway tells about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Telemetry")]
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
    /// The decision records, which tell afterwards why a request was refused.
    pub records: super::records::Settings,
    /// The audit log: what operators did, which config was in force, which sessions ended. What operators ask and cannot be
    /// written here is not done. Default `off`; then `admin.audit` alone has what operators did.
    pub audit: OrOff<super::audit::Settings>,
    /// Names of parameters, of queries and of paths (`;name=`), whose values are secret and so never told: not in the access
    /// log, in decision records, in spans. A name is compared by its letters and digits alone, without case. At most 64.
    /// Default: none; what is usually secret (`code`, `token`, `password`, `session_id` and their like) is never told anyway.
    #[schemars(length(max = 64))]
    pub secret_parameters: Vec<ParameterName>,
    /// Count decisions by tenant too, in the label `tenant` of `curfew_decisions_total`. Default `off`.
    pub tenants: OrOff<super::tenants::TenantsByClaim>,
}

impl Default for Settings {
    fn default() -> Self {
        let (log, records) = (Log::default(), super::records::Settings::default());
        Self {
            otlp: None,
            sample: Share(0.01),
            hash_key: None,
            access_log: AccessLog::Off,
            log,
            records,
            audit: OrOff::Off,
            secret_parameters: Vec::new(),
            tenants: OrOff::Off,
        }
    }
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector: `http://host:4317` for gRPC, `http://host:4318` for HTTP, or `https`. Over HTTP the path is
    /// `/v1/traces` unless one is written.
    pub endpoint: Endpoint,
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

/// The address of a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(
    #[schemars(with = "String", regex(pattern = "^https?://"))]
    Uri,
);

impl Endpoint {
    /// Is it spoken to over TLS?
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// As it is for gRPC.
    #[must_use]
    pub fn grpc(&self) -> String {
        self.0.to_string()
    }

    /// As it is for HTTP: the path that OTLP names, where none is written.
    #[must_use]
    pub fn http(&self) -> String {
        let base = self.0.to_string();
        if self.0.path() == "/" { format!("{}/v1/traces", base.trim_end_matches('/')) } else { base }
    }
}

impl Endpoint {
    /// The same for logs, beside a path that is written for traces.
    #[must_use]
    pub fn http_logs(&self) -> String {
        let traces = self.http();
        traces.strip_suffix("/v1/traces").map_or_else(|| traces.clone(), |base| format!("{base}/v1/logs"))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = |uri: &Uri| uri.scheme().is_some_and(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        let uri = text.parse().ok().filter(known);
        uri.map(Self)
            .ok_or_else(|| format!("`{text}` is no collector's address: write `http://host:4317` or `https://…`"))
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0.to_string()
    }
}

const fn five_seconds() -> Span {
    Span::secs(5)
}

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "OtlpProtocol")]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// The value of a header field: text, or the place of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// A secret.
    Secret(Secret),
    /// Plain text.
    Text(String),
}

/// Written by hand, so that a fault in a secret's place is told as such.
impl<'de> Deserialize<'de> for HeaderText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = HeaderText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, `{file: path}` or `{env: NAME}`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<HeaderText, E> {
        Ok(HeaderText::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderText, A::Error> {
        Secret::deserialize(MapAccessDeserializer::new(map)).map(HeaderText::Secret)
    }
}

/// A share, from 0 (none) to 1 (all).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
pub struct Share(#[schemars(range(min = 0, max = 1))] f64);

impl Share {
    /// None at all.
    pub const NONE: Self = Self(0.0);

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
    /// To this file; lines are added at its end. It is made for its owner alone (mode 0600).
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
#[schemars(rename = "LogFormat")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::{Value, json};

    fn read(settings: Value) -> Result<Settings, String> {
        serde_json::from_value(settings).map_err(|fault| fault.to_string())
    }

    #[test]
    fn silence_is_the_default() {
        let settings = read(json!({})).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!((settings.sample.get(), settings.access_log), (0.01, AccessLog::Off));
    }

    #[test]
    fn every_knob_is_read() {
        let settings = read(json!({
            "otlp": {
                "endpoint": "http://127.0.0.1:4318", "protocol": "http", "timeout": "2s", "ca": "ca.pem",
                "headers": { "x-team": "edge", "authorization": { "env": "OTLP_AUTH" } },
            },
            "sample": 1,
            "hash_key": { "env": "KEY" },
            "access_log": { "file": "access.log" },
            "log": { "level": "debug", "format": "json" },
        }));
        let settings = settings.unwrap();
        let otlp = settings.otlp.unwrap();
        assert_eq!(otlp.endpoint.http(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(otlp.headers.get("x-team"), Some(&HeaderText::Text("edge".into())));
        assert_eq!(otlp.headers.get("authorization"), Some(&HeaderText::Secret(Secret::Env("OTLP_AUTH".into()))));
        assert_eq!((otlp.timeout, settings.sample.get()), (Span::secs(2), 1.0));
        assert_eq!(settings.access_log, AccessLog::File("access.log".into()));
        assert_eq!(settings.log, Log { level: Level::Debug, format: Format::Json });
        let settings = read(json!({ "access_log": "stdout", "log": { "level": "off" } })).unwrap();
        assert_eq!((settings.access_log, settings.log.level), (AccessLog::Stdout, Level::Off));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (settings, says) in [
            (json!({ "sample": 1.5 }), "not a share"),
            (json!({ "otlp": { "endpoint": "collector:4317" } }), "no collector's address"),
            (json!({ "otlp": { "endpoint": "ftp://collector" } }), "no collector's address"),
            (
                json!({ "otlp": { "endpoint": "http://c", "headers": { "a": { "env": "A", "file": "b" } } } }),
                "a secret has one source",
            ),
            (json!({ "samples": 1 }), "unknown field"),
        ] {
            let told = read(settings.clone()).unwrap_err();
            assert!(told.contains(says), "{settings}: {told}");
        }
    }

    #[test]
    fn a_path_that_is_written_stays() {
        let endpoint = |text: &str| Endpoint::try_from(text.to_owned()).unwrap();
        assert_eq!(endpoint("https://c/otlp/v1/traces").http(), "https://c/otlp/v1/traces");
        assert!(endpoint("HTTPS://c").is_secure() && !endpoint("http://c").is_secure());
    }
}
