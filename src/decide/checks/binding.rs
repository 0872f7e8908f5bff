//! Binding: a token that is bound to its sender is of use to nobody else (RFC 7800 §3, RFC 9449 §7, RFC 8705 §3).
//! Reading a proof, remembering which were used, and asking a client for its certificate is not done here. What binds in
//! a way that we do not know is refused: a stolen token would pass otherwise.

use crate::decide::check::Check;
use crate::decide::claims::Confirmation;
use crate::decide::evidence::{Evidence, Nonce, Proof, Scheme, Signed, Usage};
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::id::{CertificateThumbprint, Thumbprint};
use crate::decide::reason::Reason;
use crate::decide::time::{Moment, millis};
use std::time::Duration;

/// What a route makes of DPoP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dpop {
    /// The scheme is not spoken: bound tokens are of no use here.
    Off,
    /// A token that is bound to a key comes with a proof; one that is not is a bearer token.
    #[default]
    Optional,
    /// Only tokens that are bound to a key are taken.
    Required,
}

/// What a route makes of tokens that are bound to a client certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mtls {
    /// Such a token is of no use here, whoever presents it.
    Off,
    /// Such a token comes over a connection with its certificate; of any other nothing is asked.
    #[default]
    Optional,
    /// Only such tokens are taken.
    Required,
}

/// Whether a proof must carry a nonce of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DpopNonce {
    /// It need not, and one that it carries is not looked at.
    #[default]
    Off,
    /// It must: a proof cannot be made for later.
    Required,
}

/// How old a nonce may be where nothing is said about it.
pub const NONCE_AGE: Duration = Duration::from_secs(300);

/// How old a proof may be where nothing is said about it (RFC 9449 §11.1: seconds or minutes).
pub const PROOF_AGE: Duration = Duration::from_secs(60);

/// How far the clock of a client may be ahead of ours.
pub const PROOF_AHEAD: Duration = Duration::from_secs(5);

/// Asks that a token which is bound to its sender comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What is made of DPoP.
    pub dpop: Dpop,
    /// How old a proof may be.
    pub max_age: Limit<Duration>,
    /// Proofs carry a nonce of ours, at most this old.
    pub nonce: Option<Limit<Duration>>,
    /// What is made of client certificates.
    pub mtls: Mtls,
}

impl Default for Binding {
    fn default() -> Self {
        let max_age = Limit { value: PROOF_AGE, ..Limit::default() };
        Self { dpop: Dpop::default(), max_age, nonce: None, mtls: Mtls::default() }
    }
}

impl Check for Binding {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let about = Compared::about("cnf");
        match (claims.confirmation, evidence.scheme) {
            (Confirmation::Unknown, _) => Finding::fail(Reason::CnfUnsupported, about),
            (Confirmation::Certificate(print), scheme) => self.shown(print, evidence.certificate, scheme),
            (_, _) if self.mtls == Mtls::Required => Finding::fail(Reason::MtlsBindingMissing, about),
            (Confirmation::Unbound, Scheme::Bearer) if self.dpop != Dpop::Required => Finding::pass(about),
            (Confirmation::Unbound, _) => Finding::fail(Reason::DpopBindingMissing, about),
            (Confirmation::Dpop(_), Scheme::Bearer) => Finding::fail(Reason::DpopDowngrade, about),
            (Confirmation::Dpop(key), Scheme::Dpop) => self.proven(key, evidence.proof, evidence.moment),
        }
    }
}

impl Binding {
    /// Is the `DPoP` scheme spoken? No token could satisfy both kinds of binding.
    #[must_use]
    pub const fn speaks_dpop(&self) -> bool {
        !matches!((self.dpop, self.mtls), (Dpop::Off, _) | (_, Mtls::Required))
    }

