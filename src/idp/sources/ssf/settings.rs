//! What the config says of a Shared Signals transmitter.

use super::source::Ssf;
use super::stream_settings::{Delivery, StreamSettings};
use crate::decide::rules::Algorithm;
use crate::idp::build::BuildError;
use crate::idp::guard::Allowed;
use crate::idp::receive::Opening;
use crate::idp::settings::{IssuerSettings, Misfit, address_misfit};
use crate::idp::source::{Source, SourceKind};
use crate::idp::sources::backchannel_logout::Ends;
use crate::idp::sources::global_token_revocation::Opaque;
use crate::idp::sources::poll::AuthSettings;
use crate::idp::told;
use crate::idp::web_url::WebUrl;
use crate::settings::{Bytes, OrOff, Secret, Span};
use crate::state::revocations::Bounds;
use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A transmitter of security events. Its larger parts are boxed, so that other kinds of sources do not take their room.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsfSettings {
    /// The issuer whose tokens it tells of, by its name in `issuers`.
    pub issuer: String,
    /// The `iss` of its events, byte for byte, and the base of its metadata. Default: the issuer's.
    #[serde(default)]
    pub transmitter: Option<String>,
    /// Where its metadata is. Default: `/.well-known/ssf-configuration`, inserted before the path of `transmitter`;
    /// in Google's dialect `/.well-known/risc-configuration`.
    #[serde(default)]
    pub metadata: Option<WebUrl>,
    /// The keys that its events are signed with: `metadata` (default: the key set that its metadata names), `issuer`
    /// (those that the issuer's tokens are signed with), or `{url: …}`.
    #[serde(default)]
    pub keys: SignedBy,
    /// The algorithms that its events may be signed with; not with `keys: issuer`, where they are the issuer's. Default
    /// `RS256 PS256 ES256 ES384 EdDSA Ed25519`.
    #[serde(default)]
    pub algorithms: Option<Vec<Algorithm>>,
    /// How strictly events follow the standard: `standard` (default), `draft` (transmitters before SSF 1.0, which name
    /// the subject inside of the event) or `google`.
    #[serde(default)]
    pub dialect: Dialect,
    /// Whom events are meant for: one of these must be in `aud`. The audience of a stream that the gateway manages
    /// counts too, and then this may be empty.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// How events come: `push: {…}` or `poll: {…}`.
    pub delivery: Box<Delivery>,
    /// The stream, if the gateway is to create or adopt it, to verify it and to watch its status. Default: none; it is
    /// set up by hand at the transmitter.
    #[serde(default)]
    pub stream: Option<Box<StreamSettings>>,
    /// A header that opens the transmitter's doors, such as `Authorization` with a bearer token.
    #[serde(default)]
    pub auth: Option<AuthSettings>,
    /// Whom it may speak about, and where tokens carry that name.
    #[serde(default)]
    pub subjects: Box<SubjectSettings>,
    /// What is done at events that do not always mean that sessions end.
    #[serde(default)]
    pub actions: Actions,
    /// How old an event may be by its `iat`, and how long its `jti` is remembered. Default `7d`: transmitters keep what
    /// could not be delivered.
    #[serde(default = "week")]
    pub max_age: Span,
    /// The age from which on its knowledge is stale, or `off`. Polled: counted from the last poll that was answered,
    /// default `1m`. Pushed: from the last verification, default three times `verify_interval`; without `stream` it is
    /// never stale, because nobody could tell.
    #[serde(default)]
    pub max_staleness: Option<OrOff<Span>>,
    /// What is done when events were lost, because the stream is new or was disabled: `accept` (default, and told in
    /// the log), or `cut`: all tokens of the issuer that were issued until then are refused.
    #[serde(default)]
    pub on_gap: OnGap,
    /// How many entries it may hold; beyond it events are refused, for their sender to send again: nothing that
    /// was acknowledged is forgotten. Default 1,000,000.
    #[serde(default = "told::max_entries")]
    pub max_entries: usize,
    /// How long an entry is kept: longer than a sign-in can be renewed, refresh tokens included. A token that is renewed says
    /// when its user signed in, and could pass again after it. `max_entries` must hold the events of so long. `off` for ever.
    /// Default `30d`. An account that is disabled stays so until it is enabled.
    #[serde(default = "told::retain")]
    pub retain: OrOff<Span>,
    /// How long the transmitter may take to answer. Default `5s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How long one answer may be. Default `4MiB`.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bytes,
    /// A PEM file of the roots by which the transmitter is known. Default: the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Ask loopback, private and link-local addresses too. Default `false`.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Ask over plain http, at loopback addresses only. Default `false`.
    #[serde(default)]
    pub allow_http: bool,
}

