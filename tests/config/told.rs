//! Six faults of six kinds in one file: six messages, in the order of the text, as a terminal shows them.

use super::{GOOD, faults, with};
use curfew::control::config::render_all;

#[test]
fn six_faults_are_told_at_once() {
    let mut text = GOOD.to_owned();
    for (from, to) in [
        ("https://id.example.com,", "https://id.example.com, leeway: 10m,"),
        ("endpoints: [https://orders.internal]", "endpoints: []"),
        ("scopes: [orders.read]", "token: { require: [subject] }"),
        ("policy: api }", "policy: apo }"),
        ("path: /orders/**", "path: /orders/*"),
        ("upstream: orders }", "upstream: oders }"),
    ] {
        text = with(&text, from, to);
    }
    let faults = faults(&text);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/six.txt");
    let told = render_all(&faults, &text, false);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    assert_eq!(told, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn what_does_not_parse_is_told_with_the_rest_of_what_does_not() {
    let text = with(&with(GOOD, "plaintext: true", "plaintxt: true"), "version: 1", "version: one");
    let messages: Vec<String> = faults(&text).into_iter().map(|fault| fault.message).collect();
    assert_eq!(messages.len(), 2, "{messages:#?}");
}

#[test]
fn a_credential_that_stands_in_the_config_is_not_shown() {
    let rule = "upstream: orders, headers: { request: { set: { Authorization: Bearer hunter2, 'a b': c } } } }";
    let text = with(GOOD, "upstream: orders }", rule);
    let told = render_all(&faults(&text), &text, false);
    assert!(told.contains("`Authorization` is not set by a rule") && !told.contains("hunter2"), "{told}");
}
