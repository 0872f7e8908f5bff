//! What an operator says is revoked, read strictly: one entry, as it is written, and as it is understood.

use super::misread;
use super::problem::Problem;
use crate::decide::claims::Claims;
use crate::decide::id::{Fingerprint, IssuerName};
use crate::decide::revocation::{Cutoff, Handles};
use crate::decide::time::{Moment, Timestamp};
use crate::idp::feed::{EntryId, EntryType, Revokes};
use crate::idp::sink;
use crate::proxy::plan::Plan;
use crate::state::State;
use crate::state::revocations::{Revoked, Target};
use crate::token::issuers::Issuer;
use crate::token::verify::Verifier;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;

/// How long after its cut-off an entry is kept that does not say: longer than most sign-ins can be renewed.
const RETAIN: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// No id is longer: the longest claim that is read of a token.
const MAX_ID: usize = 4096;
/// No reason and no actor is longer.
const MAX_TEXT: usize = 1024;

/// One entry, as it is written: a name of an issuer, or a token.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    issuer: Option<String>,
    #[serde(rename = "type")]
    revokes: Option<EntryType>,
    claim: Option<String>,
    id: Option<EntryId>,
    /// Read for its names, and forgotten.
    token: Option<SecretString>,
    at: Option<When>,
    not_before: Option<When>,
    until: Option<When>,
    reason: Option<String>,
    actor: Option<String>,
}

/// A point in time: `now`, RFC 3339, or seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The moment at which the gateway reads it.
    Now,
    /// This one.
    At(Timestamp),
}

impl When {
    fn resolve(self, now: Moment) -> Timestamp {
        self.at(now.wall)
    }

    /// The instant that is meant, at this one.
    #[must_use]
    pub const fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let wrong = || "not a time: write `now`, 2026-11-02T15:04:05Z, or seconds since 1970".to_owned();
        if let Ok(seconds) = text.parse::<f64>() {
            return Timestamp::from_numeric_ceil(seconds).map(Self::At).ok_or_else(wrong);
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        let seconds = Timestamp::from_numeric_ceil(parsed.as_millisecond() as f64 / 1e3);
        seconds.map(Self::At).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WhenVisitor)
    }
}

struct WhenVisitor;

impl Visitor<'_> for WhenVisitor {
    type Value = When;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`now`, an RFC 3339 time, or seconds since 1970")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<When, E> {
        Timestamp::from_numeric_ceil(seconds).map(When::At).ok_or_else(|| E::custom("not a Unix time"))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<When, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<When, E> {
        self.visit_f64(seconds as f64)
    }
}

/// An entry that was understood.
pub struct Understood {
    /// Whose.
    pub issuer: IssuerName,
    /// The level.
    pub level: &'static str,
    /// What, which of its tokens, until when.
    pub revoked: Revoked,
    /// The names to be asked for.
    pub handles: Handles,
    /// What the token says that was given, if one was.
    pub claims: Option<Claims>,
    /// The name as it was given; nothing for tokens and issuers.
    pub plain: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who wants it.
    pub actor: Option<String>,
}

/// What entries are read with.
pub struct Reader<'a> {
    /// The issuers there are.
    pub plan: &'a Plan,
    /// How names are hashed.
    pub state: &'a State,
    /// The moment that is called now.
    pub now: Moment,
}

