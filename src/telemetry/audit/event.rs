//! What can happen that the audit log tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decide::time::Timestamp;

/// No text of an event is longer, in characters.
const LONGEST: usize = 2048;

/// An event that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The gateway is up.
    Start,
    /// It ends, because it was told to.
    Stop,
    /// Another config is in force.
    ConfigReloaded,
    /// A config could not be brought into force.
    ConfigRefused,
    /// What operators asked for, and what came of it: revocations entered and withdrawn, and whatever else the admin
    /// listener writes down.
    Operator,
    /// What sources of revocations told: entered and taken back. A few entries are a line each, more of them are one line.
    RevocationTold,
    /// A session ended: left alone for too long, or at its greatest length.
    SessionEnded,
    /// A session was seen for the first time.
    SessionFirstSeen,
    /// The user of a session signed in anew.
    SessionRenewed,
    /// A request was refused.
    RequestRefused,
}

impl Kind {
    /// What is told unless somebody says otherwise.
    pub const USUAL: [Self; 7] = [
        Self::Start,
        Self::Stop,
        Self::ConfigReloaded,
        Self::ConfigRefused,
        Self::Operator,
        Self::RevocationTold,
        Self::SessionEnded,
    ];

    /// Its name in a line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::ConfigReloaded => "config_reloaded",
            Self::ConfigRefused => "config_refused",
            Self::Operator => "operator",
            Self::RevocationTold => "revocation_told",
            Self::SessionEnded => "session_ended",
            Self::SessionFirstSeen => "session_first_seen",
            Self::SessionRenewed => "session_renewed",
            Self::RequestRefused => "request_refused",
        }
    }

    /// Is it so rare, and of such weight, that it is on disk at once?
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Start | Self::Stop | Self::ConfigReloaded | Self::ConfigRefused | Self::Operator)
    }

    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) at: Timestamp,
    pub(super) is_control: bool,
    pub(super) fields: Map<String, Value>,
}

impl Event {
    /// Is it something that somebody should look at?
    pub(super) fn is_warning(&self) -> bool {
        matches!(self.name, "config_refused" | "dropped" | "refused" | "torn_tail" | "chain_begun" | "file_gone")
    }

    /// What happened, and when.
    #[must_use]
    pub fn new(kind: Kind, at: Timestamp) -> Self {
        Self::named(kind.name(), at, kind.is_control())
    }

    /// One of the log itself, or of an operator's deed that has a name of its own.
    #[must_use]
    pub fn named(name: &'static str, at: Timestamp, is_control: bool) -> Self {
        Self { name, at, is_control, fields: Map::new() }
    }

    /// With one thing more. Texts are cut where they are too long.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(cut(text)),
            other => other,
        };
        // The line's own members cannot be said twice.
        let name = if ["seq", "time", "instance", "event", "prev", "hash"].contains(&name) {
            format!("told_{name}")
        } else {
            name.to_owned()
        };
        self.fields.insert(name, value);
        self
    }

    /// With what may be there.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "...",
        None => text,
    }
}
