//! What waits to be written: a bounded queue, and the mark that takes its place when it overflows. Nothing waits for
//! Redis here: who accepts an entry leaves it here, and goes on.

use super::note::Note;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What waits to be written.
#[derive(Default)]
pub(in crate::idp) struct Outbox {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    /// 0 while there is no channel: then nothing waits.
    bound: usize,
    queue: VecDeque<Note>,
    /// How many have left the queue, so that who has written some of them takes out those and no others.
    left: u64,
    /// How often it was asked to write everything anew.
    wanted: u64,
    seeded: u64,
}

impl Outbox {
    /// From now on so many may wait; none, if there is no channel.
    pub(super) fn rebound(&self, bound: usize) {
        let mut waiting = self.lock();
        waiting.bound = bound;
        if bound == 0 {
            waiting.clear();
        }
    }

    /// One more. Past the bound the queue is given up: everything that is held is to be written anew, which is more
    /// than what waited, and takes no memory. So the set must hold the entry by now.
    pub(in crate::idp) fn put(&self, note: Note) {
        let mut waiting = self.lock();
        if waiting.bound == 0 {
            return;
        }
        if waiting.queue.len() >= waiting.bound {
            waiting.clear();
            waiting.wanted += 1;
        } else {
            waiting.queue.push_back(note);
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// Everything that is held is to be written anew.
    pub(super) fn want_all(&self) {
        self.lock().wanted += 1;
        self.news.notify_one();
    }

    /// The number of the last wish to write everything anew, if it was not met.
    pub(super) fn wanted(&self) -> Option<u64> {
        let waiting = self.lock();
        (waiting.wanted > waiting.seeded).then_some(waiting.wanted)
    }

    /// Everything was written anew, begun when this was the last wish.
    pub(super) fn seeded(&self, wish: u64) {
        self.lock().seeded = wish;
    }

    /// The first of the queue, which stay in it, and a number to take them out by.
    pub(super) fn front(&self, count: usize) -> (Vec<Note>, u64) {
        let waiting = self.lock();
        let notes: Vec<Note> = waiting.queue.iter().take(count).cloned().collect();
        let after = waiting.left + notes.len() as u64;
        (notes, after)
    }

    /// They are written: those up to this number leave.
    pub(super) fn written(&self, up_to: u64) {
        let mut waiting = self.lock();
        while waiting.left < up_to && waiting.queue.pop_front().is_some() {
            waiting.left += 1;
        }
    }

    /// How many wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().queue.len()
    }

    /// Whether nothing waits, and nothing is to be written anew.
    pub(super) fn is_told(&self) -> bool {
        let waiting = self.lock();
        waiting.queue.is_empty() && waiting.wanted <= waiting.seeded
    }

    /// Until there may be something.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn clear(&mut self) {
        self.left += self.queue.len() as u64;
        self.queue = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::{Note, Voice};
    use super::Outbox;
    use crate::decide::revocation::Cutoff;
    use crate::decide::time::Timestamp;
    use crate::state::revocations::{Revoked, Target};

    fn note(second: i64) -> Note {
        let what = Revoked { target: Target::Issuer, cutoff: Cutoff::Always, until: None };
        Note::revoked(&"i".into(), Voice::Provider, what, Timestamp::from_secs(second))
    }

    #[test]
    fn what_overflows_becomes_a_wish_for_everything() {
        let outbox = Outbox::default();
        outbox.put(note(1));
        assert_eq!((outbox.depth(), outbox.wanted()), (0, None));
        outbox.rebound(2);
        (1..=2).for_each(|second| outbox.put(note(second)));
        let (front, after) = outbox.front(1);
        assert_eq!((front, outbox.depth(), outbox.wanted()), (vec![note(1)], 2, None));
        outbox.put(note(3));
        assert_eq!((outbox.depth(), outbox.wanted()), (0, Some(1)));
        // What was written before the queue was given up takes nothing out that came after.
        outbox.put(note(4));
        outbox.written(after);
        assert_eq!(outbox.front(9).0, [note(4)]);
        outbox.want_all();
        outbox.seeded(1);
        assert_eq!(outbox.wanted(), Some(2));
        outbox.seeded(2);
        assert!(outbox.wanted().is_none() && !outbox.is_told());
        outbox.written(outbox.front(9).1);
        assert!(outbox.depth() == 0 && outbox.is_told());
    }
}
