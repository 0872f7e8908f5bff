//! One source as the set sees it: its bounds, how much it holds, and when its knowledge was last true.

use super::entry::{By, Colour, Learned};
use super::voids::Voids;
use crate::decide::id::{IssuerName, SourceId, SourceName};
use crate::decide::revocation::Freshness;
use crate::decide::time::{Moment, Timestamp, millis};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a source may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many entries it may hold; past it, what is told is refused, and what was asked for makes it incomplete: then its
    /// issuer's knowledge is not fresh.
    pub max_entries: usize,
    /// The age from which on its knowledge is stale; `None` if it never is.
    pub max_staleness: Option<Duration>,
}

impl Bounds {
    /// What a feed may hold that is filled from others, which have their bounds: it is given no event of its own.
    pub const ALL: usize = usize::MAX;

    /// How many entries it may hold, where that is bounded; a status list has none that are counted here.
    const fn most(self) -> Option<usize> {
        match self.max_entries {
            0 | Self::ALL => None,
            most => Some(most),
        }
    }

    /// The same of a source whose knowledge does not age.
    pub(in crate::state) const fn never_stale(self) -> Self {
        Self { max_staleness: None, ..self }
    }
}

/// One source, as metrics and readiness tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStanding {
    /// Its name.
    pub source: SourceName,
    /// The issuer it speaks for.
    pub issuer: IssuerName,
    /// How many entries it holds.
    pub entries: usize,
    /// How many it may hold, where that has a bound of its own.
    pub max_entries: Option<usize>,
    /// Whether all that it said could be kept.
    pub complete: bool,
    /// How old its knowledge is; `None` if it was never heard.
    pub age: Option<Duration>,
    /// The age from which on that is stale.
    pub max_staleness: Option<Duration>,
    /// How often it failed.
    pub failures: u64,
    /// Why it failed last; `None` since it succeeded.
    pub last_error: Option<Arc<str>>,
}

/// One source.
pub struct Feed {
    /// The index by which entries name it.
    pub id: SourceId,
    /// Its name.
    pub name: SourceName,
    /// The issuer it speaks for.
    pub issuer: IssuerName,
    bounds: ArcSwap<Bounds>,
    entries: AtomicUsize,
    complete: AtomicBool,
    /// What it said before could not be read.
    unread: AtomicBool,
    /// What it lacked is told again, and may be as of some time ago.
    behind: AtomicBool,
    /// Whether it said all that it has to say since that was asked.
    whole: AtomicBool,
    silent: AtomicBool,
    heard_ms: AtomicI64,
    /// The colour of its last snapshot: whether that is an odd one.
    odd: AtomicBool,
    replacing: AtomicBool,
    /// How many entries it said, since a snapshot began that is not whole; else all that it holds.
    stated: AtomicUsize,
    lifted_by_time: AtomicBool,
    /// Its index may be another one's.
    closed: AtomicBool,
    voids: Voids,
    /// Its last error is that something was not kept.
    unkept: AtomicBool,
    failures: AtomicU64,
    error: ArcSwapOption<Box<str>>,
}

const NEVER_HEARD: i64 = i64::MIN;

/// It said all that it holds.
const ALL: usize = usize::MAX;

impl Feed {
    pub(super) fn new(id: SourceId, name: SourceName, issuer: IssuerName, bounds: Bounds) -> Self {
        Self {
            id,
            name,
            issuer,
            bounds: ArcSwap::from_pointee(bounds),
            entries: AtomicUsize::new(0),
            complete: AtomicBool::new(true),
            unread: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            whole: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            heard_ms: AtomicI64::new(NEVER_HEARD),
            odd: AtomicBool::new(false),
            replacing: AtomicBool::new(false),
            stated: AtomicUsize::new(ALL),
            lifted_by_time: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            voids: Voids::default(),
            unkept: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            error: ArcSwapOption::empty(),
        }
    }

