//! The metrics as text, at the moment somebody asks. Cardinality is bounded: labels are names from the config and
//! words of closed sets, never the client's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::CounterWithExemplar;

use super::decisions::{Refusals, Seen};
use super::exchange::Decision;
use super::histogram::Histogram;
use super::issuer;
use super::meter::{Meter, lock};
use super::names::{Metric, metric};
use super::records::Standing;
use crate::decide::reason::Reason;
use crate::decide::time::Timestamp;

/// The values of those who know: filled anew on each scrape.
#[derive(Debug, Default)]
pub struct Gauges {
    gauges: BTreeMap<&'static Metric, Vec<(Labels, f64)>>,
    counters: BTreeMap<&'static Metric, Vec<(Labels, u64)>>,
    spreads: BTreeMap<&'static Metric, Vec<(Labels, Spread)>>,
}

/// A sum in seconds, and how many are in each bucket, by its upper bound.
type Spread = (f64, Vec<(f64, u64)>);

type Labels = Vec<(&'static str, String)>;

fn owned(labels: &[(&'static str, &str)]) -> Labels {
    labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
}

/// What listeners have counted, all of them together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connections<'a> {
    /// Open now.
    pub open: usize,
    /// Accepted since the start.
    pub accepted: u64,
    /// Not accepted, by why.
    pub refused: &'a [(&'static str, u64)],
    /// Handshakes that failed, by why.
    pub handshakes_failed: &'a [(&'static str, u64)],
    /// TLS sessions that were resumed.
    pub resumed: u64,
}

