//! What Keycloak pushes to the admin URL of a client: the "not before" of a realm or a client, and logouts. Signed text,
//! POSTed to `…/k_push_not_before` and `…/k_logout`.

use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::idp::build::BuildError;
use crate::idp::events::Outcome;
use crate::idp::feed::{Revokes, Understood};
use crate::idp::receive::{Answer, DoorSettings, Opening, Received};
use crate::idp::settings::Misfit;
use crate::idp::signed::{Signed, Signer};
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind};
use crate::idp::terms::{Replays, Unfit};
use crate::idp::told::{self, Told};
use crate::settings::{OrOff, Span};
use crate::state::fingerprint::Kind;
use crate::state::revocations::Bounds;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// The paths below the admin URL, each with the action that it takes.
const ENDPOINTS: &[&str] = &["/k_push_not_before", "/k_logout"];
const ACTIONS: [&str; 2] = ["PUSH_NOT_BEFORE", "LOGOUT"];

/// How long after it was pushed an action expires.
const EXPIRES: Duration = Duration::from_secs(30);

/// Keycloak gives an action half a minute; one that lives for longer than this is not Keycloak's.
const LIFETIME: Duration = Duration::from_secs(300);

/// "Not before" and logouts, pushed by Keycloak.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeycloakNotBeforeSettings {
    /// The issuer it speaks for, by its name in `issuers`: the realm.
    pub issuer: String,
    /// The clients of the realm that have this gateway as their admin URL.
    pub clients: Vec<String>,
    /// Where Keycloak pushes to: the client's admin URL. Default: the path `/.curfew/events/` and the source's name.
    #[serde(default)]
    pub door: DoorSettings,
    /// What a "not before" cuts off: `issuer` (default), all tokens of the realm, because Keycloak does not say whether
    /// the realm's or the client's was pushed; or `client`, the tokens that were issued to that client.
    #[serde(default)]
    pub cuts: Cuts,
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

/// Whose tokens a "not before" cuts off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NotBeforeCuts")]
pub enum Cuts {
    /// All of the realm.
    #[default]
    Issuer,
    /// Those of the client.
    Client,
}

impl SourceKind for KeycloakNotBeforeSettings {
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
        Some((&self.door, ENDPOINTS))
    }

    fn misfits(&self) -> Vec<Misfit> {
        let mut told = self.door.misfits();
        let nobody = "no client is named to which Keycloak could push: write the `client_id` whose admin URL this is";
        told.extend(self.clients.is_empty().then(|| Misfit { field: "clients", told: nobody.into() }));
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(KeycloakNotBefore { settings: self.clone(), replays: Replays::default() }))
    }
}

/// Keycloak's actions, taken in.
struct KeycloakNotBefore {
    settings: KeycloakNotBeforeSettings,
    replays: Replays,
}

impl Told for KeycloakNotBefore {
    async fn answer(&self, sink: &Sink, event: &Received) -> Answer {
        self.act(sink, event).await.unwrap_or_else(Answer::from)
    }
}

/// An action that is proven to be the realm's, for us, and of now.
struct Action {
    id: Box<str>,
    client: Box<str>,
    until: Timestamp,
    expiration: Timestamp,
    members: Map<String, Value>,
}

/// Now, and how far ahead of it the realm's clock may be: tokens that were issued by that clock are accepted here, so what
/// cuts them off is too.
struct Clocks {
    now: Timestamp,
    ahead: Timestamp,
}

impl Clocks {
    /// A time of the realm's. One further ahead than clocks may differ would lock everybody out who signs in until then,
    /// so it is one of now.
    fn held(&self, at: Timestamp) -> Timestamp {
        if at > self.ahead { self.now } else { at }
    }
}

impl KeycloakNotBefore {
    async fn act(&self, sink: &Sink, event: &Received) -> Result<Answer, Unfit> {
        if !event.is("text/plain") {
            return Err(Unfit::Content("not plain text"));
        }
        let token = event.text().ok_or(Unfit::Content("not text"))?.trim_ascii();
        let (signer, now) = (sink.signer(), sink.now());
        let signed = signer.verify(token, self.settings.door.max_bytes.len(), now).await?;
        let action = self.action(signed, &signer, event.endpoint, now.wall)?;
        let name = sink.fingerprints.of(Kind::Token, &signer.iss, action.id.as_bytes());
        if self.replays.knows(name) {
            return Ok(Answer::empty(StatusCode::NO_CONTENT, Outcome::Repeated));
        }
        let clocks = Clocks { now: now.wall, ahead: now.wall.plus(signer.leeway) };
        let entries = if event.endpoint == 0 { self.cut(&action, &clocks) } else { self.logout(&action, &clocks) }?;
        if entries.is_empty() {
            let outcome = if event.endpoint == 0 { Outcome::Ignored } else { Outcome::Unmatchable };
            return Ok(Answer::empty(StatusCode::NO_CONTENT, outcome));
        }
        if sink.accept(&entries).await.is_err() {
            return Ok(Answer::unkept());
        }
        self.replays.remember(name, action.until, now.wall);
        Ok(Answer::empty(StatusCode::NO_CONTENT, Outcome::Enforced))
    }

