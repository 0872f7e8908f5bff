//! OpenID Connect Back-Channel Logout 1.0: the provider POSTs a logout token when a session or all sessions of a user
//! end. The sessions' tokens are refused from then on, though they have not expired.

use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::idp::build::BuildError;
use crate::idp::events::Outcome;
use crate::idp::feed::{Revokes, Understood};
use crate::idp::form;
use crate::idp::receive::{Answer, DoorSettings, Opening, Received};
use crate::idp::settings::Misfit;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind};
use crate::idp::terms::{Fit, Replays, Terms, TypePolicy, Unfit};
use crate::idp::told::{self, Told};
use crate::settings::{OrOff, Span};
use crate::state::fingerprint::Kind;
use crate::state::revocations::Bounds;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Logout tokens, sent by the provider.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackchannelLogoutSettings {
    /// The issuer it speaks for, by its name in `issuers`.
    pub issuer: String,
    /// The clients at the provider that have this gateway as their logout address: one of them must be in `aud`.
    pub client_ids: Vec<String>,
    /// Where logout tokens are sent. Default: the path `/.curfew/events/` and the source's name.
    #[serde(default)]
    pub door: DoorSettings,
    /// How `typ` is judged: `compat` (default: `logout+jwt`, `JWT` or none) or `strict` (`logout+jwt` only).
    #[serde(default)]
    pub types: TypePolicy,
    /// Refuse logout tokens without `exp`. Default `true`; older providers leave it out, and then `max_lifetime` ends
    /// them.
    #[serde(default = "require_exp")]
    pub require_exp: bool,
    /// How long after its `iat` a logout token is accepted, whatever its `exp`. Default `20m`.
    #[serde(default = "max_lifetime")]
    pub max_lifetime: Span,
    /// What is ended by a token that names a session and its user: `session` (default), or `subject`, all sessions of
    /// the user, for providers whose access tokens do not name their session.
    #[serde(default)]
    pub ends: Ends,
    /// How many entries it may hold; beyond it events are refused, for their sender to send again: nothing that
    /// was acknowledged is forgotten. Default 1,000,000.
    #[serde(default = "told::max_entries")]
    pub max_entries: usize,
    /// How long an entry is kept: longer than a sign-in can be renewed, refresh tokens included. A token that is renewed says
    /// when its user signed in, and could pass again after it. `max_entries` must hold the events of so long. `off` for ever.
    /// Default `30d`.
    #[serde(default = "told::retain")]
    pub retain: OrOff<Span>,
}

const fn require_exp() -> bool {
    true
}
fn max_lifetime() -> Span {
    Span::mins(20)
}

/// What a logout token ends that names both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LogoutEnds")]
pub enum Ends {
    /// The session.
    #[default]
    Session,
    /// All sessions of its user, up to the logout.
    Subject,
}

impl SourceKind for BackchannelLogoutSettings {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: self.max_entries, max_staleness: None }
    }

    fn retain(&self) -> Option<Duration> {
        self.retain.on().map(Span::get)
    }

    fn door(&self) -> Option<Opening<'_>> {
        Some((&self.door, &[""]))
    }

    fn misfits(&self) -> Vec<Misfit> {
        let mut told = self.door.misfits();
        let nobody = "no client is named whom a logout token could be meant for: write the `client_id` at the provider";
        told.extend(self.client_ids.is_empty().then(|| Misfit { field: "client_ids", told: nobody.into() }));
        let never = "a token needs time to arrive: write `20m`";
        told.extend((self.max_lifetime == Span::ZERO).then(|| Misfit { field: "max_lifetime", told: never.into() }));
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(BackchannelLogout { settings: self.clone(), replays: Replays::default() }))
    }
}

/// Logout tokens, taken in.
struct BackchannelLogout {
    settings: BackchannelLogoutSettings,
    replays: Replays,
}

impl Told for BackchannelLogout {
    async fn answer(&self, sink: &Sink, event: &Received) -> Answer {
        self.end(sink, event).await.unwrap_or_else(Answer::from)
    }
}

impl BackchannelLogout {
    async fn end(&self, sink: &Sink, event: &Received) -> Result<Answer, Unfit> {
        if !event.is("application/x-www-form-urlencoded") {
            return Err(Unfit::Content("not a form"));
        }
        let token = event.text().and_then(|form| form::only(form, "logout_token"));
        let token = token.ok_or(Unfit::Content("not exactly one `logout_token`"))?;
        let (signer, now) = (sink.signer(), sink.now());
        let fit = self.terms().accept(&token, &signer, now).await?;
        let entries = self.entries(&fit, now.wall)?;
        let name = sink.fingerprints.of(Kind::Token, &signer.iss, fit.id.as_bytes());
        if self.replays.knows(name) {
            return Ok(Answer::empty(StatusCode::OK, Outcome::Repeated));
        }
        if sink.accept(&entries).await.is_err() {
            return Ok(Answer::unkept());
        }
        self.replays.remember(name, fit.until, now.wall);
        told::lagged(sink, fit.issued);
        Ok(Answer::empty(StatusCode::OK, Outcome::Enforced))
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            typ: "logout+jwt",
            types: self.settings.types,
            audiences: &self.settings.client_ids,
            require_exp: self.settings.require_exp,
            max_lifetime: self.settings.max_lifetime.get(),
            limit: self.settings.door.max_bytes.len(),
        }
    }

    /// What the token says is over (§2.4, §2.7).
    fn entries(&self, fit: &Fit, now: Timestamp) -> Result<Vec<Understood>, Unfit> {
        let claims = &fit.claims;
        if claims.rest.contains_key("nonce") {
            return Err(Unfit::Content("with `nonce`, as only ID tokens are"));
        }
        let events = claims.rest.get("events").and_then(Value::as_object);
        if !events.and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
            return Err(Unfit::Content("without the event of a logout"));
        }
        let subject = |sub: &str| Understood {
            revokes: Revokes::Subject,
            id: sub.into(),
            cutoff: Cutoff::UpTo(fit.issued),
            until: None,
            happened: None,
        };
        // A session that has ended does not begin again, whatever the provider's clock said.
        let until = self.settings.retain.on().map(|retain| now.plus(retain.get()));
        let session = |sid: &str| Understood {
            revokes: Revokes::Session,
            id: sid.into(),
            cutoff: Cutoff::Always,
            until,
            happened: None,
        };
        let named = |name: &Option<Box<str>>| name.clone().filter(|name| !name.is_empty());
        match (named(&claims.session), named(&claims.subject), self.settings.ends) {
            (None, None, _) => Err(Unfit::Content("without `sid` and `sub`")),
            (Some(sid), Some(sub), Ends::Subject) => Ok(vec![session(&sid), subject(&sub)]),
            (Some(sid), _, _) => Ok(vec![session(&sid)]),
            (None, Some(sub), _) => Ok(vec![subject(&sub)]),
        }
    }
}