impl Reader<'_> {
    /// Reads one entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, json: &[u8]) -> Result<Understood, Problem> {
        serde_json::from_slice(json).map_err(|error| malformed(&error)).and_then(|entry| self.understand(entry))
    }

    /// Reads one entry, or a list of them.
    ///
    /// # Errors
    /// What is wrong with the first that is not good.
    pub fn read_all(&self, json: &[u8], most: usize) -> Result<Vec<Understood>, Problem> {
        if json.trim_ascii_start().first() != Some(&b'[') {
            return Ok(vec![self.read(json)?]);
        }
        let entries: Vec<Entry> = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        if entries.len() > most {
            return Err(Problem::bad(format!("more than {most} entries in one list: send them one a line, as NDJSON")));
        }
        let read = |(at, entry)| self.understand(entry).map_err(|problem| problem.at(at + 1));
        entries.into_iter().enumerate().map(read).collect()
    }

    fn understand(&self, entry: Entry) -> Result<Understood, Problem> {
        let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_TEXT);
        if long(&entry.reason) || long(&entry.actor) {
            return Err(Problem::bad(format!("`reason` and `actor` have at most {MAX_TEXT} bytes")));
        }
        let until = entry.until.map(|until| until.resolve(self.now));
        if until.is_some_and(|until| until <= self.now.wall) {
            return Err(Problem::bad("`until` is over: nothing would be revoked"));
        }
        let mut understood = match (&entry.token, &entry.id) {
            (Some(_), Some(_)) => return Err(Problem::bad("either `token` or `id`, not both")),
            (Some(token), None) => self.of_token(token, entry.issuer.as_deref(), entry.revokes)?,
            (None, _) => self.of_name(&entry)?,
        };
        let before = entry.not_before.map(|at| Cutoff::Before(at.resolve(self.now)));
        let up_to = entry.at.map(|at| Cutoff::UpTo(at.resolve(self.now)));
        understood.revoked.cutoff = before.into_iter().chain(up_to).reduce(Cutoff::max).unwrap_or(Cutoff::Always);
        let kept = || understood.revoked.cutoff.instant().map(|at| at.max(self.now.wall).plus(RETAIN));
        understood.revoked.until = until.or(understood.revoked.until).or_else(kept);
        Ok(Understood { reason: entry.reason, actor: entry.actor, ..understood })
    }

    fn of_name(&self, entry: &Entry) -> Result<Understood, Problem> {
        let name = entry.issuer.as_deref().ok_or_else(|| Problem::bad("without `issuer`"))?;
        let kind = entry.revokes.ok_or_else(|| Problem::bad("without `type`"))?;
        let issuer = self.plan.issuers.iter().find(|issuer| issuer.rules.name.as_str() == name);
        let issuer = issuer.ok_or_else(|| Problem::bad("no such `issuer` in the config: it is named as there"))?;
        let number = matches!(entry.id, Some(EntryId::Number(_)));
        let revokes = kind.named(entry.claim.clone(), number).map_err(Problem::bad)?;
        match &revokes {
            Revokes::Claim { name, .. } if !issuer.revocable_claims.contains(name) => {
                return Err(Problem::bad(
                    "a `claim` that the issuer's `revocable_claims` do not list: it would hit nothing",
                ));
            }
            Revokes::Claim { .. } => {}
            _ if entry.claim.is_some() => return Err(Problem::bad("`claim` belongs to the type `claim` only")),
            _ => {}
        }
        let id = id_of(&revokes, entry.id.as_ref())?;
        let target = sink::target(&self.state.fingerprints, &issuer.rules.issuer, &revokes, &id);
        let understood = Understood::new(issuer, target, None);
        Ok(Understood { plain: (!id.is_empty()).then_some(id), ..understood })
    }

    /// The token's signature is verified: of any other, it is not known whose it is. It may have expired.
    fn of_token(
        &self,
        token: &SecretString,
        issuer: Option<&str>,
        kind: Option<EntryType>,
    ) -> Result<Understood, Problem> {
        let (issuers, fingerprints) = (&self.plan.issuers, &self.state.fingerprints);
        let verifier = Verifier { issuers, fingerprints, limit: self.plan.token_bytes };
        let verified = verifier.verify(token.expose_secret().trim(), self.now).map_err(|unverified| {
            Problem::bad(format!("this token would be refused anyway: {}", unverified.flaw.reason.code()))
        })?;
        let of = issuers.at(verified.issuer).ok_or_else(|| Problem::bad("no such issuer"))?;
        if issuer.is_some_and(|name| name != of.rules.name.as_str()) {
            return Err(Problem::bad("the token is of another issuer"));
        }
        let (handles, claims) = (verified.token.handles.clone(), verified.token.claims.as_ref().ok());
        let named = |print: Option<Fingerprint>| print.ok_or_else(|| Problem::bad("the token names no such thing"));
        let target = match kind.unwrap_or(EntryType::Token) {
            EntryType::Token => Target::Token(handles.token),
            EntryType::Session => Target::Session(named(handles.session)?),
            EntryType::Subject => Target::Subject(named(handles.subject)?),
            EntryType::Client => Target::Client(named(handles.client)?),
            EntryType::Claim => return Err(Problem::bad("a claim is named by `claim` and `id`, not by a token")),
            EntryType::Issuer => Target::Issuer,
        };
        let mut understood = Understood::new(of, target, Some(handles));
        understood.claims = claims.cloned();
        if matches!(target, Target::Token(_)) {
            understood.revoked.until = claims.and_then(|claims| claims.expires).filter(|until| *until > self.now.wall);
        }
        Ok(understood)
    }
}

impl Understood {
    fn new(issuer: &Issuer, target: Target, handles: Option<Handles>) -> Self {
        let own = match target {
            Target::Token(print) => Handles { token: print, ..Handles::default() },
            Target::Session(print) => Handles { session: Some(print), ..Handles::default() },
            Target::Subject(print) => Handles { subject: Some(print), ..Handles::default() },
            Target::Client(print) => Handles { client: Some(print), ..Handles::default() },
            Target::Claim(print) => Handles { claims: [print].into(), ..Handles::default() },
            Target::Issuer | Target::Beside(_) => Handles::default(),
        };
        Self {
            issuer: issuer.rules.name.clone(),
            level: target.word(),
            revoked: Revoked { target, cutoff: Cutoff::Always, until: None },
            handles: handles.unwrap_or(own),
            claims: None,
            plain: None,
            reason: None,
            actor: None,
        }
    }

    /// The hash under which traces tell the same name.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        self.revoked.target.print().map(|print| print.to_string())
    }
}

/// The name in an entry; an issuer has none.
fn id_of(revokes: &Revokes, id: Option<&EntryId>) -> Result<String, Problem> {
    match (revokes, id) {
        (Revokes::Issuer, None) => Ok(String::new()),
        (Revokes::Issuer, Some(_)) => Err(Problem::bad("an `issuer` has no `id`")),
        (_, None) => Err(Problem::bad("without `id` or `token`")),
        (Revokes::Claim { .. }, Some(EntryId::Number(id))) => Ok(id.to_string()),
        (_, Some(EntryId::Number(_))) => Err(Problem::bad("an `id` that is not a string")),
        (_, Some(EntryId::Text(id))) if id.is_empty() || id.len() > MAX_ID => {
            Err(Problem::bad("an `id` that is empty or too long"))
        }
        (_, Some(EntryId::Text(id))) => Ok(id.clone()),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad(format!("this is no entry in JSON: {}", misread::why(error)))
}
