//! The boundary table: each limit of time, one millisecond before it, at it and one after, on a hand-set clock, as the whole
//! policy answers. `cargo test --test conformance --test sessions boundary -- --nocapture` prints it, and the same over
//! sockets.

use crate::world::{LEEWAY, NOW, World, at, policy};
use curfew::decide::checks::absolute::Absolute;
use curfew::decide::checks::age::Age;
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::checks::lifetime::Lifetime;
use curfew::decide::checks::step_up::AuthAge;
use curfew::decide::claims::Claims;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Basis, Key, KeySource, Knowledge, OnStateLoss, Sight};
use std::fmt::Write as _;
use std::time::Duration;

const SPAN: i64 = 60_000;
const DENY: Unidentified = Unidentified::Deny;

/// What a request is answered whose clock stands so many milliseconds after the limit.
type Answer = Box<dyn Fn(i64) -> Option<Reason>>;

struct Row {
    limit: &'static str,
    leeway: bool,
    answer: Answer,
    /// Before, at, and after.
    wanted: [Option<Reason>; 3],
}

fn limit(ms: i64) -> Limit<Duration> {
    Limit::new(Duration::from_millis(ms.unsigned_abs()), Origin::Policy)
}

/// A clock that stands `offset` after the limit, which is at [`NOW`] and the leeway.
fn clock(set: fn(&mut Policy), claims: fn(&mut Claims), session: fn(i64) -> Knowledge, leeway: bool) -> Answer {
    Box::new(move |offset| {
        let mut policy = policy();
        set(&mut policy);
        let world = World::claims(|all| {
            (all.issued, all.auth_time, all.expires) = (Some(at(-SPAN)), Some(at(-SPAN)), Some(at(10 * SPAN)));
            claims(all);
        });
        let world = if leeway { world } else { world.strict() };
        let late = offset + if leeway { LEEWAY } else { 0 };
        let world = World { now: NOW + late, session: session(late), ..world };
        policy.judge(&world.evidence()).reason()
    })
}

fn seen(quiet: i64, age: i64) -> Knowledge {
    let key = Key { source: KeySource::Claim, lot: 0 };
    Knowledge::Known(key, Basis::Held, Sight { quiet, age, ..Sight::default() })
}

fn rows() -> Vec<Row> {
    use Reason::{
        AuthTooOld, SessionAbsoluteTimeout, SessionIdleTimeout, TokenExpired, TokenLifetimeExcessive, TokenNotYetValid,
        TokenTooOld,
    };
    let (inside, half_open) = (|over| [None, None, Some(over)], |over| [None, Some(over), Some(over)]);
    let used = |_| seen(0, 0);
    let row = |limit, leeway, answer, wanted| Row { limit, leeway, answer, wanted };
    let mut rows = Vec::new();
    for leeway in [false, true] {
        let exp = clock(|_| {}, |claims| claims.expires = Some(at(0)), used, leeway);
        rows.push(row("exp", leeway, exp, half_open(TokenExpired)));
        let age = clock(|policy| policy.age = Some(Age { limit: limit(SPAN) }), |_| {}, used, leeway);
        rows.push(row("token.max_age", leeway, age, inside(TokenTooOld)));
        let auth_age = clock(|policy| policy.auth_age = Some(AuthAge { limit: limit(SPAN) }), |_| {}, used, leeway);
        rows.push(row("step_up.auth_age", leeway, auth_age, inside(AuthTooOld)));
        let absolute = |policy: &mut Policy| {
            let (limit, jitter) = (limit(SPAN), Duration::ZERO);
            policy.absolute = Some(Absolute { limit, jitter, unidentified: DENY, on_state_loss: OnStateLoss::Deny });
        };
        let answer = clock(absolute, |_| {}, |late| seen(0, SPAN + late), leeway);
        rows.push(row("session.absolute", leeway, answer, inside(SessionAbsoluteTimeout)));
        // The other way round: the leeway lets it begin earlier.
        let early = if leeway { -2 * LEEWAY } else { 0 };
        let begins = clock(|_| {}, |claims| claims.not_before = Some(at(0)), used, leeway);
        let nbf = Box::new(move |offset| begins(offset + early));
        rows.push(row("nbf", leeway, nbf, [Some(TokenNotYetValid), None, None]));
    }
    // Our own clock, and a span within the token: no leeway moves them.
    let idle = |policy: &mut Policy| {
        policy.idle = Some(Idle {
            limit: limit(SPAN),
            jitter: Duration::ZERO,
            unidentified: DENY,
            on_state_loss: OnStateLoss::Deny,
        })
    };
    let answer = clock(idle, |_| {}, |late| seen(SPAN + late, 0), false);
    rows.push(row("session.idle", false, answer, inside(SessionIdleTimeout)));
    // Half of a jitter of two seconds falls to this session.
    let jittered = |policy: &mut Policy| {
        let (limit, jitter) = (limit(SPAN), Duration::from_secs(2));
        policy.idle = Some(Idle { limit, jitter, unidentified: DENY, on_state_loss: OnStateLoss::Deny });
    };
    let half = |late| match seen(SPAN - 1000 + late, 0) {
        Knowledge::Known(key, basis, sight) => Knowledge::Known(Key { lot: 1 << 31, ..key }, basis, sight),
        other => other,
    };
    let answer = clock(jittered, |_| {}, half, false);
    rows.push(row("session.idle_jitter", false, answer, inside(SessionIdleTimeout)));
    let spans = |offset| {
        let mut policy = policy();
        policy.lifetime = Some(Lifetime { cap: limit(SPAN) });
        let world =
            World::claims(|claims| (claims.issued, claims.expires) = (Some(at(-100)), Some(at(SPAN - 100 + offset))));
        policy.judge(&world.evidence()).reason()
    };
    rows.push(row("token.max_lifetime", true, Box::new(spans), inside(TokenLifetimeExcessive)));
    rows
}

#[test]
fn boundary_on_a_hand_set_clock() {
    let (mut table, mut wrong) = (String::new(), 0);
    let told = |answer: &Option<Reason>| answer.map_or("admitted", Reason::code);
    _ = writeln!(table, "{:<19} {:<7} {:<25} {:<25} {:<25}", "limit", "leeway", "1 ms before", "at", "1 ms after");
    for Row { limit, leeway, answer, wanted } in rows() {
        let answers = [-1, 0, 1].map(&answer);
        let [before, on, after] = answers.each_ref().map(told);
        let mark = if answers == wanted { "" } else { "  WRONG" };
        wrong += usize::from(answers != wanted);
        let leeway = if leeway { "1.5 s" } else { "none" };
        _ = writeln!(table, "{limit:<19} {leeway:<7} {before:<25} {on:<25} {after:<25}{mark}");
    }
    println!("{table}");
    assert_eq!(wrong, 0, "{table}");
}
