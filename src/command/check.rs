//! `curfew check`: every fault of every file, or that a file is fine.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;

use super::completions::print;
use super::exit::Exit;
use super::usage;
use crate::control::config::{Fault, Severity, render_all};
use crate::control::{Loaded, load, source};

/// Checks the files one after the other. Warnings are told too, and are faults only where `--strict` says so.
#[must_use]
pub fn check(what: &usage::Check) -> Exit {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mut out, mut faulty) = (String::new(), false);
    for path in &what.config {
        let (faults, line) = look(path);
        faulty |= faults.iter().any(|fault| what.strict || fault.severity == Severity::Error);
        tell(&mut out, path, &faults, if what.json { None } else { line }, what.json, colour);
    }
    match print(out.as_bytes()) {
        Exit::Done if faulty => Exit::Faulty,
        printed => printed,
    }
}

/// What is wrong with a file, and the line that says it is fine if it can be used.
fn look(path: &Path) -> (Vec<Fault>, Option<String>) {
    match load(path) {
        Ok(loaded) => {
            let line = fine(path, &loaded);
            (loaded.warnings, Some(line))
        }
        Err(faults) => (faults, None),
    }
}

fn fine(path: &Path, loaded: &Loaded) -> String {
    let config = &loaded.config;
    format!(
        "{}: fine ({}, {}, revision {})",
        path.display(),
        count(config.routes.len(), "route", "routes"),
        count(config.policies.len(), "policy", "policies"),
        loaded.revision
    )
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn tell(out: &mut String, path: &Path, faults: &[Fault], line: Option<String>, json: bool, colour: bool) {
    if json {
        for fault in faults {
            // A fault is plain text and numbers, and is always JSON.
            let _ = writeln!(out, "{}", serde_json::to_string(fault).unwrap_or_default());
        }
        return;
    }
    if !faults.is_empty() {
        out.push_str(&render_all(faults, &source(path).unwrap_or_default(), colour));
    }
    if let Some(line) = line {
        let _ = writeln!(out, "{line}");
    }
}
