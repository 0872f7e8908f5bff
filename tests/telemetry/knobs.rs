//! The settings as an operator writes them, read by the engine that reads the config file.

use curfew::control::config::parse;
use curfew::telemetry::{AccessLog, HeaderText, Settings};

const GOOD: &str = "\
otlp:
  endpoint: http://127.0.0.1:4317
  protocol: grpc
  timeout: 5s
  headers: { x-team: edge, authorization: { env: OTLP_AUTH } }
sample: 0.01
hash_key: { env: CURFEW_HASH_KEY }
access_log: { file: access.log }
log: { level: off }
";

#[test]
fn every_knob() {
    let settings = parse::<Settings>("curfew.yaml", GOOD).map(|parsed| parsed.value).unwrap();
    assert_eq!(settings.access_log, AccessLog::File("access.log".into()));
    let headers = settings.otlp.unwrap().headers;
    assert!(
        matches!(headers["authorization"], HeaderText::Secret(_)) && matches!(headers["x-team"], HeaderText::Text(_))
    );
    for (written, read) in [("off", AccessLog::Off), ("stdout", AccessLog::Stdout)] {
        let text = format!("access_log: {written}\nsample: 1\n");
        let settings = parse::<Settings>("curfew.yaml", &text).map(|parsed| parsed.value).unwrap();
        assert_eq!((settings.access_log, settings.sample.get()), (read, 1.0));
    }
}

/// Every fault at once, each in its own words.
#[test]
fn what_is_wrong() {
    let text = "otlp: { endpoint: 'ftp://c', protocol: smtp }\nsample: 1.5\naccess_log: stdot\n";
    let faults = parse::<Settings>("curfew.yaml", text).unwrap_err().faults;
    let told: Vec<_> = faults.iter().map(|fault| fault.render(text, false)).collect();
    let told = told.join("\n");
    for says in ["`ftp://c` is no collector's address", "smtp", "`1.5` is not a share", "stdot"] {
        assert!(told.contains(says), "{says}\n{told}");
    }
}
