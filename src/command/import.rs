//! Many entries at once: read line by line, sent in batches, each of which is enforced and kept before the next is sent.
//! A line that is not good stops nothing that stands before it.

use super::admin::{Client, Reply};
use super::lines::{Line, Lines};
use super::operators::Many;
use super::watch::Watch;
use crate::state::clock::{Clock as _, SystemClock};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

/// How many lines go in one batch, and how many bytes it may have, and one line more.
const BATCH: usize = 10_000;
const BATCH_BYTES: usize = 8 << 20;
/// Of how many bytes of entries it is asked whether they hit anybody.
const SAMPLE: usize = 32 << 20;

/// So many lines are sent after one that was refused, then twice as many each time: what comes after a refused line is sent
/// once more, and where many are, that is to be little.
const AFTER_FAULT: usize = 64;

const NDJSON: &str = "application/x-ndjson";

/// A file of entries, being read.
pub struct Import<'a> {
    lines: Lines,
    many: &'a Many,
    /// What an entry takes over if it does not say it itself.
    defaults: Map<String, Value>,
    /// The first entries that were taken, and how many these are.
    sample: (String, usize),
    skipped: usize,
}

/// A line, and the entry that it says; `None` if it says none.
struct Read {
    line: Line,
    entry: Result<Option<String>, String>,
}

impl<'a> Import<'a> {
    /// Opens the file, at the position where a former run ended.
    ///
    /// # Errors
    /// If it cannot be read, or is not the one that the position is of.
    pub fn open(path: &Path, many: &'a Many, defaults: Map<String, Value>) -> Result<Self, String> {
        let mut lines = Lines::open(path)?;
        many.position_file.as_deref().map_or(Ok(()), |position| lines.go_on(position))?;
        Ok(Self { lines, many, defaults, sample: Default::default(), skipped: 0 })
    }

