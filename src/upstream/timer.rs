//! A deadline for the answers of one connection. Its timer is set when the connection first waits and then left
//! where it is: it looks at the true deadline only when it goes off. Setting one for each request would cost more
//! than the judgement.

use std::pin::{Pin, pin};
use std::task::Poll;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Waits for an answer until a deadline; `None` if it passed.
    pub(super) async fn within<F: Future>(&mut self, deadline: Instant, answer: F) -> Option<F::Output> {
        let mut answer = pin!(answer);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            while sleep.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{Instant, Timer};
    use std::time::Duration;

    /// An early timer of an earlier request does not end a later one, and a late one does not let it wait too long.
    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_own_deadline() {
        let (mut timer, began) = (Timer::default(), Instant::now());
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(timer.within(after(10), async { 1 }).await, Some(1));
        assert_eq!(timer.within(after(10), tokio::time::sleep_until(after(5))).await, Some(()));
        assert_eq!(timer.within(after(30), tokio::time::sleep_until(after(20))).await, Some(()));
        assert_eq!(timer.within(after(22), std::future::pending::<()>()).await, None);
        assert_eq!(Instant::now(), after(22));
    }
}
