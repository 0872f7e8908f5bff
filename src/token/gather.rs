//! Raw token, state and moment in, evidence out. Looks, never waits: what is not known is reported as unknown,
//! and a check says what unknown means.

use super::issuers::{Issuer, Issuers};
use super::location::{Presented, RawToken};
use super::proof;
use super::target::Target;
use super::untrusted::Untrusted;
use super::verify::{Unverified, Verifier};
use crate::decide::claims::Confirmation;
use crate::decide::evidence::{Credential, Evidence, Flaw, Proof, Reading, Scheme};
use crate::decide::id::{CertificateThumbprint, Fingerprint, IssuerName};
use crate::decide::introspection::{Answer, Had, Introspection, Told};
use crate::decide::revocation::Knowledge;
use crate::decide::session;
use crate::decide::status::{Status, StatusClaim};
use crate::decide::time::Moment;
use crate::state::State;
use crate::state::fingerprint::Kind;
use crate::state::introspection::Question;
use crate::state::proofs::Use;
use crate::state::sessions::{Name, Terms};
use crate::state::verified::Verified;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// For how long a used proof is remembered after its time: a request that waited for a key is judged by the moment at
/// which it came, and a wall clock may be set back a little.
const LINGER: Duration = Duration::from_secs(30);

/// All that was gathered about one request; evidence borrows from it.
pub struct Gathered {
    moment: Moment,
    credential: Credential,
    token: Known,
    issuer: Option<Arc<Issuer>>,
    revocation: Knowledge,
    scheme: Scheme,
    proof: Proof,
    certificate: Option<CertificateThumbprint>,
    peer: Option<IpAddr>,
    session: session::Knowledge,
    introspection: Introspection,
    /// The name under which the proof's use is remembered.
    proof_name: Option<Fingerprint>,
    /// What an unverified token claims, for the operator.
    pub untrusted: Option<Box<Untrusted>>,
    /// The issuer whose keys, fetched anew, might hold the one that is missing.
    pub refetch: Option<(Arc<Issuer>, Option<Box<str>>)>,
}

enum Known {
    Nothing,
    Flawed(Flaw),
    Trusted(Arc<Verified>),
}

impl Gathered {
    /// Nothing was presented, and nothing is asked: the evidence on an open route.
    #[must_use]
    pub fn nothing(moment: Moment, credential: Credential) -> Self {
        Self {
            moment,
            credential,
            token: Known::Nothing,
            issuer: None,
            revocation: Knowledge::default(),
            scheme: Scheme::Bearer,
            proof: Proof::Absent,
            certificate: None,
            peer: None,
            session: session::Knowledge::Unasked,
            introspection: Introspection::Unasked,
            proof_name: None,
            untrusted: None,
            refetch: None,
        }
    }

    /// The evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            moment: self.moment,
            credential: self.credential,
            token: match &self.token {
                Known::Nothing => Reading::Absent,
                Known::Flawed(flaw) => Reading::Flawed(*flaw),
                Known::Trusted(verified) => Reading::Trusted(&verified.token),
            },
            rules: self.issuer.as_ref().map(|issuer| &issuer.rules),
            revocation: self.revocation,
            scheme: self.scheme,
            proof: self.proof,
            certificate: self.certificate,
            peer: self.peer,
            session: self.session,
            introspection: self.introspection,
        }
    }

    /// Reads the proof, if it can matter: beside a trusted token that is bound to a key. `nonce`: it must carry one.
    pub fn prove(&mut self, presented: &Presented, target: &Target<'_>, nonce: bool, state: &State) {
        let (Known::Trusted(verified), Some(token)) = (&self.token, &presented.token) else { return };
        let bound =
            verified.token.claims.as_ref().is_ok_and(|claims| matches!(claims.confirmation, Confirmation::Dpop(_)));
        if bound {
            let nonces = nonce.then_some(&state.nonces);
            (self.proof, self.proof_name) =
                proof::read(&presented.proof, token.expose(), target, &state.fingerprints, nonces);
        }
    }

    /// Looks up the session of a trusted token.
    pub fn attend(&mut self, state: &State, terms: &Terms) {
        let Known::Trusted(verified) = &self.token else { return };
        if let Ok(claims) = &verified.token.claims {
            self.session = state.sessions.known(&verified.session, claims.into(), self.moment, terms);
        }
    }

    /// The session of a trusted token.
    #[must_use]
    pub fn session(&self) -> Option<&Name> {
        if let Known::Trusted(verified) = &self.token { Some(&verified.session) } else { None }
    }

    /// Looks the session up again, after others were asked about it, and notes whether they could be.
    pub fn heard(&mut self, answered: bool, state: &State, terms: &Terms) {
        self.attend(state, terms);
        let (Known::Trusted(verified), session::Knowledge::Known(_, basis, sight)) = (&self.token, &mut self.session)
        else {
            return;
        };
        *basis = basis.asked(answered);
        if !answered && let Ok(claims) = &verified.token.claims {
            // What had ended when they could be asked stays ended.
            let heard = state.sessions.silence_heard(verified.session.print, claims.into(), self.moment);
            sight.silence = sight.silence.max(heard);
        }
    }

    /// Uses the proof, which no policy takes when it is older than `oldest`. Nothing else may stand against the request
    /// any more: who is refused anyway must not fill the memory. Gives whether there is a proof, so that it is to be
    /// judged what came of it.
    pub fn spend(&mut self, oldest: Duration, state: &State) -> bool {
        let (Proof::Signed(signed), Some(proof)) = (&mut self.proof, self.proof_name) else { return false };
        let key = state.fingerprints.of(Kind::Proof, "", &signed.key.0);
        let what = Use { proof, key, issued: signed.issued };
        signed.usage = state.proofs.take(what, oldest + LINGER, self.moment.wall);
        true
    }

    /// Asks the issuer about the token. Waits for a bounded time, if nobody knows; what was learnt of revocations
    /// meanwhile holds. Tells whether these were looked up again.
    #[must_use]
    pub async fn introspect(&mut self, presented: &Presented, state: &State) -> bool {
        let (Known::Trusted(verified), Some(raw)) = (&self.token, &presented.token) else { return false };
        let told = match self.issuer.as_ref().and_then(|issuer| issuer.desk.as_ref()) {
            Some(desk) => {
                let lifts = state.revocations.lifts();
                let (now, clock) = (self.moment, &*state.clock);
                desk.ask(Question { token: raw.expose(), verified, now, lifts, clock }).await
            }
            None => Told { answer: Answer::Unknown("its issuer cannot be asked"), had: Had::Asked(Duration::ZERO) },
        };
        self.introspection = Introspection::Told(told);
        if self.session.is_unkept() {
            state.sessions.vouched.count(told.answer);
        }
        let waited = matches!(told.had, Had::Asked(_));
        if waited {
            self.revocation = revocation(self, verified, state);
        }
        waited
    }

    /// Nobody is asked where there is no network.
    pub const fn offline(&mut self) {
        self.introspection = Introspection::Offline;
    }

    /// The token, if it was verified.
    #[must_use]
    pub fn verified(&self) -> Option<&Arc<Verified>> {
        if let Known::Trusted(verified) = &self.token { Some(verified) } else { None }
    }

    /// The issuer of the token, if it is one of ours and the token was verified.
    #[must_use]
    pub fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }
}

