//! The checks of sessions and sign-ins: absolute, idle, how recent, how strong. Every boundary from both sides.

use crate::world::{LEEWAY, NOW, Want, World, at, policy, table, words};
use curfew::decide::checks::absolute::Absolute;
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::checks::step_up::{Acr, AuthAge};
use curfew::decide::claims::Claims;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Basis, Key, KeySource, Knowledge, OnStateLoss, Sight};
use curfew::decide::verdict::Outcome;
use curfew::state::fingerprint::Fingerprints;
use curfew::state::sessions::name;
use std::time::Duration;

const SID: Key = Key { source: KeySource::Claim, lot: 0 };
const TOKEN: Key = Key { source: KeySource::Token, lot: 0 };

fn limit(ms: u64) -> Limit<Duration> {
    Limit::new(Duration::from_millis(ms), Origin::Policy)
}

fn known(knowledge: Knowledge) -> World {
    World { session: knowledge, ..World::good() }
}

fn sight(quiet: i64, silence: i64, age: i64) -> Knowledge {
    Knowledge::Known(SID, Basis::Held, Sight { quiet, silence, age, ..Sight::default() })
}

/// While the shared store cannot be asked, and it had to be: what the policy says. What this instance knows to have ended
/// for good has ended; and where the token says when its user signed in, nobody else is needed for that.
#[test]
fn a_store_that_is_lost() {
    use OnStateLoss::{Allow, Deny, Local};
    let idle = |loss| Idle {
        limit: limit(1000),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Deny,
        on_state_loss: loss,
    };
    let seen =
        |basis, quiet, silence| known(Knowledge::Known(SID, basis, Sight { quiet, silence, ..Sight::default() }));
    let doubted = |doubted| known(Knowledge::Known(SID, Basis::Alone, Sight { quiet: 5, doubted, ..Sight::default() }));
    let (over, lost) = (Want::Fail(Reason::SessionIdleTimeout), Want::Fail(Reason::SessionStateUnknown));
    let (alone, unheard) = (Basis::Alone, Basis::Unheard);
    table(
        "idle, with a lost store",
        vec![
            ("asked: at the limit", idle(Deny), seen(Basis::Shared, 1000, 0), Want::PassFor(1)),
            ("asked: over", idle(Allow), seen(Basis::Shared, 1001, 0), over),
            ("deny, held", idle(Deny), seen(alone, 5, 0), lost),
            ("deny, held, over", idle(Deny), seen(alone, 1001, 0), lost),
            ("deny, not held", idle(Deny), seen(unheard, 5, 0), lost),
            ("deny, ended here", idle(Deny), seen(alone, 5, 1001), over),
            ("local, held, at the limit", idle(Local), seen(alone, 1000, 0), Want::PassFor(1)),
            ("local, held, over", idle(Local), seen(alone, 1001, 0), over),
            ("local, in doubt, at the limit", idle(Local), doubted(1000), Want::PassFor(996)),
            ("local, in doubt, over", idle(Local), doubted(1001), over),
            ("deny, in doubt, over", idle(Deny), doubted(1001), lost),
            ("local, not held", idle(Local), seen(unheard, 5, 0), Want::PassFor(996)),
            ("local, not held, over", idle(Local), seen(unheard, 1001, 0), over),
            ("allow, held, over", idle(Allow), seen(alone, 1001, 0), Want::PassFor(1001)),
            ("allow, not held, over", idle(Allow), seen(unheard, 1001, 0), Want::PassFor(1001)),
            ("allow, ended here", idle(Allow), seen(alone, 5, 1001), over),
        ],
    );
    let absolute = |loss| Absolute {
        limit: limit(1000),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Deny,
        on_state_loss: loss,
    };
    let aged = |age| Knowledge::Known(SID, unheard, Sight { age, ..Sight::default() });
    let signed = |offset| World {
        session: aged(0),
        ..World::claims(|claims| (claims.auth_time, claims.issued) = (Some(at(offset)), Some(at(0))))
    };
    table(
        "absolute, with a lost store",
        vec![
            ("auth_time tells", absolute(Deny), signed(-1000).strict(), Want::PassFor(1)),
            ("deny", absolute(Deny), known(aged(5)).strict(), lost),
            ("deny, over", absolute(Deny), known(aged(1001)).strict(), Want::Fail(Reason::SessionAbsoluteTimeout)),
            ("local", absolute(Local), known(aged(1000)).strict(), Want::PassFor(1)),
            ("allow", absolute(Allow), known(aged(1000)).strict(), Want::PassFor(1)),
        ],
    );
}

