//! Wires the parts: the one room that knows everyone.

mod beginning;
mod checkup;
mod cleaning;
mod doors;
mod explaining;
mod health;
pub mod judging;
mod lasting;
pub mod offline;
mod sharing;
mod start_error;
mod watch;
mod workers;

use crate::control::Loaded;
use crate::control::admin::{self, Audit, Guard, Names, Operations, Told, Wiring};
use crate::control::build::{self, Pools};
use crate::control::reload::{Reload, idp_settings, issuers, told};
use crate::idp::room::{Idp, Means};
use crate::notice::{Trouble, supervised};
use crate::proxy::certificates::Certificates;
use crate::proxy::client_certificates::Trust;
use crate::proxy::counters::Counters;
use crate::proxy::drain::Report;
use crate::proxy::gate::Shared;
use crate::proxy::listen::Tls;
use crate::proxy::tls::Handshaker;
use crate::settings::{OrOff, Span};
use crate::state::State;
use crate::state::clock::{Clock, SystemClock};
use crate::state::journal::Journal;
use crate::telemetry::audit::{self, Kind};
use crate::telemetry::{Service, Telemetry};
use crate::token::issuers::Issuer;
use arc_swap::ArcSwap;
use health::Shown;
pub use start_error::StartError;
use start_error::{building, doing};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use workers::Work;

/// A gateway that runs.
pub struct Running {
    control: Runtime,
    workers: Vec<JoinHandle<std::io::Result<Report>>>,
    drain: CancellationToken,
    grace: Duration,
    telemetry: Arc<Telemetry>,
    reload: Arc<Reload>,
    counters: Arc<Counters>,
    sharing: Option<sharing::Sharing>,
    /// Where it listens: each listener's name with its address.
    pub addresses: Vec<(String, SocketAddr)>,
    /// Where operators ask, if they may.
    pub admin: Option<SocketAddr>,
}

/// Starts the gateway with a config that was loaded from a file. It returns when all listeners are open.
///
/// # Errors
/// What could not be set up.
pub fn start(path: &Path, loaded: Loaded) -> Result<Running, StartError> {
    start_by(path, loaded, Arc::new(SystemClock::start()))
}

/// The same, by a clock of the caller's.
///
/// # Errors
/// What could not be set up.
pub fn start_by(path: &Path, loaded: Loaded, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    // A library may ask for the process's provider; there is only this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = loaded.config.clone();
    let control =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build();
    let control = control.map_err(doing("the control runtime"))?;
    let name = config.gateway.name.clone();
    let service = Service { name: "curfew".into(), version: env!("CARGO_PKG_VERSION").into(), instance: name };
    let telemetry = Telemetry::start(&config.telemetry, &service, control.handle());
    let telemetry = telemetry.map_err(|error| {
        let setting = error.setting();
        doing("telemetry")(error).of(setting)
    })?;
    let telemetry = Arc::new(telemetry);
    let mut state = beginning::state(&loaded, lasting::fingerprints(&loaded)?, clock)?;
    let (share, sharing) = sharing::start(&config.sessions, &mut state, &control)?;
    let state = Arc::new(state);
    let journal = lasting::journal(&loaded, &state)?;
    let audit = telemetry.audit(Kind::RevocationTold).cloned();
    let (idp, issuers) = providers(&loaded, &state, &control, (journal, audit))?;
    let pools = build::pools(&config, &Pools::new()).map_err(building(&config))?;
    control.block_on(prepare(&pools));
    let plan = build::plan(&config, &loaded.revision, issuers, &pools, idp.reception(), &telemetry)
        .map_err(building(&config))?;
    let shared = Arc::new(Shared {
        plan: ArcSwap::from_pointee(plan),
        state,
        telemetry: Arc::clone(&telemetry),
        live: Arc::default(),
    });
    shared.tell_pace(&shared.plan.load());
    telemetry.configured(&loaded.revision);
    let doors = doors::open(&loaded)?;
    let reload = Reload::new(path.to_owned(), loaded, pools, Arc::clone(&shared), idp, control.handle().clone());
    let reload = Arc::new(reload);
    let drain = CancellationToken::new();
    let shown = Arc::new(Shown::new(&reload, &shared, (&doors, share), drain.clone()));
    Shown::fill_gauges(&shown);
    let admin = serve_admin(&config.admin, &control, Arc::clone(&shown), &shared, &reload)?;
    let (admin, admin_door) = admin.map_or((None, None), |(address, door)| (Some(address), door));
    cleaning::start(&control, &shared.state);
    watch::start(&control, &reload, &shared, doors.handshakers().into_iter().chain(admin_door).collect());
    let (addresses, counters) = (doors.addresses.clone(), Arc::clone(&doors.counters));
    let work = Work {
        listeners: doors.listeners,
        shared,
        slots: Arc::new(Semaphore::new(config.limits.requests.min(Semaphore::MAX_PERMITS))),
        drain: drain.clone(),
        grace: config.gateway.grace.get(),
    };
    if let Some(audit) = telemetry.audit(Kind::Start) {
        audit.tell(lasting::event(Kind::Start, &reload));
    }
    let workers = employ(config.gateway.workers, &work, &doors.sockets)?;
    Ok(Running {
        control,
        workers,
        drain,
        grace: config.gateway.grace.get(),
        telemetry,
        reload,
        counters,
        sharing,
        addresses,
        admin,
    })
}

