//! What does a decision record cost a refusal and an admission, how fast is one found among a hundred thousand, and what
//! becomes of twenty thousand refusals a second for a minute? Nanoseconds of CPU as this machine gives them.
//!
//! `cargo bench --bench records`; `-- --minute` runs the flood for a minute instead of five seconds.

use curfew::app::offline::Offline;
use curfew::control;
use curfew::decide::reason::Reason;
use curfew::decide::time::Moment;
use curfew::decide::verdict::Verdict;
use curfew::telemetry::records::{Filter, Records};
use curfew::telemetry::{Asked, Exchange, RouteMeter, Service, Settings, Telemetry, TraceContext};
use curfew::token::gather::gather;
use http::{HeaderMap, Method, Version};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static GET: Method = Method::GET;

/// What this thread, or the whole process, has had of the processors, in nanoseconds: the system's count.
fn cpu(of: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{of}/schedstat")).expect("schedstat");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// Of the thread that writes.
fn writer() -> String {
    let tasks = std::fs::read_dir("/proc/self/task").expect("tasks").flatten();
    let mut named = tasks
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "records"));
    let task = named.next().expect("the writer");
    format!("self/task/{}", task.file_name().to_string_lossy())
}

fn telemetry(runtime: &tokio::runtime::Runtime, records: serde_json::Value) -> Telemetry {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    let settings: Settings = serde_json::from_value(json!({ "records": records })).expect("settings");
    Telemetry::start(&settings, &service, runtime.handle()).expect("telemetry")
}

/// A refusal with its whole trail.
fn verdict() -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, b"a secret of thirty-two bytes, yes").expect("written");
    let config = format!(
        "version: 1\nlisteners: [{{ name: l, address: 127.0.0.1:8443, plaintext: true }}]\n\
         issuers: {{ i: {{ issuer: 'https://id.example', keys: {{ secret: {{ file: '{}' }} }}, audiences: [api] }} }}\n\
         upstreams: {{ u: {{ endpoints: ['http://127.0.0.1:9'] }} }}\npolicies: {{ p: {{}} }}\n\
         routes: [{{ name: orders, path: '/**', policy: p, upstream: u }}]\n",
        secret.display()
    );
    let path = folder.path().join("curfew.yaml");
    std::fs::write(&path, config).expect("written");
    let offline = Offline::build(&control::load(&path).expect("a config")).expect("a gateway");
    let claims = json!({ "iss": "https://id.example", "aud": "api", "sub": "alice", "client_id": "app",
        "iat": 1_000_000_000, "exp": 1_000_000_600, "jti": "j" });
    let key = jsonwebtoken::EncodingKey::from_secret(b"a secret of thirty-two bytes, yes");
    let header = jsonwebtoken::Header { typ: Some("at+jwt".into()), ..jsonwebtoken::Header::default() };
    let token = jsonwebtoken::encode(&header, &claims, &key).expect("a token");
    let (plan, state) = (offline.plan(), offline.state());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().expect("a value"));
    let presented = plan.routes[0].locations.take(&mut headers, None, false);
    let gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, state.clock.now());
    let verdict = plan.routes[0].policy.as_ref().expect("guarded").judge(&gathered.evidence());
    assert_eq!(verdict.reason(), Some(Reason::TokenExpired));
    verdict
}

fn exchange<'a>(route: &'a RouteMeter, verdict: Option<&'a Verdict>, at: Moment) -> Exchange<'a> {
    let refused = verdict.is_some();
    Exchange {
        trace: TraceContext::begin(&HeaderMap::new(), false, || false),
        moment: at,
        total: Duration::from_micros(120),
        judge: Some(Duration::from_micros(3)),
        request: Asked {
            method: &GET,
            scheme: "https",
            path: "/orders/7",
            query: Some("page=2"),
            authority: "api.example:8443",
            version: Version::HTTP_2,
            peer: Some(([192, 0, 2, 1], 4711).into()),
            client: None,
            user_agent: Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            request_id: Some(b"5f0c2b0e-6c0f-4a55-9a0e-0a8a0b1f7a11"),
        },
        route: Some(route),
        revision: "adfb3c0227ca",
        status: if refused { 401 } else { 200 },
        reason: verdict.map(|_| Reason::TokenExpired),
        verdict,
        shadow: None,
        session: Default::default(),
        token: None,
        issuer: refused.then_some("i"),
        keys_of: None,
        untrusted: None,
        revocation: None,
        revoked: None,
        skew_ms: Some(12),
        sight: None,
        delivery: None,
    }
}

fn moment() -> Moment {
    use curfew::state::clock::{Clock as _, SystemClock};
    SystemClock::start().now()
}

