//! Whether the stream lives: its status (SSF 1.0 §8.1.2), and events that come back when they are asked for (§8.1.4).

use super::metadata::{Fault, Metadata};
use super::source::Ssf;
use super::stream::Status;
use super::stream_settings::StreamSettings;
use super::take::Refusal;
use crate::idp::backoff::{Backoff, jittered};
use crate::idp::events::Outcome;
use crate::idp::fetch::FetchError;
use crate::idp::sink::Sink;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// So many verifications are waited for at once; older ones are given up.
const PENDING: usize = 4;

#[derive(Deserialize)]
struct Said {
    status: Status,
}

impl Ssf {
    /// Watches the stream until it is gone.
    pub(super) async fn watch(&self, sink: &Sink, settings: &StreamSettings, metadata: &Metadata) {
        tokio::select! {
            () = self.watch_status(sink, settings, metadata) => {}
            () = self.verify_on(sink, settings, metadata) => {}
        }
    }

    async fn watch_status(&self, sink: &Sink, settings: &StreamSettings, metadata: &Metadata) {
        let Some(endpoint) = &metadata.status_endpoint else { return std::future::pending().await };
        let half = self.stream().inactivity.map_or(Duration::MAX, |inactivity| inactivity / 2);
        let interval = settings.status_interval.get().min(half.max(Duration::from_secs(1)));
        let mut backoff = Backoff::new(Duration::from_secs(1), interval.max(Duration::from_secs(60)));
        loop {
            let id = self.stream().id.clone().unwrap_or_default();
            let Some(url) = endpoint.with_parameter("stream_id", &id) else { return std::future::pending().await };
            let pause = match self.manage(Method::GET, &url, None).await {
                Ok(reply) if reply.status == StatusCode::NOT_FOUND => return self.gone(sink),
                Ok(reply) => match serde_json::from_slice::<Said>(&reply.body) {
                    Ok(said) if reply.status == StatusCode::OK => {
                        self.became(sink, said.status).await;
                        backoff.succeeded();
                        jittered(interval)
                    }
                    _ => self.unwatched(sink, &mut backoff, &FetchError::Status { url, status: reply.status }.into()),
                },
                Err(error) => self.unwatched(sink, &mut backoff, &error),
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn unwatched(&self, sink: &Sink, backoff: &mut Backoff, error: &Fault) -> Duration {
        tracing::warn!(source = %sink.feed.name, %error, "the stream's status is not known");
        backoff.failed()
    }

    fn gone(&self, sink: &Sink) {
        sink.failed("the stream is gone");
        sink.silent(true);
        // As one that was disabled: what it would have told is lost.
        let mut stream = self.stream();
        (stream.status, stream.lossy) = (Status::Disabled, true);
    }

    /// Asks for verification events. They come as all events do: see [`Self::verified`].
    async fn verify_on(&self, sink: &Sink, settings: &StreamSettings, metadata: &Metadata) {
        let (Some(interval), Some(endpoint)) = (settings.verify_interval.on(), &metadata.verification_endpoint) else {
            return std::future::pending().await;
        };
        let interval = interval.get().max(self.stream().verify_at_least);
        let mut backoff = Backoff::new(Duration::from_secs(1), interval.max(Duration::from_secs(60)));
        loop {
            let Some(state) = state() else { return std::future::pending().await };
            let body = {
                let mut stream = self.stream();
                stream.pending.truncate(PENDING - 1);
                stream.pending.push_front((state.clone(), sink.now()));
                json!({"stream_id": stream.id, "state": state})
            };
            let pause = match self.manage(Method::POST, endpoint, Some(&body)).await {
                Ok(reply) if reply.status.is_success() => {
                    backoff.succeeded();
                    interval
                }
                // It is asked for too often.
                Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => interval.max(Duration::from_secs(60)),
                Ok(reply) if reply.status == StatusCode::NOT_FOUND => return self.gone(sink),
                Ok(reply) => {
                    let status = reply.status;
                    self.unwatched(sink, &mut backoff, &FetchError::Status { url: endpoint.clone(), status }.into())
                }
                Err(error) => self.unwatched(sink, &mut backoff, &error),
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// A verification event: everything that the stream had to say when it was asked for has come by now. One that
    /// nobody asked for says nothing (SSF 1.0 §8.1.4.2).
    pub(super) fn verified(&self, sink: &Sink, event: &Map<String, Value>) -> Result<Outcome, Refusal> {
        let Some(state) = event.get("state").and_then(Value::as_str) else { return Ok(Outcome::Ignored) };
        if self.settings.stream.is_none() {
            return Ok(Outcome::Ignored);
        }
        let (asked, enabled) = {
            let mut stream = self.stream();
            let found = stream.pending.iter().position(|(pending, _)| pending == state);
            let place = found.ok_or_else(|| Refusal::Bad("invalid_state", "a state that nobody asked with".into()))?;
            (stream.pending.remove(place).map(|(_, asked)| asked), stream.is_enabled())
        };
        asked.filter(|_| enabled).into_iter().for_each(|asked| sink.heard(asked));
        Ok(Outcome::Ignored)
    }

    /// A `stream-updated` event (SSF 1.0 §8.1.5).
    pub(super) async fn updated(&self, sink: &Sink, event: &Map<String, Value>) -> Result<Outcome, Refusal> {
        let status = event.get("status").cloned().unwrap_or_default();
        let status = serde_json::from_value(status).map_err(|_| Refusal::invalid("a `status` that is not known"))?;
        if self.became(sink, status).await { Ok(Outcome::Ignored) } else { Err(Refusal::Later) }
    }

    /// The stream has this status now. What is held back or lost is not known, so nothing is fresh until it flows. Says
    /// whether that is all: a cut-off after a gap that could not be kept is tried again when this is told again.
    pub(super) async fn became(&self, sink: &Sink, status: Status) -> bool {
        let (before, lost) = {
            let mut stream = self.stream();
            stream.lossy |= status == Status::Disabled;
            let lost = status == Status::Enabled && std::mem::take(&mut stream.lossy);
            (std::mem::replace(&mut stream.status, status), lost)
        };
        sink.silent(status != Status::Enabled);
        if status != before {
            tracing::warn!(source = %sink.feed.name, ?before, now = ?status, "the status of the stream changed");
            match status {
                Status::Paused => sink.failed("the stream is paused"),
                Status::Disabled => sink.failed("the stream is disabled"),
                Status::Enabled => {}
            }
        }
        !lost || self.lost(sink, "the stream was disabled, or is new").await
    }
}

/// A state that nobody can guess.
fn state() -> Option<String> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
