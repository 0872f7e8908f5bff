//! What rules, dashboards and pages name exists: metrics, recorded series, pages and their headings.

use crate::files::{Rule, dashboards, folder, path, queries, rules, text};
use curfew::decide::reason::Reason;
use curfew::telemetry::names::metric;
use std::collections::BTreeSet;

/// Metrics that Prometheus itself makes.
const FOREIGN: &[&str] = &["up", "ALERTS"];
/// The endings that a metric has by its kind.
const ENDINGS: &[&str] = &["", "_total", "_bucket", "_sum", "_count"];

/// The names of series in a query: what stands before a brace or a range, and has an underscore or a colon, or is known.
fn series(expr: &str) -> Vec<String> {
    let mut bare = String::new();
    let (mut braces, mut quoted) = (0, false);
    for letter in expr.chars() {
        match letter {
            '"' => quoted = !quoted,
            '{' if !quoted => braces += 1,
            '}' if !quoted => braces -= 1,
            _ if braces == 0 && !quoted => bare.push(letter),
            _ => {}
        }
        if braces > 0 || quoted {
            bare.push(' ');
        }
    }
    let words = bare.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | ':'));
    let is_series = |word: &&str| {
        let own = ["curfew_", "curfew:", "http_", "process_"].iter().any(|prefix| word.starts_with(prefix));
        own || FOREIGN.contains(word)
    };
    words.filter(is_series).map(str::to_owned).collect()
}

