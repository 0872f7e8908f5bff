//! The stream at the transmitter (SSF 1.0 §8.1.1): found and adopted, or created.

use super::metadata::{Fault, Metadata};
use super::settings::OnGap;
use super::source::Ssf;
use super::stream_settings::{Delivery, StreamSettings};
use crate::decide::revocation::Cutoff;
use crate::decide::time::Moment;
use crate::idp::backoff::Backoff;
use crate::idp::exchange::{Question, Reply};
use crate::idp::feed::{Revokes, Understood};
use crate::idp::fetch::FetchError;
use crate::idp::sink::Sink;
use crate::idp::web_url::WebUrl;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::time::Duration;

const PUSH: &str = "urn:ietf:rfc:8935";
const UNCUT: &str = "the cut-off after a gap could not be kept";
const POLL: &str = "urn:ietf:rfc:8936";

/// What is known of the stream.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) id: Option<String>,
    /// Whom its events are meant for.
    pub(super) audiences: Vec<String>,
    pub(super) status: Status,
    /// Whether it was disabled since it was last enabled, though it be paused by now: events were lost.
    pub(super) lossy: bool,
    pub(super) critical: Vec<String>,
    pub(super) poll_url: Option<WebUrl>,
    /// Verifications that were asked for, each with its time.
    pub(super) pending: VecDeque<(String, Moment)>,
    /// The least time between two verifications.
    pub(super) verify_at_least: Duration,
    /// It is given up if nobody asks for it for so long.
    pub(super) inactivity: Option<Duration>,
}

/// Whether events flow (SSF 1.0 §8.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// They do.
    #[default]
    Enabled,
    /// They are held back.
    Paused,
    /// They are lost.
    Disabled,
}

impl Stream {
    pub(super) fn is_enabled(&self) -> bool {
        self.status == Status::Enabled
    }
}

/// The configuration of a stream, as the transmitter has it.
#[derive(Clone, Debug, Deserialize)]
struct Configuration {
    stream_id: String,
    iss: String,
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    delivery: Option<Delivered>,
    #[serde(default)]
    events_delivered: Vec<String>,
    #[serde(default)]
    events_requested: Vec<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    min_verification_interval: Option<u64>,
    #[serde(default)]
    inactivity_timeout: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Delivered {
    #[serde(default)]
    method: String,
    #[serde(default)]
    endpoint_url: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Ssf {
    /// Has a stream, sooner or later.
    pub(super) async fn establish(&self, sink: &Sink, settings: &StreamSettings, metadata: &Metadata) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
        while let Err(error) = self.establish_once(sink, settings, metadata).await {
            sink.failed(&error.to_string());
            tokio::time::sleep(backoff.failed()).await;
        }
    }

    async fn establish_once(&self, sink: &Sink, settings: &StreamSettings, metadata: &Metadata) -> Result<(), Fault> {
        let endpoint = metadata.configuration_endpoint.as_ref();
        let endpoint = endpoint.ok_or(Fault::Stream("the transmitter has no `configuration_endpoint`"))?;
        let method = self.method();
        let supported = metadata.delivery_methods_supported.as_ref();
        if supported.is_some_and(|all| !all.iter().any(|one| one == method)) {
            return Err(Fault::Stream("the transmitter does not deliver events in this way"));
        }
        if metadata.default_subjects.as_deref() == Some("NONE") && !settings.subjects_added {
            let what = "the transmitter sends nothing about subjects that nobody added: see `subjects_added`";
            return Err(Fault::Stream(what));
        }
        let (configuration, new) = match self.find(endpoint, settings).await? {
            Some(found) => (self.adopt(endpoint, settings, found).await?, false),
            None => self.create(endpoint, settings).await?,
        };
        self.believe(sink, configuration, metadata)?;
        if new {
            self.lost(sink, "the stream is new: events from before it are not known").await;
        }
        // Where there is a status, it is watched, and told again and again.
        let whole = metadata.status_endpoint.is_some() || self.became(sink, Status::Enabled).await;
        if whole { Ok(()) } else { Err(Fault::Stream(UNCUT)) }
    }

    fn method(&self) -> &'static str {
        match *self.settings.delivery {
            Delivery::Push(_) => PUSH,
            Delivery::Poll(_) => POLL,
        }
    }

