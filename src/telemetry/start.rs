//! Telemetry as one thing: started once, handed to everybody, stopped last.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::LogExporter as _;
use opentelemetry_sdk::trace::SpanExporter;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::WorkerGuard;

use super::access::{self, Access};
use super::audit::{self, Audit, Kind};
use super::client;
use super::context::TraceContext;
use super::durations;
use super::exchange::{Exchange, is_remarkable};
use super::export::{self, Queue};
use super::meter::{InFlight, Meter, lock};
use super::random;
use super::record::{Lent, Terms};
use super::records::Records;
use super::route::{RouteMeter, UpstreamMeter};
use super::scrape::{Gauges, Scrape};
use super::secrets::Secrets;
use super::settings::{Otlp, Settings};
use super::shadow::ShadowMeter;
use super::tenants::Tenants;
use super::text;
use crate::decide::reason::Reason;
use crate::settings::SecretError;

/// Who tells: the resource of all spans.
#[derive(Clone, Debug)]
pub struct Service {
    /// `service.name`.
    pub name: String,
    /// `service.version`.
    pub version: String,
    /// `service.instance.id`.
    pub instance: String,
}

/// Why telemetry cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The exporter cannot be built.
    #[error("the OTLP exporter: {0}")]
    Otlp(ExporterBuildError),
    /// A header field of the exporter is no header field.
    #[error("the OTLP header field `{0}` has a name or a value that HTTP does not allow")]
    Header(String),
    /// The decision records cannot be kept where they should be.
    #[error("the decision records in `{path}`: {error}")]
    Records {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The audit log cannot be taken up.
    #[error(transparent)]
    Audit(#[from] audit::OpenError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The roots for the collector cannot be read.
    #[error("the roots for the OTLP collector: {0}")]
    Roots(String),
    /// The access log cannot be opened.
    #[error("the access log `{path}` cannot be opened: {error}")]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

impl StartError {
    /// The setting that asks for what could not be had.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::Otlp(_) => "telemetry.otlp",
            Self::Header(_) | Self::Secret(_) => "telemetry.otlp.headers",
            Self::Roots(_) => "telemetry.otlp.ca",
            Self::Records { .. } => "telemetry.records.directory",
            Self::Audit(audit::OpenError::File { .. }) => "telemetry.audit.file",
            Self::Audit(audit::OpenError::Key(_)) => "telemetry.audit.key",
            Self::AccessLog { .. } => "telemetry.access_log",
        }
    }
}

/// Everything that tells.
pub struct Telemetry {
    meter: Arc<Meter>,
    unrouted: RouteMeter,
    registry: Registry,
    queue: Option<Queue>,
    access: Option<Access>,
    records: Arc<Records>,
    audit: Option<Arc<Audit>>,
    terms: Terms,
    /// A new trace is sampled if the upper 53 bits of a random number are below this.
    threshold: u64,
    stop: CancellationToken,
    /// After which nothing is written to the audit log any more.
    last: CancellationToken,
    ends: Mutex<Ends>,
}

/// What is waited for at the end.
#[derive(Default)]
struct Ends {
    task: Option<JoinHandle<()>>,
    logs: Option<JoinHandle<()>>,
    lines: Option<WorkerGuard>,
}

/// All random numbers of sampling are below this.
const WHOLE: u64 = 1 << 53;

