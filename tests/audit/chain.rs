//! One line is removed, changed, moved, doubled, taken from elsewhere: each time it shows which.

use crate::world::World;
use std::path::PathBuf;

/// A log of eight lines: its start, seven of operators, and an honest copy of them.
fn eight(audit: &str) -> (World, Vec<String>) {
    let world = World::start(audit);
    for at in 0..3 {
        assert_eq!(world.revoke(&format!("u{at}"), "r", "ann").status, 200);
    }
    let lines: Vec<String> = std::fs::read_to_string(world.log()).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 7);
    (world, lines)
}

fn written(world: &World, lines: &[String]) -> PathBuf {
    let path = world.dir.path().join("copy");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

#[test]
fn what_was_done_to_it_shows() {
    let (world, lines) = eight("");
    let wrong = |name: &str, change: &dyn Fn(&mut Vec<String>), place: usize, why: &str| {
        let mut lines = lines.clone();
        change(&mut lines);
        let copy = written(&world, &lines);
        let (code, said) = world.audit(&["verify"], std::slice::from_ref(&copy));
        let place = format!("{}:{place}:", copy.display());
        assert!(code == 8 && said.contains(&place) && said.contains(why), "{name}: {code} {said}");
    };
    wrong("removed", &|lines| drop(lines.remove(3)), 4, "a line was removed before line 5");
    wrong("two removed", &|lines| drop(lines.drain(1..3)), 2, "2 lines were removed before line 4");
    wrong("altered", &|lines| lines[3] = lines[3].replace("ann", "bob"), 4, "line 4 was changed");
    wrong("the last altered", &|lines| lines[6] = lines[6].replace("enforced", "ENFORCED"), 7, "line 7 was changed");
    wrong("moved", &|lines| lines.swap(2, 3), 3, "a line was removed before line 4");
    wrong("doubled", &|lines| lines.insert(4, lines[3].clone()), 5, "stand here twice");
    wrong("not ours", &|lines| lines[1] = "{}".into(), 2, "no line of an audit log");
    wrong("empty", &|lines| lines[1] = String::new(), 2, "no line of an audit log");
    assert_eq!(world.audit(&["verify"], &[written(&world, &lines)]).0, 0);
    assert_eq!(world.audit(&["verify"], &[world.dir.path().join("nowhere")]).0, 1);
    // What is taken off the end shows against a hash from elsewhere; what is off the beginning is told.
    let hash = lines[6].rsplit('"').nth(1).unwrap();
    assert_eq!(world.audit(&["verify", "--ends-with", hash], &[written(&world, &lines)]).0, 0);
    assert_eq!(world.audit(&["verify", "--ends-with", hash], &[written(&world, &lines[..6])]).0, 8);
    let headless = || [written(&world, &lines[2..])];
    let (code, said) = world.audit(&["verify"], &headless());
    assert!(code == 8 && said.contains("it begins at line 3, and should at line 1"), "{said}");
    assert_eq!(world.audit(&["verify", "--first", "3"], &headless()).0, 0, "they were moved away on purpose");
    assert_eq!(world.audit(&["verify", "--first", "2"], &headless()).0, 8);
    // A log without a line proves nothing.
    std::fs::write(world.dir.path().join("copy"), "").unwrap();
    let (code, said) = world.audit(&["verify"], &[world.dir.path().join("copy")]);
    assert!(code == 5 && said.contains("nothing is proven"), "{code} {said}");
}

/// What a chain cannot know of itself, a hash that was kept elsewhere tells: an honest log goes on, one whose end was taken
/// off while the gateway was down goes on as well, and only the first has the line.
#[test]
fn a_hash_from_elsewhere_tells_one_from_the_other() {
    let (mut world, lines) = eight("key: { file: DIR/key }");
    let key = world.dir.path().join("key").display().to_string();
    let kept = lines[6].rsplit('"').nth(1).unwrap().to_owned();
    let asked = |world: &World, how: &str| world.audit(&["verify", "--key-file", &key, how, &kept], &world.files());
    assert_eq!(world.revoke("later", "r", "ann").status, 200);
    let (code, said) = asked(&world, "--contains");
    assert!(code == 0 && said.contains("line 7 has the hash") && said.contains("; 2 came after it"), "{said}");
    let (code, said) = asked(&world, "--ends-with");
    assert!(code == 8 && said.contains("is 7, and 2 came after it"), "{said}");
    // Its end is taken off while it is down. The chain that goes on is whole; what was there before is not in it.
    world.kill();
    std::fs::write(world.log(), lines[..1].join("\n") + "\n").unwrap();
    world.restart();
    assert_eq!(world.revoke("again", "r", "ann").status, 200);
    let (code, said) = world.audit(&["verify", "--key-file", &key], &world.files());
    assert!(code == 0 && said.contains("without a stop before"), "{said}");
    let (code, said) = asked(&world, "--contains");
    assert!(code == 8 && said.contains("no line has the hash"), "{said}");
    assert_eq!(world.audit(&["verify", "--contains", "7"], &world.files()).0, 2, "that is no hash");
}

/// Another log's line fits nowhere, though it holds by itself and has the right number.
#[test]
fn a_line_of_another_log() {
    let ((one, lines), (_other, others)) = (eight(""), eight(""));
    let mixed = [&lines[..3], &others[3..]].concat();
    let (code, said) = one.audit(&["verify"], &[written(&one, &mixed)]);
    assert!(code == 8 && said.contains(":4:") && said.contains("not the one that line 4 was tied to"), "{said}");
}

#[test]
fn a_key_seals_it() {
    let (world, lines) = eight("key: { file: DIR/key }");
    let key = world.dir.path().join("key").display().to_string();
    world.holds(&["--key-file", &key]);
    let (code, said) = world.audit(&["verify"], &[written(&world, &lines)]);
    assert!(code == 8 && said.contains(":1:") && said.contains("SHA-256 with this key"), "{said}");
    // Remade as a whole by somebody who has no key: a plain hash does not pass for one.
    let (_, plain) = eight("");
    assert_eq!(world.audit(&["verify", "--key-file", &key], &[written(&world, &plain)]).0, 8);
}
