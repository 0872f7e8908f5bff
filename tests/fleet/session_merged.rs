//! What Redis makes of two tellings of a session is what instances make of them.

use crate::redis::Redis;
use curfew::decide::doubt::Doubt;
use curfew::decide::session::Life;
use curfew::decide::time::Timestamp;

const MERGE: &str = include_str!("../../src/idp/sessions/merge.lua");
const NONE: i64 = -(1 << 47);

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound).cast_signed()
    }

    fn life(&mut self) -> Life {
        let signed_in = Some(self.below(3)).filter(|at| *at > 0).map(Timestamp::from_millis);
        let (from, span, more) = (self.below(40), 1 + self.below(20), self.below(9));
        let doubt = (self.below(3) > 0).then(|| Doubt { from, to: from + span, proven: self.below(2) == 0 });
        Life {
            last: doubt.map_or_else(|| self.below(70), |doubt| doubt.to + more),
            began: self.below(50),
            signed_in,
            silence: self.below(9),
            broken: self.below(40),
            earlier: self.below(9),
            before: Some(self.below(40)).filter(|at| *at > 5 && signed_in.is_some()),
            doubt,
        }
    }
}

fn written(life: &Life) -> [String; 2] {
    let Life { last, began, signed_in, silence, broken, earlier, before, doubt } = *life;
    let signed_in = signed_in.map_or(NONE, Timestamp::millis);
    let doubt =
        doubt.map_or_else(String::new, |doubt| format!(" {} {} {}", doubt.from, doubt.to, u8::from(doubt.proven)));
    let before = before.map_or_else(String::new, |at| at.to_string());
    [format!("{last} {began} {signed_in} {broken} {silence} {earlier}{doubt}"), before]
}

#[test]
fn redis_joins_as_instances_do() {
    let (redis, mut random) = (Redis::start(), Random(7));
    redis.cli(&["SET", "name", "n"]);
    for round in 0..150 {
        let lives = [random.life(), random.life(), random.life()];
        let hash = format!("hash{round}");
        for life in &lives {
            let [life, before] = written(life);
            let said =
                redis.cli(&["EVAL", MERGE, "2", "name", &hash, "n", "1", "9999999999999", "1", "p", &life, &before]);
            assert_eq!(said.trim(), "1");
        }
        let [first, second, third] = lives;
        let [life, before] = written(&third.joined(second.joined(first)));
        let there = [redis.cli(&["HGET", &hash, "p"]), redis.cli(&["HGET", &hash, "pb"])];
        assert_eq!(there.each_ref().map(|text| text.trim()), [life, before], "{lives:?}");
    }
}
