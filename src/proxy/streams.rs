//! The streams of one client connection that are under way: until when each may last, and how one is ended from
//! outside, whether its client reads or not. hyper asks a body for more only when there is room for it, so that a body
//! alone cannot end the stream of a client that does not read.

use super::framing::Clock;
use crate::decide::reason::Reason;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A stream whose client reads is ended by its own body, in the way of its protocol. Only what is still there so much
/// later is ended here.
const GRACE: Duration = Duration::from_millis(200);

/// When there is nothing to watch for, it is looked at again this late.
const LATER: Duration = Duration::from_secs(60 * 60);

/// One stream.
#[derive(Debug)]
struct Open {
    id: u64,
    /// What runs it over HTTP/2. Over HTTP/1.1 the connection does, and ends with it.
    task: Option<JoinHandle<()>>,
    until: Option<(Instant, Reason)>,
    ended: Option<Reason>,
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub struct Streams {
    open: RefCell<Vec<Open>>,
    /// No stream is due earlier. It may be too early, never too late.
    first: Cell<Option<Instant>>,
    driver: RefCell<Option<Waker>>,
}

impl Streams {
    /// A request was begun.
    pub(super) fn begin(streams: &Rc<Self>, id: u64) -> Place {
        streams.open.borrow_mut().push(Open { id, task: None, until: None, ended: None });
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

    /// Ends a stream for a reason, from outside: the exchange with the upstream, and what its client has not read. Over
    /// HTTP/1.1 the connection ends with it. Tells whether there was such a stream.
    pub fn end(&self, id: u64, reason: Reason) -> bool {
        let ended = self.at(id, |stream| stream.end(reason));
        if ended.is_some()
            && let Some(driver) = &*self.driver.borrow()
        {
            driver.wake_by_ref();
        }
        ended.is_some()
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
    use super::{Place, Streams, Watch};
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

    /// From outside: the task of a stream is dropped and the others stay; who has no task takes the connection along.
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
                tokio::task::yield_now().await;
                assert_eq!(Rc::strong_count(&held), 1);
                assert!(poll_fn(|cx| std::task::Poll::Ready(watch.poll(cx))).await.is_pending());
                let ends = async { streams.end(2, Reason::StreamExpired) };
                assert!(tokio::join!(poll_fn(|cx| watch.poll(cx)), ends).1);
            })
            .await;
    }
}
