//! How many connections the admin listener has at once. Where all places are taken, the oldest gives way that serves nobody
//! who may ask: probes and operators come in, however many others hold on to theirs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
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
    serves: Mutex<Serves>,
}

/// Whom a connection serves.
#[derive(Clone, Copy, Default)]
enum Serves {
    /// Nobody who may ask.
    #[default]
    Nobody,
    /// Somebody who may.
    Asker,
    /// Somebody who may was answered, and takes that for so many looks.
    Answered(u8),
}

/// How often it is looked again for a place, where all serve somebody.
const AGAIN: Duration = Duration::from_millis(250);

/// For so many looks who was answered keeps the place: to read the answer takes longer only where it is not read.
const LOOKS: u8 = 4;

impl Place {
    /// Says whether whom it serves now may ask.
    pub fn keep(&self, may: bool) {
        self.serve(if may { Serves::Asker } else { Serves::Nobody });
    }

    /// Whoever asked has an answer.
    pub fn answered(&self) {
        if matches!(self.serves(), Serves::Asker) {
            self.serve(Serves::Answered(LOOKS));
        }
    }

    /// Looks whether it is to be kept.
    fn is_kept(&self) -> bool {
        match self.serves() {
            Serves::Nobody | Serves::Answered(0) => false,
            Serves::Asker => true,
            Serves::Answered(looks) => {
                self.serve(Serves::Answered(looks - 1));
                true
            }
        }
    }

    fn serves(&self) -> Serves {
        *self.serves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, whom: Serves) {
        *self.serves.lock().unwrap_or_else(PoisonError::into_inner) = whom;
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
            Err(_) => loop {
                self.clear();
                if let Ok(permit) = tokio::time::timeout(AGAIN, free().acquire_owned()).await {
                    break permit.ok()?;
                }
            },
        };
        let place = Arc::<Place>::default();
        self.lock().push_back(Arc::clone(&place));
        Some((place, permit))
    }

    /// Has the oldest leave that is not kept.
    fn clear(&self) {
        let mut taken = self.lock();
        let quiet = taken.iter().position(|place| !place.is_kept());
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

    /// Whoever was answered and asks nothing more gives way, also to who came before that.
    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_more_gives_way() {
        let places = Places::new(1);
        let (place, permit) = places.take().await.unwrap();
        place.keep(true);
        let mut next = std::pin::pin!(places.take());
        assert!(futures_util::poll!(&mut next).is_pending());
        let leaves = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            assert!(!place.leave.is_cancelled());
            place.answered();
            place.leave.cancelled().await;
            places.left(&place);
            drop(permit);
        };
        let (next, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(11), next), leaves);
        assert!(next.unwrap().is_some());
    }
}