impl Telemetry {
    /// Starts. What exports runs on `control`.
    pub fn start(settings: &Settings, service: &Service, control: &Handle) -> Result<Self, StartError> {
        let secrets = Secrets::of(&settings.secret_parameters);
        let (access, dropped, lines) = match access::open(&settings.access_log, &secrets)? {
            Some((access, dropped, guard)) => (Some(access), Some(dropped), Some(guard)),
            None => (None, None, None),
        };
        let tenants = settings.tenants.as_ref().on().map(Tenants::new);
        let (meter, stop) = (Arc::new(Meter::new(dropped, tenants)), CancellationToken::new());
        let traced = settings.otlp.as_ref().map(|otlp| start_export(otlp, service, control, &meter, &stop));
        let (queue, task) = traced.transpose()?.unzip();
        let records = Arc::new(Records::start(&settings.records)?);
        let last = CancellationToken::new();
        let (audit, logs) = start_audit(settings, service, control, &last)?;
        let (counted, audited) = (Arc::downgrade(&records), audit.as_ref().map(Arc::downgrade));
        lock(&meter.on_scrape).push(Box::new(move |gauges| {
            if let Some(records) = counted.upgrade() {
                gauges.records(&records.standing());
            }
            if let Some(audit) = audited.as_ref().and_then(std::sync::Weak::upgrade) {
                audit.fill(gauges);
            }
        }));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape(meter.clone())));
        Ok(Self {
            unrouted: meter.route("", "", "", &[]),
            terms: Terms { secrets, tenants: meter.tenants.clone() },
            meter,
            registry,
            queue,
            access,
            records,
            audit,
            threshold: (settings.sample.get() * WHOLE as f64) as u64,
            stop,
            last,
            ends: Mutex::new(Ends { task, logs, lines }),
        })
    }

    /// The place of a request in a trace, new or gone on with; see [`TraceContext::begin`].
    #[must_use]
    pub fn begin(&self, headers: &http::HeaderMap, trusted: bool) -> TraceContext {
        TraceContext::begin(headers, trusted, || random::next() >> 11 < self.threshold)
    }

    /// Does the span of a request go to a collector, of which this came? Where there is none, none does.
    #[must_use]
    pub fn exports(&self, trace: &TraceContext, reason: Option<Reason>, status: u16) -> bool {
        self.queue.is_some() && (trace.sampled || is_remarkable(reason, status))
    }

    /// Tells of one request, at its end.
    pub fn record(&self, exchange: &Exchange<'_>) {
        let exported = self.exports(&exchange.trace, exchange.reason, exchange.status);
        // What was refused has a record: its trace id leads there, whether its span goes anywhere or not.
        let told = exported || exchange.reason.is_some();
        exchange.route.unwrap_or(&self.unrouted).count(exchange, told);
        if let Some(delivery) = &exchange.delivery {
            delivery.upstream.count(delivery);
        }
        let mut lent = Lent::new(exchange, &self.terms);
        if let Some(queue) = self.queue.as_ref().filter(|_| exported) {
            queue.push(&mut lent);
        }
        let shadowed = exchange.shadow.and_then(|shadow| Some((shadow.meter, shadow.verdict.reason()?)));
        if let Some((meter, reason)) = shadowed {
            meter.count(reason);
        }
        if let Some(reason) = exchange.reason.filter(|_| exchange.status < 400) {
            self.meter.terminate(reason);
        }
        if exchange.reason.is_some() || shadowed.is_some() || self.records.wants(&exchange.trace) {
            self.records.push(&mut lent);
        }
        if let Some(access) = &self.access {
            access.write(exchange);
        }
    }

    /// The decision records.
    #[must_use]
    pub const fn records(&self) -> &Arc<Records> {
        &self.records
    }

    /// Do metrics tell this name of a tenant? Nothing, if they tell none.
    #[must_use]
    pub fn knows_tenant(&self, name: &str) -> Option<bool> {
        self.terms.tenants.as_ref().map(|tenants| tenants.names().iter().any(|known| **known == *name))
    }

    /// The audit log, if there is one that such an event stands in.
    #[must_use]
    pub fn audit(&self, kind: Kind) -> Option<&Arc<Audit>> {
        self.audit.as_ref().filter(|audit| audit.wants(kind))
    }

    /// The counters of a route, for a plan. A route of the same name goes on counting where it was.
    #[must_use]
    pub fn route(&self, name: &str, template: &str, policy: &str, issuers: &[&str]) -> RouteMeter {
        self.meter.route(name, template, policy, issuers)
    }

    /// The counters of a shadow policy on a route.
    #[must_use]
    pub fn shadow(&self, route: &str, policy: &str) -> Arc<ShadowMeter> {
        self.meter.shadow(route, policy)
    }

    /// The counters of an upstream.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Arc<UpstreamMeter> {
        self.meter.upstream(name)
    }

    /// A request is being worked on, until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        InFlight::enter(&self.meter.in_flight)
    }

    /// A config is in force.
    pub fn configured(&self, revision: &str) {
        *lock(&self.meter.revision) = revision.into();
    }

    /// The config was reloaded, or could not be.
    pub fn reloaded(&self, well: bool) {
        let count = if well { &self.meter.reloads } else { &self.meter.reloads_failed };
        count.fetch_add(1, Relaxed);
        self.meter.reload_failed.store(!well, Relaxed);
    }

    /// Asks `fill` for its gauges whenever the metrics are read.
    pub fn on_scrape(&self, fill: Box<dyn Fn(&mut Gauges) + Send + Sync>) {
        lock(&self.meter.on_scrape).push(fill);
    }

    /// The metrics in OpenMetrics text: [`OPENMETRICS`](super::OPENMETRICS).
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing into a string fails only if a collector does, and none does.
        let _ = encode_registry(&mut out, &self.registry);
        let _ = durations::write(&lock(&self.meter.durations), &mut out);
        let _ = encode_eof(&mut out);
        out
    }

    /// The metrics in Prometheus' older text format: [`TEXT`](super::TEXT).
    #[must_use]
    pub fn render_classic(&self) -> String {
        text::classic(&self.render())
    }

    /// Sends what waits, for no longer than this, and writes the last lines.
    pub async fn shutdown(&self, within: Duration) {
        self.stop.cancel();
        let Ends { task, logs, lines } = std::mem::take(&mut *lock(&self.ends));
        ended(task, within).await;
        self.records.close(within).await;
        if let Some(audit) = self.audit.clone() {
            let closing = tokio::task::spawn_blocking(move || audit.close());
            let _ = tokio::time::timeout(within, closing).await;
        }
        self.last.cancel();
        ended(logs, within).await;
        drop(lines);
    }
}

