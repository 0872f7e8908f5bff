//! What ended while the machine was suspended. Timers stand still then, and tokens and sessions do not: whoever looks at
//! streams holds them against the clock, from the first suspension on.

use super::passage::LAST_WORDS;
use crate::decide::reason::Reason;
use crate::decide::time::Moment;
use crate::decide::verdict::Permit;
use crate::state::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// So much further on the clock may seem to be than timers are.
const NOTHING: Duration = Duration::from_millis(100);

/// Whether timers stood still since.
pub(super) struct Suspended {
    clock: Arc<dyn Clock>,
    began: (Instant, Duration),
}

impl Suspended {
    pub(super) fn since_now(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), began: (Instant::now(), clock.steady()) }
    }

    /// Did they?
    pub(super) fn was(&self) -> bool {
        let (timers, steady) = self.began;
        self.clock.steady().saturating_sub(steady) > timers.elapsed().saturating_add(NOTHING)
    }
}

/// When what was admitted must have ended, in steady time, and what its end means.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    at: Duration,
    why: Reason,
}

impl Ends {
    /// Those of what was admitted at this moment.
    #[must_use]
    pub fn of(permit: &Permit, moment: Moment) -> Option<Self> {
        let (lasts, why) = permit.lasts()?;
        Some(Self { at: moment.steady.saturating_add(lasts).saturating_add(LAST_WORDS), why })
    }

    /// Why it is over by now, if it is.
    pub(super) fn over(self, clock: &dyn Clock) -> Option<Reason> {
        (clock.steady() >= self.at).then_some(self.why)
    }
}
