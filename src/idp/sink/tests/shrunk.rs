//! Is what is suspiciously small held back, and nothing else?

use super::*;

const MAX: OrOff<Percent> = OrOff::On(Percent(90));

fn session(number: usize) -> Understood {
    let id = format!("session-{number}").into();
    Understood { revokes: Revokes::Session, id, cutoff: Cutoff::Always, until: None, happened: None }
}

fn all(entries: impl Iterator<Item = Understood>) -> Heard {
    Heard { entries: entries.collect(), complete: true, ..Heard::default() }
}

/// As a document and as lines: both at once.
fn says(sink: &Sink, heard: &Heard) -> bool {
    let lines = heard.entries.clone().into_iter().map(Ok::<_, String>);
    let taken = sink.take_in(lines, true, &Place::default(), MAX);
    assert_eq!(sink.take(heard, sink.now(), MAX), taken.is_ok());
    assert_eq!(taken.is_err(), sink.held_back.waits().is_some());
    taken.is_ok()
}

#[test]
fn what_is_counted_is_what_differs_and_is_needed() {
    let sink = sink();
    let twenty = || (0..20).map(session);
    assert!(says(&sink, &all(twenty())));
    // As many lines as before, and one entry.
    assert!(!says(&sink, &all(std::iter::repeat_n(session(0), 20))));
    assert_eq!(sink.held_back.waits().map(|waits| (waits.before, waits.now)), Some((20, 1)));
    // As many entries, and no token that needs them.
    let until = Some(Timestamp::from_secs(100));
    assert!(!says(&sink, &all((100..120).map(|number| Understood { until, ..session(number) }))));
    assert!(says(&sink, &all((0..3).map(session))));
    assert_eq!(sink.held(), 3);
}

/// What is left of answers that broke off was never said whole: whoever says as much as before is not held back for it.
#[test]
fn what_broke_off_is_not_missed() {
    let sink = sink();
    let twelve = || (0..12).map(session);
    assert!(says(&sink, &all(twelve())));
    let junk = (20..90).map(|number| Ok(session(number))).chain([Err("broken off")]);
    assert!(sink.take_in(junk, true, &Place::default(), MAX).is_err());
    assert!(says(&sink, &all((0..2).map(session))), "ten of twelve are gone, and not eighty of eighty-two");
}

/// Nor do they hide what was said before, once they are needed no more: an answer without anything is held back still.
#[test]
fn what_broke_off_and_left_does_not_lower_the_guard() {
    let sink = sink();
    assert!(says(&sink, &all((0..30).map(session))));
    let until = Some(Timestamp::from_secs(1100));
    let brief = (30..90).map(|number| Ok(Understood { until, ..session(number) }));
    for _ in 0..2 {
        assert!(sink.take_in(brief.clone().chain([Err("broken off")]), true, &Place::default(), MAX).is_err());
        (0..Revocations::PURGE_STEPS).for_each(|_| sink.revocations.purge_step(Timestamp::from_secs(2000)));
        assert_eq!((sink.held(), sink.feed.said()), (30, 30));
    }
    assert!(!says(&sink, &all([].into_iter())));
    // What was left, and is said after all, counts.
    assert!(sink.take_in(brief.clone().chain([Err("broken off")]), true, &Place::default(), MAX).is_err());
    assert_eq!(sink.feed.said(), 30);
    assert!(sink.take(&Heard { entries: brief.flatten().collect(), ..Heard::default() }, sink.now(), MAX));
    assert_eq!(sink.feed.said(), 90);
}

/// As many others as before are no fewer: what an answer brought itself is not missing in it.
#[test]
fn what_is_exchanged_as_a_whole_has_not_shrunk() {
    let sink = sink();
    let half = OrOff::On(Percent(50));
    assert!(sink.take(&all((0..20).map(session)), sink.now(), half));
    assert!(sink.take(&all((20..40).map(session)), sink.now(), half));
    let lines = (40..55).map(|number| Ok::<_, String>(session(number)));
    assert_eq!(sink.take_in(lines, true, &Place::default(), half), Ok(()));
    assert!(!sink.take(&all((60..67).map(session)), sink.now(), half));
    assert_eq!(sink.held_back.waits().map(|waits| (waits.before, waits.now)), Some((15, 7)));
}

/// What is said again and again until it can be taken in is written down once.
#[tokio::test]
async fn what_is_held_back_is_noted_once() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, journal) = kept(dir.path());
    assert!(sink.take(&all((0..20).map(session)), sink.now(), MAX));
    sink.accept(&[session(0)]).await.unwrap();
    let until = |s| Some(Timestamp::from_secs(s));
    let one = |s| all([Understood { until: until(s), ..session(30) }].into_iter());
    for (heard, records) in [(one(5000), 1), (one(5000), 0), (one(4000), 0), (one(6000), 1), (one(6000), 0)] {
        let before = journal.standing().records;
        assert!(!sink.take(&heard, sink.now(), MAX));
        // Whoever waits for a record waits for those before it.
        sink.accept(&[session(0)]).await.unwrap();
        assert_eq!(journal.standing().records - before, records + 1);
    }
}

/// What fits is kept over a restart, and what was refused is not.
#[tokio::test]
async fn what_was_refused_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, journal) = kept(dir.path());
    let bounds = Bounds { max_entries: 2, max_staleness: None };
    sink.feed.rebound(bounds);
    let three: Vec<Understood> = (0..3).map(session).collect();
    assert!(matches!(sink.accept(&three).await, Err(NotKept::Full(_))));
    assert!(sink.feed.last_error().is_some_and(|error| error.contains("max_entries")));
    assert!(sink.feed.standing(sink.now()).complete);
    sink.accept(&three[..2]).await.unwrap();
    assert_eq!(sink.feed.last_error(), None);
    journal.close();
    drop((sink, journal));
    let (sink, _journal) = kept(dir.path());
    assert_eq!((sink.held(), sink.feed.standing(sink.now()).complete), (2, true));
}