/// Waits for a task, for no longer than this.
async fn ended(task: Option<JoinHandle<()>>, within: Duration) {
    if let Some(mut task) = task
        && tokio::time::timeout(within, &mut task).await.is_err()
    {
        task.abort();
    }
}

type Audited = (Option<Arc<Audit>>, Option<JoinHandle<()>>);

/// The audit log, and what sends its lines on.
fn start_audit(
    settings: &Settings,
    service: &Service,
    control: &Handle,
    last: &CancellationToken,
) -> Result<Audited, StartError> {
    let Some(audit) = settings.audit.as_ref().on() else { return Ok((None, None)) };
    let Some(otlp) = settings.otlp.as_ref().filter(|_| audit.otlp_logs) else {
        return Ok((Some(Arc::new(Audit::open(audit, &service.instance, None)?)), None));
    };
    let _inside = control.enter();
    let mut exporter = client::logs(otlp)?;
    exporter.set_resource(&resource(service));
    let (logs, unsent) = audit::open_logs(exporter, scope());
    let audit = Arc::new(Audit::open(audit, &service.instance, Some(logs))?);
    let task = control.spawn(audit.export(unsent, last.clone()));
    Ok((Some(audit), Some(task)))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("curfew").with_version(env!("CARGO_PKG_VERSION")).build()
}

fn start_export(
    otlp: &Otlp,
    service: &Service,
    control: &Handle,
    meter: &Meter,
    stop: &CancellationToken,
) -> Result<(Queue, JoinHandle<()>), StartError> {
    let _inside = control.enter();
    let mut exporter = client::build(otlp)?;
    exporter.set_resource(&resource(service));
    let (queue, task) = export::start(exporter, meter.spans.clone(), scope(), stop.clone());
    Ok((queue, control.spawn(task)))
}

fn resource(service: &Service) -> Resource {
    let instance = KeyValue::new("service.instance.id", service.instance.clone());
    let version = KeyValue::new("service.version", service.version.clone());
    Resource::builder().with_service_name(service.name.clone()).with_attributes([version, instance]).build()
}
