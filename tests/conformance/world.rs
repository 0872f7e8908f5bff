//! The evidence of one good request, which each row changes in one place.

use curfew::decide::check::Check;
use curfew::decide::checks::algorithm::AlgorithmAllowed;
use curfew::decide::checks::audience::Audience;
use curfew::decide::checks::binding::Binding;
use curfew::decide::checks::claims::Required;
use curfew::decide::checks::expiry::Expiry;
use curfew::decide::checks::form::Form;
use curfew::decide::checks::freshness::Freshness;
use curfew::decide::checks::issued::Issued;
use curfew::decide::checks::issuer::IssuerTrusted;
use curfew::decide::checks::key::Key;
use curfew::decide::checks::not_before::NotBefore;
use curfew::decide::checks::presence::Presence;
use curfew::decide::checks::revocation::Revocation;
use curfew::decide::checks::signature::Signature;
use curfew::decide::checks::status::Status;
use curfew::decide::checks::token_type::AccessTokenType;
use curfew::decide::claims::{Claims, Token, TokenType};
use curfew::decide::evidence::{Credential, Evidence, Flaw, Proof, Reading, Scheme};
use curfew::decide::finding::{Finding, Limit, Origin};
use curfew::decide::id::{CertificateThumbprint, IssuerName, KeyId, PolicyName};
use curfew::decide::introspection::Introspection;
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Handles, Knowledge};
use curfew::decide::rules::{Algorithm, Algorithms, IssuerRules, Profile};
use curfew::decide::session;
use curfew::decide::time::{Moment, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// The instant at which every row is judged.
pub const NOW: i64 = 1_800_000_000_000;

/// The leeway of the issuer, in milliseconds.
pub const LEEWAY: i64 = 1_500;

/// Everything that evidence borrows, owned.
#[derive(Clone, Debug)]
pub struct World {
    pub now: i64,
    pub credential: Credential,
    pub flaw: Option<Flaw>,
    pub token: Token,
    pub rules: Option<IssuerRules>,
    pub knowledge: Knowledge,
    pub scheme: Scheme,
    pub proof: Proof,
    pub certificate: Option<CertificateThumbprint>,
    pub peer: Option<IpAddr>,
    pub session: session::Knowledge,
    pub introspection: Introspection,
}

/// Words in a box.
pub fn words(words: &[&str]) -> Box<[Box<str>]> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// An instant so many milliseconds after [`NOW`].
pub fn at(offset: i64) -> Timestamp {
    Timestamp::from_millis(NOW.saturating_add(offset))
}

impl World {
    /// A good token of a good issuer.
    pub fn good() -> Self {
        let claims = Claims {
            issuer: "https://id.example.com".into(),
            subject: Some("alice".into()),
            audience: Some(words(&["api"])),
            expires: Some(at(600_000)),
            issued: Some(at(-60_000)),
            token_id: Some("jti".into()),
            client_id: Some("app".into()),
            session: Some("sid".into()),
            scopes: Some(words(&["orders.read", "profile"])),
            ..Claims::default()
        };
        let token = Token {
            kind: TokenType::AccessToken,
            algorithm: Algorithm::ES256,
            key: KeyId::from("ec-1"),
            key_header: false,
            claims: Ok(claims),
            handles: Handles::default(),
        };
        let rules = IssuerRules {
            name: IssuerName::from("corp"),
            issuer: "https://id.example.com".into(),
            algorithms: Algorithms::from_iter([Algorithm::ES256, Algorithm::RS256]),
            profile: Profile::Rfc9068,
            leeway: Limit::new(Duration::from_millis(LEEWAY as u64), Origin::Issuer),
            audiences: Some(words(&["api", "api2"])),
            strict_header: false,
        };
        let knowledge = Knowledge::default();
        Self {
            now: NOW,
            credential: Credential::One,
            flaw: None,
            token,
            rules: Some(rules),
            knowledge,
            scheme: Scheme::Bearer,
            proof: Proof::Absent,
            certificate: None,
            peer: None,
            session: session::Knowledge::Unasked,
            introspection: Introspection::Unasked,
        }
    }

    /// A good one with other claims.
    pub fn claims(change: impl FnOnce(&mut Claims)) -> Self {
        let mut world = Self::good();
        if let Ok(claims) = &mut world.token.claims {
            change(claims);
        }
        world
    }

    /// The same with other rules.
    #[must_use]
    pub fn ruled(mut self, change: impl FnOnce(&mut IssuerRules)) -> Self {
        if let Some(rules) = &mut self.rules {
            change(rules);
        }
        self
    }

    /// The same without leeway.
    #[must_use]
    pub fn strict(self) -> Self {
        self.ruled(|rules| rules.leeway.value = Duration::ZERO)
    }

    /// The evidence.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            moment: Moment { wall: Timestamp::from_millis(self.now), steady: Duration::from_secs(1) },
            credential: self.credential,
            token: self.flaw.map_or(Reading::Trusted(&self.token), Reading::Flawed),
            rules: self.rules.as_ref(),
            revocation: self.knowledge,
            scheme: self.scheme,
            proof: self.proof,
            certificate: self.certificate,
            peer: self.peer,
            session: self.session,
            introspection: self.introspection,
        }
    }

    /// The evidence of a request without a token.
    pub fn tokenless(&self) -> Evidence<'_> {
        Evidence { token: Reading::Absent, rules: None, ..self.evidence() }
    }
}

/// A policy that asks only what cannot be left out.
pub fn policy() -> Policy {
    Policy {
        name: PolicyName::from("test"),
        when: None,
        presence: Presence,
        form: Form,
        algorithm: AlgorithmAllowed,
        issuer: IssuerTrusted::default(),
        key: Key,
        signature: Signature,
        token_type: AccessTokenType,
        claims: Required::default(),
        binding: Binding::default(),
        audience: Audience::default(),
        not_before: NotBefore,
        expiry: Expiry,
        issued: Issued,
        lifetime: None,
        age: None,
        freshness: Freshness::default(),
        revocation: Revocation,
        status: Some(Status::default()),
        absolute: None,
        idle: None,
        auth_age: None,
        acr: None,
        scope: None,
        permission: None,
        active: None,
    }
}

/// What a check must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Yes, for ever.
    Pass,
    /// Yes, for so many milliseconds more, and not one longer.
    PassFor(u64),
    /// No.
    Fail(Reason),
    /// Not asked.
    Unasked,
    /// No ground to ask on.
    Moot,
}

fn told(finding: &Finding) -> Want {
    match finding {
        Finding::Unasked => Want::Unasked,
        Finding::Moot => Want::Moot,
        Finding::Pass { good_for: None, .. } => Want::Pass,
        Finding::Pass { good_for: Some(span), .. } => Want::PassFor(u64::try_from(span.as_millis()).unwrap()),
        Finding::Fail { reason, .. } => Want::Fail(*reason),
    }
}

/// Runs a table: all rows, then one failure that tells them all.
pub fn table<C: Check>(name: &str, rows: Vec<(&str, C, World, Want)>) {
    let count = rows.len();
    let faults: Vec<String> = rows
        .into_iter()
        .filter_map(|(row, check, world, want)| {
            let got = told(&check.ask(&world.evidence()));
            (got != want).then(|| format!("{row}: expected {want:?}, got {got:?}"))
        })
        .collect();
    println!("table {name}: {count} rows");
    assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
}
