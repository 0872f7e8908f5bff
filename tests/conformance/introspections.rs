//! The check of introspection: when the issuer is asked, and what its word counts for.

use crate::world::{Want, World, policy, table};
use curfew::decide::checks::freshness::{Freshness, OnStale};
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::checks::introspection::{Introspection, IntrospectionRule as Rule, WhenFull};
use curfew::decide::checks::scope::Scope;
use curfew::decide::checks::status::Status;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::SourceId;
use curfew::decide::introspection::{Answer, Had, Introspection as Known, Told};
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Cutoff, Entry, Freshness as Fresh};
use curfew::decide::session::{Basis, Key, KeySource, Knowledge, OnStateLoss, Sight};
use curfew::decide::status::{Listed, Status as Listing, StatusClaim};
use curfew::decide::time::Timestamp;
use std::time::Duration;

const NO: Want = Want::Fail(Reason::IntrospectionInactive);
const UNKNOWN: Want = Want::Fail(Reason::IntrospectionUnavailable);

fn by<T>(value: T) -> Limit<T> {
    Limit::new(value, Origin::Policy)
}

fn asks(rule: Rule, stale: OnStale, cold: OnStale) -> Introspection {
    let freshness = Freshness { on_stale: by(stale), cold_start: by(cold) };
    let status = Status { on_stale: by(stale), cold_start: by(cold), required: false };
    Introspection { rule: by(rule), freshness, status: Some(status), when_full: WhenFull::Never }
}

fn told(answer: Answer) -> Known {
    Known::Told(Told { answer, had: Had::Asked(Duration::from_millis(7)) })
}

fn world(freshness: Fresh, known: Known) -> World {
    let mut world = World::good();
    (world.knowledge.freshness, world.introspection) = (freshness, known);
    world
}

fn revoked() -> Option<Entry> {
    Some(Entry { cutoff: Cutoff::Always, source: SOURCE, learned: Timestamp::from_secs(0) })
}

const SOURCE: SourceId = SourceId(0);
const FRESH: Fresh = Fresh::Heard { age: Duration::from_secs(1), max: Some(Duration::from_secs(2)), source: SOURCE };
const STALE: Fresh = Fresh::Heard { age: Duration::from_secs(3), max: Some(Duration::from_secs(2)), source: SOURCE };
const COLD: Fresh = Fresh::Cold { source: SOURCE, stale: false };

#[test]
fn who_is_asked_and_what_it_counts_for() {
    use OnStale::{Allow, Deny, Introspect};
    let (active, inactive, unknown) =
        (told(Answer::Active), told(Answer::Inactive), told(Answer::Unknown("no answer in time")));
    let listed = |known, said| {
        let claim = StatusClaim::Listed(Listed { uri: "https://id.example.com/1".into(), index: 7 });
        let mut world = World::claims(|claims| claims.status = claim);
        (world.knowledge.status, world.introspection) = (known, said);
        world
    };
    let (age, max) = (Duration::from_secs(3), Duration::from_secs(2));
    let gone = Listing::Expired(Timestamp::from_secs(0));
    let old = Listing::Said { value: 0, accepted: false, age, max };
    let always = || asks(Rule::Always, Deny, Deny);
    let stale = || asks(Rule::Never, Introspect, Deny);
    let cold = || asks(Rule::Never, Deny, Introspect);
    let wish = || asks(Rule::WhenStale, Allow, Deny);
    table(
        "introspection",
        vec![
            ("IN-02 always, fresh, active", always(), world(FRESH, active), Want::Pass),
            ("always, no feed, active", always(), world(Fresh::Unfed, active), Want::Pass),
            ("IN-02 always, inactive", always(), world(FRESH, inactive), NO),
            ("IN-03 always, unknown", always(), world(FRESH, unknown), UNKNOWN),
            ("always, not asked", always(), world(FRESH, Known::Unasked), UNKNOWN),
            ("always, offline", always(), world(FRESH, Known::Offline), Want::Pass),
            ("on_stale, fresh", stale(), world(FRESH, Known::Unasked), Want::Unasked),
            ("on_stale, fresh by now, active", stale(), world(FRESH, active), Want::Unasked),
            ("on_stale, fresh by now, unknown", stale(), world(FRESH, unknown), Want::Unasked),
            ("on_stale, fresh by now, inactive", stale(), world(FRESH, inactive), NO),
            ("on_stale, no feed", stale(), world(Fresh::Unfed, Known::Unasked), Want::Unasked),
            ("on_stale, stale, active", stale(), world(STALE, active), Want::Pass),
            ("on_stale, stale, inactive", stale(), world(STALE, inactive), NO),
            ("on_stale, stale, unknown", stale(), world(STALE, unknown), UNKNOWN),
            ("on_stale, stale, not asked", stale(), world(STALE, Known::Unasked), UNKNOWN),
            ("on_stale, cold", stale(), world(COLD, Known::Unasked), Want::Unasked),
            ("cold_start, cold", cold(), world(COLD, inactive), NO),
            ("cold_start, stale", cold(), world(STALE, Known::Unasked), Want::Unasked),
            ("cold_start, cold, unknown", cold(), world(COLD, unknown), UNKNOWN),
            ("when_stale and allow, unknown", wish(), world(STALE, unknown), Want::Pass),
            ("when_stale and allow, inactive", wish(), world(STALE, inactive), NO),
            ("when_stale and allow, not asked", wish(), world(STALE, Known::Unasked), Want::Pass),
            ("when_stale and allow, cold", wish(), world(COLD, Known::Unasked), Want::Unasked),
            ("never and allow", asks(Rule::Never, Allow, Allow), world(STALE, Known::Unasked), Want::Unasked),
            ("a list that is old", stale(), listed(old, inactive), NO),
            ("a list that was never had", cold(), listed(Listing::Missing, inactive), NO),
            ("a list that is gone for good", stale(), listed(gone, Known::Unasked), Want::Unasked),
            ("a list that is gone meanwhile, inactive", stale(), listed(gone, inactive), NO),
        ],
    );
}

