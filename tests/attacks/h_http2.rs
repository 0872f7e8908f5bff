//! H1 to H8: HTTP/2, frame by frame.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World};
use crate::support::h2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Ended, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    Session, WINDOW_UPDATE, block, frame,
};
use crate::support::mint::Mint;
use crate::support::table::Table;
use std::time::{Duration, Instant};

type Field<'a> = (&'a [u8], &'a [u8]);

const METHOD: Field = (b":method", b"GET");
const SCHEME: Field = (b":scheme", b"https");
const AUTHORITY: Field = (b":authority", HOST.as_bytes());
const PATH: Field = (b":path", b"/public/1");

/// The good request, with more fields behind it.
fn plus<'a>(extra: &[Field<'a>]) -> Vec<Field<'a>> {
    [&[METHOD, SCHEME, AUTHORITY, PATH], extra].concat()
}

/// The good request, with one pseudo-header of another value.
fn but<'a>(name: &'a [u8], value: &'a [u8]) -> Vec<Field<'a>> {
    plus(&[]).into_iter().map(|field| if field.0 == name { (name, value) } else { field }).collect()
}

#[test]
fn h_http2_messages() {
    let world = World::start();
    let mut table = Table::new(&world, "H", KNOWN_GAPS);
    table.admit_h2("H+ a good request", &plus(&[]));
    table.admit_h2("H+ te: trailers", &plus(&[(b"te", b"trailers")]));
    let bearer = format!("Bearer {}", Mint::get().ec.token().sign());
    let guarded = [METHOD, SCHEME, AUTHORITY, (b":path".as_slice(), b"/orders/1".as_slice())];
    table.admit_h2("H+ a good token", &[&guarded[..], &[(b"authorization", bearer.as_bytes())]].concat());
    table.refuse_h2("H+ no token", &guarded, &["token_missing"]);
    connection_fields(&mut table);
    values(&mut table);
    pseudo(&mut table);
    host(&mut table);
    lengths(&mut table, &world);
    connect(&mut table, &world);
    identity(&mut table, &world);
    table.finish();
}

fn connection_fields(table: &mut Table) {
    let faulty: [Field; 16] = [
        (b"X-Upper", b"v"),
        (b"Authorization", b"Bearer x"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"x"),
        (b"connection", b"close"),
        (b"proxy-connection", b"keep-alive"),
        (b"keep-alive", b"timeout=5"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
        (b"te", b"trailers, gzip"),
        (b"", b"v"),
        (b"x a", b"v"),
        (b"x:a", b"v"),
        (b"x\0a", b"v"),
        (b"x\xe4", b"v"),
        (b"x\r\ny", b"v"),
    ];
    for (name, value) in faulty {
        let shown = format!("H1 {}: {}", name.escape_ascii(), value.escape_ascii());
        table.malformed_h2(&shown, &plus(&[(name, value)]));
    }
}

fn values(table: &mut Table) {
    for value in [b"a\r\nx-admin: 1".as_slice(), b"a\nb", b"a\rb", b"a\0b", b" a", b"a ", b"\ta", b"a\x01b", b"a\x7fb"]
    {
        table.malformed_h2(&format!("H2 value {}", visible(value)), &plus(&[(b"x-a", value)]));
    }
    for path in [
        b"/public/ 1".as_slice(),
        b"/public/1 HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"/public/\0",
        b"x",
        b"public/1",
        b"",
        b"*",
        b"http://evil.example/",
        b"/public/\t1",
    ] {
        table.refuse_h2_or_reset(
            &format!("H2 :path {}", path.escape_ascii()),
            &but(b":path", path),
            &["path_ambiguous", "malformed_request"],
        );
    }
    for method in [b"GET /admin HTTP/1.1".as_slice(), b"", b"G T", b"GET\r\n", b"G(T", b"G\0T"] {
        table.refuse_h2_or_reset(
            &format!("H2 :method {}", method.escape_ascii()),
            &but(b":method", method),
            &["malformed_request", "method_not_allowed"],
        );
    }
    for scheme in [b"http://evil/".as_slice(), b"", b"http", b"ftp", b"https ", b"ht tps", b"file"] {
        table.refuse_h2_or_reset(
            &format!("H2 :scheme {}", scheme.escape_ascii()),
            &but(b":scheme", scheme),
            &["malformed_request", "host_mismatch"],
        );
    }
    for authority in [
        b"a@b".as_slice(),
        b"user@api.example.com",
        b"api.example.com/x",
        b"a b",
        b"a,b",
        b"api.example.com:x",
        b"api.example.com\r\nx: y",
        b"",
        b"\xe4.example.com",
    ] {
        table.refuse_h2_or_reset(
            &format!("H2 :authority {}", authority.escape_ascii()),
            &but(b":authority", authority),
            &["malformed_request", "host_mismatch"],
        );
    }
}

/// A value with its spaces shown.
fn visible(value: &[u8]) -> String {
    value.escape_ascii().to_string().replace(' ', "\\x20")
}

fn pseudo(table: &mut Table) {
    for twice in [METHOD, SCHEME, AUTHORITY, PATH] {
        let name = format!("H3 {} twice", twice.0.escape_ascii());
        table.malformed_h2(&name, &[&[twice], &plus(&[])[..]].concat());
    }
    table.malformed_h2(
        "H3 :path twice, differing",
        &[&[(b":path".as_slice(), b"/admin/1".as_slice())], &plus(&[])[..]].concat(),
    );
    table.malformed_h2("H3 an unknown one", &[&[(b":unknown".as_slice(), b"x".as_slice())], &plus(&[])[..]].concat());
    table.malformed_h2(
        "H3 :status in a request",
        &[&[(b":status".as_slice(), b"200".as_slice())], &plus(&[])[..]].concat(),
    );
    table.malformed_h2("H3 a late one", &[METHOD, SCHEME, AUTHORITY, (b"x-a", b"b"), PATH]);
    for missing in [METHOD, SCHEME, PATH] {
        let fields: Vec<Field> = plus(&[]).into_iter().filter(|field| field.0 != missing.0).collect();
        table.malformed_h2(&format!("H3 {} missing", missing.0.escape_ascii()), &fields);
    }
    let fields: Vec<Field> = plus(&[]).into_iter().filter(|field| field.0 != b":authority").collect();
    table.refuse_h2_or_reset("H3 neither :authority nor host", &fields, &["host_mismatch"]);
    let name = "H3 a pseudo-header in the trailers";
    let outcome = trailers(table.world(), &[(b":path", b"/admin/hidden"), (b"x-user", b"hidden")]);
    table.check(name, outcome);
    let leaked = table.world().upstream.everything().contains("hidden");
    table.check("H3 trailers that nobody may send go no further", if leaked { Err("they did".into()) } else { Ok(()) });
}

/// A request with a body and these trailers, which are malformed: the stream is reset.
fn trailers(world: &World, fields: &[Field]) -> Result<(), String> {
    let before = world.upstream.count();
    let mut session = world.session();
    let stream = session.stream();
    let head = block(&but(b":method", b"POST"));
    let bytes = [
        frame(HEADERS, END_HEADERS, stream, &head),
        frame(DATA, 0, stream, b"body"),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields)),
    ];
    session.send(&bytes.concat()).map_err(|error| error.to_string())?;
    aborted(world, &session.end_of(stream), before)
}

