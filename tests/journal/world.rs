//! A revocation set with one source and its journal, as the gateway has it, without the gateway.

use curfew::decide::id::{Fingerprint, IssuerName, SourceName};
use curfew::decide::revocation::Cutoff;
use curfew::decide::time::Timestamp;
use curfew::state::clock::SystemClock;
use curfew::state::journal::disk::Disk;
use curfew::state::journal::{Account, Journal, JournalError, Unwritten, Voice};
use curfew::state::revocations::{Bounds, Feed, Revocations, Revoked, Target};
use std::collections::BTreeSet;
use std::sync::Arc;

pub const CHECK: [u8; 16] = [7; 16];
pub const LEARNED: Timestamp = Timestamp::from_secs(1_790_000_000);

pub struct World {
    pub set: Arc<Revocations>,
    pub feed: Arc<Feed>,
    pub account: Arc<Account>,
    pub journal: Journal,
}

pub fn voice(source: &str) -> Voice {
    Voice { source: SourceName::from(source), iss: "https://id.example.com".into() }
}

/// Spreads ids over the set, and can be undone.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const UNSPREAD: u64 = 0xf1de_83e1_9937_733d;

pub fn token(id: u64) -> Revoked {
    let mut print = [0; 16];
    print[..8].copy_from_slice(&id.wrapping_mul(SPREAD).to_be_bytes());
    print[8..].copy_from_slice(&id.to_be_bytes());
    Revoked { target: Target::Token(Fingerprint(print)), cutoff: Cutoff::Always, until: None }
}

pub fn open_feed(set: &Revocations, name: &str, max_entries: usize) -> Arc<Feed> {
    let bounds = Bounds { max_entries, max_staleness: None };
    set.open(&SourceName::from(name), &IssuerName::from("corp"), bounds).unwrap()
}

impl World {
    pub fn start(disk: impl Disk + 'static) -> Result<Self, JournalError> {
        Self::of(disk, "events", 20_000_000)
    }

    pub fn of(disk: impl Disk + 'static, source: &str, max_entries: usize) -> Result<Self, JournalError> {
        let set = Arc::new(Revocations::default());
        let journal = Journal::open(Box::new(disk), CHECK, Arc::clone(&set), Arc::new(SystemClock::start()))?;
        let feed = open_feed(&set, source, max_entries);
        let account = journal.recover(vec![(voice(source), Arc::clone(&feed))])?.remove(0);
        Ok(Self { set, feed, account, journal })
    }

    /// As a sink accepts events.
    pub async fn accept(&self, ids: impl IntoIterator<Item = u64>) -> Result<(), Unwritten> {
        let all: Vec<Revoked> = ids.into_iter().map(token).collect();
        let receipt = {
            let turn = self.account.turn();
            all.iter().for_each(|what| _ = self.set.add(&self.feed, what, LEARNED).unwrap());
            turn.added(&all, LEARNED)
        };
        receipt.kept().await
    }

    /// As a sink takes a poll that says more.
    pub fn poll(&self, ids: impl IntoIterator<Item = u64>, cursor: &str) {
        let all: Vec<Revoked> = ids.into_iter().map(token).collect();
        let turn = self.account.turn();
        all.iter().for_each(|what| _ = self.set.add(&self.feed, what, LEARNED).unwrap());
        turn.polled(&all, LEARNED, Some(cursor.as_bytes()));
    }

    /// As a sink takes a poll that says all.
    pub fn replace(&self, ids: impl IntoIterator<Item = u64>, cursor: &str) {
        let all: Vec<Revoked> = ids.into_iter().map(token).collect();
        let turn = self.account.turn();
        self.set.replace(&self.feed, all.iter().copied(), LEARNED).unwrap();
        let sum = all.iter().fold(0, curfew::state::journal::sum);
        turn.replaced(&all, sum, LEARNED, Some(cursor.as_bytes()));
    }

    pub async fn lift(&self, id: u64) -> Result<(), Unwritten> {
        let receipt = {
            let turn = self.account.turn();
            self.set.lift(&self.feed, token(id).target);
            turn.lifted(&[token(id).target], LEARNED)
        };
        receipt.kept().await
    }

    /// The tokens that are revoked.
    pub fn ids(&self) -> BTreeSet<u64> {
        ids(&self.set)
    }

    pub fn cursor(&self) -> Option<String> {
        self.account.cursor().map(|cursor| String::from_utf8(cursor).unwrap())
    }

    /// Waits until a snapshot was made after this many.
    pub async fn snapshot_after(&self, before: u64) {
        let began = std::time::Instant::now();
        while self.journal.standing().snapshots <= before {
            assert!(began.elapsed().as_secs() < 20, "no snapshot came: {:?}", self.journal.standing());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

pub fn ids(set: &Revocations) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for step in 0..Revocations::STEPS {
        set.held(step, |known| {
            if let Target::Token(print) = known.target {
                ids.insert(u64::from_be_bytes(print.0[..8].try_into().unwrap()).wrapping_mul(UNSPREAD));
            }
        });
    }
    ids
}
