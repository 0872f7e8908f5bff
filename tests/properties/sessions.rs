//! Years of sessions in seconds, against an oracle that remembers everything and counts it out each time. The store is
//! lost now and then, the wall clock is stepped, requests of two workers are told in either order, and instants are
//! chosen around the limits, to the millisecond.
//!
//! A run is its seed: a failure prints it, and `CURFEW_SEED=<seed> cargo test --test properties sessions::` plays it again.
//! What several instances do is in `fleet`.

use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::session::{KeySource, Knowledge, OnFull, OnStateLoss, Shown};
use curfew::decide::time::{Moment, Timestamp};
use curfew::state::sessions::{Activity, Name, Sessions, Terms};
use std::time::Duration;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Where all clocks begin.
pub const EPOCH: i64 = 1_800_000_000_000;

/// The idle limits of the routes; the last has none.
const IDLE: [Option<i64>; 4] = [Some(5 * MINUTE), Some(15 * MINUTE), Some(2 * HOUR), None];
const ABSOLUTE: i64 = 8 * HOUR;
/// By how much at most a silence ends a session earlier.
const JITTER: i64 = 2 * MINUTE;
/// How many sessions there are at once.
const AT_ONCE: usize = 40;
const STEPS: u32 = 60_000;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: i64) -> i64 {
        (self.next() % u64::try_from(bound).unwrap()) as i64
    }

    pub fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }

    pub fn name(&mut self) -> Name {
        let bytes = [self.next().to_le_bytes(), self.next().to_le_bytes()].concat();
        Name { print: Fingerprint(bytes.try_into().unwrap()), source: KeySource::Claim }
    }
}

/// A token, in the provider's time, which is the true one; whole seconds, as providers write them.
#[derive(Clone, Copy, Debug)]
struct Token {
    signed_in: Option<i64>,
    issued: i64,
}

impl Token {
    fn shown(self) -> Shown {
        let at = |ms: i64| Timestamp::from_millis(EPOCH + ms);
        Shown { signed_in: self.signed_in.map(at), issued: Some(at(self.issued)) }
    }
}

/// A session as it is, and all that the gateway could know of it.
#[derive(Clone)]
struct Session {
    name: Name,
    dated: bool,
    tokens: Vec<Token>,
    /// Every activity that was told since the store was lost, and what stood for one at first.
    points: Vec<i64>,
    /// Every sign-in that was shown since then, when that was by the steady clock, and from when on silences count.
    shown: Vec<(i64, i64, i64)>,
    /// What the start was when none was.
    first: i64,
    /// Was its user told to sign in?
    refused: bool,
}

/// What an oracle says: the longest silence that counts, the age, and whether that is exact.
struct Truth {
    silence: i64,
    age: i64,
    exact: bool,
}

impl Session {
    fn new(random: &mut Random, now: i64) -> Self {
        let mut new = Self {
            name: random.name(),
            dated: !random.one_in(4),
            tokens: Vec::new(),
            points: Vec::new(),
            shown: Vec::new(),
            first: 0,
            refused: false,
        };
        new.sign_in(now);
        new
    }

    fn sign_in(&mut self, now: i64) {
        let at = now.div_euclid(SECOND) * SECOND;
        self.tokens.push(Token { signed_in: self.dated.then_some(at), issued: at });
    }

    fn refresh(&mut self, now: i64) {
        let signed_in = self.tokens.last().unwrap().signed_in;
        self.tokens.push(Token { signed_in, issued: now.div_euclid(SECOND) * SECOND });
    }

    /// A token is shown: what it proves is a point where nothing else is known.
    fn show(&mut self, token: Token, steady: i64, wall: i64) {
        // Whatever the wall clock says, it is not later than it is.
        let proves = |at: i64| (steady - (wall - at).max(0)).max(at);
        if self.points.is_empty() {
            self.points.push(proves(token.signed_in.unwrap_or(token.issued).max(token.issued)));
            self.first = proves(token.signed_in.unwrap_or(token.issued));
            self.shown.extend(token.signed_in.map(|at| (at, self.first, self.points[0])));
        } else if let Some(at) = token.signed_in
            && self.shown.iter().all(|(known, ..)| at > *known)
        {
            self.shown.push((at, proves(at), proves(at)));
        }
    }

