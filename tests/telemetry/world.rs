//! A policy, a token and a request to tell of.

use std::time::Duration;

use curfew::decide::checks::age::Age;
use curfew::decide::checks::audience::Audience;
use curfew::decide::claims::{Claims, Confirmation, Token, TokenType};
use curfew::decide::evidence::{Credential, Evidence, Flaw, Proof, Reading, Scheme, Stage};
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::{Fingerprint, IssuerName, KeyId, PolicyName};
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Handles, Knowledge};
use curfew::decide::rules::{Algorithm, IssuerRules, Profile};
use curfew::decide::time::{Moment, Timestamp};
use curfew::decide::verdict::Verdict;
use curfew::telemetry::{Asked, Exchange, RouteMeter, TraceContext};
use http::{HeaderMap, Method, Version};

/// 2026-11-21T05:00:00Z.
pub const NOW: Timestamp = Timestamp::from_secs(1_795_237_200);
/// What must reach no output.
pub const SECRET: &str = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2ln";

pub fn policy() -> Policy {
    Policy {
        name: PolicyName::from("api"),
        when: None,
        presence: Default::default(),
        form: Default::default(),
        algorithm: Default::default(),
        issuer: Default::default(),
        key: Default::default(),
        signature: Default::default(),
        token_type: Default::default(),
        claims: Default::default(),
        binding: Default::default(),
        audience: Audience::default(),
        not_before: Default::default(),
        expiry: Default::default(),
        issued: Default::default(),
        lifetime: None,
        age: Some(Age { limit: Limit::new(Duration::from_secs(900), Origin::Policy) }),
        freshness: Default::default(),
        revocation: Default::default(),
        status: None,
        absolute: None,
        idle: None,
        auth_age: None,
        acr: None,
        scope: None,
        permission: None,
        active: None,
    }
}

pub fn rules() -> IssuerRules {
    IssuerRules {
        name: IssuerName::from("corp"),
        issuer: "https://id.example".into(),
        algorithms: [Algorithm::RS256].into_iter().collect(),
        profile: Profile::Rfc9068,
        leeway: Limit::new(Duration::from_secs(10), Origin::Issuer),
        audiences: Some(["https://api.example".into()].into()),
        strict_header: false,
    }
}

/// A token that ends so many milliseconds from now.
pub fn token(ends_in: i64) -> Token {
    let claims = Claims {
        issuer: "https://id.example".into(),
        subject: Some("alice".into()),
        audience: Some(["https://api.example".into()].into()),
        expires: Some(Timestamp::from_millis(NOW.millis() + ends_in)),
        issued: Some(Timestamp::from_millis(NOW.millis() - 30_000)),
        token_id: Some("jti-1".into()),
        client_id: Some("app".into()),
        ..Claims::default()
    };
    Token {
        kind: TokenType::AccessToken,
        algorithm: Algorithm::RS256,
        key: KeyId::from("k1"),
        key_header: false,
        claims: Ok(Claims { confirmation: Confirmation::Unbound, ..claims }),
        handles: Handles {
            token: Fingerprint([1; 16]),
            subject: Some(Fingerprint([2; 16])),
            client: Some(Fingerprint([3; 16])),
            session: None,
            claims: Box::default(),
        },
    }
}

pub fn judge(reading: Reading<'_>) -> Verdict {
    let rules = rules();
    policy().judge(&Evidence {
        moment: moment(),
        credential: Credential::One,
        token: reading,
        rules: Some(&rules),
        revocation: Knowledge::default(),
        scheme: Scheme::Bearer,
        proof: Proof::Absent,
        certificate: None,
        peer: None,
        session: Default::default(),
        introspection: curfew::decide::introspection::Introspection::Unasked,
    })
}

/// The judgement of a token whose signature is wrong.
pub fn forged() -> Verdict {
    let flaw = Flaw { stage: Stage::Signature, reason: Reason::SignatureInvalid, detail: "it does not verify" };
    judge(Reading::Flawed(flaw))
}

pub fn moment() -> Moment {
    Moment { wall: NOW, steady: Duration::from_secs(7) }
}

/// An admitted request; a test changes what it is about.
pub fn exchange(route: &RouteMeter) -> Exchange<'_> {
    static GET: Method = Method::GET;
    Exchange {
        trace: TraceContext::begin(&HeaderMap::new(), false, || false),
        moment: moment(),
        total: Duration::from_millis(12),
        judge: Some(Duration::from_micros(3)),
        request: Asked {
            method: &GET,
            scheme: "https",
            path: "/orders/7",
            query: None,
            authority: "api.example:8443",
            version: Version::HTTP_2,
            peer: Some(([192, 0, 2, 1], 4711).into()),
            client: None,
            user_agent: Some(b"curl/8"),
            request_id: None,
        },
        route: Some(route),
        revision: "abc123",
        status: 200,
        reason: None,
        verdict: None,
        shadow: None,
        session: Default::default(),
        token: None,
        issuer: None,
        keys_of: None,
        untrusted: None,
        revocation: None,
        revoked: None,
        skew_ms: None,
        sight: None,
        delivery: None,
    }
}
