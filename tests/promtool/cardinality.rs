//! Whoever has no token cannot make series: what a client sends is never a label.

use crate::support::config::HOST;
use crate::support::mint::{Mint, unique};
use crate::traffic;
use crate::world::World;
use std::collections::BTreeSet;

/// The series of the metrics, without their values; and without those that come and go by themselves.
fn series(world: &World) -> BTreeSet<String> {
    let (_, text) = world.gateway.admin("/metrics");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| line.split(" # ").next().unwrap().rsplit_once(' ').unwrap().0.to_owned());
    lines.filter(|line| !line.starts_with("curfew_fleet_position")).collect()
}

#[test]
fn made_up_names_make_no_series() {
    let world = World::start();
    traffic::round(&world);
    let attack = |number: usize| {
        let (word, mint) = (unique("made-up"), Mint::get());
        let tenant = mint.rsa.token().claim("org", serde_json::json!({ "id": word.clone() })).sign();
        let tenant = format!("Authorization: Bearer {tenant}\r\n");
        assert_eq!(world.asks("/orders/tenant", &tenant), "admitted");
        assert_eq!(world.asks("/scoped/tenant", &tenant), "insufficient_scope");
        let token = mint.impostor.token().claim("iss", format!("https://{word}.example"));
        let fields = format!("Authorization: Bearer {}\r\n", token.head("kid", word.clone()).sign());
        let answer = world.asks(&format!("/orders/{word}?{word}"), &fields);
        assert_eq!(answer, "issuer_untrusted");
        assert_eq!(world.asks(&format!("/{word}/{number}"), &fields), "route_not_found");
        let line = format!("GET /{word} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {word}\r\nX-{word}: {word}\r\n\r\n");
        assert_eq!(world.send(&line).status, 404);
        let host = format!("GET /orders HTTP/1.1\r\nHost: {word}.example\r\n\r\n");
        assert!([404, 421].contains(&world.send(&host).status));
        let method = format!("{} /nowhere HTTP/1.1\r\nHost: {HOST}\r\n\r\n", word.replace('-', "").to_uppercase());
        assert!((400..500).contains(&world.send(&method).status));
        word
    };
    // The first rounds make the series that everything unknown is folded into, and fill the places of tenants.
    let first = [0, 0, 0].map(attack);
    let before = series(&world);
    let words: Vec<String> = (1..=100).map(attack).collect();
    let after = series(&world);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:#?}");
    let text = world.gateway.admin("/metrics").1;
    assert!(words.iter().all(|word| !text.contains(word)), "a client's word is told");
    let unknown =
        r#"curfew_decisions_total{decision="deny",reason="issuer_untrusted",route="orders",issuer="",tenant=""} "#;
    let unrouted = r#"curfew_decisions_total{decision="deny",reason="route_not_found",route="",issuer="",tenant=""} "#;
    for (line, at_least) in [(unknown, 103), (unrouted, 206)] {
        let count = text.lines().find_map(|have| have.strip_prefix(line)).expect(line);
        let count: u64 = count.split(' ').next().unwrap().parse().unwrap();
        assert!(count >= at_least, "{line} {count}");
    }
    assert!(text.contains(r#"method="_OTHER",route="""#), "made-up methods are one");
    let folded = r#"curfew_decisions_total{decision="allow",reason="",route="orders",issuer="corp",tenant="other"} "#;
    assert!(text.lines().any(|line| line.starts_with(folded)), "{text}");
    let told = first.iter().filter(|word| text.contains(&format!(r#"tenant="{word}""#))).count();
    assert_eq!(told, 2, "besides the one of the traffic");
    println!("{} series before and after 700 requests of made-up names", after.len());
}
