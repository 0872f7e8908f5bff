//! What does the revocation set cost, at ten thousand, a million and ten million entries? And does it answer as it
//! should at full size: every token that was entered is found, and none that was not.
//!
//! `cargo bench --bench revocations`; a number of entries as an argument measures that alone. Each size has a process of
//! its own, so that the memory that is counted is its own.

use curfew::decide::id::{Fingerprint, IssuerName, SourceName};
use curfew::decide::revocation::{Cutoff, Handles};
use curfew::decide::time::Timestamp;
use curfew::state::revocations::{Bounds, Feed, Revocations, Revoked, Target};
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [u64; 3] = [10_000, 1_000_000, 10_000_000];
const BATCH: u64 = 1_000_000;

/// Numbers from here on were never entered.
const OTHERS: u64 = 1 << 40;

const LEARNED: Timestamp = Timestamp::from_secs(1_790_000_000);

/// When every second entry is not needed any more.
const UNTIL: Timestamp = Timestamp::from_secs(1_790_003_600);

fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn handles(number: u64) -> Handles {
    let mut print = [0; 16];
    print[..8].copy_from_slice(&mix(number).to_be_bytes());
    print[8..].copy_from_slice(&mix(!number).to_be_bytes());
    Handles { token: Fingerprint(print), ..Handles::default() }
}

fn revoked(number: u64) -> Revoked {
    let until = number.is_multiple_of(2).then_some(UNTIL);
    Revoked { target: Target::Token(handles(number).token), cutoff: Cutoff::Always, until }
}

/// Pages that are in memory, and the most that ever were, in bytes.
fn resident() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a field");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
    };
    (field("VmRSS"), field("VmHWM"))
}

/// Nanoseconds of a look-up that waits for the one before.
fn dependent_ns(places: u64, wiped: bool, mut look_up: impl FnMut(u64) -> u64) -> f64 {
    let (rounds, looks) = if wiped { (60, 2_000) } else { (40, 100_000) };
    let mut other = vec![1_u64; if wiped { 16 << 20 } else { 0 }];
    let (mut best, mut number) = (f64::MAX, 0);
    for round in 0..rounds {
        other.iter_mut().for_each(|word| *word = word.wrapping_mul(3));
        black_box(&mut other);
        let began = Instant::now();
        for look in 0..looks {
            number = look_up(mix(number ^ look ^ (round << 32)) % places);
        }
        best = best.min(began.elapsed().as_nanos() as f64 / looks as f64);
    }
    best
}

struct World {
    set: Revocations,
    feed: Arc<Feed>,
    issuer: IssuerName,
    entries: u64,
}

impl World {
    fn new(entries: u64) -> Self {
        let (set, issuer) = (Revocations::default(), IssuerName::from("corp"));
        let bounds = Bounds { max_entries: 100_000_000, max_staleness: None };
        let feed = set.open(&SourceName::from("feed"), &issuer, bounds).expect("a feed");
        Self { set, feed, issuer, entries }
    }

    fn is_revoked(&self, number: u64) -> bool {
        self.set.look_up(&self.issuer, &handles(number)).token.is_some()
    }

    fn add(&self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| _ = self.set.add(&self.feed, &revoked(number), LEARNED).expect("room"));
    }

    /// Every name that was entered, and as many that were not.
    fn wrong(&self) -> u64 {
        let missed = (0..self.entries).filter(|number| !self.is_revoked(*number)).count() as u64;
        missed + (OTHERS..OTHERS + self.entries).filter(|number| self.is_revoked(*number)).count() as u64
    }

    /// Nanoseconds of a look-up that waits for the one before, on names at random: the best of several rounds, because
    /// others use the machine, too. `wiped`: after all caches were filled with something else.
    fn look_up_ns(&self, hit: bool, wiped: bool) -> f64 {
        dependent_ns(self.entries, wiped, |at| {
            let revoked = self.is_revoked(if hit { at } else { at + OTHERS });
            assert_eq!(revoked, hit);
            u64::from(revoked)
        })
    }

    /// The floor of a miss: a single read at random of as much memory as has to be at hand for it, a byte an entry and an
    /// eighth more.
    fn bare_ns(&self) -> f64 {
        let bytes = vec![0_u8; usize::try_from(self.entries * 5 / 4).expect("64 bits")];
        dependent_ns(bytes.len() as u64, true, |at| u64::from(black_box(&bytes)[at as usize]))
    }

    /// The readers' 99th percentile while something is done, in nanoseconds; every tenth look-up is a hit.
    fn p99(&self, work: impl FnOnce()) -> u64 {
        let done = AtomicBool::new(false);
        let read = || {
            let (mut times, mut look) = (vec![0_u64; 20_000], 0_u64);
            while !done.load(Ordering::Relaxed) {
                look += 1;
                let at = mix(look) % self.entries + if look.is_multiple_of(10) { 0 } else { OTHERS };
                let began = Instant::now();
                black_box(self.is_revoked(at));
                let ns = began.elapsed().as_nanos() as usize;
                times[(ns / 10).min(19_999)] += 1;
            }
            let (mut left, total) = (0, times.iter().sum::<u64>());
            let slow = times.iter().position(|count| {
                left += count;
                left * 100 >= total * 99
            });
            slow.unwrap_or(0) as u64 * 10
        };
        std::thread::scope(|scope| {
            let reader = scope.spawn(read);
            work();
            done.store(true, Ordering::Relaxed);
            reader.join().expect("a reader")
        })
    }

    /// The steps of a purge of half of the entries, in microseconds: the longest, the 99th percentile, the median.
    fn purge(&self) -> [u128; 3] {
        let now = UNTIL.plus(Duration::from_secs(301));
        let mut steps: Vec<u128> = (0..Revocations::PURGE_STEPS)
            .map(|_| {
                let began = Instant::now();
                self.set.purge_step(now);
                began.elapsed().as_micros()
            })
            .collect();
        steps.sort_unstable();
        [1, steps.len() / 100, steps.len() / 2].map(|from_last| steps[steps.len() - from_last])
    }
}

