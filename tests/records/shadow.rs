//! A policy that is tried: it refuses nobody, and what it would have refused is told as that and nothing else.

use crate::support::mint::Mint;
use crate::world::World;
use serde_json::{Value, json};

#[test]
fn what_a_shadow_policy_would_refuse_is_told() {
    let mut world = World::start("directory: DIR");
    let token = Mint::get().rsa.token().claim("scope", "orders.read").sign();
    let request = format!("Authorization: Bearer {token}\r\nX-Request-Id: try-1\r\n");
    assert_eq!(world.get("/tried", &request).status, 200, "nobody is refused");
    let admin = Mint::get().rsa.token().claim("scope", "orders.read orders.admin").sign();
    assert_eq!(world.bear("/tried", &admin).0.status, 200);
    let list =
        |world: &World, question: Value| world.ask("/records/query", &question).json().unwrap()["records"].clone();
    assert_eq!(list(&world, json!({})), json!([]), "it is no refusal");
    for question in [json!({ "shadow": true }), json!({ "shadow": true, "reason": "insufficient_scope" })] {
        let found = list(&world, question);
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
        let one = &found[0];
        assert_eq!((&one["decision"], &one["status"], &one["reason"]), (&json!("allow"), &json!(200), &Value::Null));
        assert_eq!((&one["policy"], &one["shadow"]["policy"]), (&json!("api"), &json!("strict")), "{one}");
        assert_eq!(
            (&one["shadow"]["reason"], &one["trail"]["outcome"]),
            (&json!("insufficient_scope"), &json!("admit"))
        );
        let failed: Vec<&Value> = one["shadow"]["trail"]["questions"].as_array().unwrap().iter().collect();
        let failed: Vec<&&Value> = failed.iter().filter(|answer| answer["outcome"] == "fail").collect();
        assert_eq!((failed.len(), &failed[0]["name"]), (1, &json!("scope")), "{one}");
        assert_eq!((&one["session"]["by"], &one["session"]["known"]), (&json!("claim"), &json!("token")), "{one}");
    }
    assert_eq!(list(&world, json!({ "shadow": true, "reason": "token_expired" })), json!([]));
    // The same for people, and after a restart.
    let told = |world: &World| {
        let (code, text, err) = world.run(&["trace", "try-1"]);
        let says = "admitted; the shadow policy strict would have refused it: insufficient_scope\n";
        assert!(code == 0 && text.starts_with(says), "{text}{err}");
        assert!(
            text.contains("\nthe shadow policy strict\n") && text.contains("  session is not remembered"),
            "{text}"
        );
        text.lines().filter(|line| !line.starts_with("  at ")).collect::<String>()
    };
    let before = told(&world);
    let (code, text, _) = world.run(&["refusals", "--shadow"]);
    assert!(code == 0 && text.contains("insufficient_scope") && text.contains("admitted, shadow=strict"), "{text}");
    let (_, text, _) = world.run(&["refusals", "--shadow", "--group"]);
    assert!(text.contains("       1  insufficient_scope\n"), "{text}");
    assert_eq!(world.metric("curfew_shadow_refusals_total"), 1.0);
    world.restart();
    assert_eq!(told(&world), before, "a restart changes nothing");
}
