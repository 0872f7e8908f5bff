//! What do limits of sessions add to the line, with a thousand and with a million sessions live and another one at each
//! request; and what do sessions take? Part of `cargo bench --bench line`, and all of it with `-- sessions`: two lines of
//! one process are measured in turn, and their difference told, and what a single read of as much memory costs there.

use super::{ISSUER, PEER, SECRET, token};
use curfew::app::offline::Offline;
use curfew::control;
use curfew::decide::id::Fingerprint;
use curfew::decide::session::{Basis, KeySource, Knowledge, OnFull, Shown};
use curfew::decide::time::Moment;
use curfew::proxy::entry;
use curfew::state::sessions::{Activity, Name, Sessions, Terms};
use curfew::token::gather::gather;
use curfew::upstream::headers::Hop;
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many are live: as many as stay in a processor's caches, and as many as do not.
const FEW: usize = 1_000;
const LIVE: usize = 1_000_000;
const ROUND: usize = 2_000;
const ROUNDS: usize = 100;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn name(&mut self) -> Name {
        let mut bytes = [0; 16];
        let (low, high) = bytes.split_at_mut(8);
        low.copy_from_slice(&self.next().to_le_bytes());
        high.copy_from_slice(&self.next().to_le_bytes());
        Name { print: Fingerprint(bytes), source: KeySource::Claim }
    }
}

fn offline(limits: &str) -> Offline {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).expect("written");
    let config = format!(
        "version: 1\nlisteners: [{{ name: l, address: 127.0.0.1:8443, plaintext: true }}]\n\
         issuers: {{ i: {{ issuer: '{ISSUER}', keys: {{ secret: {{ file: '{}' }} }}, audiences: [api] }} }}\n\
         upstreams: {{ u: {{ endpoints: ['http://127.0.0.1:9'] }} }}\n\
         policies: {{ p: {{ token: {{ max_age: 1h }}, {limits} }} }}\nsessions: {{ max: 2000000 }}\n\
         routes: [{{ name: orders, path: '/orders/{{id}}', policy: p, upstream: u }}]\n",
        secret.display()
    );
    Offline::build(&control::read("bench.yaml", config).expect("a good config")).expect("a gateway")
}

/// A line without its I/O, where each request is of the session that is given; its token is always the same.
struct Line {
    offline: Offline,
    token: String,
    hop: Hop,
}

impl Line {
    fn new(limits: &str) -> Self {
        Self { offline: offline(limits), token: token(), hop: Hop::new(PEER, true) }
    }

    fn shown(&self) -> Shown {
        let wall = self.offline.state().clock.now().wall;
        Shown { signed_in: None, issued: Some(wall.minus(Duration::from_secs(60))) }
    }

    /// As the gate does it: looked up before it is judged, and told after.
    fn pass(&self, name: &Name) {
        let (plan, state) = (self.offline.plan(), self.offline.state());
        let request = Request::get("/orders/7?page=2").header(HOST, "api.example.com").header("user-agent", "bench");
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token)).body(()).expect("a request");
        let mut parts = request.into_parts().0;
        let moment = state.clock.now();
        let route = entry::find(&mut parts, plan, true, |_| true).expect("a route");
        entry::clean(&mut parts, plan, PEER).expect("clean");
        let presented = route.locations.take(&mut parts.headers, parts.uri.query(), false);
        let gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, moment);
        let verified = gathered.verified().expect("the token is good");
        let shown: Shown = verified.token.claims.as_ref().expect("claims").into();
        let mut evidence = gathered.evidence();
        let terms = plan.sessions.as_ref().filter(|_| route.asks_of_sessions());
        if let Some(terms) = terms {
            evidence.session = state.sessions.known(name, shown, moment, terms);
        }
        let verdict = route.policy.as_ref().expect("guarded").judge(&evidence);
        assert!(verdict.reason().is_none(), "it is admitted");
        if let Some(terms) = terms {
            state.sessions.admitted(name, shown, moment, Activity::User, terms);
        }
        route.identity.stamp(&mut parts.headers, verified);
        self.hop.announce(&mut parts, false, "curfew");
        black_box((parts, verdict));
    }

    /// Nanoseconds of one of a round of requests, each of a session that was not asked for a while.
    fn round(&self, names: &[Name], random: &mut Random) -> f64 {
        // Taken out before: to find a name is no part of the line, which has it from its token.
        let chosen = (0..ROUND).filter_map(|_| names.get(random.next() as usize % names.len()).copied());
        let chosen: Vec<Name> = chosen.collect();
        let began = Instant::now();
        chosen.iter().for_each(|name| self.pass(name));
        began.elapsed().as_nanos() as f64 / ROUND as f64
    }
}