    /// Is the answer to come with a new nonce? It is when one was missing, and when the one that came is more than half
    /// as old as it may get, so that a client that goes on need not be refused first (RFC 9449 §8.2).
    #[must_use]
    pub fn renews(&self, evidence: &Evidence<'_>, refused: Option<Reason>) -> bool {
        let Some(limit) = self.nonce else { return false };
        let old = match evidence.proof {
            Proof::Signed(Signed { nonce: Nonce::Made(made), .. }) => {
                evidence.moment.wall.since(made).saturating_mul(2) > millis(limit.value)
            }
            _ => false,
        };
        old || refused == Some(Reason::DpopNonceRequired)
    }

    /// The certificate is that of the connection the request came over (RFC 8705 §3). It proves nothing about DPoP.
    fn shown(&self, bound: CertificateThumbprint, shown: Option<CertificateThumbprint>, scheme: Scheme) -> Finding {
        let about = Compared::about("cnf.x5t#S256");
        match shown {
            _ if self.mtls == Mtls::Off => Finding::fail(Reason::CnfUnsupported, about),
            None => Finding::fail(Reason::MtlsCertMissing, about),
            Some(shown) if shown != bound => Finding::fail(Reason::MtlsCertMismatch, about),
            Some(_) if scheme == Scheme::Dpop || self.dpop == Dpop::Required => {
                Finding::fail(Reason::DpopBindingMissing, about)
            }
            Some(_) => Finding::pass(about),
        }
    }

    /// A proof speaks for one request: however long that goes on, the proof does not end it.
    fn proven(&self, key: Thumbprint, proof: Proof, now: Moment) -> Finding {
        let about = Compared::about("DPoP");
        let signed = match proof {
            Proof::Absent => return Finding::fail(Reason::DpopProofMissing, about),
            Proof::Flawed(detail) => {
                return Finding::fail(Reason::DpopProofInvalid, about.found(Quantity::Word(detail)));
            }
            Proof::Signed(signed) => signed,
        };
        if signed.key != key {
            return Finding::fail(Reason::DpopKeyMismatch, Compared::about("cnf.jkt"));
        }
        let nonce = self.nonce.and_then(|limit| challenged(signed.nonce, limit, now));
        nonce.or_else(|| self.fresh(&signed, now)).unwrap_or_else(|| used(signed.usage, about))
    }

    /// What is wrong with when it was made (RFC 9449 §4.3, number 11). Both ends of the window are in it.
    fn fresh(&self, signed: &Signed, now: Moment) -> Option<Finding> {
        let age = now.wall.since(signed.issued);
        let about = Compared::about("DPoP iat").found(Quantity::Span(age)).with_leeway(PROOF_AHEAD);
        let within = (-millis(PROOF_AHEAD)..=millis(self.max_age.value)).contains(&age);
        let compared = about.against(self.max_age.value, self.max_age.origin);
        (!within).then(|| Finding::fail(Reason::DpopProofInvalid, compared))
    }
}

/// What is wrong with the nonce (RFC 9449 §4.3, number 10). Another instance's clock may be ahead of ours.
fn challenged(nonce: Nonce, limit: Limit<Duration>, now: Moment) -> Option<Finding> {
    let about = Compared::about("DPoP nonce").against(limit.value, limit.origin);
    let compared = match nonce {
        Nonce::Absent => about.found(Quantity::Word("no nonce")),
        Nonce::Foreign => about.found(Quantity::Word("a nonce that is not ours")),
        Nonce::Made(made) => {
            let age = now.wall.since(made);
            if (-millis(PROOF_AHEAD)..=millis(limit.value)).contains(&age) {
                return None;
            }
            about.found(Quantity::Span(age)).with_leeway(PROOF_AHEAD)
        }
    };
    Some(Finding::fail(Reason::DpopNonceRequired, compared))
}

fn used(usage: Usage, about: Compared) -> Finding {
    match usage {
        Usage::First => Finding::pass(about),
        Usage::Again => Finding::fail(Reason::DpopProofReplayed, Compared::about("DPoP jti")),
        Usage::Unknown => Finding::fail(Reason::DpopUnavailable, Compared::about("DPoP jti")),
    }
}
