//! A look at the Redis, made to see how it is: what it is, and whether it may forget. Nothing is written.

use super::server::{Server, ServerError};
use super::settings::RedisSettings;
use redis::{InfoDict, Pipeline};
use std::time::{Duration, Instant};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redis {
    /// How long it takes to answer.
    pub took: Duration,
    /// Its version, `7.0.15`; where it is told, as all that follows.
    pub version: Option<String>,
    /// What it forgets when it is full: `noeviction`, `allkeys-lru`.
    pub policy: Option<String>,
    /// How much memory it has, and may have; 0 is without a bound.
    pub memory: Option<(u64, u64)>,
    /// Whether it writes every change to its disk.
    pub appends: Option<bool>,
    /// Whether what it last saved to its disk was saved.
    pub saved: Option<bool>,
    /// `master`, or a copy that takes no writes.
    pub role: Option<String>,
}

/// Connects as the gateway would, and asks how it is.
///
/// # Errors
/// What went wrong, in words.
pub async fn examine(settings: &RedisSettings, within: Duration) -> Result<Redis, String> {
    let asked = async {
        let server = Server::new(settings)?;
        let mut link = server.connect(Duration::ZERO).await?;
        let begun = Instant::now();
        let (): () = link.ask(Pipeline::new().cmd("PING").ignore(), within).await?;
        let took = begun.elapsed();
        // A user who may not ask is answered nothing, and that is told.
        let info: Result<(String,), ServerError> = link.ask(Pipeline::new().cmd("INFO"), within).await;
        Ok::<_, ServerError>(info.map_or_else(|_| Redis::default(), |(text,)| read(&text)).after(took))
    };
    let late = |_| format!("no answer within {} s", within.as_secs());
    tokio::time::timeout(within, asked).await.map_err(late)?.map_err(|error| error.to_string())
}

fn read(text: &str) -> Redis {
    let info = InfoDict::new(text);
    let number = |name| info.get::<u64>(name);
    Redis {
        took: Duration::ZERO,
        version: info.get("redis_version"),
        policy: info.get("maxmemory_policy"),
        memory: number("used_memory").zip(number("maxmemory")),
        appends: number("aof_enabled").map(|enabled| enabled == 1),
        saved: info.get::<String>("rdb_last_bgsave_status").map(|status| status == "ok"),
        role: info.get("role"),
    }
}

impl Redis {
    fn after(self, took: Duration) -> Self {
        Self { took, ..self }
    }
}
