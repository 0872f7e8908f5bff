//! The page and what it asks, against pages of others and names of others.

use crate::traffic::refuse;
use crate::window::look;
use crate::world::{TOKEN, World};
use serde_json::json;

/// Without a token this machine is let in, so that a page in its browser is the one to fear.
#[test]
fn pages_and_names_of_others_get_nothing() {
    let world = World::start("");
    let (_, trace) = refuse(&world).swap_remove(0);
    look(
        "foreign.mjs",
        &json!({ "url": format!("http://127.0.0.1:{}", world.admin.port()), "port": world.admin.port(), "trace": trace }),
    );
    let asked = json!({ "issuer": "corp", "type": "subject", "id": "alice" }).to_string();
    let fields = [("Host", "localhost"), ("Content-Type", "application/json")];
    let known = world.admin("POST /revocations/query", &fields, &asked).json().unwrap();
    assert_eq!(known["revoked"], false, "a page of another origin revoked something: {known}");
}

/// Every file says what may be done with it, and no answer says that another origin may read it.
#[test]
fn every_file_carries_its_policy() {
    let world = World::start("token: { file: DIR/token }");
    let index = world.admin("GET /", &[("Host", "localhost")], "");
    let html = String::from_utf8(index.body.clone()).unwrap();
    let linked = html.split('"').filter(|part| part.starts_with("/page/"));
    let app = String::from_utf8(world.admin("GET /page/app.js", &[("Host", "localhost")], "").body).unwrap();
    let modules = app.lines().filter(|line| line.starts_with("import ")).filter_map(|line| line.split('"').nth(1));
    let paths: Vec<String> = linked
        .map(str::to_owned)
        .chain(modules.map(|name| name.replacen('.', "/page", 1)))
        .chain(["/".to_owned()])
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        let answer =
            world.admin(&format!("GET {path}"), &[("Host", "localhost"), ("Origin", "https://evil.example")], "");
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        for says in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(says), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("data:") && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("access-control-allow-origin").is_none() && answer.header("set-cookie").is_none());
        let text = String::from_utf8_lossy(&answer.body);
        for never in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " onclick=",
            " style=",
            "<script>",
            "document.cookie",
        ] {
            assert!(!text.contains(never), "{path} has {never}");
        }
        assert!(!text.contains(TOKEN));
        assert_eq!(world.admin(&format!("GET {path}"), &[("Host", "evil.example")], "").status, 403, "{path}");
    }
    assert_eq!(world.admin("GET /page/mod.rs", &[("Host", "localhost")], "").status, 404);
    assert_eq!(world.admin("GET /page/../config", &[("Host", "localhost")], "").status, 404);
    assert_eq!(world.admin("POST /page/app.js", &[("Host", "localhost")], "").status, 405);
    let preflight =
        [("Host", "localhost"), ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")];
    let answer = world.admin("OPTIONS /records/query", &preflight, "");
    assert!(answer.status == 405 && answer.header("access-control-allow-origin").is_none(), "{}", answer.brief());
}