/// `now - last activity`, accepted at the limit itself, refused a millisecond later; there is no leeway.
#[test]
fn idle() {
    let idle = |ms| Idle {
        limit: limit(ms),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Deny,
    };
    let lax = |ms| Idle {
        limit: limit(ms),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Token,
        on_state_loss: OnStateLoss::Deny,
    };
    let over = Want::Fail(Reason::SessionIdleTimeout);
    let cold = |quiet| known(Knowledge::Known(SID, Basis::Token, Sight { quiet, ..Sight::default() }));
    let alone = |quiet| known(Knowledge::Known(TOKEN, Basis::Held, Sight { quiet, ..Sight::default() }));
    let ahead = |offset| World {
        session: sight(0, 0, 0),
        ..World::claims(|claims| (claims.auth_time, claims.issued) = (Some(at(offset)), Some(at(0))))
    };
    table(
        "idle",
        vec![
            ("used right now", idle(1000), known(sight(0, 0, 0)), Want::PassFor(1001)),
            ("one millisecond left", idle(1000), known(sight(999, 0, 0)), Want::PassFor(2)),
            ("at the limit", idle(1000), known(sight(1000, 0, 0)), Want::PassFor(1)),
            ("one millisecond over", idle(1000), known(sight(1001, 0, 0)), over),
            (
                "it was left alone before, just not for too long",
                idle(1000),
                known(sight(5, 1000, 0)),
                Want::PassFor(996),
            ),
            ("it was left alone for too long before", idle(1000), known(sight(5, 1001, 0)), over),
            ("0 s is zero: at the same instant", idle(0), known(sight(0, 0, 0)), Want::PassFor(1)),
            ("0 s is zero: a millisecond later", idle(0), known(sight(1, 0, 0)), over),
            ("for ever", idle(1000), known(sight(i64::MAX, 0, 0)), over),
            ("not held: at the limit", idle(1000), cold(1000), Want::PassFor(1)),
            ("not held: one millisecond over", idle(1000), cold(1001), over),
            ("no session", idle(1000), alone(0), Want::Fail(Reason::SessionUnidentified)),
            ("no session, and taken", lax(1000), alone(1000), Want::PassFor(1)),
            ("no session, taken, and over", lax(1000), alone(1001), over),
            ("no room", idle(1000), known(Knowledge::NoRoom(SID)), Want::Fail(Reason::SessionUnavailable)),
            ("no date", idle(1000), known(Knowledge::Undated(SID)), Want::Fail(Reason::ClaimMissing)),
            ("nobody looked", idle(1000), World::good(), Want::Fail(Reason::SessionUnavailable)),
            ("auth_time ahead by the leeway", idle(1000), ahead(LEEWAY), Want::PassFor(1001)),
            ("auth_time ahead by more", idle(1000), ahead(LEEWAY + 1), Want::Fail(Reason::ClaimsMalformed)),
        ],
    );
}