/// A session that there is no room to remember: the issuer stands in for what is not known, where that had to be known.
#[test]
fn a_session_without_room() {
    let (active, inactive, unknown) =
        (told(Answer::Active), told(Answer::Inactive), told(Answer::Unknown("no answer in time")));
    let asks = |when_full| Introspection { when_full, ..asks(Rule::Never, OnStale::Deny, OnStale::Deny) };
    let (never, undated, always) = (asks(WhenFull::Never), asks(WhenFull::Undated), asks(WhenFull::Always));
    let on = |basis, dated: bool, introspection| {
        let mut world = World::claims(|claims| claims.auth_time = claims.issued.filter(|_| dated));
        let key = Key { source: KeySource::Claim, lot: 0 };
        (world.session, world.introspection) = (Knowledge::Known(key, basis, Sight::default()), introspection);
        world
    };
    let unkept = |dated, introspection| on(Basis::Unkept, dated, introspection);
    table(
        "introspection of a session without room",
        vec![
            ("active", always, unkept(true, active), Want::Pass),
            ("inactive", always, unkept(true, inactive), NO),
            ("unknown", always, unkept(true, unknown), UNKNOWN),
            ("not asked", always, unkept(true, Known::Unasked), UNKNOWN),
            ("held", always, on(Basis::Held, true, Known::Unasked), Want::Unasked),
            ("new, and there is room", always, on(Basis::Token, true, Known::Unasked), Want::Unasked),
            ("the sign-in is enough", undated, unkept(true, Known::Unasked), Want::Unasked),
            ("no sign-in is told, active", undated, unkept(false, active), Want::Pass),
            ("no sign-in is told, unknown", undated, unkept(false, unknown), UNKNOWN),
            ("nobody is to be asked", never, unkept(false, Known::Unasked), Want::Unasked),
        ],
    );
    // What the token proves is judged as ever, and then nobody is asked.
    let limit = by(Duration::from_secs(5));
    let idle =
        Idle { limit, jitter: Duration::ZERO, unidentified: Unidentified::Deny, on_state_loss: OnStateLoss::Deny };
    let policy = Policy { idle: Some(idle), active: Some(always), ..policy() };
    for (quiet, due, reason) in
        [(5_000, true, Reason::IntrospectionUnavailable), (5_001, false, Reason::SessionIdleTimeout)]
    {
        let mut world = unkept(true, Known::Unasked);
        let key = Key { source: KeySource::Claim, lot: 0 };
        world.session = Knowledge::Known(key, Basis::Unkept, Sight { quiet, ..Sight::default() });
        let verdict = policy.judge(&world.evidence());
        assert_eq!((always.is_due(&world.evidence(), &verdict), verdict.reason()), (due, Some(reason)));
    }
}

/// The issuer is asked only about a token against which nothing else stands, and it is asked once.
#[test]
fn nobody_is_asked_about_a_token_that_is_refused_anyway() {
    let ask = asks(Rule::Always, OnStale::Deny, OnStale::Deny);
    let mut policy = policy();
    policy.active = Some(ask);
    let due = |policy: &Policy, world: &World| ask.is_due(&world.evidence(), &policy.judge(&world.evidence()));
    let good = world(FRESH, Known::Unasked);
    assert!(due(&policy, &good));
    for known in [told(Answer::Active), told(Answer::Unknown("x")), Known::Offline] {
        assert!(!due(&policy, &world(FRESH, known)), "{known:?}");
    }
    let mut hit = world(FRESH, Known::Unasked);
    hit.knowledge.entries.subject = revoked();
    assert!(!due(&policy, &hit));
    assert_eq!(policy.judge(&hit.evidence()).reason(), Some(Reason::SubjectRevoked));
    assert!(!due(&policy, &world(STALE, Known::Unasked)), "on_stale: deny refuses it anyway");
    policy.scope = Some(Scope { all: Box::new(["admin".into()]) });
    assert!(!due(&policy, &good));
    assert_eq!(policy.judge(&good.evidence()).reason(), Some(Reason::InsufficientScope));
}

/// Stale knowledge is as good as the issuer's word, and what the set says comes before it.
#[test]
fn the_set_speaks_before_the_issuer() {
    let mut policy = policy();
    policy.freshness = Freshness { on_stale: by(OnStale::Introspect), cold_start: by(OnStale::Introspect) };
    policy.active = Some(asks(Rule::Never, OnStale::Introspect, OnStale::Introspect));
    for (known, reason) in [
        (told(Answer::Active), None),
        (told(Answer::Inactive), Some(Reason::IntrospectionInactive)),
        (told(Answer::Unknown("x")), Some(Reason::IntrospectionUnavailable)),
        (Known::Unasked, Some(Reason::IntrospectionUnavailable)),
    ] {
        let mut world = world(STALE, known);
        assert_eq!(policy.judge(&world.evidence()).reason(), reason);
        world.knowledge.entries.token = revoked();
        assert_eq!(policy.judge(&world.evidence()).reason(), Some(Reason::TokenRevoked), "{known:?}");
    }
}
