//! The tasks that keep things fresh: each is alone with its own schedule and its own faults, is started anew
//! if it dies, and ends when it is cancelled.

use super::backoff::{Backoff, jittered};
use super::jwks::{Origin, Provider};
use crate::notice::{Trouble, supervised};
use crate::state::clock::Clock;
use crate::state::revocations::Revocations;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a watched file is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// How often one shard of the revocation set is purged: the whole of it in half a minute.
const PURGE: Duration = Duration::from_millis(60);

/// Tells that something was tried: a count of attempts.
pub(super) type News = watch::Sender<u64>;

/// Runs a task until it ends by itself, which it does when cancelled.
pub(super) fn supervise<F>(runtime: &Handle, what: Arc<str>, make: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.spawn(async move { supervised(&what, make).await });
}

/// When one issuer's keys are fetched.
#[derive(Clone, Copy)]
pub(super) struct Rhythm {
    /// The upper bound between two fetches.
    pub(super) refresh: Duration,
    /// The lower bound, whatever the provider's `max-age`.
    pub(super) floor: Duration,
}

impl Rhythm {
    fn pause(self, max_age: Option<Duration>) -> Duration {
        jittered(max_age.unwrap_or(self.refresh).max(self.floor).min(self.refresh))
    }
}

/// Keeps one issuer's keys fresh.
pub(super) async fn keep_keys(mut provider: Provider, rhythm: Rhythm, cancel: CancellationToken, news: News) {
    let keys = Arc::clone(&provider.keys);
    let mut backoff = Backoff::new(Duration::from_millis(500), rhythm.refresh.min(Duration::from_secs(60)));
    let (mut quick, trouble) = (false, Trouble::default());
    let file = matches!(provider.from, Origin::File(_));
    loop {
        let ticket = keys.open_ticket();
        let Some(result) = cancel.run_until_cancelled(provider.attempt(quick)).await else { return };
        let pause = match result {
            Ok(max_age) => {
                backoff.succeeded();
                if let Some(out) = trouble.over() {
                    tracing::info!(issuer = &*provider.name, %out, "the keys are refreshed again");
                }
                if file { LOOK } else { rhythm.pause(max_age) }
            }
            Err(error) => {
                keys.failed(&error.to_string());
                if let Some(repeats) = trouble.met(&error.to_string()) {
                    tracing::warn!(issuer = &*provider.name, %error, repeats, "the keys could not be refreshed");
                }
                backoff.failed()
            }
        };
        keys.answer(ticket);
        news.send_modify(|attempts| *attempts = attempts.wrapping_add(1));
        quick = tokio::select! {
            () = cancel.cancelled() => return,
            () = keys.refetch_asked() => true,
            () = tokio::time::sleep(pause) => false,
        };
    }
}

/// Lets revocations go that no token needs any more.
pub(super) async fn purge(revocations: Arc<Revocations>, clock: Arc<dyn Clock>, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(PURGE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut steps = super::steps::Steps::new(clock.now());
    while cancel.run_until_cancelled(tick.tick()).await.is_some() {
        steps.believed(clock.now()).into_iter().for_each(|now| revocations.purge_step(now));
    }
}
