//! Years of sessions on several instances that share them, in seconds, against an oracle that knows every activity. Clocks
//! are skewed, writes come late and in any order, instances are killed, and the store is unreachable, lost, or an older copy
//! of itself. Policies refuse while it cannot be told (`on_state_loss: deny`): that is counted, and nothing else may differ.
//!
//! All that an instance does, and all that is said to the store, is the gateway's own: see `fleet_world`.
//! A run is its seed: a failure prints it, and `CURFEW_SEED=<seed> cargo test --test properties fleet` plays it again.

use crate::fleet_told::steps;
use crate::fleet_world::World;
use crate::sessions::{EPOCH, Random};
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Knowledge, OnFull, OnStateLoss, Shown};
use curfew::decide::time::Timestamp;
use curfew::state::sessions::{Activity, Name, Pace, Terms};
use std::time::Duration;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const INSTANCES: usize = 3;
const AT_ONCE: usize = 12;
/// The idle limits of the routes; the last has none.
const IDLE: [Option<i64>; 4] = [Some(5 * MINUTE), Some(15 * MINUTE), Some(2 * HOUR), None];
const JITTER: i64 = MINUTE;
const STRICTEST: i64 = 4 * MINUTE;
/// A tenth of the strictest, as it is by default.
const INTERVAL: i64 = STRICTEST / 10;
/// How long a telling may take until it is there, however often it is begun, and how far the wall clocks may be off.
const UNDER_WAY: i64 = 7 * SECOND;
/// How long it takes if it need not be begun again.
const AT_ONCE_WITHIN: i64 = SECOND;
const SKEW: i64 = 4 * SECOND;
const SETTLES: i64 = 10 * SECOND;

const TERMS: Terms =
    Terms { max: 100_000, remember: Duration::from_secs(40 * 86_400), absolute: None, on_full: OnFull::Deny };

fn ms(span: i64) -> Duration {
    Duration::from_millis(u64::try_from(span).unwrap())
}

fn pace() -> Pace {
    Pace { interval: ms(INTERVAL), strictest: ms(STRICTEST) }
}

/// A session as it is.
struct Session {
    name: Name,
    /// The newest sign-in, and when each token since was issued.
    signed_in: i64,
    tokens: Vec<i64>,
    /// Every activity since the sign-in, and what the token proved that was shown first.
    points: Vec<i64>,
    /// When the token was issued that was shown first since the sign-in, and when that was: where nothing else is known,
    /// it is an activity.
    first: Option<(i64, i64)>,
    /// Was an instance killed since, so that some activity may be unknown to all?
    killed: bool,
    /// Is some activity known to nobody, or was it used while the store had not yet heard again what it had lost?
    blurred: bool,
    /// Is there a silence since that nobody remembers? So it is if it was seen first on two at once, while nothing was heard of
    /// either.
    unheard: bool,
    refused: bool,
}

impl Session {
    fn new(random: &mut Random, now: i64) -> Self {
        let mut new = Self {
            name: random.name(),
            signed_in: 0,
            tokens: vec![],
            points: vec![],
            first: None,
            killed: false,
            blurred: false,
            unheard: false,
            refused: false,
        };
        new.sign_in(now);
        new
    }

    fn sign_in(&mut self, now: i64) {
        let at = now.div_euclid(SECOND) * SECOND;
        // Within a second of the last one it is the same sign-in.
        if at > self.signed_in || self.tokens.is_empty() {
            (self.signed_in, self.tokens, self.points) = (at, vec![at], vec![at]);
            (self.first, self.unheard) = (None, false);
            (self.killed, self.blurred, self.refused) = (false, false, false);
        }
    }

    fn shown(&self, issued: i64) -> Shown {
        let at = |ms: i64| Some(Timestamp::from_millis(EPOCH + ms));
        Shown { signed_in: at(self.signed_in), issued: at(issued) }
    }

