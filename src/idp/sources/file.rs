//! Revocations from a file, looked at each second. Write it aside and rename it into place: a file that is read
//! while it is half written is a fault, or, as a list of ids, half a list.

use crate::idp::build::BuildError;
use crate::idp::feed::{self, Heard};
use crate::idp::file::Watched;
use crate::idp::refresh::LOOK;
use crate::idp::settings::Misfit;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind, Task};
use crate::settings::{Bytes, OrOff, Span};
use crate::state::revocations::Bounds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A file that is watched. It holds all that is revoked: what is taken out of it is not revoked any more.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The issuer it speaks for, by its name in `issuers`.
    pub issuer: String,
    /// Where it is.
    pub path: PathBuf,
    /// How it is written: `ids` (default), one `jti` a line, or `ndjson`, one entry of the feed's format a line.
    /// Lines that begin with `#` are left out in both.
    #[serde(default)]
    pub format: Format,
    /// The age from which on its knowledge is stale, counted from when the file could last be read, or `off`.
    /// Default `30s`.
    #[serde(default = "max_staleness")]
    pub max_staleness: OrOff<Span>,
    /// How many entries it may hold; beyond it the source is incomplete, and so never fresh. Default 1,000,000.
    #[serde(default = "max_entries")]
    pub max_entries: usize,
    /// How long the file may be. Default `64MiB`.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bytes,
    /// How long an entry without `until` is kept after the youngest token that it hits was issued: the longest
    /// lifetime of a token. Default `off`: until it is taken out of the file.
    #[serde(default)]
    pub retain: OrOff<Span>,
}

fn max_staleness() -> OrOff<Span> {
    OrOff::On(Span::secs(30))
}
const fn max_entries() -> usize {
    1_000_000
}
fn max_bytes() -> Bytes {
    Bytes::mib(64)
}

/// How the file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ListFormat")]
pub enum Format {
    /// One `jti` a line.
    #[default]
    Ids,
    /// One entry of the feed's format a line.
    Ndjson,
}

impl Format {
    fn read(self, text: &[u8]) -> Heard {
        match self {
            Self::Ids => feed::ids(text),
            Self::Ndjson => feed::ndjson(text),
        }
    }
}

impl SourceKind for FileSettings {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: self.max_entries, max_staleness: self.max_staleness.on().map(Span::get) }
    }

    fn retain(&self) -> Option<Duration> {
        self.retain.on().map(Span::get)
    }

    fn misfits(&self) -> Vec<Misfit> {
        let short = self.max_staleness.on().is_some_and(|max| max.get() <= LOOK * 2);
        let told = "a file is looked at each second: write more than `2s`, or `off`".into();
        Vec::from_iter(short.then_some(Misfit { field: "max_staleness", told }))
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(FileSource { file: Watched::new(&self.path, self.max_bytes.get()), format: self.format }))
    }
}

/// A file that is watched, ready to run.
struct FileSource {
    file: Watched,
    format: Format,
}

impl Source for FileSource {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        Box::pin(async move {
            cancel.run_until_cancelled(self.watch(sink)).await;
        })
    }
}

impl FileSource {
    async fn watch(&self, sink: &Sink) {
        let mut file = self.file.clone();
        loop {
            let asked = sink.now();
            match file.look().await {
                Ok(None) => sink.heard(asked),
                Ok(Some(text)) => {
                    if !sink.take(&self.format.read(&text), asked) {
                        file.forget();
                    }
                }
                Err(error) => sink.failed(&format!("the file cannot be read: {error}")),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
