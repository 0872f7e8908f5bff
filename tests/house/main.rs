//! Is the house still itself? Layers, doors, purity, sizes, and pages that are generated from tables.
//! `UPDATE=1 cargo test --test house` rewrites the pages.

mod pages;
mod source;

use source::{File, files};

/// Who may import whom: a room imports only from rooms below its own.
const LAYERS: &[(&str, &[&str])] = &[
    ("command", &["app", "control", "decide", "demo", "doctor", "proxy", "settings", "state", "telemetry", "token"]),
    ("demo", &["app", "control", "decide", "settings", "state", "telemetry"]),
    (
        "app",
        &[
            "control",
            "decide",
            "doctor",
            "idp",
            "notice",
            "proxy",
            "settings",
            "state",
            "telemetry",
            "token",
            "upstream",
        ],
    ),
    ("doctor", &["control", "decide", "idp", "proxy", "settings", "state", "telemetry", "upstream"]),
    ("control", &["decide", "idp", "notice", "proxy", "settings", "state", "telemetry", "token", "upstream"]),
    ("proxy", &["decide", "notice", "settings", "state", "telemetry", "token", "upstream"]),
    ("token", &["decide", "state"]),
    ("idp", &["decide", "notice", "settings", "state", "telemetry", "token"]),
    ("telemetry", &["decide", "notice", "settings"]),
    ("state", &["decide"]),
    ("upstream", &["notice", "settings"]),
    ("notice", &["settings"]),
    ("decide", &[]),
    ("settings", &[]),
];

/// Which files may touch a dependency.
const DOORS: &[(&str, &[&str])] = &[
    ("jsonwebtoken::", &["src/state/keys", "src/demo"]),
    ("moka::", &["src/state/verified"]),
    ("opentelemetry", &["src/telemetry", "src/demo"]),
    ("flate2::", &["src/idp/coding"]),
    ("zstd::", &["src/idp/coding"]),
    ("tower::", &["src/telemetry/connect", "src/idp/connect"]),
    ("h2::Error", &["src/upstream/deliver", "src/proxy/cut"]),
    ("redis::", &["src/idp/fleet", "src/idp/sessions"]),
    ("rustix::", &["src/doctor", "src/state/clock"]),
    ("granit_parser::", &["src/control/config"]),
    ("clap::", &["src/command", "src/main.rs"]),
    ("SystemTime::now", &["src/state/clock"]),
    (
        "Instant::now",
        &["src/state/clock", "src/notice", "src/proxy", "src/upstream", "src/idp", "src/telemetry", "src/demo"],
    ),
    ("unbounded_channel", &[]),
    ("unsafe ", &[]),
];

/// Files are small, so that each can be read in one sitting.
const LINES: usize = 300;

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let Some((_, allowed)) = LAYERS.iter().find(|(room, _)| file.room() == *room) else { continue };
        for (line, text) in file.code() {
            for target in imports(text) {
                if target != file.room() && LAYERS.iter().any(|(room, _)| *room == target) && !allowed.contains(&target)
                {
                    wrong.push(format!("{}:{line}: {} may not import {target}", file.path, file.room()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
}

#[test]
fn every_dependency_has_its_door() {
    let stray = |file: &File, name: &str, doors: &[&str]| -> Vec<String> {
        let lines = file.code().filter(|(_, text)| text.contains(name));
        lines.map(|(line, _)| format!("{}:{line}: `{name}` belongs in {doors:?}", file.path)).collect()
    };
    let wrong: Vec<String> = files("src")
        .iter()
        .flat_map(|file| DOORS.iter().map(move |door| (file, door)))
        .filter(|(file, (_, doors))| !doors.iter().any(|door| file.path.starts_with(door)))
        .flat_map(|(file, (name, doors))| stray(file, name, doors))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `decide` could run in a browser: it has no clock, no lock, no I/O, and nothing async.
#[test]
fn judgement_is_pure() {
    const IMPURE: &[&str] = &[
        "async ",
        ".await",
        "Mutex",
        "RwLock",
        "Atomic",
        "std::fs",
        "std::net",
        "std::io",
        "tracing::",
        "tokio",
        "Instant::now",
    ];
    let wrong: Vec<String> = files("src/decide")
        .iter()
        .flat_map(|file| file.code().map(move |(line, text)| (file, line, text)))
        .filter(|(_, _, text)| IMPURE.iter().any(|word| text.contains(word)))
        .map(|(file, line, text)| format!("{}:{line}: {text}", file.path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let lines = file.code().count();
        if lines > LINES {
            wrong.push(format!("{}: {lines} lines of code", file.path));
        }
        if !file.text.starts_with("//!") {
            wrong.push(format!("{}: does not open with a //! that says what it is", file.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing is left behind.
#[test]
fn no_loose_ends() {
    let wrong: Vec<String> = files("src")
        .iter()
        .flat_map(|file| file.text.lines().enumerate().map(move |(line, text)| (file, line + 1, text)))
        .filter(|(_, _, text)| {
            ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!("].iter().any(|word| text.contains(word))
        })
        .map(|(file, line, text)| format!("{}:{line}: {text}", file.path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
