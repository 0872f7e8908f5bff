//! How an endpoint fares, in the process's log: that it fails is told once, with the cause, and so is its return.

use super::endpoint::Endpoint;
use super::failure::FailureKind;
use super::pool::Pool;

/// What kind of failure, and the error.
pub(super) type Cause<'a> = (FailureKind, &'a (dyn std::error::Error + Send + Sync));

/// It failed so often in a row that it is to be left out, and it is, unless too many others are out.
#[cold]
pub(super) fn failing(pool: &Pool, endpoint: &Endpoint, (kind, cause): Cause<'_>, ejected: bool) {
    let failure = kind.proxy_error();
    let Some(repeats) = endpoint.failing.met(failure) else { return };
    let cause = whole(cause);
    let (upstream, endpoint) = (&*pool.name, &*endpoint.name);
    if ejected {
        let eject_for = pool.settings.outlier.eject_for;
        tracing::warn!(upstream, endpoint, failure, cause, %eject_for, repeats, "endpoint ejected: it fails");
    } else {
        tracing::warn!(upstream, endpoint, failure, cause, repeats, "endpoint fails, and is used for want of others");
    }
}

/// It answers.
#[cold]
pub(super) fn well(pool: &Pool, endpoint: &Endpoint) {
    if let Some(out) = endpoint.failing.over() {
        tracing::info!(upstream = &*pool.name, endpoint = &*endpoint.name, %out, "endpoint answers again");
    }
}

/// The probes say otherwise than before.
pub(super) fn probed(pool: &Pool, endpoint: &Endpoint, cause: Option<&str>) {
    let (upstream, endpoint) = (&*pool.name, &*endpoint.name);
    match cause {
        Some(cause) => tracing::warn!(upstream, endpoint, cause, "endpoint left out: its health probes fail"),
        None => tracing::info!(upstream, endpoint, "endpoint is used again: its health probes succeed"),
    }
}

/// Most errors say what they are, and only their sources why.
pub(super) fn whole(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    // Sources are few; a chain that bites its tail must still end.
    for _ in 0..4 {
        let Some(cause) = source else { break };
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
