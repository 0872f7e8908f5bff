//! Sessions that go on with a newer token, as the gateway sees it: it does not renew tokens, it sees the old one refused,
//! or not, and the newer one come. Also how long sessions lasted that ended here. What is known of a session is bounded
//! and forgotten; nothing is decided by it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::meter::lock;
use crate::decide::id::Fingerprint;
use crate::decide::time::Timestamp;

/// How many parts there are, each with a lock of its own.
const PARTS: usize = 64;
/// How many sessions a part knows, at most twice: those of late, and those of before.
const LATELY: usize = 1024;
/// A client that is refused and still comes with the same token after this has not renewed it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request with a token of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The session.
    pub session: Fingerprint,
    /// When its token was issued.
    pub issued: Timestamp,
    /// The request's instant, by the steady clock.
    pub at: Duration,
}

/// What a request says of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing new.
    None,
    /// It goes on with a newer token, though the one before was not refused.
    RenewedAhead,
    /// It goes on with a newer token, so long after the one before was first refused.
    RenewedLate(Duration),
    /// Its client comes again and again with a token that is over.
    Failed,
}

/// What is known of a session.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// When its newest token was issued.
    issued: Timestamp,
    /// When that was first refused because it was over.
    refused: Option<Duration>,
    /// Whether it was told that its renewal failed.
    failed: bool,
    /// Whether it was told that the session has ended, for the sign-in that it was of.
    ended: Option<Option<Timestamp>>,
}

type Courses = HashMap<Fingerprint, Course, foldhash::fast::RandomState>;

/// The sessions of one issuer that came lately.
#[derive(Debug)]
pub(super) struct Renewals(Box<[Mutex<Part>]>);

#[derive(Debug, Default)]
struct Part {
    lately: Courses,
    before: Courses,
}

impl Default for Renewals {
    fn default() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }
}

impl Part {
    /// What is known of a session; made if nothing is. What was not asked for within two fillings is forgotten.
    fn course(&mut self, session: Fingerprint, issued: Timestamp) -> (&mut Course, bool) {
        if !self.lately.contains_key(&session) && self.lately.len() >= LATELY {
            self.before = std::mem::take(&mut self.lately);
        }
        let known = self.before.remove(&session);
        let is_new = known.is_none() && !self.lately.contains_key(&session);
        let new = Course { issued, refused: None, failed: false, ended: None };
        (self.lately.entry(session).or_insert(known.unwrap_or(new)), is_new)
    }
}

impl Renewals {
    /// The first request with a token was admitted.
    pub fn admitted(&self, visit: Visit) -> Turn {
        let Visit { session, issued, at } = visit;
        self.with(session, issued, |course, is_new| {
            if is_new || issued <= course.issued {
                return Turn::None;
            }
            let refused = course.refused.take();
            (course.issued, course.failed) = (issued, false);
            refused.map_or(Turn::RenewedAhead, |since| Turn::RenewedLate(at.saturating_sub(since)))
        })
    }

    /// A request was refused, because its token is over and a newer one would not be.
    pub fn refused(&self, visit: Visit) -> Turn {
        let Visit { session, issued, at } = visit;
        self.with(session, issued, |course, _| {
            if issued < course.issued {
                return Turn::None;
            }
            if issued > course.issued {
                // A newer one that is over too: it goes on to wait for one that is not.
                course.issued = issued;
            }
            let since = *course.refused.get_or_insert(at);
            if course.failed || at.saturating_sub(since) < PATIENCE {
                return Turn::None;
            }
            course.failed = true;
            Turn::Failed
        })
    }

    /// A request was refused, because its session has ended. Is that news? It is once for each sign-in.
    pub fn ended(&self, visit: Visit, signed_in: Option<Timestamp>) -> bool {
        self.with(visit.session, visit.issued, |course, _| course.ended.replace(signed_in) != Some(signed_in))
    }

