//! Revocations: polled and read from files, fresh only while all that was said is known.

use super::provider::{Provider, Script, key};
use super::{House, corp, settings};
use curfew::decide::id::IssuerName;
use curfew::decide::revocation::{Cutoff, Freshness, Handles};
use curfew::decide::time::Timestamp;
use curfew::idp::settings::Settings;
use curfew::idp::source::SourceSettings;
use curfew::state::fingerprint::{ClaimValue, Kind};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A house with one issuer and one source, which is read from its settings as a user writes them.
pub struct Fed {
    pub house: House,
    pub provider: Arc<Provider>,
}

impl Fed {
    pub async fn new() -> Self {
        Self::of(House::open(), Provider::start(None).await)
    }

    pub fn of(house: House, provider: Arc<Provider>) -> Self {
        provider.truth(&[key("one")]);
        Self { house, provider }
    }

    pub fn settings(&self, source: Value) -> Settings {
        let source: SourceSettings = serde_json::from_value(source).unwrap();
        Settings { sources: [("feed".to_owned(), source)].into(), ..settings(corp(&self.provider)) }
    }

    pub fn poll(&self, more: Value) -> Value {
        let mut source = json!({"kind": "poll", "issuer": "corp", "url": self.provider.url("/feed"),
            "interval": "100ms", "timeout": "300ms", "allow_http": true});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source
    }

    pub fn revokes(&self, jti: &str) -> bool {
        let token = self.house.fingerprints.of(Kind::Token, &self.provider.url(""), jti.as_bytes());
        let entries = self.house.revocations.look_up(&corp_name(), &Handles { token, ..Handles::default() });
        entries.token.is_some()
    }

    pub fn freshness(&self) -> Freshness {
        self.house.revocations.freshness(&corp_name(), self.house.now())
    }

    pub fn age(&self) -> Option<Duration> {
        match self.freshness() {
            Freshness::Heard { age, .. } => Some(age),
            _ => None,
        }
    }

    pub fn error(&self) -> Option<Arc<str>> {
        self.house.revocations.standing(self.house.now()).pop().and_then(|feed| feed.last_error)
    }
}

fn corp_name() -> IssuerName {
    "corp".into()
}

