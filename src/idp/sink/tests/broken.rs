//! Is what breaks off written down once, and nothing lost by that?

use super::*;

fn sessions(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Result<Understood, &'static str>> + Clone {
    numbers.map(|number| {
        let id = format!("session-{number}").into();
        Ok(Understood { revokes: Revokes::Session, id, cutoff: Cutoff::Always, until: None, happened: None })
    })
}

fn at(cursor: &str) -> Place {
    Place { cursor: Some(cursor.into()), issued: None }
}

/// How many bytes are written by this, and by nothing else.
async fn writes(sink: &Sink, journal: &Journal, act: impl FnOnce()) -> u64 {
    let flush = || async { sink.accept(&[alice(1)]).await.unwrap() };
    flush().await;
    let before = journal.standing().bytes;
    flush().await;
    let after = journal.standing().bytes;
    act();
    flush().await;
    (journal.standing().bytes - after) - (after - before)
}

/// A delta that breaks off is said again until it comes whole. What came of it is there after a restart, with its cursor
/// only once all of it came.
#[tokio::test]
async fn a_delta_that_breaks_off_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, journal) = kept(dir.path());
    sink.feed.rebound(Bounds { max_entries: 20_000, max_staleness: None });
    let part = || sink.take_in(sessions(0..9000).chain([Err("broken off")]), false, &at("2"), OrOff::Off);
    let first = writes(&sink, &journal, || assert!(part().is_err())).await;
    assert!(first > 9000 * 17);
    for _ in 0..3 {
        assert_eq!(writes(&sink, &journal, || assert!(part().is_err())).await, 0);
    }
    assert_eq!(sink.place(), Place::default());
    // It is needed for longer now, and that is news.
    let until = |secs| Some(Timestamp::from_secs(secs));
    for (until, news) in [(until(9000), true), (until(9000), false), (until(8000), false), (None, true), (None, false)]
    {
        let dated = sessions(10_000..10_010).map(|entry| entry.map(|entry| Understood { until, ..entry }));
        let taken = || sink.take_in(dated, false, &at("1"), OrOff::Off).unwrap();
        assert_eq!(writes(&sink, &journal, taken).await > 100, news, "{until:?}");
    }
    let taken = || sink.take_in(sessions(0..9001), false, &at("2"), OrOff::Off).unwrap();
    let whole = writes(&sink, &journal, taken).await;
    assert!((17..300).contains(&whole), "what was missing, and the cursor: {whole}");
    journal.close();
    drop((sink, journal));
    let (sink, _journal) = kept(dir.path());
    assert_eq!((sink.held(), sink.place()), (9012, at("2")));
}

/// What a snapshot brought that broke off is enforced, and not written down: whoever says it besides, and goes on from
/// there, is not told that it is known.
#[tokio::test]
async fn what_is_held_and_not_written_is_written_when_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, journal) = kept(dir.path());
    assert!(sink.take_in(sessions(0..20).chain([Err("broken off")]), true, &at("1"), OrOff::Off).is_err());
    assert_eq!(sink.held(), 20);
    sink.take_in(sessions(0..10), false, &at("2"), OrOff::Off).unwrap();
    journal.close();
    drop((sink, journal));
    let (sink, _journal) = kept(dir.path());
    assert_eq!((sink.held(), sink.place()), (10, at("2")));
}
