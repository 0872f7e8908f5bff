//! Rules of a policy: for whom they are, what they set, and where what they set was written.

use crate::world::{LEEWAY, World, at, policy, words};
use curfew::decide::checks::age::Age;
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::checks::lifetime::Lifetime;
use curfew::decide::checks::step_up::Acr;
use curfew::decide::claims::Claims;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::IssuerName;
use curfew::decide::limits::{Classes, Limits, OFF};
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Basis, Key, KeySource, Knowledge, OnStateLoss, Sight};
use curfew::decide::session_terms::SessionTerms;
use curfew::decide::when::{Condition, Rule, Subject, Test, When, origin};
use serde_json::{Value, json};
use std::time::Duration;

fn claims(rest: Value) -> Claims {
    let Value::Object(rest) = rest else { panic!("claims are an object") };
    Claims { client_id: Some("app".into()), acr: Some("gold".into()), rest, ..Claims::default() }
}

fn any_of(path: &str, values: Value) -> Condition {
    let Value::Array(values) = values else { panic!("values are a list") };
    Condition { claims: [(path.into(), Test::AnyOf(values.into()))].into(), ..Condition::default() }
}

fn present(path: &str, there: bool) -> Condition {
    Condition { claims: [(path.into(), Test::Present(there))].into(), ..Condition::default() }
}

fn within(networks: &[&str]) -> Condition {
    Condition { within: networks.iter().map(|net| net.parse().unwrap()).collect(), ..Condition::default() }
}

fn outside(networks: &[&str]) -> Condition {
    Condition { outside: within(networks).within, ..Condition::default() }
}

#[test]
fn for_whom_a_rule_is() {
    let claims = claims(json!({
        "tenant": "acme", "level": 3, "roles": ["staff", "admin"], "nothing": null, "empty": [],
        "realm_access": { "roles": ["owner"] }, "a.b": "dotted", "admin": true,
    }));
    let issuer = IssuerName::from("corp");
    let rows: &[(&str, Condition, bool)] = &[
        ("asks nothing", Condition::default(), true),
        ("equals", any_of("tenant", json!(["acme"])), true),
        ("in another case", any_of("tenant", json!(["Acme"])), false),
        ("one of several", any_of("tenant", json!(["other", "acme"])), true),
        ("none of several", any_of("tenant", json!(["other", "more"])), false),
        ("a number", any_of("level", json!([3])), true),
        ("a number is no string", any_of("level", json!(["3"])), false),
        ("true", any_of("admin", json!([true])), true),
        ("true is no string", any_of("admin", json!(["true"])), false),
        ("an array holds it", any_of("roles", json!(["admin"])), true),
        ("an array holds one of them", any_of("roles", json!(["root", "staff"])), true),
        ("an array holds none", any_of("roles", json!(["root"])), false),
        ("an empty array holds nothing", any_of("empty", json!(["root"])), false),
        ("nested", any_of("realm_access.roles", json!(["owner"])), true),
        ("nested, not there", any_of("realm_access.groups", json!(["owner"])), false),
        ("into a string", any_of("tenant.name", json!(["acme"])), false),
        ("a name with a dot", any_of("a.b", json!(["dotted"])), true),
        ("null is a value", any_of("nothing", json!([null])), true),
        ("not there is not null", any_of("void", json!([null])), false),
        ("present", present("tenant", true), true),
        ("present, though null", present("nothing", true), true),
        ("not present", present("void", true), false),
        ("absent", present("void", false), true),
        ("not absent", present("tenant", false), false),
        ("client", Condition { clients: words(&["web", "app"]), ..Condition::default() }, true),
        ("another client", Condition { clients: words(&["web"]), ..Condition::default() }, false),
        ("acr", Condition { acr: words(&["silver", "gold"]), ..Condition::default() }, true),
        ("another acr", Condition { acr: words(&["silver"]), ..Condition::default() }, false),
        ("issuer", Condition { issuers: ["corp".into()].into(), ..Condition::default() }, true),
        ("another issuer", Condition { issuers: ["partner".into()].into(), ..Condition::default() }, false),
        ("network", within(&["10.0.0.0/8"]), true),
        ("one of several networks", within(&["192.0.2.0/24", "10.1.2.3/32"]), true),
        ("another network", within(&["10.2.0.0/16", "2001:db8::/32"]), false),
        ("outside of another", outside(&["10.2.0.0/16", "::/0"]), true),
        ("not outside", outside(&["192.0.2.0/24", "10.0.0.0/8"]), false),
        (
            "inside and not outside",
            Condition { outside: outside(&["10.1.2.0/24"]).outside, ..within(&["10.0.0.0/8"]) },
            false,
        ),
        (
            "all of it",
            Condition { clients: words(&["app"]), acr: words(&["gold"]), ..any_of("tenant", json!(["acme"])) },
            true,
        ),
        (
            "not all of it",
            Condition { clients: words(&["app"]), acr: words(&["none"]), ..any_of("tenant", json!(["acme"])) },
            false,
        ),
    ];
    for address in ["10.1.2.3", "::ffff:10.1.2.3"] {
        let subject = Subject { claims: &claims, issuer: Some(&issuer), peer: Some(address.parse().unwrap()) };
        for (row, condition, want) in rows {
            assert_eq!(condition.holds(&subject), *want, "{row} ({address})");
        }
    }
}

