//! D9: tokens that are bound to a certificate of the client (RFC 8705 §3), and who may connect with one.

use crate::KNOWN_GAPS;
use crate::support::client::{Identity, client};
use crate::support::config::{Changes, HOST, World};
use crate::support::h2::Session;
use crate::support::mint::{Key, Mint, now};
use crate::support::raw::{Door, ask};
use crate::support::table::{Table, get, refused, with};
use crate::support::wait;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use std::io::Read as _;
use std::time::Duration;

const PATH: &str = "/orders/1";

/// A token that is bound to this certificate.
fn bound(mint: &Mint, identity: &Identity) -> String {
    confirmed(mint, json!({"x5t#S256": identity.thumbprint()}))
}

fn confirmed(mint: &Mint, cnf: Value) -> String {
    mint.ec.token().claim("cnf", cnf).sign()
}

/// A bound token is of use over a connection with its certificate, and over no other.
#[test]
fn d_mtls() {
    let changes = Changes { clients: true, ..Changes::default() };
    let (world, mint) = (World::start_with(&changes), Mint::get());
    let mut table = Table::new(&world, "D9", KNOWN_GAPS);
    certificates(&mut table, mint, &world);
    claims(&mut table, mint, &world);
    policies(&mut table, mint, &world);
    fields(&mut table, mint, &world);
    resumed(&mut table, mint, &world);
    over_http2(&mut table, mint, &world);
    vouched(&mut table, mint, &world);
    ended(&mut table, mint, &world);
    replaced(&mut table, mint, &world);
    table.finish();
}

fn certificates(table: &mut Table, mint: &Mint, world: &World) {
    let (mine, theirs) = (Identity::self_signed(), Identity::self_signed());
    let (token, plain) = (bound(mint, &mine), mint.ec.token().sign());
    let (own, other) = (world.asking(mine.client("http/1.1")), world.asking(theirs.client("http/1.1")));
    let none = world.asking(client(rustls::ALL_VERSIONS, "http/1.1", None));
    table.admit_at("D9+ its own certificate", &own, get(PATH, &token));
    table.refuse_at("D9 another certificate", &other, get(PATH, &token), &["mtls_cert_mismatch"]);
    table.refuse_at("D9 no certificate", &none, get(PATH, &token), &["mtls_cert_missing"]);
    table.admit_at("D9+ an unbound token, some certificate", &own, get(PATH, &plain));
    table.admit_at("D9+ an unbound token, no certificate", &none, get(PATH, &plain));
    let cookie = with("/cookie/1", &[("Cookie", &format!("session={token}"))]);
    table.admit_at("D9+ in a cookie", &own, &cookie);
    table.refuse_at("D9 in a cookie, another certificate", &other, &cookie, &["mtls_cert_mismatch"]);
    let unasked = Door::with(world.h1().address, HOST, mine.client("http/1.1"));
    table.refuse_at("D9 where nobody asks for it", &unasked, get(PATH, &token), &["mtls_cert_missing"]);
    table.refuse_at("D9 over plain HTTP", &world.plain(), get(PATH, &token), &["mtls_cert_missing"]);
    for (name, old) in [
        ("expired", Identity::self_signed_with(expired)),
        ("of a server", Identity::self_signed_with(|params| params.extended_key_usages = SERVER.into())),
    ] {
        let door = world.asking(old.client("http/1.1"));
        table.admit_at(&format!("D9+ {name}: the token alone vouches"), &door, get(PATH, &bound(mint, &old)));
    }
    for (name, versions) in [("1.2", &TLS12), ("1.3", &TLS13)] {
        let door = world.asking(client(&[versions], "http/1.1", Some(&mine)));
        table.admit_at(&format!("D9+ over TLS {name}"), &door, get(PATH, &token));
        let door = world.asking(client(&[versions], "http/1.1", Some(&mine.without_key())));
        table.check(&format!("D9 a certificate without its key, TLS {name}"), fails(&door, "DecryptError"));
    }
}

const SERVER: [ExtendedKeyUsagePurpose; 1] = [ExtendedKeyUsagePurpose::ServerAuth];

fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