/// The stream was reset or refused, and no whole request reached the upstream.
fn aborted(world: &World, ended: &Ended, before: usize) -> Result<(), String> {
    let seen = world.upstream.count() - before;
    let refused = ended.answer.as_ref().is_some_and(|answer| answer.status >= 400);
    let cut = ended.reset.is_some() || ended.goaway.is_some_and(|code| code != 0) || refused;
    world.upstream.settle()?;
    if cut && seen == 0 { Ok(()) } else { Err(format!("{seen} whole requests upstream, {}", ended.brief())) }
}

fn host(table: &mut Table) {
    table.admit_h2("H4+ host as :authority", &plus(&[(b"host", HOST.as_bytes())]));
    table.refuse_h2_or_reset("H4 host of another", &plus(&[(b"host", b"evil.example")]), &["host_mismatch"]);
    table.refuse_h2_or_reset(
        "H4 two hosts",
        &plus(&[(b"host", HOST.as_bytes()), (b"host", b"evil.example")]),
        &["host_mismatch"],
    );
    let only: Vec<Field> = [METHOD, SCHEME, PATH, (b"host".as_slice(), HOST.as_bytes())].to_vec();
    table.admit_h2("H4+ host alone", &only);
}

/// H5: content-length is what the DATA frames hold, neither more nor less.
fn lengths(table: &mut Table, world: &World) {
    let post = |length: &[u8], parts: &[&[u8]]| {
        let before = world.upstream.count();
        let mut session = world.session();
        let stream = session.stream();
        let mut head = but(b":method", b"POST");
        head.push((b"content-length", length));
        let mut bytes =
            frame(HEADERS, END_HEADERS | if parts.is_empty() { END_STREAM } else { 0 }, stream, &block(&head));
        for (at, part) in parts.iter().enumerate() {
            bytes.extend(frame(DATA, if at + 1 == parts.len() { END_STREAM } else { 0 }, stream, part));
        }
        session.send(&bytes).map_err(|error| error.to_string())?;
        Ok::<_, String>((session.end_of(stream), before))
    };
    let exact = post(b"4", &[b"bo", b"dy"]).and_then(|(ended, before)| {
        let (status, seen) = (ended.answer.as_ref().map(|answer| answer.status), world.upstream.count() - before);
        if (status, seen) == (Some(200), 1) { Ok(()) } else { Err(format!("{seen} upstream, {}", ended.brief())) }
    });
    table.expect_upstream(usize::from(exact.is_ok()));
    table.check("H5+ exactly", exact);
    type Parts<'a> = &'a [&'a [u8]];
    let faulty: [(&str, &[u8], Parts); 7] = [
        ("more data", b"4", &[b"body and more"]),
        ("more data, in a second frame", b"4", &[b"body", b"GET /admin/1 HTTP/1.1\r\n\r\n"]),
        ("less data", b"40", &[b"body"]),
        ("no data", b"4", &[]),
        ("data where none was said", b"0", &[b"body"]),
        ("no number", b"x", &[b"body"]),
        ("two that differ, in one", b"4, 5", &[b"body"]),
    ];
    for (name, length, parts) in faulty {
        let outcome = post(length, parts).and_then(|(ended, before)| aborted(world, &ended, before));
        table.check(&format!("H5 {name}"), outcome);
    }
}

fn connect(table: &mut Table, world: &World) {
    let fields: [Field; 2] = [(b":method", b"CONNECT"), (b":authority", b"api.example.com:443")];
    table.refuse_h2_or_reset("H7 CONNECT", &fields, &["method_not_allowed", "malformed_request"]);
    let extended = |path: &'static [u8], protocol: &'static [u8]| {
        let mut fields = but(b":method", b"CONNECT");
        fields.retain(|field| field.0 != b":path");
        fields.extend([(b":path".as_slice(), path), (b":protocol".as_slice(), protocol)]);
        fields.push((b"sec-websocket-version", b"13"));
        fields
    };
    let offered = world.session().settings.contains(&(8, 1));
    table.check(
        "H7 extended CONNECT is offered where a route takes WebSockets",
        if offered { Ok(()) } else { Err("it is not".into()) },
    );
    table.refuse_h2_or_reset(
        "H7 websocket where the route takes none",
        &extended(b"/public/1", b"websocket"),
        &["upgrade_not_allowed"],
    );
    table.refuse_h2_or_reset(
        "H7 another protocol",
        &extended(b"/socket", b"connect-udp"),
        &["upgrade_not_allowed", "method_not_allowed", "malformed_request"],
    );
    table.refuse_h2_or_reset("H7 websocket without a token", &extended(b"/socket", b"websocket"), &["token_missing"]);
    let plain = plus(&[(b":protocol", b"websocket")]);
    table.malformed_h2("H7 :protocol without CONNECT", &[&plain[4..], &plain[..4]].concat());
}

/// The fields of §17.2 are taken off over HTTP/2 as well.
fn identity(table: &mut Table, world: &World) {
    let names: [&[u8]; 6] =
        [b"x-user", b"x_user", b"curfew-subject", b"x-forwarded-for", b"client-cert", b"x-original-url"];
    for name in names {
        let shown = format!("H+ {} is taken off", name.escape_ascii());
        if table.admit_h2(&shown, &plus(&[(name, b"spoofed")])).is_some() {
            let leaked = world.upstream.last().headers.iter().any(|(_, value)| value.contains("spoofed"));
            table.check(&format!("{shown}: not seen"), if leaked { Err("it was".into()) } else { Ok(()) });
        }
    }
    table.admit_h2("H+ two cookie fields", &plus(&[(b"cookie", b"a=b"), (b"cookie", b"c=d")]));
    let joined = world.upstream.last().all("cookie").join("|");
    table.check("H+ cookies are joined for HTTP/1.1", if joined == "a=b; c=d" { Ok(()) } else { Err(joined) });
}

/// H8: whoever floods is told to calm down, and everybody else is served meanwhile.
#[test]
fn h_http2_floods() {
    let world = World::start();
    let mut table = Table::new(&world, "H floods", KNOWN_GAPS);
    let head = block(&plus(&[]));
    let reset = |stream: u32| {
        [frame(HEADERS, END_HEADERS | END_STREAM, stream, &head), frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())]
            .concat()
    };
    let before = world.upstream.count();
    table.check(
        "H8 rapid reset",
        flood(&world, |round| (0..50).flat_map(|at| reset(round * 100 + at * 2 + 1)).collect()),
    );
    // Requests that were reset may have begun; how many is a matter of luck, so they are counted as meant.
    let settled = world.upstream.settle();
    table.check("H8 rapid reset leaves nothing behind", settled);
    table.expect_upstream(world.upstream.count() - before);
    let open = frame(HEADERS, 0, 1, &head);
    let first = std::cell::Cell::new(true);
    let more = frame(CONTINUATION, 0, 1, &block(&[(b"x-a", &[b'v'; 1000])]));
    table.check(
        "H8 CONTINUATION flood",
        flood(&world, |_| if first.replace(false) { open.clone() } else { more.repeat(20) }),
    );
    let first = std::cell::Cell::new(true);
    let empty = frame(CONTINUATION, 0, 1, b"");
    table.check(
        "H8 empty CONTINUATION flood",
        flood(&world, |_| if first.replace(false) { open.clone() } else { empty.repeat(200) }),
    );
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(200);
    table.check("H8 SETTINGS flood", flood(&world, |_| settings.clone()));
    let ping = frame(PING, 0, 0, &[7; 8]).repeat(200);
    table.check("H8 PING flood", flood(&world, |_| ping.clone()));
    let data = frame(DATA, 0, 1, b"").repeat(200);
    let post = block(&but(b":method", b"POST"));
    let first = std::cell::Cell::new(true);
    let begun = world.upstream.count();
    table.check(
        "H8 empty DATA flood",
        flood(&world, |_| if first.replace(false) { frame(HEADERS, END_HEADERS, 1, &post) } else { data.clone() }),
    );
    let settled = world.upstream.settle();
    table.check("H8 an empty DATA flood leaves nothing behind", settled);
    table.expect_upstream(world.upstream.count() - begun);
    table.check("H8 a window of one byte", tiny_window(&world));
    table.expect_upstream(1);
    table.check("H8 a window that overflows", overflow(&world));
    table.finish();
}

