//! The settings in effect, defaults included, for those who operate the gateway. A secret is shown only as the
//! place where it is kept; what could hold one by mistake is not shown at all.

use serde_json::Value;

use super::settings::Config;

const HIDDEN: &str = "(not shown)";

/// What a header's name may say if its value is a credential.
const TELLING: &[&str] = &["auth", "key", "token", "secret", "password", "cookie", "credential", "signature"];

/// The settings in effect as JSON, which is YAML too.
#[must_use]
pub fn redacted(config: &Config) -> Value {
    let mut value = serde_json::to_value(config).unwrap_or_default();
    walk(&mut value, "");
    value
}

/// The same as text that people can read, with the blocks that wait for a restart as
/// `pending_restart`. Where none do, it is a config like any other.
#[must_use]
pub fn redacted_text(config: &Config, pending: &[&str]) -> String {
    let mut value = redacted(config);
    if let (Value::Object(members), false) = (&mut value, pending.is_empty()) {
        members.insert("pending_restart".to_owned(), pending.into());
    }
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn walk(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                // A text under the name of a credential in a mapping of header fields is that credential.
                if matches!(key, "headers" | "set") && member.is_string() && tells(name) {
                    *member = HIDDEN.into();
                }
                walk(member, name);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, key)),
        Value::String(text) => {
            if let Some(clean) = without_user(text) {
                *text = clean;
            }
        }
        _ => {}
    }
}

fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

/// A URL without the user and password that stand in it; `None` if there are none.
fn without_user(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (_, host) = authority.rsplit_once('@')?;
    Some(format!("{scheme}://{HIDDEN}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let mut value = serde_json::json!({
            "otlp": { "headers": { "X-Api-Key": "hunter2", "x-tenant": "a", "authorization": { "env": "NAME" } } },
            "request": { "set": { "X-Token": "hunter2" } },
            "endpoints": ["https://me:hunter2@host:1/a@b", "https://host/a@b"],
        });
        walk(&mut value, "");
        let text = value.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("NAME") && text.contains("x-tenant\":\"a\""), "{text}");
        assert!(text.contains("https://(not shown)@host:1/a@b") && text.contains("\"https://host/a@b\""), "{text}");
    }
}
