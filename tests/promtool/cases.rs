//! promtool finds nothing wrong with the rules, every case of theirs comes true, and no alert lacks one.

use crate::files::{folder, path, rules, yaml};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

const RULES: [&str; 2] = ["deploy/prometheus/records.yaml", "deploy/prometheus/alerts.yaml"];

#[test]
fn the_rules_are_well_formed() {
    let said = Command::new("promtool").args(["check", "rules", "--lint-fatal"]).args(RULES.map(path)).output();
    let said = said.expect("promtool, which tests/run installs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn every_case_comes_true() {
    let children = folder("tests/promtool/cases", ".yaml").into_iter().map(|file| {
        let mut promtool = Command::new("promtool");
        promtool.args(["test", "rules"]).arg(path(&file)).stdout(Stdio::piped()).stderr(Stdio::piped());
        (file, promtool.spawn().expect("promtool, which tests/run installs"))
    });
    let mut wrong = Vec::new();
    for (file, child) in children.collect::<Vec<_>>() {
        let said = child.wait_with_output().unwrap();
        if !said.status.success() {
            wrong.push(format!("{file}\n{}", String::from_utf8_lossy(&said.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each alert has a case in which it fires, and one in which it does not.
#[test]
fn no_alert_lacks_a_case() {
    let (mut fires, mut silent) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for file in folder("tests/promtool/cases", ".yaml") {
        for test in yaml(&file)["tests"].as_array().unwrap() {
            for case in test["alert_rule_test"].as_array().unwrap() {
                let found = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
                let name = case["alertname"].as_str().unwrap().to_owned();
                *(if found { &mut fires } else { &mut silent }).entry(name).or_default() += 1;
            }
        }
    }
    let alerts: BTreeSet<String> = rules().into_iter().filter(|rule| rule.alerts).map(|rule| rule.name).collect();
    for name in &alerts {
        println!("{name}: fires {}, silent {}", fires.get(name).unwrap_or(&0), silent.get(name).unwrap_or(&0));
    }
    let lacking: Vec<_> =
        alerts.iter().filter(|name| !fires.contains_key(*name) || !silent.contains_key(*name)).collect();
    assert!(lacking.is_empty(), "lacks a case: {lacking:?}");
    let unknown: Vec<_> = fires.keys().chain(silent.keys()).filter(|name| !alerts.contains(*name)).collect();
    assert!(unknown.is_empty(), "there is no such alert: {unknown:?}");
}
