//! The checks of time: expiry, not before, issued, lifetime, age. Every boundary from both sides.

use crate::world::{LEEWAY, NOW, Want, World, at, table};
use curfew::decide::checks::age::Age;
use curfew::decide::checks::expiry::Expiry;
use curfew::decide::checks::issued::Issued;
use curfew::decide::checks::lifetime::Lifetime;
use curfew::decide::checks::not_before::NotBefore;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::reason::Reason;
use std::time::Duration;

/// RFC 7519 §4.1.4: refused on or after `exp`; the leeway moves that instant, and keeps it refused.
#[test]
fn expiry() {
    let ends = |offset: i64| World::claims(|claims| claims.expires = Some(at(offset)));
    table(
        "expiry",
        vec![
            ("one millisecond left", Expiry, ends(1).strict(), Want::PassFor(1)),
            ("at the instant", Expiry, ends(0).strict(), Want::Fail(Reason::TokenExpired)),
            ("one millisecond over", Expiry, ends(-1).strict(), Want::Fail(Reason::TokenExpired)),
            ("C2 exp = now - leeway", Expiry, ends(-LEEWAY), Want::Fail(Reason::TokenExpired)),
            ("C2 exp = now - leeway + 1 ms", Expiry, ends(-LEEWAY + 1), Want::PassFor(1)),
            ("C2 exp = now - leeway - 1 ms", Expiry, ends(-LEEWAY - 1), Want::Fail(Reason::TokenExpired)),
            ("exp = now, with leeway", Expiry, ends(0), Want::PassFor(LEEWAY as u64)),
            ("C3 half a second left", Expiry, ends(500).strict(), Want::PassFor(500)),
            ("far ahead", Expiry, ends(3_600_000), Want::PassFor(3_600_000 + LEEWAY as u64)),
            ("at the epoch", Expiry, ends(-NOW), Want::Fail(Reason::TokenExpired)),
            ("the end of all time", Expiry, ends(i64::MAX), Want::PassFor((i64::MAX - NOW) as u64)),
            ("missing", Expiry, World::claims(|claims| claims.expires = None), Want::Fail(Reason::ClaimMissing)),
        ],
    );
}

/// RFC 7519 §4.1.5: refused before `nbf`, accepted at it.
#[test]
fn not_before() {
    let begins = |offset: i64| World::claims(|claims| claims.not_before = Some(at(offset)));
    table(
        "not_before",
        vec![
            ("at the instant", NotBefore, begins(0).strict(), Want::Pass),
            ("one millisecond early", NotBefore, begins(1).strict(), Want::Fail(Reason::TokenNotYetValid)),
            ("one millisecond past", NotBefore, begins(-1).strict(), Want::Pass),
            ("C4 nbf = now + leeway", NotBefore, begins(LEEWAY), Want::Pass),
            ("C4 nbf = now + leeway + 1 ms", NotBefore, begins(LEEWAY + 1), Want::Fail(Reason::TokenNotYetValid)),
            ("missing", NotBefore, World::good(), Want::Pass),
            ("the end of all time", NotBefore, begins(i64::MAX), Want::Fail(Reason::TokenNotYetValid)),
        ],
    );
}

/// `iat` may not lie in the future, or every age would be negative.
#[test]
fn issued() {
    let issued = |offset: i64| World::claims(|claims| claims.issued = Some(at(offset)));
    table(
        "issued",
        vec![
            ("now", Issued, issued(0).strict(), Want::Pass),
            ("one millisecond ahead", Issued, issued(1).strict(), Want::Fail(Reason::TokenIssuedInFuture)),
            ("C5 iat = now + leeway", Issued, issued(LEEWAY), Want::Pass),
            ("C5 iat = now + leeway + 1 ms", Issued, issued(LEEWAY + 1), Want::Fail(Reason::TokenIssuedInFuture)),
            ("C5 far ahead", Issued, issued(i64::MAX), Want::Fail(Reason::TokenIssuedInFuture)),
            ("missing", Issued, World::claims(|claims| claims.issued = None), Want::Pass),
        ],
    );
}