/// `now - auth_time`, else since the session was first seen; accepted at limit and leeway, refused a millisecond later.
#[test]
fn absolute() {
    let absolute = |ms| Absolute {
        limit: limit(ms),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Deny,
    };
    let over = Want::Fail(Reason::SessionAbsoluteTimeout);
    let signed = |offset, session| World {
        session,
        ..World::claims(|claims| (claims.auth_time, claims.issued) = (Some(at(offset)), Some(at(0))))
    };
    let cold = Knowledge::NoRoom(SID);
    table(
        "absolute",
        vec![
            ("at the limit", absolute(1000), signed(-1000, cold).strict(), Want::PassFor(1)),
            ("1 ms older", absolute(1000), signed(-1001, cold).strict(), over),
            ("1 ms younger", absolute(1000), signed(-999, cold).strict(), Want::PassFor(2)),
            ("at the limit and the leeway", absolute(1000), signed(-1000 - LEEWAY, cold), Want::PassFor(1)),
            ("1 ms beyond both", absolute(1000), signed(-1001 - LEEWAY, cold), over),
            ("the wall clock was set back", absolute(1000), signed(-10, sight(0, 0, 1001)).strict(), over),
            (
                "the wall clock was set back, at the limit",
                absolute(1000),
                signed(-10, sight(0, 0, 1000)).strict(),
                Want::PassFor(1),
            ),
            ("the wall clock was set forward", absolute(1000), signed(-1001, sight(0, 0, 10)).strict(), over),
            ("without auth_time, at the limit", absolute(1000), known(sight(0, 0, 1000)).strict(), Want::PassFor(1)),
            ("without auth_time, 1 ms older", absolute(1000), known(sight(0, 0, 1001)).strict(), over),
            ("without auth_time, no room", absolute(1000), known(cold), Want::Fail(Reason::SessionUnavailable)),
            (
                "without auth_time or session",
                absolute(1000),
                known(Knowledge::NoRoom(TOKEN)),
                Want::Fail(Reason::SessionUnidentified),
            ),
            (
                "with auth_time and no session",
                absolute(1000),
                signed(-1000, Knowledge::NoRoom(TOKEN)).strict(),
                Want::PassFor(1),
            ),
            (
                "auth_time after iat, by the leeway",
                absolute(1000),
                signed(LEEWAY, cold),
                Want::PassFor(1001 + 2 * LEEWAY as u64),
            ),
            (
                "auth_time after iat, by more",
                absolute(1000),
                signed(LEEWAY + 1, cold),
                Want::Fail(Reason::ClaimsMalformed),
            ),
            ("the age of the epoch", absolute(1000), signed(-NOW, cold), over),
        ],
    );
}

/// The session's own part of the jitter, earlier by at most all of it, and the same each time.
#[test]
fn jitter_is_earlier_and_never_later() {
    let absolute = Absolute {
        limit: limit(10_000),
        jitter: Duration::from_secs(4),
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Deny,
    };
    let of = |lot, age| {
        let key = Key { source: KeySource::Claim, lot };
        known(Knowledge::Known(key, Basis::Held, Sight { age, ..Sight::default() })).strict()
    };
    let over = Want::Fail(Reason::SessionAbsoluteTimeout);
    table(
        "jitter",
        vec![
            ("none of it, at the limit", absolute, of(0, 10_000), Want::PassFor(1)),
            ("none of it, over", absolute, of(0, 10_001), over),
            ("half of it, at the limit", absolute, of(1 << 31, 8_000), Want::PassFor(1)),
            ("half of it, over", absolute, of(1 << 31, 8_001), over),
            ("all of it, at the limit", absolute, of(u32::MAX, 6_001), Want::PassFor(1)),
            ("all of it, over", absolute, of(u32::MAX, 6_002), over),
        ],
    );
}

