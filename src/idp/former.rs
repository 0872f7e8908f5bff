//! What sources were told that are no more: they left the config, or are of another kind now. Nobody tells it again, so it
//! stays enforced, each source's in a feed of its own that nobody writes, until each entry's end or until an operator
//! drops it. A source that comes back, told and of the same `iss`, has it again.

use super::keeping::{self, Kept};
use super::room::Idp;
use super::running::Running;
use super::settings::Settings;
use super::sink::NotKept;
use crate::decide::id::{IssuerName, SourceName};
use crate::decide::time::Moment;
use crate::state::journal::{Account, Unwritten, Voice};
use crate::state::revocations::{Bounds, Feed, Known, Revocations, Revoked, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// What the names of these feeds begin with. No source of the config has a `/` in its name.
const PLACE: &str = "former/";

/// What a source said that is no more.
#[derive(Clone)]
pub(super) struct Former {
    pub(super) voice: Voice,
    pub(super) feed: Arc<Feed>,
    pub(super) account: Option<Arc<Account>>,
}

/// A feed that leaves. What it holds goes to whoever has its voice from now on, if somebody has.
pub(super) type Leaving = Former;

/// Why nothing was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Undropped {
    /// There is no such feed.
    #[error("there is no such feed of a former source")]
    NoFeed,
    /// It would come back over a restart; so it stays.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// It died on the way.
    #[error("the dropping died: whether it was done is not known, look at /revocations/feeds")]
    Unknown,
}

/// What was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// How many entries.
    pub entries: usize,
    /// Of how many of them something is enforced here still, by another feed.
    pub still_named: usize,
}

/// Whether a feed has something that is to stay, or may have: what it was told before may not be read yet.
fn holds(feed: &Feed, now: Moment) -> bool {
    let standing = feed.standing(now);
    standing.entries > 0 || !standing.complete
}

/// Whose tokens carry this `iss`.
fn issuer_of<'a>(settings: &'a Settings, iss: &str) -> Option<&'a str> {
    settings.issuers.iter().find(|(_, issuer)| issuer.issuer == iss).map(|(name, _)| name.as_str())
}

impl Idp {
    /// Those of them that leave: what a source of the config has again, what is of another name now or of no issuer, and
    /// what has come to its end.
    pub(super) fn retire_former(&self, running: &mut Running, settings: &Settings) -> Vec<Leaving> {
        let now = self.means.clock.now();
        let mut gone = Vec::new();
        running.former.retain(|_, former| {
            let issuer = issuer_of(settings, &former.voice.iss);
            let again = former
                .voice
                .told()
                .and_then(|name| settings.sources.get(name))
                .is_some_and(|source| source.kind().is_told() && Some(source.kind().issuer()) == issuer);
            let stays = issuer == Some(former.feed.issuer.as_str()) && !again && holds(&former.feed, now);
            if !stays {
                gone.push(former.clone());
            }
            stays
        });
        gone
    }

    /// The feeds of those who are no more, besides these that were opened: those that leave now, and at the start those whose
    /// words the journal holds.
    pub(super) fn former_openings(
        &self,
        settings: &Settings,
        leaving: &[Leaving],
        opened: &[(Voice, Arc<Feed>)],
    ) -> Vec<(Voice, Arc<Feed>)> {
        let now = self.means.clock.now();
        let unread = self.journal().filter(|journal| !journal.is_loaded());
        let kept = unread.map(|journal| journal.former(opened)).unwrap_or_default();
        let left = leaving.iter().filter(|one| holds(&one.feed, now)).map(|one| &one.voice);
        let all = kept.iter().chain(left).filter(|voice| !opened.iter().any(|(other, _)| voice.is_of(other)));
        let open = |voice: &Voice| {
            let (name, issuer) = (voice.told()?, issuer_of(settings, &voice.iss)?);
            Some((
                format!("{PLACE}{issuer}/{name}"),
                (Voice::of_source(name, &voice.iss, true), IssuerName::from(issuer)),
            ))
        };
        let feeds: BTreeMap<_, _> = all.filter_map(open).collect();
        let bounds = Bounds { max_entries: Bounds::ALL, max_staleness: None };
        let opened = feeds.into_iter().map(|(name, (voice, issuer))| {
            Some((voice, self.means.revocations.open(&SourceName::from(&*name), &issuer, bounds)?))
        });
        opened.flatten().collect()
    }

