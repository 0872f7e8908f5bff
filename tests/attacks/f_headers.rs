//! F: header injection and the spoofing of identity. What the upstream sees is what Curfew says, and nothing else.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World};
use crate::support::mint::Mint;
use crate::support::table::{Table, get, with};
use serde_json::json;

#[test]
fn f_headers() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "F", KNOWN_GAPS);
    identity(&mut table, mint, &world);
    connection(&mut table, mint, &world);
    forwarding(&mut table, &world);
    overrides(&mut table, &world);
    values(&mut table, mint, &world);
    limits(&mut table);
    trace(&mut table, &world);
    loops(&mut table, &world);
    table.finish();
}

/// An admitted request with these fields: the upstream must not see this word in any field.
fn hidden(table: &mut Table, world: &World, name: &str, path: &str, fields: &[(&str, &str)], word: &str) {
    let token = Mint::get().ec.token().sign();
    let bearer = format!("Bearer {token}");
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend_from_slice(fields);
    if table.admit(name, with(path, &all)).is_none() {
        return;
    }
    let seen = world.upstream.last();
    let leaks: Vec<_> = seen.headers.iter().filter(|(_, value)| value.contains(word)).collect();
    table.check(&format!("{name}: not seen"), if leaks.is_empty() { Ok(()) } else { Err(format!("{leaks:?}")) });
}

fn identity(table: &mut Table, mint: &Mint, world: &World) {
    let names = [
        "X-User",
        "x-USER",
        "X_User",
        "X-User-Id",
        "X_USER",
        "Curfew-Subject",
        "curfew_subject",
        "CURFEW-SUBJECT",
        "Curfew-Scope",
        "Curfew-Issuer",
        "Curfew-Client",
        "Curfew-Anything",
        "X-Auth-User",
        "X-Auth-Request-Email",
        "X-Remote-User",
        "Remote-User",
        "Remote_User",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Access-Token",
        "X-JWT-Assertion",
        "X-JWT-Claims",
        "X-SSL-Client-S-DN",
        "X-Team",
    ];
    for name in names {
        hidden(table, world, &format!("F1 {name}"), "/orders/1", &[(name, "spoofed")], "spoofed");
        hidden(table, world, &format!("F2 {name} on an open route"), "/public/1", &[(name, "spoofed")], "spoofed");
    }
    table.cut("F2 X-User with a space", with("/orders/1", &[("X-User ", "spoofed")]), &["malformed_request"]);
    hidden(
        table,
        world,
        "F1 the header a route injects",
        "/identity/1",
        &[("X-User", "spoofed"), ("x-user", "spoofed")],
        "spoofed",
    );
    table.admit("F1+ injected", get("/identity/1", &mint.ec.token().claim("team", "blue").sign()));
    let seen = world.upstream.last();
    let right = seen.all("x-user") == ["alice"] && seen.all("x-team") == ["blue"];
    table.check("F1+ what the route injects", if right { Ok(()) } else { Err(format!("{:?}", seen.headers)) });
    table.admit("F1+ defaults", get("/orders/1", &mint.ec.token().sign()));
    let seen = world.upstream.last();
    let right = seen.all("curfew-subject") == ["alice"] && seen.all("curfew-client") == ["app"];
    table.check("F1+ what is injected by default", if right { Ok(()) } else { Err(format!("{:?}", seen.headers)) });
    hidden(table, world, "F2 any name with an underscore", "/orders/1", &[("my_header", "folded")], "folded");
    for name in ["Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-SSL-Cert", "x-client-cert-chain"] {
        hidden(table, world, &format!("F5 {name}"), "/orders/1", &[(name, ":c3Bvb2ZlZA==:")], "c3Bvb2ZlZA");
    }
}

