//! The check of status lists: what a token names, what the list says, and what happens while nobody knows.

use crate::world::{Want, World, at, table};
use curfew::decide::checks::freshness::OnStale;
use curfew::decide::checks::status::Status;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::reason::Reason;
use curfew::decide::status::{Listed, Status as Known, StatusClaim};
use std::time::Duration;

fn listed(known: Known) -> World {
    let claim = StatusClaim::Listed(Listed { uri: "https://id.example.com/1".into(), index: 7 });
    let mut world = World::claims(|claims| claims.status = claim);
    world.knowledge.status = known;
    world
}

fn said(value: u8, accepted: bool, age_ms: u64) -> World {
    let (age, max) = (Duration::from_millis(age_ms), Duration::from_millis(300_000));
    listed(Known::Said { value, accepted, age, max })
}

#[test]
fn statuses() {
    let ask = Status::default;
    let by = |remedy| Limit::new(remedy, Origin::Policy);
    let lenient = || Status { on_stale: by(OnStale::Allow), cold_start: by(OnStale::Allow), ..ask() };
    let late = || Status { on_stale: by(OnStale::Allow), ..ask() };
    let required = || Status { required: true, ..ask() };
    let broken = || World::claims(|claims| claims.status = StatusClaim::Malformed);
    let no = Want::Fail;
    table(
        "status",
        vec![
            ("SL-01 none named", ask(), World::good(), Want::Unasked),
            ("SL-01 none named, one needed", required(), World::good(), no(Reason::ClaimMissing)),
            ("SL-01 malformed", ask(), broken(), no(Reason::ClaimsMalformed)),
            ("SL-08 VALID", ask(), said(0, false, 0), Want::Pass),
            ("SL-08 INVALID", ask(), said(1, false, 0), no(Reason::TokenRevoked)),
            ("SL-08 SUSPENDED", ask(), said(2, false, 0), no(Reason::StatusSuspended)),
            ("SL-08 the application's own", ask(), said(3, false, 0), no(Reason::StatusInvalid)),
            ("SL-08 the application's own, accepted", ask(), said(3, true, 0), Want::Pass),
            ("SL-08 reserved", ask(), said(4, false, 0), no(Reason::StatusInvalid)),
            ("INVALID is never accepted", ask(), said(1, true, 0), no(Reason::TokenRevoked)),
            ("SL-07 beyond the list", ask(), listed(Known::Outside { places: 7 }), no(Reason::StatusInvalid)),
            ("SL-07 also when lenient", lenient(), listed(Known::Outside { places: 7 }), no(Reason::StatusInvalid)),
            ("SL-03 another's list", ask(), listed(Known::Foreign), no(Reason::StatusUnavailable)),
            ("SL-03 another's list, lenient", lenient(), listed(Known::Foreign), no(Reason::StatusUnavailable)),
            ("SL-10 never heard", ask(), listed(Known::Missing), no(Reason::StatusUnavailable)),
            ("SL-10 never heard, lenient", lenient(), listed(Known::Missing), Want::Pass),
            ("SL-10 never heard, lenient later", late(), listed(Known::Missing), no(Reason::StatusUnavailable)),
            ("as old as it may be", ask(), said(0, false, 300_000), Want::Pass),
            ("1 ms too old", ask(), said(0, false, 300_001), no(Reason::StatusUnavailable)),
            ("1 ms too old, lenient", lenient(), said(0, false, 300_001), Want::Pass),
            ("too old, and INVALID", ask(), said(1, false, 300_001), no(Reason::TokenRevoked)),
            ("too old, INVALID, lenient", lenient(), said(1, false, 300_001), no(Reason::TokenRevoked)),
            ("SL-09 expired", ask(), listed(Known::Expired(at(0))), no(Reason::StatusUnavailable)),
            ("SL-09 expired, lenient", lenient(), listed(Known::Expired(at(0))), no(Reason::StatusUnavailable)),
        ],
    );
}
