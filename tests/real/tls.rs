//! TLS as `openssl s_client` sees it: versions, names, resumption, a certificate replaced on disk.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;
use crate::world::process::run_with;
use crate::world::wait::{bounded, until};

const REQUEST: &[u8] = b"GET /orders/1 HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n";

/// Connects, sends a request, reads the answer to its end; all that openssl has to say.
fn openssl(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", world.gateway.config.port), "-ign_eof"]);
    command.arg("-CAfile").arg(world.gateway.ca()).args(arguments);
    let output = run_with(&mut command, REQUEST);
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// TLS 1.0 and 1.1 are refused, 1.2 and 1.3 are spoken, h2 is offered.
#[tokio::test(flavor = "multi_thread")]
async fn only_good_versions_are_spoken() {
    bounded(60, async {
        let world = World::start().await;
        for old in ["-tls1", "-tls1_1"] {
            let said = openssl(&world, &[old, "-cipher", "DEFAULT:@SECLEVEL=0", "-servername", "api.test"]);
            assert!(said.contains("alert") && said.contains("Cipher is (NONE)"), "{old} was not refused:\n{said}");
        }
        for (new, version) in [("-tls1_2", "New, TLSv1.2"), ("-tls1_3", "New, TLSv1.3")] {
            let said = openssl(&world, &[new, "-servername", "api.test", "-verify_return_error"]);
            assert!(said.contains(version) && said.contains("Verify return code: 0 (ok)"), "{new}:\n{said}");
            assert!(said.contains("HTTP/1.1 401"), "{new}:\n{said}");
        }
        let said = openssl(&world, &["-alpn", "h2,http/1.1"]);
        assert!(said.contains("ALPN protocol: h2"), "{said}");
        let said = openssl(&world, &["-tls1_2", "-cipher", "AES128-SHA"]);
        assert!(said.contains("Cipher is (NONE)"), "a cipher without forward secrecy was accepted:\n{said}");
    })
    .await;
}

/// The name that the client asks for picks the certificate, a wildcard included; a name of nobody gets none. TLS
/// sessions are resumed.
#[tokio::test(flavor = "multi_thread")]
async fn names_pick_certificates_and_sessions_resume() {
    bounded(60, async {
        let world = World::start_with(|config| {
            let pair = config.authority.write("second", "second", &["other.test", "*.wild.test"]);
            let all = config.value["listeners"][0]["tls"]["certificates"].as_array_mut().unwrap();
            all.push(json!({ "cert": pair.cert, "key": pair.key }));
        })
        .await;
        for (name, subject) in [("api.test", "first"), ("other.test", "second"), ("a.wild.test", "second")] {
            let said = openssl(&world, &["-servername", name]);
            assert!(said.contains(&format!("subject=CN = {subject}")), "{name}:\n{said}");
        }
        let said = openssl(&world, &["-servername", "else.test"]);
        assert!(said.contains("alert") && said.contains("no peer certificate"), "a name of nobody:\n{said}");
        for version in ["-tls1_3", "-tls1_2"] {
            let file = world.gateway.config.file.with_file_name("session");
            let file = file.to_str().unwrap();
            openssl(&world, &[version, "-servername", "api.test", "-sess_out", file]);
            assert!(Path::new(file).exists(), "{version}: no session was given");
            let said = openssl(&world, &[version, "-servername", "api.test", "-sess_in", file]);
            assert!(said.contains("Reused, TLSv1."), "{version}:\n{said}");
            std::fs::remove_file(file).unwrap();
        }
    })
    .await;
}

/// A certificate that is replaced on disk is served within five seconds; one that is broken on disk never is.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_certificate_is_served_without_a_restart() {
    bounded(60, async {
        let world = World::start().await;
        let serves =
            |subject: &str| openssl(&world, &["-servername", "api.test"]).contains(&format!("subject=CN = {subject}"));
        assert!(serves("first"));
        let began = Instant::now();
        let pair = world.gateway.config.authority.write("server", "replaced", &["api.test", "localhost", "127.0.0.1"]);
        until("the new certificate is served", Duration::from_secs(5), async || serves("replaced").then_some(())).await;
        println!("served {:?} after it was written", began.elapsed());

        // Broken, then mended: what was served before is served in between.
        std::fs::write(&pair.cert, "-----BEGIN CERTIFICATE-----\nbroken").unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            assert!(serves("replaced"));
        }
        world.gateway.config.authority.write("server", "mended", &["api.test"]);
        until("the mended certificate is served", Duration::from_secs(5), async || serves("mended").then_some(()))
            .await;
    })
    .await;
}
