//! The streams of one client connection that are under way: until when each may last, and how one is ended from
//! outside, whether its client reads or not. hyper asks a body for more only when there is room for it, so that a body
//! alone cannot end the stream of a client that does not read.

use super::attendance::Moves;
use super::body::{AtEnd, Judged};
use super::drain::{Drain, Guest};
use super::framing::Clock;
use super::live::Connection;
use super::vigil::{Kept, Vigil};
use crate::decide::reason::Reason;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A stream whose client reads is ended by its own body, in the way of its protocol. Only what is still there so much
/// later is ended here.
pub(super) const GRACE: Duration = Duration::from_millis(200);

/// When there is nothing to watch for, it is looked at again this late.
const LATER: Duration = Duration::from_secs(60 * 60);

/// One stream.
struct Open {
    id: u64,
    /// Who is told of its end, once it is under way.
    at_end: Option<Box<dyn AtEnd>>,
    /// Why it shall end now, by itself.
    called: Option<Reason>,
    /// Wakes its body, which waits for the upstream.
    waker: Option<Waker>,
    /// What runs it over HTTP/2. Over HTTP/1.1 the connection does, and ends with it.
    task: Option<JoinHandle<()>>,
    until: Option<(Instant, Reason)>,
    ended: Option<Reason>,
    /// When something moved on it, where that matters.
    moves: Option<Moves>,
}

/// The streams of one connection.
#[derive(Default)]
pub struct Streams {
    open: RefCell<Vec<Open>>,
    /// No stream is due earlier. It may be too early, never too late.
    first: Cell<Option<Instant>>,
    driver: RefCell<Option<Waker>>,
    /// Whether any was ever called to its end, so that no body looks in vain.
    called: Cell<bool>,
    /// Whether it matters of any whether something moves on it.
    attended: Cell<bool>,
    /// Who asks whether its tokens still stand; and that it does.
    vigil: Rc<Vigil>,
    kept: OnceCell<Kept>,
    drain: Option<Rc<Drain>>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("open", &self.open.borrow().len()).finish_non_exhaustive()
    }
}

impl Streams {
    /// Those of a connection of this worker.
    pub(super) fn of(vigil: &Rc<Vigil>, drain: &Rc<Drain>) -> Self {
        Self { vigil: Rc::clone(vigil), drain: Some(Rc::clone(drain)), ..Self::default() }
    }

    /// A request was begun.
    pub(super) fn begin(streams: &Rc<Self>, id: u64) -> Place {
        streams.open.borrow_mut().push(Open::new(id));
        Place::new(Rc::clone(streams), id)
    }

    fn finish(&self, id: u64) {
        let mut open = self.open.borrow_mut();
        let place = open.iter().position(|stream| stream.id == id);
        let gone = place.map(|place| open.swap_remove(place));
        if open.is_empty() {
            self.first.set(None);
        }
        drop(open);
        drop(gone);
    }

    /// Its answer must have ended by then, which means this.
    fn bound(&self, id: u64, until: Instant, over: Reason) {
        self.at(id, |stream| stream.until = Some((until, over)));
        self.first.set(Some(self.first.get().map_or(until, |first| first.min(until))));
    }

    /// Ends a stream for a reason, from outside: the exchange with the upstream, and what its client has not read. It
    /// is called to end in the way of its protocol; what is still there after the grace is torn off. Over HTTP/1.1 the
    /// connection ends with it. Tells whether there was such a stream.
    pub fn end(&self, id: u64, reason: Reason) -> bool {
        let Some(waker) = self.at(id, |stream| stream.call(reason)) else { return false };
        self.called.set(true);
        self.bound(id, Instant::now(), reason);
        let driver = self.driver.borrow();
        waker.iter().chain(&*driver).for_each(Waker::wake_by_ref);
        true
    }

    /// Ends those whose token is revoked by now.
    pub(super) fn end_revoked(&self) {
        self.end_those(|at_end| at_end.revoked());
    }

