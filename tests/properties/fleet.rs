//! Years of sessions on several instances that share them by a store, against an oracle that sees everything. Steady clocks
//! differ, wall clocks are off and stepped, writes come late, twice and in any order, and the store is emptied, away, cut off
//! from one or two, taken over by a replica that lacks the last second, restored from a copy of minutes ago, and its clock set
//! back; instances are restarted, and crash. Policies say `deny`. All that an instance does, and all that is said to the store,
//! is the gateway's own: see `fleet_world`.
//!
//! `cargo test --test properties fleet:: -- --nocapture` prints what was played; a failure names its seed, and
//! `CURFEW_SEED=<seed>` before the command plays that one again, and `CURFEW_STEPS=100000` plays years of each.

use crate::fleet_told::{Fault, Told, steps};
use crate::fleet_world::{Asked, Fleet, IDLE, INSTANCES, INTERVAL, LATE};
use crate::sessions::{DAY, Random, seeds};
use curfew::state::sessions::{Activity, Name};

const AT_ONCE: usize = 5;
const STEPS: u32 = 4_000;

/// What is true of a session, whatever anybody knows.
struct Session {
    name: Name,
    /// When its user signed in, whether its tokens tell, and when its newest token was issued; in the provider's time.
    signed_in: i64,
    dated: bool,
    issued: i64,
    /// The last activity.
    last: i64,
    /// The longest silence; and the longest of those that somebody could know.
    silence: i64,
    knowable: i64,
    /// Whether a silence may be remembered that was none: it was used where that could not be told, or was lost.
    unsure: bool,
    /// Which instances know of its longest silence, and of its last activity, as bits.
    held: usize,
    users: usize,
    /// The instance that its user comes to, mostly.
    home: usize,
    /// Whether that is forgotten: whoever knew crashed before it was told, or ended before the store was emptied; or it was
    /// used where that could not be told, and others go by its token.
    forgotten: bool,
    /// Whether it was ever used.
    begun: bool,
}

impl Session {
    fn new(random: &mut Random, now: i64) -> Self {
        let at = now.div_euclid(1000) * 1000;
        let name = random.name();
        let dated = !random.one_in(4);
        Self {
            name,
            signed_in: at,
            dated,
            issued: at,
            last: at,
            silence: 0,
            knowable: 0,
            unsure: false,
            held: 0,
            users: 0,
            home: random.below(INSTANCES as i64) as usize,
            forgotten: false,
            begun: false,
        }
    }

    /// It is used now. What came before is a silence that nobody may remember, if others could not be asked about it.
    fn used(&mut self, now: i64, (at, heard): (usize, bool)) {
        let silence = now - self.last;
        self.silence = self.silence.max(silence);
        if heard {
            self.held = if silence > self.knowable { 1 << at } else { self.held | 1 << at };
            self.knowable = self.knowable.max(silence);
        }
        (self.last, self.users) = (now, 1 << at);
    }
}

