//! The rules and the dashboards, as the tests read them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of the project.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files in a folder with this ending, in order.
pub fn folder(name: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(name)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut found: Vec<_> = entries.map(|file| format!("{name}/{}", file.to_string_lossy())).collect();
    found.retain(|file| file.ends_with(ending));
    found.sort();
    assert!(!found.is_empty(), "there is no {ending} in {name}");
    found
}

/// YAML, read by the gateway's own reader.
pub fn yaml(name: &str) -> Value {
    curfew::control::config::parse(name, &text(name))
        .unwrap_or_else(|broken| panic!("{name}: {:?}", broken.faults))
        .value
}

/// A rule that records or alerts.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub alerts: bool,
    pub expr: String,
    pub severity: String,
    pub annotations: BTreeMap<String, String>,
}

pub fn rules() -> Vec<Rule> {
    let files = ["deploy/prometheus/records.yaml", "deploy/prometheus/alerts.yaml"].map(yaml);
    let groups = files.iter().flat_map(|file| file["groups"].as_array().unwrap());
    groups.flat_map(|group| group["rules"].as_array().unwrap()).map(rule).collect()
}

fn rule(rule: &Value) -> Rule {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let annotations = rule["annotations"].as_object().into_iter().flatten();
    Rule {
        name: word(rule.get("alert").or(rule.get("record")).unwrap()),
        alerts: rule.get("alert").is_some(),
        expr: word(&rule["expr"]),
        severity: word(&rule["labels"]["severity"]),
        annotations: annotations.map(|(name, value)| (name.clone(), word(value))).collect(),
    }
}

/// The dashboards with their files' names.
pub fn dashboards() -> Vec<(String, Value)> {
    let files = folder("deploy/grafana", ".json").into_iter();
    files
        .map(|file| (file.clone(), serde_json::from_str(&text(&file)).unwrap_or_else(|e| panic!("{file}: {e}"))))
        .collect()
}

/// The panels that show something, those inside of rows too.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().unwrap().iter();
    let inside = |panel: &'_ Value| panel["type"] == "row";
    all.flat_map(|panel| match panel["panels"].as_array() {
        Some(folded) if inside(panel) => folded.iter().collect(),
        _ => vec![panel],
    })
    .filter(|panel| panel["type"] != "row")
    .collect()
}

/// A query, and where it is asked.
#[derive(Clone, Debug)]
pub struct Query {
    pub place: String,
    pub expr: String,
}

/// All queries of all dashboards: panels, annotations, variables.
pub fn queries() -> Vec<Query> {
    let mut found = Vec::new();
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let place = format!("{file}: {} {}", panel["title"], target["refId"]);
                found.push(Query { place, expr: target["expr"].as_str().unwrap_or_default().to_owned() });
            }
        }
        for mark in dashboard["annotations"]["list"].as_array().unwrap() {
            if let Some(expr) = mark["expr"].as_str() {
                found.push(Query { place: format!("{file}: mark {}", mark["name"]), expr: expr.to_owned() });
            }
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if let Some(query) = variable["query"]["query"].as_str() {
                found.push(Query { place: format!("{file}: variable {}", variable["name"]), expr: values(query) });
            }
        }
    }
    found
}

/// `label_values(metric, label)` as a query that Prometheus itself understands.
fn values(query: &str) -> String {
    let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
    let (metric, label) = inside.rsplit_once(',').unwrap();
    format!("count by ({}) ({metric})", label.trim())
}