/// Whose keys events are signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignedBy {
    /// The key set that the transmitter's metadata names.
    #[default]
    Metadata,
    /// The keys of the issuer's tokens.
    Issuer,
    /// The address of a key set.
    Url(WebUrl),
}

/// How strictly events follow the standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SsfDialect")]
pub enum Dialect {
    /// SSF 1.0: `typ` is `secevent+jwt`, the subject is in `sub_id`, and neither `sub` nor `exp` is there.
    #[default]
    Standard,
    /// Before SSF 1.0: the subject may be inside of the event, `sub` and `exp` are ignored.
    Draft,
    /// Google's Cross-Account Protection: as `draft`, with `subject_type` in place of `format`, and any `typ`.
    Google,
}

/// What is done about events that were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnGap")]
pub enum OnGap {
    /// Nothing but a warning.
    #[default]
    Accept,
    /// Tokens of the issuer that were issued before are refused.
    Cut,
}

/// Whom a transmitter may speak about, and where tokens carry that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfSubjects")]
pub struct SubjectSettings {
    /// The `iss` of subjects that it may speak about besides the issuer's own, such as `https://accounts.google.com`.
    pub issuers: Vec<String>,
    /// What an `opaque` id names: `off` (default: nothing), `subject` or `session`. In a complex subject the place says it.
    pub opaque: Opaque,
    /// What is ended by an event that names a session and its user: `session` (default), or `subject`, all sessions of
    /// the user, where tokens do not carry the session as the transmitter names it.
    pub ends: Ends,
    /// The claim of tokens in which each kind of name stands; each must be in the issuer's `revocable_claims`. A kind
    /// without a claim cannot be matched, and is counted as such.
    pub claims: SubjectClaims,
}

/// The claims in which tokens carry the names of subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfClaims")]
pub struct SubjectClaims {
    /// Of `email`. Tokens should carry it in lower case; it is matched as sent, and in lower case.
    pub email: Option<String>,
    /// Of `phone_number`.
    pub phone_number: Option<String>,
    /// Of `account`, with or without its `acct:`.
    pub account: Option<String>,
    /// Of `did`.
    pub did: Option<String>,
    /// Of `uri`.
    pub uri: Option<String>,
    /// Of an `iss_sub` of one of `issuers`: where tokens carry that `sub`. Default: in their own `sub`.
    pub foreign_sub: Option<String>,
    /// Of a complex subject's `device`. Without it, an event about a user's device ends all sessions of the user.
    pub device: Option<String>,
    /// Of a complex subject's `tenant`: naming it lets one event end all sessions of a tenant.
    pub tenant: Option<String>,
    /// Of a complex subject's `org_unit`.
    pub org_unit: Option<String>,
    /// Of a complex subject's `group`.
    pub group: Option<String>,
}

impl SubjectClaims {
    /// Those that are named.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let people = [&self.email, &self.phone_number, &self.account, &self.did, &self.uri, &self.foreign_sub];
        let others = [&self.device, &self.tenant, &self.org_unit, &self.group];
        people.into_iter().chain(others).filter_map(Option::as_deref)
    }
}

/// What is done at events that do not always mean that sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SsfActions")]
pub struct Actions {
    /// A credential was added: `ignore` (default) or `cut`, which ends the sessions.
    pub credential_created: Act,
    /// The assurance of a user fell: `cut` (default), so that the user signs in again, or `ignore`.
    pub assurance_decreased: Act,
    /// A device does not comply any more: `cut` (default) or `ignore`.
    pub device_not_compliant: Act,
    /// The risk of a user is high: `cut` (default) or `ignore`.
    pub risk_high: Act,
    /// A user began to recover the account: `ignore` (default) or `cut`.
    pub recovery_activated: Act,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SsfAct")]
pub enum Act {
    /// Sessions up to the event end.
    Cut,
    /// Nothing.
    Ignore,
}

impl Default for Actions {
    fn default() -> Self {
        Self {
            credential_created: Act::Ignore,
            assurance_decreased: Act::Cut,
            device_not_compliant: Act::Cut,
            risk_high: Act::Cut,
            recovery_activated: Act::Ignore,
        }
    }
}

fn week() -> Span {
    Span::hours(7 * 24)
}
fn timeout() -> Span {
    Span::secs(5)
}
fn max_bytes() -> Bytes {
    Bytes::mib(4)
}

impl SsfSettings {
    /// The `Authorization` that the transmitter sends.
    #[must_use]
    pub fn authorization(&self) -> Option<&Secret> {
        match &*self.delivery {
            Delivery::Push(push) => push.authorization.as_ref(),
            Delivery::Poll(_) => None,
        }
    }