    /// Counts it out.
    fn truth(&self, token: Token, steady: i64, wall: i64) -> Truth {
        let newest = self.shown.iter().max();
        let own = token.signed_in.and_then(|at| self.shown.iter().find(|(known, ..)| *known == at));
        // Of an earlier sign-in that was never shown it is only known what came after what is known at all.
        let unknown = |at: i64| (at, (steady - (wall - at).max(0)).max(at), self.points[0].max(at));
        let other = token.signed_in.map(unknown).filter(|_| own.is_none());
        let own = own.copied().or(other);
        let start = own.map_or(i64::MIN, |(.., from)| from);
        let mut points: Vec<i64> = self.points.iter().copied().filter(|point| *point > start).collect();
        // A sign-in is an activity of its session, for whoever uses it.
        points.extend(self.shown.iter().chain(&own).map(|(.., from)| *from).filter(|from| *from >= start));
        points.push(steady);
        points.sort_unstable();
        let silence = points.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let began = own.map_or(self.first, |(_, steady, _)| steady);
        let age = (steady - began).max(token.signed_in.map_or(0, |at| wall - at));
        Truth { silence, age, exact: token.signed_in.is_none() || own.as_ref() == newest }
    }
}

/// How a run may be disturbed.
#[derive(Clone, Copy, Debug)]
struct Disturbed {
    steps: bool,
    losses: bool,
    races: bool,
    jitter: bool,
}

struct Run {
    random: Random,
    store: Sessions,
    terms: Terms,
    now: i64,
    /// By how much the wall clock is off.
    skew: i64,
    sessions: Vec<Session>,
    disturbed: Disturbed,
    told: Told,
}

#[derive(Debug, Default)]
struct Told {
    requests: u64,
    sessions: u64,
    losses: u64,
    steps: u64,
    refused: u64,
    edges: u64,
}

impl Run {
    fn new(seed: u64, disturbed: Disturbed) -> Self {
        let terms = Terms {
            max: 100_000,
            remember: Duration::from_secs(40 * 24 * 60 * 60),
            absolute: None,
            on_full: OnFull::Deny,
        };
        let mut random = Random(seed);
        let sessions = (0..AT_ONCE).map(|_| Session::new(&mut random, 0)).collect();
        let told = Told { sessions: AT_ONCE as u64, ..Told::default() };
        Self { random, store: Sessions::default(), terms, now: 0, skew: 0, sessions, disturbed, told }
    }

    fn wall(&self) -> i64 {
        self.now + self.skew
    }

    fn moment(&self, steady: i64) -> Moment {
        let wall = Timestamp::from_millis(EPOCH + steady + self.skew);
        Moment { wall, steady: Duration::from_millis(u64::try_from(DAY + steady).unwrap()) }
    }

    /// Time passes; now and then to an instant at which something is about to end.
    fn pass(&mut self, which: usize) {
        let last = self.sessions[which].points.iter().max().copied();
        let edge = match (last, IDLE[self.random.below(3) as usize]) {
            (Some(last), Some(limit)) if self.random.one_in(3) => {
                last + self.limit(limit, which) + self.random.below(5) - 2
            }
            _ => i64::MIN,
        };
        self.told.edges += u64::from(edge >= self.now);
        let span = [20, 2 * SECOND, MINUTE, 10 * MINUTE][self.random.below(4) as usize];
        self.now = if edge >= self.now { edge } else { self.now + self.random.below(span) };
    }

    /// How long this session may be left alone: the limit, less its own part of the jitter, counted out by hand.
    fn limit(&self, limit: i64, which: usize) -> i64 {
        let of = if self.disturbed.jitter { JITTER } else { 0 };
        let Fingerprint([.., a, b, c, d]) = self.sessions[which].name.print;
        limit - (of as f64 * f64::from(u32::from_le_bytes([a, b, c, d])) / 4_294_967_296.0).floor() as i64
    }

