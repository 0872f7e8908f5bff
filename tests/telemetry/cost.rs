//! What telemetry costs an admitted, unsampled request: no allocation, and less than 500 ns.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use crate::world::{exchange, judge, token};
use curfew::decide::claims::Claims;
use curfew::decide::evidence::Reading;
use curfew::decide::finding::Limit;
use curfew::decide::id::Fingerprint;
use curfew::decide::limits::{Classes, Limits};
use curfew::decide::reason::Reason;
use curfew::decide::session::{KeySource, OnFull, Shown};
use curfew::decide::time::{Moment, Timestamp};
use curfew::decide::when::{Condition, Rule, Subject, Test, When, origin};
use curfew::state::sessions::{Activity, Name, Sessions, Terms};
use curfew::telemetry::{Exchange, Service, Settings, Sight, Telemetry};
use http::HeaderMap;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands everything on to the system's allocator, and counts.
#[allow(unsafe_code, reason = "counting allocations needs an allocator, and its trait is unsafe")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn telemetry(runtime: &tokio::runtime::Runtime) -> Telemetry {
    telemetry_with(runtime, serde_json::json!("off"))
}

fn telemetry_with(runtime: &tokio::runtime::Runtime, tenants: serde_json::Value) -> Telemetry {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    let otlp = serde_json::json!({ "endpoint": "http://127.0.0.1:9" });
    let settings: Settings =
        serde_json::from_value(serde_json::json!({ "otlp": otlp, "sample": 0, "tenants": tenants })).unwrap();
    Telemetry::start(&settings, &service, runtime.handle()).unwrap()
}

#[test]
fn an_admitted_request_allocates_nothing() {
    for tenants in [serde_json::json!("off"), serde_json::json!({ "claim": "org.id" })] {
        admits_without_allocating(&tenants);
    }
}

fn admits_without_allocating(tenants: &serde_json::Value) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let telemetry = telemetry_with(&runtime, tenants.clone());
    let (route, mut token) = (telemetry.route("orders", "/orders/{id}", "api", &["corp"]), token(60_000));
    let org = serde_json::json!({ "name": "n", "org": { "id": "acme" }, "roles": ["a"] });
    token.claims.as_mut().unwrap().rest = org.as_object().unwrap().clone();
    let (headers, note) = (HeaderMap::new(), AtomicU32::new(0));
    let one = || {
        let _busy = telemetry.enter();
        let trace = telemetry.begin(&headers, false);
        std::hint::black_box(trace.traceparent(7));
        let sight = Some(Sight { note: Some(&note), ..Sight::default() });
        telemetry.record(&Exchange { trace, sight, token: Some(&token), issuer: Some("corp"), ..exchange(&route) });
    };
    one();
    let before = ALLOCATIONS.with(Cell::get);
    (0..100).for_each(|_| one());
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    let begun = Instant::now();
    (0..200_000).for_each(|_| one());
    println!(
        "{} ns for each admitted request, optimised or not; tenants: {tenants}",
        begun.elapsed().as_nanos() / 200_000
    );
}

/// Not a limit, a number to know: what a refusal costs the line while there is room in the queue, and once the queue
/// is full. Run it with `--nocapture`.
#[test]
fn a_refusal_is_cheap_once_the_queue_is_full() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let telemetry = telemetry(&runtime);
    let (route, token) = (telemetry.route("orders", "/orders/{id}", "api", &["corp"]), token(-14_200));
    let verdict = judge(Reading::Trusted(&token));
    let refused = Exchange { status: 401, reason: Some(Reason::TokenExpired), ..exchange(&route) };
    let refused = Exchange { verdict: Some(&verdict), token: Some(&token), issuer: Some("corp"), ..refused };
    // The runtime does not run meanwhile, so nobody empties the queue.
    for state in ["is queued", "finds no room"] {
        let begun = Instant::now();
        (0..2048).for_each(|_| telemetry.record(&refused));
        println!("{} ns for each refusal whose span {state}", begun.elapsed().as_nanos() / 2048);
    }
    let before = ALLOCATIONS.with(Cell::get);
    telemetry.record(&refused);
    let made = ALLOCATIONS.with(Cell::get) - before;
    assert!(made <= 8, "no span is built that finds no room; what is made is the decision record: {made}");
}

/// The same of asking for a session and telling that it was used.
#[test]
fn a_session_that_is_held_allocates_nothing() {
    let sessions = Sessions::default();
    let terms = Terms { max: 10, remember: Duration::from_secs(60), absolute: None, on_full: OnFull::Deny };
    let name = Name { print: Fingerprint([7; 16]), source: KeySource::Claim };
    let at = Timestamp::from_secs(1_800_000_000);
    let (now, shown) = (Moment { wall: at, steady: Duration::ZERO }, Shown { signed_in: Some(at), issued: Some(at) });
    let one = || {
        std::hint::black_box(sessions.known(&name, shown, now, &terms));
        sessions.admitted(&name, shown, now, Activity::User, &terms);
    };
    one();
    let before = ALLOCATIONS.with(Cell::get);
    (0..100).for_each(|_| one());
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    let begun = Instant::now();
    (0..200_000).for_each(|_| one());
    println!("{} ns for asking and telling, optimised or not", begun.elapsed().as_nanos() / 200_000);
}

/// The same of rules: eight of all kinds, half of which hold.
#[test]
fn rules_allocate_nothing() {
    let claims = serde_json::json!({ "roles": ["a", "b"], "realm": { "groups": ["x"] }, "tenant": "acme" });
    let rest = claims.as_object().unwrap().clone();
    let claims = Claims { client_id: Some("app".into()), acr: Some("gold".into()), rest, ..Claims::default() };
    let any_of = |path: &str, value: &str| Condition {
        claims: [(path.into(), Test::AnyOf([value.into()].into()))].into(),
        ..Condition::default()
    };
    let network = |net: &str| Condition { within: [net.parse().unwrap()].into(), ..Condition::default() };
    let conditions = [
        (any_of("roles", "b"), any_of("roles", "c")),
        (any_of("realm.groups", "x"), any_of("realm.groups.deep", "x")),
        (Condition { clients: ["app".into()].into(), ..any_of("tenant", "acme") }, any_of("tenant", "other")),
        (network("10.0.0.0/8"), network("2001:db8::/32")),
    ];
    let conditions = conditions.into_iter().flat_map(|(holds, fails)| [holds, fails]).enumerate();
    let tightens = |at| Limits {
        max_age: Some(Limit::new(Duration::from_secs(60), origin(at))),
        acr: Some(Limit::new(Classes::of(&["gold"], &["gold".into()]), origin(at))),
        ..Limits::default()
    };
    let rules =
        conditions.map(|(at, condition)| Rule { condition, tightens: tightens(at), relaxes: Limits::default() });
    let when = When { rules: rules.collect(), classes: ["gold".into()].into(), ..When::default() };
    let subject = Subject { claims: &claims, issuer: None, peer: Some([10, 1, 2, 3].into()) };
    let one = || std::hint::black_box(when.limits(std::hint::black_box(&subject)));
    assert_eq!(one().and_then(|limits| limits.max_age).map(|limit| limit.origin.name()), Some("when[0]"));
    let before = ALLOCATIONS.with(Cell::get);
    (0..100).for_each(|_| _ = one());
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    let begun = Instant::now();
    (0..200_000).for_each(|_| _ = one());
    println!("{} ns for eight rules, optimised or not", begun.elapsed().as_nanos() / 200_000);
}