    /// Looks for our stream among those that are there.
    async fn find(&self, endpoint: &WebUrl, settings: &StreamSettings) -> Result<Option<Configuration>, Fault> {
        let url = match &settings.id {
            Some(id) => endpoint.with_parameter("stream_id", id).ok_or(Fault::NoAddress)?,
            None => endpoint.clone(),
        };
        let reply = self.manage(Method::GET, &url, None).await?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(None),
            status => return Err(FetchError::Status { url, status }.into()),
        }
        let read: Value = serde_json::from_slice(&reply.body).map_err(|_| malformed())?;
        let all = match read {
            Value::Array(all) => all,
            Value::Object(one) if one.is_empty() => Vec::new(),
            one => vec![one],
        };
        let all = all.into_iter().map(serde_json::from_value).collect::<Result<Vec<Configuration>, _>>();
        Ok(all.map_err(|_| malformed())?.into_iter().find(|one| self.is_ours(settings, one)))
    }

    fn is_ours(&self, settings: &StreamSettings, one: &Configuration) -> bool {
        if let Some(id) = &settings.id {
            return *id == one.stream_id;
        }
        let delivery = one.delivery.as_ref();
        match &*self.settings.delivery {
            Delivery::Push(push) => {
                let ours = push.url.as_ref().map(ToString::to_string);
                delivery.is_some_and(|delivery| delivery.method == PUSH && delivery.endpoint_url == ours)
            }
            Delivery::Poll(_) => {
                let poll = delivery.is_none_or(|delivery| delivery.method == POLL);
                poll && one.description.as_ref().is_none_or(|text| *text == settings.description)
            }
        }
    }

    /// Asks for the events that we want of a stream that is there, unless it has them.
    async fn adopt(
        &self,
        endpoint: &WebUrl,
        settings: &StreamSettings,
        found: Configuration,
    ) -> Result<Configuration, Fault> {
        let wanted = settings.events();
        if wanted.iter().all(|event| found.events_requested.contains(event)) {
            return Ok(found);
        }
        let body = json!({"stream_id": found.stream_id, "events_requested": wanted});
        let reply = self.manage(Method::PATCH, endpoint, Some(&body)).await?;
        match reply.status {
            StatusCode::OK => serde_json::from_slice(&reply.body).map_err(|_| malformed()),
            // It stays as it is; what it delivers is told by `believe`.
            _ => Ok(found),
        }
    }

    /// A transmitter that has a stream for us already answers 409, and then it is adopted: Keycloak has one for each
    /// client, whatever it delivers.
    async fn create(&self, endpoint: &WebUrl, settings: &StreamSettings) -> Result<(Configuration, bool), Fault> {
        if !settings.create {
            return Err(Fault::Stream("there is no stream to adopt, and `create` is off"));
        }
        let delivery = self.wanted_delivery();
        let (events, description) = (json!(settings.events()), json!(settings.description));
        let members = [("delivery", delivery), ("events_requested", events), ("description", description)];
        let body: Map<String, Value> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let reply = self.manage(Method::POST, endpoint, Some(&Value::Object(body.clone()))).await?;
        match reply.status {
            StatusCode::OK | StatusCode::CREATED => {
                Ok((serde_json::from_slice(&reply.body).map_err(|_| malformed())?, true))
            }
            StatusCode::CONFLICT => Ok((self.take_over(endpoint, &body).await?, false)),
            status => Err(FetchError::Status { url: endpoint.clone(), status }.into()),
        }
    }

    async fn take_over(&self, endpoint: &WebUrl, wanted: &Map<String, Value>) -> Result<Configuration, Fault> {
        let reply = self.manage(Method::GET, endpoint, None).await?;
        let read: Value = serde_json::from_slice(&reply.body).map_err(|_| malformed())?;
        let one = match read {
            // Which of several it would be cannot be told.
            Value::Array(all) => <[Value; 1]>::try_from(all).map_err(|_| several())?.into_iter().next(),
            one => Some(one),
        };
        let found: Configuration = serde_json::from_value(one.unwrap_or_default()).map_err(|_| malformed())?;
        let mut body = wanted.clone();
        body.insert("stream_id".into(), json!(found.stream_id));
        let body = Value::Object(body);
        let reply = self.manage(Method::PATCH, endpoint, Some(&body)).await?;
        match reply.status {
            StatusCode::OK => serde_json::from_slice(&reply.body).map_err(|_| malformed()),
            status => Err(FetchError::Status { url: endpoint.clone(), status }.into()),
        }
    }

    fn wanted_delivery(&self) -> Value {
        match &*self.settings.delivery {
            Delivery::Poll(_) => json!({"method": POLL}),
            Delivery::Push(push) => {
                let url = push.url.as_ref().map(ToString::to_string);
                let agreed = self.authorization.as_ref().and_then(|one| std::str::from_utf8(one.as_bytes()).ok());
                match agreed {
                    Some(agreed) => json!({"method": PUSH, "endpoint_url": url, "authorization_header": agreed}),
                    None => json!({"method": PUSH, "endpoint_url": url}),
                }
            }
        }
    }

    /// Takes up what the transmitter says of the stream, if it is ours and delivers as we need it.
    fn believe(&self, sink: &Sink, configuration: Configuration, metadata: &Metadata) -> Result<(), Fault> {
        if configuration.iss != self.transmitter(sink) {
            return Err(Fault::Stream("the stream is of another transmitter"));
        }
        let audiences = match configuration.aud {
            Audience::None => Vec::new(),
            Audience::One(one) => vec![one],
            Audience::Several(several) => several,
        };
        let ours = &self.settings.audiences;
        if !ours.is_empty() && !audiences.is_empty() && !audiences.iter().any(|one| ours.contains(one)) {
            return Err(Fault::Stream("the stream is meant for another audience"));
        }
        let delivery = configuration.delivery.unwrap_or(Delivered { method: POLL.into(), endpoint_url: None });
        if delivery.method != self.method() {
            return Err(Fault::Stream("the stream delivers in another way"));
        }
        let wanted = self.settings.stream.as_ref().map(|stream| stream.events()).unwrap_or_default();
        let missing = wanted.iter().filter(|event| !configuration.events_delivered.contains(event)).count();
        if missing > 0 {
            tracing::warn!(source = %sink.feed.name, missing, of = wanted.len(), "the stream does not deliver all events");
        }
        let seconds = |said: Option<u64>| said.map(|seconds| Duration::from_secs(seconds.min(86_400)));
        let mut stream = self.stream();
        stream.id = Some(configuration.stream_id);
        stream.audiences = audiences;
        stream.critical.clone_from(&metadata.critical_subject_members);
        stream.poll_url = delivery.endpoint_url.and_then(|url| url.parse().ok());
        stream.verify_at_least = seconds(configuration.min_verification_interval).unwrap_or_default();
        stream.inactivity = seconds(configuration.inactivity_timeout);
        Ok(())
    }

    /// Events were lost, and no one will ever say which. Says whether what is to be done about it is done; what is not is
    /// remembered.
    pub(super) async fn lost(&self, sink: &Sink, why: &str) -> bool {
        tracing::warn!(source = %sink.feed.name, why, "security events may have been lost");
        if self.settings.on_gap == OnGap::Accept {
            return true;
        }
        let cutoff = Cutoff::UpTo(sink.now().wall);
        let entry = Understood { revokes: Revokes::Issuer, id: "".into(), cutoff, until: None, happened: None };
        let kept = sink.accept(&[entry]).await.is_ok();
        if !kept {
            sink.failed(UNCUT);
            self.stream().lossy = true;
        }
        kept
    }

    /// One call of the transmitter's management.
    pub(super) async fn manage(&self, method: Method, url: &WebUrl, body: Option<&Value>) -> Result<Reply, Fault> {
        let (auth, timeout) = (self.auth()?, self.settings.timeout.get());
        Ok(self.exchange.ask(&Question { method, url, body, auth: auth.as_ref(), timeout }).await?)
    }

    /// What opens the transmitter's doors; read each time, because it may have been exchanged.
    pub(super) fn auth(&self) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        self.settings.auth.as_ref().map(|auth| auth.read().map_err(|_| Fault::Secret)).transpose()
    }
}

const fn malformed() -> Fault {
    Fault::Stream("what the transmitter says of its streams is malformed")
}

const fn several() -> Fault {
    Fault::Stream("the transmitter has several streams: write the `id` of ours")
}
