//! Sessions that instances share over a real Redis: what one saw, the others learn.

use crate::instance::until;
use crate::redis::Redis;
use curfew::decide::id::Fingerprint;
use curfew::decide::session::{KeySource, Knowledge, OnFull, Shown, Sight};
use curfew::decide::time::Moment;
use curfew::idp::sessions::Share;
use curfew::state::clock::{Clock, SystemClock};
use curfew::state::fingerprint::Fingerprints;
use curfew::state::sessions::{Activity, Desk, Name, Pace, Sessions, Terms, Unknown};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

pub const TERMS: Terms =
    Terms { max: 200_000, remember: Duration::from_secs(3600), absolute: None, on_full: OnFull::Deny };
pub const PACE: Pace = Pace { interval: Duration::from_millis(200), strictest: Duration::from_secs(2) };
/// Longer than two instances need to find a Redis again.
pub const SETTLE: Duration = Duration::from_secs(3);
const BOUND: Duration = Duration::from_millis(100);

pub struct One {
    pub sessions: Arc<Sessions>,
    desk: Arc<Desk>,
    clock: Arc<Faulty>,
    share: Arc<Share>,
    _cancel: DropGuard,
}

/// A clock that panics once, when it is asked by the task that shares.
struct Faulty {
    clock: SystemClock,
    fails: AtomicBool,
}

impl Clock for Faulty {
    fn now(&self) -> Moment {
        assert!(!self.fails.swap(false, Relaxed), "a clock that panics");
        self.clock.now()
    }

    fn steady(&self) -> Duration {
        self.clock.steady()
    }
}

impl One {
    pub async fn start(redis: &Redis) -> Self {
        Self::with(redis, TERMS).await
    }

    pub async fn with(redis: &Redis, terms: Terms) -> Self {
        let one = Self::begin(redis, terms);
        until("it has joined", || one.is_open() && one.is_ready()).await;
        one
    }

    /// Begins to join.
    pub fn begin(redis: &Redis, terms: Terms) -> Self {
        Self::at(&redis.url(), terms)
    }

