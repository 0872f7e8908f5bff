//! How the connections of one worker learn that the end has come, and how their last is waited for.
//! A flag and a list of wakers on one thread: a look at it costs a connection nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Not at all.
    Serving,
    /// What runs may finish, nothing new begins.
    Leaving,
    /// Time is up.
    Cut,
}

/// What became of the connections that were open when the end began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// They ended by themselves.
    pub drained: usize,
    /// They were cut when the grace was over.
    pub cut: usize,
}

/// The worker's side.
#[derive(Debug)]
pub(super) struct Drain {
    stage: Cell<Stage>,
    open: Cell<usize>,
    next: Cell<u64>,
    wakers: RefCell<HashMap<u64, Waker>>,
    empty: Notify,
}

impl Drain {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            stage: Cell::new(Stage::Serving),
            open: Cell::new(0),
            next: Cell::new(0),
            wakers: RefCell::default(),
            empty: Notify::new(),
        })
    }

    /// A connection that is waited for as long as the guest lives.
    pub(super) fn enter(self: &Rc<Self>) -> Guest {
        self.open.set(self.open.get() + 1);
        let key = self.next.get();
        self.next.set(key.wrapping_add(1));
        Guest { drain: self.clone(), key, is_listening: Cell::new(false) }
    }

    /// Lets all go, waits for them as long as `grace`, then cuts the rest.
    pub(super) async fn finish(&self, grace: Duration) -> Report {
        let all = self.open.get();
        self.enter_stage(Stage::Leaving);
        let is_empty = tokio::time::timeout(grace, self.emptied()).await.is_ok();
        let cut = if is_empty { 0 } else { self.open.get() };
        if cut > 0 {
            self.enter_stage(Stage::Cut);
            // A connection that is cut needs one turn to go; one in its handshake has its own timeout.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.emptied()).await;
        }
        Report { drained: all.saturating_sub(cut), cut }
    }

    async fn emptied(&self) {
        while self.open.get() > 0 {
            self.empty.notified().await;
        }
    }

    fn enter_stage(&self, stage: Stage) {
        self.stage.set(stage);
        for waker in self.wakers.borrow().values() {
            waker.wake_by_ref();
        }
    }
}

/// A connection's side.
#[derive(Debug)]
pub(super) struct Guest {
    drain: Rc<Drain>,
    key: u64,
    is_listening: Cell<bool>,
}

impl Guest {
    /// How far the end has come; the task is woken when that changes.
    #[inline]
    pub(super) fn stage(&self, waker: &Waker) -> Stage {
        if !self.is_listening.replace(true) {
            self.drain.wakers.borrow_mut().insert(self.key, waker.clone());
        }
        self.drain.stage.get()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.drain.wakers.borrow_mut().remove(&self.key);
        self.drain.open.set(self.drain.open.get().saturating_sub(1));
        if self.drain.open.get() == 0 {
            self.drain.empty.notify_one();
        }
    }
}
