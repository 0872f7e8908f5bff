//! Sessions in a Redis: it can be reached, all instances name a session alike, and what is told is told in time.

use std::time::Duration;

use super::issuers::advice;
use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::sessions::SharedState;
use crate::control::settings::Config;
use crate::decide::session::OnStateLoss;
use crate::idp::fleet::settings::is_plain;
use crate::proxy::sessions::SessionPolicy;
use crate::settings::{OrOff, Span};

/// A request that waits for longer had better be refused.
const LONG: Duration = Duration::from_secs(1);

/// Who lost the Redis looks for it again within so long.
const FOUND: Duration = Duration::from_secs(6);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let settings = &config.sessions;
    if !is_plain(&settings.prefix) {
        let help = "write letters, digits, `-`, `_`, `.` and `:`, 100 at most, such as `curfew`";
        faults.error("sessions.prefix", "no part of a key", help);
    }
    match (settings.state, &settings.redis) {
        (SharedState::Redis, None) => {
            let help = "say where it is: `redis: { urls: [rediss://redis.internal:6379] }`";
            faults.error("sessions.state", "there is no Redis for it", help);
        }
        (SharedState::Memory, Some(_)) => {
            faults.warn("sessions.redis", "nobody asks this Redis", "say `state: redis`, or remove it");
        }
        (SharedState::Redis, Some(_)) => redis(config, &mut faults),
        (SharedState::Memory, None) => {}
    }
    times(config, &mut faults);
    for (name, policy) in &config.policies {
        loss(&join("policies", name), &policy.session, settings.state, &mut faults);
    }
    loss("defaults", &config.defaults.session, settings.state, &mut faults);
    faults.list()
}

fn redis(config: &Config, faults: &mut Faults<'_>) {
    let Some(redis) = config.sessions.store() else { return };
    for misfit in redis.misfits() {
        faults.misfit(&format!("sessions.{}", misfit.field), &misfit.told, advice(misfit.field));
    }
    if config.telemetry.hash_key.is_none() {
        let message =
            "without `telemetry.hash_key` each instance has names of its own, and finds nothing that others wrote";
        let help = "give all instances the same: `telemetry: { hash_key: { file: /run/secrets/hash-key } }`";
        faults.error("sessions.state", message, help);
    }
    if redis.is_exposed() {
        let message = "whoever is on the way reads its password, and can keep sessions alive";
        faults.warn("sessions.redis.urls", message, "write `rediss://`, if the server speaks TLS");
    }
}

fn times(config: &Config, faults: &mut Faults<'_>) {
    if config.sessions.settle.get() < FOUND {
        let message = "instances may need longer to find a Redis again that was lost: what they know is taken for new";
        faults.warn("sessions.settle", message, "write `10s`, which is the default");
    }
    let (wait, interval) = (config.sessions.look_up.get(), config.sessions.interval.map(Span::get));
    if wait.is_zero() {
        faults.error("sessions.look_up", "no answer comes in no time", "write `50ms`");
    } else if wait > LONG {
        let message = "while Redis is slow, the first request of every session waits for so long";
        faults.warn("sessions.look_up", message, "write `50ms`, or as long as a client may wait");
    }
    let shortest = idles(config).min();
    if interval.is_some_and(|interval| interval < Duration::from_millis(50)) {
        faults.error("sessions.interval", "nothing is told so often", "write `50ms` or more, or leave it out");
    } else if let (Some(interval), Some(idle)) = (interval, shortest)
        && interval > idle / 2
    {
        let message = "what others saw is told too late to be sure of the shortest `session.idle`";
        faults.warn("sessions.interval", message, "make it a tenth of it, which is the default");
    }
}

/// Every idle limit there is.
fn idles(config: &Config) -> impl Iterator<Item = Duration> {
    let rules = config.policies.values().flat_map(|policy| policy.when.iter().map(|rule| rule.session.idle));
    let policies = config.policies.values().map(|policy| policy.session.idle);
    let all = policies.chain(rules).chain([config.defaults.session.idle]);
    all.flatten().filter_map(OrOff::on).map(Span::get)
}

fn loss(path: &str, session: &SessionPolicy, state: SharedState, faults: &mut Faults<'_>) {
    let path = format!("{path}.session.on_state_loss");
    match session.on_state_loss {
        Some(_) if state == SharedState::Memory => {
            let help = "say `sessions: { state: redis }`, or remove it";
            faults.warn(
                &path,
                "sessions are remembered by this process alone: nothing of them is lost elsewhere",
                help,
            );
        }
        Some(OnStateLoss::Allow) => {
            let message = "whoever can stop the Redis keeps sessions alive that were left alone for too long";
            faults.warn(&path, message, "say `local`, or `deny`");
        }
        _ => {}
    }
}