fn connection(table: &mut Table, mint: &Mint, world: &World) {
    let token = mint.ec.token().sign();
    let nominate =
        |names: &str| with("/orders/1", &[("Authorization", &format!("Bearer {token}")), ("Connection", names)]);
    let protected = [
        "Curfew-Subject",
        "X-Curfew-Subject, Curfew-Subject",
        "close, Authorization",
        "Host",
        "Content-Length",
        "Cookie",
        "DPoP",
        "Forwarded",
        "X-Forwarded-For",
        "curfew-scope",
        "authorization",
        "close,  HOST ,x",
    ];
    for names in protected {
        table.refuse(&format!("F3 Connection: {names}"), nominate(names), &["forbidden_header"]);
    }
    let at = with("/identity/1", &[("Authorization", &format!("Bearer {token}")), ("Connection", "X-User")]);
    table.refuse("F3 Connection: a header that the route injects", at, &["forbidden_header"]);
    let request = with(
        "/orders/1",
        &[
            ("Authorization", &format!("Bearer {token}")),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "hop"),
            ("Keep-Alive", "timeout=hop"),
            ("Proxy-Connection", "hop"),
            ("TE", "trailers, hop"),
            ("Proxy-Authorization", "Basic hop"),
            ("X-Stays", "stays"),
        ],
    );
    table.admit("F3+ hop-by-hop fields", request);
    let seen = world.upstream.last();
    let leaks: Vec<_> = seen.headers.iter().filter(|(_, value)| value.contains("hop")).collect();
    table.check("F3+ they end here", if leaks.is_empty() { Ok(()) } else { Err(format!("{leaks:?}")) });
    let stays = seen.all("x-stays") == ["stays"];
    table.check("F3+ the others go on", if stays { Ok(()) } else { Err(format!("{:?}", seen.headers)) });
}

fn forwarding(table: &mut Table, world: &World) {
    let spoof = "203.0.113.66";
    let names = [
        "X-Forwarded-For",
        "X-Real-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Cluster-Client-IP",
        "X_Forwarded_For",
        "X-Forwarded-Host",
        "X-Forwarded-Server",
        "X-Forwarded-Port",
    ];
    for name in names {
        hidden(table, world, &format!("F4 {name}"), "/orders/1", &[(name, spoof)], spoof);
    }
    hidden(table, world, "F4 Forwarded", "/orders/1", &[("Forwarded", "for=203.0.113.66;proto=http;host=evil")], spoof);
    let seen = world.upstream.last();
    let told = seen.all("forwarded").concat() + &seen.all("x-forwarded-for").concat();
    table.check(
        "F4+ the real peer is told",
        if told.contains("127.0.0.1") { Ok(()) } else { Err(format!("{:?}", seen.headers)) },
    );
    hidden(table, world, "F4 X-Forwarded-Proto", "/orders/1", &[("X-Forwarded-Proto", "gopher")], "gopher");
}

fn overrides(table: &mut Table, world: &World) {
    let names = [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ];
    for name in names {
        hidden(table, world, &format!("F6 {name}"), "/orders/1", &[(name, "/admin/DELETE")], "/admin/DELETE");
    }
    let spoofed = with("/admin/1", &[("X-Original-URL", "/public/1")]);
    table.refuse("F6 X-Original-URL opens nothing", spoofed, &["token_missing"]);
    let spoofed = with("/reading/1", &[("X-HTTP-Method-Override", "DELETE")]);
    table.refuse("F6 X-HTTP-Method-Override opens nothing", spoofed, &["token_missing"]);
}

/// F7: a claim becomes a field of the upstream's request: no value may end the field it stands in.
fn values(table: &mut Table, mint: &Mint, world: &World) {
    let hostile = [
        "a\r\nX-Admin: 1",
        "a\nX-Admin: 1",
        "a\rX-Admin: 1",
        "a\0b",
        "\u{e4}\u{f6}\u{fc}",
        "\u{1f600}",
        "a\tb",
        " a ",
        "",
        "\u{7f}",
        "\u{2028}X",
    ];
    for value in hostile {
        let (name, token) =
            (format!("F7 sub {value:?}"), mint.ec.token().claim("sub", value).claim("team", value).sign());
        let before = world.upstream.count();
        let mut conn = world.h1().open().unwrap();
        let answer = crate::support::raw::ask(&mut conn, &get("/identity/1", &token), std::time::Duration::ZERO);
        let seen = world.upstream.count() - before;
        table.expect_upstream(seen);
        let outcome = match answer {
            Err(error) => Err(error.to_string()),
            Ok(answer) if answer.status == 200 && seen == 1 => clean(world),
            Ok(answer) if (400..500).contains(&answer.status) && seen == 0 => Ok(()),
            Ok(answer) => Err(format!("{seen} upstream, {}", answer.brief())),
        };
        table.check(&name, outcome);
    }
    for value in [json!(["a", "b"]), json!({"a": 1}), json!(7), json!(true), json!(null)] {
        let token = mint.ec.token().claim("team", value.clone()).sign();
        if table.admit(&format!("F7+ a team of {value}"), get("/identity/1", &token)).is_some() {
            table.check(&format!("F7+ a team of {value}, clean"), clean(world));
        }
    }
}

