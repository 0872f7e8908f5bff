//! Which refusals are meant: by whom, from where, for whom; and what is told of a question that can mean none.

use crate::support::mint::{Mint, Token, now};
use crate::world::World;
use serde_json::{Value, json};

/// Refused for its age, of this client and tenant.
fn stale<'a>(client: &str, tenant: &str) -> Token<'a> {
    let token = Mint::get().rsa.token().claim("exp", now() - 300).claim("iat", now() - 900);
    token.claim("client_id", client).claim("org", tenant)
}

fn found(world: &World, question: &Value) -> Vec<Value> {
    let answer = world.ask("/records/query", question);
    assert_eq!(answer.status, 200, "{question}: {}", answer.brief());
    answer.json().unwrap()["records"].as_array().unwrap().clone()
}

#[test]
fn by_client_tenant_and_address() {
    let world = World::start("directory: DIR");
    for (client, tenant, times) in [("shop", "acme", 3), ("till", "acme", 1), ("shop", "zenith", 2)] {
        (0..times).for_each(|_| assert_eq!(world.bear("/orders/7", &stale(client, tenant).sign()).0.status, 401));
    }
    // Where there is no `client_id`, `azp` names the client.
    let azp = Mint::get().rsa.token().claim("exp", now() - 300).claim("iat", now() - 900).claim("azp", "shop");
    assert_eq!(world.bear("/orders/7", &azp.without("client_id").sign()).0.status, 401);
    assert_eq!(world.get("/orders/7", "").status, 401);
    let count = |question: Value| found(&world, &question).len();
    for (question, times) in [
        (json!({}), 8),
        (json!({ "client": "shop" }), 6),
        (json!({ "client": "shop", "issuer": "corp" }), 6),
        (json!({ "client": "shop", "tenant": "acme" }), 3),
        (json!({ "client": "shop", "reason": "token_missing" }), 0),
        (json!({ "client": "nobody" }), 0),
        (json!({ "tenant": "acme" }), 4),
        (json!({ "address": "127.0.0.1" }), 8),
        (json!({ "address": "127.0.0.0/8" }), 8),
        (json!({ "address": "::ffff:127.0.0.1" }), 8),
        (json!({ "address": "10.0.0.0/8" }), 0),
        (json!({ "address": "2001:db8::/32" }), 0),
        (json!({ "address": "127.0.0.1", "tenant": "zenith", "client": "shop" }), 2),
    ] {
        assert_eq!(count(question.clone()), times, "{question}");
    }
    let one = &found(&world, &json!({ "client": "till" }))[0];
    assert!(one["tenant"] == "acme" && !one.to_string().contains("till"), "no raw id is told: {one}");
    assert_eq!(count(json!({ "client_hash": one["token"]["client"] })), 1);

    let (code, text, err) =
        world.run(&["refusals", "--client", "shop", "--tenant", "acme", "--address", "127.0.0.0/8"]);
    assert!(code == 0 && text.matches("token_expired").count() == 3, "{text}{err}");
    let hash = one["token"]["client"].as_str().unwrap();
    assert_eq!(world.run(&["refusals", "--client-hash", hash, "--json"]).1.matches("\"seq\"").count(), 1);
    let (_, text, _) = world.run(&["refusals", "--group", "--since", "15m"]);
    assert!(text.contains("by tenant\n         4  acme ") && text.contains("         2  zenith "), "{text}");
    let trace = one["trace_id"].as_str().unwrap();
    assert!(world.run(&["trace", trace]).1.contains("  tenant     acme\n"));
    assert_eq!(world.run(&["refusals", "--address", "10.0.0.1"]).0, 5, "nothing came from there");
}

/// A name that nothing has would find nothing, and read as if nothing were refused: it is an error that says what is wrong.
#[test]
fn what_means_nothing_is_an_error() {
    let world = World::start("");
    let before = world.bear("/orders/7", &stale("shop", "acme").sign());
    assert_eq!(before.0.status, 401);
    for (question, says) in [
        (json!({ "route": "oders" }), "no such `route`"),
        (json!({ "issuer": "crop" }), "no such `issuer`"),
        (json!({ "tenant": "nobody" }), "no such `tenant`"),
        (json!({ "address": "localhost" }), "`address` is no address"),
        (json!({ "address": "10.0.0.0/33" }), "`address` is no address"),
        (json!({ "address": 7 }), "this is no question"),
        (json!({ "client_hash": "shop" }), "`client_hash` is no hash"),
        (json!({ "subject_hash": "0123" }), "`subject_hash` is no hash"),
        (json!({ "client": "" }), "`client` names nothing"),
        (json!({ "clients": "shop" }), "unknown field `clients`"),
        (json!({ "peer": "127.0.0.1" }), "unknown field `peer`"),
    ] {
        for path in ["query", "groups", "buckets", "follow"] {
            let answer = world.ask(&format!("/records/{path}"), &question);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(answer.status == 400 && body.contains(says), "{path} {question}: {body}");
        }
    }
    for (words, says) in [
        (["--route", "oders"], "no such `route`"),
        (["--address", "10.0.0.0/33"], "`address` is no address"),
        (["--tenant", "nobody"], "no such `tenant`"),
    ] {
        let (code, text, err) = world.run(&[&["refusals"][..], &words].concat());
        assert!(code == 1 && text.is_empty() && err.contains(says), "{words:?}: {err}");
    }
    let (code, _, err) = world.run(&["refusals", "--peer", "127.0.0.1"]);
    assert!(code == 2 && err.contains("--peer"), "{err}");
    let help = world.run(&["refusals", "--help"]).1;
    for name in ["--tenant <NAME>", "--client <ID>", "--client-hash <HASH>", "--address <ADDRESS|NETWORK>"] {
        assert!(help.contains(name), "{name}\n{help}");
    }
    // A route that left the config is still found, as long as there are records of it.
    assert_eq!(found(&world, &json!({ "route": "orders", "tenant": "acme" })).len(), 1);
}
