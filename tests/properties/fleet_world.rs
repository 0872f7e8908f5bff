//! Instances as they are (`fleet_member`), and the store between them as it may be: what is told is late, twice and in any
//! order. The store is a model of Redis that runs the gateway's own words (`support/redis_model.rs`).

use crate::fleet_member::{Member, Net, span};
use crate::fleet_told::Fault;
use crate::sessions::{EPOCH, Random};
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Knowledge, OnFull, OnStateLoss, Shown};
use curfew::decide::time::Timestamp;
use curfew::state::sessions::{Activity, Name, Pace, Sessions, Terms};
use std::time::Duration;

const MINUTE: i64 = 60_000;
pub const INSTANCES: usize = 4;
/// The idle limits of the routes; the last has none, and the third polls.
pub const IDLE: [Option<i64>; 4] = [Some(15 * MINUTE), Some(60 * MINUTE), Some(15 * MINUTE), None];
pub const INTERVAL: i64 = 90_000;
/// How often it is looked what is to be told.
const TICK: i64 = 500;
/// The same, as long as nothing befalls anybody.
const CALM: i64 = 1_000;
/// What was told is known to all after this: what is told together, two ticks, the way, what clocks are measured wrong by,
/// and that others are asked about one session once in a second.
pub const LATE: i64 = 500 + 2 * CALM + 400 + 1_000;
/// How long what an emptied store has may not be all that others know.
const SETTLES: i64 = 10_000;
const TERMS: Terms =
    Terms { max: 100_000, remember: Duration::from_secs(40 * 24 * 3600), absolute: None, on_full: OnFull::Deny };

/// What came of a request.
pub enum Asked {
    /// Whether others were to be asked, and could be where they were.
    Admitted {
        asked: bool,
        heard: bool,
    },
    Ended,
    Unknown,
}

/// Instances, the store, and the time.
pub struct World {
    pub now: i64,
    pub members: Vec<Member>,
    pub net: Net,
    pub terms: Terms,
    /// How it is told, and how long a store settles.
    pub how: (Pace, i64),
    /// Until when something may be going on that has to be seen as it happens.
    pub busy: i64,
}

impl World {
    pub fn new(random: &mut Random, instances: usize, terms: Terms, how: (Pace, i64)) -> Self {
        let members = (0..instances).map(|_| Member::new(random, 0, how)).collect();
        Self { now: 0, members, net: Net::default(), terms, how, busy: 60_000 }
    }

    /// May another instance know what it could not tell yet?
    pub fn is_stale(&self, at: usize) -> bool {
        let mut others = self.members.iter().enumerate().filter(|(other, _)| *other != at);
        others.any(|(_, one)| one.is_behind(self.now, 2 * TICK))
    }

    /// Has the store anything of it?
    pub fn has(&self, name: &Name) -> bool {
        self.net.redis.has(&name.print.0)
    }

    /// Time passes; in ticks, as long as anything is to happen.
    pub fn pass(&mut self, to: i64, random: &mut Random) {
        while self.now < to {
            let busy = self.now < self.busy || !self.net.is_quiet() || self.members.iter().any(Member::is_busy);
            if !busy && self.now + TICK < to {
                self.skips(to - TICK);
            }
            self.now = to.min(self.now + if self.now < self.busy { TICK } else { CALM });
            self.net.now = self.now;
            if self.now >= self.busy {
                self.net.stays(0);
                self.members.iter_mut().for_each(|one| one.saw(self.now));
            }
            let landed = self.net.lands();
            for one in &mut self.members {
                one.hears(&landed);
                one.ticks(&mut self.net, &self.terms, random);
            }
        }
    }

    /// Nothing happens until then, but that all look twice a second whether the store is there: so they did right before.
    fn skips(&mut self, to: i64) {
        self.now = to;
        self.net.now = to;
        self.net.stays(TICK);
        self.members.iter_mut().for_each(|one| one.stays(&mut self.net, &self.terms));
    }

    /// Asks the others; whether there was an answer.
    pub fn hear(&mut self, at: usize, print: Fingerprint) -> bool {
        self.net.now = self.now;
        self.members[at].asks(print, &mut self.net, &self.terms)
    }

    /// All is gone from it.
    pub fn empties(&mut self, random: &mut Random) {
        self.net.redis.flush();
        self.parts(random);
    }

    /// A copy takes its place that is so much older.
    pub fn copies(&mut self, older: i64, random: &mut Random) {
        let to = self.net.redis.now - older;
        self.net.redis.rewind(to);
        self.parts(random);
    }

    /// All lose their connections; what was on its way is lost, or comes later.
    fn parts(&mut self, random: &mut Random) {
        let now = self.now;
        self.net.drops(random);
        self.members.iter_mut().for_each(|one| one.loses(now, random));
    }

