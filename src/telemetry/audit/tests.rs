//! Disks that fail: whatever they do, the chain holds, what was kept stays, and what was lost is counted.

use super::book::Book;
use super::chain::Key;
use super::counts::Counts;
use super::event::Event;
use super::medium::Medium;
use super::settings::Settings;
use super::verify;
use super::writer::{Message, Writer};
use crate::decide::time::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a disk fails, until it is told otherwise.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Only so many bytes of a write are taken.
    write: Option<usize>,
    cut: bool,
    sync: bool,
    /// What a failed sync was to bring to the disk is gone.
    forgetful: bool,
    /// How often it was synced.
    syncs: u32,
}

/// A file on such a disk.
struct Frail {
    file: File,
    faults: Arc<Mutex<Faults>>,
    /// What was written since the last good sync.
    fresh: Mutex<Option<u64>>,
}

fn broken<T>() -> io::Result<T> {
    Err(io::Error::other("broken"))
}

impl Medium for Frail {
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let taken = self.faults.lock().unwrap().write.map_or(bytes.len(), |most| most.min(bytes.len()));
        let mut fresh = self.fresh.lock().unwrap();
        *fresh = Some(fresh.map_or(at, |from| from.min(at)));
        self.file.write(&bytes[..taken], at)?;
        if taken < bytes.len() { broken() } else { Ok(()) }
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read(bytes, at)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        if self.faults.lock().unwrap().cut { broken() } else { self.file.cut(length) }
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.lock().unwrap().syncs += 1;
        let (faults, fresh) = (*self.faults.lock().unwrap(), self.fresh.lock().unwrap().take());
        if faults.sync {
            if let Some(from) = fresh.filter(|_| faults.forgetful) {
                let length = self.file.metadata()?.len().saturating_sub(from);
                self.file.write(&vec![0; usize::try_from(length).unwrap()], from)?;
            }
            return broken();
        }
        Ok(())
    }
}