/// The handshake ends in this alert. TLS 1.3 has it come after the client's own part.
fn fails(door: &Door, alert: &str) -> Result<(), String> {
    let outcome = door.open().and_then(|mut conn| conn.read(&mut [0; 64]));
    match outcome {
        Err(error) if error.to_string().contains(alert) => Ok(()),
        outcome => Err(format!("{outcome:?} instead of {alert}")),
    }
}

fn claims(table: &mut Table, mint: &Mint, world: &World) {
    let (mine, theirs) = (Identity::self_signed(), Identity::self_signed());
    let door = world.asking(mine.client("http/1.1"));
    let print = mine.thumbprint();
    let hex: String = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, mine.der())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (name, cnf) in [
        ("with padding", json!({"x5t#S256": format!("{print}=")})),
        ("with a blank", json!({"x5t#S256": format!("{print} ")})),
        ("cut short", json!({"x5t#S256": print[..42]})),
        ("empty", json!({"x5t#S256": ""})),
        ("in hexadecimal", json!({"x5t#S256": hex})),
        ("in a list", json!({"x5t#S256": [print, theirs.thumbprint()]})),
        ("null", json!({"x5t#S256": null})),
        ("by a name in other letters", json!({"x5t#s256": print})),
        ("by SHA-1's name", json!({"x5t": print})),
        ("beside a key", json!({"x5t#S256": print, "jkt": Key::p256("c").thumbprint()})),
        ("beside something unknown", json!({"x5t#S256": print, "x": 1})),
        ("nothing at all", json!({})),
    ] {
        let request = get(PATH, &confirmed(mint, cnf));
        table.refuse_at(&format!("D9 cnf {name}"), &door, request, &["cnf_unsupported"]);
    }
    let request = get(PATH, &confirmed(mint, json!(print)));
    table.refuse_at("D9 cnf as text", &door, request, &["claims_malformed"]);
    let token = bound(mint, &mine);
    let proof = Key::p256("c").proof("https://api.example.com/orders/1", &token).sign();
    let request = with(PATH, &[("Authorization", &format!("DPoP {token}")), ("DPoP", &proof)]);
    table.refuse_at("D9 as DPoP, with a proof", &door, request, &["dpop_binding_missing"]);
}

fn policies(table: &mut Table, mint: &Mint, world: &World) {
    let mine = Identity::self_signed();
    let door = world.asking(mine.client("http/1.1"));
    let (token, plain) = (bound(mint, &mine), mint.ec.token().sign());
    table.admit_at("D9+ where it is required", &door, get("/certified/1", &token));
    let unbound = get("/certified/1", &plain);
    let answer = table.refuse_at("D9 unbound where it is required", &door, unbound, &["mtls_binding_missing"]);
    let schemes: Vec<String> =
        answer.iter().flat_map(|answer| answer.all("www-authenticate")).map(str::to_owned).collect();
    let bearer = matches!(&schemes[..], [one] if one.starts_with("Bearer "));
    table.check("D9 and the challenge", if bearer { Ok(()) } else { Err(format!("{schemes:?}")) });
    let key = Key::p256("c");
    let keyed = confirmed(mint, json!({"jkt": key.thumbprint()}));
    let proof = key.proof("https://api.example.com/certified/1", &keyed).sign();
    let request = with("/certified/1", &[("Authorization", &format!("DPoP {keyed}")), ("DPoP", &proof)]);
    table.refuse_at("D9 bound to a key instead", &door, request, &["unsupported_auth_scheme"]);
    table.refuse_at("D9 where it is off", &door, get("/uncertified/1", &token), &["cnf_unsupported"]);
    table.admit_at("D9+ unbound where it is off", &door, get("/uncertified/1", &plain));
    table.refuse_at("D9 bound, where keys are required", &door, get("/bound/1", &token), &["dpop_binding_missing"]);
}

