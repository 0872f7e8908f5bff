//! What becomes of sessions, in the order in which it does: first seen, renewed, ended at their greatest length, revoked.

use crate::support::mint::{Mint, now, unique};
use crate::world::World;
use serde_json::json;

#[test]
fn a_session_is_told_from_its_first_request_to_its_last() {
    let world = World::start("events: [operator, session_first_seen, session_renewed, session_ended, request_refused]");
    let (sub, sid) = (unique("sub"), unique("sid"));
    let of = |signed_in: i64| {
        let token = Mint::get().rsa.token().claim("sub", sub.clone()).claim("sid", sid.clone());
        token.claim("iat", signed_in).claim("auth_time", signed_in).sign()
    };
    let at = now();
    assert_eq!(world.bear_at("/day", &of(at - 40)).status, 200);
    let first = world.told("session_first_seen");
    assert_eq!((&first["issuer"], &first["route"]), (&json!("corp"), &json!("day")), "{first}");
    // Its user signs in anew.
    assert_eq!(world.bear_at("/day", &of(at - 2)).status, 200);
    let renewed = world.told("session_renewed");
    for name in ["session", "subject", "client", "issuer", "route"] {
        assert_eq!(renewed[name], first[name], "{name} of {renewed}");
    }
    // Another one has lasted for too long already.
    let old = Mint::get().rsa.token().claim("sub", sub.clone()).claim("sid", unique("sid"));
    let old = old.claim("iat", at - 300).claim("auth_time", at - 300).sign();
    assert_eq!(world.bear_at("/day", &old).reason().as_deref(), Some("session_absolute_timeout"));
    let ended = world.told("session_ended");
    assert_eq!(
        (&ended["reason"], &ended["subject"]),
        (&json!("session_absolute_timeout"), &first["subject"]),
        "{ended}"
    );
    assert_ne!(ended["session"], first["session"], "{ended}");
    // An operator revokes its user: who and why, and then what that refuses.
    assert_eq!(world.revoke(&sub, "stolen", "ann").status, 200);
    assert_eq!(world.bear_at("/day", &of(at - 2)).reason().as_deref(), Some("subject_revoked"));
    let refused = |reason: &str| {
        let mut lines = world.lines();
        lines.retain(|line| line["event"] == "request_refused" && line["reason"] == reason);
        assert_eq!(lines.len(), 1, "{reason}: {lines:?}");
        lines.remove(0)
    };
    let revoked = crate::support::wait::until("the refusal", std::time::Duration::from_secs(15), || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let text = std::fs::read_to_string(world.log()).unwrap_or_default();
        text.contains("\"subject_revoked\"").then(|| refused("subject_revoked"))
    });
    assert_eq!((&revoked["session"], &revoked["status"]), (&first["session"], &json!(401)), "{revoked}");
    assert_eq!(refused("session_absolute_timeout")["session"], ended["session"]);
    let entered = world.told("revocation_entered");
    assert_eq!((&entered["actor"], &entered["id_hash"]), (&json!("ann"), &first["subject"]), "{entered}");
    let times: Vec<_> = world.lines().iter().map(|line| line["time"].as_str().unwrap().to_owned()).collect();
    assert!(times.iter().all(|time| time.len() == 24 && time.ends_with('Z')), "{times:?}");
    world.holds(&[]);
}
