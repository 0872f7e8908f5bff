//! What an event means (CAEP 1.0 §3, RISC 1.0 §2): which are acted on, and how.

use super::settings::{Act, Actions};
use serde_json::{Map, Value};

const BASE: &str = "https://schemas.openid.net/secevent/";

/// What an event asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The transmitter shows that it can reach us (SSF 1.0 §8.1.4.2).
    Verification,
    /// The stream itself changed (SSF 1.0 §8.1.5).
    StreamUpdated,
    /// What was issued up to the event is over.
    Cut,
    /// A session is over for good; of a user, what was issued up to the event.
    End,
    /// Nothing of the subject passes until it is enabled again.
    Block,
    /// The subject is enabled again.
    Enable,
    /// It is good to know.
    Nothing,
}

/// The events that are asked for.
const WANTED: [&str; 13] = [
    "caep/event-type/session-revoked",
    "caep/event-type/credential-change",
    "caep/event-type/token-claims-change",
    "caep/event-type/assurance-level-change",
    "caep/event-type/device-compliance-change",
    "caep/event-type/risk-level-change",
    "risc/event-type/account-disabled",
    "risc/event-type/account-purged",
    "risc/event-type/account-enabled",
    "risc/event-type/credential-compromise",
    "risc/event-type/sessions-revoked",
    "risc/event-type/identifier-changed",
    "risc/event-type/identifier-recycled",
];

/// The URIs of the events that something is done at.
pub(super) fn wanted() -> Vec<String> {
    WANTED.iter().map(|name| format!("{BASE}{name}")).collect()
}

/// What an event means. One that is not known means nothing to us.
///
/// # Errors
/// If it does not say what such an event must say.
pub(super) fn meaning(uri: &str, event: &Map<String, Value>, actions: &Actions) -> Result<Meaning, &'static str> {
    let text = |member| event.get(member).and_then(Value::as_str);
    let Some(name) = uri.strip_prefix(BASE) else { return Ok(Meaning::Nothing) };
    Ok(match name {
        "ssf/event-type/verification" | "sse/event-type/verification" | "risc/event-type/verification" => {
            Meaning::Verification
        }
        "ssf/event-type/stream-updated" | "sse/event-type/stream-updated" => Meaning::StreamUpdated,
        "caep/event-type/session-revoked" => Meaning::End,
        "caep/event-type/credential-change" => match text("change_type") {
            Some("revoke" | "update" | "delete") => Meaning::Cut,
            Some("create") => by(actions.credential_created),
            _ => return Err("a `change_type` that is none of `create`, `revoke`, `update`, `delete`"),
        },
        "caep/event-type/assurance-level-change" => {
            // Where the direction is not said, it may have fallen.
            if text("change_direction") == Some("increase") {
                Meaning::Nothing
            } else {
                by(actions.assurance_decreased)
            }
        }
        "caep/event-type/device-compliance-change" => match text("current_status") {
            Some("compliant") => Meaning::Nothing,
            Some("not-compliant") => by(actions.device_not_compliant),
            _ => return Err("a `current_status` that is neither `compliant` nor `not-compliant`"),
        },
        "caep/event-type/risk-level-change" => match text("current_level") {
            Some(level) if level.eq_ignore_ascii_case("high") => by(actions.risk_high),
            Some(_) => Meaning::Nothing,
            None => return Err("without `current_level`"),
        },
        "risc/event-type/account-disabled" | "risc/event-type/account-purged" => Meaning::Block,
        "risc/event-type/account-enabled" => Meaning::Enable,
        "risc/event-type/recovery-activated" => by(actions.recovery_activated),
        "caep/event-type/token-claims-change"
        | "risc/event-type/credential-compromise"
        | "risc/event-type/sessions-revoked"
        | "risc/event-type/identifier-changed"
        | "risc/event-type/identifier-recycled"
        | "oauth/event-type/tokens-revoked" => Meaning::Cut,
        // `oauth/event-type/token-revoked` names a refresh token, which does not come here.
        _ => Meaning::Nothing,
    })
}

const fn by(act: Act) -> Meaning {
    match act {
        Act::Cut => Meaning::Cut,
        Act::Ignore => Meaning::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_of_the_table_means_what_it_says() {
        let read = |name: &str, event: Value| {
            let actions = Actions::default();
            meaning(&format!("{BASE}{name}"), event.as_object().unwrap(), &actions)
        };
        for (name, event, means) in [
            ("caep/event-type/session-revoked", json!({}), Ok(Meaning::End)),
            ("caep/event-type/credential-change", json!({"change_type": "update"}), Ok(Meaning::Cut)),
            ("caep/event-type/credential-change", json!({"change_type": "create"}), Ok(Meaning::Nothing)),
            ("caep/event-type/token-claims-change", json!({"claims": {}}), Ok(Meaning::Cut)),
            ("caep/event-type/assurance-level-change", json!({"change_direction": "decrease"}), Ok(Meaning::Cut)),
            ("caep/event-type/assurance-level-change", json!({"change_direction": "increase"}), Ok(Meaning::Nothing)),
            ("caep/event-type/device-compliance-change", json!({"current_status": "not-compliant"}), Ok(Meaning::Cut)),
            ("caep/event-type/device-compliance-change", json!({"current_status": "compliant"}), Ok(Meaning::Nothing)),
            ("caep/event-type/risk-level-change", json!({"current_level": "HIGH"}), Ok(Meaning::Cut)),
            ("caep/event-type/risk-level-change", json!({"current_level": "LOW"}), Ok(Meaning::Nothing)),
            ("caep/event-type/session-established", json!({}), Ok(Meaning::Nothing)),
            ("caep/event-type/session-presented", json!({}), Ok(Meaning::Nothing)),
            ("risc/event-type/account-disabled", json!({"reason": "hijacking"}), Ok(Meaning::Block)),
            ("risc/event-type/account-purged", json!({}), Ok(Meaning::Block)),
            ("risc/event-type/account-enabled", json!({}), Ok(Meaning::Enable)),
            ("risc/event-type/credential-compromise", json!({}), Ok(Meaning::Cut)),
            ("risc/event-type/sessions-revoked", json!({}), Ok(Meaning::Cut)),
            ("risc/event-type/identifier-changed", json!({"new-value": "x"}), Ok(Meaning::Cut)),
            ("risc/event-type/identifier-recycled", json!({}), Ok(Meaning::Cut)),
            ("risc/event-type/opt-out-initiated", json!({}), Ok(Meaning::Nothing)),
            ("risc/event-type/recovery-activated", json!({}), Ok(Meaning::Nothing)),
            ("oauth/event-type/tokens-revoked", json!({}), Ok(Meaning::Cut)),
            ("oauth/event-type/token-revoked", json!({}), Ok(Meaning::Nothing)),
            ("ssf/event-type/verification", json!({}), Ok(Meaning::Verification)),
            ("ssf/event-type/stream-updated", json!({}), Ok(Meaning::StreamUpdated)),
        ] {
            assert_eq!(read(name, event), means, "{name}");
        }
        for (name, event) in [
            ("caep/event-type/credential-change", json!({"change_type": "explode"})),
            ("caep/event-type/device-compliance-change", json!({})),
            ("caep/event-type/risk-level-change", json!({"current_level": 7})),
        ] {
            assert!(read(name, event).is_err(), "{name}");
        }
        assert_eq!(meaning("urn:other", &Map::new(), &Actions::default()), Ok(Meaning::Nothing));
    }
}
