//! What instances tell each other, and what comes of it at each, without a Redis between them.

use super::*;
use crate::decide::id::{Fingerprint, SourceName};
use crate::decide::revocation::{Cutoff, Handles};
use crate::decide::time::Timestamp;
use crate::idp::feed::{Revokes, Understood};
use crate::idp::fleet::note::Note;
use crate::idp::sink::Sink;
use crate::state::clock::HandClock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::journal;
use crate::state::keys::{IssuerKeys, Patience};
use crate::state::revocations::{Bounds, Revoked, Target, Void};
use std::time::Duration;

const ISS: &str = "https://i";

/// An instance whose channel ends at its queue, the feed of its own operators, and one that a provider writes.
struct One {
    hub: Hub,
    operators: Sink,
    ssf: Sink,
    clock: Arc<HandClock>,
}

impl One {
    fn new() -> Self {
        Self::kept(None)
    }

    /// One that keeps what it is told in this directory.
    fn kept(directory: Option<&std::path::Path>) -> Self {
        let clock = Arc::new(HandClock::at(Timestamp::from_secs(1000)));
        let means = Means {
            runtime: tokio::runtime::Handle::current(),
            clock: Arc::clone(&clock) as Arc<dyn crate::state::clock::Clock>,
            revocations: Arc::default(),
            statuses: Arc::default(),
            fingerprints: Arc::new(Fingerprints::derived(b"a key for tests").unwrap()),
            audit: None,
        };
        let (set, wall) = (Arc::clone(&means.revocations), Arc::clone(&means.clock));
        let reception = Arc::new(Reception::new(means.runtime.clone(), Arc::clone(&means.clock)));
        let mut hub = Hub::new(means, News::new(0), reception, CancellationToken::new());
        hub.journal = directory
            .map(|directory| Arc::new(Journal::in_directory(directory, [1; 16], Arc::clone(&set), wall).unwrap()));
        let redis = serde_json::json!({"redis": {"urls": ["unix:///nowhere"]}});
        let settings: FleetSettings = serde_json::from_value(redis).unwrap();
        let patience = Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO };
        let (keys, algorithms) = (Arc::new(IssuerKeys::new(patience)), [].into_iter().collect());
        let signer = Signer { iss: ISS.into(), keys, algorithms, leeway: Duration::ZERO };
        let spoken = Spoken { name: "i".into(), iss: ISS.into(), signer, ages: true };
        let open = |name: &str| {
            let bounds = Bounds { max_entries: 100, max_staleness: None };
            let feed = set.open(&SourceName::from(name), &"i".into(), bounds).unwrap();
            (journal::Voice { source: SourceName::from(name), iss: ISS.into() }, feed)
        };
        let mut opened: Vec<_> = hub.openings([("i", ISS)].into_iter(), Some(&settings)).collect();
        opened.extend([open("operator/i"), open("ssf")]);
        opened[2].1.lift_by_time();
        let names: Vec<String> = opened.iter().map(|(voice, _)| voice.source.to_string()).collect();
        let feeds: Vec<_> = opened.iter().map(|(_, feed)| Arc::clone(feed)).collect();
        let accounts = hub.journal.as_ref().map(|journal| journal.recover(opened).unwrap()).unwrap_or_default();
        let accounts = accounts.into_iter().map(Some).chain(std::iter::repeat(None));
        let mut kept: BTreeMap<String, Kept> = names.into_iter().zip(feeds.into_iter().zip(accounts)).collect();
        let own: Vec<Kept> = ["operator/i", "ssf"].iter().map(|name| kept.remove(*name).unwrap()).collect();
        let share = |(feed, account): &Kept, voice| {
            (feed.id, Shared { voice, iss: ISS.into(), account: account.clone(), retain: None })
        };
        let shared = vec![share(&own[0], Voice::Operator), share(&own[1], Voice::Provider)];
        hub.outbox.rebound(100);
        hub.seat(vec![spoken], shared, Some(&settings), &mut kept);
        let stand = hub.stands.all().pop().unwrap();
        let sink = |(feed, account): &Kept, voice| {
            let telling = Some(hub.telling(voice));
            Sink { telling, feed: Arc::clone(feed), account: account.clone(), ..stand.operators.clone() }
        };
        let (operators, ssf) = (sink(&own[0], Voice::Operator), sink(&own[1], Voice::Provider));
        Self { hub, operators, ssf, clock }
    }

    /// It ends here.
    fn close(self) {
        self.hub.journal.as_ref().unwrap().close();
    }

    fn at(&self, ms: i64) {
        self.clock.set_wall(Timestamp::from_millis(ms));
    }

    fn cutoff(&self, id: &str) -> Option<Cutoff> {
        let subject = Some(self.hub.means.fingerprints.of(Kind::Subject, ISS, id.as_bytes()));
        let handles = Handles { subject, token: Fingerprint::default(), ..Handles::default() };
        self.hub.means.revocations.look_up(&"i".into(), &handles).subject.map(|entry| entry.cutoff)
    }

    fn subject(id: &str) -> Understood {
        Understood { revokes: Revokes::Subject, id: id.into(), cutoff: Cutoff::Always, until: None, happened: None }
    }

    fn target(&self, id: &str) -> Target {
        Target::Subject(self.hub.means.fingerprints.of(Kind::Subject, ISS, id.as_bytes()))
    }

    fn revokes(&self, id: &str) -> bool {
        self.cutoff(id).is_some()
    }

    /// All that waits to be told.
    fn tells(&self) -> Vec<Note> {
        let (notes, after) = self.hub.outbox.front(100);
        self.hub.outbox.written(after);
        notes
    }

    async fn hears(&self, notes: &[Note]) {
        self.hub.stands.take(notes, Timestamp::from_secs(2000));
    }

    /// All that it holds, as it is told again.
    fn holds(&self) -> Vec<Note> {
        let mut notes = self.hub.stands.lifted(self.hub.means.clock.now().wall);
        let steps = 0..crate::state::revocations::Revocations::STEPS;
        steps.for_each(|step| self.hub.stands.held(&self.hub.means.revocations, step, &mut notes));
        notes
    }
}