struct World {
    writer: Writer,
    faults: Arc<Mutex<Faults>>,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
    log: PathBuf,
    told: u64,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self::synced("0s")
    }

    fn synced(every: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let settings = serde_json::json!({ "file": log, "sync_every": every, "rotate_bytes": "20KiB" });
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let dropped = Arc::new(AtomicU64::new(0));
        let counts = Arc::new(Counts::new());
        let told = (Arc::clone(&dropped), Arc::clone(&counts));
        let writer = Writer::open(&settings, Key::new(None), "g", told.0, told.1, (None, None)).unwrap();
        let mut world = Self { writer, faults: Arc::default(), dropped, counts, log, told: 0, _dir: dir };
        world.frail();
        world
    }

    /// Puts the file, which may be another one after a rotation, on the disk that fails.
    fn frail(&mut self) {
        let file = OpenOptions::new().read(true).write(true).open(&self.log).unwrap();
        let frail = Frail { file, faults: Arc::clone(&self.faults), fresh: Mutex::default() };
        let before: &mut Book = &mut self.writer.book;
        // The one that was open holds the lock.
        std::mem::forget(std::mem::replace(&mut before.file.file, Box::new(frail)));
    }

    fn files(&self) -> usize {
        fs::read_dir(self.log.parent().unwrap()).unwrap().count()
    }

    fn fail(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    fn event(&mut self) -> Event {
        self.told += 1;
        Event::named("it", Timestamp::from_secs(1), false).with("number", self.told)
    }

    fn tell(&mut self) {
        let event = self.event();
        self.writer.tell(vec![event]);
    }

    fn keep(&mut self) -> Option<u64> {
        let event = self.event();
        self.writer.keep(vec![event]).ok().map(|()| self.told)
    }

    /// The chain holds; the numbers of the events in it, and how many it says were dropped.
    fn read(&self) -> (Vec<u64>, u64) {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.log.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let held = verify::verify(&files, &Key::new(None), |_, _, _| ()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((held.torn, held.first.min(1)), (None, held.lines.min(1)));
        let (mut numbers, mut dropped) = (Vec::new(), 0);
        let strange = verify::each(&files, |line, _| {
            numbers.extend(line.get("number").and_then(serde_json::Value::as_u64));
            dropped += line.get("events").and_then(serde_json::Value::as_u64).unwrap_or(0);
        });
        assert_eq!(strange.unwrap(), 0);
        (numbers, dropped)
    }
}

/// What was not promised is taken off again, even if that is only possible later.
#[test]
fn what_could_not_be_kept_is_not_there() {
    let mut world = World::new();
    world.tell();
    world.fail(Faults { sync: true, cut: true, ..Faults::default() });
    assert_eq!(world.keep(), None);
    world.fail(Faults::default());
    assert_eq!(world.keep(), Some(3));
    assert_eq!(world.read(), (vec![1, 3], 0));
}

/// A long line of which a part was written, and that could not be taken off, leaves nothing behind a short one.
#[test]
fn a_part_of_a_line_is_taken_off() {
    let mut world = World::new();
    world.tell();
    world.fail(Faults { write: Some(700), cut: true, ..Faults::default() });
    let long = Event::named("it", Timestamp::from_secs(1), false).with("text", "x".repeat(1000));
    world.writer.tell(vec![long]);
    world.fail(Faults::default());
    world.tell();
    assert_eq!(world.read(), (vec![1, 2], 1));
}

/// What is to be told of the log itself is told, though it was taken back with what it came with.
#[test]
fn what_was_dropped_is_told_by_the_next_that_stays() {
    let mut world = World::new();
    world.fail(Faults { write: Some(0), ..Faults::default() });
    (0..3).for_each(|_| world.tell());
    world.fail(Faults { sync: true, ..Faults::default() });
    assert_eq!(world.keep(), None);
    world.fail(Faults::default());
    assert_eq!(world.keep(), Some(5));
    assert_eq!(world.read(), (vec![5], 3));
}

/// A sync that failed is not made good by one that goes well: what it was about is written once more.
#[test]
fn a_sync_that_failed_is_not_forgotten() {
    for forgetful in [false, true] {
        let mut world = World::new();
        assert_eq!(world.keep(), Some(1));
        (0..3).for_each(|_| world.tell());
        world.fail(Faults { sync: true, forgetful, ..Faults::default() });
        world.writer.sync();
        world.fail(Faults::default());
        world.writer.sync();
        assert_eq!(world.counts.failures.load(Relaxed), 1, "what failed is counted, and what went well is not");
        assert_eq!(world.keep(), Some(5));
        let all = if forgetful { (vec![1, 5], 3) } else { (vec![1, 2, 3, 4, 5], 0) };
        assert_eq!(world.read(), all);
    }
}

/// A disk that takes nothing is no healthy one because nothing waits for it: it is so once something was written.
#[test]
fn a_full_disk_is_not_well_while_nothing_comes() {
    let mut world = World::new();
    assert_eq!(world.keep(), Some(1));
    world.fail(Faults { write: Some(0), ..Faults::default() });
    assert_eq!(world.keep(), None);
    assert_eq!(world.keep(), None);
    world.writer.sync();
    assert!(world.writer.failing, "nothing was written meanwhile");
    world.fail(Faults::default());
    world.writer.sync();
    assert!(!world.writer.failing);
    assert_eq!(world.read(), (vec![1], 0));
    assert!(fs::read_to_string(&world.log).unwrap().contains(r#""event":"refused","deeds":2"#));
}

/// A counter never falls, whatever is taken back.
#[test]
fn lines_are_counted_once_they_stay() {
    let mut world = World::new();
    let counts = Arc::clone(&world.writer.counts);
    assert_eq!(world.keep(), Some(1));
    let mut last = counts.lines.load(Relaxed);
    for sync in [true, true, false] {
        world.fail(Faults { sync, ..Faults::default() });
        assert_eq!(world.keep().is_some(), !sync);
        let now = counts.lines.load(Relaxed);
        assert!(now >= last && (!sync || now == last), "{last} {now}");
        last = now;
    }
}

/// Where something comes all the time, no silence is waited for.
#[test]
fn a_line_waits_no_longer_than_it_may() {
    let World { writer, faults, _dir, .. } = World::synced("50ms");
    let (queue, waiting) = std::sync::mpsc::sync_channel(8);
    let thread = std::thread::spawn(move || writer.run(&waiting));
    for _ in 0..60 {
        queue.send(Message::Tell(Event::named("it", Timestamp::from_secs(1), false))).unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    let syncs = faults.lock().unwrap().syncs;
    queue.send(Message::Close).unwrap();
    thread.join().unwrap();
    assert!((2..=13).contains(&syncs), "{syncs}");
}

/// Whatever happens in whatever order: the chain holds, what was promised is there, and the rest is there or counted.
#[test]
fn nothing_is_lost_uncounted() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..20 {
        let (mut world, mut kept, mut refused) = (World::new(), Vec::new(), 0);
        let mut files = world.files();
        for _ in 0..200 {
            match next(8) {
                0 => world.fail(Faults {
                    write: (next(3) == 0).then(|| next(400) as usize),
                    cut: next(3) == 0,
                    sync: next(3) == 0,
                    forgetful: next(2) == 0,
                    syncs: 0,
                }),
                1 => world.fail(Faults::default()),
                2 => match world.keep() {
                    Some(number) => kept.push(number),
                    None => refused += 1,
                },
                3 => world.writer.sync(),
                _ => world.tell(),
            }
            if world.files() != files {
                (files, ()) = (world.files(), world.frail());
            }
        }
        world.fail(Faults::default());
        kept.push(world.keep().expect("the disk is well again"));
        let (numbers, dropped) = world.read();
        assert!(kept.iter().all(|number| numbers.contains(number)));
        assert_eq!((numbers.len() as u64) + dropped + refused, world.told);
        assert_eq!(world.dropped.load(Relaxed), 0);
    }
}