/// Whoever gives out tokens, with the tasks that keep their keys and revocations fresh.
fn providers(
    loaded: &Loaded,
    state: &State,
    control: &Runtime,
    (journal, audit): (Option<Arc<Journal>>, Option<Arc<audit::Audit>>),
) -> Result<(Idp, Vec<Issuer>), StartError> {
    let means = Means {
        runtime: control.handle().clone(),
        clock: Arc::clone(&state.clock),
        revocations: Arc::clone(&state.revocations),
        statuses: Arc::clone(&state.statuses),
        fingerprints: Arc::clone(&state.fingerprints),
        audit,
    };
    let idp = Idp::new(means, CancellationToken::new()).with_journal(journal);
    let prepared = idp.prepare(&idp_settings(&loaded.config)).map_err(|faults| told(&faults, &loaded.spans));
    let prepared = prepared.map_err(doing("issuers and revocation sources"))?;
    let issuers = issuers(&loaded.config, &prepared);
    idp.commit(prepared);
    lasting::read(&idp)?;
    Ok((idp, issuers))
}

/// Names are resolved before the first request.
async fn prepare(pools: &Pools) {
    futures_util::future::join_all(pools.values().map(|pool| pool.prepare())).await;
}

/// Where operators ask, and what shakes hands there.
type AdminDoor = (SocketAddr, Option<(String, Handshaker)>);