/// Lifted at any instance, void at all; what was held somewhere and is told again does not bring it back.
#[tokio::test]
async fn what_is_lifted_stays_lifted_until_it_is_entered_anew() {
    let (one, other, late) = (One::new(), One::new(), One::new());
    one.operators.accept(&[One::subject("alice"), One::subject("bob")]).await.unwrap();
    let entered = one.tells();
    assert_eq!(entered.len(), 2);
    other.hears(&entered).await;
    let held = other.holds();
    assert!(other.revokes("alice") && other.revokes("bob") && other.tells().is_empty());
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    let lifted = other.tells();
    assert!(!other.revokes("alice") && other.revokes("bob") && lifted.len() == 1);
    one.hears(&lifted).await;
    assert!(!one.revokes("alice") && one.revokes("bob"));
    // In whatever order it comes, and however often.
    for notes in [&entered, &held, &lifted] {
        one.hears(notes).await;
        other.hears(notes).await;
    }
    late.hears(&lifted).await;
    late.hears(&held).await;
    for instance in [&one, &other, &late] {
        assert!(!instance.revokes("alice") && instance.revokes("bob"));
    }
    // Entered anew, later; and the old word is told once more.
    let anew: Vec<Note> =
        entered.iter().map(|note| Note { learned: Timestamp::from_secs(1500), ..note.clone() }).collect();
    for instance in [&one, &other, &late] {
        instance.hears(&anew).await;
        instance.hears(&lifted).await;
        assert!(instance.revokes("alice"));
    }
}

