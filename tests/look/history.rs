//! What was refused before: the records of a first run, laid out over the last minutes, as a second run finds them.

use crate::support::mint::now;
use serde_json::Value;
use std::path::Path;

/// How far back it goes, in steps of five seconds: less than the chart, so that none leaves it while it is looked at.
const STEPS: i64 = 156;
/// The mark, the length and the checksum before each record.
const HEAD: usize = 12;

/// One record as it is kept, and its reason.
struct Kept {
    body: Vec<u8>,
    reason: String,
}

/// Lays the records of a directory out over time, the first of each reason: some come all the while, expired tokens at
/// once. `told` are the same records as the gateway told them.
pub fn spread(directory: &Path, told: &[Value]) {
    let files = std::fs::read_dir(directory).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.filter(|path| path.extension().is_some_and(|end| end == "bin")).max().expect("there are records");
    let all = kept(&std::fs::read(&file).unwrap(), told);
    let mut out = Vec::new();
    for (seq, (one, at)) in (0..STEPS).flat_map(|step| at_step(&all, step)).enumerate() {
        push(&mut out, &moved(&one.body, seq as u64 + 1, at));
    }
    std::fs::write(file, out).unwrap();
}

fn kept(mut bytes: &[u8], told: &[Value]) -> Vec<Kept> {
    let mut all: Vec<Kept> = Vec::new();
    while bytes.len() >= HEAD {
        let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let body = bytes[HEAD..HEAD + length].to_vec();
        let seq = u64::from_le_bytes(body[1..9].try_into().unwrap());
        let reason = told.iter().find(|one| one["seq"] == seq).unwrap()["reason"].as_str().unwrap().to_owned();
        if all.iter().all(|one| one.reason != reason) {
            all.push(Kept { body, reason });
        }
        bytes = &bytes[HEAD + length..];
    }
    all
}

fn push(out: &mut Vec<u8>, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap();
    out.extend([&b"\x9dCR1"[..], &length.to_le_bytes(), &crc32fast::hash(body).to_le_bytes(), body].concat());
}

/// With another number, instant and trace id: what each record begins with, behind the version of its form.
fn moved(body: &[u8], seq: u64, at: i64) -> Vec<u8> {
    let trace = u128::from(seq) << 64 | 0x5eed;
    [&body[..1], &seq.to_le_bytes(), &at.to_le_bytes(), &trace.to_le_bytes(), &body[33..]].concat()
}

/// Five seconds of it.
fn at_step(all: &[Kept], step: i64) -> Vec<(&Kept, i64)> {
    let often = |place: usize, reason: &str| match reason {
        "token_expired" if (96..136).contains(&step) => (136 - step) / 5,
        "token_expired" => step % 3 / 2,
        "session_idle_timeout" => i64::from(step % 4 == 0),
        "token_missing" | "route_not_found" => i64::from(step % 9 == 2),
        _ => i64::from((step + 7 * place as i64) % 31 == 5),
    };
    let begin = now() * 1000 - (STEPS - step) * 5000;
    let each = all.iter().enumerate();
    each.flat_map(|(place, one)| (0..often(place, &one.reason)).map(move |nth| (one, begin + nth * 97))).collect()
}
