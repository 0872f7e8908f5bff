//! Instances as they are, and the store between them as it may be: what is told is late, twice and in any order.

use crate::fleet_told::Fault;
use crate::sessions::{DAY, EPOCH, Random};
use curfew::decide::checks::idle::{Idle, Unidentified};
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::id::Fingerprint;
use curfew::decide::reason::Reason;
use curfew::decide::session::{Knowledge, Life, OnFull, OnStateLoss, Shown};
use curfew::decide::time::{Moment, Timestamp};
use curfew::state::sessions::{Activity, Name, Pace, Sessions, Terms};
use std::collections::HashMap;
use std::time::Duration;

const MINUTE: i64 = 60_000;
pub const INSTANCES: usize = 4;
/// The idle limits of the routes; the last has none, and the third polls.
pub const IDLE: [Option<i64>; 4] = [Some(15 * MINUTE), Some(60 * MINUTE), Some(15 * MINUTE), None];
pub const INTERVAL: i64 = 90_000;
/// How often it is looked what is to be told.
const TICK: i64 = 500;
/// What was told is known to all after this: what is told together, two ticks, the way, what clocks are measured wrong by,
/// and that others are asked about one session once in a second.
pub const LATE: i64 = 500 + 2 * TICK + 400 + 1_000;
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

struct Instance {
    sessions: Sessions,
    /// Its steady clock and its wall clock, less the true time.
    steady: i64,
    wall: i64,
    /// The store's clock less its own, as measured when it joined.
    ahead: i64,
    /// The store that it knew last, and whether it is joined now, and when it tries next.
    known: Option<u64>,
    joined: bool,
    since: i64,
    tries: i64,
    /// Until when it cannot reach the store.
    cut_off: i64,
    settles: i64,
}

impl Instance {
    fn new(random: &mut Random, now: i64) -> Self {
        let (steady, wall) = (random.below(30 * DAY), random.below(8_000) - 4_000);
        let sessions = Sessions::default();
        let pace = Pace { interval: span(INTERVAL), strictest: span(15 * MINUTE) };
        sessions.share(Some(pace));
        Self {
            sessions,
            steady,
            wall,
            ahead: 0,
            known: None,
            joined: false,
            since: 0,
            tries: now,
            cut_off: 0,
            settles: 0,
        }
    }

    fn moment(&self, now: i64) -> Moment {
        let wall = Timestamp::from_millis(EPOCH + now + self.wall);
        Moment { wall, steady: span(DAY + now + self.steady) }
    }
}

fn span(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap())
}

/// A write on its way: when it comes, to which store.
struct Write {
    at: i64,
    store: u64,
    print: Fingerprint,
    life: Life,
}

pub struct Fleet {
    pub now: i64,
    instances: Vec<Instance>,
    store: u64,
    held: HashMap<[u8; 16], Life>,
    /// What was written in the last second, and what was there before.
    recent: Vec<(i64, [u8; 16], Option<Life>)>,
    away: i64,
    writes: Vec<Write>,
}

impl Fleet {
    pub fn new(random: &mut Random) -> Self {
        let instances = (0..INSTANCES).map(|_| Instance::new(random, 0)).collect();
        Self { now: 0, instances, store: 1, held: HashMap::new(), recent: Vec::new(), away: 0, writes: Vec::new() }
    }

    /// May another instance know what it could not tell yet?
    pub fn is_stale(&self, at: usize) -> bool {
        let late = |one: &Instance| !one.joined || self.now - one.since < 2 * TICK;
        self.instances.iter().enumerate().any(|(other, one)| other != at && late(one))
    }

    /// Has the store anything of it?
    pub fn has(&self, name: &Name) -> bool {
        self.held.contains_key(&name.print.0)
    }

    fn reaches(&self, at: usize) -> bool {
        self.now >= self.away.max(self.instances[at].cut_off)
    }

    /// Time passes; in ticks, as long as anything is to happen.
    pub fn pass(&mut self, to: i64, random: &mut Random) {
        while self.now < to {
            let waits = |one: &Instance| !one.joined || one.sessions.waiting() > 0;
            let busy = !self.writes.is_empty() || self.instances.iter().any(waits);
            self.now = if busy { to.min(self.now + TICK) } else { to };
            (0..INSTANCES).for_each(|at| self.tick(at, random));
            self.land();
        }
    }