    /// Changes what it may do; what it holds stays, and so does what it lacks. Whether it speaks is for its new settings to tell.
    pub fn rebound(&self, bounds: Bounds) {
        self.silent(false);
        self.bounds.store(Arc::new(bounds));
    }

    /// What it says is lifted by those who learned of it before: what it says again, it says as of then. Told before
    /// anything is written to it.
    pub fn lift_by_time(&self) {
        self.lifted_by_time.store(true, Ordering::Release);
    }

    /// That feed is to take in what this one takes in.
    pub(in crate::state) fn like(&self, other: &Self) {
        other.lifted_by_time.store(self.is_lifted_by_time(), Ordering::Release);
    }

    /// How what it adds comes in.
    pub(super) fn adds(&self) -> By {
        if self.is_lifted_by_time() { By::Again } else { By::Delta }
    }

    fn is_lifted_by_time(&self) -> bool {
        self.lifted_by_time.load(Ordering::Acquire)
    }

    /// When it learned of something, as that is held of what it says.
    pub(super) fn learned(&self, at: Timestamp) -> Learned {
        if self.is_lifted_by_time() { Learned::exactly(at) } else { Learned::by_the_second(at) }
    }

    /// What was taken back of what may be told again.
    #[must_use]
    pub const fn voids(&self) -> &Voids {
        &self.voids
    }

