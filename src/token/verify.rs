//! Raw token and keys in, trusted token or flaw out. The signature is checked by jsonwebtoken (behind
//! `state/keys`), whose own claim validation is not used: claims are judged by checks, at the request's moment.

use super::claims;
use super::compact::{Compact, malformed};
use super::header::{self, Header};
use super::issuers::{Issuer, Issuers};
use super::json::{JsonFault, object};
use super::untrusted::Untrusted;
use crate::decide::claims::{ClaimFault, Claims, Token};
use crate::decide::evidence::{Flaw, Stage};
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::decide::revocation::Handles;
use crate::decide::status::StatusClaim;
use crate::decide::time::Moment;
use crate::state::fingerprint::{ClaimValue, Fingerprints, Kind};
use crate::state::keys::{Key, Lookup};
use crate::state::sessions::{Name, name};
use crate::state::verified::{IssuerPlace, Verified};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A token that was not.
pub struct Unverified {
    /// Why.
    pub flaw: Flaw,
    /// What it claims, for the operator.
    pub untrusted: Option<Box<Untrusted>>,
    /// The issuer whose keys, fetched anew, might hold the one that is missing.
    pub refetch: Option<(Arc<Issuer>, Option<Box<str>>)>,
}

impl From<Flaw> for Unverified {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, untrusted: None, refetch: None }
    }
}

/// What verification needs to know.
pub struct Verifier<'a> {
    /// The issuers.
    pub issuers: &'a Issuers,
    /// How names are hashed.
    pub fingerprints: &'a Fingerprints,
    /// How long a token may be, in bytes.
    pub limit: usize,
}

/// What is told of a token of nobody that is known.
fn stranger(payload: &Map<String, Value>, header: Header) -> Box<Untrusted> {
    let issuer = payload.get("iss").and_then(Value::as_str).map(Into::into);
    Box::new(Untrusted { algorithm: Some(header.algorithm.name()), kid: header.kid, issuer, ..Untrusted::default() })
}