    fn with<T>(&self, session: Fingerprint, issued: Timestamp, act: impl FnOnce(&mut Course, bool) -> T) -> T {
        // A fingerprint is drawn under a key of ours: nobody chooses its part.
        let Fingerprint([first, ..]) = session;
        let part = self.0.get(usize::from(first) % PARTS);
        match part {
            Some(part) => {
                let mut part = lock(part);
                let (course, is_new) = part.course(session, issued);
                act(course, is_new)
            }
            None => act(&mut Course { issued, refused: None, failed: false, ended: None }, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(session: u32, issued: i64, at: f64) -> Visit {
        let mut print = [0; 16];
        print[..4].copy_from_slice(&session.to_le_bytes());
        let (session, issued) = (Fingerprint(print), Timestamp::from_secs(issued));
        Visit { session, issued, at: Duration::from_secs_f64(at) }
    }

    #[test]
    fn a_newer_token_is_a_renewal_once() {
        let seen = Renewals::default();
        let turns = [(100, 1.0), (100, 2.0), (200, 3.0), (200, 4.0), (100, 5.0), (300, 6.0)]
            .map(|(issued, at)| seen.admitted(visit(1, issued, at)));
        assert_eq!(turns, [Turn::None, Turn::None, Turn::RenewedAhead, Turn::None, Turn::None, Turn::RenewedAhead]);
        assert_eq!(seen.admitted(visit(2, 400, 7.0)), Turn::None, "another session");
    }

    /// From the first refusal of the old one to the first admission of the newer one.
    #[test]
    fn a_refusal_is_waited_for() {
        let seen = Renewals::default();
        assert_eq!(seen.admitted(visit(1, 100, 1.0)), Turn::None);
        assert_eq!(seen.refused(visit(1, 100, 10.0)), Turn::None);
        assert_eq!(seen.refused(visit(1, 100, 10.1)), Turn::None);
        assert_eq!(seen.admitted(visit(1, 200, 10.25)), Turn::RenewedLate(Duration::from_millis(250)));
        assert_eq!(seen.refused(visit(1, 100, 11.0)), Turn::None, "another tab, with the old one");
        assert_eq!(seen.admitted(visit(1, 300, 12.0)), Turn::RenewedAhead, "which is no refusal of the newer one");
    }

    #[test]
    fn who_comes_again_with_the_same_has_not_renewed() {
        let seen = Renewals::default();
        let turns = [0.0, 29.9, 30.0, 31.0, 99.0].map(|at| seen.refused(visit(1, 100, at)));
        assert_eq!(turns, [Turn::None, Turn::None, Turn::Failed, Turn::None, Turn::None]);
        assert_eq!(seen.refused(visit(1, 200, 100.0)), Turn::None, "a newer one that is over as well");
        assert_eq!(seen.admitted(visit(1, 300, 101.0)), Turn::RenewedLate(Duration::from_secs(101)));
        assert_eq!(seen.refused(visit(1, 300, 200.0)), Turn::None);
        assert_eq!(seen.refused(visit(1, 300, 230.0)), Turn::Failed, "the next time it is news again");
    }

    #[test]
    fn an_end_is_told_once_for_a_sign_in() {
        let (seen, at) = (Renewals::default(), |secs| Some(Timestamp::from_secs(secs)));
        let ends = [at(1), at(1), at(2), at(2)].map(|signed_in| seen.ended(visit(1, 100, 1.0), signed_in));
        assert_eq!(ends, [true, false, true, false]);
        assert_eq!([None, None].map(|none| seen.ended(visit(2, 100, 1.0), none)), [true, false]);
    }

    #[test]
    fn many_sessions_take_no_more_room() {
        let seen = Renewals::default();
        (0..300_000).for_each(|session: u32| _ = seen.admitted(visit(session, 100, 1.0)));
        let parts = seen.0.iter().map(|part| lock(part));
        let held: usize = parts.map(|part| part.lately.len() + part.before.len()).sum();
        assert!(held <= 2 * PARTS * LATELY && held > PARTS * LATELY / 2, "{held}");
        assert_eq!(seen.admitted(visit(299_999, 200, 2.0)), Turn::RenewedAhead, "the last ones are known");
        assert_eq!(seen.admitted(visit(0, 200, 2.0)), Turn::None, "the first are forgotten");
    }
}
