//! Does a source lose nothing that was accepted, whatever the disk does?

use super::*;
use crate::decide::id::{Fingerprint, IssuerName, SourceName};
use crate::decide::revocation::Handles;
use crate::state::clock::HandClock;
use crate::state::journal::{Journal, Voice};
use crate::state::keys::{IssuerKeys, Patience};
use crate::state::revocations::Bounds;

mod broken;
mod shrunk;

const ISS: &str = "https://i";

fn voice() -> Voice {
    Voice { source: SourceName::from("ssf"), iss: ISS.into() }
}

/// A source without a journal.
pub(in crate::idp) fn sink() -> Sink {
    let revocations = Arc::<Revocations>::default();
    let bounds = Bounds { max_entries: 100, max_staleness: None };
    let feed = revocations.open(&SourceName::from("ssf"), &IssuerName::from("i"), bounds).unwrap();
    let patience = Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO };
    let (keys, algorithms) = (Arc::new(IssuerKeys::new(patience)), [].into_iter().collect());
    let signer = Signer { iss: ISS.into(), keys, algorithms, leeway: Duration::ZERO };
    Sink {
        revocations,
        statuses: Arc::default(),
        feed,
        account: None,
        mark: [0; 8],
        fingerprints: Arc::new(Fingerprints::derived(b"a key for tests").unwrap()),
        issuer: ISS.into(),
        retain: None,
        clock: Arc::new(HandClock::at(Timestamp::from_secs(1000))),
        news: News::new(0),
        signer: Arc::new(ArcSwap::from_pointee(signer)),
        events: Arc::default(),
        telling: None,
        trouble: Arc::default(),
        audited: Audited::default(),
        held_back: Arc::default(),
    }
}

/// The same, kept in this directory.
fn kept(dir: &std::path::Path) -> (Sink, Journal) {
    let mut sink = sink();
    let (set, clock) = (Arc::clone(&sink.revocations), Arc::clone(&sink.clock));
    let journal = Journal::in_directory(dir, [1; 16], set, clock).unwrap();
    sink.account = journal.recover(vec![(voice(), Arc::clone(&sink.feed))]).unwrap().pop();
    (sink, journal)
}

fn alice(at: i64) -> Understood {
    let cutoff = Cutoff::UpTo(Timestamp::from_secs(at));
    Understood { revokes: Revokes::Subject, id: "alice".into(), cutoff, until: None, happened: None }
}

fn said(sink: &Sink) -> Option<Cutoff> {
    let subject = Some(sink.fingerprints.of(Kind::Subject, ISS, b"alice"));
    let handles = Handles { subject, token: Fingerprint::default(), ..Handles::default() };
    sink.revocations.look_up(&IssuerName::from("i"), &handles).subject.map(|entry| entry.cutoff)
}

/// An account that is enabled again stays cut off up to then, though that cannot be written: its sender tries again.
#[tokio::test]
async fn an_unblock_that_is_not_kept_does_not_free_what_was_cut_off() {
    let mut sink = sink();
    sink.block(&[alice(900)]).await.unwrap();
    assert_eq!(said(&sink), Some(Cutoff::Always));
    sink.clock = Arc::new(HandClock::at(Timestamp::from_secs(2000)));
    sink.account = Some(Journal::refuse(voice(), Arc::clone(&sink.feed)));
    assert!(matches!(sink.unblock(&alice(950)).await, Err(NotKept::Unwritten(_))));
    assert_eq!(said(&sink), Some(Cutoff::Always), "as after a restart, and as its sender was told");
    assert_eq!(
        sink.blocked_since(&alice(950)),
        Some(Timestamp::from_secs(1000)),
        "what is sent again is later than that"
    );
    sink.account = None;
    assert_eq!(sink.unblock(&alice(950)).await, Ok(true));
    assert_eq!(said(&sink), alice(950).cutoff.into());
}

