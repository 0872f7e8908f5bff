//! How what was entered comes to the other instances of a fleet, shown as it happens.

use super::admin::Client;
use crate::state::clock::{Clock as _, SystemClock};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(200);

/// A look at a gateway's fleet, again and again.
pub struct Watch {
    clock: SystemClock,
    patience: Duration,
    /// How many lines stand on the terminal that are drawn anew.
    drawn: usize,
    last: String,
    /// When each was first seen to have all of it.
    done: BTreeMap<String, f64>,
}

/// What the gateway tells.
#[derive(Clone, Debug, Deserialize)]
struct Fleet {
    fleet: bool,
    connected: bool,
    queued: usize,
    told: bool,
    position: String,
    instances: Vec<Instance>,
}

#[derive(Clone, Debug, Deserialize)]
struct Instance {
    name: String,
    id: String,
    this: bool,
    in_step: bool,
    read: String,
    behind: u64,
    silent: bool,
    silent_seconds: f64,
}

/// What came of it.
pub struct Came {
    /// To be added to what is told in the end.
    pub told: Map<String, Value>,
    /// Whether all known instances enforce it.
    pub everywhere: bool,
}

impl Watch {
    /// Begins to count the time; at the end it waits no longer than this.
    #[must_use]
    pub fn begin(patience: Duration) -> Self {
        let (last, done) = (String::new(), BTreeMap::new());
        Self { clock: SystemClock::start(), patience, drawn: 0, last, done }
    }

    async fn ask(client: &mut Client) -> Result<Fleet, String> {
        let answer = client.ask(Method::GET, "/fleet", "application/json", Bytes::new()).await?.done()?;
        serde_json::from_value(answer).map_err(|_| "the gateway is of another version: it tells no fleet".into())
    }

    /// Shows how it stands, in between.
    ///
    /// # Errors
    /// If the gateway does not answer.
    pub async fn look(&mut self, client: &mut Client) -> Result<(), String> {
        let fleet = Self::ask(client).await?;
        if fleet.fleet {
            self.draw(&fleet, None);
        }
        Ok(())
    }

    /// Something else is written to the terminal.
    pub const fn interrupted(&mut self) {
        self.drawn = 0;
    }

    /// Shows it until all that was entered is enforced by all known instances.
    ///
    /// # Errors
    /// If the gateway does not answer any more.
    pub async fn until_everywhere(&mut self, client: &mut Client) -> Result<Came, String> {
        let (began, mut target) = (self.clock.steady(), None);
        loop {
            let fleet = Self::ask(client).await?;
            if !fleet.fleet {
                eprintln!("curfew: there is no fleet: it is enforced by this instance, and told to no other");
                return Ok(Came { told: Map::from_iter([("fleet".into(), false.into())]), everywhere: true });
            }
            // Where the last of it is, is known once all of it is in the stream. Another stream has other places.
            let here = fleet.instances.iter().any(|one| one.this && one.in_step);
            target = if here { target.or_else(|| fleet.told.then(|| place(&fleet.position)).flatten()) } else { None };
            self.draw(&fleet, target);
            let everywhere = target.is_some() && fleet.instances.iter().all(|one| one.has(target));
            if everywhere || self.clock.steady().saturating_sub(began) > self.patience {
                return Ok(self.came(&fleet, target, everywhere));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn draw(&mut self, fleet: &Fleet, target: Option<(u64, u64)>) {
        let now = self.clock.steady().as_secs_f64();
        for one in fleet.instances.iter().filter(|one| one.has(target)) {
            self.done.entry(one.id.clone()).or_insert(now);
        }
        let mut lines: Vec<String> = fleet.instances.iter().map(|one| self.line(one, target)).collect();
        if !fleet.connected {
            lines.push(format!("this instance cannot reach the fleet's Redis; {} entries wait", fleet.queued));
        } else if fleet.queued > 0 {
            lines.push(format!("{} entries wait to be told", fleet.queued));
        }
        self.show(&lines);
    }

    fn line(&self, one: &Instance, target: Option<(u64, u64)>) -> String {
        let name = format!("{} ({})", one.name, one.id);
        let lacks = format!("lacks {} entries", one.behind);
        match self.done.get(&one.id) {
            _ if one.this => format!("{name}: this one, enforced"),
            Some(seconds) if one.has(target) => format!("{name}: enforced after {seconds:.1} s"),
            _ if one.silent => format!("{name}: SILENT for {:.0} s, {lacks}", one.silent_seconds),
            _ if !one.in_step => format!("{name}: reads another stream, or not yet"),
            _ => format!("{name}: {lacks}"),
        }
    }

    /// On a terminal in place of the last; else only what is new.
    fn show(&mut self, lines: &[String]) {
        if io::stderr().is_terminal() {
            let mut text = String::new();
            if self.drawn > 0 {
                let _ = write!(text, "\x1b[{}A", self.drawn);
            }
            lines.iter().for_each(|line| _ = writeln!(text, "\x1b[2K  {line}"));
            (lines.len()..self.drawn).for_each(|_| text.push_str("\x1b[2K\n"));
            self.drawn = self.drawn.max(lines.len());
            eprint!("{text}");
        } else {
            let text = lines.join("; ");
            if text != self.last {
                eprintln!("curfew: {text}");
                self.last = text;
            }
        }
    }

    fn came(&self, fleet: &Fleet, target: Option<(u64, u64)>, everywhere: bool) -> Came {
        let lacking: Vec<&Instance> = fleet.instances.iter().filter(|one| !one.has(target)).collect();
        for one in lacking.iter().filter(|_| !everywhere) {
            let how = if one.silent { "it is silent" } else { "it has not read so far" };
            eprintln!("curfew: not known to be enforced by {} ({}): {how}", one.name, one.id);
        }
        let tell = |one: &Instance| {
            json!({"name": one.name, "id": one.id, "enforced": one.has(target), "silent": one.silent,
                "lacks": one.behind, "seconds": self.done.get(&one.id)})
        };
        let mut told = Map::from_iter([("fleet".into(), true.into()), ("everywhere".into(), everywhere.into())]);
        let slowest = self.done.values().copied().fold(0.0, f64::max);
        told.extend(everywhere.then(|| ("everywhere_seconds".into(), slowest.into())));
        told.insert("instances".into(), fleet.instances.iter().map(tell).collect());
        Came { told, everywhere }
    }
}

impl Instance {
    /// Whether it enforces what is up to that place.
    fn has(&self, target: Option<(u64, u64)>) -> bool {
        let read = || self.in_step.then(|| place(&self.read)).flatten();
        target.is_some_and(|target| self.this || read().is_some_and(|read| read >= target))
    }
}

fn place(text: &str) -> Option<(u64, u64)> {
    let (ms, number) = text.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}