fn measure(entries: u64) {
    let before = resident().0;
    let world = World::new(entries);
    let began = Instant::now();
    world.add(0..entries);
    let rate = entries as f64 / began.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(1_200));
    let each = |bytes: usize| bytes as f64 / entries as f64;
    let (rss, own) = (each(resident().0 - before), each(world.set.holdings().bytes));
    let wrong = world.wrong();
    let [hit, miss] = [true, false].map(|hit| world.look_up_ns(hit, false));
    let [cold_hit, cold_miss] = [true, false].map(|hit| world.look_up_ns(hit, true));
    let bare = world.bare_ns();
    let idle = world.p99(|| std::thread::sleep(Duration::from_secs(2)));
    let filled = resident().0;
    // From now on, the most memory is counted anew (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    // A snapshot in which a tenth is new, and a tenth of what was there is missing.
    let tenth = entries / 10;
    let replaced = world.p99(|| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            for begin in [tenth, 0] {
                let all = (begin..entries + begin).map(revoked);
                world.set.replace(&world.feed, all, LEARNED).expect("room");
            }
        }
    });
    let peak = resident().1 as f64 / filled as f64;
    let batch = world.p99(|| world.add(2 * OTHERS..2 * OTHERS + BATCH));
    assert_eq!(world.set.holdings().tokens as u64, entries + BATCH);
    let [longest, most, median] = world.purge();
    assert_eq!(world.set.holdings().tokens as u64, (entries + BATCH) / 2);
    let rate = rate / 1e6;
    println!(
        "{entries:>9} {rss:>6.1} {own:>6.1} {hit:>5.0} {miss:>5.0} {cold_hit:>5.0} {cold_miss:>5.0} {bare:>5.0} {rate:>8.2} {idle:>6} {batch:>6} {replaced:>7} {peak:>6.2} {median:>6} {most:>6} {longest:>7} {wrong:>6}"
    );
}

const HEAD: &str = "\
  entries B each    own   hit  miss  cold  cold  cold apply/s    p99  batch replace   peak  purge    99% longest  wrong
             RSS            ns    ns   hit  miss  bare       M     ns     ns      ns      x     us     us      us";

const FOOT: &str = "\
hit, miss: dependent look-ups of random names; cold: the same, after all caches were filled with something else; bare:
a single dependent read of as much memory as a miss needs.
p99: of readers, with the reading of the clock: idle, while a million entries are applied, while snapshots replace
all, of which a tenth is new. peak: the most memory by then, of that before. purge: steps, half of all entries leave.";

/// Touches as much memory as will be used, and gives it back to the system. The host of a virtual machine may map memory when
/// it is touched first, which takes milliseconds for each two mebibytes, and is not what is measured here.
fn warm() {
    black_box(vec![1_u8; 1 << 30]);
}

fn main() {
    if std::env::var_os("CURFEW_BENCH_WARM").is_some() {
        return warm();
    }
    let asked: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if let (Ok(size), true) = (std::env::var("CURFEW_BENCH_ENTRIES"), asked.is_empty()) {
        return measure(size.parse().expect("a number"));
    }
    println!("{HEAD}");
    for size in if asked.is_empty() { &SIZES[..] } else { &asked[..] } {
        let own = std::env::current_exe().expect("a path");
        for (variable, value) in [("CURFEW_BENCH_WARM", String::new()), ("CURFEW_BENCH_ENTRIES", size.to_string())] {
            let ran = Command::new(&own).env(variable, value).status();
            assert!(ran.expect("started").success(), "the measuring of {size} entries failed");
        }
    }
    println!("{FOOT}");
}
