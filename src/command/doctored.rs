//! What the doctor found, laid out for a terminal or as JSON: what is wrong, what breaks next and when, what is not
//! wise, and what is well. Whatever a provider or a Redis said, it moves no cursor.

use super::doctor::Looked;
use crate::decide::time::Timestamp;
use crate::doctor::{Finding, Outlook};
use crate::telemetry::Paint;
use crate::telemetry::describe::Words;
use crate::telemetry::records::escape::inert;
use std::fmt::Write as _;

const GROUPS: [(Outlook, &str); 5] = [
    (Outlook::Wrong, "Wrong now"),
    (Outlook::Soon, "Breaks next"),
    (Outlook::Unwise, "Not wise"),
    (Outlook::Unknown, "Not known"),
    (Outlook::Fine, "Well"),
];

/// For a terminal.
pub(super) fn text(all: &[Looked], now: Timestamp, paint: Paint) -> String {
    let mut out = String::new();
    for (nth, looked) in all.iter().enumerate() {
        let gap = if nth == 0 { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{}", paint.strong(inert(&looked.from)));
        for (outlook, title) in GROUPS {
            group(&mut out, looked, (outlook, title), now, paint);
        }
        let _ = writeln!(out, "{}", verdict(looked, now, paint));
    }
    if differ(all) {
        let revisions: Vec<String> = known(all).map(|(from, revision)| format!("{from} {revision}")).collect();
        let _ = writeln!(out, "\n{} {}", paint.bad("They have different configs:"), inert(&revisions.join(", ")));
    }
    out
}

fn group(out: &mut String, looked: &Looked, (outlook, title): (Outlook, &str), now: Timestamp, paint: Paint) {
    let of: Vec<&Finding> = looked.checkup.findings.iter().filter(|one| one.outlook == outlook).collect();
    if of.is_empty() {
        return;
    }
    let _ = match outlook {
        Outlook::Wrong => writeln!(out, "\n{}", paint.bad(title)),
        Outlook::Fine => writeln!(out, "\n{}", paint.good(title)),
        _ => writeln!(out, "\n{}", paint.strong(title)),
    };
    for finding in of {
        one(out, finding, now, paint);
    }
}

fn one(out: &mut String, finding: &Finding, now: Timestamp, paint: Paint) {
    let mark = match finding.outlook {
        Outlook::Wrong => paint.bad("x"),
        Outlook::Fine => paint.good("+"),
        Outlook::Unknown => paint.faint("?"),
        _ => paint.strong("!"),
    };
    let _ = writeln!(out, "  {mark} {}: {}", inert(&finding.what), inert(&finding.says));
    if finding.outlook == Outlook::Fine {
        return;
    }
    let told = [
        ("when", finding.at.map(|at| when(at, now))),
        ("then", finding.then.clone()),
        ("do", finding.cure.clone()),
        ("see", finding.page.clone()),
    ];
    for (name, text) in told {
        let _ = text.map(|text| writeln!(out, "      {} {}", paint.faint(format!("{name:<5}")), inert(&text)));
    }
}

fn when(at: Timestamp, now: Timestamp) -> String {
    let left = at.since(now);
    let rounded = if left.abs() >= 10_000 { left / 1000 * 1000 } else { left };
    if left < 0 { format!("{} ago ({at})", Words(rounded)) } else { format!("in {} ({at})", Words(rounded)) }
}

/// The last line: the one that is read.
fn verdict(looked: &Looked, now: Timestamp, paint: Paint) -> String {
    let count = |outlook| looked.checkup.findings.iter().filter(|one| one.outlook == outlook).count();
    let next = looked.checkup.findings.iter().filter(|one| one.outlook != Outlook::Wrong);
    let next = next.filter_map(|one| Some((one.at.filter(|at| *at > now)?, one))).min_by_key(|(at, _)| *at);
    let next = next.map_or_else(String::new, |(at, one)| format!("; next: {} {}", inert(&one.what), when(at, now)));
    match (count(Outlook::Wrong), count(Outlook::Soon)) {
        (0, 0) => format!("\n{}{next}", paint.good("nothing is wrong")),
        (0, soon) => format!("\n{}, {soon} will break{next}", paint.good("nothing is wrong now")),
        (wrong, soon) => format!("\n{}, {soon} will break{next}", paint.bad(format!("{wrong} wrong now"))),
    }
}

fn known(all: &[Looked]) -> impl Iterator<Item = (&str, &str)> {
    let each = all.iter().map(|looked| (looked.from.as_str(), looked.checkup.revision.as_str()));
    each.filter(|(_, revision)| !revision.is_empty())
}

/// Do those that were looked at have different configs?
pub(super) fn differ(all: &[Looked]) -> bool {
    let mut revisions = known(all).map(|(_, revision)| revision);
    revisions.next().is_some_and(|first| revisions.any(|other| other != first))
}

/// For programs.
pub(super) fn json(all: &[Looked]) -> String {
    let one = |looked: &Looked| {
        let mut value = serde_json::to_value(&looked.checkup).unwrap_or_default();
        value.as_object_mut().into_iter().for_each(|members| {
            members.insert("from".into(), looked.from.as_str().into());
        });
        value
    };
    let checkups: Vec<_> = all.iter().map(one).collect();
    format!("{:#}\n", serde_json::json!({ "checkups": checkups, "same_config": !differ(all) }))
}
