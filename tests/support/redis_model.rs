//! A Redis as far as sessions ask it anything, with a clock that is set by hand: what `see.lua` and `merge.lua` do is done
//! here in Rust. `tests/fleet/session_words.rs` shows that a real Redis answers the same; `tests/properties` plays years on it.

use curfew::decide::doubt::Doubt;
use curfew::decide::session::Life;
use curfew::decide::time::Timestamp;
use redis::{Arg, Cmd, Pipeline, Value};
use std::collections::HashMap;

type Bytes = Vec<u8>;

/// For how long it is remembered what was there before, so that an older copy can take its place.
const JOURNAL: i64 = 900_000;
const MARKED: i64 = 7_200_000;
const GONE: i64 = 5_000;
const AWAY: i64 = 1_500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Text(Bytes),
    Hash(HashMap<Bytes, Bytes>),
}

/// What was there before: of a key that is no hash, of a field of one, or of when a hash expires.
enum Before {
    Text(Bytes, Option<(Bytes, Option<i64>)>),
    Field(Bytes, Bytes, Option<Bytes>),
    Expiry(Bytes, Option<i64>),
}

#[derive(Default)]
pub struct Model {
    /// Its clock, in milliseconds.
    pub now: i64,
    pub keys: HashMap<Bytes, (Held, Option<i64>)>,
    journal: Vec<(i64, Before)>,
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn number(bytes: &[u8]) -> i64 {
    text(bytes).parse().unwrap()
}

fn bulk(bytes: Option<Bytes>) -> Value {
    bytes.map_or(Value::Nil, Value::BulkString)
}

/// The arguments of a command.
pub fn args(cmd: &Cmd) -> Vec<&[u8]> {
    let simple = |arg| if let Arg::Simple(bytes) = arg { bytes } else { panic!("no cursors here") };
    cmd.args_iter().map(simple).collect()
}

impl Model {
    /// What it answers.
    pub fn run(&mut self, words: &Pipeline) -> Vec<Value> {
        words.cmd_iter().map(|cmd| self.command(&args(cmd))).collect()
    }

    fn command(&mut self, args: &[&[u8]]) -> Value {
        match args {
            [b"GET", key] => bulk(self.get(key)),
            [b"SET", key, value, b"PX", span] => {
                self.set(key, value, Some(self.now + number(span)));
                Value::Okay
            }
            [b"SET", key, value, b"PX", span, b"NX"] => {
                let is_new = self.there(key).is_none();
                if is_new {
                    self.set(key, value, Some(self.now + number(span)));
                }
                if is_new { Value::Okay } else { Value::Nil }
            }
            [b"PEXPIRE", key, span, b"GT"] => Value::Int(self.goes_on(key, self.now + number(span)).into()),
            [b"TIME"] => {
                let (seconds, micros) = (self.now / 1000, self.now % 1000 * 1000);
                Value::Array([seconds, micros].map(|part| bulk(Some(part.to_string().into_bytes()))).into())
            }
            [b"HMGET", key, fields @ ..] => {
                Value::Array(fields.iter().map(|field| bulk(self.field(key, field))).collect())
            }
            [b"EVAL", script, keys, rest @ ..] => {
                let (keys, argv) = rest.split_at(number(keys) as usize);
                if script.starts_with(b"-- Whether the store is there") {
                    self.see(keys, argv)
                } else {
                    self.merge(keys, argv)
                }
            }
            _ => panic!("{:?}", args.first().map(|name| text(name))),
        }
    }

    /// What has expired is gone.
    pub fn expires(&mut self) {
        let now = self.now;
        self.keys.retain(|_, (_, expiry)| expiry.is_none_or(|at| at > now));
    }

    fn there(&self, key: &[u8]) -> Option<&(Held, Option<i64>)> {
        self.keys.get(key).filter(|(_, expiry)| expiry.is_none_or(|at| at > self.now))
    }

    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        match self.there(key) {
            Some((Held::Text(value), _)) => Some(value.clone()),
            _ => None,
        }
    }

    pub fn field(&self, key: &[u8], field: &[u8]) -> Option<Bytes> {
        match self.there(key) {
            Some((Held::Hash(fields), _)) => fields.get(field).cloned(),
            _ => None,
        }
    }

    /// Whether any hash has this field.
    pub fn has(&self, field: &[u8]) -> bool {
        self.keys.values().any(|(held, _)| matches!(held, Held::Hash(fields) if fields.contains_key(field)))
    }

