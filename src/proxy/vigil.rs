//! Whether the tokens of what lasts on a worker still stand. One task looks a few times a second whether anything was
//! revoked at all, which is one number; only then is every stream asked about. How a stream is ended is `streams`.

use super::body::Judged;
use super::live::{Joined, Question};
use super::streams::Streams;
use super::suspended::Suspended;
use crate::decide::reason::Reason;
use crate::notice::supervised_with;
use crate::state::revocations::Revocations;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked. Together with the time that a stream has to end by itself, well within a second.
const EVERY: Duration = Duration::from_millis(250);

/// So many connections are asked about in one turn, so that others on the worker need not wait.
const AT_ONCE: usize = 64;

/// The connections of a worker on which something was begun with a token.
#[derive(Default)]
pub(super) struct Vigil {
    kept: RefCell<BTreeMap<u64, Weak<Streams>>>,
    next: Cell<u64>,
    set: OnceCell<Arc<Revocations>>,
    /// What was written to the set since is not known to all streams.
    seen: Cell<u64>,
    /// Whether it matters of any stream whether its session was left alone.
    attends: Cell<bool>,
    runs: Cell<bool>,
}

impl Vigil {
    /// Asks about a connection from now on.
    pub(super) fn keep(self: &Rc<Self>, streams: Weak<Streams>, judged: &Judged<'_>) -> Kept {
        self.set.get_or_init(|| Arc::clone(judged.set));
        let key = self.next.get();
        self.next.set(key.wrapping_add(1));
        self.kept.borrow_mut().insert(key, streams);
        if !self.runs.replace(true) {
            let own = (Rc::clone(self), judged.live.join(), Suspended::since_now(judged.clock));
            tokio::task::spawn_local(supervised_with("looking at streams", own, |mut own| async move {
                let (vigil, joined, suspended) = &mut *own;
                watch(vigil, joined, suspended).await;
            }));
        }
        Kept { vigil: Rc::clone(self), key }
    }

    /// A stream was judged when the set had been written so often.
    pub(super) fn judged(&self, changes: u64) {
        self.seen.set(self.seen.get().min(changes));
    }

    /// From now on it is asked whether sessions were left alone, if it matters of this one.
    pub(super) fn attends(&self, matters: bool) {
        self.attends.set(self.attends.get() || matters);
    }

    /// Asks about all, if there is something new, if sessions may have been left alone, or if the machine was suspended.
    async fn look(&self, suspended: bool) {
        let Some(changes) = self.set.get().map(|set| set.changes()) else { return };
        let news = self.seen.replace(changes) != changes;
        if !news && !suspended && !self.attends.get() {
            return;
        }
        let ask = |streams: &Streams| {
            if news {
                streams.end_revoked();
            }
            if suspended {
                streams.end_overdue();
            }
            streams.end_left_alone();
        };
        self.each(ask).await;
    }

    /// Tells who asks which connections are live.
    async fn tell(&self, question: &Question) {
        self.each(|streams| question.hear(streams.live().into_iter())).await;
        question.done();
    }

    async fn each(&self, deed: impl Fn(&Streams)) {
        let mut after = None;
        while let Some(last) = self.some(after, &deed) {
            after = Some(last);
            tokio::task::yield_now().await;
        }
    }

    /// Does it with the next few; gives the last of them.
    fn some(&self, after: Option<u64>, deed: impl Fn(&Streams)) -> Option<u64> {
        let from = after.map_or(Unbounded, Excluded);
        let some: Vec<_> =
            self.kept.borrow().range((from, Unbounded)).take(AT_ONCE).map(|(key, one)| (*key, one.upgrade())).collect();
        let last = some.last().map(|(key, _)| *key);
        for streams in some.into_iter().filter_map(|(_, streams)| streams) {
            // What cannot be asked about must not go on, and the others are to be asked about.
            if catch_unwind(AssertUnwindSafe(|| deed(&streams))).is_err() {
                tracing::error!("a look at streams panicked: this is a fault of the gateway, please report it");
                streams.end_all(Reason::InternalError);
            }
        }
        last
    }
}

