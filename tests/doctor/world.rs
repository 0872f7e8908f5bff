//! The command, and what it found.

use crate::support::authority::{Authority, Files};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What no output may hold.
pub const SECRET: &str = "s3cret-that-nobody-is-shown";

/// One finding.
#[derive(Clone, Debug)]
pub struct Found {
    pub outlook: String,
    pub what: String,
    pub says: String,
    pub at: Option<jiff::Timestamp>,
    pub cure: String,
    pub page: String,
}

/// What the command found, one list for each that was looked at, and how it ended.
pub struct Told {
    pub exit: i32,
    pub all: Vec<Vec<Found>>,
    pub json: Value,
    pub text: String,
}

impl Told {
    /// The findings about a thing in the first list.
    pub fn about(&self, what: &str) -> Vec<&Found> {
        self.all[0].iter().filter(|found| found.what == what).collect()
    }

    /// Is there one like this?
    #[track_caller]
    pub fn has(&self, outlook: &str, what: &str, says: &str) -> &Found {
        let about = self.about(what);
        let found = about.iter().find(|found| found.outlook == outlook && found.says.contains(says));
        found.unwrap_or_else(|| panic!("no {outlook} `{says}` of {what}: {about:#?}\n{}", self.text))
    }
}

/// Runs it twice, as text and as JSON; both end alike, in time, and tell no secret.
pub fn doctor(args: &[&str]) -> Told {
    let run = |more: &[&str]| {
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        let output = command.arg("doctor").args(args).args(more).env_remove("CURFEW_CONFIG").output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains(SECRET) && !err.contains(SECRET));
        (output.status.code().unwrap(), out, err)
    };
    // Between the two something may break: that is so once at most.
    let both = || (run(&["--json"]), run(&[]));
    let ((exit, json, err), (same, text, _)) =
        Some(both()).filter(|(one, other)| one.0 == other.0).unwrap_or_else(both);
    assert_eq!(exit, same, "{err}\n{text}\n{json}");
    let json: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}{err}"));
    let all = json["checkups"].as_array().unwrap().iter().map(|one| list(&one["findings"])).collect();
    Told { exit, all, json, text }
}

fn list(findings: &Value) -> Vec<Found> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |value: &Value| Found {
        outlook: text(&value["outlook"]),
        what: text(&value["what"]),
        says: text(&value["says"]),
        at: value["at"].as_str().map(|at| at.parse().unwrap()),
        cure: text(&value["cure"]),
        page: text(&value["page"]),
    };
    findings.as_array().unwrap().iter().map(one).collect()
}

/// A certificate that ends in so many hours, or has.
pub fn ending(dir: &Path, stem: &str, hours: i64) -> Files {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    let date = end.to_zoned(jiff::tz::TimeZone::UTC);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after =
        rcgen::date_time_ymd(date.year().into(), date.month().try_into().unwrap(), date.day().try_into().unwrap());
    let der = Authority::get().sign(params, &key);
    let pem = pem(&der);
    let files = Files { cert: dir.join(format!("{stem}.crt")), key: dir.join(format!("{stem}.key")) };
    std::fs::write(&files.cert, pem).unwrap();
    private(&files.key, &key.serialize_pem());
    files
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A file that only its owner reads.
pub fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
