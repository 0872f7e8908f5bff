//! A feed that is gone, and what the issuer's own word is worth then; before anything was heard, and after.

use crate::idp::{Idp, Say};
use crate::support::wait::until;
use crate::world::{World, found};
use serde_json::json;
use std::time::Duration;

fn dead() -> Say {
    Say::Raw(500, "text/plain", String::new())
}

fn becomes(world: &World, path: &str, token: &str, says: &str) {
    until(says, Duration::from_secs(10), || (world.asks(path, token) == says).then_some(()));
}

#[test]
fn while_the_feed_is_gone_the_issuer_is_asked() {
    let world = World::start();
    let (good, bad) = (found(&world.idp), found(&world.idp));
    world.idp.revoke(&bad);
    for path in ["/stale", "/wish", "/never", "/cold"] {
        assert_eq!(world.asks(path, &bad), "admitted", "{path}: the feed is fresh, and says nothing");
    }
    assert_eq!(world.idp.count("/found"), 0);
    world.idp.says("/feed", dead());
    becomes(&world, "/never", &good, "revocation_stale");
    becomes(&world, "/cold", &good, "revocation_stale");
    assert_eq!(world.asks("/stale", &good), "admitted");
    assert_eq!(world.asks("/stale", &bad), "introspection_inactive");
    assert_eq!(world.asks("/wish", &good), "admitted");
    assert_eq!(world.asks("/wish", &bad), "introspection_inactive");
    // Now the issuer is gone as well: what must be known is a 503, what was wished for is not.
    world.idp.says("/found", Say::Reset);
    let answer = world.get("/stale", &good);
    assert_eq!((answer.status, answer.reason().unwrap().as_str()), (503, "introspection_unavailable"));
    assert_eq!(world.asks("/wish", &good), "admitted", "by what was known last");
    // That a token is not active is still known.
    assert_eq!(world.asks("/wish", &bad), "introspection_inactive");
    world.idp.json("/feed", &json!({"complete": true, "entries": []}));
    becomes(&world, "/never", &good, "admitted");
    let asked = world.idp.count("/found");
    assert_eq!(world.asks("/stale", &good), "admitted");
    assert_eq!(world.idp.count("/found"), asked);
}

/// What the set knows, it says first: nobody is asked about a token that is revoked.
#[test]
fn the_set_speaks_first() {
    let world = World::start();
    let (good, bad) = (found(&world.idp), found(&world.idp));
    let jti = crate::idp::claims(&bad)["jti"].clone();
    world.idp.json("/feed", &json!({"complete": true, "entries": [{"type": "token", "id": jti}]}));
    becomes(&world, "/never", &bad, "token_revoked");
    world.idp.says("/feed", dead());
    becomes(&world, "/never", &good, "revocation_stale");
    assert_eq!(world.asks("/stale", &bad), "token_revoked");
    assert_eq!(
        world.asks("/always", &bad),
        "revocation_stale",
        "`on_stale: deny` refuses before anything is looked up"
    );
    assert_eq!(world.idp.count("/found"), 0);
}

#[test]
fn before_anything_was_heard_the_policy_says_what_happens() {
    let idp = Idp::start();
    idp.says("/feed", dead());
    let world = World::start_with(idp);
    let (good, bad) = (found(&world.idp), found(&world.idp));
    world.idp.revoke(&bad);
    until("it listens", Duration::from_secs(20), || world.door().open().ok());
    becomes(&world, "/accept", &good, "admitted");
    assert_eq!(world.asks("/accept", &bad), "admitted", "nobody is asked there");
    assert_eq!(world.asks("/cold", &good), "admitted");
    assert_eq!(world.asks("/cold", &bad), "introspection_inactive");
    assert_eq!(world.asks("/stale", &bad), "introspection_inactive", "as `on_stale`, where nothing else is said");
    for path in ["/never", "/always", "/wish"] {
        assert_eq!(world.asks(path, &good), "revocation_stale", "{path}");
    }
    world.idp.says("/found", Say::Raw(401, "application/json", "{}".into()));
    assert_eq!(world.asks("/cold", &good), "introspection_unavailable");
    world.idp.json("/feed", &json!({"complete": true, "entries": []}));
    becomes(&world, "/never", &good, "admitted");
    // It was heard once: from now on, `on_stale` says what happens.
    world.idp.says("/feed", dead());
    becomes(&world, "/accept", &good, "revocation_stale");
}
