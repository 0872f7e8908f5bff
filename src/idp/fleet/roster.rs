//! Who is in the fleet, and how far each has come: as the instances tell of themselves, and as long as they do.

use super::presence::Presence;
use std::collections::HashMap;
use std::time::Duration;

/// Who says nothing for so long is silent: three beats were missed.
pub(super) const SILENT: Duration = Duration::from_secs(3);

/// Who says nothing for so long is not waited for any more, and forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// For so long after somebody looked, it is looked often.
const WATCHED: Duration = Duration::from_secs(2);

/// All instances that are known.
#[derive(Default)]
pub(super) struct Roster {
    seen: HashMap<[u8; 16], Seen>,
    watched: Option<Duration>,
}

/// One of them, and when it last said something new, by our clock.
pub(super) struct Seen {
    pub(super) presence: Presence,
    pub(super) since: Duration,
}

impl Seen {
    /// For how long it said nothing.
    pub(super) const fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }
}

impl Roster {
    /// Takes in what all tell of themselves; tells who is to be forgotten.
    pub(super) fn meet(&mut self, all: Vec<Presence>, now: Duration) -> Vec<[u8; 16]> {
        let mut old = std::mem::take(&mut self.seen);
        for presence in all {
            let same = old.remove(&presence.origin).filter(|seen| seen.presence == presence);
            let since = same.map_or(now, |seen| seen.since);
            self.seen.insert(presence.origin, Seen { presence, since });
        }
        let gone = self.seen.extract_if(|_, seen| seen.silence(now) > FORGOTTEN);
        gone.map(|(origin, _)| origin).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Seen> {
        self.seen.values()
    }

    /// Somebody looks.
    pub(super) const fn look(&mut self, now: Duration) {
        self.watched = Some(now);
    }

    /// Whether somebody looked just now.
    pub(super) fn is_watched(&self, now: Duration) -> bool {
        self.watched.is_some_and(|at| now.saturating_sub(at) < WATCHED)
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Id;
    use super::{FORGOTTEN, Presence, Roster, SILENT};
    use std::time::Duration;

    fn presence(number: u8, beat: u64) -> Presence {
        Presence { origin: [number; 16], beat, read: Id::default(), stream: "s".into(), name: "n".into() }
    }

    #[test]
    fn who_says_nothing_new_is_silent_and_at_last_forgotten() {
        let mut roster = Roster::default();
        assert!(roster.meet(vec![presence(1, 1), presence(2, 1)], Duration::ZERO).is_empty());
        assert!(roster.meet(vec![presence(1, 2), presence(2, 1)], SILENT).is_empty());
        let silent = |roster: &Roster| roster.all().filter(|seen| seen.silence(SILENT) >= SILENT).count();
        assert_eq!((roster.all().count(), silent(&roster)), (2, 1));
        // Who left takes its record along.
        assert!(roster.meet(vec![presence(2, 1)], SILENT).is_empty());
        assert_eq!(roster.all().count(), 1);
        let gone = roster.meet(vec![presence(1, 3), presence(2, 1)], FORGOTTEN + SILENT);
        assert_eq!((gone, roster.all().count()), (vec![[2; 16]], 1));
    }
}
