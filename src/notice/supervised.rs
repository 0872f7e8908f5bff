//! Work that is to go on for as long as the process does. What dies of a panic is told of, counted, and begun anew; what
//! it had said before stays as it is meanwhile.

use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long what died waits before it is begun anew; each time without a minute of peace twice as long, up to a minute.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

static DEATHS: AtomicU64 = AtomicU64::new(0);

/// How often any of it died since the process was started.
#[must_use]
pub fn deaths() -> u64 {
    DEATHS.load(Relaxed)
}

/// Does a piece of work until it ends by itself, however often it dies before. The hook of the process tells why it did.
pub async fn supervised<F: Future<Output = ()>>(what: &str, mut work: impl FnMut() -> F) {
    let mut pause = PAUSE;
    loop {
        let begun = tokio::time::Instant::now();
        // What is begun anew takes nothing over but what it shares with others, or keeps, which is whole after every step.
        if AssertUnwindSafe(work()).catch_unwind().await.is_ok() {
            return;
        }
        DEATHS.fetch_add(1, Relaxed);
        pause = if begun.elapsed() > LONGEST_PAUSE { PAUSE } else { pause };
        tracing::error!(what, again_in = ?pause, "died, and is begun anew: this is a fault of the gateway, please report it");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The same of work that has something of its own, which it keeps when it is begun anew.
pub async fn supervised_with<T, F>(what: &str, own: T, work: impl Fn(OwnedMutexGuard<T>) -> F)
where
    F: Future<Output = ()>,
{
    let (own, work) = (Arc::new(Mutex::new(own)), &work);
    let begin = || {
        let own = Arc::clone(&own);
        // What died has let it go.
        async move { work(own.lock_owned().await).await }
    };
    supervised(what, begin).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_dies_is_begun_anew_and_counted() {
        let (before, begun) = (deaths(), tokio::time::Instant::now());
        let mut times = 0;
        supervised("a test", || {
            times += 1;
            async move { assert!(times > 4, "it is to die") }
        })
        .await;
        assert_eq!(times, 5);
        assert!(deaths() >= before + 4);
        assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 4 + 8, "and not in a hurry");
    }

    #[tokio::test(start_paused = true)]
    async fn what_dies_keeps_its_own() {
        supervised_with("a test", 0, |mut times| async move {
            *times += 1;
            assert!(*times > 2, "it is to die, until it was begun three times");
        })
        .await;
    }
}