/// What the process takes, in bytes.
fn resident() -> usize {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    told.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: usize| pages * 4096)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Measures and tells.
pub fn measure() {
    [FEW, LIVE].into_iter().for_each(added);
    flood();
}

/// What limits add to the line with so many sessions live.
fn added(live: usize) {
    let (without, with) = (Line::new(""), Line::new("session: { idle: 15m, absolute: 8h }"));
    let (mut random, state) = (Random(7), with.offline.state());
    let (shown, terms) = (with.shown(), with.offline.plan().sessions.expect("limits"));
    let names: Vec<Name> = (0..live).map(|_| random.name()).collect();
    let before = resident();
    for name in &names {
        state.sessions.admitted(name, shown, state.clock.now(), Activity::User, &terms);
    }
    let (held, bytes, grown) = (state.sessions.counts().held, state.sessions.bytes(), resident() - before);
    println!(
        "\n{held} live sessions: {:.1} bytes each, {:.1} of the process",
        bytes as f64 / live as f64,
        grown as f64 / live as f64
    );
    let memory = vec![1_u8; bytes];
    let rounds = (0..ROUNDS).map(|_| {
        let bare = bare(&memory, &mut random);
        [without.round(&names, &mut random), with.round(&names, &mut random), bare]
    });
    let rounds: Vec<[f64; 3]> = rounds.collect();
    let least = |of: fn(&[f64; 3]) -> f64| rounds.iter().map(of).fold(f64::INFINITY, f64::min);
    let (bare, asked) = (least(|round| round[0]), least(|round| round[1]));
    let of_all = |of: fn(&[f64; 3]) -> f64| median(rounds.iter().map(of).collect());
    println!("line without limits {bare:.0} ns, with idle and absolute {asked:.0} ns: {:.0} ns more", asked - bare);
    println!(
        "median of the differences of {ROUNDS} rounds in turn: {:.0} ns (the bound is 300); a single read of as much memory: {:.0} ns",
        of_all(|round| round[1] - round[0]),
        of_all(|round| round[2])
    );
}

/// Nanoseconds of a single read of memory, each of another place that depends on the one before.
fn bare(memory: &[u8], random: &mut Random) -> f64 {
    let (start, began) = (random.next() as usize, Instant::now());
    let place = (0..ROUND).fold(start, |place, _| {
        let next = place.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        next.wrapping_add(usize::from(memory[(next >> 20) % memory.len()]))
    });
    black_box(place);
    began.elapsed().as_nanos() as f64 / ROUND as f64
}

/// Ten million sessions of one request each, at a bound of a million.
fn flood() {
    const MANY: usize = 10_000_000;
    let terms =
        Terms { max: LIVE, remember: Duration::from_secs(24 * 3600), absolute: None, on_full: OnFull::Introspect };
    let (store, mut random) = (Sessions::default(), Random(9));
    let wall = curfew::decide::time::Timestamp::from_secs(1_800_000_000);
    let now = Moment { wall, steady: Duration::from_secs(3600) };
    let shown = Shown { signed_in: Some(wall), issued: Some(wall) };
    let (mut most, mut asked, before, began) = (0, 0_usize, resident(), Instant::now());
    for nth in 0..MANY {
        let name = random.name();
        asked += usize::from(matches!(store.known(&name, shown, now, &terms), Knowledge::Known(_, Basis::Unkept, _)));
        store.admitted(&name, shown, now, Activity::User, &terms);
        if nth % 100_000 == 0 {
            most = most.max(store.bytes());
        }
    }
    let each = began.elapsed().as_nanos() / MANY as u128;
    let (held, mib) = (store.counts().held, |bytes: usize| bytes as f64 / 1_048_576.0);
    println!(
        "{MANY} sessions of one request each, at a bound of {LIVE}: {held} held in {:.1} MiB (process: {:.1} MiB more), \
         issuers were to be asked about {asked}; {each} ns each",
        mib(most),
        mib(resident().saturating_sub(before))
    );
}
