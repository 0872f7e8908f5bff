//! What a provider told is enforced by the next process too; `tests/journal` has what may happen in between.

use crate::backchannel::logout;
use crate::support::mint::Mint;
use crate::world::{World, access};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const LOGOUT: &str = "/.curfew/events/logout";

/// Why a second process does not start.
fn refused(config: &PathBuf) -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_curfew")).args(["run", "-c"]).arg(config).output().unwrap();
    assert!(!ended.status.success());
    String::from_utf8_lossy(&[ended.stderr, ended.stdout].concat()).into_owned()
}

#[test]
fn a_logout_outlives_the_process_that_was_told() {
    let (mut world, mint) = (World::start(), Mint::get());
    let (held, sid, sub) = access(mint.ec.token());
    let (other, ..) = access(mint.ec.token());
    assert_eq!(world.asks(&held), "admitted");
    assert_eq!(world.logout(LOGOUT, &logout(&mint.ec).claim("sid", sid).claim("sub", sub).sign()).status, 200);
    let reason = world.asks(&held);
    assert_ne!(reason, "admitted");
    for _ in 0..2 {
        world.restart();
        assert_eq!((world.asks(&held), world.asks(&other)), (reason.clone(), "admitted".into()));
        let log = world.gateway.log();
        assert!(log.contains("what is revoked was read from the journal"), "{log}");
    }
    let (_, metrics) = world.gateway.admin("/metrics");
    assert!(metrics.contains("curfew_revocation_journal_recovered_entries 1"), "{metrics}");

    // With an audit log of its own, which is for one process too.
    let (second, text) = (world.config.with_file_name("second.yaml"), std::fs::read_to_string(&world.config).unwrap());
    std::fs::write(&second, text.replace("/audit/log", "/audit/second")).unwrap();
    let told = refused(&second);
    assert!(told.contains("another process uses it"), "{told}");
    world.kill();
    let state = world.config.with_file_name("state");
    let key = state.join("fingerprints.key");
    for file in
        std::fs::read_dir(state.join("revocations")).unwrap().map(|entry| entry.unwrap().path()).chain([key.clone()])
    {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let former = std::fs::read(&key).unwrap();
    std::fs::write(&key, [7; 32]).unwrap();
    let told = refused(&world.config);
    assert!(told.contains("another key of fingerprints"), "{told}");
    std::fs::write(&key, former).unwrap();
    world.restart_killed();
    assert_eq!(world.asks(&held), reason);
}