/// Rounds that fit into the queue and into a slice of the scheduler's, and only the time in them; the median of many.
fn on_the_line(telemetry: &Telemetry, runtime: &tokio::runtime::Runtime, one: impl Fn()) -> u64 {
    const ROUND: u64 = 512;
    let round = || {
        runtime.block_on(telemetry.records().settle());
        let begun = Instant::now();
        (0..ROUND).for_each(|_| one());
        u64::try_from(begun.elapsed().as_nanos()).expect("short") / ROUND
    };
    let mut all: Vec<u64> = (0..101).map(|_| round()).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// What recording costs: with all that telemetry counts anyway, and without the record.
fn costs(runtime: &tokio::runtime::Runtime, verdict: &Verdict) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, settings) in [("memory", json!({})), ("disk", json!({ "directory": folder.path() }))] {
        let telemetry = telemetry(runtime, settings);
        let (route, at) = (telemetry.route("orders", "/orders/{id}", "p", &["i"]), moment());
        let refused = exchange(&route, Some(verdict), at);
        // A thread that has looked once has its name.
        runtime.block_on(telemetry.records().settle());
        let before = (cpu(&writer()), telemetry.records().standing().written);
        let line = on_the_line(&telemetry, runtime, || telemetry.record(&refused));
        runtime.block_on(telemetry.records().settle());
        let after = (cpu(&writer()), telemetry.records().standing().written);
        let written = (after.0 - before.0) / (after.1 - before.1).max(1);
        println!("a refusal, records in {name}: {line} ns on the line, {written} ns on the writer's thread");
        runtime.block_on(telemetry.shutdown(Duration::from_secs(5)));
    }
    for share in [json!(0), json!(0.01), json!(1)] {
        let telemetry = telemetry(runtime, json!({ "admissions": share }));
        let (route, at) = (telemetry.route("orders", "/orders/{id}", "p", &["i"]), moment());
        let one = || telemetry.record(&Exchange { trace: begin(), ..exchange(&route, None, at) });
        println!(
            "an admission, a share of {share} recorded: {} ns on the line, all of telemetry",
            on_the_line(&telemetry, runtime, one)
        );
        runtime.block_on(telemetry.shutdown(Duration::from_secs(5)));
    }
}

fn begin() -> TraceContext {
    TraceContext::begin(&HeaderMap::new(), false, || false)
}

/// Look-ups among a hundred thousand, and reading them all at a start.
fn look_ups(runtime: &tokio::runtime::Runtime, verdict: &Verdict) {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || telemetry(runtime, json!({ "directory": folder.path() }));
    let telemetry = open();
    let (route, at) = (telemetry.route("orders", "/orders/{id}", "p", &["i"]), moment());
    let mut traces = Vec::new();
    while traces.len() < 100_000 {
        for _ in 0..2000 {
            let one = exchange(&route, Some(verdict), at);
            traces.push(one.trace.trace_hex().as_str().to_owned());
            telemetry.record(&one);
        }
        runtime.block_on(telemetry.records().settle());
    }
    let standing = telemetry.records().standing();
    println!("{} records take {} bytes each", standing.kept, standing.bytes / standing.kept as u64);
    runtime.block_on(telemetry.shutdown(Duration::from_secs(5)));
    drop(telemetry);
    drop_caches(folder.path());
    let begun = Instant::now();
    let telemetry = open();
    let records = Arc::clone(telemetry.records());
    while records.standing().kept < standing.kept {
        runtime.block_on(records.settle());
    }
    println!("read at the start in {:?}", begun.elapsed());
    let times: Vec<Duration> = traces.iter().rev().step_by(1000).map(|trace| time(&records, trace)).collect();
    let longest = times.iter().max().expect("some");
    println!(
        "a look-up among {}: {:?} at most, {:?} for one that is not there",
        standing.kept,
        longest,
        time(&records, "none")
    );
    let begun = Instant::now();
    let groups = records.groups(&Filter::default(), 10);
    println!(
        "counted by reason, route, issuer, subject, client and address: {} in {:?}",
        groups.total,
        begun.elapsed()
    );
}

fn time(records: &Records, id: &str) -> Duration {
    let begun = Instant::now();
    let found = records.newest(&Filter { id: Some(id.into()), ..Filter::default() }, 50).expect("read");
    assert_eq!(found.len(), usize::from(id != "none"));
    begun.elapsed()
}

/// So that the first read comes from the disk, where that may be asked for.
fn drop_caches(_: &Path) {
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "1");
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Twenty thousand a second, in a hundred strokes.
fn flood(runtime: &tokio::runtime::Runtime, verdict: &Verdict, seconds: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let telemetry = telemetry(runtime, json!({ "directory": folder.path() }));
    let (route, before, begun) = (telemetry.route("orders", "/orders/{id}", "p", &["i"]), memory(), Instant::now());
    let mut most = 0;
    for stroke in 0..seconds * 100 {
        let at = moment();
        (0..200).for_each(|_| telemetry.record(&exchange(&route, Some(verdict), at)));
        most = most.max(if stroke % 100 == 0 { memory() } else { 0 });
        std::thread::sleep(Duration::from_millis((stroke + 1) * 10).saturating_sub(begun.elapsed()));
    }
    let busy = cpu(&writer());
    runtime.block_on(telemetry.records().settle());
    let standing = telemetry.records().standing();
    println!(
        "{} refusals in {:?}: {} kept, {} dropped; {} records there; {} KiB more memory at most; the writer had {} ms",
        seconds * 20_000,
        begun.elapsed(),
        standing.written,
        standing.dropped_queue + standing.dropped_disk,
        standing.kept,
        most.saturating_sub(before),
        busy / 1_000_000
    );
    assert_eq!(standing.written + standing.dropped_queue + standing.dropped_disk, seconds * 20_000);
    runtime.block_on(telemetry.shutdown(Duration::from_secs(5)));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let verdict = verdict();
    let minute = std::env::args().any(|word| word == "--minute");
    costs(&runtime, &verdict);
    look_ups(&runtime, &verdict);
    flood(&runtime, &verdict, if minute { 60 } else { 5 });
}