/// What is not known is in no network, of no issuer, no client and no class.
#[test]
fn nobody() {
    let claims = Claims::default();
    let subject = Subject { claims: &claims, issuer: None, peer: None };
    for (row, condition, want) in [
        ("network", within(&["0.0.0.0/0", "::/0"]), false),
        ("outside", outside(&["0.0.0.0/0", "::/0"]), true),
        ("client", Condition { clients: words(&[""]), ..Condition::default() }, false),
        ("acr", Condition { acr: words(&[""]), ..Condition::default() }, false),
        ("issuer", Condition { issuers: ["".into()].into(), ..Condition::default() }, false),
    ] {
        assert_eq!(condition.holds(&subject), want, "{row}");
    }
    // The client may be told by `azp` alone.
    let claims = Claims { authorized_party: Some("app".into()), ..Claims::default() };
    let condition = Condition { clients: words(&["app"]), ..Condition::default() };
    assert!(condition.holds(&Subject { claims: &claims, issuer: None, peer: None }));
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn own(span: Duration) -> Option<Limit<Duration>> {
    Some(Limit::new(span, Origin::Policy))
}

fn of_rule(place: usize, span: Duration) -> Option<Limit<Duration>> {
    Some(Limit::new(span, origin(place)))
}

/// A rule for a role, which makes the greatest age tighter.
fn tight(place: usize, role: &str, age: Duration) -> Rule {
    let tightens = Limits { max_age: of_rule(place, age), ..Limits::default() };
    Rule { condition: any_of("roles", json!([role])), tightens, relaxes: Limits::default() }
}

fn loose(place: usize, role: &str, age: Duration) -> Rule {
    let Rule { condition, tightens, .. } = tight(place, role, age);
    Rule { condition, tightens: Limits::default(), relaxes: tightens }
}

/// The roles of the caller, and what holds then, if any rule does.
type Row<'a> = (&'a str, &'a When, &'a [&'a str], Option<Option<Limit<Duration>>>);

#[test]
fn which_limit_holds() {
    let rules = [
        tight(0, "a", secs(60)),
        tight(1, "b", secs(30)),
        tight(2, "c", secs(30)),
        loose(3, "d", secs(900)),
        loose(4, "e", secs(1800)),
        loose(5, "f", OFF),
    ];
    let with_own =
        When { own: Limits { max_age: own(secs(300)), ..Limits::default() }, rules: rules.into(), ..When::default() };
    let without = When { own: Limits::default(), ..with_own.clone() };
    let rows: &[Row<'_>] = &[
        ("no rule", &with_own, &[], None),
        ("another role", &with_own, &["x"], None),
        ("one", &with_own, &["a"], Some(of_rule(0, secs(60)))),
        ("the strictest", &with_own, &["a", "b"], Some(of_rule(1, secs(30)))),
        ("of two alike the first is told", &with_own, &["c", "b"], Some(of_rule(1, secs(30)))),
        ("leave", &with_own, &["d"], Some(of_rule(3, secs(900)))),
        ("the stricter leave", &with_own, &["e", "d"], Some(of_rule(3, secs(900)))),
        ("off", &with_own, &["f"], Some(None)),
        ("off, and a number", &with_own, &["f", "e"], Some(of_rule(4, secs(1800)))),
        ("leave does not loosen what a rule tightens", &with_own, &["d", "a"], Some(of_rule(0, secs(60)))),
        ("nor does off", &with_own, &["f", "a"], Some(of_rule(0, secs(60)))),
        ("where there was none", &without, &["a"], Some(of_rule(0, secs(60)))),
    ];
    for (row, when, roles, want) in rows {
        let claims = claims(json!({ "roles": roles }));
        let subject = Subject { claims: &claims, issuer: None, peer: None };
        assert_eq!(when.limits(&subject).map(|limits| limits.max_age), *want, "{row}");
    }
}

/// What a policy answers to a good token of this role, and where the decisive limit was written.
fn judged(policy: &Policy, role: &str, world: &World) -> (Option<Reason>, Option<&'static str>) {
    let mut world = world.clone();
    let claims = world.token.claims.as_mut().unwrap();
    claims.rest = serde_json::Map::from_iter([("roles".to_owned(), json!([role]))]);
    let verdict = policy.judge(&world.evidence());
    let origin = verdict.decisive().and_then(|(_, answer)| answer.compared()).map(|compared| compared.origin.name());
    (verdict.reason(), origin)
}

fn ruled(change: impl FnOnce(&mut Policy), rules: impl FnOnce(&[Box<str>]) -> Vec<Rule>) -> Policy {
    let mut policy = policy();
    change(&mut policy);
    let classes = words(&["gold", "silver", "bronze"]);
    let own = policy.own_limits(&classes);
    let rules = rules(&classes).into();
    policy.when = Some(Box::new(When { own, classes, rules, sessions: SessionTerms::default() }));
    policy
}

/// To the millisecond, with the issuer's leeway, under the policy's own limit and under a rule's.
#[test]
fn ages_at_their_bounds() {
    let policy = ruled(
        |policy| policy.age = Some(Age { limit: Limit::new(secs(300), Origin::Policy) }),
        |_| vec![tight(0, "admin", secs(60)), loose(1, "batch", secs(900)), loose(2, "free", OFF)],
    );
    for (role, limit, told) in [("user", 300, "policy"), ("admin", 60, "when[0]"), ("batch", 900, "when[1]")] {
        let edge = limit * 1000 + LEEWAY;
        let world = |age: i64| World::claims(|claims| claims.issued = Some(at(-age)));
        assert_eq!(judged(&policy, role, &world(edge)), (None, None), "{role}");
        assert_eq!(judged(&policy, role, &world(edge + 1)), (Some(Reason::TokenTooOld), Some(told)), "{role}");
    }
    let ancient = World::claims(|claims| claims.issued = Some(at(-80_000_000)));
    assert_eq!(judged(&policy, "free", &ancient), (None, None));
}

#[test]
fn every_limit_can_be_set() {
    let limit = |ms: u64| of_rule(0, Duration::from_millis(ms));
    let admins = |tightens: Limits| Rule { condition: any_of("roles", json!(["admin"])), tightens, ..Rule::default() };
    let session = |quiet: i64, age: i64| {
        let sight = Sight { quiet, age, ..Sight::default() };
        let key = Key { source: KeySource::Claim, lot: 0 };
        World { session: Knowledge::Known(key, Basis::Held, sight), ..World::good() }.strict()
    };
    let began = |ago: i64| {
        World::claims(|claims| {
            claims.auth_time = Some(at(-ago));
            claims.issued = Some(at(-10));
        })
        .strict()
    };
    let lifetime = |ms: i64| {
        World::claims(|claims| {
            claims.issued = Some(at(-10));
            claims.expires = Some(at(ms - 10));
        })
    };
    let rows: [(&str, Limits, World, World, Reason); 5] = [
        (
            "token.max_lifetime",
            Limits { max_lifetime: limit(5_000), ..Limits::default() },
            lifetime(5_000),
            lifetime(5_001),
            Reason::TokenLifetimeExcessive,
        ),
        (
            "session.idle",
            Limits { idle: limit(5_000), ..Limits::default() },
            session(5_000, 0),
            session(5_001, 0),
            Reason::SessionIdleTimeout,
        ),
        (
            "session.absolute",
            Limits { absolute: limit(5_000), ..Limits::default() },
            session(0, 5_000),
            session(0, 5_001),
            Reason::SessionAbsoluteTimeout,
        ),
        (
            "session.absolute, by auth_time",
            Limits { absolute: limit(5_000), ..Limits::default() },
            began(5_000),
            began(5_001),
            Reason::SessionAbsoluteTimeout,
        ),
        (
            "step_up.auth_age",
            Limits { auth_age: limit(5_000), ..Limits::default() },
            began(5_000),
            began(5_001),
            Reason::AuthTooOld,
        ),
    ];
    for (row, tightens, good, bad, reason) in rows {
        let policy = ruled(|_| {}, |_| vec![admins(tightens)]);
        assert_eq!(judged(&policy, "admin", &good), (None, None), "{row}");
        assert_eq!(judged(&policy, "admin", &bad), (Some(reason), Some("when[0]")), "{row}");
        assert_eq!(judged(&policy, "user", &bad).0, None, "{row}: it is for admins");
    }
}

/// Of classes, what all accept is accepted; the challenge names these, as the policy prefers them.
#[test]
fn classes_of_sign_in() {
    let rule = |classes: &[Box<str>], place, role, some: &[&str], loosens| {
        let limits = Limits { acr: Some(Limit::new(Classes::of(some, classes), origin(place))), ..Limits::default() };
        let (tightens, relaxes) = if loosens { (Limits::default(), limits) } else { (limits, Limits::default()) };
        Rule { condition: any_of("roles", json!([role])), tightens, relaxes }
    };
    let policy = ruled(
        |policy| policy.acr = Some(Acr { among: words(&["gold", "silver"]), origin: Origin::Policy }),
        |all| vec![rule(all, 0, "admin", &["gold"], false), rule(all, 1, "batch", &["silver", "bronze"], true)],
    );
    let refused = |told| (Some(Reason::AcrInsufficient), Some(told));
    for (role, acr, want, accepted) in [
        ("user", "silver", (None, None), vec!["gold", "silver"]),
        ("user", "bronze", refused("policy"), vec!["gold", "silver"]),
        ("admin", "gold", (None, None), vec!["gold"]),
        ("admin", "silver", refused("when[0]"), vec!["gold"]),
        ("batch", "bronze", (None, None), vec!["silver", "bronze"]),
        ("batch", "gold", refused("when[1]"), vec!["silver", "bronze"]),
    ] {
        let world = World::claims(|claims| claims.acr = Some(acr.into()));
        assert_eq!(judged(&policy, role, &world), want, "{role} {acr}");
        let mut world = world;
        world.token.claims.as_mut().unwrap().rest.insert("roles".into(), json!([role]));
        let limits = policy.judge(&world.evidence()).limits;
        assert_eq!(policy.classes_under(limits.as_ref()), accepted, "{role}");
    }
}

/// A token that was not verified is asked by no rule, and rules change no other answer.
#[test]
fn rules_ask_verified_claims_only() {
    let policy = ruled(
        |policy| policy.lifetime = Some(Lifetime { cap: Limit::new(secs(3600), Origin::Policy) }),
        |_| vec![Rule { relaxes: Limits { max_lifetime: of_rule(0, OFF), ..Limits::default() }, ..Rule::default() }],
    );
    let world = World::good();
    let verdict = policy.judge(&world.tokenless());
    assert!(verdict.limits.is_none() && verdict.reason().is_some());
    let verdict = policy.judge(&world.evidence());
    assert_eq!(verdict.reason(), None);
    let without = Policy { when: None, ..policy.clone() }.judge(&world.evidence());
    let changed = verdict.answers().zip(without.answers()).filter(|(one, other)| one.1 != other.1);
    assert_eq!(changed.map(|((question, _), _)| question.name).collect::<Vec<_>>(), ["lifetime"]);
}

/// What a policy says of a lost store holds for those who are held to a silence. All others are alive whatever is known.
#[test]
fn a_lost_store_matters_where_silences_do() {
    let idle = Idle {
        limit: Limit::new(Duration::from_secs(60), Origin::Policy),
        jitter: Duration::ZERO,
        unidentified: Unidentified::Deny,
        on_state_loss: OnStateLoss::Deny,
    };
    assert_eq!(policy().on_state_loss_under(None), OnStateLoss::Allow);
    let limited = ruled(|policy| policy.idle = Some(idle), |_| Vec::new());
    assert_eq!(limited.on_state_loss_under(None), OnStateLoss::Deny);
    assert_eq!(limited.on_state_loss_under(Some(&Limits::default())), OnStateLoss::Allow);
}