/// What it holds may be read once more while it is lifted: who has the turn of his feed does not wait for that.
#[tokio::test]
async fn who_lifts_does_not_wait_for_his_own_turn() {
    let directory = tempfile::tempdir().unwrap();
    let one = One::kept(Some(directory.path()));
    one.operators.accept(&[One::subject("alice")]).await.unwrap();
    let (sink, target, now) = (one.operators.clone(), one.target("alice"), Timestamp::from_secs(1001));
    let (done, lifted) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _turn = sink.account.as_ref().unwrap().turn();
        let telling = sink.telling.as_ref().unwrap();
        let void = telling.void(&sink.revocations, &sink.issuer, target, now);
        drop(telling.lifted(&sink.issuer, (target, void), now, sink.feed.id));
        done.send(()).unwrap();
    });
    lifted.recv_timeout(Duration::from_secs(10)).expect("it waits for itself");
    one.close();
}

/// What was taken back while its issuer was given another name does not come back under that.
#[tokio::test]
async fn what_is_void_is_not_carried_over() {
    let one = One::new();
    let (stand, target) = (one.hub.stands.all().pop().unwrap(), one.target("alice"));
    let void = Void { at: Timestamp::from_secs(990), until: Timestamp::from_secs(9000) };
    stand.operators.feed.voids().put(target.held(), void);
    let entered = |target, at| {
        let what = Revoked { target, cutoff: Cutoff::Always, until: None };
        one.hub.means.revocations.restore(&stand.operators.feed, &what, Timestamp::from_secs(at));
    };
    entered(target, 980);
    entered(one.target("bob"), 980);
    let signer = Signer::clone(&stand.operators.signer());
    let spoken = Spoken { name: "j".into(), iss: ISS.into(), signer, ages: true };
    let redis = serde_json::json!({"redis": {"urls": ["unix:///nowhere"]}});
    let settings: FleetSettings = serde_json::from_value(redis).unwrap();
    one.hub.seat(vec![spoken], Vec::new(), Some(&settings), &mut BTreeMap::new());
    let heir = one.hub.stands.all().pop().unwrap();
    let said = |id| heir.operators.revocations.of_source(&heir.operators.feed, one.target(id)).is_some();
    assert_eq!((&*heir.operators.feed.issuer.to_string(), said("alice"), said("bob")), ("j", false, true));
}

/// What is told again is refused again, and that does not put off for ever that it is made good.
#[tokio::test]
async fn what_there_was_no_room_for_is_read_again() {
    let (one, other) = (One::new(), One::new());
    let all: Vec<_> = (0..4).map(|number| One::subject(&number.to_string())).collect();
    one.operators.accept(&all).await.unwrap();
    let (told, now) = (one.tells(), other.hub.means.clock.now());
    let feed = Arc::clone(&other.hub.stands.all().pop().unwrap().operators.feed);
    feed.rebound(Bounds { max_entries: 3, max_staleness: None });
    let mut refused = 0;
    for _ in 0..5 {
        refused += other.hub.stands.take(&told, now.wall).refused;
    }
    assert_eq!((refused, feed.room()), (5, 0), "not the whole block");
    assert!(!other.hub.stands.has_room(refused, now));
    assert!(other.hub.means.revocations.lift(&feed, other.target("0")));
    assert!(other.hub.stands.has_room(refused, now));
}

/// Entered anew within the same second, by whatever clock, while it could not be heard that it was lifted, or before
/// a restart after which that is told again: it is revoked at every instance.
#[tokio::test]
async fn what_is_entered_after_it_was_lifted_is_revoked_everywhere() {
    let (one, other, late, alice) = (One::new(), One::new(), One::new(), [One::subject("alice")]);
    one.operators.accept(&alice).await.unwrap();
    let entered = one.tells();
    one.operators.lift(&[one.target("alice")]).await.unwrap();
    let lifted = one.tells();
    one.operators.accept(&alice).await.unwrap();
    other.hears(&[&entered[..], &lifted, &one.tells()].concat()).await;
    assert!(other.revokes("alice"), "told as news");
    for instance in [&one, &other] {
        late.hears(&instance.holds()).await;
    }
    assert!(late.revokes("alice"), "told again, by the second");
    // Lifted by a clock that is ahead, and entered anew by one that is behind.
    other.clock.set_wall(Timestamp::from_secs(1500));
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    let lifted = other.tells();
    one.hears(&lifted).await;
    assert!(!one.revokes("alice") && !other.revokes("alice"));
    one.operators.accept(&alice).await.unwrap();
    other.hears(&one.tells()).await;
    assert!(other.revokes("alice"), "entered by a clock that is behind");
    // Lifted elsewhere, and entered anew here before that was heard; or told once more to a process that is new.
    let (away, new) = (One::new(), One::new());
    for instance in [&away, &new] {
        instance.clock.set_wall(Timestamp::from_secs(1600));
        instance.operators.accept(&alice).await.unwrap();
        instance.hears(&lifted).await;
        assert!(instance.revokes("alice"), "an older word lifts nothing newer");
    }
}

