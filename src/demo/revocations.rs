//! What the provider has revoked, as Curfew's poll format tells it: all of it, or what came after a cursor.

use super::tokens::Own;
use crate::decide::time::Timestamp;
use serde_json::{Value, json};

/// More than anybody revokes by hand.
const MOST: usize = 10_000;
/// An entry stays a little longer than its token, because gateways grant leeway.
const LEEWAY_S: i64 = 600;

/// Everything that is revoked.
pub struct Revocations {
    /// Sets the cursors of this process apart from those of an earlier one.
    origin: i64,
    entries: Vec<Entry>,
    /// How many were ever added: the cursor.
    added: u64,
}

struct Entry {
    number: u64,
    id: String,
    at: i64,
    until: i64,
}

/// There is no room for another entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Revocations {
    /// Nothing is revoked yet.
    pub fn new(now: Timestamp) -> Self {
        Self { origin: now.millis(), entries: Vec::new(), added: 0 }
    }

    /// Revokes a token.
    pub fn add(&mut self, token: Own, now: Timestamp) -> Result<(), Full> {
        if self.entries.iter().any(|entry| entry.id == token.jti) {
            return Ok(());
        }
        self.entries.retain(|entry| entry.until >= now.secs());
        if self.entries.len() >= MOST {
            return Err(Full);
        }
        self.added += 1;
        let until = token.exp.saturating_add(LEEWAY_S);
        self.entries.push(Entry { number: self.added, id: token.jti, at: now.secs(), until });
        Ok(())
    }

    /// Where the feed stands.
    pub fn cursor(&self) -> String {
        format!("{}-{}", self.origin, self.added)
    }

    /// What came after the cursor; all of it if there is none, or if it is not one of ours.
    pub fn after(&self, cursor: Option<&str>) -> Value {
        let known = cursor.and_then(|cursor| self.number(cursor));
        let entries: Vec<Value> =
            self.entries.iter().filter(|entry| entry.number > known.unwrap_or(0)).map(Entry::told).collect();
        json!({ "cursor": self.cursor(), "entries": entries, "complete": known.is_none() })
    }

    fn number(&self, cursor: &str) -> Option<u64> {
        let (origin, number) = cursor.split_once('-')?;
        let number = number.parse().ok()?;
        (origin.parse() == Ok(self.origin) && number <= self.added).then_some(number)
    }
}

impl Entry {
    fn told(&self) -> Value {
        json!({ "type": "token", "id": self.id, "at": self.at, "until": self.until })
    }
}

#[cfg(test)]
mod tests {
    use super::Revocations;
    use crate::decide::time::Timestamp;
    use crate::demo::tokens::Own;
    use serde_json::json;

    fn own(jti: &str, exp: i64) -> Own {
        Own { jti: jti.into(), exp, sid: "s".into(), auth_time: 0 }
    }

    #[test]
    fn a_cursor_gives_what_came_after_it_and_a_strange_one_gives_all() {
        let now = Timestamp::from_secs(1000);
        let mut revoked = Revocations::new(now);
        let start = revoked.cursor();
        revoked.add(own("a", 2000), now).unwrap();
        let middle = revoked.cursor();
        revoked.add(own("b", 2000), now).unwrap();
        revoked.add(own("b", 2000), now).unwrap();
        let ids = |cursor: Option<&str>| -> Vec<_> {
            let told = revoked.after(cursor);
            assert_eq!(told["complete"], json!(cursor.is_none() || cursor == Some("7-1")));
            told["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(None), ["a", "b"]);
        assert_eq!(ids(Some("7-1")), ["a", "b"]);
        assert_eq!(ids(Some(&start)), ["a", "b"]);
        assert_eq!(ids(Some(&middle)), ["b"]);
        assert_eq!(ids(Some(&revoked.cursor())), Vec::<String>::new());
    }

    #[test]
    fn entries_whose_tokens_are_long_expired_leave() {
        let mut revoked = Revocations::new(Timestamp::from_secs(1000));
        revoked.add(own("old", 1100), Timestamp::from_secs(1000)).unwrap();
        revoked.add(own("new", 9000), Timestamp::from_secs(2000)).unwrap();
        let told = revoked.after(None);
        assert_eq!(told["entries"], json!([{ "type": "token", "id": "new", "at": 2000, "until": 9600 }]));
    }
}
