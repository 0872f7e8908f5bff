//! Subjects of several parts (SSF 1.0 §3.3): who is meant matches all of them, and a part that is not there matches
//! anything. The revocation set knows no "and", so the narrowest part that tokens carry is taken: never too little.

use super::subject::{Name, Names, Reading, Subject, Unnamed, claim, format, member, one};
use crate::idp::feed::Revokes;
use crate::idp::sources::backchannel_logout::Ends;
use serde_json::Value;

/// The parts that there may be.
pub(super) const PARTS: [&str; 7] = ["user", "session", "device", "application", "tenant", "org_unit", "group"];

/// The names of a subject of several parts.
pub(super) fn names(reading: &Reading<'_>, subject: &Subject) -> Names {
    let critical = |part: &&String| subject.contains_key(part.as_str()) && !PARTS.contains(&part.as_str());
    if reading.critical.iter().any(|part| critical(&part)) {
        return Err(Unnamed::Critical);
    }
    let parts = Parts { reading, subject };
    if let Some(session) = parts.of("session")? {
        return parts.session(session);
    }
    if let Some(device) = parts.of("device")? {
        return match parts.group(device, reading.settings.claims.device.as_deref()) {
            Err(Unnamed::Unmatchable) => parts.user(),
            found => found,
        };
    }
    parts.user()
}

struct Parts<'a> {
    reading: &'a Reading<'a>,
    subject: &'a Subject,
}