fn serve_admin(
    settings: &OrOff<crate::control::settings::AdminSettings>,
    control: &Runtime,
    shown: Arc<Shown>,
    shared: &Arc<Shared>,
    reload: &Arc<Reload>,
) -> Result<Option<AdminDoor>, StartError> {
    let OrOff::On(settings) = settings else { return Ok(None) };
    let listening = control.block_on(tokio::net::TcpListener::bind(settings.address));
    let what = format!("the admin listener at {}", settings.address);
    let listener = listening.map_err(doing(&what)).map_err(|error| error.of("admin.address"))?;
    let address = listener.local_addr().map_err(doing(&what))?;
    let audit = Audit::open(&settings.audit, settings.audit_ids).map_err(doing("admin.audit"))?;
    let audit = audit.with_chain(shared.telemetry.audit(Kind::Operator).cloned());
    let tls = settings.tls.as_ref().map(admin_tls).transpose()?;
    let clients = settings.tls.as_ref().and_then(|tls| tls.client_certificates.as_ref().on());
    let wiring = Wiring {
        shown,
        operations: Operations::new(shared, reload, audit),
        records: Told::new(shared),
        guard: Guard::new(settings.token.as_ref()).map_err(doing("admin.token"))?,
        names: Names {
            hosts: settings.hosts.clone(),
            certificates: tls.as_ref().map(|tls| Arc::clone(tls.certificates())),
        },
        tls: tls.clone(),
        vouching: clients.is_some_and(|clients| matches!(clients.trust, Trust::Ca(_))),
        strangers: Trouble::default(),
    };
    // It answers to the very end of the drain: readiness is asked just then.
    let (listener, wiring) = (Arc::new(listener), Arc::new(wiring));
    let serve = move || admin::serve(Arc::clone(&listener), Arc::clone(&wiring));
    control.spawn(async move { supervised("the admin listener", serve).await });
    Ok(Some((address, tls.map(|tls| ("admin".to_owned(), tls)))))
}

fn admin_tls(settings: &Tls) -> Result<Handshaker, StartError> {
    let certificates = Certificates::open(&settings.certificates, settings.unknown_sni).map_err(doing("admin.tls"))?;
    Handshaker::new(settings, certificates, false).map_err(doing("admin.tls"))
}

type Workers = Vec<JoinHandle<std::io::Result<Report>>>;

fn employ(asked: usize, work: &Work, sockets: &[TcpListener]) -> Result<Workers, StartError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let number = if asked == 0 { cores } else { asked };
    let start = |number| {
        let sockets = sockets.iter().map(TcpListener::try_clone).collect::<Result<_, _>>().map_err(doing("sockets"))?;
        workers::start(number, work.clone(), sockets).map_err(doing("worker threads"))
    };
    (0..number).map(start).collect()
}

impl Running {
    /// Brings the file's config into force, or says why not.
    pub fn reload(&self) {
        self.reload.reload_and_tell(true);
    }

    /// Runs until a signal says to end, reloading on SIGHUP; then drains.
    ///
    /// # Errors
    /// If the system gives no signals.
    pub fn until_told(self) -> std::io::Result<Report> {
        self.control.block_on(watch::signals(&self.reload))?;
        Ok(self.shutdown())
    }

    /// Stops taking connections, lets what runs finish within the grace, tells what was to be told, and ends.
    #[must_use]
    pub fn shutdown(self) -> Report {
        let Self { control, workers, drain, grace, telemetry, reload, counters, sharing, .. } = self;
        let connections = counters.open.load(std::sync::atomic::Ordering::Relaxed);
        tracing::info!(connections, grace = %Span::from(grace), "draining: no new connections are taken");
        drain.cancel();
        let mut total = Report::default();
        for worker in workers {
            match worker.join() {
                Ok(Ok(report)) => {
                    total.drained += report.drained;
                    total.cut += report.cut;
                }
                Ok(Err(error)) => tracing::error!(%error, "a worker ended in an error"),
                Err(_) => tracing::error!("a worker panicked: this is a fault of the gateway, please report it"),
            }
        }
        control.block_on(reload.idp().told(grace.min(FLUSH)));
        sharing.into_iter().for_each(|sharing| control.block_on(sharing.end(grace.min(FLUSH))));
        // What was polled last is written; whoever was told that an event is kept was told so before.
        reload.idp().journal().into_iter().for_each(|journal| journal.close());
        if let Some(audit) = telemetry.audit(Kind::Stop) {
            let event = lasting::event(Kind::Stop, &reload);
            audit.tell(event.with("drained", total.drained).with("cut", total.cut));
        }
        control.block_on(telemetry.shutdown(grace.min(FLUSH)));
        control.shutdown_timeout(FLUSH);
        total
    }
}

/// How long the last spans may take to leave, and the last revocations.
const FLUSH: Duration = Duration::from_secs(5);