/// Entered again, strictly as before or less, by who has not heard yet that it was lifted in between: an older word
/// lifts nothing that was acknowledged after it, neither there nor where both are told.
#[tokio::test]
async fn what_is_entered_again_is_not_lifted_by_an_older_word() {
    let up_to = Understood { cutoff: Cutoff::UpTo(Timestamp::from_secs(900)), ..One::subject("alice") };
    let pairs = [[One::subject("alice"), One::subject("alice")], [up_to.clone(), up_to.clone()]];
    for [first, again] in pairs.into_iter().chain([[One::subject("alice"), up_to]]) {
        let (one, other, third) = (One::new(), One::new(), One::new());
        one.operators.accept(&[first]).await.unwrap();
        let entered = one.tells();
        other.hears(&entered).await;
        third.hears(&entered).await;
        other.clock.set_wall(Timestamp::from_secs(1100));
        other.operators.lift(&[other.target("alice")]).await.unwrap();
        let lifted = other.tells();
        one.clock.set_wall(Timestamp::from_secs(1200));
        one.operators.accept(&[again]).await.unwrap();
        let anew = one.tells();
        for instance in [&one, &other, &third] {
            instance.hears(&anew).await;
            instance.hears(&lifted).await;
            assert!(instance.revokes("alice"));
        }
    }
}

/// Entered again at an instance within the same second in which it was lifted at another one, by whatever clock, before
/// that was heard: it was acknowledged, and is revoked everywhere, also where both are only told again.
#[tokio::test]
async fn what_is_entered_again_before_a_lift_was_heard_stands() {
    let times = [
        (1_000_100, 1_000_500, 1_000_800),
        (1_000_100, 1_000_500, 1_000_500),
        (1_000_100, 1_030_000, 1_000_800),
        (1_030_000, 1_000_500, 1_000_800),
    ];
    for (entered_at, lifted_at, again_at) in times {
        let (one, other, late, alice) = (One::new(), One::new(), One::new(), [One::subject("alice")]);
        one.at(entered_at);
        one.operators.accept(&alice).await.unwrap();
        let entered = one.tells();
        other.hears(&entered).await;
        other.at(lifted_at);
        other.operators.lift(&[other.target("alice")]).await.unwrap();
        assert!(!other.revokes("alice"));
        one.at(again_at);
        one.operators.accept(&alice).await.unwrap();
        let (lifted, anew) = (other.tells(), one.tells());
        for instance in [&one, &other] {
            instance.hears(&lifted).await;
            instance.hears(&anew).await;
            instance.hears(&entered).await;
        }
        late.hears(&one.holds()).await;
        late.hears(&other.holds()).await;
        for instance in [&one, &other, &late] {
            assert!(instance.revokes("alice"), "lifted at {lifted_at}, entered again at {again_at}");
        }
        // Whoever has heard of it lifts it, whatever the clocks.
        late.operators.lift(&[late.target("alice")]).await.unwrap();
        let lifted = late.tells();
        for instance in [&one, &other] {
            instance.hears(&lifted).await;
            assert!(!instance.revokes("alice") && instance.holds().len() == 1);
        }
    }
}

