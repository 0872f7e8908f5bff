//! A deadline for the answers of one connection. Its timer is set when the connection first waits and then left
//! where it is: it looks at the true deadline only when it goes off. Setting one for each request would cost more
//! than the judgement.

use super::progress::Progress;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

/// How long an answer is waited for.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    /// When it was asked for.
    pub began: Instant,
    /// How long it may take, not counting the time in which the request's body keeps the endpoint waiting.
    pub span: Duration,
    /// When the wait ends in any case.
    pub until: Option<Instant>,
}

impl Wait {
    /// When it is over, as things stand; `None` while the body keeps the endpoint waiting, and nothing else ends it.
    fn due(&self, progress: Option<&Progress>) -> Option<Instant> {
        let answer = progress.map_or(Some(self.began), Progress::since).map(|since| since.max(self.began) + self.span);
        answer.into_iter().chain(self.until).min()
    }
}

impl Timer {
    /// Waits for an answer; `None` if it did not come in time.
    pub(super) async fn within<F: Future>(
        &mut self,
        wait: Wait,
        progress: Option<&Progress>,
        mut answer: Pin<&mut F>,
    ) -> Option<F::Output> {
        let due = || wait.due(progress);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(wait.began + wait.span)));
            if let Some(due) = due()
                && sleep.deadline() > due
            {
                sleep.as_mut().reset(due);
            }
            while sleep.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                match due() {
                    Some(due) if now >= due => return Poll::Ready(None),
                    Some(due) => sleep.as_mut().reset(due),
                    // To be looked at again: should the body end meanwhile, that is not too late.
                    None => sleep.as_mut().reset(now + wait.span),
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{Instant, Timer, Wait};
    use std::pin::pin;
    use std::time::Duration;

    /// An early timer of an earlier request does not end a later one, and a late one does not let it wait too long.
    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_own_deadline() {
        let (mut timer, began) = (Timer::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let wait = |seconds| Wait { began: Instant::now(), span: Duration::from_secs(seconds), until: None };
        assert_eq!(timer.within(wait(10), None, pin!(async { 1 })).await, Some(1));
        assert_eq!(timer.within(wait(10), None, pin!(tokio::time::sleep_until(at(5)))).await, Some(()));
        assert_eq!(timer.within(wait(25), None, pin!(tokio::time::sleep_until(at(20)))).await, Some(()));
        assert_eq!(timer.within(wait(2), None, pin!(std::future::pending::<()>())).await, None);
        assert_eq!(Instant::now(), at(22));
        let ends = Wait { until: Some(at(23)), ..wait(10) };
        assert_eq!(timer.within(ends, None, pin!(std::future::pending::<()>())).await, None);
        assert_eq!(Instant::now(), at(23));
    }
}