/// The same of the idle limit: a silence that is going on, one that was, and one that the token tells.
#[test]
fn idle_jitter_is_earlier_and_never_later() {
    let idle = Idle {
        limit: limit(10_000),
        jitter: Duration::from_secs(4),
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Allow,
    };
    let of = |lot, basis, quiet, silence| {
        let key = Key { source: KeySource::Claim, lot };
        known(Knowledge::Known(key, basis, Sight { quiet, silence, ..Sight::default() })).strict()
    };
    let (half, all) = (1 << 31, u32::MAX);
    let over = Want::Fail(Reason::SessionIdleTimeout);
    table(
        "idle jitter",
        vec![
            ("none of it, used right now", idle, of(0, Basis::Held, 0, 0), Want::PassFor(10_001)),
            ("none of it, at the limit", idle, of(0, Basis::Held, 10_000, 0), Want::PassFor(1)),
            ("none of it, over", idle, of(0, Basis::Held, 10_001, 0), over),
            ("half of it, used right now", idle, of(half, Basis::Held, 0, 0), Want::PassFor(8_001)),
            ("half of it, 1 ms before", idle, of(half, Basis::Held, 7_999, 0), Want::PassFor(2)),
            ("half of it, at the limit", idle, of(half, Basis::Held, 8_000, 0), Want::PassFor(1)),
            ("half of it, over", idle, of(half, Basis::Held, 8_001, 0), over),
            ("all of it, at the limit", idle, of(all, Basis::Held, 6_001, 0), Want::PassFor(1)),
            ("all of it, over", idle, of(all, Basis::Held, 6_002, 0), over),
            ("ended before, at the limit", idle, of(half, Basis::Held, 5, 8_000), Want::PassFor(7_996)),
            ("ended before, over", idle, of(half, Basis::Held, 5, 8_001), over),
            ("not held, at the limit", idle, of(half, Basis::Token, 8_000, 0), Want::PassFor(1)),
            ("not held, over", idle, of(half, Basis::Token, 8_001, 0), over),
            ("all were asked, over", idle, of(half, Basis::Shared, 8_001, 0), over),
            ("none could be asked, allowed", idle, of(half, Basis::Alone, 9_000, 8_000), Want::PassFor(8_001)),
            ("none could be asked, ended here", idle, of(half, Basis::Alone, 5, 8_001), over),
        ],
    );
}

/// Of a jitter each session has one part, which does not change; parts are as many of each size, and none is the whole.
#[test]
fn jitter_spreads_evenly() {
    const MANY: usize = 100_000;
    let prints = Fingerprints::derived(b"the key that all instances have").unwrap();
    let again = Fingerprints::derived(b"the key that all instances have").unwrap();
    let idle = Idle {
        limit: limit(900_000),
        jitter: Duration::from_secs(60),
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Deny,
    };
    let mut spread = [0_usize; 60];
    for nth in 0..MANY {
        let claims = Claims { session: Some(nth.to_string().into()), ..Claims::default() };
        let named = |prints| name(prints, "https://idp", &claims, Fingerprint([7; 16])).key();
        let span = idle.span(named(&prints));
        assert_eq!(span, idle.span(named(&again)), "the same on all instances");
        let earlier = Duration::from_secs(900).checked_sub(span).expect("never later").as_millis() as usize;
        spread[earlier / 1000] += 1;
    }
    // A second takes a sixtieth of them: 1667, with a standard deviation of 40.
    let (least, most) = (spread.iter().min().unwrap(), spread.iter().max().unwrap());
    println!("{MANY} sessions over 60 seconds: from {least} to {most} in each");
    assert!(*least > 1_450 && *most < 1_890, "{spread:?}");
}

/// Whatever limit, jitter and session: not later than the limit, not earlier than by the jitter, and what is told of the
/// span is what the decision goes by, to the millisecond.
#[test]
fn jitter_is_within_its_bounds() {
    let mut seed = 5_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 32) % below
    };
    for _ in 0..20_000 {
        let (most, jitter) = (random(100_000), random(100_000));
        let idle = Idle {
            limit: limit(most),
            jitter: Duration::from_millis(jitter),
            unidentified: Unidentified::Deny,
            on_state_loss: OnStateLoss::Deny,
        };
        let key = Key { source: KeySource::Claim, lot: random(1 << 32) as u32 };
        let span = idle.span(key).as_millis() as u64;
        assert!(span <= most && span >= most.saturating_sub(jitter) && idle.span(key) >= idle.shortest());
        let judged =
            |quiet: u64| idle.judge(key, Basis::Held, Sight { quiet: quiet as i64, ..Sight::default() }).reason();
        assert_eq!((judged(span), judged(span + 1)), (None, Some(Reason::SessionIdleTimeout)));
    }
}

