//! An instance: its sessions, what it says to the store, and what it believes of it, are the gateway's own. Played are only
//! the loops of `idp/sessions` that wait: when it tells, looks whether the store is there, and tries to join again.

use crate::redis_model::Model;
use crate::sessions::{DAY, EPOCH, Random};
use curfew::decide::id::Fingerprint;
use curfew::decide::session::Life;
use curfew::decide::time::{Moment, Timestamp};
use curfew::idp::sessions::{Bond, Store};
use curfew::state::sessions::{Pace, Sessions, Terms};
use redis::{Pipeline, Value};
use std::time::Duration;

/// As `idp/sessions` has them.
const BATCH: usize = 1024;
const SEEN: i64 = 500;
const KEPT: i64 = 60_000;
const AGAIN: i64 = 500;
const PATIENCE: i64 = 500;
const KEY: &str = "the fleet's key";

/// What is under way to the store: of which of its connections, and when it arrives.
pub struct Write {
    pub at: i64,
    pub from: u64,
    pub words: Pipeline,
}

/// What was told, and is not answered yet.
struct Flight {
    write: u64,
    until: i64,
    due: Vec<(Fingerprint, Life)>,
    answer: Option<Vec<Value>>,
}

/// The store, and the ways to it.
#[derive(Default)]
pub struct Net {
    pub now: i64,
    pub redis: Model,
    /// The store's clock less the true time.
    pub clock: i64,
    pub away: i64,
    writes: Vec<Write>,
    count: u64,
}

impl Net {
    /// It answers at once.
    pub fn ask(&mut self, words: &Pipeline) -> Vec<Value> {
        self.redis.now = EPOCH + self.now + self.clock;
        self.redis.run(words)
    }

    fn send(&mut self, at: i64, words: Pipeline) -> u64 {
        self.count += 1;
        self.writes.push(Write { at, from: self.count, words });
        self.count
    }

    /// What has arrived, and what was answered to it. What was sent over one connection arrives in order, for each waits for
    /// the answer to the last; what comes late arrives after those of other connections, or again.
    pub fn lands(&mut self) -> Vec<(u64, Vec<Value>)> {
        let now = self.now;
        if now < self.away {
            return Vec::new();
        }
        let mut landed: Vec<Write> = self.writes.extract_if(.., |write| write.at <= now).collect();
        landed.sort_by_key(|write| write.at);
        landed.into_iter().map(|write| (write.from, self.ask(&write.words))).collect()
    }

    /// So long before now somebody found that it is there.
    pub fn stays(&mut self, before: i64) {
        self.redis.now = EPOCH + self.now + self.clock - before;
        self.redis.stays(b"{curfew}:sessions:2:seen");
    }

    /// What was on its way is lost, or comes later.
    pub fn drops(&mut self, random: &mut Random) {
        self.writes.retain_mut(|write| {
            write.at += random.below(5_000);
            random.one_in(2)
        });
    }

    pub fn is_quiet(&self) -> bool {
        self.writes.is_empty()
    }
}

pub struct Member {
    pub sessions: Sessions,
    pub bond: Bond,
    pub store: Option<Store>,
    /// Its steady clock and its wall clock, less the true time.
    steady: i64,
    pub wall: i64,
    pub since: i64,
    pub tries: i64,
    backoff: i64,
    /// Until when it cannot reach the store.
    pub cut_off: i64,
    sees: i64,
    kept: i64,
    settled: i64,
    flight: Option<Flight>,
}

pub fn span(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap())
}

impl Member {
    pub fn new(random: &mut Random, now: i64, (pace, settle): (Pace, i64)) -> Self {
        let (steady, wall) = (random.below(30 * DAY), random.below(8_000) - 4_000);
        let sessions = Sessions::default();
        sessions.share(Some(pace));
        let bond = Bond::new("curfew", &format!("{:016x}", random.next()), span(settle));
        let (store, flight) = (None, None);
        Self {
            sessions,
            bond,
            store,
            steady,
            wall,
            since: 0,
            tries: now,
            backoff: 100,
            cut_off: 0,
            sees: 0,
            kept: now,
            settled: i64::MIN,
            flight,
        }
    }

    pub fn moment(&self, now: i64) -> Moment {
        let wall = Timestamp::from_millis(EPOCH + now + self.wall);
        Moment { wall, steady: span(DAY + now + self.steady) }
    }

    fn reaches(&self, net: &Net) -> bool {
        net.now >= net.away.max(self.cut_off)
    }

    /// Is anything about to happen, or not told yet?
    pub fn is_busy(&self) -> bool {
        self.store.is_none() || self.flight.is_some() || self.bond.owes() || self.sessions.waiting() > 0
    }

    /// May it know what it could not tell?
    pub fn is_behind(&self, now: i64, ticks: i64) -> bool {
        let is_late = |flight: &Flight| now > flight.until - PATIENCE + ticks;
        let new = self.store.is_none() || now - self.since < ticks;
        new || self.bond.owes() || self.sessions.owes() || self.flight.as_ref().is_some_and(is_late)
    }

    /// The connection is lost; what was not answered waits again.
    pub fn loses(&mut self, now: i64, random: &mut Random) {
        self.store = None;
        self.tries = now + random.below(self.backoff) + 50;
        self.backoff = (2 * self.backoff).min(5_000);
        self.forgets(now);
    }

