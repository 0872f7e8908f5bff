//! What of a config waits for a restart: it is read once, when the process starts, and a reload changes nothing of it.

use super::sessions::SessionsSettings;
use super::settings::{Config, LimitsSettings};
use crate::proxy::settings::GatewaySettings;
use serde_json::Value;

/// What is read once.
const ONCE: &[&str] = &[
    "listeners",
    "limits",
    "telemetry",
    "admin",
    "gateway/workers",
    "gateway/grace",
    "gateway/nonce_keys",
    "gateway/state_dir",
    "sessions/state",
    "sessions/redis",
    "sessions/prefix",
    "sessions/settle",
];

/// The config that is in force: what is read once as the process was started with, the rest as it was loaded last.
#[must_use]
pub fn in_force(boot: &Config, loaded: &Config) -> Config {
    Config {
        listeners: boot.listeners.clone(),
        limits: LimitsSettings { token_bytes: loaded.limits.token_bytes, ..boot.limits.clone() },
        telemetry: boot.telemetry.clone(),
        admin: boot.admin.clone(),
        gateway: GatewaySettings {
            workers: boot.gateway.workers,
            grace: boot.gateway.grace,
            state_dir: boot.gateway.state_dir.clone(),
            nonce_keys: boot.gateway.nonce_keys.clone(),
            ..loaded.gateway.clone()
        },
        sessions: SessionsSettings {
            state: boot.sessions.state,
            redis: boot.sessions.redis.clone(),
            prefix: boot.sessions.prefix.clone(),
            settle: boot.sessions.settle,
            ..loaded.sessions.clone()
        },
        ..loaded.clone()
    }
}

/// The blocks that were loaded and are not in force.
#[must_use]
pub fn blocks(boot: &Config, loaded: &Config) -> Vec<&'static str> {
    let json = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (in_force, loaded_json) = (json(&in_force(boot, loaded)), json(loaded));
    let differs = |block: &&&str| {
        let at = |value: &Value| value.pointer(&format!("/{block}")).cloned();
        at(&in_force) != at(&loaded_json)
    };
    let mut blocks: Vec<&str> = ONCE.iter().filter(differs).copied().collect();
    // A listener lets connections become tunnels only if some route took them when it was opened.
    let tunnels = |config: &Config| config.routes.iter().any(|route| route.websocket);
    if tunnels(loaded) && !tunnels(boot) {
        blocks.push("routes/websocket");
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Bytes, Span};

    fn config() -> Config {
        let text = "version: 1\nlisteners: [{name: main, address: '127.0.0.1:0', plaintext: true}]\n\
                    upstreams: {a: {endpoints: ['http://127.0.0.1:1']}}\n\
                    routes: [{name: r, path: /, upstream: a, access: open}]\n";
        let loaded = crate::control::read("test.yaml", text.to_owned());
        loaded.unwrap_or_else(|faults| panic!("{faults:?}")).config
    }

    #[test]
    fn what_is_read_once_is_as_at_the_start() {
        let boot = config();
        let mut loaded = boot.clone();
        assert!(blocks(&boot, &loaded).is_empty());
        loaded.limits.connections = 7;
        loaded.limits.token_bytes = Bytes::kib(4);
        loaded.gateway.grace = Span::secs(7);
        loaded.gateway.realm = "new".into();
        assert_eq!(blocks(&boot, &loaded), ["limits", "gateway/grace"]);
        let shown = in_force(&boot, &loaded);
        assert_eq!(shown.limits.connections, boot.limits.connections);
        assert_eq!(shown.limits.token_bytes, Bytes::kib(4), "a plan has it");
        assert_eq!((shown.gateway.grace, &*shown.gateway.realm), (boot.gateway.grace, "new"));
    }

    /// The third config still waits with what the second brought, and the way back waits for nothing.
    #[test]
    fn it_waits_until_it_is_taken_back() {
        let boot = config();
        let mut second = boot.clone();
        second.limits.connections = 7;
        let mut third = second.clone();
        third.gateway.realm = "new".into();
        assert_eq!(blocks(&boot, &third), ["limits"]);
        third.limits.connections = boot.limits.connections;
        assert!(blocks(&boot, &third).is_empty());
        third.routes.iter_mut().for_each(|route| route.websocket = true);
        assert_eq!(blocks(&boot, &third), ["routes/websocket"]);
    }
}