    /// What it may do.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        **self.bounds.load()
    }

    /// Its knowledge was true at this moment: that of the request that was answered, not of the answer.
    pub fn heard(&self, at: Moment) {
        self.heard_ms.fetch_max(millis(at.steady), Ordering::AcqRel);
        self.error.store(None);
    }

    /// It says of itself that it does not speak, or speaks again. While it does not, its knowledge has no age.
    pub fn silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Release);
    }

    /// It could not be heard. What it holds stays, and ages.
    pub fn failed(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.error.store(Some(Arc::new(why.into())));
    }

    /// An event could not be kept, and its sender was told so. Tells whether the one before was.
    pub fn unkept(&self, why: &str) -> bool {
        self.failed(why);
        !self.unkept.swap(true, Ordering::AcqRel)
    }

    /// An event was kept.
    pub fn kept(&self) {
        if self.unkept.load(Ordering::Acquire) && self.unkept.swap(false, Ordering::AcqRel) {
            self.error.store(None);
        }
    }

    /// How old its knowledge is; `None` if it was never heard, does not hold all that it heard, or is
    /// silent.
    #[must_use]
    pub fn age(&self, now: Moment) -> Option<Duration> {
        let heard = self.heard_ms.load(Ordering::Acquire);
        let known = heard != NEVER_HEARD && self.is_complete() && !self.silent.load(Ordering::Acquire);
        let ms = u64::try_from(millis(now.steady).saturating_sub(heard)).unwrap_or(0);
        known.then(|| Duration::from_millis(ms))
    }

    /// Was it heard at all?
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.heard_ms.load(Ordering::Acquire) != NEVER_HEARD
    }

    /// Why it failed last; `None` since it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.error.load().as_deref().map(|text| Arc::from(&**text))
    }

    /// How fresh its knowledge is.
    #[must_use]
    pub fn freshness(&self, now: Moment) -> Freshness {
        let max = self.bounds().max_staleness;
        match self.age(now) {
            Some(age) => Freshness::Heard { age, max, source: self.id },
            None if self.was_heard() => Freshness::Never { source: self.id },
            None => Freshness::Cold { source: self.id, stale: !self.is_complete() },
        }
    }

    /// All that metrics and readiness tell of it.
    #[must_use]
    pub fn standing(&self, now: Moment) -> FeedStanding {
        FeedStanding {
            source: self.name.clone(),
            issuer: self.issuer.clone(),
            entries: self.entries.load(Ordering::Relaxed),
            max_entries: self.bounds().most(),
            complete: self.is_complete(),
            age: self.age(now),
            max_staleness: self.bounds().max_staleness,
            failures: self.failures.load(Ordering::Relaxed),
            last_error: self.last_error(),
        }
    }

    /// Whether what it said before a restart is missing. As long as it is, it does not hold all that it heard.
    pub(in crate::state) fn unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Release);
    }

    /// Is what it said before a restart missing?
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// Has it said all that it has to say since this was asked last?
    pub(in crate::state) fn take_whole(&self) -> bool {
        self.whole.swap(false, Ordering::AcqRel)
    }

    /// What it lacked was told again, and now it holds all of it.
    pub fn is_whole_again(&self) {
        self.set_complete(true);
    }

    /// What it lacked is being told again, or that and all that came after it was. Until then it does not hold all that it
    /// heard, though a snapshot be whole.
    pub fn is_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }

    /// How many more entries it has room for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.bounds().max_entries.saturating_sub(self.held())
    }

    /// It has said all that it has to say.
    pub(super) fn said_all(&self) {
        self.whole.store(true, Ordering::Release);
    }

    fn is_complete(&self) -> bool {
        !self.lacks() && !self.behind.load(Ordering::Acquire) && !self.is_unread() && !self.is_closed()
    }

    /// Was there no room for something that it said, which it has not said again since?
    #[must_use]
    pub fn lacks(&self) -> bool {
        !self.complete.load(Ordering::Acquire)
    }

    /// From now on it holds nothing that it heard, and nothing is written for it.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Asked in the turn of whoever writes: its index may be another one's.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many entries it holds.
    pub(super) fn held(&self) -> usize {
        self.entries.load(Ordering::Acquire)
    }

    /// How many entries it said, without what is left of snapshots that broke off. Never too few: what shrinks is judged
    /// by it, and which of its entries left meanwhile is not known.
    #[must_use]
    pub fn said(&self) -> usize {
        self.held().min(self.stated.load(Ordering::Acquire))
    }

    /// Has it no snapshot that broke off, or is under way, since one was whole? What that brought is held, and nowhere else.
    #[must_use]
    pub fn is_stated(&self) -> bool {
        self.stated.load(Ordering::Acquire) == ALL
    }

    /// A snapshot begins, which may leave what it does not say in the end. Tells how many entries it said before.
    pub(super) fn states(&self) -> usize {
        let said = self.said();
        let _ = self.stated.compare_exchange(ALL, said, Ordering::AcqRel, Ordering::Acquire);
        said
    }

    /// A snapshot was whole: all that it holds is what it said.
    pub(super) fn stated_all(&self) {
        self.stated.store(ALL, Ordering::Release);
    }

    /// It says something beside its snapshots; told before that is written.
    pub(super) fn says_besides(&self) {
        let more = |stated: usize| (stated != ALL).then(|| stated.saturating_add(1).min(ALL - 1));
        let _ = self.stated.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }

    /// One entry came.
    pub(super) fn entered(&self) {
        self.entries.fetch_add(1, Ordering::AcqRel);
    }

    /// One entry left.
    pub(super) fn left(&self) {
        let less = |entries: usize| Some(entries.saturating_sub(1));
        let _ = self.entries.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    pub(super) fn set_complete(&self, complete: bool) {
        self.complete.store(complete, Ordering::Release);
    }

    /// The colour of what it says now.
    pub(super) fn colour(&self) -> Colour {
        Colour(self.odd.load(Ordering::Acquire))
    }

    /// Begins a snapshot, in a colour that nothing it said before has. `None` while another one is under way.
    pub(super) fn begin(&self) -> Option<Colour> {
        let free = !self.replacing.swap(true, Ordering::AcqRel);
        free.then(|| Colour(!self.odd.fetch_xor(true, Ordering::AcqRel)))
    }

    /// Its snapshot is over.
    pub(super) fn end(&self) {
        self.replacing.store(false, Ordering::Release);
    }
}
