//! What the config says of issuers: the `issuers` block. The sources of revocations say theirs in `sources`.

use super::fleet::settings::FleetSettings;
use super::guard::Allowed;
use super::introspection::settings::IntrospectionSettings;
use super::signed::Signer;
use super::source::SourceSettings;
use super::web_url::WebUrl;
use crate::decide::finding::{Limit, Origin};
use crate::decide::id::IssuerName;
use crate::decide::rules::{Algorithm, Algorithms, IssuerRules, Profile};
use crate::settings::{Secret, Span};
use crate::state::keys::{IssuerKeys, Patience};
use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// All that this room is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The issuers, by their names.
    pub issuers: BTreeMap<String, IssuerSettings>,
    /// The revocation sources, by their names.
    pub sources: BTreeMap<String, SourceSettings>,
    /// The channel between instances.
    pub fleet: Option<FleetSettings>,
    /// Where the last good keys are kept over a restart.
    pub state_dir: Option<PathBuf>,
}

/// What is known of revocation: the `revocation` block.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationSettings {
    /// The sources, by their names. Default: none, and then no token is asked for revocation.
    pub sources: BTreeMap<String, SourceSettings>,
    /// The channel on which instances tell each other of revocations. Default: none, and then each knows only what it
    /// was told itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetSettings>,
}

/// One issuer: whose tokens are accepted, and how its keys are had.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The `iss` of its tokens, byte for byte, and the base of discovery.
    pub issuer: String,
    /// Where its keys come from: `{discovery: oidc | oauth | auto}`, `{url: …}`, `{file: …}` or `{secret: …}`.
    /// Default `{discovery: oidc}`.
    #[serde(default)]
    pub keys: KeySource,
    /// Who its tokens may be meant for, where the policy does not say: a list, or `any`, spelled. Default: nobody.
    #[serde(default)]
    pub audiences: Audiences,
    /// The algorithms its tokens may be signed with. Default `RS256 PS256 ES256 ES384 EdDSA Ed25519`; for a
    /// secret `HS256 HS384 HS512`, of which the first that is named here, or the one that fits its length, is used.
    #[serde(default)]
    pub algorithms: Option<Vec<Algorithm>>,
    /// How its access tokens are told from its other tokens: `rfc9068` (default), or `legacy`.
    #[serde(default)]
    pub profile: Profile,
    /// By how much its clock and ours may differ. `0s` to `5m`; default `60s`.
    #[serde(default = "leeway")]
    pub leeway: Span,
    /// The claim that names the session. Default `sid`.
    #[serde(default = "session_claim")]
    pub session_claim: String,
    /// Other claims by which tokens may be revoked, such as `email`, `tenant` or a device id; strings and numbers, inside
    /// of objects by a path with dots. At most 8. Default none: each costs a hash at a token's first sight and a look-up
    /// with every request, and an entry that names a claim which is not listed here hits nothing.
    #[serde(default)]
    pub revocable_claims: Vec<String>,
    /// Refuse tokens whose header carries a key, instead of ignoring that key. Default `false`.
    #[serde(default)]
    pub strict_header: bool,
    /// The upper bound between two fetches in the background; the provider's `max-age` may make it less.
    /// Default `10m`, at least `1s`.
    #[serde(default = "refresh")]
    pub refresh: Span,
    /// How long one fetch may take. Default `10s`.
    #[serde(default = "fetch_timeout")]
    pub fetch_timeout: Span,
    /// The least time between two fetches that unknown keys ask for. Default `30s`, at least `1s`: less would let
    /// made-up tokens aim the gateway at the provider.
    #[serde(default = "unknown_key_cooldown")]
    pub unknown_key_cooldown: Span,
    /// How long a request with an unknown key may wait for that fetch. Default `2s`.
    #[serde(default = "unknown_key_wait")]
    pub unknown_key_wait: Span,
    /// Up to which age the last good keys are used while the provider is silent. Default `24h`.
    #[serde(default = "max_stale")]
    pub max_stale: Span,
    /// How it can be asked whether one of its tokens is active (RFC 7662); when, a policy's `revocation.introspection`
    /// says. Default: it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection: Option<IntrospectionSettings>,
    /// A PEM file of the roots by which the provider is known. Default: the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Fetch from loopback, private and link-local addresses too. Default `false`.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Fetch over plain http, from loopback addresses only. Default `false`.
    #[serde(default)]
    pub allow_http: bool,
}

/// By how many claims an issuer's tokens may be revoked.
const REVOCABLE: usize = 8;

fn leeway() -> Span {
    Span::secs(60)
}
fn session_claim() -> String {
    "sid".into()
}
fn refresh() -> Span {
    Span::mins(10)
}
fn fetch_timeout() -> Span {
    Span::secs(10)
}
fn unknown_key_cooldown() -> Span {
    Span::secs(30)
}
fn unknown_key_wait() -> Span {
    Span::secs(2)
}
fn max_stale() -> Span {
    Span::hours(24)
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The provider's metadata names the key set.
    Discovery(Discovery),
    /// The address of the key set.
    Url(WebUrl),
    /// A file with a key set, watched.
    File(PathBuf),
    /// A shared secret: HS256, HS384 or HS512.
    Secret(Secret),
}

