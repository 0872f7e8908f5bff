//! What this instance tells the others: news first, and in between what is held, when that is wanted.

use super::block::{self, ENTRIES, Manner};
use super::member::Member;
use super::note::Note;
use super::seeding::Seeding;
use super::server::{Link, ServerError};
use super::standing::count;
use super::words::Id;
use crate::idp::backoff::jittered;
use std::time::Duration;

/// How many entries are written at once.
const AT_ONCE: usize = 16 * ENTRIES;

/// How often somebody looks whether the stream is too long.
const LOOK: Duration = Duration::from_secs(10);

/// How often it is looked whether the stream still has what was written: as long may what it lost be missing elsewhere.
const CHECK: Duration = Duration::from_secs(2);

/// How often somebody looks whether reading has come to a mark.
const GLANCE: Duration = Duration::from_millis(20);

impl Member {
    /// Writes what there is, and waits for more.
    pub(super) async fn write(&self, link: &mut Link) -> Result<(), ServerError> {
        let (mut seeding, mut mark): (Option<Seeding>, Option<Id>) = (None, None);
        let mut look = tokio::time::interval(jittered(LOOK));
        let mut check = tokio::time::interval(jittered(CHECK));
        for interval in [&mut look, &mut check] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let (news, after) = self.outbox.front(AT_ONCE);
            self.tell(link, Manner::News, &news).await?;
            self.outbox.written(after);
            if let Some(seeds) = &mut seeding {
                if self.seed(link, seeds).await? {
                    seeding = None;
                }
                continue;
            }
            if let Some(wish) = self.outbox.wanted() {
                seeding = Some(Seeding::wished(wish));
                continue;
            }
            if mark.is_some_and(|mark| self.progress().read >= mark) {
                seeding = mark.take().map(Seeding::up_to);
                continue;
            }
            if news.len() == AT_ONCE {
                continue;
            }
            tokio::select! {
                () = self.outbox.news() => {}
                () = tokio::time::sleep(GLANCE), if mark.is_some() => {}
                _ = check.tick() => self.look(link).await?,
                _ = look.tick(), if mark.is_none() => mark = self.too_long(link).await?,
            }
        }
    }

    /// Writes entries, in blocks.
    pub(super) async fn tell(&self, link: &mut Link, manner: Manner, notes: &[Note]) -> Result<(), ServerError> {
        let (mut rest, mut blocks, mut sizes) = (notes, Vec::new(), Vec::new());
        while !rest.is_empty() {
            let front = block::of_front(rest);
            blocks.push(self.block(manner, front));
            sizes.push(front.len() as u64);
            rest = rest.get(front.len()..).unwrap_or_default();
        }
        let mut told = sizes.into_iter();
        for some in blocks.chunks(AT_ONCE / ENTRIES) {
            let at = self.keys.append(link, some, self.server.timeout()).await?;
            let entries = told.by_ref().take(some.len()).sum();
            let mut progress = self.progress();
            progress.wrote(at);
            progress.marks.told(at, entries, self.clock.now().steady);
            count(&self.counts.written, entries);
        }
        Ok(())
    }

    /// If the stream is too long, and it is for this instance to make it shorter: a mark in it. What comes before the
    /// mark can be cut off once it is held here, and written anew after the mark.
    async fn too_long(&self, link: &mut Link) -> Result<Option<Id>, ServerError> {
        let within = self.server.timeout();
        let held: usize = self.revocations.standing(self.clock.now()).iter().map(|feed| feed.entries).sum();
        let bound = self.settings.max_length.saturating_add(2 * held.div_ceil(ENTRIES) as u64);
        let long = self.keys.length(link, within).await? > bound;
        if !long || !self.holds_all() || !self.keys.lease(link, within).await? {
            return Ok(None);
        }
        self.keys.append(link, &[self.block(Manner::Mark, &[])], within).await.map(Some)
    }
}