/// RFC 9470 §6.1, and what is wrong with `auth_time` itself.
#[test]
fn auth_age() {
    let age = |ms| AuthAge { limit: limit(ms) };
    let signed = |offset: i64| World::claims(|claims| claims.auth_time = Some(at(offset)));
    let over = Want::Fail(Reason::AuthTooOld);
    table(
        "auth_age",
        vec![
            ("at the limit", age(90_000), signed(-90_000).strict(), Want::PassFor(1)),
            ("1 ms older", age(90_000), signed(-90_001).strict(), over),
            ("1 ms younger", age(90_000), signed(-89_999).strict(), Want::PassFor(2)),
            ("at the limit and the leeway", age(90_000), signed(-90_000 - LEEWAY), Want::PassFor(1)),
            ("1 ms beyond both", age(90_000), signed(-90_001 - LEEWAY), over),
            ("not told", age(90_000), World::good(), Want::Fail(Reason::AuthTimeMissing)),
            ("after iat", age(90_000), signed(-50_000), Want::Fail(Reason::ClaimsMalformed)),
            ("ahead", age(90_000), signed(i64::MAX), Want::Fail(Reason::ClaimsMalformed)),
        ],
    );
}

/// One of those that are accepted, byte for byte.
#[test]
fn acr() {
    let acr = |among: &[&str]| Acr { among: words(among), origin: Origin::Policy };
    let of = |value: Option<&str>| World::claims(|claims| claims.acr = value.map(Into::into));
    let weak = Want::Fail(Reason::AcrInsufficient);
    table(
        "acr",
        vec![
            ("the only one", acr(&["gold"]), of(Some("gold")), Want::Pass),
            ("the second", acr(&["gold", "silver"]), of(Some("silver")), Want::Pass),
            ("another", acr(&["gold", "silver"]), of(Some("bronze")), weak),
            ("in capitals", acr(&["gold"]), of(Some("Gold")), weak),
            ("two in one", acr(&["gold"]), of(Some("gold silver")), weak),
            ("not told", acr(&["gold"]), of(None), weak),
            ("none is accepted", acr(&[]), of(Some("gold")), weak),
        ],
    );
}

/// A stream that is never left alone lasts to the earlier of the two, which gives its end a name.
#[test]
fn what_ends_a_stream() {
    let lasts = |ends: i64, absolute: Option<u64>| {
        let mut policy = policy();
        policy.idle = Some(Idle {
            limit: limit(1_000),
            jitter: Duration::ZERO,
            unidentified: Unidentified::Deny,
            on_state_loss: OnStateLoss::Deny,
        });
        policy.absolute = absolute.map(|ms| Absolute {
            limit: limit(ms),
            jitter: Duration::ZERO,
            unidentified: Unidentified::Deny,
            on_state_loss: OnStateLoss::Deny,
        });
        let world = World { session: sight(0, 0, 0), ..World::claims(|claims| claims.expires = Some(at(ends))) };
        match policy.judge(&world.strict().evidence()).outcome {
            Outcome::Admit(permit) => (permit.curfew().unwrap().as_millis(), permit.lasts().unwrap()),
            refused => panic!("{refused:?}"),
        }
    };
    let told = |ms, reason| (Duration::from_millis(ms), reason);
    assert_eq!(lasts(5_000, None), (1_001, told(5_000, Reason::StreamExpired)));
    assert_eq!(lasts(5_000, Some(4_998)), (1_001, told(4_999, Reason::SessionAbsoluteTimeout)));
    assert_eq!(lasts(5_000, Some(4_999)), (1_001, told(5_000, Reason::StreamExpired)));
    assert_eq!(lasts(500, Some(600)), (500, told(500, Reason::StreamExpired)));
}
