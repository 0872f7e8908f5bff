//! The block `sessions`: how they are remembered, and whether other instances know of them.

use crate::decide::session::OnFull;
use crate::idp::fleet::settings::RedisSettings;
use crate::proxy::session_door::SessionDoorSettings;
use crate::settings::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How sessions are remembered.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsSettings {
    /// How many at most, in some 100 bytes each; nothing is forgotten for room. Default `1000000`.
    pub max: usize,
    /// With `state: memory`, what to do with a session for which there is no room: `deny` (503 where a limit of it would
    /// have to be known; the default), or `introspect`: it is judged by what its token proves, and admitted only if its
    /// issuer says that the token is active; 503 where that cannot be told.
    pub on_full: OnFull,
    /// How long after its last activity a session is remembered, and after each refusal of one that has ended; where every
    /// route that has an idle limit has an absolute one, at least until it reaches that. A token that is refreshed later
    /// begins it anew, whenever its user signed in: only `session.absolute` ends it then. It is to be longer than the time
    /// in which tokens can be refreshed unused.
    /// Default `24h`.
    pub remember: Span,
    /// Where they are remembered: `memory`, by this process alone and not over a restart (default), or `redis`: what one
    /// instance sees, the others learn before they end a session. All instances need the same `telemetry.hash_key`.
    pub state: SharedState,
    /// With `state: redis`, which Redis, and how it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSettings>,
    /// With `state: redis`, what the names of its keys begin with: one for each fleet. Default `curfew`.
    pub prefix: String,
    /// With `state: redis`, how often at most it is told again that a session was used; what is new or has ended is told
    /// at once. So much later than its limit a session may end, and no more. Default: a tenth of the shortest idle limit
    /// of all policies, from `100ms` to `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// With `state: redis`, how long a request may wait for what Redis knows of a session that this instance does not
    /// know, or has not seen for long. Then the policy's `on_state_loss` holds. Default `50ms`.
    pub look_up: Span,
    /// With `state: redis`, for how long a Redis that is new, or has lost what it held, is not believed to know of all
    /// sessions: so long the instances have to tell it what they hold. Meanwhile the policy's `on_state_loss` holds for a
    /// session that is not found there, and an instance that starts is not ready. One that starts where none was for five
    /// seconds, as the very first one, or the first after a stop of all, is so much later ready for that. It is to be longer than instances may need to find the Redis again. Default `10s`.
    pub settle: Span,
    /// Where users and their browsers ask when their session ends. Default: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<SessionDoorSettings>,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self {
            max: 1_000_000,
            on_full: OnFull::Deny,
            remember: Span::secs(24 * 60 * 60),
            state: SharedState::Memory,
            redis: None,
            prefix: "curfew".into(),
            interval: None,
            look_up: Span::millis(50),
            settle: Span::secs(10),
            door: None,
        }
    }
}

impl SessionsSettings {
    /// What to do at the bound. What other instances know of a session has to be remembered.
    #[must_use]
    pub fn at_bound(&self) -> OnFull {
        if self.store().is_some() { OnFull::Deny } else { self.on_full }
    }

    /// The Redis in which sessions are shared, if they are.
    #[must_use]
    pub fn store(&self) -> Option<&RedisSettings> {
        self.redis.as_ref().filter(|_| self.state == SharedState::Redis)
    }
}

/// Where sessions are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SharedState {
    /// In this process.
    #[default]
    Memory,
    /// In this process, and in a Redis that instances share.
    Redis,
}
