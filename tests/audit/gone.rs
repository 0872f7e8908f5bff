//! The file is taken away while it is written: what operators ask stands where it is looked for, or is not done.

use crate::support::wait::until;
use crate::world::World;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Does this to the log, and says what is wrong with it then.
type Deed = (&'static str, fn(&Path), &'static str);

const DEEDS: &[Deed] = &[
    ("rm", |log| fs::remove_file(log).unwrap(), "it was removed"),
    ("rm -r", |log| fs::remove_dir_all(log.parent().unwrap()).unwrap(), "it was removed"),
    ("mv", |log| fs::rename(log, log.with_extension("1")).unwrap(), "it was removed"),
    ("mv, and a new one", away, "another file stood in its place"),
    ("truncate", |log| drop(fs::File::create(log).unwrap()), "somebody else changed its length"),
    ("its end is cut off", shorter, "somebody else changed its length"),
    ("something is added", longer, "somebody else changed its length"),
];

fn away(log: &Path) {
    fs::rename(log, log.with_extension("1")).unwrap();
    fs::write(log, "").unwrap();
}

fn shorter(log: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let end = text.trim_end().rfind('\n').unwrap() + 1;
    fs::OpenOptions::new().write(true).open(log).unwrap().set_len(end as u64).unwrap();
}

fn longer(log: &Path) {
    use std::io::Write as _;
    fs::OpenOptions::new().append(true).open(log).unwrap().write_all(b"{}\n").unwrap();
}

/// The next deed of an operator stands in the file at its path, behind a line that says what became of the one before.
#[test]
fn the_next_deed_stands_where_it_is_looked_for() {
    let world = World::start("");
    for (round, (name, deed, why)) in DEEDS.iter().enumerate() {
        assert_eq!(world.revoke(&format!("{round} before"), "r", "ann").status, 200, "{name}");
        let last = world.last();
        deed(&world.log());
        assert_eq!(world.revoke(&format!("{round} after"), "r", "ann").status, 200, "{name}");
        let gone = world.told("file_gone");
        assert_eq!(
            (&gone["why"], &gone["prev"], &gone["last"]),
            (&(*why).into(), &last["hash"], &last["seq"]),
            "{name}"
        );
        assert!(fs::read_to_string(world.log()).unwrap().contains("\"result\":\"enforced\""), "{name}");
        let asked = world.metric("curfew_audit_files_gone_total");
        assert!((asked - (round + 1) as f64).abs() < f64::EPSILON, "{name}: {asked}");
    }
    let log = world.gateway.as_ref().unwrap().log();
    assert!(log.contains("ERROR") && log.contains("was taken away while it was written"), "{log}");
}

/// A file that was only moved away is a part of the chain; one that is gone is missed, by a key or without one.
#[test]
fn whoever_verifies_misses_it() {
    for key in ["", "key: { file: DIR/key }"] {
        let world = World::start(key);
        let path = world.dir.path().join("key").display().to_string();
        let words: &[&str] = if key.is_empty() { &["verify"] } else { &["verify", "--key-file", &path] };
        assert_eq!(world.revoke("a", "r", "ann").status, 200);
        let moved = world.log().with_extension("1");
        fs::rename(world.log(), &moved).unwrap();
        assert_eq!(world.revoke("b", "r", "ann").status, 200);
        let (code, said) = world.audit(words, &world.files());
        assert_eq!(code, 0, "{said}");
        fs::remove_file(moved).unwrap();
        let (code, said) = world.audit(words, &world.files());
        assert!(code == 8 && said.contains("the files before are not here"), "{said}");
    }
}

/// Nobody asks for anything: it is missed all the same, and begun anew.
#[test]
fn it_is_missed_without_a_deed() {
    let world = World::start("events: [start, session_first_seen]");
    world.told("start");
    fs::remove_file(world.log()).unwrap();
    let (token, ..) = crate::world::token();
    world.bear(&token);
    let gone = until("it stands there again", Duration::from_secs(15), || {
        std::thread::sleep(Duration::from_millis(20));
        world.log().exists().then(|| world.told("file_gone"))
    });
    assert_eq!(gone["why"], "it was removed");
}

/// Where no new one can be begun, nothing is done.
#[test]
fn where_none_can_be_begun_nothing_is_done() {
    let world = World::start("");
    let directory = world.dir.path().join("audit");
    fs::remove_dir_all(&directory).unwrap();
    fs::write(&directory, "no directory").unwrap();
    assert_eq!(world.revoke("a", "r", "ann").status, 503);
    assert!(world.metric("curfew_audit_refused_total") > 0.5);
    fs::remove_file(&directory).unwrap();
    assert_eq!(world.revoke("a", "r", "ann").status, 200);
    assert_eq!(world.told("refused")["deeds"], 1);
}