/// C6: the span from issue to end, which no leeway widens.
#[test]
fn lifetime() {
    let cap = |ms: u64| Lifetime { cap: Limit::new(Duration::from_millis(ms), Origin::Defaults) };
    let lives = |from: i64, to: i64| {
        World::claims(|claims| {
            claims.issued = Some(at(from));
            claims.expires = Some(at(to));
        })
    };
    table(
        "lifetime",
        vec![
            ("at the cap", cap(3_600_000), lives(-1_800_000, 1_800_000), Want::Pass),
            ("1 ms over", cap(3_600_000), lives(-1_800_000, 1_800_001), Want::Fail(Reason::TokenLifetimeExcessive)),
            ("1 ms under", cap(3_600_000), lives(-1_799_999, 1_800_000), Want::Pass),
            ("the year 2100", cap(86_400_000), lives(0, 2_302_444_800_000), Want::Fail(Reason::TokenLifetimeExcessive)),
            ("nothing at all is allowed", cap(0), lives(0, 1), Want::Fail(Reason::TokenLifetimeExcessive)),
            ("no iat", cap(1), World::claims(|claims| claims.issued = None), Want::Fail(Reason::ClaimMissing)),
            ("no exp", cap(1), World::claims(|claims| claims.expires = None), Want::Fail(Reason::ClaimMissing)),
        ],
    );
}

/// The route's own limit: `now - iat`, accepted at the limit itself, refused a millisecond later.
#[test]
fn age() {
    let limit = |ms: u64| Age { limit: Limit::new(Duration::from_millis(ms), Origin::Route) };
    let issued = |offset: i64| World::claims(|claims| claims.issued = Some(at(offset)));
    table(
        "age",
        vec![
            ("at the limit", limit(1000), issued(-1000).strict(), Want::PassFor(1)),
            ("1 ms older", limit(1000), issued(-1001).strict(), Want::Fail(Reason::TokenTooOld)),
            ("1 ms younger", limit(1000), issued(-999).strict(), Want::PassFor(2)),
            ("at the limit and the leeway", limit(1000), issued(-1000 - LEEWAY), Want::PassFor(1)),
            ("1 ms beyond both", limit(1000), issued(-1001 - LEEWAY), Want::Fail(Reason::TokenTooOld)),
            ("0 s is zero: issued now", limit(0), issued(0).strict(), Want::PassFor(1)),
            ("0 s is zero: issued 1 ms ago", limit(0), issued(-1).strict(), Want::Fail(Reason::TokenTooOld)),
            ("issued in the future, within the leeway", limit(1000), issued(LEEWAY), Want::PassFor(2501 + 1500)),
            ("no iat", limit(1000), World::claims(|claims| claims.issued = None), Want::Fail(Reason::ClaimMissing)),
            ("the age of the epoch", limit(1000), issued(-NOW), Want::Fail(Reason::TokenTooOld)),
        ],
    );
}

/// The whole judgement around `exp`: Admit until the curfew, Refuse at it, and the permit says exactly when.
#[test]
fn the_curfew_is_the_instant_of_refusal() {
    let mut policy = crate::world::policy();
    policy.age = Some(Age { limit: Limit::new(Duration::from_secs(90), Origin::Route) });
    let world = World::good();
    let curfew = match policy.judge(&world.evidence()).outcome {
        curfew::decide::verdict::Outcome::Admit(permit) => permit.curfew().unwrap(),
        refused => panic!("{refused:?}"),
    };
    // 90 s of age, 60 of them gone, 1.5 s of leeway, and the limit itself is still in.
    assert_eq!(curfew, Duration::from_millis(31_501));
    let later = |ms: u64| World { now: NOW + i64::try_from(ms).unwrap(), ..world.clone() };
    let last = u64::try_from(curfew.as_millis()).unwrap();
    assert_eq!(policy.judge(&later(last - 1).evidence()).reason(), None);
    assert_eq!(policy.judge(&later(last).evidence()).reason(), Some(Reason::TokenTooOld));
}
