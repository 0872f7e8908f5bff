//! Names that are blocked outright until they are unblocked. What else cuts them off meanwhile is kept beside the block, so
//! that it holds on when the block is over. Whoever calls lets one event of a name end before the next begins.

use super::{NotKept, Sink, target};
use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::idp::feed::Understood;
use crate::state::journal::Unwritten;
use crate::state::revocations::{Revoked, Target};

impl Sink {
    /// Blocks names outright until they are unblocked, and cuts them off up to the entries' own cut-offs. The other
    /// instances are told of the cut-offs alone: what a provider said cannot be taken back there, and to who is blocked
    /// it issues no tokens.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub async fn block(&self, entries: &[Understood]) -> Result<(), NotKept> {
        self.accept(entries).await?;
        let learned = self.clock.now().wall;
        let outright = |entry| Revoked { cutoff: Cutoff::Always, until: None, ..self.revoked(entry, learned) };
        let later = |entry: &Understood| self.said(self.target(entry)).filter(|said| *said != Cutoff::Always);
        let beside = |entry| self.beside(entry, later(entry).unwrap_or(entry.cutoff));
        // A name that is blocked has its cut-off beside it, always: the other instances are told that one again.
        let blocked: Vec<Revoked> = entries.iter().map(outright).collect();
        let all: Vec<Revoked> = entries.iter().map(beside).chain(blocked.iter().copied()).collect();
        let kept = self.quiet().keep(&all).await;
        self.audit_entered(&blocked, kept.is_ok());
        kept
    }

    /// Cuts names off. Of those that are blocked it is kept besides, for when they are unblocked.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub async fn cut(&self, entries: &[Understood]) -> Result<(), NotKept> {
        let blocked = |entry: &&Understood| entry.cutoff != Cutoff::Always && self.blocked_since(entry).is_some();
        let beside = entries.iter().filter(blocked).map(|entry| self.beside(entry, entry.cutoff));
        self.quiet().keep(&beside.collect::<Vec<_>>()).await?;
        self.accept(entries).await
    }

    /// When it was learned that a name is blocked outright, by this source.
    #[must_use]
    pub fn blocked_since(&self, entry: &Understood) -> Option<Timestamp> {
        let said = self.revocations.of_source(&self.feed, self.target(entry));
        said.filter(|said| said.cutoff == Cutoff::Always).map(|said| said.learned)
    }

    /// Takes back that a name is blocked outright, by this source; the entry's own cut-off takes its place, or a later one
    /// that came while it was blocked. Says whether it was blocked. What others say of it stays, operators' words too.
    ///
    /// # Errors
    /// If it could not be kept.
    pub async fn unblock(&self, entry: &Understood) -> Result<bool, NotKept> {
        let learned = self.clock.now().wall;
        let mut what = self.revoked(entry, learned);
        let aside = self.target(entry).beside();
        let (since, beside, receipt) = {
            let turn = self.account.as_ref().map(|account| account.turn());
            let Some(since) = self.blocked_since(entry) else {
                // What could not be read yet may say that it is.
                return if self.feed.is_unread() { Err(Unwritten.into()) } else { Ok(false) };
            };
            let beside = self.said(aside);
            if let Some(later) = beside.filter(|beside| *beside != what.cutoff && beside.max(what.cutoff) == *beside) {
                // It hits younger tokens, and so is needed for longer.
                let entry = Understood { cutoff: later, until: None, ..entry.clone() };
                what = self.revoked(&entry, learned);
            }
            self.revocations.instead(&self.feed, &what, learned);
            let lifted = beside.map(|_| Revoked { target: aside, cutoff: Cutoff::Always, until: None });
            lifted.iter().for_each(|lifted| _ = self.revocations.lift(&self.feed, lifted.target));
            let lowered: Vec<Revoked> = [what].into_iter().chain(lifted).collect();
            (since, beside, turn.map(|turn| turn.lowered(&lowered, learned)))
        };
        if let Err(unwritten) = self.written(receipt).await {
            // Over a restart it would be blocked again, and its sender is told that it still is: since then, so that what he
            // sends again is not older than that.
            let outright = Revoked { cutoff: Cutoff::Always, until: None, ..what };
            let all = beside.map(|beside| self.beside(entry, beside)).into_iter().chain([outright]);
            let _turn = self.account.as_ref().map(|account| account.turn());
            all.for_each(|what| self.revocations.restore(&self.feed, &what, since));
            return Err(unwritten);
        }
        self.telling.iter().for_each(|telling| telling.accepted(&self.issuer, what, learned));
        self.audit_withdrawn(&[Revoked { cutoff: Cutoff::Always, until: None, ..what }]);
        Ok(true)
    }

    fn target(&self, entry: &Understood) -> Target {
        target(&self.fingerprints, &self.issuer, &entry.revokes, &entry.id)
    }

    /// What this source says of a target.
    fn said(&self, target: Target) -> Option<Cutoff> {
        self.revocations.of_source(&self.feed, target).map(|said| said.cutoff)
    }

    /// The cut-off of a name that is blocked, which no token has; and until when it would be needed without the block,
    /// which is told to who hears of the cut-off alone.
    fn beside(&self, entry: &Understood, cutoff: Cutoff) -> Revoked {
        let until = cutoff.instant().and_then(|at| Some(at.plus(self.retain?)));
        Revoked { target: self.target(entry).beside(), cutoff, until }
    }
}
