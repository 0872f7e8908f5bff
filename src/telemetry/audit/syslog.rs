//! The lines of the audit log as syslog messages (RFC 5424): a thread of its own sends them, so that a receiver that is
//! slow or gone holds up nobody. What finds no place meanwhile is counted; the file has it all the same.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::chain::End;
use super::counts::Counts;
use super::event::Event;
use super::settings::{Receiver, Syslog};
use super::socket::Socket;
use crate::notice::Trouble;

/// As many messages wait at most.
const WAITING: usize = 4096;

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the last messages may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// Who sends.
pub(super) struct Syslogger {
    queue: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
    thread: JoinHandle<()>,
    facility: u8,
    host: String,
}

impl Syslogger {
    pub fn start(settings: &Syslog, instance: &str, counts: Arc<Counts>) -> io::Result<Self> {
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut sender = Sender {
            to: settings.to.clone(),
            open: None,
            trouble: Trouble::default(),
            dropped: Arc::clone(&dropped),
            counts: Arc::clone(&counts),
        };
        let thread = std::thread::Builder::new().name("audit-syslog".into());
        let thread = thread.spawn(move || sender.run(&waiting))?;
        Ok(Self { queue, dropped, counts, thread, facility: settings.facility, host: header(instance) })
    }

    /// How many messages were not sent and not told of yet.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// So many were told of.
    pub fn told(&self, count: u64) {
        self.dropped.fetch_sub(count, Ordering::Relaxed);
    }

    pub fn send(&self, event: &Event, end: &End, line: &[u8]) {
        if self.queue.try_send(self.message(event, end, line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.counts.dropped_syslog.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A message (RFC 5424 §6). 32473 is the number that stands for an organization in documentation (RFC 5612); ours has
    /// none. Nothing in the structured data needs an escape, and the line is ASCII.
    fn message(&self, event: &Event, end: &End, line: &[u8]) -> Vec<u8> {
        // 5 is notice, 4 a warning.
        let severity = if event.is_warning() { 4 } else { 5 };
        let priority = u16::from(self.facility) * 8 + severity;
        let (at, host, pid, name) = (event.at, &self.host, std::process::id(), event.name);
        let data = format!("[curfew@32473 seq=\"{}\" hash=\"{}\"]", end.seq, escaped(&end.hash));
        let mut message = format!("<{priority}>1 {at} {host} curfew {pid} {name} {data} ").into_bytes();
        message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        message
    }

    /// Sends what waits, for no longer than a little while.
    pub fn close(self) {
        let Self { queue, thread, .. } = self;
        drop(queue);
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < LAST {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A value of structured data (RFC 5424 §6.3.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// A field of the header: printable ASCII, and bounded; `-` for none.
fn header(text: &str) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(255).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

struct Sender {
    to: Receiver,
    open: Option<Socket>,
    trouble: Trouble,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
}

impl Sender {
    fn run(&mut self, waiting: &mpsc::Receiver<Vec<u8>>) {
        loop {
            let message = match waiting.recv_timeout(Duration::from_secs(60)) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // A message that did not go is tried once more on a connection of its own, then is let go.
            let sent = self.send(&message).or_else(|_| self.send(&message));
            match sent {
                Ok(()) => {
                    self.counts.sent_syslog.fetch_add(1, Ordering::Relaxed);
                    if let Some(out) = self.trouble.over() {
                        tracing::info!(%out, "syslog takes the audit log again");
                    }
                }
                Err(error) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    self.counts.dropped_syslog.fetch_add(1, Ordering::Relaxed);
                    if let Some(repeats) = self.trouble.met(&error.to_string()) {
                        let receiver = &self.to;
                        tracing::warn!(?receiver, %error, repeats, "syslog does not take the audit log: its file has it all the same");
                    }
                    // What comes meanwhile waits, as far as there is room.
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let socket = match self.open.take().filter(Socket::is_open) {
            Some(socket) => socket,
            None => Socket::connect(&self.to)?,
        };
        socket.send(message)?;
        self.open = Some(socket);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(escaped("a\"b\\c]d"), "a\\\"b\\\\c\\]d");
        assert_eq!((header("a b\u{e9}\n"), header("\n")), ("ab".into(), "-".into()));
    }
}
