//! The settings of the data plane: the gateway itself, policies, routes and what flows down to them.
//! Each is right by its own; that they fit together is checked by `control`.

use super::answer::Exposure;
use super::presets::Preset;
use super::sessions::{SessionPolicy, StepUpPolicy};
use super::trace_fields::TraceField;
use super::when::WhenRule;
use crate::decide::checks::binding::{Dpop, DpopNonce, Mtls};
use crate::decide::checks::freshness::{ColdStart, OnStale};
use crate::decide::checks::introspection::IntrospectionRule;
use crate::decide::checks::status::StatusRule;
use crate::settings::{Bytes, OrOff, Secret, Span};
use crate::state::sessions::Activity;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The gateway as a whole.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// The name of this deployment, as `Proxy-Status` and `Via` show it. Letters, digits, `-`, `.`; default `curfew`.
    pub name: String,
    /// The `realm` of challenges (RFC 9110 §11.5). Default `curfew`.
    pub realm: String,
    /// How much a refusal tells the client: `none`, `coarse` (the reason; default), `full` (also the numbers compared).
    pub exposure: Exposure,
    /// The base of the `type` URIs of problem bodies (RFC 9457 §3.1.1); the reason's code is appended.
    pub problem_base: String,
    /// Worker threads; `0` is one per core (default).
    pub workers: usize,
    /// How long a shutdown waits for requests and streams to end. Default `30s`.
    pub grace: Span,
    /// The networks whose `Forwarded` and `X-Forwarded-*` fields are believed and appended to. Default: none.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Continue the caller's trace instead of starting a new one that links to it. Default `false`.
    pub trust_inbound_trace: bool,
    /// The response fields that tell callers which trace their request is in: `traceresponse` (W3C Trace Context Level 2),
    /// `server_timing` (which browsers show, and with `Timing-Allow-Origin` give to pages of other origins). Both name
    /// the gateway's own span. Default: none; a refusal's body names its trace in any case, and a refused HEAD, which has
    /// no body, gets `traceresponse`.
    pub trace_fields: Vec<TraceField>,
    /// Refuse a request that carries fields only the gateway may set, instead of removing them. Default `false`.
    pub strict_headers: bool,
    /// A directory for this process alone, in which over a restart are kept: the last good keys; what revocation sources
    /// said; and, where `telemetry.hash_key` is not set, the key by which these name users. That of revocations is
    /// opened when the process starts. Default: nowhere, and what was only told once is forgotten.
    pub state_dir: Option<std::path::PathBuf>,
    /// How many of one Via name make a loop: a request that passed this gateway so often is refused. Default `2`.
    pub max_loops: u8,
    /// The secrets of DPoP nonces, read when the process starts. The first makes nonces, those of all are taken: a
    /// fleet whose instances share them takes each other's. Default: a random one of this process, so that a client
    /// that comes to another instance is given another nonce first.
    pub nonce_keys: Vec<Secret>,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            name: "curfew".into(),
            realm: "curfew".into(),
            exposure: Exposure::Coarse,
            problem_base: "https://curfew.example/problems/".into(),
            workers: 0,
            grace: Span::from(Duration::from_secs(30)),
            trusted_proxies: Vec::new(),
            trust_inbound_trace: false,
            trace_fields: Vec::new(),
            strict_headers: false,
            state_dir: None,
            max_loops: 2,
            nonce_keys: Vec::new(),
        }
    }
}

/// What a policy says of the token's times and claims.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenPolicy {
    /// The greatest age, `now - iat`; `off` for none. Default: what `defaults` says, else `off`.
    pub max_age: Option<OrOff<Span>>,
    /// The longest lifetime, `exp - iat`; `off` for none. Default: what `defaults` says, else `24h`.
    pub max_lifetime: Option<OrOff<Span>>,
    /// Tokens that are bound to a key of the client (RFC 9449): `off` (the `DPoP` scheme is not spoken), `optional` (a
    /// bound token comes with a proof, any other is a bearer token), `required` (only bound tokens). Default: what
    /// `defaults` says, else `optional`.
    pub dpop: Option<Dpop>,
    /// How old a proof may be, at most `5m`. Default: what `defaults` says, else `60s`.
    pub dpop_max_age: Option<Span>,
    /// Whether a proof must carry a nonce that the gateway gave (RFC 9449 §9): `off`, or `required`, so that no proof is
    /// made for later. A client without one is refused once, with a nonce. Default: what `defaults` says, else `off`.
    pub dpop_nonce: Option<DpopNonce>,
    /// How old a nonce may be, at most `1h`; from half of it on a new one comes with the answer. Default: what
    /// `defaults` says, else `5m`.
    pub dpop_nonce_max_age: Option<Span>,
    /// Tokens that are bound to a client certificate (RFC 8705 §3): `off` (refused), `optional` (a bound token comes
    /// over a connection with its certificate), `required` (only bound tokens; the listener must ask for certificates).
    /// Default: what `defaults` says, else `optional`.
    pub mtls: Option<Mtls>,
    /// Claims that must be there besides those of the issuer's profile, such as `sub` or `auth_time`.
    pub require: Vec<String>,
}

