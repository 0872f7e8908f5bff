//! Who is refused: a connection that is kept, one thread that sends by the clock whatever was answered, and one that counts
//! what comes back.

use crate::world::World;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// As many strokes a second.
const STROKES: usize = 100;
/// How long an answer may take until it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
const HEAD: &[u8] = b"HTTP/1.1 ";

/// What became of what one connection sent.
pub struct Told {
    pub sent: u64,
    pub by_status: BTreeMap<u16, u64>,
    /// By how much a stroke left later than its instant at most.
    pub late: Duration,
}

/// A connection at work.
pub struct Connection {
    sender: JoinHandle<(u64, Duration)>,
    reader: JoinHandle<BTreeMap<u16, u64>>,
}

impl Connection {
    /// Opens one, over which so many requests a second go.
    pub fn open(world: &World, rate: usize, seconds: usize) -> Self {
        let stream = TcpStream::connect(world.public).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (reading, stroke) = (stream.try_clone().unwrap(), world.requests(rate / STROKES));
        let (each, strokes) = ((rate / STROKES) as u64, seconds * STROKES);
        let sender = std::thread::spawn(move || send(stream, &stroke, strokes, each));
        let expected = each * strokes as u64;
        Self { sender, reader: std::thread::spawn(move || count(reading, expected)) }
    }

    pub fn is_over(&self) -> bool {
        self.sender.is_finished() && self.reader.is_finished()
    }

    pub fn end(self) -> Told {
        let (sent, late) = self.sender.join().unwrap();
        Told { sent, late, by_status: self.reader.join().unwrap() }
    }
}

/// Sends by the clock; what a full socket holds up is late, and is told.
fn send(mut stream: TcpStream, stroke: &[u8], strokes: usize, each: u64) -> (u64, Duration) {
    let (begun, mut sent, mut late) = (Instant::now(), 0, Duration::ZERO);
    for nth in 0..strokes {
        let due = Duration::from_millis((nth * 1000 / STROKES) as u64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        if stream.write_all(stroke).is_err() {
            break;
        }
        sent += each;
        late = late.max(begun.elapsed().saturating_sub(due));
    }
    (sent, late)
}

/// Counts answers by status until all are there, the connection ends, or nothing comes any more.
fn count(mut stream: TcpStream, expected: u64) -> BTreeMap<u16, u64> {
    let (mut by_status, mut seen) = (BTreeMap::new(), 0);
    let (mut held, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    while seen < expected {
        let Ok(length @ 1..) = stream.read(&mut buffer) else { break };
        held.extend_from_slice(&buffer[..length]);
        let mut at = 0;
        while let Some(found) = memchr::memmem::find(&held[at..], HEAD).filter(|found| at + found + 12 <= held.len()) {
            let status = std::str::from_utf8(&held[at + found + 9..at + found + 12]).unwrap().parse().unwrap();
            *by_status.entry(status).or_default() += 1;
            seen += 1;
            at += found + 12;
        }
        let rest = held.len().saturating_sub(11).max(at);
        held.drain(..rest);
    }
    let _ = stream.shutdown(Shutdown::Both);
    by_status
}