pub fn tokens(jtis: &[&str], more: Value) -> Value {
    let entries: Vec<_> = jtis.iter().map(|jti| json!({"type": "token", "id": jti})).collect();
    let mut document = json!({ "entries": entries });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

#[tokio::test]
async fn a_snapshot_then_deltas_by_cursor() {
    let fed = Fed::new().await;
    fed.provider.script("/feed", Script::json(&tokens(&["a", "b"], json!({"cursor": "1/x", "complete": true}))));
    fed.provider.script("/feed?cursor=1%2Fx", Script::json(&tokens(&["c"], json!({"cursor": "2"}))));
    fed.provider.script("/feed?cursor=2", Script::json(&tokens(&[], json!({}))));
    let secret = secret_file("Bearer opens\n");
    let auth = json!({"auth": {"value": {"file": secret.path()}}});
    fed.house.apply(&fed.settings(fed.poll(auth)));
    assert!(matches!(fed.freshness(), Freshness::Cold { .. }));
    fed.house.ready().await;
    fed.provider.saw("/feed?cursor=2").await;
    assert!(["a", "b", "c"].iter().all(|jti| fed.revokes(jti)) && !fed.revokes("d"));
    assert!(
        fed.provider
            .seen()
            .iter()
            .filter(|seen| seen.target.starts_with("/feed"))
            .all(|seen| { seen.headers.get("authorization").is_some_and(|value| value == "Bearer opens") })
    );
    // Everything anew: what is not in it is not revoked any more.
    fed.provider.script("/feed?cursor=2", Script::json(&tokens(&["c", "d"], json!({"cursor": "3", "complete": true}))));
    fed.house.until(|| fed.revokes("d")).await;
    assert!(fed.revokes("c") && !fed.revokes("a"));
    // The cursor is too old: from the start.
    fed.provider.script("/feed?cursor=3", Script::status(410));
    fed.provider.script("/feed", Script::json(&tokens(&["e"], json!({"complete": true}))));
    fed.house.until(|| fed.revokes("e")).await;
    assert!(!fed.revokes("d"));
}

/// The number 7 and the string "7" are two names; so are two claims with one value.
#[tokio::test]
async fn claims_are_revoked_by_name_and_value() {
    let fed = Fed::new().await;
    let entries = json!([{"type": "claim", "claim": "email", "id": "a@b.c"},
        {"type": "claim", "claim": "device", "id": 7, "at": 10}]);
    fed.provider.script("/feed", Script::json(&json!({ "complete": true, "entries": entries })));
    fed.house.apply(&fed.settings(fed.poll(json!({}))));
    fed.house.ready().await;
    let revoked = |name: &str, value: Value| {
        let value = ClaimValue::of(&value).unwrap();
        let claims = [fed.house.fingerprints.of_claim(&fed.provider.url(""), name, value)].into();
        let handles = Handles { claims, ..Handles::default() };
        fed.house.revocations.look_up(&corp_name(), &handles).claim.map(|entry| entry.cutoff)
    };
    assert_eq!(revoked("email", json!("a@b.c")), Some(Cutoff::Always));
    assert_eq!(revoked("device", json!(7)), Some(Cutoff::UpTo(Timestamp::from_secs(10))));
    assert_eq!([revoked("device", json!("7")), revoked("mail", json!("a@b.c"))], [None, None]);
}

fn secret_file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

/// "Unchanged" and "nothing new" are knowledge too; silence and nonsense are not.
#[tokio::test]
async fn only_what_was_understood_is_fresh() {
    let fed = Fed::new().await;
    let body = tokens(&["a"], json!({"complete": true})).to_string();
    fed.provider.script("/feed", Script::Tagged("\"1\"", body));
    fed.house.apply(&fed.settings(fed.poll(json!({"max_staleness": "10s"}))));
    fed.house.ready().await;
    fed.house.clock.advance(Duration::from_secs(60));
    fed.house.until(|| fed.age() == Some(Duration::ZERO)).await;
    assert!(fed.provider.seen().iter().any(|seen| seen.headers.contains_key("if-none-match")));

    let bad_entry = json!({"complete": true, "entries": [{"type": "token", "id": "b"}, {"type": "planet", "id": "x"}]});
    for (worst, why) in [
        (Script::Hang, "in time"),
        (Script::status(500), "500"),
        (Script::json(&json!({"items": []})), "malformed"),
        (Script::Say(200, vec![("content-type", "text/html".into())], "{}".into()), "not JSON"),
        (Script::json(&bad_entry), "entry 2 is malformed"),
    ] {
        // Well again first, so that the pauses after faults do not add up.
        fed.provider.script("/feed", Script::json(&tokens(&["a"], json!({}))));
        fed.house.until(|| fed.error().is_none()).await;
        fed.provider.script("/feed", worst);
        fed.house.until(|| fed.error().is_some_and(|error| error.contains(why))).await;
        fed.house.clock.advance(Duration::from_secs(60));
        assert!(fed.age() >= Some(Duration::from_secs(60)) && fed.revokes("a"), "{why}");
    }
    // What was understood of the last is used all the same.
    assert!(fed.revokes("b"));
}

#[tokio::test]
async fn a_feed_past_its_bound_is_never_fresh() {
    let fed = Fed::new().await;
    fed.provider.script("/feed", Script::json(&tokens(&["a", "b", "c"], json!({"complete": true}))));
    fed.house.apply(&fed.settings(fed.poll(json!({"max_entries": 2}))));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("more than 2"))).await;
    assert!(matches!(fed.freshness(), Freshness::Cold { .. }) && fed.revokes("a"));
    // New bounds for the same feed: what it holds stays, and it is asked anew.
    fed.house.apply(&fed.settings(fed.poll(json!({"max_entries": 3}))));
    assert!(fed.revokes("a"));
    fed.house.until(|| fed.age().is_some()).await;
    assert!(fed.revokes("c"));
    // The source leaves, and its entries with it.
    fed.house.apply(&settings(corp(&fed.provider)));
    assert!(!fed.revokes("a") && fed.freshness() == Freshness::Unfed);
}