struct Run {
    random: Random,
    fleet: Fleet,
    sessions: Vec<Session>,
    told: Told,
    /// No fault comes before this: each is over before the next.
    calm: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let fleet = Fleet::new(&mut random);
        let sessions = (0..AT_ONCE).map(|_| Session::new(&mut random, 0)).collect();
        Self { random, fleet, sessions, told: Told { sessions: AT_ONCE as u64, ..Told::default() }, calm: 0 }
    }

    fn step(&mut self) {
        let which = self.random.below(AT_ONCE as i64) as usize;
        self.pass(which);
        self.disturb();
        if self.random.one_in(25) || !self.sessions[which].begun {
            self.sessions[which] = Session::new(&mut self.random, self.fleet.0.now);
            self.told.sessions += 1;
            // Its user comes back from signing in with a request.
            return self.request(which, 0, Activity::User);
        }
        if self.random.one_in(5) {
            self.sessions[which].issued = self.fleet.0.now.div_euclid(1000) * 1000;
        }
        let route = self.random.below(4) as usize;
        let activity = if route == 2 { Activity::None } else { Activity::User };
        self.request(which, route, activity);
    }

    /// Time passes, now and then to an instant at which something is about to end.
    fn pass(&mut self, which: usize) {
        let now = self.fleet.0.now;
        // Around faults much happens in a short while.
        let spans = if now < self.calm { [20, 500, 2_000, 240_000] } else { [100, 5_000, 60_000, 240_000] };
        let span = spans[self.random.below(4) as usize];
        let edge = IDLE[self.random.below(2) as usize].map(|limit| self.sessions[which].last + limit);
        let near = edge.map(|edge| edge + self.random.below(6_000) - 3_000);
        let to = near.filter(|at| *at > now && self.random.one_in(15)).unwrap_or(now + self.random.below(span));
        self.fleet.0.pass(to, &mut self.random);
    }

    fn disturb(&mut self) {
        if self.fleet.0.now < self.calm || !self.random.one_in(60) {
            return;
        }
        let fault = Fault::ALL[self.random.below(Fault::ALL.len() as i64) as usize];
        let (over, ended) = self.fleet.meets(fault, &mut self.random);
        self.calm = over + 60_000;
        *self.told.faults.entry(fault).or_default() += 1;
        let now = self.fleet.0.now;
        for session in &mut self.sessions {
            let stays = ended.map_or(usize::MAX, |(at, _)| !(1 << at));
            (session.held, session.users) = (session.held & stays, session.users & stays);
            let untold = ended.is_some_and(|(_, told)| !told) && now - session.last < 2 * INTERVAL;
            // What the store loses is told again by those who hold it.
            let loses = matches!(fault, Fault::Emptied | Fault::Restored);
            session.unsure |= untold || loses && session.users == 0;
            session.forgotten |= untold || loses && session.held == 0;
        }
    }

    fn request(&mut self, which: usize, route: usize, activity: Activity) {
        let any = self.random.below(INSTANCES as i64) as usize;
        let at = if self.random.one_in(4) { any } else { self.sessions[which].home };
        let (now, session) = (self.fleet.0.now, &mut self.sessions[which]);
        let signed_in = session.dated.then_some(session.signed_in);
        let Some(asked) = self.fleet.asks(at, &session.name, (signed_in, session.issued), IDLE[route], activity) else {
            return;
        };
        self.told.requests += 1;
        let limit = IDLE[route].unwrap_or(i64::MAX);
        let quiet = now - session.last;
        let stale = self.fleet.0.is_stale(at);
        session.forgotten |= !self.fleet.0.has(&session.name) && stale;
        match asked {
            Asked::Admitted { asked, heard } => {
                let over = if session.begun { session.knowable.max(quiet) - limit } else { 0 };
                if session.forgotten {
                    self.told.forgotten += u64::from(over > LATE);
                } else {
                    self.told.latest = self.told.latest.max(over);
                    assert!(over <= LATE, "it lives on, {over} ms past {limit} at {now} on {at}");
                }
                session.unsure |= asked && stale && activity == Activity::User;
                if activity == Activity::User {
                    session.used(now, (at, heard));
                    session.begun = true;
                }
            }
            Asked::Ended => {
                let longest = session.silence.max(quiet);
                let early = longest + LATE <= limit;
                self.told.refused += 1;
                self.told.excused += u64::from(early);
                assert!(!early || session.unsure || stale, "it dies early: {longest} of {limit} at {now} on {at}");
                // Its user signs in again, sooner or later.
                session.begun &= !self.random.one_in(3);
            }
            Asked::Unknown => self.told.unknown += 1,
        }
    }
}

fn play(seed: u64) -> Told {
    let done = std::panic::catch_unwind(|| {
        let mut run = Run::new(seed);
        (0..steps(STEPS)).for_each(|_| run.step());
        (run.fleet.0.now, run.told)
    });
    let Ok((span, mut told)) = done else { panic!("CURFEW_SEED={seed} plays it again: see above") };
    told.days = span / DAY;
    println!("seed {seed}: {told}");
    told
}

#[test]
fn a_fleet_of_instances() {
    let mut all = Told::default();
    std::thread::scope(|scope| {
        let played: Vec<_> = seeds().into_iter().map(|seed| scope.spawn(move || play(seed))).collect();
        played.into_iter().for_each(|one| all.add(&one.join().expect("see above")));
    });
    println!("{} seeds on {INSTANCES} instances: {all}; violations: 0", seeds().len());
    assert!(all.refused > 1_000 && all.unknown > 100 && all.faults.len() == Fault::ALL.len());
    assert!(all.excused * 100 < all.refused, "{} of {} are excused", all.excused, all.refused);
}