    /// The longest silence until now: with what tokens prove, the longest that somebody must remember.
    fn silence(&self, now: i64, proven: bool) -> i64 {
        let mut points = self.points.clone();
        points.push(now);
        if proven {
            let first = self.first.map_or(i64::MIN, |(first, _)| first);
            let from = self.tokens.iter().copied().filter(|_| self.killed).fold(first, i64::max);
            points.push(from.max(points[0]));
            points.retain(|point| *point >= from);
        }
        points.sort_unstable();
        points.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    fn limit(&self, limit: i64) -> i64 {
        let Fingerprint([.., a, b, c, d]) = self.name.print;
        limit - (JITTER as f64 * f64::from(u32::from_le_bytes([a, b, c, d])) / 4_294_967_296.0).floor() as i64
    }
}

#[derive(Debug, Default)]
struct Told {
    requests: u64,
    sessions: u64,
    refused: u64,
    unknown: u64,
    edges: u64,
    /// Requests that were admitted though the session was once silent for too long, which nobody remembers.
    exempt: u64,
    faults: [u64; 4],
    /// How much longer than its limit a session was ever silent and lived, in milliseconds.
    latest: i64,
}

struct Run {
    random: Random,
    now: i64,
    world: World,
    sessions: Vec<Session>,
    /// Until when no other fault comes: two at once may lose what only one of them knew.
    calm: i64,
    told: Told,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let world = World::new(&mut random, INSTANCES, TERMS, (pace(), SETTLES));
        let sessions = (0..AT_ONCE).map(|_| Session::new(&mut random, 0)).collect();
        let told = Told { sessions: AT_ONCE as u64, ..Told::default() };
        Self { random, now: 0, world, sessions, calm: 0, told }
    }

    /// Time passes, and what is due meanwhile is told.
    fn advance(&mut self, to: i64) {
        self.world.pass(to, &mut self.random);
        self.now = self.world.now;
    }

    fn disturb(&mut self) {
        if self.now < self.calm || !self.random.one_in(100) {
            return;
        }
        let kind = self.random.below(4) as usize;
        self.told.faults[kind] += 1;
        let mut over = self.now;
        match kind {
            // It is not to be reached for a while.
            0 => {
                over = self.now + self.random.below(10 * MINUTE);
                self.world.net.away = over;
            }
            // It comes back empty.
            1 => self.world.empties(&mut self.random),
            // A copy takes its place that did not hear of the last of it.
            2 => self.world.copies(self.random.below(5 * SECOND), &mut self.random),
            // An instance is killed.
            _ => {
                let which = self.random.below(INSTANCES as i64) as usize;
                self.world.restarts(which, false, &mut self.random);
                for session in &mut self.sessions {
                    let lost = self.now - INTERVAL - UNDER_WAY;
                    session.blurred |= session.points.iter().any(|point| *point > lost);
                    session.killed = true;
                }
            }
        }
        (self.world.busy, self.calm) = (over + MINUTE, over + 3 * MINUTE);
    }

    fn pass(&mut self, which: usize) {
        let session = &self.sessions[which];
        let last = session.points.iter().max().copied().unwrap_or(0);
        let edge = match IDLE[self.random.below(3) as usize] {
            Some(limit) if self.random.one_in(12) => last + session.limit(limit) + self.random.below(5) - 2,
            _ => i64::MIN,
        };
        self.told.edges += u64::from(edge >= self.now);
        let span = [20, 2 * SECOND, 20 * SECOND, 2 * MINUTE][self.random.below(4) as usize];
        let span = if self.random.one_in(100) { 3 * HOUR } else { span };
        let to = if edge >= self.now { edge } else { self.now + self.random.below(span) };
        self.advance(to);
    }

    fn renew(&mut self, which: usize) {
        let now = self.now;
        if self.sessions[which].refused && self.random.one_in(6) {
            return self.sessions[which].sign_in(now);
        }
        match self.random.below(60) {
            0 => {
                self.sessions[which] = Session::new(&mut self.random, now);
                self.told.sessions += 1;
            }
            1 => self.sessions[which].sign_in(now),
            2..8 => self.sessions[which].tokens.push(now.div_euclid(SECOND) * SECOND),
            _ => {}
        }
    }

    /// One request, on any instance and any route.
    fn step(&mut self) {
        let which = self.random.below(AT_ONCE as i64) as usize;
        self.pass(which);
        self.disturb();
        self.renew(which);
        let (at, route) = (self.random.below(INSTANCES as i64) as usize, self.random.below(4) as usize);
        let activity = if route == 2 && self.random.one_in(2) { Activity::None } else { Activity::User };
        let issued = *self.sessions[which].tokens.last().unwrap();
        self.request(which, at, route, activity, issued);
    }

