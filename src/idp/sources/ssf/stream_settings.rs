//! What the config says of the way on which events come, and of the stream at the transmitter.

use super::event;
use crate::idp::guard::Allowed;
use crate::idp::receive::DoorSettings;
use crate::idp::settings::{Misfit, address_misfit};
use crate::idp::web_url::WebUrl;
use crate::settings::{OrOff, Secret, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How events come.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SsfDelivery")]
pub enum Delivery {
    /// The transmitter POSTs them to a door of ours (RFC 8935).
    Push(PushSettings),
    /// We ask for them (RFC 8936).
    Poll(PollingSettings),
}

/// Events that are pushed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfPush")]
pub struct PushSettings {
    /// Where events are sent. Default: the path `/.curfew/events/` and the source's name.
    pub door: DoorSettings,
    /// The whole value of the `Authorization` header that the transmitter sends, such as `Bearer …`. Default: none, and
    /// an event is known by its signature alone.
    pub authorization: Option<Secret>,
    /// The URL of the door as the transmitter reaches it; needed with `stream`.
    pub url: Option<WebUrl>,
}

/// Events that are asked for.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfPoll")]
pub struct PollingSettings {
    /// Where to ask. Default: where the stream says; needed without `stream`.
    pub url: Option<WebUrl>,
    /// The least time between two polls, also where the transmitter answers a long poll at once. Default `1s`, at least
    /// `100ms`.
    pub interval: Span,
    /// How long the transmitter may hold a poll until there is an event. `0s`: it is to answer at once. Default `20s`.
    pub wait: Span,
    /// How many events it may send in one answer. 1 to 1000; default 100.
    pub max_events: usize,
}

impl Default for PollingSettings {
    fn default() -> Self {
        Self { url: None, interval: Span::secs(1), wait: Span::secs(20), max_events: 100 }
    }
}

/// The stream at the transmitter.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfStream")]
pub struct StreamSettings {
    /// The id of the stream to adopt. Default: one that delivers to us, or a new one.
    pub id: Option<String>,
    /// Create a stream where there is none. Default `true`.
    pub create: bool,
    /// The URIs of the events to ask for. Default: all that something is done at.
    pub events: Vec<String>,
    /// How the stream is described to the transmitter's operators. Default `curfew`.
    pub description: String,
    /// How often a verification event is asked for, or `off`; a transmitter may ask for more time between two. Of a
    /// stream that is pushed, its knowledge is as old as the last one. Default `2m`, at least `1s`.
    pub verify_interval: OrOff<Span>,
    /// How often the stream's status is asked for. Default `1m`, at least `1s`.
    pub status_interval: Span,
    /// Whether the subjects are set up at the transmitter: one that sends nothing about subjects which nobody added
    /// (`default_subjects: NONE`) is not believed to be alive before this is `true`. Default `false`.
    pub subjects_added: bool,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            id: None,
            create: true,
            events: Vec::new(),
            description: "curfew".into(),
            verify_interval: OrOff::On(Span::mins(2)),
            status_interval: Span::mins(1),
            subjects_added: false,
        }
    }
}

impl StreamSettings {
    /// The events that are asked for.
    pub(super) fn events(&self) -> Vec<String> {
        if self.events.is_empty() { event::wanted() } else { self.events.clone() }
    }

    pub(super) fn misfits(&self) -> Vec<Misfit> {
        let mut told = Vec::new();
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let often = self.verify_interval.on().is_some_and(|interval| interval < Span::secs(1));
        tell(often, "stream", "`verify_interval` below `1s` is refused: write `2m`");
        tell(self.status_interval < Span::secs(1), "stream", "`status_interval` below `1s` is refused: write `1m`");
        told
    }
}

impl Delivery {
    /// After how long the knowledge is renewed at the latest, if all goes well.
    pub(super) fn renewed(&self, stream: Option<&StreamSettings>) -> Duration {
        match self {
            Self::Poll(poll) => poll.interval.get() + poll.wait.get(),
            Self::Push(_) => {
                let interval = stream.and_then(|stream| stream.verify_interval.on());
                interval.map_or(Duration::MAX, Span::get)
            }
        }
    }

    pub(super) fn misfits(&self, stream: Option<&StreamSettings>, allowed: Allowed) -> Vec<Misfit> {
        let mut told = Vec::new();
        let mut tell = |wrong: bool, what: &str| {
            told.extend(wrong.then(|| Misfit { field: "delivery", told: what.to_owned() }));
        };
        match self {
            Self::Push(push) => {
                let lost = stream.is_some() && push.url.is_none();
                tell(lost, "the transmitter must be told where to push: write the `url` of the door");
                told.extend(push.door.misfits());
            }
            Self::Poll(poll) => {
                tell(poll.interval < Span::millis(100), "polling more often than each `100ms` is refused");
                tell(poll.wait > Span::mins(5), "a poll that is held for more than `5m` is refused: write `20s`");
                tell(!(1..=1000).contains(&poll.max_events), "`max_events` is not between 1 and 1000: write 100");
                tell(poll.url.is_none() && stream.is_none(), "without `stream`, the `url` to poll must be written");
                let url = poll.url.as_ref().and_then(|url| address_misfit("delivery", Some(url), allowed));
                told.extend(url);
            }
        }
        told
    }
}