impl Default for KeySource {
    fn default() -> Self {
        Self::Discovery(Discovery::Oidc)
    }
}

/// Which metadata is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// OpenID Connect Discovery: `/.well-known/openid-configuration`, appended.
    Oidc,
    /// RFC 8414: `/.well-known/oauth-authorization-server`, inserted.
    Oauth,
    /// Both; where both answer, they must agree.
    Auto,
}

/// Who tokens may be meant for.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Audiences {
    /// Anybody: written `any`.
    Any(Any),
    /// One of these.
    Of(Vec<String>),
}

/// The word `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Any {
    /// Any audience at all.
    Any,
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Of(Vec::new())
    }
}

impl Serialize for Audiences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any(any) => any.serialize(serializer),
            Self::Of(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudiencesVisitor)
    }
}

struct AudiencesVisitor;

impl<'de> serde::de::Visitor<'de> for AudiencesVisitor {
    type Value = Audiences;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of audiences, or `any`")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Audiences, E> {
        if word == "any" {
            return Ok(Audiences::Any(Any::Any));
        }
        Err(E::custom(format_args!("`{word}` is not a list of audiences: write `[{word}]`, or `any`")))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Audiences, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Audiences::Of(list))
    }
}

/// A setting that does not go with another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The field, in its block.
    pub field: &'static str,
    /// What is wrong, and what to write.
    pub told: String,
}

const ASYMMETRIC: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::Ed25519];
const SYMMETRIC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

impl IssuerSettings {
    /// The settings of an issuer of which nothing but its `iss` is said.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.into(),
            keys: KeySource::default(),
            audiences: Audiences::default(),
            algorithms: None,
            profile: Profile::default(),
            leeway: leeway(),
            session_claim: session_claim(),
            revocable_claims: Vec::new(),
            strict_header: false,
            refresh: refresh(),
            fetch_timeout: fetch_timeout(),
            unknown_key_cooldown: unknown_key_cooldown(),
            unknown_key_wait: unknown_key_wait(),
            max_stale: max_stale(),
            introspection: None,
            ca: None,
            allow_private_network: false,
            allow_http: false,
        }
    }

    /// The algorithms its tokens may be signed with, in the order of the settings.
    #[must_use]
    pub fn allowed(&self) -> &[Algorithm] {
        match (&self.algorithms, &self.keys) {
            (Some(named), _) => named,
            (None, KeySource::Secret(_)) => &SYMMETRIC,
            (None, _) => &ASYMMETRIC,
        }
    }

    /// What its tokens must be like.
    #[must_use]
    pub fn rules(&self, name: &str) -> IssuerRules {
        let origin = if self.leeway == leeway() { Origin::BuiltIn } else { Origin::Issuer };
        IssuerRules {
            name: IssuerName::from(name),
            issuer: self.issuer.as_str().into(),
            algorithms: self.allowed().iter().copied().collect::<Algorithms>(),
            profile: self.profile,
            leeway: Limit::new(self.leeway.get(), origin),
            audiences: match &self.audiences {
                Audiences::Any(_) => None,
                Audiences::Of(list) => Some(list.iter().map(|one| one.as_str().into()).collect()),
            },
            strict_header: self.strict_header,
        }
    }

    /// The secrets that are held from when the settings are taken up.
    pub(super) fn held(&self) -> impl Iterator<Item = &Secret> {
        let key = match &self.keys {
            KeySource::Secret(secret) => Some(secret),
            _ => None,
        };
        key.into_iter()
            .chain(self.introspection.as_ref().and_then(|asked| asked.auth.secret()).map(|(_, secret)| secret))
    }

    /// Whose words count for it.
    pub(super) fn signer(&self, keys: &Arc<IssuerKeys>) -> Signer {
        Signer {
            iss: self.issuer.as_str().into(),
            keys: Arc::clone(keys),
            algorithms: self.allowed().iter().copied().collect(),
            leeway: self.leeway.get(),
        }
    }

    pub(super) fn patience(&self) -> Patience {
        let ages = !matches!(self.keys, KeySource::Secret(_));
        Patience {
            max_stale: ages.then_some(self.max_stale.get()),
            cooldown: self.unknown_key_cooldown.get(),
            wait: self.unknown_key_wait.get(),
        }
    }

    pub(in crate::idp) const fn allowed_places(&self) -> Allowed {
        Allowed { private_network: self.allow_private_network, http: self.allow_http }
    }

    /// What does not go together in these settings.
    #[must_use]
    pub fn misfits(&self) -> Vec<Misfit> {
        let mut told = Vec::new();
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        tell(self.issuer.is_empty(), "issuer", "an issuer has a name: the `iss` of its tokens");
        tell(self.leeway > Span::mins(5), "leeway", "a leeway over `5m` lets expired tokens live (RFC 7519 §4.1.4)");
        tell(self.refresh < Span::secs(1), "refresh", "fetching more often than each `1s` is refused");
        tell(self.fetch_timeout == Span::ZERO, "fetch_timeout", "a fetch needs time: write for example `10s`");
        tell(
            self.unknown_key_cooldown < Span::secs(1),
            "unknown_key_cooldown",
            "less than `1s` is refused: write `30s`",
        );
        tell(self.max_stale == Span::ZERO, "max_stale", "keys that are stale at once are no keys: write `24h`");
        tell(self.algorithms.as_ref().is_some_and(Vec::is_empty), "algorithms", "name one algorithm at least");
        let claims = &self.revocable_claims;
        tell(claims.len() > REVOCABLE, "revocable_claims", "more than 8 claims to revoke by are refused");
        tell(claims.iter().any(String::is_empty), "revocable_claims", "a claim has a name");
        let secret = matches!(self.keys, KeySource::Secret(_));
        let (mixed, what) = if secret {
            (self.allowed().iter().any(|one| !one.is_symmetric()), "a secret verifies HS256, HS384 and HS512 only")
        } else {
            (self.allowed().iter().any(|one| one.is_symmetric()), "HS256, HS384 and HS512 need `keys: {secret: …}`")
        };
        tell(mixed, "algorithms", what);
        let asked = self.introspection.iter().flat_map(|asked| asked.misfits(&self.keys, self.allowed_places()));
        told.extend(asked);
        let (field, url) = match &self.keys {
            KeySource::Url(url) => ("keys", Some(url.clone())),
            KeySource::Discovery(_) => ("issuer", self.issuer.parse().ok()),
            KeySource::File(_) | KeySource::Secret(_) => return told,
        };
        told.extend(address_misfit(field, url.as_ref(), self.allowed_places()));
        told
    }
}

