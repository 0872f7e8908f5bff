//! What lasts ends on time however long its issuer was waited for before it began.

use crate::idp::{Idp, Say};
use crate::support::config::HOST;
use crate::support::mint::{Mint, now};
use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn pause_until(second: i64) {
    let then = UNIX_EPOCH + Duration::from_secs(second.unsigned_abs());
    std::thread::sleep(then.duration_since(SystemTime::now()).unwrap_or_default());
}

/// A token that has three seconds, two of which its issuer takes to answer: its socket is closed when they are over.
#[test]
fn a_stream_ends_on_time_though_its_issuer_was_slow() {
    ends("full", "stream_expired");
}

/// The same, and its client is not told why.
#[test]
fn nothing_is_told_that_is_not_to_be() {
    ends("none", "");
}

fn ends(exposure: &str, told: &str) {
    let idp = Idp::start();
    idp.json("/feed", &json!({"complete": true, "entries": []}));
    let world = World::start_edited(idp, |config| {
        let config = config.replace("algorithms: [RS256, ES256],", "algorithms: [RS256, ES256], leeway: 0s,");
        let config = config.replace("exposure: full", &format!("exposure: {exposure}"));
        config.replace(r#"path: "/always", "#, r#"path: "/always", websocket: true, "#)
    });
    world.gateway.wait_ready();
    // From the beginning of a second on, because an expiry is a whole one.
    pause_until(now() + 1);
    let expires = now() + 3;
    let token = Mint::get().ec.token().claim("exp", expires).sign();
    world.idp.says("/corp", Say::Hang);
    let mut conn = world.door().open().unwrap();
    let request = format!(
        "GET /always HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    conn.write_all(request.as_bytes()).unwrap();
    until("its issuer is asked", Duration::from_secs(2), || (world.idp.count("/corp") > 0).then_some(()));
    pause_until(expires - 1);
    world.idp.says("/corp", Say::Truth);
    conn.socket().set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let mut said = Vec::new();
    _ = conn.read_to_end(&mut said);
    let over = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!(said.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&said));
    let length = 2 + u8::try_from(told.len()).unwrap();
    assert!(said.ends_with(&[&[0x88, length, 0x03, 0xf0], told.as_bytes()].concat()), "{said:?}");
    let late = over - expires * 1000;
    assert!((0..1_500).contains(&late), "{late} ms after its token");
}
