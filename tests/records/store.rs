//! The store by itself: what is dropped is counted, what is old leaves, what is asked for is found; without a gateway,
//! so that time and the queue are in hand.

use curfew::decide::reason::Reason;
use curfew::decide::time::{Moment, Timestamp};
use curfew::telemetry::records::{Filter, Records, offline};
use curfew::telemetry::{Asked, Exchange, Service, Settings, Telemetry, TraceContext};
use http::{HeaderMap, Method, Version};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn telemetry(records: serde_json::Value) -> Telemetry {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    let settings: Settings = serde_json::from_value(json!({ "records": records })).unwrap();
    Telemetry::start(&settings, &service, &tokio::runtime::Handle::current()).unwrap()
}

fn exchange(at: i64, id: &'static str) -> Exchange<'static> {
    static GET: Method = Method::GET;
    Exchange {
        trace: TraceContext::begin(&HeaderMap::new(), false, || false),
        moment: Moment { wall: Timestamp::from_millis(at), steady: Duration::from_secs(7) },
        total: Duration::from_millis(12),
        judge: None,
        request: Asked {
            method: &GET,
            scheme: "https",
            path: "/orders/7",
            query: None,
            authority: "api.example",
            version: Version::HTTP_2,
            peer: Some(([192, 0, 2, 1], 4711).into()),
            client: None,
            user_agent: None,
            request_id: Some(id.as_bytes()),
        },
        route: None,
        revision: "abc123",
        status: 404,
        reason: Some(Reason::RouteNotFound),
        verdict: None,
        shadow: None,
        session: Default::default(),
        token: None,
        issuer: None,
        keys_of: None,
        untrusted: None,
        revocation: None,
        revoked: None,
        skew_ms: None,
        sight: None,
        delivery: None,
    }
}

fn called(records: &Records, id: &str) -> usize {
    records.newest(&Filter { id: Some(id.into()), ..Filter::default() }, 1000).unwrap().len()
}

/// The queue takes what it can, and says of the rest how much it was.
#[tokio::test]
async fn what_finds_no_place_is_counted() {
    let telemetry = telemetry(json!({}));
    const ALL: u64 = 100_000;
    (0..ALL).for_each(|_| telemetry.record(&exchange(1000, "x")));
    let records = Arc::clone(telemetry.records());
    records.settle().await;
    let standing = records.standing();
    assert_eq!(standing.written + standing.dropped_queue, ALL, "{standing:?}");
    assert!(standing.dropped_queue > 0 && standing.kept <= 2000, "{standing:?}");
    telemetry.shutdown(Duration::from_secs(5)).await;
}

/// Never more than said, never older than said, and over a restart neither.
#[tokio::test]
async fn what_is_old_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({ "directory": dir.path(), "max_records": 32, "max_age": "1m" });
    let open = || telemetry(settings.clone());
    let first = open();
    for round in 0..10 {
        (0..10).for_each(|_| first.record(&exchange(1000 + round, "many")));
        first.records().settle().await;
        assert!(first.records().standing().kept <= 32);
    }
    assert!(first.records().standing().kept >= 31);
    first.record(&exchange(59_000, "late"));
    first.shutdown(Duration::from_secs(5)).await;
    drop(first);

    let second = open();
    let records = second.records();
    records.settle().await;
    assert!(called(records, "late") == 1 && called(records, "many") >= 30);
    assert_eq!(offline::find(dir.path(), "late").unwrap().len(), 1);
    records.tick(Timestamp::from_millis(62_000));
    records.settle().await;
    assert_eq!((called(records, "many"), records.standing().kept), (0, 1), "only what is a minute old has left");
    records.tick(Timestamp::from_millis(200_000));
    records.settle().await;
    assert_eq!(records.standing().kept, 0);
    assert_eq!(files(dir.path()), 0);
    second.record(&exchange(200_001, "next"));
    records.settle().await;
    assert_eq!(called(records, "next"), 1, "an empty store goes on");
}

fn files(path: &Path) -> usize {
    let names = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|end| end == "bin")).count()
}