/// Floods until the gateway ends the connection. Every answer to the flood is left unread, as an attacker would.
fn flood(world: &World, round: impl Fn(u32) -> Vec<u8>) -> Result<(), String> {
    let mut session = world.session();
    let start = Instant::now();
    for number in 0..5000 {
        if session.send(&round(number)).is_err() {
            break;
        }
        if number % 20 == 19
            && let Some(ended) = told(&mut session, Duration::from_millis(1))
        {
            return verdict(world, ended);
        }
        if start.elapsed() > Duration::from_secs(8) {
            return Err(format!("it went on for {:?}", start.elapsed()));
        }
    }
    match told(&mut session, Duration::from_secs(3)) {
        Some(ended) => verdict(world, ended),
        None => Err("5000 rounds were taken without a word".to_owned()),
    }
}

/// GOAWAY's code, or the end of the connection (`None` within), if it has come.
fn told(session: &mut Session, patience: Duration) -> Option<Option<u32>> {
    loop {
        match session.read(patience) {
            Ok(Some(frame)) if frame.kind == GOAWAY => {
                return Some(frame.payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap())));
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(_) => return Some(None),
        }
    }
}

/// The flooder was told to calm down (or was cut off without a word, since its own flood may have reset the
/// connection before GOAWAY was read), and another client is served.
fn verdict(world: &World, code: Option<u32>) -> Result<(), String> {
    let other = world
        .session()
        .request(&[METHOD, SCHEME, AUTHORITY, (b":path", b"/admin/1")])
        .map_err(|error| error.to_string())?;
    if other.answer.as_ref().map(|answer| answer.status) != Some(401) {
        return Err(format!("another client got {}", other.brief()));
    }
    match code {
        None | Some(ENHANCE_YOUR_CALM) => Ok(()),
        Some(code) => Err(format!("GOAWAY with code {code}")),
    }
}

