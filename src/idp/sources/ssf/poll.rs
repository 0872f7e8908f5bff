//! Events that are asked for (RFC 8936). What was taken in is acknowledged with the next poll, and not before.

use super::metadata::Fault;
use super::source::Ssf;
use super::stream_settings::{Delivery, PollingSettings};
use super::take::Refusal;
use crate::idp::backoff::Backoff;
use crate::idp::events::Outcome;
use crate::idp::exchange::Question;
use crate::idp::fetch::FetchError;
use crate::idp::sink::Sink;
use crate::idp::web_url::WebUrl;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What the next poll tells of the events that came.
#[derive(Clone, Default)]
pub(super) struct Place {
    ack: Vec<String>,
    errors: Map<String, Value>,
}

/// What a poll brought.
#[derive(Deserialize)]
struct Batch {
    sets: Map<String, Value>,
    #[serde(default, rename = "moreAvailable")]
    more: bool,
}

/// When the next poll is due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// At once: there is more, and it is new.
    Hurry,
    /// After the interval.
    Walk,
}

impl Ssf {
    /// Polls, as long as it lives; never comes back where events are pushed.
    pub(super) async fn poll_on(&self, sink: &Sink) {
        let Delivery::Poll(settings) = &*self.settings.delivery else { return std::future::pending().await };
        let interval = settings.interval.get();
        let mut backoff = Backoff::new(interval.max(Duration::from_millis(500)), Duration::from_secs(60));
        loop {
            let next = tokio::time::Instant::now() + interval;
            match self.poll(sink, settings).await {
                Ok(pace) => {
                    backoff.succeeded();
                    if pace == Pace::Walk {
                        tokio::time::sleep_until(next).await;
                    }
                }
                Err(error) => {
                    sink.failed(&error.to_string());
                    tokio::time::sleep(backoff.failed()).await;
                }
            }
        }
    }

    async fn poll(&self, sink: &Sink, settings: &PollingSettings) -> Result<Pace, Fault> {
        let url = settings.url.clone().or_else(|| self.stream().poll_url.clone());
        let url = url.ok_or(Fault::Stream("the stream does not say where it is polled"))?;
        let (asked, sent) = (sink.now(), self.place().clone());
        let batch = self.ask_for(&url, settings, &sent).await?;
        *self.place() = Place::default();
        let (all, mut new, mut good) = (batch.sets.len(), false, batch.sets.len() <= settings.max_events);
        // More than was asked for is left where it is.
        for (key, token) in batch.sets.into_iter().take(settings.max_events) {
            let outcome = self.polled(sink, key, &token).await;
            sink.events().count(outcome);
            new |= !matches!(outcome, Outcome::Repeated | Outcome::Refused | Outcome::Failed);
            good &= !matches!(outcome, Outcome::Refused | Outcome::Failed);
            // The other tasks of the control runtime have their turns.
            tokio::task::yield_now().await;
        }
        if !good {
            sink.failed("an event was refused, or could not be kept: what it says is not known");
        } else if (all == 0 || !batch.more) && self.stream().is_enabled() {
            sink.heard(asked);
        }
        Ok(if batch.more && new { Pace::Hurry } else { Pace::Walk })
    }

    async fn polled(&self, sink: &Sink, key: String, token: &Value) -> Outcome {
        let taken = match token.as_str() {
            Some(token) => self.take(sink, token, Some(&key)).await,
            None => Err(Refusal::invalid("not a text")),
        };
        let mut place = self.place();
        match taken {
            Ok(outcome) => {
                place.ack.push(key);
                outcome
            }
            Err(Refusal::Bad(error, what)) => {
                tracing::warn!(source = %sink.feed.name, error, what, "an event was refused");
                place.errors.insert(key, json!({"err": error, "description": what}));
                Outcome::Refused
            }
            Err(Refusal::Later) => Outcome::Failed,
        }
    }

    async fn ask_for(&self, url: &WebUrl, settings: &PollingSettings, place: &Place) -> Result<Batch, Fault> {
        let mut body = Map::new();
        body.insert("maxEvents".into(), json!(settings.max_events));
        body.insert("returnImmediately".into(), json!(settings.wait.get().is_zero()));
        body.insert("ack".into(), json!(place.ack));
        if !place.errors.is_empty() {
            body.insert("setErrs".into(), Value::Object(place.errors.clone()));
        }
        let body = Value::Object(body);
        let (auth, timeout) = (self.auth()?, self.settings.timeout.get() + settings.wait.get());
        let question = Question { method: Method::POST, url, body: Some(&body), auth: auth.as_ref(), timeout };
        let reply = self.exchange.ask(&question).await?;
        if reply.status != StatusCode::OK {
            return Err(FetchError::Status { url: url.clone(), status: reply.status }.into());
        }
        serde_json::from_slice(&reply.body).map_err(|_| Fault::Stream("what the poll brought is no batch of events"))
    }
}
