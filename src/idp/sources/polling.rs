//! Polling: asks a feed again and again, with ETag and cursor, and takes in what it answers.

use super::poll::{FeedSignature, Percent, PollSettings};
use crate::decide::time::{Moment, Timestamp};
use crate::idp::arriving::{Limits, ferry, way};
use crate::idp::backoff::{Backoff, jittered};
use crate::idp::build::BuildError;
use crate::idp::feed::FeedFault;
use crate::idp::feed_document::document;
use crate::idp::fetch::{Ask, FetchError, Fetcher, Opened, Reply, Said};
use crate::idp::intake::Intake;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, Task};
use crate::settings::OrOff;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Why a poll brought nothing.
#[derive(Debug, Error)]
enum PollError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Feed(#[from] FeedFault),
    #[error(transparent)]
    Auth(#[from] BuildError),
    #[error("the feed's URL takes no cursor")]
    Cursor,
    #[error("the feed must be signed, and only lines of JSON can be")]
    Unsigned,
    #[error("{0}")]
    Stream(String),
    /// Told to the sink already.
    #[error("what was heard was not all understood or kept")]
    Taken,
}

/// A feed that is polled, ready to run.
pub(super) struct Poll {
    fetcher: Fetcher,
    settings: PollSettings,
}

/// What one poll leaves to the next.
#[derive(Default)]
struct Place {
    cursor: Option<String>,
    /// The version of the last answer, and the cursor it was the answer to.
    etag: Option<(HeaderValue, Option<String>)>,
    auth: Option<(HeaderName, HeaderValue)>,
    /// When the last answer was signed.
    issued: Option<Timestamp>,
}

impl Source for Poll {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        Box::pin(async move {
            cancel.run_until_cancelled(self.poll_on(sink, cancel)).await;
        })
    }
}

impl Poll {
    pub(super) const fn new(fetcher: Fetcher, settings: PollSettings) -> Self {
        Self { fetcher, settings }
    }

