//! Sources whose words could not be read when they were taken up are read again: each into a feed beside its own, so that
//! nothing is taken back of what it says meanwhile, and then into its own. What it said meanwhile was enforced, and not
//! kept; it stays enforced. What was taken back meanwhile does not come back.

use super::account::Account;
use super::frame::JournalError;
use super::room::Inner;
use crate::decide::id::{SourceId, SourceName};
use crate::decide::time::Timestamp;
use crate::state::revocations::{Known, Revocations, Revoked};
use std::collections::HashMap;
use std::sync::Arc;

/// Reads them; or they wait for the next time.
pub(super) fn run(inner: &Inner) {
    let _long = inner.long_turn();
    let (whole, torn): (Vec<_>, Vec<_>) =
        inner.refused().iter().cloned().partition(|account| account.feed.take_whole());
    // What a source has said whole since is all there is.
    whole.iter().for_each(|account| resume(inner, account, None));
    if torn.is_empty() {
        return;
    }
    match read(inner, &torn) {
        Ok(()) => tracing::info!(sources = torn.len(), "what could not be read of the journal of revocations was read"),
        Err(error) => tracing::debug!(%error, "the journal of revocations still cannot be read"),
    }
}

fn read(inner: &Inner, torn: &[Arc<Account>]) -> Result<(), JournalError> {
    let opened: Vec<_> = torn.iter().filter_map(|account| Some((account, beside(inner, account)?))).collect();
    let beside: Vec<_> = opened.iter().map(|(_, beside)| Arc::clone(beside)).collect();
    let read = inner.read(&beside);
    // What a source has said whole while this was read is all there is, with its own place.
    let (whole, torn): (Vec<_>, Vec<_>) = opened.iter().partition(|(account, _)| account.feed.take_whole());
    if read.is_ok() {
        take_over(inner, &torn);
    }
    beside.iter().for_each(|beside| inner.set.close(&beside.feed));
    whole.iter().for_each(|(account, _)| resume(inner, account, None));
    read?;
    torn.iter().for_each(|(account, beside)| resume(inner, account, Some(beside.cursor())));
    Ok(())
}

/// A place to read into. Nobody is judged by how fresh it is: its source is not fresh anyway.
fn beside(inner: &Inner, account: &Arc<Account>) -> Option<Arc<Account>> {
    let name = SourceName::from(&*format!("{}/journal", account.feed.name));
    let feed = inner.set.open(&name, &account.feed.issuer, account.feed.bounds().never_stale())?;
    account.feed.like(&feed);
    feed.heard(inner.clock.now());
    Some(Arc::new(account.beside(feed)))
}

/// What was read is said by its source, besides what that says now.
fn take_over(inner: &Inner, opened: &[&(&Arc<Account>, Arc<Account>)]) {
    let accounts: HashMap<SourceId, &Arc<Account>> =
        opened.iter().map(|(account, beside)| (beside.feed.id, *account)).collect();
    // First, so that nothing comes in that is void.
    for (account, beside) in opened {
        let voids = beside.feed.voids().all(Timestamp::default());
        voids.into_iter().for_each(|(target, void)| _ = account.feed.voids().put(target, void));
    }
    let mut read = Vec::new();
    for step in 0..Revocations::STEPS {
        inner.set.held(step, |known| read.extend(accounts.get(&known.source).map(|account| (*account, known))));
        for (account, known) in read.drain(..) {
            let Known { target, cutoff, until, learned, .. } = known;
            // Whoever asks what the source says, and then changes that, has its turn in between.
            let turn = account.turn();
            if !turn.is_void(target, learned) {
                inner.set.restore(&account.feed, &Revoked { target, cutoff, until }, learned);
            }
        }
    }
}

fn resume(inner: &Inner, account: &Arc<Account>, cursor: Option<Option<Vec<u8>>>) {
    inner.keep(&[Arc::clone(account)]);
    account.resume(cursor);
    account.feed.unread(false);
    inner.refused().retain(|one| !Arc::ptr_eq(one, account));
}
