//! What the gateway says to Redis of sessions, said to a real one and to the model that `tests/properties` plays years on: they
//! answer the same, and hold the same afterwards. Time is set by hand: where a script asks for it, it is written there.

use crate::redis::Redis;
use crate::redis_model::{Held, Model, args};
use curfew::decide::doubt::Doubt;
use curfew::decide::id::Fingerprint;
use curfew::decide::session::{Life, OnFull};
use curfew::decide::time::{Moment, Timestamp};
use curfew::idp::sessions::{Bond, Store};
use curfew::state::sessions::{Sessions, Terms};
use redis::{Cmd, Connection, Pipeline, Value};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

const TERMS: Terms = Terms { max: 10, remember: Duration::from_secs(3600), absolute: None, on_full: OnFull::Deny };
const EPOCH: i64 = 1_900_000_000_000;
const STRICTEST: i64 = 60_000;
const KEY: &str = "key";

struct World {
    model: Model,
    real: Connection,
    bonds: Vec<(Rc<Bond>, Option<Store>)>,
    /// The time of the instances, which that of the store may fall behind.
    now: i64,
    behind: i64,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.unsigned_abs()) as i64
    }

    /// Of one of six sessions; its numbers are small, so that many of them are alike.
    fn life(&mut self, now: i64) -> (Fingerprint, Life) {
        let print = Fingerprint([b'0' + self.below(6) as u8; 16]);
        let at = |ago: i64| now - 1_000 * ago;
        let signed_in = (self.below(4) > 0).then(|| Timestamp::from_secs(1_800_000_000 + self.below(3)));
        let broken = if self.below(3) == 0 { i64::MIN } else { at(self.below(4)) };
        let before = (self.below(3) > 0).then(|| at(50 + self.below(9)));
        let (silence, earlier) = (self.below(3) * 1_000, self.below(3) * 1_000);
        let (from, to, proven) = (at(20 + self.below(9)), at(9 + self.below(9)), self.below(2) == 0);
        let doubt = (self.below(3) == 0).then_some(Doubt { from, to, proven });
        (
            print,
            Life {
                last: at(self.below(9)),
                began: at(30 + self.below(5)),
                signed_in,
                broken,
                silence,
                earlier,
                before,
                doubt,
            },
        )
    }
}

fn bond(number: i64) -> (Rc<Bond>, Option<Store>) {
    (Rc::new(Bond::new("curfew", &number.to_string(), Duration::from_secs(10))), None)
}

impl World {
    fn new(redis: &Redis) -> Self {
        redis.cli(&["FLUSHALL"]);
        let real = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
        Self { model: Model::default(), real, bonds: (0..3).map(bond).collect(), now: 1_000_000, behind: 0 }
    }

