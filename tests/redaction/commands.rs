//! What operators do and ask, and what they are answered: with the right token and with wrong ones.

use crate::marks::Sink;
use crate::support::raw::{Door, ask};
use crate::traffic::access;
use crate::world::World;
use curfew::control::admin::ENDPOINTS;
use http::Method;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Everything that the commands and the admin listener said.
pub fn ask_all(world: &World, traces: &[String]) -> Vec<Sink> {
    let mut sinks = Vec::new();
    let marks = &world.marks;
    let (config, token) = (world.config.to_str().unwrap(), world.file("token"));
    std::fs::write(&token, marks.token(access(marks).sign())).unwrap();
    let token = token.to_str().unwrap();
    let (subject, session) = (marks.of("subject-of-operator"), marks.of("session-of-operator"));
    let claim = format!("email={}", marks.of("email-of-operator"));
    let ids = world.file("ids");
    std::fs::write(&ids, format!("{subject}\n{session}\n")).unwrap();
    let audit = world.file("audit/log");
    for words in [
        &["revoke", "--issuer", "corp", "--subject", &subject, "--at", "now", "--reason", "a test", "--actor", "ann"][..],
        &["revoke", "--issuer", "corp", "--session", &session, "--reason", "a test"],
        &["revoke", "--issuer", "corp", "--claim", &claim],
        &["revoke", "--token-file", token, "--preview"],
        &["revoke", "--issuer", "corp", "--import", ids.to_str().unwrap(), "--at", "now"],
        &["revoked", "--issuer", "corp", "--subject", &subject],
        &["revoked", "--token-file", token],
        &["revoked"],
        &["unrevoke", "--issuer", "corp", "--session", &session],
        &["unrevoke", "--issuer", "corp", "--session", &session],
        &["refusals", "--limit", "1000"],
        &["refusals", "--group"],
        &["refusals", "--admissions", "--json", "--limit", "1000"],
        &["refusals", "--subject", &marks.of("subject")],
    ] {
        run(world, words, true, &mut sinks);
    }
    for trace in traces.iter().take(400).step_by(8) {
        run(world, &["trace", trace], true, &mut sinks);
    }
    let admin = format!("http://127.0.0.1:{}", world.admin);
    let request = ["--request", "GET https://api.example.com/orders/1", "--token-file", token];
    for words in [
        &["check", "-c", config][..],
        &["policy", "show", "-c", config, "--route", "orders"],
        &["explain", "-c", config, request[0], request[1], request[2], request[3]],
        &["explain", "-c", config, request[0], request[1], request[2], request[3], "--json"],
        &["doctor", "-c", config],
        &["doctor", "--node", &admin, "--admin-token-file", world.file("admin").to_str().unwrap()],
        &["audit", "show", audit.to_str().unwrap()],
        &["audit", "verify", audit.to_str().unwrap()],
    ] {
        run(world, words, false, &mut sinks);
    }
    misplaced(world, &mut sinks);
    documents(world, &mut sinks);
    sinks
}

/// A config in which secrets stand where none may: what is told of it does not repeat them.
fn misplaced(world: &World, sinks: &mut Vec<Sink>) {
    let path = world.file("misplaced.yaml");
    let text = std::fs::read_to_string(&world.config).unwrap();
    let secret = world.marks.of("misplaced-secret");
    for (from, to) in [
        (format!("{{ file: {}/admin }}", world.dir.path().display()), format!("\"{secret}\"")),
        (format!("{{ file: {}/hash }}", world.dir.path().display()), format!("{{ value: {secret} }}")),
        ("{ env: INTROSPECTION }".to_owned(), secret.clone()),
        (format!("{{ file: {}/redis-password }}", world.dir.path().display()), format!("[{secret}]")),
    ] {
        std::fs::write(&path, text.replace(&from, &to)).unwrap();
        run(world, &["check", "-c", path.to_str().unwrap()], false, sinks);
        run(world, &["check", "--json", "-c", path.to_str().unwrap()], false, sinks);
        run(world, &["run", "-c", path.to_str().unwrap()], false, sinks);
    }
}

fn run(world: &World, words: &[&str], node: bool, sinks: &mut Vec<Sink>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.args(words).stdin(Stdio::null()).env("RUST_BACKTRACE", "1");
    command.env("INTROSPECTION", world.marks.of("introspection-secret")).env("PATH_KEY", world.marks.of("env-secret"));
    if node {
        command
            .args(["--admin", &format!("http://127.0.0.1:{}", world.admin), "--admin-token-file"])
            .arg(world.file("admin"));
    }
    let output = command.output().unwrap();
    let bytes = [output.stdout, output.stderr].concat();
    // Together: what one command said at several times.
    let name = format!("curfew {}", words[..words.len().min(if words[0] == "revoke" { 1 } else { 2 })].join(" "));
    let name = if words[0] == "trace" { "curfew trace".to_owned() } else { name };
    let name = name.split(" /").next().unwrap().to_owned();
    match sinks.iter_mut().find(|sink| sink.name == name) {
        Some(sink) => sink.bytes.extend(bytes),
        None => sinks.push(Sink { name, bytes }),
    }
}

/// The documents of the admin listener, and what it says to those whom it does not let in.
fn documents(world: &World, sinks: &mut Vec<Sink>) {
    let marks = &world.marks;
    let (right, wrong) = (marks.of("admin"), marks.of("wrong-admin-token"));
    let get = |path: &str, token: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
    };
    let post = |path: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {right}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let odd = marks.of("odd-entry");
    // Whatever is there to be read, now and later.
    let documents = ENDPOINTS.iter().filter(|endpoint| endpoint.method == Method::GET);
    let documents = documents.map(|endpoint| (endpoint.path, get(endpoint.path, &right)));
    let others = [
        ("to a wrong token", get("/config", &wrong)),
        ("to a wrong path", get(&format!("/{wrong}?token={wrong}"), &wrong)),
        ("records", post("/records/query", r#"{"limit":1000,"admissions":true}"#)),
        ("groups", post("/records/groups", "{}")),
    ];
    for (name, request) in &documents.chain(others).collect::<Vec<_>>() {
        let answer = ask(
            &mut Door::plain(([127, 0, 0, 1], world.admin).into()).open().unwrap(),
            request.as_bytes(),
            Duration::ZERO,
        );
        sinks.push(Sink { name: format!("admin {name}"), bytes: answer.map(|answer| answer.body).unwrap_or_default() });
    }
    // The answer to these goes to whoever sent the mark; what the gateway writes about it does not.
    for body in [
        format!("{{\"issuer\":\"{odd}\",\"type\":\"subject\",\"id\":\"{odd}\"}}"),
        format!("{{\"issuer\":\"corp\",\"type\":\"{odd}\",\"id\":\"{odd}\"}}"),
        format!("{{\"issuer\":\"corp\",\"token\":\"{odd}\"}}"),
        format!("{{ {odd}"),
    ] {
        for path in
            ["/revocations", "/revocations/query", "/revocations/lift", "/records/query", "/revocations/feeds/confirm"]
        {
            let door = Door::plain(([127, 0, 0, 1], world.admin).into());
            _ = ask(&mut door.open().unwrap(), post(path, &body).as_bytes(), Duration::ZERO);
        }
    }
}