    /// Ends those that are over by the clock.
    pub(super) fn end_overdue(&self) {
        self.end_those(|at_end| at_end.overdue());
    }

    fn end_those(&self, why: impl Fn(&dyn AtEnd) -> Option<Reason>) {
        let judge = |stream: &Open| {
            let at_end = stream.at_end.as_ref().filter(|_| stream.called.is_none())?;
            Some((stream.id, why(&**at_end)?))
        };
        let over: Vec<_> = self.open.borrow().iter().filter_map(judge).collect();
        over.into_iter().for_each(|(id, reason)| _ = self.end(id, reason));
    }

    /// Ends those whose session was left alone for too long. What moved on one keeps the others of its session.
    pub(super) fn end_left_alone(&self) {
        if !self.attended.get() {
            return;
        }
        self.open.borrow_mut().iter_mut().for_each(Open::tell_rest);
        let judge = |stream: &Open| {
            let at_end = stream.at_end.as_ref().filter(|_| stream.called.is_none() && stream.moves.is_some())?;
            Some((stream.id, at_end.left_alone()?))
        };
        let over: Vec<_> = self.open.borrow().iter().filter_map(judge).collect();
        over.into_iter().for_each(|(id, reason)| _ = self.end(id, reason));
    }

    /// Ends all.
    pub(super) fn end_all(&self, reason: Reason) {
        let all: Vec<_> = self.open.borrow().iter().map(|stream| stream.id).collect();
        all.into_iter().for_each(|id| _ = self.end(id, reason));
    }

    /// Those of them that are listed as live.
    pub(super) fn live(&self) -> Vec<Connection> {
        let now = Instant::now();
        let listed = |stream: &Open| {
            let bound = stream.until.map(|(until, over)| (until.saturating_duration_since(now), over));
            stream.at_end.as_ref()?.listed(bound)
        };
        self.open.borrow().iter().filter_map(listed).collect()
    }

    /// From now on it is asked whether the token of this stream still stands.
    fn watch(streams: &Rc<Self>, judged: &Judged<'_>) {
        streams.vigil.judged(judged.changes);
        streams.kept.get_or_init(|| streams.vigil.keep(Rc::downgrade(streams), judged));
    }

    fn at<T>(&self, id: u64, change: impl FnOnce(&mut Open) -> T) -> Option<T> {
        self.open.borrow_mut().iter_mut().find(|stream| stream.id == id).map(change)
    }

    fn is_ended(&self, id: u64) -> Option<Reason> {
        self.at(id, |stream| stream.ended).flatten()
    }

    /// When the first is due, of those that were not ended yet.
    fn due(&self) -> Instant {
        let open = self.open.borrow();
        let dues = open.iter().filter(|stream| stream.ended.is_none()).filter_map(|stream| stream.until);
        let first = dues.map(|(until, _)| until).min();
        self.first.set(first);
        first.map_or_else(|| Instant::now() + LATER, |first| first + GRACE)
    }

    fn end_due(&self, now: Instant) {
        for stream in self.open.borrow_mut().iter_mut().filter(|stream| stream.ended.is_none()) {
            if let Some((until, over)) = stream.until
                && until + GRACE <= now
            {
                stream.end(over);
            }
        }
    }

    /// Must the connection end, because a stream has ended that has no other way to?
    fn is_over(&self) -> bool {
        self.open.borrow().iter().any(|stream| stream.task.is_none() && stream.ended.is_some())
    }
}

impl Open {
    fn new(id: u64) -> Self {
        Self { id, at_end: None, called: None, waker: None, task: None, until: None, ended: None, moves: None }
    }

    fn call(&mut self, reason: Reason) -> Option<Waker> {
        self.called.get_or_insert(reason);
        self.waker.take()
    }

    fn moves(&mut self) {
        let (Some(moves), Some(at_end)) = (&mut self.moves, &self.at_end) else { return };
        let told = moves.moves(at_end.steady());
        self.tell_moved(told.into_iter().flatten());
    }

    fn tell_rest(&mut self) {
        let rest = self.moves.as_mut().and_then(Moves::rest);
        self.tell_moved(rest.into_iter());
    }

