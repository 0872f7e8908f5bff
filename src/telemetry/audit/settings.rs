//! Where the audit log goes, what stands in it, and how long it is kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Kind;
use crate::settings::{Bytes, Secret, Span};

/// The audit log: a chain of lines that shows if one was removed, changed or moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Audit")]
pub struct Settings {
    /// The file that lines are added to; one process has it at a time. What was rotated stands beside it, with the number
    /// of its first line at the end of its name. No other tool is to rotate it.
    pub file: PathBuf,
    /// A secret by which the chain is sealed, so that who can write the file cannot make it anew. Before it is changed, the
    /// old files are to be moved away. Default: none, then it is a plain hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// Which events stand in it. Default: all but `session_first_seen`, `session_renewed` and `request_refused`; decision
    /// records hold the last.
    #[serde(default = "usual")]
    pub events: Vec<Kind>,
    /// When lines of sessions and requests are on disk: `each` (once written) or `interval`. What operators do, and what
    /// becomes of the config, is on disk at once either way. Default `interval`.
    #[serde(default)]
    pub sync: SyncPolicy,
    /// How long a line may be on its way to the disk, with `sync: interval`: this much is lost with the machine. A process
    /// that is killed loses nothing of what was written. Default `1s`.
    #[serde(default = "second")]
    pub sync_every: Span,
    /// A file of this size is rotated. Default `64MiB`.
    #[serde(default = "megabytes")]
    pub rotate_bytes: Bytes,
    /// A file that began so long ago is rotated, at its next line. Default `1d`.
    #[serde(default = "day")]
    pub rotate_after: Span,
    /// How many rotated files are kept; the oldest are removed, and that is told in the log. Default `90`.
    #[serde(default = "ninety")]
    #[schemars(range(min = 1))]
    pub keep: usize,
    /// Is the collector of `telemetry.otlp` sent the same lines, as OTLP logs? Best effort: what was not sent is counted.
    /// Over HTTP they go to `/v1/logs`. Default `false`.
    #[serde(default)]
    pub otlp_logs: bool,
    /// Who is sent the same lines, by RFC 5424. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<Syslog>,
}

/// When lines are on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncPolicy {
    /// Once they are written.
    Each,
    /// Within `sync_every`.
    #[default]
    Interval,
}

/// A receiver of syslog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// Where: `{ udp: host:514 }`, `{ tcp: host:601 }` (octet counting, RFC 6587), or `{ unix: /dev/log }`. None of them is
    /// encrypted: a receiver on this machine, or a tunnel, is to carry it on.
    pub to: Receiver,
    /// The facility, by its number. Default `13`, the audit log (RFC 5424 §6.2.1).
    #[serde(default = "log_audit")]
    #[schemars(range(max = 23))]
    pub facility: u8,
}

/// Where syslog is received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Receiver {
    /// A datagram a line (RFC 5426).
    Udp(String),
    /// A stream, its messages counted in octets (RFC 6587 §3.4.1).
    Tcp(String),
    /// A datagram socket of this machine.
    Unix(PathBuf),
}

fn usual() -> Vec<Kind> {
    Kind::USUAL.to_vec()
}

fn second() -> Span {
    Span::secs(1)
}

fn megabytes() -> Bytes {
    Bytes::mib(64)
}

fn day() -> Span {
    Span::hours(24)
}

const fn ninety() -> usize {
    90
}

const fn log_audit() -> u8 {
    13
}
