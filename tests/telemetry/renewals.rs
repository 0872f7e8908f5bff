//! Sessions that go on with newer tokens, and those that end: what is counted of each, by what the line tells of it.

use crate::world::{NOW, exchange, moment, token};
use curfew::decide::claims::Token;
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::time::{Moment, Timestamp};
use curfew::telemetry::{Exchange, RouteMeter, Service, Settings, Sight, Telemetry};
use std::time::Duration;
use tokio::runtime::Handle;

/// A token that was issued so many seconds ago, of a user that signed in two hours ago.
fn issued(ago: i64) -> Token {
    let mut token = token(60_000);
    let claims = token.claims.as_mut().unwrap();
    claims.issued = Some(Timestamp::from_secs(NOW.secs() - ago));
    claims.auth_time = Some(Timestamp::from_secs(NOW.secs() - 7200));
    token
}

/// A request of a session: its token, whether that is new, after how many milliseconds, and what came of it.
struct Visit<'a>(u8, &'a Token, bool, u64, Option<Reason>);

fn tell(telemetry: &Telemetry, route: &RouteMeter, Visit(session, token, is_new, ms, reason): Visit<'_>) {
    let session = Some(Fingerprint([session; 16]));
    let first_admitted = is_new && reason.is_none();
    let sight = Some(Sight { first: is_new, first_admitted, session, leeway: Duration::from_secs(10), note: None });
    let moment = Moment { steady: Duration::from_millis(ms), ..moment() };
    let status = reason.map_or(200, |reason| reason.status().as_u16());
    let base = Exchange { moment, status, reason, sight, ..exchange(route) };
    telemetry.record(&Exchange { token: Some(token), issuer: Some("corp"), ..base });
}

#[tokio::test]
async fn what_became_of_sessions_is_counted() {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    let telemetry = Telemetry::start(&Settings::default(), &service, &Handle::current()).unwrap();
    let route = telemetry.route("orders", "/orders", "api", &["corp"]);
    let (old, new, expired) = (issued(600), issued(1), Some(Reason::TokenExpired));
    for visit in [
        // One renews ahead, and its old token in another tab is no trouble.
        Visit(1, &old, true, 1_000, None),
        Visit(1, &old, false, 2_000, None),
        Visit(1, &new, true, 3_000, None),
        Visit(1, &new, false, 4_000, None),
        Visit(1, &old, false, 5_000, expired),
        // One when it is refused, within 150 ms.
        Visit(2, &old, true, 1_000, None),
        Visit(2, &old, false, 9_000, Some(Reason::TokenTooOld)),
        Visit(2, &new, true, 9_150, None),
        // One never does, and comes for a minute.
        Visit(3, &old, true, 1_000, expired),
        Visit(3, &old, false, 20_000, expired),
        Visit(3, &old, false, 61_000, expired),
        // What is no fault of the token's age is no renewal's.
        Visit(4, &old, true, 1_000, Some(Reason::InsufficientScope)),
        Visit(4, &old, false, 99_000, Some(Reason::InsufficientScope)),
        // Sessions end, each once.
        Visit(5, &old, true, 1_000, Some(Reason::SessionIdleTimeout)),
        Visit(5, &new, true, 2_000, Some(Reason::SessionIdleTimeout)),
        Visit(6, &old, true, 1_000, Some(Reason::SessionRevoked)),
    ] {
        tell(&telemetry, &route, visit);
    }
    let text = telemetry.render();
    for line in [
        r#"curfew_renewals_total{issuer="corp",outcome="ahead"} 1"#,
        r#"curfew_renewals_total{issuer="corp",outcome="late"} 1"#,
        r#"curfew_renewals_total{issuer="corp",outcome="failed"} 1"#,
        r#"curfew_renewal_duration_seconds_bucket{le="0.1",issuer="corp"} 0"#,
        r#"curfew_renewal_duration_seconds_bucket{le="0.2",issuer="corp"} 1"#,
        r#"curfew_session_duration_seconds_bucket{le="3600.0",issuer="corp",cause="idle"} 0"#,
        r#"curfew_session_duration_seconds_bucket{le="7200.0",issuer="corp",cause="idle"} 1"#,
        r#"curfew_session_duration_seconds_count{issuer="corp",cause="revoked"} 1"#,
        r#"curfew_session_duration_seconds_count{issuer="corp",cause="absolute"} 0"#,
        // Clocks are read off what is fresh and new: one of each new token that is a second old.
        r#"curfew_issuer_clock_skew_seconds_count{issuer="corp"} 3"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
