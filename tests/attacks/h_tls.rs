//! H6, H9 to H12: upgrades, names, TLS versions, and the PROXY protocol.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World, address};
use crate::support::mint::Mint;
use crate::support::raw::{self, Door, Heard, Tls};
use crate::support::table::{Table, with};
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn h_connections() {
    let world = World::start();
    let mut table = Table::new(&world, "H connections", KNOWN_GAPS);
    upgrades(&mut table, &world);
    names(&mut table, &world);
    versions(&mut table, &world);
    proxy(&mut table, &world);
    table.finish();
}

fn upgrades(table: &mut Table, world: &World) {
    let h2c = with(
        "/public/1",
        &[
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ],
    );
    for (name, door) in [("TLS", world.h1()), ("plain", world.plain())] {
        table.admit_at(&format!("H6+ Upgrade: h2c, {name}"), &door, &h2c);
        let seen = world.upstream.last();
        let left: Vec<_> = ["upgrade", "http2-settings"].iter().flat_map(|name| seen.all(name)).collect();
        table.check(
            &format!("H6 h2c goes no further, {name}"),
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) },
        );
    }
    let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    preface.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let heard = world.h1().open().and_then(|mut conn| raw::talk(&mut conn, &preface, 1, Duration::from_millis(500)));
    let cut = heard.as_ref().is_ok_and(|heard| heard.closed);
    table.check("H6 an HTTP/2 preface where ALPN said http/1.1", if cut { Ok(()) } else { Err(format!("{heard:?}")) });
    let socket = |path: &str, more: &[(&str, &str)]| {
        let fields = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        with(path, &[&fields[..], more].concat())
    };
    table.refuse("H7 a WebSocket without a token", socket("/socket", &[]), &["token_missing"]);
    table.refuse("H7 a WebSocket where the route takes none", socket("/public/1", &[]), &["upgrade_not_allowed"]);
    let bearer = format!("Bearer {}", Mint::get().ec.token().sign());
    let before = world.upstream.count();
    let heard = world.h1().open().and_then(|mut conn| {
        raw::talk(&mut conn, &socket("/socket", &[("Authorization", &bearer)]), 1, Duration::ZERO)
    });
    table.expect_upstream(world.upstream.count() - before);
    let switched = heard.as_ref().is_ok_and(|heard| heard.answers.first().is_some_and(|answer| answer.status == 101));
    table.check("H7+ a WebSocket with a token", if switched { Ok(()) } else { Err(format!("{heard:?}")) });
}

fn names(table: &mut Table, world: &World) {
    let host = |host: &str| format!("GET /public/1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
    table.admit_at("H9+ SNI and Host the same", &world.sni(Some(HOST)), host(HOST));
    table.admit_at("H9+ both of one certificate", &world.sni(Some(HOST)), host("www.example.com"));
    table.admit_at("H9+ in other letters", &world.sni(Some(HOST)), host("API.Example.COM"));
    table.admit_at("H9+ the other certificate", &world.sni(Some("other.example.net")), host("other.example.net"));
    table.refuse_at(
        "H9 Host of another certificate",
        &world.sni(Some(HOST)),
        host("other.example.net"),
        &["misdirected_request"],
    );
    table.refuse_at(
        "H9 and the other way round",
        &world.sni(Some("other.example.net")),
        host(HOST),
        &["misdirected_request"],
    );
    table.refuse_at("H9 Host of nobody", &world.sni(Some(HOST)), host("evil.example"), &["misdirected_request"]);
    table.refuse_at("H10 an address as Host", &world.sni(Some(HOST)), host("127.0.0.1"), &["misdirected_request"]);
    table.refuse_at("H10 an IPv6 address as Host", &world.sni(Some(HOST)), host("[::1]"), &["misdirected_request"]);
    table.check("H10 SNI absent", denied(world, &world.sni(None)));
    table.check("H10 SNI unknown", unknown_name(world));
    let fields: [(&[u8], &[u8]); 4] =
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"other.example.net"), (b":path", b"/public/1")];
    table.refuse_h2("H9 HTTP/2, a coalesced connection", &fields, &["misdirected_request"]);
}

/// Without a server name the handshake fails, or nothing but the default certificate's hosts is served.
fn denied(world: &World, door: &Door) -> Result<(), String> {
    let before = world.upstream.bytes();
    let Ok(mut conn) = door.open() else { return Ok(()) };
    let answer =
        raw::ask(&mut conn, &with("/public/1", &[("X", "y")]), Duration::ZERO).map_err(|error| error.to_string())?;
    match (answer.status, world.upstream.bytes() - before) {
        (421, 0) => Ok(()),
        (status, seen) => Err(format!("{status}, {seen} bytes upstream")),
    }
}