/// An instance that was started again still knows what was lifted: it takes nothing back from one that was away, and
/// tells the lift again, though nobody else remembers it. Also after a snapshot, and until its term.
#[tokio::test]
async fn what_was_lifted_is_void_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (away, alice) = (One::new(), [One::subject("alice")]);
    away.operators.accept(&alice).await.unwrap();
    let entered = away.tells();
    let one = One::kept(Some(directory.path()));
    one.hears(&entered).await;
    one.at(1_001_000);
    assert_eq!(one.operators.lift(&[one.target("alice")]).await, Ok(vec![false]), "its own operators never entered it");
    assert!(!one.revokes("alice"));
    one.close();
    for _ in 0..2 {
        let one = One::kept(Some(directory.path()));
        one.hears(&entered).await;
        assert!(!one.revokes("alice"), "told late by who was away");
        let again = One::new();
        again.hears(&entered).await;
        again.hears(&one.holds()).await;
        assert!(!again.revokes("alice"), "the lift is not lost");
        // For the second round it is in a snapshot.
        let journal = one.hub.journal.clone().unwrap();
        one.hub.outbox.rebound(0);
        one.operators.account.as_ref().unwrap().turn().exchanged(7, Timestamp::from_secs(1000), None);
        tokio::task::spawn_blocking(move || {
            while journal.standing().snapshots == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        })
        .await
        .unwrap();
        one.close();
    }
    let one = One::kept(Some(directory.path()));
    one.at(1_001_000 + 91 * 24 * 3600 * 1000);
    assert_eq!(one.holds(), [], "it is remembered for its term");
}

/// What a provider has blocked until further notice is told again as it was told: by what cuts it off. The block ends
/// where its end is heard, and no other instance is left with it. What it noted for itself is told to nobody.
#[tokio::test]
async fn a_block_is_not_told_again_as_if_it_were_for_good() {
    let (one, other, late) = (One::new(), One::new(), One::new());
    let up_to = |secs| Some(Cutoff::UpTo(Timestamp::from_secs(secs)));
    let alice = |secs| [Understood { cutoff: Cutoff::UpTo(Timestamp::from_secs(secs)), ..One::subject("alice") }];
    one.ssf.block(&alice(900)).await.unwrap();
    other.hears(&one.tells()).await;
    other.hears(&one.holds()).await;
    assert_eq!((one.cutoff("alice"), other.cutoff("alice")), (Some(Cutoff::Always), up_to(900)));
    one.ssf.cut(&alice(930)).await.unwrap();
    late.hears(&one.holds()).await;
    assert_eq!((one.holds().len(), late.holds().len(), late.cutoff("alice")), (1, 1, up_to(930)));
    assert_eq!(one.ssf.unblock(&alice(950)[0]).await, Ok(true));
    let told = one.tells();
    for instance in [&other, &late] {
        instance.hears(&told).await;
        instance.hears(&one.holds()).await;
        assert_eq!((instance.cutoff("alice"), instance.holds().len()), (up_to(950), 1));
    }
    // What it said for good is told for good.
    one.ssf.accept(&[One::subject("bob")]).await.unwrap();
    late.hears(&one.holds()).await;
    assert_eq!(late.cutoff("bob"), Some(Cutoff::Always));
}

/// What a provider said elsewhere no operator lifts, and what is of another issuer is nobody's here.
#[tokio::test]
async fn a_providers_word_is_not_lifted() {
    let one = One::new();
    one.operators.accept(&[One::subject("alice")]).await.unwrap();
    let mut notes = one.tells();
    let Some(super::super::note::Told::Revoked(_, what)) = notes.first().map(|note| note.told) else { panic!() };
    notes[0] = Note::revoked(&notes[0].iss, Voice::Provider, what, notes[0].learned);
    let other = One::new();
    other.hears(&notes).await;
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    assert!(other.revokes("alice"));
    let foreign = Note { iss: "https://j".into(), ..notes[0].clone() };
    let taken = other.hub.stands.take(&[foreign], Timestamp::from_secs(2000));
    assert_eq!((taken.foreign, taken.enforced), (1, 0));
}