    /// An access token could be made to carry these members too, by a mapper; but it has an `iss`, and an action not.
    fn action(&self, signed: Signed, signer: &Signer, endpoint: usize, now: Timestamp) -> Result<Action, Unfit> {
        let claims = signed.claims;
        let foreign = !claims.issuer.is_empty() || claims.subject.is_some() || claims.token_id.is_some();
        if foreign || !matches!(&*signed.typ, "" | "jwt") {
            return Err(Unfit::Type);
        }
        let text = |member: &str| claims.rest.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("action").is_none_or(|action| ACTIONS.get(endpoint) != Some(&action)) {
            return Err(Unfit::Content("another action than this path's"));
        }
        let client = text("resource").filter(|client| self.settings.clients.iter().any(|ours| ours == client));
        let (client, id) = (client.ok_or(Unfit::Audience)?.into(), text("id").ok_or(Unfit::Nameless)?.into());
        let expiration = instant(&claims.rest, "expiration")?.ok_or(Unfit::Timeless)?;
        let until = expiration.plus(signer.leeway);
        if now >= until {
            return Err(Unfit::Expired);
        }
        if expiration > now.plus(LIFETIME).plus(signer.leeway) {
            return Err(Unfit::Early);
        }
        Ok(Action { id, client, until, expiration, members: claims.rest })
    }

    /// A "not before" of zero is none: cut-offs only move forward.
    fn cut(&self, action: &Action, clocks: &Clocks) -> Result<Vec<Understood>, Unfit> {
        let at = instant(&action.members, "notBefore")?.ok_or(Unfit::Content("without `notBefore`"))?;
        let cut = || self.entry(action, Cutoff::Before(clocks.held(at)));
        Ok(Vec::from_iter((at > Timestamp::from_secs(0)).then(cut)))
    }

    /// The sessions that are named; without any, all of them.
    fn logout(&self, action: &Action, clocks: &Clocks) -> Result<Vec<Understood>, Unfit> {
        let none = |member: &str| action.members.get(member).is_none_or(Value::is_null);
        if none("keycloakSessionIds") && none("adapterSessionIds") {
            let at = instant(&action.members, "notBefore")?.filter(|at| *at > Timestamp::from_secs(0));
            let pushed = action.expiration.minus(EXPIRES);
            let now = clocks.held(pushed).max(clocks.now);
            let cutoff = at.map_or(Cutoff::UpTo(now), |at| Cutoff::Before(clocks.held(at)));
            return Ok(vec![self.entry(action, cutoff)]);
        }
        let sessions = action.members.get("keycloakSessionIds").unwrap_or(&Value::Null);
        let until = self.settings.retain.on().map(|retain| clocks.now.plus(retain.get()));
        let session = |id: &Value| {
            let id = id.as_str().filter(|id| !id.is_empty()).ok_or(Unfit::Content("a session that is no text"))?;
            Ok(Understood { revokes: Revokes::Session, id: id.into(), cutoff: Cutoff::Always, until, happened: None })
        };
        match sessions {
            // The sessions of adapters are not known here, and no token names them.
            Value::Null => Ok(Vec::new()),
            Value::Array(sessions) => sessions.iter().map(session).collect(),
            _ => Err(Unfit::Content("`keycloakSessionIds` is no list")),
        }
    }

    fn entry(&self, action: &Action, cutoff: Cutoff) -> Understood {
        let (revokes, id) = match self.settings.cuts {
            Cuts::Issuer => (Revokes::Issuer, "".into()),
            Cuts::Client => (Revokes::Client, action.client.clone()),
        };
        Understood { revokes, id, cutoff, until: None, happened: None }
    }
}

/// Seconds since the epoch.
fn instant(members: &Map<String, Value>, member: &'static str) -> Result<Option<Timestamp>, Unfit> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let instant = value.as_f64().and_then(Timestamp::from_numeric_floor);
            instant.map(Some).ok_or(Unfit::Content("a time that is no number of seconds"))
        }
    }
}