    /// An instance begins anew; it may tell all before. Gives whether it did.
    pub fn restarts(&mut self, at: usize, tells: bool, random: &mut Random) -> bool {
        let told = tells && self.members[at].ends(&mut self.net, &self.terms);
        self.members[at] = Member::new(random, self.now + 1_000, self.how);
        told
    }
}

/// The fleet of `fleet`.
pub struct Fleet(pub World);

impl Fleet {
    pub fn new(random: &mut Random) -> Self {
        let pace = Pace { interval: span(INTERVAL), strictest: span(15 * MINUTE) };
        Self(World::new(random, INSTANCES, TERMS, (pace, SETTLES)))
    }

    /// A request as the gate judges it: of a token that was issued then, on a route with this limit.
    pub fn asks(
        &mut self,
        at: usize,
        name: &Name,
        (signed_in, issued): (Option<i64>, i64),
        idle: Option<i64>,
        activity: Activity,
    ) -> Option<Asked> {
        let (one, time) = (&self.0.members[at], |ms: i64| Timestamp::from_millis(EPOCH + ms));
        // What was issued in the future is refused before anybody asks about sessions.
        if issued > self.0.now + one.wall {
            return None;
        }
        let (moment, shown) =
            (one.moment(self.0.now), Shown { signed_in: signed_in.map(time), issued: Some(time(issued)) });
        let mut known = one.sessions.known(name, shown, moment, &TERMS);
        let own = idle.map_or(Duration::MAX, span);
        let enough = (activity == Activity::None).then_some(own);
        let mut lost = false;
        let asked = one.sessions.is_doubtful(name.print, (&known, shown), moment, enough);
        if asked {
            lost = !self.0.hear(at, name.print);
        }
        let one = &self.0.members[at];
        if asked {
            known = one.sessions.known(name, shown, moment, &TERMS);
            let Knowledge::Known(_, basis, sight) = &mut known else { panic!("{known:?}") };
            *basis = basis.asked(!lost);
            if lost {
                sight.silence = sight.silence.max(one.sessions.silence_heard(name.print, shown, moment));
            }
        }
        Some(match judged(known, idle) {
            None => {
                let tell = if lost { Sessions::resumed } else { Sessions::admitted };
                tell(&one.sessions, name, shown, moment, activity, &TERMS);
                Asked::Admitted { asked, heard: !lost }
            }
            Some(Reason::SessionIdleTimeout) => {
                one.sessions.refused(name, shown, moment, Reason::SessionIdleTimeout, &TERMS);
                Asked::Ended
            }
            Some(_) => Asked::Unknown,
        })
    }

    /// Something happens: until when it lasts, and which instance begins anew; and whether it told all before.
    pub fn meets(&mut self, fault: Fault, random: &mut Random) -> (i64, Option<(usize, bool)>) {
        let world = &mut self.0;
        // A clock that was stepped is set right by and by.
        world.members.iter_mut().for_each(|one| one.wall %= 4_000);
        let (now, at) = (world.now, random.below(INSTANCES as i64) as usize);
        let most = if random.one_in(2) { 5_000 } else { 30 * MINUTE };
        let lasts = now + random.below(most);
        let mut over = now;
        match fault {
            Fault::Emptied => world.empties(random),
            Fault::Away => (world.net.away, over) = (lasts, lasts),
            Fault::CutOff => (world.members[at].cut_off, over) = (lasts, lasts),
            Fault::Parted => {
                let other = random.below(INSTANCES as i64) as usize;
                [at, other].into_iter().for_each(|at| world.members[at].cut_off = lasts);
                over = lasts;
            }
            Fault::FailedOver => world.copies(random.below(1_000), random),
            Fault::Restored => world.copies(random.below(10 * MINUTE), random),
            Fault::SetBack => world.net.clock -= random.below(60 * MINUTE),
            Fault::Restarted | Fault::Crashed => {
                let told = world.restarts(at, fault == Fault::Restarted, random);
                world.busy = now + MINUTE;
                return (now + 10_000, Some((at, told)));
            }
            Fault::Stepped => world.members[at].wall = random.below(8 * MINUTE) - 4 * MINUTE,
        }
        world.busy = over + MINUTE;
        (lasts + 10_000, None)
    }
}

fn judged(known: Knowledge, idle: Option<i64>) -> Option<Reason> {
    let Knowledge::Known(key, basis, sight) = known else { panic!("{known:?}") };
    let limit = Limit::new(span(idle?), Origin::Policy);
    Idle { limit, jitter: Duration::ZERO, unidentified: Unidentified::Deny, on_state_loss: OnStateLoss::Deny }
        .judge(key, basis, sight)
        .reason()
}
