//! What pages tell to ask of the admin listener can be asked of it: the path is there, and answers to that method.

use crate::files::{folder, text};
use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Without a method, a path is one to look at.
#[test]
fn every_path_of_the_admin_listener_exists() {
    let described: Value = serde_json::from_str(&text("src/control/admin/openapi.json")).unwrap();
    let paths = described["paths"].as_object().unwrap();
    let first = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    // Pages name paths of upstreams and of providers, too: those begin otherwise.
    let ours: BTreeSet<String> = paths.keys().map(|path| first(path)).filter(|name| !name.is_empty()).collect();
    let pages = folder("deploy/runbook", ".md").into_iter().chain(["deploy/README.md", "README.md"].map(str::to_owned));
    let (mut wrong, mut looked) = (Vec::new(), 0);
    for page in pages {
        for (method, path) in asked(&text(&page)) {
            if !ours.contains(&first(&path)) {
                continue;
            }
            looked += 1;
            if paths.get(&path).is_none_or(|known| known.get(method.to_lowercase()).is_none()) {
                wrong.push(format!("{page}: {method} {path}"));
            }
        }
    }
    assert!(wrong.is_empty() && looked > 20, "{looked} looked at\n{}", wrong.join("\n"));
}

/// What stands between backticks and is a path, with the method before it or `GET`.
fn asked(page: &str) -> Vec<(&'static str, String)> {
    let quoted = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let asked = quoted.filter_map(|words| {
        let named = METHODS.iter().find_map(|method| Some((*method, words.strip_prefix(method)?.strip_prefix(' ')?)));
        let (method, path) = named.unwrap_or(("GET", words));
        let path = path.split([' ', '?']).next().unwrap_or_default();
        (path.starts_with('/') && !path.ends_with('/')).then(|| (method, path.to_owned()))
    });
    asked.collect()
}
