//! Every query of every dashboard and of every rule, asked of a real Prometheus that scraped a real gateway, has data.

use crate::files::{Query, queries, rules};
use crate::prometheus::Prometheus;
use crate::support::wait::until;
use crate::traffic;
use crate::world::World;
use std::time::{Duration, Instant};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// Alerts whose expression has no data while all is well, even without its comparison, and why.
const EMPTY_WHEN_WELL: &[(&str, &str)] = &[
    ("CurfewAbsent", "`absent` has data only where nothing is scraped"),
    (
        "CurfewFewerInstances",
        "it looks two hours back, and this Prometheus has seen less; `up` is in CurfewDown, which has data",
    ),
    ("CurfewFeedNeverHeard", "every source was heard; both of its sides are in CurfewFeedStale, which has data"),
    ("CurfewJwksNeverFetched", "all keys were fetched; both of its sides are in CurfewJwksExpired, which has data"),
    ("CurfewInternalErrors", "no test can make the gateway fail inside, and a reason that never was has no series"),
    ("CurfewOverloaded", "a reason that never was has no series, and these requests come one after the other"),
];

/// What stands for the variables of dashboards.
const VARIABLES: &[(&str, &str)] = &[
    ("$__rate_interval", "1m"),
    ("$__range", "10m"),
    ("$job", "curfew"),
    ("$instance", ".*"),
    ("$route", ".*"),
    ("$issuer", ".*"),
];

/// A comparison filters: without it, what is compared must still be there.
fn unfiltered(expr: &str) -> String {
    let (mut made, mut braces, mut quoted) = (String::new(), 0, false);
    let mut letters = expr.chars().peekable();
    while let Some(letter) = letters.next() {
        made.push(letter);
        match letter {
            '"' => quoted = !quoted,
            '{' if !quoted => braces += 1,
            '}' if !quoted => braces -= 1,
            '<' | '>' | '=' | '!' if braces == 0 && !quoted => {
                made.extend(letters.next_if_eq(&'='));
                made.push_str(" bool");
            }
            _ => {}
        }
    }
    made
}

fn asked() -> Vec<Query> {
    let of_boards = queries().into_iter().map(|query| {
        let expr = VARIABLES.iter().fold(query.expr, |expr, (name, value)| expr.replace(name, value));
        Query { expr, ..query }
    });
    let of_rules = rules().into_iter().filter(|rule| !EMPTY_WHEN_WELL.iter().any(|(name, _)| *name == rule.name));
    let of_rules = of_rules.map(|rule| {
        let expr = if rule.alerts { unfiltered(&rule.expr) } else { rule.expr };
        Query { place: format!("rule {}", rule.name), expr }
    });
    of_boards.chain(of_rules).collect()
}

#[test]
fn every_query_has_data() {
    let world = World::start();
    let prometheus = Prometheus::start(world.gateway.admin);
    world.redis.cli(&["XADD", "{curfew}:log", "*", "b", "written by somebody else"]);
    reload(&world);
    traffic::cut_short(&world);
    let (begun, mut waiting, mut found) = (Instant::now(), asked(), Vec::new());
    while !waiting.is_empty() && begun.elapsed() < PATIENCE {
        traffic::round(&world);
        waiting.retain(|query| {
            let series =
                prometheus.series(&query.expr).unwrap_or_else(|e| panic!("{}: {e}\n{}", query.place, query.expr));
            found.extend((series > 0).then(|| format!("{series:>5}  {}", query.place)));
            series == 0
        });
        std::thread::sleep(Duration::from_millis(200));
    }
    found.sort();
    println!("{}\nin {:?}", found.join("\n"), begun.elapsed());
    let empty: Vec<_> = waiting.iter().map(|query| format!("{}: {}", query.place, query.expr)).collect();
    assert!(empty.is_empty(), "no data:\n{}", empty.join("\n"));
    assert_eq!(prometheus.failed_rules(), Vec::<String>::new());
    assert!(!world.tells(r#"curfew_audit_sent_total{to="syslog"} 0"#), "what was sent to syslog is counted");
    for (name, why) in EMPTY_WHEN_WELL {
        assert!(rules().iter().any(|rule| rule.name == *name), "{name} is no alert");
        println!("empty when all is well: {name}: {why}");
    }
}

/// One that fails, and one that is good.
fn reload(world: &World) {
    world.reload(|_| "version: 1\nnonsense: true\n".into());
    let told = |line: &str| {
        until(line, Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(50));
            world.tells(line).then_some(())
        });
    };
    told("curfew_config_last_reload_successful 0");
    world.reload(|text| format!("{text}\n# changed\n"));
    told("curfew_config_last_reload_successful 1");
}

#[test]
fn comparisons_are_seen() {
    assert_eq!(unfiltered(r#"a{b!="c>"} / d > 0.5 and e == 1"#), r#"a{b!="c>"} / d > bool 0.5 and e == bool 1"#);
}
