//! Revocations from a file, looked at four times a second, and read once it was the same twice. Write it aside and rename it
//! into place: half a list of ids is a list of ids too, and only if it is far shorter than before is it held back.

use crate::decide::time::Moment;
use crate::idp::backoff::Backoff;
use crate::idp::build::BuildError;
use crate::idp::feed::{self, FeedFault, Heard, MAX_FAULTS, Understood};
use crate::idp::file::{Look, Watched};
use crate::idp::place::Place;
use crate::idp::settings::Misfit;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind, Task};
use crate::idp::sources::poll::{Percent, max_shrink, misfit_of_shrink};
use crate::settings::{Bytes, OrOff, Span};
use crate::state::revocations::Bounds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
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
    /// By how many percent of its entries the file may shrink; a smaller one is held back, as one that is being written
    /// in its place, or was emptied: what it says is added, nothing is taken back, and the source is not fresh by it,
    /// until `curfew confirm`. From 10 entries on. Or `off`. Default `90`.
    #[serde(default = "max_shrink")]
    pub max_shrink: OrOff<Percent>,
    /// How long an entry without `until` is kept after the youngest token that it hits was issued: longer
    /// than a sign-in can be renewed, refresh tokens included. Default `off`: until it is taken out of the file.
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

    const fn line(self) -> fn(&[u8]) -> Result<Understood, String> {
        match self {
            Self::Ids => feed::id,
            Self::Ndjson => feed::entry,
        }
    }

    /// Takes in what the file says. Says whether all of it was understood and kept. Blocks.
    fn take(self, text: &[u8], sink: &Sink, asked: Moment, max_shrink: OrOff<Percent>) -> bool {
        if text.len() < LONG {
            return sink.take(&self.read(text), asked, max_shrink);
        }
        match sink.take_in(one_by_one(feed::lines(text), self.line()), true, &Place::default(), max_shrink) {
            Ok(()) => sink.heard(asked),
            Err(why) => {
                sink.failed(&why);
                return false;
            }
        }
        true
    }
}

/// What is understood; then, if something was not, the first such fault.
fn one_by_one<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    read: fn(&[u8]) -> Result<Understood, String>,
) -> impl Iterator<Item = Result<Understood, FeedFault>> {
    let (mut lines, mut fault, mut faults) = (lines.enumerate(), None, 0);
    std::iter::from_fn(move || {
        for (number, line) in lines.by_ref() {
            match read(line) {
                Ok(entry) => return Some(Ok(entry)),
                Err(why) => {
                    faults += 1;
                    fault.get_or_insert(FeedFault::Entry { number: number + 1, why });
                }
            }
            if faults > MAX_FAULTS {
                break;
            }
        }
        fault.take().map(Err)
    })
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
        let short = self.max_staleness.on().is_some_and(|max| max.get() <= LOOK * 4);
        let told =
            "a file is looked at four times a second, and twice when it changes: write more than `1s`, or `off`".into();
        let short = short.then_some(Misfit { field: "max_staleness", told });
        short.into_iter().chain(misfit_of_shrink(self.max_shrink)).collect()
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        let file = Watched::new(&self.path, self.max_bytes.get());
        Ok(Box::new(FileSource { file, format: self.format, max_shrink: self.max_shrink }))
    }
}

/// How often it is looked at: an event in a file is enforced within the second, too.
const LOOK: Duration = Duration::from_millis(250);

/// What could not be taken in is read again when it has changed, when it was confirmed, and after a while, first this and
/// in the end that long: there may be room for it meanwhile.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// From this length on, entries are taken in one by one, so that they are not all in memory besides.
const LONG: usize = 4 << 20;

/// A file that is watched, ready to run.
struct FileSource {
    file: Watched,
    format: Format,
    max_shrink: OrOff<Percent>,
}

impl Source for FileSource {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        Box::pin(async move {
            cancel.run_until_cancelled(self.watch(sink, cancel)).await;
        })
    }
}

impl FileSource {
    async fn watch(&self, sink: &Sink, cancel: &CancellationToken) {
        let mut file = self.file.clone();
        // When what could not be taken in as it is now is read once more.
        let (mut again, mut backoff) = (None, Backoff::new(AGAIN.0, AGAIN.1));
        loop {
            let asked = sink.now();
            match file.look_twice().await {
                Ok(Look::Same) if again.is_none() => sink.heard(asked),
                // Nothing is known of what it says; or somebody writes it where it is.
                Ok(Look::Same | Look::Changing) => {}
                Ok(Look::Read(text)) => {
                    let taken = self.take(text, sink, asked, cancel).await;
                    again = backoff.tried(taken).map(|pause| Instant::now() + pause);
                }
                Err(error) => sink.failed(&format!("the file cannot be read: {error}")),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = sink.held_back.confirmed() => again = again.map(|_| Instant::now()),
            }
            if again.is_some_and(|again| again <= Instant::now()) {
                file.forget();
                again = Some(Instant::now() + AGAIN.1);
            }
        }
    }

    /// Takes in what it says. Says whether all of it was understood and kept.
    async fn take(&self, text: Vec<u8>, sink: &Sink, asked: Moment, cancel: &CancellationToken) -> bool {
        let (sink, cancel, format, max_shrink) = (sink.clone(), cancel.clone(), self.format, self.max_shrink);
        // Another one may speak for the source by now: this would take back what that one said.
        let take = move || !cancel.is_cancelled() && format.take(&text, &sink, asked, max_shrink);
        // It may be long: not on a thread that others wait for.
        tokio::task::spawn_blocking(take).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is heard at each look, but for the one at which it has changed.
    #[test]
    fn a_file_has_time_to_be_looked_at() {
        let fits = |max: &str| {
            let settings = serde_json::json!({"issuer": "corp", "path": "/list", "max_staleness": max});
            serde_json::from_value::<FileSettings>(settings).unwrap().misfits().is_empty()
        };
        assert!(!fits("1s") && fits("1100ms") && fits("30s") && fits("off"));
        assert!(LOOK * 4 == Duration::from_secs(1), "as the fault says");
    }

    #[test]
    fn one_fault_hides_no_other_line() {
        let text = b"{\"type\":\"token\",\"id\":\"a\"}\n#\nno\n{\"type\":\"token\",\"id\":\"b\"}\nneither\n";
        let all: Vec<_> = one_by_one(feed::lines(text), Format::Ndjson.line()).collect();
        let ids: Vec<_> = all.iter().map(|entry| entry.as_ref().map(|entry| &*entry.id).ok()).collect();
        assert_eq!(ids, [Some("a"), Some("b"), None]);
        assert!(matches!(&all[2], Err(FeedFault::Entry { number: 2, .. })));
        assert_eq!(one_by_one(feed::lines(b"a\nb\n"), Format::Ids.line()).filter(Result::is_ok).count(), 2);
        let marked: Vec<_> = one_by_one(feed::lines(b"\xef\xbb\xbfa\n"), Format::Ids.line()).collect();
        assert_eq!(marked.first().and_then(|entry| entry.as_ref().ok()).map(|entry| &*entry.id), Some("a"));
    }
}