    fn disturb(&mut self) {
        if self.disturbed.losses && self.random.one_in(3_000) {
            self.store = Sessions::default();
            self.sessions.iter_mut().for_each(|session| (session.points.clear(), session.shown.clear()).0);
            self.told.losses += 1;
        }
        if self.disturbed.steps && self.random.one_in(200) {
            self.skew = self.random.below(4 * HOUR) - 2 * HOUR;
            self.told.steps += 1;
        }
    }

    fn renew(&mut self, which: usize) {
        let now = self.now;
        // Who was refused signs in again, sooner or later.
        if self.sessions[which].refused && self.random.one_in(4) {
            self.sessions[which].refused = false;
            match self.sessions[which].dated {
                true => self.sessions[which].sign_in(now),
                false => self.sessions[which] = Session::new(&mut self.random, now),
            }
            return;
        }
        match self.random.below(40) {
            0 => {
                self.sessions[which] = Session::new(&mut self.random, now);
                self.told.sessions += 1;
            }
            1 | 2 if self.sessions[which].dated => self.sessions[which].sign_in(now),
            3..8 => self.sessions[which].refresh(now),
            _ => {}
        }
    }

    /// One request, and sometimes another at nearly the same time, on another worker.
    fn step(&mut self) {
        let which = self.random.below(AT_ONCE as i64) as usize;
        self.pass(which);
        self.disturb();
        self.renew(which);
        let first = self.judge(which);
        if self.disturbed.races && self.random.one_in(4) {
            let (route, then) = (self.random.below(4) as usize, self.now);
            self.now += self.random.below(3);
            let second = self.judge_on(which, route);
            self.tell(which, second, self.now);
            self.tell(which, first, then);
        } else {
            self.tell(which, first, self.now);
        }
    }

    fn judge(&mut self, which: usize) -> Option<(Token, Option<Reason>, Activity)> {
        let route = self.random.below(4) as usize;
        self.judge_on(which, route)
    }

    fn judge_on(&mut self, which: usize, route: usize) -> Option<(Token, Option<Reason>, Activity)> {
        let tokens = &self.sessions[which].tokens;
        let token = if self.random.one_in(4) {
            tokens[self.random.below(tokens.len() as i64) as usize]
        } else {
            tokens[tokens.len() - 1]
        };
        // What was issued in the future is refused before anybody asks about sessions.
        if token.issued > self.wall() {
            return None;
        }
        let (steady, wall, name) = (self.now, self.wall(), self.sessions[which].name);
        let known = self.store.known(&name, token.shown(), self.moment(steady), &self.terms);
        let mut then = self.sessions[which].clone();
        then.show(token, steady, wall);
        let truth = then.truth(token, steady, wall);
        let idle = IDLE[route].map(|limit| self.limit(limit, which));
        let jitter = if self.disturbed.jitter { JITTER } else { 0 };
        let reason = judged(known, (IDLE[route], jitter), wall - token.signed_in.unwrap_or(wall));
        self.compare(token, idle, &truth, reason);
        self.told.requests += 1;
        self.told.refused += u64::from(reason.is_some());
        self.sessions[which].refused |= reason.is_some();
        // Of the last two routes, one polls.
        let activity = if route == 2 && self.random.one_in(2) { Activity::None } else { Activity::User };
        Some((token, reason, activity))
    }

    /// Races blur what is known of silences by as much as the two are apart: towards the earlier end.
    fn compare(&self, token: Token, idle: Option<i64>, truth: &Truth, reason: Option<Reason>) {
        let blur = if self.disturbed.races { 3 } else { 0 };
        let over = |blur: i64| truth.age > ABSOLUTE || idle.is_some_and(|limit| truth.silence + blur > limit);
        // How old an earlier sign-in is, the wall clock tells: it was turned into steady time for the newest only.
        let lives_on = reason.is_none() && over(0) && (truth.exact || !self.disturbed.steps);
        let exact = truth.exact && !self.disturbed.steps;
        let dies_early = reason.is_some() && exact && !over(blur);
        assert!(
            !lives_on && !dies_early,
            "{} at {}: {token:?} on a route of {:?} was judged {reason:?}; silence {}, age {}",
            if lives_on { "it lives on" } else { "it dies early" },
            self.now,
            idle,
            truth.silence,
            truth.age
        );
    }