impl Gauges {
    pub(super) fn put(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], value: f64) {
        self.gauges.entry(metric).or_default().push((owned(labels), value));
    }

    pub(super) fn count(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], value: u64) {
        self.counters.entry(metric).or_default().push((owned(labels), value));
    }

    pub(super) fn spread(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], spread: Spread) {
        self.spreads.entry(metric).or_default().push((owned(labels), spread));
    }

    /// How decision records stand.
    pub(super) fn records(&mut self, standing: &Standing) {
        self.put(metric::RECORDS_KEPT, &[], standing.kept as f64);
        let oldest = standing.oldest.map_or(0.0, |oldest| oldest.millis() as f64 / 1e3);
        self.put(metric::RECORDS_OLDEST, &[], oldest);
        self.put(metric::RECORDS_BYTES, &[], standing.bytes as f64);
        self.count(metric::RECORDS_WRITTEN, &[], standing.written);
        self.put(metric::RECORDS_SKIPPED, &[], standing.skipped as f64);
        self.count(metric::RECORDS_DROPPED, &[("why", "queue")], standing.dropped_queue);
        self.count(metric::RECORDS_DROPPED, &[("why", "disk")], standing.dropped_disk);
    }

    /// How many blocks of the config wait for a restart.
    pub fn pending_restart(&mut self, blocks: usize) {
        self.put(metric::PENDING_RESTART, &[], blocks as f64);
    }

    /// How long ago the issuer's key set was fetched.
    pub fn jwks_age(&mut self, issuer: &str, age: Duration) {
        self.put(metric::JWKS_AGE, &[("issuer", issuer)], age.as_secs_f64());
    }

    /// Our clock minus the `Date` field of the issuer's last answer, in milliseconds.
    pub fn date_skew(&mut self, issuer: &str, millis: i64) {
        self.put(metric::DATE_SKEW, &[("issuer", issuer)], millis as f64 / 1e3);
    }

    /// How long ago a revocation source was heard.
    pub fn revocation_age(&mut self, source: &str, age: Duration) {
        self.put(metric::REVOCATION_AGE, &[("source", source)], age.as_secs_f64());
    }

    /// How many entries a revocation source has given.
    pub fn revocation_entries(&mut self, source: &str, entries: u64) {
        self.put(metric::REVOCATION_ENTRIES, &[("source", source)], entries as f64);
    }

    /// How many entries a revocation source may give, and whether all that it gave is held.
    pub fn revocation_room(&mut self, source: &str, max_entries: Option<usize>, complete: bool) {
        if let Some(max_entries) = max_entries {
            self.put(metric::REVOCATION_MOST, &[("source", source)], max_entries as f64);
        }
        self.put(metric::REVOCATION_COMPLETE, &[("source", source)], f64::from(u8::from(complete)));
    }

    /// What became of the events that were sent to a revocation source.
    pub fn revocation_events(&mut self, source: &str, outcome: &str, count: u64) {
        self.count(metric::REVOCATION_EVENTS, &[("source", source), ("outcome", outcome)], count);
    }

    /// How long after they happened the events of a source were enforced: the sum, and each bucket by itself.
    pub fn revocation_lag(&mut self, source: &str, sum: f64, buckets: Vec<(f64, u64)>) {
        self.spread(metric::REVOCATION_LAG, &[("source", source)], (sum, buckets));
    }

    /// How long the events of a source waited for their answer: the sum, and each bucket by itself.
    pub fn revocation_answer(&mut self, source: &str, sum: f64, buckets: Vec<(f64, u64)>) {
        self.spread(metric::REVOCATION_ANSWER, &[("source", source)], (sum, buckets));
    }

    /// How many entries the revocation set has at each level, and what memory they take.
    pub fn revocation_set(&mut self, levels: &[(&'static str, usize)], bytes: usize) {
        for (level, entries) in levels {
            self.put(metric::REVOCATION_LEVEL, &[("level", level)], *entries as f64);
        }
        self.put(metric::REVOCATION_BYTES, &[], bytes as f64);
    }

    /// When a certificate ends. The name is the file's, as the config writes it.
    pub fn certificate_expiry(&mut self, listener: &str, certificate: &str, ends: Timestamp) {
        let labels = [("listener", listener), ("certificate", certificate)];
        self.put(metric::CERTIFICATE_EXPIRY, &labels, ends.secs() as f64);
    }

    /// Whether an endpoint of an upstream is used. The endpoint is as the config writes it.
    pub fn endpoint_healthy(&mut self, upstream: &str, endpoint: &str, healthy: bool) {
        let labels = [("upstream", upstream), ("endpoint", endpoint)];
        self.put(metric::UPSTREAM_HEALTHY, &labels, f64::from(u8::from(healthy)));
    }

    /// How often a token was found verified, and how often not, since the start.
    pub fn token_cache(&mut self, hits: u64, misses: u64) {
        self.count(metric::CACHE_HITS, &[], hits);
        self.count(metric::CACHE_MISSES, &[], misses);
    }

    /// The process: its version, when it was started, and how many bytes of memory it has, where that can be told.
    pub fn process(&mut self, version: &str, started: Timestamp, memory: Option<u64>) {
        self.put(metric::BUILD, &[("version", version)], 1.0);
        self.put(metric::STARTED, &[], started.millis() as f64 / 1e3);
        self.count(metric::TASKS_DIED, &[], crate::notice::deaths());
        if let Some(memory) = memory {
            self.put(metric::MEMORY, &[], memory as f64);
        }
    }

    /// What listeners have counted.
    pub fn connections(&mut self, seen: &Connections<'_>) {
        self.put(metric::CONNECTIONS_OPEN, &[], seen.open as f64);
        self.count(metric::CONNECTIONS, &[], seen.accepted);
        self.count(metric::RESUMPTIONS, &[], seen.resumed);
        for (why, times) in seen.refused {
            self.count(metric::CONNECTIONS_REFUSED, &[("reason", why)], *times);
        }
        for (why, times) in seen.handshakes_failed {
            self.count(metric::HANDSHAKES_FAILED, &[("reason", why)], *times);
        }
    }

    fn write(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, samples) in &self.gauges {
            let mut family = out.encode_descriptor(metric.name, metric.help, None, MetricType::Gauge)?;
            for (labels, value) in samples {
                // Without labels there are no braces either.
                if labels.is_empty() {
                    family.encode_gauge(value)?;
                } else {
                    family.encode_family(labels)?.encode_gauge(value)?;
                }
            }
        }
        for (metric, samples) in &self.counters {
            let mut family = out.encode_descriptor(metric.name, metric.help, None, MetricType::Counter)?;
            for (labels, value) in samples {
                if labels.is_empty() {
                    family.encode_counter::<NoLabelSet, _, u64>(value, None)?;
                } else {
                    counter(family.encode_family(labels)?, *value)?;
                }
            }
        }
        for (metric, samples) in &self.spreads {
            let mut family = out.encode_descriptor(metric.name, metric.help, None, MetricType::Histogram)?;
            for (labels, (sum, buckets)) in samples {
                let count = buckets.iter().map(|(_, count)| count).sum();
                family.encode_family(labels)?.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)?;
            }
        }
        Ok(())
    }
}

/// The collector that the registry asks.
pub(super) struct Scrape(pub Arc<Meter>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let meter = &*self.0;
        decisions(meter, &mut out)?;
        super::shadow::write(meter, &mut out)?;
        terminated(meter, &mut out)?;
        durations(meter, &mut out)?;
        upstreams(meter, &mut out)?;
        process(meter, &mut out)?;
        let mut gauges = Gauges::default();
        lock(&meter.on_scrape).iter().for_each(|fill| fill(&mut gauges));
        gauges.write(&mut out)
    }
}