    fn batch(&mut self, most: usize, most_bytes: usize) -> Result<Vec<Read>, String> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < most && bytes < most_bytes {
            let Some(line) = self.lines.next()? else { break };
            bytes += line.raw.len();
            let entry = self.entry(&line, self.lines.taken + batch.len() == 0);
            batch.push(Read { line, entry });
        }
        Ok(batch)
    }

    /// What a line says: an entry in JSON, or a bare id, which may be written as a JSON string.
    fn entry(&self, line: &Line, first: bool) -> Result<Option<String>, String> {
        if line.long {
            return Err("more than 64 KiB".into());
        }
        let text = std::str::from_utf8(&line.raw).map_err(|_| "not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').filter(|_| first).unwrap_or(text).trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let wrong = |_| "begins like JSON, and is none";
        let mut entry: Map<String, Value> = if text.starts_with('{') {
            serde_json::from_str(text).map_err(wrong)?
        } else {
            let quoted = text.starts_with('"').then(|| serde_json::from_str::<String>(text).map_err(wrong));
            let id = quoted.transpose()?.unwrap_or_else(|| text.to_owned());
            Map::from_iter([("type".to_owned(), self.many.bare.name().into()), ("id".to_owned(), id.into())])
        };
        for (name, value) in &self.defaults {
            // The times belong together: an entry that says one of them means that one.
            let timed = matches!(&**name, "at" | "not_before");
            if !entry.contains_key(name) && !(timed && (entry.contains_key("at") || entry.contains_key("not_before"))) {
                entry.insert(name.clone(), value.clone());
            }
        }
        serde_json::to_string(&entry).map(Some).map_err(|error| error.to_string())
    }

    /// All of it in one body, for what is counted together.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn all(&mut self) -> Result<Bytes, String> {
        let batch = self.batch(usize::MAX, usize::MAX)?;
        let fault = batch.iter().enumerate().find_map(|(at, read)| Some((at, read.entry.as_ref().err()?)));
        match fault {
            Some((at, why)) => Err(format!("line {}: {why}", at + 1)),
            None => Ok(body(&batch)),
        }
    }

    /// Sends it, batch by batch. Gives the sums of what was answered.
    ///
    /// # Errors
    /// Why it stopped; what was taken before stays, and the position with it.
    pub async fn send(
        &mut self,
        client: &mut Client,
        path: &str,
        mut watch: Option<&mut Watch>,
    ) -> Result<Map<String, Value>, String> {
        let (clock, mut sums) = (SystemClock::start(), Map::new());
        loop {
            let batch = self.batch(BATCH, BATCH_BYTES)?;
            if batch.is_empty() {
                sums.insert("position".into(), self.lines.taken.into());
                sums.insert("seconds".into(), clock.steady().as_secs_f64().into());
                if self.many.skip_bad.is_some() {
                    sums.insert("skipped".into(), self.skipped.into());
                }
                return Ok(sums);
            }
            self.send_batch(client, path, &batch, &mut sums).await?;
            self.progress();
            if let Some(watch) = &mut watch {
                watch.look(client).await.map_err(|why| format!("after line {}: {why}", self.lines.taken))?;
                watch.interrupted();
            }
        }
    }

    /// All of a batch that is good, from one bad line to the next.
    async fn send_batch(
        &mut self,
        client: &mut Client,
        path: &str,
        mut batch: &[Read],
        sums: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let mut most = usize::MAX;
        while let Some(first) = batch.first() {
            let fault = if let Err(why) = &first.entry {
                Some(why.clone())
            } else {
                let good = batch.iter().take(most).take_while(|read| read.entry.is_ok()).count();
                let (good, _) = batch.split_at(good);
                let reply = client.ask(Method::POST, path, NDJSON, body(good)).await?;
                let (taken, fault) = self.taken(reply, good.len(), sums)?;
                let (done, rest) = batch.split_at(taken.min(good.len()));
                self.pass(done)?;
                batch = rest;
                most = if fault.is_some() { AFTER_FAULT } else { most.saturating_mul(2) };
                fault
            };
            if let (Some(why), Some((bad, rest))) = (fault, batch.split_first()) {
                self.skip(bad, &why)?;
                batch = rest;
            }
        }
        Ok(())
    }

    /// How many lines were taken, and what is wrong with the next.
    fn taken(
        &mut self,
        reply: Reply,
        sent: usize,
        sums: &mut Map<String, Value>,
    ) -> Result<(usize, Option<String>), String> {
        for (name, value) in reply.body.as_object().into_iter().flatten() {
            if let ("accepted" | "lifted" | "absent" | "still_named", Some(more)) = (&**name, value.as_u64()) {
                let sum = sums.get(name).and_then(Value::as_u64).unwrap_or(0) + more;
                sums.insert(name.clone(), sum.into());
            }
        }
        let number =
            |name| reply.body.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let (entry, position) = (number("entry"), number("position").unwrap_or(0).min(sent));
        let text = |name| reply.body.get(name).and_then(Value::as_str).map(str::to_owned);
        match (reply.status.is_success(), entry) {
            (true, _) => Ok((sent, None)),
            (false, Some(_)) if position < sent => Ok((position, Some(text("detail").unwrap_or_default()))),
            (false, _) => {
                let before = self.lines.taken + position;
                Err(reply.done().err().map_or_else(String::new, |why| format!("after line {before}: {why}")))
            }
        }
    }

    fn pass(&mut self, done: &[Read]) -> Result<(), String> {
        for read in done {
            self.lines.take(&read.line);
            if let Ok(Some(entry)) = &read.entry
                && self.sample.0.len() < SAMPLE
            {
                self.sample.0.push_str(entry);
                self.sample.0.push('\n');
                self.sample.1 += 1;
            }
        }
        self.many.position_file.as_deref().map_or(Ok(()), |position| self.lines.keep(position))
    }

    /// A bad line ends the import; or it is put aside, with what is wrong, as it can be mended and imported.
    fn skip(&mut self, bad: &Read, why: &str) -> Result<(), String> {
        let number = self.lines.taken + 1;
        let Some(aside) = self.many.skip_bad.as_deref() else { return Err(format!("line {number}: {why}")) };
        let mut text = format!("# line {number}: {why}\n").into_bytes();
        text.extend_from_slice(&bad.line.raw);
        text.extend((bad.line.raw.last() != Some(&b'\n')).then_some(b'\n'));
        let file = OpenOptions::new().create(true).append(true).open(aside);
        let written = file.and_then(|mut file| file.write_all(&text));
        written.map_err(|error| format!("{}: {error}", aside.display()))?;
        self.skipped += 1;
        self.lines.take(&bad.line);
        self.many.position_file.as_deref().map_or(Ok(()), |position| self.lines.keep(position))
    }

    /// Whether what was imported names anybody who was here lately; if nobody, it may be ids of something else.
    ///
    /// # Errors
    /// If it could not be asked.
    pub async fn misses(&mut self, client: &mut Client) -> Result<Option<String>, String> {
        let (sample, entries) = std::mem::take(&mut self.sample);
        if entries == 0 {
            return Ok(None);
        }
        let reply = client.ask(Method::POST, "/revocations?preview=true", NDJSON, sample.into()).await?.done()?;
        let number = |name| reply.get(name).and_then(Value::as_u64).unwrap_or(0);
        let looked_at = number("looked_at");
        Ok((looked_at > 0 && number("tokens") == 0).then(|| {
            format!(
                "none of the first {entries} entries names any of the {looked_at} tokens that this gateway verified lately: \
                 look whether these are the ids that tokens carry (`--as`, a column too many, another claim)"
            )
        }))
    }

    fn progress(&self) {
        let (share, lines) = (self.lines.share(), self.lines.taken);
        let told = share.map(|share| format!(" ({share} %)")).unwrap_or_default();
        if io::stderr().is_terminal() {
            let full = usize::try_from(share.unwrap_or(0) * 30 / 100).unwrap_or(30).min(30);
            let end = if share == Some(100) { "\n" } else { "" };
            eprint!("\r[{:30}] {lines} lines enforced and kept{told}{end}", "#".repeat(full));
        } else {
            eprintln!("curfew: {lines} lines enforced and kept{told}");
        }
    }
}

/// An entry a line; empty lines stay, so that lines are counted alike here and there.
fn body(batch: &[Read]) -> Bytes {
    let text = batch.iter().map(|read| read.entry.as_ref().ok().and_then(Option::as_deref).unwrap_or_default());
    text.fold(String::new(), |body, entry| body + entry + "\n").into()
}