    async fn poll_on(&self, sink: &Sink, cancel: &CancellationToken) {
        let interval = self.settings.interval.get();
        let mut backoff = Backoff::new(interval, interval.max(Duration::from_secs(15)));
        let kept = sink.place();
        let mut place = Place { cursor: kept.cursor, issued: kept.issued, ..Place::default() };
        loop {
            let lacked = sink.feed.lacks();
            if lacked {
                sink.feed.is_behind(true);
            }
            let pause = match self.poll(sink, &mut place, cancel).await {
                Ok(()) if sink.feed.lacks() => {
                    sink.failed("it lacks what there was no room for: without a cursor, it must be told everything");
                    backoff.failed()
                }
                // Its snapshot may be as of some time ago, and there may be no room for what came since.
                Ok(()) if lacked => Duration::ZERO,
                Ok(()) => {
                    sink.feed.is_behind(false);
                    backoff.succeeded();
                    jittered(interval)
                }
                Err(error) => {
                    place.failed(&error);
                    if !matches!(error, PollError::Taken) {
                        sink.failed(&error.to_string());
                    }
                    backoff.failed()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = sink.held_back.confirmed() => {}
            }
        }
    }

    async fn poll(&self, sink: &Sink, place: &mut Place, cancel: &CancellationToken) -> Result<(), PollError> {
        if sink.feed.lacks() {
            place.give_up();
        }
        if let (Some(auth), None) = (&self.settings.auth, &place.auth) {
            place.auth = Some(auth.read()?);
        }
        let url = match &place.cursor {
            Some(cursor) => self.settings.url.with_parameter("cursor", cursor).ok_or(PollError::Cursor)?,
            None => self.settings.url.clone(),
        };
        // Nobody signs that nothing is new, so that a signed feed is not asked for it.
        let known = place.known().filter(|_| self.settings.signature == FeedSignature::Off);
        let accept = "application/x-ndjson, application/json";
        let ask = Ask { accept, codings: "zstd, gzip", known, auth: place.auth.as_ref() };
        let (asked, deadline) = (sink.now(), Instant::now() + self.settings.timeout.get());
        let slow = |_| FetchError::Slow(url.clone());
        match timeout_at(deadline, self.fetcher.open(&url, &ask)).await.map_err(slow)?? {
            Opened::Unchanged(_) => sink.heard(asked),
            Opened::Coming(reply) if is_lines(&reply) => self.lines(*reply, sink, place, asked, cancel).await?,
            Opened::Coming(reply) => {
                let whole = timeout_at(deadline, self.fetcher.json(*reply, true)).await.map_err(slow)??;
                self.document(whole, sink, place, asked, cancel).await?;
            }
        }
        Ok(())
    }

    /// A document, which is here as a whole.
    async fn document(
        &self,
        (body, said): (Bytes, Said),
        sink: &Sink,
        place: &mut Place,
        asked: Moment,
        cancel: &CancellationToken,
    ) -> Result<(), PollError> {
        if self.settings.signature != FeedSignature::Off {
            return Err(PollError::Unsigned);
        }
        let (sink, max_shrink, cancel) = (sink.clone(), self.settings.max_shrink, cancel.clone());
        // It may be long: not on a thread that others wait for.
        let taken = tokio::task::spawn_blocking(move || take(&body, &sink, max_shrink, asked, &cancel)).await;
        place.arrived(&said, taken.map_err(|error| PollError::Stream(error.to_string())).flatten()?);
        Ok(())
    }

    /// Lines, which are taken in while they come, by a thread that may wait for them.
    async fn lines(
        &self,
        reply: Reply,
        sink: &Sink,
        place: &mut Place,
        asked: Moment,
        cancel: &CancellationToken,
    ) -> Result<(), PollError> {
        let settings = &self.settings;
        let limits = Limits {
            silence: settings.timeout.get(),
            whole: settings.stream_timeout.get(),
            max_bytes: settings.max_bytes.len(),
        };
        let coding = reply.coding().ok_or_else(|| PollError::Stream("a coding that nobody asked for".into()))?;
        let intake = Intake {
            sink: sink.clone(),
            cancel: cancel.clone(),
            signature: settings.signature.clone(),
            max_shrink: settings.max_shrink,
            newest: place.issued,
            asked,
            runtime: tokio::runtime::Handle::current(),
        };
        let (pieces, arriving) = way();
        let reading = tokio::task::spawn_blocking(move || intake.read(arriving, coding, limits));
        let said = reply.said.clone();
        let ferried = ferry(reply, pieces, limits).await;
        // If all of it was read, it does not matter how the connection ended.
        let taken = match (reading.await.map_err(|error| error.to_string()).flatten(), ferried) {
            (Ok(taken), _) => taken,
            (Err(_), Err(error)) => return Err(error.into()),
            (Err(why), Ok(())) => return Err(PollError::Stream(why)),
        };
        sink.heard(asked);
        place.issued = taken.issued.or(place.issued);
        place.arrived(&said, taken.cursor);
        Ok(())
    }
}

fn is_lines(reply: &Reply) -> bool {
    matches!(reply.media_type().as_deref(), Some("application/x-ndjson" | "application/ndjson" | "application/jsonl"))
}

impl Place {
    /// A version is that of one question: with another cursor, it is another question.
    fn known(&self) -> Option<&HeaderValue> {
        self.etag.as_ref().filter(|(_, cursor)| *cursor == self.cursor).map(|(etag, _)| etag)
    }

    fn arrived(&mut self, said: &Said, cursor: Option<String>) {
        self.etag = said.etag.clone().map(|etag| (etag, self.cursor.clone()));
        self.cursor = cursor.or(self.cursor.take());
    }

    /// The secret may have been exchanged; a cursor that is gone is given up.
    fn failed(&mut self, error: &PollError) {
        self.auth = None;
        if let PollError::Fetch(FetchError::Status { status: StatusCode::GONE, .. }) = error {
            self.give_up();
        }
    }

    /// Everything is asked for again: nothing less tells what was missed, or that nothing is missing any more.
    fn give_up(&mut self) {
        (self.cursor, self.etag) = (None, None);
    }
}

/// Takes in a document; returns its cursor. Blocks.
fn take(
    body: &[u8],
    sink: &Sink,
    max_shrink: OrOff<Percent>,
    asked: Moment,
    cancel: &CancellationToken,
) -> Result<Option<String>, PollError> {
    let heard = document(body, sink.feed.bounds().max_entries)?;
    // Another one may speak for the source by now: what is said here would take back what that one said.
    if cancel.is_cancelled() {
        return Err(PollError::Taken);
    }
    if sink.take(&heard, asked, max_shrink) { Ok(heard.cursor) } else { Err(PollError::Taken) }
}
