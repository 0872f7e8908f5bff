//! The two text formats of metrics: OpenMetrics, with exemplars, and Prometheus' older one for those who ask for no
//! format in particular, `promtool check metrics` among them.

/// The content type of OpenMetrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The content type of Prometheus' older format.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Does one who accepts these media ranges rather read OpenMetrics? Only who names it does (RFC 9110 §12.5.1).
#[must_use]
pub fn prefers_openmetrics<'a>(accepts: impl Iterator<Item = &'a str>) -> bool {
    let (mut open, mut older) = (0.0, 0.0);
    for range in accepts.flat_map(|field| field.split(',')) {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters.split(';').find_map(|one| one.trim().strip_prefix("q=")).map_or(Ok(1.0), str::parse);
        let quality: f64 = quality.unwrap_or(0.0);
        match kind.trim() {
            kind if kind.eq_ignore_ascii_case("application/openmetrics-text") => open = quality.max(open),
            kind if kind.eq_ignore_ascii_case("text/plain") => older = quality.max(older),
            _ => {}
        }
    }
    open > 0.0 && open >= older
}

/// The same metrics in the older format: counters are typed by their full name, and nothing else is told of a sample
/// than its value.
pub(super) fn classic(openmetrics: &str) -> String {
    let counters: Vec<_> = openmetrics.lines().filter_map(counter_name).collect();
    let mut out = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines().filter(|line| !line.starts_with("# EOF")) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(about @ ("HELP" | "TYPE")), Some(name), Some(rest)) => {
                let suffix = if counters.contains(&name) { "_total" } else { "" };
                out.extend(["# ", about, " ", name, suffix, " ", rest]);
            }
            _ => out.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample)),
        }
        out.push('\n');
    }
    out
}

fn counter_name(line: &str) -> Option<&str> {
    line.strip_prefix("# TYPE ")?.strip_suffix(" counter")
}