/// RFC 9440 §4: what a client says of a certificate in a field is worth nothing, and reaches nobody.
fn fields(table: &mut Table, mint: &Mint, world: &World) {
    let mine = Identity::self_signed();
    let (token, plain) = (bound(mint, &mine), mint.ec.token().sign());
    let none = world.asking(client(rustls::ALL_VERSIONS, "http/1.1", None));
    let pem = crate::support::mint::b64(mine.der());
    let told = [
        ("Client-Cert", format!(":{pem}:")),
        ("Client-Cert-Chain", format!(":{pem}:")),
        ("X-Forwarded-Client-Cert", format!("Hash={};Cert=\"{pem}\"", mine.thumbprint())),
        ("X-SSL-Client-Cert", pem.clone()),
        ("SSL-Client-Cert", pem.clone()),
        ("X-Client-Cert", pem.clone()),
        ("X-Amzn-Mtls-Clientcert", pem.clone()),
        ("X-ARR-ClientCert", pem),
    ];
    for (name, value) in &told {
        let with = |token: &str| with(PATH, &[("Authorization", &format!("Bearer {token}")), (name, value)]);
        table.refuse_at(&format!("D9 {name} instead of one"), &none, with(&token), &["mtls_cert_missing"]);
        table.admit_at(&format!("D9+ {name} beside an unbound token"), &none, with(&plain));
        let left = world.upstream.last().all(&name.to_ascii_lowercase()).len();
        table.check(&format!("D9 {name} goes no further"), if left == 0 { Ok(()) } else { Err("it does".into()) });
    }
    let door = world.asking(mine.client("http/1.1"));
    table.admit_at("D9+ the upstream is told nothing of it", &door, get(PATH, &token));
    let seen = format!("{:?}", world.upstream.last()).to_ascii_lowercase();
    table.check("D9 nothing", if seen.contains("client-cert") { Err(seen) } else { Ok(()) });
}

/// A resumed session is that of the client who began it: its tickets are sealed, and carry the certificate.
fn resumed(table: &mut Table, mint: &Mint, world: &World) {
    for (name, versions) in [("1.2", &TLS12), ("1.3", &TLS13)] {
        let (mine, theirs) = (Identity::self_signed(), Identity::self_signed());
        let door = world.asking(client(&[versions], "http/1.1", Some(&mine)));
        table.admit_at(&format!("D9+ to be resumed, TLS {name}"), &door, get(PATH, &bound(mint, &mine)));
        let mut conn = door.open().unwrap();
        let outcome = if conn.is_resumed() { Ok(()) } else { Err("a full handshake".into()) };
        table.check(&format!("D9+ a session is resumed, TLS {name}"), outcome);
        let answer = ask(&mut conn, &get(PATH, &bound(mint, &mine)), Duration::ZERO);
        table.expect_upstream(1);
        let outcome = answer.as_ref().is_ok_and(|answer| answer.status == 200);
        table.check(&format!("D9+ resumed, TLS {name}"), if outcome { Ok(()) } else { Err(format!("{answer:?}")) });
        let answer = ask(&mut conn, &get(PATH, &bound(mint, &theirs)), Duration::ZERO);
        let outcome = answer.map_err(|error| error.to_string());
        let outcome = outcome.and_then(|answer| refused(&answer, &["mtls_cert_mismatch"]));
        table.check(&format!("D9 resumed, the token of another, TLS {name}"), outcome);
        let none = world.asking(client(&[versions], "http/1.1", None));
        let token = bound(mint, &mine);
        for time in ["first", "resumed"] {
            let row = format!("D9 without one, {time}, TLS {name}");
            table.refuse_at(&row, &none, get(PATH, &token), &["mtls_cert_missing"]);
        }
    }
}

fn over_http2(table: &mut Table, mint: &Mint, world: &World) {
    let mine = Identity::self_signed();
    let mut session = Session::open(&world.asking(mine.client("h2"))).unwrap();
    for (name, identity, expected) in [
        ("D9+ over HTTP/2", &mine, 200),
        ("D9 over HTTP/2, the token of another", &Identity::self_signed(), 401),
        ("D9+ and the next request", &mine, 200),
    ] {
        let bearer = format!("Bearer {}", bound(mint, identity));
        let fields: [(&[u8], &[u8]); 5] = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", PATH.as_bytes()),
            (b"authorization", bearer.as_bytes()),
        ];
        let ended = session.request(&fields).unwrap();
        table.expect_upstream(usize::from(expected == 200));
        let status = ended.answer.as_ref().map(|answer| answer.status);
        table.check(name, if status == Some(expected) { Ok(()) } else { Err(ended.brief()) });
    }
}

