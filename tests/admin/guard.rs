//! Who may, and who may not.

use crate::support::authority::Authority;
use crate::support::client::Identity;
use crate::support::raw::{Door, ask};
use crate::world::{TOKEN, World, access, said};
use std::process::Command;
use std::time::Duration;

const ENTRY: &[u8] = br#"{"issuer":"corp","type":"subject","id":"x"}"#;
const GUARDED: [(&str, &[u8]); 6] = [
    ("POST /revocations", ENTRY),
    ("DELETE /revocations", ENTRY),
    ("POST /revocations/lift", ENTRY),
    ("POST /revocations/query", ENTRY),
    ("POST /revocations?preview=true", ENTRY),
    ("GET /revocations/feeds", b""),
];

#[test]
fn the_token_opens_and_nothing_else_does() {
    let world = World::start("token: { file: DIR/token }");
    let json = ("Content-Type", "application/json");
    for (line, body) in GUARDED {
        for wrong in [format!("Bearer {TOKEN}x"), format!("Basic {TOKEN}"), TOKEN.to_owned(), "Bearer ".to_owned()] {
            let answer = world.send(line, &[("Host", "localhost"), json, ("Authorization", &wrong)], body);
            assert_eq!(answer.status, 401, "{line} {wrong}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{line}");
        }
        let bearer = format!("Bearer {TOKEN}");
        let twice = [("Host", "localhost"), json, ("Authorization", &*bearer), ("Authorization", &*bearer)];
        assert_eq!(world.send(line, &twice, body).status, 401, "{line}");
        assert_eq!(world.send(line, &[("Host", "localhost"), json], body).status, 401, "{line}");
        for (host, status) in [("localhost", 200), ("127.0.0.1", 200), ("any.example", 403)] {
            let answer = world.send(line, &[("Host", host), json, ("Authorization", &bearer)], body);
            assert_eq!(answer.status, status, "{line} {host}");
        }
    }
    let config = |host: &str| world.send("GET /config", &[("Host", host)], b"").status;
    assert_eq!((config("localhost"), config("x"), world.get("/config").status), (401, 403, 200));
    assert!(!world.get("/config").body.windows(TOKEN.len()).any(|at| at == TOKEN.as_bytes()));
    for open in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(world.send(&format!("GET {open}"), &[("Host", "x")], b"").status, 200, "{open}");
    }
    assert!(!world.gateway.log().contains(TOKEN), "a token in the log");
}

/// Without a token it is this machine, by its own names, and no page in its browser.
#[test]
fn without_a_token_only_loopback_may() {
    let world = World::start("");
    let json = ("Content-Type", "application/json");
    let own = world.admin.to_string();
    for (line, body) in GUARDED {
        assert_eq!(world.send(line, &[("Host", &own), json], body).status, 200, "{line}");
        assert_eq!(world.send(line, &[("Host", "localhost:1"), json], body).status, 200, "{line}");
        for fields in [
            &[("Host", "rebound.example"), json][..],
            &[("Host", &own), ("Origin", "http://evil.example"), json],
            &[("Host", &own), ("Origin", "null"), json],
        ] {
            let answer = world.send(line, fields, body);
            assert_eq!(answer.status, 403, "{line} {fields:?}");
            let (told, why) =
                (answer.json().unwrap(), if fields.len() == 2 { "admin.hosts" } else { "another origin" });
            assert!(told["detail"].as_str().unwrap().contains(why), "it says why: {told}");
        }
    }
}