    fn ask(&mut self, words: &Pipeline) -> Vec<Value> {
        self.model.now = EPOCH + self.now - self.behind;
        self.model.expires();
        // What has expired by the time that is set by hand is gone.
        let there: BTreeSet<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut self.real).unwrap();
        let before = there.iter().filter(|key| !self.model.keys.contains_key(*key));
        before.for_each(|key| redis::cmd("DEL").arg(key).query(&mut self.real).unwrap());
        let played = self.model.run(words);
        let real = words.cmd_iter().zip(&played).map(|(cmd, played)| self.really(cmd, played)).collect::<Vec<_>>();
        assert_eq!(real, played);
        self.compare();
        played
    }

    fn really(&mut self, cmd: &Cmd, played: &Value) -> Value {
        let now = self.model.now;
        let time = format!("{{'{}', '{}'}}", now / 1000, now % 1000 * 1000);
        let args = args(cmd);
        if args == [b"TIME"] {
            return played.clone();
        }
        let mut same = Cmd::new();
        for (at, arg) in args.iter().enumerate() {
            match std::str::from_utf8(arg) {
                Ok(script) if at == 1 && args[0] == b"EVAL" => same.arg(script.replace("redis.call('TIME')", &time)),
                _ => same.arg(*arg),
            };
        }
        let said = same.query(&mut self.real).unwrap();
        // Whether that is later than before depends on the clock of the real one, and nobody asks.
        if args[0] == b"PEXPIRE" { played.clone() } else { said }
    }

    /// They hold the same, for as long.
    fn compare(&mut self) {
        let there: BTreeSet<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut self.real).unwrap();
        assert!(there.iter().eq(self.model.keys.keys().collect::<BTreeSet<_>>()));
        for (key, (held, expiry)) in &self.model.keys {
            let real = match held {
                Held::Text(_) => Held::Text(redis::cmd("GET").arg(key).query(&mut self.real).unwrap()),
                Held::Hash(_) => Held::Hash(redis::cmd("HGETALL").arg(key).query(&mut self.real).unwrap()),
            };
            assert_eq!(real, *held);
            let expires: i64 = redis::cmd("PEXPIRETIME").arg(key).query(&mut self.real).unwrap();
            match held {
                Held::Hash(_) => assert_eq!(Some(expires), *expiry),
                Held::Text(_) => assert_eq!(expires > 0, expiry.is_some()),
            }
        }
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.now.unsigned_abs())
    }

    /// One of the instances says something; and whatever it is answered, it goes on from there.
    fn step(&mut self, random: &mut Random, number: i64) -> &'static str {
        let (who, now) = (random.below(3) as usize, self.steady());
        let (bond, store) = self.bonds[who].clone();
        let Some(store) = store else {
            let answers = self.ask(&bond.join((&format!("store{number}"), KEY), (&TERMS, STRICTEST), now));
            self.bonds[who].1 = bond.joined(answers, KEY, &TERMS, now).ok().map(|(store, _)| store);
            return "joined";
        };
        let held = match random.below(5) {
            0 => {
                self.ask(&bond.settle());
                true
            }
            1 => {
                let keep = (random.below(2) == 0).then_some(&TERMS);
                let answers = self.ask(&bond.see(&store, keep, STRICTEST, now));
                bond.seen(answers, &store, &TERMS, now).is_ok()
            }
            2 => {
                let look = bond.look(&store, (0..6).map(|of| Fingerprint([b'0' + of; 16])).collect(), &TERMS, now);
                let answers = self.ask(&look.words);
                let wall = Timestamp::from_millis(EPOCH + self.now);
                bond.learn(&look, answers, (&Sessions::default(), &TERMS), Moment { wall, steady: now }).is_ok()
            }
            _ => {
                let due: Vec<_> = (0..=random.below(4)).map(|_| random.life(self.now)).collect();
                let mut each = due;
                each.sort_by_key(|(print, _)| print.0);
                each.dedup_by_key(|(print, _)| print.0);
                Bond::told(self.ask(&bond.tell(&store, &each, &TERMS, now))).is_ok()
            }
        };
        if held {
            return "answered";
        }
        self.bonds[who].1 = None;
        "lost"
    }

    /// Time passes, or something befalls the store or an instance.
    fn befalls(&mut self, random: &mut Random, number: i64) {
        match random.below(60) {
            0 => self.bonds[random.below(3) as usize] = bond(number),
            1 => {
                self.model.flush();
                let _: Value = redis::cmd("FLUSHALL").query(&mut self.real).unwrap();
            }
            2 => self.behind += random.below(100_000),
            3 => {
                self.model.rewind(self.model.now - random.below(20_000));
                self.copies();
            }
            4 => self.now += random.below(10_800_000),
            5..15 => self.now += random.below(70_000),
            _ => self.now += random.below(900),
        }
    }

    /// The real one holds what the model does.
    fn copies(&mut self) {
        let _: Value = redis::cmd("FLUSHALL").query(&mut self.real).unwrap();
        for (key, (held, expiry)) in &self.model.keys {
            let set: Cmd = match held {
                Held::Text(text) => redis::cmd("SET").arg(key).arg(text).clone(),
                Held::Hash(fields) => redis::cmd("HSET").arg(key).arg(fields).clone(),
            };
            let _: Value = set.query(&mut self.real).unwrap();
            if let Some(at) = expiry {
                let _: Value = redis::cmd("PEXPIREAT").arg(key).arg(*at).query(&mut self.real).unwrap();
            }
        }
    }
}

#[test]
fn the_model_of_redis_answers_as_redis_does() {
    let redis = Redis::start();
    let mut told = std::collections::BTreeMap::new();
    for seed in 1..=8 {
        let (mut world, mut random) = (World::new(&redis), Random(seed));
        for number in 0..400 {
            world.befalls(&mut random, number);
            *told.entry(world.step(&mut random, number)).or_insert(0) += 1;
        }
    }
    println!("said to both: {told:?}");
    assert!(told["joined"] > 100 && told["answered"] > 1_000 && told["lost"] > 50, "{told:?}");
}