/// What there was no room for is asked for again, though the feed tells only what is new to whoever has a cursor.
#[tokio::test]
async fn a_feed_of_deltas_that_lacked_room_is_whole_again() {
    let fed = Fed::new().await;
    fed.provider.script("/feed", Script::json(&tokens(&["a"], json!({"cursor": "1", "complete": true}))));
    fed.provider.script("/feed?cursor=1", Script::json(&tokens(&["b", "c"], json!({"cursor": "2"}))));
    fed.house.apply(&fed.settings(fed.poll(json!({"max_entries": 2}))));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("more than 2"))).await;
    // All of it fits, as of some time ago; what came since does not. It is not whole in between, and is asked at rest.
    let (asked, began) = (fed.provider.count("/feed"), Instant::now());
    while fed.provider.count("/feed") < asked + 8 {
        assert!(fed.age().is_none() && began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(began.elapsed() > Duration::from_millis(900), "each time after a longer rest: {:?}", began.elapsed());
    // One of them is needed no more.
    fed.provider.script("/feed", Script::json(&tokens(&["b", "c"], json!({"cursor": "2", "complete": true}))));
    fed.provider.script("/feed?cursor=2", Script::json(&tokens(&[], json!({}))));
    fed.house.until(|| fed.age().is_some() && fed.error().is_none()).await;
    assert!(!fed.revokes("a") && fed.revokes("b") && fed.revokes("c"));
}

/// One that tells everything, and does not say so, proves nothing by it: it is asked at rest, and the operator is told why.
#[tokio::test]
async fn what_is_not_said_to_be_all_is_not_all() {
    let fed = Fed::new().await;
    fed.provider.script("/feed", Script::json(&tokens(&["a", "b", "c"], json!({"cursor": "1"}))));
    fed.house.apply(&fed.settings(fed.poll(json!({"max_entries": 2}))));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("more than 2"))).await;
    fed.provider.script("/feed", Script::json(&tokens(&["a"], json!({"cursor": "1"}))));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("must be told everything"))).await;
    let (asked, began) = (fed.provider.count("/feed"), Instant::now());
    fed.house.until(|| fed.provider.count("/feed") >= asked + 3).await;
    assert!(began.elapsed() > Duration::from_millis(600) && fed.age().is_none(), "{:?}", began.elapsed());
    fed.provider.script("/feed", Script::json(&tokens(&["a"], json!({"cursor": "1", "complete": true}))));
    fed.provider.script("/feed?cursor=1", Script::json(&tokens(&[], json!({}))));
    fed.house.until(|| fed.age().is_some() && fed.error().is_none()).await;
}

#[tokio::test]
async fn a_file_is_watched_and_a_fault_in_it_takes_nothing_back() {
    let fed = Fed::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("revoked");
    let write = |text: &str| {
        std::fs::write(dir.path().join("new"), text).unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
    };
    let source = json!({"kind": "file", "issuer": "corp", "path": path, "format": "ndjson", "max_staleness": "off"});
    fed.house.apply(&fed.settings(source));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("cannot be read"))).await;
    assert!(matches!(fed.freshness(), Freshness::Cold { .. }));
    write("# first\n{\"type\":\"token\",\"id\":\"a\"}\n{\"type\":\"token\",\"id\":\"b\"}\n");
    fed.house.until(|| fed.age().is_some()).await;
    assert!(fed.revokes("a") && fed.revokes("b"));
    write("{\"type\":\"token\",\"id\":\"c\"}\n{\"type\":\"tok");
    fed.house.until(|| fed.error().is_some()).await;
    assert!(["a", "b", "c"].iter().all(|jti| fed.revokes(jti)));
    write("{\"type\":\"token\",\"id\":\"c\"}\n");
    fed.house.until(|| fed.error().is_none()).await;
    assert!(!fed.revokes("a") && fed.revokes("c"));
}

/// A file that is emptied, or is being written where it is, takes nothing back before somebody says that it is meant so.
#[tokio::test]
async fn a_file_that_shrinks_suspiciously_is_held_back() {
    let fed = Fed::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("revoked");
    let many: String = (0..100).map(|number| format!("m{number}\n")).collect();
    // As it is read at once, and entry by entry.
    for filler in [String::new(), "#\n".repeat(3 << 20)] {
        std::fs::write(&path, &many).unwrap();
        let source = json!({"kind": "file", "issuer": "corp", "path": path, "max_staleness": "off"});
        fed.house.apply(&fed.settings(source));
        fed.house.until(|| fed.age().is_some() && fed.error().is_none() && fed.revokes("m99")).await;
        for few in ["", "new\n"] {
            std::fs::write(&path, format!("{filler}{few}")).unwrap();
            let told = format!("held back: {} entries where there were 10", few.lines().count());
            fed.house.until(|| fed.error().is_some_and(|error| error.contains(&told))).await;
            assert!(fed.revokes("m0") && fed.revokes("m99"));
        }
        assert!(fed.revokes("new"));
        assert!(fed.house.idp.confirm("feed", Some(1)).is_ok());
        fed.house.until(|| fed.error().is_none()).await;
        assert!(fed.revokes("new") && !fed.revokes("m0"));
    }
}

