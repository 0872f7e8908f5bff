//! What does the line cost, without its I/O? Nanoseconds as this machine gives them, and, where valgrind is there,
//! instructions, which are the same on a busy machine.
//!
//! `cargo bench --bench line`. The rig that compares whole gateways is told of in README.md here.

use curfew::app::offline::Offline;
use curfew::control;
use curfew::decide::time::Moment;
use curfew::proxy::entry;
use curfew::proxy::plan::{Plan, Route};
use curfew::state::State;
use curfew::token::gather::{Gathered, gather};
use curfew::upstream::headers::Hop;
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use mint::Key;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "../support/confided.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod confided;
#[path = "../support/mint.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod mint;
mod sessions;

const ISSUER: &str = "https://id.example.com";
const SECRET: &[u8] = b"a secret of thirty-two bytes, yes";
const KEYED: &str = "https://keyed.example.com";
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A gateway without sockets, and a token that passes it; and one that forgets every token at once.
struct World {
    offline: Offline,
    forgetful: Offline,
    token: String,
    hop: Hop,
    signers: [Signer; 2],
}

/// A key, tokens that it signed, and what verifies them without a gateway.
struct Signer {
    key: Key,
    algorithm: Algorithm,
    bare: DecodingKey,
    tokens: Vec<String>,
}

impl Signer {
    fn new(key: Key, algorithm: Algorithm) -> Self {
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.jwk()).expect("a key");
        let token = || key.token().claim("iss", KEYED).claim("aud", "api").claim("exp", mint::now() + 3600).sign();
        let tokens = (0..64).map(|_| token()).collect();
        Self { algorithm, bare: DecodingKey::from_jwk(&jwk).expect("a key"), tokens, key }
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).expect("written");
        let signers = [Signer::new(Key::rsa("r"), Algorithm::RS256), Signer::new(Key::p256("e"), Algorithm::ES256)];
        let keys = folder.path().join("jwks.json");
        let jwks = serde_json::json!({ "keys": signers.each_ref().map(|signer| signer.key.jwk()) });
        std::fs::write(&keys, jwks.to_string()).expect("written");
        let config = |cache: &str| {
            format!(
                "version: 1\nlimits: {{ token_cache: {cache} }}\nlisteners: [{{ name: l, address: 127.0.0.1:8443, plaintext: true }}]\n\
             issuers: {{ i: {{ issuer: '{ISSUER}', keys: {{ secret: {{ file: '{}' }} }}, audiences: [api] }},\n\
             \x20 k: {{ issuer: '{KEYED}', keys: {{ file: '{}' }}, audiences: [api] }} }}\n\
             upstreams: {{ u: {{ endpoints: ['http://127.0.0.1:9'] }} }}\npolicies: {{ p: {{ token: {{ max_age: 1h }} }} }}\n\
             routes: [{{ name: orders, path: '/orders/{{id}}', policy: p, upstream: u }}]\n",
                secret.display(),
                keys.display()
            )
        };
        let offline = |cache: &str| {
            let loaded = control::read("bench.yaml", config(cache)).expect("a good config");
            Offline::build(&loaded).expect("a gateway")
        };
        Self { offline: offline("32MiB"), forgetful: offline("0B"), token: token(), hop: Hop::new(PEER, true), signers }
    }

    /// Gathers tokens that were never seen.
    fn unseen(&self, signer: usize, times: u64) {
        let (plan, state) = (self.forgetful.plan(), self.forgetful.state());
        let moment = state.clock.now();
        for token in self.signers[signer].tokens.iter().cycle().take(times as usize) {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).expect("a value"));
            let presented = plan.routes[0].locations.take(&mut headers, None, false);
            let gathered = black_box(gather(&presented, &plan.issuers, plan.token_bytes, state, moment));
            assert!(gathered.verified().is_some(), "the token is good");
        }
    }

    /// Only checks their signatures.
    fn bare(&self, signer: usize, times: u64) {
        let Signer { algorithm, bare, tokens, .. } = &self.signers[signer];
        for token in tokens.iter().cycle().take(times as usize) {
            let (input, signature) = token.rsplit_once('.').expect("a signature");
            assert!(jsonwebtoken::crypto::verify(signature, input.as_bytes(), bare, *algorithm).expect("a key"));
        }
    }

    fn request(&self) -> Parts {
        let request =
            Request::get("/orders/7?page=2").header(HOST, "api.example.com").header("accept", "application/json");
        let request = request.header("user-agent", "bench").header(AUTHORIZATION, format!("Bearer {}", self.token));
        request.body(()).expect("a request").into_parts().0
    }

    fn parts(&self) -> (&Plan, &State) {
        (self.offline.plan(), self.offline.state())
    }

    fn find(&self, parts: &mut Parts) -> Arc<Route> {
        entry::find(parts, self.parts().0, true, |_| true).expect("a route")
    }

    fn gather(&self, route: &Route, parts: &mut Parts, moment: Moment) -> Gathered {
        let (plan, state) = self.parts();
        let presented = route.locations.take(&mut parts.headers, parts.uri.query(), false);
        gather(&presented, &plan.issuers, plan.token_bytes, state, moment)
    }
}