/// A client that grants one byte at a time gets its answer byte by byte; nobody else waits for it.
fn tiny_window(world: &World) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut slow = Session::open_with(&world.h2(), &[(1, 0), (4, 1)]).map_err(text)?;
    let stream = slow.stream();
    slow.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&plus(&[])))).map_err(text)?;
    let mut body = 0;
    for _ in 0..40 {
        match slow.read(Duration::from_secs(3)).map_err(text)? {
            Some(frame) if frame.kind == DATA => {
                body += frame.payload.len();
                if frame.payload.len() > 1 {
                    return Err(format!("{} bytes into a window of one", frame.payload.len()));
                }
                slow.send(&self::frame(WINDOW_UPDATE, 0, stream, &1u32.to_be_bytes())).map_err(text)?;
            }
            Some(_) => {}
            None => return Err(format!("silence after {body} bytes")),
        }
    }
    if body == 0 { Err("no body came".into()) } else { verdict(world, None) }
}

fn overflow(world: &World) -> Result<(), String> {
    let mut session = world.session();
    let grant = frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffffu32.to_be_bytes());
    session.send(&grant.repeat(2)).map_err(|error| error.to_string())?;
    // RFC 9113 §6.9.1: FLOW_CONTROL_ERROR.
    match told(&mut session, Duration::from_secs(3)) {
        Some(None | Some(3)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
