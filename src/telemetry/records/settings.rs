//! Where records are kept, how many, and for how long.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Span;
use crate::telemetry::Share;

/// The decision records: what `curfew trace` and `curfew refusals` tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Records")]
pub struct Settings {
    /// The directory that records are kept in, made if it is not there; one process has it at a time. Default: none.
    /// Then the last 2000 are kept in memory, whatever `max_records` says, and a restart forgets them.
    pub directory: Option<PathBuf>,
    /// The most records that are kept; the oldest leave first, a sixteenth of them at once. From 16 to 10000000: each
    /// takes about 2 KiB of disk and 130 bytes of memory. Default 100000.
    #[schemars(range(min = 16, max = 10_000_000))]
    pub max_records: u32,
    /// How long a record is kept at most. Default 7d.
    pub max_age: Span,
    /// The share of admitted requests that is recorded too, from 0 to 1; refusals and faults always are. Default 0.
    pub admissions: Share,
}

impl Default for Settings {
    fn default() -> Self {
        Self { directory: None, max_records: 100_000, max_age: Span::hours(7 * 24), admissions: Share::NONE }
    }
}