fn token() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": "api", "sub": "0b8f3a52-6c1e-4c5b-9f57-2f2d1f0c9a11", "client_id": "web", "iat": now - 60,
        "exp": now + 3600, "jti": "6f1c2a90-3f5f-4e63-8a55-1b2c3d4e5f60", "sid": "d2a84f4b-8b36-4f1d-9d8a-3c1f0a9b8c7d",
        "scope": "orders.read orders.write", "roles": ["customer", "beta"],
    });
    let header = Header { typ: Some("at+jwt".into()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET)).expect("a token")
}

type Work = fn(&World, u64);

/// What is measured. Each does its work so many times.
const WORKS: &[(&str, Work)] = &[
    ("request", |world, times| {
        for _ in 0..times {
            black_box(world.request());
        }
    }),
    ("gather", |world, times| {
        let moment = world.parts().1.clock.now();
        for _ in 0..times {
            let mut parts = world.request();
            let route = Arc::clone(&world.parts().0.routes[0]);
            black_box(world.gather(&route, &mut parts, moment));
        }
    }),
    ("judge", |world, times| {
        let moment = world.parts().1.clock.now();
        let mut parts = world.request();
        let route = world.find(&mut parts);
        let gathered = world.gather(&route, &mut parts, moment);
        let policy = route.policy.as_ref().expect("guarded");
        assert!(policy.judge(&gathered.evidence()).reason().is_none(), "the token is good");
        for _ in 0..times {
            black_box(policy.judge(black_box(&gathered.evidence())));
        }
    }),
    ("line", |world, times| {
        for _ in 0..times {
            let mut parts = world.request();
            let moment = world.parts().1.clock.now();
            let route = world.find(&mut parts);
            entry::clean(&mut parts, world.parts().0, PEER).expect("clean");
            let gathered = world.gather(&route, &mut parts, moment);
            let policy = route.policy.as_ref().expect("guarded");
            black_box(policy.judge(&gathered.evidence()));
            if let Some(verified) = gathered.verified() {
                route.identity.stamp(&mut parts.headers, verified);
            }
            world.hop.announce(&mut parts, false, "curfew");
            black_box(parts);
        }
    }),
    ("bare RS256", |world, times| world.bare(0, times)),
    ("unseen RS256", |world, times| world.unseen(0, times)),
    ("bare ES256", |world, times| world.bare(1, times)),
    ("unseen ES256", |world, times| world.unseen(1, times)),
];

fn main() {
    if std::env::args().any(|word| word == "sessions") {
        return sessions::measure();
    }
    let world = World::new();
    if let Ok(what) = std::env::var("CURFEW_BENCH_WORK") {
        let (name, times) = what.rsplit_once(' ').expect("a name and a number");
        let (_, work) = WORKS.iter().find(|(known, _)| *known == name).expect("a known work");
        return measured(&world, *work, times.parse().expect("a number"));
    }
    println!("{:12} {:>10} {:>14}", "", "ns", "instructions");
    for (name, work) in WORKS {
        println!("{name:12} {:>10.0} {:>14}", nanoseconds(&world, *work), instructions(name));
    }
    println!("`request` makes the request of the others: subtract it from `gather` and `line`.");
    println!(
        "`bare` is jsonwebtoken's check of the signature alone, `unseen` all that a token costs at its first sight."
    );
    sessions::measure();
}

/// The best of many short rounds: noise only adds.
fn nanoseconds(world: &World, work: Work) -> f64 {
    const TIMES: u64 = 2000;
    let round = || {
        let began = Instant::now();
        work(world, TIMES);
        began.elapsed()
    };
    let best = (0..50).map(|_| round()).min().unwrap_or(Duration::ZERO);
    best.as_nanos() as f64 / TIMES as f64
}

/// What instructions are counted of: making the world, keys and all, is not the work.
#[inline(never)]
fn measured(world: &World, work: Work, times: u64) {
    work(world, times);
}

/// What twice the work costs more than once the work.
fn instructions(name: &str) -> String {
    let count = |times: u64| -> Option<f64> {
        let out = std::env::temp_dir().join(format!(
            "curfew-bench-{}-{}-{times}",
            std::process::id(),
            name.replace(char::is_whitespace, "-")
        ));
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=line::measured"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(std::env::current_exe().ok()?)
            .env("CURFEW_BENCH_WORK", format!("{name} {times}"))
            .output()
            .ok()?;
        let _ = std::fs::remove_file(out);
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    match (count(200), count(400)) {
        (Some(once), Some(twice)) => format!("{:.0}", (twice - once) / 200.0),
        _ => "no valgrind".into(),
    }
}
