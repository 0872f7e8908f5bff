//! Files and variables that the config names: are they there, and who else can read the secret ones?

use super::finding::Finding;
use crate::control::settings::Config;
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PAGE: &str = "doctor.md#secrets";

/// What a place of the config refers to.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Secret(PathBuf),
    Variable(String),
    /// Read, and no secret.
    Public(PathBuf),
}

/// Fields whose `{ file: … }` is read by everybody who likes.
const PUBLIC: &[&str] = &["keys", "signature"];

/// Fields whose `{ file: … }` is written.
const WRITTEN: &[&str] = &["access_log", "audit"];

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let config = serde_json::to_value(config).unwrap_or_default();
    let mut named = Vec::new();
    walk("", "", &config, &mut named);
    named.iter().filter_map(|(place, named)| one(place, named)).collect()
}

/// Every reference of the config, with its place. What a later version adds is found by its form.
fn walk(place: &str, field: &str, value: &Value, found: &mut Vec<(String, Named)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("env", Value::String(text)) if members.len() == 1 => {
                        found.push((place.to_owned(), Named::Variable(text.clone())));
                    }
                    ("file", Value::String(text)) if members.len() == 1 && !WRITTEN.contains(&field) => {
                        let public = PUBLIC.contains(&field);
                        found.push((
                            place.to_owned(),
                            if public { Named::Public(text.into()) } else { Named::Secret(text.into()) },
                        ));
                    }
                    // The key of a certificate.
                    ("key", Value::String(text)) if members.contains_key("cert") => {
                        found.push((join(place, name), Named::Secret(text.into())));
                    }
                    _ => walk(&join(place, name), name, value, found),
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(nth, item)| walk(&format!("{place}[{nth}]"), field, item, found));
        }
        _ => {}
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn one(place: &str, named: &Named) -> Option<Finding> {
    match named {
        Named::Variable(name) => {
            let set = std::env::var_os(name).is_some_and(|text| !text.is_empty());
            let finding = Finding::wrong(place, format!("the environment variable {name} is not set, or is empty"));
            (!set).then(|| {
                finding.then("a gateway that is started with this environment does not start").cure(
                    "set it where the gateway is started; here it was looked for in this command's environment",
                    PAGE,
                )
            })
        }
        Named::Public(path) => unreadable(place, path).err().map(|finding| *finding),
        Named::Secret(path) => match unreadable(place, path) {
            Err(finding) => Some(*finding),
            Ok(file) => Some(permissions(place, path, &file)),
        },
    }
}

fn unreadable(place: &str, path: &Path) -> Result<File, Box<Finding>> {
    let told = |error: std::io::Error| {
        let finding = Finding::wrong(place, format!("{} cannot be read: {error}", path.display()))
            .then("a gateway does not start with it; one that runs goes on with what it read before")
            .cure("put the file there, readable by the user of the gateway", PAGE);
        Box::new(finding)
    };
    // To open a pipe would be to wait for who writes into it.
    if std::fs::metadata(path).map_err(told)?.is_file() {
        File::open(path).map_err(told)
    } else {
        Err(told(std::io::Error::other("it is no file")))
    }
}

fn permissions(place: &str, path: &Path, file: &File) -> Finding {
    let mode = file.metadata().map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    let told = path.display();
    let readers = match mode {
        mode if mode & 0o004 != 0 => "everybody on this machine",
        mode if mode & 0o020 != 0 => "its group, which may also write it",
        _ => return Finding::fine(place, format!("{told} is a secret, and can be read ({mode:03o})")),
    };
    Finding::unwise(place, format!("{told} is a secret, and can be read by {readers} ({mode:03o})"))
        .then("whoever has an account there has the secret")
        .cure(format!("chmod 600 {told}, or 640 for a group of the gateway alone"), PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_by_their_form() {
        let config = serde_json::json!({
            "a": { "file": "/s" },
            "b": [{ "env": "E" }],
            "keys": { "file": "/p" },
            "access_log": { "file": "/log" },
            "tls": { "certificates": [{ "cert": "/c", "key": "/k" }] },
            "more": { "file": "/f", "sync": "each" },
        });
        let mut found = Vec::new();
        walk("", "", &config, &mut found);
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("a", Named::Secret("/s".into())),
            ("b[0]", Named::Variable("E".into())),
            ("keys", Named::Public("/p".into())),
            ("tls.certificates[0].key", Named::Secret("/k".into())),
        ];
        assert_eq!(found, expected.map(|(place, named)| (place.to_owned(), named)));
    }
}