fn unknown_name(world: &World) -> Result<(), String> {
    match world.sni(Some("nobody.example.org")).open() {
        Err(error)
            if error.to_string().to_lowercase().contains("unrecognisedname")
                || error.to_string().contains("UnrecognizedName") =>
        {
            Ok(())
        }
        Err(error) if error.to_string().contains("alert") => Ok(()),
        Err(error) => Err(format!("the client gave up: {error}")),
        Ok(_) => Err("a handshake".to_owned()),
    }
}

fn versions(table: &mut Table, world: &World) {
    let port = world.ports.public;
    for version in ["-tls1_1", "-tls1"] {
        let told = s_client(port, &[version, "-cipher", "ALL:@SECLEVEL=0"]);
        table.check(&format!("H11 {version}"), if told.contains("Cipher is (NONE)") { Ok(()) } else { Err(told) });
    }
    for version in ["-tls1_2", "-tls1_3"] {
        let told = s_client(port, &[version]);
        let right = told.contains("Verification") && !told.contains("Cipher is (NONE)");
        table.check(&format!("H11+ {version}"), if right { Ok(()) } else { Err(told) });
    }
    for cipher in ["AES128-SHA", "DES-CBC3-SHA", "ECDHE-RSA-AES128-SHA", "aNULL", "NULL"] {
        let told = s_client(port, &["-tls1_2", "-cipher", &format!("{cipher}:@SECLEVEL=0")]);
        let refused = told.contains("Cipher is (NONE)")
            || told.contains("no cipher match")
            || told.contains("Error with command");
        table.check(&format!("H11 cipher {cipher}"), if refused { Ok(()) } else { Err(told) });
    }
    let mismatch = Door {
        address: address(port),
        tls: Some(Tls { sni: Some(HOST.into()), alpn: vec!["http/0.9", "spdy/3"], config: None }),
    };
    let outcome = mismatch.open();
    table.check("H11 ALPN of nothing we speak", if outcome.is_err() { Ok(()) } else { Err("a handshake".into()) });
    let none = Door { address: address(port), tls: Some(Tls { sni: Some(HOST.into()), alpn: vec![], config: None }) };
    table.admit_at("H11+ no ALPN is HTTP/1.1", &none, with("/public/1", &[]));
    let both = Door {
        address: address(port),
        tls: Some(Tls { sni: Some(HOST.into()), alpn: vec!["h2", "http/1.1"], config: None }),
    };
    let chosen = both.open().ok().and_then(|conn| conn.alpn());
    table.check(
        "H11+ h2 is preferred",
        if chosen.as_deref() == Some(b"h2") { Ok(()) } else { Err(format!("{chosen:?}")) },
    );
    let early = s_client(port, &["-tls1_3"]);
    let none = early.contains("Max Early Data: 0") || !early.contains("Max Early Data");
    table.check("H11 no early data is offered", if none { Ok(()) } else { Err(early) });
    let plain = Door::plain(address(port))
        .open()
        .and_then(|mut conn| raw::talk(&mut conn, &with("/public/1", &[]), 1, Duration::from_millis(300)));
    let silent = plain.as_ref().is_ok_and(|heard| heard.answers.is_empty() && heard.closed);
    table.check("H11 plain HTTP on the TLS port", if silent { Ok(()) } else { Err(format!("{plain:?}")) });
    hello_garbage(table, world);
}

fn hello_garbage(table: &mut Table, world: &World) {
    let inputs: [(&str, Vec<u8>); 3] = [
        ("zeros", vec![0; 4096]),
        ("a record of a length that is too large", [&[22, 3, 1, 0xff, 0xff][..], &[1; 2000]].concat()),
        ("an alert", vec![21, 3, 3, 0, 2, 2, 40]),
    ];
    for (name, bytes) in inputs {
        let heard = Door::plain(address(world.ports.public))
            .open()
            .and_then(|mut conn| raw::talk(&mut conn, &bytes, 1, Duration::from_secs(1)));
        let closed = heard.as_ref().is_ok_and(|heard| heard.closed);
        table
            .check(&format!("H11 instead of a hello: {name}"), if closed { Ok(()) } else { Err(format!("{heard:?}")) });
    }
}

