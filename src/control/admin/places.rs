//! How many connections the admin listener has at once. Where all places are taken, the oldest gives way that serves nobody
//! who may ask: probes and operators come in, however many others hold on to theirs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The places.
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// The oldest first.
    taken: Mutex<VecDeque<Arc<Place>>>,
}

/// The place of one connection.
#[derive(Default)]
pub(super) struct Place {
    /// Cancelled when it is to give way.
    pub leave: CancellationToken,
    kept: AtomicBool,
}

impl Place {
    /// Says whether whom it serves now may ask.
    pub fn keep(&self, may: bool) {
        self.kept.store(may, Relaxed);
    }
}

impl Places {
    /// So many.
    pub fn new(places: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(places)), taken: Mutex::default() }
    }

    /// One for a connection that is there, and what it has to hold as long as it is. Nothing where the listener ends.
    pub async fn take(&self) -> Option<(Arc<Place>, OwnedSemaphorePermit)> {
        let free = || Arc::clone(&self.free);
        let permit = match free().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.clear();
                free().acquire_owned().await.ok()?
            }
        };
        let place = Arc::<Place>::default();
        self.lock().push_back(Arc::clone(&place));
        Some((place, permit))
    }

    /// Has the oldest leave that is not kept.
    fn clear(&self) {
        let mut taken = self.lock();
        let quiet = taken.iter().position(|place| !place.kept.load(Relaxed));
        if let Some(place) = quiet.and_then(|at| taken.remove(at)) {
            place.leave.cancel();
        }
    }

    /// It has ended.
    pub fn left(&self, place: &Arc<Place>) {
        self.lock().retain(|one| !Arc::ptr_eq(one, place));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Place>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_may_not_ask_gives_way() {
        let places = Places::new(3);
        let (mut all, mut later) = (Vec::new(), Vec::new());
        for kept in [true, false, false] {
            let (place, permit) = places.take().await.unwrap();
            place.keep(kept);
            all.push((place, Some(permit)));
        }
        for gives_way in [1, 2] {
            let mut next = std::pin::pin!(places.take());
            assert!(futures_util::poll!(&mut next).is_pending());
            let left: Vec<bool> = all.iter().map(|(place, _)| place.leave.is_cancelled()).collect();
            assert_eq!(left, [false, gives_way >= 1, gives_way >= 2]);
            let (place, permit) = &mut all[gives_way];
            places.left(place);
            drop(permit.take());
            let (place, permit) = next.await.unwrap();
            place.keep(true);
            later.push(permit);
        }
        assert_eq!(places.lock().len(), 3);
        // Whoever may ask is not sent away: the next one waits.
        assert!(futures_util::poll!(std::pin::pin!(places.take())).is_pending());
        assert!(!all[0].0.leave.is_cancelled());
    }
}
