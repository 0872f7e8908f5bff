//! Pages that are generated from tables, so that they cannot rot.

use curfew::decide::policy::QUESTIONS;
use curfew::decide::reason::{Challenge, Reason};
use curfew::telemetry::names::metric;
use std::fmt::Write as _;
use std::path::Path;

fn compare(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, expected).expect("written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is out of date: run UPDATE=1 cargo test --test house");
}

#[test]
fn the_page_of_reasons_is_the_table() {
    let mut page = String::from(
        "# Why a request was refused\n\nEvery answer that Curfew itself writes, from the one table in `src/decide/reason.rs`. \
         This page is generated.\n\nA refused caller finds the code in the member `reason` of the problem body, in `Proxy-Status`, \
         and an operator in the attribute `curfew.reason` of the trace and the label `reason` of `curfew_decisions_total`.\n\n\
         The questions are asked in this order, and the first that fails names the reason:\n\n",
    );
    for (number, question) in QUESTIONS.iter().enumerate() {
        let _ = writeln!(page, "{}. `{}`: {}", number + 1, question.name, question.text);
    }
    for reason in Reason::ALL {
        let error = match reason.challenge() {
            Challenge::None => "no challenge".to_owned(),
            Challenge::Bare => "a challenge without an error".to_owned(),
            Challenge::Error(error) => format!("`error=\"{error}\"`"),
        };
        let status = reason.status();
        let _ = write!(
            page,
            "\n## {}\n\n{} {} · {error} · `Proxy-Status: error={}`\n\nThe client is told: {}.\n\n{}\n",
            reason.code(),
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            reason.proxy_error(),
            reason.told(),
            reason.cure(),
        );
    }
    compare("deploy/runbook/reasons.md", &page);
}

#[test]
fn the_page_of_metrics_is_the_table() {
    let mut page = String::from(
        "# What the metrics say\n\nEvery metric of `/metrics` on the admin listener, from the one table in \
         `src/telemetry/names.rs`. This page is generated. Durations are seconds. Counters have the ending `_total`. Labels \
         are names from the config and words of closed sets, never the client's, but for the tenants that `telemetry.tenants` tells apart. Refusals carry the trace of their last \
         case as an exemplar, and each bucket of the requests' durations that of its newest case that was refused or whose trace is exported, if \
         OpenMetrics is asked for; other histograms have none. What is made of them is told in [indicators.md](indicators.md).\n\n| name | what it says |\n|---|---|\n",
    );
    for metric in metric::ALL {
        let _ = writeln!(page, "| `{}` | {} |", metric.name, metric.help);
    }
    compare("deploy/runbook/metrics.md", &page);
}