    fn set(&mut self, key: &[u8], value: &[u8], expiry: Option<i64>) {
        let before = self.keys.insert(key.to_vec(), (Held::Text(value.to_vec()), expiry));
        let before = before.map(|(held, expiry)| if let Held::Text(text) = held { (text, expiry) } else { panic!() });
        self.wrote(Before::Text(key.to_vec(), before));
    }

    fn wrote(&mut self, before: Before) {
        self.journal.push((self.now, before));
        if self.journal.len() > 100_000 {
            let since = self.now - JOURNAL;
            self.journal.retain(|(at, _)| *at > since);
        }
    }

    /// It is as it was then.
    pub fn rewind(&mut self, to: i64) {
        while let Some((_, before)) = self.journal.pop_if(|(at, _)| *at > to) {
            match before {
                Before::Text(key, Some((text, expiry))) => _ = self.keys.insert(key, (Held::Text(text), expiry)),
                Before::Text(key, None) => _ = self.keys.remove(&key),
                Before::Field(key, field, before) => {
                    let Some((Held::Hash(fields), _)) = self.keys.get_mut(&key) else { continue };
                    match before {
                        Some(before) => _ = fields.insert(field, before),
                        None => _ = fields.remove(&field),
                    }
                }
                Before::Expiry(key, before) => {
                    self.keys.get_mut(&key).into_iter().for_each(|(_, expiry)| *expiry = before);
                }
            }
        }
        self.keys.retain(|_, (held, _)| !matches!(held, Held::Hash(fields) if fields.is_empty()));
    }

    /// Somebody looked right now, and found it there.
    pub fn stays(&mut self, seen: &[u8]) {
        let Some((Held::Text(there), expiry)) = self.there(seen) else { return };
        let (late, by) = text(there).split_once(' ').unwrap();
        let (late, expiry) = (number(late.as_bytes()) + self.now - number(by.as_bytes()), *expiry);
        self.set(seen, format!("{late} {}", self.now).as_bytes(), expiry);
    }

    /// All is gone.
    pub fn flush(&mut self) {
        self.keys.clear();
        self.journal.clear();
    }

    fn set_new(&mut self, key: &[u8], value: &[u8]) -> bool {
        let is_new = self.there(key).is_none();
        if is_new {
            self.set(key, value, None);
        }
        is_new
    }

