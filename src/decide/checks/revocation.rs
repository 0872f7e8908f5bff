//! Revocation: no entry of the set hits the token, at any level. Each level counts by itself, so that none can
//! mask another.

use crate::decide::check::Check;
use crate::decide::claims::Claims;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Origin, Quantity};
use crate::decide::reason::Reason;
use crate::decide::revocation::{Entries, Entry};
use crate::decide::time::Timestamp;

/// Asks whether the token is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revocation;

impl Check for Revocation {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        match hit(&evidence.revocation.entries, claims) {
            None => Finding::pass(Compared::about("revocations")),
            Some((level, entry, issued)) => Finding::fail(level.reason, level.compared(entry, issued)),
        }
    }
}

/// Why a token with these claims may not be used any more, if one of the entries that name it hits it.
#[must_use]
pub fn revoked(entries: &Entries, claims: &Claims) -> Option<Reason> {
    hit(entries, claims).map(|(level, ..)| level.reason)
}

/// The entry by which a token with these claims may not be used any more.
#[must_use]
pub fn decisive(entries: &Entries, claims: &Claims) -> Option<Entry> {
    hit(entries, claims).map(|(_, entry, _)| entry)
}

struct Level {
    reason: Reason,
    subject: &'static str,
}

impl Level {
    fn compared(&self, entry: Entry, issued: Option<Timestamp>) -> Compared {
        let measured = issued.map_or(Quantity::Nothing, Quantity::Instant);
        let allowed = entry.cutoff.instant().map_or(Quantity::Word("none at all"), Quantity::Instant);
        Compared::about(self.subject).found(measured).against(allowed, Origin::Issuer)
    }
}

type Hit = (Level, Entry, Option<Timestamp>);

/// Whether a token with these claims is revoked by these entries.
#[must_use]
pub fn is_hit(entries: &Entries, claims: &Claims) -> bool {
    revoked(entries, claims).is_some()
}

/// The first level that hits, from the narrowest to the widest.
fn hit(entries: &Entries, claims: &Claims) -> Option<Hit> {
    // A session or a subject is cut off by when the user signed in: renewing a token must not outlive it.
    let signed_in = claims.auth_time.or(claims.issued);
    let levels = [
        (entries.token, claims.issued, Reason::TokenRevoked, "jti"),
        (entries.session, signed_in, Reason::SessionRevoked, "session"),
        (entries.subject, signed_in, Reason::SubjectRevoked, "sub"),
        // An e-mail address or a device is a user by another name.
        (entries.claim, signed_in, Reason::SubjectRevoked, "claim"),
        (entries.client, claims.issued, Reason::ClientRevoked, "client_id"),
        (entries.issuer, claims.issued, Reason::IssuedBeforeCutoff, "iss"),
    ];
    levels.into_iter().find_map(|(entry, issued, reason, subject)| {
        let entry = entry.filter(|entry| entry.cutoff.hits(issued))?;
        Some((Level { reason, subject }, entry, issued))
    })
}
