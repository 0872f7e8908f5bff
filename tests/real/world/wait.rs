//! Waiting for a condition, never for a while.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a test may look again and again before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is there; the time it took is told with it.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < within, "waited {within:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs a test with a bound.
pub async fn bounded(seconds: u64, test: impl Future<Output = ()>) {
    let bound = Duration::from_secs(seconds);
    assert!(tokio::time::timeout(bound, test).await.is_ok(), "the test took longer than {bound:?}");
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