    fn tick(&mut self, at: usize, random: &mut Random) {
        let (now, reaches, store) = (self.now, self.reaches(at), self.store);
        let one = &mut self.instances[at];
        if !reaches {
            one.joined = false;
        }
        if !one.joined && now >= one.tries {
            one.tries = now + 100 + random.below(5_000);
            if !reaches {
                return;
            }
            // Measured over a way that takes a while.
            one.ahead = -one.steady - DAY - random.below(100);
            let is_new = one.known.is_some_and(|known| known != store);
            let moment = one.moment(now);
            if is_new {
                one.settles = now + SETTLES;
            }
            if one.known.replace(store).is_some() {
                let since = if is_new { Duration::ZERO } else { moment.steady.saturating_sub(span(30_000)) };
                one.sessions.tell_again(since);
            }
            (one.joined, one.since) = (true, now);
        }
        if one.joined {
            self.tell(at, random);
        }
    }

    fn tell(&mut self, at: usize, random: &mut Random) {
        let one = &self.instances[at];
        for (print, life) in one.sessions.due(one.moment(self.now), usize::MAX) {
            let life = life.moved(one.ahead);
            // In any order, and one in ten comes once more, much later.
            let mut write = |late: i64| self.writes.push(Write { at: self.now + late, store: self.store, print, life });
            write(random.below(100));
            if random.one_in(10) {
                write(random.below(MINUTE));
            }
        }
    }

    fn land(&mut self) {
        let now = self.now;
        let mut landed: Vec<Write> = self.writes.extract_if(.., |write| write.at <= now).collect();
        landed.sort_by_key(|write| write.at);
        for write in landed.into_iter().filter(|write| write.store == self.store) {
            let before = self.held.get(&write.print.0).copied();
            self.recent.push((write.at, write.print.0, before));
            self.held.insert(write.print.0, before.map_or(write.life, |before| before.joined(write.life)));
        }
        self.recent.retain(|(at, ..)| *at > now - 1_000);
    }

    /// Asks the others; whether there was an answer.
    fn hear(&self, at: usize, print: Fingerprint) -> bool {
        let one = &self.instances[at];
        if !one.joined || !self.reaches(at) {
            return false;
        }
        let theirs = self.held.get(&print.0).map(|life| life.moved(-one.ahead));
        self.now >= one.settles && one.sessions.learn(print, theirs, one.moment(self.now), &TERMS)
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
        let (one, time) = (&self.instances[at], |ms: i64| Timestamp::from_millis(EPOCH + ms));
        // What was issued in the future is refused before anybody asks about sessions.
        if issued > self.now + one.wall {
            return None;
        }
        let (moment, shown) =
            (one.moment(self.now), Shown { signed_in: signed_in.map(time), issued: Some(time(issued)) });
        let mut known = one.sessions.known(name, shown, moment, &TERMS);
        let own = idle.map_or(Duration::MAX, span);
        let enough = (activity == Activity::None).then_some(own);
        let mut lost = false;
        let asked = one.sessions.is_doubtful(name.print, (&known, shown), moment, enough);
        if asked {
            lost = !self.hear(at, name.print);
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

    /// Something happens: until when it lasts, and which instance begins anew.
    pub fn meets(&mut self, fault: Fault, random: &mut Random) -> (i64, Option<usize>) {
        let (now, at) = (self.now, random.below(INSTANCES as i64) as usize);
        let most = if random.one_in(2) { 5_000 } else { 30 * MINUTE };
        let lasts = now + random.below(most);
        match fault {
            Fault::Emptied => {
                self.held.clear();
                self.store += 1;
                self.part(random);
            }
            Fault::Away => self.away = lasts,
            Fault::CutOff => self.instances[at].cut_off = lasts,
            Fault::FailedOver => {
                for (_, print, before) in self.recent.drain(..).rev() {
                    match before {
                        Some(before) => _ = self.held.insert(print, before),
                        None => _ = self.held.remove(&print),
                    }
                }
                self.part(random);
            }
            Fault::Restarted | Fault::Crashed => {
                if fault == Fault::Restarted {
                    self.instances[at].sessions.hurry();
                    self.tell(at, random);
                }
                self.instances[at] = Instance::new(random, now + 1_000);
                return (now + 10_000, Some(at));
            }
            Fault::Stepped => self.instances[at].wall = random.below(8 * MINUTE) - 4 * MINUTE,
        }
        (lasts + 10_000, None)
    }

    /// All lose their connections, and what was on its way is lost or comes later.
    fn part(&mut self, random: &mut Random) {
        for one in &mut self.instances {
            (one.joined, one.tries) = (false, self.now + 100 + random.below(5_000));
        }
    }
}

fn judged(known: Knowledge, idle: Option<i64>) -> Option<Reason> {
    let Knowledge::Known(key, basis, sight) = known else { panic!("{known:?}") };
    let limit = Limit::new(span(idle?), Origin::Policy);
    Idle { limit, jitter: Duration::ZERO, unidentified: Unidentified::Deny, on_state_loss: OnStateLoss::Deny }
        .judge(key, basis, sight)
        .reason()
}