/// An address that is not to be fetched from, as far as one can see without asking.
pub(in crate::idp) fn address_misfit(field: &'static str, url: Option<&WebUrl>, allowed: Allowed) -> Option<Misfit> {
    let Some(url) = url else {
        return Some(Misfit { field, told: "not an https URL, so its metadata cannot be found: see `keys`".into() });
    };
    let plain = "plain http is for this machine only, and only where `allow_http: true` says so";
    let inner = "an address of this machine or of the inner network needs `allow_private_network: true`";
    if !url.is_secure() {
        let fine = allowed.http && url.is_loopback();
        return (!fine).then(|| Misfit { field, told: plain.into() });
    }
    let refused = url.host().parse().is_ok_and(|address| !allowed.address(address, true));
    refused.then(|| Misfit { field, told: inner.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<IssuerSettings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn silence_is_the_default() {
        let settings = read(r#"{"issuer":"https://id.example.com/"}"#).unwrap();
        assert_eq!(settings, IssuerSettings::new("https://id.example.com/"));
        assert_eq!(settings.misfits(), []);
        let rules = settings.rules("corp");
        assert!(rules.algorithms.contains(Algorithm::RS256) && !rules.algorithms.contains(Algorithm::HS256));
        assert_eq!(rules.audiences, Some(Box::from([])));
    }

    #[test]
    fn every_source_of_keys_is_read() {
        for keys in [
            r#"{"discovery":"oauth"}"#,
            r#"{"url":"https://id.example.com/keys"}"#,
            r#"{"file":"jwks.json"}"#,
            r#"{"secret":{"env":"SECRET"}}"#,
        ] {
            let text = format!(r#"{{"issuer":"https://i","keys":{keys},"audiences":"any"}}"#);
            let settings = read(&text).unwrap();
            assert_eq!(settings.misfits(), [], "{keys}");
            assert_eq!(settings.rules("i").audiences, None);
            assert_eq!(read(&serde_json::to_string(&settings).unwrap()).unwrap(), settings);
        }
        assert!(read(r#"{"issuer":"i","audiences":"me"}"#).unwrap_err().contains("write `[me]`"));
        assert!(read(r#"{"issuer":"i","jwks":"x"}"#).unwrap_err().contains("unknown field"));
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        for (json, field) in [
            (r#"{"issuer":"urn:corp"}"#, "issuer"),
            (r#"{"issuer":"http://127.0.0.1:1"}"#, "issuer"),
            (r#"{"issuer":"http://id.example.com","allow_http":true}"#, "issuer"),
            (r#"{"issuer":"https://10.0.0.1"}"#, "issuer"),
            (r#"{"issuer":"i","keys":{"url":"http://id.example.com/"}}"#, "keys"),
            (r#"{"issuer":"https://i","leeway":"6m"}"#, "leeway"),
            (r#"{"issuer":"https://i","algorithms":["HS256"]}"#, "algorithms"),
            (r#"{"issuer":"https://i","algorithms":[]}"#, "algorithms"),
            (r#"{"issuer":"i","keys":{"secret":{"env":"S"}},"algorithms":["HS256","RS256"]}"#, "algorithms"),
            (r#"{"issuer":"https://i","unknown_key_cooldown":"0s"}"#, "unknown_key_cooldown"),
        ] {
            let told = read(json).unwrap().misfits();
            assert_eq!(told.iter().map(|misfit| misfit.field).collect::<Vec<_>>(), [field], "{json}");
        }
    }
}
