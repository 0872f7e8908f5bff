//! Sources whose words could not be read when they were taken up are read again. What they said meanwhile was enforced, and
//! not kept; it stays enforced.

use super::account::Account;
use super::frame::JournalError;
use super::room::Inner;
use crate::decide::id::SourceId;
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
    // Their own have their turns, which nobody shall wait for so long.
    let beside: Vec<_> = torn.iter().map(|account| Arc::new(account.beside())).collect();
    let said = said_meanwhile(inner, torn);
    let read = inner.read(&beside);
    for (account, known) in said {
        let Known { target, cutoff, until, learned, .. } = known;
        // What it has no room for makes its feed incomplete.
        let _ = inner.set.add(&account.feed, &Revoked { target, cutoff, until }, learned);
    }
    read?;
    for (account, beside) in torn.iter().zip(beside) {
        // What was said whole while this was read may have lost something to it: it has to be said once more.
        if !account.feed.take_whole() {
            resume(inner, account, Some(beside.cursor()));
        }
    }
    Ok(())
}

fn said_meanwhile<'a>(inner: &Inner, torn: &'a [Arc<Account>]) -> Vec<(&'a Arc<Account>, Known)> {
    let by_id: HashMap<SourceId, &Arc<Account>> = torn.iter().map(|account| (account.feed.id, account)).collect();
    let mut said = Vec::new();
    for step in 0..Revocations::STEPS {
        inner.set.held(step, |known| said.extend(by_id.get(&known.source).map(|account| (*account, known))));
    }
    said
}

fn resume(inner: &Inner, account: &Arc<Account>, cursor: Option<Option<Vec<u8>>>) {
    inner.keep(&[Arc::clone(account)]);
    account.resume(cursor);
    account.feed.unread(false);
    inner.refused().retain(|one| !Arc::ptr_eq(one, account));
}
