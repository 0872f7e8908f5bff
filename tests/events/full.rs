//! A source at its bound refuses what is new, and nothing else: what it acknowledged it holds, and it is fresh.

use crate::backchannel::logout;
use crate::support::mint::Mint;
use crate::support::raw::PATIENCE;
use crate::support::wait::until;
use crate::world::{Rows, World, access};
use std::time::Duration;

const NARROW: &str = "/.curfew/events/narrow";

fn bound(world: &World, from: &str, to: &str) {
    let text = std::fs::read_to_string(&world.config).unwrap();
    let text = text.replace("rate: 3,", "rate: 1000,");
    assert_eq!(text.matches(from).count(), 1);
    std::fs::write(&world.config, text.replace(from, to)).unwrap();
}

fn metric(world: &World, name: &str) -> String {
    let (_, metrics) = world.gateway.admin("/metrics");
    let labels = format!("{name}{{source=\"narrow\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&labels)).unwrap_or("none").to_owned()
}

#[test]
fn a_full_source_is_fresh_and_takes_events_again_once_its_bound_is_raised() {
    let (mut world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (other, ..) = access(mint.ec.token());
    let ended = || {
        let (held, sid, _) = access(mint.ec.token());
        (held, logout(&mint.ec).claim("sid", sid).sign())
    };
    let ((first, one), (second, two)) = (ended(), ended());
    rows.is("the first", &world.logout(NARROW, &one), 200);
    rows.is("over the bound", &world.logout(NARROW, &two), 503);
    rows.same("what was acknowledged", &world.asks(&first), "session_revoked");
    rows.same("what was not", &world.asks(&second), "admitted");
    rows.same("somebody else", &world.asks(&other), "admitted");
    rows.same("its bound", &metric(&world, "curfew_revocation_max_entries"), "1.0");
    rows.same("it is whole", &metric(&world, "curfew_revocation_complete"), "1.0");
    let told = || world.gateway.admin("/revocations/feeds").1.contains("an event was refused: more than 1 entries");
    rows.same("its error is told", &told().to_string(), "true");

    world.restart();
    rows.same("what was not is not kept either", &world.asks(&second), "admitted");
    rows.same("somebody else, after a restart", &world.asks(&other), "admitted");

    bound(&world, "max_entries: 1,", "max_entries: 9,");
    until("the bound is raised", PATIENCE, || {
        (world.logout(NARROW, &two).status == 200).then_some(()).or_else(|| {
            std::thread::sleep(Duration::from_millis(20));
            None
        })
    });
    rows.same("it is enforced now", &world.asks(&second), "session_revoked");
    rows.same("somebody else goes on", &world.asks(&other), "admitted");
    let told = || world.gateway.admin("/revocations/feeds").1.contains("an event was refused");
    rows.same("its error is over", &told().to_string(), "false");

    // A bound that was lowered is for what comes.
    bound(&world, "max_entries: 9,", "max_entries: 1,");
    world.restart();
    rows.same("the first is kept", &world.asks(&first), "session_revoked");
    rows.same("and the second", &world.asks(&second), "session_revoked");
    rows.same("and nobody else pays", &world.asks(&other), "admitted");
    rows.is("what comes is refused", &world.logout(NARROW, &ended().1), 503);
    rows.finish();
}
