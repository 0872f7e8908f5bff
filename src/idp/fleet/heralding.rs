//! An instance tells of itself, and hears of the others: over a connection of its own, and whatever becomes of that, the
//! exchange of revocations goes on.

use super::member::Member;
use super::presence::Presence;
use super::roster::{Roster, SILENT};
use super::server::{Link, ServerError};
use super::words::{Id, hex};
use std::convert::Infallible;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// How often it tells of itself though nothing is new.
const BEAT: Duration = Duration::from_secs(1);

/// How often it looks whether there is something to tell.
const GLANCE: Duration = Duration::from_millis(200);

/// How long it waits after it could not.
const PAUSE: Duration = Duration::from_secs(5);

impl Member {
    /// Until cancelled.
    pub(super) async fn herald(&self) -> Infallible {
        loop {
            let Err(error) = self.heralding().await;
            if let Some(repeats) = self.unheard.met(&error.to_string()) {
                let error = error.to_string();
                tracing::warn!(error, repeats, "how far the other instances are is not known");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn heralding(&self) -> Result<Infallible, ServerError> {
        let mut link = self.server.connect(Duration::ZERO).await?;
        let mut last: Option<(Id, Duration)> = None;
        loop {
            let (now, read) = (self.clock.now().steady, self.progress().read);
            let due = last.is_none_or(|(told, at)| told != read || now.saturating_sub(at) >= BEAT);
            if !self.has_left.load(Relaxed) && (due || self.wants_news(now)) {
                self.exchange(&mut link, now).await?;
                self.unheard.over();
                last = Some((read, now));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Whether somebody looks, or waits for another instance that speaks.
    fn wants_news(&self, now: Duration) -> bool {
        let (roster, progress) = (self.roster(), self.progress());
        let lacks = |read| progress.marks.behind(read, now).0 > 0;
        let mut others = roster.all().filter(|seen| seen.presence.origin != self.origin && seen.silence(now) < SILENT);
        roster.is_watched(now) || others.any(|seen| lacks(seen.presence.read))
    }

    async fn exchange(&self, link: &mut Link, now: Duration) -> Result<(), ServerError> {
        let (field, within) = (hex(self.origin), self.server.timeout());
        let ours = {
            let progress = self.progress();
            let stream = progress.epoch.clone().unwrap_or_default();
            let (beat, name) = (self.beat.fetch_add(1, Relaxed), self.name.clone());
            Presence { origin: self.origin, beat, read: progress.read, stream, name }
        };
        let told = self.keys.present(link, &field, &ours.write(&self.prints), within).await?;
        let (mut all, mut gone) = (Vec::new(), Vec::new());
        for (field, bytes) in told {
            // A record is its own only under its own name.
            match Presence::read(&self.prints, &bytes).filter(|one| hex(one.origin).as_bytes() == field) {
                Some(one) => all.push(one),
                None => gone.push(field),
            }
        }
        let forgotten = self.roster().meet(all, now);
        gone.extend(forgotten.into_iter().map(|origin| hex(origin).into_bytes()));
        if gone.is_empty() { Ok(()) } else { self.keys.absent(link, &gone, within).await }
    }

    /// Says that it goes, so that nobody waits for it.
    pub(super) async fn leave(&self) {
        if self.has_left.swap(true, Relaxed) {
            return;
        }
        let within = self.server.timeout();
        let going = async {
            let mut link = self.server.connect(Duration::ZERO).await?;
            self.keys.absent(&mut link, &[hex(self.origin).into_bytes()], within).await
        };
        if let Err(error) = going.await {
            tracing::info!(%error, "the other instances could not be told that this one goes");
        }
    }

    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
