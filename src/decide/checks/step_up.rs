//! Step-up: some routes want a sign-in that is more recent, or stronger, than others (RFC 9470). The client is told which,
//! once its token was found good (§9).

use crate::decide::check::Check;
use crate::decide::claims::Claims;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Origin, Quantity};
use crate::decide::reason::Reason;
use crate::decide::rules::IssuerRules;
use crate::decide::time::{Moment, Timestamp, millis};
use std::time::Duration;

/// Refuses iff `now - auth_time > limit + leeway` (RFC 9470 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthAge {
    /// How long ago the user may have signed in.
    pub limit: Limit<Duration>,
}

impl Check for AuthAge {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let leeway = rules.leeway.value;
        let compared =
            Compared::about("now - auth_time").against(self.limit.value, self.limit.origin).with_leeway(leeway);
        let began = match signed_in(claims, rules, evidence.moment) {
            Ok(Some(began)) => began,
            Ok(None) => return Finding::fail(Reason::AuthTimeMissing, Compared { subject: "auth_time", ..compared }),
            Err(finding) => return finding,
        };
        let age = evidence.moment.wall.since(began);
        let left = millis(self.limit.value).saturating_add(millis(leeway)).saturating_sub(age);
        let compared = compared.found(Quantity::Span(age));
        if left < 0 {
            Finding::fail(Reason::AuthTooOld, compared)
        } else {
            Finding::pass_for(left.saturating_add(1), compared)
        }
    }
}

/// Asks that the sign-in was of one of these classes (`acr`), compared byte for byte: they have no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acr {
    /// The classes, those that are preferred first.
    pub among: Box<[Box<str>]>,
    /// Where they were written.
    pub origin: Origin,
}

impl Check for Acr {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        of_class(self.among.iter().map(|class| &**class), self.origin, evidence)
    }
}

/// Is the sign-in of one of these classes?
pub(in crate::decide) fn of_class<'a>(
    mut among: impl Iterator<Item = &'a str> + Clone,
    origin: Origin,
    evidence: &Evidence<'_>,
) -> Finding {
    let Some(claims) = evidence.claims() else { return Finding::Moot };
    let compared = Compared::about("acr").against(Quantity::Count(among.clone().count() as u64), origin);
    let place = claims.acr.as_ref().and_then(|acr| among.position(|one| *one == **acr));
    match (place, &claims.acr) {
        (Some(place), _) => Finding::pass(compared.found(Quantity::Count(place as u64 + 1))),
        (None, Some(_)) => {
            Finding::fail(Reason::AcrInsufficient, compared.found(Quantity::Word("none of those accepted")))
        }
        (None, None) => Finding::fail(Reason::AcrInsufficient, compared.found(Quantity::Word("not there"))),
    }
}

/// When the user signed in. It cannot lie ahead, nor be later than the token that tells it.
pub(super) fn signed_in(claims: &Claims, rules: &IssuerRules, now: Moment) -> Result<Option<Timestamp>, Finding> {
    let Some(began) = claims.auth_time else { return Ok(None) };
    let latest = claims.issued.map_or(now.wall, |issued| issued.min(now.wall));
    if began > latest.plus(rules.leeway.value) {
        let compared = Compared::about("auth_time").found(Quantity::Instant(began));
        let compared = compared.against(Quantity::Instant(latest), Origin::Issuer).with_leeway(rules.leeway.value);
        return Err(Finding::fail(Reason::ClaimsMalformed, compared));
    }
    Ok(Some(began))
}
