//! The checks of revocation: what an entry hits at each level, and what happens while nobody knows.

use crate::world::{Want, World, at, table};
use curfew::decide::checks::freshness::{Freshness, OnStale};
use curfew::decide::checks::revocation::Revocation;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::SourceId;
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Cutoff, Entries, Entry, Freshness as Known};
use std::time::Duration;

fn entry(cutoff: Cutoff) -> Option<Entry> {
    Some(Entry { cutoff, source: SourceId(0), learned: at(0) })
}

/// The good token was issued 60 s ago, on a whole second; the user signed in when the row says.
fn known(entries: Entries, signed_in: Option<i64>) -> World {
    let mut world = World::claims(|claims| claims.auth_time = signed_in.map(at));
    world.knowledge.entries = entries;
    world
}

#[test]
fn revocation() {
    let none = Entries::default;
    let token = |cutoff| Entries { token: entry(cutoff), ..none() };
    let session = |cutoff| Entries { session: entry(cutoff), ..none() };
    let subject = |cutoff| Entries { subject: entry(cutoff), ..none() };
    let client = |cutoff| Entries { client: entry(cutoff), ..none() };
    let claim = |cutoff| Entries { claim: entry(cutoff), ..none() };
    let issuer = |cutoff| Entries { issuer: entry(cutoff), ..none() };
    let (before, up_to) = (|ms| Cutoff::Before(at(ms)), |ms| Cutoff::UpTo(at(ms)));
    let hit = Want::Fail;
    let ask = || Revocation;
    table(
        "revocation",
        vec![
            ("nothing known", ask(), known(none(), None), Want::Pass),
            ("by id", ask(), known(token(Cutoff::Always), None), hit(Reason::TokenRevoked)),
            ("by session", ask(), known(session(Cutoff::Always), None), hit(Reason::SessionRevoked)),
            ("by subject", ask(), known(subject(Cutoff::Always), None), hit(Reason::SubjectRevoked)),
            ("by client", ask(), known(client(Cutoff::Always), None), hit(Reason::ClientRevoked)),
            ("by claim", ask(), known(claim(Cutoff::Always), None), hit(Reason::SubjectRevoked)),
            ("a claim goes by sign-in", ask(), known(claim(up_to(-65_000)), Some(-61_000)), Want::Pass),
            ("by issuer", ask(), known(issuer(Cutoff::Always), None), hit(Reason::IssuedBeforeCutoff)),
            (
                "issued 1 ms before a not-before",
                ask(),
                known(subject(before(-59_999)), None),
                hit(Reason::SubjectRevoked),
            ),
            ("issued at a not-before", ask(), known(subject(before(-60_000)), None), Want::Pass),
            ("issued at an event", ask(), known(subject(up_to(-60_000)), None), hit(Reason::SubjectRevoked)),
            (
                "issued within the second of an event",
                ask(),
                known(subject(up_to(-59_001)), None),
                hit(Reason::SubjectRevoked),
            ),
            ("issued in the second after an event", ask(), known(subject(up_to(-60_001)), None), Want::Pass),
            ("C14 a new sign-in", ask(), known(session(up_to(-65_000)), Some(-61_000)), Want::Pass),
            (
                "C13 renewed, an old sign-in",
                ask(),
                known(session(up_to(-65_000)), Some(-70_000)),
                hit(Reason::SessionRevoked),
            ),
            (
                "renewed, subject, an old sign-in",
                ask(),
                known(subject(up_to(-65_000)), Some(-70_000)),
                hit(Reason::SubjectRevoked),
            ),
            ("client goes by iat, not by sign-in", ask(), known(client(up_to(-65_000)), Some(-70_000)), Want::Pass),
            ("issuer goes by iat, not by sign-in", ask(), known(issuer(before(-65_000)), Some(-70_000)), Want::Pass),
            (
                "the narrowest level speaks",
                ask(),
                known(Entries { token: entry(Cutoff::Always), ..issuer(Cutoff::Always) }, None),
                hit(Reason::TokenRevoked),
            ),
            (
                "one that does not hit masks none that does",
                ask(),
                known(Entries { session: entry(before(-99_000)), ..issuer(Cutoff::Always) }, None),
                hit(Reason::IssuedBeforeCutoff),
            ),
        ],
    );
    let ageless = |entries: Entries| {
        let mut world = known(entries, None);
        if let Ok(claims) = &mut world.token.claims {
            claims.issued = None;
        }
        world
    };
    table(
        "revocation, no iat",
        vec![
            ("hit by a not-before", ask(), ageless(issuer(before(-99_000))), hit(Reason::IssuedBeforeCutoff)),
            ("hit by an event", ask(), ageless(subject(up_to(-99_000))), hit(Reason::SubjectRevoked)),
            ("nothing known", ask(), ageless(none()), Want::Pass),
        ],
    );
}

#[test]
fn freshness() {
    let by = |stale, cold| Freshness {
        on_stale: Limit::new(stale, Origin::Policy),
        cold_start: Limit::new(cold, Origin::Policy),
    };
    let deny = || by(OnStale::Deny, OnStale::Deny);
    let allow = || by(OnStale::Allow, OnStale::Allow);
    let patient = || by(OnStale::Deny, OnStale::Allow);
    let eager = || by(OnStale::Allow, OnStale::Deny);
    let know = |freshness| {
        let mut world = World::good();
        world.knowledge.freshness = freshness;
        world
    };
    let heard = |age: u64, max: u64| {
        know(Known::Heard {
            age: Duration::from_millis(age),
            max: Some(Duration::from_millis(max)),
            source: SourceId(0),
        })
    };
    let never = || know(Known::Never { source: SourceId(0) });
    let cold = |stale| know(Known::Cold { source: SourceId(0), stale });
    let stale = Want::Fail(Reason::RevocationStale);
    table(
        "freshness",
        vec![
            ("no source", deny(), know(Known::Unfed), Want::Unasked),
            ("fresh", deny(), heard(0, 1000), Want::Pass),
            ("at the limit", deny(), heard(1000, 1000), Want::Pass),
            ("1 ms over", deny(), heard(1001, 1000), stale),
            ("never heard", deny(), never(), stale),
            ("stale, allowed", allow(), heard(1001, 1000), Want::Pass),
            ("never heard, allowed", allow(), never(), Want::Pass),
            ("not heard since the start", deny(), cold(false), stale),
            ("not heard since the start, allowed", allow(), cold(false), Want::Pass),
            ("not heard since the start, allowed there alone", patient(), cold(false), Want::Pass),
            ("stale, allowed at the start alone", patient(), heard(1001, 1000), stale),
            ("incomplete, allowed at the start alone", patient(), never(), stale),
            ("one not heard, another stale, allowed at the start alone", patient(), cold(true), stale),
            ("not heard since the start, allowed later alone", eager(), cold(false), stale),
            ("one not heard, another stale, allowed later alone", eager(), cold(true), stale),
            ("0 s is zero", deny(), heard(1, 0), stale),
            ("0 s is zero, heard now", deny(), heard(0, 0), Want::Pass),
        ],
    );
}
