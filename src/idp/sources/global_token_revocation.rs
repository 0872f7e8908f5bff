//! Global Token Revocation (draft-parecki-oauth-global-token-revocation-05), which Okta calls Universal Logout: a
//! command to end everything of one user. Authenticated by a signed token of the provider, for this purpose alone.

use crate::decide::claims::Claims;
use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::idp::build::BuildError;
use crate::idp::events::Outcome;
use crate::idp::feed::{Revokes, Understood};
use crate::idp::receive::{Answer, DoorSettings, Opening, Received};
use crate::idp::settings::Misfit;
use crate::idp::signed::SignedFault;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind};
use crate::idp::terms::{Fit, Replays, Terms, TypePolicy, Unfit};
use crate::idp::told::{self, Told};
use crate::settings::{OrOff, Span};
use crate::state::fingerprint::Kind;
use crate::state::revocations::Bounds;
use crate::token::json;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Commands to revoke all tokens of a user.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalTokenRevocationSettings {
    /// The issuer it speaks for, by its name in `issuers`.
    pub issuer: String,
    /// The URLs of this endpoint as the provider knows it: one of them must be in `aud` of its token.
    pub audiences: Vec<String>,
    /// The `sub` of the provider's token: who may command. Needed unless `types` is `strict`: then the default is anybody
    /// for whom the provider signs such a token.
    #[serde(default)]
    pub callers: Vec<String>,
    /// Where commands are sent. Default: the path `/.curfew/events/` and the source's name.
    #[serde(default)]
    pub door: DoorSettings,
    /// How `typ` is judged: `compat` (default: `global-token-revocation+jwt`; or `JWT` or none, if nothing in the token says
    /// that it is an access token or an ID token, and it is meant for this endpoint alone) or `strict`.
    #[serde(default)]
    pub types: TypePolicy,
    /// How long after its `iat` the provider's token is accepted, whatever its `exp`. Default `10m`.
    #[serde(default = "max_lifetime")]
    pub max_lifetime: Span,
    /// What an `opaque` id names: `off` (default: such commands are refused), `subject` or `session`.
    #[serde(default)]
    pub opaque: Opaque,
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

fn max_lifetime() -> Span {
    Span::mins(10)
}

/// What an `opaque` id names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OpaqueNames")]
pub enum Opaque {
    /// Nothing that is known here.
    #[default]
    Off,
    /// The `sub` of tokens.
    Subject,
    /// Their session.
    Session,
}

impl SourceKind for GlobalTokenRevocationSettings {
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
        let nobody = "no URL is named that a command could be meant for: write the URL of this endpoint";
        told.extend(self.audiences.is_empty().then(|| Misfit { field: "audiences", told: nobody.into() }));
        let anybody = "where `types` is not `strict`, a token that says of itself nothing could command: write who may, by the \
                       `sub` of the provider's token, or `types: strict`";
        let untold = self.callers.is_empty() && self.types == TypePolicy::Compat;
        told.extend(untold.then(|| Misfit { field: "callers", told: anybody.into() }));
        let never = "a token needs time to arrive: write `10m`";
        told.extend((self.max_lifetime == Span::ZERO).then(|| Misfit { field: "max_lifetime", told: never.into() }));
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(GlobalTokenRevocation { settings: self.clone(), replays: Replays::default() }))
    }
}

/// Commands, taken in.
struct GlobalTokenRevocation {
    settings: GlobalTokenRevocationSettings,
    replays: Replays,
}

