//! Status: the status list that the token names says that it is valid. What happens while the list cannot be had is
//! written in the policy; once a list is expired, nobody may rely on it (SL-09).

use super::freshness::OnStale;
use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Origin, Quantity};
use crate::decide::reason::Reason;
use crate::decide::status::{INVALID, SUSPENDED, Status as Known, StatusClaim, VALID};
use std::time::Duration;

/// Whether a token is asked for its status list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusRule {
    /// What a token says of a status list is left out.
    Off,
    /// A token that names a list is judged by it; one that names none has no status.
    #[default]
    Honour,
    /// Every token must name a list.
    Required,
}

/// Asks what the status list says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Must every token name a list?
    pub required: bool,
    /// What to do while the list cannot be had.
    pub on_stale: Limit<OnStale>,
    /// What to do while there never was one.
    pub cold_start: Limit<OnStale>,
}

impl Check for Status {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let claim = Compared::about("status");
        match &claims.status {
            StatusClaim::Absent if self.required => Finding::fail(Reason::ClaimMissing, claim),
            StatusClaim::Absent => Finding::Unasked,
            StatusClaim::Malformed => Finding::fail(Reason::ClaimsMalformed, claim),
            StatusClaim::Listed(_) => self.listed(evidence.revocation.status),
        }
    }
}

impl Status {
    /// Why a token may not be used any more of which its list says this. That a list is old ends nothing that is under way.
    #[must_use]
    pub const fn ended(known: &Known) -> Option<Reason> {
        match known {
            Known::Said { value, accepted, .. } => refused(*value, *accepted),
            _ => None,
        }
    }

    fn listed(&self, known: Known) -> Finding {
        let list = Compared::about("status list");
        match known {
            Known::Unlisted | Known::Foreign => unavailable(list.found(Quantity::Word("no source may fetch it"))),
            Known::Missing => unsure(self.cold_start.value, list.found(Quantity::Word("never heard"))),
            Known::Expired(at) => {
                unavailable(Compared::about("status list exp").against(Quantity::Instant(at), Origin::Issuer))
            }
            Known::Outside { places } => {
                let compared = Compared::about("status idx").found(Quantity::Word("beyond the list"));
                Finding::fail(Reason::StatusInvalid, compared.against(Quantity::Count(places), Origin::Issuer))
            }
            Known::Said { value, accepted, age, max } => match refused(value, accepted) {
                Some(reason) => Finding::fail(reason, said(value)),
                None => self.aged(age, max),
            },
        }
    }

    fn aged(&self, age: Duration, max: Duration) -> Finding {
        let compared = Compared::about("status list age").found(age).against(max, Origin::Issuer);
        if age > max { unsure(self.on_stale.value, compared) } else { Finding::pass(compared) }
    }

    /// What is to be done about a list that is not fresh; nothing if it is, or if the token names none.
    pub(super) fn remedy(&self, evidence: &Evidence<'_>) -> Option<OnStale> {
        let StatusClaim::Listed(_) = evidence.claims()?.status else { return None };
        match evidence.revocation.status {
            Known::Missing => Some(self.cold_start.value),
            Known::Said { age, max, .. } => (age > max).then_some(self.on_stale.value),
            Known::Unlisted | Known::Foreign | Known::Expired(_) | Known::Outside { .. } => None,
        }
    }
}

fn unsure(remedy: OnStale, compared: Compared) -> Finding {
    match remedy {
        OnStale::Deny => unavailable(compared),
        // Then the question of introspection decides.
        OnStale::Introspect => Finding::pass(Compared { subject: "status list (stale, introspected)", ..compared }),
        OnStale::Allow => Finding::pass(Compared { subject: "status list (stale, allowed)", ..compared }),
    }
}

fn unavailable(compared: Compared) -> Finding {
    Finding::fail(Reason::StatusUnavailable, compared)
}

fn said(value: u8) -> Compared {
    Compared::about("status")
        .found(Quantity::Count(value.into()))
        .against(Quantity::Count(VALID.into()), Origin::Issuer)
}

/// A value that stands for no good status. One that is reserved is never good (§7.1 of the draft).
const fn refused(value: u8, accepted: bool) -> Option<Reason> {
    match value {
        VALID => None,
        INVALID => Some(Reason::TokenRevoked),
        SUSPENDED => Some(Reason::StatusSuspended),
        _ if accepted => None,
        _ => Some(Reason::StatusInvalid),
    }
}
