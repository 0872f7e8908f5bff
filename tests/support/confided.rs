//! Every token that the mint of this process has issued, and whether one of them was written down. Each gateway's files
//! are searched at its end, so every test is a test of this too. In every spelling it is searched in `redaction/`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

/// The signatures: nothing else in a token is its own.
static ISSUED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// More are not remembered: whoever issues so many measures something.
const MOST: usize = 20_000;

/// Shorter signatures are those of tests, and no secrets.
const SHORTEST: usize = 40;

/// A token was issued.
pub fn issued(token: &str) {
    let signature = token.rsplit('.').next().unwrap_or_default();
    let mut issued = ISSUED.lock().unwrap();
    if signature.len() >= SHORTEST && issued.len() < MOST {
        issued.insert(signature.to_owned());
    }
}

/// What a gateway with this config file wrote that holds a token: which file, and where.
pub fn told(config: &Path) -> Vec<String> {
    let issued = ISSUED.lock().unwrap();
    let written = written(config);
    written
        .iter()
        .filter_map(|path| Some((path, std::fs::read(path).ok()?)))
        .filter_map(|(path, bytes)| {
            let told = search(&bytes, &issued)?;
            Some(format!("{}: {told}", path.display()))
        })
        .collect()
}

/// Its log, beside the config; access logs, audit logs and records beside that.
fn written(config: &Path) -> Vec<PathBuf> {
    let dir = config.parent().unwrap_or(Path::new("."));
    let list = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let logs = list(dir).filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    let kept = ["records", "audit"].into_iter().flat_map(|name| list(&dir.join(name)));
    logs.chain(kept).filter(|path| path.is_file()).collect()
}

/// The line of the first signature that stands there.
fn search(bytes: &[u8], issued: &HashSet<String>) -> Option<String> {
    let of_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut at = 0;
    for run in bytes.split(|byte| !of_base64url(byte)) {
        let found = std::str::from_utf8(run).is_ok_and(|run| run.len() >= SHORTEST && issued.contains(run));
        if found {
            let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            return Some(format!("line {line}"));
        }
        at += run.len() + 1;
    }
    None
}