/// A file that was cut short, as by a disk that was full, takes nothing back until somebody says that it is meant so.
#[tokio::test]
async fn a_file_that_was_cut_short_is_held_back() {
    let fed = Fed::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |count: usize| {
        let lines: String = (0..count).map(|number| format!("m{number}\n")).collect();
        std::fs::write(file.path(), lines).unwrap();
    };
    write(20);
    fed.house.apply(&fed.settings(json!({"kind": "file", "issuer": "corp", "path": file.path()})));
    fed.house.until(|| fed.age().is_some() && fed.revokes("m19")).await;
    write(1);
    fed.house
        .until(|| fed.error().is_some_and(|error| error.contains("held back: 1 entries where there were 20")))
        .await;
    assert!(fed.revokes("m0") && fed.revokes("m19"));
    fed.house.clock.advance(Duration::from_secs(60));
    assert!(matches!(fed.freshness(), Freshness::Heard { age, max: Some(max), .. } if age > max), "it is not fresh");
    fed.house.idp.confirm("feed", Some(1)).unwrap();
    fed.house.until(|| fed.error().is_none() && !fed.revokes("m19")).await;
    assert!(fed.revokes("m0"));
    // Nor is it held back without cause.
    write(30);
    fed.house.until(|| fed.revokes("m29")).await;
    write(5);
    fed.house.until(|| fed.error().is_none() && !fed.revokes("m29")).await;
}

/// It is not read four times a second for ever, but when it has changed.
#[tokio::test]
async fn a_file_that_is_held_back_is_not_read_again_and_again() {
    let fed = Fed::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |range: std::ops::Range<usize>| {
        let lines: String = range.map(|number| format!("m{number}\n")).collect();
        std::fs::write(file.path(), lines).unwrap();
    };
    let failures = || fed.house.revocations.standing(fed.house.now()).pop().map(|feed| feed.failures);
    write(0..20);
    fed.house.apply(&fed.settings(json!({"kind": "file", "issuer": "corp", "path": file.path()})));
    fed.house.until(|| fed.age().is_some() && fed.revokes("m19")).await;
    write(0..1);
    fed.house.until(|| failures() == Some(1)).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(failures(), Some(1));
    assert!(fed.error().is_some_and(|error| error.contains("held back")), "nor is it heard by that");
    write(1..2);
    fed.house.until(|| failures() == Some(2)).await;
}

/// Whoever looks while a source gets another name misses nothing, or is told that what is there is not all.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_renamed_leaves_no_window() {
    let fed = Fed::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("revoked");
    std::fs::write(&path, "{\"type\":\"token\",\"id\":\"a\"}\n").unwrap();
    let source = json!({"kind": "file", "issuer": "corp", "path": path, "format": "ndjson", "max_staleness": "off"});
    fed.house.apply(&fed.settings(source));
    fed.house.until(|| fed.age().is_some()).await;
    let (looks, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                // What became known in between is no window.
                let (before, revokes, after) = (fed.freshness(), fed.revokes("a"), fed.freshness());
                let fresh = matches!((before, after), (Freshness::Heard { source: one, .. }, Freshness::Heard { source: other, .. }) if one == other);
                assert!(revokes || !(fresh || after == Freshness::Unfed), "{before:?} {after:?}");
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut settings = fed.settings(fed.poll(json!({})));
        for round in 0..40 {
            let source = json!({"kind": "file", "issuer": "corp", "path": path, "format": "ndjson"});
            settings.sources = [(format!("feed-{round}"), serde_json::from_value(source).unwrap())].into();
            fed.house.apply(&settings);
            let (seen, since) = (looks.load(Ordering::Relaxed), Instant::now());
            while !fed.revokes("a") || looks.load(Ordering::Relaxed) == seen {
                assert!(since.elapsed() < Duration::from_secs(20) && !look.is_finished());
                std::thread::yield_now();
            }
        }
        ended.store(true, Ordering::Relaxed);
        look.join().unwrap();
    });
}

#[tokio::test]
async fn settings_that_cannot_run_are_refused_whole() {
    let fed = Fed::new().await;
    for (more, told) in [
        (json!({"issuer": "nobody"}), "no issuer `nobody`"),
        (json!({"url": "http://id.example.com/feed"}), "plain http"),
        (json!({"auth": {"value": {"file": "/nowhere/at/all"}}}), "cannot be read"),
        (json!({"ca": "/nowhere/at/all"}), "cannot be read"),
    ] {
        let faults = fed.house.idp.apply(&fed.settings(fed.poll(more))).unwrap_err();
        assert_eq!(faults[0].place, "revocation.sources.feed");
        assert!(faults[0].error.to_string().contains(told), "{}", faults[0].error);
    }
    assert!(fed.house.idp.keys("corp").is_none());
}