/// Where an authority vouches for clients, nobody else so much as connects.
fn vouched(table: &mut Table, mint: &Mint, world: &World) {
    let mine = Identity::vouched();
    let mut row = |name: &str, identity: Option<&Identity>, alert: &str| {
        for (version, versions) in [("1.2", &TLS12), ("1.3", &TLS13)] {
            let door = world.vouched(client(&[versions], "http/1.1", identity));
            table.check(&format!("D9 {name}, TLS {version}"), fails(&door, alert));
        }
    };
    row("no certificate where one is required", None, "CertificateRequired");
    row("nobody vouches for it", Some(&Identity::self_signed()), "UnknownCA");
    row("expired", Some(&Identity::vouched_with(expired)), "CertificateExpired");
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2990, 1, 1);
    row("not valid yet", Some(&Identity::vouched_with(early)), "CertificateExpired");
    let server = |params: &mut CertificateParams| params.extended_key_usages = SERVER.into();
    row("of a server", Some(&Identity::vouched_with(server)), "UnsupportedCertificate");
    row("without its key", Some(&mine.without_key()), "DecryptError");
    let door = world.vouched(mine.client("http/1.1"));
    table.admit_at("D9+ the authority vouches, and the token is bound", &door, get(PATH, &bound(mint, &mine)));
    table.refuse_at(
        "D9 it vouches for another",
        &door,
        get(PATH, &bound(mint, &Identity::vouched())),
        &["mtls_cert_mismatch"],
    );
    table.refuse_at("D9 a certificate is no token", &door, with(PATH, &[]), &["token_missing"]);
}

/// rustls alone would take the certificate of a resumed session as it was.
fn ended(table: &mut Table, mint: &Mint, world: &World) {
    for (name, versions) in [("1.2", &TLS12), ("1.3", &TLS13)] {
        let end = now() + 2;
        let mine = Identity::vouched_with(|params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(end.unsigned_abs());
        });
        let door = world.vouched(client(&[versions], "http/1.1", Some(&mine)));
        let request = get(PATH, &bound(mint, &mine));
        table.admit_at(&format!("D9+ before the certificate ends, TLS {name}"), &door, &request);
        let resumed = door.open().is_ok_and(|conn| conn.is_resumed());
        let outcome = if resumed { Ok(()) } else { Err("a full handshake".into()) };
        table.check(&format!("D9+ and resumed, TLS {name}"), outcome);
        wait::until("its end", Duration::from_secs(6), || (now() > end).then_some(()));
        let answer = door.open().and_then(|mut conn| ask(&mut conn, &request, Duration::ZERO));
        let outcome = answer.map_or(Ok(()), |answer| Err(answer.brief()));
        table.check(&format!("D9 resumed after it ended, TLS {name}"), outcome);
    }
}

/// New roots end what the old ones vouched for: no session from before is resumed.
fn replaced(table: &mut Table, mint: &Mint, world: &World) {
    let (old, key) = (Identity::vouched(), KeyPair::generate().unwrap());
    let door = world.vouched(old.client("http/1.1"));
    table.admit_at("D9+ before the roots change", &door, get(PATH, &bound(mint, &old)));
    let resumed = door.open().is_ok_and(|conn| conn.is_resumed());
    table.check("D9+ its session is resumed", if resumed { Ok(()) } else { Err("a full handshake".into()) });
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let other = params.self_signed(&key).unwrap().pem();
    std::fs::write(world.dir.path().join("clients.crt"), "nothing").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    table.admit_at("D9+ a broken file changes nothing", &door, get(PATH, &bound(mint, &old)));
    std::fs::write(world.dir.path().join("clients.crt"), other).unwrap();
    wait::until("the new roots", Duration::from_secs(10), || fails(&door, "UnknownCA").ok());
    let outcome = fails(&door, "UnknownCA");
    table.check("D9 resumed after the roots changed", outcome);
}
