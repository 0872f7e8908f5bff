//! A flood with everything on that tells of refusals: each sum must be the number of requests. How fast, for how long and in
//! how much memory is the bench's to say: `cargo bench --bench refusals`.

use crate::keep::flood;
use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::time::Duration;

const REFUSALS: usize = 2_000;
const ALL: &str = "directory: DIR, max_records: 160 }, audit: { file: DIR.audit/log, events: [request_refused], rotate_bytes: 256KiB ";

/// The lines of refusals in all files of the audit log.
fn audited(world: &World) -> usize {
    let files = std::fs::read_dir(world.dir.path().join("records.audit")).unwrap().flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default());
    texts.map(|text| text.matches("\"event\":\"request_refused\"").count()).sum()
}

#[test]
fn every_refusal_is_kept_or_counted_everywhere() {
    let world = World::start(ALL);
    flood(&world, REFUSALS);
    let sums = || {
        world.ask("/records/query", &json!({ "limit": 1 }));
        let decided = world.metric("curfew_decisions_total");
        let recorded = world.metric("curfew_records_written_total") + world.metric("curfew_records_dropped_total");
        let told = audited(&world) as f64 + world.metric("curfew_audit_dropped_total");
        [decided, recorded, told].map(|sum| sum as usize)
    };
    until("all are written or counted", Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_millis(50));
        (sums().iter().all(|sum| *sum >= REFUSALS)).then_some(())
    });
    assert_eq!(sums(), [REFUSALS; 3], "counted, recorded, in the audit log");
    let kept = world.metric("curfew_records_kept") as usize;
    assert!((150..=160).contains(&kept), "{kept} of them are left");
}
