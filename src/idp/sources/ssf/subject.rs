//! Whom an event is about: subject identifiers (RFC 9493 §3, SSF 1.0 §3), in the names that tokens carry.

use super::complex;
use super::settings::SubjectSettings;
use crate::idp::feed::Revokes;
use crate::idp::sources::backchannel_logout::Ends;
use crate::idp::sources::global_token_revocation::Opaque;
use serde_json::{Map, Value};

/// No more identifiers of one subject are read.
const MAX_ALIASES: usize = 32;

/// No name is longer: the longest claim that is read of a token.
const MAX_NAME: usize = 4096;

/// A name that tokens may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) revokes: Revokes,
    pub(super) id: Box<str>,
}

/// Why a subject has no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// It is not what its format says.
    Malformed(&'static str),
    /// It is of an issuer that the transmitter may not speak about.
    Foreign,
    /// No token carries such a name.
    Unmatchable,
    /// A part of it decides, by the transmitter's word, that is not known here.
    Critical,
}

/// How subjects are read.
pub(super) struct Reading<'a> {
    /// The issuer whose tokens are meant.
    pub(super) iss: &'a str,
    pub(super) settings: &'a SubjectSettings,
    /// What is ended where a session and its user are named.
    pub(super) ends: Ends,
    /// The parts of a complex subject that must be understood (SSF 1.0 §7.1).
    pub(super) critical: &'a [String],
}

pub(super) type Names = Result<Vec<Name>, Unnamed>;
pub(super) type Subject = Map<String, Value>;

impl Reading<'_> {
    /// The names of a subject. Whoever has one of them is meant.
    pub(super) fn names(&self, subject: &Subject) -> Names {
        match format(subject).as_deref() {
            Some("aliases") => self.aliases(subject),
            Some("complex") => complex::names(self, subject),
            // Before SSF 1.0 a complex subject did not say that it is one.
            None if complex::PARTS.iter().any(|part| subject.contains_key(*part)) => complex::names(self, subject),
            Some(format) => self.simple(format, subject),
            None => Err(Unnamed::Malformed("a subject without `format`")),
        }
    }

    fn aliases(&self, subject: &Subject) -> Names {
        let all = subject.get("identifiers").and_then(Value::as_array).filter(|all| !all.is_empty());
        let all = all.ok_or(Unnamed::Malformed("`aliases` without `identifiers`"))?;
        let (mut names, mut why) = (Vec::new(), Unnamed::Unmatchable);
        for one in all.iter().take(MAX_ALIASES) {
            let one = one.as_object().ok_or(Unnamed::Malformed("an alias that is no subject"))?;
            match format(one).as_deref() {
                None | Some("aliases" | "complex") => return Err(Unnamed::Malformed("an alias of aliases")),
                Some(format) => match self.simple(format, one) {
                    Ok(found) => names.extend(found),
                    Err(malformed @ Unnamed::Malformed(_)) => return Err(malformed),
                    Err(other) => why = other,
                },
            }
        }
        if names.is_empty() { Err(why) } else { Ok(names) }
    }

    /// A subject of one format.
    pub(super) fn simple(&self, format: &str, subject: &Subject) -> Names {
        let claims = &self.settings.claims;
        match format {
            "iss_sub" => self.iss_sub(subject),
            "jwt_id" => self.jwt_id(subject),
            "opaque" => {
                let id = member(subject, "id")?;
                match self.settings.opaque {
                    Opaque::Off => Err(Unnamed::Unmatchable),
                    Opaque::Subject => Ok(one(Revokes::Subject, id)),
                    Opaque::Session => Ok(one(Revokes::Session, id)),
                }
            }
            "email" => email(claims.email.as_deref(), member(subject, "email")?),
            "phone_number" => claim(claims.phone_number.as_deref(), [member(subject, "phone_number")?]),
            "account" => {
                let uri = member(subject, "uri")?;
                claim(claims.account.as_deref(), [uri, uri.strip_prefix("acct:").unwrap_or(uri)])
            }
            "did" => claim(claims.did.as_deref(), [member(subject, "url")?]),
            "uri" => claim(claims.uri.as_deref(), [member(subject, "uri")?]),
            _ => Err(Unnamed::Unmatchable),
        }
    }

    fn iss_sub(&self, subject: &Subject) -> Names {
        let (iss, sub) = (member(subject, "iss")?, member(subject, "sub")?);
        if iss == self.iss {
            return Ok(one(Revokes::Subject, sub));
        }
        self.may_name(iss)?;
        match self.settings.claims.foreign_sub.as_deref() {
            Some(name) => claim(Some(name), [sub]),
            None => Ok(one(Revokes::Subject, sub)),
        }
    }

    fn jwt_id(&self, subject: &Subject) -> Names {
        let (iss, jti) = (member(subject, "iss")?, member(subject, "jti")?);
        if iss != self.iss {
            // Tokens of another issuer do not come here, whoever may speak about its users.
            self.may_name(iss)?;
            return Err(Unnamed::Unmatchable);
        }
        Ok(one(Revokes::Token, jti))
    }

    fn may_name(&self, iss: &str) -> Result<(), Unnamed> {
        if self.settings.issuers.iter().any(|one| one == iss) { Ok(()) } else { Err(Unnamed::Foreign) }
    }
}

/// The format; Google writes `subject_type` and `-`.
pub(super) fn format(subject: &Subject) -> Option<String> {
    let format = subject.get("format").or_else(|| subject.get("subject_type"))?.as_str()?;
    Some(format.replace('-', "_"))
}

/// A member that must be there.
pub(super) fn member<'a>(subject: &'a Subject, name: &str) -> Result<&'a str, Unnamed> {
    let text = subject.get(name).and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= MAX_NAME);
    text.ok_or(Unnamed::Malformed("a subject without a member that its format requires"))
}

/// The only name.
pub(super) fn one(revokes: Revokes, id: &str) -> Vec<Name> {
    vec![Name { revokes, id: id.into() }]
}

/// The values under which tokens may carry a name in a claim.
pub(super) fn claim<const N: usize>(name: Option<&str>, values: [&str; N]) -> Names {
    let name = name.ok_or(Unnamed::Unmatchable)?;
    let mut names = Vec::with_capacity(N);
    for value in values {
        let named = Name { revokes: Revokes::Claim { name: name.into(), number: false }, id: value.into() };
        if !names.contains(&named) {
            names.push(named);
        }
    }
    Ok(names)
}

/// An address as it was sent, with its domain in lower case, and all in lower case: the domain is the same in any case
/// (RFC 5321 §2.4), and in practice the rest is too.
fn email(name: Option<&str>, address: &str) -> Names {
    let (local, domain) = address.rsplit_once('@').ok_or(Unnamed::Malformed("an `email` that is no address"))?;
    let canonical = format!("{local}@{}", domain.to_lowercase());
    claim(name, [address, &canonical, &address.to_lowercase()])
}
