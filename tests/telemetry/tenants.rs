//! Decisions by tenant: told apart as far as the settings say, and never further, whoever asks.

use crate::world::{exchange, token};
use curfew::decide::claims::Token;
use curfew::decide::reason::Reason;
use curfew::telemetry::{Exchange, Service, Telemetry};
use serde_json::{Value, json};
use tokio::runtime::Handle;

fn telemetry(tenants: Value) -> Telemetry {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    let settings = serde_json::from_value(json!({ "tenants": tenants })).unwrap();
    Telemetry::start(&settings, &service, &Handle::current()).unwrap()
}

fn of(tenant: impl Into<Value>) -> Token {
    let mut token = token(60_000);
    token.claims.as_mut().unwrap().rest = json!({ "tenant": tenant.into() }).as_object().unwrap().clone();
    token
}

/// The series of decisions, without exemplars.
fn decisions(telemetry: &Telemetry) -> Vec<String> {
    let text = telemetry.render();
    let lines = text.lines().filter_map(|line| line.strip_prefix("curfew_decisions_total"));
    lines.map(|line| line.split(" # ").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn decisions_are_counted_by_tenant() {
    let telemetry = telemetry(json!({ "claim": "tenant", "most": 2 }));
    let route = telemetry.route("orders", "/orders", "api", &["corp"]);
    let ask = |token: &Token, reason: Option<Reason>| {
        let status = reason.map_or(200, |reason| reason.status().as_u16());
        telemetry.record(&Exchange { token: Some(token), issuer: Some("corp"), status, reason, ..exchange(&route) });
    };
    ask(&of("acme"), None);
    ask(&of("acme"), None);
    ask(&of("acme"), Some(Reason::TokenExpired));
    ask(&of("b\"\\{}=🦀"), None);
    ask(&of("late"), None);
    ask(&of(json!(["acme"])), Some(Reason::TokenExpired));
    ask(&token(60_000), None);
    // A token that nobody signed names nobody.
    telemetry.record(&Exchange { status: 401, reason: Some(Reason::SignatureInvalid), ..exchange(&route) });
    assert_eq!(
        decisions(&telemetry),
        [
            r#"{decision="deny",reason="signature_invalid",route="orders",issuer="",tenant=""} 1"#,
            r#"{decision="allow",reason="",route="orders",issuer="corp",tenant=""} 1"#,
            r#"{decision="allow",reason="",route="orders",issuer="corp",tenant="other"} 1"#,
            r#"{decision="deny",reason="token_expired",route="orders",issuer="corp",tenant="other"} 1"#,
            r#"{decision="allow",reason="",route="orders",issuer="corp",tenant="acme"} 2"#,
            r#"{decision="deny",reason="token_expired",route="orders",issuer="corp",tenant="acme"} 1"#,
            r#"{decision="allow",reason="",route="orders",issuer="corp",tenant="b\"\\{}=🦀"} 1"#,
        ]
    );
}

/// Every route, issuer, tenant and reason at once: pairs beyond the bound are folded, and no request is lost.
#[tokio::test]
async fn an_attack_makes_no_more_series_than_the_bound() {
    let telemetry = telemetry(json!({ "claim": "tenant", "most": 200 }));
    let issuers: Vec<String> = (0..5).map(|issuer| format!("issuer-{issuer}")).collect();
    let names: Vec<&str> = issuers.iter().map(String::as_str).collect();
    let tokens: Vec<Token> = (0..300).map(|tenant| of(format!("tenant-{tenant}"))).collect();
    let mut asked: u64 = 0;
    for route in 0..10 {
        let route = telemetry.route(&format!("route-{route}"), "/", "api", &names);
        for issuer in &names {
            for (number, token) in tokens.iter().enumerate() {
                let reason = Reason::ALL[number % Reason::ALL.len()];
                for reason in [None, Some(reason)] {
                    let status = reason.map_or(200, |reason| reason.status().as_u16());
                    let base = Exchange { status, reason, ..exchange(&route) };
                    telemetry.record(&Exchange { token: Some(token), issuer: Some(issuer), ..base });
                    asked += 1;
                }
            }
        }
    }
    let series = decisions(&telemetry);
    let counted: u64 = series.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(counted, asked, "every request is counted somewhere");
    let by_themselves =
        series.iter().filter(|line| line.contains(r#"decision="allow""#) && !line.contains(r#"tenant="other""#));
    assert_eq!(by_themselves.count(), 4096, "the pairs that are counted by themselves");
    assert!(series.iter().all(|line| !line.contains("tenant-200")), "the two hundred that came first");
    println!("{} series of {asked} requests", series.len());
}
