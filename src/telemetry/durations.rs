//! How long requests took, with the trace of a case in each bucket, so that a graph of latencies leads to an example.
//!
//! The library makes exemplars of a histogram only by counting in a histogram of its own, which takes a write lock and
//! allocates for each request. Hence the text of this one family is written here (OpenMetrics 1.0).

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::Method;

use super::decisions::Seen;
use super::histogram::{HTTP, Histogram, MOST};
use super::names::metric;
use super::route::{METHODS, method_place};

/// The classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How long requests took, by method and class of status. A histogram is made when it is first needed.
#[derive(Debug)]
pub struct Durations(Box<[OnceLock<Box<Shown>>]>);

/// A histogram, and the newest case of each bucket.
#[derive(Debug)]
struct Shown {
    histogram: Histogram,
    cases: [Mutex<Option<Case>>; MOST],
}

/// A request whose trace is exported.
#[derive(Clone, Copy, Debug)]
struct Case {
    seen: Seen,
    took: Duration,
}

impl Default for Durations {
    fn default() -> Self {
        Self((0..METHODS.len() * CLASSES.len()).map(|_| OnceLock::new()).collect())
    }
}

impl Durations {
    /// Counts one. Its trace is shown if it is one that can be looked at.
    pub(super) fn observe(&self, method: &Method, status: u16, took: Duration, seen: Option<Seen>) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let Some(slot) = self.0.get(method_place(method) * CLASSES.len() + class) else { return };
        let shown = slot.get_or_init(Box::default);
        let bucket = shown.histogram.observe(took);
        // Whoever finds it locked leaves it: the other case is as good.
        if let Some(seen) = seen
            && let Some(Ok(mut case)) = shown.cases.get(bucket).map(Mutex::try_lock)
        {
            *case = Some(Case { seen, took });
        }
    }

    fn shown(&self) -> impl Iterator<Item = (&'static str, &'static str, &Shown)> {
        let labels = METHODS.iter().flat_map(|method| CLASSES.iter().map(move |class| (*method, *class)));
        labels.zip(&self.0).filter_map(|((method, class), slot)| Some((method, class, &**slot.get()?)))
    }
}

impl Default for Shown {
    fn default() -> Self {
        Self { histogram: Histogram::new(HTTP), cases: Default::default() }
    }
}

/// The family in OpenMetrics text.
pub(super) fn write(all: &BTreeMap<Box<str>, Arc<Durations>>, out: &mut String) -> fmt::Result {
    let about = metric::SERVER_DURATION;
    writeln!(out, "# HELP {} {}.\n# TYPE {0} histogram", about.name, about.help)?;
    for (route, durations) in all {
        let route = escaped(route);
        for (method, class, shown) in durations.shown() {
            one(out, &format!("method=\"{method}\",route=\"{route}\",status=\"{class}\""), shown)?;
        }
    }
    Ok(())
}

fn one(out: &mut String, labels: &str, shown: &Shown) -> fmt::Result {
    let (name, reading, mut count) = (metric::SERVER_DURATION.name, shown.histogram.read(), 0);
    for ((bound, more), case) in reading.buckets.iter().zip(&shown.cases) {
        count += more;
        if bound.is_finite() {
            write!(out, "{name}_bucket{{le=\"{bound:?}\",{labels}}} {count}")?;
        } else {
            write!(out, "{name}_bucket{{le=\"+Inf\",{labels}}} {count}")?;
        }
        if let Some(Case { seen, took }) = *super::meter::lock(case) {
            let (took, at) = (took.as_secs_f64(), seen.at as f64 / 1e3);
            write!(out, " # {{trace_id=\"{:032x}\"}} {took:?} {at:.3}", seen.trace_id)?;
        }
        out.push('\n');
    }
    writeln!(out, "{name}_sum{{{labels}}} {:?}\n{name}_count{{{labels}}} {}", reading.sum, reading.count)
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(durations: Durations) -> String {
        let mut out = String::new();
        write(&[("a \"b\\".into(), Arc::new(durations))].into(), &mut out).unwrap();
        out
    }

    #[test]
    fn a_bucket_shows_its_newest_case() {
        let durations = Durations::default();
        let seen = |trace_id| Some(Seen { trace_id, at: 1_700_000_000_250 });
        durations.observe(&Method::GET, 401, Duration::from_millis(3), seen(1));
        durations.observe(&Method::GET, 401, Duration::from_millis(4), seen(2));
        durations.observe(&Method::GET, 401, Duration::from_millis(7), None);
        durations.observe(&Method::GET, 503, Duration::from_secs(60), seen(3));
        let told = told(durations);
        let labels = r#"method="GET",route="a \"b\\",status="4xx""#;
        let case = "# {trace_id=\"00000000000000000000000000000002\"} 0.004 1700000000.250";
        for line in [
            format!("http_server_request_duration_seconds_bucket{{le=\"0.005\",{labels}}} 2 {case}"),
            format!("http_server_request_duration_seconds_bucket{{le=\"0.01\",{labels}}} 3"),
            format!("http_server_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}} 3"),
            format!("http_server_request_duration_seconds_sum{{{labels}}} 0.014"),
            format!("http_server_request_duration_seconds_count{{{labels}}} 3"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
        assert_eq!(told.matches("trace_id").count(), 2, "{told}");
        let beyond = told.lines().find(|line| line.contains("5xx") && line.contains("+Inf")).unwrap();
        assert!(
            beyond.ends_with("1 # {trace_id=\"00000000000000000000000000000003\"} 60.0 1700000000.250"),
            "{beyond}"
        );
    }
}
