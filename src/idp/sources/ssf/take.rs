//! One event: judged as a Security Event Token (RFC 8417, SSF 1.0 §4), understood, and enforced. However it came.

use super::event::{self, Meaning};
use super::settings::Dialect;
use super::source::Ssf;
use super::subject::{Name, Reading, Subject, Unnamed};
use crate::decide::revocation::Cutoff;
use crate::decide::time::{Moment, Timestamp};
use crate::idp::events::Outcome;
use crate::idp::feed::{Revokes, Understood};
use crate::idp::signed::{SignedFault, Signer};
use crate::idp::sink::Sink;
use crate::idp::sources::backchannel_logout::Ends;
use crate::idp::terms::{Fit, Terms, TypePolicy, Unfit};
use crate::idp::told;
use crate::settings::Span;
use crate::state::fingerprint::Kind;
use serde_json::{Map, Value};

/// No event is longer, however it comes.
pub(super) const MAX_SET: usize = 1 << 20;

/// Why an event is not taken in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not good: the error of RFC 8935 §2.4, and what is wrong, in our own words.
    Bad(&'static str, String),
    /// It may be good; it should come again.
    Later,
}

impl Refusal {
    pub(super) fn invalid(what: &str) -> Self {
        Self::Bad("invalid_request", what.into())
    }
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        let error = match unfit {
            Unfit::Unsigned(SignedFault::Unavailable) => return Self::Later,
            Unfit::Unsigned(SignedFault::Algorithm | SignedFault::Key | SignedFault::Signature) => "invalid_key",
            Unfit::Issuer => "invalid_issuer",
            Unfit::Audience => "invalid_audience",
            _ => "invalid_request",
        };
        Self::Bad(error, unfit.to_string())
    }
}

/// An event that was read.
struct Told<'a> {
    fit: &'a Fit,
    uri: &'a str,
    event: &'a Map<String, Value>,
    meaning: Meaning,
}

impl Ssf {
    /// Takes in one event; `key` is the name under which it came, where it has one besides its own.
    pub(super) async fn take(&self, sink: &Sink, token: &str, key: Option<&str>) -> Result<Outcome, Refusal> {
        let (signer, now) = (self.signer(sink), sink.now());
        let audiences = self.audiences();
        let fit = self.terms(&audiences).accept(token, &signer, now).await?;
        if key.is_some_and(|key| *key != *fit.id) {
            return Err(Refusal::invalid("it came under another name than its `jti`"));
        }
        let told = self.read(&fit)?;
        let name = sink.fingerprints.of(Kind::Token, &signer.iss, fit.id.as_bytes());
        if self.replays.knows(name) {
            return Ok(Outcome::Repeated);
        }
        let outcome = self.act(sink, &told, now).await?;
        self.replays.remember(name, fit.until, now.wall);
        if outcome == Outcome::Enforced {
            let happened = self.happened(&told, &signer, now)?;
            told::lagged(sink, happened);
        }
        Ok(outcome)
    }

