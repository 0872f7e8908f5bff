//! Sessions that instances share: what moves on a stream of one, or asks for more time there, ends no session that is used on
//! another; and one that is used nowhere ends by it.

use crate::gates::{Gate, IDLE, token};
use crate::redis::Redis;
use crate::support::config::HOST;
use crate::support::mint::unique;
use crate::support::raw::{Conn, ask};
use crate::support::upstream::Upstream;
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Begins to send something on a lax route.
fn begins(gate: &Gate, sid: &str) -> Conn {
    let mut conn = gate.open();
    let head = format!("POST /lax HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n", token(sid));
    conn.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n").as_bytes()).unwrap();
    conn
}

/// More comes, and the rest of it a little later.
fn ends(mut conn: Conn) -> u16 {
    conn.write_all(b"1\r\nb\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    ask(&mut conn, b"0\r\n\r\n", Duration::ZERO).unwrap().status
}

fn uses(gate: &Gate, sid: &str, span: Duration) {
    let began = Instant::now();
    while began.elapsed() < span {
        assert_eq!(gate.asks("deny", sid).status, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn used_elsewhere_it_lives_on() {
    let (dir, upstream, redis) = (tempfile::tempdir().unwrap(), Upstream::start(), Redis::start());
    let settings = json!({"urls": [redis.url()], "timeout": "500ms"});
    let [one, two] = ["one", "two"].map(|name| Gate::start(dir.path(), name, &settings, &upstream));
    let (sends, extends, alone) = (unique("sends"), unique("extends"), unique("alone"));
    let (sent, left) = (begins(&one, &sends), begins(&one, &alone));
    assert_eq!((one.asks("lax", &extends).status, two.asks("deny", &extends).status), (200, 200));
    let began = Instant::now();
    while began.elapsed() < IDLE + Duration::from_millis(500) {
        uses(&two, &sends, Duration::from_millis(1));
        uses(&two, &extends, Duration::from_millis(1));
    }
    assert_eq!((ends(sent), ends(left), one.extends(&extends)), (200, 200, 200));
    for (gate, sid) in [(&one, &sends), (&two, &sends), (&one, &extends), (&two, &extends)] {
        let answer = gate.asks("deny", sid);
        assert_eq!((answer.status, &*answer.reason), (200, ""), "it was used on two all the time");
    }
    for gate in [&one, &two] {
        assert_eq!(gate.asks("deny", &alone).reason, "session_idle_timeout");
    }
    assert!([&one, &two].iter().all(|gate| gate.lost() == [0.0; 3]));
}