impl<'a> Parts<'a> {
    fn of(&self, part: &str) -> Result<Option<&'a Subject>, Unnamed> {
        match self.subject.get(part) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(part)) => Ok(Some(part)),
            Some(_) => Err(Unnamed::Malformed("a part of a subject that is no subject")),
        }
    }

    /// A session, and its user too where the settings say so, or where no token names such a session.
    fn session(&self, session: &Subject) -> Names {
        let named = match format(session).as_deref() {
            Some("opaque") => Ok(one(Revokes::Session, member(session, "id")?)),
            Some("jwt_id") => self.reading.simple("jwt_id", session),
            Some(_) => Err(Unnamed::Unmatchable),
            None => Err(Unnamed::Malformed("a session without `format`")),
        };
        match (named, self.reading.ends) {
            (Ok(named), Ends::Session) => Ok(named),
            (Ok(named), Ends::Subject) => match self.user() {
                Ok(user) => Ok([named, user].concat()),
                Err(Unnamed::Unmatchable) => Ok(named),
                Err(why) => Err(why),
            },
            (Err(Unnamed::Unmatchable), _) => self.user(),
            (Err(why), _) => Err(why),
        }
    }

    /// The user; without one, the smallest of the groups that tokens name.
    fn user(&self) -> Names {
        if let Some(user) = self.of("user")? {
            return match format(user).as_deref() {
                Some("aliases") => self.reading.names(user),
                Some(format) => self.reading.simple(format, user),
                None => Err(Unnamed::Malformed("a user without `format`")),
            };
        }
        let claims = &self.reading.settings.claims;
        for (part, name) in [("group", &claims.group), ("org_unit", &claims.org_unit), ("tenant", &claims.tenant)] {
            if let (Some(part), Some(name)) = (self.of(part)?, name) {
                return self.group(part, Some(name));
            }
        }
        Err(Unnamed::Unmatchable)
    }

    /// Whoever carries the name of this part in a claim.
    fn group(&self, part: &Subject, name: Option<&str>) -> Result<Vec<Name>, Unnamed> {
        let value = match format(part).as_deref() {
            Some("opaque") => member(part, "id")?,
            Some("iss_sub") => member(part, "sub")?,
            Some("uri") => member(part, "uri")?,
            Some("did") => member(part, "url")?,
            Some(_) => return Err(Unnamed::Unmatchable),
            None => return Err(Unnamed::Malformed("a part of a subject without `format`")),
        };
        claim(name, [value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::sources::global_token_revocation::Opaque;
    use crate::idp::sources::ssf::settings::SubjectSettings;
    use serde_json::json;

    const ISS: &str = "https://i";

    fn settings() -> SubjectSettings {
        let text = r#"{"issuers":["https://g"],"claims":{"email":"email","account":"acct","device":"dev","tenant":"org",
            "foreign_sub":"google"}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn read(settings: &SubjectSettings, subject: Value) -> Result<Vec<String>, Unnamed> {
        let critical = ["network".to_owned(), "user".to_owned()];
        let reading = Reading { iss: ISS, settings, ends: settings.ends, critical: &critical };
        let short = |name: Name| match name.revokes {
            Revokes::Claim { name: claim, .. } => format!("{claim}={}", name.id),
            revokes => format!("{revokes:?}={}", name.id),
        };
        Ok(reading.names(subject.as_object().unwrap())?.into_iter().map(short).collect())
    }

    #[test]
    fn subjects_have_the_names_of_tokens() {
        let user = json!({"format": "iss_sub", "iss": ISS, "sub": "u"});
        let opaque = |id: &str| json!({"format": "opaque", "id": id});
        let settings = settings();
        for (subject, names) in [
            (user.clone(), vec!["Subject=u"]),
            (json!({"subject_type": "iss-sub", "iss": "https://g", "sub": "7"}), vec!["google=7"]),
            (json!({"format": "jwt_id", "iss": ISS, "jti": "j"}), vec!["Token=j"]),
            (
                json!({"format": "email", "email": "Al@Ex.Org"}),
                vec!["email=Al@Ex.Org", "email=Al@ex.org", "email=al@ex.org"],
            ),
            (json!({"format": "account", "uri": "acct:a@b"}), vec!["acct=acct:a@b", "acct=a@b"]),
            (
                json!({"format": "aliases", "identifiers": [user, {"format": "email", "email": "a@b.c"}, {"format": "phone_number", "phone_number": "1"}]}),
                vec!["Subject=u", "email=a@b.c"],
            ),
            (
                json!({"format": "complex", "user": user, "session": opaque("s"), "tenant": opaque("t")}),
                vec!["Session=s"],
            ),
            (json!({"user": user, "session": {"format": "uri", "uri": "s"}}), vec!["Subject=u"]),
            (json!({"format": "complex", "user": user, "tenant": opaque("t")}), vec!["Subject=u"]),
            (json!({"format": "complex", "user": user, "device": opaque("d")}), vec!["dev=d"]),
            (json!({"format": "complex", "user": user, "device": {"format": "ip-addresses"}}), vec!["Subject=u"]),
            (json!({"format": "complex", "tenant": opaque("t")}), vec!["org=t"]),
        ] {
            let read = read(&settings, subject.clone());
            assert_eq!(read, Ok(names.into_iter().map(String::from).collect()), "{subject}");
        }
    }

    #[test]
    fn what_cannot_be_matched_is_told_from_what_is_wrong() {
        let settings = settings();
        let is = |subject: Value| read(&settings, subject).unwrap_err();
        for subject in [
            json!({"format": "opaque", "id": "x"}),
            json!({"format": "phone_number", "phone_number": "1"}),
            json!({"format": "saml_assertion_id", "issuer": "i", "assertion_id": "a"}),
            json!({"format": "planet"}),
            json!({"format": "complex", "application": {"format": "opaque", "id": "a"}}),
            json!({"format": "jwt_id", "iss": "https://g", "jti": "j"}),
        ] {
            assert_eq!(is(subject.clone()), Unnamed::Unmatchable, "{subject}");
        }
        assert_eq!(is(json!({"format": "iss_sub", "iss": "https://evil", "sub": "u"})), Unnamed::Foreign);
        assert_eq!(is(json!({"format": "complex", "network": {"format": "opaque", "id": "n"}})), Unnamed::Critical);
        for subject in [
            json!({}),
            json!({"format": 7}),
            json!({"format": "iss_sub", "iss": ISS}),
            json!({"format": "iss_sub", "iss": ISS, "sub": ""}),
            json!({"format": "email", "email": "nobody"}),
            json!({"format": "aliases", "identifiers": []}),
            json!({"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": []}]}),
            json!({"format": "complex", "user": "u"}),
            json!({"format": "complex", "session": {"id": "s"}}),
        ] {
            assert!(matches!(is(subject.clone()), Unnamed::Malformed(_)), "{subject}");
        }
    }

    #[test]
    fn settings_say_what_opaque_names_and_how_much_ends() {
        let mut settings = settings();
        settings.opaque = Opaque::Subject;
        settings.ends = Ends::Subject;
        let opaque = json!({"format": "opaque", "id": "x"});
        assert_eq!(read(&settings, opaque.clone()), Ok(vec!["Subject=x".into()]));
        let both = json!({"format": "complex", "session": opaque, "user": {"format": "email", "email": "a@b.c"}});
        assert_eq!(read(&settings, both), Ok(vec!["Session=x".into(), "email=a@b.c".into()]));
    }
}
