//! Many entries at once: read line by line, sent in batches, each of which is enforced and kept before the next is sent;
//! and the position from which an import that broke off goes on.

use super::admin::Client;
use super::operators::Many;
use super::watch::Watch;
use crate::state::clock::{Clock as _, SystemClock};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::Path;

/// How many lines go in one batch.
const BATCH: usize = 10_000;
/// No line is longer.
const LINE: u64 = 64 << 10;

/// A file of entries, being read.
pub struct Import<'a> {
    input: Box<dyn BufRead>,
    many: &'a Many,
    /// What an entry takes over if it does not say it itself.
    defaults: Map<String, Value>,
    /// Of all lines so far: that a position is one in this file, and in no other.
    seen: blake3::Hasher,
    lines: usize,
    bytes: u64,
    /// How many bytes there are, if that is known.
    total: Option<u64>,
}

impl<'a> Import<'a> {
    /// Opens the file, at the position where a former run ended.
    ///
    /// # Errors
    /// If it cannot be read, or is not the one that the position is of.
    pub fn open(path: &Path, many: &'a Many, defaults: Map<String, Value>) -> Result<Self, String> {
        let told = |error: io::Error| format!("{}: {error}", path.display());
        let (input, total): (Box<dyn BufRead>, _) = if path.as_os_str() == "-" {
            (Box::new(BufReader::new(io::stdin())), None)
        } else {
            let file = File::open(path).map_err(told)?;
            let total = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(BufReader::new(file)), total)
        };
        let mut import = Self { input, many, defaults, seen: blake3::Hasher::new(), lines: 0, bytes: 0, total };
        import.skip()?;
        Ok(import)
    }

    /// Passes over what was taken before.
    fn skip(&mut self) -> Result<(), String> {
        let Some(path) = self.many.position_file.as_deref() else { return Ok(()) };
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let wrong = || format!("{}: not a position in this import; remove it to begin anew", path.display());
        let (lines, hash) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let lines: usize = lines.parse().map_err(|_| wrong())?;
        while self.lines < lines {
            if self.line()?.is_none() {
                return Err(wrong());
            }
        }
        if self.seen.finalize().to_hex().as_str() == hash { Ok(()) } else { Err(wrong()) }
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let mut line = Vec::new();
        let read = self.input.by_ref().take(LINE).read_until(b'\n', &mut line);
        let read = read.map_err(|error| format!("line {}: {error}", self.lines + 1))?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LINE && line.last() != Some(&b'\n') {
            return Err(format!("line {}: more than 64 KiB", self.lines + 1));
        }
        self.seen.update(&line);
        self.lines += 1;
        self.bytes += read as u64;
        String::from_utf8(line).map(Some).map_err(|_| format!("line {}: not UTF-8", self.lines))
    }

    /// The next batch, an entry a line; empty lines stay, so that lines are counted alike here and there.
    fn batch(&mut self, most: usize) -> Result<String, String> {
        let mut batch = String::new();
        for _ in 0..most {
            let Some(line) = self.line()? else { break };
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                batch += &self.entry(line)?;
            }
            batch.push('\n');
        }
        Ok(batch)
    }

    fn entry(&self, line: &str) -> Result<String, String> {
        let wrong = || format!("line {}: begins like JSON, and is none", self.lines);
        let mut entry: Map<String, Value> = if line.starts_with('{') {
            serde_json::from_str(line).map_err(|_| wrong())?
        } else {
            Map::from_iter([("type".to_owned(), self.many.bare.name().into()), ("id".to_owned(), line.into())])
        };
        for (name, value) in &self.defaults {
            // The times belong together: an entry that says one of them means that one.
            let timed = matches!(&**name, "at" | "not_before");
            if !entry.contains_key(name) && !(timed && (entry.contains_key("at") || entry.contains_key("not_before"))) {
                entry.insert(name.clone(), value.clone());
            }
        }
        serde_json::to_string(&entry).map_err(|error| error.to_string())
    }

    /// All of it in one body, for what is counted together.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn all(&mut self) -> Result<Bytes, String> {
        self.batch(usize::MAX).map(Bytes::from)
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
            let before = self.lines;
            let batch = self.batch(BATCH)?;
            if self.lines == before {
                sums.insert("position".into(), self.lines.into());
                sums.insert("seconds".into(), clock.steady().as_secs_f64().into());
                return Ok(sums);
            }
            let reply = client.ask(Method::POST, path, "application/x-ndjson", batch.into()).await?;
            let done = reply.done().map_err(|why| format!("after line {before}: {why}"))?;
            for (name, value) in done.as_object().into_iter().flatten().filter(|(name, _)| *name != "position") {
                let sum = sums.get(name).and_then(Value::as_u64).unwrap_or(0) + value.as_u64().unwrap_or(0);
                sums.insert(name.clone(), sum.into());
            }
            self.keep_position()?;
            self.progress();
            if let Some(watch) = &mut watch {
                watch.look(client).await.map_err(|why| format!("after line {}: {why}", self.lines))?;
                watch.interrupted();
            }
        }
    }

    /// Written beside, then moved in place: it is the old or the new one, never half of it.
    fn keep_position(&self) -> Result<(), String> {
        let Some(path) = self.many.position_file.as_deref() else { return Ok(()) };
        let beside = path.with_extension("new");
        let text = format!("{} {}\n", self.lines, self.seen.finalize().to_hex());
        let kept = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
        kept.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn progress(&self) {
        let share = self.total.filter(|total| *total > 0).map(|total| self.bytes * 100 / total);
        let told = share.map(|share| format!(" ({share} %)")).unwrap_or_default();
        if io::stderr().is_terminal() {
            let full = usize::try_from(share.unwrap_or(0) * 30 / 100).unwrap_or(30).min(30);
            let end = if share == Some(100) { "\n" } else { "" };
            eprint!("\r[{:30}] {} lines enforced and kept{told}{end}", "#".repeat(full), self.lines);
        } else {
            eprintln!("curfew: {} lines enforced and kept{told}", self.lines);
        }
    }
}
