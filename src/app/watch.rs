//! What happens around the gateway: signals, and files that change.

use crate::control::reload::Reload;
use crate::decide::time::Moment;
use crate::notice::{Trouble, supervised};
use crate::proxy::gate::Shared;
use crate::proxy::tls::Handshaker;
use crate::settings::Span;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How often files are looked at. Looking works where notification does not: on network file systems, and where a
/// whole directory is exchanged under a link, as Kubernetes does.
const GLANCE: Duration = Duration::from_secs(1);

/// Signals that come within this after a reload are one.
const SETTLE: Duration = Duration::from_millis(100);

/// How often it is told that a certificate nears its end.
const DAY: Duration = Duration::from_secs(86_400);

/// Starts what looks at files, and at how old what is known is.
pub fn start(control: &Runtime, reload: &Arc<Reload>, shared: &Arc<Shared>, doors: Vec<(String, Handshaker)>) {
    let watched = Arc::clone(reload);
    let looking = move || config(Arc::clone(&watched));
    control.spawn(async move { supervised("watching the config", looking).await });
    // A disk that does not give the config holds up no certificate.
    let watched = Arc::clone(reload);
    let looking = move || certificates(Arc::clone(&watched), doors.clone());
    control.spawn(async move { supervised("watching certificates", looking).await });
    let (aged, shared) = (Arc::clone(reload), Arc::clone(shared));
    let looking = move || ageing(Arc::clone(&aged), Arc::clone(&shared));
    control.spawn(async move { supervised("watching how old keys and revocations are", looking).await });
}

/// Reloads on SIGHUP until SIGTERM or SIGINT comes.
pub async fn signals(reload: &Arc<Reload>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = Arc::new(Notify::new());
    let (reload, told) = (Arc::clone(reload), Arc::clone(&asked));
    let reloading = move || when_asked(Arc::clone(&reload), Arc::clone(&told));
    let reloading = tokio::spawn(async move { supervised("reloading on SIGHUP", reloading).await });
    loop {
        tokio::select! {
            _ = hangup.recv() => asked.notify_one(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    reloading.abort();
    Ok(())
}

/// Reloads when asked to. All that is asked while a reload runs, and shortly after, is one more.
async fn when_asked(reload: Arc<Reload>, asked: Arc<Notify>) {
    loop {
        asked.notified().await;
        blocking(Arc::clone(&reload), |reload| reload.reload_and_tell(true)).await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// Tells what it means for requests that keys and revocations age: when refusals begin, and when they end. Once, too,
/// that all was heard for the first time.
async fn ageing(reload: Arc<Reload>, shared: Arc<Shared>) {
    let (mut stale, mut ready) = (BTreeMap::<String, Duration>::new(), false);
    loop {
        let now = reload.now();
        shared.telemetry.records().tick(now.wall);
        if !ready && reload.idp().readiness(now).is_empty() {
            ready = true;
            let keys: usize = shared.plan.load().issuers.iter().map(|issuer| issuer.keys.standing(now).keys).sum();
            let revocations: usize = shared.state.revocations.standing(now).iter().map(|feed| feed.entries).sum();
            tracing::info!(keys, revocations, "curfew is ready: keys and revocations are there");
        }
        let aged: Vec<_> = reload.idp().degraded(now).into_iter().filter(|one| one.stale).collect();
        for one in &aged {
            if !stale.contains_key(&one.what) {
                stale.insert(one.what.clone(), now.steady);
                tracing::error!("{one}");
            }
        }
        stale.retain(|what, since| {
            let stays = aged.iter().any(|one| one.what == *what);
            if !stays {
                let out = Span::from(Duration::from_secs(now.steady.saturating_sub(*since).as_secs()));
                tracing::info!(what, %out, "is no longer stale");
            }
            stays
        });
        tokio::time::sleep(GLANCE).await;
    }
}

/// Reloads the config when its file changes.
async fn config(reload: Arc<Reload>) {
    loop {
        tokio::time::sleep(GLANCE).await;
        blocking(Arc::clone(&reload), |reload| {
            if reload.is_due() {
                reload.reload_and_tell(false);
            }
        })
        .await;
    }
}

/// Reads the certificates and the roots of the clients' ones anew when their files change.
async fn certificates(reload: Arc<Reload>, doors: Vec<(String, Handshaker)>) {
    let mut doors: Vec<Door> = doors.into_iter().map(Door::new).collect();
    loop {
        tokio::time::sleep(GLANCE).await;
        let now = reload.now();
        for door in &mut doors {
            let handshaker = door.handshaker.clone();
            // A panic in there was told by its hook; what was served before is served on.
            let looked = tokio::task::spawn_blocking(move || {
                let certificates = handshaker.certificates().reload().map_err(|error| error.to_string());
                (certificates, handshaker.reload().map_err(|error| error.to_string()))
            });
            if let Ok((certificates, roots)) = looked.await {
                let swapped = certificates == Ok(true);
                tell(&door.listener, "certificates", &door.certificates, certificates);
                tell(&door.listener, "roots of client certificates", &door.roots, roots);
                door.warn(now, swapped);
            }
        }
    }
}

/// A listener whose files are watched.
struct Door {
    listener: String,
    handshaker: Handshaker,
    certificates: Trouble,
    roots: Trouble,
    /// When it was last told which certificates near their end, in steady time. At the start the check of the config
    /// has told.
    warned: Option<Duration>,
}

impl Door {
    fn new((listener, handshaker): (String, Handshaker)) -> Self {
        let (certificates, roots, warned) = (Trouble::default(), Trouble::default(), None);
        Self { listener, handshaker, certificates, roots, warned }
    }

    /// Tells of certificates that near their end: those that are new at once, all once a day.
    fn warn(&mut self, now: Moment, swapped: bool) {
        let last = self.warned.unwrap_or(now.steady);
        let due = swapped || now.steady.saturating_sub(last) >= DAY;
        self.warned = Some(if due { now.steady } else { last });
        if due {
            for ending in self.handshaker.certificates().table().all().iter().filter_map(|one| one.ending(now.wall)) {
                tracing::warn!(listener = self.listener, "{ending}");
            }
        }
    }
}

fn tell(listener: &str, what: &str, trouble: &Trouble, looked: Result<bool, String>) {
    match looked {
        Ok(replaced) => {
            if let Some(out) = trouble.over() {
                tracing::info!(listener, %out, "{what} can be read again");
            }
            if replaced {
                tracing::info!(listener, "{what} replaced");
            }
        }
        Err(error) => {
            if let Some(repeats) = trouble.met(&error) {
                tracing::error!(listener, error, repeats, "{what} not replaced: those before stay");
            }
        }
    }
}

/// Reading files and building plans must not hold up the control runtime.
async fn blocking(reload: Arc<Reload>, what: fn(&Reload)) {
    // A panic in there was told by its hook; the gateway goes on with what it has.
    let _ = tokio::task::spawn_blocking(move || what(&reload)).await;
}
