//! What operators are shown: readiness with its reasons, and the gauges whose truth lives in other rooms.

use super::doors::Doors;
use crate::control::admin::{Question, Showing};
use crate::control::redact;
use crate::control::reload::Reload;
use crate::decide::reason::Reason;
use crate::decide::time::Timestamp;
use crate::idp::events::Spread;
use crate::idp::fleet::Instance;
use crate::idp::sessions::Share;
use crate::proxy::certificates::Certificates;
use crate::proxy::counters::Counters;
use crate::proxy::gate::Shared;
use crate::state::journal::JournalStanding;
use crate::state::sessions::{Looked, QUIET, Sessions};
use crate::telemetry::{Connections, FleetSeen, Gauges, Introspection, Journal, LookedThrough, SharingSeen, Telemetry};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use tokio_util::sync::CancellationToken;

/// The eyes of the admin listener.
pub struct Shown {
    reload: Arc<Reload>,
    shared: Arc<Shared>,
    share: Option<Arc<Share>>,
    certificates: Vec<(String, Arc<Certificates>)>,
    counters: Arc<Counters>,
    drain: CancellationToken,
    started: Timestamp,
    looking: tokio::sync::Mutex<()>,
}

impl Shown {
    pub(super) fn new(
        reload: &Arc<Reload>,
        shared: &Arc<Shared>,
        (doors, share): (&Doors, Option<Arc<Share>>),
        drain: CancellationToken,
    ) -> Self {
        Self {
            reload: Arc::clone(reload),
            shared: Arc::clone(shared),
            share,
            certificates: doors.certificates.clone(),
            counters: Arc::clone(&doors.counters),
            drain,
            started: shared.state.clock.now().wall,
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Has the gauges filled whenever somebody asks for metrics.
    pub(super) fn fill_gauges(this: &Arc<Self>) {
        let weak = Arc::downgrade(this);
        this.shared.telemetry.on_scrape(Box::new(move |gauges| {
            if let Some(this) = weak.upgrade() {
                this.fill(gauges);
            }
        }));
    }

    fn fill(&self, gauges: &mut Gauges) {
        let now = self.shared.state.clock.now();
        for issuer in self.shared.plan.load().issuers.iter() {
            let name = issuer.rules.name.as_str();
            if let Some(age) = issuer.keys.age(now) {
                gauges.jwks_age(name, age);
            }
            if let Some(limit) = issuer.keys.max_stale() {
                gauges.jwks_limit(name, limit);
            }
            gauges.issuer_leeway(name, issuer.rules.leeway.value);
            if let Some(skew) = issuer.keys.standing(now).skew_ms {
                gauges.date_skew(name, skew);
            }
        }
        for feed in self.shared.state.revocations.standing(now) {
            if let Some(age) = feed.age {
                gauges.revocation_age(feed.source.as_str(), age);
            }
            if let Some(limit) = feed.max_staleness {
                gauges.revocation_limit(feed.source.as_str(), limit);
            }
            gauges.revocation_entries(feed.source.as_str(), feed.entries as u64);
            gauges.revocation_room(feed.source.as_str(), feed.max_entries, feed.complete);
        }
        self.fill_events(gauges);
        let held = self.shared.state.revocations.holdings();
        let levels = [
            ("token", held.tokens),
            ("session", held.sessions),
            ("subject", held.subjects),
            ("client", held.clients),
            ("claim", held.claims),
            ("issuer", held.issuers),
        ];
        gauges.revocation_set(&levels, held.bytes);
        for (source, list, one) in self.shared.state.statuses.standing(self.shared.state.clock.now()) {
            gauges.status_list(source.as_str(), &list, (one.lists, one.age, one.bytes), one.failures);
        }
        self.fill_fleet(gauges);
        self.fill_introspection(gauges);
        for (listener, certificates) in &self.certificates {
            for served in certificates.table().all() {
                gauges.certificate_expiry(listener, &served.names.join(","), Timestamp::from_secs(served.not_after));
            }
        }
        for pool in self.reload.pools() {
            for endpoint in pool.endpoints() {
                gauges.endpoint_healthy(&pool.name, &endpoint.name, endpoint.is_used());
            }
        }
        let (hits, misses) = self.shared.state.verified.counts();
        gauges.token_cache(hits, misses);
        sessions(&self.shared.state.sessions, gauges);
        self.fill_sharing(gauges);
        self.fill_connections(gauges);
        self.fill_journal(gauges);
        gauges.pending_restart(self.reload.pending().len());
        gauges.process(env!("CARGO_PKG_VERSION"), self.started, memory());
    }

    fn fill_connections(&self, gauges: &mut Gauges) {
        let (counters, read) = (&self.counters, |counter: &AtomicU64| counter.load(Relaxed));
        let refused = [
            ("limit", read(&counters.refused)),
            ("accept_error", read(&counters.accept_errors)),
            ("proxy_protocol", read(&counters.proxy_protocol)),
        ];
        let handshakes_failed = [
            ("timeout", read(&counters.handshake_timeout)),
            ("closed", read(&counters.handshake_closed)),
            ("unknown_name", read(&counters.handshake_unknown_name)),
            ("incompatible", read(&counters.handshake_incompatible)),
            ("client_certificate", read(&counters.handshake_client_certificate)),
            ("protocol", read(&counters.handshake_protocol)),
        ];
        gauges.connections(&Connections {
            open: counters.open.load(Relaxed),
            accepted: read(&counters.accepted),
            refused: &refused,
            handshakes_failed: &handshakes_failed,
            resumed: read(&counters.resumed),
        });
    }

    fn fill_fleet(&self, gauges: &mut Gauges) {
        let Some(fleet) = self.reload.idp().fleet() else { return };
        gauges.fleet(&FleetSeen {
            connected: fleet.connected,
            position_ms: fleet.position_ms,
            queued: fleet.queued,
            written: fleet.written,
            reseeds: fleet.reseeds,
            compactions: fleet.compactions,
            failures: fleet.failures,
            refusals: fleet.refusals,
            ..self.propagation()
        });
    }

    fn fill_introspection(&self, gauges: &mut Gauges) {
        for (issuer, seen) in self.reload.idp().introspected() {
            let stands = seen.standing;
            gauges.introspection(Introspection {
                issuer: &issuer,
                answers: [("active", stands.active), ("inactive", stands.inactive), ("unknown", stands.unknown)],
                took: (seen.sum, seen.buckets),
                cached: stands.cached,
                unasked: [("busy", stands.busy), ("paused", stands.paused)],
                entries: stands.entries,
                paused: stands.open,
            });
        }
    }

    /// How far what was told here has come.
    fn propagation(&self) -> FleetSeen {
        let all = self.reload.idp().propagation().unwrap_or_default().instances;
        let state = |one: &Instance| match (one.is_silent(), one.behind) {
            (true, _) => "silent",
            (false, 0) => "current",
            (false, _) => "behind",
        };
        let instances =
            ["current", "behind", "silent"].map(|name| (name, all.iter().filter(|one| state(one) == name).count()));
        let behind = all.iter().map(|one| one.behind).max().unwrap_or_default();
        let behind_for = all.iter().map(|one| one.behind_for).max().unwrap_or_default();
        FleetSeen { instances, behind, behind_for, ..FleetSeen::default() }
    }

    /// Where sessions are not shared, nothing is told of it.
    fn fill_sharing(&self, gauges: &mut Gauges) {
        let (Some(share), Some(desk)) = (&self.share, &self.shared.state.others) else { return };
        let asked = desk.counts();
        let [deny, local, allow] = asked.went_without;
        gauges.sharing(&SharingSeen {
            connected: desk.is_open(),
            answered: asked.asked.saturating_sub(asked.unanswered),
            unanswered: asked.unanswered,
            told: share.told(),
            queued: self.shared.state.sessions.waiting(),
            lost: [("deny", deny), ("local", local), ("allow", allow)],
        });
    }

    /// Without a state directory there is none.
    fn fill_journal(&self, gauges: &mut Gauges) {
        let Some(journal) = self.reload.idp().journal() else { return };
        let JournalStanding { bytes, records, failures, snapshots, sync_sum, sync, recovered, load, .. } =
            journal.standing();
        gauges.journal(Journal { bytes, records, failures, snapshots, sync: (sync_sum, sync), load, recovered });
    }

    /// Of sources that no event was ever sent to, nothing is told.
    fn fill_events(&self, gauges: &mut Gauges) {
        for (source, events) in self.reload.idp().reception().standing() {
            for (outcome, count) in events.counts().filter(|(_, count)| *count > 0) {
                gauges.revocation_events(source.as_str(), outcome.name(), count);
            }
            let told = |spread: &Spread| {
                Some((spread.sum(), spread.buckets())).filter(|(_, all)| all.iter().any(|(_, count)| *count > 0))
            };
            if let Some((sum, buckets)) = told(events.lag()) {
                gauges.revocation_lag(source.as_str(), sum, buckets);
            }
            if let Some((sum, buckets)) = told(events.took()) {
                gauges.revocation_answer(source.as_str(), sum, buckets);
            }
        }
    }
}

fn sessions(sessions: &Sessions, gauges: &mut Gauges) {
    let counts = sessions.counts();
    let ended =
        [(Reason::SessionIdleTimeout.code(), counts.idle), (Reason::SessionAbsoluteTimeout.code(), counts.absolute)];
    gauges.sessions(counts.held, sessions.bytes(), &ended, counts.unkept);
    gauges.vouched(&sessions.vouched.counts());
    let Looked { idle, worked, held_up } = sessions.looked_through();
    let idle: Vec<_> = QUIET.iter().zip(idle).map(|((quiet, _), sessions)| (*quiet, sessions)).collect();
    gauges.looked_through(&LookedThrough { idle: &idle, worked, held_up, forgotten: counts.forgotten });
}

/// The memory that the process has, as Linux tells it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

impl Showing for Shown {
    fn not_ready(&self) -> Vec<String> {
        let waiting = self.reload.idp().readiness(self.shared.state.clock.now());
        let mut missing: Vec<String> = waiting.into_iter().map(|one| format!("{}: {}", one.what, one.why)).collect();
        if self.share.as_ref().is_some_and(|share| !share.was_tried()) {
            missing.push("sessions.redis: it is being joined, or is new and settles".into());
        }
        if self.drain.is_cancelled() {
            missing.push("the gateway is shutting down".into());
        }
        missing
    }

    fn degraded(&self) -> Vec<String> {
        let aged = self.reload.idp().degraded(self.shared.state.clock.now());
        aged.iter().map(ToString::to_string).collect()
    }

    fn config(&self) -> String {
        redact::redacted_text(&self.reload.config(), &self.reload.pending())
    }

    async fn explain(&self, question: Question) -> Option<Result<String, String>> {
        let _one = self.looking.try_lock().ok()?;
        Some(super::explaining::of(&self.reload, &self.shared, &question).await)
    }

    async fn checkup(&self) -> Option<String> {
        let _one = self.looking.try_lock().ok()?;
        Some(super::checkup::of(&self.reload, &self.shared).await)
    }

    fn telemetry(&self) -> &Telemetry {
        &self.shared.telemetry
    }
}