    fn terms<'a>(&self, audiences: &'a [String]) -> Terms<'a> {
        let types = if self.settings.dialect == Dialect::Google { TypePolicy::Compat } else { TypePolicy::Strict };
        let max_lifetime = self.settings.max_age.get();
        Terms { typ: "secevent+jwt", types, audiences, require_exp: false, max_lifetime, limit: MAX_SET }
    }

    /// Its one event (SSF 1.0 §4.1). Several are aliases of one, where they mean the same.
    fn read<'a>(&self, fit: &'a Fit) -> Result<Told<'a>, Refusal> {
        let standard = self.settings.dialect == Dialect::Standard;
        if standard && (fit.claims.expires.is_some() || fit.claims.subject.is_some()) {
            return Err(Refusal::invalid("with `exp` or `sub`, as only other tokens are"));
        }
        let events = fit.claims.rest.get("events").and_then(Value::as_object);
        let events = events.filter(|events| !events.is_empty()).ok_or(Refusal::invalid("without `events`"))?;
        let mut read: Option<Told<'a>> = None;
        for (uri, event) in events {
            let event = event.as_object().ok_or(Refusal::invalid("an event that is no object"))?;
            let meaning = event::meaning(uri, event, &self.settings.actions).map_err(Refusal::invalid)?;
            match &read {
                Some(other) if meaning != Meaning::Nothing && other.meaning != Meaning::Nothing => {
                    if other.meaning != meaning {
                        return Err(Refusal::invalid("several events that are not the same"));
                    }
                }
                Some(_) if meaning == Meaning::Nothing => {}
                _ => read = Some(Told { fit, uri, event, meaning }),
            }
        }
        read.ok_or(Refusal::invalid("without `events`"))
    }

    async fn act(&self, sink: &Sink, told: &Told<'_>, now: Moment) -> Result<Outcome, Refusal> {
        match told.meaning {
            Meaning::Nothing => {
                tracing::debug!(source = %sink.feed.name, event = known(told.uri), "an event at which nothing is done");
                return Ok(Outcome::Ignored);
            }
            Meaning::Verification => return self.verified(sink, told.event),
            Meaning::StreamUpdated => return self.updated(sink, told.event).await,
            Meaning::Cut | Meaning::End | Meaning::Block | Meaning::Enable => {}
        }
        let signer = self.signer(sink);
        let happened = self.happened(told, &signer, now)?;
        let names = match self.names(sink, told) {
            Ok(names) => names,
            Err(Unnamed::Unmatchable) => return Ok(Outcome::Unmatchable),
            Err(Unnamed::Critical) => {
                sink.failed("an event about a subject with a critical member that is not known was discarded");
                return Ok(Outcome::Unmatchable);
            }
            Err(Unnamed::Malformed(what)) => return Err(Refusal::invalid(what)),
            Err(Unnamed::Foreign) => {
                return Err(Refusal::Bad("access_denied", "about a subject of another issuer".into()));
            }
        };
        self.enforce(sink, told.meaning, names, happened, now.wall).await
    }

    /// The names of its subject, which stands in `sub_id`; before SSF 1.0, inside of the event.
    fn names(&self, sink: &Sink, told: &Told<'_>) -> Result<Vec<Name>, Unnamed> {
        let outer = subject(told.fit.claims.rest.get("sub_id"))?;
        let inner = subject(told.event.get("subject"))?;
        let found = match (outer, inner) {
            (Some(outer), Some(inner)) if outer != inner => {
                return Err(Unnamed::Malformed("two subjects that are not the same"));
            }
            (Some(subject), _) => Some(subject),
            (None, inner) if self.settings.dialect != Dialect::Standard => inner,
            (None, _) => None,
        };
        let found = found.ok_or(Unnamed::Malformed("without `sub_id`"))?;
        // Only the end of a session is about the session: what befalls an account ends all that it has.
        let ends = if told.meaning == Meaning::End { self.settings.subjects.ends } else { Ends::Subject };
        let critical = self.critical();
        let reading = Reading { iss: &sink.issuer, settings: &self.settings.subjects, ends, critical: &critical };
        reading.names(found)
    }

    /// When it happened: `event_timestamp` (CAEP 1.0 §2), else `toe` (RFC 8417 §2.2), else `iat`. One that lies further
    /// ahead than clocks may differ would lock everybody out who signs in until then, so it counts as of now.
    fn happened(&self, told: &Told<'_>, signer: &Signer, now: Moment) -> Result<Timestamp, Refusal> {
        let (issued, rest) = (told.fit.issued, &told.fit.claims.rest);
        let said = told.event.get("event_timestamp").or_else(|| rest.get("toe"));
        let Some(said) = said else { return Ok(issued) };
        let at = said.as_f64().and_then(Timestamp::from_numeric_ceil);
        let at = at.ok_or(Refusal::invalid("a time of the event that is no number of seconds"))?;
        if at.plus(self.settings.max_age.get()) < issued {
            return Err(Refusal::invalid("a time of the event that is too long before its `iat`"));
        }
        Ok(if at > now.wall.plus(signer.leeway) { now.wall.max(issued) } else { at })
    }

    async fn enforce(
        &self,
        sink: &Sink,
        meaning: Meaning,
        names: Vec<Name>,
        happened: Timestamp,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let prints: Vec<_> = names.iter().map(|name| print(sink, name)).collect();
        let _turns = self.accounts.turns(&prints).await;
        if meaning == Meaning::Enable {
            return self.enable(sink, names, happened).await;
        }
        let until = self.settings.retain.on().map(Span::get).map(|retain| now.plus(retain));
        let (mut ended, mut blocked) = (Vec::new(), Vec::new());
        for name in names {
            let over = matches!((meaning, &name.revokes), (_, Revokes::Token) | (Meaning::End, Revokes::Session));
            let block = meaning == Meaning::Block && !over && self.accounts.blocked(print(sink, &name), happened);
            // A session that has ended does not begin again, and a token is not issued twice.
            let (cutoff, until) = if over { (Cutoff::Always, until) } else { (Cutoff::UpTo(happened), None) };
            let entry = Understood { revokes: name.revokes, id: name.id, cutoff, until, happened: None };
            if block { blocked.push(entry) } else { ended.push(entry) }
        }
        if !ended.is_empty() {
            sink.cut(&ended).await.map_err(|_| Refusal::Later)?;
        }
        if !blocked.is_empty() {
            sink.block(&blocked).await.map_err(|_| Refusal::Later)?;
        }
        Ok(Outcome::Enforced)
    }

    /// What was issued before stays cut off.
    async fn enable(&self, sink: &Sink, names: Vec<Name>, happened: Timestamp) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::Ignored;
        for name in names {
            let print = print(sink, &name);
            let cutoff = Cutoff::UpTo(happened);
            let entry = Understood { revokes: name.revokes, id: name.id, cutoff, until: None, happened: None };
            let holds = self.accounts.enabled(print, happened, sink.blocked_since(&entry));
            if holds && sink.unblock(&entry).await.map_err(|_| Refusal::Later)? {
                outcome = Outcome::Enforced;
            }
        }
        Ok(outcome)
    }
}

fn subject(value: Option<&Value>) -> Result<Option<&Subject>, Unnamed> {
    match value {
        None => Ok(None),
        Some(Value::Object(subject)) => Ok(Some(subject)),
        Some(_) => Err(Unnamed::Malformed("a subject that is no object")),
    }
}

/// How an account is remembered.
fn print(sink: &Sink, name: &Name) -> crate::decide::id::Fingerprint {
    sink.fingerprints.of(Kind::Subject, &format!("{:?} {}", name.revokes, sink.issuer), name.id.as_bytes())
}

/// The URI of an event that the standards name; others are not told: they are somebody else's text.
fn known(uri: &str) -> &str {
    if uri.starts_with("https://schemas.openid.net/secevent/") && uri.len() < 128 { uri } else { "not a standard one" }
}
