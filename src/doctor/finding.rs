//! What is found: one sentence on one thing, when it matters, what follows from it, and what to do.

use crate::decide::time::Timestamp;
use crate::telemetry::describe::Words;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How it stands with a thing, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It is broken now.
    Wrong,
    /// It works, and will break.
    Soon,
    /// It works, and is not wise.
    Unwise,
    /// It could not be looked at.
    Unknown,
    /// It is well.
    Fine,
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How it stands.
    pub outlook: Outlook,
    /// What it is about, as a place of the config where there is one: `issuers.corp`.
    pub what: String,
    /// What is so.
    pub says: String,
    /// When it breaks, or broke; of what is well, when it would.
    #[serde(with = "instant", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What happens then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Where more is told: a page of `deploy/runbook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

impl Finding {
    fn new(outlook: Outlook, what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { outlook, what: what.into(), says: says.into(), at: None, then: None, cure: None, page: None }
    }

    pub(super) fn wrong(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Outlook::Wrong, what, says)
    }

    pub(super) fn soon(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Outlook::Soon, what, says)
    }

    pub(super) fn unwise(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Outlook::Unwise, what, says)
    }

    pub(super) fn unknown(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Outlook::Unknown, what, says)
    }

    pub(super) fn fine(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Outlook::Fine, what, says)
    }

    pub(super) fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    pub(super) fn then(mut self, then: impl Into<String>) -> Self {
        self.then = Some(then.into());
        self
    }

    pub(super) fn cure(mut self, cure: impl Into<String>, page: &str) -> Self {
        self.cure = Some(cure.into());
        self.page = Some(format!("deploy/runbook/{page}"));
        self
    }

    /// Of a gateway that cannot be asked.
    #[must_use]
    pub fn unreachable(what: &str, why: &str) -> Self {
        let cure = "see whether it runs, and whether address, token and certificates are right";
        Self::wrong(what, format!("it cannot be asked: {why}")).cure(cure, "doctor.md#nodes")
    }

    /// Of a gateway whose clock is so many milliseconds ahead of this machine's, if that matters.
    #[must_use]
    pub fn of_clock(what: &str, ahead: i64) -> Option<Self> {
        let whose = if ahead < 0 { "behind" } else { "ahead of" };
        (ahead.abs() >= 2000).then(|| {
            let says = format!("its clock is {} {whose} this machine's", Words(ahead / 1000 * 1000));
            let cure = "run NTP on both: `timedatectl` tells which of them is wrong";
            Self::unwise(what, says)
                .then("instances with different clocks decide differently")
                .cure(cure, "doctor.md#clocks")
        })
    }

    /// The worst first; of those that are alike, what breaks first.
    pub(super) fn order(&self) -> (Outlook, Timestamp, &str) {
        (self.outlook, self.at.unwrap_or(Timestamp::from_millis(i64::MAX)), &self.what)
    }
}

/// RFC 3339, as everywhere else.
mod instant {
    use super::{Deserialize as _, Deserializer, Serializer, Timestamp};

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let parsed: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Some(Timestamp::from_millis(parsed.as_millisecond())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_told_first_and_then_what_breaks_first() {
        let at = |days: i64| Timestamp::from_secs(days * 86_400);
        let mut all = [
            Finding::fine("f", "").at(at(1)),
            Finding::soon("later", "").at(at(9)),
            Finding::unwise("u", ""),
            Finding::soon("sooner", "").at(at(2)),
            Finding::wrong("w", ""),
            Finding::soon("some day", ""),
        ];
        all.sort_by(|one, other| one.order().cmp(&other.order()));
        let order: Vec<&str> = all.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(order, ["w", "sooner", "later", "some day", "u", "f"]);
    }

    #[test]
    fn a_finding_is_told_as_json_and_read_again() {
        let one = Finding::soon("issuers.corp", "so").at(Timestamp::from_secs(2_000_000_000)).then("then");
        let text = serde_json::to_string(&one.clone().cure("do", "doctor.md#keys")).unwrap();
        assert!(text.contains("2033-05-18T03:33:20.000Z"), "{text}");
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), one.cure("do", "doctor.md#keys"));
        assert_eq!(
            serde_json::from_str::<Finding>(&serde_json::to_string(&Finding::fine("a", "b")).unwrap()).unwrap().at,
            None
        );
    }
}