/// By which names it is asked is a setting; what health and metrics are asked by is none of its business.
#[test]
fn its_names_are_those_of_the_settings() {
    let world = World::start("token: { file: DIR/token }, hosts: [curfew.ops.example]");
    let bearer = format!("Bearer {TOKEN}");
    for (host, feeds, page, metrics) in [
        ("curfew.ops.example", 200, 200, 200),
        ("Curfew.Ops.Example:9901", 200, 200, 200),
        ("[::1]:9901", 200, 200, 200),
        ("evil.example", 403, 403, 200),
        ("curfew.ops.example.evil.example", 403, 403, 200),
    ] {
        let fields = [("Host", host), ("Authorization", &*bearer)];
        let status = |path: &str| world.send(&format!("GET {path}"), &fields, b"").status;
        let statuses = (status("/revocations/feeds"), status("/"), status("/page/app.js"), status("/metrics"));
        assert_eq!(statuses, (feeds, page, page, metrics), "{host}");
    }
    let twice = [("Host", "localhost"), ("Host", "evil.example"), ("Authorization", &*bearer)];
    assert!(world.send("GET /revocations/feeds", &twice, b"").status >= 400, "two names are none");
}

/// A token that could be guessed does not start.
#[test]
fn a_short_token_is_refused_at_the_start() {
    let world = World::start("");
    let config = world.dir.path().join("curfew.yaml");
    std::fs::write(world.dir.path().join("short"), "fifteen letters").unwrap();
    let mut text = std::fs::read_to_string(&config).unwrap();
    text = text.replace("admin: {", &format!("admin: {{ token: {{ file: {}/short }},", world.dir.path().display()));
    let public = "name: public, address: \"127.0.0.1:";
    text = text.replace(&format!(":{}\"", world.admin.port()), ":0\"");
    let public = text.split(public).nth(1).unwrap().split('"').next().unwrap().to_owned();
    std::fs::write(&config, text.replace(&format!(":{public}\""), ":0\"")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_curfew")).arg("run").arg("-c").arg(&config).output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("fewer than 16 characters"), "{}", said(&output));
}

/// A certificate that the listener's roots vouch for is enough, and anybody else's is not.
#[test]
fn a_certificate_is_enough_where_roots_vouch_for_it() {
    let tls = "tls: { certificates: [{ cert: DIR/server.crt, key: DIR/server.key }], \
               client_certificates: { ask: required, trust: { ca: [DIR/ca.crt] } } }";
    let world = World::start(tls);
    let send = |identity: &Identity, fields: &str| {
        let length = ENTRY.len();
        let head = format!(
            "POST /revocations HTTP/1.1\r\n{fields}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let bytes = [head.as_bytes(), ENTRY].concat();
        let door = Door::with(world.admin, "localhost", identity.client("http/1.1"));
        door.open().and_then(|mut conn| ask(&mut conn, &bytes, Duration::ZERO)).map(|answer| answer.status)
    };
    // A browser shows the certificate for whatever page asks: which page it is, and by which name, decides.
    for (fields, status) in [
        ("Host: localhost\r\n", 200),
        ("Host: API.example.com:9901\r\n", 200),
        ("Host: any.example\r\n", 403),
        ("Host: localhost\r\nOrigin: https://localhost\r\nSec-Fetch-Site: same-origin\r\n", 200),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403),
    ] {
        assert_eq!(send(&Identity::vouched(), fields).unwrap(), status, "{fields}");
    }
    assert!(send(&Identity::self_signed(), "Host: localhost\r\n").is_err());
    assert!(world.audited()[0]["by"].as_str().unwrap().starts_with("certificate:"), "{:?}", world.audited());
    // The command line comes with a certificate too.
    let files = Authority::get().server(world.dir.path(), "operator", &["operator.example"]);
    let (ca, url) = (world.dir.path().join("ca.crt"), format!("https://localhost:{}", world.admin.port()));
    let [ca, cert, key] = [&ca, &files.cert, &files.key].map(|path| path.to_str().unwrap());
    let (token, _, sub) = access();
    let revoke = ["revoke", "--issuer", "corp", "--subject", &sub, "--ca", ca, "--cert", cert, "--key", key];
    let output = world.command_at(&url, &revoke, "");
    assert!(output.status.success() && world.asks(&token) == "subject_revoked", "{}", said(&output));
}
