//! Dashboards are whole: what Grafana 10 needs is there, panels neither overlap nor leave the grid, and each says what it
//! shows, in which unit, and from where on it is bad.

use crate::files::{dashboards, panels};
use serde_json::Value;
use std::collections::BTreeSet;

/// Panels that show numbers.
const NUMBERS: [&str; 5] = ["timeseries", "stat", "gauge", "bargauge", "heatmap"];

#[test]
fn dashboards_are_whole() {
    let mut wrong = Vec::new();
    let mut uids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let mut tell = |what: &str| wrong.push(format!("{file}: {what}"));
        let word = |name: &str| dashboard[name].as_str().unwrap_or_default().to_owned();
        if dashboard["schemaVersion"].as_u64().is_none_or(|version| version < 38) {
            tell("schemaVersion is below 38, Grafana 10's");
        }
        if ["title", "description", "uid"].iter().any(|name| word(name).is_empty()) || !uids.insert(word("uid")) {
            tell("lacks a title, a description, or a uid of its own");
        }
        if !dashboard["id"].is_null() || dashboard["tags"] != serde_json::json!(["curfew"]) {
            tell("has an id of some Grafana, or lacks its tag");
        }
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        if !variables.iter().any(|one| one["type"] == "datasource" && one["query"] == "prometheus") {
            tell("lacks the variable of its data source");
        }
        if dashboard["links"].as_array().is_none_or(|links| links.len() < 2) {
            tell("links neither to the runbook nor to the other dashboards");
        }
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            for fault in faults(panel) {
                tell(&format!("{}: {fault}", panel["title"]));
            }
            if !ids.insert(panel["id"].as_u64().unwrap()) {
                tell(&format!("{}: its id is taken", panel["title"]));
            }
        }
        for (one, other) in overlaps(&dashboard) {
            tell(&format!("{one} lies on {other}"));
        }
    }
    assert_eq!(uids.len(), 3, "executive, on-call, debug");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn faults(panel: &Value) -> Vec<&'static str> {
    let (defaults, kind) = (&panel["fieldConfig"]["defaults"], panel["type"].as_str().unwrap_or_default());
    let targets = panel["targets"].as_array();
    let numbers = NUMBERS.contains(&kind);
    let from_variable = |target: &Value| target["datasource"]["uid"] == "${datasource}";
    let checks = [
        (panel["title"].as_str().is_none_or(str::is_empty), "has no title"),
        (kind != "text" && panel["description"].as_str().is_none_or(|text| text.len() < 20), "is not described"),
        (kind != "text" && !panel["links"].to_string().contains("${runbook}/"), "leads to no page of the runbook"),
        (kind != "text" && targets.is_none_or(Vec::is_empty), "asks nothing"),
        (targets.is_some_and(|all| !all.iter().all(from_variable)), "asks another data source"),
        (numbers && defaults["unit"].as_str().is_none_or(str::is_empty), "has no unit"),
        (numbers && defaults["thresholds"]["steps"].as_array().is_none_or(Vec::is_empty), "has no thresholds"),
        (panel["gridPos"]["x"].as_u64().unwrap() + panel["gridPos"]["w"].as_u64().unwrap() > 24, "leaves the grid"),
    ];
    checks.into_iter().filter_map(|(wrong, what)| wrong.then_some(what)).collect()
}

fn overlaps(dashboard: &Value) -> Vec<(String, String)> {
    let all = dashboard["panels"].as_array().unwrap();
    let place = |panel: &Value| ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
    let meets = |one: &Value, other: &Value| {
        let ([x, y, w, h], [x2, y2, w2, h2]) = (place(one), place(other));
        x < x2 + w2 && x2 < x + w && y < y2 + h2 && y2 < y + h
    };
    let pairs =
        all.iter().enumerate().flat_map(|(number, one)| all.iter().skip(number + 1).map(move |other| (one, other)));
    pairs
        .filter(|(one, other)| meets(one, other))
        .map(|(one, other)| (one["title"].to_string(), other["title"].to_string()))
        .collect()
}
