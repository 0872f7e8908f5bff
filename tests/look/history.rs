//! What was refused before: the records of a first run, laid out over the last minutes, as a second run finds
//! them.

use crate::support::mint::{now, unique};
use serde_json::Value;
use std::path::Path;

/// How far back it goes, in steps of five seconds: less than the chart, so that none leaves it while it is looked at.
const STEPS: i64 = 156;

/// Lays the records of a directory out over time: some come all the while, expired tokens all at once.
pub fn spread(directory: &Path) -> usize {
    let file = std::fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "ndjson"));
    let file = file.expect("there are records");
    let lines: Vec<Value> =
        std::fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut all: Vec<Value> = (0..STEPS).flat_map(|step| at_step(&lines, step)).collect();
    all.iter_mut().enumerate().for_each(|(at, record)| record["seq"] = (at + 1).into());
    let text: String = all.iter().map(|record| format!("{record}\n")).collect();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(directory.join(format!("records-{:020}.ndjson", 1)), text).unwrap();
    all.len()
}

/// Five seconds of it.
fn at_step(lines: &[Value], step: i64) -> Vec<Value> {
    let often = |line: &Value| match line["reason"].as_str().unwrap() {
        "token_expired" => {
            if (96..136).contains(&step) {
                (136 - step) / 5
            } else {
                step % 3 / 2
            }
        }
        "session_idle_timeout" => i64::from(step % 4 == 0),
        "token_missing" | "route_not_found" => i64::from(step % 9 == 2),
        _ => i64::from((step + line["seq"].as_i64().unwrap()) % 31 == 5),
    };
    let mut seen = Vec::new();
    let once = lines.iter().filter(|line| {
        let new = !seen.contains(&&line["reason"]);
        seen.push(&line["reason"]);
        new
    });
    once.flat_map(|line| (0..often(line)).map(|nth| moved(line, now() * 1000 - (STEPS - step) * 5000 + nth * 97)))
        .collect()
}

fn moved(line: &Value, at: i64) -> Value {
    let (mut record, trace) = (line.clone(), blake3::hash(unique("trace").as_bytes()).to_hex());
    record["at_ms"] = at.into();
    record["at"] = jiff::Timestamp::from_millisecond(at).unwrap().to_string().into();
    record["trace_id"] = trace.as_str()[..32].into();
    record
}