    fn request(&mut self, which: usize, at: usize, route: usize, activity: Activity, issued: i64) {
        let (session, one) = (&self.sessions[which], &self.world.members[at]);
        let (shown, name, moment) = (session.shown(issued), session.name, one.moment(self.now));
        if issued > self.now + one.wall {
            return; // refused before anybody asks about sessions
        }
        let idle = IDLE[route].map(|limit| Idle {
            limit: Limit::new(ms(limit), Origin::Policy),
            jitter: ms(JITTER),
            unidentified: Unidentified::Deny,
            on_state_loss: OnStateLoss::Deny,
        });
        let judged = |known: &Knowledge| match (idle, known) {
            (Some(idle), Knowledge::Known(key, basis, sight)) => idle.judge(*key, *basis, *sight).reason(),
            _ => None,
        };
        let mut known = one.sessions.known(&name, shown, moment, &TERMS);
        let own = idle.map_or(Duration::MAX, |idle| idle.span(name.key()));
        let mut lost = false;
        if one.sessions.is_doubtful(name.print, (&known, shown), moment, (activity == Activity::None).then_some(own)) {
            let answered = self.world.hear(at, name.print);
            known = self.world.members[at].sessions.known(&name, shown, moment, &TERMS);
            if let Knowledge::Known(_, basis, _) = &mut known {
                *basis = basis.asked(answered);
                lost = basis.is_lost();
            }
        }
        let (reason, stale) = (judged(&known), self.world.is_stale(at));
        let session = &mut self.sessions[which];
        session.blurred |= stale;
        // Seen first a moment ago, elsewhere perhaps, and not told yet: the silence before is told by neither.
        let at_once = session.first.is_some_and(|(_, at)| stale || self.now - at <= AT_ONCE_WITHIN);
        session.unheard |= at_once && reason.is_none() && session.silence(self.now, true) > STRICTEST;
        if reason != Some(Reason::SessionStateUnknown) {
            session.first.get_or_insert((issued, self.now));
        }
        let limit = IDLE[route].map(|limit| self.sessions[which].limit(limit));
        self.compare(which, limit, reason, &format!("{known:?} of {shown:?} at {at}"));
        let (session, one) = (&mut self.sessions[which], &self.world.members[at]);
        match reason {
            None => {
                if lost {
                    one.sessions.resumed(&name, shown, moment, activity, &TERMS);
                } else {
                    one.sessions.admitted(&name, shown, moment, activity, &TERMS);
                }
                if activity == Activity::User {
                    session.points.push(self.now);
                }
            }
            Some(reason) if lost => _ = one.sessions.refused_unheard(&name, shown, moment, reason, &TERMS),
            Some(reason) => _ = one.sessions.refused(&name, shown, moment, reason, &TERMS),
        }
        session.refused |= reason == Some(Reason::SessionIdleTimeout);
    }

    fn compare(&mut self, which: usize, limit: Option<i64>, reason: Option<Reason>, why: &str) {
        self.told.requests += 1;
        let session = &self.sessions[which];
        let (silence, limit) = (session.silence(self.now, false), limit.unwrap_or(i64::MAX));
        let blur = SKEW + UNDER_WAY;
        let wrong = match reason {
            None => {
                let silence = session.silence(self.now, true);
                let late = silence.saturating_sub(limit);
                if session.unheard {
                    self.told.exempt += u64::from(late > INTERVAL);
                    return;
                }
                self.told.latest = self.told.latest.max(late);
                (late > INTERVAL).then_some("it lives on")
            }
            Some(Reason::SessionIdleTimeout) => {
                self.told.refused += 1;
                (silence + blur <= limit && !session.blurred).then_some("it dies early")
            }
            Some(_) => {
                self.told.unknown += 1;
                None
            }
        };
        let now = self.now;
        assert!(wrong.is_none(), "{wrong:?} at {now}: a silence of {silence} of {limit} was judged {reason:?}; {why}");
    }
}

fn play(seed: u64, steps: u32) {
    let done = std::panic::catch_unwind(|| {
        let mut run = Run::new(seed);
        (0..steps).for_each(|_| run.step());
        (run.now, run.told)
    });
    let Ok((span, told)) = done else { panic!("seed {seed}: see above") };
    println!("seed {seed}: {INSTANCES} instances, {} days, {told:?}, no violation", span / DAY);
    assert!(told.refused > 300 && told.edges > 100 && told.faults.iter().all(|count| *count > 2), "{told:?}");
    assert!(told.unknown < told.requests / 10, "{told:?}");
}

#[test]
fn fleet_sessions_end_on_time_whatever_fails() {
    let seeds = match std::env::var("CURFEW_SEED") {
        Ok(seed) => vec![seed.parse().expect("CURFEW_SEED is a number")],
        Err(_) => (1..=6).collect(),
    };
    std::thread::scope(|scope| {
        let played: Vec<_> = seeds.into_iter().map(|seed: u64| scope.spawn(move || play(seed, steps(6_000)))).collect();
        played.into_iter().for_each(|one| one.join().expect("see above"));
    });
}
