//! Renewals as a real gateway counts them: by the sessions and the times that tokens themselves tell.

use crate::support::mint::{Mint, now, unique};
use crate::support::wait::until;
use crate::traffic;
use crate::world::World;
use std::time::Duration;

fn count(world: &World, series: &str) -> f64 {
    let text = world.gateway.admin("/metrics").1;
    let value =
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.split(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("{series}\n{text}"))
}

#[test]
fn sessions_that_go_on_are_told_from_those_that_begin() {
    let world = World::start();
    let renewed =
        |outcome: &str| count(&world, &format!(r#"curfew_renewals_total{{issuer="corp",outcome="{outcome}"}}"#));
    let waited = || count(&world, r#"curfew_renewal_duration_seconds_count{issuer="corp"}"#);
    let skews = || count(&world, r#"curfew_issuer_clock_skew_seconds_count{issuer="corp"}"#);
    // Tokens of no session that could go on, each of its own, and one that is used again.
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let stranger = || bearer(&Mint::get().rsa.token().without("sub").claim("iat", now()).sign());
    let again = stranger();
    for fields in [stranger(), again.clone(), again] {
        world.asks("/orders/1", &fields);
    }
    // A request is counted at the end of its answer, which its client may have read a little earlier.
    let told = |ahead: f64, late: f64, fresh: f64| {
        until("what is counted", Duration::from_secs(10), || {
            let counts = (renewed("ahead"), renewed("late"), renewed("failed"), waited(), skews());
            (counts == (ahead, late, 0.0, late, fresh)).then_some(())
        });
    };
    // A clock is read off the first sight of a token that is a minute old at most.
    told(0.0, 0.0, 2.0);
    for session in 1..=3 {
        for (path, fields, expected) in traffic::renewals(&unique("sid"), Mint::get()) {
            assert_eq!(world.asks(path, &fields), expected, "{path}");
            // Used once more, which is no news.
            assert_eq!(world.asks(path, &fields), expected, "{path}");
        }
        let each = f64::from(session);
        told(each, each, 2.0 + each);
    }
}
