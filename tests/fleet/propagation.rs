//! During an incident: a hundred thousand subjects, revoked by one command at one of three gateways, and how that comes to
//! the others, one of which stands still.

use crate::instance::until;
use crate::processes::One;
use crate::redis::Redis;
use crate::support::mint::{Mint, now};
use crate::support::upstream::Upstream;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const SUBJECTS: usize = 100_000;

fn revoke(one: &One, import: &Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args(["revoke", "--issuer", "corp", "--at", "now", "--reason", "INC-7", "--json", "--watch", "--import"])
        .arg(import)
        .args(["--admin", &format!("http://{}", one.gateway.admin)])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(one: &One, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(one.gateway.pid.to_string()).status().unwrap();
    assert!(sent.success());
}

/// What it prints on standard error, up to a line that says this.
fn read_to(lines: &mut impl Iterator<Item = std::io::Result<String>>, what: &str) {
    for line in lines.by_ref().map(Result::unwrap) {
        println!("{line}");
        if line.contains(what) {
            return;
        }
    }
    panic!("never said: {what}");
}

fn told(mut command: Child) -> (Option<i32>, Value) {
    let mut text = String::new();
    command.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    (command.wait().unwrap().code(), serde_json::from_str(&text).unwrap())
}

fn instance<'a>(told: &'a Value, name: &str) -> &'a Value {
    told["instances"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_seen_to_come_to_every_instance() {
    let (dir, redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
    let fleet = ["one", "two", "three"].map(|name| One::start(dir.path(), name, &redis, &upstream));
    let [one, two, three] = &fleet;
    let knows = |gateway: &One| gateway.metric("curfew_fleet_instances{state=\"current\"}") == Some(3.0);
    until("all know each other", || fleet.iter().all(knows)).await;
    let (import, few) = (dir.path().join("subjects"), dir.path().join("few"));
    let mut text = String::new();
    (0..SUBJECTS).for_each(|number| _ = writeln!(text, "subject-{number}"));
    std::fs::write(&import, text).unwrap();
    // Of before: what is entered `--at now` cuts off what was issued until then, however long it takes here.
    let issued = now() - 5;
    let token =
        |number: usize| Mint::get().ec.token().claim("sub", format!("subject-{number}")).claim("iat", issued).sign();
    assert!(fleet.iter().all(|gateway| gateway.asks(&token(SUBJECTS - 1)).0 == 200));

    signal(three, "STOP");
    let began = Instant::now();
    let mut command = revoke(one, &import, &[]);
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    read_to(&mut lines, "two");
    // The one that stands still is named, and waited for.
    read_to(&mut lines, "SILENT");
    until("it is refused", || two.asks(&token(SUBJECTS - 1)).0 == 401).await;
    until("it is told", || one.metric("curfew_fleet_instances{state=\"silent\"}") == Some(1.0)).await;
    assert_eq!(one.metric("curfew_fleet_propagation_behind_entries"), Some(SUBJECTS as f64));
    assert!(command.try_wait().unwrap().is_none());
    signal(three, "CONT");
    lines.map(Result::unwrap).for_each(|line| println!("{line}"));
    let (code, done) = told(command);
    println!("{:?} in all, with an instance that stood still: {done:#}", began.elapsed());
    assert_eq!((code, &done["accepted"], &done["everywhere"]), (Some(0), &SUBJECTS.into(), &true.into()));
    for gateway in &fleet {
        assert_eq!(gateway.asks(&token(0)).0, 401);
        assert_eq!(gateway.asks(&token(SUBJECTS - 1)).0, 401);
    }
    let seconds = |name| instance(&done, name)["seconds"].as_f64().unwrap();
    assert!(seconds("two") < seconds("three"));
    until("nothing is behind", || one.metric("curfew_fleet_propagation_behind_entries") == Some(0.0)).await;

    // Who waits no longer is told who does not have it.
    std::fs::write(&few, "late\n").unwrap();
    signal(two, "STOP");
    let mut command = revoke(one, &few, &["--watch-for", "1"]);
    read_to(&mut BufReader::new(command.stderr.take().unwrap()).lines(), "not known to be enforced by two");
    let (code, done) = told(command);
    assert_eq!((code, &done["everywhere"]), (Some(7), &false.into()));
    assert_eq!((&instance(&done, "two")["enforced"], &instance(&done, "two")["lacks"]), (&false.into(), &1.into()));
    assert_eq!(instance(&done, "three")["enforced"], true);
    signal(two, "CONT");

    // Who leaves in an orderly way is not waited for.
    let sent = Command::new("kill").arg(three.gateway.pid.to_string()).status().unwrap();
    assert!(sent.success());
    until("it has gone", || !three.gateway.lives()).await;
    std::fs::write(&few, "later\n").unwrap();
    let began = Instant::now();
    let mut command = revoke(one, &few, &[]);
    BufReader::new(command.stderr.take().unwrap()).lines().for_each(|line| println!("{}", line.unwrap()));
    let (code, done) = told(command);
    println!("one entry, two instances: {:?}", began.elapsed());
    assert_eq!((code, done["instances"].as_array().unwrap().len()), (Some(0), 2));
}