pub(super) fn counter(mut out: MetricEncoder<'_>, value: u64) -> fmt::Result {
    out.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

pub(super) fn histogram(mut out: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let reading = histogram.read();
    out.encode_histogram::<NoLabelSet>(reading.sum, reading.count, &reading.buckets, None)
}

fn decisions(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = metric::DECISIONS;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    let names = meter.tenants.as_ref().map(|tenants| tenants.names());
    for ((route, issuer), decisions) in &*lock(&meter.decisions) {
        let issuer = issuer.as_deref().unwrap_or_default();
        for (place, tally) in decisions.tallies() {
            // Without tenants there is no such label. One that came just now is shown the next time.
            let tenant = names.as_ref().map(|names| names.get(place));
            if tenant == Some(None) {
                continue;
            }
            let labels = |decision: Decision, reason| -> Vec<(&str, &str)> {
                let own = [("decision", decision.name()), ("reason", reason), ("route", &**route), ("issuer", issuer)];
                own.into_iter().chain(tenant.flatten().map(|tenant| ("tenant", &**tenant))).collect()
            };
            if tally.admitted() > 0 {
                counter(family.encode_family(&labels(Decision::Allow, ""))?, tally.admitted())?;
            }
            for (reason, refusals) in tally.refused() {
                let labels = labels(Decision::of(Some(reason)), reason.code());
                refused(refusals, || family.encode_family(&labels))?;
            }
        }
    }
    Ok(())
}

/// A refusal carries the trace of its last case, so that a graph leads to an example.
fn refused<'a>(refusals: &Refusals, sample: impl FnOnce() -> Result<MetricEncoder<'a>, fmt::Error>) -> fmt::Result {
    match refusals.read() {
        (0, _) => Ok(()),
        (count, None) => counter(sample()?, count),
        (count, Some(seen)) => with_trace(sample()?, count, seen),
    }
}

fn with_trace(mut out: MetricEncoder<'_>, count: u64, seen: Seen) -> fmt::Result {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(seen.at).unwrap_or(0));
    // The library makes exemplars only by counting: the last of `count` is the one that is shown.
    let example = CounterWithExemplar::<Vec<(&str, String)>, u64, AtomicU64>::default();
    example.inc_by(count.saturating_sub(1), None, None);
    example.inc_by(1, Some(vec![("trace_id", format!("{:032x}", seen.trace_id))]), Some(at));
    let (value, exemplar) = example.get();
    out.encode_counter(&value, exemplar.as_ref())
}

fn durations(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = metric::JUDGE_DURATION;
    histogram(out.encode_descriptor(about.name, about.help, None, MetricType::Histogram)?, &meter.judge)?;
    issuer::write(&lock(&meter.issuers), out)
}

fn upstreams(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let upstreams = lock(&meter.upstreams);
    let about = metric::UPSTREAM_DURATION;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Histogram)?;
    for (name, upstream) in &*upstreams {
        histogram(family.encode_family(&[("upstream", &**name)])?, &upstream.duration)?;
    }
    let about = metric::UPSTREAM_FAILURES;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    for (name, upstream) in &*upstreams {
        for (endpoint, failure, count) in upstream.failures() {
            let labels = [("upstream", &**name), ("endpoint", &*endpoint), ("failure", failure)];
            counter(family.encode_family(&labels)?, count)?;
        }
    }
    Ok(())
}

fn terminated(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = metric::STREAMS_TERMINATED;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    for (reason, count) in Reason::ALL.iter().zip(&meter.terminated) {
        let count = count.load(Relaxed);
        if count > 0 {
            counter(family.encode_family(&[("reason", reason.code())])?, count)?;
        }
    }
    Ok(())
}

fn process(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = metric::IN_FLIGHT;
    let in_flight = meter.in_flight.load(Relaxed);
    out.encode_descriptor(about.name, about.help, None, MetricType::Gauge)?.encode_gauge(&in_flight)?;
    let about = metric::RELOADS;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    for (result, count) in [("ok", &meter.reloads), ("failed", &meter.reloads_failed)] {
        counter(family.encode_family(&[("result", result)])?, count.load(Relaxed))?;
    }
    let about = metric::RELOAD_GOOD;
    let good = u64::from(!meter.reload_failed.load(Relaxed));
    out.encode_descriptor(about.name, about.help, None, MetricType::Gauge)?.encode_gauge(&good)?;
    let about = metric::CONFIG;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Gauge)?;
    family.encode_family(&[("revision", &**lock(&meter.revision))])?.encode_gauge(&1_u64)?;
    let dropped = meter.lines.as_ref().map_or(0, |lines| lines.dropped.dropped_lines() as u64);
    let unwritten = meter.lines.as_ref().map_or(0, |lines| lines.unwritten.load(Relaxed));
    let counts = [
        (metric::SPANS_EXPORTED, meter.spans.exported.load(Relaxed)),
        (metric::SPANS_DROPPED, meter.spans.dropped.load(Relaxed)),
        (metric::LINES_DROPPED, dropped),
        (metric::LINES_UNWRITTEN, unwritten),
    ];
    for (about, count) in counts {
        counter(out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?, count)?;
    }
    Ok(())
}
