//! The service of systemd is one that systemd understands, runs what exists, and gives it few rights. It is not started:
//! that needs a machine whose first process is systemd.

use crate::files::text;
use std::process::Command;

#[test]
fn systemd_understands_the_service() {
    let unit = text("deploy/systemd/curfew.service").replace("/usr/bin/curfew", env!("CARGO_BIN_EXE_curfew"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("curfew.service");
    std::fs::write(&file, unit).unwrap();
    let asks: [&[&str]; 2] = [&["verify"], &["security", "--offline=true", "--threshold=20"]];
    for ask in asks {
        let Ok(said) = Command::new("systemd-analyze").args(ask).arg(&file).output() else {
            println!("systemd-analyze is not there: the service is not looked at");
            return;
        };
        let text = [said.stdout, said.stderr].concat();
        assert!(said.status.success(), "{ask:?}: {}", String::from_utf8_lossy(&text));
    }
}
