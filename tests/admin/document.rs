//! The OpenAPI document is the table of endpoints, and its examples are true.

use crate::world::World;
use curfew::control::admin::{ENDPOINTS, OPENAPI};
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

#[test]
fn every_endpoint_is_in_the_document_and_nothing_else_is() {
    let document = document();
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let open = operation["security"].as_array().unwrap().is_empty();
            told.insert((method.to_uppercase(), path.clone(), !open));
        }
    }
    let served = ENDPOINTS.iter().map(|one| (one.method.to_string(), one.path.to_owned(), one.guarded));
    assert_eq!(told, served.collect());
    assert_eq!(document["openapi"], "3.1.0");
}

/// Each example is sent, and answered with what the document says: its status, and no member that it does not name.
#[test]
fn the_examples_are_run() {
    let world = World::start("token: { file: DIR/token }");
    let document = document();
    assert_eq!(world.get("/openapi.json").json().unwrap(), document);
    let mut run = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let line = format!("{} {path}", method.to_uppercase());
            let contents = operation["requestBody"]["content"].as_object().cloned().unwrap_or_default();
            if contents.is_empty() {
                assert_eq!(world.get(path).status, 200, "{line}");
                run += 1;
            }
            for (kind, content) in contents {
                // What cannot be asked for as long as nothing is held back has none: `confirm.rs` asks for it.
                for example in content["examples"].as_object().into_iter().flat_map(|all| all.values()) {
                    let value = &example["value"];
                    let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let answer = world.typed(&line, &kind, &body);
                    assert_eq!(answer.status, 200, "{line} {kind}: {}", answer.brief());
                    fits(
                        &document,
                        &operation["responses"]["200"]["content"]["application/json"]["schema"],
                        &answer.json().unwrap(),
                    );
                    run += 1;
                }
            }
        }
    }
    assert_eq!(run, 29, "every example there is");
    let feeds = world.get("/revocations/feeds").json().unwrap();
    fits(&document, &document["components"]["schemas"]["Feeds"], &feeds);
    let problem = world.typed("POST /revocations", "application/json", "").json().unwrap();
    fits(&document, &document["components"]["schemas"]["Problem"], &problem);
}

/// As much of JSON Schema as these schemas use. An independent validator reads them in tests/real.
fn fits(document: &Value, schema: &Value, value: &Value) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&name[1..]).unwrap(), value);
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let names =
            |schema: &Value| document.pointer(&schema["$ref"].as_str().unwrap()[1..]).unwrap()["properties"].clone();
        let known =
            one.iter().find(|schema| value.as_object().unwrap().keys().all(|key| names(schema).get(key).is_some()));
        return fits(document, known.unwrap_or_else(|| panic!("{value} is none of {one:?}")), value);
    }
    for (name, member) in value.as_object().unwrap() {
        let known = schema["properties"].get(name).unwrap_or_else(|| panic!("`{name}` is not in the document"));
        let items = member.as_array().into_iter().flatten().filter(|item| item.is_object());
        items.for_each(|item| fits(document, &known["items"], item));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{name} is missing in {value}");
    }
}