    /// The path of the URL that the transmitter is told to push to.
    #[must_use]
    pub fn pushed_to(&self) -> Option<&str> {
        match &*self.delivery {
            Delivery::Push(push) => push.url.as_ref().map(|url| url.uri().path()),
            Delivery::Poll(_) => None,
        }
    }

    pub(super) const fn allowed(&self) -> Allowed {
        Allowed { private_network: self.allow_private_network, http: self.allow_http }
    }

    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        self.algorithms.clone().unwrap_or_else(|| IssuerSettings::new("").allowed().to_vec())
    }

    /// Is the transmitter's metadata needed?
    pub(super) fn needs_metadata(&self) -> bool {
        self.keys == SignedBy::Metadata || self.stream.is_some()
    }

    fn max_staleness(&self) -> Option<Duration> {
        match (&self.max_staleness, &*self.delivery, &self.stream) {
            (Some(said), _, _) => said.on().map(Span::get),
            (None, Delivery::Poll(_), _) => Some(Duration::from_secs(60)),
            (None, Delivery::Push(_), Some(stream)) => stream.verify_interval.on().map(|span| span.get() * 3),
            (None, Delivery::Push(_), None) => None,
        }
    }
}

impl SourceKind for SsfSettings {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: self.max_entries, max_staleness: self.max_staleness() }
    }

    fn retain(&self) -> Option<Duration> {
        self.retain.on().map(Span::get)
    }

    fn door(&self) -> Option<Opening<'_>> {
        match &*self.delivery {
            Delivery::Push(push) => Some((&push.door, &[""])),
            Delivery::Poll(_) => None,
        }
    }

    /// An event of a stream comes to one instance, also where it is polled: it is gone once it is acknowledged.
    fn is_told(&self) -> bool {
        true
    }

    fn held(&self) -> Vec<&Secret> {
        match &*self.delivery {
            Delivery::Push(push) => push.authorization.iter().collect(),
            Delivery::Poll(_) => Vec::new(),
        }
    }

    fn misfits(&self) -> Vec<Misfit> {
        let mut told = self.delivery.misfits(self.stream.as_deref(), self.allowed());
        told.extend(self.stream.iter().flat_map(|stream| stream.misfits()));
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let nobody = self.audiences.is_empty() && self.stream.is_none();
        tell(nobody, "audiences", "nobody is named whom an event could be meant for: write the `aud` of its events");
        tell(self.max_age == Span::ZERO, "max_age", "an event needs time to arrive: write `7d`");
        tell(self.timeout == Span::ZERO, "timeout", "an answer needs time: write for example `5s`");
        let never = self.max_staleness().is_some_and(|max| max <= self.delivery.renewed(self.stream.as_deref()));
        tell(never, "max_staleness", "the knowledge would be stale between two polls or verifications: write more");
        tell(self.algorithms.as_ref().is_some_and(Vec::is_empty), "algorithms", "name one algorithm at least");
        let symmetric = self.algorithms().iter().any(|one| one.is_symmetric());
        tell(symmetric, "algorithms", "events are signed by the transmitter's own keys, never with a shared secret");
        let header = self.auth.as_ref().is_some_and(|auth| HeaderName::try_from(&auth.header).is_err());
        tell(header, "auth", "`header` is not the name of a header");
        if let SignedBy::Url(url) = &self.keys {
            told.extend(address_misfit("keys", Some(url), self.allowed()));
        }
        let metadata = self.metadata.as_ref().and_then(|url| address_misfit("metadata", Some(url), self.allowed()));
        told.extend(metadata);
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(Ssf::new(self)?))
    }
}
