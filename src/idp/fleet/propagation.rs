//! How far what was told here has come: for each instance that is known.

use super::hub::Hub;
use super::member::Member;
use super::roster::{SILENT, Seen};
use super::words::hex;
use crate::idp::room::Idp;
use std::sync::Arc;
use std::time::Duration;

/// How the fleet stands, as this instance knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Propagation {
    /// Whether this instance has joined.
    pub connected: bool,
    /// How many entries wait here to be told.
    pub queued: usize,
    /// Whether all that was accepted here is in the stream.
    pub told: bool,
    /// Where in the stream the last of it is.
    pub position: (u64, u64),
    /// The instances, by name; this one first.
    pub instances: Vec<Instance>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What it is called.
    pub name: String,
    /// The beginning of its number, which is of one process.
    pub id: String,
    /// Whether it is this one.
    pub here: bool,
    /// Whether it reads the stream that this one writes.
    pub same_stream: bool,
    /// Up to where it has read, and enforced.
    pub read: (u64, u64),
    /// How many entries that were told here it has not read.
    pub behind: u64,
    /// For how long the first of these waits for it.
    pub behind_for: Duration,
    /// For how long it said nothing.
    pub silent_for: Duration,
}

impl Instance {
    /// Whether it says nothing though it should.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent_for >= SILENT
    }
}

impl Member {
    /// As far as is known now.
    fn propagation(&self) -> Propagation {
        let now = self.clock.now().steady;
        let roster = self.roster();
        let mut instances: Vec<Instance> = roster.all().map(|seen| self.instance(seen, now)).collect();
        drop(roster);
        instances.sort_by(|one, other| (!one.here, &one.name, &one.id).cmp(&(!other.here, &other.name, &other.id)));
        let written = self.progress().written;
        let connected = self.counts.connected.load(std::sync::atomic::Ordering::Relaxed);
        let (queued, told) = (self.outbox.depth(), self.outbox.is_told());
        Propagation { connected, queued, told, position: (written.0, written.1), instances }
    }

    fn instance(&self, seen: &Seen, now: Duration) -> Instance {
        let (presence, progress) = (&seen.presence, self.progress());
        let here = presence.origin == self.origin;
        let same_stream = progress.epoch.as_ref() == Some(&presence.stream);
        let read = if same_stream { presence.read } else { super::words::Id::default() };
        // What was told here was enforced here before that.
        let (behind, behind_for) = if here { Default::default() } else { progress.marks.behind(read, now) };
        let id = hex(presence.origin).get(..8).unwrap_or_default().to_owned();
        let (name, silent_for) = (presence.name.clone(), seen.silence(now));
        Instance { name, id, here, same_stream, read: (read.0, read.1), behind, behind_for, silent_for }
    }
}

impl Hub {
    fn member(&self) -> Option<Arc<Member>> {
        self.running().as_ref().map(|running| Arc::clone(&running.member))
    }

    /// Says to the others that this one goes.
    pub(super) async fn leave(&self) {
        if let Some(member) = self.member() {
            member.leave().await;
        }
    }
}

impl Idp {
    /// How far what was told here has come; `None` if there is no fleet.
    #[must_use]
    pub fn propagation(&self) -> Option<Propagation> {
        self.fleet.member().map(|member| member.propagation())
    }

    /// The same, for somebody who looks again soon: until then the others are asked often.
    #[must_use]
    pub fn watched_propagation(&self) -> Option<Propagation> {
        let member = self.fleet.member()?;
        member.roster().look(member.clock.now().steady);
        Some(member.propagation())
    }
}