#[test]
fn every_series_exists() {
    let recorded: BTreeSet<String> = rules().into_iter().filter(|rule| !rule.alerts).map(|rule| rule.name).collect();
    let known = |name: &str| {
        let ours = metric::ALL
            .iter()
            .any(|metric| name.strip_prefix(metric.name).is_some_and(|ending| ENDINGS.contains(&ending)));
        ours || recorded.contains(name) || FOREIGN.contains(&name)
    };
    let of_rules = rules().into_iter().map(|rule| (rule.name, rule.expr));
    let of_boards = queries().into_iter().map(|query| (query.place, query.expr));
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for (place, expr) in of_rules.chain(of_boards) {
        let names = series(&expr);
        if names.is_empty() {
            wrong.push(format!("{place}: names no series: {expr}"));
        }
        wrong.extend(names.iter().filter(|name| !known(name)).map(|name| format!("{place}: there is no {name}")));
        used.extend(names);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let idle: Vec<_> = recorded.iter().filter(|name| !used.contains(*name)).collect();
    assert!(idle.is_empty(), "recorded, and used by nobody: {idle:?}");
}

/// What is counted and nowhere shown is looked for in vain.
#[test]
fn every_metric_is_on_a_dashboard() {
    let recorded = rules().into_iter().filter(|rule| !rule.alerts).map(|rule| rule.expr);
    let shown: BTreeSet<String> =
        queries().into_iter().map(|query| query.expr).chain(recorded).flat_map(|expr| series(&expr)).collect();
    let is_shown = |name: &str| ENDINGS.iter().any(|ending| shown.contains(&format!("{name}{ending}")));
    let hidden: Vec<_> = metric::ALL.iter().map(|metric| metric.name).filter(|name| !is_shown(name)).collect();
    assert!(hidden.is_empty(), "give each a panel in deploy/grafana: {hidden:?}");
}

/// A reason that is no reason counts nothing, and nobody would see it.
#[test]
fn every_reason_exists() {
    let of_rules = rules().into_iter().map(|rule| (rule.name, rule.expr));
    let of_boards = queries().into_iter().map(|query| (query.place, query.expr));
    let (mut wrong, mut named) = (Vec::new(), BTreeSet::new());
    for (place, expr) in of_rules.chain(of_boards) {
        for matchers in expr.split("curfew_decisions_total{").skip(1).filter_map(|rest| rest.split('}').next()) {
            let values = matchers.split("reason").skip(1).filter_map(|rest| rest.split('"').nth(1));
            for code in values.flat_map(|value| value.split('|')).map(str::to_owned) {
                if Reason::from_code(&code).is_none() {
                    wrong.push(format!("{place}: there is no reason {code}"));
                }
                named.insert(code);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() > 30, "{named:?}");
}

/// A new way of not being able to judge a token is a failure wherever those are counted.
#[test]
fn whatever_cannot_be_judged_is_counted() {
    let not_of_tokens = [Reason::Overloaded, Reason::UpstreamUnreachable, Reason::EventNotKept];
    let unjudged = Reason::ALL.iter().filter(|reason| reason.status() == 503 && !not_of_tokens.contains(reason));
    let unjudged: Vec<&Reason> = unjudged.collect();
    let counts = [
        "curfew:validations_failed:",
        "curfew:unexpected_logouts:",
        "curfew:route_unexpected_logouts:",
        "curfew:tenant_unexpected_logouts:",
    ];
    let (mut wrong, mut looked) = (Vec::new(), 0);
    for rule in rules().iter().filter(|rule| !rule.alerts && counts.iter().any(|name| rule.name.starts_with(name))) {
        if !rule.expr.contains("reason=~") {
            continue;
        }
        looked += 1;
        // Whoever is not verified for want of keys is of no tenant.
        let of_tenant = rule.name.contains("tenant");
        let lacks = |reason: &&&Reason| {
            !(rule.expr.contains(reason.code()) || of_tenant && ***reason == Reason::KeyUnavailable)
        };
        wrong.extend(unjudged.iter().filter(lacks).map(|reason| format!("{}: lacks {}", rule.name, reason.code())));
    }
    assert!(wrong.is_empty() && looked >= 8, "{looked} rules:\n{}", wrong.join("\n"));
}

#[test]
fn every_alert_says_how_bad_it_is_in_numbers_and_what_to_do() {
    let mut wrong = Vec::new();
    let alerts: Vec<Rule> = rules().into_iter().filter(|rule| rule.alerts).collect();
    for alert in &alerts {
        let said = |name: &str| alert.annotations.get(name).map(String::as_str).unwrap_or_default();
        if !["critical", "warning", "info"].contains(&alert.severity.as_str()) {
            wrong.push(format!("{}: severity `{}`", alert.name, alert.severity));
        }
        if said("summary").is_empty() || !format!("{}{}", said("summary"), said("description")).contains("$value") {
            wrong.push(format!("{}: says no number", alert.name));
        }
        if said("runbook_url") != format!("deploy/runbook/alerts.md#{}", alert.name.to_lowercase()) {
            wrong.push(format!("{}: leads to `{}`", alert.name, said("runbook_url")));
        }
    }
    let page = headings("deploy/runbook/alerts.md");
    let names: BTreeSet<String> = alerts.iter().map(|alert| alert.name.to_lowercase()).collect();
    wrong.extend(names.iter().filter(|name| !page.contains(*name)).map(|name| format!("{name} has no section")));
    let extra = page.iter().filter(|heading| heading.starts_with("curfew") && !names.contains(*heading));
    wrong.extend(extra.map(|heading| format!("the section {heading} is of no alert")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchors of a page.
fn headings(page: &str) -> BTreeSet<String> {
    let text = text(page);
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    lines.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// A heading as its anchor is written.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Pages link to one another, and dashboards to pages: each such page has that heading.
#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let pages = folder("deploy/runbook", ".md").into_iter().chain(["deploy/README.md".to_owned()]);
    for page in pages {
        for link in links(&text(&page)) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { page.clone() } else { format!("{}/{file}", page.rsplit_once('/').unwrap().0) };
            if !path(&target).exists() || (!heading.is_empty() && !headings(&target).contains(heading)) {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    for (file, dashboard) in dashboards() {
        let text = dashboard.to_string();
        for link in text.split("${runbook}/").skip(1) {
            let link = link.split(['"', ')', '\\', ' ']).next().unwrap();
            let (page, heading) = link.split_once('#').unwrap_or((link, ""));
            let page = format!("deploy/runbook/{page}");
            if !path(&page).exists() || (!heading.is_empty() && !headings(&page).contains(heading)) {
                wrong.push(format!("{file}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The targets of links that stay inside of the project.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|link| !link.contains("://") && !link.contains(' ')).map(str::to_owned).collect()
}

/// What is shipped names no machine of ours.
#[test]
fn nothing_names_a_machine() {
    let files = [
        ("deploy/prometheus", ".yaml"),
        ("deploy/grafana", ".json"),
        ("deploy/runbook", ".md"),
        ("deploy", ".md"),
        ("deploy/systemd", ".service"),
    ];
    for file in files.iter().flat_map(|(name, ending)| folder(name, ending)) {
        let text = text(&file);
        for word in ["/work/", "/home/", "/root/", "/tmp/", "10.0.", "192.168."] {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
}