/// A directory that is taken away while records come: what cannot be kept is counted, and it goes on when there is one.
#[tokio::test]
async fn a_directory_that_is_gone_comes_back() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("records");
    let telemetry = telemetry(json!({ "directory": dir, "max_records": 16 }));
    let records = Arc::clone(telemetry.records());
    std::fs::remove_dir_all(&dir).unwrap();
    (0..5).for_each(|_| telemetry.record(&exchange(1000, "lost")));
    records.settle().await;
    assert_eq!((records.standing().dropped_disk, records.standing().kept), (5, 0));
    std::fs::create_dir(&dir).unwrap();
    telemetry.record(&exchange(1000, "kept"));
    records.settle().await;
    assert_eq!((records.standing().dropped_disk, called(&records, "kept")), (5, 1));
}

/// One file that cannot be read hides no other, is counted, and stays; nothing is written over it.
#[tokio::test]
async fn a_file_that_cannot_be_read_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({ "directory": dir.path(), "max_records": 64 });
    let first = telemetry(settings.clone());
    for id in ["old", "middle", "new"] {
        (0..4).for_each(|_| first.record(&exchange(1000, id)));
        first.records().settle().await;
    }
    first.shutdown(Duration::from_secs(5)).await;
    drop(first);
    let mut all: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|end| end == "bin"));
    all.sort();
    assert_eq!(all.len(), 3);
    // There is room in the first again; what comes next is not to stand there, before what cannot be read.
    let file = std::fs::OpenOptions::new().write(true).open(&all[0]).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    // What is a directory cannot be read as a file, whoever asks.
    for path in &all[1..] {
        std::fs::rename(path, path.with_extension("aside")).unwrap();
        std::fs::create_dir(path).unwrap();
    }
    for round in 1..3 {
        let next = telemetry(settings.clone());
        let records = next.records();
        records.settle().await;
        assert_eq!((called(records, "old"), called(records, "new"), records.standing().skipped), (3, 0, 2));
        next.record(&exchange(2000, "later"));
        records.settle().await;
        assert_eq!((called(records, "later"), records.standing().dropped_disk), (round, 0));
        next.shutdown(Duration::from_secs(5)).await;
    }
    assert_eq!(offline::find(dir.path(), "later").unwrap().len(), 2);
    assert!(offline::find(dir.path(), "none").is_err(), "it may be in what cannot be read");
    for path in &all[1..] {
        std::fs::remove_dir(path).unwrap();
        std::fs::rename(path.with_extension("aside"), path).unwrap();
    }
    let last = telemetry(settings);
    let records = last.records();
    records.settle().await;
    let found = ["old", "middle", "new", "later"].map(|id| called(records, id));
    assert_eq!((found, records.standing().skipped), ([3, 4, 4, 2], 0));
}

/// By its own trace, by that of its caller, and by nobody else's.
#[tokio::test]
async fn a_record_is_found_by_the_callers_trace() {
    let telemetry = telemetry(json!({}));
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    let trace = TraceContext::begin(&headers, false, || false);
    telemetry.record(&Exchange { trace, ..exchange(1000, "x") });
    telemetry.record(&exchange(1000, "y"));
    let records = telemetry.records();
    records.settle().await;
    for (id, count) in [
        ("0af7651916cd43dd8448eb211c80319c", 1),
        ("0AF7651916CD43DD8448EB211C80319C", 1),
        (trace.trace_hex().as_str(), 1),
        ("y", 1),
        ("z", 0),
        ("00000000000000000000000000000000", 0),
        ("", 0),
    ] {
        assert_eq!(called(records, id), count, "{id}");
    }
}

/// Of a hundred thousand. Run it with `--nocapture` for the time; `cargo bench --bench records` tells it optimised.
#[tokio::test]
async fn one_of_many_is_found_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let telemetry = telemetry(json!({ "directory": dir.path(), "max_records": 20_000 }));
    let records = Arc::clone(telemetry.records());
    telemetry.record(&exchange(1000, "the first"));
    for _ in 0..20 {
        (0..900).for_each(|_| telemetry.record(&exchange(1000, "another")));
        records.settle().await;
    }
    let begun = Instant::now();
    assert_eq!(called(&records, "the first"), 1);
    println!("found among {} in {:?}", records.standing().kept, begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2));
}