/// What a policy says of revocation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationPolicy {
    /// What happens while it cannot be told whether a token is revoked: `deny` (503), `introspect` (its issuer is asked,
    /// and 503 if that does not answer) or `allow`. Default: what `defaults` says; else `introspect` with
    /// `introspection: when_stale`; else `deny`.
    pub on_stale: Option<OnStale>,
    /// What happens as long as a source of the token's issuer was not heard at all since the start: `deny` (503),
    /// `introspect` (its issuer is asked, and 503 if that does not answer) or `accept`. Default: what `defaults` says,
    /// else as `on_stale`.
    pub cold_start: Option<ColdStart>,
    /// When the token's issuer is asked whether it is active (RFC 7662): `never` but where `on_stale` or `cold_start` say
    /// `introspect`, `when_stale` (while what is known of revocations is not fresh; with `on_stale: allow`, an answer
    /// that cannot be had refuses nobody), or `always` (each token, and again when the answer is older than the issuer's
    /// `active_for`). Default: what `defaults` says, else `never`.
    pub introspection: Option<IntrospectionRule>,
    /// Tokens that name a status list (Token Status List): `off` (the list is not looked at), `honour` (a token that
    /// names one is judged by it, and refused where no source of its issuer may fetch it), `required` (every token
    /// names one). Default: what `defaults` says, else `honour`.
    pub status: Option<StatusRule>,
}

/// A rule about one claim.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRule {
    /// The claim: a name, or names with dots between, such as `realm_access.roles`.
    pub claim: String,
    /// The values of which the claim must be one, or, if it is an array, hold one.
    pub any_of: Vec<serde_json::Value>,
}

/// Leave to be looser than the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relax {
    /// The fields that are looser, such as `token.max_lifetime`.
    pub fields: Vec<String>,
    /// Why: for those who review the config.
    pub reason: String,
}

/// What a route asks of a token.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// The issuers that are trusted, by their names in `issuers`. Default: all of them.
    pub issuers: Vec<String>,
    /// The audiences that are accepted. Default: those of the token's issuer.
    pub audiences: Option<Vec<String>>,
    /// A standard whose limits hold where this policy says nothing, and which `check` proves it to keep. Default: none.
    pub preset: Option<Preset>,
    /// The token's times and claims.
    pub token: TokenPolicy,
    /// Revocation.
    pub revocation: RevocationPolicy,
    /// Sessions.
    pub session: SessionPolicy,
    /// How recently and how strongly the user must have signed in.
    pub step_up: StepUpPolicy,
    /// Scopes, all of which the token must carry.
    pub scopes: Vec<String>,
    /// Rules about claims, all of which must hold.
    pub claims: Vec<ClaimRule>,
    /// Rules for some of the requests: other limits, for those who ask or where they are. All that hold count, and the
    /// strictest limit of them; at most 32. Default: none.
    pub when: Vec<WhenRule>,
    /// Leave to be looser than `defaults`.
    pub relax: Option<Relax>,
}

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Connecting to the upstream, TLS included. Default `5s`.
    pub connect: Option<Span>,
    /// From the request being sent to the head of the response. Default `30s`.
    pub first_byte: Option<Span>,
    /// Between two pieces of a body, either way, and of silence of both sides of a WebSocket; `off` for none. Default
    /// `60s`.
    pub between_bytes: Option<OrOff<Span>>,
    /// The whole exchange; `off` for none (default).
    pub request: Option<OrOff<Span>>,
}

