//! What a transmitter could say of a subject, and in an event: read, for tests that make it up.

use super::event;
use super::settings::SsfSettings;
use super::subject::Reading;
use crate::idp::sources::backchannel_logout::Ends;
use serde_json::Value;

/// Reads whatever it is.
pub(in crate::idp) fn read(subject: &Value, event: &Value) {
    let text = r#"{"issuer":"corp","delivery":{"push":{}},"subjects":{"issuers":["https://g"],"opaque":"subject",
        "claims":{"email":"email","account":"acct","device":"dev","tenant":"org","foreign_sub":"google"}}}"#;
    let settings: SsfSettings = serde_json::from_str(text).unwrap();
    let critical = ["user".to_owned(), "network".to_owned()];
    for ends in [Ends::Session, Ends::Subject] {
        let reading = Reading { iss: "https://i", settings: &settings.subjects, ends, critical: &critical };
        if let Some(Ok(names)) = subject.as_object().map(|subject| reading.names(subject)) {
            assert!(
                !names.is_empty() && names.iter().all(|name| !name.id.is_empty()),
                "{subject}: nobody, or everybody"
            );
        }
    }
    for uri in event::wanted() {
        let _ = event.as_object().map(|event| event::meaning(&uri, event, &settings.actions));
    }
}
