//! What sources say, kept over a restart: where the journal comes in. Without one, nothing of it is kept.

use super::former::Leaving;
use super::room::{Idp, NotReady};
use super::running::Running;
use super::settings::Settings;
use super::source::SourceSettings;
use crate::decide::id::{IssuerName, SourceName};
use crate::state::journal::{Account, Journal, Voice};
use crate::state::revocations::{Feed, Revocations};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A feed, and its place in the journal.
pub(super) type Kept = (Arc<Feed>, Option<Arc<Account>>);

impl Idp {
    /// With a journal. Told before the first settings are taken up.
    #[must_use]
    pub fn with_journal(mut self, journal: Option<Arc<Journal>>) -> Self {
        self.fleet.journal.clone_from(&journal);
        self.journal = journal;
        self
    }

    /// The journal, if there is one.
    #[must_use]
    pub const fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    /// Opens the feeds of sources that are new, of operators who said something before, of the other instances, and of
    /// sources that are no more, and reads what they said before: all feeds of the same settings at once, before anybody
    /// writes to them, because what is nobody's is dropped. Those that leave are closed then: until the new ones were
    /// heard, nobody takes what leaves here for what is not there.
    pub(super) fn open_feeds<'a>(
        &self,
        running: &mut Running,
        settings: &Settings,
        names: impl Iterator<Item = &'a String>,
        leaving: &[Leaving],
    ) -> BTreeMap<String, Kept> {
        let new = names.filter(|name| !running.sources.contains_key(*name));
        let open = |name: &String| {
            let kind = settings.sources.get(name)?.kind();
            let iss = settings.issuers.get(kind.issuer())?.issuer.as_str();
            let (source, issuer) = (SourceName::from(name.as_str()), IssuerName::from(kind.issuer()));
            let feed = self.means.revocations.open(&source, &issuer, kind.bounds())?;
            Some((Voice::of_source(name, iss, kind.is_told()), feed))
        };
        let issuers = running.issuers.iter().map(|(name, one)| (name.as_str(), one.settings.issuer.as_str()));
        let others = self.fleet.openings(issuers, settings.fleet.as_ref());
        let operators = self.kept_operators(running, leaving);
        let mut opened: Vec<_> = new.filter_map(open).chain(operators).chain(others).collect();
        let live = opened.len();
        opened.extend(self.former_openings(settings, leaving, &opened));
        let mut kept = self.take_up(opened.clone());
        self.hand_over(leaving, &opened);
        let former = kept.split_off(live);
        let voices = opened.into_iter().skip(live).map(|(voice, _)| voice);
        self.resume_former(running, voices.zip(former));
        kept.into_iter().map(|kept| (kept.0.name.to_string(), kept)).collect()
    }

    /// Reads what these said before, and gives each its place in the journal.
    pub(super) fn take_up(&self, opened: Vec<(Voice, Arc<Feed>)>) -> Vec<Kept> {
        let Some(journal) = &self.journal else {
            return opened.into_iter().map(|(_, feed)| (feed, None)).collect();
        };
        let accounts = journal.take_up(opened.clone());
        opened.into_iter().zip(accounts).map(|((_, feed), account)| (feed, Some(account))).collect()
    }

    /// A source is gone. The journal keeps what it said until its next snapshot.
    pub(super) fn leave(&self, account: Option<&Account>) {
        if let (Some(journal), Some(account)) = (&self.journal, account) {
            journal.leave(account);
        }
    }

    /// The journal, as long as it was not read.
    pub(super) fn unread(&self) -> Option<NotReady> {
        let unread = self.journal.as_ref().is_some_and(|journal| !journal.is_loaded());
        let why = "the journal of revocations was not read: see the log";
        unread.then(|| NotReady { what: "gateway.state_dir".into(), why: why.into() })
    }
}

/// What a feed holds that leaves goes to its heir, if it has one; then it is closed. The heir has his place in the journal by
/// now: at no time does a snapshot hold neither.
pub(super) fn hand_over(
    set: &Revocations,
    journal: Option<&Arc<Journal>>,
    (feed, account): &Kept,
    heir: Option<&Feed>,
) {
    let account = account.as_deref();
    {
        // Whoever is just telling it something tells it before, or is refused and tells it again.
        let _turn = account.map(Account::turn);
        heir.into_iter().for_each(|heir| set.carry(feed, heir));
        set.close(feed);
    }
    if let (Some(journal), Some(account)) = (journal, account) {
        journal.leave(account);
    }
}

/// How places are written. Those that were written in another way are not read.
const PLACES: &[u8] = b"2";

/// Tells the settings of a source from others.
pub(super) fn mark(settings: &SourceSettings) -> [u8; 8] {
    // What cannot be written down is not the same as any other.
    let text = serde_json::to_vec(settings).unwrap_or_else(|_| format!("{settings:?}").into_bytes());
    let mut mark = [0; 8];
    let hash = blake3::Hasher::new().update(PLACES).update(&text).finalize();
    mark.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    mark
}