/// What flows down to policies and routes that do not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// The policy of routes that name none.
    pub policy: Option<String>,
    /// The token's times; a policy may only be tighter, unless it says `relax`.
    pub token: TokenPolicy,
    /// Revocation; a policy may only be tighter, unless it says `relax`.
    pub revocation: RevocationPolicy,
    /// Sessions; a policy may only be tighter, unless it says `relax`.
    pub session: SessionPolicy,
    /// The sign-in; a policy may only be tighter, unless it says `relax`.
    pub step_up: StepUpPolicy,
    /// Timeouts; a route may only be tighter, unless it says `relax`.
    pub timeouts: Timeouts,
    /// The largest request body; `off` for none. Default `10MiB`.
    pub body_limit: Option<OrOff<Bytes>>,
}

/// Is a token asked for?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes.
    #[default]
    Guarded,
    /// No: everybody may pass.
    Open,
}

/// Where a route's token may be, besides `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenLocation {
    /// The name of a cookie.
    pub cookie: Option<String>,
}

/// What is done to header fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderRules {
    /// Fields that are set, in place of what was there.
    pub set: BTreeMap<String, String>,
    /// Fields that are removed.
    pub remove: Vec<String>,
}

/// Header rules of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    /// Of the request, on its way to the upstream.
    pub request: HeaderRules,
    /// Of the response, on its way to the client.
    pub response: HeaderRules,
}

/// A route: what it matches, what it asks, where it leads.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// Its name, in traces, metrics and `explain`.
    pub name: String,
    /// The hosts it is for: exact, or `*.` and a domain. Default: every host.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The path: `/orders` exactly, `/orders/{id}` with any one segment, `/orders/**` with all below it.
    pub path: String,
    /// The methods it is for. Default: every method.
    #[serde(default)]
    pub methods: Vec<String>,
    /// `guarded` (default) or `open`.
    #[serde(default)]
    pub access: Access,
    /// The policy, by its name in `policies`. Default: the one of `defaults`.
    #[serde(default)]
    pub policy: Option<String>,
    /// A policy, by its name in `policies`, that is judged beside the route's own where that admits, and refuses nobody:
    /// what it would have refused is counted, recorded and told by `curfew refusals --shadow`. So a stricter policy is
    /// tried before it is put in force. It asks no issuer about a token. Default: none.
    #[serde(default)]
    pub shadow: Option<String>,
    /// The upstream, by its name in `upstreams`.
    pub upstream: String,
    /// Where the token may be, besides `Authorization`.
    #[serde(default)]
    pub token: TokenLocation,
    /// Leave the token on the request for the upstream. Default `false`. Needs TLS to the upstream, or loopback
    /// (RFC 6750 §5.2).
    #[serde(default)]
    pub forward_token: bool,
    /// Do requests show that their user is there? `user` (default), or `none` for what comes by itself, such as polling,
    /// heartbeats and prefetches: it keeps no session alive.
    #[serde(default)]
    pub activity: Activity,
    /// Do responses of admitted requests tell when the session will end, in `Curfew-Session`, and from the policy's
    /// `session.warn_before` on in `Curfew-Session-Warning` too? Fields of these names that the upstream sends are then
    /// removed. Default `false`.
    #[serde(default)]
    pub session_headers: bool,
    /// May a WebSocket be opened? Default `false`.
    #[serde(default)]
    pub websocket: bool,
    /// Timeouts.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The largest request body; `off` for none. Default: what `defaults` says, else `10MiB`.
    #[serde(default)]
    pub body_limit: Option<OrOff<Bytes>>,
    /// How often an idempotent request without a body is tried again on another endpoint. Default `1`.
    #[serde(default = "one")]
    pub retries: u32,
    /// Header rules.
    #[serde(default)]
    pub headers: Headers,
    /// Fields that tell the upstream who the caller is, and the claim each is made of. Default: `Curfew-Subject`
    /// of `sub`, `Curfew-Issuer` of `iss`, `Curfew-Client` of `client_id`, `Curfew-Scope` of `scope`.
    #[serde(default)]
    pub identity: Option<BTreeMap<String, String>>,
    /// Leave to be looser than `defaults`.
    #[serde(default)]
    pub relax: Option<Relax>,
}

const fn one() -> u32 {
    1
}