fn s_client(port: u16, arguments: &[&str]) -> String {
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", HOST])
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// H12: the PROXY protocol is spoken where the config says so, from networks that it trusts, and nowhere else.
fn proxy(table: &mut Table, world: &World) {
    let request = with("/public/1", &[]);
    let header = v2(0x21, 0x11, &ipv4());
    table.admit_at("H12+ PROXY v2", &world.proxied(), [header.clone(), request.clone()].concat());
    let told = world.upstream.last();
    let told = told.all("forwarded").concat() + &told.all("x-forwarded-for").concat();
    table.check("H12+ the address it tells is believed", if told.contains("203.0.113.7") { Ok(()) } else { Err(told) });
    table.admit_at("H12+ LOCAL", &world.proxied(), [v2(0x20, 0x00, &[]), request.clone()].concat());
    table.admit_at("H12+ a checksum", &world.proxied(), [checksummed(0), request.clone()].concat());
    table.admit_at(
        "H12+ another TLV",
        &world.proxied(),
        [v2(0x21, 0x11, &[&ipv4()[..], &[0x04, 0, 2, 0, 0]].concat()), request.clone()].concat(),
    );
    let dropped: [(&str, Vec<u8>); 9] = [
        ("no header", Vec::new()),
        ("version 1", b"PROXY TCP4 203.0.113.7 198.51.100.1 4000 443\r\n".to_vec()),
        ("version 3", v2(0x31, 0x11, &ipv4())),
        ("an unknown command", v2(0x22, 0x11, &ipv4())),
        ("an unknown family", v2(0x21, 0x41, &ipv4())),
        ("too short for its family", v2(0x21, 0x11, &ipv4()[..8])),
        ("a length of 65535", [&v2(0x21, 0x11, &ipv4())[..14], &[0xff, 0xff], &ipv4()].concat()),
        ("a wrong checksum", checksummed(1)),
        ("a TLV that is cut short", v2(0x21, 0x11, &[&ipv4()[..], &[0x04, 0, 9, 0]].concat())),
    ];
    for (name, header) in dropped {
        table.check(&format!("H12 {name}"), silent(world, &world.proxied(), &[header, request.clone()].concat()));
    }
    let untrusted = [header.clone(), request.clone()].concat();
    table.check("H12 from a network that is not trusted", silent(world, &world.distrusting(), &untrusted));
    let plain = raw_talk(world.plain(), &untrusted);
    let refused =
        plain.as_ref().is_ok_and(|heard| heard.closed && heard.answers.iter().all(|answer| answer.status == 400));
    table.check("H12 on a plain listener without it", if refused { Ok(()) } else { Err(format!("{plain:?}")) });
    let tls = raw_talk(Door::plain(address(world.ports.public)), &untrusted);
    let refused = tls.as_ref().is_ok_and(|heard| heard.closed && heard.answers.is_empty());
    table.check("H12 on a TLS listener without it", if refused { Ok(()) } else { Err(format!("{tls:?}")) });
    table.check("H12 a header that never comes whole", lingering(world, &header[..20]));
}

fn raw_talk(door: Door, bytes: &[u8]) -> std::io::Result<Heard> {
    raw::talk(&mut door.open()?, bytes, 1, Duration::from_secs(3))
}

/// The connection is dropped without an answer, and the upstream sees nothing.
fn silent(world: &World, door: &Door, bytes: &[u8]) -> Result<(), String> {
    let before = world.upstream.bytes();
    let heard = raw_talk(door.clone(), bytes).map_err(|error| error.to_string())?;
    let seen = world.upstream.bytes() - before;
    if heard.closed && heard.answers.is_empty() && seen == 0 {
        Ok(())
    } else {
        Err(format!("{seen} bytes upstream, {heard:?}"))
    }
}

fn lingering(world: &World, start: &[u8]) -> Result<(), String> {
    let mut stream = TcpStream::connect(address(world.ports.proxied)).map_err(|error| error.to_string())?;
    stream.write_all(start).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(12))).map_err(|error| error.to_string())?;
    match std::io::Read::read(&mut stream, &mut [0; 16]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("an answer".into()),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(format!("still open: {error}")),
    }
}

fn ipv4() -> [u8; 12] {
    [203, 0, 113, 7, 198, 51, 100, 1, 0x0f, 0xa0, 0x01, 0xbb]
}

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &length, block].concat()
}

/// A header with a CRC-32C (PROXY protocol §2.2.3), off by so much.
fn checksummed(off: u32) -> Vec<u8> {
    let mut header = v2(0x21, 0x11, &[&ipv4()[..], &[0x03, 0, 4, 0, 0, 0, 0]].concat());
    let crc = !header.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    });
    let at = header.len() - 4;
    header[at..].copy_from_slice(&(crc.wrapping_add(off)).to_be_bytes());
    header
}