impl Verifier<'_> {
    /// Verifies a token, from its form to its signature.
    ///
    /// # Errors
    /// The first flaw, with what an operator may want to know of the token.
    pub fn verify(&self, token: &str, now: Moment) -> Result<Verified, Unverified> {
        let compact = Compact::split(token, self.limit)?;
        let header = header::read(&compact.header()?)?;
        let payload = compact.payload()?;
        compact.check_signature_form()?;
        let payload = match object(&payload) {
            Ok(payload) => payload,
            Err(JsonFault::Malformed) => return Err(malformed("a payload that is not a strict JSON object").into()),
            // JSON by its grammar, and yet no claim that anybody could compare. Who issued it cannot be read then.
            Err(JsonFault::NumberOutOfRange) => return Err(malformed("a number that no reader can hold").into()),
        };
        let (place, issuer) = match self.issuer(&payload) {
            Ok(found) => found,
            // Which issuer it names is what the operator asks first.
            Err(flaw) => return Err(Unverified { untrusted: Some(stranger(&payload, header)), ..flaw.into() }),
        };
        let claims = claims::read(payload, &issuer.session_claim);
        match check(&compact, &header, issuer, now) {
            Ok(key) => Ok(self.trusted(&compact, &header, &key, claims, (place, issuer))),
            Err((flaw, refetch)) => Err(Unverified {
                flaw,
                refetch: refetch.then(|| (Arc::clone(issuer), header.kid.clone())),
                untrusted: claims.ok().map(|claims| Untrusted::of(claims, header.algorithm.name(), header.kid).into()),
            }),
        }
    }

    /// The `iss` of an unverified token is used for one thing: to look up the configured issuer whose keys are
    /// then the only ones that count (RFC 8725 §3.8).
    fn issuer(&self, payload: &Map<String, Value>) -> Result<(IssuerPlace, &Arc<Issuer>), Flaw> {
        let flaw = |reason, detail| Flaw { stage: Stage::Issuer, reason, detail };
        match payload.get("iss") {
            Some(Value::String(iss)) => {
                self.issuers.find(iss).ok_or_else(|| flaw(Reason::IssuerUntrusted, "an issuer that is not configured"))
            }
            Some(_) => Err(flaw(Reason::ClaimsMalformed, "an 'iss' that is not a string")),
            None => Err(flaw(Reason::IssuerUntrusted, "no readable 'iss'")),
        }
    }

    fn trusted(
        &self,
        compact: &Compact<'_>,
        header: &Header,
        key: &Key,
        claims: Result<Claims, ClaimFault>,
        (place, issuer): (IssuerPlace, &Issuer),
    ) -> Verified {
        let handles = self.handles(compact, claims.as_ref().ok(), issuer);
        let token = Token {
            kind: header.kind,
            algorithm: header.algorithm,
            key: key.id.clone(),
            key_header: header.carries_key,
            claims,
            handles,
        };
        let list = self.list(token.claims.as_ref().ok(), &issuer.rules.issuer);
        let session = match &token.claims {
            Ok(claims) => name(self.fingerprints, &issuer.rules.issuer, claims, token.handles.token),
            Err(_) => Name::NONE,
        };
        Verified { list, session, ..Verified::new(token, key.serial, place) }
    }

    /// The name of its status list.
    fn list(&self, claims: Option<&Claims>, iss: &str) -> Option<Fingerprint> {
        let StatusClaim::Listed(listed) = &claims?.status else { return None };
        Some(self.fingerprints.of(Kind::StatusList, iss, listed.uri.as_bytes()))
    }

    fn handles(&self, compact: &Compact<'_>, claims: Option<&Claims>, issuer: &Issuer) -> Handles {
        let iss = &*issuer.rules.issuer;
        let name = |kind, value: &str| self.fingerprints.of(kind, iss, value.as_bytes());
        let whole = || self.fingerprints.of(Kind::SigningInput, iss, compact.signing_input.as_bytes());
        let Some(claims) = claims else { return Handles { token: whole(), ..Handles::default() } };
        Handles {
            token: claims.token_id.as_deref().map_or_else(whole, |jti| name(Kind::Token, jti)),
            session: claims.session.as_deref().map(|sid| name(Kind::Session, sid)),
            subject: claims.subject.as_deref().map(|sub| name(Kind::Subject, sub)),
            client: claims.client().map(|client| name(Kind::Client, client)),
            claims: self.claims(claims, issuer),
        }
    }

    /// The names that the claims give which the issuer's settings list.
    fn claims(&self, claims: &Claims, issuer: &Issuer) -> Box<[Fingerprint]> {
        let named = issuer.revocable_claims.iter().filter_map(|name| {
            let value = ClaimValue::of(claims.at(name)?)?;
            Some(self.fingerprints.of_claim(&issuer.rules.issuer, name, value))
        });
        named.collect()
    }
}

/// Finds the key and checks the signature. With the flaw comes whether fetching the keys anew may help.
fn check(compact: &Compact<'_>, header: &Header, issuer: &Issuer, now: Moment) -> Result<Arc<Key>, (Flaw, bool)> {
    let flaw = |stage, reason, detail| (Flaw { stage, reason, detail }, false);
    if !issuer.rules.algorithms.contains(header.algorithm) {
        return Err(flaw(Stage::Algorithm, Reason::AlgNotAllowed, "an 'alg' that the issuer's settings do not allow"));
    }
    let key = match issuer.keys.find(header.kid.as_deref(), header.algorithm, now) {
        Lookup::Found(key) => key,
        Lookup::Unknown { refetch } => {
            let (flaw, _) = flaw(Stage::Key, Reason::KeyUnknown, "a key that the issuer does not publish");
            return Err((flaw, refetch));
        }
        Lookup::AlgorithmMismatch => {
            return Err(flaw(Stage::Algorithm, Reason::AlgNotAllowed, "an 'alg' other than its key's"));
        }
        Lookup::Unavailable => {
            return Err(flaw(Stage::Key, Reason::KeyUnavailable, "no key set that is recent enough"));
        }
    };
    if key.verify(compact.signing_input.as_bytes(), compact.signature) {
        Ok(key)
    } else {
        Err(flaw(Stage::Signature, Reason::SignatureInvalid, "a signature that is not its key's"))
    }
}