/// It had its room: that somebody else took that meanwhile does not make a source incomplete that nobody can ask.
#[tokio::test]
async fn an_unblock_that_is_not_kept_needs_no_new_room() {
    let mut sink = sink();
    sink.block(&[alice(900)]).await.unwrap();
    // No more than is there.
    sink.feed.rebound(Bounds { max_entries: 1, max_staleness: None });
    sink.account = Some(Journal::refuse(voice(), Arc::clone(&sink.feed)));
    assert!(matches!(sink.unblock(&alice(950)).await, Err(NotKept::Unwritten(_))));
    assert_eq!((said(&sink), sink.held()), (Some(Cutoff::Always), 2));
    assert!(sink.feed.standing(sink.now()).complete);
}

/// One record holds both, so that no crash leaves an account that is free of both.
#[tokio::test]
async fn a_lowered_block_is_a_cutoff_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, journal) = kept(dir.path());
    sink.block(&[alice(900)]).await.unwrap();
    assert_eq!(sink.unblock(&alice(950)).await, Ok(true));
    let written = journal.standing().records;
    journal.close();
    drop((sink, journal));
    let (sink, _journal) = kept(dir.path());
    assert_eq!((said(&sink), written), (alice(950).cutoff.into(), 3));
}

/// Whatever came first, and over restarts: an account that is enabled is cut off as of the last event that cut it off, and
/// a block that begins anew has nothing left of the one before.
#[tokio::test]
async fn what_cut_off_a_blocked_name_holds_when_it_is_unblocked() {
    let dir = tempfile::tempdir().unwrap();
    for first in [true, false] {
        let (sink, journal) = kept(dir.path());
        if first {
            sink.cut(&[alice(930)]).await.unwrap();
        }
        sink.block(&[alice(910)]).await.unwrap();
        if !first {
            sink.cut(&[alice(930)]).await.unwrap();
            sink.cut(&[alice(915)]).await.unwrap();
        }
        journal.close();
        drop((sink, journal));
        let (mut sink, journal) = kept(dir.path());
        assert_eq!(said(&sink), Some(Cutoff::Always));
        let account = sink.account.replace(Journal::refuse(voice(), Arc::clone(&sink.feed)));
        assert!(sink.unblock(&alice(920)).await.is_err());
        sink.account = account;
        assert_eq!(sink.unblock(&alice(920)).await, Ok(true));
        assert_eq!(said(&sink), alice(930).cutoff.into(), "the cut-off was first: {first}");
        journal.close();
        drop((sink, journal));
        let (sink, journal) = kept(dir.path());
        assert_eq!(said(&sink), alice(930).cutoff.into());
        assert_eq!(sink.held(), 1);
        sink.revocations.lift(&sink.feed, target(&sink.fingerprints, ISS, &Revokes::Subject, "alice"));
        sink.account
            .as_ref()
            .unwrap()
            .turn()
            .lifted(&[target(&sink.fingerprints, ISS, &Revokes::Subject, "alice")], Timestamp::from_secs(1000))
            .kept()
            .await
            .unwrap();
        journal.close();
    }
}

/// What a source says when it is first heard is history. After that, what is new in its answers was late by the time since
/// it happened; what it says once more is not.
#[test]
fn how_late_an_answer_is() {
    let directory = tempfile::tempdir().unwrap();
    let (sink, _journal) = kept(directory.path());
    let answer = |at: &[i64], complete| Heard {
        entries: at.iter().map(|at| Understood { happened: Some(Timestamp::from_secs(*at)), ..alice(*at) }).collect(),
        complete,
        ..Heard::default()
    };
    let lag = sink.events().lag();
    let told = || (lag.buckets().iter().map(|(_, count)| count).sum::<u64>(), lag.sum());
    for (said, complete, lags) in [
        (900, true, (0, 0.0)),
        (900, true, (0, 0.0)),
        (998, true, (1, 2.0)),
        (998, false, (1, 2.0)),
        (999, false, (2, 3.0)),
    ] {
        assert!(sink.take(&answer(&[said], complete), sink.now(), OrOff::Off));
        assert_eq!(told(), lags, "{said}");
    }
    let lines = answer(&[999, 1000], false).entries.into_iter().map(Ok::<_, String>);
    sink.take_in(lines.clone(), false, &Place::default(), OrOff::Off).unwrap();
    assert_eq!(told(), (3, 3.0));
    sink.take_in(lines, true, &Place::default(), OrOff::Off).unwrap();
    // Twice the same thing: the younger is not new for that.
    assert_eq!(told(), (3, 3.0));
}
