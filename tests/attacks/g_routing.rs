//! G: getting around a route. `/admin` and below need a token, `/public` and below do not; none of these requests
//! carries one, so that a 200 is always a way in.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World};
use crate::support::mint::Mint;
use crate::support::table::{Table, get, with};

const AMBIGUOUS: &[&str] = &["path_ambiguous"];

#[test]
fn g_routing() {
    let world = World::start();
    let mut table = Table::new(&world, "G", KNOWN_GAPS);
    table.admit("G+ open", with("/public/1", &[]));
    table.refuse("G+ guarded", with("/admin/1", &[]), &["token_missing"]);
    table.refuse("G+ guarded, the root of the prefix", with("/admin", &[]), &["token_missing"]);
    table.refuse("G+ no route", with("/nowhere", &[]), &["route_not_found"]);
    table.refuse("G+ a longer segment", with("/publicity", &[]), &["route_not_found"]);
    table.refuse("G+ a longer guarded segment", with("/administrator", &[]), &["route_not_found"]);
    ambiguous(&mut table);
    cases(&mut table, &world);
    malformed(&mut table);
    other_protocols(&mut table);
    table.finish();
}

fn ambiguous(table: &mut Table) {
    let paths = [
        ("G1", "/public/../admin"),
        ("G1", "/public/%2e%2e/admin"),
        ("G1", "/public/.%2e/admin"),
        ("G1", "/public/%2E%2E/admin"),
        ("G1", "/public/%2e./admin"),
        ("G1", "/public/..;/admin"),
        ("G1", "/public/..;a=b/admin"),
        ("G1", "/public/%252e%252e/admin"),
        ("G1", "/public/..%2fadmin"),
        ("G1", "/public/..%5cadmin"),
        ("G1", "/public/..%c0%afadmin"),
        ("G1", "/public/.../../admin"),
        ("G1", "/public/x/../../admin"),
        ("G1", "/public/.."),
        ("G1", "/.."),
        ("G1", "/public/%2e"),
        ("G2", "//admin"),
        ("G2", "/./admin"),
        ("G2", "/admin//x"),
        ("G2", "/public//x"),
        ("G2", "/admin/."),
        ("G2", "/public/."),
        ("G2", "///"),
        ("G2", "/public/.;/x"),
        ("G4", "/admin%2fusers"),
        ("G4", "/public%2f..%2fadmin"),
        ("G4", "/admin%5cusers"),
        ("G4", "/admin\\users"),
        ("G4", "/public/..\\admin"),
        ("G4", "/admin%00"),
        ("G4", "/public/%00/admin"),
        ("G4", "/admin;x=1"),
        ("G4", "/public;x=1/1"),
        ("G4", "/public/%0d%0aX-A:%20b"),
        ("G4", "/public/%7f"),
        ("G4", "/public/%"),
        ("G4", "/public/%4"),
        ("G4", "/public/%zz"),
        ("G4", "/public/%u002e"),
        ("G4", "/public/%25"),
        ("G4", "/public/..."),
        ("G4", "/public/a."),
        ("G4", "/public/a%20"),
        ("G8", "/public/%c0%af"),
        ("G8", "/public/%c0%ae%c0%ae/admin"),
        ("G8", "/public/%e0%80%af"),
        ("G8", "/public/%ff"),
        ("G8", "/public/%ed%a0%80"),
        ("G8", "/public/%f4%90%80%80"),
    ];
    for (row, path) in paths {
        table.refuse(&format!("{row} {path}"), with(path, &[]), &["path_ambiguous", "malformed_request"]);
        let fields: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", path.as_bytes()),
        ];
        table.refuse_h2_or_reset(&format!("{row} {path}, HTTP/2"), &fields, AMBIGUOUS);
    }
}

fn cases(table: &mut Table, world: &World) {
    for path in ["/ADMIN", "/Admin", "/Admin/1", "/aDMIN/1", "/admin."] {
        table.refuse(&format!("G3 {path}"), with(path, &[]), &["route_not_found", "token_missing", "path_ambiguous"]);
    }
    for path in ["/admin%20", "/admin%09", "/admin/1%20", "/%EF%BC%8Fadmin", "/public%EF%BC%8F..%EF%BC%8Fadmin"] {
        table.refuse(&format!("G4 {path}"), with(path, &[]), &["route_not_found", "token_missing", "path_ambiguous"]);
    }
    for path in ["/%61dmin", "/%61%64%6d%69%6e", "/adm%69n/1", "/%61dmin/x"] {
        table.refuse(&format!("G5 {path}"), with(path, &[]), &["token_missing"]);
    }
    let token = Mint::get().ec.token().sign();
    table.admit("G5+ with a token", get("/%61dmin/a%7eb%2D%c3%a4?q=%2e%2E&x=%zz", &token));
    let seen = world.upstream.last().target;
    let right = seen == "/admin/a~b-%C3%A4?q=%2e%2E&x=%zz";
    table.check("G5+ what was decided on is what goes on", if right { Ok(()) } else { Err(seen) });
    table.refuse("G6 a public path in the query", with("/admin?x=/public/", &[]), &["token_missing"]);
    table.refuse("G6 a public path behind '?'", with("/admin/1?/../../public/1", &[]), &["token_missing"]);
    table.admit("G6+ a guarded path in the query", with("/public?../admin", &[]));
    table.admit("G6+ a path in the query of an open route", with("/public/1?next=/admin/../x;y//z", &[]));
    table.admit("G+ a last slash", with("/public/", &[]));
    table.admit("G+ dots that are no dot segments", with("/public/...x/..y", &[]));
    table.admit("G+ a name with dots", with("/public/a..b/.hidden/c", &[]));
    table.admit("G+ a colon, an at sign, brackets of sub-delims", with("/public/a:b@c!$&'()*+,=", &[]));
}

fn malformed(table: &mut Table) {
    table.cut("G7 a fragment", with("/admin#x", &[]), &["malformed_request", "path_ambiguous"]);
    table.cut(
        "G7 a fragment on an open route",
        with("/public/1#/../admin", &[]),
        &["malformed_request", "path_ambiguous"],
    );
    table.cut("G7 an asterisk", with("*", &[]), &["malformed_request", "path_ambiguous"]);
    table.cut("G7 an empty target", with("", &[]), &["malformed_request"]);
    table.cut("G7 no leading slash", with("admin", &[]), &["malformed_request", "host_mismatch"]);
    table.cut("G7 only a query", with("?x", &[]), &["malformed_request", "host_mismatch"]);
    for byte in ['"', '<', '>', '^', '`', '{', '|', '}'] {
        let name = format!("G7 {byte} in the path");
        table.refuse(
            &name,
            with(&format!("/admin/{byte}"), &[]),
            &["malformed_request", "path_ambiguous", "token_missing"],
        );
    }
    table.refuse(
        "G7 a high byte",
        "GET /public/\u{e4} HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        &["malformed_request", "path_ambiguous"],
    );
    table.refuse(
        "G7 OPTIONS *",
        format!("OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        &["route_not_found", "path_ambiguous", "malformed_request", "method_not_allowed"],
    );
}

/// The plaintext listener asks the same questions.
fn other_protocols(table: &mut Table) {
    let plain = table.world().plain();
    table.admit_at("G+ plain, open", &plain, with("/public/1", &[]));
    table.refuse_at("G plain, guarded", &plain, with("/admin/1", &[]), &["token_missing"]);
    table.refuse_at("G plain, dots", &plain, with("/public/../admin", &[]), AMBIGUOUS);
    table.cut_at("G plain, CL and TE", &plain, format!("POST /public/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &["framing_ambiguous"]);
}
