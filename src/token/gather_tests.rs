//! What is known of revocations after the issuer was asked.

use super::*;
use crate::decide::claims::{Claims, Token, TokenType};
use crate::decide::finding::{Limit, Origin};
use crate::decide::id::{KeyId, SourceName};
use crate::decide::revocation::{Cutoff, Entries, Handles};
use crate::decide::rules::{Algorithm, IssuerRules, Profile};
use crate::decide::time::Timestamp;
use crate::state::clock::HandClock;
use crate::state::fingerprint::Fingerprints;
use crate::state::introspection::{Desk, Limits, Outcome};
use crate::state::keys::{IssuerKeys, Patience};
use crate::state::nonces::Nonces;
use crate::state::proofs::UsedProofs;
use crate::state::revocations::{Bounds, Revoked, Target};
use crate::state::sessions::Sessions;
use crate::state::verified::{IssuerPlace, VerifiedTokens};
use http::HeaderValue;

const NOW: Moment = Moment { wall: Timestamp::from_secs(1000), steady: Duration::from_secs(100) };

fn state() -> State {
    State {
        clock: Arc::new(HandClock::at(NOW.wall)),
        fingerprints: Arc::new(Fingerprints::random().unwrap()),
        verified: VerifiedTokens::bounded(0),
        proofs: UsedProofs::bounded(1),
        sessions: Arc::new(Sessions::default()),
        others: None,
        nonces: Nonces::random().unwrap(),
        revocations: Arc::default(),
        statuses: Arc::default(),
    }
}

fn issuer(desk: Desk) -> Arc<Issuer> {
    let rules = IssuerRules {
        name: IssuerName::from("corp"),
        issuer: "https://corp".into(),
        algorithms: [Algorithm::ES256].into_iter().collect(),
        profile: Profile::Rfc9068,
        leeway: Limit::new(Duration::ZERO, Origin::Policy),
        audiences: None,
        strict_header: false,
    };
    let patience = Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO };
    let (keys, desk) = (Arc::new(IssuerKeys::new(patience)), Some(Arc::new(desk)));
    Arc::new(Issuer { rules, session_claim: "sid".into(), revocable_claims: Box::default(), keys, desk })
}

fn verified() -> Arc<Verified> {
    let token = Token {
        kind: TokenType::AccessToken,
        algorithm: Algorithm::ES256,
        key: KeyId::from("k"),
        key_header: false,
        claims: Ok(Claims::default()),
        handles: Handles::default(),
    };
    Arc::new(Verified::new(token, 0, IssuerPlace(0)))
}

fn judged(issuer: &Arc<Issuer>, state: &State) -> Gathered {
    let mut gathered = Gathered::nothing(NOW, Credential::One);
    gathered.issuer = Some(Arc::clone(issuer));
    let verified = verified();
    gathered.revocation = revocation(&gathered, &verified, state);
    gathered.token = Known::Trusted(verified);
    gathered
}

/// Whoever counts changes from before it was asked counts on this: what is told to have been looked up again was, and what
/// was kept from before hides nothing that came since.
#[tokio::test(start_paused = true)]
async fn what_is_looked_up_again_is_told() {
    let (active_for, timeout) = (Duration::from_secs(60), Duration::from_secs(2));
    let limits =
        Limits { active_for, inactive_for: active_for, entries: 9, in_flight: 9, timeout, failures: 9, pause: timeout };
    let (desk, mut inquiries) = Desk::new(&limits, Arc::new(Fingerprints::random().unwrap()));
    let (issuer, state) = (issuer(desk), state());
    let presented = Presented {
        credential: Credential::One,
        token: Some(RawToken::new(HeaderValue::from_static("t"), 0, 1)),
        scheme: Scheme::Bearer,
        proof: proof::Sent::Nothing,
        certificate: None,
        peer: None,
    };
    let bounds = Bounds { max_entries: 9, max_staleness: None };
    let feed = state.revocations.open(&SourceName::from("s"), &issuer.rules.name, bounds).unwrap();
    let (mut first, mut second) = (judged(&issuer, &state), judged(&issuer, &state));
    let revoked = Revoked { target: Target::Issuer, cutoff: Cutoff::Always, until: None };
    state.revocations.add(&feed, &revoked, NOW.wall).unwrap();
    let answers = async {
        let inquiry = inquiries.recv().await.unwrap();
        issuer.desk.as_ref().unwrap().settle(inquiry, Outcome::Active(None), NOW.steady);
        std::future::pending::<bool>().await
    };
    let looked = tokio::select! { looked = first.introspect(&presented, &state) => looked, never = answers => never };
    assert!(looked && first.evidence().revocation.entries.issuer.is_some());
    let looked = second.introspect(&presented, &state).await;
    assert!(!looked && second.evidence().revocation.entries == Entries::default(), "its answer was kept");
}