fn clean(world: &World) -> Result<(), String> {
    let seen = world.upstream.last();
    if !seen.all("x-admin").is_empty() {
        return Err(format!("a header was injected: {:?}", seen.headers));
    }
    let odd = |value: &str| value.bytes().any(|byte| !matches!(byte, 0x20..=0x7e));
    let raw: Vec<_> = ["x-user", "x-team"].iter().flat_map(|name| seen.all(name)).filter(|value| odd(value)).collect();
    if raw.is_empty() { Ok(()) } else { Err(format!("raw bytes: {raw:?}")) }
}

fn limits(table: &mut Table) {
    let many = |count: usize| {
        let fields: String = (0..count).map(|at| format!("X-{at}: v\r\n")).collect();
        format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
    };
    table.admit("F8+ 90 fields", many(90));
    table.cut("F8 1000 fields", many(1000), &["headers_too_large"]);
    table.cut("F8 101 fields", many(101), &["headers_too_large"]);
    let sized = |count: usize, each: usize| {
        let fields: String = (0..count).map(|at| format!("X-{at}: {}\r\n", "v".repeat(each))).collect();
        format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
    };
    table.admit("F8+ 30 KiB", sized(10, 3000));
    table.cut("F8 33 KiB", sized(10, 3380), &["headers_too_large"]);
    table.cut("F8 a field of 17 KiB", sized(1, 17 * 1024), &["headers_too_large"]);
    table.admit("F8+ a field of 15 KiB", sized(1, 15 * 1024));
}

fn trace(table: &mut Table, world: &World) {
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let good = format!("00-{id}-00f067aa0ba902b7-01");
    let faulty = [
        format!("00-{id}-00f067aa0ba902b7"),
        format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-{id}-0000000000000000-01"),
        format!("ff-{id}-00f067aa0ba902b7-01"),
        format!("00-{id}-00f067aa0ba902b7-01-extra"),
        "x".repeat(55),
        String::new(),
    ];
    for value in faulty {
        table.admit(&format!("F9 traceparent {value:?}"), with("/public/1", &[("traceparent", &value)]));
        let seen = world.upstream.last();
        table.check(&format!("F9 traceparent {value:?}: replaced"), replaced(&seen.all("traceparent"), &value));
    }
    table.admit(
        "F9 traceparent twice",
        with("/public/1", &[("traceparent", &good), ("traceparent", &good.replace("4bf9", "5bf9"))]),
    );
    let seen = world.upstream.last();
    table.check("F9 traceparent twice: one", replaced(&seen.all("traceparent"), "-"));
}

fn replaced(seen: &[&str], sent: &str) -> Result<(), String> {
    let well = |value: &str| {
        let parts: Vec<&str> = value.split('-').collect();
        matches!(parts[..], ["00", trace, span, flags] if trace.len() == 32 && span.len() == 16 && flags.len() == 2)
            && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
    };
    match seen {
        [one] if *one != sent && well(one) => Ok(()),
        _ => Err(format!("{seen:?}")),
    }
}

fn loops(table: &mut Table, world: &World) {
    let bearer = format!("Bearer {}", Mint::get().ec.token().sign());
    let via = |value: &str| with("/orders/1", &[("Authorization", &bearer), ("Via", value)]);
    table.admit("F10+ Via of others", via("1.1 other, 2.0 another"));
    let told = world.upstream.last().all("via").join(", ");
    table.check(
        "F10+ Via is appended",
        if told.contains("other") && told.contains("curfew-test") { Ok(()) } else { Err(told) },
    );
    table.refuse(
        "F10 our own name in Via",
        via("1.1 curfew-test, 1.1 curfew-test, 1.1 curfew-test"),
        &["loop_detected"],
    );
    table.admit("F10+ a name like ours", via("1.1 curfew-tests"));
}
