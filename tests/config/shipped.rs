//! The files under `config/`: right, whole, and made of what they say they are made of.

use super::lines;
use curfew::control::{load, redact, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn config() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config")
}

#[test]
fn every_shipped_config_is_clean() {
    let files = std::fs::read_dir(config()).unwrap().map(|entry| entry.unwrap().path());
    let yaml: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(!yaml.is_empty());
    for path in yaml {
        let loaded = load(&path).unwrap_or_else(|faults| panic!("{}: {:#?}", path.display(), lines(&faults)));
        let mut told = lines(&loaded.warnings);
        // Certificates, lists and secrets are made where the gateway runs.
        told.retain(|line| !line.contains("is not there"));
        assert_eq!(told, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn the_schema_is_that_of_the_types() {
    let path = config().join("curfew.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, schema::schema()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == schema::schema(), "the schema is out of date: run the tests with UPDATE=1");
}

#[test]
fn the_schema_of_feeds_is_that_of_the_types() {
    let path = config().join("feed.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, schema::feed()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == schema::feed(), "the schema is out of date: run the tests with UPDATE=1");
}

#[test]
fn every_knob_of_the_schema_is_shown() {
    let text = std::fs::read_to_string(config().join("curfew.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&schema::schema()).unwrap();
    let mut knobs = BTreeSet::new();
    collect(&schema, &mut knobs);
    assert!(knobs.len() > 100, "{} knobs", knobs.len());
    let shown = |knob: &str| {
        text.match_indices(&format!("{knob}:"))
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let missing: Vec<&String> = knobs.iter().filter(|knob| !shown(knob)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "these do not stand in config/curfew.yaml");
}

/// The names of all properties, wherever they are declared.
fn collect(value: &Value, knobs: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                knobs.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| collect(member, knobs));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, knobs)),
        _ => {}
    }
}

#[test]
fn what_is_in_effect_is_shown_with_its_defaults_and_reads_back() {
    let loaded = load(&config().join("curfew.yaml")).unwrap();
    let text = redact::redacted_text(&loaded.config, &[]);
    assert!(text.contains("\"token_bytes\": \"8KiB\"") && text.contains("\"env\": "), "{text}");
    let again = curfew::control::read("effective", text).unwrap_or_else(|faults| panic!("{:#?}", lines(&faults)));
    assert_eq!(again.revision, loaded.revision, "the revision is of what the config says, not of how it is written");
    assert_eq!(loaded.revision.len(), 12);
}
