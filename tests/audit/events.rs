//! What is told, and how it looks where it is shown.

use crate::world::{World, token};
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

#[test]
fn a_reload_with_its_diff_and_one_that_is_refused() {
    let world = World::start("");
    let text = std::fs::read_to_string(&world.config).unwrap();
    std::fs::write(&world.config, text.replace("realm: before", "realm: after")).unwrap();
    let line = world.told("config_reloaded");
    assert_eq!(line["changes"].as_array().unwrap().len(), 1, "{line}");
    assert_eq!(line["changes"][0], serde_json::json!({"path": "gateway.realm", "old": "before", "new": "after"}));
    assert!(line["old_revision"] != line["new_revision"] && line["instance"] == "curfew-test", "{line}");
    assert_eq!(world.told("start")["revision"], line["old_revision"]);
    std::fs::write(&world.config, text.replace("realm: before", "reelm: after")).unwrap();
    let refused = world.told("config_refused");
    assert!(refused["why"].as_str().unwrap().contains("reelm") && refused["in_force"] == line["new_revision"]);
    world.holds(&[]);
}

#[test]
fn a_revocation_and_the_end_of_a_session() {
    let world = World::start("events: [operator, session_ended, session_first_seen, request_refused]");
    let (bearer, sub, sid) = token();
    assert_eq!(world.bear(&bearer).status, 200);
    let first = world.told("session_first_seen");
    std::thread::sleep(Duration::from_millis(1_400));
    assert_eq!(world.bear(&bearer).reason().as_deref(), Some("session_idle_timeout"));
    assert_eq!(world.bear(&bearer).status, 401);
    let ended = world.told("session_ended");
    assert_eq!((&ended["reason"], &ended["session"]), (&"session_idle_timeout".into(), &first["session"]));
    assert_eq!((&ended["issuer"], &ended["route"]), (&"corp".into(), &"all".into()));
    assert_eq!(world.revoke(&sub, "stolen", "ann").status, 200);
    let entry = serde_json::json!({"issuer": "corp", "type": "subject", "id": sub});
    assert_eq!(world.post("/revocations/lift", &entry).status, 200);
    // They stand there before they are answered: nothing is waited for.
    let lines = world.lines();
    let told = |event: &str, result: &str| lines.iter().find(|l| l["event"] == event && l["result"] == result).cloned();
    let asked = told("revocation_entered", "asked").unwrap();
    assert_eq!(
        (&asked["actor"], &asked["reason"], &asked["by"]),
        (&"ann".into(), &"stolen".into(), &"loopback".into())
    );
    assert_eq!(asked["id_hash"], ended["subject"], "the same hash everywhere");
    assert!(told("revocation_entered", "enforced").is_some() && told("revocation_withdrawn", "lifted").is_some());
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(
        (count("session_ended"), count("start")),
        (1, 0),
        "once for a session; what nobody asked for is not there"
    );
    let refused: Vec<_> = lines.iter().filter(|line| line["event"] == "request_refused").collect();
    assert!(!refused.is_empty() && refused[0]["trace_id"].as_str().unwrap().len() == 32, "{refused:?}");
    let text = std::fs::read_to_string(world.log()).unwrap();
    assert!(!text.contains(&sub) && !text.contains(&sid) && !text.contains(&bearer));
    world.holds(&[]);
}

#[test]
fn nothing_in_it_does_anything() {
    let world = World::start("");
    let loud = "\u{1b}[2J\u{7}\r\n{\"seq\":9}\u{202e}\u{9b}31m";
    let fire = "\u{1f525}".repeat(256);
    assert_eq!(world.revoke("u", loud, &fire).status, 200);
    assert_eq!(world.revoke("u", &"\u{1f525}".repeat(2_048), "x").status, 400, "8 KiB of it");
    let text = std::fs::read(world.log()).unwrap();
    assert!(text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{}", String::from_utf8_lossy(&text));
    let line = world.told("revocation_entered");
    assert_eq!((line["reason"].as_str(), line["actor"].as_str()), (Some(loud), Some(&*fire)));
    let (code, shown) = world.audit(&["show", "--actor", &fire, "--since", "1h"], &world.files());
    assert!(
        code == 0 && shown.lines().count() == 1 && !shown.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{9b}']),
        "{shown:?}"
    );
    let (code, shown) = world.audit(&["show", "--event", "start"], &world.files());
    assert!(code == 0 && shown.contains(" start ") && shown.lines().count() == 1, "{shown}");
    assert_eq!(world.audit(&["show", "--event", "stop"], &world.files()).0, 5);
    world.holds(&[]);
}

#[test]
fn syslog_over_tcp_counts_octets() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::start(&format!("syslog: {{ to: {{ tcp: '{}' }} }}", receiver.local_addr().unwrap()));
    assert_eq!(world.revoke("u", "a \"]\\ b", "ann").status, 200);
    let (mut stream, _) = receiver.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let file: Vec<String> = std::fs::read_to_string(world.log()).unwrap().lines().map(str::to_owned).collect();
    for (at, line) in file.iter().enumerate() {
        let mut length = Vec::new();
        loop {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            if byte == *b" " {
                break;
            }
            length.push(byte[0]);
        }
        let mut message = vec![0; String::from_utf8(length).unwrap().parse().unwrap()];
        stream.read_exact(&mut message).unwrap();
        let message = String::from_utf8(message).unwrap();
        // Facility 13, notice; the line itself is the message.
        assert!(message.starts_with("<109>1 20") && message.ends_with(line), "{message}");
        assert!(
            message.contains(&format!(" curfew-test curfew {} ", world.gateway.as_ref().unwrap().pid)),
            "{message}"
        );
        assert!(message.contains(&format!(" [curfew@32473 seq=\"{}\" hash=\"", at + 1)), "{message}");
    }
    assert_eq!(file.len(), 3);
}

#[test]
fn syslog_over_datagrams() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let world =
        World::start(&format!("syslog: {{ to: {{ udp: '{}' }}, facility: 4 }}", receiver.local_addr().unwrap()));
    let mut message = [0; 4096];
    let length = receiver.recv(&mut message).unwrap();
    let message = std::str::from_utf8(&message[..length]).unwrap();
    assert!(message.starts_with("<37>1 ") && message.contains(" start [") && message.ends_with("\"}"), "{message}");
    drop(world);
    let dir = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(dir.path().join("log")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let _world = World::start(&format!("syslog: {{ to: {{ unix: {}/log }} }}", dir.path().display()));
    let mut message = [0; 4096];
    let length = socket.recv(&mut message).unwrap();
    assert!(message[..length].starts_with(b"<109>1 "));
}
