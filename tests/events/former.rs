//! A source that is of another kind now, or gone: what it was told is enforced, until an operator drops it.

use crate::backchannel::logout;
use crate::support::mint::Mint;
use crate::support::wait::until;
use crate::world::{World, access};
use std::process::{Command, Output};
use std::time::Duration;

fn curfew(world: &World, args: &[&str]) -> Output {
    let admin = format!("http://{}", world.gateway.admin);
    Command::new(env!("CARGO_BIN_EXE_curfew")).args(args).args(["--admin", &admin]).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn what_a_former_source_was_told_is_dropped_by_operators_only() {
    const FORMER: &str = "former/corp/logout";
    let (mut world, mint) = (World::start(), Mint::get());
    let (held, sid, sub) = access(mint.ec.token());
    let told = logout(&mint.ec).claim("sid", sid).claim("sub", sub).sign();
    assert_eq!(world.logout("/.curfew/events/logout", &told).status, 200);
    assert_eq!(world.asks(&held), "session_revoked");
    let text = std::fs::read_to_string(&world.config).unwrap();
    let list = format!("logout: {{ kind: file, issuer: corp, path: {}/revoked.ndjson }}", world.dir.path().display());
    let asks = text.replace("logout: { kind: backchannel_logout, issuer: corp, client_ids: [shop, app] }", &list);
    assert_ne!(asks, text);
    std::fs::write(&world.config, asks).unwrap();
    let hup = Command::new("kill").args(["-HUP", &world.gateway.pid.to_string()]).status().unwrap();
    assert!(hup.success());
    until("the source to ask", Duration::from_secs(15), || {
        std::thread::sleep(Duration::from_millis(50));
        said(&curfew(&world, &["revoked"])).contains(FORMER).then_some(())
    });
    assert!(world.gateway.log().contains("what it was told stays enforced"), "{}", world.gateway.log());
    // Until the file was read, nobody of this issuer passes.
    let refused = |world: &World| {
        until("the file to be read", Duration::from_secs(15), || {
            std::thread::sleep(Duration::from_millis(20));
            Some(world.asks(&held)).filter(|reason| reason != "revocation_stale")
        })
    };
    assert_eq!(refused(&world), "session_revoked");
    world.restart();
    assert_eq!(refused(&world), "session_revoked");
    let other = curfew(&world, &["drop", "--feed", "logout"]);
    assert!(!other.status.success() && said(&other).contains("no such feed of a former source"), "{}", said(&other));
    let done = curfew(&world, &["drop", "--feed", FORMER, "--reason", "gone"]);
    assert!(done.status.success() && said(&done).contains("dropped: 1\n"), "{}", said(&done));
    assert!(said(&done).contains("still_named: 0\n") && said(&done).contains("instances: 0\n"), "{}", said(&done));
    assert_eq!(world.asks(&held), "admitted");
    world.restart();
    assert_eq!(refused(&world), "admitted");
    assert!(!said(&curfew(&world, &["revoked"])).contains(FORMER));
}
