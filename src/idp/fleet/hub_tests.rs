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

#[path = "lift_tests.rs"]
mod lifts;

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
        let share =
            |(feed, account): &Kept, voice| (feed.id, Shared { voice, iss: ISS.into(), account: account.clone() });
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

/// How long the cut-off of a blocked name is needed is known after a restart too, whether its source is there or not: the
/// others are told it, and it leaves there in the end. With the block it stays here, however long that lasts.
#[tokio::test]
async fn a_block_is_told_with_its_end_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut one = One::kept(Some(directory.path()));
    one.ssf.retain = Some(Duration::from_secs(500));
    let alice = Understood { cutoff: Cutoff::UpTo(Timestamp::from_secs(900)), ..One::subject("alice") };
    one.ssf.block(&[alice]).await.unwrap();
    let purge = |one: &One| {
        let steps = 0..crate::state::revocations::Revocations::PURGE_STEPS;
        steps.for_each(|_| one.hub.means.revocations.purge_step(Timestamp::from_secs(9000)));
    };
    for restart in [false, true] {
        if restart {
            one.close();
            one = One::kept(Some(directory.path()));
        }
        let late = One::new();
        late.hears(&one.holds()).await;
        assert_eq!(late.cutoff("alice"), Some(Cutoff::UpTo(Timestamp::from_secs(900))));
        purge(&late);
        assert_eq!(late.cutoff("alice"), None, "restarted: {restart}");
        purge(&one);
        assert_eq!((one.cutoff("alice"), one.holds().len()), (Some(Cutoff::Always), 1));
        assert!(one.holds().iter().all(|note| note.entry(note.learned).unwrap().0.cutoff != Cutoff::Always));
    }
    one.close();
}

/// What is known already, as most is when all is written anew, is told apart from what is new.
#[tokio::test]
async fn what_is_told_again_is_not_counted_as_new() {
    let (one, other) = (One::new(), One::new());
    one.ssf.accept(&[One::subject("alice"), One::subject("bob")]).await.unwrap();
    one.operators.accept(&[One::subject("carol")]).await.unwrap();
    let (mut told, now) = (one.tells(), Timestamp::from_secs(2000));
    one.operators.lift(&[one.target("carol")]).await.unwrap();
    told.extend(one.tells());
    let counts = |notes: &[Note]| {
        let taken = other.hub.stands.take(notes, now);
        (taken.enforced, taken.repeated, taken.refused)
    };
    assert_eq!((counts(&told), counts(&told), counts(&one.holds())), ((4, 0, 0), (0, 4, 0), (0, 3, 0)));
    one.ssf.accept(&[One::subject("dave")]).await.unwrap();
    assert_eq!(counts(&one.holds()), (1, 3, 0));
}
