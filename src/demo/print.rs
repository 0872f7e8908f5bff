//! The table of `--once` on the screen. It knows results, not how they came about.

use super::once::Result;
use super::scenario::{Before, Scenario, Sends};
use std::fmt::Write;
use std::time::Duration;

const HEADINGS: [&str; 6] = ["", "request", "answer", "reason", "time", "promised"];

/// The results as a table.
pub fn table(results: &[Result]) -> String {
    let rows: Vec<[String; 6]> = results.iter().map(row).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = line(&HEADINGS.map(String::from), widths);
    for row in &rows {
        table.push_str(&line(row, widths));
    }
    table
}

fn row(result: &Result) -> [String; 6] {
    let scenario = result.scenario;
    let promised = || format!("no: {} {}", scenario.status, scenario.reason.unwrap_or_default());
    let kept = result.trouble.as_ref().map_or_else(
        || result.after.map_or_else(|| "kept".into(), |after| format!("kept, {} {}", time(after), since(scenario))),
        |trouble| if trouble.is_empty() { promised() } else { format!("{}; {trouble}", promised()) },
    );
    [
        if result.trouble.is_none() { "ok" } else { "XX" }.into(),
        format!("{} {}  {}", scenario.method, scenario.path, scenario.name),
        result.status.map_or_else(|| "-".into(), |status| status.to_string()),
        result.reason.clone().unwrap_or_else(|| "-".into()),
        result.took.map_or_else(|| "-".into(), time),
        kept,
    ]
}

/// From when on it is told how long it took.
fn since(scenario: &Scenario) -> &'static str {
    match scenario.before {
        _ if scenario.sends == Sends::Socket => "after it was opened",
        Before::Revocation => "after it was revoked",
        Before::Activity => "after its first request",
        Before::Silence | Before::Nothing => "after its last request",
    }
}

fn line(cells: &[String; 6], widths: [usize; 6]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing into a string does not fail.
        let _ = write!(line, "{cell:width$}  ");
    }
    line.trim_end().to_owned() + "\n"
}

fn time(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}