    /// `see.lua`.
    fn see(&mut self, keys: &[&[u8]], argv: &[&[u8]]) -> Value {
        let [epoch, check, seen, settling, marked] = keys else { panic!("five keys") };
        let [name, key, joins, keep, settles, counted, mark, known, strictest] = argv else { panic!("nine arguments") };
        let (joins, keep, settles) = (*joins == b"1", number(keep), number(settles));
        let (now, mark) = (self.now, number(mark));
        let mut late = now.max(number(counted));
        let there = self.get(seen).and_then(|there| {
            let (late, by) = text(&there).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()))?;
            Some((late.parse::<i64>().unwrap(), by.parse::<i64>().unwrap()))
        });
        if let Some((seen, by)) = there {
            late = late.max(seen).max(now + seen - by);
        }
        let is_known = self.get(epoch).as_deref() == Some(known);
        let there_mark = self.get(marked).map(|there| number(&there));
        let old = is_known && there_mark.map_or(late - mark < MARKED, |there| there < mark);
        if !joins && (old || !is_known) {
            let none = || bulk(Some(Vec::new()));
            return Value::Array(vec![none(), none(), bulk(Some(b"0".to_vec())), Value::Int(0)]);
        }
        let mut named = false;
        if joins {
            named = old || self.there(epoch).is_none();
            if named {
                self.set(epoch, name, None);
            }
            self.set_new(check, key);
        }
        let alone = there.map_or(i64::MAX, |(_, by)| now - by);
        let unsure = known.is_empty() && alone.unsigned_abs() > GONE as u64 || alone > number(strictest);
        if settles > 0 {
            if named || unsure {
                self.set(settling, b"1", Some(now + settles));
            } else if alone > AWAY {
                if self.there(settling).is_none() {
                    self.set(settling, b"2", Some(now + settles));
                }
                self.goes_on(settling, now + settles);
            }
        }
        let kept = self.there(seen).and_then(|(_, expiry)| *expiry);
        self.set(seen, format!("{late} {now}").as_bytes(), kept);
        self.set(marked, late.to_string().as_bytes(), Some(now + MARKED));
        if keep > 0 {
            [epoch, check, seen].into_iter().for_each(|key| self.keeps(key, now + keep));
        }
        let is_settling = self.get(settling).as_deref() == Some(b"1");
        let late = Some(late.to_string().into_bytes());
        Value::Array(vec![bulk(self.get(epoch)), bulk(self.get(check)), bulk(late), Value::Int(is_settling.into())])
    }

    /// `PEXPIRE … GT`: not before then, if it expires at all.
    fn goes_on(&mut self, key: &[u8], until: i64) -> bool {
        let Some((Held::Text(value), Some(expiry))) = self.there(key).cloned() else { return false };
        if until > expiry {
            self.set(key, &value, Some(until));
        }
        until > expiry
    }

    /// `GT`, and `NX` where it never expired.
    fn keeps(&mut self, key: &[u8], until: i64) {
        let Some((held, expiry)) = self.keys.get_mut(key) else { return };
        let before = expiry.replace(expiry.map_or(until, |at| at.max(until)));
        if matches!(held, Held::Hash(_)) && before != Some(until) {
            self.wrote(Before::Expiry(key.to_vec(), before));
        }
    }

    /// `merge.lua`.
    fn merge(&mut self, keys: &[&[u8]], argv: &[&[u8]]) -> Value {
        if self.get(keys[0]).as_deref() != Some(argv[0]) {
            return Value::Int(0);
        }
        let (hashes, until, mut rest) = (number(argv[1]) as usize, number(argv[2]), &argv[3..]);
        for part in keys[1..].chunks(hashes) {
            let count = number(rest[0]) as usize;
            let (told, next) = rest[1..].split_at(3 * count);
            rest = next;
            for one in told.chunks(3) {
                self.joins(part, one);
            }
            self.keeps(part[0], until);
        }
        Value::Int(1)
    }

    /// As `Life::joined` does: `tests/fleet/session_merged.rs` shows that a real Redis does, too.
    fn joins(&mut self, part: &[&[u8]], one: &[&[u8]]) {
        let (name, second) = (one[0], [one[0], b"b"].concat());
        let mut life = read(one[1], Some(one[2])).expect("what is told can be read");
        for hash in part {
            if let Some(there) = self.field(hash, name)
                && let Some(there) = read(&there, self.field(hash, &second).as_deref())
            {
                life = life.joined(there);
            }
        }
        self.put(part[0], name, written(&life).into_bytes());
        if let Some(before) = life.before {
            self.put(part[0], &second, before.to_string().into_bytes());
        }
    }

    fn put(&mut self, key: &[u8], field: &[u8], value: Bytes) {
        if self.there(key).is_none() {
            self.keys.remove(key);
        }
        let (held, _) = self.keys.entry(key.to_vec()).or_insert_with(|| (Held::Hash(HashMap::new()), None));
        let Held::Hash(fields) = held else { panic!("no hash") };
        let before = fields.insert(field.to_vec(), value);
        self.wrote(Before::Field(key.to_vec(), field.to_vec(), before));
    }
}

/// What stands for no instant.
const NONE: i64 = -(1 << 47);

fn read(life: &[u8], before: Option<&[u8]>) -> Option<Life> {
    let all: Option<Vec<i64>> = text(life).split(' ').map(|part| part.parse().ok()).collect();
    let (life, doubt) = all.as_deref()?.split_at_checked(6)?;
    let [last, began, signed_in, broken, silence, earlier] = *life else { return None };
    let doubt = match *doubt {
        [] => None,
        [from, to, proven] => Some(Doubt { from, to, proven: proven == 1 }),
        _ => return None,
    };
    let signed_in = Some(signed_in).filter(|at| *at != NONE).map(Timestamp::from_millis);
    let before = before.and_then(|before| text(before).parse().ok());
    Some(Life { last, began, signed_in, broken, silence, earlier, before, doubt })
}

fn written(life: &Life) -> String {
    let Life { last, began, signed_in, silence, broken, earlier, doubt, .. } = *life;
    let signed_in = signed_in.map_or(NONE, Timestamp::millis);
    let said = format!("{last} {began} {signed_in} {broken} {silence} {earlier}");
    let Some(Doubt { from, to, proven }) = doubt else { return said };
    format!("{said} {from} {to} {}", u8::from(proven))
}