    fn tell_moved(&self, at: impl Iterator<Item = Duration>) {
        if let Some(at_end) = &self.at_end {
            at.for_each(|at| at_end.moved(at));
        }
    }

    fn end(&mut self, reason: Reason) {
        self.ended.get_or_insert(reason);
        // The task is dropped in its next turn, which resets its stream (RFC 9113 §5.4.2).
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A stream's place among those of its connection.
#[derive(Clone, Debug)]
pub struct Place {
    streams: Rc<Streams>,
    id: u64,
}

impl Place {
    /// That of the request with this number.
    pub(super) fn new(streams: Rc<Streams>, id: u64) -> Self {
        Self { streams, id }
    }

    /// The stream has a task of its own.
    pub(super) fn runs(&self, task: JoinHandle<()>) {
        self.streams.at(self.id, |stream| stream.task = Some(task));
    }

    /// Its answer went out whole, or was given up.
    pub(super) fn finish(&self) {
        self.streams.finish(self.id);
    }

    /// The stream must have ended by then, which means this.
    pub(super) fn bound(&self, until: Instant, over: Reason) {
        self.streams.bound(self.id, until, over);
    }

    /// Why it was ended from outside, if it was.
    pub(super) fn is_ended(&self) -> Option<Reason> {
        self.streams.is_ended(self.id)
    }

    /// Who is told of its end; and if it `lasts`, that may be because its token is revoked.
    pub(super) fn tells(&self, mut at_end: Box<dyn AtEnd>, lasts: bool) {
        if let Some(judged) = at_end.judged().filter(|_| lasts) {
            Streams::watch(&self.streams, &judged);
        }
        let moves = at_end.is_attended().then(|| Moves::since(at_end.steady()));
        self.streams.attended.set(self.streams.attended.get() || moves.is_some());
        self.streams.vigil.attends(moves.is_some() && lasts);
        // Timers may have stood still before anybody looked.
        let over = if lasts { at_end.overdue() } else { None };
        at_end.begins();
        self.streams.at(self.id, |stream| (stream.at_end, stream.moves) = (Some(at_end), moves));
        over.into_iter().for_each(|over| self.call(over));
    }

    /// Something moves on it.
    pub(super) fn moves(&self) {
        if self.streams.attended.get() {
            self.streams.at(self.id, Open::moves);
        }
    }

    /// Its end is told, once.
    pub(super) fn tell(&self, cut: Option<Reason>) {
        if self.streams.attended.get() {
            self.streams.at(self.id, |stream| {
                let last = stream.moves.as_mut().and_then(Moves::last);
                stream.tell_moved(last.into_iter());
            });
        }
        if let Some(at_end) = self.streams.at(self.id, |stream| stream.at_end.take()).flatten() {
            at_end.end(cut);
        }
    }

    /// Why it shall end now, if it shall.
    pub(super) fn is_called(&self) -> Option<Reason> {
        let called = || self.streams.at(self.id, |stream| stream.called).flatten();
        self.streams.called.get().then(called).flatten()
    }

    /// Calls it to its end.
    pub(super) fn call(&self, reason: Reason) {
        self.streams.end(self.id, reason);
    }

    /// Wakes this task when it is called.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.streams.at(self.id, |stream| {
            // Whoever runs it may change: an upload is begun by one task and goes on in another.
            match &mut stream.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        });
    }

    /// A place for what outlives this stream, on the same worker: a tunnel.
    pub(super) fn beside(&self, at_end: Box<dyn AtEnd>) -> Self {
        let (vigil, drain) = (Rc::clone(&self.streams.vigil), self.streams.drain.clone());
        let beside = Streams::begin(&Rc::new(Streams { vigil, drain, ..Streams::default() }), 0);
        beside.tells(at_end, true);
        beside
    }

    /// Lets the worker wait for it, and learn from it that the worker's end has come.
    pub(super) fn guest(&self) -> Option<Guest> {
        self.streams.drain.as_ref().map(Drain::enter)
    }
}

