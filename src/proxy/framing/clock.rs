//! How long a peer may be silent. One timer for each connection and direction, moved lazily: it is set when the
//! connection first waits, and looks at the true deadline only when it goes off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that moves.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    /// Ready once `due` has passed; it is asked again when the timer goes off.
    pub(in crate::proxy) fn poll(&mut self, cx: &mut Context<'_>, due: impl Fn() -> Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due())));
        loop {
            ready!(sleep.as_mut().poll(cx));
            let due = due();
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }

    /// A nearer deadline than the one the timer was set for.
    pub(in crate::proxy) fn pull_in(&mut self, due: Instant) {
        if let Some(sleep) = &mut self.sleep
            && sleep.deadline() > due
        {
            sleep.as_mut().reset(due);
        }
    }
}