/// Gathers what is known of a request at a moment.
#[must_use]
pub fn gather(presented: &Presented, issuers: &Issuers, limit: usize, state: &State, moment: Moment) -> Gathered {
    let mut gathered = Gathered::nothing(moment, presented.credential);
    (gathered.scheme, gathered.certificate) = (presented.scheme, presented.certificate);
    gathered.peer = presented.peer;
    let Some(raw) = &presented.token else { return gathered };
    match read(raw, issuers, limit, state, moment) {
        Ok((verified, issuer)) => {
            gathered.issuer = issuer;
            gathered.revocation = revocation(&gathered, &verified, state);
            gathered.token = Known::Trusted(verified);
        }
        Err(unverified) => {
            gathered.token = Known::Flawed(unverified.flaw);
            gathered.untrusted = unverified.untrusted;
            gathered.refetch = unverified.refetch;
        }
    }
    gathered
}

type Read = (Arc<Verified>, Option<Arc<Issuer>>);

/// The second sight of a token is cheap: its signature was checked before, by a key that still stands.
fn read(raw: &RawToken, issuers: &Issuers, limit: usize, state: &State, now: Moment) -> Result<Read, Unverified> {
    let identity = state.fingerprints.token_identity(&issuers.edition, raw.expose_bytes());
    if let Some(known) = identity.and_then(|identity| state.verified.get(&identity))
        && let Some(issuer) = issuers.at(known.issuer)
        && issuer.keys.stands(known.key_serial, now)
    {
        return Ok((known, Some(Arc::clone(issuer))));
    }
    let verifier = Verifier { issuers, fingerprints: &state.fingerprints, limit };
    let verified = Arc::new(verifier.verify(raw.expose(), now)?);
    if let Some(identity) = identity {
        state.verified.insert(identity, Arc::clone(&verified), raw.expose_bytes().len());
    }
    let issuer = issuers.at(verified.issuer).cloned();
    Ok((verified, issuer))
}

fn revocation(gathered: &Gathered, verified: &Verified, state: &State) -> Knowledge {
    let Some(issuer) = &gathered.issuer else { return Knowledge::default() };
    Knowledge {
        entries: state.revocations.look_up(&issuer.rules.name, &verified.token.handles),
        freshness: state.revocations.freshness(&issuer.rules.name, gathered.moment),
        status: status(verified, &issuer.rules.name, state, gathered.moment),
    }
}

/// What its status list says of a token.
#[must_use]
pub fn status(verified: &Verified, issuer: &IssuerName, state: &State, now: Moment) -> Status {
    let (Some(list), Ok(claims)) = (&verified.list, &verified.token.claims) else {
        return Status::Unlisted;
    };
    let StatusClaim::Listed(listed) = &claims.status else { return Status::Unlisted };
    state.statuses.look_up(issuer, list, listed, now)
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