    fn forgets(&mut self, now: i64) {
        let until = self.moment(now).steady + span(AGAIN);
        if let Some(flight) = self.flight.take() {
            self.sessions.untold(flight.due.iter().map(|(print, _)| *print), until);
        }
    }

    pub fn ticks(&mut self, net: &mut Net, terms: &Terms, random: &mut Random) {
        if self.store.is_none() {
            self.joins(net, terms, random);
        }
        let reaches = self.reaches(net);
        let Some(store) = self.store.clone() else { return };
        if let Some(flight) = &mut self.flight {
            match flight.answer.take().map(|answer| Bond::told(answer).is_ok()) {
                Some(true) => {
                    self.flight = None;
                    self.bond.pays(&self.sessions);
                }
                None if net.now < flight.until => {}
                _ => self.loses(net.now, random),
            }
            return;
        }
        if reaches && self.tends(&store, net, terms).is_some() {
            self.tells(&store, net, terms, random);
        } else {
            self.loses(net.now, random);
        }
    }

    fn joins(&mut self, net: &mut Net, terms: &Terms, random: &mut Random) {
        if net.now < self.tries {
            return;
        }
        if !self.reaches(net) {
            self.bond.tried();
            return self.loses(net.now, random);
        }
        let now = self.moment(net.now).steady;
        let name = format!("{:016x}", random.next());
        let words = self.bond.join((&name, KEY), (terms, self.sessions.strictest()), now);
        let answers = net.ask(&words);
        // It was asked over a way that takes a while.
        let heard = now + span(random.below(50));
        match self.bond.joined(answers, KEY, terms, heard) {
            Ok((store, since)) => {
                since.into_iter().for_each(|since| self.sessions.tell_again(since));
                (self.store, self.since, self.backoff) = (Some(store), net.now, 100);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Says that the store settles, as long as it is owed anything, and looks whether it is still there.
    fn tends(&mut self, store: &Store, net: &mut Net, terms: &Terms) -> Option<()> {
        let now = self.moment(net.now).steady;
        if self.bond.owes() && net.now >= self.settled.saturating_add(SEEN) {
            self.settled = net.now;
            net.ask(&self.bond.settle());
        }
        if net.now >= self.sees + SEEN {
            let keeps = net.now >= self.kept + KEPT;
            (self.sees, self.kept) = (net.now, if keeps { net.now } else { self.kept });
            let words = self.bond.see(store, keeps.then_some(terms), self.sessions.strictest(), now);
            let answers = net.ask(&words);
            self.bond.seen(answers, store, terms, now).ok()?;
        }
        Some(())
    }

    fn tells(&mut self, store: &Store, net: &mut Net, terms: &Terms, random: &mut Random) {
        let moment = self.moment(net.now);
        let due = self.sessions.due(moment, BATCH);
        if due.is_empty() {
            return self.bond.pays(&self.sessions);
        }
        let words = self.bond.tell(store, &due, terms, moment.steady);
        // One in fifty takes longer than anybody waits for it, and arrives all the same.
        let late = if random.one_in(50) { PATIENCE + random.below(60_000) } else { random.below(200) };
        let write = net.send(net.now + late, words);
        self.flight = Some(Flight { write, until: net.now + PATIENCE, due, answer: None });
    }

    /// Somebody found right now that the store is there, and it is the one that it knows: to look as well changes nothing but
    /// its mark, which is so every now and then.
    pub fn saw(&mut self, now: i64) {
        if now < self.kept + KEPT {
            self.sees = now;
        }
    }

    /// It looked whether the store is there all the while, and found it.
    pub fn stays(&mut self, net: &mut Net, terms: &Terms) {
        let Some(store) = self.store.clone() else { return };
        (self.sees, self.kept) = (net.now, net.now);
        let now = self.moment(net.now).steady;
        let answers = net.ask(&self.bond.see(&store, Some(terms), self.sessions.strictest(), now));
        self.bond.seen(answers, &store, terms, now).expect("nothing happened");
    }

    pub fn hears(&mut self, landed: &[(u64, Vec<Value>)]) {
        let Some(flight) = &mut self.flight else { return };
        let answer = landed.iter().find(|(write, _)| *write == flight.write);
        flight.answer = answer.map(|(_, answer)| answer.clone()).or(flight.answer.take());
    }

    /// Asks the others; whether there was an answer.
    pub fn asks(&mut self, print: Fingerprint, net: &mut Net, terms: &Terms) -> bool {
        let moment = self.moment(net.now);
        let Some(store) = self.store.clone().filter(|_| self.reaches(net)) else { return false };
        let look = self.bond.look(&store, vec![print], terms, moment.steady);
        let answers = net.ask(&look.words);
        match self.bond.learn(&look, answers, (&self.sessions, terms), moment) {
            Ok(missing) => missing.is_empty(),
            Err(_) => {
                (self.store, self.tries) = (None, net.now);
                self.forgets(net.now);
                false
            }
        }
    }

    /// It ends: whatever waits is told once more, if that is possible. Gives whether it was.
    pub fn ends(&mut self, net: &mut Net, terms: &Terms) -> bool {
        self.forgets(net.now);
        self.sessions.hurry();
        let moment = self.moment(net.now);
        let Some(store) = self.store.take().filter(|_| self.reaches(net)) else { return false };
        let due = self.sessions.due(moment, BATCH);
        let words = self.bond.tell(&store, &due, terms, moment.steady);
        due.is_empty() || Bond::told(net.ask(&words)).is_ok()
    }
}