/// Why a command is not obeyed.
enum Disobeyed {
    /// Who commands is not proven.
    Unproven(Unfit),
    /// Who commands may not, or not about this user.
    Forbidden(&'static str),
    /// What is commanded is not understood.
    Unclear(&'static str),
    /// It is understood, and no token could be matched with it.
    Unmatchable(&'static str),
    /// Not JSON.
    Type,
}

impl Told for GlobalTokenRevocation {
    async fn answer(&self, sink: &Sink, event: &Received) -> Answer {
        self.obey(sink, event).await.unwrap_or_else(Answer::from)
    }
}

impl From<Disobeyed> for Answer {
    fn from(why: Disobeyed) -> Self {
        match why {
            Disobeyed::Unproven(Unfit::Unsigned(SignedFault::Unavailable)) => Self::unkept(),
            Disobeyed::Unproven(unfit) => {
                let mut answer = Self::refused(StatusCode::UNAUTHORIZED, "invalid_token", &unfit.to_string());
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                answer.response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                answer
            }
            Disobeyed::Forbidden(what) => Self::refused(StatusCode::FORBIDDEN, "access_denied", what),
            Disobeyed::Unclear(what) => Self::refused(StatusCode::BAD_REQUEST, "invalid_request", what),
            Disobeyed::Unmatchable(what) => {
                let refused = Self::refused(StatusCode::BAD_REQUEST, "invalid_request", what);
                Self { outcome: Outcome::Unmatchable, ..refused }
            }
            Disobeyed::Type => {
                Self::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", "not `application/json`")
            }
        }
    }
}

impl GlobalTokenRevocation {
    /// Who commands is asked before what: nobody learns from us what we understand.
    async fn obey(&self, sink: &Sink, event: &Received) -> Result<Answer, Disobeyed> {
        let (signer, now) = (sink.signer(), sink.now());
        let token = bearer(event).ok_or(Disobeyed::Unproven(Unfit::Content("no bearer token")))?;
        let fit = self.terms().accept(token, &signer, now).await.map_err(Disobeyed::Unproven)?;
        self.is_meant_so(&fit)?;
        self.may_command(&fit)?;
        if !event.is("application/json") {
            return Err(Disobeyed::Type);
        }
        let body = json::object(&event.body).map_err(|_| Disobeyed::Unclear("not a strict JSON object"))?;
        let entry = self.entry(&body, &signer.iss, now.wall.max(fit.issued))?;
        let print = |text: &[u8]| sink.fingerprints.of(Kind::Token, &signer.iss, text);
        let (token, command) = (print(fit.id.as_bytes()), print(&[fit.id.as_bytes(), b"\0", &event.body].concat()));
        // One token commands one thing; the same command again is answered as the first was.
        if self.replays.knows(command) {
            return Ok(Answer::empty(StatusCode::NO_CONTENT, Outcome::Repeated));
        }
        // Who is answered that it took too long sends the same again.
        let claim = self.replays.claim(token, fit.until, now.wall);
        let claim = claim.ok_or(Disobeyed::Unproven(Unfit::Content("used before")))?;
        if sink.accept(&[entry]).await.is_err() {
            return Ok(Answer::unkept());
        }
        claim.acted();
        self.replays.remember(command, fit.until, now.wall);
        told::lagged(sink, fit.issued);
        Ok(Answer::empty(StatusCode::NO_CONTENT, Outcome::Enforced))
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            typ: "global-token-revocation+jwt",
            types: self.settings.types,
            audiences: &self.settings.audiences,
            require_exp: true,
            max_lifetime: self.settings.max_lifetime.get(),
            limit: self.settings.door.max_bytes.len(),
        }
    }

    /// A token that does not say that it is a command must not be anything else: an access token of a user for an API next to
    /// this endpoint, or what was issued to a client.
    fn is_meant_so(&self, Fit { claims, typed, .. }: &Fit) -> Result<(), Disobeyed> {
        let ours = |audience: &str| self.settings.audiences.iter().any(|one| one == audience);
        let elsewhere = || claims.audience.iter().flatten().any(|audience| !ours(audience));
        if *typed || !(is_another_kind(claims) || elsewhere()) { Ok(()) } else { Err(Disobeyed::Unproven(Unfit::Type)) }
    }

    fn may_command(&self, fit: &Fit) -> Result<(), Disobeyed> {
        let named = |caller: &str| self.settings.callers.iter().any(|one| one == caller);
        let may = self.settings.callers.is_empty() || fit.claims.subject.as_deref().is_some_and(named);
        if may { Ok(()) } else { Err(Disobeyed::Forbidden("this caller may not command here")) }
    }

    /// The subject (RFC 9493 §3), matched with what tokens carry. Whether there is such a user is not known here, and so
    /// not told either.
    fn entry(&self, body: &Map<String, Value>, iss: &str, at: Timestamp) -> Result<Understood, Disobeyed> {
        let subject = body.get("sub_id").and_then(Value::as_object).ok_or(Disobeyed::Unclear("without `sub_id`"))?;
        let text = |member: &str| subject.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let entry = |revokes, id: &str| Understood {
            revokes,
            id: id.into(),
            cutoff: Cutoff::UpTo(at),
            until: None,
            happened: None,
        };
        match (text("format"), self.settings.opaque) {
            (Some("iss_sub"), _) => {
                let about = text("iss").ok_or(Disobeyed::Unclear("`iss_sub` without `iss`"))?;
                if about != iss {
                    return Err(Disobeyed::Forbidden("about a user of another issuer"));
                }
                let sub = text("sub").ok_or(Disobeyed::Unclear("`iss_sub` without `sub`"))?;
                Ok(entry(Revokes::Subject, sub))
            }
            (Some("opaque"), Opaque::Subject | Opaque::Session) => {
                let id = text("id").ok_or(Disobeyed::Unclear("`opaque` without `id`"))?;
                let session = self.settings.opaque == Opaque::Session;
                Ok(entry(if session { Revokes::Session } else { Revokes::Subject }, id))
            }
            (Some("email" | "opaque" | "phone_number" | "account"), _) => {
                Err(Disobeyed::Unmatchable("no token here could be matched with a subject of this format"))
            }
            _ => Err(Disobeyed::Unclear("a subject of a format that is not known")),
        }
    }
}

/// What only access tokens and ID tokens say: what was granted, to which client, about which sign-in (RFC 9068 §2.2, OpenID
/// Connect Core §2; `cid`, `appid` and `roles` are those of Okta and Entra).
fn is_another_kind(claims: &Claims) -> bool {
    let says = |name: &&str| claims.rest.contains_key(*name);
    let others = ["scope", "scp", "client_id", "azp", "cid", "appid", "roles", "sid", "acr", "cnf"];
    claims.foreign || claims.auth_time.is_some() || others.iter().any(says)
}

/// The token of the only `Authorization` field (RFC 6750 §2.1).
fn bearer(event: &Received) -> Option<&str> {
    let mut fields = event.headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}