/// The driver's side: one timer for all streams of a connection, made when one of them first lasts.
#[derive(Debug)]
pub(super) struct Watch {
    streams: Rc<Streams>,
    clock: Clock,
    is_listening: bool,
}

impl Watch {
    pub(super) fn new(streams: Rc<Streams>) -> Self {
        Self { streams, clock: Clock::default(), is_listening: false }
    }

    /// Ends what is due; ready when the connection must end with it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_listening {
            self.is_listening = true;
            *self.streams.driver.borrow_mut() = Some(cx.waker().clone());
        }
        while let Some(first) = self.streams.first.get() {
            self.clock.pull_in(first + GRACE);
            if self.clock.poll(cx, || self.streams.due()).is_pending() {
                break;
            }
            self.streams.end_due(Instant::now());
            self.streams.due();
        }
        if self.streams.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::{GRACE, Place, Streams, Watch};
    use crate::decide::reason::Reason;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::time::Duration;
    use tokio::time::Instant;

    fn streams(ids: std::ops::RangeInclusive<u64>) -> Rc<Streams> {
        let streams = Rc::new(Streams::default());
        ids.for_each(|id| drop(Streams::begin(&streams, id)));
        streams
    }

    /// The earliest counts, though it came last; one that has finished does not.
    #[tokio::test(start_paused = true)]
    async fn the_first_that_is_due_ends_first() {
        let (streams, began) = (streams(1..=3), Instant::now());
        for (id, seconds) in [(1, 60), (2, 5), (3, 30)] {
            let place = Place::new(Rc::clone(&streams), id);
            place.bound(began + Duration::from_secs(seconds), Reason::StreamExpired);
        }
        streams.finish(2);
        let mut watch = Watch::new(Rc::clone(&streams));
        poll_fn(|cx| watch.poll(cx)).await;
        assert_eq!(began.elapsed().as_secs(), 30);
        let ended = [1, 3].map(|id| streams.is_ended(id));
        assert_eq!(ended, [None, Some(Reason::StreamExpired)]);
    }

    /// No stream lasts: there is no timer.
    #[tokio::test(start_paused = true)]
    async fn without_a_bound_there_is_no_timer() {
        let streams = streams(1..=9);
        let mut watch = Watch::new(Rc::clone(&streams));
        assert!(poll_fn(|cx| std::task::Poll::Ready(watch.poll(cx))).await.is_pending());
        assert!(tokio::time::timeout(Duration::from_secs(99), poll_fn(|cx| watch.poll(cx))).await.is_err());
    }

    /// From outside: the task of a stream that does not end by itself is dropped and the others stay; who has no task
    /// takes the connection along.
    #[tokio::test(start_paused = true)]
    async fn one_is_ended_from_outside() {
        let (streams, local) = (streams(1..=2), tokio::task::LocalSet::new());
        let mut watch = Watch::new(Rc::clone(&streams));
        let held = Rc::new(());
        let kept = Rc::clone(&held);
        local
            .run_until(async {
                let task = tokio::task::spawn_local(async move {
                    std::future::pending::<()>().await;
                    drop(kept);
                });
                Place::new(Rc::clone(&streams), 1).runs(task);
                tokio::task::yield_now().await;
                assert!(streams.end(1, Reason::StreamExpired) && !streams.end(7, Reason::StreamExpired));
                let called = [1, 2].map(|id| Place::new(Rc::clone(&streams), id).is_called());
                assert_eq!(called, [Some(Reason::StreamExpired), None]);
                let began = Instant::now();
                assert!(tokio::time::timeout(2 * GRACE, poll_fn(|cx| watch.poll(cx))).await.is_err());
                assert_eq!(Rc::strong_count(&held), 1);
                streams.end(2, Reason::SessionRevoked);
                poll_fn(|cx| watch.poll(cx)).await;
                assert_eq!(began.elapsed(), 3 * GRACE);
                assert_eq!(streams.is_ended(2), Some(Reason::SessionRevoked));
            })
            .await;
    }
}