/// A connection is asked about as long as this lives.
pub(super) struct Kept {
    vigil: Rc<Vigil>,
    key: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.vigil.kept.borrow_mut().remove(&self.key);
    }
}

async fn watch(vigil: &Vigil, joined: &mut Joined, suspended: &Suspended) {
    while !vigil.kept.borrow().is_empty() {
        tokio::time::sleep(EVERY).await;
        vigil.look(suspended.was()).await;
        if let Some(question) = joined.question() {
            vigil.tell(&question).await;
        }
    }
    vigil.runs.set(false);
    vigil.attends.set(false);
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, EVERY, Vigil};
    use crate::decide::id::{Fingerprint, IssuerName, SourceName};
    use crate::decide::reason::Reason;
    use crate::decide::revocation::Cutoff;
    use crate::decide::time::{Moment, Timestamp};
    use crate::proxy::body::{AtEnd, Judged};
    use crate::proxy::live::Live;
    use crate::proxy::streams::{Place, Streams};
    use crate::state::clock::{Clock, HandClock};
    use crate::state::revocations::{Bounds, Feed, Revocations, Revoked, Target};
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;
    use tokio::task::LocalSet;
    use tokio::time::sleep;

    struct Held {
        live: Arc<Live>,
        set: Arc<Revocations>,
        changes: u64,
        asked: Rc<Cell<usize>>,
        revoked: Rc<Cell<bool>>,
        breaks: bool,
        clock: Arc<dyn Clock>,
    }

    impl AtEnd for Held {
        fn end(self: Box<Self>, _: Option<Reason>) {}

        fn judged(&self) -> Option<Judged<'_>> {
            Some(Judged { set: &self.set, changes: self.changes, live: &self.live, clock: &self.clock })
        }

        fn revoked(&self) -> Option<Reason> {
            assert!(!self.breaks, "a fault of ours, for a test");
            self.asked.set(self.asked.get() + 1);
            self.revoked.get().then_some(Reason::TokenRevoked)
        }

        fn overdue(&self) -> Option<Reason> {
            (self.clock.steady().as_secs() >= 3600).then_some(Reason::StreamExpired)
        }
    }

    struct World {
        set: Arc<Revocations>,
        feed: Arc<Feed>,
        vigil: Rc<Vigil>,
        asked: Rc<Cell<usize>>,
        revoked: Rc<Cell<bool>>,
        hand: Arc<HandClock>,
        clock: Arc<dyn Clock>,
    }

    impl World {
        fn new() -> Self {
            let set = Arc::new(Revocations::default());
            let bounds = Bounds { max_entries: 99, max_staleness: None };
            let feed = set.open(&SourceName::from("s"), &IssuerName::from("i"), bounds).unwrap();
            let hand: Arc<HandClock> = Arc::default();
            Self {
                set,
                feed,
                vigil: Rc::default(),
                asked: Rc::default(),
                revoked: Rc::default(),
                clock: Arc::clone(&hand) as Arc<dyn Clock>,
                hand,
            }
        }

        fn write(&self) {
            let target = Target::Token(Fingerprint::default());
            self.set
                .add(&self.feed, &Revoked { target, cutoff: Cutoff::Always, until: None }, Timestamp::default())
                .unwrap();
        }

        fn begin(&self, changes: u64) -> Place {
            self.begin_that(false, changes)
        }

        fn begin_that(&self, breaks: bool, changes: u64) -> Place {
            let (asked, revoked) = (Rc::clone(&self.asked), Rc::clone(&self.revoked));
            let place = Streams::begin(&Rc::new(Streams::of(&self.vigil, &crate::proxy::drain::Drain::new())), 0);
            let (set, clock) = (Arc::clone(&self.set), Arc::clone(&self.clock));
            let held = Held { live: Arc::default(), set, changes, asked, revoked, breaks, clock };
            place.tells(Box::new(held), true);
            place
        }
    }

    /// Nothing is asked as long as nothing is written, and then every one once, however many there are.
    #[tokio::test(start_paused = true)]
    async fn only_what_is_new_is_asked() {
        let world = World::new();
        let life = async {
            let all: Vec<_> = (0..3 * AT_ONCE).map(|_| world.begin(0)).collect();
            sleep(9 * EVERY).await;
            assert_eq!(world.asked.get(), 0);
            world.write();
            sleep(9 * EVERY).await;
            assert_eq!(world.asked.get(), all.len());
            world.revoked.set(true);
            world.write();
            sleep(2 * EVERY).await;
            assert!(all.iter().all(|place| place.is_called() == Some(Reason::TokenRevoked)));
            assert_eq!(world.asked.get(), 2 * all.len());
            drop(all);
            assert!(world.vigil.kept.borrow().is_empty());
            sleep(2 * EVERY).await;
            assert!(!world.vigil.runs.get(), "without streams nobody looks");
        };
        LocalSet::new().run_until(life).await;
    }

    /// Revoked after it was judged, and before it began to last.
    #[tokio::test(start_paused = true)]
    async fn what_came_in_between_is_asked() {
        let world = World::new();
        let life = async {
            let first = world.begin(world.set.changes());
            let judged = world.set.changes();
            world.write();
            sleep(2 * EVERY).await;
            assert_eq!(world.asked.get(), 1);
            world.revoked.set(true);
            let late = world.begin(judged);
            sleep(2 * EVERY).await;
            assert_eq!(late.is_called(), Some(Reason::TokenRevoked));
            drop(first);
        };
        LocalSet::new().run_until(life).await;
    }

    /// The clock went on while timers stood still: what is over by then ends with the next look, and what is not, later.
    #[tokio::test(start_paused = true)]
    async fn what_ended_while_the_machine_slept() {
        let world = World::new();
        let life = async {
            let place = world.begin(0);
            for (span, over) in [(3599, None), (1, Some(Reason::StreamExpired))] {
                sleep(2 * EVERY).await;
                assert_eq!(place.is_called(), None);
                world.hand.advance(Duration::from_secs(span));
                sleep(2 * EVERY).await;
                assert_eq!(place.is_called(), over);
            }
        };
        LocalSet::new().run_until(life).await;
    }

    /// The same before the first stream was there to be looked at.
    #[tokio::test(start_paused = true)]
    async fn what_ended_before_anybody_looked() {
        let world = World::new();
        world.hand.advance(Duration::from_secs(3600));
        let life = async { assert_eq!(world.begin(0).is_called(), Some(Reason::StreamExpired)) };
        LocalSet::new().run_until(life).await;
    }

    /// A clock that panics when it is asked for the third time.
    #[derive(Default)]
    struct Faulty(AtomicUsize);

    impl Clock for Faulty {
        fn now(&self) -> Moment {
            assert!(self.0.fetch_add(1, Relaxed) != 2, "a fault of ours, for a test");
            Moment::default()
        }
    }

    /// A fault of ours in looking at all is overcome: what was revoked meanwhile does not go on.
    #[tokio::test(start_paused = true)]
    async fn looking_is_begun_anew() {
        let mut world = World::new();
        world.clock = Arc::new(Faulty::default());
        let life = async {
            let place = world.begin(0);
            sleep(3 * EVERY).await;
            world.revoked.set(true);
            world.write();
            sleep(Duration::from_secs(2)).await;
            assert_eq!(place.is_called(), Some(Reason::TokenRevoked));
        };
        LocalSet::new().run_until(life).await;
    }

    /// A fault of ours in what is asked about one stream ends that one, and nobody else goes on unasked for it.
    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_asked_about_ends() {
        let world = World::new();
        let life = async {
            let [first, broken, last] = [false, true, false].map(|breaks| world.begin_that(breaks, 0));
            world.write();
            sleep(2 * EVERY).await;
            assert_eq!([&first, &broken, &last].map(Place::is_called), [None, Some(Reason::InternalError), None]);
            assert_eq!(world.asked.get(), 2);
            world.revoked.set(true);
            world.write();
            sleep(2 * EVERY).await;
            assert_eq!([&first, &last].map(Place::is_called), [Some(Reason::TokenRevoked); 2]);
        };
        LocalSet::new().run_until(life).await;
    }
}