    fn tell(&mut self, which: usize, judged: Option<(Token, Option<Reason>, Activity)>, at: i64) {
        let Some((token, reason, activity)) = judged else { return };
        let (session, now) = (&mut self.sessions[which], self.skew);
        let wall = Timestamp::from_millis(EPOCH + at + now);
        let moment = Moment { wall, steady: Duration::from_millis(u64::try_from(DAY + at).unwrap()) };
        session.show(token, at, at + now);
        match reason {
            None => {
                self.store.admitted(&session.name, token.shown(), moment, activity, &self.terms);
                if activity == Activity::User {
                    session.points.push(at);
                }
            }
            Some(reason) => _ = self.store.refused(&session.name, token.shown(), moment, reason, &self.terms),
        }
    }
}

/// As the policy does: the absolute limit first.
fn judged(known: Knowledge, (idle, jitter): (Option<i64>, i64), wall_age: i64) -> Option<Reason> {
    let Knowledge::Known(key, basis, sight) = known else { panic!("{known:?}") };
    if wall_age.max(sight.age) > ABSOLUTE {
        return Some(Reason::SessionAbsoluteTimeout);
    }
    let limit = Limit::new(Duration::from_millis(u64::try_from(idle?).unwrap()), Origin::Policy);
    let jitter = Duration::from_millis(u64::try_from(jitter).unwrap());
    let idle = Idle { limit, jitter, unidentified: Unidentified::Deny, on_state_loss: OnStateLoss::Deny };
    idle.judge(key, basis, sight).reason()
}

fn play(seed: u64, disturbed: Disturbed) -> (i64, Told) {
    let done = std::panic::catch_unwind(|| {
        let mut run = Run::new(seed, disturbed);
        (0..STEPS).for_each(|_| run.step());
        (run.now / DAY, run.told)
    });
    let Ok((days, told)) = done else { panic!("CURFEW_SEED={seed} plays it again, with {disturbed:?}: see above") };
    println!("seed {seed}, {disturbed:?}: {days} days, {told:?}, no violation");
    assert!(told.refused > 1000 && told.edges > 1000 && told.requests > told.refused);
    (days, told)
}

/// Every seed, and what that was in all.
fn play_all(disturbed: Disturbed) {
    let all: Vec<_> = seeds().into_iter().map(|seed| play(seed, disturbed)).collect();
    let sum = |what: fn(&Told) -> u64| all.iter().map(|(_, told)| what(told)).sum::<u64>();
    let years = all.iter().map(|(days, _)| *days as f64).sum::<f64>() / 365.25;
    println!(
        "{} seeds, {years:.1} years, {} sessions, {} requests, faults: {} lost stores, {} clock steps; violations: 0",
        all.len(),
        sum(|told| told.sessions),
        sum(|told| told.requests),
        sum(|told| told.losses),
        sum(|told| told.steps)
    );
}

pub fn seeds() -> Vec<u64> {
    match std::env::var("CURFEW_SEED") {
        Ok(seed) => vec![seed.parse().expect("CURFEW_SEED is a number")],
        Err(_) => (1..=6).collect(),
    }
}

#[test]
fn no_session_outlives_its_limits_and_none_dies_early() {
    play_all(Disturbed { steps: false, losses: false, races: false, jitter: false });
}

#[test]
fn nor_when_the_store_is_lost() {
    play_all(Disturbed { steps: false, losses: true, races: false, jitter: false });
}

#[test]
fn nor_when_two_workers_race() {
    play_all(Disturbed { steps: false, losses: true, races: true, jitter: false });
}

#[test]
fn nor_when_silences_are_spread() {
    play_all(Disturbed { steps: false, losses: true, races: false, jitter: true });
    play_all(Disturbed { steps: false, losses: true, races: true, jitter: true });
}

#[test]
fn nor_when_the_wall_clock_is_stepped() {
    play_all(Disturbed { steps: true, losses: true, races: false, jitter: false });
}