    /// Exchanges the feeds: what those hold that leave goes to those that were opened.
    pub(super) fn hand_over(&self, leaving: &[Leaving], opened: &[(Voice, Arc<Feed>)]) {
        for Leaving { voice, feed, account, .. } in leaving {
            let heir = opened.iter().find(|(other, _)| voice.is_of(other)).map(|(_, heir)| &**heir);
            if heir.is_none() {
                self.dropped(voice, feed);
            }
            let left = (Arc::clone(feed), account.clone());
            keeping::hand_over(&self.means.revocations, self.journal(), &left, heir);
            account.iter().for_each(|account| account.write_anew());
        }
    }

    fn dropped(&self, voice: &Voice, feed: &Feed) {
        let entries = feed.standing(self.means.clock.now()).entries;
        if entries > 0 && !voice.is_asked() {
            let (source, iss) = (&feed.name, &voice.iss);
            tracing::warn!(%source, %iss, entries, "revocations leave: no issuer of the config has this `iss` any more");
        }
    }

    /// Those that were opened are there from now on. There is nothing to wait for; and where nothing was found, nothing is.
    pub(super) fn resume_former(&self, running: &mut Running, opened: impl Iterator<Item = (Voice, Kept)>) {
        let now = self.means.clock.now();
        for (voice, (feed, account)) in opened {
            feed.heard(now);
            if !holds(&feed, now) {
                self.leave(account.as_deref());
                self.means.revocations.close(&feed);
                continue;
            }
            let (name, entries) = (feed.name.as_str().to_owned(), feed.standing(now).entries);
            tracing::warn!(
                feed = name,
                entries,
                "a source is no more, or of another kind: what it was told stays enforced"
            );
            running.former.insert(name, Former { voice, feed, account });
        }
    }

    /// Drops all that is kept of a former source: what it was told is not enforced any more, here. Where there is a fleet,
    /// the others hold what they were told of it, and tell that again.
    ///
    /// # Errors
    /// If there is no such feed, or if it would come back over a restart: then it stays.
    pub async fn drop_former(&self, feed: &str) -> Result<Gone, Undropped> {
        let former = self.change(|running| match running.former.get(feed) {
            // What could not be read yet would come back.
            Some(former) if former.feed.is_unread() => Err(NotKept::from(Unwritten).into()),
            _ => running.former.remove(feed).ok_or(Undropped::NoFeed),
        })?;
        let held = self.held_by(&former.feed);
        if let Err(unwritten) = self.lifted(&former, &held).await {
            for Known { target, cutoff, until, learned, .. } in held {
                self.means.revocations.restore(&former.feed, &Revoked { target, cutoff, until }, learned);
            }
            self.change(|running| _ = running.former.entry(feed.to_owned()).or_insert(former));
            return Err(NotKept::from(unwritten).into());
        }
        self.leave(former.account.as_deref());
        // Its index may be another one's, of which nobody is told.
        self.fleet.stands.unshare(former.feed.id);
        self.means.revocations.close(&former.feed);
        let named = |known: &&Known| self.means.revocations.names(&former.feed.issuer, known.target);
        Ok(Gone { entries: held.len(), still_named: held.iter().filter(named).count() })
    }

    /// They are taken out before that is noted: a snapshot that is begun then does not hold them any more.
    async fn lifted(&self, former: &Former, held: &[Known]) -> Result<(), Unwritten> {
        let targets: Vec<Target> = held.iter().map(|known| known.target).collect();
        let receipt = {
            let turn = former.account.as_ref().map(|account| account.turn());
            targets.iter().for_each(|target| _ = self.means.revocations.lift(&former.feed, *target));
            turn.map(|turn| turn.lifted(&targets, self.means.clock.now().wall))
        };
        match receipt {
            Some(receipt) => receipt.kept().await,
            None => Ok(()),
        }
    }

    fn held_by(&self, feed: &Feed) -> Vec<Known> {
        let (set, mut held) = (&self.means.revocations, Vec::new());
        for step in 0..Revocations::STEPS {
            set.held(step, |known| held.extend((known.source == feed.id).then_some(known)));
        }
        held
    }
}
