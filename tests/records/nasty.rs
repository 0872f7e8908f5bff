//! What a client writes, into fields or into claims, moves no cursor and is no markup, wherever it is told: each row of
//! `loud` is sent, and looked for in each sink; the page of the admin listener is looked at in `tests/look`.

use crate::collector::{self, Received, attributes};
use crate::loud::{self, Loud, leak};
use crate::support::mint::Mint;
use crate::support::raw::ask;
use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// With everything that tells something.
const ALL: &str = "directory: DIR }, access_log: { file: DIR.access }, log: { format: FORMAT },
  sample: 1, otlp: { endpoint: 'http://COLLECTOR', protocol: http },
  audit: { file: DIR.audit/log, sync: each, syslog: { to: { tcp: 'SYSLOG' } }, events: [request_refused, session_first_seen] ";

/// All that was told in a sink, and in which of it each row must be found.
struct Sink {
    name: &'static str,
    text: String,
}

/// Those who receive what the gateway sends.
struct Receivers {
    spans: Received,
    collector: String,
    syslog: Arc<Mutex<Vec<u8>>>,
    syslog_at: String,
    _runtime: tokio::runtime::Runtime,
}

fn receivers() -> Receivers {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (spans, collector) = runtime.block_on(async {
        let (listener, address) = collector::listen().await;
        (collector::http(listener).await, address.to_string())
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let syslog_at = listener.local_addr().unwrap().to_string();
    let syslog = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&syslog);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 1 << 16];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        }
    });
    Receivers { spans, collector, syslog, syslog_at, _runtime: runtime }
}

/// Sends each; the traces of those that were answered with one, with the row's name.
fn send(world: &World, rows: &[Loud]) -> Vec<(String, String)> {
    let one = |row: &Loud| {
        let answer = ask(&mut world.open(), &row.request, Duration::ZERO).ok()?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let head: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let told = leak(&body).or_else(|| leak(&head));
        assert!(told.is_none(), "{}: the answer: {told:?}", row.name);
        Some((answer.json()?["trace_id"].as_str()?.to_owned(), row.name.clone()))
    };
    rows.iter().filter_map(one).collect()
}

/// What the commands print about them.
fn commands(world: &World, rows: &[Loud], traces: &[(String, String)]) -> Vec<Sink> {
    let one = |(id, name): &(String, String)| {
        let (code, text, err) = world.run(&["trace", id]);
        assert!(code == 0 && !text.contains('<'), "{name}: {text}{err}");
        text + &err
    };
    let trace: String = std::thread::scope(|scope| {
        let parts = traces.chunks(traces.len() / 4 + 1).map(|part| scope.spawn(move || part.iter().map(one).collect()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect::<Vec<String>>().concat()
    });
    let (file, config) = (world.dir.path().join("token"), world.config.display().to_string());
    let mut explain = String::new();
    for row in rows.iter().filter(|row| ["iss", "aud", "kid", "typ", "alg"].iter().any(|part| row.name.ends_with(part)))
    {
        std::fs::write(&file, row.token.as_ref().unwrap()).unwrap();
        let (_, text, err) = world.offline(&[
            "explain",
            "-c",
            &config,
            "--request",
            "GET http://api.example.com/orders/7",
            "--token-file",
            file.to_str().unwrap(),
        ]);
        assert!(text.contains("orders") && !text.contains('<'), "{}: {text}{err}", row.name);
        explain += &(text + &err);
    }
    let of = |name, words: &[&str]| {
        let (_, text, err) = world.run(words);
        assert!(text.len() > 500, "{words:?} {text} {err}");
        Sink { name, text: text + &err }
    };
    vec![
        Sink { name: "curfew trace", text: trace },
        Sink { name: "curfew explain", text: explain },
        of("curfew refusals", &["refusals", "--limit", "1000"]),
        of("curfew refusals --group", &["refusals", "--group", "--limit", "1000"]),
        of("curfew refusals --json", &["refusals", "--json", "--limit", "1000"]),
    ]
}

/// Every text of every span, a line each.
fn spans(received: &Received) -> String {
    let mut out = String::new();
    for span in received.spans() {
        let id: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let events =
            span.events.iter().flat_map(|event| attributes(&event.attributes)).map(|(name, text)| name + &text);
        let texts = attributes(&span.attributes).into_iter().map(|(name, text)| name + &text).chain(events);
        let texts: Vec<String> = texts.chain([span.name, span.trace_state]).collect();
        out += &format!("{id} {}\n", texts.join("\u{7c}").replace('\n', "\u{b}"));
    }
    out
}

fn written(world: &World, receivers: &Receivers, traces: &[(String, String)]) -> Vec<Sink> {
    let file = |name: &str| std::fs::read_to_string(world.dir.path().join(name)).unwrap_or_default();
    let all = |what: &'static str, read: &dyn Fn() -> String| {
        let whole = || Some(read()).filter(|text| traces.iter().all(|(id, _)| text.contains(id.as_str())));
        Sink { name: what, text: until(what, Duration::from_secs(20), whole) }
    };
    let syslog = || String::from_utf8(receivers.syslog.lock().unwrap().clone()).expect("UTF-8");
    let records = world.ask("/records/query", &json!({ "limit": 1000 }));
    let scrape = |accept: &str| {
        let mut conn = crate::support::raw::Door::plain(world.admin).open().unwrap();
        let head = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
        String::from_utf8(ask(&mut conn, head.as_bytes(), Duration::ZERO).unwrap().body).unwrap()
    };
    let metrics = scrape("text/plain") + &scrape("application/openmetrics-text");
    assert!(metrics.contains("tenant=\"other\""), "a tenant that is no name is counted as all others");
    vec![
        Sink { name: "the records as JSON", text: String::from_utf8(records.body).unwrap() },
        all("the access log", &|| file("records.access")),
        all("the audit log", &|| file("records.audit/log")),
        all("syslog", &syslog),
        all("spans", &|| spans(&receivers.spans)),
        Sink { name: "metrics", text: metrics },
        Sink { name: "the process's log", text: world.gateway().log() },
    ]
}

#[test]
fn what_clients_write_does_nothing_anywhere() {
    check("text", true);
}

#[test]
fn nor_where_the_log_is_json() {
    check("json", false);
}

fn check(format: &str, with_commands: bool) {
    let rows = loud::all(|| Mint::get().rsa.token());
    let receivers = receivers();
    let settings = ALL.replace("FORMAT", format).replace("COLLECTOR", &receivers.collector);
    let settings = settings.replace("SYSLOG", &receivers.syslog_at);
    let world = World::start_under(&["env", "CURFEW_LOG=trace"], &settings);
    let traces = send(&world, &rows);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in &traces {
        *kinds.entry(name.split(" in ").next().unwrap()).or_default() += 1;
    }
    println!("{} of {} rows were refused with a trace: {kinds:?}", traces.len(), rows.len());
    assert_eq!(kinds.len(), loud::kinds().len(), "{kinds:?}");
    let mut sinks = written(&world, &receivers, &traces);
    assert!(world.gateway().log().contains("curfew is up"));
    if with_commands {
        sinks.extend(commands(&world, &rows, &traces));
    }
    let leaks: Vec<_> = sinks.iter().filter_map(|sink| Some((sink.name, leak(&sink.text)?))).collect();
    for Sink { name, text } in &sinks {
        let found = traces.iter().filter(|(id, _)| text.contains(id.as_str())).count();
        println!("{name:<26} {:>9} bytes, {found:>3} of {} refusals named", text.len(), traces.len());
    }
    assert!(leaks.is_empty(), "{format}: {leaks:#?}");
}