    /// The same, by a way of its own.
    pub fn at(url: &str, terms: Terms) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Arc::new(Faulty { clock: SystemClock::start(), fails: AtomicBool::new(false) });
        let (sessions, as_clock) = (Arc::new(Sessions::default()), Arc::clone(&clock) as Arc<dyn Clock>);
        let settings = serde_json::from_value(json!({"urls": [url], "timeout": "500ms"})).unwrap();
        let prints = Arc::new(Fingerprints::derived(b"the key of the fleet").unwrap());
        let desk = Arc::new(Desk::new(Arc::clone(&sessions), Arc::clone(&as_clock), terms));
        desk.take_up(Some((PACE, terms)));
        let both = (Arc::clone(&sessions), Arc::clone(&desk));
        let share = Arc::new(Share::new((&settings, "curfew", SETTLE), both, prints, as_clock).unwrap());
        let cancel = CancellationToken::new();
        let (running, until_then) = (Arc::clone(&share), cancel.clone());
        tokio::spawn(async move { running.run(until_then).await });
        Self { sessions, desk, clock, share, _cancel: cancel.drop_guard() }
    }

    pub fn is_open(&self) -> bool {
        self.desk.is_open()
    }

    pub fn is_ready(&self) -> bool {
        self.share.was_tried()
    }

    /// The task that shares panics, soon.
    pub fn fails(&self) {
        self.clock.fails.store(true, Relaxed);
    }

    pub fn now(&self) -> Moment {
        self.clock.clock.now()
    }

    pub fn uses(&self, name: &Name) {
        self.uses_by(name, shown);
    }

    pub fn uses_by(&self, name: &Name, shown: impl Fn(Moment) -> Shown) {
        let now = self.now();
        self.sessions.admitted(name, shown(now), now, Activity::User, &TERMS);
    }

    /// As the line does: what is doubtful is looked up once, with a bound.
    pub async fn sees(&self, name: &Name) -> Result<Sight, Unknown> {
        self.sees_by(name, shown).await
    }

    /// The same, by another token.
    pub async fn sees_by(&self, name: &Name, shown: impl Fn(Moment) -> Shown) -> Result<Sight, Unknown> {
        let known = |now| self.sessions.known(name, shown(now), now, &TERMS);
        let now = self.now();
        if self.sessions.is_doubtful(name.print, (&known(now), shown(now)), now, None) {
            self.desk.ask(name.print, BOUND).await?;
        }
        let Knowledge::Known(.., sight) = known(now) else { panic!("{name:?} is not known") };
        Ok(sight)
    }

    /// The same, once there are answers again.
    async fn sees_again(&self, name: &Name) -> Sight {
        let bound = Instant::now() + Duration::from_secs(20);
        loop {
            match self.sees(name).await {
                Ok(sight) => return sight,
                Err(Unknown) => assert!(Instant::now() < bound, "no answer ever again"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn told(&self) {
        until("all is told", || self.sessions.waiting() == 0).await;
        // Taken is not yet written.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Its tokens are fresh: by them alone it was active right now.
fn shown(now: Moment) -> Shown {
    Shown { signed_in: None, issued: Some(now.wall) }
}

pub fn name(number: u32) -> Name {
    let mut print = [9; 16];
    print[..4].copy_from_slice(&number.to_le_bytes());
    print[8..12].copy_from_slice(&number.wrapping_mul(2_654_435_769).to_le_bytes());
    print[15] = number.to_le_bytes()[0];
    Name { print: Fingerprint(print), source: KeySource::Claim }
}

pub fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_everywhere_active_on_one_and_ended_on_one() {
    let redis = Redis::start();
    let (one, two, three) = (One::start(&redis).await, One::start(&redis).await, One::start(&redis).await);
    let (idle, active) = (name(1), name(2));
    [&one, &two, &three].iter().for_each(|each| [idle, active].iter().for_each(|name| each.uses(name)));
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2_600) {
        one.uses(&active);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for each in [&two, &three, &one] {
        let quiet = each.sees(&idle).await.unwrap().quiet;
        assert!(quiet >= 2_500 && quiet <= ms(began.elapsed()) + ms(PACE.interval), "{quiet}");
        let sight = each.sees(&active).await.unwrap();
        assert!(sight.quiet <= ms(PACE.interval) + 500 && sight.silence < 1_000, "{sight:?}");
    }
    // A lax route of one goes on with it: for a strict one of the others it has ended, at once.
    two.uses(&idle);
    two.told().await;
    // Who has just asked does not ask again.
    tokio::time::sleep(2 * PACE.interval).await;
    let late = One::start(&redis).await;
    for each in [&three, &one, &late] {
        assert!(each.sees(&idle).await.unwrap().silence >= 2_000);
    }
}

/// Killed, stopped, restarted empty: nobody waits for long, nobody believes an empty store, and all is told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_lost() {
    let mut redis = Redis::start();
    let (one, two) = (One::start(&redis).await, One::start(&redis).await);
    (0..50).for_each(|number| one.uses(&name(number)));
    one.told().await;
    assert!(two.sees(&name(0)).await.is_ok());
    redis.signal("STOP");
    let (began, mut waited) = (Instant::now(), Duration::ZERO);
    for number in 1..40 {
        let asked = Instant::now();
        assert_eq!(two.sees(&name(number)).await, Err(Unknown));
        waited = waited.max(asked.elapsed());
    }
    println!("stopped: 39 look-ups in {:?}, the longest {waited:?}; {:?}", began.elapsed(), two.desk.counts());
    assert!(waited < 3 * BOUND && began.elapsed() < Duration::from_secs(3));
    redis.signal("CONT");
    two.sees_again(&name(1)).await;
    redis.kill();
    until("it is seen", || !one.desk.is_open() && !two.desk.is_open()).await;
    // One that nobody asked about before: what was asked while it stood still may have been answered late.
    assert_eq!(two.sees(&name(45)).await, Err(Unknown));
    let quiet = Instant::now();
    redis.again();
    until("both have joined again", || one.desk.is_open() && two.desk.is_open()).await;
    one.told().await;
    let sight = two.sees_again(&name(2)).await;
    assert!(sight.quiet >= ms(quiet.elapsed()), "an empty store extended a session: {sight:?}");
    println!("restarted empty: {} sessions are there again", redis.cli(&["DBSIZE"]).trim());
}

/// What many active sessions cost the Redis.
#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_cost_few_commands() {
    let redis = Redis::start();
    let one = One::start(&redis).await;
    one.sessions.share(Some(Pace { interval: Duration::from_secs(2), ..PACE }));
    redis.cli(&["CONFIG", "RESETSTAT"]);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        (0..1_000).for_each(|number| one.uses(&name(number)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    one.told().await;
    let (all, _, stats) = commands(&redis);
    println!("1,000 sessions, 10,000 uses/s, interval 2 s, {:?}:\n{stats}", began.elapsed());
    let told = all / began.elapsed().as_secs_f64();
    println!("{told:.0} commands/s, those within scripts included");
    // Each session once at first and then once in an interval, many of them at once.
    assert!(told < 500.0);
    let held = |hash: &str| redis.cli(&["HLEN", hash]).trim().parse::<u64>().unwrap();
    let keys = redis.cli(&["KEYS", "{curfew}:sessions:2:*:*"]);
    assert_eq!(keys.lines().map(held).sum::<u64>(), 1_000);
    // All expire by themselves.
    for key in redis.cli(&["KEYS", "*"]).lines() {
        assert!(redis.cli(&["PTTL", key]).trim().parse::<i64>().unwrap() > 3_600_000, "{key}");
    }
}

/// How many commands there were: those within scripts included, and without them; and the whole table.
pub fn commands(redis: &Redis) -> (f64, f64, String) {
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<f64>().ok();
    let all: f64 = stats.lines().filter_map(calls).sum();
    let of = |name: &str| stats.lines().filter(|line| line.starts_with(name)).filter_map(calls).sum::<f64>();
    // Only the script asks for these in a steady state, and for the store's name.
    let within = of("cmdstat_hset:") + of("cmdstat_hmget:") + of("cmdstat_pexpireat:") + of("cmdstat_eval:");
    (all, all - within, stats)
}
